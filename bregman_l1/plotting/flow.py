"""Pictures of training runs: a flow, a descent, and both beside the projection."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.plotting._matplotlib import pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bregman_l1.flow import Descent, Flow, FlowComparison

_POINTS = 400
_NAMED_SHARE = 1e-2
_NAMED_AT_MOST = 10


def plot_flow(flow: Flow) -> Figure:
    """Draw the entries of x over time, each with its end at the projection, beside loss and distance."""
    figure: Figure
    figure, (left, right) = pyplot().subplots(1, 2, figsize=(11, 4), layout="constrained")
    times = np.geomspace(max(flow.times[1], 1e-12 * flow.times[-1]), flow.times[-1], _POINTS)
    x, end = np.exp(flow.log_x_at(times)), flow.projection.x
    largest = np.argsort(-end)[:_NAMED_AT_MOST]
    named = set(largest[end[largest] > _NAMED_SHARE * end.max()].tolist())
    for j in range(end.size):
        if j in named:
            (line,) = left.loglog(times, x[:, j], label=f"$x_{{{j}}}$")
            left.axhline(end[j], color=line.get_color(), linestyle=":", linewidth=0.8)
        else:
            left.loglog(times, x[:, j], color="0.8", linewidth=0.8, zorder=0)
    left.set(xlabel="time", ylabel="x", title="entries of x; dotted: the projection")
    left.legend()
    moved = flow.times > 0
    right.loglog(flow.times[moved], flow.losses[moved], label=r"$\|Ax - y\|^2$")
    right.loglog(flow.times[moved], flow.distances[moved], label=r"$\|x - x(\alpha)\|_1$")
    right.set(xlabel="time", title=f"loss and distance ({flow.status.value})")
    right.legend()
    return figure


def plot_descent(descent: Descent) -> Figure:
    """Draw the loss and the distance to the projection over the iterations."""
    figure: Figure
    figure, axes = pyplot().subplots(figsize=(6, 4), layout="constrained")
    moved = descent.iterations > 0
    axes.loglog(descent.iterations[moved], descent.losses[moved], label=r"$\|Ax - y\|^2$")
    axes.loglog(descent.iterations[moved], descent.distances[moved], label=r"$\|x - x(\alpha)\|_1$")
    axes.set(xlabel="iteration", title=f"gradient descent, step {descent.step_size:.3g} ({descent.status.value})")
    axes.legend()
    return figure


def plot_comparison(comparison: FlowComparison) -> Figure:
    """Draw ||x - limit||_1 over alpha for flow, descent and projection, with the predicted slope."""
    figure: Figure
    figure, axes = pyplot().subplots(figsize=(6, 4), layout="constrained")
    log10_alpha = comparison.log_alphas / np.log(10)
    styles = {"projection": "o", "flow": "-", "descent": "s--"}
    for name, style in styles.items():
        hollow = {"markerfacecolor": "none"} if name == "projection" else {"markersize": 3.0}
        with np.errstate(divide="ignore"):
            axes.plot(log10_alpha, np.log10(comparison.deviations[name]), style, label=name, **hollow)
    if np.isfinite(comparison.rate):
        _draw_slope(axes, comparison, log10_alpha)
    axes.set(xlabel=r"$\log_{10}\,\alpha$", ylabel=r"$\log_{10}\,\|x - x^*\|_1$", title="ends of training over alpha")
    axes.legend()
    return figure


def _draw_slope(axes: Axes, comparison: FlowComparison, log10_alpha: np.ndarray) -> None:
    """Draw the line of slope 1 - rho through the projection at the smallest alpha."""
    smallest = int(np.argmin(log10_alpha))
    anchor = np.log10(comparison.deviations["projection"][smallest])
    line = anchor + comparison.rate * (log10_alpha - log10_alpha[smallest])
    axes.plot(log10_alpha, line, color="0.6", linewidth=0.8, label=rf"slope $1 - \rho$ = {comparison.rate:.3g}")
