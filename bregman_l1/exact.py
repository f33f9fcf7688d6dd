"""Exact arithmetic on floats, which are dyadic rationals: zeros, ranks and digits that floating point cannot tell.

Vectors of rationals are columns of `flint.fmpq_mat`. The zeros of A_J^{-1} A_R are those modulo a large prime: a
nonzero entry vanishes there with a probability of about 2^-60 for a prime it knows nothing of. What is not zero is
evaluated in ball arithmetic, with as many digits as it takes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock

import numpy as np
import scipy.linalg as sla
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat, fmpz_mat, nmod_mat

from bregman_l1._types import ROUNDINGS, Index, Mask, Matrix, Vector

# Size beyond which exact linear algebra takes seconds, and is not attempted.
LARGEST = 300
# Entries of a matrix beyond which it takes seconds to write them as rationals.
LARGEST_MATRIX = 300_000
_ESTIMATE = 3.0
_MANTISSA = 53
PRIME = 2**61 - 1
# Precisions of balls; the last resolves any product of floats that a basis of some dozen columns can form.
BITS = (256, 1024, 8192)

_alone = RLock()


def _be_alone_again() -> None:
    global _alone
    _alone = RLock()


if hasattr(os, "register_at_fork"):  # a thread of the parent may hold the lock, and is not in the child
    os.register_at_fork(after_in_child=_be_alone_again)


@contextmanager
def at_precision(bits: int) -> Iterator[None]:
    """Balls of so many bits, in one thread at a time: the precision is one number for the whole process.

    Examples
    --------
    >>> with at_precision(100):
    ...     print((arb(1) / 3).rad() < 1e-29)
    True
    """
    with _alone:
        before = ctx.prec
        ctx.prec = bits
        try:
            yield
        finally:
            ctx.prec = before


def rank(A: Matrix) -> int:
    """The exact rank.

    Examples
    --------
    >>> rank(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]]))
    2
    """
    return int(as_integers(A)[0].rank())


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
    if info or not reciprocal_condition > ROUNDINGS * size:
        return np.inf
    # LAPACK's estimate is rarely wrong by more than 3; a matrix has at most sqrt(size) times its 1-norm.
    return float(_ESTIMATE * np.sqrt(size) / reciprocal_condition / np.abs(R).sum(axis=0).max())


def solve(A: Matrix, b: Vector | Matrix) -> fmpq_mat | None:
    """The exact x with A x = b for a square A and one or more columns b; None where A is singular.

    Examples
    --------
    >>> solve(np.array([[3.0]]), np.array([1.0]))
    [1/3]
    """
    integers, _ = as_integers(np.column_stack([A, b]))
    rows, size = integers.tolist(), A.shape[1]
    try:
        return fmpz_mat([row[:size] for row in rows]).solve(fmpz_mat([row[size:] for row in rows]))
    except ZeroDivisionError:
        return None


def residual(b: Vector, A: Matrix, x: fmpq_mat) -> list[fmpq]:
    """The exact entries of b - A x.

    Examples
    --------
    >>> residual(np.array([1.0]), np.array([[2.0]]), solve(np.array([[3.0]]), np.array([1.0])))
    [1/3]
    """
    integers, exponents = as_integers(np.column_stack([A, b]))
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
    reduced, denominator, rank = as_integers(A[order].T)[0].rref()
    if rank == z.size:
        return None
    rows = [[int(entry) for entry in row] for row in reduced.tolist()[:rank]]
    pivots = [next(j for j, entry in enumerate(row) if entry) for row in rows]
    free = np.setdiff1d(np.arange(z.size), pivots)
    exact = np.zeros(z.size)
    exact[order[free]] = z[order[free]]
    given = [rational(value) for value in exact[order[free]].tolist()]
    for pivot, row in zip(pivots, rows, strict=True):
        total = sum((value * row[j] for value, j in zip(given, free, strict=True)), fmpq(0)) / -int(denominator)
        exact[order[pivot]] = rounded(total)
    return exact


def rational(value: float) -> fmpq:
    """The float, which is a rational, exactly."""
    return fmpq(*float(value).as_integer_ratio())


def rationals(matrix: Matrix) -> fmpq_mat:
    """A matrix of floats as the rationals they are.

    Examples
    --------
    >>> rationals(np.array([[0.75]]))
    [3/4]
    """
    return fmpq_mat(*matrix.shape, [rational(value) for value in matrix.ravel().tolist()])


def rounded(value: fmpq) -> float:
    """The nearest float, infinite where it is beyond all.

    Examples
    --------
    >>> rounded(fmpq(1, 3)), rounded(-(fmpq(10) ** 400))
    (0.3333333333333333, -inf)
    """
    try:
        return int(value.p) / int(value.q)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def nearest(x: fmpq_mat) -> Vector:
    """The nearest floats to the entries of a vector.

    Examples
    --------
    >>> nearest(solve(np.array([[3.0]]), np.array([1.0]))).tolist()
    [0.3333333333333333]
    """
    return np.array([rounded(x[i, 0]) for i in range(x.nrows())])


def zeros(matrix: Matrix, columns: Matrix) -> Mask | None:
    """Which entries of matrix^{-1} columns are zero; None if the matrix is singular.

    Parameters
    ----------
    matrix : ndarray of shape (k, k)
    columns : ndarray of shape (k, h)

    Examples
    --------
    >>> import numpy as np
    >>> e = 2.0**-60
    >>> zeros(np.array([[1.0, 1.0], [0.0, e]]), np.array([[1.0, 1.0], [e, 0.0]]))
    array([[ True, False],
           [False,  True]])
    """
    remainders = _modular_solution(matrix, columns)
    return None if remainders is None else _vanish(remainders, columns.shape)


def values(matrix: Matrix, columns: Matrix, zero: Mask) -> Matrix | None:
    """matrix^{-1} columns, every entry right to rounding; None if that takes more than the last of BITS.

    Parameters
    ----------
    matrix : ndarray of shape (k, k)
    columns : ndarray of shape (k, h)
    zero : ndarray of bool, shape (k, h)
        Where it is zero.

    Examples
    --------
    >>> import numpy as np
    >>> e = 2.0**-60
    >>> values(np.array([[1.0, 1.0], [0.0, e]]), np.array([[1.0], [1.0]]), np.zeros((2, 1), dtype=bool)) * e
    array([[-1.],
           [ 1.]])
    """
    return _to_rounding(lambda: ball_solution(matrix, columns), zero)


def cancelled(matrix: Matrix, columns: Matrix, on_basis: Matrix, on_rest: Matrix) -> Mask | None:
    """Which entries of columns' matrix^{-T} on_basis - on_rest are zero; None if the matrix is singular.

    Parameters
    ----------
    matrix : ndarray of shape (k, k)
    columns : ndarray of shape (k, h)
    on_basis, on_rest : ndarray of shape (k, g) and (h, g)

    Examples
    --------
    >>> import numpy as np
    >>> ones, near_tie = np.ones((2, 1)), np.array([[0.5, 0.5], [0.5, 0.5 + 2.0**-53]])
    >>> cancelled(np.eye(2), near_tie, ones, ones)
    array([[ True],
           [False]])
    """
    remainders = _modular_solution(matrix.T, on_basis)
    return None if remainders is None else _vanish(_modular(columns.T) * remainders - _modular(on_rest), on_rest.shape)


def counts(matrix: Matrix, columns: Matrix, on_basis: Matrix, on_rest: Matrix, zero: Mask) -> Matrix | None:
    """The entries of columns' matrix^{-T} on_basis - on_rest, right to rounding; None if that takes more than BITS.

    Parameters
    ----------
    matrix, columns, on_basis, on_rest : ndarray
        As for `cancelled`.
    zero : ndarray of bool, shape (h, g)
        Where it is zero.

    Examples
    --------
    >>> import numpy as np
    >>> ones, near_tie = np.ones((2, 1)), np.array([[0.5, 0.5], [0.5, 0.5 + 2.0**-53]])
    >>> counts(np.eye(2), near_tie, ones, ones, np.array([[True], [False]])) * 2.0**53
    array([[0.],
           [1.]])
    """

    def found() -> arb_mat | None:
        dual = ball_solution(matrix.T, on_basis)
        return None if dual is None else balls(columns.T) * dual - balls(on_rest)

    return _to_rounding(found, zero)


def _to_rounding(found: Callable[[], arb_mat | None], zero: Mask) -> Matrix | None:
    """The midpoints of what is found, zeros exactly so, at the first of BITS that leaves each but a rounding."""
    for bits in BITS:
        with at_precision(bits):
            entries = found()
            if entries is not None:
                middle, radius = midpoints(entries, zero.shape)
                if (zero | (radius <= np.abs(middle) * 1e-16)).all():
                    return np.where(zero, 0.0, middle)
    return None


def heavy_columns(matrix: Matrix, weight: Vector) -> Index | None:
    """As many columns as there are rows, of near-maximal volume weighted by exp(weight); None if there are none.

    Elimination with complete pivoting.

    Examples
    --------
    >>> import numpy as np
    >>> heavy_columns(np.array([[1.0, 1.0, 1.0], [1.0, 1.0 + 2.0**-50, 1.0]]), np.array([0.0, -9.0, 1.0])).tolist()
    [2, 1]
    """
    if matrix.shape[1] < matrix.shape[0]:
        return None
    with at_precision(BITS[0]):
        rest = np.array(balls(matrix).entries(), dtype=object).reshape(matrix.shape)
        chosen = np.zeros(matrix.shape[0], dtype=np.intp)
        for k in range(matrix.shape[0]):
            with np.errstate(divide="ignore"):
                sizes = np.log(np.array([float(entry.abs_lower()) for entry in rest.ravel()])).reshape(rest.shape)
            i, chosen[k] = np.unravel_index(np.argmax(sizes + weight), rest.shape)
            if not sizes[i, chosen[k]] > -np.inf:
                return None
            pivot = rest[i] / rest[i, chosen[k]]
            rest = np.delete(rest, i, axis=0)
            rest = rest - np.multiply.outer(rest[:, chosen[k]], pivot)
            rest[:, chosen[k]] = arb(0)
        return chosen


def ball_solution(matrix: Matrix, columns: Matrix) -> arb_mat | None:
    """matrix^{-1} columns at the working precision; None where the matrix is not seen to be regular."""
    try:
        return balls(matrix).solve(balls(columns))
    except ZeroDivisionError:
        return None


def midpoints(matrix: arb_mat, shape: tuple[int, ...]) -> tuple[Matrix, Matrix]:
    """Midpoints and radii, as floats."""
    entries = matrix.entries()
    middle = np.array([float(entry.mid()) for entry in entries]).reshape(shape)
    return middle, np.array([float(entry.rad()) for entry in entries]).reshape(shape)


def balls(matrix: Matrix) -> arb_mat:
    """The floats as balls of radius zero.

    Examples
    --------
    >>> balls(np.array([[0.75]]))[0, 0].is_exact()
    True
    """
    return arb_mat(*matrix.shape, [arb(value) for value in matrix.ravel().tolist()])


def _modular_solution(matrix: Matrix, columns: Matrix) -> nmod_mat | None:
    """matrix^{-1} columns modulo the prime; None if the matrix is singular."""
    try:
        return _modular(matrix).solve(_modular(columns))
    except ZeroDivisionError:
        return None


def _vanish(remainders: nmod_mat, shape: tuple[int, ...]) -> Mask:
    """Which entries are zero."""
    return np.array([not entry for entry in remainders.entries()], dtype=bool).reshape(shape)


def _modular(matrix: Matrix) -> nmod_mat:
    flat, entries = matrix.ravel(), [0] * matrix.size
    places = np.flatnonzero(flat)
    integers, exponents = _dyadic(flat[places])
    powers = {e: pow(2, e, PRIME) for e in np.unique(exponents).tolist()}
    for place, m, e in zip(places.tolist(), integers.tolist(), exponents.tolist(), strict=True):
        entries[place] = m * powers[e] % PRIME
    return nmod_mat(*matrix.shape, entries, PRIME)


def _dyadic(A: Matrix) -> tuple[Index, Index]:
    """(m, e) with A = m 2^e."""
    mantissas, exponents = np.frexp(np.asarray(A, dtype=np.float64))
    return np.ldexp(mantissas, _MANTISSA).astype(np.int64), exponents - _MANTISSA


def as_integers(A: Matrix, of_columns: Index | None = None) -> tuple[fmpz_mat, Index]:
    """(M, r) with A_ij = M_ij 2^(r_i + c_j), the c_j given; zero if omitted.

    Examples
    --------
    >>> M, r = as_integers(np.array([[0.75, 2.0**-40]]), np.array([0, -40]))
    >>> (int(M[0, 0]) * 2.0 ** r[0], int(M[0, 1]) * 2.0 ** (r[0] - 40)) == (0.75, 2.0**-40)
    True
    """
    whole, exponents = _dyadic(A)
    exponents = exponents if of_columns is None else exponents - of_columns
    least = np.where(whole != 0, exponents, np.iinfo(np.int32).max).min(axis=1, initial=np.iinfo(np.int32).max)
    least = np.where((whole != 0).any(axis=1), least, 0)
    shifts = np.where(whole != 0, exponents - least[:, None], 0)
    rows = [
        [value << shift for value, shift in zip(*row, strict=True)]
        for row in zip(whole.tolist(), shifts.tolist(), strict=True)
    ]
    return fmpz_mat(rows), least
