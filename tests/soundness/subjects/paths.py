"""`projection_path` with alphas in any order, some of them twice: each point right, and that of a single solve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

import numpy as np

from bregman_l1 import LinearSystem, projection_path, solve

from ..cases import Case, generator
from ..guard import TIME_LIMIT, answer_of, judged_error
from ..judging import distance, wrong
from ..oracle import Ruling
from ..records import Record
from .projections import judged_solution, problem_of

LOG_ALPHAS = (50.0, 3.0, 0.0, -1e-3, -2.0, -20.0, -200.0, -690.8, -2302.6, -1e4)
POINTS = 5
# Two answers that are right to tol differ by two tolerances at most; right for another y' each, by more.
TWICE = 2e-9


def along_paths(case: Case) -> Iterator[Record]:
    """One record for each point of a path."""
    rng = generator(case, "paths")
    wanted = rng.choice(LOG_ALPHAS, POINTS - 1, replace=False).tolist()
    log_alphas = rng.permutation([*wanted, wanted[0]])
    system = LinearSystem(case.A, case.y)
    start = perf_counter()
    path = answer_of(lambda: projection_path(system, log_alphas=log_alphas, cost=case.cost, prior=case.prior))
    seconds = perf_counter() - start
    if isinstance(path, Exception):
        yield replace(judged_error(case, path), seconds=seconds)
        return
    for log_alpha, solution in zip(log_alphas.tolist(), path.solutions, strict=True):
        point = replace(case, log_alpha=log_alpha, cost=case.cost if log_alpha else None)
        record = judged_solution(point, solution)
        single = answer_of(lambda point=point: solve(problem_of(point), time_limit=TIME_LIMIT))
        if isinstance(single, Exception):
            record = replace(record, outcome="certified", verdict=wrong(f"a single solve raised {single!r}"))
        elif _contradict(record, single.status.is_certified, distance(solution.log_x, single.log_x, log_alpha)):
            record = replace(record, verdict=wrong("certified, and so is another answer of a single solve"))
        yield replace(record, seconds=seconds / POINTS)
    if not np.array_equal(path.log_alphas, log_alphas):
        yield Record(case=case, outcome="certified", verdict=wrong("the alphas are not those asked for"))


def _contradict(record: Record, also_certified: bool, off: float) -> bool:
    """Whether two certified answers exclude one another though the oracle took the first for right as given."""
    return (
        record.outcome == "certified"
        and also_certified
        and record.verdict is not None
        and record.verdict.ruling is Ruling.RIGHT
        and off > TWICE
    )
