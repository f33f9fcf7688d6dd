"""Where x(alpha) goes as alpha -> 0: the minimiser, its support, and the kernel cone around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import EPS, ROUNDINGS, Index, Mask, Matrix, Vector
from bregman_l1.caching import cached_property
from bregman_l1.errors import UndefinedConstantError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.newton import project
from bregman_l1.polyhedron.kernel_cone import BasePoint, KernelCone, kernel_cone
from bregman_l1.polyhedron.minimiser import minimisers, remainder
from bregman_l1.system import checked_system
from bregman_l1.validation import checked_weights

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


# Roundings of a slack, beyond one for every column of the support, and the share of the rate they may be.
_RESOLVED = 1e-6
_LONG_EPS = float(np.finfo(np.longdouble).eps)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeadingFace(FrozenArrays):
    """Where the slowest deviation from the limit lives.

    Attributes
    ----------
    vertex : BasePoint
        A vertex of the face of P, with its multiplier.
    ties : ndarray of bool, shape (|R|,)
        Columns whose reduced cost is the rate at that multiplier.
    assumed : int
        How many of them are there because rounding hides it, and the system is too large for rationals.
    """

    vertex: BasePoint
    ties: Mask
    assumed: int


@dataclass(frozen=True, eq=False)
class Limit(FrozenArrays):
    """The limit of x(alpha) and the coordinates in which the theory speaks of x(alpha) - limit.

    Where there are several minimisers the limit is the one of largest entropy, S is the union of all their
    supports, and A_S is singular; every statement of the theory that does not name n_S itself survives.

    Attributes
    ----------
    system : LinearSystem
    cost : ndarray of shape (d,)
        Exponents of the prior alpha**cost.
    x : ndarray of shape (d,)
        The limit.
    unique : bool
        Whether it is the only minimiser of cost'x.
    cone : KernelCone
        The kernel cone of S.
    assumed_ties : int
        See `Minimisers`.
    """

    system: LinearSystem
    cost: Vector
    x: Vector
    unique: bool
    cone: KernelCone
    assumed_ties: int = 0

    @property
    def support(self) -> Index:
        """S, sorted."""
        return self.cone.support

    @property
    def x_S(self) -> Vector:
        """The positive entries of the limit."""
        return np.asarray(self.x[self.support], dtype=np.float64)

    @cached_property
    def B(self) -> Matrix:
        """The response of x_S to what happens off S: n_S = -B n_R, to first order where A_S is singular.

        That is pinv(A_S) A_R for an injective A_S, else D A_S'(A_S D A_S')^+ A_R with D = diag(x_S): small
        changes of x_S keep log x_S in the row space of A_S.
        """
        if self.cone.is_injective:
            return self.cone.B
        return np.asarray(self._left_inverse @ self.cone.A_R)

    @cached_property
    def _left_inverse(self) -> Matrix:
        """The change of x_S that answers a change of y."""
        if self.cone.is_injective:
            return self.cone.left_inverse
        return np.asarray(np.sqrt(self.x_S)[:, None] * self.weighted_inverse)

    @cached_property
    def weighted_inverse(self) -> Matrix:
        """(A_S D^{1/2})^+, D = diag(x_S), with the rank of A_S."""
        U, spectrum, Vt = np.linalg.svd(self.cone.A_S * np.sqrt(self.x_S), full_matrices=False)
        kept = slice(self.cone.rank)
        return np.asarray((Vt[kept].T / spectrum[kept]) @ U[:, kept].T)

    def tilt(self, b: Vector) -> Vector:
        """B'log x_S, shape (|R|,), up to a multiple of C'b that makes it independent of the scale of y.

        C q = 0 on P, so that any multiple will do; b is the multiplier of the rate.
        """
        return np.asarray(self.B.T @ np.log(self.x_S) + self.cone.C.T @ self.tilt_multiplier(b))

    def tilt_multiplier(self, b: Vector) -> Vector:
        """The multiple of b that `tilt` adds, shape (rank C,)."""
        log_x, cost = np.log(self.x_S), self.cost[self.support]
        return np.asarray(float(cost @ log_x / (cost @ cost or 1.0)) * b)

    @cached_property
    def relative_error(self) -> Vector:
        """Bound on the relative error of each entry of x_S, shape (|S|,), from what is left of y - A x."""
        A, x = self.cone.A_S, self.x_S
        residual = remainder(A, x, self.cone.y)
        noise = (x.size + 2) * _LONG_EPS * (np.abs(A) @ x) + EPS * self.cone.condition * np.abs(residual)
        error = np.abs(self._left_inverse @ residual) + np.abs(self._left_inverse) @ noise
        return np.asarray(error / x + EPS)

    @property
    def has_unit_cost(self) -> bool:
        """Whether the prior is alpha itself everywhere."""
        return bool((self.cost == 1).all())

    @cached_property
    def moves(self) -> bool:
        """Whether x(alpha) depends on alpha at all: some kernel vector is nonnegative and nonzero off S."""
        try:
            _ = self.leading
        except UndefinedConstantError:
            return False
        return True

    @property
    def rate(self) -> float:
        """The exponent r of the limiting law ||x(alpha) - x*||_1 ~ K alpha^r; infinite where nothing moves."""
        return -self.steepest.value if self.moves else np.inf

    @property
    def steepest(self) -> BasePoint:
        """The vertex of P where -gamma'p is largest: minus its value is the rate.

        Raises
        ------
        UndefinedConstantError
            If P is empty.
        """
        return self.leading.vertex

    @cached_property
    def leading(self) -> LeadingFace:
        """The face of P where -gamma'p is largest, in rationals where rounding hides the rate or a tie.

        Raises
        ------
        UndefinedConstantError
            If P is empty.
        """
        cone, on, off = self.cone, self.cost[self.support], self.cost[self.cone.outside]
        vertex = cone.maximise(-self.gamma)
        error = rounding(cone, on, off, vertex.b)
        doubtful = vertex.bound + self.gamma - cone.C.T @ vertex.b <= error
        is_tied = bool((doubtful & (vertex.p == 0)).any())
        if not is_tied and -vertex.value * _RESOLVED > error.max():
            return LeadingFace(vertex=vertex, ties=vertex.p > 0, assumed=0)
        best = cone.exactly(on, off, vertex.p, cone.dual_vector(on, vertex.b), -vertex.value)
        if best is None:
            assumed = int(np.count_nonzero(doubtful & (vertex.p == 0)))
            return LeadingFace(vertex=vertex, ties=doubtful | (vertex.p > 0), assumed=assumed)
        point = BasePoint(p=best.p, b=cone.multiplier(best.mu), value=-best.value, bound=-best.value)
        return LeadingFace(vertex=point, ties=best.ties | (best.p > 0), assumed=0)

    @cached_property
    def gamma(self) -> Vector:
        """Reduced costs c_R - B'c_S; 1 - sum_i B_ij for unit costs."""
        return np.asarray(self.cost[self.cone.outside] - self.B.T @ self.cost[self.support], dtype=np.float64)


