"""`solve` for projections: CERTIFIED is right, and refusals are too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from time import perf_counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bregman_l1 import BregmanProjection, LinearSystem, Solution, solve

from ..cases import Case, generator
from ..guard import TIME_LIMIT, answer_of, judged_error
from ..judging import judged, wrong
from ..records import Record

Vector = NDArray[np.float64]
ErrorHandling = Literal["default", "warn", "raise"]

# x and log_x must be the same vector to so many roundings, wherever x is a normal number.
SAME = 64 * 2.0**-52
TOLERANCES = (1e-4, 1e-6, 1e-11, 1e-12, 1e-13)


def problem_of(case: Case, system: LinearSystem | None = None, *, log_alpha: float | None = None) -> BregmanProjection:
    """The problem as a user states it; at another alpha, where one is given."""
    log_alpha = case.log_alpha if log_alpha is None else log_alpha
    cost = case.cost if log_alpha else None
    return BregmanProjection(system or LinearSystem(case.A, case.y), log_alpha=log_alpha, cost=cost, prior=case.prior)


def solved(case: Case) -> Iterator[Record]:
    """The native answer to the projection."""
    yield projected(case)


def at_other_tolerances(case: Case) -> Iterator[Record]:
    """The same at another tolerance, to which a certified answer is right."""
    tol = float(generator(case, "tolerances").choice(TOLERANCES))
    record = projected(case, tol)
    yield replace(record, detail=f"tol {tol:g}: {record.detail}")


def projected(case: Case, tol: float = 1e-9, *, errors: ErrorHandling = "default", **how: object) -> Record:
    """Solve one case and judge what is said of it.

    ``errors`` is the caller's ``numpy.errstate``, which must make no difference; ``how`` is handed to `solve`.
    """
    start = perf_counter()
    with _errstate(errors):
        answer = answer_of(lambda: solve(problem_of(case), tol=tol, time_limit=TIME_LIMIT, **how))
    seconds = perf_counter() - start
    if seconds > 2 * TIME_LIMIT + 1 and not isinstance(answer, Exception):
        answer = TimeoutError(f"{seconds:.1f} s with a limit of {TIME_LIMIT:g} s")
    record = judged_error(case, answer) if isinstance(answer, Exception) else judged_solution(case, answer, tol)
    return replace(record, seconds=seconds)


def _errstate(errors: ErrorHandling) -> AbstractContextManager[object]:
    return nullcontext() if errors == "default" else np.errstate(all=errors)


def judged_solution(case: Case, answer: Solution, tol: float = 1e-9) -> Record:
    """What is said of a solution."""
    verdict = judged(case, answer.log_x, tol)
    if answer.status.is_certified:
        if not _same(answer.x, answer.log_x):
            verdict = wrong("x is not exp(log_x)")
        return Record(case=case, outcome="certified", verdict=verdict, log_x=answer.log_x)
    detail = f"{answer.status.value}: {', '.join(answer.certificate.failed)}"
    return Record(case=case, outcome="inaccurate", verdict=verdict, detail=detail, log_x=answer.log_x)


def _same(x: Vector, log_x: Vector) -> bool:
    """Whether x is exp(log_x) wherever that is a normal number."""
    with np.errstate(all="ignore"):
        plain = np.exp(log_x)
        normal = (plain > np.finfo(float).tiny) & np.isfinite(plain)
        off = np.abs(np.log(x[normal]) - log_x[normal]) > SAME * np.maximum(1.0, np.abs(log_x[normal]))
    return not off.any() and bool((x[~normal] >= 0).all())
