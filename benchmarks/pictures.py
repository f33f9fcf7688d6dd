"""The pictures of the README files, drawn from the measured numbers that lie beside them in figures/.

    python benchmarks/pictures.py

`accuracy.py` writes figures/accuracy.csv, `speed.py --only growth` figures/growth.csv, `large.py growth`
figures/large.csv; each draws its picture anew.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from bregman_l1.plotting import backend_looks

FIGURES = Path(__file__).parent / "figures"
ACCURACY, GROWTH, LARGE = (FIGURES / f"{name}.csv" for name in ("accuracy", "growth", "large"))
# Pixels an inch: 900 pixels wide, as wide as a page shows it.
_DPI = 100


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows of the same columns to a CSV file, numbers to four digits."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: f"{cell:.4g}" if isinstance(cell, float) else cell for name, cell in row.items()} for row in rows
        )


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read what `write_rows` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def draw_accuracy() -> None:
    """Draw the relative error of the deviation over alpha for each backend: the median, shaded up to the worst."""
    rows = read_rows(ACCURACY)
    figure, ax = plt.subplots(figsize=(9, 4.2), layout="constrained")
    for name, look in backend_looks(row["backend"] for row in rows).items():
        own = [row for row in rows if row["backend"] == name]
        alphas = [10.0 ** -int(row["decade"]) for row in own]
        medians, worst = ([float(row[column]) for row in own] for column in ("median", "worst"))
        ax.plot(alphas, medians, **look.keywords(), label=name)
        ax.fill_between(alphas, medians, worst, color=look.color, alpha=0.13, linewidth=0)
    ax.axhline(1.0, color="gray", linewidth=0.8, label="1: nothing right")
    ax.set(xscale="log", yscale="log", xlabel=r"scale of initialisation $\alpha$", ylim=(1e-17, 1e18))
    ax.set(ylabel=r"relative error of $x(\alpha) - x^*$")
    ax.set_title(f"{rows[0]['systems']} systems of 20 x 60, raw answers: median, shaded up to the worst")
    ax.legend(loc="upper right")
    _save(figure, "accuracy.png")


def draw_growth() -> None:
    """Draw the seconds of a certified solve over N, d and alpha, one panel each, on the same axis of seconds."""
    rows = read_rows(GROWTH)
    panels = {"N": "N, with d = 10 N", "d": "d, with N = 100", "log10_alpha": r"$\log_{10}\,\alpha$"}
    titles = {"N": r"$\alpha = 10^{-6}$", "d": r"$\alpha = 10^{-6}$", "log10_alpha": "100 x 400"}
    look = backend_looks(["newton"])["newton"]
    figure, axes = plt.subplots(1, len(panels), figsize=(9, 3.3), layout="constrained", sharey=True)
    for ax, (name, label) in zip(axes, panels.items(), strict=True):
        seconds = {int(row["value"]): float(row["seconds"]) for row in rows if row["varied"] == name}
        ax.plot(list(seconds), list(seconds.values()), **look.keywords())
        ax.set(xlabel=label, title=titles[name], yscale="log", xscale="symlog" if name == "log10_alpha" else "log")
        # What was measured, and nothing between: the labels of logarithmic axes run into each other here.
        ax.set_xticks(list(seconds), [str(value) for value in seconds])
        ax.xaxis.minorticks_off()
        ax.tick_params(axis="x", labelsize="small")
    axes[0].set_ylabel("seconds, certified")
    _save(figure, "growth.png")


def draw_large() -> None:
    """Draw the seconds of a certified answer over d, and over the workers that share a distributed system."""
    rows = read_rows(LARGE)
    kinds = dict.fromkeys(row["kind"] for row in rows if row["kind"] != "workers")
    measured = {
        kind: {int(row["size"]): float(row["seconds"]) for row in rows if row["kind"] == kind}
        for kind in (*kinds, "workers")
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3), layout="constrained", width_ratios=(2, 1))
    for kind, marker in zip(kinds, "os", strict=True):
        left.plot(list(measured[kind]), list(measured[kind].values()), marker=marker, label=kind)
    left.set(xlabel="d", ylabel="seconds, certified", xscale="log", yscale="log", title="one thread")
    left.legend()
    seconds = measured["workers"]
    names = [f"{workers}" if workers else "in memory" for workers in seconds]
    right.bar(names, list(seconds.values()), width=0.5, color="0.6")
    largest = max(measured[next(reversed(kinds))])
    right.set(xlabel="workers of one thread", ylabel="seconds", title=f"wide, N = 20, d = {largest:.0e}")
    _save(figure, "large.png")


def _save(figure: plt.Figure, name: str) -> None:
    figure.savefig(FIGURES / name, dpi=_DPI, metadata={"Software": None})
    plt.close(figure)


if __name__ == "__main__":
    mpl.use("Agg")
    draw_accuracy()
    draw_growth()
    draw_large()
