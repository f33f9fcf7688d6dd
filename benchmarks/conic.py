"""Which solver can be trusted, down to which alpha, and at what cost.

Gaussian systems (N = 20, d = 60, four nonzeros), alpha = 1 ... 1e-16, every installed backend at its default
tolerance and a tightened one, raw and polished; then our own backend alone, down to alpha = 1e-300. A run is
stopped after ``--time-limit`` seconds by the solvers that know such a limit, which at the tightened tolerance
concerns SCS.

    python benchmarks/conic.py [--seeds 50] [--time-limit 0.5] [--csv runs.csv] [--picture runs.png]

Threads are set by the comparison itself; start it with OMP_NUM_THREADS=1 on a busy machine.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import perf_counter

from bregman_l1.experiments import compare
from bregman_l1.experiments.ensembles import draw
from bregman_l1.plotting import figure_of

_FAR_ALPHAS = (1e-16, 1e-30, 1e-100, 1e-200, 1e-300)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=50)
    parser.add_argument("--time-limit", type=float, default=0.5)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()

    systems = [draw("gaussian", N=20, d=60, s=4, seed=seed) for seed in range(options.seeds)]
    started = perf_counter()
    everyone = compare(systems, repeats=1, time_limit=options.time_limit)
    ours = compare(systems, backends=["newton"], alphas=_FAR_ALPHAS, tolerances=[1e-9], repeats=1)

    print(json.dumps(everyone.environment))
    print(f"{options.seeds} systems, {len(everyone.runs) + len(ours.runs)} runs in {perf_counter() - started:.0f} s\n")
    print(f"every backend, alpha = 1 ... 1e-16\n{everyone}\n")
    print(f"newton, alpha = 1e-16 ... 1e-300\n{ours}")
    if options.csv is not None:
        everyone.to_csv(options.csv)
    if options.picture is not None:
        figure_of(everyone.plot()).savefig(options.picture)


if __name__ == "__main__":
    main()
