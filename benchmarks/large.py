# ruff: noqa: E402
"""Large systems against their goals: operators, margins, sparse, wide and distributed.

    python benchmarks/large.py [ROW ...] [--seeds 0 1] [--quick] [--timeout 120]
    python benchmarks/large.py growth [--quick]

One thread for everybody but dask's workers. Peers run in turns with ours in one process, the least of a few repeats
counts; every solve starts from a LinearSystem that remembers nothing (its validation is not counted), certification is
counted. Each case is a process of its own, stopped after --timeout seconds. Applications are those of the operator and
of its adjoint, one each, counted by the operator. Megabytes are the peak of a process above what the libraries take.
--quick leaves out what takes minutes.

``growth`` writes seconds over d and over workers to figures/large.csv and draws figures/large.png. Linux only.
"""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias
from unittest.mock import patch

for _library in ("OMP", "OPENBLAS", "MKL"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"

import numpy as np
import peers
import pictures
import systems
from distributed import Client
from measuring import SECONDS, Answer, Case, Goal, Work, headings, remembering, report, run
from systems import Counted, Data, Table

import bregman_l1
from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, Problem, Solution, certify, solve

Prepare: TypeAlias = Callable[[int, float], Work]

LOG10 = float(np.log(10))
APPLICATIONS, MEGABYTES, PASSES = "applications", "MB", "passes"
# What is asked of one projection of the DCT table, and of the answer it is compared with.
_TOL, _REFERENCE_TOL = 1e-10, 1e-12
# spgl1's largest error is 3e-7 at it.
_SPGL1_TOLERANCE = 1e-6
# The accuracy of the package ipfn when it is asked for 1e-8.
_IPFN_RATE = 1e-8
_DASK_REPEATS = 2
# Every method of a system that reads all of A once. The optimal value goes over the pieces for their places alone.
_READ_ALL = ("matvec", "rmatvec", "abs_matvec", "abs_rmatvec", "gram", "moments", "pieces")


def _said(solution: Solution, *notes: str, **figures: float) -> Answer:
    certified = solution.status.is_certified
    status = () if certified else (solution.status.value, f"failed {', '.join(solution.certificate.failed)}")
    return Answer(right=int(certified), note="; ".join((*notes, *status)), figures=figures)


# ---- Operators -------------------------------------------------------------------------------------------------------


def _counted(draw: Callable[[int], Data], seed: int) -> tuple[Data, Counted]:
    data = draw(seed)
    operator = Counted(data.A)
    return data._replace(A=operator), operator


def minimiser(draw: Callable[[int], Data], seed: int, _: float) -> Work:
    """The certified l1 minimiser of an operator; its error is that against the planted x0."""
    data, operator = _counted(draw, seed)

    def ours(problem: L1Minimization) -> Answer:
        before = operator.applications
        solution = solve(problem)
        unique = solution.certificate.checks.get("uniqueness")
        return _said(
            solution,
            f"error {np.abs(solution.x - data.x0).max() / data.x0.max():.0e}",
            "unique" if unique is not None and unique.passed else "not proved unique",
            **{APPLICATIONS: operator.applications - before},
        )

    return Work(
        fresh=lambda: L1Minimization(data.system()),
        ours=ours,
        peers={"spgl1": peers.spgl1(data, _SPGL1_TOLERANCE)},
    )


def projection(draw: Callable[[int], Data], log_alpha: float, seed: int, _: float) -> Work:
    """One projection of an operator; its error is that of log x against an answer asked for a hundredth of it."""
    data, operator = _counted(draw, seed)
    truth = solve(BregmanProjection(data.system(), log_alpha=log_alpha), tol=_REFERENCE_TOL)

    def ours(problem: BregmanProjection) -> Answer:
        before = operator.applications
        solution = solve(problem, tol=_TOL)
        return _said(
            solution,
            f"error {np.abs(solution.log_x - truth.log_x).max():.0e}",
            f"{solution.iterations} before the certificate",
            **{APPLICATIONS: operator.applications - before},
        )

    return Work(fresh=lambda: BregmanProjection(data.system(), log_alpha=log_alpha), ours=ours)


def certificate(problem: Callable[[Data], Problem], seed: int, _: float) -> Work:
    """What is paid for a certificate where only products are known, its answer being given."""
    data, operator = _counted(_dct(10**5), seed)
    solution = solve(problem(data))
    log_x = {} if np.any(solution.x == 0) else {"log_x": solution.log_x}

    def ours(fresh: Problem) -> Answer:
        before = operator.applications
        found = certify(fresh, x=solution.x, dual=solution.dual, **log_x)
        return Answer(right=int(found.ok), figures={APPLICATIONS: operator.applications - before})

    return Work(fresh=lambda: problem(data), ours=ours)


def _dct(d: int) -> Callable[[int], Data]:
    return partial(systems.partial_dct, d, d // 10, d // 100)


def dct() -> Iterator[Case]:
    """Partial DCT d = 1e5, N = 1e4, s = 1e3: l1, one alpha to 1e-10, and the certificates of both by themselves."""
    yield Case(
        name="DCT d=1e5, certified l1",
        prepare=partial(minimiser, _dct(10**5)),
        goals=(
            Goal(against=APPLICATIONS, must=600, moonshot=450),
            Goal(against=SECONDS, must=1.5, moonshot=1.0),
            Goal(against="spgl1", must=1.0, moonshot=1 / 3),
        ),
        seeds=(0, 1),
    )
    for decade, must, moonshot in ((4, 900, 650), (6, 1800, 1500), (8, 3000, 2500)):
        yield Case(
            name=f"DCT d=1e5, alpha 1e-{decade} to 1e-10",
            prepare=partial(projection, _dct(10**5), -decade * LOG10),
            goals=(Goal(against=APPLICATIONS, must=must, moonshot=moonshot), Goal(against=SECONDS, must=None)),
            seeds=(0, 1),
        )
    for name, problem in (
        ("l1", lambda data: L1Minimization(data.system())),
        ("alpha 1e-6", lambda data: BregmanProjection(data.system(), alpha=1e-6)),
    ):
        goals = (Goal(against=APPLICATIONS, must=None), Goal(against=SECONDS, must=None))
        yield Case(name=f"DCT d=1e5, certificate of {name}", prepare=partial(certificate, problem), goals=goals)


def fourier() -> Iterator[Case]:
    """2-D Fourier d = 1e6, N = 1e5, s = 1e4: certified l1."""
    yield Case(
        name="Fourier 1000 x 1000, certified l1",
        prepare=partial(minimiser, partial(systems.fourier, 1000, 10**5, 10**4)),
        goals=(
            Goal(against=APPLICATIONS, must=700),
            Goal(against=SECONDS, must=15.0, moonshot=12.0),
            Goal(against="spgl1", must=None),
        ),
    )


# ---- Sparse ----------------------------------------------------------------------------------------------------------


def sparse() -> Iterator[Case]:
    """Random sparse N = 1e4, d = 1e6, 10 entries a column: seconds and memory."""

    def prepare(seed: int, _: float, decade: int) -> Work:
        data = systems.few_a_column(10**4, 10**6, 10, 10**3, seed)
        return Work(
            fresh=lambda: BregmanProjection(data.system(), log_alpha=-decade * LOG10),
            ours=lambda problem: _said(solve(problem)),
        )

    for decade, must, moonshot in ((2, 15.0, 8.0), (6, 20.0, 10.0)):
        yield from _and_memory(
            f"sparse 1e4 x 1e6, alpha 1e-{decade}",
            partial(prepare, decade=decade),
            (Goal(against=SECONDS, must=must, moonshot=moonshot),),
            megabytes=1500,
        )


def _and_memory(
    name: str,
    prepare: Prepare,
    goals: tuple[Goal, ...],
    megabytes: float | None = None,
    against: Callable[[int, float], dict[str, Callable[[], str]]] | None = None,
) -> Iterator[Case]:
    """The case for its seconds, against peers, and for the memory of a process that has never heard of them."""

    def with_peers(seed: int, seconds: float) -> Work:
        return replace(prepare(seed, seconds), peers=against(seed, seconds) if against else {})

    yield Case(name=name, prepare=with_peers, goals=goals)
    goal = Goal(against=MEGABYTES, must=megabytes)
    yield Case(name=f"{name}, memory", prepare=remembering(prepare, MEGABYTES), goals=(goal,), repeats=1)


# ---- Margins ---------------------------------------------------------------------------------------------------------


def transport() -> Iterator[Case]:
    """Transport between 1000 and 1000 points from its margins, against POT on the kernel and in logarithms."""

    def prepare(seed: int, _: float, epsilon: float) -> Work:
        table = systems.transport_table(1000, seed)
        return Work(
            fresh=lambda: BregmanProjection(table.system(), log_alpha=-1 / epsilon, cost=table.cost.ravel()),
            ours=partial(_with_margins, table),
        )

    def against(seed: int, seconds: float, epsilon: float) -> dict[str, Callable[[], str]]:
        table = systems.transport_table(1000, seed)
        return {
            "POT kernel": peers.sinkhorn_kernel(table, epsilon, seconds / 2),
            "POT log": peers.sinkhorn(table, epsilon, seconds / 2),
        }

    for epsilon, must in ((1e-1, 2.0), (1e-2, 5.0), (1e-3, 20.0)):
        yield from _and_memory(
            f"transport 1000 x 1000, eps {epsilon:g}",
            partial(prepare, epsilon=epsilon),
            (
                Goal(against=SECONDS, must=must),
                Goal(against="POT kernel", must=None, moonshot=1.0 if epsilon == 1e-2 else None),
                Goal(against="POT log", must=None),
            ),
            megabytes=300,
            against=partial(against, epsilon=epsilon),
        )


def raking() -> Iterator[Case]:
    """36,000 cells to all one- and two-way margins, against ipfn at its accuracy and against five lines of numpy."""

    def prepare(seed: int, _: float) -> Work:
        table = systems.raking_table((30, 30, 40), seed)
        return Work(
            fresh=lambda: BregmanProjection(table.system(), prior=table.seed.ravel()),
            ours=partial(_with_margins, table),
        )

    def against(seed: int, _: float) -> dict[str, Callable[[], str]]:
        table = systems.raking_table((30, 30, 40), seed)
        return {
            "ipfn": partial(peers.ipfn, table, _IPFN_RATE),
            "numpy": partial(peers.proportional_fitting, table, 1e-12),
        }

    goals = (Goal(against="ipfn", must=5.0, moonshot=1.0), Goal(against="numpy", must=None))
    yield from _and_memory("raking 30 x 30 x 40", prepare, goals, against=against)


def _with_margins(table: Table, problem: BregmanProjection) -> Answer:
    solution = solve(problem)
    return _said(solution, f"margins {table.error(solution.x):.0e}")


# ---- Wide ------------------------------------------------------------------------------------------------------------


def in_memory(d: int, seed: int, _: float) -> Work:
    """20 moments of d weights, against Newton's method in chunks."""
    data, log_alpha = systems.moments(20, d, seed), -float(np.log(d))

    def ours(problem: BregmanProjection) -> Answer:
        with _columns_read() as columns:
            solution = solve(problem)
        return _said(solution, **{PASSES: sum(columns) / d})

    return Work(
        fresh=lambda: BregmanProjection(data.system(), log_alpha=log_alpha),
        ours=ours,
        peers={"Newton": partial(peers.newton, data, log_alpha)},
    )


@contextmanager
def _columns_read() -> Iterator[list[int]]:
    """How many columns the systems had whose A was read, once for each reading."""
    columns: list[int] = []

    def counting(method: Callable) -> Callable:
        def counted(system: LinearSystem, *args: object) -> object:
            columns.append(system.shape[1])
            return method(system, *args)

        return counted

    with ExitStack() as stack:
        for name in _READ_ALL:
            stack.enter_context(patch.object(LinearSystem, name, counting(getattr(LinearSystem, name))))
        yield columns


def wide() -> Iterator[Case]:
    """20 moments of 1e7 weights in memory: seconds, and how often A is read."""
    goals = (Goal(against=PASSES, must=9), Goal(against="Newton", must=2.0, moonshot=1.3))
    yield Case(name="wide 20 x 1e7", prepare=partial(in_memory, 10**7), goals=goals, repeats=2, slow=True)


def on_workers(workers: int, d: int, seed: int, _: float) -> Work:
    """The same as a dask array on so many workers of one thread; on none of them it is in memory."""
    solved = _solver(workers, d, seed)
    return Work(fresh=lambda: None, ours=lambda _: _said(solved()))


def dask() -> Iterator[Case]:
    """20 moments of 1e7 weights on one worker against in memory, and on two against one."""

    def prepare(seed: int, seconds: float, workers: int, d: int = 10**7) -> Work:
        peer = _solver(workers - 1, d, seed)
        return replace(on_workers(workers, d, seed, seconds), peers={_named(workers - 1): lambda: peer().status.value})

    for workers, must in ((1, 1.5), (2, 1 / 1.6)):
        yield Case(
            name=f"wide 20 x 1e7, {_named(workers)}",
            prepare=partial(prepare, workers=workers),
            goals=(Goal(against=_named(workers - 1), must=must),),
            repeats=_DASK_REPEATS,
            slow=True,
        )


def _named(workers: int) -> str:
    return f"{workers} worker{'s' * (workers > 1)}" if workers else "in memory"


def _solver(workers: int, d: int, seed: int) -> Callable[[], Solution]:
    """A projection on so many processes; the systems, one a repeat, are made beforehand and share A."""
    settings = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    client = Client(**settings, silence_logs=logging.CRITICAL) if workers else None
    place = client.as_current if client else nullcontext
    with place():
        A, y = systems.moments_in_blocks(20, d, seed)
        system = LinearSystem(A if client else A.compute(), y)
        # A peer that is brief is measured twice a repeat.
        fresh = [copy(system) for _ in range(2 * _DASK_REPEATS)]

    def solved() -> Solution:
        with place():
            return solve(BregmanProjection(fresh.pop(), log_alpha=-float(np.log(d))))

    return solved


# ---- Growth ----------------------------------------------------------------------------------------------------------


def growth(quick: bool, timeout: float) -> None:
    """Seconds and memory of a certified answer over d and over workers; writes figures/large.csv and draws it."""
    largest = 6 if quick else 7
    sizes = [10**k for k in range(4, largest + 1)]
    works = {
        "DCT, l1": {d: partial(minimiser, _dct(d)) for d in sizes},
        "wide, N = 20": {d: partial(in_memory, d) for d in sizes},
        "workers": {workers: partial(on_workers, workers, 10**largest) for workers in (0, 1, 2)},
    }
    rows = []
    for kind, prepared in works.items():
        for size, prepare in prepared.items():
            goals = (Goal(against=SECONDS, must=None), Goal(against=MEGABYTES, must=None))
            prepare = remembering(prepare, MEGABYTES)
            case = Case(name=f"{kind}: {size:.0e}", prepare=prepare, goals=goals, repeats=1)
            measured = run(case, 0, timeout)
            seconds, certified = report(case, 0, measured)
            if certified:
                megabytes = measured.answers["ours"].figures[MEGABYTES]
                rows.append({"kind": kind, "size": size, "seconds": seconds, "megabytes": megabytes})
    pictures.write_rows(pictures.LARGE, rows)
    pictures.draw_large()


ROWS: dict[str, Callable[[], Iterator[Case]]] = {
    "dct": dct,
    "fourier": fourier,
    "sparse": sparse,
    "transport": transport,
    "raking": raking,
    "wide": wide,
    "dask": dask,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"{', '.join(ROWS)}, growth; all but growth if omitted")
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--timeout", type=float, default=120.0)
    options = parser.parse_args()
    if unknown := set(options.rows) - {*ROWS, "growth"}:
        parser.error(f"unknown rows {sorted(unknown)}")

    print(f"bregman_l1 {bregman_l1.__version__} in {Path(bregman_l1.__file__).parent.parent}\n\n{headings()}")
    for row in options.rows or ROWS:
        if row == "growth":
            growth(options.quick, options.timeout)
            continue
        for case in ROWS[row]():
            if not (case.slow and options.quick):
                for seed in options.seeds or case.seeds:
                    report(case, seed, run(case, seed, options.timeout))


if __name__ == "__main__":
    main()
