"""The projection of one prior: the convex loop where double precision holds x, the scale-free form elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim, Farkas
from bregman_l1.errors import InfeasibleError
from bregman_l1.newton.dual_newton import DualPoint, dual_newton
from bregman_l1.newton.normal_equations import normal_equations
from bregman_l1.newton.scale_free import Arrival, Start, scale_free, settled
from bregman_l1.newton.settings import AT_REST, CLOSE, ENOUGH_TO_THIN, FURTHER, LEAVE_AT, NEAR, NOISE, THINNED
from bregman_l1.newton.setup import Rows, split_rows
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
        rows = split_rows(system)
        reduced = rows.part(system)
        start = None if start_dual is None else start_dual[rows.kept]
        if start is not None:
            arrival = settled(reduced, log_prior, log_prior + reduced.rmatvec(start), budget)
            if arrival is not None:
                return _held_against_dropped_rows(system, rows, _arrived(rows, arrival, budget))
        way = _in_double_precision(reduced, log_prior, tol, budget)
        if way.is_solved or budget.spent_out:
            return _held_against_dropped_rows(system, rows, _claim(rows, way, budget))
        arrival = scale_free(reduced, log_prior, way.start, budget)
        return _held_against_dropped_rows(system, rows, _arrived(rows, arrival, budget))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Descent:
    """How far the convex loop came.

    Attributes
    ----------
    point : DualPoint
        The last point.
    is_solved : bool
        Whether it is the projection.
    start : Start
        Where the scale-free form may begin.
    """

    point: DualPoint
    is_solved: bool
    start: Start


def _in_double_precision(system: LinearSystem, log_prior: Vector, tol: float, budget: Budget) -> Descent:
    """The convex loop, entered from a nearby prior where the own one is deep, until its rounding shows.

    On the way down x stays within double precision where the prior's depth lies in the row space of A, as with
    transport. For dense A the first stage alone is run: from there the jump is cheaper.
    """
    size = _log_size(system)
    even = np.broadcast_to(np.float64(size), log_prior.shape)
    depth = float(max(log_prior.max() - size, size - log_prior.min()))
    share = 1.0 if depth <= NEAR else LEAVE_AT / depth
    equations, start = normal_equations(system), Start(even=even, tau=0.0, log_x=even)
    dual = _thinned(system, log_prior, budget) if share == 1.0 else None
    while True:
        until = AT_REST if share == 1.0 else CLOSE
        prior = log_prior if share == 1.0 else size + share * (log_prior - size)
        point = dual_newton(system, equations, prior, budget, dual=dual, until=until)
        if share == 1.0:
            solved = point.error <= tol / 10 and point.noise <= NOISE * tol
            return Descent(point=point, is_solved=solved, start=start)
        if not point.error <= CLOSE or budget.spent_out:
            return Descent(point=point, is_solved=False, start=start)
        start = Start(even=even, tau=share, log_x=point.log_x)
        if not system.is_sparse:
            return Descent(point=point, is_solved=False, start=start)
        before, share = share, min(1.0, FURTHER * share)
        dual = point.dual * (share / before)


def _thinned(system: LinearSystem, log_prior: Vector, budget: Budget) -> Vector | None:
    """The dual of a few of very many columns, each standing for its neighbours: a start some percent off."""
    n_rows, n_columns = system.shape
    if system.is_sparse or n_columns < THINNED * ENOUGH_TO_THIN * n_rows:
        return None
    try:
        part = system.restrict(np.arange(0, n_columns, THINNED))
    except InfeasibleError:
        return None
    prior = log_prior[::THINNED] + np.log(THINNED)
    point = dual_newton(part, normal_equations(part), prior, budget, until=CLOSE**2)
    return point.dual if point.error <= CLOSE else None


def _log_size(system: LinearSystem) -> float:
    """The logarithm of the size entries of x would have if one of them had to do it all."""
    return float(np.log((np.abs(system.y) / system.row_peaks).max()))


def _claim(rows: Rows, way: Descent, budget: Budget) -> Claim:
    """What the convex loop has to say."""
    outcome = Outcome.OPTIMAL if way.is_solved else budget.spent_out or Outcome.INACCURATE
    return Claim(
        log_x=way.point.log_x,
        dual=rows.embedded(way.point.dual),
        error=way.point.error,
        iterations=budget.used,
        outcome=outcome,
        raw_status=outcome.value,
    )


def _arrived(rows: Rows, arrival: Arrival, budget: Budget) -> Claim:
    """What the scale-free form has to say, its proof in terms of all rows."""
    proof = arrival.face.proof
    if proof is not None:
        proof = replace(proof, z=rows.embedded(proof.z))
    return Claim(
        log_x=arrival.log_x,
        dual=rows.embedded(arrival.dual),
        error=arrival.error,
        iterations=budget.used,
        outcome=arrival.outcome,
        raw_status=arrival.outcome.value,
        proof=proof,
    )


def _held_against_dropped_rows(system: LinearSystem, rows: Rows, claim: Claim) -> Claim:
    """The claim, or the contradiction between the rows kept and one that depends on them."""
    if claim.outcome is not Outcome.OPTIMAL or not rows.dropped.size:
        return claim
    farkas = rows.contradiction(system, claim.point)
    if farkas is None:
        return claim
    return replace(claim, outcome=Outcome.INFEASIBLE, raw_status="infeasible", proof=Farkas(farkas))
