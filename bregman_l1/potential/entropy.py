"""The entropy, of depth 2: theta is the logarithm itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from flint import arb

from bregman_l1._types import Real, Vector, Wide
from bregman_l1.potential.base import Potential, by_sign
from bregman_l1.system import largest

if TYPE_CHECKING:
    import cvxpy as cp

# Misfits m below this have e^-m - 1 + m = m^2 / 2 to as many digits as a gap is worth.
_TINY_MISFIT = 1e-8


@dataclass(frozen=True, slots=True)
class Entropy(Potential):
    """x log x - x, of the network of depth 2: theta = log x, x = p exp(A'lam).

    Examples
    --------
    >>> import numpy as np
    >>> Entropy().log_primal(np.array([-2302.6])).tolist()
    [-2302.6]
    """

    depth: float = field(default=2.0, init=False)

    cones = frozenset({"linear", "exponential"})
    is_logarithmic = True

    @property
    def of_depth(self) -> str:
        return ""

    @property
    def ratio_text(self) -> str:
        return "log(x/p)"

    @property
    def flow_rate(self) -> float:
        return 8.0

    @property
    def reach(self) -> float:
        return math.inf

    @property
    def spread(self) -> float:
        return 1.0

    def in_unit_of(self, log_prior: Wide) -> Entropy:  # noqa: ARG002 - logarithms need no unit
        return self

    @property
    def log_dual_unit(self) -> float:
        return 0.0

    def gradient(self, log_x: Real) -> Real:
        return log_x

    def prior_rounding(self, log_prior: Wide) -> float:  # noqa: ARG002
        return 0.0

    def log_primal(self, theta: Real) -> Real:
        return theta

    def log_change(self, theta: Wide, change: Wide) -> Vector:  # noqa: ARG002
        return np.asarray(change, dtype=np.float64)

    def log_growth(self, theta: Vector, change: Vector) -> Vector:  # noqa: ARG002
        return change

    def predicted(self, rate: Vector, fall: Vector, step: float) -> Vector:  # noqa: ARG002
        return np.asarray(step * rate)

    def slope(self, log_x: Wide) -> float:  # noqa: ARG002
        return 1.0

    def log_weight(self, log_x: Vector) -> Vector:
        return log_x

    def ball_gradient(self, log_x: arb) -> arb:
        return log_x

    def ball_log_primal(self, theta: arb) -> arb:
        return theta

    def ball_slope(self, theta: arb) -> arb:  # noqa: ARG002
        return arb(1)

    def divergence(self, x: Vector, log_x: Vector, log_prior: Vector) -> float:
        terms = log_x - log_prior
        if not x.min() > 0:
            terms[~(x > 0)] = 0.0
        return float(x @ terms - x.sum() + np.exp(log_prior).sum())

    def misfit(self, theta: Vector, misfit: Vector) -> Vector:  # noqa: ARG002
        return misfit

    def size(self, x: Vector, theta: Vector, change: Vector) -> float:  # noqa: ARG002
        return float(x.sum() + x @ np.abs(change))

    def distance(self, x: Vector, theta: Vector, misfit: Vector, rounding: float) -> float:  # noqa: ARG002
        if largest(misfit) < _TINY_MISFIT:
            return float(x @ (misfit * misfit)) / 2
        return float(x @ (np.expm1(-misfit) + misfit))

    def tilt(self, log_prior: Vector) -> Vector:
        return np.asarray(1.0 + log_prior)

    def expression(self, x: cp.Expression) -> cp.Expression:
        import cvxpy

        return -cvxpy.sum(cvxpy.entr(x))

    def split(self, x: Vector, log_prior: Vector) -> Vector:
        prior = np.exp(log_prior)
        larger = np.abs(x) / 2 + np.hypot(x / 2, prior)
        return by_sign(x, larger, np.divide(prior, larger, out=np.zeros_like(prior), where=larger > 0) * prior)


ENTROPY = Entropy()