def find_limit(system: LinearSystem, cost: ArrayLike | None = None) -> Limit:
    """Find the limit of the projections of alpha**cost as alpha -> 0, the same as the last where the cost is.

    Raises
    ------
    InfeasibleError
        If no x >= 0 solves A x = y.
    InvalidProblemError
        If the cost is wrong or cost'x is unbounded below.
    """
    weights = checked_weights(cost, checked_system(system).shape[1], system.column_names)
    return system.remember_last("limit", weights.tobytes(), lambda: _find_limit(system, weights))


def _find_limit(system: LinearSystem, cost: Vector) -> Limit:
    found = minimisers(system, cost)
    x = found.x
    if not found.unique:
        x = np.zeros(cost.size)
        log_x = project(system.restrict(found.support), np.zeros(found.support.size)).log_point
        x[found.support] = np.exp(log_x)
    return Limit(system, cost, x, found.unique, kernel_cone(system, found.support), found.assumed_ties)


def rounding(cone: KernelCone, on: Vector, off: Vector, b: Vector) -> Vector:
    """Bound the rounding of the slacks c_j - (B'c_S + C'b)_j, shape (|R|,), each by its column's own terms."""
    terms = np.abs(off) + np.abs(cone.B).T @ np.abs(on) + np.abs(cone.C).T @ np.abs(b)
    return np.asarray((ROUNDINGS + cone.support.size * EPS) * cone.condition * terms, dtype=np.float64)
