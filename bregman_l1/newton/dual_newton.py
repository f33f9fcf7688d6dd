"""The convex loop: Newton's method on the dual, from lam = 0, with an exact line search.

The dual g(lam) = y'lam - sum_j phi*(theta(p) + A'lam)_j is concave and smooth; with theta = theta(p) + A'lam,
W = diag(dx/dtheta),

    (A W A') dlam = y - A x,    w = A'dlam,

and along w the derivative of the dual, y'dlam - w'x(theta + s w), is a difference of two sums whose logarithms are
nearly straight lines: a few trials of O(d) find its zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, WIDE_EPS, Vector, Wide, in_double
from bregman_l1.probes import probes
from bregman_l1.system import largest

if TYPE_CHECKING:
    from bregman_l1.budget import Budget
    from bregman_l1.newton.equations import NormalEquations
    from bregman_l1.potential import Potential
    from bregman_l1.system import LinearSystem

_SEARCH_WIDTH = 2**16
_SMALLEST = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DualPoint:
    """Where the convex loop ended.

    Attributes
    ----------
    dual : ndarray of shape (N,)
        In the unit of the prior.
    log_x : ndarray of shape (d,)
        With theta(x) = theta(p) + A'dual.
    error : float
        How much log x may still change, from the last Newton step; infinite where the loop made no headway.
    noise : float
        What the rounding of y - A x does to log x; NaN before the loop has come to rest.
    """

    dual: Vector
    log_x: Vector
    error: float
    noise: float = np.nan


def dual_newton(
    system: LinearSystem,
    equations: NormalEquations,
    potential: Potential,
    log_prior: Wide,
    budget: Budget,
    *,
    dual: Vector | None = None,
    until: float = settings.AT_REST,
    most: int = settings.MOST_CONVEX_STEPS,
) -> DualPoint:
    """Maximise the dual until log x is known to ``until``, rounding shows, or the loop makes no headway.

    ``dual`` is where to begin; like the potential it is in the unit of the prior.
    """
    lam = np.zeros(system.shape[0]) if dual is None else dual
    theta = in_double(potential.gradient(log_prior))
    if lam.any():
        theta = theta + system.rmatvec(lam)
    step = before = np.inf
    for _ in range(most):
        log_x = potential.log_primal(theta)
        if budget.spent_out:
            return DualPoint(dual=lam, log_x=log_x, error=step)
        budget.count()
        residual = equations.at(log_x, potential.log_weight(log_x), near=step <= equations.nearby)
        if residual is None:
            break
        before = step
        accuracy = next(value for above, value in settings.ACCURACY if before > above)
        change = equations.solve(residual, accuracy)
        along = system.rmatvec(change)
        step = largest(potential.log_change(theta, along))
        if not math.isfinite(step):
            break
        length = _line_search(potential, theta, along, float(system.y @ change)) if step > settings.FAR else 1.0
        lam = lam + length * change
        if length != 1.0:
            along *= length
        along += theta
        theta = along
        error = step * max(step, min(accuracy, equations.accuracy))
        if error <= until or (step < settings.SETTLED and step > before / 4):
            log_x = potential.log_primal(theta)
            noise = np.nan
            if until <= settings.AT_REST:
                noise = rounding_noise(system, equations, potential, theta)
                if not potential.is_logarithmic:
                    size = largest(theta) + float(system.row_peaks @ np.abs(lam))
                    noise += drift_noise(system, equations, potential, log_x, theta, EPS * size)
            return DualPoint(dual=lam, log_x=log_x, error=error, noise=noise)
    return DualPoint(dual=lam, log_x=potential.log_primal(theta), error=np.inf)


def _line_search(potential: Potential, theta: Vector, along: Vector, slope: float) -> float:
    """The s > 0 with along'x(theta + s along) = slope = y'dlam, to within a factor of exp(SEARCHED)."""
    # The first term to reach the slope by itself bounds the step.
    rates = np.maximum(along, 0.0) / (potential.gradient(np.log(slope / along.max())) - theta)
    length = 1.0 / max(1.0, float(rates.max()))
    low, high = 0.0, np.inf
    for _ in range(settings.MOST_TRIALS):
        excess, growth = _balance(potential, theta, along, slope, length)
        if abs(excess) <= settings.SEARCHED:
            break
        low, high = (length, high) if excess < 0.0 else (low, length)
        newton = length - excess / growth if growth > 0.0 else np.nan
        middle = (low + high) / 2 if high < np.inf else 2 * length
        length = newton if low < newton < high else middle
    return length


def _balance(potential: Potential, theta: Vector, along: Vector, slope: float, length: float) -> tuple[float, float]:
    """Log of what pushes along'x(theta + s along) - slope up, over what pushes it down; and its derivative."""
    up, down, up_slope, down_slope = max(-slope, 0.0), max(slope, 0.0), 0.0, 0.0
    for start in range(0, theta.size, _SEARCH_WIDTH):
        direction = along[start : start + _SEARCH_WIDTH]
        moved = theta[start : start + _SEARCH_WIDTH] + length * direction
        x = np.exp(potential.log_primal(moved))
        rising = np.maximum(direction, 0.0)
        falling, change = rising - direction, x * potential.log_change(moved, direction)
        up, up_slope = up + float(x @ rising), up_slope + float(change @ rising)
        down, down_slope = down + float(x @ falling), down_slope - float(change @ falling)
    if not (0.0 < up < np.inf and 0.0 < down < np.inf):
        return (-np.inf if up < down else np.inf), 0.0
    return math.log(up) - math.log(down), up_slope / up + down_slope / down


