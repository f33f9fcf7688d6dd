"""The kernel vectors n of A of either sign, around an x whose signs on its support S are known.

As n_j = p_j - q_j with p, q >= 0 off S, and n_j times the sign of x_j on S, they are a kernel cone of [A, -A]: that of
the columns sign(x_j) a_j, with the columns of A and -A off S. Those opposite to the columns of S are left out; they
stand for moves of one part of x_j against the other, which x itself does not see.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg as sla
from numpy.typing import ArrayLike

from bregman_l1 import exact
from bregman_l1._types import ROUNDINGS, Index, Matrix, Vector
from bregman_l1.caching import cached_property
from bregman_l1.errors import InvalidProblemError
from bregman_l1.names import place
from bregman_l1.polyhedron.kernel_cone import KernelCone, checked_support
from bregman_l1.polyhedron.minimiser import remainder
from bregman_l1.system import LinearSystem
from bregman_l1.validation import checked_vector, refuse_unless_all

_REFINEMENTS = 3
# A y that misses the span of A_S by more than this share of its terms is that of no x on S.
_MISSED = 1e-9
# Parts of n that cancel to this share of themselves are two copies of one column and its negative.
_CANCELLED = 1e-9


class SignedKernelCone(KernelCone):
    """The kernel vectors n of A with ||n off S||_1 = 1 and no condition on their signs, by the cone of [A, -A].

    Parameters
    ----------
    system : LinearSystem
    support : ndarray of indices
        S, sorted.
    signs : ndarray of shape (|S|,)
        The signs of x on S, 1 or -1.

    Examples
    --------
    >>> cone = SignedKernelCone(LinearSystem([[1.0, 0.5]], [-1.0]), np.array([0]), np.array([-1.0]))
    >>> n = cone.kernel_vector(np.array([1.0, 0.0]))
    >>> n.tolist(), cone.on_support(n).tolist(), cone.off_support(n).tolist()
    ([-0.5, 1.0], [0.5], [1.0, 0.0])
    """

    def __init__(self, system: LinearSystem, support: Index, signs: Vector) -> None:
        self._given, size = system, system.shape[1]
        self._off = np.setdiff1d(np.arange(size), support)
        super().__init__(
            system.doubled, np.where(signs > 0, support, support + size), np.concatenate([self._off, self._off + size])
        )
        self._on, self._signs = self.support % size, np.where(self.support < size, 1.0, -1.0)

    @property
    def given(self) -> LinearSystem:
        """The system whose kernel vectors these are, that of A."""
        return self._given

    @property
    def is_trivial(self) -> bool:
        """Whether no kernel vector is nonzero off S."""
        return bool(self._directions.shape[0] >= self._off.size)

    @property
    def _directions(self) -> Matrix:
        """The columns of C that are those of A: n_R fits if they times n_R are zero."""
        return self.C[:, : self._off.size]

    def on_support(self, n: Vector) -> Vector:
        """The entries of n on S times the signs of x, in the order of ``support``."""
        return np.asarray(self._signs * n[self._on])

    def off_support(self, n: Vector) -> Vector:
        """The positive parts of the entries of n off S, then the negative ones."""
        return np.concatenate([np.maximum(n[self._off], 0.0), np.maximum(-n[self._off], 0.0)])

    def embedded(self, n_S: Vector, p: Vector) -> Vector:
        """The kernel vector of these parts, ||n off S||_1 = 1; any one where the parts off S cancel each other.

        They do only where no kernel vector has a larger value than zero, and so every one has the value zero.
        """
        rest = np.subtract(*np.split(p, 2))
        size = float(np.abs(rest).sum())
        if not size > _CANCELLED * float(p.sum()):
            rest = self._some_direction
            n_S, size = -self.B[:, : rest.size] @ rest, float(np.abs(rest).sum())
        n = np.zeros(self._given.shape[1])
        n[self._on], n[self._off] = self._signs * n_S / size, rest / size
        return n

    @cached_property
    def _some_direction(self) -> Vector:
        return np.asarray(np.linalg.svd(self._directions)[2][-1])


def signed_kernel_cone(system: LinearSystem, support: ArrayLike, signs: ArrayLike | None = None) -> SignedKernelCone:
    """Return the signed kernel cone of a support, the same as the last where the support and the signs are.

    Parameters
    ----------
    system : LinearSystem
    support : array_like
        As `KernelCone` takes it.
    signs : array_like of shape (d,), optional
        A vector with the signs of x on the support, such as x; those of the solution of A_S x_S = y if omitted.

    Raises
    ------
    InvalidProblemError
        If the support is wrong, or the signs are not known: none are given and A_S is not injective, y is not in its
        span, or an entry of x_S is zero.
    """
    index = checked_support(support, system.shape[1])
    if signs is None:
        x = _solution_on(system, index)
    else:
        x = checked_vector("signs", signs, system.shape[1], system.column_names)
        on = np.isin(np.arange(x.size), index)
        rule = "every entry on the support must be positive or negative"
        refuse_unless_all("signs", x, ~on | (np.abs(x) > 0), rule, system.column_names)
        x = x[index]
    sign = np.sign(x)
    key = index.tobytes() + b"|" + sign.tobytes()
    return system.remember_last("signed kernel cone", key, lambda: SignedKernelCone(system, index, sign))


def _solution_on(system: LinearSystem, support: Index) -> Vector:
    """The x_S with A_S x_S = y, none of its entries zero."""
    rows, columns = system.equilibration()
    A = system.columns(support)
    on = A / rows[:, None] / columns[support]
    if not exact.is_independent(on):
        raise InvalidProblemError(f"the columns of the support are dependent: several x on it solve A x = y; {_GIVE}")
    Q, R = np.linalg.qr(on)
    inverse = sla.solve_triangular(R, Q.T) / columns[support][:, None]
    x, missing = np.zeros(support.size), system.y
    for _ in range(_REFINEMENTS):
        x = x + inverse @ (missing / rows)
        missing = remainder(A, x, system.y)
    terms = np.abs(A) @ np.abs(x) + np.abs(system.y)
    if (np.abs(missing) > _MISSED * terms).any():
        raise InvalidProblemError(f"no x that is zero off the support solves A x = y; {_GIVE}")
    zero = np.flatnonzero(np.abs(x) <= ROUNDINGS * (np.abs(inverse) @ (terms / rows)))
    if zero.size:
        where = place([int(support[zero[0]])], system.column_names)
        raise InvalidProblemError(f"x{where} is zero where x on the support solves A x = y: leave it out, or {_GIVE}")
    return x


_GIVE = "give the signs of x by signs=, a vector of shape (d,) such as x itself"
