"""The one progress bar: at once when asked for, or when a run on a terminal turns out long.

A run within another is silent: the bar of the whole tells how far it has come.
"""

from __future__ import annotations

import sys
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

from bregman_l1.validation import checked_flag

if TYPE_CHECKING:
    from types import TracebackType

    from rich.progress import Progress, TaskID

_LONG_RUN = 3.0
_WITHIN_ANOTHER: ContextVar[bool] = ContextVar("within another run", default=False)


class ProgressBar:
    """A context in which `update` shows how far a run has come, on standard error, with the time left.

    Parameters
    ----------
    total : int, optional
        Steps in all, where that is known.
    wanted : bool, optional
        True shows the bar at once, False never; by default it appears after three seconds on a terminal.
    done : int, default 0
        Steps that were done before.

    Examples
    --------
    >>> with ProgressBar(3, wanted=False) as bar:
    ...     for step in range(3):
    ...         bar.update(step + 1)
    """

    def __init__(self, total: int | None, *, wanted: bool | None = None, done: int = 0) -> None:
        self._wanted = None if wanted is None else checked_flag("progress", wanted)
        self._total, self._done = total, done
        self._began = time.monotonic()
        self._bar: tuple[Progress, TaskID] | None = None

    def __enter__(self) -> ProgressBar:
        if _WITHIN_ANOTHER.get():
            self._wanted = False
        self._around = _WITHIN_ANOTHER.set(True)
        if self._wanted:
            self.update(self._done)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _WITHIN_ANOTHER.reset(self._around)
        if self._bar is not None:
            self._bar[0].stop()

    def update(self, completed: int, note: str = "") -> None:
        """Report the number of steps completed, with a word about the last one."""
        if self._bar is None and self._is_due():
            self._bar = self._open()
        if self._bar is not None:
            bar, task = self._bar
            bar.update(task, completed=completed, note=note)

    def _is_due(self) -> bool:
        if self._wanted is not None:
            return self._wanted
        return sys.stderr.isatty() and time.monotonic() - self._began > _LONG_RUN

    def _open(self) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
        bar = Progress(*columns, console=Console(stderr=True))
        bar.start()
        return bar, bar.add_task("", total=self._total, completed=self._done, note="")
