"""`gradient_flow`: train the network in continuous time until it is at the projection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._solve import solve
from bregman_l1._types import Vector
from bregman_l1.entry import entry_point, warn_caller
from bregman_l1.errors import InvalidProblemError, NotCertifiedWarning
from bregman_l1.flow.course import course_of
from bregman_l1.flow.equation import FlowEquation
from bregman_l1.flow.flow import Flow
from bregman_l1.flow.goal import Goal, goal_at
from bregman_l1.flow.integration import Integrator, Trajectory, checked_method, integrate
from bregman_l1.flow.network import Network
from bregman_l1.flow.start import starting_projection, still_vanishing
from bregman_l1.flow.status import FlowStatus
from bregman_l1.validation import checked_between, checked_positive

if TYPE_CHECKING:
    from bregman_l1.solution import Solution
    from bregman_l1.system import LinearSystem

# Below the rounding of log x a flow does not arrive; beyond the others an integrator has nothing to go by.
_TOLERANCES, _RELATIVE, _TIMES = (1e-15, 1e300), (1e-13, 1.0), (1e-300, 1e300)
_LEAST_ATOL, _LARGEST_ATOL = 1e-30, 1e-6
# Beyond it d x / d theta, of entries of the size of the end, is no number.
_LARGEST_LOG_WEIGHT = 700.0


@entry_point
def gradient_flow(
    system: LinearSystem,
    alpha: float | None = None,
    *,
    log_alpha: float | None = None,
    initial_scale: float | None = None,
    depth: float = 2,
    signed: bool = False,
    prior: ArrayLike | None = None,
    cost: ArrayLike | None = None,
    tol: float = 1e-9,
    loss_tol: float = 1e-16,
    max_time: float | None = None,
    method: Integrator = "Radau",
    rtol: float = 1e-3,
    atol: float | None = None,
) -> Flow:
    """Integrate u' = -grad ||A u^D - y||^2 until x = u^D is at the Bregman projection of its start.

    The flow starts at x_0 = u_0^D, that is alpha * 1 unless a prior says more, and ends at the projection of x_0 in
    the potential of the depth (Matt & Stoeger 2025, Section I, for D = 2). The paper's text sets u_0 = alpha * 1,
    which belongs to the projection of alpha^2: for that convention give ``initial_scale``, the entries of u_0.
    Signed, x = u^D - v^D from u_0 = v_0.

    What is integrated is lam' = c (y - A x) with x = x_0 exp(A'lam), c = 8 at depth 2 and
    x = (x_0^-q - A'lam)^(-1/q), q = (D - 2) / D, c = 2 D (D - 2) above: N equations instead of d, and
    no underflow at any alpha. A small loss mostly comes long before a converged x, since some directions relax
    at a rate of order alpha^(1 - rho) only, alpha^(1 + q) above depth 2; both times are reported.

    Parameters
    ----------
    system : LinearSystem
        A and y, with at least one x >= 0 (any x, if signed) such that A x = y.
    alpha, log_alpha, initial_scale : float, optional
        The start: entries of x_0, their logarithm, or the entries of u_0. Give exactly one, or a prior alone.
    depth : float
        The depth D of the network, any real number from 2 on, but finite.
    signed : bool
        Whether x = u^D - v^D.
    prior, cost : array_like of shape (d,), optional
        Starts of each entry, x_0 = prior * alpha**cost, as in `BregmanProjection`. Entries that start at zero stay.
    tol : float
        At least 1e-15. The flow ends when |log x - log x(alpha)| <= tol in every entry that is positive at the
        projection, the others, which every solution has zero and which die out like a power of time only, sum to at
        most tol times its norm, and the loss is small: below ``(2 tol * ||y||)**2``, or zero by the next tolerance.
    loss_tol : float
        The loss counts as zero below ``loss_tol * ||y||^2``. That alone does not end the flow.
    max_time : float, optional
        Where to give up, between 1e-300 and 1e300, in the units of u' = -grad; after a hundred thousand steps a flow is
        given up anyway.
    method : {"Radau", "BDF", "LSODA"}
        The stiff integrator, from ``scipy.integrate``. Radau follows the trajectory most closely. LSODA is
        quicker and ten times less accurate; older releases of scipy cannot interleave two of its runs.
    rtol : float
        Tolerance of each step, between 1e-13 and 1, relative to the way that is left to the projection in lam, and
        absolute in log x where the flow of a depth above 2 is still far from it. The trajectory is about as accurate in
        log x; where and when the flow arrives hardly depends on it.
    atol : float, optional
        Absolute tolerance of each step in log x, at least 1e-30 and at most ``tol`` and 1; a tenth of ``tol`` if
        omitted, and 1e-6 at most.

    Returns
    -------
    Flow
        With a status other than CONVERGED, and a `NotCertifiedWarning`, where x did not arrive.

    Raises
    ------
    InvalidProblemError
        If the start, the depth or a tolerance is wrong, or A, y or alpha so large or small that the flow leaves
        floating point.
    InfeasibleError
        If no x >= 0 solves A x = y.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> from bregman_l1.flow import gradient_flow
    >>> system = LinearSystem([[1.0, 0.5]], [1.0])
    >>> flow = gradient_flow(system, 0.01)
    >>> flow.status
    <FlowStatus.CONVERGED: 'converged'>
    >>> print(flow.x.round(8))
    [0.95123438 0.09753125]
    >>> print(gradient_flow(system, 0.01, depth=3, signed=True).x.round(8))
    [0.97965253 0.04069493]
    """
    tol, loss_tol = checked_between("tol", tol, *_TOLERANCES), checked_positive("loss_tol", loss_tol)
    rtol = checked_between("rtol", rtol, *_RELATIVE)
    max_time = np.inf if max_time is None else checked_between("max_time", max_time, *_TIMES)
    atol = min(tol / 10, _LARGEST_ATOL) if atol is None else checked_between("atol", atol, _LEAST_ATOL, min(tol, 1.0))
    method = checked_method(method)
    problem = starting_projection(
        system, alpha, log_alpha, initial_scale, depth=depth, signed=signed, prior=prior, cost=cost
    )
    projection = solve(problem)
    part = problem.part
    log_prior, log_end = problem.log_prior[part.columns], projection.unknowns["log_x"][part.columns]
    course = course_of(part.system, problem.potential, log_prior, log_end, rtol=rtol, atol=atol)
    _refuse_steep(course.potential.log_weight(log_end), problem.depth)
    goal = goal_at(log_end, tol, loss_tol, float(system.y @ system.y))
    network = Network(problem=problem, potential=course.potential)
    longest = float(np.exp(min(np.log(max_time) - network.log_time_unit, 709.0)))
    flow = _record(network, projection, integrate(course, goal.arrived, longest, method), goal)
    if flow.status is not FlowStatus.CONVERGED:
        warn_caller(f"gradient flow {flow.status.value}: {flow.message}", NotCertifiedWarning)
    return flow


def _refuse_steep(log_weight: Vector, depth: float) -> None:
    if not log_weight.max() < _LARGEST_LOG_WEIGHT:
        raise InvalidProblemError(
            f"from so small a start the flow of depth {depth:g} leaves floating point: d x / d theta, in the unit of "
            f"the start, comes to exp({log_weight.max():.6g}); start from larger entries, or solve BregmanProjection"
        )


def _record(network: Network, projection: Solution, trajectory: Trajectory, goal: Goal) -> Flow:
    observed = [_observe(network, projection, *point) for point in trajectory.points()]
    losses, l1_norms, dual_objectives, distances = np.array(observed).T
    fitted, arrived = (trajectory.first_time(reached) for reached in (goal.fitted, goal.arrived))
    end = trajectory.end
    time = float(network.time(trajectory.clock[-1:])[0])
    message = f"at time {time:.4g}, loss {losses[-1]:.2e}, max |log x - log x(alpha)| {goal.error(*end):.2e}"
    if not goal.positive.all():
        message += f", {still_vanishing(goal.vanishing(*end), network.problem.depth)}"
    time_to_fit, time_to_projection = network.time(np.array([fitted, arrived]))
    return Flow(
        status=_verdict(np.isfinite(arrived), trajectory.stalled, goal.fitted(*end)),
        message=message,
        system=network.problem.system,
        network=network,
        projection=projection,
        log_entries=network.embedded(end[0].log_x(end[1])),
        log_error=goal.error(*end),
        losses=losses,
        l1_norms=l1_norms,
        dual_objectives=dual_objectives,
        distances=distances,
        time_to_fit=float(time_to_fit),
        time_to_projection=float(time_to_projection),
        rhs_evaluations=trajectory.cost[0],
        jacobian_evaluations=trajectory.cost[1],
        factorizations=trajectory.cost[2],
        trajectory=trajectory,
    )


def _observe(network: Network, projection: Solution, equation: FlowEquation, w: Vector) -> tuple[float, ...]:
    """Loss, l1 norm, dual objective and l1 distance to the projection, each without cancellation."""
    log_x = equation.log_x(w)
    log_entries, log_end = network.embedded(log_x), projection.unknowns["log_x"]
    missed = float((equation.frame.rotation.T @ equation.lam(w)) @ equation.residual(w))
    with np.errstate(over="ignore", invalid="ignore"):  # a state that the integrator has lost
        gap = np.where(log_entries == log_end, 0.0, log_entries - log_end)
        moved = np.sign(gap) * np.exp(np.maximum(log_entries, log_end)) * -np.expm1(-np.abs(gap))
        l1_norm = float(np.abs(network.vectors(log_entries)["x"]).sum())
    away = moved.reshape(-1, projection.x.size)
    distance = float(np.abs(away[0] - away[1:].sum(axis=0)).sum())
    return equation.loss(w), l1_norm, network.dual_objective(log_x, missed), distance


def _verdict(arrived: bool, stalled: bool, fitted: bool) -> FlowStatus:
    if arrived:
        return FlowStatus.CONVERGED
    if stalled:
        return FlowStatus.STALLED
    return FlowStatus.FITTED if fitted else FlowStatus.OUT_OF_TIME
