"""The Newton step of a candidate by the normal equations: cheap, where double precision holds all of x."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import EPS, Vector
from bregman_l1.newton.dual_newton import rounding_noise
from bregman_l1.newton.settings import MOST_REFINEMENTS, PLAIN_RANGE, REFINED

if TYPE_CHECKING:
    from bregman_l1.newton.normal_equations import NormalEquations
    from bregman_l1.system import LinearSystem


def plain_step(
    system: LinearSystem, equations: NormalEquations, log_prior: Vector, log_x: Vector, dual: Vector | None
) -> tuple[Vector, Vector, float] | None:
    """Return the Newton step in log x, its multiplier, and a bound of its rounding; None where that could show.

    With lam the multiplier of log x + d, the step d = log p + A'lam - log x has A X d = y - A x: one linear system
    (A X A') lam = right, solved by refinement from the dual given, whoever gave it.

    Parameters
    ----------
    system : LinearSystem
        Of independent rows.
    equations : NormalEquations
        Of that system.
    log_prior, log_x : ndarray of shape (d,)
    dual : ndarray of shape (N,), optional

    Returns
    -------
    step : ndarray of shape (d,)
    dual : ndarray of shape (N,)
    noise : float
    """
    if not np.abs(log_x).max() <= PLAIN_RANGE:
        return None
    residual = equations.at(log_x)
    if residual is None:
        return None
    x, before = np.exp(log_x), np.inf
    lam = np.zeros(system.shape[0]) if dual is None else dual
    step = log_prior + system.rmatvec(lam) - log_x
    for _ in range(MOST_REFINEMENTS):
        change = equations.solve(residual - system.matvec(x * step), 1e-4)
        size = float(np.abs(system.rmatvec(change)).max())
        if not size < before / 2:
            return None
        before, lam = size, lam + change
        step = log_prior + system.rmatvec(lam) - log_x
        floor = EPS * float(np.abs(log_x).max() + 1.0)
        if size <= max(REFINED * float(np.abs(step).max()), 16 * floor):
            return step, lam, rounding_noise(system, equations)
    return None
