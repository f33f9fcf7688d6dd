"""What rows and columns are called, in messages and where vectors are put in order by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from bregman_l1._types import Index
from bregman_l1.errors import BregmanError, InvalidSystemError
from bregman_l1.foreign import Labels

_MOST_LISTED = 8


def given_names(labels: Labels | None) -> Labels | None:
    """The labels, unless they only count from zero, as those do that nobody gave.

    Examples
    --------
    >>> given_names((0, 1, 2)), given_names(("age", "income"))
    (None, ('age', 'income'))
    """
    if labels is None or (labels == tuple(range(len(labels))) and bool not in map(type, labels)):
        return None
    return labels


def chosen(names: Labels | None, index: Index, size: int) -> Labels | None:
    """The names of the rows or columns that an index or mask chooses among ``size``.

    Examples
    --------
    >>> chosen(("a", "b", "c"), np.array([True, False, True]), 3)
    ('a', 'c')
    """
    return None if names is None else tuple(names[i] for i in np.arange(size)[index])


def shared_names(of_matrix: Labels | None, of_target: Labels | None, order: Index | None) -> Labels | None:
    """The names of the rows of A, or of y where only y has names; ``order`` puts y in the order of A.

    Examples
    --------
    >>> shared_names((0, 1), ("age", "income"), None), shared_names((0, 1), (1, 0), np.array([1, 0]))
    (('age', 'income'), None)
    """
    return given_names(of_matrix) or (given_names(of_target) if order is None else None)


def place(index: Sequence[int], *axes: Labels | None) -> str:
    """An index as it is written, followed by the names it has: of a matrix, those of row and column.

    Examples
    --------
    >>> place((0, 2), ("age", "income"), None), place((1,), ("age", "income"))
    ("[0, 2] (row 'age')", "[1] ('income')")
    """
    kinds = ("",) if len(index) == 1 else ("row ", "column ")
    called = [f"{kind}{names[i]!r}" for kind, i, names in zip(kinds, index, axes, strict=False) if names is not None]
    return f"[{', '.join(map(str, index))}]" + (f" ({', '.join(called)})" if called else "")


def rows_called(index: Iterable[int], names: Labels | None) -> str:
    """Rows by name, or by number where they have none; of many, the first eight.

    Examples
    --------
    >>> rows_called([0], None), rows_called([1, 0], ("age", "income"))
    ('row 0', "rows 'income', 'age'")
    """
    called = [str(i) if names is None else repr(names[i]) for i in index]
    more = len(called) - _MOST_LISTED
    listed = ", ".join(called[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")
    return f"row{'s' if len(called) > 1 else ''} {listed}"


def matched(
    of_matrix: Labels | None,
    given: Labels | None,
    vector: str = "y",
    axis: str = "row",
    refusal: type[BregmanError] = InvalidSystemError,
) -> Index | None:
    """Where in a vector the entry for each row or column of A is, by their labels; None where they go by position.

    They do if one side has no labels, or labels that only count where those of the other side are different.

    Raises
    ------
    refusal
        If both have labels of their own, and these differ or repeat.

    Examples
    --------
    >>> matched(("age", "income"), ("income", "age"))
    array([1, 0])
    """
    if of_matrix is None or given is None or of_matrix == given:
        return None
    found, known = {label: i for i, label in enumerate(given)}, set(of_matrix)
    lacking = [label for label in of_matrix if label not in found]
    unknown = [label for label in given if label not in known]
    if (lacking or unknown) and None in (given_names(of_matrix), given_names(given)):
        return None
    if lacking:
        instead = f", but one for {unknown[0]!r}" if unknown else ""
        raise refusal(f"{vector} has no entry for {axis} {lacking[0]!r} of A{instead}; their labels must agree")
    if unknown:
        raise refusal(f"A has no {axis} for entry {unknown[0]!r} of {vector}; their labels must agree")
    if len(found) < len(given) or len(known) < len(of_matrix):
        twice = (Counter(of_matrix) | Counter(given)).most_common(1)[0][0]
        raise refusal(f"the {axis}s of A and {vector} differ in order, and more than one is called {twice!r}")
    return np.array([found[label] for label in of_matrix])
