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
    """Draw log10 of the deviation over log10 of alpha, with the slope 1 - rho beside it."""
    ax = one_axes(ax)
    order = np.argsort(path.log_alphas)
    x, y = path.log_alphas[order] / math.log(10), path.log_deviation[order] / math.log(10)
    rate = path.rate
    if math.isfinite(rate) and np.isfinite(y[0]):
        ax.plot(x, y[0] + rate * (x - x[0]), **EXPECTED.keywords(), label=rf"slope $1 - \varrho$ = {rate:.4g}")
    ax.plot(x, y, **TRUTH.keywords(), label=r"$\|x(\alpha) - x^*\|_1$")
    ax.set(xlabel=LOG10_ALPHA, ylabel=r"$\log_{10}\,\|x(\alpha) - x^*\|_1$", title="distance to the limit")
    ax.legend()
    return ax
