"""Speed and memory of the native backend, as ratios in one run, one BLAS thread for everybody.

    python benchmarks/speed.py [--runs 5] [--only conic,noise,sparse,growth,peers,memory]

Times are medians of --runs runs; every answer of ours is certified inside its time. The peers of the section
"peers" are taken where they are installed: pip install entropy-pooling empirical-calibration. The numerical core
against its goals is `core.py`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import scipy.sparse as sp
from pictures import GROWTH, draw_growth, write_rows
from threadpoolctl import threadpool_limits

from bregman_l1 import BregmanProjection, LinearSystem, solve
from bregman_l1.experiments.ensembles import draw


def gaussian(n_rows: int, n_columns: int, sparsity: int, noise: float = 0.0, seed: int = 0) -> LinearSystem:
    """A Gaussian system with y = A x0 + noise."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_rows, n_columns))
    x0 = np.zeros(n_columns)
    x0[rng.choice(n_columns, sparsity, replace=False)] = 0.5 + rng.random(sparsity)
    return LinearSystem(A, A @ x0 + noise * rng.standard_normal(n_rows))


def seconds(action: Callable[[], object], runs: int) -> float:
    """Median time of an action after one run to warm up."""
    action()
    return median(_timed(action) for _ in range(runs))


def _timed(action: Callable[[], object]) -> float:
    started = perf_counter()
    action()
    return perf_counter() - started


def fresh(system: LinearSystem) -> LinearSystem:
    """The same system with nothing remembered, so that no run profits from the one before."""
    return LinearSystem(system.matrix, system.y)


def ours(system: LinearSystem, log_alpha: float) -> Callable[[], object]:
    """A certified solve on a system that remembers nothing, validation of A not counted."""
    systems = iter(lambda: fresh(system), None)
    problem = {"next": BregmanProjection(next(systems), log_alpha=log_alpha)}

    def action() -> None:
        assert solve(problem["next"]).status.is_certified
        problem["next"] = BregmanProjection(fresh(system), log_alpha=log_alpha)

    return action


