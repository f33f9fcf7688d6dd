# ruff: noqa: E402
"""Depth and sign: what they cost as ratios to depth 2 and to the columns written twice, and what conic solvers lose.

    python benchmarks/depth.py [depth] [sign] [errors] [--seeds 0 1 2] [--repeats 5] [--quick]

``depth``: a certified projection of depth 2.5, 3, 4 and infinity over one of depth 2. ``sign``: a signed projection
over the unsigned one of the system [A, -A], in time and in memory. ``errors``: raw answers of the conic solvers, and
ours, for the 20 x 60 systems of accuracy.py, whose data are exact, against proofs in ball arithmetic.

One thread; seconds of the processor, not of a clock, since the machine may be shared; what is compared runs in turns in
one process, and the least of the repeats counts. Every solve starts from a LinearSystem that remembers nothing, its
validation is not counted, certification is. Tables are in Markdown, each entry the range over the seeds; * marks
entries with an answer that was not certified. --quick leaves out the largest shapes.
"""

from __future__ import annotations

import argparse
import os
import tracemalloc
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from math import inf, isnan, log, nan
from statistics import median
from time import process_time
from typing import NamedTuple

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import numpy as np
import systems
from accuracy import FIRST_SEED, exact_system, relative_error

from bregman_l1 import (
    BackendError,
    BregmanProjection,
    L1Minimization,
    LinearSystem,
    UnsupportedProblemError,
    prove,
    solve,
)

DEPTHS = (2.0, 2.5, 3.0, 4.0, inf)
DECADES = (6, 60, 300)
SHAPES = ((20, 60, 4), (100, 400, 10), (300, 3000, 30))
SIGNED_SHAPES = ((20, 60, 4), (100, 400, 10), (300, 1500, 30))
BACKENDS = ("newton", "clarabel", "scs", "ecos")
ERROR_DEPTHS, ERROR_DECADES = (2.0, 3.0, 4.0, inf), (1, 2, 4, 6, 8, 10, 12)

Problems = dict[str, Callable[[], BregmanProjection]]


class Measured(NamedTuple):
    """The least seconds of a solve, and whether every answer was certified."""

    seconds: float
    certified: bool


def measured(problems: Problems, repeats: int) -> dict[str, Measured]:
    """Solve each in turns, so often."""
    found = dict.fromkeys(problems, Measured(inf, True))
    for _, name in product(range(repeats), problems):
        problem, before = problems[name](), found[name]
        started = process_time()
        certified = solve(problem).status.is_certified
        found[name] = Measured(min(before.seconds, process_time() - started), before.certified and certified)
    return found


def spread(values: Sequence[float], certified: bool = True) -> str:
    """The range of values to two digits, or the one that it is."""
    ends = list(dict.fromkeys(f"{end:.2g}" for end in (min(values), max(values))))
    return "-".join(ends) + ("" if certified else "*")


