"""Pictures of the studies: solver comparisons, null-space constants, rates, bounds and recovery."""

from __future__ import annotations

from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtr

from bregman_l1.errors import StudyError
from bregman_l1.plotting._matplotlib import pyplot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from bregman_l1.experiments.comparison import Comparison, Run
    from bregman_l1.experiments.store import Record


# Errors below rounding, and exact zeros, are drawn here.
_SMALLEST_ERROR, _LARGEST_ERROR = 1e-17, 1e6


def plot_comparison(comparison: Comparison) -> Figure:
    """Draw the median error over alpha, raw and polished, and the Dolan-More performance profile."""
    figure: Figure
    figure, (raw, polished, profile) = pyplot().subplots(1, 3, figsize=(15, 4.5), layout="constrained")
    _draw_errors(raw, [run for run in comparison.runs if not run.polished], "as the solver claimed it")
    _draw_errors(polished, [run for run in comparison.runs if run.polished], "polished")
    polished.sharey(raw)
    raw.set_ylabel(r"median relative error of $x(\alpha) - x^*$")
    raw.legend(fontsize="small")
    _draw_profile(profile, comparison)
    return figure


def _draw_errors(axes: Axes, runs: Sequence[Run], title: str) -> None:
    lines: dict[tuple[str, float], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        lines[run.backend, run.tol][run.log_alpha].append(np.inf if run.failure else run.error)
    colours = _colours(backend for backend, _ in lines)
    tightest = min((tol for _, tol in lines), default=0.0)
    for (backend, tol), errors in lines.items():
        log_alphas = np.array(sorted(errors))
        medians = np.array([np.median(errors[value]) for value in log_alphas])
        style = "o--" if tol == tightest and len({t for _, t in lines}) > 1 else "o-"
        axes.plot(
            log_alphas / np.log(10),
            np.clip(medians, _SMALLEST_ERROR, _LARGEST_ERROR),
            style,
            color=colours[backend],
            markersize=3,
            label=f"{backend}, tol {tol:.0e}",
        )
    axes.axhline(1.0, color="0.7", linewidth=0.8)
    axes.invert_xaxis()
    axes.set(yscale="log", xlabel=r"$\log_{10}\,\alpha$", title=title)


def _colours(backends: Iterable[str]) -> dict[str, str]:
    return {name: f"C{k}" for k, name in enumerate(dict.fromkeys(backends))}


def _draw_profile(axes: Axes, comparison: Comparison) -> None:
    colours = _colours(profile.backend for profile in comparison.profiles())
    for profile in comparison.profiles():
        label, style = (f"{profile.backend}, polished", "-") if profile.polished else (profile.backend, "--")
        colour = colours[profile.backend]
        axes.step(profile.ratios, profile.shares, style, where="post", label=label, color=colour)
    axes.set(
        xscale="log",
        ylim=(-0.02, 1.02),
        xlabel="time relative to the fastest",
        ylabel="share of projections certified within it",
        title="performance profile",
    )
    axes.legend(fontsize="small")


def plot_null_space(records: Iterable[Record]) -> Figure:
    """Draw rho against the sparsity, the number of rows and the noise, each with what is expected of it."""
    rows = _rows(records, "N", "d", "s", "rho")
    figure: Figure
    figure, axes = pyplot().subplots(1, 3, figsize=(13, 4), layout="constrained", sharey=True)
    for panel, name in zip(axes, ("s", "N", "noise"), strict=True):
        line = _longest_line(rows, name, together={"N": ("d",)}.get(name, ()))
        if not line:
            panel.set_axis_off()
            continue
        values = sorted({row[name] for row in line})
        _draw_quantiles(panel, values, [[row["rho"] for row in line if row[name] == value] for value in values])
        if name != "noise":
            _draw_order(panel, name, line)
        panel.axhline(1.0, color="0.7", linewidth=0.8)
        panel.set(xlabel={"noise": "noise level"}.get(name, name), xscale="log" if name == "noise" else "linear")
        if name != "noise":
            panel.set_xticks(values)
        panel.legend(fontsize="small")
    axes[0].set_ylabel(r"null-space constant $\rho$")
    return figure


def _draw_order(axes: Axes, name: str, line: Sequence[Mapping[str, Any]]) -> None:
    """Draw c sqrt(s log(d/s) / N), the order expected of rho, with c fitted to the medians."""
    values = sorted({row[name] for row in line})
    medians = np.array([np.nanmedian([row["rho"] for row in line if row[name] == value]) for value in values])
    sizes = [next((row["s"], row["N"], row["d"]) for row in line if row[name] == value) for value in values]
    order = np.array([np.sqrt(s * np.log(d / s) / N) for s, N, d in sizes])
    factor = float(medians @ order / (order @ order))
    axes.plot(values, factor * order, "--", color="0.5", label=rf"{factor:.2f} $\sqrt{{s\,\log(d/s)/N}}$")


def plot_rate(records: Iterable[Record]) -> Figure:
    """Draw how far the observed slope of log ||x(alpha) - x*||_1 is from 1 - rho, without and with noise."""
    figure: Figure
    figure, (left, right) = pyplot().subplots(1, 2, figsize=(11, 4), layout="constrained")
    rows = _rows(records, "rate", "slopes", "log_alphas")
    for k, noise in enumerate(sorted({row["noise"] for row in rows})):
        group = [row for row in rows if row["noise"] == noise]
        t = -np.array(group[0]["log_alphas"]) / np.log(10)
        middle = np.sqrt(t[1:] * t[:-1])
        misses = [np.abs(np.array(row["slopes"]) - row["rate"]) / row["rate"] for row in group]
        label = f"noise {noise:g}" if noise else "no noise"
        _draw_quantiles(left, middle, np.maximum(misses, 1e-16).T, label=label, color=f"C{k}")
        right.plot([row["rate"] for row in group], [row["slopes"][-1] for row in group], "o", markersize=3, label=label)
    left.set(xscale="log", yscale="log", xlabel=r"$\log_{10}(1/\alpha)$", ylabel=r"|slope / $(1 - \rho)$ - 1|")
    left.legend(fontsize="small")
    right.axline((0.0, 0.0), slope=1.0, color="0.7", linewidth=0.8)
    right.set(xlabel=r"$1 - \rho$", ylabel="slope observed at the smallest alpha")
    right.legend(fontsize="small")
    return figure


def plot_bounds(records: Iterable[Record]) -> Figure:
    """Draw how far the paper's bounds and the enclosure of ||x(alpha) - x*||_1 are from the truth."""
    rows = _rows(records, "log_alphas", "paper_upper", "paper_lower", "enclosure_upper", "enclosure_lower")
    figure: Figure
    figure, axes = pyplot().subplots(figsize=(7, 4.5), layout="constrained")
    t = -np.array(rows[0]["log_alphas"]) / np.log(10)
    lines = {
        "paper_upper": "upper bound (II.3)",
        "paper_lower": "lower bound (II.4), corrected",
        "enclosure_upper": "enclosure, upper side",
        "enclosure_lower": "enclosure, lower side",
    }
    for k, (name, label) in enumerate(lines.items()):
        widths = np.abs(np.array([row[name] for row in rows], dtype=np.float64))
        _draw_quantiles(axes, t, np.maximum(widths, 1e-16).T, label=label, color=f"C{k}")
    axes.set(xscale="log", yscale="log", xlabel=r"$\log_{10}(1/\alpha)$", ylabel="|log(bound / truth)|")
    axes.legend(fontsize="small")
    return figure


def plot_recovery(records: Iterable[Record]) -> Figure:
    """Draw the share of unique recovery over N/d and s/N, with the threshold expected for large d."""
    rows = _rows(records, "N", "d", "s", "recovered")
    figure: Figure
    figure, axes = pyplot().subplots(figsize=(6, 4.5), layout="constrained")
    outcomes: dict[tuple[float, float], list[bool]] = defaultdict(list)
    for row in rows:
        outcomes[row["N"] / row["d"], row["s"] / row["N"]].append(row["recovered"])
    points, shares = np.array(list(outcomes)), [np.mean(outcome) for outcome in outcomes.values()]
    dots = axes.scatter(*points.T, c=shares, cmap="viridis", s=60, vmin=0, vmax=1, clip_on=False)
    figure.colorbar(dots, label="share of systems with $x_0$ the unique minimiser")
    sparsity = np.geomspace(1e-3, 0.999, 200)
    delta = np.array([recovery_threshold(value) for value in sparsity])
    axes.plot(delta, sparsity / delta, color="C3", label="threshold for large d")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="N / d", ylabel="s / N")
    figure.legend(fontsize="small", loc="outside upper left")
    return figure


