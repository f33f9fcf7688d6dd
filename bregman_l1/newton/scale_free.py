"""The projection where double precision cannot hold it: a jump or a walk, on the smallest face that is known.

The prior goes along a line from entries of even size (tau = 0) to its own (tau = 1). A walk that meets coordinates
which vanish on the whole feasible set goes on without them, and without the rows that depend on the others then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Vector
from bregman_l1.basis.choice import SingularBasisError, choose_basis, is_large_and_sparse, log_shares
from bregman_l1.basis.facial_reduction import Face, by_linear_program, narrowed
from bregman_l1.basis.rows import independent_rows
from bregman_l1.errors import InfeasibleError
from bregman_l1.newton.jump import Start, jump
from bregman_l1.newton.walk import Walk
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import equilibrated
from bregman_l1.polyhedron.linear_program import LinearProgram, LinearProgramSettings, solve_linear_program

if TYPE_CHECKING:
    from bregman_l1.budget import Budget
    from bregman_l1.system import LinearSystem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrival:
    """Where the way ended.

    Attributes
    ----------
    log_x, dual : ndarray of shape (d,) and (N,)
    outcome : Outcome
    error : float
    face : Face
        Which coordinates vanish, or that nothing is feasible; found on the way.
    tau : float
        How far the prior came.
    """

    log_x: Vector
    dual: Vector
    outcome: Outcome
    error: float
    face: Face
    tau: float


def scale_free(
    system: LinearSystem, log_prior: Vector, start: Start, budget: Budget, is_minimal: bool = False
) -> Arrival:
    """Follow the prior to its end.

    From the start that is given, then from the centre of the feasible set; in between a linear program is asked
    which coordinates vanish. Sparse systems whose start is as good as none begin with the latter.

    Parameters
    ----------
    system : LinearSystem
        Of independent rows.
    log_prior : ndarray of shape (d,)
    start : Start
    budget : Budget
    is_minimal : bool, default False
        Whether it is known that no coordinate vanishes.
    """
    is_program = system.is_sparse and start.tau == 0.0
    arrival = (
        _nowhere(system, start, Outcome.INACCURATE) if is_program else _from_start(system, log_prior, start, budget)
    )
    if arrival.outcome is not Outcome.OPTIMAL and arrival.face.is_whole and not budget.spent_out:
        if not is_minimal:
            arrival = replace(arrival, face=by_linear_program(system, budget), tau=0.0, log_x=start.even)
            is_minimal = True
        if arrival.face.is_whole:
            arrival = _from_centre(system, log_prior, start, budget)
    return arrival if arrival.face.is_whole else _on_face(system, log_prior, start, arrival, budget, is_minimal)


def _on_face(
    system: LinearSystem, log_prior: Vector, start: Start, arrival: Arrival, budget: Budget, is_minimal: bool
) -> Arrival:
    """Go on from the point of arrival on the face it found."""
    face = arrival.face
    columns = np.flatnonzero(face.free)
    if face.farkas is not None or not columns.size:
        return replace(arrival, outcome=Outcome.INFEASIBLE)
    try:
        part = system.restrict(columns)
    except InfeasibleError as error:
        nowhere = Face(free=face.free[columns], farkas=error.farkas)
        face = narrowed(face, system, columns, np.arange(system.shape[0]), nowhere)
        return replace(arrival, outcome=Outcome.INFEASIBLE, face=face)
    rows = independent_rows(part)
    way = Start(even=start.even[columns], tau=arrival.tau, log_x=arrival.log_x[columns], tol=start.tol)
    inner = scale_free(part.of_rows(rows), log_prior[columns], way, budget, is_minimal)
    dual, log_x = np.zeros(system.shape[0]), np.full(log_prior.size, -np.inf)
    dual[rows], log_x[columns] = inner.dual, inner.log_x
    if not inner.face.is_whole:
        face = narrowed(face, system, columns, rows, inner.face)
    return replace(inner, log_x=log_x, dual=dual, face=face)


def _from_start(system: LinearSystem, log_prior: Vector, start: Start, budget: Budget) -> Arrival:
    """A jump to the end where the scales have begun to part; the walk where that fails, or is not worth its while.

    Large sparse systems have too many scales for a jump.
    """
    if start.tau > 0.0 and np.prod(system.shape) >= settings.JUMP_FROM and not is_large_and_sparse(system):
        for keeps in settings.JUMP_KEEPS:
            landing = jump(system, log_prior, start, keeps, budget)
            if budget.spent_out:
                return _nowhere(system, start, budget.spent_out)
            if landing is not None and landing.is_close:
                face = Face.whole(log_prior.size)
                return Arrival(
                    log_x=landing.log_x, dual=landing.dual, outcome=Outcome.OPTIMAL, error=start.tol, face=face, tau=1.0
                )
            if landing is not None:
                arrival = walked(system, log_prior, replace(start, tau=1.0, log_x=landing.log_x), budget)
                if arrival.outcome is Outcome.OPTIMAL:
                    return arrival
    return walked(system, log_prior, start, budget)


def walked(system: LinearSystem, log_prior: Vector, start: Start, budget: Budget) -> Arrival:
    """Walk to the end of the way; from there already, converge.

    Large sparse systems walk on the columns that weigh something at the start. Where others come to lead
    a row they walk again with these; in the end all take part that show in a digit.
    """
    if not is_large_and_sparse(system):
        return _walked_on_all(system, log_prior, start, budget)
    try:
        warm = _log_shares(system, start) > -settings.WARM
        while True:
            way = replace(start, even=start.even[warm], log_x=start.log_x[warm])
            arrival = _walked_on_all(system.restrict(warm), log_prior[warm], way, budget)
            if arrival.outcome is not Outcome.OPTIMAL:
                break
            end = replace(start, tau=1.0, log_x=log_prior + system.rmatvec(arrival.dual))
            shares = np.where(warm, -np.inf, _log_shares(system, end))
            if shares.max() <= -settings.COLD:
                return replace(arrival, log_x=end.log_x, face=Face.whole(log_prior.size))
            depth = settings.WARM
            if shares.max() < 0.0:
                start, depth = end, settings.COLD
            warm |= shares > -depth
    except SingularBasisError:
        pass
    return _walked_on_all(system, log_prior, start, budget)


def _log_shares(system: LinearSystem, start: Start) -> Vector:
    return log_shares(system, choose_basis(system, start.log_x), start.log_x)


def _walked_on_all(system: LinearSystem, log_prior: Vector, start: Start, budget: Budget) -> Arrival:
    """The walk with every column."""
    if np.prod(system.shape) > settings.LARGEST_TABLEAU:
        return _nowhere(system, start, Outcome.INACCURATE)
    try:
        walk = Walk(system, start.even, log_prior - start.even, start.log_x, start.tau, budget)
        outcome = walk.advance(1.0)
    except SingularBasisError:
        return _nowhere(system, start, Outcome.INACCURATE)
    log_x = walk.log_x if outcome is Outcome.OPTIMAL else walk.point.log_x
    face = walk.face or Face.whole(log_x.size)
    return Arrival(log_x=log_x, dual=walk.dual, outcome=outcome, error=walk.error, face=face, tau=walk.point.tau)


def _nowhere(system: LinearSystem, start: Start, outcome: Outcome) -> Arrival:
    dual, face = np.zeros(system.shape[0]), Face.whole(system.shape[1])
    return Arrival(log_x=start.log_x, dual=dual, outcome=outcome, error=np.inf, face=face, tau=start.tau)


def _from_centre(system: LinearSystem, log_prior: Vector, start: Start, budget: Budget) -> Arrival:
    """Walk from a centre of the feasible set, the solution for the prior which it is itself."""
    matrix, y, rows, columns = equilibrated(system)
    native = {"solver": "ipm", "run_crossover": "off", "presolve": "off"}
    limit = budget.seconds_left if np.isfinite(budget.seconds_left) else None
    answer = solve_linear_program(
        LinearProgram(cost=np.zeros(columns.size), rows=matrix, row_lower=y, row_upper=y, lower=0.0),
        LinearProgramSettings(tol=1e-7, native=native, time_limit=limit),
    )
    if answer.x is None:
        return _nowhere(system, start, budget.spent_out or Outcome.INACCURATE)
    x = answer.x * float(np.abs(system.y / rows).max()) / columns
    centre = np.log(np.maximum(x, settings.LOWEST_OF_CENTRE * float(np.median(x))))
    return walked(system, log_prior, replace(start, even=centre, tau=0.0, log_x=centre), budget)
