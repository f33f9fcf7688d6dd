"""What the theory says of many systems: widths of bounds, time of analyze, size of what is solved exactly.

Run with ``python benchmarks/theory.py``; takes about ten minutes on one core.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from bregman_l1.errors import NotAdmissibleError
from bregman_l1.system import LinearSystem
from bregman_l1.theory import Analysis, analyze, null_space_constant

REFERENCE = Path(__file__).parents[1] / "tests" / "reference" / "projections.json"
LEVELS = {"1e-4": np.log(1e-4), "1e-20": np.log(1e-20), "1e-300": np.log(1e-300)}
RANDOM = 100


def gaussian(seed: int, n_rows: int, n_columns: int, sparsity: int, noise: float = 0.0) -> LinearSystem:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_rows, n_columns))
    x = np.zeros(n_columns)
    x[rng.choice(n_columns, sparsity, replace=False)] = rng.uniform(0.5, 2.0, sparsity)
    return LinearSystem(A, A @ x + noise * rng.standard_normal(n_rows))


def references() -> Iterator[tuple[str, LinearSystem]]:
    for case in json.loads(REFERENCE.read_text(encoding="utf-8")):
        if case["unique"]:
            rows = [[float(Fraction(a)) for a in row] for row in case["A"]]
            yield case["name"], LinearSystem(rows, [float(Fraction(a)) for a in case["y"]])


def widths(analysis: Analysis, log_alpha: float) -> tuple[float, float]:
    """log(upper / lower) for ||x(alpha) - x*||_1: of Theorem II.2 with (II.4) corrected, and of the enclosure."""
    enclosure = analysis.deviation_enclosure(log_alpha=log_alpha).log_width
    try:
        paper = analysis.log_upper_bound(log_alpha=log_alpha) - analysis.log_lower_bound(log_alpha=log_alpha)
    except NotAdmissibleError:
        paper = np.inf
    return paper, enclosure


def print_row(name: str, rho: str, values: np.ndarray) -> None:
    cells = "  ".join(f"{paper:>9.3g} {ours:>9.2e}" for paper, ours in values)
    print(f"{name:<28} {rho:<13} {cells}")


def table_of_widths() -> None:
    print("log(upper/lower) for ||x(alpha) - x*||_1: Theorem II.2 (corrected; inf: not admissible), then enclosure")
    print(f"{'system':<28} {'rho':<13} " + "  ".join(f"{'alpha = ' + level:<19}" for level in LEVELS))
    for name, system in references():
        analysis = analyze(system)
        print_row(name, f"{analysis.rho.value:.4f}", np.array([widths(analysis, t) for t in LEVELS.values()]))
    for name, noise in (("noiseless 20 x 60, s = 4", 0.0), ("noisy 20 x 60 (|S| = 20)", 0.1)):
        analyses = [analyze(gaussian(seed, 20, 60, 4, noise)) for seed in range(RANDOM)]
        analyses = [analysis for analysis in analyses if analysis.moves]
        values = np.array([[widths(analysis, t) for t in LEVELS.values()] for analysis in analyses])
        rho = np.quantile([analysis.rho.value for analysis in analyses], [0.1, 0.5, 0.9])
        print_row(f"{name}: median", f"{rho[1]:.4f}", np.median(values, axis=0))
        print_row(f"  worst of {len(analyses)}", f"{rho[0]:.3f}-{rho[2]:.3f}", values.max(axis=0))


def times() -> None:
    print("\nseconds of analyze (median), of the first exponents, and of one enclosure")
    for n_rows, n_columns, sparsity, repeats in ((100, 400, 15, 9), (300, 3000, 40, 3)):
        rows = []
        for seed in range(repeats):
            system = gaussian(seed, n_rows, n_columns, sparsity)
            stamps = [time.perf_counter()]
            analysis = analyze(system)
            stamps.append(time.perf_counter())
            analysis.power_laws  # noqa: B018
            stamps.append(time.perf_counter())
            analysis.deviation_enclosure(1e-20)
            stamps.append(time.perf_counter())
            rows.append(np.diff(stamps))
        print(f"{n_rows} x {n_columns}, s = {sparsity}: " + "  ".join(f"{t:.3f}" for t in np.median(rows, axis=0)))


def exact_sizes(time_limit: float = 60.0) -> None:
    print(f"\nrho_tilde and rho_minus by branch and bound, N = 60, d = 120, at most {time_limit:.0f} s each")
    for size in (8, 12, 16, 20, 24):
        system = gaussian(size, 60, 120, size)
        support = analyze(system).support
        outcomes = []
        for kind in ("rho_tilde", "rho_minus"):
            started = time.perf_counter()
            constant = null_space_constant(system, support, kind, time_limit=time_limit)
            outcomes.append(f"{kind} {constant} ({time.perf_counter() - started:.1f} s)")
        print(f"|S| = {size}: " + ", ".join(outcomes), flush=True)
        if not constant.exact:
            break


if __name__ == "__main__":
    with threadpool_limits(1):
        table_of_widths()
        times()
        exact_sizes()
