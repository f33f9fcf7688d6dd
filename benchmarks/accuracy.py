"""Accuracy of every backend against 40-digit answers, and the picture of the README.

Run: python benchmarks/accuracy.py
"""

from __future__ import annotations

import json
import warnings
from fractions import Fraction
from pathlib import Path

import mpmath as mp
import numpy as np

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, NotCertifiedWarning, projection_path, solve

ROOT = Path(__file__).parent.parent
BACKENDS = ("newton", "ecos", "scs", "clarabel")
DECADES = (1, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 30)
mp.mp.dps = 60


def exact_system() -> LinearSystem:
    """A 20 x 60 system whose y = A x* holds exactly in floating point: all entries are multiples of 2^-10.

    With rounded data the 40-digit answer would be that of another system, whose minimiser has 20 entries.
    """
    A = np.round(1024 * np.random.default_rng(2025).standard_normal((20, 60))) / 1024
    x = np.zeros(60)
    x[[3, 17, 29, 44]] = [1.0, 2.0, 0.5, 1.5]
    return LinearSystem(A, A @ x)


def digits40(system: LinearSystem, log_alpha: float) -> np.ndarray:
    """Log x by Newton's method with line search on the dual, in 60-digit arithmetic."""
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


def against_40_digits() -> dict[str, list[float]]:
    """Relative error of the deviation, raw answers, on the exact system."""
    system = exact_system()
    x_star = solve(L1Minimization(system)).x
    errors: dict[str, list[float]] = {name: [] for name in BACKENDS}
    print("| alpha | " + " | ".join(BACKENDS) + " |")
    print("|---" * (len(BACKENDS) + 1) + "|")
    for decade in DECADES:
        truth = np.exp(digits40(system, -decade * np.log(10)))
        for name in BACKENDS:
            answer = solve(BregmanProjection(system, log_alpha=-decade * np.log(10)), name, polish=False)
            errors[name].append(relative_error(answer.x, truth, x_star))
        print(f"| 1e-{decade} | " + " | ".join(f"{errors[name][-1]:.1e}" for name in BACKENDS) + " |")
    return errors


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


def draw(errors: dict[str, list[float]]) -> None:
    """The picture of the README."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.6))
    for name in BACKENDS:
        axes.loglog([10.0**-k for k in DECADES], errors[name], "o-", markersize=4, label=name)
    axes.axhline(1, color="gray", linestyle=":")
    axes.text(0.15, 2.5, "nothing right", color="gray", ha="right", fontsize=9)
    axes.set_xlabel(r"scale of initialisation $\alpha$")
    axes.set_ylabel(r"relative error of $x(\alpha) - x^*$")
    axes.legend(loc="lower left", bbox_to_anchor=(0.01, 0.2))
    figure.tight_layout()
    figure.savefig(ROOT / "benchmarks/figures/accuracy.png", dpi=130)


if __name__ == "__main__":
    warnings.simplefilter("ignore", NotCertifiedWarning)
    draw(against_40_digits())
    against_references()
