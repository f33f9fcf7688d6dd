"""Call the package, and note what it raises; what hangs is stopped."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

from bregman_l1 import BregmanError, InfeasibleError

from .cases import Case
from .judging import judged_infeasible
from .records import Record

T = TypeVar("T")
# What ignores its time limit for so long is stopped and counted as an untyped exception.
TIME_LIMIT, HANG = 10.0, 60.0


def answer_of(call: Callable[[], T]) -> T | Exception:
    """What is returned or raised."""
    signal.signal(signal.SIGALRM, _stop)
    signal.setitimer(signal.ITIMER_REAL, HANG)
    try:
        return call()
    except Exception as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"still running after {HANG:g} s with a limit of {TIME_LIMIT:g} s")


def judged_error(case: Case, error: Exception) -> Record:
    """An exception: a claim of infeasibility, another of the package's own, or one that should not be."""
    if isinstance(error, InfeasibleError):
        return Record(case=case, outcome="infeasible", verdict=judged_infeasible(case, error.farkas))
    detail = f"{type(error).__name__}: {str(error).partition(';')[0]}"
    return Record(case=case, outcome="refused" if isinstance(error, BregmanError) else "untyped", detail=detail)
