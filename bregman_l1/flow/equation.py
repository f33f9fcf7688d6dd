"""The gradient flow as N equations in the dual.

From u' = -grad ||A u^D - y||^2 follows theta' = c A'(y - A x) for x = u^D and theta = phi'(x), the coordinate of the
`Potential` of depth D: theta moves in the range of A' alone, theta = theta(p) + A'lam with lam' = c (y - A x),
lam(0) = 0. That is gradient ascent of the projection's dual at speed c, and nothing in it underflows.

Theta and lam are counted in the unit of `Potential.in_unit_of`, and time on a clock on which c is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bregman_l1._types import Matrix, Vector
from bregman_l1.flow.frame import Frame
from bregman_l1.frozen import FrozenArrays
from bregman_l1.potential import Potential

# Logarithms beyond it are those of trial points of an integrator only.
_LARGEST_LOG = 700.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowEquation(FrozenArrays):
    """The autonomous equation w' = Q'(y - A x), theta(x) = origin + G'w, in a `Frame`.

    Attributes
    ----------
    potential : Potential
        In the unit of the prior.
    frame : Frame
        G = Q'A and Q'y.
    origin : ndarray of shape (d,)
        theta at w = 0.
    start : ndarray of shape (k,)
        w where this equation is taken up.
    dual : ndarray of shape (N,)
        lam there.
    tolerance : ndarray of shape (k,)
        What an integrator may err in w, each step.
    ceiling : float
        An upper bound on log x along the whole flow.
    """

    potential: Potential
    frame: Frame
    origin: Vector
    start: Vector
    dual: Vector
    tolerance: Vector
    ceiling: float

    def theta(self, w: Vector) -> Vector:
        """Return origin + G'w, shape (d,)."""
        return np.asarray(self.origin + w @ self.frame.matrix, dtype=np.float64)

    def log_x(self, w: Vector) -> Vector:
        """Return log x, shape (d,); infinite where a trial point of an integrator has left the range of theta."""
        return np.asarray(self.potential.log_primal(self.theta(w)), dtype=np.float64)

    def x(self, w: Vector) -> Vector:
        """Return x, cut off above the ceiling: only trial points of an integrator ever lie there."""
        return np.asarray(np.exp(np.minimum(self.log_x(w), self.ceiling)), dtype=np.float64)

    def holds(self, w: Vector) -> bool:
        """Whether w is a state of a flow, below the ceiling."""
        return bool((self.log_x(w) <= self.ceiling).all())

    def residual(self, w: Vector) -> Vector:
        """Return Q'(y - A x), of the same length as y - A x."""
        return np.asarray(self.frame.target - self.frame.matrix @ self.x(w), dtype=np.float64)

    def loss(self, w: Vector) -> float:
        """Return ||A x - y||^2."""
        residual = self.residual(w)
        return float(residual @ residual)

    def velocity(self, _time: float, w: Vector) -> Vector:
        """Return the right-hand side."""
        return self.residual(w)

    def jacobian(self, _time: float, w: Vector) -> Matrix:
        """Return the derivative of `velocity`, -G diag(dx / dtheta) G'."""
        log_weight = self.potential.log_weight(np.minimum(self.log_x(w), self.ceiling))
        weighted = self.frame.matrix * np.exp(np.minimum(log_weight, _LARGEST_LOG))
        return np.asarray(-weighted @ self.frame.matrix.T, dtype=np.float64)

    def lam(self, w: Vector) -> Vector:
        """Return lam, shape (N,)."""
        return np.asarray(self.dual + self.frame.rotation @ (w - self.start), dtype=np.float64)
