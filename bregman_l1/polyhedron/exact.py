"""Exact arithmetic on floating-point data: every float is a rational number, so that zeros can be told from rounding.

Vectors of rationals are columns of `flint.fmpq_mat`. What is asked of matrices beyond LARGEST rows takes seconds.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg as sla
from flint import fmpq, fmpq_mat, fmpz_mat

from bregman_l1._types import EPS, Matrix, Vector

# Size beyond which exact linear algebra takes seconds, and is not attempted.
LARGEST = 300
# Entries of a matrix beyond which it takes seconds to write them as rationals.
LARGEST_MATRIX = 300_000
_ROUNDINGS, _ESTIMATE = 64.0, 3.0
_MANTISSA = 53


def rank(A: Matrix) -> int:
    """The exact rank.

    Examples
    --------
    >>> rank(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]]))
    2
    """
    return int(_integers(A)[0].rank())


def is_independent(A: Matrix) -> bool:
    """Whether the columns of A are linearly independent: by condition number, in rationals where rounding hides it.

    Beyond LARGEST columns what rounding hides counts as dependent.

    Examples
    --------
    >>> is_independent(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])), is_independent(np.ones((3, 2)))
    (True, False)
    """
    n_rows, n_columns = A.shape
    if not n_columns:
        return True
    if n_columns > n_rows or not A.any(axis=0).all():
        return False
    if inverse_bound(A / np.abs(A).max(axis=0, initial=0.0)) < np.inf:
        return True
    return bool(n_columns <= LARGEST and rank(A.T) == n_columns)


def inverse_bound(A: Matrix) -> float:
    """Bound the norm of the pseudo-inverse of a matrix with columns of even size.

    Infinite where they may be dependent: their distance to dependent columns is that of rounding errors.
    """
    n_rows, size = A.shape
    if not size:
        return 0.0
    if size > n_rows:
        return np.inf
    R = np.asarray(np.linalg.qr(A, mode="r"))
    reciprocal_condition, info = sla.lapack.dtrcon(R, norm="1")
    if info or not reciprocal_condition > _ROUNDINGS * EPS * size:
        return np.inf
    # LAPACK's estimate is rarely wrong by more than 3; a matrix has at most sqrt(size) times its 1-norm.
    return float(_ESTIMATE * np.sqrt(size) / reciprocal_condition / np.abs(R).sum(axis=0).max())


def solve(A: Matrix, b: Vector) -> fmpq_mat | None:
    """The exact x with A x = b for a square A; None where A is singular.

    Examples
    --------
    >>> solve(np.array([[3.0]]), np.array([1.0]))
    [1/3]
    """
    integers, _ = _integers(np.column_stack([A, b]))
    rows = integers.tolist()
    try:
        return fmpz_mat([row[:-1] for row in rows]).solve(fmpz_mat([row[-1:] for row in rows]))
    except ZeroDivisionError:
        return None


def residual(b: Vector, A: Matrix, x: fmpq_mat) -> list[fmpq]:
    """The exact entries of b - A x.

    Examples
    --------
    >>> residual(np.array([1.0]), np.array([[2.0]]), solve(np.array([[3.0]]), np.array([1.0])))
    [1/3]
    """
    integers, exponents = _integers(np.column_stack([A, b]))
    extended = fmpq_mat([[-x[i, 0]] for i in range(x.nrows())] + [[fmpq(1)]])
    products = integers * extended
    return [products[i, 0] * fmpq(2) ** int(exponents[i]) for i in range(products.nrows())]


def orthogonal(A: Matrix, z: Vector) -> Vector | None:
    """The z', rounded, with A'z' = 0 exactly that agrees with z in as many of its largest entries as determine it.

    None where A has independent rows. Entries are compared in units of the rows of A.

    Examples
    --------
    >>> orthogonal(np.array([[1.0, 3.0], [3.0, 9.0]]), np.array([3.0, -1.0 + 1e-9]))
    array([ 3., -1.])
    >>> orthogonal(np.array([[1.0, 3.0], [3.0, 9.0 + 2.0**-49]]), np.array([3.0, -1.0])) is None
    True
    """
    order = np.argsort(np.abs(z) * np.abs(A).max(axis=1, initial=0.0), kind="stable")
    reduced, denominator, rank = _integers(A[order].T)[0].rref()
    if rank == z.size:
        return None
    rows = [[int(entry) for entry in row] for row in reduced.tolist()[:rank]]
    pivots = [next(j for j, entry in enumerate(row) if entry) for row in rows]
    free = np.setdiff1d(np.arange(z.size), pivots)
    exact = np.zeros(z.size)
    exact[order[free]] = z[order[free]]
    given = exactly(exact[order[free]])
    for pivot, row in zip(pivots, rows, strict=True):
        total = sum((given[k, 0] * row[j] for k, j in enumerate(free)), fmpq(0)) / -int(denominator)
        exact[order[pivot]] = int(total.p) / int(total.q)
    return exact


def exactly(x: Vector) -> fmpq_mat:
    """The floats as rationals.

    Examples
    --------
    >>> exactly(np.array([0.75]))
    [3/4]
    """
    return fmpq_mat([[fmpq(*map(int, float(value).as_integer_ratio()))] for value in x])


def nearest(x: fmpq_mat) -> Vector:
    """The nearest floats to the entries of a vector.

    Examples
    --------
    >>> nearest(solve(np.array([[3.0]]), np.array([1.0]))).tolist()
    [0.3333333333333333]
    """
    return np.array([int(x[i, 0].p) / int(x[i, 0].q) for i in range(x.nrows())])


def _integers(A: Matrix) -> tuple[fmpz_mat, Vector]:
    """(M, e) with A_ij = M_ij 2^{e_i}."""
    mantissas, exponents = np.frexp(np.asarray(A, dtype=np.float64))
    whole = np.ldexp(mantissas, _MANTISSA).astype(np.int64)
    least = np.where(whole != 0, exponents, np.iinfo(np.int32).max).min(axis=1, initial=np.iinfo(np.int32).max)
    least = np.where((whole != 0).any(axis=1), least, 0)
    shifts = np.where(whole != 0, exponents - least[:, None], 0)
    rows = [
        [value << shift for value, shift in zip(*row, strict=True)]
        for row in zip(whole.tolist(), shifts.tolist(), strict=True)
    ]
    return fmpz_mat(rows), least - _MANTISSA