def recovery_threshold(sparsity: float) -> float:
    """Return the share N/d of Gaussian rows above which an s-sparse x0 >= 0 is recovered, for large d.

    The statistical dimension of the descent cone of sum x over x >= 0 at x0, divided by d (Amelunxen, Lotz,
    McCoy & Tropp 2014, Section 4; it is Donoho and Tanner's weak threshold of the simplex):
    min over tau >= 0 of p (1 + tau^2) + (1 - p) E max(g - tau, 0)^2, with p = s/d and g standard normal.

    Parameters
    ----------
    sparsity : float
        The share s/d of nonzero entries.

    Returns
    -------
    float
        N/d at the transition.

    Examples
    --------
    >>> round(recovery_threshold(0.1), 3)
    0.265
    """

    def dimension(tau: float) -> float:
        density = np.exp(-(tau**2) / 2) / np.sqrt(2 * np.pi)
        tail = (1.0 + tau**2) * ndtr(-tau) - tau * density
        return float(sparsity * (1.0 + tau**2) + (1.0 - sparsity) * tail)

    return float(minimize_scalar(dimension, bounds=(0.0, 10.0), method="bounded").fun)


def _rows(records: Iterable[Record], *needed: str) -> list[dict[str, Any]]:
    """Return the records without an error, as far as the picture can be drawn from them."""
    defaults = {"noise": 0.0, "ensemble": "gaussian"}
    rows = [{**defaults, **record.flat()} for record in records if record.result is not None]
    if not rows:
        raise StudyError("there is no picture of records that all have an error")
    missing = [name for name in needed if name not in rows[0]]
    if missing:
        raise StudyError(f"this picture needs {', '.join(missing)} in the records")
    return rows


