"""`gradient_descent`: the training loop as people write it, on the weights, with a fixed step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bregman_l1._solve import solve
from bregman_l1._types import Vector
from bregman_l1.entry import entry_point, entry_points, warn_caller
from bregman_l1.errors import InvalidProblemError, NotCertifiedWarning
from bregman_l1.flow.layers import Layers, step_range
from bregman_l1.flow.start import loss_beside, starting_projection, still_vanishing
from bregman_l1.flow.status import FlowStatus
from bregman_l1.frozen import FrozenArrays
from bregman_l1.html import Markup, table, verdict
from bregman_l1.parts import of_either_sign
from bregman_l1.progress import ProgressBar
from bregman_l1.scale import alpha_text, as_float
from bregman_l1.validation import checked_array, checked_between, checked_count, checked_positive

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bregman_l1.problems.projection import BregmanProjection
    from bregman_l1.solution import Solution
    from bregman_l1.system import LinearSystem


# The run is looked at after every 2 % more iterations, and never goes on unwatched for longer than this.
_LOOK_EVERY = 0.02
_LONGEST_UNWATCHED = 5000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DescentState(FrozenArrays):
    """All that a descent needs to go on. It can be pickled.

    Attributes
    ----------
    u : ndarray of shape (d,), or (2d,)
        The weights u, x = u^D; signed, u and then v, x = u^D - v^D.
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
    depth : float
        The depth D of the network.
    log_alpha : float
        Logarithm of alpha, x_0 = prior * alpha; 0 for a prior alone.
    projection : Solution
        The solved Bregman projection of x_0, the limit of the flow.
    step_size : float
        The step taken.
    largest_stable_step : float
        1 / (D^2 lambda_max(A X^(2 - 2/D) A')) at the projection; from there on the end repels.
    iterations, times : ndarray of shape (m,)
        Steps taken at each look, and the same times the step size: the flow's units of time.
    losses, l1_norms, distances : ndarray of shape (m,)
        ||A x - y||^2, ||x||_1, and ||x - x(alpha)||_1.
    state : DescentState
        Hand it to `gradient_descent` to go on.
    """

    status: FlowStatus
    message: str
    depth: float
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

    _shown: ClassVar = ("status", "depth", "log_alpha", "step_size", "loss", "distance", "times")

    @property
    def x(self) -> Vector:
        """The vector x at the end, shape (d,)."""
        return self._vectors["x"]

    @property
    def log_x(self) -> Vector:
        """The logarithm of x at the end, of |x| where it is signed, shape (d,); -inf where u is exactly zero."""
        return self._vectors["log_x"]

    @property
    def x_plus(self) -> Vector | None:
        """u^D at the end where x is signed, shape (d,)."""
        return self._vectors.get("x_plus")

    @property
    def x_minus(self) -> Vector | None:
        """v^D at the end where x is signed, shape (d,)."""
        return self._vectors.get("x_minus")

    @property
    def log_x_plus(self) -> Vector | None:
        """The logarithm of u^D at the end where x is signed, shape (d,)."""
        return self._vectors.get("log_x_plus")

    @property
    def log_x_minus(self) -> Vector | None:
        """The logarithm of v^D at the end where x is signed, shape (d,)."""
        return self._vectors.get("log_x_minus")

    @property
    def _vectors(self) -> dict[str, Vector]:
        u = np.abs(self.state.u)
        with np.errstate(divide="ignore"):
            x, log_x = u**self.depth, self.depth * np.log(u)
        return {"x": x, "log_x": log_x} if self.projection.x_plus is None else of_either_sign(x, log_x)

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
    depth: float = 2,
    signed: bool = False,
    prior: ArrayLike | None = None,
    cost: ArrayLike | None = None,
    loss_tol: float = 1e-20,
    distance_tol: float = 0.0,
    max_iterations: int = 100_000,
    state: DescentState | None = None,
    progress: bool | None = None,
) -> Descent:
    """Run u <- u - step_size * grad ||A u^D - y||^2 from u_0 = x_0^(1/D).

    The gradient is 2 D u^(D-1) * A'(A u^D - y), and minus that in v for signed x = u^D - v^D. Near the end the loss has
    the curvature 2 D^2 X^(1 - 1/D) A'A X^(1 - 1/D) in u, X = diag(x(alpha)), and a step is stable below two over the
    largest of it, 1 / (D^2 lambda_max(A X^(2 - 2/D) A')). A fixed step ends beside the limit of `gradient_flow`, at a
    distance proportional to the step, and needs of the order of (time of the flow) / step_size iterations:
    alpha^-(1 - rho) and more where the support does not determine the dual, alpha^-((D-2)/D) at least above depth 2.

    Parameters
    ----------
    system : LinearSystem
        A and y, with at least one x >= 0 (any x, if signed) such that A x = y.
    alpha, log_alpha, initial_scale : float, optional
        The start: entries of x_0, their logarithm, or the entries of u_0. Give exactly one, or a prior alone.
    step_size : float, optional
        A quarter of the stable range, by the largest of the curvatures at both ends and of the pull at the start, if
        omitted.
    depth : float
        The depth D of the network, any real number from 2 on, but finite.
    signed : bool
        Whether x = u^D - v^D, from u_0 = v_0.
    prior, cost : array_like of shape (d,), optional
        Starts of each entry, x_0 = prior * alpha**cost, as in `BregmanProjection`. Entries that start at zero stay.
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
    problem = starting_projection(
        system, alpha, log_alpha, initial_scale, depth=depth, signed=signed, prior=prior, cost=cost
    )
    projection = solve(problem)
    network = Layers(system=problem.unsigned, depth=problem.depth)
    goal = _goal(system, projection.x, loss_tol, distance_tol, max_iterations)
    limit, safe = step_range(problem, projection.unknowns["log_x"])
    step = safe if step_size is None else _checked_step(step_size, limit)
    n_weights = problem.log_prior.size
    begin = _first_state(problem) if state is None else _checked_state(state, n_weights, goal.last)
    with ProgressBar(max_iterations, wanted=progress, done=begin.iteration) as bar:
        end, looks, status = _train(network, begin, step, goal, bar)
    if status is None:
        raise InvalidProblemError(_diverged(end.iteration, step, limit, safe))
    iterations, losses, l1_norms, distances = np.array(looks).T
    message = f"after {end.iteration} iterations, loss {losses[-1]:.2e}, ||x - x(alpha)||_1 {distances[-1]:.2e}"
    vanish = np.isneginf(projection.unknowns["log_x"]) & np.isfinite(problem.log_prior)
    if vanish.any():
        message += f", {still_vanishing(network.entries(end.u)[vanish], problem.depth)}"
    if status is FlowStatus.OUT_OF_TIME:
        warn_caller(f"gradient descent {status.value}: {message}", NotCertifiedWarning)
    return Descent(
        status=status,
        message=message,
        depth=problem.depth,
        log_alpha=problem.log_alpha,
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
        distance=distance_tol * float(np.abs(projection).sum()),
        loss_beside=loss_beside(distance_tol, loss_tol, largest_loss),
        loss=loss_tol * largest_loss,
        last=checked_count("max_iterations", last, 1),
    )


def _train(
    network: Layers, begin: DescentState, step: float, goal: _Goal, bar: ProgressBar
) -> tuple[DescentState, list[tuple[float, ...]], FlowStatus | None]:
    """Return where the steps led, what was seen on the way, and how they ended: None if they diverged."""
    u, iteration = begin.u, begin.iteration
    looks: list[tuple[float, ...]] = []
    while True:
        loss, l1_norm, distance = network.look(u, goal.projection)
        looks.append((iteration, loss, l1_norm, distance))
        bar.update(iteration, f"loss {loss:.2e}")
        status = goal.verdict(iteration, loss, distance)
        if status is not None or not np.isfinite(loss):
            return DescentState(u=u, iteration=iteration), looks, status
        ahead = min(_unwatched(iteration), goal.last - iteration)
        u, iteration = network.advanced(u, step, ahead), iteration + ahead


def _unwatched(iteration: int) -> int:
    return max(1, min(_LONGEST_UNWATCHED, int(_LOOK_EVERY * iteration)))


def _checked_step(step_size: Any, limit: float) -> float:
    step = as_float(step_size)
    if not 0 < step < limit:
        raise InvalidProblemError(
            f"step_size = {step_size!r} is outside the stable range (0, {limit:.6g}): from 1 / (D^2 "
            "lambda_max(A X^(2 - 2/D) A')) on, X = diag(x(alpha)), the projection repels"
        )
    return step


def _diverged(iteration: int, step: float, limit: float, safe: float) -> str:
    return (
        f"the descent diverged within {iteration} iterations: step_size = {step:.6g} is in the stable range "
        f"(0, {limit:.6g}) of the end but too large on the way there; {safe:.6g} is safe"
    )


def _first_state(problem: BregmanProjection) -> DescentState:
    u = np.exp(problem.log_prior / problem.depth)
    if (u[np.isfinite(problem.log_prior)] == 0).any():
        raise InvalidProblemError(
            f"u_0 = x_0^(1/D) underflows at log_alpha = {problem.log_alpha:.6g}, and u = 0 never moves; "
            "use gradient_flow"
        )
    return DescentState(u=u, iteration=0)


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
