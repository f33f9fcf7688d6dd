"""Pictures of training runs: a flow, a descent, and both beside the projection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.plotting._axes import LOG10_ALPHA, one_axes, several_axes
from bregman_l1.plotting._style import DESCENT, DISTANCE, EXPECTED, FLOW, LOSS, PROJECTION, SERIES, TRUTH, reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from bregman_l1._types import Index, Matrix, Vector
    from bregman_l1.flow import Descent, Flow, FlowComparison
    from bregman_l1.plotting._axes import AxesArray

_LOG_TEN = float(np.log(10.0))
_POINTS = 400
# Of the time to fit: what comes before is drawn from here on only.
_LONG_BEFORE = 1e-6
_NAMED_SHARE = 1e-2
_LOSS_LABEL, _DISTANCE_LABEL = r"loss $\|Ax - y\|^2$", r"distance $\|x - x(\alpha)\|_1$"


def plot_flow(flow: Flow, axes: Sequence[Axes] | AxesArray | None = None) -> AxesArray:
    """Draw the entries of x over time, each with its end at the projection, beside loss and distance."""
    panels = several_axes(axes, 2)
    _draw_entries(panels[0], flow)
    _draw_progress(panels[1], flow.times, flow.losses, flow.distances)
    _mark_times(panels, flow)
    panels[0].legend(ncols=2)
    panels[1].legend()
    panels[1].set(xlabel="time", title=f"loss and distance ({flow.status.value})")
    return panels


def _draw_entries(ax: Axes, flow: Flow) -> None:
    drawn = flow.times[np.isfinite(flow.times)]
    first = max(float(drawn[drawn > 0][0]), _LONG_BEFORE * min(flow.time_to_fit, float(drawn[-1])))
    times = np.geomspace(first, drawn[-1], _POINTS)
    log_end = flow.projection.unknowns["log_x"]
    log10_x, end = flow.log_x_at(times) / _LOG_TEN, log_end / _LOG_TEN
    named = _largest(np.exp(log_end))
    others: Matrix = np.delete(log10_x, named, axis=1)
    ax.semilogx(times, others, **reference(alpha=0.25, zorder=0), label="_others")
    for j, look in zip(named, SERIES, strict=False):
        ax.semilogx(times, log10_x[:, j], color=look.color, linestyle=look.line, label=_name(flow, int(j)))
        ax.axhline(end[j], **reference(color=look.color, linestyle=":", alpha=1.0))
    _mark_activations(ax, flow, first, float(drawn[-1]))
    ax.set(xlabel="time", ylabel=r"$\log_{10}\,x$", title="entries of $x$; dotted: the projection; dots: activations")


def _name(flow: Flow, entry: int) -> str:
    sign, j = divmod(entry, flow.projection.x.size)
    return f"$x_{{{j}}}$" if not flow.signed else f"$x_{{{j}}}^{'+-'[sign]}$"


def _mark_activations(ax: Axes, flow: Flow, first: float, last: float) -> None:
    activations = flow.activations
    for times, look in (
        ([entry.time for entry in activations], TRUTH),
        ([entry.leaves for entry in activations], PROJECTION),
    ):
        shown = [time for time in times if first <= time <= last]
        heights = np.full(len(shown), np.log10(activations.level))
        ax.plot(shown, heights, **look.keywords(), label="_activations")


def _largest(x: Vector) -> Index:
    """Indices of the entries that get a name, in rising order: the largest, as many as there are looks for."""
    largest = np.argsort(-x)[: len(SERIES)]
    return np.sort(largest[x[largest] > _NAMED_SHARE * x.max()])


def _draw_progress(ax: Axes, at: Vector, losses: Vector, distances: Vector) -> None:
    moved = at > 0
    ax.loglog(at[moved], losses[moved], **LOSS.keywords(), label=_LOSS_LABEL)
    ax.loglog(at[moved], distances[moved], **DISTANCE.keywords(), label=_DISTANCE_LABEL)


def _mark_times(panels: AxesArray, flow: Flow) -> None:
    """Draw a line where the loss vanished and one where x arrived, in both panels, named in the second."""
    marks = (("loss vanished", flow.time_to_fit, LOSS), ("x arrived", flow.time_to_projection, DISTANCE))
    for name, time, look in marks:
        if 0 < time < np.inf:
            style = reference(color=look.color, linestyle=look.line, alpha=0.8)
            panels[0].axvline(time, **style)
            panels[1].axvline(time, **style, label=f"{name} at {time:.3g}")


def plot_descent(descent: Descent, ax: Axes | None = None) -> Axes:
    """Draw the loss and the distance to the projection over the iterations."""
    ax = one_axes(ax)
    _draw_progress(ax, descent.iterations.astype(np.float64), descent.losses, descent.distances)
    ax.set(xlabel="iteration", title=f"gradient descent, step {descent.step_size:.3g}: {descent.status.value}")
    ax.legend()
    return ax


def _slope(comparison: FlowComparison) -> str:
    """The slope in words: 1 - rho where theta is log x."""
    symbol = r"$1 - \varrho$ = " if comparison.flows[0].network.potential.is_logarithmic else ""
    return f"slope {symbol}{comparison.rate:.3g}"


def plot_comparison(comparison: FlowComparison, ax: Axes | None = None) -> Axes:
    """Draw ||x - limit||_1 over alpha for flow, descent and projection, with the predicted slope."""
    ax = one_axes(ax)
    order = np.argsort(comparison.log_alphas)
    log10_alpha = comparison.log_alphas[order] / _LOG_TEN
    with np.errstate(divide="ignore"):
        heights = {name: np.log10(values[order]) for name, values in comparison.deviations.items()}
    for name, look in (("flow", FLOW), ("descent", DESCENT), ("projection", PROJECTION)):
        ax.plot(log10_alpha, heights[name], **look.keywords(), label=name)
    if np.isfinite(comparison.rate):
        line = heights["projection"][0] + comparison.rate * (log10_alpha - log10_alpha[0])
        ax.plot(log10_alpha, line, **EXPECTED.keywords(), label=_slope(comparison))
    ax.set(xlabel=LOG10_ALPHA, ylabel=r"$\log_{10}\,\|x - x^*\|_1$", title="ends of training")
    ax.legend()
    return ax
