"""Theorem II.2 of Matt & Stoeger 2025 in balls, with constants that are proved to be on the safe side.

With G A_S = I, A_S'mu = w, and (-z, q) in ker A, q >= 0, sum q = 1, all exactly (`bregman_l1.theory.rigorous.limit`):

    rho         sum z_i <= rho <= max_j a_j'mu for w = 1
    rho_tilde   <= max_j ||G a_j||_1
    rho_minus   <= max_j sum_i max((G a_j)_i, 0)

Where few entries of n_S = -z change their signs, the last two are bounded as rho is, over every pattern w of these
signs; entries that do not change theirs are bounded likewise, by how far they may be on the other side.
"""

from __future__ import annotations

from functools import reduce
from itertools import product as sequences
from typing import Literal, NamedTuple

import numpy as np
from flint import arb

from bregman_l1._types import Matrix, Vector
from bregman_l1.budget import Budget
from bregman_l1.caching import cached_property
from bregman_l1.errors import NotAdmissibleError
from bregman_l1.polyhedron.kernel_cone import KernelCone
from bregman_l1.problems.left_inverse import best_left_inverse
from bregman_l1.problems.nullspace import NullSpaceConstant
from bregman_l1.proof.arithmetic import entrywise, exactly, maximum, product
from bregman_l1.proof.record import Unproved
from bregman_l1.theory.bounds import LowerForm
from bregman_l1.theory.constants import is_quick
from bregman_l1.theory.rigorous.enclosure import Scale, or_not_admissible
from bregman_l1.theory.rigorous.limit import BallLimit, Precisions, above, below

Convex = Literal["rho_tilde", "rho_minus"]

# Ranges of an entry of n_S that leave zero on one side by less than this share of the other are one-sided.
_ONE_SIDED = 1e-9
_MOST_MIXED = 6


class RigorousTheorem:
    """The bounds of Theorem II.2 for unit costs and a unique minimiser, in balls.

    Parameters
    ----------
    precisions : Precisions
        The limit in balls.
    seconds : float
        The time for each bound over left inverses.
    """

    def __init__(self, precisions: Precisions, seconds: float) -> None:
        self._precisions, self._seconds = precisions, seconds
        self._limit = precisions.limit

    @cached_property
    def rho_upper(self) -> float:
        """A float above rho; below one it proves that the minimiser is unique."""
        cone = self._limit.cone
        ones = np.ones(cone.support.size)
        mu = cone.dual_vector(ones, self._limit.steepest.b)
        bound = self._precisions.first_proved(lambda limit: above(_dual_bound(limit, ones, mu)))
        if not bound < 1:
            raise Unproved("rho < 1", f"the dual vector proves rho <= {bound:.17g} only")
        return bound

    @cached_property
    def rho_lower(self) -> float:
        """A float below rho."""
        p = exactly(self._limit.steepest.p)
        return self._precisions.first_proved(lambda limit: below(sum(limit.kernel_vector(p).z, arb(0))))

    @cached_property
    def rho_tilde(self) -> float:
        """A float above rho_tilde."""
        return self._convex("rho_tilde")

    @cached_property
    def rho_minus(self) -> float:
        """A float above rho_minus."""
        return self._convex("rho_minus")

    @or_not_admissible
    def log_upper(self, scale: Scale) -> float:
        """Log of the bound (II.3) on ||x(alpha) - x*||_1, rounded up.

        Raises
        ------
        NotAdmissibleError
            Unless alpha < min x*_S / prior_S, and where a constant could not be proved.
        """
        rho, rho_tilde, rho_minus = (arb(value) for value in (self.rho_upper, self.rho_tilde, self.rho_minus))

        def bound(limit: BallLimit) -> float:
            _check_scale(limit, scale)
            return above(rho_tilde.log1p() + _log_off_support(limit, scale, rho, rho_minus))

        return self._precisions.first_proved(bound, scale.log_alpha)

    @or_not_admissible
    def log_lower(self, scale: Scale, form: LowerForm) -> float:
        """Log of the bound (II.4) on ||x(alpha) off S||_inf, rounded down.

        Raises
        ------
        NotAdmissibleError
            Where the form asked for is not claimed to hold, and where a constant could not be proved.
        """
        low, rho, rho_tilde, rho_minus = (
            arb(value) for value in (self.rho_lower, self.rho_upper, self.rho_tilde, self.rho_minus)
        )

        def bound(limit: BallLimit) -> float:
            _check_scale(limit, scale)
            size = _log_off_support(limit, scale, rho, rho_minus).exp() / reduce(arb.min, limit.x)
            exponent = low * (maximum(limit.log_ratio) - scale.ball) - rho_minus * _log_kappa(limit)
            common = scale.ball + reduce(arb.min, limit.log_prior_R) + exponent
            return below(common + (_corrected if form == "corrected" else _printed)(rho_tilde, size))

        return self._precisions.first_proved(bound, scale.log_alpha)

    @or_not_admissible
    def _convex(self, kind: Convex) -> float:
        """The least bound of a constant that is the maximum of a convex function."""
        problem = NullSpaceConstant.over(self._limit.cone, kind)
        shift = best_left_inverse(problem, Budget(seconds=self._seconds))
        bounds = [self._precisions.first_proved(lambda limit: above(_column_bound(limit, shift, kind)))]
        duals = None if self._limit.cone.is_orthant else _duals(self._limit.cone, kind)
        if duals is not None:
            bounds.append(self._precisions.first_proved(lambda limit: above(_bound_over_patterns(limit, duals, kind))))
        return min(bounds)


