"""Where x(alpha) goes as alpha -> 0: the minimiser, its support, and the kernel cone around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import EPS, ROUNDINGS, Index, Mask, Matrix, Vector
from bregman_l1.caching import cached_property
from bregman_l1.errors import NotAdmissibleError, UndefinedConstantError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.newton import project
from bregman_l1.polyhedron.kernel_cone import BasePoint, KernelCone, kernel_cone
from bregman_l1.polyhedron.minimiser import minimisers, remainder
from bregman_l1.potential import Potential, potential_of
from bregman_l1.problems.positive_part import PositivePart, positive_part
from bregman_l1.system import checked_system
from bregman_l1.validation import checked_prior, checked_weights

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


_KNOWN_BITS = 46  # of a power of a prior
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Limit(FrozenArrays):
    """The limit of x(alpha) and the coordinates in which the theory speaks of x(alpha) - limit.

    The projections of prior * alpha**cost go to a minimiser of a linear function. Where there are several, the limit is
    the projection of the prior onto the face of them all; S is the union of their supports, and A_S is singular. Every
    statement of the theory that does not name n_S itself survives.

    Attributes
    ----------
    system : LinearSystem
    cost : ndarray of shape (d,)
        Exponents of the prior.
    prior : ndarray of shape (d,)
        Its factors. Where they are zero every x(alpha) is: these columns are neither in S nor in what lies off it.
    x : ndarray of shape (d,)
        The limit.
    unique : bool
        Whether it is the only minimiser.
    cone : KernelCone
        The kernel cone of S.
    assumed_ties : int
        See `Minimisers`.
    depth : float
        The depth of the network.
    """

    system: LinearSystem
    cost: Vector
    prior: Vector
    x: Vector
    unique: bool
    cone: KernelCone
    assumed_ties: int = 0
    depth: float = 2.0

    @classmethod
    def around(cls, *, system: LinearSystem, prior: Vector, support: Index, **parts: Any) -> Limit:
        """The limit with the kernel cone of its support, from which the zeros of the prior are left out."""
        cone = kernel_cone(system, support, np.setdiff1d(np.flatnonzero(prior), support))
        return cls(system=system, prior=prior, cone=cone, **parts)

    @property
    def potential(self) -> Potential:
        """The potential of the depth, in the unit of the prior."""
        return _potential(self.depth, self.log_prior)

    @cached_property
    def weights(self) -> Vector:
        """The linear function that the limit minimises, shape (d,); infinite where the prior is zero."""
        some, weights = self.prior > 0, np.full(self.cost.size, np.inf)
        weights[some] = limit_weights(self.potential, self.cost[some], self.log_prior[some])
        return weights

    @property
    def part(self) -> PositivePart:
        """The columns where the prior is positive."""
        return positive_part(self.system, self.prior)

    @property
    def log_prior(self) -> Vector:
        """Logarithms of the factors of the prior, shape (d,); -inf for zeros."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.prior))

    @property
    def log_ratio(self) -> Vector:
        """Logarithms of the positive entries of the limit relative to the prior, shape (|S|,)."""
        return np.asarray(np.log(self.x_S) - self.log_prior[self.support])

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

        That is pinv(A_S) A_R for an injective A_S, else D A_S'(A_S D A_S')^+ A_R with D = diag(dx / dtheta) at x_S:
        small changes of x_S keep theta(x_S), which is log x_S at depth 2, in the row space of A_S.
        """
        if self.cone.is_injective:
            return self.cone.B
        return np.asarray(self._left_inverse @ self.cone.A_R)

    @cached_property
    def _left_inverse(self) -> Matrix:
        """The change of x_S that answers a change of y."""
        if self.cone.is_injective:
            return self.cone.left_inverse
        return np.asarray(self._root[:, None] * self.weighted_inverse)

    @property
    def _root(self) -> Vector:
        """D^{1/2}, D = diag(dx / dtheta) at x_S."""
        return np.asarray(np.exp(self.potential.log_weight(np.log(self.x_S)) / 2))

    @cached_property
    def weighted_inverse(self) -> Matrix:
        """(A_S D^{1/2})^+, with the rank of A_S."""
        U, spectrum, Vt = np.linalg.svd(self.cone.A_S * self._root, full_matrices=False)
        kept = slice(self.cone.rank)
        return np.asarray((Vt[kept].T / spectrum[kept]) @ U[:, kept].T)

    def tilt(self, b: Vector) -> Vector:
        """Log prior_R + B'log(x_S / prior_S), shape (|R|,), up to a multiple of C'b, so that no scale of y matters.

        C q = 0 on P, so that any multiple will do; b is the multiplier of the rate.
        """
        response = self.B.T @ self.log_ratio + self.cone.C.T @ self.tilt_multiplier(b)
        return np.asarray(self.log_prior[self.cone.outside] + response)

    def tilt_multiplier(self, b: Vector) -> Vector:
        """The multiple of b that `tilt` adds, shape (rank C,)."""
        cost = self.cost[self.support]
        return np.asarray(float(cost @ self.log_ratio / (cost @ cost or 1.0)) * b)

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
        """Whether the l1 norm itself is what the limit minimises."""
        return bool((self.weights == 1)[self.prior > 0].all())

    @property
    def has_even_prior(self) -> bool:
        """Whether the factors of the prior are the same wherever they are positive."""
        return bool(np.ptp(self.prior[self.prior > 0]) == 0)

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
        if not self.moves:
            return np.inf
        return self.margin if self.potential.is_logarithmic else float(self.cost[self.support[0]])

    @property
    def margin(self) -> float:
        """The least reduced cost over P, positive: by how much x* is the only minimiser; the rate at depth 2."""
        return -self.steepest.value

    @property
    def steepest(self) -> BasePoint:
        """The vertex of P where -gamma'p is largest: minus its value is the rate at depth 2.

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
        cone, on, off = self.cone, self.weights[self.support], self.weights[self.cone.outside]
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
        """Reduced costs w_R - B'w_S of the weights; 1 - sum_i B_ij where they are one."""
        return np.asarray(self.weights[self.cone.outside] - self.B.T @ self.weights[self.support], dtype=np.float64)


