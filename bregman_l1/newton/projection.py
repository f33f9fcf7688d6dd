"""The projection of one prior: the convex loop where double precision holds x, the scale-free form elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Index, Vector
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim, ExposingVector, Farkas
from bregman_l1.newton import old_projection
from bregman_l1.newton.dual_newton import DualPoint, dual_newton
from bregman_l1.newton.normal_equations import normal_equations
from bregman_l1.newton.settings import AT_REST, CLOSE, FURTHER, LEAVE_AT, NEAR, NOISE, ROUNDINGS
from bregman_l1.newton.setup import farkas_of_row, independent_rows
from bregman_l1.newton.status import Status
from bregman_l1.newton.threads import threads_for
from bregman_l1.outcome import Outcome

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


def project(
    system: LinearSystem,
    log_prior: Vector,
    *,
    start_dual: Vector | None = None,
    tol: float = 1e-9,
    max_iter: int | None = None,
    time_limit: float | None = None,
) -> Claim:
    """Project exp(log_prior) onto {x >= 0 : A x = y} in the entropy's Bregman divergence.

    Parameters
    ----------
    system : LinearSystem
    log_prior : ndarray of shape (d,)
        Logarithms of the prior, of any scale.
    start_dual : ndarray of shape (N,), optional
        A dual to start from; where it leads nowhere the run starts cold.
    tol : float, default 1e-9
        Accuracy of log x at which the run counts as converged; scaled with max |log x| / 1000 beyond 1000.
    max_iter : int, optional
        Most factorisations.
    time_limit : float, optional
        Most seconds.

    Returns
    -------
    Claim

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> float(project(LinearSystem([[1.0, 0.5]], [1.0]), np.full(2, -2302.6)).log_x[1].round(6))
    -1151.3
    """
    budget = Budget(max_iter, time_limit)
    with threads_for(system), np.errstate(all="ignore"):
        rows = independent_rows(system)
        reduced = system if rows.size == system.shape[0] else system.of_rows(rows)
        start = None if start_dual is None else start_dual[rows]
        plain = _in_double_precision(reduced, log_prior, start, tol, budget)
        if plain is not None:
            return _held_against_dropped_rows(system, rows, _claim(system, rows, plain, budget))
        return _scale_free(system, log_prior, start_dual, tol, max_iter, budget)


def _in_double_precision(
    system: LinearSystem, log_prior: Vector, start: Vector | None, tol: float, budget: Budget
) -> DualPoint | None:
    """The convex loop, entered from a nearby prior where the own one is deep; None where its rounding shows.

    On the way down x stays within double precision where the prior's depth lies in the row space of A, as with
    transport; where it does not, the second stage sees the noise grow and gives up.
    """
    even = _log_size(system)
    depth = float(np.abs(log_prior - even).max())
    share = 1.0 if depth <= NEAR or start is not None else LEAVE_AT / depth
    equations, dual = normal_equations(system), start
    while True:
        until = AT_REST if share == 1.0 else CLOSE
        point = dual_newton(system, equations, even + share * (log_prior - even), budget, dual=dual, until=until)
        if share == 1.0:
            return point if point.error <= tol and point.noise <= NOISE * tol else None
        if not point.error <= CLOSE or budget.spent_out or not system.is_sparse:
            return None
        before, share = share, min(1.0, FURTHER * share)
        dual = point.dual * (share / before)


def _log_size(system: LinearSystem) -> float:
    """The logarithm of the size entries of x would have if one of them had to do it all."""
    peaks = system.row_peaks
    return float(np.log((np.abs(system.y) / peaks).max()))


def _claim(system: LinearSystem, rows: Index, point: DualPoint, budget: Budget) -> Claim:
    dual = np.zeros(system.shape[0])
    dual[rows] = point.dual
    return Claim(log_x=point.log_x, dual=dual, error=point.error, iterations=budget.used, raw_status="optimal")


def _held_against_dropped_rows(system: LinearSystem, rows: Index, claim: Claim) -> Claim:
    """The claim, or the contradiction between the rows kept and one that depends on them."""
    dropped = np.setdiff1d(np.arange(system.shape[0]), rows)
    missed = system.backward_errors(claim.point)[dropped]
    if not missed.max(initial=0.0) > ROUNDINGS:
        return claim
    farkas = farkas_of_row(system, rows, int(dropped[missed.argmax()]))
    return replace(claim, outcome=Outcome.INFEASIBLE, raw_status="infeasible", proof=Farkas(farkas))


def _scale_free(
    system: LinearSystem,
    log_prior: Vector,
    start_dual: Vector | None,
    tol: float,
    max_iter: int | None,
    budget: Budget,
) -> Claim:
    seconds = budget.seconds_left if np.isfinite(budget.seconds_left) else None
    answer = old_projection.project(
        system, log_prior, start_dual=start_dual, tol=tol, max_iter=max_iter, time_limit=seconds
    )
    proof = None
    if answer.exposing is not None:
        proof = Farkas(answer.exposing) if answer.status is Status.INFEASIBLE else ExposingVector(answer.exposing)
    return Claim(
        log_x=answer.log_x,
        dual=answer.dual,
        error=answer.error,
        iterations=budget.used + answer.iterations,
        outcome=OUTCOMES[answer.status],
        raw_status=OUTCOMES[answer.status].value,
        proof=proof,
    )


OUTCOMES = {
    Status.CONVERGED: Outcome.OPTIMAL,
    Status.INACCURATE: Outcome.INACCURATE,
    Status.ITERATION_LIMIT: Outcome.ITERATION_LIMIT,
    Status.TIME_LIMIT: Outcome.TIME_LIMIT,
    Status.INFEASIBLE: Outcome.INFEASIBLE,
}
