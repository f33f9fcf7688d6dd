"""Pictures of the studies: null-space constants, rates, bounds and recovery."""

from __future__ import annotations

from collections import defaultdict
from itertools import cycle
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from bregman_l1.errors import StudyError
from bregman_l1.plotting._axes import LOG10_ALPHA, one_axes, several_axes
from bregman_l1.plotting._style import ENCLOSURE, EXPECTED, LOWER_BOUND, SERIES, UPPER_BOUND, Look, reference
from bregman_l1.plotting.threshold import recovery_threshold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from matplotlib.axes import Axes

    from bregman_l1._types import Vector
    from bregman_l1.experiments.record import Record
    from bregman_l1.plotting._axes import AxesArray

# Widths and misses below rounding, and exact zeros, are drawn here.
_SMALLEST = 1e-16
_NOISE_LABEL, _RHO_LABEL = "noise level", r"null-space constant $\varrho$"


def plot_null_space(records: Iterable[Record], axes: Sequence[Axes] | AxesArray | None = None) -> AxesArray:
    r"""Draw rho against the sparsity, the number of rows and the noise, the first two with the order expected.

    The order is ``sqrt(s log(d/s) / N)``: of ``d`` columns ``s`` are in the support. (The paper's last remark
    prints ``log(N/s)``.) It says nothing of the factor before it, which is fitted to each panel for itself.
    """
    rows = _rows(records, "N", "d", "s", "rho")
    panels = several_axes(axes, 3, share_y=True)
    for ax, name in zip(panels, ("s", "N", "noise"), strict=True):
        line = _longest_line(rows, name, together={"N": ("d",)}.get(name, ()))
        if line:
            _draw_line_of(ax, name, line)
        else:
            ax.set_axis_off()
    panels[0].set_ylabel(_RHO_LABEL)
    return panels


def _draw_line_of(ax: Axes, name: str, line: Sequence[Mapping[str, Any]]) -> None:
    """Draw rho over one parameter, the others of the rows being the same."""
    values = sorted({row[name] for row in line})
    _draw_quantiles(ax, values, [[row["rho"] for row in line if row[name] == value] for value in values], SERIES[0])
    ax.axhline(1.0, **reference())
    if name == "noise":
        ax.set(xlabel=_NOISE_LABEL, xscale="log")
    else:
        _draw_order(ax, name, line)
        ax.set(xlabel=name, xticks=values)
    ax.set_title(", ".join(f"{other} = {_common(line, other)}" for other in ("N", "d", "s") if other != name))
    ax.set_ylim(0.0, 1.05)
    ax.legend(fontsize="small")


def _common(line: Sequence[Mapping[str, Any]], name: str) -> str:
    """Return the value of a parameter, or the multiple of N that d is, or that it changes."""
    values = {row[name] for row in line}
    ratios = {row[name] / row["N"] for row in line}
    if len(values) == 1:
        return f"{values.pop()}"
    return f"{ratios.pop():.3g} N" if len(ratios) == 1 else "varied"


def _draw_order(ax: Axes, name: str, line: Sequence[Mapping[str, Any]]) -> None:
    """Draw c sqrt(s log(d/s) / N), the order expected of rho, with c fitted to the medians of this panel."""
    values = sorted({row[name] for row in line})
    medians = np.array([np.nanmedian([row["rho"] for row in line if row[name] == value]) for value in values])
    sizes = [next((row["s"], row["N"], row["d"]) for row in line if row[name] == value) for value in values]
    order = np.array([np.sqrt(s * np.log(d / s) / N) for s, N, d in sizes])
    factor = float(medians @ order / (order @ order))
    label = r"$c\,\sqrt{s\,\log(d/s)/N}$," + f"\nc = {factor:.2f}, fitted to this panel"
    ax.plot(values, factor * order, **EXPECTED.keywords(), label=label)


def plot_rate(records: Iterable[Record], axes: Sequence[Axes] | AxesArray | None = None) -> AxesArray:
    """Draw how far the observed slope of log ||x(alpha) - x*||_1 is from 1 - rho, without and with noise."""
    rows = _rows(records, "rate", "slopes", "log_alphas")
    left, right = panels = several_axes(axes, 2)
    right.axline((0.0, 0.0), slope=1.0, **reference())
    for noise, look in zip(sorted({row["noise"] for row in rows}), cycle(SERIES), strict=False):
        group = [row for row in rows if row["noise"] == noise]
        log10_alphas = np.array(group[0]["log_alphas"]) / np.log(10)
        between = -np.sqrt(log10_alphas[1:] * log10_alphas[:-1])
        misses = [np.abs(np.array(row["slopes"]) - row["rate"]) / row["rate"] for row in group]
        label = f"noise {noise:g}" if noise else "no noise"
        _draw_quantiles(left, between, np.maximum(misses, _SMALLEST).T, look, label=label)
        ends = [row["rate"] for row in group], [row["slopes"][-1] for row in group]
        right.plot(*ends, **{**look.keywords(), "linestyle": "none"}, label=label)
    _spread_alphas(left)
    left.set(yscale="log", ylabel=r"|slope / $(1 - \varrho)$ - 1|", title="slope of the deviation over alpha")
    right.set(xlabel=r"$1 - \varrho$", ylabel="observed slope", title=r"at the smallest $\alpha$")
    for ax in panels:
        ax.legend(fontsize="small")
    return panels


