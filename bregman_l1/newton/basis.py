"""A column basis that survives every layering of scales, and the tableau it gives.

For a positive vector x whose logarithm is given, choose columns J of A, as many as the rank of A, whose
volume weighted by sqrt(x) is near its maximum. With a left inverse of A_J the system A x = y reads

    x_J + T x_R = u,        T = inverse @ A_R,   u = inverse @ y,

and the ratios T_ij sqrt(x_j / x_i) stay bounded however many orders of magnitude x spans. Rows of A that
depend on others drop out on the way.

Snapping policy. ``DEPENDENT``: a column whose part outside the span of the basis is smaller than this share
of its norm is dependent on it, and so is y. ``ROUNDING``: an entry of the inverse, of u or of T smaller than
this multiple of the bound of its own rounding error is zero. The second decides that y computed in floating
point as A x lies in the span of the support of x.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import qr, solve_triangular
from scipy.linalg.lapack import dgetrf

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.intp]

DEPENDENT = 1e-9
ROUNDING = 16 * float(np.finfo(np.float64).eps)

# Entries of T below this share of the largest sum they could be are looked at entry by entry.
_SUSPECT = 1e-12
# Columns of one pivoted factorisation span at most so many e-folds; a pivot is taken once it is within a factor
# of _PATIENCE of all columns still to come.
_FOLDS, _PATIENCE = 30.0, 4.0
_BLOCK_BYTES = 2 * 2**20
# Matrices of at least _THIN_FROM entries are multiplied as sparse ones below this share of nonzeros.
_THIN, _THIN_FROM = 0.1, 2**12
# Below this the square of a number is no longer precise.
_TINY = 1e-140


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Columns J of A that span its range, with what the tableau needs.

    Attributes
    ----------
    columns : ndarray of shape (k,)
        J, k being the rank of A (of the columns offered).
    matrix, inverse : ndarray of shape (N, k) and (k, N)
        A_J and a left inverse of it.
    u : ndarray of shape (k,)
        The basic solution: A_J u = y, entries that are rounding noise set to zero.
    gap : ndarray of shape (N,)
        Zeros where y is in the range of A; else a vector z with A'z = 0 < y'z.
    """

    columns: Index
    matrix: Matrix
    inverse: Matrix
    u: Vector
    gap: Vector

    def tableau(self, block: Matrix) -> Matrix:
        """T = inverse @ block, snapped; ``block`` of shape (N, m) holds columns of A."""
        matrix, inverse = _thin(self.matrix), _thin(self.inverse)
        T: Matrix = inverse @ block
        T += inverse @ (block - matrix @ T)
        largest = np.multiply.outer(_peaks(self.inverse, 1), _peaks(block, 0))
        suspect = np.abs(T) <= _SUSPECT * block.shape[0] * largest
        rows = np.flatnonzero(suspect.any(axis=1))
        if rows.size:
            size = np.abs(block) + abs(matrix) @ np.abs(T)
            noise = ROUNDING * (abs(inverse[rows]) @ size)
            T[rows] = np.where(np.abs(T[rows]) <= noise, 0.0, T[rows])
        return T

    def dual(self, values: Vector) -> Vector:
        """A lam of shape (N,) with A_J' lam = ``values``."""
        return np.asarray(self.inverse.T @ values, dtype=np.float64)


def near_maximal_basis(system: LinearSystem, log_x: Vector) -> Basis:
    """Choose J by pivoted QR of A diag(sqrt(x)).

    Parameters
    ----------
    system : LinearSystem
    log_x : ndarray of shape (d,)
        Logarithms of any scale; columns at -inf are left out.

    Returns
    -------
    Basis

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> near_maximal_basis(LinearSystem([[1.0, 2.0, 0.0]], [4.0]), np.array([0.0, 0.0, 5.0])).u
    array([2.])
    """
    row_scale, norms = equilibration(system)
    with np.errstate(divide="ignore"):
        weight = log_x / 2 + np.log(norms)
    order = np.argsort(-weight, kind="stable")
    order = order[weight[order] > -np.inf]
    return make_basis(system, _pivoted_columns(system, weight, order, row_scale, norms))


