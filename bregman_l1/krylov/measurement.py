"""How far a point is from the solution of Newton's equations, from products alone, and how well that is known."""

from __future__ import annotations

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, Vector
from bregman_l1.budget import Budget
from bregman_l1.krylov.newton_system import NewtonSystem, heavy_entries
from bregman_l1.krylov.products import CountedProducts, StoppedError
from bregman_l1.newton import MeasuredStep
from bregman_l1.outcome import Outcome
from bregman_l1.probes import probes
from bregman_l1.system import LinearSystem, largest


def measured_step(
    system: LinearSystem, x: Vector, weights: Vector, misfit: Vector, missed: Vector, budget: Budget
) -> MeasuredStep | None:
    """The change t of theta with A W t = y - A x that takes theta - misfit to the row space; None where time runs out.

    Parameters
    ----------
    system : LinearSystem
    x, weights : ndarray of shape (d,)
        The point, and W = dx / dtheta at x; x itself for the entropy.
    misfit : ndarray of shape (d,)
        By how much theta(x) is off theta(p) + A'lam.
    missed : ndarray of shape (N,)
        y - A x.
    budget : Budget

    Notes
    -----
    t = A'u - misfit. Directions in which the equations are nearly singular are seen last, and hardly in a residual:
    what a rough solution leaves is therefore solved for again. There every direction is given its share of what was
    left and of the rounding of A x, by a random vector, so that none is missed because the residual hides it or because
    the candidate happens to have nothing there; the solution ends where such a share would show. Where that says too
    much, less is left. The step is infinite where the equations take too many iterations.
    """
    try:
        products = CountedProducts(system, budget)
        heavy = heavy_entries(products, weights)
        light = weights.copy()
        light[heavy] = 0.0
        equations = NewtonSystem(products=products, heavy=heavy, x_heavy=weights[heavy], x_light=light)
        r1, r2 = -misfit[heavy], missed / products.row_norms + products.matvec(light * misfit)
        rounding, closely = _rounding(products, x), settings.SHOWS / np.sqrt(r2.size)
        closely, tolerance = min(settings.MEASURED_AGAIN, closely), settings.MEASURED
        first = np.zeros_like(weights)
        for _ in range(settings.MOST_MEASUREMENTS):
            change, r1, is_solved = _solved(equations, r1, r2, tolerance)
            first += change
            r2 = r2 - products.matvec(weights * change)
            left = float(np.linalg.norm(r2)) / np.sqrt(r2.size)
            noise = np.hypot(left, rounding) * probes(1, r2.size)[0]
            correction, _, is_measured = _solved(equations, r1, r2 + noise, closely)
            if not (is_solved and is_measured):
                return MeasuredStep(np.full_like(weights, np.inf), correction)
            size = largest(first)
            if left <= rounding or size > settings.NEARBY or largest(correction) <= max(settings.NEGLIGIBLE, size / 10):
                break
            tolerance = min(settings.MEASURED, max(closely, rounding / left))
    except StoppedError as stopped:
        if stopped.outcome is Outcome.FAILED:
            return MeasuredStep(np.full_like(weights, np.nan), np.zeros_like(weights))
        return None
    first[light > 0.0] -= misfit[light > 0.0]
    return MeasuredStep(first, correction)


def _solved(equations: NewtonSystem, r1: Vector, r2: Vector, tolerance: float) -> tuple[Vector, Vector, bool]:
    """The change of theta, what it leaves of r1, and whether the equations could be solved."""
    step, heavy = equations.solve(r1, r2, tolerance), equations.heavy
    change, of_heavy = step.change.copy(), step.heavy / equations.x_heavy
    change[heavy] = of_heavy
    return change, r1 + step.change[heavy] - of_heavy, step.residual <= settings.UNMEASURED * tolerance


def _rounding(products: CountedProducts, x: Vector) -> float:
    """What A x misses in a row by rounding, on the average: as two parts of x tell, by the last digit of y at least."""
    part = x * np.random.default_rng(0).random(x.size)
    missed = products.matvec(x) - products.matvec(part) - products.matvec(x - part)
    return float(max(np.linalg.norm(missed), EPS * np.linalg.norm(products.y)) / np.sqrt(missed.size))
