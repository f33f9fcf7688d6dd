"""`Potential`: the mirror map of a network of one depth.

A network x = u^D trained by gradient flow from x = p ends at the Bregman projection of p, in the divergence of a
separable potential phi, onto {x >= 0 : A x = y}. With theta = phi'(x) its conditions are

    A x = y,    theta(x) = theta(p) + A'lam.

All that differs between depths is the map theta and its inverse, on logarithms so that x may be of any scale.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from flint import arb

from bregman_l1._types import Real, Vector, Wide

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
    def in_unit_of(self, log_prior: Wide) -> Potential:
        """The potential with theta in a unit in which that of the prior stays within floating point."""

    @property
    @abstractmethod
    def log_dual_unit(self) -> float:
        """Log of the unit of theta, and so of lam."""

    @abstractmethod
    def gradient(self, log_x: Real) -> Real:
        """Theta where x = exp(log_x)."""

    @abstractmethod
    def prior_rounding(self, log_prior: Wide) -> float:
        """The relative rounding of theta of one prior beside another's, from that of their logarithms.

        Zero where they are all equal, or where theta is no larger than what it stands beside.
        """

    @abstractmethod
    def log_primal(self, theta: Real) -> Real:
        """The log x that has this theta; infinite where theta is beyond its range."""

    @abstractmethod
    def log_change(self, theta: Wide, change: Wide) -> Vector:
        """The change of log x that goes with a change of theta, to first order: change / (d theta / d log x)."""

    @abstractmethod
    def log_growth(self, theta: Vector, change: Vector) -> Vector:
        """The change of log x that goes with a change of theta, whatever its size, without cancellation."""

    @abstractmethod
    def predicted(self, rate: Vector, fall: Vector, step: float) -> Vector:
        """The change of log x over a step along which log p moves by ``fall`` a unit, from the rate at its start."""

    @abstractmethod
    def slope(self, log_x: Wide) -> Wide | float:
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


def by_sign(x: Vector, larger: Vector, smaller: Vector) -> Vector:
    """X_plus, then x_minus."""
    return np.append(np.where(x >= 0, larger, smaller), np.where(x >= 0, smaller, larger))