def table(headings: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a Markdown table."""
    headings = list(headings)
    print("| " + " | ".join(headings) + " |\n|" + "---|" * len(headings))
    for row in rows:
        print("| " + " | ".join(f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row) + " |")
    print(flush=True)


def conic(runs: int) -> None:
    """One alpha at 300 x 3000 against the conic solvers through CVXPY, at their default tolerances."""
    print("## 300 x 3000, s = 30, alpha = 1e-6\n")
    system = gaussian(300, 3000, 30)
    log_alpha = float(np.log(1e-6))
    own = seconds(ours(system, log_alpha), runs)
    rows: list[list[object]] = [["newton, certified", own, 1.0]]
    for solver in ("CLARABEL", "SCS", "ECOS"):
        program = BregmanProjection(system, log_alpha=log_alpha).dcp()
        theirs = seconds(lambda p=program, s=solver: p.solve(solver=s, warm_start=False), runs)
        rows.append([f"{solver} through CVXPY, re-solve", theirs, theirs / own])
    table(("solver", "seconds", "times newton"), rows)


def noise(runs: int) -> None:
    """Noisy right-hand sides, |S| = N and rho near 1, against noiseless ones."""
    print("## Noisy against noiseless\n")
    rows = []
    for shape, decade in (((300, 3000, 30), 6), ((100, 400, 15), 6), ((100, 400, 15), 100)):
        clean, noisy = (
            seconds(ours(gaussian(*shape, noise=level), -decade * float(np.log(10))), runs) for level in (0.0, 0.1)
        )
        rows.append([f"{shape[0]} x {shape[1]}", f"1e-{decade}", clean, noisy, noisy / clean])
    table(("size", "alpha", "noiseless, s", "noisy, s", "ratio"), rows)


def _sparse_systems() -> dict[str, LinearSystem]:
    rng = np.random.default_rng(0)
    random = sp.random_array((500, 20000), density=0.002, rng=rng, data_sampler=rng.standard_normal)
    x0 = np.zeros(20000)
    x0[rng.choice(20000, 100, replace=False)] = 1.0
    used = np.unique(random.tocoo().row)
    return {
        "transport 100 x 100 nodes": draw("transport", N=200, d=10000, s=199, seed=0).system,
        "random, 10 entries a column": LinearSystem(sp.csr_array(random)[used], (random @ x0)[used]),
    }


def sparse(runs: int) -> None:
    """Large sparse systems."""
    print("## Sparse systems\n")
    rows = []
    for name, system in _sparse_systems().items():
        rows += [
            [name, str(system.shape), f"1e-{decade}", seconds(ours(system, -decade * float(np.log(10))), runs)]
            for decade in (2, 6, 30)
        ]
    table(("system", "shape", "alpha", "seconds"), rows)


def growth(runs: int) -> None:
    """How time grows with N, d and 1/alpha, and the picture."""
    print("## Growth\n")
    log10 = float(np.log(10))
    series = {
        "N (d = 10 N, alpha = 1e-6)": {
            n: ours(gaussian(n, 10 * n, n // 10), -6 * log10) for n in (50, 100, 200, 400, 800)
        },
        "d (N = 100, alpha = 1e-6)": {
            d: ours(gaussian(100, d, 10), -6 * log10) for d in (200, 1000, 5000, 20000, 100000)
        },
        "log10_alpha (100 x 400)": {
            -k: ours(gaussian(100, 400, 15), -k * log10) for k in (1, 3, 10, 30, 100, 300, 1000)
        },
    }
    times = {name: {size: seconds(run, runs) for size, run in runs_of.items()} for name, runs_of in series.items()}
    for name, measured in times.items():
        table([name, *map(str, measured)], [["seconds", *measured.values()]])
    write_rows(
        GROWTH,
        [
            {"varied": name.split(" (")[0], "value": size, "seconds": spent}
            for name, measured in times.items()
            for size, spent in measured.items()
        ],
    )
    draw_growth()


def peers(runs: int) -> None:
    """Entropy pooling and entropy balancing at their own size: 20 moments, a million weights."""
    print("## 20 moments, 10^6 weights, uniform prior\n")
    rng = np.random.default_rng(0)
    moments = rng.standard_normal((19, 10**6))
    target = moments.mean(axis=1) + 0.05 * rng.standard_normal(19)
    A, y = np.vstack([np.ones(10**6), moments]), np.concatenate([[1.0], target])
    system = LinearSystem(A, y)
    own = seconds(lambda: solve(BregmanProjection(fresh(system), alpha=1e-6)), runs)
    rows: list[list[object]] = [
        ["newton, certified", own, 1.0, system.residual(solve(BregmanProjection(system, alpha=1e-6)).x)]
    ]
    for name, action in _installed_peers(A, moments, y, target).items():
        theirs = seconds(action, max(1, runs // 2))
        rows.append([name, theirs, theirs / own, system.residual(np.ravel(action()))])
    table(("solver", "seconds", "times newton", "backward error"), rows)


def _installed_peers(A: np.ndarray, moments: np.ndarray, y: np.ndarray, target: np.ndarray) -> dict[str, Callable]:
    found: dict[str, Callable] = {}
    try:
        from entropy_pooling import ep
    except ImportError:
        print("(entropy-pooling is not installed)")
    else:
        prior = np.full((10**6, 1), 1e-6)
        found["entropy-pooling"] = lambda: ep(prior, A, y[:, None])
    try:
        import empirical_calibration as ec
    except ImportError:
        print("(empirical-calibration is not installed)")
    else:
        found["empirical-calibration"] = lambda: ec.calibrate(moments.T, target[None], objective=ec.Objective.ENTROPY)[
            0
        ]
    return found


_MEMORY_CASES = {"300 x 3000": (300, 3000, 30), "1000 x 10000": (1000, 10000, 100)}


def memory(_: int) -> None:
    """Peak memory of a process that holds A once, above one that has only imported the package."""
    print("## Peak memory\n")
    rows = []
    for name, shape in _MEMORY_CASES.items():
        peaks = [
            int(
                subprocess.run(
                    [sys.executable, __file__, "--peak", name, mode], capture_output=True, text=True, check=True
                ).stdout
            )
            for mode in ("import", "solve")
        ]
        size = shape[0] * shape[1] * 8 / 2**20
        used = (peaks[1] - peaks[0]) / 1024
        rows.append([name, size, used, used / size, "yes" if used <= 3 * size + 100 else "no"])
    table(("system", "A, MB", "used above import, MB", "times A", "within 3 A + 100 MB"), rows)


def peak(name: str, mode: str) -> None:
    """Print this process's peak memory in kB (Linux)."""
    if mode == "solve":
        assert solve(BregmanProjection(gaussian(*_MEMORY_CASES[name]), alpha=1e-6)).status.is_certified
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))


SECTIONS = {part.__name__: part for part in (conic, noise, sparse, growth, peers, memory)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", default=",".join(SECTIONS))
    parser.add_argument("--peak", nargs=2)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    with threadpool_limits(1):
        if arguments.peak:
            peak(*arguments.peak)
        else:
            for section in arguments.only.split(","):
                SECTIONS[section](arguments.runs)
