"""What the theory says of a signed x(alpha) = x_plus - x_minus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import Index, Vector
from bregman_l1.caching import cached_property
from bregman_l1.entry import entry_points
from bregman_l1.parts import both
from bregman_l1.scale import natural_log_alpha
from bregman_l1.system import LinearSystem, checked_system
from bregman_l1.theory.analysis import Analysis
from bregman_l1.theory.asymptotics import LeadingConstants, PowerLaws
from bregman_l1.theory.deviation import Deviation, log_projection
from bregman_l1.theory.signed_bounds import SignedBounds
from bregman_l1.theory.signed_constants import SignedConstants
from bregman_l1.theory.signed_deviation import (
    is_constant,
    log_largest_off_signed_support,
    signed_deviation,
    signed_leading_constants,
    signed_power_laws,
)
from bregman_l1.validation import checked_prior, checked_vector, checked_weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bregman_l1.proof import Proof
    from bregman_l1.theory.analysis_bounds import Bounds


@entry_points
class SignedAnalysis(Analysis):
    """What the theory says about the signed projections x(alpha) of one system; made by ``analyze(signed=True)``.

    The projections are x_plus - x_minus with (x_plus, x_minus) those of the doubled system [A, -A], of which
    ``doubled`` is the analysis. Here vectors are of shape (d,), and numbers are of x itself. Of both parts, with
    vectors of shape (2d,), are ``limit``, ``encloser``, ``right_hand_side``, ``proofs``, and the argument of
    `deviation_of`; ``unique`` and ``assumed_ties`` count for both.

    Enclosures are those of both parts with what may cancel taken off the lower end, which is -inf where that is all:
    at rho = 0, and where alpha is not small. Attributes are those of an `Analysis`, and the parameters those of
    `analyze`.
    """

    def __init__(
        self,
        system: LinearSystem,
        cost: ArrayLike | None = None,
        *,
        prior: ArrayLike | None = None,
        depth: float = 2,
        time_limit: float | None = 10.0,
        proof: bool = False,
    ) -> None:
        d, names = checked_system(system).shape[1], system.column_names
        both_costs = both(checked_weights(cost, d, names))
        both_priors = both(checked_prior(prior, d, names))
        doubled = Analysis(
            system.doubled, both_costs, prior=both_priors, depth=depth, time_limit=time_limit, proof=proof
        )
        self._adopt(system, doubled)

    @classmethod
    def of(cls, system: LinearSystem, doubled: Analysis) -> SignedAnalysis:
        """That of the system whose doubled one is analysed already."""
        analysis = cls.__new__(cls)
        analysis._adopt(system, doubled)
        return analysis

    def _adopt(self, system: LinearSystem, doubled: Analysis) -> None:
        self._system, self._doubled = system, doubled
        self._limit, self._layer = doubled.limit, doubled._layer
        self._constants = SignedConstants(self._limit, time_limit=doubled._constants.time_limit)

    @property
    def system(self) -> LinearSystem:
        """The system."""
        return self._system

    @property
    def doubled(self) -> Analysis:
        """The analysis of (x_plus, x_minus), vectors of shape (2d,)."""
        return self._doubled

    @property
    def is_signed(self) -> bool:
        """Whether x may have either sign: it may."""
        return True

    @property
    def cost(self) -> Vector:
        """Exponents of alpha in the prior, shape (d,)."""
        return self._half(self._limit.cost)

    @property
    def prior(self) -> Vector:
        """Factors of alpha**cost in the prior, shape (d,)."""
        return self._half(self._limit.prior)

    @property
    def x_star(self) -> Vector:
        """The limit of x(alpha), shape (d,): the minimiser that `Analysis.x_star` describes, of |x_j| for x_j."""
        plus, minus = np.split(self._limit.x, 2)
        return np.asarray(plus - minus)

    @property
    def support(self) -> Index:
        """Indices of the entries of ``x_star`` that are not zero."""
        return np.sort(self._limit.support % self.system.shape[1])

    @cached_property
    def moves(self) -> bool:
        """Whether x(alpha) depends on alpha at all; decided up to rounding where the leading parts cancel."""
        return self._has_leading_part or not is_constant(self._system, self._limit)

    @property
    def rate(self) -> float:
        """The exponent of the leading order: ||x(alpha) - x*|| ~ alpha^rate, that of both parts.

        NaN where the leading parts of x_plus and x_minus cancel, and the deviation is of smaller order than
        alpha^doubled.rate; infinite where x(alpha) = x* for every alpha.
        """
        if self._has_leading_part:
            return self._doubled.rate
        return np.nan if self.moves else np.inf

    @property
    def _has_leading_part(self) -> bool:
        return self.log_leading_constants.total > -np.inf

    @property
    def signs(self) -> Vector:
        """Signs of ``x_star``, shape (d,): 1, -1 and 0."""
        return np.sign(self.x_star)

    @property
    def proofs(self) -> Mapping[str, Proof]:
        """What was proved in rationals of the doubled system."""
        return self._doubled.proofs

    @cached_property
    def power_laws(self) -> PowerLaws:
        """Exponent and coefficient of |x(alpha)_j|; NaN where the leading terms of its two parts are the same."""
        return signed_power_laws(self._doubled.power_laws)

    @property
    def log_leading_constant(self) -> float:
        """Logarithm of K with ||x(alpha) off S||_1 / alpha^rate -> K; -inf where all leading parts cancel."""
        return self.log_leading_constants.off_support

    @cached_property
    def log_leading_constants(self) -> LeadingConstants:
        """The same for three norms of x: l1 off the support, l1 of x - x*, largest entry off the support."""
        if self._layer is None:
            return self._doubled.log_leading_constants
        return signed_leading_constants(self._limit, self._layer)

    def deviation_of(self, log_x: ArrayLike) -> Deviation:
        """Return the deviation from ``x_star`` of a projection, given by the logarithms of both parts, shape (2d,).

        What is returned and raised is that of `Analysis.deviation_of`.
        """
        return signed_deviation(self._limit, checked_vector("log_x", log_x, self._limit.x.size))

    def log_largest_off_support(self, alpha: float | None = None, *, log_alpha: float | None = None) -> float:
        """Return log ||x(alpha) off S||_inf itself, from a certified projection, good to about 1e-9."""
        t = natural_log_alpha(alpha, log_alpha)
        return log_largest_off_signed_support(self._limit, log_projection(self._limit, t))

    @cached_property
    def _bounds(self) -> Bounds:
        assert isinstance(self._constants, SignedConstants)
        return SignedBounds(self._limit, self._layer, self._constants)

    def _half(self, values: Vector) -> Vector:
        return values[: self.system.shape[1]]
