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
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from flint import arb, fmpq

from bregman_l1._types import Vector, Wide
from bregman_l1.errors import InvalidProblemError
from bregman_l1.foreign import as_number
from bregman_l1.scale import as_float

if TYPE_CHECKING:
    import cvxpy as cp


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
    def gradient(self, log_x: Wide) -> Wide:
        """Theta where x = exp(log_x)."""

    @abstractmethod
    def log_primal(self, theta: Wide) -> Wide:
        """The log x that has this theta; infinite where theta is beyond its range."""

    @abstractmethod
    def slope(self, theta: Wide) -> Wide | float:
        """D theta / d log x."""

    @abstractmethod
    def log_slope(self, log_x: Wide) -> Wide | float:
        """Log of d theta / d log x, the scale-free map: theta = sum_i T_i theta_i moves log x by these ratios."""

    def log_weight(self, log_x: Vector) -> Vector:
        """Log of d x / d theta, the inverse curvature: the weights of the normal equations A diag(weights) A'."""
        return np.asarray(log_x - self.log_slope(log_x))

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
    def divergence(self, x: Vector, log_x: Vector, log_prior: Vector) -> Vector:
        """The Bregman divergence of each entry of x from the prior, the objective of the projection."""

    @abstractmethod
    def distance(self, x: Vector, theta: Vector, misfit: Vector) -> Vector:
        """The divergence of x from the point at theta - misfit, in the unit of theta: what it adds to a duality gap."""

    @abstractmethod
    def expression(self, x: cp.Expression) -> cp.Expression:
        """Phi(x) summed over the entries, up to a linear function, for CVXPY."""


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
    def flow_rate(self) -> float:
        return 8.0

    def in_unit_of(self, log_prior: Vector) -> Entropy:  # noqa: ARG002 - logarithms need no unit
        return self

    @property
    def log_dual_unit(self) -> float:
        return 0.0

    def gradient(self, log_x: Wide) -> Wide:
        return log_x

    def log_primal(self, theta: Wide) -> Wide:
        return theta

    def slope(self, theta: Wide) -> float:  # noqa: ARG002
        return 1.0

    def log_slope(self, log_x: Wide) -> float:  # noqa: ARG002
        return 0.0

    def ball_gradient(self, log_x: arb) -> arb:
        return log_x

    def ball_log_primal(self, theta: arb) -> arb:
        return theta

    def ball_slope(self, theta: arb) -> arb:  # noqa: ARG002
        return arb(1)

    def divergence(self, x: Vector, log_x: Vector, log_prior: Vector) -> Vector:
        terms = log_x - log_prior
        terms[~(x > 0)] = 0.0
        return np.asarray(x * terms - x + np.exp(log_prior))

    def distance(self, x: Vector, theta: Vector, misfit: Vector) -> Vector:  # noqa: ARG002
        return np.asarray(x * (np.expm1(-misfit) + misfit))

    def expression(self, x: cp.Expression) -> cp.Expression:
        import cvxpy

        return -cvxpy.sum(cvxpy.entr(x))


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
    def flow_rate(self) -> float:
        return 2.0 * self.depth * (self.depth - 2.0)

    def in_unit_of(self, log_prior: Vector) -> Power:
        return replace(self, log_unit=float(log_prior.min()))

    @property
    def log_dual_unit(self) -> float:
        return -self.exponent * self.log_unit

    def gradient(self, log_x: Wide) -> Wide:
        return np.asarray(-np.exp(-self.exponent * (log_x - self.log_unit)))

    def log_primal(self, theta: Wide) -> Wide:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.log_unit - np.log(np.maximum(-theta, 0.0)) / self.exponent)

    def slope(self, theta: Wide) -> Wide:
        return np.asarray(-self.exponent * theta)

    def log_slope(self, log_x: Wide) -> Wide:
        return np.asarray(math.log(self.exponent) - self.exponent * (log_x - self.log_unit))

    @property
    def exact_exponent(self) -> fmpq:
        """Q of the depth as the rational that it is, where ``exponent`` is rounded."""
        numerator, denominator = self.depth.as_integer_ratio()
        return fmpq(numerator - 2 * denominator, numerator)

    def ball_gradient(self, log_x: arb) -> arb:
        return -(-(log_x * self.exact_exponent)).exp()

    def ball_log_primal(self, theta: arb) -> arb:
        return -(-theta).log() / self.exact_exponent

    def ball_slope(self, theta: arb) -> arb:
        return -theta * self.exact_exponent

    def divergence(self, x: Vector, log_x: Vector, log_prior: Vector) -> Vector:  # noqa: ARG002
        return np.asarray(np.exp((1.0 - self.exponent) * log_prior) * self._relative(log_x - log_prior))

    def _relative(self, log_ratio: Vector) -> Vector:
        """The divergence of exp(log_ratio) from 1."""
        rest = 1.0 - self.exponent
        return np.asarray(np.expm1(log_ratio) - np.expm1(rest * log_ratio) / rest)

    def distance(self, x: Vector, theta: Vector, misfit: Vector) -> Vector:
        # With phi*(theta) = (-theta)^(1 - 1/q) q / (1 - q) and s = -theta, the divergence is
        # phi*(theta - m) - phi*(theta) + x m, of which s x is the size.
        rest, relative = 1.0 - self.exponent, misfit / -theta
        moved = np.expm1(-rest / self.exponent * np.log1p(relative)) * self.exponent / rest
        return np.asarray(x * -theta * (moved + relative))

    def expression(self, x: cp.Expression) -> cp.Expression:
        import cvxpy

        return -cvxpy.sum(cvxpy.power(x, 1.0 - self.exponent)) / (1.0 - self.exponent)


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

    def distance(self, x: Vector, theta: Vector, misfit: Vector) -> Vector:
        relative = misfit / -theta
        return np.asarray(x * -theta * (relative - np.log1p(relative)))

    def expression(self, x: cp.Expression) -> cp.Expression:
        import cvxpy

        return -cvxpy.sum(cvxpy.log(x))


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
