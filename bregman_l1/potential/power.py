"""The powers, of depth D > 2, and their limit for infinite depth, the logarithmic barrier.

Theta = -x^-q with q = (D - 2) / D is the slack of the dual constraint A'lam < w = p^-q.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

import numpy as np
from flint import arb, fmpq

from bregman_l1._types import Real, Vector, Wide
from bregman_l1.potential.base import Potential, by_sign
from bregman_l1.system import largest

if TYPE_CHECKING:
    import cvxpy as cp

# Logarithms up to which double precision holds a number with all its digits.
_LARGEST_LOG = 700.0
_MOST_SPLITTING_STEPS = 20
_OWN = 1.1  # a rate of x over that of its prior above which it is another's
_FAR = 100.0  # e-folds beyond which the divergence is that of its terms, none of which cancels


@dataclass(frozen=True, slots=True)
class Power(Potential):
    """-x^(1-q) / (1-q), q = (D-2)/D, of a network of depth D > 2: theta = -x^-q, x = (w - A'lam)^(-1/q), w = p^-q.

    Parameters
    ----------
    depth : float
        D, finite.
    log_unit : float
        Theta is counted in units of exp(-q log_unit): x = exp(log_unit) has theta = -1.

    Examples
    --------
    >>> import numpy as np
    >>> cube = Power(3.0)
    >>> cube.log_primal(cube.gradient(np.array([-2.0, 1.0]))).round(12).tolist()
    [-2.0, 1.0]
    """

    log_unit: float = 0.0

    cones = frozenset({"linear", "power"})
    is_logarithmic = False

    @property
    def exponent(self) -> float:
        """Q, in (0, 1]."""
        return (self.depth - 2.0) / self.depth

    @property
    def exact_exponent(self) -> fmpq:
        """Q of the depth as the rational that it is, where ``exponent`` is rounded."""
        numerator, denominator = self.depth.as_integer_ratio()
        return fmpq(numerator - 2 * denominator, numerator)

    @property
    def rest(self) -> float:
        """1 - q = 2 / D, the power of x in the potential."""
        return 2.0 / self.depth

    @property
    def of_depth(self) -> str:
        return f" of depth {self.depth:g}"

    @property
    def ratio_text(self) -> str:
        return f"(p^-{self.exponent:.3g} - x^-{self.exponent:.3g})"

    @property
    def flow_rate(self) -> float:
        return 2.0 * self.depth * (self.depth - 2.0)

    @property
    def reach(self) -> float:
        return 0.5 / self.exponent

    @property
    def spread(self) -> float:
        return 1.0 + self.exponent

    def in_unit_of(self, log_prior: Wide) -> Power:
        return replace(self, log_unit=float(log_prior.min()))

    @property
    def log_dual_unit(self) -> float:
        return -self.exponent * self.log_unit

    def gradient(self, log_x: Real) -> Real:
        return cast("Real", -self._slack(log_x))

    def prior_rounding(self, log_prior: Wide) -> float:
        of_logarithms = float(np.finfo(log_prior.dtype).eps) * largest(log_prior)
        return self.exponent * of_logarithms if (log_prior != log_prior[0]).any() else 0.0

    def log_primal(self, theta: Real) -> Real:
        with np.errstate(divide="ignore", invalid="ignore"):
            return cast("Real", self.log_unit - np.log(np.maximum(-theta, 0.0)) / self.exponent)

    def log_change(self, theta: Wide, change: Wide) -> Vector:
        return np.asarray(change / (-self.exponent * theta), dtype=np.float64)

    def log_growth(self, theta: Vector, change: Vector) -> Vector:
        return np.asarray(-np.log1p(change / theta) / self.exponent)

    def predicted(self, rate: Vector, fall: Vector, step: float) -> Vector:
        # The multiplier is smooth in p^q. Where x goes with its own p so is its slack s / w, here to first order; where
        # x comes to rest, or goes with another p that falls faster, its logarithm is.
        with np.errstate(all="ignore"):
            share, left = rate / fall, np.exp(self.exponent * step * fall)
            moved = step * fall - np.log(left + (1.0 - left) * share) / self.exponent
        return np.where((share > 0.5) & (share < _OWN), moved, step * rate)

    def slope(self, log_x: Wide) -> Wide:
        return np.asarray(self.exponent * self._slack(log_x))

    def ball_gradient(self, log_x: arb) -> arb:
        return -(-(log_x * self.exact_exponent)).exp()

    def ball_log_primal(self, theta: arb) -> arb:
        return -(-theta).log() / self.exact_exponent

    def ball_slope(self, theta: arb) -> arb:
        return -theta * self.exact_exponent

    def _slack(self, log_x: Wide) -> Wide:
        """X^-q, in extended precision where it leaves the range of double precision."""
        log_slack = -self.exponent * (log_x - self.log_unit)
        if np.max(np.abs(log_slack), initial=0.0) > _LARGEST_LOG:
            log_slack = log_slack.astype(np.longdouble)
        return np.asarray(np.exp(log_slack))

    def log_weight(self, log_x: Vector) -> Vector:
        return np.asarray((1.0 + self.exponent) * log_x - (self.exponent * self.log_unit + math.log(self.exponent)))

    def divergence(self, x: Vector, log_x: Vector, log_prior: Vector) -> float:  # noqa: ARG002
        some = log_prior > -np.inf  # where the prior is zero, so is x
        log_x, log_prior = log_x[some], log_prior[some]
        log_ratio, log_size = log_x - log_prior, self.rest * log_prior
        near = np.exp(log_size) * self._relative(np.clip(log_ratio, -_FAR, _FAR))
        # x / p may overflow where w x does not.
        far = np.exp(log_x - self.exponent * log_prior) - self._beyond(log_ratio, log_size)
        return float(np.where(np.abs(log_ratio) < _FAR, near, far).sum())

    def _relative(self, log_ratio: Vector) -> Vector:
        """The divergence of exp(log_ratio) from 1."""
        return np.asarray(np.expm1(log_ratio) - np.expm1(self.rest * log_ratio) / self.rest)

    def _beyond(self, log_ratio: Vector, log_size: Vector) -> Vector:
        """What the divergence of a far x falls short of w x."""
        size = np.exp(log_size)
        return np.asarray(size + (np.exp(self.rest * log_ratio + log_size) - size) / self.rest)

    def misfit(self, theta: Vector, misfit: Vector) -> Vector:
        return np.asarray(misfit / np.maximum(1.0, -theta))

    def size(self, x: Vector, theta: Vector, change: Vector) -> float:
        return float(x @ (np.abs(theta) + np.abs(change)))

    def distance(self, x: Vector, theta: Vector, misfit: Vector, rounding: float) -> float:
        # A slack far below 1 is no difference of terms of the size 1: rounding of these says nothing of it.
        excess = np.sign(misfit) * np.maximum(np.abs(misfit) - rounding, 0.0)
        relative = np.divide(excess, -theta, out=np.zeros_like(theta), where=excess != 0.0)
        return float((x * -theta) @ self._of_slack(relative))

    def _of_slack(self, relative: Vector) -> Vector:
        """The divergence of x from where its slack s is longer by a relative change, over x s."""
        power = self.rest / self.exponent
        return np.asarray(np.expm1(-power * np.log1p(relative)) / power + relative)

    def tilt(self, log_prior: Vector) -> Vector:
        return np.asarray(-np.exp(-self.exponent * log_prior))

    def expression(self, x: cp.Expression) -> cp.Expression:
        import cvxpy

        return -cvxpy.sum(cvxpy.power(x, self.rest, approx=False)) / self.rest

    def split(self, x: Vector, log_prior: Vector) -> Vector:
        # With x and v = x_minus in units of the prior, slacks of the two add up to 2: v = (2 - (x + v)^-q)^(-1/q), the
        # difference of whose sides grows with v.
        q, size = self.exponent, np.abs(x) / np.exp(log_prior)
        v = np.ones(x.size)
        for _ in range(_MOST_SPLITTING_STEPS):
            slack = (size + v) ** -q
            wanted = (2.0 - slack) ** (-1.0 / q)
            step = (v - wanted) / (1.0 + wanted / (2.0 - slack) * slack / (size + v))
            v = np.clip(v - step, 2.0 ** (-1.0 / q), 1.0)
        return by_sign(x, (size + v) * np.exp(log_prior), v * np.exp(log_prior))


@dataclass(frozen=True, slots=True)
class LogBarrier(Power):
    """-log x, of an infinitely deep network: theta = -1/x, the central path of the linear program min w'x.

    Examples
    --------
    >>> import numpy as np
    >>> LogBarrier().depth, LogBarrier().gradient(np.log([0.5, 4.0])).round(12).tolist()
    (inf, [-2.0, -0.25])
    """

    depth: float = field(default=math.inf, init=False)

    cones = frozenset({"linear", "exponential"})

    @property
    def exponent(self) -> float:
        return 1.0

    @property
    def exact_exponent(self) -> fmpq:
        return fmpq(1)

    @property
    def flow_rate(self) -> float:
        return math.inf

    def _relative(self, log_ratio: Vector) -> Vector:
        return np.asarray(np.expm1(log_ratio) - log_ratio)

    def _beyond(self, log_ratio: Vector, log_size: Vector) -> Vector:  # noqa: ARG002
        return np.asarray(1.0 + log_ratio)

    def _of_slack(self, relative: Vector) -> Vector:
        return np.asarray(relative - np.log1p(relative))

    def expression(self, x: cp.Expression) -> cp.Expression:
        import cvxpy

        return -cvxpy.sum(cvxpy.log(x))