def _longest_line(rows: Sequence[dict[str, Any]], name: str, together: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the rows that differ in one parameter alone, of all such families the one with most values of it.

    Parameters named in `together` may change along with it. Empty where only the noise is asked for and none is.
    """
    others = [other for other in ("ensemble", "N", "d", "s", "kappa", "noise") if other not in (name, *together)]
    families: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        if name != "noise" or row["noise"] > 0:
            families[tuple(row.get(other) for other in others)].append(row)
    return max(families.values(), key=lambda family: len({row[name] for row in family}), default=[])


def _draw_quantiles(
    axes: Axes, x: Iterable[float], samples: Iterable[Iterable[float]], *, label: str = "median", color: str = "C0"
) -> None:
    """Draw the median with the middle half of the samples at each x, leaving out what is NaN."""
    known = [np.asarray(list(sample), dtype=np.float64) for sample in samples]
    known = [sample[~np.isnan(sample)] for sample in known]
    kept = [k for k, sample in enumerate(known) if sample.size]
    places = np.asarray(list(x), dtype=np.float64)[kept]
    # Without interpolation, so that infinite samples count as large and nothing else.
    quartiles = [np.quantile(known[k], (0.25, 0.5, 0.75), method="inverted_cdf") for k in kept]
    low, middle, high = np.reshape(quartiles, (-1, 3)).T
    axes.plot(places, middle, "o-", color=color, markersize=3, label=label)
    axes.fill_between(places, low, high, color=color, alpha=0.2, linewidth=0)


PICTURES: Mapping[str, Callable[[Iterable[Record]], Figure]] = MappingProxyType(
    {"null-space": plot_null_space, "rate": plot_rate, "bounds": plot_bounds, "recovery": plot_recovery}
)
