"""What A and y may be, and how they are stored: read-only float64, every entry finite."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp

from bregman_l1._types import Matrix, Vector
from bregman_l1.errors import InvalidSystemError
from bregman_l1.foreign import UNREADABLE, Labels, labels_of
from bregman_l1.frozen import read_only
from bregman_l1.names import matched, place, shared_names
from bregman_l1.validation import checked_array, refuse_other_than_real


def read_matrix(A: Any) -> Matrix | sp.csc_array:
    """A as it is stored, a copy."""
    if sp.issparse(A):
        refuse_other_than_real("A", A.dtype, InvalidSystemError)
    else:
        A = checked_array("A", A, InvalidSystemError)
    if A.ndim != 2:
        raise InvalidSystemError(f"A must be two-dimensional (N, d), got shape {A.shape}")
    refuse_empty(A.shape)
    return _consistent(A) if sp.issparse(A) else _copy(A)


def refuse_empty(shape: tuple[int, ...]) -> None:
    """Refuse a matrix without rows or columns."""
    if 0 in shape:
        raise InvalidSystemError(f"A is empty: shape {shape}")


def read_target(y: Any, n_rows: int) -> Vector:
    """The target vector as it is stored, a copy in its given order."""
    if sp.issparse(y):
        raise InvalidSystemError("y must be a dense vector; pass y.toarray().ravel()")
    array = checked_array("y", y, InvalidSystemError)
    if array.ndim != 1:
        raise InvalidSystemError(f"y must be one-dimensional (N,), got shape {array.shape}")
    if array.size != n_rows:
        raise InvalidSystemError(f"y has {array.size} entries, A has {n_rows} rows; they must agree")
    if not array.any():
        raise InvalidSystemError("y is zero: Assumption II.1(a) requires y != 0 (its l1 minimiser is x = 0)")
    return _copy(array)


def refuse_non_finite(name: str, stored: Any, *names: Labels | None) -> None:
    """Refuse a matrix or vector with an entry that is not finite, by the names of its row and column."""
    entries = stored if isinstance(stored, np.ndarray) else stored.data
    finite = np.isfinite(entries)
    if finite.all():
        return
    index = tuple(np.argwhere(~finite)[0].tolist())
    value = entries[index]
    if not isinstance(stored, np.ndarray):
        index = int(stored.indices[index]), int(np.searchsorted(stored.indptr, index[0], side="right")) - 1
    raise InvalidSystemError(f"{name}{place(index, *names)} is {value}; every entry must be finite")


def in_order(y: Any, of_matrix: Labels | None) -> tuple[Any, Labels | None]:
    """The entries of y in the order of the rows of A where both are labelled, and the names of the rows."""
    given, _ = labels_of(y)
    order = matched(of_matrix, given)
    return y if order is None else y.iloc[order], shared_names(of_matrix, given, order)


def checked_names(what: str, names: Any, size: int) -> Labels | None:
    """The names of rows or columns as a tuple, as many as there are."""
    if names is None:
        return None
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise InvalidSystemError(f"{what} must be a sequence of {size} names, got {names!r}")
    try:
        called: Labels = tuple(names)
    except UNREADABLE as error:
        raise InvalidSystemError(f"{what} cannot be read as a sequence of {size} names: {error}") from error
    if len(called) != size:
        raise InvalidSystemError(f"{what} must be {size} names, got {len(called)}")
    unfit = [name for name in called if not isinstance(name, Hashable)]
    if unfit:
        raise InvalidSystemError(f"{what} must be hashable, {unfit[0]!r} is not")
    return called


def _consistent(A: Any) -> sp.csc_array:
    """A copy of a sparse matrix as CSC, its index arrays checked: the compiled code behind them does not."""
    try:
        given = A.copy()
        if hasattr(given, "check_format"):
            given.check_format(full_check=True)
            if (np.diff(given.indptr) < 0).any():
                raise ValueError("its index pointers decrease")
        stored = sp.csc_array(given, dtype=np.float64)
    except ValueError as error:
        raise InvalidSystemError(f"A is not a consistent sparse matrix: {error}") from error
    stored.sum_duplicates()
    read_only((stored.data, stored.indices, stored.indptr))
    return stored


def _copy(array: Any) -> Vector:
    with np.errstate(over="ignore"):
        return read_only(np.array(array, dtype=np.float64, order="K", copy=True))
