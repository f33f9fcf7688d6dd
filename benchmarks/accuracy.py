"""Accuracy of every backend against 40-digit answers, and of the native one against the 30-digit reference cases.

    python benchmarks/accuracy.py [--seeds 20]

Prints the tables of README.md, writes figures/accuracy.csv and draws figures/accuracy.png from it. A few minutes.
"""

from __future__ import annotations

import argparse
import json
import warnings
from fractions import Fraction
from pathlib import Path
from statistics import median

import mpmath as mp
import numpy as np
from pictures import ACCURACY, draw_accuracy, write_rows

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, NotCertifiedWarning, projection_path, solve

ROOT = Path(__file__).parent.parent
BACKENDS = ("newton", "clarabel", "ecos", "scs")
DECADES = (1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 30)
FIRST_SEED = 2025
# At alpha = 1e-30 the entries of x span thirty digits and more, which the equations of a step lose.
mp.mp.dps = 120


def exact_system(seed: int) -> LinearSystem:
    """A 20 x 60 system whose y = A x* holds exactly in floating point: all entries are multiples of 2^-10.

    With rounded data the 40-digit answer would be that of another system, whose minimiser has 20 entries.
    """
    A = np.round(1024 * np.random.default_rng(seed).standard_normal((20, 60))) / 1024
    x = np.zeros(60)
    x[[3, 17, 29, 44]] = [1.0, 2.0, 0.5, 1.5]
    return LinearSystem(A, A @ x)


def digits40(system: LinearSystem, log_alpha: float) -> np.ndarray:
    """Log x by Newton's method with line search on the dual, in 120-digit arithmetic."""
    A, y = mp.matrix(system.matrix.tolist()), mp.matrix(system.y.tolist())
    lam = mp.matrix(solve(BregmanProjection(system, log_alpha=log_alpha)).dual.tolist())

    def log_x(at: mp.matrix) -> list[mp.mpf]:
        return [mp.mpf(log_alpha) + value for value in A.T * at]

    def dual_value(at: mp.matrix) -> mp.mpf:
        return mp.fdot(y, at) - mp.fsum(mp.exp(value) for value in log_x(at))

    for _ in range(100):
        x = [mp.exp(value) for value in log_x(lam)]
        weighted = mp.matrix([[A[i, j] * x[j] for j in range(A.cols)] for i in range(A.rows)])
        step = mp.lu_solve(weighted * A.T, y - A * mp.matrix(x))
        if max(abs(value) for value in A.T * step) < mp.mpf(10) ** -40:
            return np.array([float(value) for value in log_x(lam + step)])
        share = mp.mpf(1)
        while dual_value(lam + share * step) < dual_value(lam):
            share /= 2
        lam += share * step
    raise ArithmeticError("no convergence to 40 digits")


def relative_error(x: np.ndarray, truth: np.ndarray, x_star: np.ndarray) -> float:
    """Error of x relative to the deviation from x*, both in l1; off the support of x*, where neither cancels."""
    off = x_star == 0
    return float(np.abs(x - truth)[off].sum() / truth[off].sum())


def against_40_digits(count: int) -> list[dict[str, object]]:
    """Relative errors of the deviation, raw answers: median and worst of the systems, for each alpha and backend."""
    systems = [exact_system(FIRST_SEED + k) for k in range(count)]
    minimisers = [solve(L1Minimization(system)).x for system in systems]
    rows = []
    for decade in DECADES:
        log_alpha = -decade * float(np.log(10))
        truths = [np.exp(digits40(system, log_alpha)) for system in systems]
        for name in BACKENDS:
            answers = [solve(BregmanProjection(system, log_alpha=log_alpha), name, polish=False) for system in systems]
            errors = [
                relative_error(answer.x, truth, x_star)
                for answer, truth, x_star in zip(answers, truths, minimisers, strict=True)
            ]
            rows.append(
                {
                    "decade": decade,
                    "backend": name,
                    "median": median(errors),
                    "worst": max(errors),
                    "called_optimal": sum(answer.raw_status in ("optimal", "converged") for answer in answers),
                    "systems": count,
                }
            )
    return rows


def print_table(rows: list[dict[str, object]]) -> None:
    """Print median / worst of each backend, and how many answers it called optimal."""
    print("| alpha | " + " | ".join(BACKENDS) + " |")
    print("|---" * (len(BACKENDS) + 1) + "|")
    for decade in DECADES:
        cells = [row for row in rows if row["decade"] == decade]
        figures = (f"{c['median']:.0e} / {c['worst']:.0e} ({c['called_optimal']})" for c in cells)
        print(f"| 1e-{decade} | " + " | ".join(figures) + " |")


def against_references() -> None:
    """Largest errors of log x and of the log deviation over the 30-digit reference cases."""
    print("\n| case | alphas | error of log x / max(1, max abs log x) | error of log deviation |\n|---|---|---|---|")
    for case in json.loads((ROOT / "tests/reference/projections.json").read_text(encoding="utf-8")):
        A = [[float(Fraction(a)) for a in row] for row in case["A"]]
        system = LinearSystem(A, [float(Fraction(v)) for v in case["y"]])
        path = projection_path(system, log_alphas=[float(p["log_alpha"]) for p in case["projections"]])
        truth = np.array([[float(v) for v in p["log_x"]] for p in case["projections"]])
        scale = np.maximum(1, np.abs(truth).max(axis=1, keepdims=True))
        error = np.abs((path.log_x - truth) / scale).max()
        deviation = [float(p["log_deviation_l1"]) for p in case["projections"] if "log_deviation_l1" in p]
        worst = f"{np.abs(path.log_deviation - deviation).max():.1e}" if deviation else "-"
        print(f"| {case['name']} | {len(path)} | {error:.1e} | {worst} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    rows = against_40_digits(parser.parse_args().seeds)
    write_rows(ACCURACY, rows)
    print_table(rows)
    draw_accuracy()
    against_references()


if __name__ == "__main__":
    warnings.simplefilter("ignore", NotCertifiedWarning)
    main()
