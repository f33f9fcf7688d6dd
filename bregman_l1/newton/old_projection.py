"""The projection at one prior: cold, or from another solver's dual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bregman_l1.errors import InfeasibleError
from bregman_l1.newton.basis import equilibration, near_maximal_basis
from bregman_l1.newton.curvature import ROUGH, Curvature, curvature
from bregman_l1.newton.forced_zeros import ForcedZeros, by_linear_program
from bregman_l1.newton.old_walk import Walk
from bregman_l1.newton.plain import PlainPhase
from bregman_l1.newton.refine import refined
from bregman_l1.newton.scale_free import Line
from bregman_l1.newton.status import Budget, Status
from bregman_l1.newton.threads import threads_for

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]

# A starting dual is given up when it has not led anywhere after this many factorisations.
_PATIENCE = 25
# Systems of at least PLAIN_FROM entries begin with the plain phase, which goes PLAIN_REACH e-folds far.
PLAIN_FROM = 30_000
PLAIN_REACH = 18.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Projection:
    """The projection of one prior.

    Attributes
    ----------
    log_x : ndarray of shape (d,)
        log x, -inf where x is zero on the whole feasible set.
    dual : ndarray of shape (N,)
        lam with log x = log_prior + A'lam where x is positive.
    error : float
        Estimated largest error of an entry of log x.
    iterations : int
        Factorisations made.
    status : Status
    forced_zeros : ndarray of bool, shape (d,)
        Where x is zero on the whole feasible set.
    exposing : ndarray of shape (N,) or None
        Proof of that: z with A'z <= 0, y'z = 0, (A'z)_j < 0 exactly there. With status INFEASIBLE a Farkas
        vector, A'z <= 0 < y'z.
    """

    log_x: Vector
    dual: Vector
    error: float
    iterations: int
    status: Status
    forced_zeros: NDArray[np.bool_]
    exposing: Vector | None


def project(
    system: LinearSystem,
    log_prior: Vector,
    *,
    start_dual: Vector | None = None,
    tol: float = 1e-9,
    max_iter: int | None = None,
    time_limit: float | None = None,
) -> Projection:
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
    Projection

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> float(project(LinearSystem([[1.0, 0.5]], [1.0]), np.full(2, -2302.6)).log_x[1].round(6))
    -1151.3
    """
    budget = Budget.of(max_iter, time_limit)
    with threads_for(system):
        return refined(system, log_prior, _projected(system, log_prior, start_dual, tol, budget), tol)


def _projected(
    system: LinearSystem, log_prior: Vector, start_dual: Vector | None, tol: float, budget: Budget
) -> Projection:
    if start_dual is None:
        return cold(system, log_prior, tol, budget)
    warm = from_dual(system, log_prior, start_dual, tol, budget)
    if warm.status in (Status.CONVERGED, Status.INFEASIBLE):
        return warm
    return cold(system, log_prior, tol, budget.after(warm.iterations), used=warm.iterations)


def cold(system: LinearSystem, log_prior: Vector, tol: float, budget: Budget, used: int = 0) -> Projection:
    """From a prior for which the solution is of even size: the plain phase if it pays, then the walk."""
    nothing = ForcedZeros(mask=np.zeros(log_prior.size, dtype=bool))
    if system.shape[0] * system.shape[1] < PLAIN_FROM:
        return _cold_walk(system, log_prior, tol, budget, used)
    kernel = curvature(system)
    start = np.full(log_prior.size, _scale_of_least_norm(system, kernel))
    line = Line(base=start, direction=log_prior - start)
    zeros = nothing
    plain = PlainPhase(system, line, ~zeros.mask, kernel)
    tau = min(1.0, PLAIN_REACH / float(np.abs(line.direction).max(initial=PLAIN_REACH)))
    if not plain.run(tau, budget):
        used += plain.steps
        try:
            zeros = by_linear_program(system)
        except InfeasibleError as error:
            return _infeasible(system, error.farkas, used)
        plain = PlainPhase(system, line, ~zeros.mask, kernel)
        if not plain.run(tau, budget):
            log_x = np.where(zeros.mask, -np.inf, start)
            return _walked(system, line, 0.0, log_x, zeros, tol, budget, used + plain.steps)
    return _finished(system, line, plain, zeros, tol, budget, used + plain.steps)


def _cold_walk(system: LinearSystem, log_prior: Vector, tol: float, budget: Budget, used: int) -> Projection:
    """From entries of even size; if that leads nowhere, from even contributions to A x."""
    basis = near_maximal_basis(system, np.zeros(log_prior.size))
    answer = _walk_from(system, np.full(log_prior.size, _log_peak(basis.u)), log_prior, tol, budget, used)
    if answer.status is not Status.INACCURATE:
        return answer
    norms = equilibration(system)[1]
    start = _log_peak(basis.u * norms[basis.columns]) - np.log(np.where(norms > 0, norms, 1.0))
    again = _walk_from(system, start, log_prior, tol, budget, answer.iterations)
    return again if again.status is Status.CONVERGED else answer


def _walk_from(
    system: LinearSystem, start: Vector, log_prior: Vector, tol: float, budget: Budget, used: int
) -> Projection:
    nothing = ForcedZeros(mask=np.zeros(log_prior.size, dtype=bool))
    return _walked(system, Line(base=start, direction=log_prior - start), 0.0, start, nothing, tol, budget, used)


def from_dual(system: LinearSystem, log_prior: Vector, dual: Vector, tol: float, budget: Budget) -> Projection:
    """Converge at the prior itself from log_prior + A'dual."""
    line = Line(base=log_prior, direction=np.zeros(log_prior.size))
    nothing = ForcedZeros(mask=np.zeros(log_prior.size, dtype=bool))
    few = budget.at_most(_PATIENCE)
    log_x = log_prior + system.rmatvec(dual)
    if system.shape[0] * system.shape[1] >= PLAIN_FROM and np.abs(log_x).max() <= 2 * PLAIN_REACH:
        plain = PlainPhase(system, line, ~nothing.mask, curvature(system), dual)
        done = _converged(plain, nothing, tol, few, 0)
        if done is not None:
            return done
    return _walked(system, line, 0.0, log_x, nothing, tol, few, 0)


def _finished(
    system: LinearSystem, line: Line, plain: PlainPhase, zeros: ForcedZeros, tol: float, budget: Budget, used: int
) -> Projection:
    """Converge in the plain form where its rounding noise is negligible, in the scale-free form otherwise."""
    if plain.tau == 1.0:
        done = _converged(plain, zeros, tol, budget, used)
        if done is not None:
            return done
    walked = _walked(system, line, plain.tau, plain.log_x, zeros, tol, budget, used)
    if walked.status is not Status.INACCURATE:
        return walked
    start = np.where(zeros.mask, -np.inf, line.base)
    return _walked(system, line, 0.0, start, zeros, tol, budget, walked.iterations)


def _converged(plain: PlainPhase, zeros: ForcedZeros, tol: float, budget: Budget, used: int) -> Projection | None:
    """The plain phase's answer, if it is one."""
    before = plain.steps
    error = plain.converge(tol, budget)
    if not error <= tol / 10:
        return None
    error += plain.noise()
    if error > tol / 10:
        return None
    return Projection(
        log_x=plain.log_x,
        dual=plain.dual,
        error=error,
        iterations=used + plain.steps - before,
        status=Status.CONVERGED,
        forced_zeros=zeros.mask,
        exposing=zeros.exposing,
    )


def _walked(
    system: LinearSystem,
    line: Line,
    tau: float,
    log_x: Vector,
    zeros: ForcedZeros,
    tol: float,
    budget: Budget,
    used: int,
) -> Projection:
    """Walk to the end of the line, or converge where it does not move."""
    walk = Walk(system, line, tau, log_x, zeros, budget.after(used))
    walk.advance(1.0 if line.direction.any() else tau, tol)
    used += walk.iterations
    if walk.farkas is not None:
        return _infeasible(system, walk.farkas, used)
    return projection_at(walk, used)


def projection_at(walk: Walk, iterations: int) -> Projection:
    """What the walk has to say where it stands."""
    return Projection(
        log_x=walk.log_x,
        dual=walk.dual,
        error=walk.error,
        iterations=iterations,
        status=walk.status or Status.INACCURATE,
        forced_zeros=walk.zeros.mask,
        exposing=walk.zeros.exposing,
    )


def _infeasible(system: LinearSystem, farkas: Vector, used: int) -> Projection:
    n_rows, n_columns = system.shape
    return Projection(
        log_x=np.full(n_columns, np.nan),
        dual=np.full(n_rows, np.nan),
        error=np.inf,
        iterations=used,
        status=Status.INFEASIBLE,
        forced_zeros=np.zeros(n_columns, dtype=bool),
        exposing=farkas,
    )


def _scale_of_least_norm(system: LinearSystem, kernel: Curvature) -> float:
    kernel.at(np.ones(system.shape[1]))
    return _log_peak(kernel.solve(system.y[:, None], ROUGH).log_x)


def _log_peak(values: NDArray[np.float64]) -> float:
    return float(np.log(np.abs(values).max(initial=np.finfo(np.float64).tiny)))
