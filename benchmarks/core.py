# ruff: noqa: E402
"""The numerical core against its goals: seconds as ratios to a base or a peer, measured in one run.

    python benchmarks/core.py [ROW ...] [--seeds 0 1 2] [--quick] [--timeout 60] [--programs DIR]

One thread for everybody. Base and peer are measured in turns with ours in one process, the least of a few repeats
counts, every solve starts from a LinearSystem that remembers nothing (its validation is not counted), and an answer
counts as certified by its own status. The base is A A' and its Cholesky factor. Each case is a process of its own,
stopped after --timeout seconds: what it was at then takes longer (">"), or its peer does ("<"). --quick leaves out
what takes minutes. --programs names a folder of linear programs (see `systems.program`). Linux only.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import numpy as np
import peers
import systems
from measuring import SECONDS, Answer, Case, Goal, Work, headings, remembering, report, run
from systems import Data

import bregman_l1
from bregman_l1 import BregmanProjection, L1Minimization, projection_path, solve

LOG10 = float(np.log(10))


def _said(solutions: Sequence[bregman_l1.Solution], note: str = "", seconds: float | None = None) -> Answer:
    statuses = Counter(solution.status.value for solution in solutions if not solution.status.is_certified)
    others = ", ".join(f"{count} {status}" for status, count in statuses.items())
    return Answer(
        right=len(solutions) - statuses.total(),
        asked=len(solutions),
        figures={} if seconds is None else {SECONDS: seconds},
        note="; ".join(part for part in (note, others) if part),
    )


def projection(
    draw: Callable[[int], Data], log_alpha: float, based: bool = True, time_limit: float | None = None
) -> Callable[[int, float], Work]:
    """One projection, against the base."""

    def prepare(seed: int, _: float) -> Work:
        data = draw(seed)
        return Work(
            fresh=lambda: BregmanProjection(data.system(), log_alpha=log_alpha, cost=data.cost),
            ours=lambda problem: _said([solve(problem, time_limit=time_limit)]),
            peers={"base": partial(peers.base, data)} if based else {},
        )

    return prepare


def dense(
    N: int,
    d: int,
    s: int,
    goals: dict[float, tuple[float, float]],
    seeds: Sequence[int] = (0, 1, 2),
    slow: bool = False,
) -> Iterator[Case]:
    """Gaussian systems at several log alpha, each with (must, moonshot) in units of the base."""
    draw = partial(systems.gaussian, N, d, s)
    for log_alpha, (must, moonshot) in goals.items():
        yield Case(
            name=f"{N} x {d}, s={s}, log alpha {log_alpha:.4g}",
            prepare=projection(draw, log_alpha),
            goals=(Goal(against="base", must=must, moonshot=moonshot),),
            seeds=tuple(seeds),
            slow=slow,
        )


def path() -> Iterator[Case]:
    """100 alphas from 1 to 1e-300, against one CLARABEL solve at 1e-6."""

    def prepare(seed: int, _: float) -> Work:
        data, log_alphas = systems.gaussian(100, 400, 15, seed), np.linspace(0.0, -300 * LOG10, 100)
        return Work(
            fresh=data.system,
            ours=lambda system: _said(projection_path(system, log_alphas=log_alphas).solutions),
            peers={"CLARABEL": peers.Clarabel(data)},
        )

    goal = Goal(against="CLARABEL", must=0.33, moonshot=0.15)
    yield Case(name="100 alphas to 1e-300, 100 x 400, s=15", prepare=prepare, goals=(goal,), seeds=(0, 1, 2))


def l1() -> Iterator[Case]:
    """The l1 minimiser, certified and proved to be the only one."""

    def prepare(seed: int, seconds: float, shape: tuple[int, int, int], peer: str) -> Work:
        data = systems.gaussian(*shape, seed)
        theirs = peers.spgl1(data) if peer == "spgl1" else partial(peers.simplex, data, seconds)
        return Work(fresh=lambda: L1Minimization(data.system()), ours=_unique, peers={peer: theirs})

    for shape, peer, must, moonshot, slow in (
        ((500, 5000, 50), "HiGHS", 1 / 4, 1 / 10, False),
        ((1000, 10000, 100), "HiGHS", 1 / 4, 1 / 10, True),
        ((600, 2560, 20), "spgl1", 1.0, 1 / 3, False),
    ):
        yield Case(
            name=f"l1, {shape[0]} x {shape[1]}, s={shape[2]}",
            prepare=partial(prepare, shape=shape, peer=peer),
            goals=(Goal(against=peer, must=must, moonshot=moonshot),),
            seeds=(0, 1),
            slow=slow,
        )


def _unique(problem: L1Minimization) -> Answer:
    solution = solve(problem)
    unique = solution.certificate.checks["uniqueness"].passed
    return _said([solution], note="" if unique else "not proved unique")


def transport() -> Iterator[Case]:
    """Entropic optimal transport: against itself without the redundant row, and against POT."""

    def prepare(seed: int, seconds: float, n: int, marginals: str, epsilon: float) -> Work:
        data = systems.transport(n, marginals, seed)
        fewer = Data(data.A[:-1], data.y[:-1], data.cost)

        def problem(data: Data) -> BregmanProjection:
            return BregmanProjection(data.system(), log_alpha=-1 / epsilon, cost=data.cost)

        def ours(whole: BregmanProjection) -> Answer:
            solution = solve(whole)
            return _said([solution], note=f"error {np.linalg.norm(data.A @ solution.x - data.y):.0e}")

        return Work(
            fresh=lambda: problem(data),
            ours=ours,
            peers={
                "POT": peers.sinkhorn(data, epsilon, seconds),
                "dropped row": lambda: f"dropped: {solve(problem(fewer)).status.value}",
            },
        )

    for n, marginals, epsilon in product((100, 500, 1000), ("uniform", "random"), (1e-1, 1e-2, 1e-3, 1e-4)):
        against_pot = Goal(against="POT", must=1.0 if epsilon <= 1e-2 else None, moonshot=1.0)
        yield Case(
            name=f"transport {n}, {marginals}, eps {epsilon:g}",
            prepare=partial(prepare, n=n, marginals=marginals, epsilon=epsilon),
            goals=(Goal(against="dropped row", must=1.1), against_pot),
            slow=n == 1000,
        )


def moments() -> Iterator[Case]:
    """Few moments, very many weights: seconds against Newton's method in chunks, peak memory in units of A."""

    def prepare(seed: int, _: float, N: int, d: int) -> Work:
        data, log_alpha = systems.moments(N, d, seed), -float(np.log(d))
        return Work(
            fresh=lambda: BregmanProjection(data.system(), log_alpha=log_alpha),
            ours=lambda problem: _said([solve(problem)]),
            peers={"Newton": partial(peers.newton, data, log_alpha)},
        )

    for N, d in ((20, 10**6), (5, 10**7)):
        shape, slow = {"N": N, "d": d}, d > 10**6
        goal = Goal(against="Newton", must=1.5, moonshot=1.0)
        yield Case(
            name=f"moments {N} x 1e{np.log10(d):.0f}", prepare=partial(prepare, **shape), goals=(goal,), slow=slow
        )
        yield Case(
            name=f"moments {N} x 1e{np.log10(d):.0f}, peak memory",
            prepare=remembering(partial(prepare, **shape), "size of A", 8 * N * d),
            goals=(Goal(against="size of A", must=1.5, moonshot=1.0),),
            slow=slow,
            repeats=1,
        )


