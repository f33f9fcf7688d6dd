"""Solve the cases of the families and have what is said of them judged."""

from __future__ import annotations

import math
import signal
import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from types import FrameType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bregman_l1 import (
    BregmanError,
    BregmanProjection,
    InfeasibleError,
    LinearSystem,
    NotCertifiedWarning,
    Solution,
    solve,
)
from exact.families import KNOWN, Case, draw
from exact.oracle import Ruling, Verdict, judge, judge_infeasible, spread
from exact.truth import NoConvergenceError, as_floats, exact_projection

Vector = NDArray[np.float64]
ErrorHandling = Literal["default", "warn", "raise"]

# A solve that ignores its time limit for so long is stopped and counted as an untyped exception.
TIME_LIMIT, HANG = 10.0, 60.0
# x and log_x must be the same vector to so many roundings, wherever x is a normal number.
SAME = 64 * 2.0**-52

COLUMN = {
    ("certified", Ruling.RIGHT): "right",
    ("certified", Ruling.UNDECIDED): "undecided",
    ("certified", Ruling.WRONG): "FALSE",
    ("inaccurate", Ruling.RIGHT): "lost",
    ("inaccurate", Ruling.UNDECIDED): "inaccurate",
    ("inaccurate", Ruling.WRONG): "inaccurate",
    ("infeasible", Ruling.RIGHT): "inf right",
    ("infeasible", Ruling.UNDECIDED): "inf margin",
    ("infeasible", Ruling.WRONG): "INF WRONG",
    ("other", Ruling.RIGHT): "for a y'",
    ("refused", None): "refused",
    ("untyped", None): "UNTYPED",
}
COLUMNS = (
    *("right", "for a y'", "beyond tol", "undecided", "FALSE", "lost", "inaccurate"),
    *("inf right", "inf margin", "INF WRONG", "refused", "UNTYPED"),
)
FAILURES = tuple(column for column in COLUMNS if column.isupper())


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What happened to one case."""

    case: Case
    outcome: str
    verdict: Verdict | None = None
    detail: str = ""
    stray: str = ""
    log_x: Vector | None = None
    seconds: float = 0.0
    judging: float = 0.0

    @property
    def column(self) -> str:
        """The column of the table it counts in."""
        column = COLUMN[self.outcome, self.verdict.ruling if self.verdict else None]
        return "beyond tol" if column == "undecided" and self.verdict and math.isfinite(self.verdict.error) else column

    @property
    def family(self) -> str:
        """The row of the table it counts in."""
        return "known cases" if self.case.name in KNOWN else self.case.name.partition("/")[0]


def run(case: Case, tol: float = 1e-9, *, exactly: bool = False, errors: ErrorHandling = "default") -> Record:
    """Solve one case and judge what is said of it.

    With ``exactly`` a certified answer that is right for some y' within the margin, but not for y itself, is told
    apart. ``errors`` is the caller's ``numpy.errstate``, which must make no difference.
    """
    start = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught, _errstate(errors):
        warnings.simplefilter("always")
        answer = _answer(case, tol)
    seconds = time.perf_counter() - start
    record = _judged(case, answer, tol)
    if exactly and record.column == "right" and not _right_as_given(record, tol):
        record = replace(record, outcome="other")
    stray = [str(warning.message) for warning in caught if not issubclass(warning.category, NotCertifiedWarning)]
    judging = time.perf_counter() - start - seconds
    return replace(record, seconds=seconds, judging=judging, stray=stray[0] if stray else "")


def _errstate(errors: ErrorHandling) -> AbstractContextManager[None]:
    return nullcontext() if errors == "default" else np.errstate(all=errors)


def _answer(case: Case, tol: float) -> Solution | Exception:
    """What the package returns or raises, stopped if it hangs."""
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, HANG)
    try:
        problem = BregmanProjection(LinearSystem(case.A, case.y), log_alpha=case.log_alpha, cost=case.cost)
        return solve(problem, tol=tol, time_limit=TIME_LIMIT)
    except Exception as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"still running after {HANG:g} s with a limit of {TIME_LIMIT:g} s")


def _judged(case: Case, answer: Solution | Exception, tol: float) -> Record:
    if isinstance(answer, InfeasibleError):
        return Record(case=case, outcome="infeasible", verdict=judge_infeasible(case.A, case.y, answer.farkas))
    if isinstance(answer, Exception):
        detail = f"{type(answer).__name__}: {str(answer).partition(';')[0]}"
        return Record(case=case, outcome="refused" if isinstance(answer, BregmanError) else "untyped", detail=detail)
    verdict = judge(case.A, case.y, case.log_alpha, answer.log_x, cost=case.cost, tol=tol)
    if answer.status.is_certified:
        if not _same(answer.x, answer.log_x):
            verdict = Verdict(ruling=Ruling.WRONG, error=math.inf, reason="x is not exp(log_x)")
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


def _right_as_given(record: Record, tol: float) -> bool:
    """Whether the answer is right for y itself too; taken to be so where the exact projection is not found."""
    case = record.case
    try:
        truth = exact_projection(case.A, case.y, case.log_alpha, case.cost)
    except NoConvergenceError:
        return True
    return truth is not None and distance(record.log_x, as_floats(truth), case.log_alpha) <= tol


def distance(log_x: Vector | None, truth: Vector, log_alpha: float) -> float:
    """The largest error in log x, in the unit of tol; infinite where only one of the two is zero."""
    if log_x is None:
        return math.inf
    with np.errstate(invalid="ignore"):
        off = np.where(log_x == truth, 0.0, np.abs(log_x - truth))
    return float((off / spread(log_alpha, truth)).max())


def campaign(
    families: Iterable[str], *, count: int, seed: int, tol: float = 1e-9, jobs: int = 1, **how: Any
) -> Iterator[Record]:
    """Run so many cases, the families in turn."""
    names = list(families)
    work = ((names[number % len(names)], number // len(names)) for number in range(count))
    if jobs == 1:
        yield from map(partial(_drawn, seed, tol, how), work)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(partial(_drawn, seed, tol, how), work, chunksize=8)


def _drawn(seed: int, tol: float, how: dict[str, Any], which: tuple[str, int]) -> Record:
    return run(draw(which[0], seed, which[1]), tol, **how)


def to_json(record: Record) -> dict[str, Any]:
    """A case and what happened, with floats that lose nothing."""
    case, verdict = record.case, record.verdict
    return {
        "name": case.name,
        "A": _hexadecimal(case.A),
        "y": _hexadecimal(case.y),
        "log_alpha": float(case.log_alpha).hex(),
        "cost": _hexadecimal(case.cost),
        "log_x": _hexadecimal(record.log_x),
        "column": record.column,
        "detail": record.detail,
        "reason": verdict.reason if verdict else "",
        "error": repr(verdict.error) if verdict else "",
    }


def _hexadecimal(values: Any) -> Any:
    if values is None:
        return None
    return [_hexadecimal(row) for row in values] if np.ndim(values) else float(values).hex()


def from_json(data: dict[str, Any]) -> Case:
    """The case of a file."""
    return Case(
        name=data["name"],
        A=np.array(_floats(data["A"])),
        y=np.array(_floats(data["y"])),
        log_alpha=float.fromhex(data["log_alpha"]),
        cost=None if data["cost"] is None else np.array(_floats(data["cost"])),
    )


def _floats(values: Any) -> Any:
    return [_floats(row) for row in values] if isinstance(values, list) else float.fromhex(values)
