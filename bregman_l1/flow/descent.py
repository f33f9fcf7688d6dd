"""`gradient_descent`: the training loop as people write it, on u, with a fixed step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from bregman_l1._solve import solve
from bregman_l1._types import Vector
from bregman_l1.entry import entry_point, entry_points, warn_caller
from bregman_l1.errors import InvalidProblemError, NotCertifiedWarning
from bregman_l1.flow.start import initial_log_alpha, loss_beside, refuse_extreme, still_vanishing
from bregman_l1.flow.status import FlowStatus
from bregman_l1.frozen import FrozenArrays
from bregman_l1.html import Markup, table, verdict
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.progress import ProgressBar
from bregman_l1.scale import alpha_text, as_float
from bregman_l1.validation import checked_array, checked_between, checked_count, checked_positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bregman_l1.solution import Solution
    from bregman_l1.system import LinearSystem


# The default step is this share of the stable range: an entry that grows overshoots its end and raises
# the curvature on the way.
_SAFETY = 0.25

# The run is looked at after every 2 % more iterations, and never goes on unwatched for longer than this.
_LOOK_EVERY = 0.02
_LONGEST_UNWATCHED = 5000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DescentState(FrozenArrays):
    """All that a descent needs to go on. It can be pickled.

    Attributes
    ----------
    u : ndarray of shape (d,)
        The weights; x = u * u.
    iteration : int
        Steps taken so far.
    """

    u: Vector
    iteration: int


@entry_points
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Descent(FrozenArrays):
    """A run of gradient descent, m looks at it, and the projection it is held against.

    Attributes
    ----------
    status : FlowStatus
        How it ended.
    message : str
        The same in words, with the figures that decided it.
    log_alpha : float
        Logarithm of alpha, x_0 = alpha * 1.
    projection : Solution
        The solved Bregman projection of alpha * 1, the limit of the flow.
    step_size : float
        The step taken.
    largest_stable_step : float
        1 / (4 lambda_max(A X A')) at the projection; from there on the end repels.
    iterations, times : ndarray of shape (m,)
        Steps taken at each look, and the same times the step size: the flow's units of time.
    losses, l1_norms, distances : ndarray of shape (m,)
        ||A x - y||^2, sum x, and ||x - x(alpha)||_1.
    state : DescentState
        Hand it to `gradient_descent` to go on.
    """

    status: FlowStatus
    message: str
    log_alpha: float
    projection: Solution
    step_size: float
    largest_stable_step: float
    iterations: NDArray[np.int64]
    times: Vector
    losses: Vector
    l1_norms: Vector
    distances: Vector
    state: DescentState

    _shown: ClassVar = ("status", "log_alpha", "step_size", "loss", "distance", "times")

    @property
    def x(self) -> Vector:
        """The vector x = u * u at the end, shape (d,)."""
        return self.state.u**2

    @property
    def log_x(self) -> Vector:
        """The logarithm of x at the end, shape (d,); -inf where u is exactly zero."""
        with np.errstate(divide="ignore"):
            return np.asarray(2 * np.log(np.abs(self.state.u)), dtype=np.float64)

    @property
    def loss(self) -> float:
        """||A x - y||^2 at the end."""
        return float(self.losses[-1])

    @property
    def distance(self) -> float:
        """||x - x(alpha)||_1 at the end: how far the steps led away from the flow's limit."""
        return float(self.distances[-1])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the loss and the distance to the projection over the iterations.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            What to draw on; a new figure if omitted (`bregman_l1.plotting` says what all pictures have in common).

        Returns
        -------
        matplotlib.axes.Axes
            What was drawn on.

        Raises
        ------
        MissingPackageError
            If matplotlib is not installed.
        """
        from bregman_l1.plotting.flow import plot_descent

        return plot_descent(self, ax)

    def __str__(self) -> str:
        return (
            f"{self.status.value.upper()}: {self.message}\n"
            f"  step size {self.step_size:.4g}, stable below {self.largest_stable_step:.4g}"
        )

    def _repr_html_(self) -> str:
        rows = [
            ("alpha", f"{alpha_text(self.log_alpha)} (log alpha = {self.log_alpha:.6g})"),
            ("step size", f"{self.step_size:.4g}, stable below {self.largest_stable_step:.4g}"),
            ("iterations", self.state.iteration),
            ("loss at the end", f"{self.loss:.2e}"),
            ("||x - x(alpha)||_1 at the end", f"{self.distance:.2e}"),
        ]
        status = verdict(self.status is not FlowStatus.OUT_OF_TIME, self.status.value.upper())
        return table(rows, caption=Markup(f"{status} gradient descent"))


@entry_point
def gradient_descent(
    system: LinearSystem,
    alpha: float | None = None,
    step_size: float | None = None,
    *,
    log_alpha: float | None = None,
    initial_scale: float | None = None,
    loss_tol: float = 1e-20,
    distance_tol: float = 0.0,
    max_iterations: int = 100_000,
    state: DescentState | None = None,
    progress: bool | None = None,
) -> Descent:
    """Run u <- u - step_size * grad ||A (u*u) - y||^2 from u_0 = sqrt(alpha) * 1.

    The gradient is 4 u * A'(A (u*u) - y). Near the end the steps are stable below 1 / (4 lambda_max(A X A')),
    X = diag(x(alpha)). A fixed step ends beside the limit of `gradient_flow`, at a distance proportional to
    the step, and needs of the order of (time of the flow) / step_size iterations: alpha^-(1 - rho) and more
    where the support does not determine the dual.

    Parameters
    ----------
    system : LinearSystem
        A and y, with at least one x >= 0 such that A x = y.
    alpha, log_alpha, initial_scale : float, optional
        The start: entries of x_0, their logarithm, or the entries of u_0. Give exactly one.
    step_size : float, optional
        A quarter of the stable range, by the larger of the curvatures at both ends, if omitted.
    loss_tol, distance_tol : float
        Stop when the loss is below ``loss_tol * ||y||^2``, or the l1 distance to the projection below
        ``distance_tol`` times its norm and the loss below ``(2 distance_tol * ||y||)**2``.
    max_iterations : int
        The last iteration, those before a restart included.
    state : DescentState, optional
        Go on from here; the same ``max_iterations`` reached in two runs or one gives the same u.
    progress : bool, optional
        Whether to show a progress bar; when a run at a terminal turns out long, if omitted.

    Returns
    -------
    Descent
        With status OUT_OF_TIME, and a `NotCertifiedWarning`, where neither tolerance was met.

    Raises
    ------
    InvalidProblemError
        If the start, a tolerance or the state is wrong, or if the step size is outside the stable range or
        proves too large on the way; the message names the range. If A or y is so large or small that the loss is no
        floating-point number.
    InfeasibleError
        If no x >= 0 solves A x = y.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> from bregman_l1.flow import gradient_descent
    >>> descent = gradient_descent(LinearSystem([[1.0, 0.5]], [1.0]), 0.01, 0.01)
    >>> descent.status
    <FlowStatus.FITTED: 'fitted'>
    >>> 1e-5 < descent.distance < 1e-2
    True
    """
    start = initial_log_alpha(alpha, log_alpha, initial_scale)
    refuse_extreme(system, start)
    projection = solve(BregmanProjection(system, log_alpha=start))
    goal = _goal(system, projection.x, loss_tol, distance_tol, max_iterations)
    limit, safe = _step_range(system, start, projection.x)
    step = safe if step_size is None else _checked_step(step_size, limit)
    begin = _first_state(start, system.shape[1]) if state is None else _checked_state(state, system.shape[1], goal.last)
    with ProgressBar(max_iterations, wanted=progress, done=begin.iteration) as bar:
        end, looks, status = _train(system, begin, step, goal, bar)
    if status is None:
        raise InvalidProblemError(_diverged(end.iteration, step, limit, safe))
    iterations, losses, l1_norms, distances = np.array(looks).T
    message = f"after {end.iteration} iterations, loss {losses[-1]:.2e}, ||x - x(alpha)||_1 {distances[-1]:.2e}"
    vanish = np.isneginf(projection.log_x)
    if vanish.any():
        message += f", {still_vanishing(end.u[vanish] ** 2)}"
    if status is FlowStatus.OUT_OF_TIME:
        warn_caller(f"gradient descent {status.value}: {message}", NotCertifiedWarning)
    return Descent(
        status=status,
        message=message,
        log_alpha=start,
        projection=projection,
        step_size=step,
        largest_stable_step=limit,
        iterations=iterations.astype(np.int64),
        times=iterations * step,
        losses=losses,
        l1_norms=l1_norms,
        distances=distances,
        state=end,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Goal:
    """Where a run stops: beside ``projection``, at a small loss, or at its last iteration."""

    projection: Vector
    distance: float
    loss_beside: float
    loss: float
    last: int

    def verdict(self, iteration: int, loss: float, distance: float) -> FlowStatus | None:
        if distance <= self.distance and loss <= self.loss_beside:
            return FlowStatus.CONVERGED
        if loss <= self.loss:
            return FlowStatus.FITTED
        return FlowStatus.OUT_OF_TIME if iteration >= self.last else None


def _goal(system: LinearSystem, projection: Vector, loss_tol: float, distance_tol: float, last: int) -> _Goal:
    distance_tol, loss_tol = (
        checked_between("distance_tol", distance_tol, 0.0, 1e300),
        checked_positive("loss_tol", loss_tol),
    )
    largest_loss = float(system.y @ system.y)
    return _Goal(
        projection=projection,
        distance=distance_tol * float(projection.sum()),
        loss_beside=loss_beside(distance_tol, loss_tol, largest_loss),
        loss=loss_tol * largest_loss,
        last=checked_count("max_iterations", last, 1),
    )


def _train(
    system: LinearSystem, begin: DescentState, step: float, goal: _Goal, bar: ProgressBar
) -> tuple[DescentState, list[tuple[float, ...]], FlowStatus | None]:
    """Return where the steps led, what was seen on the way, and how they ended: None if they diverged."""
    u, iteration = begin.u, begin.iteration
    looks: list[tuple[float, ...]] = []
    while True:
        loss, l1_norm, distance = _look(system, u, goal.projection)
        looks.append((iteration, loss, l1_norm, distance))
        bar.update(iteration, f"loss {loss:.2e}")
        status = goal.verdict(iteration, loss, distance)
        if status is not None or not np.isfinite(loss):
            return DescentState(u=u, iteration=iteration), looks, status
        ahead = min(_unwatched(iteration), goal.last - iteration)
        u, iteration = _advance(system, u, step, ahead), iteration + ahead


def _advance(system: LinearSystem, u: Vector, step: float, count: int) -> Vector:
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(count):
            u = u - 4 * step * u * system.rmatvec(system.matvec(u * u) - system.y)
    return u


def _look(system: LinearSystem, u: Vector, end: Vector) -> tuple[float, float, float]:
    """Loss, l1 norm and l1 distance to the projection."""
    with np.errstate(over="ignore", invalid="ignore"):
        x = u * u
        residual = system.matvec(x) - system.y
        return float(residual @ residual), float(x.sum()), float(np.abs(x - end).sum())


def _unwatched(iteration: int) -> int:
    return max(1, min(_LONGEST_UNWATCHED, int(_LOOK_EVERY * iteration)))


def _step_range(system: LinearSystem, log_alpha: float, end: Vector) -> tuple[float, float]:
    """Return the largest stable step at the end, and a step that is safe on the way as well.

    A step of s multiplies u by 1 - 4 s A'(A x - y): it must not turn the sign of u at the start either.
    """
    begin = np.full(end.size, np.exp(log_alpha))
    at_end = _curvature(system, end)
    pull = float(np.abs(system.rmatvec(system.matvec(begin) - system.y)).max())
    return 1 / (4 * at_end), _SAFETY / (4 * max(at_end, _curvature(system, begin), pull))


def _curvature(system: LinearSystem, x: Vector) -> float:
    """lambda_max(A diag(x) A'), an eighth of the largest curvature of the loss in u where A x = y."""
    return float(np.linalg.norm(system.gram(x), 2))


def _checked_step(step_size: Any, limit: float) -> float:
    step = as_float(step_size)
    if not 0 < step < limit:
        raise InvalidProblemError(
            f"step_size = {step_size!r} is outside the stable range (0, {limit:.6g}): from 1 / (4 lambda_max(A X A')) "
            "on, X = diag(x(alpha)), the projection repels"
        )
    return step


def _diverged(iteration: int, step: float, limit: float, safe: float) -> str:
    return (
        f"the descent diverged within {iteration} iterations: step_size = {step:.6g} is in the stable range "
        f"(0, {limit:.6g}) of the end but too large on the way there; {safe:.6g} is safe"
    )


def _first_state(log_alpha: float, n_entries: int) -> DescentState:
    scale = np.exp(log_alpha / 2)
    if scale == 0:
        raise InvalidProblemError(
            f"u_0 = sqrt(alpha) underflows at log_alpha = {log_alpha:.6g}, and u = 0 never moves; use gradient_flow"
        )
    return DescentState(u=np.full(n_entries, scale), iteration=0)


def _checked_state(state: Any, n_entries: int, last: int) -> DescentState:
    if not isinstance(state, DescentState):
        raise InvalidProblemError(f"state must be the DescentState of an earlier run, got {type(state).__name__}")
    u = checked_array("state.u", state.u)
    if u.shape != (n_entries,) or not np.isfinite(u).all():
        raise InvalidProblemError(f"state.u must hold {n_entries} finite numbers, got shape {u.shape}")
    iteration = checked_count("state.iteration", state.iteration, 0)
    if iteration > last:
        raise InvalidProblemError(
            f"the state was saved after {iteration} iterations, and max_iterations = {last} counts from the start"
        )
    return DescentState(u=u.astype(np.float64), iteration=iteration)