def sparse() -> Iterator[Case]:
    """Random sparse systems, and a calibration with every row twice."""
    twice, shape = partial(systems.duplicated_rows, 400, 20000, 0.05), (500, 20000, 100)
    once, deep = Goal(against=SECONDS, must=0.25), Goal(against=SECONDS, must=1.0, moonshot=0.3)
    for name, draw, log_alpha, goal in (
        ("duplicated rows, 400 x 20000, alpha 1", twice, 0.0, once),
        ("duplicated rows, 400 x 20000, alpha 1e-6", twice, -6 * LOG10, once),
        ("sparse 500 x 20000, 2 %, 1e-30", partial(systems.sparse, *shape, 0.02), -30 * LOG10, deep),
        ("sparse 500 x 20000, 0.2 %, 1e-30", partial(systems.sparse, *shape, 0.002), -30 * LOG10, deep),
    ):
        yield Case(name=name, prepare=projection(draw, log_alpha, based=False), goals=(goal,), seeds=(0, 1))


def small() -> Iterator[Case]:
    """Seconds a problem of 20 x 60, one at a time and, where the library has it, together."""
    many = getattr(bregman_l1, "solve_many", None)

    def prepare(seed: int, _: float, together: Callable[..., Sequence] | None, count: int) -> Work:
        drawn = [systems.gaussian(20, 60, 4, 1000 * seed + index) for index in range(count)]

        def ours(problems: list[BregmanProjection]) -> Answer:
            started = perf_counter()
            solutions = [solve(problem) for problem in problems] if together is None else together(problems)
            return _said(solutions, seconds=(perf_counter() - started) / count)

        return Work(fresh=lambda: [BregmanProjection(data.system(), alpha=1e-6) for data in drawn], ours=ours)

    alone, stacked = Goal(against=SECONDS, must=1e-3), Goal(against=SECONDS, must=None, moonshot=1 / 5000)
    yield Case(name="20 x 60, one at a time", prepare=partial(prepare, together=None, count=100), goals=(alone,))
    if many is not None:
        yield Case(name="20 x 60, solve_many", prepare=partial(prepare, together=many, count=1000), goals=(stacked,))


