"""How far a point is from the solution of Newton's equations, from products alone, and how well that is known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Vector
from bregman_l1.budget import Budget
from bregman_l1.krylov.newton_system import NewtonSystem, heavy_entries
from bregman_l1.krylov.products import CountedProducts, StoppedError
from bregman_l1.outcome import Outcome
from bregman_l1.system import LinearSystem


class MeasuredStep(NamedTuple):
    """Newton's step from a point, in two parts.

    Attributes
    ----------
    change : ndarray of shape (d,)
        The change of theta.
    correction : ndarray of shape (d,)
        What of it a second solution found, for what the first had left of the equations.
    """

    change: Vector
    correction: Vector


def measured_step(
    system: LinearSystem, weights: Vector, misfit: Vector, missed: Vector, budget: Budget
) -> MeasuredStep | None:
    """The change t of theta with A W t = y - A x that takes theta - misfit to the row space; None where time runs out.

    Parameters
    ----------
    system : LinearSystem
    weights : ndarray of shape (d,)
        W = dx / dtheta at x; x itself for the entropy.
    misfit : ndarray of shape (d,)
        By how much theta(x) is off theta(p) + A'lam.
    missed : ndarray of shape (N,)
        y - A x.
    budget : Budget

    Notes
    -----
    t = A'u - misfit. Directions in which the equations are nearly singular are seen last, and hardly in a residual:
    what a rough solution leaves is therefore solved for again, and consists mostly of them.
    """
    try:
        products = CountedProducts(system, budget)
        heavy = heavy_entries(products, weights)
        light = weights.copy()
        light[heavy] = 0.0
        equations = NewtonSystem(products=products, heavy=heavy, x_heavy=weights[heavy], x_light=light)
        r1, r2 = -misfit[heavy], missed / products.row_norms + products.matvec(light * misfit)
        changes = []
        for _ in range(2):
            step = equations.solve(r1, r2, settings.MEASURED)
            change, of_heavy = step.change.copy(), step.heavy / weights[heavy]
            r1 = r1 + step.change[heavy] - of_heavy
            change[heavy] = of_heavy
            r2 = r2 - products.matvec(weights * change)
            changes.append(change)
    except StoppedError as stopped:
        if stopped.outcome is Outcome.FAILED:
            return MeasuredStep(np.full_like(weights, np.nan), np.zeros_like(weights))
        return None
    first, correction = changes
    first += correction
    first[light > 0.0] -= misfit[light > 0.0]
    return MeasuredStep(first, correction)