def make_basis(system: LinearSystem, columns: Index) -> Basis:
    """The basis of the given independent columns."""
    row_scale, norms = equilibration(system)
    matrix = system.columns(columns)
    inverse = _left_inverse(matrix, row_scale, 1.0 / _power_of_two(norms[columns]))
    u = inverse @ system.y
    for _ in range(2):
        u = u + inverse @ np.asarray(_exact_residual(matrix, u, system.y), dtype=np.float64)
    size = np.abs(matrix) @ np.abs(u) + np.abs(system.y)
    u[np.abs(u) <= ROUNDING * (np.abs(inverse) @ size)] = 0.0
    gap = row_scale * (system.y - matrix @ u)
    if columns.size < gap.size and np.linalg.norm(gap) > DEPENDENT * np.linalg.norm(row_scale * system.y):
        span = np.linalg.qr(row_scale[:, None] * matrix / norms[columns])[0]
        gap = row_scale * (gap - span @ (span.T @ gap))
    else:
        gap = np.zeros_like(gap)
    return Basis(columns=columns, matrix=matrix, inverse=inverse, u=u, gap=gap)


def _left_inverse(matrix: Matrix, row_scale: Vector, column_scale: Vector) -> Matrix:
    """A left inverse that uses as many rows as there are columns.

    Elimination keeps the zeros of a sparse matrix exact, which an orthogonal factorisation does not: a tiny
    x_i may hang on them. Entries that are rounding noise all the same are set to zero.
    """
    n_rows, rank = matrix.shape
    if rank == 0:
        return np.zeros((0, n_rows))
    factor, swaps, _ = dgetrf(row_scale[:, None] * matrix * column_scale)
    order = np.arange(n_rows)
    for k, other in enumerate(swaps):
        order[[k, other]] = order[[other, k]]
    lower = solve_triangular(factor[:rank], np.eye(rank), lower=True, unit_diagonal=True, check_finite=False)
    inverse = np.zeros((rank, n_rows))
    inverse[:, order[:rank]] = solve_triangular(factor[:rank], lower, check_finite=False)
    inverse *= column_scale[:, None] * row_scale
    inverse[np.abs(inverse) <= ROUNDING * (np.abs(inverse) @ (np.abs(matrix) @ np.abs(inverse)))] = 0.0
    return inverse


def equilibration(system: LinearSystem) -> tuple[Vector, Vector]:
    """Powers of two that bring every row to maximum about one, and the column norms after it."""
    return system.remember("basis scales", lambda: _equilibration(system))