def rounding_noise(system: LinearSystem, equations: NormalEquations, potential: Potential, theta: Vector) -> float:
    """What the rounding of y - A x does to log x, by two random vectors of its size; one where the columns are many."""
    count = 2 if system.shape[1] <= settings.MOST_SORTED else 1
    drawn = probes(count, system.shape[0]) * equations.rounding()
    solved = np.array([equations.solve(probe, 0.1) for probe in drawn])
    return max(largest_move(system, lam, settings.UNSEEN, potential, theta) for lam in solved)


def drift_noise(
    system: LinearSystem,
    equations: NormalEquations,
    potential: Potential,
    log_x: Vector,
    theta: Vector,
    rounding: float,
) -> float:
    """What rounding of theta(p) + A'lam does to log x, its signs taken at random: steep slopes make it good."""
    off = potential.log_change(theta, probes(1, log_x.size)[0] * rounding)
    lam = equations.solve(-system.matvec(np.exp(log_x) * off), settings.REFINED)
    return largest(off + potential.log_change(theta, system.rmatvec(lam)))


def largest_move(system: LinearSystem, lam: Vector, enough: float, potential: Potential, theta: Vector) -> float:
    """The largest change of log x where the dual moves by lam; a rough bound, where that is ``enough``."""
    bound = float(np.abs(lam) @ system.row_peaks) * float(np.max(potential.log_change(theta, np.ones(1))))
    if bound <= enough:
        return bound
    return max(largest(potential.log_change(theta[part], lam @ A)) for part, A in system.pieces())


def dual_point(system: LinearSystem, potential: Potential, log_prior: Wide, dual: Wide) -> tuple[Wide, Vector]:
    """The log x with theta(x) = theta(p) + A'dual and its rounding, extended where that of double shows."""
    prior, dual_in_double = potential.gradient(log_prior), in_double(dual)
    of_prior = potential.prior_rounding(log_prior) * np.abs(prior)
    # Products that underflow are off by less than the rounding of the smallest number that is held with all digits.
    size = np.abs(prior) + (float(system.row_peaks @ np.abs(dual_in_double)) + _SMALLEST)
    theta: Wide = prior + system.rmatvec(dual_in_double)
    noise = np.abs(potential.log_change(theta, EPS * size + of_prior))
    if not noise.max() <= settings.NEGLIGIBLE / 10:
        size = np.abs(prior) + (system.abs_rmatvec(np.abs(dual_in_double)) + _SMALLEST)
        noise = np.abs(potential.log_change(theta, EPS * size + of_prior))
    if not noise.max() <= settings.NEGLIGIBLE / 10:
        theta = prior + system.extended_rmatvec(dual)
        noise = np.abs(potential.log_change(theta, WIDE_EPS * size + of_prior))
    return potential.log_primal(theta), noise
