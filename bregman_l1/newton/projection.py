"""The projection of one prior: the convex loop where double precision holds x, the scale-free form elsewhere."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Vector, Wide, in_double
from bregman_l1.basis.rows import Rows, split_rows
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim, Farkas
from bregman_l1.errors import InfeasibleError
from bregman_l1.frozen import read_only
from bregman_l1.newton.dual_newton import DualPoint, dual_newton, dual_point
from bregman_l1.newton.equations import NormalEquations
from bregman_l1.newton.normal_equations import normal_equations
from bregman_l1.newton.presolve import face_of_signs, on_face
from bregman_l1.newton.scale_free import scale_free, walked
from bregman_l1.newton.sparse_equations import sparse_equations, stays_sparse
from bregman_l1.newton.walk import Way
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import farkas_near
from bregman_l1.potential import ENTROPY, Potential
from bregman_l1.system import one_for_zero
from bregman_l1.threads import threads_for

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

_LOG = logging.getLogger(__name__)


def project(
    system: LinearSystem,
    log_prior: Wide,
    potential: Potential = ENTROPY,
    *,
    start_dual: Vector | None = None,
    tol: float = 1e-9,
    max_iter: int | None = None,
    time_limit: float | None = None,
) -> Claim:
    """Project exp(log_prior) onto {x >= 0 : A x = y} in the Bregman divergence of a potential.

    Parameters
    ----------
    system : LinearSystem
    log_prior : ndarray of shape (d,)
        Logarithms of the prior, of any scale.
    potential : Potential, default Entropy()
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
        if stays_sparse(system):
            face = face_of_signs(system)
            if not face.is_whole:
                options: dict[str, Any] = {"potential": potential, "start_dual": start_dual, "tol": tol}
                options |= {"max_iter": max_iter, "time_limit": time_limit}
                return on_face(system, face, lambda part, free: project(part, log_prior[free], **options))
            end = _kept_sparse(system, _ways(system, potential, log_prior, tol)[0], start_dual, budget)
            if end.outcome is not Outcome.INACCURATE or system.shape[0] > settings.MOST_FACTORED:
                return _claim(system, Rows.every(system.shape[0]), end, budget)
        rows = split_rows(system, budget)
        try:
            part = rows.part(system)
        except InfeasibleError as error:
            outcome = Outcome.INFEASIBLE
            return Claim(outcome=outcome, raw_status=outcome.value, proof=Farkas(error.farkas))
        _LOG.debug("%r: %d rows depend on others", system, rows.dropped.size)
        dual = None if start_dual is None else start_dual[rows.kept]
        for way in _ways(part, potential, log_prior, tol):
            end = _ended_by_any(part, way, dual, budget)
            if end.outcome is not Outcome.INACCURATE:
                break
        return _claim(system, rows, end, budget)


def _ways(system: LinearSystem, potential: Potential, log_prior: Wide, tol: float) -> list[Way]:
    """The ways to a prior, each from its beginning."""
    size = np.log((np.abs(system.y) / one_for_zero(system.row_peaks)).max())  # of x if one entry had to do it all
    no_dual, in_unit = np.zeros(system.shape[0]), potential.in_unit_of(log_prior)
    return [
        Way(potential=in_unit, even=even, log_prior=log_prior, tol=tol, tau=0.0, log_x=even, dual=no_dual)
        for even in _beginnings(potential, float(size), log_prior)
    ]


def _kept_sparse(system: LinearSystem, way: Way, dual: Vector | None, budget: Budget) -> Way:
    """The end of a way where sparse equations lead to it, which take dependent rows as they are."""
    is_tried = way.e_folds <= settings.NEAR or system.shape[0] > settings.MOST_FACTORED
    if not (is_tried and stays_sparse(system, _least_slope(way))):
        return way
    end = _in_double_precision(system, sparse_equations(system, budget), way, _in_unit(way, dual), budget)
    if end.outcome is Outcome.OPTIMAL and system.backward_errors(np.exp(end.log_x)).max() > way.tol:
        end = way  # dependent rows contradict each other
    _LOG.debug("sparse equations: %s, %d steps", end.outcome.value, budget.used)
    return end


def _in_unit(way: Way, dual: Vector | None) -> Vector | None:
    """A dual in the unit of the prior."""
    return None if dual is None else dual / np.exp(way.potential.log_dual_unit)


def _ended_by_any(system: LinearSystem, way: Way, start_dual: Vector | None, budget: Budget) -> Way:
    """The end of a way: from the dual, by the convex loop, or in the scale-free form."""
    end, dual = way, _in_unit(way, start_dual)
    if dual is not None and way.e_folds > settings.NEAR:
        log_x, _ = dual_point(system, way.potential, way.log_prior, dual)
        if np.isfinite(log_x).all():
            end = walked(system, replace(way, tau=1.0, log_x=in_double(log_x)), budget)
    if end.outcome is not Outcome.OPTIMAL:
        equations = normal_equations(system, budget, _least_slope(way))
        end = _in_double_precision(system, equations, way, dual, budget)
        _LOG.debug("convex loop: %s %.3g of the way, %d factorisations", end.outcome.value, end.tau, budget.used)
    if end.outcome is Outcome.INACCURATE:
        end = scale_free(system, end, budget)
        _LOG.debug("scale-free form: %s, %d factorisations in all", end.outcome.value, budget.used)
    return end


def _least_slope(way: Way) -> float:
    """So small is theta' where x is of its own size and the prior as deep as the convex loop takes it."""
    deepest = way.e_folds if way.e_folds <= settings.NEAR else settings.LEAVE_AT
    spread = way.potential.spread
    return math.exp(-(spread - 1.0) * deepest / spread)


