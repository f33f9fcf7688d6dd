"""The projection of one prior: the convex loop where double precision holds x, the scale-free form elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Vector
from bregman_l1.basis.facial_reduction import Face
from bregman_l1.basis.rows import Rows, split_rows
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim, Farkas
from bregman_l1.errors import InfeasibleError
from bregman_l1.frozen import read_only
from bregman_l1.newton.dual_newton import dual_newton
from bregman_l1.newton.jump import Start
from bregman_l1.newton.normal_equations import normal_equations
from bregman_l1.newton.scale_free import Arrival, scale_free, walked
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import separates
from bregman_l1.threads import threads_for

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
        rows = split_rows(system, budget)
        part = rows.part(system)
        if start_dual is not None:
            log_x = log_prior + part.rmatvec(start_dual[rows.kept])
            start = Start(even=np.zeros(log_x.size), tau=1.0, log_x=log_x, tol=tol)
            arrival = walked(part, log_prior, start, budget)
            if arrival.outcome is Outcome.OPTIMAL:
                return _claim(system, rows, arrival, budget)
        found = _in_double_precision(part, log_prior, tol, budget)
        if isinstance(found, Start):
            found = scale_free(part, log_prior, found, budget)
        return _claim(system, rows, found, budget)


def _in_double_precision(system: LinearSystem, log_prior: Vector, tol: float, budget: Budget) -> Arrival | Start:
    """The convex loop, entered from a nearby prior where the own one is deep, or where it leaves off.

    On the way down x stays within double precision where the prior's depth lies in the row space of A, as with
    transport. For dense A the first stage alone is run: from there the jump is cheaper.
    """
    size = float(np.log((np.abs(system.y) / system.row_peaks).max()))  # of x if one entry had to do it all
    depth = float(max(log_prior.max() - size, size - log_prior.min()))
    share = 1.0 if depth <= settings.NEAR else settings.LEAVE_AT / depth
    even = np.broadcast_to(np.float64(size), log_prior.shape)
    equations, start = normal_equations(system, budget), Start(even=even, tau=0.0, log_x=even, tol=tol)
    dual = thinned = _thinned(system, log_prior, budget) if share == 1.0 else None
    most = settings.MOST_CONVEX_STEPS
    while True:
        until = settings.AT_REST if share == 1.0 else settings.CLOSE
        prior = log_prior if share == 1.0 else size + share * (log_prior - size)
        point = dual_newton(system, equations, prior, budget, dual=dual, until=until, most=most)
        solved = share == 1.0 and point.error <= tol / 10 and point.noise <= settings.NOISE * tol
        limit = budget.spent_out
        if thinned is not None and not (solved or limit):
            dual = thinned = None
            continue
        if solved or limit:
            return Arrival(
                log_x=point.log_x,
                dual=point.dual,
                outcome=Outcome.OPTIMAL if solved or limit is None else limit,
                error=point.error,
                face=Face.whole(log_prior.size),
                tau=share,
            )
        if share == 1.0 or not point.error <= settings.CLOSE:
            return start
        start = Start(even=even, tau=share, log_x=point.log_x, tol=tol)
        if not system.is_sparse:
            return start
        most = settings.MOST_STAGE_STEPS
        tangent = equations.solve(system.matvec(np.exp(point.log_x) * (size - log_prior)), settings.CLOSE)
        before, share = share, min(1.0, settings.FURTHER * share)
        dual = point.dual + (share - before) * tangent


def _thinned(system: LinearSystem, log_prior: Vector, budget: Budget) -> Vector | None:
    """The dual of a few of very many columns, each standing for its neighbours: a start some percent off."""
    n_rows, n_columns = system.shape
    if system.is_sparse or n_columns < settings.THINNED * settings.ENOUGH_TO_THIN * n_rows:
        return None
    try:
        part = system.restrict(np.arange(0, n_columns, settings.THINNED))
    except InfeasibleError:
        return None
    prior = log_prior[:: settings.THINNED] + np.log(settings.THINNED)
    point = dual_newton(part, normal_equations(part, budget), prior, budget, until=settings.CLOSE**2)
    return point.dual if point.error <= settings.CLOSE else None


def _claim(system: LinearSystem, rows: Rows, arrival: Arrival, budget: Budget) -> Claim:
    """What there is to say, in terms of all rows; a contradiction if a dropped row does not agree."""
    outcome, proof = arrival.outcome, arrival.face.proof
    if proof is not None:
        proof = replace(proof, z=rows.embedded(proof.z))
    if outcome is Outcome.OPTIMAL and rows.dropped.size:
        farkas = rows.contradiction(system, np.exp(arrival.log_x))
        if farkas is not None and separates(system, farkas):
            outcome, proof = Outcome.INFEASIBLE, Farkas(farkas)
    return Claim(
        log_x=read_only(arrival.log_x),
        dual=rows.embedded(arrival.dual),
        error=arrival.error,
        iterations=budget.used,
        outcome=outcome,
        raw_status=outcome.value,
        proof=proof,
    )
