"""What a run may use up: iterations and seconds, counted by the budget itself."""

from __future__ import annotations

from math import inf
from time import perf_counter

from bregman_l1.outcome import Outcome


class Budget:
    """Iterations and seconds that a run may spend; it starts now.

    Parameters
    ----------
    iterations : int, optional
        Most iterations; no limit if omitted.
    seconds : float, optional
        Most seconds; no limit if omitted.

    Examples
    --------
    >>> budget = Budget(iterations=1)
    >>> budget.spent_out is None
    True
    >>> budget.count()
    >>> budget.spent_out
    <Outcome.ITERATION_LIMIT: 'iteration limit'>
    """

    __slots__ = ("_deadline", "_most", "used")

    def __init__(self, iterations: int | None = None, seconds: float | None = None) -> None:
        self._most = inf if iterations is None else iterations
        self._deadline = inf if seconds is None else perf_counter() + seconds
        self.used = 0

    def count(self, iterations: int = 1) -> None:
        """Spend one iteration, or several."""
        self.used += iterations

    @property
    def spent_out(self) -> Outcome | None:
        """The limit that has been reached, None while there is something left."""
        if self.used >= self._most:
            return Outcome.ITERATION_LIMIT
        return Outcome.TIME_LIMIT if perf_counter() > self._deadline else None

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline, at least 0; infinite without one."""
        return max(0.0, self._deadline - perf_counter())
