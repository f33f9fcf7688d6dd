"""The projection where double precision cannot hold it: a jump or a walk, on the smallest face that is known.

A walk that meets coordinates which vanish on the whole feasible set goes on without them, and without the rows that
depend on the others then.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Index, Mask, Vector, in_double
from bregman_l1.basis.choice import SingularBasisError, choose_basis, is_large_and_sparse, log_shares
from bregman_l1.basis.facial_reduction import Face, by_linear_program, narrowed
from bregman_l1.basis.rows import independent_rows
from bregman_l1.errors import InfeasibleError
from bregman_l1.newton.jump import jump
from bregman_l1.newton.walk import Way, walk
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import equilibrated, separates
from bregman_l1.polyhedron.linear_program import LinearProgram, LinearProgramSettings, solve_linear_program

if TYPE_CHECKING:
    from bregman_l1.budget import Budget
    from bregman_l1.potential import Potential
    from bregman_l1.system import LinearSystem

_LOG = logging.getLogger(__name__)


def scale_free(system: LinearSystem, way: Way, budget: Budget) -> Way:
    """Go to the end of the way.

    From where it has come, then from the centre of the feasible set; in between a linear program is asked which
    coordinates vanish. Sparse systems that have not come anywhere begin with the latter.

    Parameters
    ----------
    system : LinearSystem
        Of independent rows.
    way : Way
    budget : Budget
    """
    # Small systems walk as fast as they jump; large sparse ones have too many scales for a jump.
    jumps = way.tau > 0.0 and np.prod(system.shape) >= settings.JUMP_FROM and not is_large_and_sparse(system)
    jumps &= way.potential.is_logarithmic
    end = jump(system, way, budget) if jumps else None
    if jumps:
        _LOG.debug("jump from %.3g of the way: %s", way.tau, "failed" if end is None else "arrived")
    if end is None:
        end = way if system.is_sparse and way.tau == 0.0 else walked(system, way, budget)
    if end.outcome is Outcome.INACCURATE and end.face is None:
        before = end
        if not way.is_minimal:
            face = by_linear_program(system, budget)
            face_or_none = None if face.is_whole else face
            _LOG.debug("linear program: %d of %d entries can be positive", np.count_nonzero(face.free), face.free.size)
            end = way = replace(way, tau=0.0, log_x=way.even, face=face_or_none, is_minimal=True)
        if end.face is None:
            end = _from_centre(system, way, budget)
            if end.outcome is not Outcome.OPTIMAL and end.face is None and before.tau == 1.0:
                end = before  # near the solution: its last steps showed rounding
    return end if end.face is None else _on_face(system, end, end.face, budget)


def _on_face(system: LinearSystem, way: Way, face: Face, budget: Budget) -> Way:
    """Go on where the face was found, without the coordinates that vanish on it."""
    columns = np.flatnonzero(face.free)
    _LOG.debug("face: %d of %d entries can be positive", columns.size, face.free.size)
    if face.farkas is not None or not columns.size:
        return replace(way, outcome=Outcome.INFEASIBLE)
    try:
        part = system.restrict(columns)
    except InfeasibleError as error:
        nowhere = Face(free=face.free[columns], farkas=error.farkas)
        face = narrowed(face, system, columns, np.arange(system.shape[0]), nowhere)
        if face.farkas is None or not separates(system, face.farkas):  # the face holds within a tolerance only
            return replace(way, face=None)
        return replace(way, outcome=Outcome.INFEASIBLE, face=face)
    rows = independent_rows(part)
    inner = scale_free(part.of_rows(rows), _restricted(way, columns, np.zeros(rows.size)), budget)
    dual, log_x = np.zeros(system.shape[0]), np.full(way.log_x.size, -np.inf)
    dual[rows], log_x[columns] = inner.dual, inner.log_x
    if inner.face is not None:
        face = narrowed(face, system, columns, rows, inner.face)
    return replace(way, log_x=log_x, dual=dual, face=face, outcome=inner.outcome, error=inner.error)


def _restricted(way: Way, columns: Index | Mask, dual: Vector) -> Way:
    """The way of some of the columns; ``dual`` is that of their rows."""
    even, log_prior, log_x = way.even[columns], way.log_prior[columns], way.log_x[columns]
    return replace(way, even=even, log_prior=log_prior, log_x=log_x, dual=dual, face=None)


def walked(system: LinearSystem, way: Way, budget: Budget) -> Way:
    """Walk to the end of the way; from there already, converge.

    Large sparse systems walk on the columns that weigh something at the start. Where others come to lead
    a row they walk again with these; in the end all take part that show in a digit.
    """
    if not is_large_and_sparse(system):
        return walk(system, way, budget)
    start = way
    try:
        warm = _log_shares(system, way.potential, start.log_x) > -settings.WARM
        while True:
            end = walk(system.restrict(warm), _restricted(start, warm, start.dual), budget)
            if end.outcome is not Outcome.OPTIMAL:
                break
            theta = way.potential.gradient(way.log_prior) + system.rmatvec(end.dual)
            log_x = in_double(way.potential.log_primal(theta))
            log_x[warm] = end.log_x
            shares = np.where(warm, -np.inf, _log_shares(system, way.potential, log_x))
            if shares.max() <= -settings.COLD:
                return replace(way, tau=1.0, log_x=log_x, dual=end.dual, outcome=end.outcome, error=end.error)
            cut = settings.WARM
            if shares.max() < 0.0:
                start, cut = replace(way, tau=1.0, log_x=log_x), settings.COLD
            warm |= shares > -cut
    except SingularBasisError:
        pass
    return walk(system, start, budget)


def _log_shares(system: LinearSystem, potential: Potential, log_x: Vector) -> Vector:
    return log_shares(system, choose_basis(system, potential.log_weight(log_x)), log_x)


def _from_centre(system: LinearSystem, way: Way, budget: Budget) -> Way:
    """Walk from a centre of the feasible set, the solution for the prior which it is itself.

    First to the beginning of the way, of the size of x, where no change of the prior's ratios is sharp; straight where
    that does not arrive.
    """
    matrix, y, rows, columns = equilibrated(system)
    native = {"solver": "ipm", "run_crossover": "off", "presolve": "off"}
    limit = budget.seconds_left if np.isfinite(budget.seconds_left) else None
    answer = solve_linear_program(
        LinearProgram(cost=np.zeros(columns.size), rows=matrix, row_lower=y, row_upper=y, lower=0.0),
        LinearProgramSettings(tol=1e-7, native=native, time_limit=limit),
    )
    if answer.x is None:
        return replace(way, outcome=budget.spent_out or Outcome.INACCURATE)
    x = answer.x * float(np.abs(system.y / rows).max()) / columns
    centre = np.log(np.maximum(x, settings.LOWEST_OF_CENTRE * float(np.median(x[x > 0.0]))))
    straight = replace(way, even=centre, tau=0.0, log_x=centre)
    unit = way.potential.in_unit_of(way.even)
    begin = walked(system, replace(straight, potential=unit, log_prior=way.even), budget)
    if begin.face is not None:
        return replace(way, face=begin.face)
    end = walked(system, replace(way, tau=0.0, log_x=begin.log_x), budget) if begin.tau == 1.0 else way
    return end if end.outcome is Outcome.OPTIMAL or end.face is not None else walked(system, straight, budget)
