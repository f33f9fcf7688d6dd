"""`Flow`: a training run in continuous time, held against the projection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import Matrix, Vector
from bregman_l1.entry import entry_points
from bregman_l1.errors import InvalidProblemError
from bregman_l1.flow.activation import Activation, Activations, Excursion, excursions
from bregman_l1.flow.equation import FlowEquation
from bregman_l1.flow.integration import Trajectory
from bregman_l1.flow.network import Network
from bregman_l1.flow.status import FlowStatus
from bregman_l1.frozen import FrozenArrays
from bregman_l1.html import Markup, table, verdict
from bregman_l1.scale import alpha_text
from bregman_l1.validation import checked_array, checked_positive

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes

    from bregman_l1.plotting import AxesArray
    from bregman_l1.solution import Solution
    from bregman_l1.system import LinearSystem

# Of the largest entry of the projection: what counts as active.
_ACTIVE = 1e-2


@entry_points
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flow(FrozenArrays):
    """A gradient flow from its start to its end, m points of it, and the projection it is held against.

    Names in the plural are trajectories, one entry for each of ``times``; ``log_x``, ``loss`` and
    ``distance`` are their last values. For signed x, n is 2d below, for x_plus and then x_minus; else it is d.

    Attributes
    ----------
    status : FlowStatus
        How it ended.
    message : str
        The same in words, with the figures that decided it.
    system : LinearSystem
        The system trained on.
    network : Network
        Depth, sign and start.
    projection : Solution
        The solved Bregman projection of x_0.
    log_entries : ndarray of shape (n,)
        Logarithms of the nonnegative entries at the end: log x, or those of x_plus and x_minus.
    log_error : float
        max |log x - log x(alpha)| at the end, over the nonnegative entries positive at the projection.
    losses, l1_norms, dual_objectives, distances : ndarray of shape (m,)
        ||A x - y||^2; ||x||_1; the dual objective y'lam - sum phi*(theta(p) + A'lam) - phi*(theta(p)), which never
        falls; ||x - x(alpha)||_1.
    time_to_fit, time_to_projection : float
        When the loss first counted as zero, and when x was first at the projection; infinite where it never was, or
        beyond the range of floating point.
    rhs_evaluations, jacobian_evaluations, factorizations : int
        What the integration cost.
    trajectory : Trajectory
        The integrated equations and their dense output, which ``dual_at`` and ``log_x_at`` read.
    """

    status: FlowStatus
    message: str
    system: LinearSystem
    network: Network
    projection: Solution
    log_entries: Vector
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
    trajectory: Trajectory

    _shown: ClassVar = ("status", "depth", "signed", "log_alpha", "loss", "distance", "times", "duals")

    @property
    def depth(self) -> float:
        """The depth D of the network, x = u^D."""
        return self.network.problem.depth

    @property
    def signed(self) -> bool:
        """Whether x = u^D - v^D."""
        return self.network.problem.signed

    @property
    def log_alpha(self) -> float:
        """Logarithm of alpha, x_0 = prior * alpha; 0 for a prior alone."""
        return self.network.problem.log_alpha

    @property
    def times(self) -> Vector:
        """The integrator's steps, in the units of u' = -grad ||A u^D - y||^2, shape (m,).

        Infinite beyond the range of floating point, where ``log_times`` are not. From a small start at a depth above
        2 x may move within less than the spacing of the times: neighbours may be equal.
        """
        return self.network.time(self.trajectory.clock)

    @property
    def log_times(self) -> Vector:
        """Logarithms of the times, shape (m,); -inf for the start."""
        return self.network.log_time(self.trajectory.clock)

    @property
    def slow_times(self) -> Vector:
        """The times in units of theta(1) - theta(alpha), shape (m,); NaN where alpha is one or more."""
        return self.network.slow_time(self.trajectory.clock)

    @property
    def duals(self) -> Matrix:
        """The multiplier lam = c int (y - A x) at each of the times, shape (m, N), for theta(x) = theta(x_0) + A'lam.

        At depth 2 that is x = x_0 exp(A'lam), c = 8; above, x = (x_0^-q - A'lam)^(-1/q), q = (D - 2) / D,
        c = 2 D (D - 2). Infinite beyond the range of floating point.
        """
        return self.network.dual(np.array([equation.lam(w) for equation, w in self.trajectory.points()]))

    @property
    def x(self) -> Vector:
        """The vector x at the end, shape (d,)."""
        return self.network.vectors(self.log_entries)["x"]

    @property
    def log_x(self) -> Vector:
        """The logarithm of x at the end, of |x| where it is signed, shape (d,)."""
        return self.network.vectors(self.log_entries)["log_x"]

    @property
    def x_plus(self) -> Vector | None:
        """u^D at the end where x is signed, shape (d,)."""
        return self.network.vectors(self.log_entries).get("x_plus")

    @property
    def x_minus(self) -> Vector | None:
        """v^D at the end where x is signed, shape (d,)."""
        return self.network.vectors(self.log_entries).get("x_minus")

    @property
    def log_x_plus(self) -> Vector | None:
        """The logarithm of u^D at the end where x is signed, shape (d,)."""
        return self.network.vectors(self.log_entries).get("log_x_plus")

    @property
    def log_x_minus(self) -> Vector | None:
        """The logarithm of v^D at the end where x is signed, shape (d,)."""
        return self.network.vectors(self.log_entries).get("log_x_minus")

    @property
    def loss(self) -> float:
        """||A x - y||^2 at the end."""
        return float(self.losses[-1])

    @property
    def distance(self) -> float:
        """||x - x(alpha)||_1 at the end."""
        return float(self.distances[-1])

    @property
    def activations(self) -> Activations:
        """Which entries became active, when, and which left again.

        Returns
        -------
        Activations
            A sequence of `Activation`, in the order of time.

        Examples
        --------
        >>> from bregman_l1 import LinearSystem
        >>> from bregman_l1.flow import gradient_flow
        >>> system = LinearSystem([[1.0, 0.5, 0.2], [0.0, 1.0, -1.0]], [1.0, 0.5])
        >>> [entry.coordinate for entry in gradient_flow(system, 1e-60).activations]
        [0, 1]
        """
        log_level = float(np.log(_ACTIVE) + self._log_end.max())
        stays = excursions(self.trajectory, self.network.embedded, np.full(self._log_end.size, log_level))
        return Activations(
            level=float(np.exp(log_level)),
            entries=tuple(self._activation(stay) for stay in sorted(stays, key=lambda stay: stay.begins)),
        )

    def activation_times(self, fraction: float = 0.5) -> Vector:
        """Return when each nonnegative entry first reached ``fraction`` of its value at the projection.

        Returns
        -------
        ndarray of shape (n,)
            0 for an entry that starts above, infinity for one that did not get there.
        """
        log_level = self._log_end + np.log(checked_positive("fraction", fraction))
        first = np.full(log_level.size, np.inf)
        for stay in excursions(self.trajectory, self.network.embedded, log_level):
            first[stay.entry] = min(first[stay.entry], stay.begins)
        return self.network.time(first)

    def dual_at(self, times: ArrayLike) -> Matrix:
        """Return lam at any times within the flow: shape (N,) for a number, (m, N) for m of them."""
        return self.network.dual(self._at(times, lambda equation, w: equation.lam(w)))

    def log_x_at(self, times: ArrayLike) -> Matrix:
        """Return the logarithms of the nonnegative entries at any times: shape (n,) for a number, (m, n) for m."""
        return self._at(times, lambda equation, w: self.network.embedded(equation.log_x(w)))

    def plot(self, axes: Sequence[Axes] | AxesArray | None = None) -> AxesArray:
        """Draw the entries of x over time, and beside them the loss and the distance to the projection.

        Dots mark the activations. Lines mark ``time_to_fit``, when the loss vanished, and ``time_to_projection``, when
        x arrived.

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
        return table(rows, caption=Markup(f"{status} gradient flow{self.network.problem.potential.of_depth}"))

    @property
    def _log_end(self) -> Vector:
        return self.projection.unknowns["log_x"]

    def _activation(self, stay: Excursion) -> Activation:
        clock = np.array([stay.begins, stay.ends])
        (time, leaves), (slow_time, slow_leaves) = self.network.time(clock), self.network.slow_time(clock)
        sign, coordinate = divmod(stay.entry, self.system.shape[1])
        return Activation(
            coordinate=coordinate,
            sign=1 - 2 * sign,
            time=float(time),
            slow_time=float(slow_time),
            leaves=float(leaves),
            slow_leaves=float(slow_leaves),
            penalty=float(self.network.penalty(clock)[0]),
        )

    def _at(self, times: ArrayLike, of: Callable[[FlowEquation, Vector], Vector]) -> Matrix:
        wanted = checked_array("times", times)
        if wanted.ndim > 1:
            raise InvalidProblemError(f"times must be a number or a vector of them, got shape {wanted.shape}")
        if not wanted.size or not np.all((wanted >= 0) & (wanted <= self.times[-1])):
            raise InvalidProblemError(f"times must lie within the flow, [0, {self.times[-1]:.6g}]")
        clock = self.network.clock(wanted.astype(np.float64))
        values = np.array([of(*self.trajectory.at(float(time))) for time in np.atleast_1d(clock)])
        return values if wanted.ndim else values[0]
