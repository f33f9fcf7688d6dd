"""One system used by threads and processes, after interrupts and pickles: its answers are those of a fresh one."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bregman_l1 import BregmanError, L1Minimization, LinearSystem, analyze, certify, load, projection_path, save, solve

from ..cases import Case, generator
from ..guard import answer_of, judged_error
from ..judging import right, wrong
from ..oracle import Verdict
from ..records import Record
from .projections import judged_solution, problem_of

Vector = NDArray[np.float64]

LOG_ALPHAS = (0.0, -3.0, -30.0, -690.8)
THREADS, INTERRUPTS = 4, 3
SHORTLY = 1e-4
# Starting processes from nothing takes seconds: this share of the cases does.
SPAWNED = 0.05


def threads(case: Case) -> Iterator[Record]:
    """Several solves, an l1 minimisation and an analysis at once on one system."""
    shared = LinearSystem(case.A, case.y)
    wanted = [*LOG_ALPHAS, case.log_alpha] * 2
    yield from _same_as_fresh(case, wanted, lambda: _in_threads(case, shared, wanted))


def _in_threads(case: Case, shared: LinearSystem, wanted: list[float]) -> list[Vector]:
    with ThreadPoolExecutor(THREADS) as pool:
        others = [pool.submit(call) for call in (lambda: solve(L1Minimization(shared)), lambda: analyze(shared))]
        solved = list(pool.map(lambda log_alpha: solve(problem_of(case, shared, log_alpha=log_alpha)).log_x, wanted))
        for other in others:
            other.exception()  # waits; what these say is the business of another subject
    return solved


def processes(case: Case) -> Iterator[Record]:
    """The same in forked processes, now and then in new ones."""
    shared = LinearSystem(case.A, case.y)
    first = answer_of(lambda: solve(problem_of(case, shared)))
    if isinstance(first, Exception):
        return
    method = "spawn" if generator(case, "processes").random() < SPAWNED else "fork"
    problems = [problem_of(case, shared, log_alpha=log_alpha) for log_alpha in LOG_ALPHAS]

    def solved() -> list[Vector]:
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
            return list(pool.map(_log_x, problems))

    yield from _same_as_fresh(case, list(LOG_ALPHAS), solved)


def _log_x(problem: Any) -> Vector:
    return solve(problem).log_x


def _same_as_fresh(case: Case, wanted: list[float], solved: Callable[[], list[Vector]]) -> Iterator[Record]:
    """Whether answers are those of systems that nothing else was asked of, and those right."""
    start = perf_counter()
    answers = answer_of(solved)
    seconds = perf_counter() - start
    if isinstance(answers, Exception):
        yield replace(judged_error(case, answers), seconds=seconds)
        return
    for log_alpha, log_x in dict(zip(wanted, answers, strict=True)).items():
        fresh = solve(problem_of(case, log_alpha=log_alpha))
        point = replace(case, log_alpha=log_alpha, cost=case.cost if log_alpha else None)
        record = judged_solution(point, fresh)
        if not np.array_equal(log_x, fresh.log_x):
            record = replace(record, outcome="certified", verdict=wrong("not the answer of a fresh system"))
        yield replace(record, seconds=seconds / len(wanted))


def _interrupted(call: Callable[[], Any], seconds: float) -> None:
    """Make the call; raise KeyboardInterrupt in it after so many seconds of computing.

    What is raised in a callback of the garbage collector Python drops, and only reports: then it rings again.
    """
    reported = sys.unraisablehook

    def ring(*_: object) -> None:
        raise KeyboardInterrupt

    def dropped(what: Any) -> None:
        if what.exc_type is KeyboardInterrupt:
            signal.setitimer(signal.ITIMER_VIRTUAL, SHORTLY)
        else:
            reported(what)

    signal.signal(signal.SIGVTALRM, ring)
    sys.unraisablehook = dropped
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            call()
        finally:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
    finally:
        sys.unraisablehook = reported


@cache
def _import_all() -> None:
    """Whatever is imported when first used: an import that is interrupted fails for good, in any package."""
    system = LinearSystem([[1.0, 0.5]], [1.0])
    projection_path(system, log_alphas=[-2.0], backend="clarabel")
    str(analyze(system))


def interrupts(case: Case) -> Iterator[Record]:
    """Interrupted anywhere, a system answers as a fresh one does; so do its backends."""
    _import_all()
    rng = generator(case, "interrupts")
    start = perf_counter()
    fresh = answer_of(lambda: solve(problem_of(case)))
    takes = perf_counter() - start
    if isinstance(fresh, Exception):
        return
    shared = LinearSystem(case.A, case.y)
    calls: list[Callable[[], Any]] = [
        lambda: solve(problem_of(case, shared)),
        lambda: analyze(shared).rho,
        lambda: solve(problem_of(case, shared, log_alpha=-2.0), "clarabel"),
        lambda: projection_path(shared, log_alphas=[-1.0, -20.0]),
    ]
    for call in rng.permutation(np.array(calls, dtype=object))[:INTERRUPTS]:
        try:
            _interrupted(call, float(rng.uniform(1e-4, 2 * takes)))
        except (KeyboardInterrupt, BregmanError):
            continue
    again = answer_of(lambda: solve(problem_of(case, shared)))
    if isinstance(again, Exception):
        yield Record(case=case, outcome="certified", verdict=wrong(f"after an interrupt: {again!r}"))
        return
    record = judged_solution(case, again)
    if not np.array_equal(again.log_x, fresh.log_x):
        record = replace(record, outcome="certified", verdict=wrong("after an interrupt, another answer"))
    yield replace(record, seconds=takes)


def pickles(case: Case) -> Iterator[Record]:
    """Copies of systems, problems, solutions, paths and analyses, by pickle, deepcopy and file."""
    start = perf_counter()
    verdict = answer_of(lambda: _copies(case))
    if isinstance(verdict, Exception):
        yield judged_error(case, verdict)
        return
    yield Record(case=case, outcome="certified", verdict=verdict, seconds=perf_counter() - start)


def _copies(case: Case) -> Verdict:
    system = LinearSystem(case.A, case.y)
    problem = problem_of(case, system)
    solution = solve(problem)
    path = projection_path(system, log_alphas=[-2.0, case.log_alpha or -1.0], cost=case.cost, prior=case.prior)
    for copy in (lambda one: pickle.loads(pickle.dumps(one)), deepcopy):
        if not np.array_equal(solve(copy(problem)).log_x, solution.log_x):
            return wrong("the copy of a problem has another answer")
        if not np.array_equal(solve(problem_of(case, copy(system))).log_x, solution.log_x):
            return wrong("the copy of a system has another answer")
        if not np.array_equal(copy(path).log_x, path.log_x):
            return wrong("the copy of a path differs")
    with TemporaryDirectory() as folder:
        kept = [solution, path, analyze(system)] if case.cost is None else [solution, path]
        for number, result in enumerate(kept):
            file = Path(folder) / f"{number}.npz"
            save(result, file)
            loaded, copied = load(file), pickle.loads(pickle.dumps(result))
            for one in (loaded, copied):
                if not _alike(one, result):
                    return wrong(f"a {type(result).__name__} is another after it was kept")
        again = load(Path(folder) / "0.npz")
    if again.status.is_certified and not certify(problem, log_x=again.log_x).ok:
        return wrong("what was certified is not after it was saved")
    return right("copies are alike")


def _alike(one: Any, other: Any) -> bool:
    name = "x_star" if hasattr(other, "x_star") else "log_x"
    return type(one) is type(other) and np.array_equal(getattr(one, name), getattr(other, name))
