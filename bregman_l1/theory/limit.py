"""Where x(alpha) goes as alpha -> 0: the minimiser, its support, and the kernel cone around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import EPS, Index, Matrix, Vector
from bregman_l1.caching import cached_property
from bregman_l1.errors import UndefinedConstantError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.newton import project
from bregman_l1.polyhedron.feasible_set import maximal_support
from bregman_l1.polyhedron.kernel_cone import RANK_TOLERANCE, BasePoint, KernelCone, kernel_cone
from bregman_l1.polyhedron.minimiser import l1_vertex, remainder
from bregman_l1.system import checked_system
from bregman_l1.validation import checked_cost

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


# A reduced cost below this share of its terms is zero: its column belongs to the optimal face.
FACE_TOLERANCE = 1e-9
_LONG_EPS = float(np.finfo(np.longdouble).eps)


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
    """

    system: LinearSystem
    cost: Vector
    x: Vector
    unique: bool
    cone: KernelCone

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
        root = np.sqrt(self.x_S)
        return np.asarray(root[:, None] * np.linalg.pinv(self.cone.A_S * root, rcond=RANK_TOLERANCE))

    def tilt(self, b: Vector) -> Vector:
        """B'log x_S, shape (|R|,), up to a multiple of C'b that makes it independent of the scale of y.

        C q = 0 on P, so that any multiple will do; b is the multiplier of the rate.
        """
        log_x, cost = np.log(self.x_S), self.cost[self.support]
        scale = float(cost @ log_x / (cost @ cost or 1.0))
        return np.asarray(self.B.T @ log_x + scale * (self.cone.C.T @ b))

    @cached_property
    def relative_error(self) -> Vector:
        """Bound on the relative error of each entry of x_S, shape (|S|,), from what is left of y - A x."""
        A, x = self.cone.A_S, self.x_S
        residual = remainder(A, x, self.cone.y)
        noise = (x.size + 2) * _LONG_EPS * (np.abs(A) @ x) + EPS * self.cone.condition * np.abs(residual)
        error = np.abs(self._left_inverse @ residual) + np.abs(self._left_inverse) @ noise
        return np.asarray(error / x + EPS)

    @cached_property
    def steepest(self) -> BasePoint:
        """The vertex of P where -gamma'p is largest: minus its value is the rate.

        Raises
        ------
        UndefinedConstantError
            If P is empty.
        """
        return self.cone.maximise(-self.gamma)

    @cached_property
    def gamma(self) -> Vector:
        """Reduced costs c_R - B'c_S; 1 - sum_i B_ij for unit costs."""
        return np.asarray(self.cost[self.cone.outside] - self.B.T @ self.cost[self.support], dtype=np.float64)


def find_limit(system: LinearSystem, cost: ArrayLike | None = None) -> Limit:
    """Find the limit of the projections of alpha**cost as alpha -> 0, once for each system and cost.

    Raises
    ------
    InfeasibleError
        If no x >= 0 solves A x = y.
    InvalidProblemError
        If the cost is wrong or cost'x is unbounded below.
    """
    weights = checked_cost(cost, checked_system(system).shape[1])
    return system.remember(("limit", weights.tobytes()), lambda: _find_limit(system, weights))


def _find_limit(system: LinearSystem, cost: Vector) -> Limit:
    vertex = l1_vertex(system, cost)
    cone = kernel_cone(system, vertex > 0)
    only = Limit(system, cost, vertex, True, cone)
    try:
        steepest = only.steepest
    except UndefinedConstantError:
        return only
    if -steepest.value > FACE_TOLERANCE * max(1.0, float(np.abs(only.gamma).max())) or not _has_tie(only):
        return only
    support = _support_of_all_minimisers(only, steepest)
    if support.size == cone.support.size:
        return only
    log_x = project(system.restrict(support), np.zeros(support.size)).log_x
    x = np.zeros(system.shape[1])
    x[support] = np.exp(log_x)
    return Limit(system, cost, x, False, kernel_cone(system, support))


def _support_of_all_minimisers(limit: Limit, steepest: BasePoint) -> Index:
    """Return the largest support on the face of columns whose reduced cost is zero."""
    cone = limit.cone
    slack = limit.gamma - cone.C.T @ steepest.b
    on_face = cone.outside[slack <= negligible(cone, limit.gamma, steepest.b)]
    columns = np.union1d(cone.support, on_face)
    return np.asarray(columns[maximal_support(limit.system.restrict(columns)).mask], dtype=np.intp)


def _has_tie(limit: Limit) -> bool:
    """Whether gamma'p is negligible beside its terms at some p in P."""
    on_support = np.abs(limit.B).T @ np.abs(limit.cost[limit.support])
    terms = np.abs(limit.cost[limit.cone.outside]) + on_support
    return bool(limit.cone.maximise(FACE_TOLERANCE * terms - limit.gamma).value >= 0)


def negligible(cone: KernelCone, gamma: Vector, b: Vector) -> Vector:
    """Below what a slack gamma_j - C_j'b is zero, shape (|R|,): every column is measured by its own terms."""
    terms = np.abs(gamma) + np.abs(cone.C).T @ np.abs(b)
    return np.asarray(FACE_TOLERANCE * np.maximum(1.0, terms), dtype=np.float64)