def _corrected(rho_tilde: arb, size: arb) -> arb:
    """rho_tilde log(1 - g) with g = rho_tilde |S^c| kappa^{rho_minus} eps^{1 - rho}."""
    g = rho_tilde * size
    if not g < 1:
        raise NotAdmissibleError(
            "rigorous=True: the corrected lower bound needs rho_tilde |S^c| kappa^rho_minus "
            f"(alpha / min x*_S)^(1 - rho) < 1; with the constants proved it is {float(g.mid()):.6g}"
        )
    return rho_tilde * (-g).log1p()


def _printed(rho_tilde: arb, size: arb) -> arb:
    """log(1 - C eps^{1 - rho}) with C = 2 (1 + rho_tilde) |S^c| kappa^{rho_minus}."""
    excess = 2 * (1 + rho_tilde) * size
    if not excess < 1:
        raise NotAdmissibleError(
            "rigorous=True: (II.4) needs 2 (1 + rho_tilde) |S^c| kappa^rho_minus (alpha / min x*_S)^(1 - rho) <= 1; "
            f"with the constants proved it is {float(excess.mid()):.6g}"
        )
    return (-excess).log1p()


def _check_scale(limit: BallLimit, scale: Scale) -> None:
    """Refuse an alpha that is not proved to be below min x*_S / prior_S."""
    smallest = reduce(arb.min, limit.log_ratio)
    if not scale.ball < smallest:
        raise NotAdmissibleError(
            f"rigorous=True: Theorem II.2 needs alpha < min x*_S / prior_S = {float(smallest.exp()):.6g}; "
            f"got log alpha = {scale.log_alpha:.6g}"
        )


def _log_off_support(limit: BallLimit, scale: Scale, rho: arb, rho_minus: arb) -> arb:
    """Log of the bound on ||x(alpha) off S||_1, a sum of the prior there for |S^c| (see `TheoremBounds`)."""
    total = sum((value.exp() for value in limit.log_prior_R), arb(0)).log()
    return scale.ball + rho * (reduce(arb.min, limit.log_ratio) - scale.ball) + total + rho_minus * _log_kappa(limit)


def _log_kappa(limit: BallLimit) -> arb:
    """log(max / min of x*_S / prior_S)."""
    return maximum(limit.log_ratio) - reduce(arb.min, limit.log_ratio)


def _column_bound(limit: BallLimit, shift: Matrix, kind: Convex) -> arb:
    """The largest value of the constant's function at a column of G A_R, for the left inverse of a shift."""
    columns = limit.left_inverse(shift) * limit.A_R
    size = abs if kind == "rho_tilde" else arb.nonnegative_part
    return maximum(product(entrywise(size, columns).transpose(), [arb(1)] * columns.nrows()))


class _Duals(NamedTuple):
    """Dual vectors, with the weights w = A_S'mu that belong to them.

    ``patterns`` are those of the patterns of signs; ``sides`` bound how far entries go to their other side.
    """

    patterns: list[tuple[Vector, Vector]]
    sides: list[tuple[Vector, Vector]]


def _duals(cone: KernelCone, kind: Convex) -> _Duals | None:
    """What bounds a constant over all patterns of signs; None where these are too many."""
    if not is_quick(cone):
        return None
    low, high = cone.ranges
    signs = np.where(high >= -low, 1.0, -1.0)
    mixed = np.minimum(high, -low) > _ONE_SIDED * np.maximum(high, -low)
    if np.count_nonzero(mixed) > _MOST_MIXED:
        return None
    off = -1.0 if kind == "rho_tilde" else 0.0

    def with_dual(weights: Vector) -> tuple[Vector, Vector]:
        return weights, cone.dual_vector(weights, cone.maximise(cone.total(weights)).b)

    found = []
    for pattern in sequences((1.0, -1.0), repeat=int(np.count_nonzero(mixed))):
        signs[mixed] = pattern
        found.append(with_dual(np.where(signs > 0, 1.0, off)))
    sides = [with_dual(-signs[i] * np.eye(signs.size)[i]) for i in np.flatnonzero(~mixed)]
    return _Duals(patterns=found, sides=sides)


def _bound_over_patterns(limit: BallLimit, duals: _Duals, kind: Convex) -> arb:
    """|v_i| <= s_i v_i + 2 max(-s_i v_i, 0) for either sign s_i, and max(v_i, 0) likewise without the factor."""
    best = maximum([_dual_bound(limit, *dual) for dual in duals.patterns])
    beyond = sum((_dual_bound(limit, *dual).nonnegative_part() for dual in duals.sides), arb(0))
    return best + (2 if kind == "rho_tilde" else 1) * beyond


def _dual_bound(limit: BallLimit, weights: Vector, mu: Vector) -> arb:
    """max_j a_j'mu off S, which bounds weights'z over the kernel vectors (-z, q), for the mu with A_S'mu = weights."""
    return maximum(limit.off_support(limit.dual_vector(mu, exactly(weights))))
