"""What floating point cannot tell, decided exactly: zeros and digits of A_J^{-1} A_R, bases, and Newton steps.

Floats are dyadic rationals, so that A_J^{-1} A_R is rational. Its zeros are those modulo a large prime: a nonzero
entry vanishes there with a probability of about 2^-60 for a prime it knows nothing of. What is not zero is
evaluated in ball arithmetic, with as many digits as it takes.
"""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat, ctx, nmod_mat

from bregman_l1._types import Index, Mask, Matrix, Vector
from bregman_l1.newton.settings import EXACT_BITS

_PRIME = 2**61 - 1


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
    try:
        remainders = _modular(matrix).solve(_modular(columns))
    except ZeroDivisionError:
        return None
    return np.array([int(entry) == 0 for entry in remainders.entries()], dtype=bool).reshape(columns.shape)


def values(matrix: Matrix, columns: Matrix, zero: Mask) -> Matrix | None:
    """matrix^{-1} columns, every entry right to rounding; None if that takes more than the last of EXACT_BITS.

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
    before = ctx.prec
    try:
        for ctx.prec in EXACT_BITS:
            found = _solved(matrix, columns)
            if found is not None:
                middle, radius = _floats(found, columns.shape)
                if (zero | (radius <= np.abs(middle) * 1e-16)).all():
                    return np.where(zero, 0.0, middle)
    finally:
        ctx.prec = before
    return None


class Projection:
    """The equations x_J + T x_R = u, log x_R = T'log x_J - rho of a projection, in balls.

    Parameters
    ----------
    matrix, columns : ndarray of shape (k, k) and (k, m)
        A_J and A_R.
    y : ndarray of shape (k,)
    vanishing : ndarray of bool, shape (k,)
        The entries of u that count as zero.
    on_basis, on_rest : ndarray of shape (k,) and (m,)
        The logarithm of the prior.
    """

    def __init__(
        self, matrix: Matrix, columns: Matrix, y: Vector, vanishing: Mask, on_basis: Vector, on_rest: Vector
    ) -> None:
        self._matrix, self._columns, self._y, self._vanishing = matrix, columns, y, vanishing
        self._prior = on_basis, on_rest
        self._zero = zeros(matrix, np.column_stack([columns, y]))

    def newton(self, om: Vector, log_rest: Vector) -> tuple[Vector, Vector] | None:
        """The Newton step of log x_J and log x_R at any candidate; None where no precision resolves it."""
        before = ctx.prec
        try:
            for ctx.prec in EXACT_BITS:
                step = self._step(om, log_rest)
                if step is not None:
                    middle, radius = _floats(step, (om.size + log_rest.size,))
                    if (radius <= _RESOLVED + np.abs(middle) * 1e-6).all():
                        return middle[: om.size], middle[om.size :]
        finally:
            ctx.prec = before
        return None

    def _step(self, om: Vector, log_rest: Vector) -> arb_mat | None:
        k, m = self._columns.shape
        assert self._zero is not None
        solved = _solved(self._matrix, np.column_stack([self._columns, self._y]))
        if solved is None or self._zero is None:
            return None
        entries = [arb(0) if zero else entry for zero, entry in zip(self._zero.ravel(), solved.entries(), strict=True)]
        T = arb_mat(k, m, [entries[i * (m + 1) + j] for i in range(k) for j in range(m)])
        u = [arb(0) if gone else entries[i * (m + 1) + m] for i, gone in enumerate(self._vanishing)]
        above = [arb(value) - arb(prior) for value, prior in zip(om.tolist(), self._prior[0].tolist(), strict=True)]
        right = (T.transpose() * arb_mat(k, 1, above)).entries()
        here = [arb(value) for value in log_rest.tolist()]
        misfit = [arb(b) + v - z for b, v, z in zip(self._prior[1].tolist(), right, here, strict=True)]
        x, inverse = [z.exp() for z in here], [(-arb(value)).exp() for value in om.tolist()]
        W = arb_mat(k, m, [T[i, j] * x[j] * inverse[i] for i in range(k) for j in range(m)])
        moved = (W * arb_mat(m, 1, [1 + e for e in misfit])).entries() if m else [arb(0)] * k
        missing = arb_mat(k, 1, [u[i] * inverse[i] - 1 - moved[i] for i in range(k)])
        try:
            d = (arb_mat(k, k, [int(i == j) for i in range(k) for j in range(k)]) + W * T.transpose()).solve(missing)
        except ZeroDivisionError:
            return None
        rest = [a + b for a, b in zip((T.transpose() * d).entries(), misfit, strict=True)]
        return arb_mat(k + m, 1, [*d.entries(), *rest])


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
    before, ctx.prec = ctx.prec, EXACT_BITS[0]
    try:
        rest = np.array(_balls(matrix).entries(), dtype=object).reshape(matrix.shape)
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
    finally:
        ctx.prec = before


# A step known to this is known.
_RESOLVED = 1e-15


def _solved(matrix: Matrix, columns: Matrix) -> arb_mat | None:
    """The solution at the working precision; None where the matrix is not seen to be regular."""
    try:
        return _balls(matrix).solve(_balls(columns))
    except ZeroDivisionError:
        return None


def _floats(balls: arb_mat, shape: tuple[int, ...]) -> tuple[Matrix, Matrix]:
    """Midpoints and radii."""
    entries = balls.entries()
    middle = np.array([float(entry.mid()) for entry in entries]).reshape(shape)
    return middle, np.array([float(entry.rad()) for entry in entries]).reshape(shape)


def _balls(matrix: Matrix) -> arb_mat:
    return arb_mat(*matrix.shape, [arb(value) for value in matrix.ravel().tolist()])


def _modular(matrix: Matrix) -> nmod_mat:
    mantissas, exponents = np.frexp(matrix.ravel())
    integers = np.ldexp(mantissas, 53).astype(np.int64).tolist()
    powers = {e: pow(2, e - 53, _PRIME) for e in np.unique(exponents).tolist()}
    entries = [m * powers[e] % _PRIME for m, e in zip(integers, exponents.tolist(), strict=True)]
    return nmod_mat(*matrix.shape, entries, _PRIME)
