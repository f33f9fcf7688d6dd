"""How many examples there are, and what a call may end in."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from hypothesis import HealthCheck, currently_in_test_context, event, settings

from bregman_l1 import BregmanError, BregmanWarning

FACTOR = float(os.environ.get("FUZZ", "1"))
"""Multiple of the examples that the suite runs; above 1 they are new ones each time."""

# Far more than any call here takes where nothing else runs.
_PATIENCE = 120


def examples(count: int) -> settings:
    """The settings of a test of so many examples, times `FACTOR`."""
    return settings(
        max_examples=max(1, round(count * FACTOR)),
        derandomize=FACTOR <= 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def nothing_but_our_errors(name: str, *others: type[Exception]) -> Iterator[None]:
    """Let a block return or raise one of our errors, or ``others``; no other exception, no warning, no endless loop."""
    with warnings.catch_warnings(), _patience():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", BregmanWarning)
        ended = "returned"
        try:
            yield
        except (BregmanError, *others) as refusal:
            ended = type(refusal).__name__
    if currently_in_test_context():
        event(f"{name}: {ended}")


@contextmanager
def _patience() -> Iterator[None]:
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def give_up(*_: object) -> None:
        raise AssertionError(f"no end after {_PATIENCE} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
