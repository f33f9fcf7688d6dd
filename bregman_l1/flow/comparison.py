"""`compare_flow`: flow, descent and projection side by side for several alphas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import Vector
from bregman_l1.entry import entry_point, entry_points
from bregman_l1.flow.descent import Descent, gradient_descent
from bregman_l1.flow.flow import Flow
from bregman_l1.flow.integration import Integrator
from bregman_l1.flow.training import gradient_flow
from bregman_l1.frozen import FrozenArrays
from bregman_l1.html import DOTS, shortened, table
from bregman_l1.parts import both
from bregman_l1.scale import alpha_text, natural_log_alphas, scales_by_keyword
from bregman_l1.theory.limit import find_limit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from bregman_l1.system import LinearSystem


@entry_points
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowComparison(FrozenArrays):
    """Where flow, descent and projection are, for m scales of initialisation.

    Attributes
    ----------
    log_alphas : ndarray of shape (m,)
        The scales.
    flows : tuple of Flow
        The flow at each scale, with its ``projection``.
    descents : tuple of Descent
        The descent at each scale.
    limit : ndarray of shape (d,)
        What all of them tend to as alpha -> 0: the l1 minimiser; where there are several, that nearest to the prior.
    rate : float
        The slope of log ||x(alpha) - limit||_1 in log alpha, 1 - rho at depth 2 and one above; infinite where x(alpha)
        is the limit. For signed x the slope of x_plus and x_minus together.
    """

    log_alphas: Vector
    flows: tuple[Flow, ...]
    descents: tuple[Descent, ...]
    limit: Vector
    rate: float

    @property
    def flow_distances(self) -> Vector:
        """||x - x(alpha)||_1 at the end of each flow, shape (m,)."""
        return np.array([flow.distance for flow in self.flows])

    @property
    def descent_distances(self) -> Vector:
        """||x - x(alpha)||_1 at the end of each descent, shape (m,)."""
        return np.array([descent.distance for descent in self.descents])

    @property
    def deviations(self) -> dict[str, Vector]:
        """||x - limit||_1 by name ('flow', 'descent', 'projection'), each of shape (m,), to rounding of x."""
        ends = {
            "flow": [flow.x for flow in self.flows],
            "descent": [descent.x for descent in self.descents],
            "projection": [flow.projection.x for flow in self.flows],
        }
        return {name: np.abs(np.array(x) - self.limit).sum(axis=1) for name, x in ends.items()}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the three deviations over alpha, with the slope the theory predicts.

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
        from bregman_l1.plotting.flow import plot_comparison

        return plot_comparison(self, ax)

    def __str__(self) -> str:
        lines = ["log alpha   flow - x(alpha)   descent - x(alpha)   x(alpha) - limit   flow, descent"]
        rows = zip(self.log_alphas, self.flows, self.descents, self.deviations["projection"], strict=True)
        lines += [
            f"{log_alpha:9.3f}   {flow.distance:15.2e}   {descent.distance:18.2e}   {deviation:16.2e}   "
            f"{flow.status.value}, {descent.status.value}"
            for log_alpha, flow, descent, deviation in rows
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        runs = zip(self.log_alphas, self.flows, self.descents, self.deviations["projection"], strict=True)
        rows = []
        for log_alpha, flow, descent, deviation in runs:
            distances = (f"{size:.2e}" for size in (flow.distance, descent.distance, deviation))
            rows.append((alpha_text(log_alpha), *distances, flow.status.value, descent.status.value))
        header = ("alpha", "flow - x(alpha)", "descent - x(alpha)", "x(alpha) - limit", "flow", "descent")
        caption = f"Distances in l1; the last falls like alpha^{self.rate:.6g}"
        return table(shortened(rows, (DOTS,) * len(header)), header=header, caption=caption)


@scales_by_keyword
@entry_point
def compare_flow(
    system: LinearSystem,
    *,
    alphas: float | Sequence[float] | None = None,
    log_alphas: float | Sequence[float] | None = None,
    step_size: float | None = None,
    max_iterations: int = 100_000,
    method: Integrator = "Radau",
    depth: float = 2,
    signed: bool = False,
    prior: ArrayLike | None = None,
) -> FlowComparison:
    """Run flow and descent from each alpha and hold their ends against the projection.

    Parameters
    ----------
    system : LinearSystem
        A and y, with at least one x >= 0 such that A x = y.
    alphas, log_alphas : float or sequence of float, optional
        The scales, or their logarithms. Give exactly one, by keyword.
    step_size, max_iterations
        As for `gradient_descent`.
    method, depth, signed, prior
        As for `gradient_flow`.

    Returns
    -------
    FlowComparison
        Runs that do not arrive are in it, with their status, and warn with `NotCertifiedWarning`.

    Raises
    ------
    InvalidProblemError
        If a scale or the step size is wrong.
    InfeasibleError
        If no x >= 0 solves A x = y.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> from bregman_l1.flow import compare_flow
    >>> comparison = compare_flow(LinearSystem([[1.0, 0.5]], [1.0]), alphas=[1e-1, 1e-2])
    >>> comparison.rate
    0.5
    >>> (comparison.flow_distances < comparison.descent_distances).all()
    np.True_
    """
    scales = natural_log_alphas(alphas, log_alphas)
    start: dict[str, Any] = {"depth": depth, "signed": signed, "prior": prior}
    flows = tuple(gradient_flow(system, log_alpha=float(scale), method=method, **start) for scale in scales)
    descents = tuple(
        gradient_descent(system, log_alpha=float(scale), step_size=step_size, max_iterations=max_iterations, **start)
        for scale in scales
    )
    problem = flows[0].network.problem
    factors = both(problem.prior) if problem.signed else problem.prior
    limit = find_limit(problem.unsigned, prior=factors, depth=problem.depth)
    return FlowComparison(
        log_alphas=scales,
        flows=flows,
        descents=descents,
        limit=np.subtract(*np.split(limit.x, 2)) if problem.signed else limit.x,
        rate=limit.rate,
    )