def _beginnings(potential: Potential, size: float, log_prior: Wide) -> list[Vector]:
    """Priors of the size of x, from which ways lead to the one that is projected.

    The limit of a power potential depends on the ratios of the prior, that of the entropy does not: they are kept, but
    where they are scales of their own and that leads nowhere.
    """
    flat = np.broadcast_to(size, log_prior.shape)
    if potential.is_logarithmic:
        return [flat]
    shifted = in_double(log_prior - (float(log_prior.max()) - size))
    return [shifted, flat] if potential.spread * float(np.ptp(log_prior)) > settings.NEAR else [shifted]


def _in_double_precision(
    system: LinearSystem, equations: NormalEquations, way: Way, dual: Vector | None, budget: Budget
) -> Way:
    """The convex loop, from a dual where the prior is near, and entered from nearby priors where it is deep.

    Returns how far it gets. On the way down x stays within double precision where the prior's depth lies in the row
    space of A, as with transport. For dense A the first stage alone is run: from there the jump is cheaper.
    """
    potential = way.potential
    is_near = way.e_folds <= settings.NEAR
    if is_near:
        dual = _thinned(system, potential, way.log_prior, budget) if dual is None else dual
        end = way if dual is None else _ended(system, equations, way, budget, dual)
        end = _ended(system, equations, way, budget) if end.outcome is Outcome.INACCURATE else end
        if end.outcome is not Outcome.INACCURATE or potential.is_logarithmic:
            return end
    return _down(system, equations, way, budget, 0.0 if is_near else settings.LEAVE_AT / way.e_folds)


def _down(system: LinearSystem, equations: NormalEquations, way: Way, budget: Budget, share: float) -> Way:
    """As far down the way as the convex loop gets, from a share of it on."""
    potential = way.potential
    dual, further, most = None, settings.FURTHER, settings.MOST_CONVEX_STEPS
    while share < 1.0:
        prior = way.prior_at(share)
        unit = potential.in_unit_of(prior)
        point = dual_newton(system, equations, unit, prior, budget, dual=dual, until=settings.CLOSE, most=most)
        if budget.spent_out:
            return _at(way, share, point, budget.spent_out)
        if point.error <= settings.CLOSE:
            way, most = _at(way, share, point, way.outcome), settings.MOST_STAGE_STEPS
            if share == 0.0 or not system.is_sparse:
                return way
            tangent = np.zeros(system.shape[0])  # in its unit the dual of a power potential comes to rest
            if potential.is_logarithmic:
                tangent = equations.solve(system.matvec(np.exp(point.log_x) * -way.fall), settings.CLOSE)
        elif share > way.tau == 0.0 and not potential.is_logarithmic:
            share = 0.0  # the walk does not find the beginning by itself where theta bends
            continue
        else:
            further = np.sqrt(further)
            if way.tau == 0.0 or further < settings.LEAST_FURTHER:
                return way
        share = min(1.0, further * way.tau)
        dual = way.dual + (share - way.tau) * tangent
    return _ended(system, equations, way, budget, dual, most)


def _ended(
    system: LinearSystem,
    equations: NormalEquations,
    way: Way,
    budget: Budget,
    dual: Vector | None = None,
    most: int = settings.MOST_CONVEX_STEPS,
) -> Way:
    """The end of the way by the convex loop; the way as it is where rounding shows."""
    point = dual_newton(system, equations, way.potential, way.log_prior, budget, dual=dual, most=most)
    is_right = point.error <= way.tol / 10 and point.noise <= settings.NOISE * way.tol
    outcome = Outcome.OPTIMAL if is_right else budget.spent_out
    return way if outcome is None else _at(way, 1.0, point, outcome)


def _at(way: Way, tau: float, point: DualPoint, outcome: Outcome) -> Way:
    return replace(way, tau=tau, log_x=point.log_x, dual=point.dual, error=point.error, outcome=outcome)


def _thinned(system: LinearSystem, potential: Potential, log_prior: Wide, budget: Budget) -> Vector | None:
    """The dual of a few of very many columns, each standing for its neighbours: a start some percent off."""
    n_rows, n_columns = system.shape
    if system.is_sparse or n_columns < settings.THINNED * settings.ENOUGH_TO_THIN * n_rows:
        return None
    try:
        part = system.restrict(np.arange(0, n_columns, settings.THINNED))
    except InfeasibleError:
        return None
    prior = log_prior[:: settings.THINNED] + np.log(settings.THINNED)
    point = dual_newton(part, normal_equations(part, budget), potential, prior, budget, until=settings.CLOSE**2)
    return point.dual if point.error <= settings.CLOSE else None


def _claim(system: LinearSystem, rows: Rows, end: Way, budget: Budget) -> Claim:
    """What there is to say, in terms of all rows; a contradiction if a dropped row does not agree."""
    end = replace(end, dual=end.dual * np.exp(end.potential.log_dual_unit))
    outcome, proof = end.outcome, None if end.face is None else end.face.proof
    if proof is not None:
        proof = replace(proof, z=rows.embedded(proof.z))
    if outcome is Outcome.OPTIMAL and rows.dropped.size:
        contradiction = rows.contradiction(system, np.exp(end.log_x))
        farkas = None if contradiction is None else farkas_near(system, contradiction)
        if farkas is not None:
            outcome, proof = Outcome.INFEASIBLE, Farkas(farkas)
    return Claim(
        log_x=read_only(end.log_x),
        dual=rows.embedded(end.dual) if np.isfinite(end.dual).all() else None,
        error=end.error,
        iterations=budget.used,
        outcome=outcome,
        raw_status=outcome.value,
        proof=proof,
    )
