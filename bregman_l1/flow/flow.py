"""`gradient_flow`: train the network in continuous time until it is at the projection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import BDF, LSODA, DenseOutput, OdeSolution, Radau

from bregman_l1._solve import solve
from bregman_l1._types import Mask, Matrix, Vector
from bregman_l1.entry import entry_point, entry_points, warn_caller
from bregman_l1.errors import BackendError, InvalidProblemError, NotCertifiedWarning
from bregman_l1.flow.equation import FlowEquation, flow_equation
from bregman_l1.flow.start import initial_log_alpha, loss_beside, refuse_extreme, still_vanishing
from bregman_l1.flow.status import FlowStatus
from bregman_l1.frozen import FrozenArrays
from bregman_l1.html import Markup, table, verdict
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.scale import alpha_text
from bregman_l1.validation import checked_array, checked_between, checked_positive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from bregman_l1.plotting import AxesArray
    from bregman_l1.solution import Solution
    from bregman_l1.system import LinearSystem

Integrator = Literal["Radau", "BDF", "LSODA"]

_INTEGRATORS: dict[str, Any] = {"Radau": Radau, "BDF": BDF, "LSODA": LSODA}
_BISECTIONS = 60
# Below the rounding of log x a flow does not arrive; beyond the others an integrator has nothing to go by.
_TOLERANCES, _RELATIVE, _TIMES = (1e-15, 1e300), (1e-13, 1.0), (1e-300, 1e300)
_LEAST_ATOL, _LARGEST_ATOL = 1e-30, 1e-6
# Flows take hundreds of steps, and some thousands at the least tolerances.
_MOST_STEPS = 100_000


@entry_points
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flow(FrozenArrays):
    """A gradient flow from its start to its end, m points of it, and the projection it is held against.

    Names in the plural are trajectories, one entry for each of ``times``; ``log_x``, ``loss`` and
    ``distance`` are their last values.

    Attributes
    ----------
    status : FlowStatus
        How it ended.
    message : str
        The same in words, with the figures that decided it.
    system : LinearSystem
        The system trained on.
    log_alpha : float
        Logarithm of alpha, x_0 = alpha * 1.
    projection : Solution
        The solved Bregman projection of alpha * 1.
    times : ndarray of shape (m,)
        The integrator's steps, in the units of u' = -grad ||A (u*u) - y||^2.
    duals : ndarray of shape (m, N)
        lam with x = alpha exp(A'lam).
    log_x : ndarray of shape (d,)
        log x at the end.
    log_error : float
        max |log x - log x(alpha)| at the end, over the entries positive at the projection.
    losses, l1_norms, dual_objectives, distances : ndarray of shape (m,)
        ||A x - y||^2; sum x; y'lam - sum (x - alpha), which never falls; ||x - x(alpha)||_1.
    time_to_fit, time_to_projection : float
        When the loss first counted as zero, and when x was first at the projection; infinite where it never was.
    rhs_evaluations, jacobian_evaluations, factorizations : int
        What the integration cost.
    equation : FlowEquation
        What was integrated.
    dense : OdeSolution
        Its dense output, in the coordinates of the equation; ``dual_at`` and ``log_x_at`` read it.
    """

    status: FlowStatus
    message: str
    system: LinearSystem
    log_alpha: float
    projection: Solution
    times: Vector
    duals: Matrix
    log_x: Vector
    log_error: float
    losses: Vector
    l1_norms: Vector
    dual_objectives: Vector
    distances: Vector
    time_to_fit: float
    time_to_projection: float
    rhs_evaluations: int
    jacobian_evaluations: int
    factorizations: int
    equation: FlowEquation
    dense: OdeSolution

    _shown: ClassVar = ("status", "log_alpha", "loss", "distance", "times", "duals")

    @property
    def x(self) -> Vector:
        """The vector x at the end, shape (d,)."""
        return np.asarray(np.exp(self.log_x), dtype=np.float64)

    @property
    def loss(self) -> float:
        """||A x - y||^2 at the end."""
        return float(self.losses[-1])

    @property
    def distance(self) -> float:
        """||x - x(alpha)||_1 at the end."""
        return float(self.distances[-1])

    def dual_at(self, times: ArrayLike) -> Matrix:
        """Return lam at any times within the flow: shape (N,) for a number, (m, N) for m of them."""
        return self.equation.dual(self._state(times))

    def log_x_at(self, times: ArrayLike) -> Matrix:
        """Return log x at any times within the flow: shape (d,) for a number, (m, d) for m of them."""
        return self.equation.log_x(self._state(times))

    def activation_times(self, fraction: float = 0.5) -> Vector:
        """Return when each entry of x first reached ``fraction`` of its value at the projection.

        Returns
        -------
        ndarray of shape (d,)
            0 for an entry that starts above, infinity for one that did not get there.
        """
        fraction = checked_positive("fraction", fraction)
        threshold = self.projection.log_x + np.log(fraction)
        step = np.full(threshold.size, -1)
        for k, log_x in enumerate(self.log_x_at(time) for time in self.times):
            step[(step < 0) & (log_x >= threshold)] = k
        activation = np.where(step < 0, np.inf, 0.0)
        late = np.flatnonzero(step > 0)
        G = self.equation.matrix[:, late]

        def reached(times: Vector) -> Mask:
            growth = np.einsum("ki,ki->i", G, self._state(times))
            return np.asarray(self.equation.log_origin[late] + growth >= threshold[late], dtype=np.bool_)

        if late.size:
            activation[late] = _earliest(self.times[step[late] - 1], self.times[step[late]], reached)
        return activation

    def plot(self, axes: Sequence[Axes] | AxesArray | None = None) -> AxesArray:
        """Draw the entries of x over time, and beside them the loss and the distance to the projection.

        Lines mark ``time_to_fit``, when the loss vanished, and ``time_to_projection``, when x arrived.

        Parameters
        ----------
        axes : sequence of two matplotlib.axes.Axes, optional
            What to draw on; a new figure if omitted (`bregman_l1.plotting` says what all pictures have in common).

        Returns
        -------
        ndarray of two matplotlib.axes.Axes
            What was drawn on.

        Raises
        ------
        InvalidProblemError
            If axes does not hold two Axes.
        MissingPackageError
            If matplotlib is not installed.
        """
        from bregman_l1.plotting.flow import plot_flow

        return plot_flow(self, axes)

    def __str__(self) -> str:
        return (
            f"{self.status.value.upper()}: {self.message}\n"
            f"  the loss vanished at time {self.time_to_fit:.4g}, x arrived at time {self.time_to_projection:.4g}\n"
            f"  {self.rhs_evaluations} right-hand sides, {self.factorizations} factorizations"
        )

    def _repr_html_(self) -> str:
        rows = [
            ("alpha", f"{alpha_text(self.log_alpha)} (log alpha = {self.log_alpha:.6g})"),
            ("the loss vanished at time", f"{self.time_to_fit:.4g}"),
            ("x arrived at time", f"{self.time_to_projection:.4g}"),
            ("loss at the end", f"{self.loss:.2e}"),
            ("||x - x(alpha)||_1 at the end", f"{self.distance:.2e}"),
        ]
        status = verdict(self.status is FlowStatus.CONVERGED, self.status.value.upper())
        return table(rows, caption=Markup(f"{status} gradient flow"))

    def _state(self, times: ArrayLike) -> Matrix:
        wanted = checked_array("times", times)
        if wanted.ndim > 1:
            raise InvalidProblemError(f"times must be a number or a vector of them, got shape {wanted.shape}")
        if not wanted.size or not np.all((wanted >= 0) & (wanted <= self.times[-1])):
            raise InvalidProblemError(f"times must lie within the flow, [0, {self.times[-1]:.6g}]")
        return np.asarray(self.dense(wanted.astype(np.float64)), dtype=np.float64)


@entry_point
def gradient_flow(
    system: LinearSystem,
    alpha: float | None = None,
    *,
    log_alpha: float | None = None,
    initial_scale: float | None = None,
    tol: float = 1e-9,
    loss_tol: float = 1e-16,
    max_time: float = 1e300,
    method: Integrator = "Radau",
    rtol: float = 1e-3,
    atol: float | None = None,
) -> Flow:
    """Integrate u' = -grad ||A (u*u) - y||^2 until x = u*u is at the Bregman projection.

    The flow starts at u_0 = sqrt(alpha) * 1, that is x_0 = alpha * 1, and ends at the entropy projection of
    alpha * 1 (Matt & Stoeger 2025, Section I). The paper's text sets u_0 = alpha * 1, which belongs to the
    projection of alpha^2: for that convention give ``initial_scale``, the entries of u_0.

    What is integrated is lam' = 8 (y - A x) with log x = log alpha + A'lam: N equations instead of d, and
    no underflow at any alpha. A small loss mostly comes long before a converged x, since some directions relax
    at a rate of order alpha^(1 - rho) only; both times are reported.

    Parameters
    ----------
    system : LinearSystem
        A and y, with at least one x >= 0 such that A x = y.
    alpha, log_alpha, initial_scale : float, optional
        The start: entries of x_0, their logarithm, or the entries of u_0. Give exactly one.
    tol : float
        At least 1e-15. The flow ends when |log x - log x(alpha)| <= tol in every entry that is positive at the
        projection, the others, which every solution has zero and which die out like 1/time only, sum to at most tol
        times its norm, and the loss is small: below ``(2 tol * ||y||)**2``, or zero by the next tolerance.
    loss_tol : float
        The loss counts as zero below ``loss_tol * ||y||^2``. That alone does not end the flow.
    max_time : float
        Where to give up, between 1e-300 and 1e300; after a hundred thousand steps a flow is given up anyway.
    method : {"Radau", "BDF", "LSODA"}
        The stiff integrator, from ``scipy.integrate``. Radau follows the trajectory most closely. LSODA is
        quicker and ten times less accurate; older releases of scipy cannot interleave two of its runs.
    rtol : float
        Tolerance of each step, between 1e-13 and 1, relative to the way that is left to the projection in lam. The
        trajectory is about as accurate in log x; where and when the flow arrives hardly depends on it.
    atol : float, optional
        Absolute tolerance of each step, of lam in units of 1 / max |A_ij|, at least 1e-30 and at most ``tol`` and 1;
        a tenth of ``tol`` if omitted, and 1e-6 at most.

    Returns
    -------
    Flow
        With a status other than CONVERGED, and a `NotCertifiedWarning`, where x did not arrive.

    Raises
    ------
    InvalidProblemError
        If the start or a tolerance is wrong, or A or y so large or small that the loss is no floating-point number.
    InfeasibleError
        If no x >= 0 solves A x = y.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> from bregman_l1.flow import gradient_flow
    >>> flow = gradient_flow(LinearSystem([[1.0, 0.5]], [1.0]), 0.01)
    >>> flow.status
    <FlowStatus.CONVERGED: 'converged'>
    >>> print(flow.x.round(8))
    [0.95123438 0.09753125]
    """
    tol, loss_tol = checked_between("tol", tol, *_TOLERANCES), checked_positive("loss_tol", loss_tol)
    rtol, max_time = checked_between("rtol", rtol, *_RELATIVE), checked_between("max_time", max_time, *_TIMES)
    atol = min(tol / 10, _LARGEST_ATOL) if atol is None else checked_between("atol", atol, _LEAST_ATOL, min(tol, 1.0))
    _refuse_other_methods(method)
    start = initial_log_alpha(alpha, log_alpha, initial_scale)
    refuse_extreme(system, start)
    projection = solve(BregmanProjection(system, log_alpha=start))
    equation = flow_equation(system, start, projection.log_x)
    goal = _goal(equation, projection.log_x, tol, loss_tol, float(system.y @ system.y))
    run = _integrate(equation, goal.arrived, max_time, method, rtol=rtol, atol=atol / float(system.row_peaks.max()))
    flow = _record(system, projection, equation, run, goal)
    if flow.status is not FlowStatus.CONVERGED:
        warn_caller(f"gradient flow {flow.status.value}: {flow.message}", NotCertifiedWarning)
    return flow


def _refuse_other_methods(method: Any) -> None:
    if not isinstance(method, str) or method not in _INTEGRATORS:
        raise InvalidProblemError(f"method must be one of {', '.join(_INTEGRATORS)}, got {method!r}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Goal:
    """The projection, over the entries that are positive there, and the tolerances that say one is at it.

    Two tolerances of the loss: below ``zero`` it counts as zero, below ``loss`` it is as small as x asks for.
    """

    equation: FlowEquation
    positive: Mask
    log_end: Vector
    log_error: float
    rest: float
    loss: float
    zero: float

    def error(self, w: Vector) -> float:
        """Return max |log x - log x(alpha)|, over the entries that are positive at the projection."""
        return float(np.abs(self.equation.log_x(w)[self.positive] - self.log_end).max())

    def vanishing(self, w: Vector) -> float:
        """Return the sum of the entries that are zero at the projection."""
        return float(self.equation.x(w)[~self.positive].sum())

    def fitted(self, w: Vector) -> bool:
        return self.equation.loss(w) <= self.zero

    def arrived(self, w: Vector) -> bool:
        return self.error(w) <= self.log_error and self.vanishing(w) <= self.rest and self.equation.loss(w) <= self.loss


def _goal(equation: FlowEquation, log_end: Vector, tol: float, loss_tol: float, largest_loss: float) -> _Goal:
    positive = np.isfinite(log_end)
    return _Goal(
        equation=equation,
        positive=positive,
        log_end=log_end[positive],
        log_error=tol,
        rest=tol * float(np.exp(log_end[positive]).sum()),
        loss=loss_beside(tol, loss_tol, largest_loss),
        zero=loss_tol * largest_loss,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Run:
    """The steps an integrator took, the first state included."""

    times: Vector
    states: Matrix
    dense: OdeSolution
    stalled: bool
    cost: tuple[int, int, int]

    def first_time(self, step: int, reached: Callable[[Vector], bool]) -> float:
        """Return when ``reached`` first held, given the first step at whose end it does (-1: none)."""
        if step <= 0:
            return 0.0 if step == 0 else np.inf
        low, high = self.times[[step - 1]], self.times[[step]]
        return float(_earliest(low, high, lambda times: np.array([reached(self.dense(times)[:, 0])]))[0])


def _integrate(
    equation: FlowEquation, arrived: Callable[[Vector], bool], max_time: float, method: str, **tolerances: float
) -> _Run:
    solver = _INTEGRATORS[method](
        equation.velocity, 0.0, equation.start.copy(), max_time, jac=equation.jacobian, **tolerances
    )
    pieces: list[DenseOutput] = []
    times, states, message = [0.0], [solver.y.copy()], None
    while solver.status == "running" and len(pieces) < _MOST_STEPS and not (pieces and arrived(states[-1])):
        message = solver.step()
        if solver.status == "failed" or solver.t == times[-1]:
            break
        times.append(solver.t)
        states.append(solver.y.copy())
        pieces.append(solver.dense_output())
    if not pieces:
        raise BackendError(f"{method} could not take its first step", str(message))
    return _Run(
        times=np.array(times),
        states=np.array(states),
        dense=OdeSolution(times, pieces),
        stalled=solver.status != "finished",
        cost=(solver.nfev, solver.njev, solver.nlu),
    )


def _earliest(low: Vector, high: Vector, reached: Callable[[Vector], Mask]) -> Vector:
    """Bisect each interval for the time from which ``reached`` holds, as it does at its high end."""
    for _ in range(_BISECTIONS):
        middle = low + (high - low) / 2
        yes = reached(middle)
        low, high = np.where(yes, low, middle), np.where(yes, middle, high)
    return high


def _record(system: LinearSystem, projection: Solution, equation: FlowEquation, run: _Run, goal: _Goal) -> Flow:
    losses, l1_norms, dual_objectives, distances = np.array(
        [_observe(system, projection.log_x, equation, w) for w in run.states]
    ).T
    fitted, arrived = (_first(np.array([reached(w) for w in run.states])) for reached in (goal.fitted, goal.arrived))
    end = run.states[-1]
    message = f"at time {run.times[-1]:.4g}, loss {losses[-1]:.2e}, max |log x - log x(alpha)| {goal.error(end):.2e}"
    if not goal.positive.all():
        message += f", {still_vanishing(equation.x(end)[~goal.positive])}"
    return Flow(
        status=_verdict(arrived >= 0, run.stalled, goal.fitted(end)),
        message=message,
        system=system,
        log_alpha=equation.log_alpha,
        projection=projection,
        times=run.times,
        duals=equation.dual(run.states.T),
        log_x=equation.log_x(end),
        log_error=goal.error(end),
        losses=losses,
        l1_norms=l1_norms,
        dual_objectives=dual_objectives,
        distances=distances,
        time_to_fit=run.first_time(fitted, goal.fitted),
        time_to_projection=run.first_time(arrived, goal.arrived),
        rhs_evaluations=run.cost[0],
        jacobian_evaluations=run.cost[1],
        factorizations=run.cost[2],
        equation=equation,
        dense=run.dense,
    )


def _observe(system: LinearSystem, log_end: Vector, equation: FlowEquation, w: Vector) -> tuple[float, ...]:
    """Loss, l1 norm, dual objective and l1 distance to the projection, each without cancellation."""
    log_x = equation.log_x(w)
    with np.errstate(over="ignore"):  # a state that the integrator has lost
        x, alpha = np.exp(log_x), np.exp(equation.log_alpha)
        away = np.exp(np.maximum(log_x, log_end)) * -np.expm1(-np.abs(log_x - log_end))
    total = float(x.sum())
    dual_objective = float(equation.target @ (w - equation.start)) - total + alpha * system.shape[1]
    return equation.loss(w), total, dual_objective, float(away.sum())


def _first(reached: Mask) -> int:
    return int(np.argmax(reached)) if reached.any() else -1


def _verdict(arrived: bool, stalled: bool, fitted: bool) -> FlowStatus:
    if arrived:
        return FlowStatus.CONVERGED
    if stalled:
        return FlowStatus.STALLED
    return FlowStatus.FITTED if fitted else FlowStatus.OUT_OF_TIME
