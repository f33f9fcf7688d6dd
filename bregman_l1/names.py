"""What rows and columns are called, in messages and where vectors are put in order by them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from bregman_l1._types import Index
from bregman_l1.errors import InvalidSystemError
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


def order_by_label(of_matrix: Labels, of_target: Labels) -> Index | None:
    """Where in y the entry for each row of A is, by their labels; None where they go by position.

    They do if one side has labels that only count, and the other side has others.

    Raises
    ------
    InvalidSystemError
        If both have labels of their own, and these differ or repeat.

    Examples
    --------
    >>> order_by_label(("age", "income"), ("income", "age"))
    array([1, 0])
    """
    if of_matrix == of_target:
        return None
    found = {label: i for i, label in enumerate(of_target)}
    lacking = [label for label in of_matrix if label not in found]
    known = set(of_matrix)
    unknown = [label for label in of_target if label not in known]
    if (lacking or unknown) and (given_names(of_matrix) is None or given_names(of_target) is None):
        return None
    if lacking:
        raise InvalidSystemError(f"y has no entry for row {lacking[0]!r} of A; their labels must agree")
    if unknown:
        raise InvalidSystemError(f"A has no row for entry {unknown[0]!r} of y; their labels must agree")
    if len(found) < len(of_target) or len(known) < len(of_matrix):
        twice = (Counter(of_matrix) | Counter(of_target)).most_common(1)[0][0]
        raise InvalidSystemError(f"the rows of A and y are in different order, and more than one is called {twice!r}")
    return np.array([found[label] for label in of_matrix])
