"""The picture of a comparison of solvers."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.plotting._axes import LOG10_ALPHA, several_axes
from bregman_l1.plotting._matplotlib import pyplot
from bregman_l1.plotting._style import LINES, Look, backend_looks, reference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

    from bregman_l1.experiments.comparison import Comparison, Run
    from bregman_l1.plotting._axes import AxesArray

# Errors below rounding, and exact zeros, are drawn here.
_SMALLEST_ERROR, _LARGEST_ERROR = 1e-17, 1e6
# Share of the panel between two markers of a profile, which has a step for every run.
_MARK_EVERY = 0.2


def plot_comparison(comparison: Comparison, axes: Sequence[Axes] | AxesArray | None = None) -> AxesArray:
    """Draw the median error over alpha, raw and polished, and the Dolan-More performance profile."""
    raw, polished, profile = panels = several_axes(axes, 3)
    looks = backend_looks(run.backend for run in comparison.runs)
    tolerances = sorted({run.tol for run in comparison.runs}, reverse=True)
    lines = {tol: LINES[k % len(LINES)] for k, tol in enumerate(tolerances)}
    _draw_errors(raw, [run for run in comparison.runs if not run.polished], looks, lines)
    _draw_errors(polished, [run for run in comparison.runs if run.polished], looks, lines)
    raw.set(ylabel=r"median relative error of $x(\alpha) - x^*$", title="raw claims")
    polished.set(title="polished")
    _draw_profile(profile, comparison, looks)
    # What is polished lies at rounding: above it there is room.
    _explain(polished, looks, lines)
    return panels


def _draw_errors(ax: Axes, runs: Sequence[Run], looks: Mapping[str, Look], lines: Mapping[float, str]) -> None:
    curves: dict[tuple[str, float], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        curves[run.backend, run.tol][run.log_alpha].append(np.inf if run.failure else run.error)
    for (backend, tol), errors in curves.items():
        log_alphas = np.array(sorted(errors))
        medians = np.array([np.median(errors[value]) for value in log_alphas])
        shown = np.clip(medians, _SMALLEST_ERROR, _LARGEST_ERROR)
        style = {**looks[backend].keywords(), "linestyle": lines[tol]}
        ax.plot(log_alphas / np.log(10), shown, **style, label=f"{backend}, tol {tol:.0e}")
    ax.axhline(1.0, **reference())
    ax.set(yscale="log", ylim=(0.3 * _SMALLEST_ERROR, 3 * _LARGEST_ERROR), xlabel=LOG10_ALPHA)


def _draw_profile(ax: Axes, comparison: Comparison, looks: Mapping[str, Look]) -> None:
    profiles = comparison.profiles()
    slowest = max(float(profile.ratios[-1]) for profile in profiles)
    for profile in profiles:
        style = {**looks[profile.backend].keywords(), "linestyle": "-" if profile.polished else "--"}
        label = f"{profile.backend}, polished" if profile.polished else profile.backend
        ratios, shares = np.append(profile.ratios, slowest), np.append(profile.shares, profile.shares[-1])
        ax.step(ratios, shares, **style, where="post", markevery=_MARK_EVERY, label=label)
    ax.set_xscale("log", base=2)
    ax.set(
        ylim=(-0.02, 1.02),
        xlabel="time relative to the fastest",
        ylabel="share certified",
        title="performance profile",
    )
    ax.legend(handles=_samples({"polished": "-", "raw": "--"}), fontsize="small")


def _explain(ax: Axes, looks: Mapping[str, Look], lines: Mapping[float, str]) -> None:
    """Say which backend is which, and which line is which tolerance."""
    backends = [pyplot().Line2D([], [], **look.keywords(), label=name) for name, look in looks.items()]
    tolerances = _samples({f"tol {tol:.0e}": line for tol, line in lines.items()})
    nothing_right = pyplot().Line2D([], [], **reference(), label="error 1")
    ax.legend(handles=[*backends, *tolerances, nothing_right], fontsize="small", loc="upper center", ncols=2)


def _samples(lines: Mapping[str, str]) -> list[Line2D]:
    colour = Look().color
    return [pyplot().Line2D([], [], color=colour, linestyle=line, label=name) for name, line in lines.items()]
