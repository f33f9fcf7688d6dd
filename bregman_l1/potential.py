"""`Potential`: the mirror map of a network of one depth, and the only place that knows the depth.

A network x = u^D trained by gradient flow from x = p ends at the Bregman projection of p, in the divergence of a
separable potential phi, onto {x >= 0 : A x = y}. With theta = phi'(x) its conditions are

    A x = y,    theta(x) = theta(p) + A'lam.

All that differs between depths is the map theta and its inverse, on logarithms so that x may be of any scale.
`Entropy` (D = 2) has theta = log x; `Power` (D > 2) has theta = -x^-q with q = (D - 2) / D, the slack of the dual
constraint A'lam < w = p^-q; `LogBarrier` is its limit q = 1, of infinite depth. A potential of another kind is one
more subclass.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import numpy as np
from flint import arb, fmpq

from bregman_l1._types import Vector, Wide
from bregman_l1.errors import InvalidProblemError
from bregman_l1.foreign import as_number
from bregman_l1.scale import as_float
from bregman_l1.system import largest

if TYPE_CHECKING:
    import cvxpy as cp

# Logarithms up to which double precision holds a number with all its digits.
_LARGEST_LOG = 700.0
# Misfits m below this have e^-m - 1 + m = m^2 / 2 to as many digits as a gap is worth.
_TINY_MISFIT = 1e-8
_MOST_SPLITTING_STEPS = 20

_Real = TypeVar("_Real", bound=Wide)


@dataclass(frozen=True, slots=True)
class Potential(ABC):
    """A separable potential phi on x > 0, by the coordinate theta = phi'(x), an increasing function of x.

    Parameters
    ----------
    depth : float
        The depth D of the network.
    """

    depth: float

    cones: ClassVar[frozenset[str]]
    """What a conic solver must handle to minimise it."""

    is_logarithmic: ClassVar[bool]
    """Whether theta is log x, so that the entries of a projection part into ever more scales as alpha falls."""

    @property
    @abstractmethod
    def reach(self) -> float:
        """The change of log x up to which theta may be taken for linear in it."""

    @property
    @abstractmethod
    def spread(self) -> float:
        """How many e-folds the weights d x / d theta span for each that x does."""

    @property
    @abstractmethod
    def of_depth(self) -> str:
        """The depth in words, as it follows a name; nothing for the depth that goes without saying."""

    @property
    @abstractmethod
    def ratio_text(self) -> str:
        """Theta(x) - theta(p) in symbols."""

    @property
    @abstractmethod
    def flow_rate(self) -> float:
        """The c in lam(t) = c int_0^t (y - A x), the multiplier of gradient flow on ||A x - y||^2; inf for D = inf."""

    @abstractmethod
    def in_unit_of(self, log_prior: Vector) -> Potential:
        """The potential with theta in a unit in which that of the prior stays within floating point."""

    @property
    @abstractmethod
    def log_dual_unit(self) -> float:
        """Log of the unit of theta, and so of lam."""

    @abstractmethod
    def gradient(self, log_x: _Real) -> _Real:
        """Theta where x = exp(log_x)."""

    @abstractmethod
    def log_primal(self, theta: _Real) -> _Real:
        """The log x that has this theta; infinite where theta is beyond its range."""

    @abstractmethod
    def log_change(self, theta: Vector, change: Vector) -> Vector:
        """The change of log x that goes with a change of theta, to first order: change / (d theta / d log x)."""

    @abstractmethod
    def log_growth(self, theta: Vector, change: Vector) -> Vector:
        """The change of log x that goes with a change of theta, whatever its size, without cancellation."""

    @abstractmethod
    def slope(self, log_x: Vector) -> Wide | float:
        """D theta / d log x."""

    @abstractmethod
    def log_weight(self, log_x: Vector) -> Vector:
        """Log of d x / d theta, the inverse curvature: the weights of the normal equations A diag(weights) A'."""

    @abstractmethod
    def ball_gradient(self, log_x: arb) -> arb:
        """Theta in its natural unit, whatever the unit in floating point: balls have exponents of any size."""

    @abstractmethod
    def ball_log_primal(self, theta: arb) -> arb:
        """The log x that has this theta, in its natural unit; no number where it may be beyond its range."""

    @abstractmethod
    def ball_slope(self, theta: arb) -> arb:
        """D theta / d log x, theta in its natural unit."""

    @abstractmethod
    def divergence(self, x: Vector, log_x: Vector, log_prior: Vector) -> float:
        """The Bregman divergence of x from the prior, the objective of the projection."""

    @abstractmethod
    def misfit(self, theta: Vector, misfit: Vector) -> Vector:
        """A misfit of theta in the unit that its own rounding has."""

    @abstractmethod
    def size(self, x: Vector, theta: Vector, change: Vector) -> float:
        """How large the terms of the objective are, in the unit of theta, where theta has changed from the prior's."""

    @abstractmethod
    def distance(self, x: Vector, theta: Vector, misfit: Vector, rounding: float) -> float:
        """The divergence of x from the point at theta - misfit, in the unit of theta: what it adds to a duality gap.

        Misfits up to ``rounding`` count as none where theta may be smaller than that.
        """

    @abstractmethod
    def tilt(self, log_prior: Vector) -> Vector:
        """The derivative of `expression` at the prior: what makes it the minimum of ``expression(x) - tilt'x``."""

    @abstractmethod
    def expression(self, x: cp.Expression) -> cp.Expression:
        """Phi(x) summed over the entries, up to a linear function, for CVXPY."""

    @abstractmethod
    def split(self, x: Vector, log_prior: Vector) -> Vector:
        """The x_plus, then the x_minus, of a signed x: their thetas lie as far above and below that of the prior."""


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

    def in_unit_of(self, log_prior: Vector) -> Entropy:  # noqa: ARG002 - logarithms need no unit
        return self

    @property
    def log_dual_unit(self) -> float:
        return 0.0

    def gradient(self, log_x: _Real) -> _Real:
        return log_x

    def log_primal(self, theta: _Real) -> _Real:
        return theta

    def log_change(self, theta: Vector, change: Vector) -> Vector:  # noqa: ARG002
        return change

    def log_growth(self, theta: Vector, change: Vector) -> Vector:  # noqa: ARG002
        return change

    def slope(self, log_x: Vector) -> float:  # noqa: ARG002
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
        return _by_sign(x, larger, np.divide(prior, larger, out=np.zeros_like(prior), where=larger > 0) * prior)


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

    def in_unit_of(self, log_prior: Vector) -> Power:
        return replace(self, log_unit=float(log_prior.min()))

    @property
    def log_dual_unit(self) -> float:
        return -self.exponent * self.log_unit

    def gradient(self, log_x: _Real) -> _Real:
        return cast("_Real", -self._slack(log_x))

    def log_primal(self, theta: _Real) -> _Real:
        with np.errstate(divide="ignore", invalid="ignore"):
            return cast("_Real", self.log_unit - np.log(np.maximum(-theta, 0.0)) / self.exponent)

    def log_change(self, theta: Vector, change: Vector) -> Vector:
        return np.asarray(change / (-self.exponent * theta))

    def log_growth(self, theta: Vector, change: Vector) -> Vector:
        return np.asarray(-np.log1p(change / theta) / self.exponent)

    def slope(self, log_x: Vector) -> Wide:
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
        sizes = np.exp((1.0 - self.exponent) * log_prior[some])
        return float(sizes @ self._relative((log_x - log_prior)[some]))

    def _relative(self, log_ratio: Vector) -> Vector:
        """The divergence of exp(log_ratio) from 1."""
        rest = 1.0 - self.exponent
        return np.asarray(np.expm1(log_ratio) - np.expm1(rest * log_ratio) / rest)

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
        rest = 1.0 - self.exponent
        return np.asarray(np.expm1(-rest / self.exponent * np.log1p(relative)) * self.exponent / rest + relative)

    def tilt(self, log_prior: Vector) -> Vector:
        return np.asarray(-np.exp(-self.exponent * log_prior))

    def expression(self, x: cp.Expression) -> cp.Expression:
        import cvxpy

        return -cvxpy.sum(cvxpy.power(x, 1.0 - self.exponent, approx=False)) / (1.0 - self.exponent)

    def split(self, x: Vector, log_prior: Vector) -> Vector:
        # With x and v = x_minus in units of the prior, slacks of the two add up to 2: v = (2 - (x + v)^-q)^(-1/q), the
        # difference of whose sides grows with v.
        q, size = self.exponent, np.abs(x) / np.exp(log_prior)
        v = np.full(x.size, 2.0 ** (-1.0 / q))
        for _ in range(_MOST_SPLITTING_STEPS):
            slack = np.minimum((size + v) ** -q, 1.0)
            wanted = (2.0 - slack) ** (-1.0 / q)
            v = v - (v - wanted) / (1.0 + wanted / (2.0 - slack) * slack / (size + v))
        return _by_sign(x, (size + v) * np.exp(log_prior), v * np.exp(log_prior))


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

    def _of_slack(self, relative: Vector) -> Vector:
        return np.asarray(relative - np.log1p(relative))

    def expression(self, x: cp.Expression) -> cp.Expression:
        import cvxpy

        return -cvxpy.sum(cvxpy.log(x))


def _by_sign(x: Vector, larger: Vector, smaller: Vector) -> Vector:
    """X_plus, then x_minus."""
    return np.append(np.where(x >= 0, larger, smaller), np.where(x >= 0, smaller, larger))


def potential_of(depth: Any = 2) -> Potential:
    """The potential of a network x = u^D.

    Raises
    ------
    InvalidProblemError
        If the depth is not a real number of at least 2; infinity is one.

    Examples
    --------
    >>> potential_of(2), potential_of(4).exponent, potential_of(float("inf")).depth
    (Entropy(depth=2.0), 0.5, inf)
    """
    value = as_float(as_number(depth))
    if not value >= 2.0:
        raise InvalidProblemError(f"depth must be a real number of at least 2, or infinity, got {depth!r}")
    if value == 2.0:
        return Entropy()
    return Power(value) if math.isfinite(value) else LogBarrier()
