"""The bounds on the deviation of a signed x(alpha), from those of the doubled system.

What bounds ||(x_plus, x_minus) - (x*_plus, x*_minus)||_1 from above bounds ||x(alpha) - x*||_1. From below, with p the
prior, x_plus_j x_minus_j = p_j^2, because the multipliers of the two cancel. If the largest entry of (x_plus, x_minus)
off the support of x* is at least L > max p, and no entry of it is the other part of one on S, then for that entry

    |x_j| = x_plus_j - p_j^2 / x_plus_j >= L - max p^2 / L.

The other part of an entry on S would be p_i^2 / x_i < L for x_i >= p_i, which x*_i less the upper bound may show.
At rho = 0 there is no such L, and no bound: A = [1, 0], y = 1 has x(alpha) = x*.

The same says how much of both parts cancels: min(x_plus_j, x_minus_j) <= p_j, so that x_plus_j + x_minus_j is at most
|x_j| + 2 p_j off S. On S, while x_i >= p_i, the other part is at most p_i. So the sum over both parts, off the support
or of all of the deviation, exceeds that of x by at most 2 sum_j p_j, which is of higher order where rho > 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import EPS, Index
from bregman_l1.caching import cached_property
from bregman_l1.errors import NotAdmissibleError
from bregman_l1.theory.alpha_plan import AlphaPlan, crossing
from bregman_l1.theory.analysis_bounds import Bounds
from bregman_l1.theory.deviation import log_projection
from bregman_l1.theory.enclosure import Enclosure
from bregman_l1.theory.laws import laws_of
from bregman_l1.theory.logarithms import exponential
from bregman_l1.theory.signed_constants import DoubledConstants, SignedConstants
from bregman_l1.theory.signed_deviation import signed_deviation

if TYPE_CHECKING:
    from bregman_l1.theory.asymptotics import Layer
    from bregman_l1.theory.bounds import LowerForm
    from bregman_l1.theory.enclosure import Encloser
    from bregman_l1.theory.limit import Limit
    from bregman_l1.theory.rigorous.enclosure import Scale

# Roundings of each logarithm here, by which a lower bound is moved down.
_ROUNDINGS = 8
# E-folds of alpha beyond the guarantee in which the exact one is looked for.
_FARTHEST = 200.0


class SignedBounds(Bounds):
    """Bounds around one limit.

    Parameters
    ----------
    limit : Limit
        Of the doubled system.
    layer : Layer, optional
        Its leading layer.
    constants : SignedConstants
        The null-space constants of the signed support.
    """

    def __init__(self, limit: Limit, layer: Layer | None, constants: SignedConstants) -> None:
        self._limit, self._layer, self._constants = limit, layer, constants

    @cached_property
    def doubled(self) -> Bounds:
        """Those of the doubled system."""
        return laws_of(self._limit.potential).bounds(self._limit, self._layer, DoubledConstants(self._constants))

    def log_upper(self, scale: Scale, *, rigorous: bool) -> float:
        """Log of what bounds the deviation of both parts, and so of their difference."""
        return self.doubled.log_upper(scale, rigorous=rigorous)

    def log_lower(self, scale: Scale, form: LowerForm, *, rigorous: bool) -> float:
        """Log of L - max p^2 / L, rounded down."""
        log_largest = self.doubled.log_lower(scale, form, rigorous=rigorous)
        off = self._log_largest_prior(scale, self._limit.cone.outside)
        if not log_largest > off:
            raise NotAdmissibleError(
                "the lower bound of a signed x needs one of (x_plus, x_minus) above the prior, as it has where rho > 0 "
                f"and alpha is small: its logarithm is {log_largest:.6g}, that of the prior {off:.6g}, and rho = "
                f"{self._constants.rho}. At rho = 0 the parts may cancel: A = [1, 0], y = 1 has x(alpha) = x*"
            )
        if not self._is_above_prior(scale, self.log_upper(scale, rigorous=rigorous)):
            raise NotAdmissibleError(
                "the lower bound of a signed x needs an upper bound (II.3) that keeps x(alpha) on S above the prior"
            )
        return log_less(log_largest, 2 * off - log_largest)

    def off_support(self, scale: Scale, *, rigorous: bool) -> Enclosure:
        """Enclose ||x(alpha) off S||_1 by what encloses that of both parts, less what may cancel."""
        both = self.doubled.off_support(scale, rigorous=rigorous)
        return self._of_difference(both, scale, rigorous=rigorous)

    def deviation(self, scale: Scale, *, rigorous: bool) -> Enclosure:
        """Enclose ||x(alpha) - x*||_1 by what encloses that of both parts, less what may cancel."""
        both = self.doubled.deviation(scale, rigorous=rigorous)
        return self._of_difference(both, scale, rigorous=rigorous)

    def _of_difference(self, both: Enclosure, scale: Scale, *, rigorous: bool) -> Enclosure:
        """Enclose the sum of |x_plus - x_minus| from that of both; the lower end is -inf where all might cancel."""
        log_upper = self.doubled.deviation(scale, rigorous=rigorous).log_upper
        if not self._is_above_prior(scale, log_upper):
            return Enclosure(log_lower=-np.inf, log_upper=both.log_upper)
        every = np.append(self._limit.support, self._limit.cone.outside)
        # At least 2 sum_j p_j: these are the columns of both parts.
        cancelled = float(np.log(every.size)) + self._log_largest_prior(scale, every)
        return Enclosure(log_lower=log_less(both.log_lower, cancelled), log_upper=both.log_upper)

    def _is_above_prior(self, scale: Scale, log_upper: float) -> bool:
        """Whether a deviation below exp(log_upper) keeps x(alpha) on S above the prior."""
        log_prior = self._log_largest_prior(scale, self._limit.support)
        return float(self._limit.x_S.min()) - exponential(log_upper) > 2 * exponential(log_prior)

    def _log_largest_prior(self, scale: Scale, columns: Index) -> float:
        """The largest log p_j over some columns of the doubled system, rounded up."""
        power, factor = scale.log_alpha * self._limit.cost[columns], self._limit.log_prior[columns]
        return float((power + factor + _ROUNDINGS * EPS * (np.abs(power) + np.abs(factor))).max())

    def alpha_for(self, error: float, *, rigorous: bool) -> AlphaPlan:
        """The guarantee for both parts, which is one for x, and the exact alpha of x itself."""
        guaranteed, log_error = self.doubled.alpha_for(error, rigorous=rigorous).log_guaranteed, float(np.log(error))

        def excess(log_alpha: float) -> float:
            return signed_deviation(self._limit, log_projection(self._limit, log_alpha)).log_l1 - log_error

        exact = crossing(excess, guaranteed, guaranteed + _FARTHEST)
        return AlphaPlan(error=error, log_guaranteed=guaranteed, log_exact=exact)

    @property
    def encloser(self) -> Encloser:
        """What encloses both parts."""
        return self.doubled.encloser


def log_less(log_value: float, log_taken: float) -> float:
    """log(exp(log_value) - exp(log_taken)), rounded down; -inf where that is not seen to be positive.

    Examples
    --------
    >>> log_less(-2000.0, -3000.0) < -2000.0, round(log_less(0.0, -np.log(2)), 12), log_less(-5.0, -5.0)
    (True, -0.69314718056, -inf)
    """
    value = log_value - _ROUNDINGS * EPS * (1.0 + abs(log_value))
    taken = log_taken + _ROUNDINGS * EPS * (1.0 + abs(log_taken))
    if not value > taken:
        return -np.inf
    lower = value + float(np.log(-np.expm1(taken - value)))
    return lower - _ROUNDINGS * EPS * (1.0 + abs(lower))
