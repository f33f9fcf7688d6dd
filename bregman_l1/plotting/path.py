"""The picture of a projection path."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.plotting._matplotlib import pyplot

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bregman_l1.path import ProjectionPath


def plot_path(path: ProjectionPath, ax: Axes | None = None) -> Axes:
    """Draw log10 of the deviation over log10 of alpha, with the slope 1 - rho beside it."""
    axes: Axes = pyplot().subplots()[1] if ax is None else ax
    order = np.argsort(path.log_alphas)
    x, y = path.log_alphas[order] / math.log(10), path.log_deviation[order] / math.log(10)
    axes.plot(x, y, "o-", markersize=3, label=r"$\|x(\alpha) - x^*\|_1$")
    rate = path.rate
    if math.isfinite(rate) and np.isfinite(y[0]):
        axes.plot(x, y[0] + rate * (x - x[0]), "--", color="gray", label=rf"slope $1 - \varrho$ = {rate:.4g}")
    axes.set_xlabel(r"$\log_{10}\,\alpha$")
    axes.set_ylabel(r"$\log_{10}\,\|x(\alpha) - x^*\|_1$")
    axes.legend()
    return axes
