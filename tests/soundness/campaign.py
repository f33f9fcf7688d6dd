"""Put cases to subjects: one by one, or for as long as there is time, in several processes."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from itertools import count, islice, takewhile
from time import perf_counter
from typing import Any, NamedTuple

from bregman_l1 import BregmanError, NotCertifiedWarning

from .cases import Case, draw
from .guard import judged_error
from .records import Record
from .subjects import SUBJECTS
from .subjects.projections import projected
from .truth import NoConvergenceError

# Tasks that wait for each process: few, so that the end comes soon when the time is up.
AHEAD = 4


class Task(NamedTuple):
    """Case number ``index`` of a family, put to a subject."""

    subject: str
    family: str
    seed: int
    index: int


def rota(seed: int, families: Iterable[str], subjects: Iterable[str]) -> Iterator[Task]:
    """Every family and subject in turn, without end: in each round as many families as a subject has its share of."""
    wanted, names = list(families), list(subjects)
    own = {name: [each for each in SUBJECTS[name].families if each in wanted] for name in names}
    for turn in count() if any(own.values()) else ():
        for name, eligible in own.items():
            share = min(SUBJECTS[name].share, len(eligible))
            for number in range(turn * share, (turn + 1) * share):
                yield Task(name, eligible[number % len(eligible)], seed, number // len(eligible))


def examined(subject: str, examine: Callable[[Case], Iterable[Record]], case: Case) -> list[Record]:
    """What a subject finds in a case, with the first warning that nobody meant to give."""
    start = perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            records = list(examine(case))
        except NoConvergenceError:
            records = []
        except BregmanError as error:  # no system of these numbers, which every subject begins with
            records = [judged_error(case, error)]
        except Exception:
            records = [Record(case=case, outcome="judge", detail=traceback.format_exc(limit=-3))]
    stray = [str(warning.message) for warning in caught if not issubclass(warning.category, NotCertifiedWarning)]
    judging = perf_counter() - start - sum(record.seconds for record in records)
    return [
        replace(record, subject=subject, stray=stray[0] if stray else "", judging=judging / len(records))
        for record in records
    ]


def run(case: Case, **how: Any) -> Record:
    """Solve one projection and have what is said of it judged; ``how`` is that of `projected`."""
    return examined("solve", lambda each: [projected(each, **how)], case)[0]


def perform(task: Task) -> list[Record]:
    """Draw a case and examine it."""
    return examined(task.subject, SUBJECTS[task.subject].examine, draw(task.family, task.seed, task.index))


def campaign(
    seed: int,
    families: Iterable[str],
    subjects: Iterable[str] = ("solve",),
    *,
    tasks: int | None = None,
    seconds: float = float("inf"),
    jobs: int = 1,
) -> Iterator[Record]:
    """Perform so many tasks of the rota, or those for which there is time."""
    start = perf_counter()
    ahead = takewhile(lambda _: perf_counter() - start <= seconds, islice(rota(seed, families, subjects), tasks))
    if jobs == 1:
        for task in ahead:
            yield from perform(task)
    else:
        yield from _in_processes(ahead, jobs)


def _in_processes(ahead: Iterator[Task], jobs: int) -> Iterator[Record]:
    pool, running = ProcessPoolExecutor(jobs), {}
    try:
        while True:
            for task in islice(ahead, AHEAD * jobs - len(running)):
                running[pool.submit(perform, task)] = task
            if not running:
                return
            finished = wait(running, return_when=FIRST_COMPLETED).done
            died = any(isinstance(each.exception(), BrokenProcessPool) for each in finished)
            for each in finished:
                yield from _outcome(each, running.pop(each))
            if died:
                pool.shutdown()
                pool = ProcessPoolExecutor(jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def _outcome(done: Future[list[Record]], task: Task) -> list[Record]:
    try:
        return done.result()
    except BrokenProcessPool as error:
        detail = f"a process died, of this case or of one beside it: {error}"
        return [Record(case=draw(*task[1:]), subject=task.subject, outcome="untyped", detail=detail)]
