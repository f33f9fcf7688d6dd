"""Every backend: whatever it claims, CERTIFIED is right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

import numpy as np

from bregman_l1 import L1Minimization, LinearSystem, Solution, backends, prove, solve

from ..cases import Case, generator
from ..enumeration import TooManyError, minimisers
from ..guard import TIME_LIMIT, answer_of, judged_error
from ..judging import right, wrong
from ..oracle import undecided
from ..records import Record
from .projections import projected

ENTROPY, LINEAR = "entropy", "linear"
# Optimal values may differ by this much, relatively: ten times the tolerance of the certificate.
CLOSE = 1e-8


def every_backend(case: Case) -> Iterator[Record]:
    """The projection by each backend that can, polished or not; the linear program by one of those that can."""
    rng = generator(case, "backends")
    names = {
        kind: [info.name for info in backends() if info.installed and kind in info.solves] for kind in (ENTROPY, LINEAR)
    }
    for name in names[ENTROPY]:
        polish = bool(rng.random() < 0.5)
        record = projected(case, backend=name, polish=polish)
        yield replace(record, detail=f"{name}{'' if polish else ', as it came'}: {record.detail}")
    yield from _linear(case, str(rng.choice(names[LINEAR])))


def _linear(case: Case, name: str) -> Iterator[Record]:
    """The l1 minimiser, where it is feasible and bounded."""
    cost = np.ones(case.A.shape[1])
    start = perf_counter()
    answer = answer_of(lambda: solve(L1Minimization(LinearSystem(case.A, case.y)), name, time_limit=TIME_LIMIT))
    seconds = perf_counter() - start
    if isinstance(answer, Exception):
        record = judged_error(case if case.prior is None else replace(case, prior=None), answer)
        yield replace(record, detail=f"{name}: {record.detail}", seconds=seconds)
        return
    try:
        exact = minimisers(case.A, case.y, cost)
    except TooManyError:
        return
    yield _compared(case, name, answer, None if exact is None else int(exact.value.p) / int(exact.value.q), seconds)


def _compared(case: Case, name: str, answer: Solution, exact: float | None, seconds: float) -> Record:
    """The least cost that is claimed, against that of all vertices."""
    detail = f"{name}: {answer.status.value}"
    if not answer.status.is_certified:
        verdict, outcome = undecided("not certified"), "inaccurate"
    elif exact is None or not (case.is_exact or np.linalg.matrix_rank(case.A) == case.y.size):
        verdict, outcome = undecided("rows that are dependent within rounding only"), "certified"
    else:
        verdict, outcome = wrong(f"the least cost is {exact!r}, not {answer.value!r}"), "certified"
        if abs(answer.value - exact) <= CLOSE * exact:
            verdict = right("the least cost")
        elif not case.is_exact and prove(answer).ok:
            # On the boundary of what is feasible the least cost jumps by far within the rounding of y.
            verdict = right("proved for a y' that y may stand for")
    return Record(case=case, outcome=outcome, verdict=verdict, detail=detail, log_x=answer.log_x, seconds=seconds)
