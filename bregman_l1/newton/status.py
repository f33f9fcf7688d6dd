"""How a run of the native solver ends, and what it may use up."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf
from time import perf_counter

MOST_ITERATIONS = 2000


class Status(Enum):
    """How a run ended."""

    CONVERGED = "converged"
    """The last Newton step in log x is below the tolerance."""

    INACCURATE = "inaccurate"
    """Newton's method came to rest above the tolerance: the system is too ill conditioned for it."""

    ITERATION_LIMIT = "iteration limit"
    """The iterations ran out; the answer is the last iterate. Raise ``max_iter``."""

    TIME_LIMIT = "time limit"
    """The time ran out; the answer is the last iterate. Raise ``time_limit``."""

    INFEASIBLE = "infeasible"
    """No x >= 0 solves A x = y; the exposing vector z has A'z <= 0 < y'z."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many factorisations may be made, and until when (a `perf_counter` time)."""

    iterations: int = MOST_ITERATIONS
    deadline: float = inf

    @classmethod
    def of(cls, max_iter: int | None, time_limit: float | None) -> Budget:
        """The budget that starts now; None means the default."""
        return cls(
            iterations=MOST_ITERATIONS if max_iter is None else max_iter,
            deadline=inf if time_limit is None else perf_counter() + time_limit,
        )

    def exhausted(self, used: int) -> Status | None:
        """The limit that has been reached, if any."""
        if used >= self.iterations:
            return Status.ITERATION_LIMIT
        return Status.TIME_LIMIT if perf_counter() > self.deadline else None

    def after(self, used: int) -> Budget:
        """What is left after ``used`` factorisations."""
        return Budget(iterations=max(0, self.iterations - used), deadline=self.deadline)

    def at_most(self, iterations: int) -> Budget:
        """Cut the budget to so many factorisations."""
        return Budget(iterations=min(iterations, self.iterations), deadline=self.deadline)
