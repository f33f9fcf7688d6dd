# ruff: noqa: E402
"""What a proof costs: seconds of the processor against goals and the solve, memory, and where the time goes.

    python benchmarks/proof.py [--quick] [--seeds 0 1 2] [--shares]

One thread, so that seconds of the processor are those of a clock on a calm machine. Each case is a process of its own,
fresh from a solved system; the least of three proofs counts, memory is what they add to the peak of the process.
--shares profiles a fourth proof (profiling slows it down).
"""

from __future__ import annotations

import argparse
import cProfile
import multiprocessing
import os
import pstats
import resource
from collections.abc import Callable
from functools import partial
from time import process_time

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import numpy as np

from bregman_l1 import BregmanProjection, LinearSystem, prove, solve

LOG_ALPHAS = (-14.0, -690.0, -2302.0, -1e5)
# N, d, entries of the support, and the seconds that a proof may take.
SIZES = ((20, 60, 4, 0.05), (100, 400, 15, 2.0), (300, 1000, 30, 60.0))
# The parts of a proof, by the functions that do them.
PARTS = {
    "rows and basis": ("exact_face",),
    "zeros": ("proved_zeros",),
    "T in balls": ("_of",),
    "right-hand side": ("snapped", "cancelled", "right_hand_side"),
    "Newton": ("_newton",),
    "contraction": ("contraction",),
}

Draw = Callable[[int], tuple[LinearSystem, np.ndarray | None]]


def gaussian(n_rows: int, n_columns: int, sparsity: int, seed: int) -> tuple[LinearSystem, None]:
    rng = np.random.default_rng(seed)
    A, x = rng.standard_normal((n_rows, n_columns)), np.zeros(n_columns)
    x[rng.choice(n_columns, sparsity, replace=False)] = rng.uniform(0.5, 2.0, sparsity)
    return LinearSystem(A, A @ x), None


def noisy(n_rows: int, n_columns: int, seed: int) -> tuple[LinearSystem, None]:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_rows, n_columns))
    return LinearSystem(A, A @ rng.random(n_columns)), None


def repeated_rows(n_rows: int, n_columns: int, sparsity: int, seed: int) -> tuple[LinearSystem, None]:
    """Zeros and ones, every row twice, and sums of them."""
    rng = np.random.default_rng(seed)
    A, x = (rng.random((n_rows, n_columns)) < 0.5).astype(float), np.zeros(n_columns)
    x[rng.choice(n_columns, sparsity, replace=False)] = rng.integers(1, 5, sparsity)
    A = np.vstack([A, A, A[: n_rows // 2] + A[-(n_rows // 2) :]])
    return LinearSystem(A, A @ x), None


def transport(n: int, seed: int) -> tuple[LinearSystem, np.ndarray]:
    rng = np.random.default_rng(seed)
    A = np.vstack([np.kron(np.eye(n), np.ones(n)), np.kron(np.ones(n), np.eye(n))])
    return LinearSystem(A, A @ rng.random(n * n)), rng.random(n * n)


def measured(draw: Draw, log_alpha: float, seed: int, shares: bool) -> dict[str, object]:
    system, cost = draw(seed)
    problem = BregmanProjection(system, log_alpha=log_alpha, cost=cost)
    started = process_time()
    solution = solve(problem)
    solving, before, seconds = process_time() - started, _peak(), []
    for _ in range(3):
        started = process_time()
        found = prove(solution)
        seconds.append(process_time() - started)
    grown = _peak() - before
    return {
        "found": "proved" if found.ok else str(found.steps[-1]),
        "target": str(found.right_hand_side),
        "digits": found.digits,
        "bits": found.bits,
        "error": found.error,
        "seconds": min(seconds),
        "solving": solving,
        "megabytes": grown / 1024,
        "shares": _shares(solution) if shares else "",
    }


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _shares(solution: object) -> str:
    profile = cProfile.Profile()
    profile.runcall(prove, solution)
    stats = pstats.Stats(profile)
    cumulative: dict[str, float] = {}
    for (path, _, name), (_, _, _, seconds, _) in stats.stats.items():  # type: ignore[attr-defined]
        if "bregman_l1/proof" in path:
            cumulative[name] = cumulative.get(name, 0.0) + seconds
    parts = {part: sum(cumulative.get(name, 0.0) for name in names) for part, names in PARTS.items()}
    return ", ".join(f"{part} {seconds / stats.total_tt:.0%}" for part, seconds in parts.items())  # type: ignore[attr-defined]


def cases(quick: bool) -> list[tuple[str, Draw, float | None]]:
    sizes = SIZES[:2] if quick else SIZES
    found: list[tuple[str, Draw, float | None]] = [
        (f"gaussian {n} x {d}, s = {s}", partial(gaussian, n, d, s), goal) for n, d, s, goal in sizes
    ]
    found += [
        ("noisy y 100 x 400", partial(noisy, 100, 400), None),
        ("repeated 0/1 rows 250 x 300", partial(repeated_rows, 100, 300, 10), None),
        ("transport 20 x 20", partial(transport, 20), None),
    ]
    return found if quick else [*found, ("transport 50 x 50", partial(transport, 50), None)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="leave out the largest sizes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--shares", action="store_true", help="profile where the time goes")
    options = parser.parse_args()
    print(f"{'system':28} {'seed':>4} {'log a':>8} {'proof s':>8} {'goal':>6} {'solve s':>8} {'MB':>6} {'digits':>6} "
          f"{'bits':>5} {'error':>8}  outcome")  # fmt: skip
    for name, draw, goal in cases(options.quick):
        for seed in options.seeds:
            for log_alpha in LOG_ALPHAS:
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    row = pool.apply(measured, (draw, log_alpha, seed, options.shares))
                print(f"{name:28} {seed:>4} {log_alpha:>8g} {row['seconds']:>8.3f} {goal or '':>6} "
                      f"{row['solving']:>8.3f} {row['megabytes']:>6.0f} {row['digits']:>6} {row['bits']:>5} "
                      f"{row['error']:>8.1e}  {row['found']}, {row['target']}", flush=True)  # fmt: skip
                if row["shares"]:
                    print(f"{'':28} {row['shares']}", flush=True)


if __name__ == "__main__":
    main()
