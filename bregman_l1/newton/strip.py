"""The tableau in strips of columns, dense or sparse, so that nothing of its size is made at any step.

Arithmetic entry by entry is done on ``entries``: the whole strip where it is dense, its nonzeros where it is
sparse. `matrix` turns such an array back into one to multiply with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Entries = NDArray[np.float64]

# Entries of a strip: few enough that what is computed from them stays in the cache.
STRIP = 2**17
# Larger strips are stored sparse below this share of nonzeros; there W T' leaves out entries of W below _NOTHING,
# which changes Newton's matrix but not where it leads.
_SPARSE, _SPARSE_FROM = 0.15, 2**14
_NOTHING = 1e-18


class Strip(Protocol):
    """Columns ``part`` of R with their tableau T, shape (k, m)."""

    part: slice
    T: Any
    entries: Entries
    logs: Entries

    def differences(self, rest: Vector, om: Vector) -> Entries:
        """rest_j - om_i for every entry, ``rest`` being over the whole of R."""

    def matrix(self, entries: Entries) -> Any:
        """The matrix with these entries."""

    def times_transposed(self, W: Any) -> Matrix:
        """W T', W being such a matrix."""


class DenseStrip:
    """A strip with all its entries."""

    def __init__(self, part: slice, T: Matrix) -> None:
        self.part, self.T, self.entries, self.logs = part, T, T, _log_magnitude(T)

    def differences(self, rest: Vector, om: Vector) -> Matrix:
        """See `Strip`."""
        return rest[self.part] - om[:, None]

    def matrix(self, entries: Matrix) -> Matrix:
        """See `Strip`."""
        return entries

    def times_transposed(self, W: Matrix) -> Matrix:
        """See `Strip`."""
        return W @ self.T.T


class SparseStrip:
    """A strip with its nonzeros, row by row."""

    def __init__(self, part: slice, T: sp.csr_array) -> None:
        self.part, self.T, self.entries, self.logs = part, T, T.data, _log_magnitude(T.data)
        self._transposed = sp.csr_array(T.T)
        self._rows = np.repeat(np.arange(T.shape[0]), np.diff(T.indptr))

    def differences(self, rest: Vector, om: Vector) -> Vector:
        """See `Strip`."""
        return np.asarray(rest[self.part][self.T.indices] - om[self._rows])

    def matrix(self, entries: Vector) -> sp.csr_array:
        """See `Strip`."""
        return sp.csr_array((entries, self.T.indices, self.T.indptr), shape=self.T.shape)

    def times_transposed(self, W: sp.csr_array) -> Matrix:
        """See `Strip`."""
        some = W.copy()
        some.data[np.abs(some.data) < _NOTHING] = 0.0
        some.eliminate_zeros()
        return np.asarray((some @ self._transposed).toarray())


def compressed(table: Matrix) -> Any:
    """The part of a tableau, sparse if that pays."""
    return sp.csc_array(table) if np.count_nonzero(table) < _SPARSE * table.size else table


def make_strips(tables: Iterable[Any], n_rows: int) -> tuple[Strip, ...]:
    """The strips of a tableau given in parts, dense or sparse, each of shape (n_rows, any)."""
    tables = [table for table in tables if table.shape[1]]
    widths = [table.shape[1] for table in tables]
    starts = [0, *accumulate(widths)]
    # One sparse strip serves best, however large: its products have no use for the cache.
    total, nonzeros = n_rows * starts[-1], sum(map(_count_nonzeros, tables))
    if total >= _SPARSE_FROM and nonzeros < _SPARSE * total:
        whole = sp.csr_array(sp.hstack([sp.csc_array(table) for table in tables], format="csr"))
        return (SparseStrip(slice(0, starts[-1]), whole),)
    strips: list[Strip] = []
    for group in _groups(widths, max(1, STRIP // max(1, n_rows))):
        part = slice(starts[group.start], starts[group.stop])
        strips.append(DenseStrip(part, _joined(tables[group])))
    return tuple(strips)


def _groups(widths: list[int], most: int) -> Iterator[slice]:
    """Runs of neighbours with a total of about ``most``."""
    first, total = 0, 0
    for k, width in enumerate(widths):
        total += width
        if total >= most or k == len(widths) - 1:
            yield slice(first, k + 1)
            first, total = k + 1, 0


def _joined(tables: list[Any]) -> Matrix:
    """One dense table; not a copy where it is one already."""
    dense = [table.toarray() if sp.issparse(table) else table for table in tables]
    return np.asarray(dense[0] if len(dense) == 1 else np.concatenate(dense, axis=1))


def _count_nonzeros(table: Any) -> int:
    return int(table.count_nonzero() if sp.issparse(table) else np.count_nonzero(table))


def _log_magnitude(values: Entries) -> Entries:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.abs(values)))
