"""The deviation of x(alpha) from its limit beside everything the theory says of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import Vector
from bregman_l1.errors import InvalidProblemError, NotAdmissibleError
from bregman_l1.plotting._matplotlib import pyplot

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bregman_l1.theory.analysis import Analysis
    from bregman_l1.theory.bounds import LowerForm


_LOG_TEN = float(np.log(10.0))
_POINTS = 40
_FARTHEST = -70.0
# Points; an enclosure is mostly narrower than any line.
_THINNEST = 6.0
# Far from the limit the ratio to it can be anything.
_TALLEST = 2.5


def plot_analysis(analysis: Analysis, log_alphas: ArrayLike | None = None) -> Figure:
    """Draw two pictures over log10(alpha): the l1 deviation, and the largest entry off S over its exact limit.

    Parameters
    ----------
    analysis : Analysis
    log_alphas : array_like, optional
        Natural logarithms of alpha; 40 points down to exp(-70) if omitted.

    Raises
    ------
    NotAdmissibleError
        If x(alpha) is the same for every alpha.
    InvalidProblemError
        If log_alphas is empty or not finite.
    """
    if not analysis.moves:
        raise NotAdmissibleError("x(alpha) is the same for every alpha: there is no deviation to draw")
    levels = np.linspace(_FARTHEST, 0.0, _POINTS) if log_alphas is None else np.sort(np.ravel(log_alphas))
    if not levels.size:
        raise InvalidProblemError("log_alphas is empty: there is nothing to draw")
    figure: Figure
    figure, (left, right) = pyplot().subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    _draw_deviation(left, analysis, levels)
    _draw_largest(right, analysis, levels)
    for axes in (left, right):
        axes.set_xlabel(r"$\log_{10}\alpha$")
        axes.invert_xaxis()
        axes.legend(frameon=False, fontsize="small")
    return figure


def _draw_deviation(axes: Axes, analysis: Analysis, levels: Vector) -> None:
    enclosures = [analysis.deviation_enclosure(log_alpha=float(t)) for t in levels]
    low = np.array([enclosure.log_lower for enclosure in enclosures])
    high = np.array([enclosure.log_upper for enclosure in enclosures])
    truth = _logs(analysis.log_deviation, levels)
    lowest = np.where(np.isfinite(low), low, np.nanmin(truth))
    ten = levels / _LOG_TEN
    axes.fill_between(
        ten,
        lowest / _LOG_TEN,
        high / _LOG_TEN,
        facecolor="#aec7e8",
        edgecolor="#aec7e8",
        linewidth=_THINNEST,
        label="enclosure (widened to be seen)",
    )
    axes.plot(ten, truth / _LOG_TEN, "k.", markersize=4, label=r"$\|x(\alpha)-x^*\|_1$")
    axes.plot(ten, _logs(analysis.log_upper_bound, levels) / _LOG_TEN, "C3--", label="(II.3)")
    asymptote = analysis.log_leading_constants.total + analysis.rate * levels
    axes.plot(ten, asymptote / _LOG_TEN, "C2:", label=rf"$K\alpha^{{{analysis.rate:.3g}}}$, the exact limit")
    axes.set_ylabel(r"$\log_{10}$ of the $\ell^1$ deviation")


def _draw_largest(axes: Axes, analysis: Analysis, levels: Vector) -> None:
    forms: tuple[tuple[LowerForm, str], ...] = (("corrected", "C0-"), ("printed", "C3--"))
    ten = levels / _LOG_TEN
    limit = analysis.log_leading_constants.maximum_off_support + analysis.rate * levels
    truth = _logs(analysis.log_largest_off_support, levels)
    axes.plot(ten, np.exp(truth - limit), "k.", markersize=4, label=r"$\|x(\alpha)_{S^c}\|_\infty$")
    for form, style in forms:
        bound = _logs(partial(analysis.log_lower_bound, form=form), levels)
        claimed = "" if np.isfinite(bound).any() else ": not claimed here"
        axes.plot(ten, np.exp(bound - limit), style, label=f"(II.4) {form}{claimed}")
    axes.set_ylabel(r"largest entry off $S$ / its exact limit")
    axes.set_ylim(0.0, np.clip(1.1 * np.exp(np.minimum(truth - limit, 1.0)).max(), 1.2, _TALLEST))


def _logs(value: Callable[..., float], levels: Vector) -> Vector:
    """Evaluate at every log(alpha); NaN, which is not drawn, where nothing is claimed."""
    return np.array([_or_nan(value, float(t)) for t in levels])


def _or_nan(value: Callable[..., float], log_alpha: float) -> float:
    try:
        return value(log_alpha=log_alpha)
    except NotAdmissibleError:
        return np.nan
