"""The picture of a comparison of depths."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.plotting._axes import LOG10_ALPHA, one_axes
from bregman_l1.plotting._style import SERIES, reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bregman_l1.theory.depths import DepthComparison

_LOG_TEN = math.log(10)


def plot_depths(comparison: DepthComparison, ax: Axes | None = None) -> Axes:
    """Draw log10 of the error over log10 of alpha, one line a depth, and where their laws cross that of depth 2."""
    ax = one_axes(ax)
    order = np.argsort(comparison.log_alphas)
    ten = comparison.log_alphas[order] / _LOG_TEN
    lines = zip(comparison.depths, comparison.log_errors[:, order], comparison.log_crossovers, strict=True)
    crossing = "the law crosses that of $D = 2$"
    for k, (depth, log_errors, log_crossover) in enumerate(lines):
        look = SERIES[k % len(SERIES)]
        shown = np.where(np.isfinite(log_errors), log_errors, np.nan) / _LOG_TEN
        name = r"\infty" if math.isinf(depth) else f"{depth:g}"
        ax.plot(ten, shown, **look.keywords(), label=f"$D = {name}$")
        if ten[0] <= log_crossover / _LOG_TEN <= ten[-1]:
            ax.axvline(log_crossover / _LOG_TEN, **reference(color=look.color), label=crossing)
            crossing = ""
    title = "distance to the limit by depth" if comparison.has_one_limit else "distance to the limit of each depth"
    ax.set(xlabel=LOG10_ALPHA, ylabel=r"$\log_{10}\,\|x(\alpha) - x^*\|_1$", title=title)
    ax.legend(fontsize="small")
    return ax
