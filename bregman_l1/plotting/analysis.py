"""The deviation of x(alpha) from its limit beside everything the theory says of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import Vector
from bregman_l1.errors import NotAdmissibleError
from bregman_l1.plotting._axes import LOG10_ALPHA, AxesArray, one_axes, several_axes
from bregman_l1.plotting._style import (
    ENCLOSURE,
    EXPECTED,
    LOWER_BOUND,
    PRINTED_BOUND,
    TRUTH,
    UPPER_BOUND,
    Look,
    reference,
)
from bregman_l1.scale import natural_log_alphas

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from bregman_l1.theory.analysis import Analysis
    from bregman_l1.theory.bounds import LowerForm


_LOG_TEN = float(np.log(10.0))
_PICTURED = np.linspace(-70.0, 0.0, 40)
# Points; an enclosure is mostly narrower than any line.
_THINNEST = 8.0
# Far from the limit the ratio to it can be anything.
_TALLEST = 2.5
_FORMS: tuple[tuple[LowerForm, Look], ...] = (("corrected", LOWER_BOUND), ("printed", PRINTED_BOUND))


def plot_deviation(analysis: Analysis, alphas: ArrayLike | None, log_alphas: ArrayLike | None, ax: Axes | None) -> Axes:
    """Draw the l1 deviation over alpha with its enclosure, the bound (II.3) and the exact limit."""
    levels = _levels(analysis, alphas, log_alphas)
    ax = one_axes(ax)
    ten = levels / _LOG_TEN
    truth, bound = _logs(analysis.log_deviation, levels), _logs(analysis.log_upper_bound, levels)
    _draw_enclosure(ax, analysis, levels, float(truth[np.isfinite(truth)].min(initial=np.inf)))
    ax.plot(ten, bound / _LOG_TEN, **UPPER_BOUND.keywords(), label=_claim("bound (II.3)", bound))
    if np.isfinite(analysis.rate):
        limit = (analysis.log_leading_constants.total + analysis.rate * levels) / _LOG_TEN
        ax.plot(ten, limit, **EXPECTED.keywords(), label=rf"exact limit, $K\alpha^{{{analysis.rate:.3g}}}$")
    ax.plot(ten, truth / _LOG_TEN, **TRUTH.keywords(), label=r"$\|x(\alpha)-x^*\|_1$")
    ax.set(xlabel=LOG10_ALPHA, ylabel=r"$\log_{10}\,\|x(\alpha)-x^*\|_1$", title="distance to the limit")
    ax.legend(fontsize="small")
    return ax


def plot_lower_bounds(
    analysis: Analysis, alphas: ArrayLike | None, log_alphas: ArrayLike | None, ax: Axes | None
) -> Axes:
    """Draw the largest entry off S over alpha, and both forms of the bound (II.4), relative to the exact limit."""
    levels = _levels(analysis, alphas, log_alphas)
    if not np.isfinite(analysis.rate):
        raise NotAdmissibleError("the leading parts of x_plus and x_minus cancel: no exact limit is known to draw by")
    ax = one_axes(ax)
    ten = levels / _LOG_TEN
    limit = analysis.log_leading_constants.maximum_off_support + analysis.rate * levels
    ratio = _logs(analysis.log_largest_off_support, levels) - limit
    for form, look in _FORMS:
        bound = _logs(partial(analysis.log_lower_bound, form=form), levels)
        ax.plot(ten, np.exp(bound - limit), **look.keywords(), label=_claim(f"bound (II.4) {form}", bound))
    ax.plot(ten, np.exp(ratio), **TRUTH.keywords(), label=r"$\|x(\alpha)_{S^c}\|_\infty$")
    ax.axhline(1.0, **reference())
    ax.set(xlabel=LOG10_ALPHA, ylabel="relative to the exact limit", title="largest entry off $S$")
    ax.set_ylim(0.0, np.clip(1.1 * np.exp(np.minimum(ratio, 1.0)).max(), 1.2, _TALLEST))
    ax.legend(fontsize="small")
    return ax


def plot_both(analysis: Analysis, log_alphas: ArrayLike | None) -> AxesArray:
    """Draw the deviation and the lower bounds side by side, as the command line does."""
    left, right = panels = several_axes(None, 2)
    plot_deviation(analysis, None, log_alphas, left)
    plot_lower_bounds(analysis, None, log_alphas, right)
    return panels


def _levels(analysis: Analysis, alphas: ArrayLike | None, log_alphas: ArrayLike | None) -> Vector:
    """Return the logarithms of alpha to draw, rising."""
    if not analysis.moves:
        raise NotAdmissibleError("x(alpha) is the same for every alpha: there is no deviation to draw")
    return np.sort(natural_log_alphas(alphas, log_alphas, default=_PICTURED))


def _draw_enclosure(ax: Axes, analysis: Analysis, levels: Vector, lowest: float) -> None:
    enclosures = [analysis.deviation_enclosure(log_alpha=float(t)) for t in levels]
    low = np.array([enclosure.log_lower for enclosure in enclosures])
    high = np.array([enclosure.log_upper for enclosure in enclosures]) / _LOG_TEN
    low = np.where(np.isfinite(low), low, lowest) / _LOG_TEN
    ten = levels / _LOG_TEN
    ax.fill_between(ten, low, high, color=ENCLOSURE.color, linewidth=0)
    for edge, label in ((low, "_lower"), (high, "enclosure (widened to be seen)")):
        ax.plot(ten, edge, color=ENCLOSURE.color, linewidth=_THINNEST, solid_capstyle="round", label=label)


def _claim(name: str, bound: Vector) -> str:
    return name if np.isfinite(bound).any() else f"{name}: not claimed here"


def _logs(value: Callable[..., float], levels: Vector) -> Vector:
    """Evaluate at every log(alpha); NaN, which is not drawn, where nothing is claimed."""
    return np.array([_or_nan(value, float(t)) for t in levels])


def _or_nan(value: Callable[..., float], log_alpha: float) -> float:
    try:
        return value(log_alpha=log_alpha)
    except NotAdmissibleError:
        return np.nan
