"""The bounds on the deviation of a signed x(alpha), from those of the doubled system.

What bounds ||(x_plus, x_minus) - (x*_plus, x*_minus)||_1 from above bounds ||x(alpha) - x*||_1. From below, with p the
prior, x_plus_j x_minus_j = p_j^2, because the multipliers of the two cancel. If the largest entry of (x_plus, x_minus)
off the support of x* is at least L > max p, and no entry of it is the other part of one on S, then for that entry

    |x_j| = x_plus_j - p_j^2 / x_plus_j >= L - max p^2 / L.

The other part of an entry on S would be p_i^2 / x_i < L for x_i >= p_i, which x*_i less the upper bound may show.
At rho = 0 there is no such L, and no bound: A = [1, 0], y = 1 has x(alpha) = x*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import EPS
from bregman_l1.caching import cached_property
from bregman_l1.errors import NotAdmissibleError
from bregman_l1.theory.alpha_plan import AlphaPlan, crossing
from bregman_l1.theory.analysis_bounds import Bounds
from bregman_l1.theory.deviation import log_projection
from bregman_l1.theory.laws import laws_of
from bregman_l1.theory.signed_constants import DoubledConstants, SignedConstants
from bregman_l1.theory.signed_deviation import signed_deviation

if TYPE_CHECKING:
    from bregman_l1.theory.asymptotics import Layer
    from bregman_l1.theory.bounds import LowerForm
    from bregman_l1.theory.enclosure import Encloser, Enclosure
    from bregman_l1.theory.limit import Limit
    from bregman_l1.theory.rigorous.enclosure import Scale

# Roundings of the arithmetic here, which are taken off a lower bound.
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
        log_prior = scale.log_alpha + self._limit.log_prior
        on, off = float(log_prior[self._limit.support].max()), float(log_prior[self._limit.cone.outside].max())
        if not log_largest > off:
            raise NotAdmissibleError(
                "the lower bound of a signed x needs one of (x_plus, x_minus) above the prior, as it has where rho > 0 "
                f"and alpha is small: its logarithm is {log_largest:.6g}, that of the prior {off:.6g}, and rho = "
                f"{self._constants.rho}. At rho = 0 the parts may cancel: A = [1, 0], y = 1 has x(alpha) = x*"
            )
        self._require_large_support(self.log_upper(scale, rigorous=rigorous), on)
        lower = log_largest + float(np.log(-np.expm1(2 * (off - log_largest))))
        return lower - _ROUNDINGS * EPS * (1.0 + abs(log_largest) + abs(lower))

    def _require_large_support(self, log_upper: float, log_prior: float) -> None:
        """Refuse an alpha at which an entry on S might be below the prior."""
        least = float(self._limit.x_S.min()) - float(np.exp(log_upper))
        if not least > 2 * float(np.exp(log_prior)):
            raise NotAdmissibleError(
                "the lower bound of a signed x needs an upper bound (II.3) that keeps x(alpha) on S above the prior"
            )

    def off_support(self, scale: Scale, *, rigorous: bool) -> Enclosure:
        """Enclose both parts."""
        return self.doubled.off_support(scale, rigorous=rigorous)

    def deviation(self, scale: Scale, *, rigorous: bool) -> Enclosure:
        """Enclose the deviation of both parts."""
        return self.doubled.deviation(scale, rigorous=rigorous)

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
