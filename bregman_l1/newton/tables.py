"""Tables with given margins: proportional fitting as far as it is fast, then Newton's method by conjugate gradients.

A prior of few e-folds, such as the table of a raking, takes no more than that. Deeper ones, such as exp(-cost/epsilon)
of transport, are entered from prior**share, the share growing to one: then no sum of the table underflows.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, Vector
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim, ExposingVector
from bregman_l1.frozen import read_only
from bregman_l1.newton.dual_newton import DualPoint, dual_newton
from bregman_l1.newton.equations import MeasuredStep
from bregman_l1.newton.gradients import Gradients
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import refusal
from bregman_l1.potential import ENTROPY
from bregman_l1.probes import probes
from bregman_l1.system import largest, one_for_zero

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

_LOG = logging.getLogger(__name__)


def project_table(
    system: LinearSystem,
    log_prior: Vector,
    *,
    budget: Budget,
    tol: float = 1e-9,
) -> Claim:
    """Project exp(log_prior) in entropy onto the tables x >= 0 with the margins y.

    Cells of a margin that is zero vanish, which a vector proves: minus one in the rows where y is zero.

    Parameters
    ----------
    system : LinearSystem
        Of margins (`LinearSystem.is_table`).
    log_prior : ndarray of shape (d,)
    budget : Budget
        Of Newton steps.
    tol : float, default 1e-9
        Accuracy of log x at which the run counts as converged.

    Returns
    -------
    Claim

    Raises
    ------
    InfeasibleError
        If a margin that is positive has cells only where others are zero.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> system = LinearSystem.margins((2, 2), [0, 1], [[1.0, 2.0], [3.0, 0.0]])
    >>> np.exp(project_table(system, np.zeros(4), budget=Budget()).log_x).round(9).tolist()
    [1.0, 0.0, 2.0, 0.0]
    """
    exposing = -(system.y == 0.0).astype(np.float64)
    if not exposing.any():
        return _claim(system, log_prior, tol, budget)
    is_left = system.rmatvec(exposing) == 0.0
    without = (system.matvec(is_left.astype(np.float64)) == 0.0) & (system.y > 0.0)
    if without.any():
        farkas = exposing.copy()
        farkas[without.argmax()] = 1.0
        raise refusal(system, farkas, "no x >= 0 solves A x = y", "give one of them another target")
    cells = np.flatnonzero(is_left)
    part = system.restrict(cells)
    claim = _claim(part, log_prior[cells], tol, budget)
    log_x = np.full(system.shape[1], -np.inf)
    log_x[cells] = claim.log_point
    return replace(claim, log_x=read_only(log_x), proof=ExposingVector(exposing))


def measured_table_step(
    system: LinearSystem, x: Vector, weights: Vector, misfit: Vector, missed: Vector, budget: Budget
) -> MeasuredStep | None:
    """The change A'u - misfit of theta in one Newton step, and by what it may be off; None without time.

    (A W A') u = y - A x + A W misfit. What a first solution leaves is solved for again, with random numbers of its size
    and of that of rounding, so that no direction is missed because they hide it. The change is infinite where that
    cannot be solved: rounding hides a direction.

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
        Of seconds.
    """
    equations = Gradients(system, budget)
    equations.weigh(weights)
    right = missed + system.matvec(weights * misfit)
    first, left = equations.solve(right, settings.TABLE_MEASURED), equations.left
    along = system.rmatvec(first)
    rest = right - system.matvec(weights * along)
    noise = np.hypot(rest, EPS * system.terms(x)) * probes(1, rest.size)[0]
    second = equations.solve(rest + noise, settings.TABLE_PROBED)
    correction = system.rmatvec(second)
    if budget.spent_out:
        return None
    if not (left <= settings.TABLE_UNSOLVED and equations.left <= settings.TABLE_PROBED):
        return MeasuredStep(np.full_like(weights, np.inf), correction)
    return MeasuredStep(along - misfit, correction)


def _claim(system: LinearSystem, log_prior: Vector, tol: float, budget: Budget) -> Claim:
    with np.errstate(all="ignore"):
        point = _followed(system, log_prior, tol, budget)
    outcome = Outcome.OPTIMAL if point.error <= tol / 10 else budget.spent_out or Outcome.INACCURATE
    return Claim(
        log_x=read_only(point.log_x),
        dual=point.dual,
        error=point.error,
        iterations=budget.used,
        outcome=outcome,
        raw_status=outcome.value,
    )


def _followed(system: LinearSystem, log_prior: Vector, tol: float, budget: Budget) -> DualPoint:
    """The projection of the prior, from those of its powers."""
    equations, until = Gradients(system, budget), max(settings.TABLE_SOLVED * tol, 2 * settings.AT_REST)
    share = min(1.0, settings.SHALLOW / max(1.0, float(np.ptp(log_prior))))
    good, further, dual = 0.0, settings.TABLE_FURTHER, np.zeros(system.shape[0])
    while True:
        prior = share * log_prior
        start = dual + system.balanced(prior + system.rmatvec(dual), settings.SWEEPS)
        closely = until if share == 1.0 else settings.CLOSE
        most = settings.MOST_STAGE_STEPS
        point = dual_newton(system, equations, ENTROPY, prior, budget, dual=start, until=closely, most=most)
        _LOG.debug("table: %.3g of the prior, error %.2g, %d Newton steps in all", share, point.error, budget.used)
        if share == 1.0 and point.error <= tol / 10:
            return replace(point, error=max(point.error, _missed(system, point), _noise(system, equations)))
        if budget.spent_out:
            return point
        if point.error <= settings.CLOSE:
            good, dual = share, point.dual
        else:
            further = np.sqrt(further)
        if share == good == 1.0 or further < settings.LEAST_FURTHER:
            return point
        share = min(1.0, further * good) if good else share / further


def _missed(system: LinearSystem, point: DualPoint) -> float:
    """How much A x misses of y: steps are short, too, where their equations have no solution."""
    x = np.exp(point.log_x)
    return largest((system.y - system.matvec(x)) / one_for_zero(system.y))


def _noise(system: LinearSystem, equations: Gradients) -> float:
    """What the rounding of y - A x does to log x; infinite where it hides a direction that hardly moves any sum."""
    lam = equations.solve(probes(1, system.shape[0])[0] * equations.rounding(), settings.TABLE_PROBED)
    return largest(system.rmatvec(lam)) if equations.left <= settings.TABLE_PROBED else np.inf
