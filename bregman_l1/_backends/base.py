"""`Backend`: who solves it. A backend makes a claim; it is never believed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any

from bregman_l1.claim import Claim
from bregman_l1.errors import InvalidOptionError
from bregman_l1.problems.base import Problem
from bregman_l1.scale import is_real
from bregman_l1.validation import checked_tolerance


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a backend can solve a problem, and if not, why.

    Examples
    --------
    >>> bool(Support(ok=False, reason="no exponential cone"))
    False
    """

    ok: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.ok


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend(ABC):
    """A solver with its settings.

    Attributes
    ----------
    tol : float
        The accuracy asked of the solver, in its own measure; positive, below 1.
    max_iter : int, optional
        Iteration limit; the solver's own if omitted.
    time_limit : float, optional
        Time limit in seconds; none if omitted.
    native : mapping
        Options passed to the solver as they are. An option it does not know raises
        `InvalidOptionError` before anything is solved.
    """

    tol: float = 1e-9
    max_iter: int | None = None
    time_limit: float | None = None
    native: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Solvers want the numbers of Python itself, not numpy's.
        object.__setattr__(self, "tol", checked_tolerance(self.tol))
        if self.max_iter is not None:
            object.__setattr__(self, "max_iter", _checked_max_iter(self.max_iter))
        if self.time_limit is not None:
            object.__setattr__(self, "time_limit", _checked_time_limit(self.time_limit))

    @property
    @abstractmethod
    def name(self) -> str:
        """The name under which the registry knows this backend."""

    @abstractmethod
    def supports(self, problem: Problem) -> Support:
        """Say whether this backend can solve the problem."""

    @abstractmethod
    def claim(self, problem: Problem) -> Claim:
        """Solve the problem and return what the solver asserts, whatever it is worth.

        Raises
        ------
        BackendError
            If the solver ends without any point.
        """

    def _refuse_unknown(self, known: tuple[str, ...]) -> None:
        unknown = [name for name in self.native if name not in known]
        if unknown:
            listed = f"it knows {', '.join(known)}" if known else "it has no options of its own"
            raise InvalidOptionError(f"{self.name} has no option {unknown[0]!r}; {listed}")


def _checked_max_iter(max_iter: Any) -> int:
    if isinstance(max_iter, bool) or not (isinstance(max_iter, Integral) and int(max_iter) > 0):
        raise InvalidOptionError(f"max_iter must be a positive integer, got {max_iter!r}")
    return int(max_iter)


def _checked_time_limit(time_limit: Any) -> float:
    if not (is_real(time_limit) and time_limit > 0):
        raise InvalidOptionError(f"time_limit must be a positive number of seconds, got {time_limit!r}")
    return float(time_limit)
