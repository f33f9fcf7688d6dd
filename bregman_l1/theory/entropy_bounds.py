"""The bounds on the deviation of the network of depth 2: Theorem II.2, the sharp enclosures, and proofs of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.caching import cached_property
from bregman_l1.errors import NotAdmissibleError, UndefinedConstantError
from bregman_l1.polyhedron.kernel_cone import EMPTY_BASE
from bregman_l1.theory.alpha_plan import AlphaPlan, crossing
from bregman_l1.theory.analysis_bounds import Bounds
from bregman_l1.theory.asymptotics import leading_constants
from bregman_l1.theory.bounds import TheoremBounds
from bregman_l1.theory.deviation import log_deviation
from bregman_l1.theory.enclosure import POINT, Encloser, Enclosure
from bregman_l1.theory.rigorous.bounds import RigorousTheorem
from bregman_l1.theory.rigorous.enclosure import RigorousEncloser, Scale
from bregman_l1.theory.rigorous.limit import Precisions

if TYPE_CHECKING:
    from bregman_l1.theory.asymptotics import Layer
    from bregman_l1.theory.bounds import LowerForm
    from bregman_l1.theory.limit import Limit
    from bregman_l1.theory.support_constants import SupportConstants

# Allowance for the constants in the growth of x(alpha) as alpha becomes large.
_E_FOLDS = 60.0


class EntropyBounds(Bounds):
    """Bounds around one limit.

    Parameters
    ----------
    limit : Limit
    layer : Layer, optional
        The leading layer of its kernel cone; None where x(alpha) is the same for every alpha.
    constants : SupportConstants
        The null-space constants of the support.
    """

    def __init__(self, limit: Limit, layer: Layer | None, constants: SupportConstants) -> None:
        self._limit, self._layer, self._constants = limit, layer, constants

    def log_upper(self, scale: Scale, *, rigorous: bool) -> float:
        """Log of (II.3); the enclosure of zero where x(alpha) does not move."""
        if self._layer is None:
            return self.deviation(scale, rigorous=rigorous).log_upper
        theorem = self._theorem("(II.3)")
        return self._rigorous_theorem.log_upper(scale) if rigorous else theorem.log_upper(scale.log_alpha)

    def log_lower(self, scale: Scale, form: LowerForm, *, rigorous: bool) -> float:
        """Log of (II.4); the enclosure of zero where x(alpha) does not move."""
        if self._layer is None:
            return self.deviation(scale, rigorous=rigorous).log_lower
        theorem = self._theorem("(II.4)")
        return self._rigorous_theorem.log_lower(scale, form) if rigorous else theorem.log_lower(scale.log_alpha, form)

    def off_support(self, scale: Scale, *, rigorous: bool) -> Enclosure:
        """Enclose ||x(alpha) off S||_1."""
        if rigorous:
            return self._rigorous.off_support(scale)
        return POINT if self._layer is None else self.encloser.off_support(scale.log_alpha)

    def deviation(self, scale: Scale, *, rigorous: bool) -> Enclosure:
        """Enclose ||x(alpha) - x*||_1."""
        if rigorous:
            return self._rigorous.deviation(scale)
        return POINT if self._layer is None else self.encloser.deviation(scale.log_alpha)

    @cached_property
    def encloser(self) -> Encloser:
        """What computes the enclosures."""
        if self._layer is None:
            raise UndefinedConstantError(EMPTY_BASE)
        return Encloser(self._limit, self._layer)

    def alpha_for(self, error: float, *, rigorous: bool) -> AlphaPlan:
        """Search for U(alpha) with a bound of rho_tilde, and on the path itself."""
        if self._layer is None:
            if rigorous:
                self._rigorous.deviation(Scale(log_alpha=0.0))
            return AlphaPlan(error=error, log_guaranteed=np.inf, log_exact=np.inf)
        log_error = float(np.log(error))
        guess = (log_error - leading_constants(self._limit, self._layer).total) / self._layer.rate
        farthest = self._log_alpha_of_growth(log_error)
        growth = self._growth(rigorous)
        guaranteed = crossing(lambda t: self.encloser.guarantee(t, growth) - log_error, guess, max(guess, farthest))
        if rigorous:
            guaranteed = self._rigorous.guaranteed(error, growth, min(guaranteed, max(guess, farthest)))
        exact = crossing(lambda t: log_deviation(self._limit, t) - log_error, guaranteed, farthest)
        return AlphaPlan(error=error, log_guaranteed=guaranteed, log_exact=exact)

    def _log_alpha_of_growth(self, log_error: float) -> float:
        """A log(alpha) at which a deviation that is not bounded is far beyond the error: it grows like the prior."""
        size = max(0.0, log_error, float(np.log(self._limit.x_S.max())))
        cost = np.abs(self._limit.cost)
        return (size + _E_FOLDS) / float(cost[cost > 0].min())

    def _growth(self, rigorous: bool) -> float:
        """A bound of ||B p||_1 for the shares p."""
        if rigorous:
            return self._rigorous_theorem.rho_tilde
        return self._constants.rho_tilde.upper if self._limit.unique else self.encloser.largest_response

    def _theorem(self, name: str) -> TheoremBounds:
        if not self._limit.unique:
            raise NotAdmissibleError(
                f"{name} needs a unique l1 minimiser (Assumption II.1(c)); enclosure() and rate do not"
            )
        if not self._limit.has_unit_cost:
            raise NotAdmissibleError(f"{name} is stated for unit costs; enclosure() and rate hold for any")
        return self._unit_theorem

    @cached_property
    def _unit_theorem(self) -> TheoremBounds:
        limit = self._limit
        ratio, off = limit.x_S / limit.prior[limit.support], limit.prior[limit.cone.outside]
        return TheoremBounds(
            rho=self._constants.rho,
            rho_tilde=self._constants.rho_tilde,
            rho_minus=self._constants.rho_minus,
            smallest=float(ratio.min()),
            largest=float(ratio.max()),
            least_entry=float(limit.x_S.min()),
            least_prior=float(off.min()),
            total_prior=float(off.sum()),
            is_even=limit.has_even_prior,
        )

    @property
    def _rigorous(self) -> RigorousEncloser:
        """The encloser in balls."""
        return RigorousEncloser(self._precisions, None if self._layer is None else self.encloser)

    @cached_property
    def _rigorous_theorem(self) -> RigorousTheorem:
        """The bounds in balls."""
        return RigorousTheorem(self._precisions, self._constants.time_limit)

    @cached_property
    def _precisions(self) -> Precisions:
        """The limit in balls."""
        if not self._limit.unique:
            raise NotAdmissibleError(
                "rigorous=True needs a unique minimiser: the limit of several is known up to rounding only, and no "
                "right-hand side is known for which it is the limit exactly; without it the enclosures hold up to "
                "rounding"
            )
        return Precisions(self._limit)