def plot_bounds(records: Iterable[Record], ax: Axes | None = None) -> Axes:
    """Draw how far the paper's bounds and the enclosure of ||x(alpha) - x*||_1 are from the truth."""
    rows = _rows(records, "log_alphas", "paper_upper", "paper_lower", "enclosure_upper", "enclosure_lower")
    ax = one_axes(ax)
    log10_alphas = np.array(rows[0]["log_alphas"]) / np.log(10)
    lines = (
        ("paper_upper", "bound (II.3)", UPPER_BOUND, "v"),
        ("paper_lower", "bound (II.4) corrected", LOWER_BOUND, "^"),
        ("enclosure_upper", "enclosure, upper side", ENCLOSURE, "v"),
        ("enclosure_lower", "enclosure, lower side", ENCLOSURE, "^"),
    )
    for name, label, look, marker in lines:
        widths = np.abs(np.array([row[name] for row in rows], dtype=np.float64))
        shown = Look(colour=look.colour, line=look.line or "--", marker=marker)
        _draw_quantiles(ax, log10_alphas, np.maximum(widths, _SMALLEST).T, shown, label=label)
    _spread_alphas(ax)
    ax.set(yscale="log", ylabel="|log(bound / truth)|", title="how far the bounds are from the truth")
    ax.legend(fontsize="small")
    return ax


def plot_recovery(records: Iterable[Record], ax: Axes | None = None) -> Axes:
    """Draw the share of unique recovery over N/d and s/N, with the threshold expected for large d."""
    rows = _rows(records, "N", "d", "s", "recovered")
    ax = one_axes(ax)
    outcomes: dict[tuple[float, float], list[bool]] = defaultdict(list)
    for row in rows:
        outcomes[row["N"] / row["d"], row["s"] / row["N"]].append(row["recovered"])
    (x, y), shares = np.transpose(list(outcomes)), [float(np.mean(outcome)) for outcome in outcomes.values()]
    # Without an edge the dark end of the map is lost on a dark background.
    edge = Look().color
    dots = ax.scatter(x, y, c=shares, s=60, vmin=0, vmax=1, cmap="viridis", clip_on=False, edgecolors=edge, lw=0.4)
    ax.figure.colorbar(dots, ax=ax, label="share of systems with $x_0$ the only minimiser")
    sparsity = np.geomspace(1e-3, 0.999, 200)
    delta = np.array([recovery_threshold(value) for value in sparsity])
    # In the colour of the text: every other one is a colour of the map. Dots leave no room for a legend.
    ax.plot(delta, sparsity / delta, **{**EXPECTED.keywords(), "color": Look().color}, label="threshold for large d")
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="N / d", ylabel="s / N")
    ax.set_title("unique recovery; dashed: threshold for large d", pad=10.0)
    return ax


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
    ax: Axes, x: Iterable[float], samples: Iterable[Iterable[float]], look: Look, *, label: str = "median"
) -> None:
    """Draw the median with the middle half of the samples at each x, leaving out what is NaN."""
    known = [np.asarray(list(sample), dtype=np.float64) for sample in samples]
    known = [sample[~np.isnan(sample)] for sample in known]
    kept = [k for k, sample in enumerate(known) if sample.size]
    places: Vector = np.asarray(list(x), dtype=np.float64)[kept]
    # Without interpolation, so that infinite samples count as large and nothing else.
    quartiles = [np.quantile(known[k], (0.25, 0.5, 0.75), method="inverted_cdf") for k in kept]
    low, middle, high = np.reshape(quartiles, (-1, 3)).T
    ax.plot(places, middle, **look.keywords(), label=label)
    ax.fill_between(places, low, high, color=look.color, alpha=0.2, linewidth=0)


def _spread_alphas(ax: Axes) -> None:
    """Make alpha grow to the right over thousands of decades, by the logarithm of the decades."""
    ax.set_xscale("symlog", linthresh=1.0)
    ax.set_xlabel(LOG10_ALPHA)


PICTURES: Mapping[str, Callable[[Iterable[Record]], Axes | AxesArray]] = MappingProxyType(
    {"null-space": plot_null_space, "rate": plot_rate, "bounds": plot_bounds, "recovery": plot_recovery}
)