def find_limit(
    system: LinearSystem, cost: ArrayLike | None = None, prior: ArrayLike | None = None, *, depth: float = 2
) -> Limit:
    """Find the limit of the projections of prior * alpha**cost as alpha -> 0, the same as the last where these are.

    Raises
    ------
    InfeasibleError
        If no x >= 0 that vanishes where the prior does solves A x = y.
    InvalidProblemError
        If the cost, the prior or the depth is wrong, or cost'x is unbounded below.
    NotAdmissibleError
        If the depth is above 2 and the cost not the same positive number for all.
    """
    weights = checked_weights(cost, checked_system(system).shape[1], system.column_names)
    factors = checked_prior(prior, system.shape[1], system.column_names)
    depth = potential_of(depth).depth
    key = weights.tobytes() + factors.tobytes() + str(depth).encode()
    return system.remember_last("limit", key, lambda: _find_limit(system, weights, factors, depth))


def _find_limit(system: LinearSystem, cost: Vector, prior: Vector, depth: float) -> Limit:
    part = positive_part(system, prior)
    log_prior = np.log(prior[part.columns])
    potential = _potential(depth, log_prior)
    found = minimisers(part.system, limit_weights(potential, cost[part.columns], log_prior))
    point = found.x
    if not found.unique:
        point = np.zeros(found.x.size)
        on_face = project(part.system.restrict(found.support), log_prior[found.support], potential)
        point[found.support] = np.exp(on_face.log_point)
    x = np.zeros(cost.size)
    x[part.columns] = point
    return Limit.around(
        system=system,
        cost=cost,
        prior=prior,
        depth=depth,
        support=np.arange(cost.size)[part.columns][found.support],
        x=x,
        unique=found.unique,
        assumed_ties=found.assumed_ties,
    )


def _potential(depth: float, log_prior: Vector) -> Potential:
    return potential_of(depth).in_unit_of(log_prior[log_prior > -np.inf])


def limit_weights(potential: Potential, cost: Vector, log_prior: Vector) -> Vector:
    """The w of the linear function w'x that the limit of the projections of prior * alpha**cost minimises.

    These minimise -theta(prior alpha^cost)'x and a function of x alone. For the entropy -theta is log(1 / alpha) cost
    to leading order; for a power potential it is w = prior^-q and a power of alpha, if that is the same for all. Such
    powers are known to rounding only: they are given to 46 bits, so that ratios that are short numbers tie as they do.

    Raises
    ------
    NotAdmissibleError
        If it is not the same.
    """
    if potential.is_logarithmic:
        return cost
    if not (cost > 0).all() or np.ptp(cost) > 0:
        raise NotAdmissibleError(
            f"the theory of projections{potential.of_depth} is that of one positive exponent of alpha: with others the "
            "terms of the l1 norm are of different orders as alpha -> 0, and the limit minimises one after the other; "
            "give factors by prior="
        )
    mantissa, exponent = np.frexp(np.asarray(-potential.gradient(log_prior), dtype=np.float64))
    return np.asarray(np.ldexp(np.round(np.ldexp(mantissa, _KNOWN_BITS)), exponent - _KNOWN_BITS))


def rounding(cone: KernelCone, on: Vector, off: Vector, b: Vector) -> Vector:
    """Bound the rounding of the slacks c_j - (B'c_S + C'b)_j, shape (|R|,), each by its column's own terms."""
    terms = np.abs(off) + np.abs(cone.B).T @ np.abs(on) + np.abs(cone.C).T @ np.abs(b)
    return np.asarray((ROUNDINGS + cone.support.size * EPS) * cone.condition * terms, dtype=np.float64)
