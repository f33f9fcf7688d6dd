"""The layers of a network in discrete steps: its entries, the gradient through them, and the steps they bear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Vector

if TYPE_CHECKING:
    from bregman_l1.potential import Potential
    from bregman_l1.problems.projection import BregmanProjection
    from bregman_l1.system import LinearSystem

# The default step is this share of the stable range: an entry that grows overshoots its end and raises
# the curvature on the way.
_SAFETY = 0.25


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layers:
    """Weights u with the nonnegative entries u^D, trained on a system in these.

    Attributes
    ----------
    system : LinearSystem
        In nonnegative unknowns: that of [A, -A] for signed x, with weights (u, v).
    depth : float
        D.
    """

    system: LinearSystem
    depth: float

    def entries(self, u: Vector) -> Vector:
        """Return |u|^D: a step so long that it turns the sign of a weight moves it as if it had not."""
        return np.asarray(u * u * np.abs(u) ** (self.depth - 2), dtype=np.float64)

    def gradient(self, u: Vector) -> Vector:
        """Return the gradient of the loss, 2 D u^(D-1) A'(A u^D - y)."""
        inner = u * np.abs(u) ** (self.depth - 2)
        return 2 * self.depth * inner * self.system.rmatvec(self.system.matvec(u * inner) - self.system.y)

    def advanced(self, u: Vector, step: float, count: int) -> Vector:
        """Return the weights after some steps."""
        with np.errstate(over="ignore", invalid="ignore"):
            for _ in range(count):
                u = u - step * self.gradient(u)
        return u

    def look(self, u: Vector, end: Vector) -> tuple[float, float, float]:
        """Return the loss, the l1 norm of x and its l1 distance to an end of shape (d,)."""
        with np.errstate(over="ignore", invalid="ignore"):
            entries = self.entries(u)
            residual = self.system.matvec(entries) - self.system.y
            parts = entries.reshape(-1, end.size)
            x = parts[0] - parts[1:].sum(axis=0)
            return float(residual @ residual), float(np.abs(x).sum()), float(np.abs(x - end).sum())


def step_range(problem: BregmanProjection, log_end: Vector) -> tuple[float, float]:
    """Return the largest stable step at the end, and a step that is safe on the way as well.

    Half the curvature of the loss in u where A x = y is D^2 A X^(2 - 2/D) A', of which the potential has c dx / dtheta,
    twice that. A step of s multiplies u by 1 - 2 D s u^(D-2) A'(A x - y): it must not turn the sign of u either, with
    u as large as at both ends and the residual of the start.
    """
    system, potential, log_begin = problem.unsigned, problem.potential, problem.log_prior
    at_end, at_begin = (_curvature(system, potential, log_x) for log_x in (log_end, log_begin))
    largest = float(max(log_begin.max(), log_end.max()))
    rate = float(np.exp(potential.log_weight(np.array([largest]))[0] - largest))
    missed = system.matvec(np.exp(log_begin)) - system.y
    pull = potential.flow_rate / problem.depth * rate * float(np.abs(system.rmatvec(missed)).max())
    return 1 / at_end, _SAFETY / max(at_end, at_begin, pull)


def _curvature(system: LinearSystem, potential: Potential, log_x: Vector) -> float:
    """D^2 lambda_max(A X^(2 - 2/D) A'), half the largest curvature of the loss in u where A x = y."""
    weights = np.exp(potential.log_weight(log_x))
    return potential.flow_rate / 2 * float(np.linalg.norm(system.gram(weights), 2))
