"""The projection where double precision cannot hold it: a jump or a walk, on the smallest face that is known.

The prior goes along a line from entries of even size (tau = 0) to its own (tau = 1). A walk that meets coordinates
which vanish on the whole feasible set goes on without them, and without the rows that depend on the others then.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.errors import BackendError, InfeasibleError
from bregman_l1.newton.facial_reduction import Face, by_linear_program, narrowed
from bregman_l1.newton.jump import Start, jump
from bregman_l1.newton.settings import (
    COLD,
    JUMP_FROM,
    JUMP_KEEPS,
    LARGEST_TABLEAU,
    LOWEST_OF_CENTRE,
)
from bregman_l1.newton.setup import independent_rows
from bregman_l1.newton.tableau import SingularBasisError, warm_columns
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


def scale_free(system: LinearSystem, log_prior: Vector, start: Start, budget: Budget) -> Arrival:
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
    """
    is_program = system.is_sparse and start.tau == 0.0
    arrival = (
        _nowhere(system, start.tau, start.log_x, None) if is_program else _from_start(system, log_prior, start, budget)
    )
    if arrival.outcome is not Outcome.OPTIMAL and arrival.face.is_whole and not budget.spent_out:
        arrival = replace(arrival, face=_asked(system), tau=0.0, log_x=start.even)
        if arrival.face.is_whole:
            arrival = _from_centre(system, log_prior, budget)
    return arrival if arrival.face.is_whole else _on_face(system, log_prior, start, arrival, budget)


def _on_face(system: LinearSystem, log_prior: Vector, start: Start, arrival: Arrival, budget: Budget) -> Arrival:
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
    inner = scale_free(part.of_rows(rows), log_prior[columns], way, budget)
    dual, log_x = np.zeros(system.shape[0]), np.full(log_prior.size, -np.inf)
    dual[rows], log_x[columns] = inner.dual, inner.log_x
    if not inner.face.is_whole:
        face = narrowed(face, system, columns, rows, inner.face)
    return replace(inner, log_x=log_x, dual=dual, face=face)


def _from_start(system: LinearSystem, log_prior: Vector, start: Start, budget: Budget) -> Arrival:
    """A jump to the end where the scales have begun to part; the walk where that fails, or is not worth its while."""
    n_rows, n_columns = system.shape
    if n_rows * n_columns > LARGEST_TABLEAU:
        return _nowhere(system, start.tau, start.log_x, Outcome.INACCURATE)
    if start.tau > 0.0 and n_rows * n_columns >= JUMP_FROM:
        for keeps in JUMP_KEEPS:
            arrival = _jumped(system, log_prior, start, keeps, budget)
            if arrival is not None or budget.spent_out:
                return arrival or _nowhere(system, start.tau, start.log_x, budget.spent_out)
    return _walked(system, start.even, log_prior, start.log_x, start.tau, budget)


def _walked(
    system: LinearSystem, even: Vector, log_prior: Vector, log_x: Vector, tau: float, budget: Budget
) -> Arrival:
    try:
        walk = Walk(system, even, log_prior - even, log_x, tau, budget)
        outcome = walk.advance(1.0)
    except SingularBasisError:
        return _nowhere(system, tau, log_x, Outcome.INACCURATE)
    return _arrival(walk, outcome)


def _arrival(walk: Walk, outcome: Outcome) -> Arrival:
    log_x = walk.log_x if outcome is Outcome.OPTIMAL else walk.point.log_x
    face = walk.face or Face(free=np.ones(log_x.size, dtype=bool))
    return Arrival(log_x=log_x, dual=walk.dual, outcome=outcome, error=walk.error, face=face, tau=walk.point.tau)


def _nowhere(system: LinearSystem, tau: float, log_x: Vector, outcome: Outcome | None) -> Arrival:
    return Arrival(
        log_x=log_x,
        dual=np.zeros(system.shape[0]),
        outcome=outcome or Outcome.INACCURATE,
        error=np.inf,
        face=Face(free=np.ones(system.shape[1], dtype=bool)),
        tau=tau,
    )


def _jumped(system: LinearSystem, log_prior: Vector, start: Start, keeps: float, budget: Budget) -> Arrival | None:
    """Jump to the end; where rounding shows in what that finds, settle it on a basis of its own."""
    landing = jump(system, log_prior, start, keeps, budget)
    if landing is None:
        return None
    if not landing.is_close:
        return settled(system, log_prior, landing.log_x, budget)
    everywhere = Face(free=np.ones(log_prior.size, dtype=bool))
    return Arrival(
        log_x=landing.log_x, dual=landing.dual, outcome=Outcome.OPTIMAL, error=start.tol, face=everywhere, tau=1.0
    )


def settled(system: LinearSystem, log_prior: Vector, log_x: Vector, budget: Budget) -> Arrival | None:
    """Converge at the prior itself, from nearby; None if that fails, or wakes a column that was left out.

    Parameters
    ----------
    system : LinearSystem
        Of independent rows.
    log_prior, log_x : ndarray of shape (d,)
        log_x = log_prior + A'lam for some lam.
    budget : Budget
    """
    warm = warm_columns(system, log_x, share=2)
    part = system.restrict(warm)
    try:
        walk = Walk(part, log_prior[warm], np.zeros(warm.size), log_x[warm], 0.0, budget)
        outcome = walk.advance(0.0)
    except SingularBasisError:
        return None
    if outcome is not Outcome.OPTIMAL:
        return None
    whole = log_prior + system.rmatvec(walk.dual)
    cold = np.ones(whole.size, dtype=bool)
    cold[warm] = False
    if (whole + np.log(system.column_sizes))[cold].max(initial=-np.inf) > walk.point.om.min() - COLD / 2:
        return None
    whole[warm] = walk.log_x
    return replace(_arrival(walk, outcome), log_x=whole, face=Face(free=np.ones(whole.size, dtype=bool)), tau=1.0)


def _from_centre(system: LinearSystem, log_prior: Vector, budget: Budget) -> Arrival:
    """Walk from a centre of the feasible set, the solution for the prior which it is itself."""
    matrix, y, rows, columns = equilibrated(system)
    native = {"solver": "ipm", "run_crossover": "off", "presolve": "off"}
    limit = budget.seconds_left if np.isfinite(budget.seconds_left) else None
    answer = solve_linear_program(
        LinearProgram(cost=np.zeros(columns.size), rows=matrix, row_lower=y, row_upper=y, lower=0.0),
        LinearProgramSettings(tol=1e-7, native=native, time_limit=limit),
    )
    everywhere = np.zeros(columns.size)
    if answer.x is None:
        return _nowhere(system, 0.0, everywhere, budget.spent_out)
    x = answer.x * float(np.abs(system.y / rows).max()) / columns
    centre = np.log(np.maximum(x, LOWEST_OF_CENTRE * float(np.median(x))))
    return _walked(system, centre, log_prior, centre, 0.0, budget)


def _asked(system: LinearSystem) -> Face:
    """What a linear program says of coordinates that vanish; nothing where it proves nothing."""
    try:
        return by_linear_program(system)
    except InfeasibleError as error:
        return Face(free=np.zeros(system.shape[1], dtype=bool), farkas=error.farkas)
    except BackendError:
        return Face(free=np.ones(system.shape[1], dtype=bool))