def blocks(system: LinearSystem, index: Index) -> Iterator[tuple[Index, Matrix]]:
    """The columns ``index`` of A, dense, a few megabytes at a time."""
    width = max(1, _BLOCK_BYTES // (8 * system.shape[0]))
    for start in range(0, index.size, width):
        part = index[start : start + width]
        yield part, system.columns(part)


def all_blocks(system: LinearSystem) -> Iterator[tuple[slice, Matrix]]:
    """All columns of A, dense, a few megabytes at a time; views where A is dense."""
    matrix: Any = system.matrix
    width = max(1, _BLOCK_BYTES // (8 * system.shape[0]))
    for start in range(0, system.shape[1], width):
        part = slice(start, start + width)
        yield part, matrix[:, part].toarray() if system.is_sparse else matrix[:, part]


def _equilibration(system: LinearSystem) -> tuple[Vector, Vector]:
    largest = np.zeros(system.shape[0])
    for _, block in all_blocks(system):
        np.maximum(largest, np.maximum(block.max(axis=1), -block.min(axis=1)), out=largest)
    row_scale = 1.0 / _power_of_two(np.where(largest > 0, largest, 1.0))
    norms = np.concatenate([_column_norms(row_scale[:, None] * block) for _, block in all_blocks(system)])
    return row_scale, norms


def _pivoted_columns(system: LinearSystem, weight: Vector, order: Index, row_scale: Vector, norms: Vector) -> Index:
    """Greedy choice, heaviest columns first; a pivot is taken once no unseen column could beat it."""
    n_rows = system.shape[0]
    chosen: list[Index] = []
    span = np.zeros((n_rows, 0))
    waiting = np.zeros(0, dtype=np.intp)
    seen, width = 0, max(4 * n_rows, 256)
    while span.shape[1] < n_rows and (seen < order.size or waiting.size):
        waiting = np.concatenate([waiting, order[seen : seen + width]])
        seen += width
        unseen = weight[order[seen]] if seen < order.size else -np.inf
        unit = row_scale[:, None] * system.columns(waiting) / norms[waiting]
        for _ in range(2):
            unit -= span @ (span.T @ unit)
        rest = _norms(unit)
        waiting, unit, rest = waiting[rest > DEPENDENT], unit[:, rest > DEPENDENT], rest[rest > DEPENDENT]
        if not waiting.size:
            continue
        size = weight[waiting] + np.log(rest)
        top = float(size.max())
        is_near = size >= top - _FOLDS
        near = np.flatnonzero(is_near)
        later = max(float(unseen), float(size[~is_near].max(initial=-np.inf)))
        weighted = unit[:, near] * np.exp(weight[waiting[near]] - top)
        Q, R, pivot = qr(weighted, mode="economic", pivoting=True, check_finite=False)
        taken = _accepted(R, np.exp(weight[waiting[near[pivot]]] - top), np.exp(min(later - top, 0.0)) / _PATIENCE)
        if taken == 0 and seen < order.size:
            width *= 2
            continue
        # With nothing left that the best pivot should wait for, it is taken; never more than there are rows.
        taken = min(max(taken, 1), n_rows - span.shape[1])
        fresh = Q[:, :taken] - span @ (span.T @ Q[:, :taken])
        span = np.concatenate([span, np.linalg.qr(fresh)[0]], axis=1)
        chosen.append(waiting[near[pivot[:taken]]])
        waiting = np.delete(waiting, near[pivot[:taken]])
    return np.concatenate(chosen) if chosen else waiting


def _accepted(R: Matrix, full: Vector, least: float) -> int:
    """How many leading pivots are independent and not below what is still to come."""
    diagonal = np.abs(np.diag(R))
    good = (diagonal > DEPENDENT * full[: diagonal.size]) & (diagonal >= least)
    return int(good.size if good.all() else np.argmin(good))


def _exact_residual(matrix: Matrix, u: Vector, y: Vector) -> NDArray[np.longdouble]:
    return np.asarray(y - (matrix * u.astype(np.longdouble)).sum(axis=1), dtype=np.longdouble)


def _thin(matrix: Matrix) -> Any:
    """The matrix, sparse if products with it are cheaper then."""
    few = matrix.size >= _THIN_FROM and np.count_nonzero(matrix) < _THIN * matrix.size
    return sp.csr_array(matrix) if few else matrix


def _power_of_two(sizes: Vector) -> Vector:
    """A power of two near each size, by which division is exact."""
    return np.asarray(np.ldexp(1.0, np.frexp(sizes)[1]), dtype=np.float64)


def _column_norms(matrix: Matrix) -> Vector:
    """Of columns with entries of at most about one, also where their squares underflow."""
    norms = _norms(matrix)
    tiny = np.flatnonzero(norms < _TINY)
    peaks = _peaks(matrix[:, tiny], 0)
    norms[tiny] = peaks * _norms(matrix[:, tiny] / np.where(peaks > 0, peaks, 1.0))
    return norms


def _norms(matrix: Matrix) -> Vector:
    return np.asarray(np.sqrt(np.einsum("ij,ij->j", matrix, matrix)), dtype=np.float64)


def _peaks(matrix: Matrix, axis: int) -> Vector:
    return np.asarray(np.maximum(matrix.max(axis=axis, initial=0.0), -matrix.min(axis=axis, initial=0.0)))
