"""The equations that a flow is integrated in, one after the other.

Where theta is log x, one equation serves the whole flow. Elsewhere d theta / d log x, the slope, falls by as many
orders of magnitude as an entry of x grows: theta, known to rounding at the start, says nothing of x then. Whenever a
slope has changed much, w is counted afresh from where the flow is, with tolerances of the slopes there, and where the
order of the entries has changed, in another frame.

Near its end the coordinates count from the projection, so that an integrator's relative tolerance is one on the way
that is left: it asks for few digits while x is far from its end, and for the arrival to be on time. From the projection
come the order, the column basis and that origin; where the flow ends is its own affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Mask, Vector
from bregman_l1.flow.equation import FlowEquation
from bregman_l1.flow.frame import Frame, frame_of
from bregman_l1.potential import Potential

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

# Entries that are zero at the projection die out; for the order of sizes they come last.
_FOLDS_BELOW = 40.0
# A slope that changed by this factor makes the equation stale.
_LOG_STALE = float(np.log(4.0))
# Along a flow the divergence of its end e from x falls: at depth 2 that bounds x by 4 e or 2.5 times the divergence at
# the start, e log(e / x_0) each, which is less than this many e-folds above e for any x_0.
_FOLDS_ABOVE = 50.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Course:
    """A flow from a prior to its projection, cut into equations.

    Attributes
    ----------
    system : LinearSystem
        In nonnegative unknowns of positive prior.
    potential : Potential
        In the unit of the prior.
    log_prior, log_end : ndarray of shape (d,)
        Logarithms of where the flow starts and ends.
    end_frame : Frame
        The frame for x at its end.
    rtol, atol : float
        Tolerances of log x, each step: on the way, and near the end.
    """

    system: LinearSystem
    potential: Potential
    log_prior: Vector
    log_end: Vector
    end_frame: Frame
    rtol: float
    atol: float

    def first(self) -> FlowEquation:
        """Return the equation to begin with."""
        return self._taken_up(self.potential.gradient(self.log_prior), np.zeros(self.system.shape[0]), None)

    def after(self, equation: FlowEquation, w: Vector) -> FlowEquation:
        """Return the equation to go on with."""
        return self._taken_up(equation.theta(w), equation.lam(w), equation.frame)

    def is_stale(self, equation: FlowEquation, w: Vector) -> bool:
        """Whether a slope is far from what it was where the equation was taken up."""
        now, then = (self._log_slope(equation.log_x(point)) for point in (w, equation.start))
        return bool(np.abs(now - then).max() > _LOG_STALE)

    def _taken_up(self, theta: Vector, dual: Vector, frame: Frame | None) -> FlowEquation:
        log_x = self.potential.log_primal(theta)
        slope = np.exp(self._log_slope(log_x))
        is_near = self._is_near_end(log_x)
        if is_near:
            frame = self.end_frame
        elif frame is None or not frame.serves(slope):
            frame = frame_of(self.system, log_x, self.potential.gradient(self.log_prior))
        start, on_basis = self._from_end(frame, theta) if is_near else (np.zeros(frame.J.size), theta[frame.J])
        return FlowEquation(
            potential=self.potential,
            frame=frame,
            origin=frame.theta(on_basis),
            start=start,
            dual=dual,
            tolerance=(self.atol if is_near else self.rtol) * frame.tolerance(slope),
            ceiling=float(max(self.log_prior.max(), self.log_end.max())) + _FOLDS_ABOVE,
        )

    def _log_slope(self, log_x: Vector) -> Vector:
        return log_x - self.potential.log_weight(log_x)

    def _is_near_end(self, log_x: Vector) -> bool:
        lasting = self._lasting()
        away = self._log_slope(log_x[lasting]) - self._log_slope(self.log_end[lasting])
        return bool(np.abs(away).max() <= _LOG_STALE)

    def _lasting(self) -> Mask:
        return np.isfinite(self.log_end)

    def _from_end(self, frame: Frame, theta: Vector) -> tuple[Vector, Vector]:
        """The w of this theta counted from the end, and theta there, on the basis; what vanishes there has no way."""
        lasting = int(np.count_nonzero(self._lasting()[frame.J]))
        end = self.potential.gradient(self.log_end[frame.J[:lasting]])
        way = np.zeros(frame.J.size)
        way[:lasting] = frame.way(theta[frame.J[:lasting]] - end)
        rest = frame.J[lasting:]
        return way, np.append(end, theta[rest] - way @ frame.matrix[:, rest])


def course_of(
    system: LinearSystem, potential: Potential, log_prior: Vector, log_end: Vector, *, rtol: float, atol: float
) -> Course:
    """Return the course of the flow from a prior to its projection, given their logarithms."""
    potential = potential.in_unit_of(log_prior)
    lasting = np.isfinite(log_end)
    size = np.where(lasting, log_end, log_end[lasting].min() - _FOLDS_BELOW)
    return Course(
        system=system,
        potential=potential,
        log_prior=log_prior,
        log_end=log_end,
        end_frame=frame_of(system, size, potential.gradient(log_prior)),
        rtol=rtol,
        atol=atol,
    )