def limits() -> Iterator[Case]:
    """A time limit of one second, to be honoured within a second whatever is under way."""
    goal = Goal(against=SECONDS, must=2.0)
    for name, draw, log_alpha in (
        ("2000 x 20000, 1e-6", partial(systems.gaussian, 2000, 20000, 100), -6 * LOG10),
        ("transport 500, eps 1e-3", partial(systems.transport, 500, "random"), -1e3),
        ("sparse 500 x 20000, 1e-300", partial(systems.sparse, 500, 20000, 100, 0.02), -300 * LOG10),
    ):
        prepare = projection(draw, log_alpha, based=False, time_limit=1.0)
        yield Case(name=f"time_limit=1: {name}", prepare=prepare, goals=(goal,), repeats=1, certified=False)

    def linear(seed: int, _: float) -> Work:
        data = systems.gaussian(1000, 10000, 100, seed)
        return Work(
            fresh=lambda: L1Minimization(data.system()), ours=lambda problem: _said([solve(problem, time_limit=1.0)])
        )

    yield Case(name="time_limit=1: l1, 1000 x 10000", prepare=linear, goals=(goal,), repeats=1, certified=False)


def programs(folder: Path) -> Iterator[Case]:
    """Linear programs with a cost prior alpha**c, c as it stands, at the default tolerance and 20 s a solve."""
    for (name, file), log_alpha in product(systems.programs(folder), (-1.0, -10.0, -100.0)):
        prepare = projection(lambda _, file=file: systems.program(file), log_alpha, based=False, time_limit=20.0)
        goal = Goal(against=SECONDS, must=10.0, moonshot=5.0)
        yield Case(name=f"program {name}, log alpha {log_alpha:g}", prepare=prepare, goals=(goal,), repeats=1)


ROWS: dict[str, Callable[[], Iterator[Case]]] = {
    "300": lambda: dense(300, 3000, 30, {-6 * LOG10: (8, 4), -69: (20, 12), -690: (20, 12), -2302: (20, 12)}),
    "600": lambda: dense(600, 2560, 20, {-6 * LOG10: (15, 8), -69: (20, 12), -690: (20, 12), -2302: (20, 12)}),
    "1000": lambda: dense(1000, 10000, 100, {-6 * LOG10: (6, 3), -8 * LOG10: (6, 3)}, seeds=range(5)),
    "1000-deep": lambda: dense(1000, 10000, 100, {-690: (15, 10)}, slow=True),
    "2000": lambda: dense(2000, 20000, 100, {-6 * LOG10: (8, 4)}, seeds=(0,), slow=True),
    "path": path,
    "l1": l1,
    "transport": transport,
    "moments": moments,
    "sparse": sparse,
    "small": small,
    "limits": limits,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}, programs; all if omitted")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--timeout", type=float, default=60.0)
    parser.add_argument("--programs", type=Path, metavar="DIR")
    options = parser.parse_args()
    rows = dict(ROWS)
    if options.programs is not None:
        rows["programs"] = partial(programs, options.programs)
    if unknown := set(options.rows) - set(rows):
        parser.error(f"unknown rows {sorted(unknown)}; programs needs --programs")

    print(f"bregman_l1 {bregman_l1.__version__} in {Path(bregman_l1.__file__).parent.parent}\n\n{headings()}")
    for row in options.rows or rows:
        seen = [
            report(case, seed, run(case, seed, options.timeout))
            for case in rows[row]()
            if not (case.slow and options.quick)
            for seed in options.seeds or case.seeds
        ]
        if row == "programs":
            seconds, certified = zip(*seen, strict=True)
            print(
                f"{sum(certified)} of {len(seen)} certified, median {median(seconds):.3g} s, most {max(seconds):.3g} s"
            )


if __name__ == "__main__":
    main()