def row(*cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def header(*cells: object) -> None:
    row(*cells)
    print("|" + "---|" * len(cells))


def depth(options: argparse.Namespace) -> None:
    """Certified projections over those of depth 2."""
    names = [f"{each:g}" for each in DEPTHS]
    header("system", "alpha", "D = 2, s", *(f"D = {name}, times D = 2" for name in names[1:]))
    shapes = SHAPES[: -1 if options.quick else None]
    for shape, decade in product(shapes, DECADES):
        runs = [measured(of_depths(shape, decade, seed), options.repeats) for seed in options.seeds]
        cells = (
            spread([run[name].seconds / run["2"].seconds for run in runs], all(run[name].certified for run in runs))
            for name in names[1:]
        )
        row(_size(shape), f"1e-{decade}", spread([run["2"].seconds for run in runs]), *cells)


def of_depths(shape: tuple[int, int, int], decade: int, seed: int) -> Problems:
    """One projection of each depth, by its name."""
    data, log_alpha = systems.gaussian(*shape, seed), -decade * log(10)
    return {
        f"{depth:g}": partial(lambda depth: BregmanProjection(data.system(), log_alpha=log_alpha, depth=depth), depth)
        for depth in DEPTHS
    }


def sign(options: argparse.Namespace) -> None:
    """Signed projections over those of [A, -A]: seconds, and the memory that a system and its solve take."""
    header("system", "D", "alpha", "signed, s", "times [A, -A]", "memory of signed, in A", "of [A, -A], in A")
    shapes = SIGNED_SHAPES[: -1 if options.quick else None]
    for shape, depth, decade in product(shapes, (2.0, 3.0), (6, 300)):
        cases = [of_signs(*signed_data(shape, seed), decade, depth) for seed in options.seeds]
        runs = [measured(case, options.repeats) for case in cases]
        memory = [spread([peak(case[name]) / (8 * shape[0] * shape[1]) for case in cases]) for name in cases[0]]
        ratios = [run["signed"].seconds / run["doubled"].seconds for run in runs]
        row(
            _size(shape),
            f"{depth:g}",
            f"1e-{decade}",
            spread([run["signed"].seconds for run in runs]),
            spread(ratios, all(each.certified for run in runs for each in run.values())),
            *memory,
        )


def of_signs(A: np.ndarray, y: np.ndarray, decade: int, depth: float) -> Problems:
    """A signed projection, and the same one with the columns of A and -A written out."""
    log_alpha = -decade * log(10)
    return {
        "signed": lambda: BregmanProjection(LinearSystem(A, y), log_alpha=log_alpha, depth=depth, signed=True),
        "doubled": lambda: BregmanProjection(LinearSystem(np.hstack([A, -A]), y), log_alpha=log_alpha, depth=depth),
    }


def signed_data(shape: tuple[int, int, int], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A Gaussian system whose planted entries have either sign."""
    data = systems.gaussian(*shape, seed)
    x0 = data.x0 * np.random.default_rng(seed).choice([-1.0, 1.0], data.x0.size)
    return data.A, data.A @ x0


def peak(fresh: Callable[[], BregmanProjection]) -> int:
    """The most bytes that a system and its solve allocate."""
    tracemalloc.start()
    solve(fresh())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


def errors(options: argparse.Namespace) -> None:
    """Raw answers: relative error of x - x* off the support of x* / largest error of log x there, medians."""
    exact = [exact_system(FIRST_SEED + k) for k in range(options.systems)]
    off = [solve(L1Minimization(system)).x == 0 for system in exact]
    header("D", "alpha", *BACKENDS)
    optimal = dict.fromkeys(product(ERROR_DEPTHS, BACKENDS), 0)
    for depth, decade in product(ERROR_DEPTHS, ERROR_DECADES):
        problems = [BregmanProjection(system, log_alpha=-decade * log(10), depth=depth) for system in exact]
        truths = [proved(problem) for problem in problems]
        cells = []
        for name in BACKENDS:
            found = [raw(*case, name) for case in zip(problems, truths, off, strict=True)]
            optimal[depth, name] += sum(answer.optimal for answer in found)
            medians = median(each.l1 for each in found), median(each.log_x for each in found)
            cells.append("-" if isnan(medians[0]) else "{:.0e} / {:.0e}".format(*medians))
        row(f"{depth:g}", f"1e-{decade}", *cells)
    print(f"\nOf {len(exact) * len(ERROR_DECADES)} answers each were called optimal:")
    for depth in ERROR_DEPTHS:
        counts = {name: optimal[depth, name] for name in BACKENDS if optimal[depth, name]}
        print(f"D = {depth:g}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))


def proved(problem: BregmanProjection) -> np.ndarray:
    """Log x to 15 digits, for y itself."""
    proof = prove(problem)
    if not proof.ok or proof.right_hand_side.which != "y":
        raise ArithmeticError(f"not proved for y itself: {proof}")
    return np.asarray(proof.log_x.mid)


class Raw(NamedTuple):
    """Errors of a raw answer off the support of x*, in l1 and in log x, and whether the solver called it optimal."""

    l1: float
    log_x: float
    optimal: bool


def raw(problem: BregmanProjection, truth: np.ndarray, off: np.ndarray, backend: str) -> Raw:
    """The errors of an unpolished answer; NaN of a solver that has not the cones, infinite where it gave no answer."""
    try:
        answer = solve(problem, backend, polish=False)
    except UnsupportedProblemError:
        return Raw(nan, nan, False)
    except BackendError:
        return Raw(inf, inf, False)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_x = answer.log_x if backend == "newton" else np.log(np.maximum(answer.x, 0.0))
    return Raw(
        l1=relative_error(answer.x, np.exp(truth), ~off),
        log_x=float(np.abs(log_x - truth)[off].max()),
        optimal=answer.raw_status in ("optimal", "converged"),
    )


def _size(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]} x {shape[1]}, s = {shape[2]}"


SECTIONS = {"depth": depth, "sign": sign, "errors": errors}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", choices=[[], *SECTIONS], help="all if omitted")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--systems", type=int, default=10, help="how many for the errors")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    for name in options.sections or SECTIONS:
        print(f"\n{SECTIONS[name].__doc__}\n")
        SECTIONS[name](options)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
