"""Projections of depths above 2, and of either sign, against what is proved of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

import numpy as np

from bregman_l1 import BregmanProjection, LinearSystem, Solution, prove, solve

from ..cases import Case, generator
from ..guard import TIME_LIMIT, answer_of, judged_error
from ..judging import right, wrong
from ..oracle import Ruling, Verdict
from ..records import Record

DEPTHS = (2.0, 2.02, 2.2, 2.5, 3.0, 4.0, 6.0, 10.0, 100.0, math.inf)
TOLERANCE = 2e-9


def at_a_depth(case: Case) -> Iterator[Record]:
    """One depth and sign; a certified answer must be what is proved."""
    draw = generator(case, "depths")
    depth, signed = float(draw.choice(DEPTHS)), bool(draw.integers(2))
    start = perf_counter()
    solution = answer_of(lambda: solve(_problem_of(case, depth, signed), time_limit=TIME_LIMIT))
    if isinstance(solution, Exception):
        record = judged_error(case, solution)
    elif not solution.status.is_certified:
        failed = f"{solution.status.value}: {', '.join(solution.certificate.failed)}"
        undecided = Verdict(ruling=Ruling.UNDECIDED, error=float("nan"), reason=failed)
        record = Record(case=case, outcome="inaccurate", verdict=undecided, detail=failed)
    else:
        record = Record(case=case, outcome="certified", verdict=_held(solution))
    record = replace(record, log_x=None if isinstance(solution, Exception) else solution.unknowns["log_x"])
    detail = f"depth {depth:g}{', signed' if signed else ''} {record.detail}".strip()
    yield replace(record, seconds=perf_counter() - start, detail=detail)


def _problem_of(case: Case, depth: float, signed: bool) -> BregmanProjection:
    system = LinearSystem(case.A, case.y)
    return BregmanProjection(
        system, log_alpha=case.log_alpha, cost=case.cost, prior=case.prior, depth=depth, signed=signed
    )


def _held(solution: Solution) -> Verdict:
    """The verdict of the proof, which starts from the answer and believes nothing of it."""
    proof = answer_of(lambda: prove(solution))
    if isinstance(proof, Exception) or not proof.ok:
        reason = str(proof) if isinstance(proof, Exception) else str(proof.reason)
        return Verdict(ruling=Ruling.UNDECIDED, error=float("nan"), reason=f"not proved: {reason}")
    log_x = solution.unknowns["log_x"]
    if ((log_x == -np.inf) != (proof.log_x.mid == -np.inf)).any():
        return wrong("zeros are not those of the proof")
    some = log_x > -np.inf
    error = np.abs(log_x[some] - proof.log_x.mid[some]) / np.maximum(1.0, np.abs(log_x[some]) / 1000)
    worst = float(error.max(initial=0.0))
    return wrong(f"log x is off by {worst:.1e}") if worst > TOLERANCE else right(f"proved to {worst:.1e}")
