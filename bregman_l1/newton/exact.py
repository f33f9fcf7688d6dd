"""Entries of A_J^{-1} A_R that floating point cannot tell from zero, decided exactly.

Floats are dyadic rationals, so that A_J^{-1} A_R is rational. Its zeros are those modulo a large prime: a nonzero
entry vanishes there with a probability of about 2^-60 for a prime it knows nothing of. What is not zero is
evaluated in ball arithmetic, with as many digits as it takes.
"""

from __future__ import annotations

import numpy as np
from flint import arb, arb_mat, ctx, nmod_mat
from numpy.typing import NDArray

from bregman_l1._types import Matrix
from bregman_l1.newton.settings import MOST_EXACT_BITS

_PRIME = 2**61 - 1


def zeros(matrix: Matrix, columns: Matrix) -> NDArray[np.bool_] | None:
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


def values(matrix: Matrix, columns: Matrix, zero: NDArray[np.bool_]) -> Matrix | None:
    """matrix^{-1} columns, every entry right to rounding; None if that takes more than MOST_EXACT_BITS.

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
    bits = 128
    while bits <= MOST_EXACT_BITS:
        found = _in_balls(matrix, columns, bits)
        if found is not None:
            middle, radius = found
            if (zero | (radius <= np.abs(middle) * 1e-16)).all():
                return np.where(zero, 0.0, middle)
        bits *= 4
    return None


def _in_balls(matrix: Matrix, columns: Matrix, bits: int) -> tuple[Matrix, Matrix] | None:
    """Midpoints and radii at a working precision; None where the matrix is not seen to be regular."""
    before, ctx.prec = ctx.prec, bits
    try:
        solution = _balls(matrix).solve(_balls(columns))
    except ZeroDivisionError:
        return None
    finally:
        ctx.prec = before
    entries = solution.entries()
    middle = np.array([float(entry.mid()) for entry in entries]).reshape(columns.shape)
    return middle, np.array([float(entry.rad()) for entry in entries]).reshape(columns.shape)


def _balls(matrix: Matrix) -> arb_mat:
    return arb_mat(*matrix.shape, [arb(value) for value in matrix.ravel().tolist()])


def _modular(matrix: Matrix) -> nmod_mat:
    mantissas, exponents = np.frexp(matrix.ravel())
    integers = np.ldexp(mantissas, 53).astype(np.int64).tolist()
    powers = {e: pow(2, e - 53, _PRIME) for e in np.unique(exponents).tolist()}
    entries = [m * powers[e] % _PRIME for m, e in zip(integers, exponents.tolist(), strict=True)]
    return nmod_mat(*matrix.shape, entries, _PRIME)
