"""The plain phase: path following in the N x N form, for priors that are not yet small.

With z = log x, rd = b + A'lam - z, g = y - A x and H = A X A', one linearisation serves two right-hand sides,

    corrector  H dl = g - A (x rd),      predictor  H pl = -A (x db),       db = db/dtau,

and dz = A'dl + rd + h (A'pl + db). lam takes the whole step; in z, growing entries follow the linear model of
x and shrinking ones that of log x. Small entries lose their relative accuracy as they fall; `noise` bounds by
how much, and the scale-free form takes over before it shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bregman_l1.newton.curvature import FINE, ROUGH, Curvature

if TYPE_CHECKING:
    from bregman_l1.newton.scale_free import Line
    from bregman_l1.newton.status import Budget
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

# The largest change in one step of the log of an entry that is above RELEVANT times the largest.
CAP = 5.0
RELEVANT = 1e-7
# A corrector this large needs a step of its own.
CENTRED = 4.0
# The curvature is kept for corrections below STALE.
STALE = 1e-2
HOPELESS = 50.0
# Corrections in a row, and steps in all, after which the phase gives up.
PATIENCE = 15
MOST_STEPS = 120


class PlainPhase:
    """The iterate of the plain phase.

    Parameters
    ----------
    system : LinearSystem
    line : Line
        Where the prior moves; the phase starts at tau = 0.
    free : ndarray of bool, shape (d,)
        The coordinates not known to be zero.
    dual : ndarray of shape (N,), optional
        Where the dual starts, zero if omitted.
    """

    def __init__(
        self, system: LinearSystem, line: Line, free: Mask, curvature: Curvature, dual: Vector | None = None
    ) -> None:
        self._system, self._line, self._free, self._curvature = system, line, free, curvature
        self.dual = np.zeros(system.shape[0]) if dual is None else dual
        self.tau = 0.0
        self.steps = 0
        self._dual_z = line.base + system.rmatvec(self.dual)
        self._z = self._dual_z

    @property
    def log_x(self) -> Vector:
        """The dual's log x, b + A'lam; -inf on the coordinates left out."""
        return np.where(self._free, self._dual_z, -np.inf)

    def run(self, target: float, budget: Budget) -> bool:
        """Follow the path to tau = target; False if it does not get there."""
        reached = self._follow(target, budget)
        # On the way A'lam is only as precise as the way asks for.
        self._dual_z = self._line.at(self.tau) + self._system.rmatvec(self.dual)
        return reached

    def converge(self, tol: float, budget: Budget) -> float:
        """Correct at the present tau; return the error left, from the last step and how fast they shrink.

        Infinite, and the iterate what it was, if the corrections do not shrink.
        """
        entry = self.dual, self._dual_z
        last, error, steps = np.inf, np.inf, 0
        while error > tol / 1000 and not budget.exhausted(self.steps):
            before, last, steps = last, self._correct(renew=last > STALE), steps + 1
            error = last * min(1.0, 10.0 * last / before) if np.isfinite(before) and np.isfinite(last) else last
            if last < STALE and last > before / 2:
                break
            if last > max(STALE, 2.0 * before) or last > HOPELESS or steps == PATIENCE:
                self.dual, self._dual_z = entry
                return np.inf
        return error

    def noise(self) -> float:
        """What the rounding of y - A x does to log x, on the safe side."""
        return self._curvature.noise()

    def _x(self) -> Vector:
        return np.where(self._free, np.exp(self._z), 0.0)

    def _follow(self, target: float, budget: Budget) -> bool:
        waited = 0
        while self.tau < target and waited < PATIENCE:
            if self.steps >= MOST_STEPS or budget.exhausted(self.steps):
                return False
            before = self.tau
            if not self._step(target):
                return False
            waited = waited + 1 if self.tau == before else 0
        return self.tau == target

    def _step(self, target: float) -> bool:
        self.steps += 1
        x, pushed = self._x(), self._line.direction
        self._curvature.at(x)
        misfit = self._dual_z - self._z
        right = -self._curvature.matvec(np.column_stack([x * (1.0 + misfit), x * pushed]))
        right[:, 0] += self._system.y
        response = self._curvature.solve(right, ROUGH)
        change = response.log_x[:, 0]
        corrector, tangent = change + misfit, response.log_x[:, 1] + pushed
        if not (np.isfinite(corrector).all() and np.isfinite(tangent).all()):
            return False
        relevant = x > RELEVANT * x.max()
        length = _longest(corrector[relevant], tangent[relevant], target - self.tau)
        self.dual = self.dual + response.dual @ [1.0, length]
        self._dual_z = self._dual_z + change + length * tangent
        self._z = _mixed(self._z, corrector + length * tangent)
        self.tau = target if length == target - self.tau else self.tau + length
        return True

    def _correct(self, renew: bool) -> float:
        self.steps += 1
        x = self._x()
        if renew:
            self._curvature.at(x)
        misfit = self._dual_z - self._z
        right = self._system.y - self._system.matvec(x * (1.0 + misfit))
        d_dual = self._curvature.solve(right[:, None], FINE).dual[:, 0]
        self.dual = self.dual + d_dual
        change = self._system.rmatvec(d_dual) + misfit
        self._dual_z = self._z + change
        size = float(np.abs(change[self._free]).max())
        self._z = _mixed(self._z, change) if size > 0.1 else self._dual_z
        return size if np.isfinite(size) else np.inf


def _longest(corrector: Vector, tangent: Vector, left: float) -> float:
    """The largest h in [0, left] with |corrector + h tangent| <= CAP, 0 if the corrector alone is too large."""
    if np.abs(corrector).max(initial=0.0) > CENTRED:
        return 0.0
    with np.errstate(divide="ignore"):
        lengths = (CAP - np.sign(tangent) * corrector) / np.abs(tangent)
    return float(min(left, lengths.min(initial=left)))


def _mixed(z: Vector, change: Vector) -> Vector:
    """Return log x after the step: growing entries that count follow the linear model of x, all others log x."""
    grown = np.minimum(z + change, z.max() + np.log(RELEVANT))
    return np.where(change > 0, np.maximum(z + np.log1p(np.maximum(change, 0.0)), grown), z + change)
