"""Where a flow ends: the projection, and the tolerances that say that x is at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bregman_l1._types import Mask, Vector
from bregman_l1.flow.equation import FlowEquation
from bregman_l1.flow.start import loss_beside


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Goal:
    """The projection, over the entries that are positive there, and how near to it a flow must come.

    Two tolerances of the loss: below ``zero`` it counts as zero, below ``loss`` it is as small as x asks for.
    """

    positive: Mask
    log_end: Vector
    log_error: float
    rest: float
    loss: float
    zero: float

    def error(self, equation: FlowEquation, w: Vector) -> float:
        """Return max |log x - log x(alpha)|, over the entries that are positive at the projection."""
        return float(np.abs(equation.log_x(w)[self.positive] - self.log_end).max())

    def vanishing(self, equation: FlowEquation, w: Vector) -> Vector:
        """Return the entries that are zero at the projection."""
        return equation.x(w)[~self.positive]

    def fitted(self, equation: FlowEquation, w: Vector) -> bool:
        """Whether the loss counts as zero."""
        return equation.loss(w) <= self.zero

    def arrived(self, equation: FlowEquation, w: Vector) -> bool:
        """Whether x is at the projection and the loss as small as that asks for."""
        return (
            self.error(equation, w) <= self.log_error
            and float(self.vanishing(equation, w).sum()) <= self.rest
            and equation.loss(w) <= self.loss
        )


def goal_at(log_end: Vector, tol: float, loss_tol: float, largest_loss: float) -> Goal:
    """Return the goal at the projection with this logarithm."""
    positive = np.isfinite(log_end)
    return Goal(
        positive=positive,
        log_end=log_end[positive],
        log_error=tol,
        rest=tol * float(np.exp(log_end[positive]).sum()),
        loss=loss_beside(tol, loss_tol, largest_loss),
        zero=loss_tol * largest_loss,
    )
