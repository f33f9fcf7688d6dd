"""`Backend`: who solves it. A backend makes a claim; it is never believed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bregman_l1._types import Vector
from bregman_l1.claim import Claim
from bregman_l1.errors import InvalidOptionError
from bregman_l1.problems.base import Problem
from bregman_l1.scale import as_float
from bregman_l1.suggestions import did_you_mean
from bregman_l1.system import Knows
from bregman_l1.validation import checked_count, checked_tolerance, checked_vector

# What `solve` takes by these names itself: an option that looks like one of them was meant for it.
SHARED_SETTINGS = ("tol", "max_iter", "time_limit", "polish")


@dataclass(frozen=True, slots=True)
class Support:
    """Whether a backend can solve a problem, and if not, why.

    Parameters
    ----------
    ok : bool
        Whether it can.
    reason : str, optional
        Why it cannot, as the end of "... cannot solve this problem: ".

    Examples
    --------
    >>> bool(Support(ok=False, reason="no exponential cone"))
    False
    """

    ok: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.ok


def entries_known(problem: Problem) -> Support:
    """Whether a solver that states the problem by the entries of A can do so."""
    system = problem.unsigned
    return Support(system.knows is Knows.COLUMNS, f"it needs the entries of A, and {system} has none to look at")


def checked_start(backend: Backend, problem: Problem) -> Vector | None:
    """The option ``start_dual`` of a backend as a vector of shape (N,), None where it was not given."""
    given, system = backend.native.get("start_dual"), problem.system
    return None if given is None else checked_vector("start_dual", given, system.shape[0], system.row_names, "row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend(ABC):
    """A solver with its settings: subclass it to add one of your own.

    A subclass is a frozen dataclass with a ``name`` and the methods `supports` and `claim`; what it can be told
    beyond the settings below are further fields of it.

    Attributes
    ----------
    tol : float
        The accuracy asked of the solver, in its own measure; positive, below 1.
    max_iter : int, optional
        Iteration limit; the solver's own if omitted.
    time_limit : float, optional
        Time limit in seconds; none if omitted.
    native : mapping
        Options passed to the solver as they are.

    Raises
    ------
    InvalidOptionError
        If a setting has a value it cannot have, or a native option is not one of `native_options`.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import numpy as np
    >>> from bregman_l1 import Backend, BregmanProjection, Claim, LinearSystem, Support, solve
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Guess(Backend):
    ...     name = "guess"
    ...
    ...     def supports(self, problem):
    ...         return Support(isinstance(problem, BregmanProjection), "it guesses projections only")
    ...
    ...     def claim(self, problem):
    ...         return Claim(x=np.ones(problem.system.shape[1]))
    >>> solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=0.01), Guess()).status.value
    'certified'
    """

    tol: float = 1e-9
    max_iter: int | None = None
    time_limit: float | None = None
    native: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Solvers want the numbers of Python itself, not numpy's.
        object.__setattr__(self, "tol", checked_tolerance(self.tol))
        if self.max_iter is not None:
            object.__setattr__(self, "max_iter", checked_count("max_iter", self.max_iter, 1, InvalidOptionError))
        if self.time_limit is not None:
            object.__setattr__(self, "time_limit", _checked_time_limit(self.time_limit))
        if not isinstance(self.native, Mapping):
            raise InvalidOptionError(f"native must be a mapping of options, got {type(self.native).__name__}")
        if len(self.native):
            self._refuse_unknown(self.native_options())

    @property
    @abstractmethod
    def name(self) -> str:
        """What a solution says of who made its claim: lower case, as short as the names of ``backends()``."""

    @abstractmethod
    def supports(self, problem: Problem) -> Support:
        """Say whether this backend can solve the problem."""

    @abstractmethod
    def claim(self, problem: Problem) -> Claim:
        """Solve the problem and return what the solver asserts, whatever it is worth.

        A claim of ``x``, or of ``dual`` beside it, is polished before it is certified. A projection that is claimed
        by ``log_x`` is certified as it stands: claim it so where you hold every entry of it to ``tol``.

        Raises
        ------
        BackendError
            If the solver ends without any point.
        """

    def native_options(self) -> tuple[str, ...] | None:
        """Names of what `native` may hold; none unless a subclass says so, None where only its solver knows."""
        return ()

    def _refuse_unknown(self, known: tuple[str, ...] | None) -> None:
        unknown = [] if known is None else [name for name in self.native if name not in known]
        if unknown:
            hint = did_you_mean(unknown[0], (*SHARED_SETTINGS, *(known or ()))) or ";"
            listed = f"it knows {', '.join(known)}" if known else f"it has none beyond {', '.join(SHARED_SETTINGS)}"
            raise InvalidOptionError(f"{self.name} has no option {unknown[0]!r}{hint} {listed}")


def _checked_time_limit(time_limit: Any) -> float:
    seconds = as_float(time_limit)
    if not seconds > 0:
        raise InvalidOptionError(f"time_limit must be a positive number of seconds, got {time_limit!r}")
    return seconds
