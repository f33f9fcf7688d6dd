"""The picture of a projection path."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.plotting._axes import LOG10_ALPHA, one_axes
from bregman_l1.plotting._style import EXPECTED, TRUTH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bregman_l1.path import ProjectionPath


def plot_path(path: ProjectionPath, ax: Axes | None = None) -> Axes:
    """Draw log10 of the deviation over log10 of alpha, with the slope of the limiting law beside it."""
    ax = one_axes(ax)
    order = np.argsort(path.log_alphas)
    x, y = path.log_alphas[order] / math.log(10), path.log_deviation[order] / math.log(10)
    rate = path.rate
    moves = math.isfinite(rate)
    if moves and y.size:
        slope = r"slope $1 - \varrho$" if (path.cost == 1).all() else "slope"
        ax.plot(x, y[0] + rate * (x - x[0]), **EXPECTED.keywords(), label=f"{slope} = {rate:.4g}")
    ax.plot(x, y, **TRUTH.keywords(), label=r"$\|x(\alpha) - x^*\|_1$")
    title = "distance to the limit" if moves else r"$x(\alpha) = x^*$ for every $\alpha$: no distance to draw"
    ax.set(xlabel=LOG10_ALPHA, ylabel=r"$\log_{10}\,\|x(\alpha) - x^*\|_1$", title=title)
    ax.legend()
    return ax
