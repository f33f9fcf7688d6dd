"""`Claim`: what somebody says the answer is, and the vectors that would prove parts of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.errors import InvalidProblemError
from bregman_l1.foreign import entrywise
from bregman_l1.frozen import read_only
from bregman_l1.one_line import OneLine
from bregman_l1.outcome import Outcome


@dataclass(frozen=True, slots=True, eq=False)
class ExposingVector(OneLine):
    """z with A'z <= 0, y'z = 0, strictly negative exactly on the coordinates that vanish: verified, never trusted."""

    z: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Farkas(OneLine):
    """z with A'z <= 0 < y'z, so that no x >= 0 solves A x = y: verified, never trusted."""

    z: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim(OneLine):
    """An answer somebody asserts and nobody has checked yet.

    Attributes
    ----------
    x : ndarray of shape (d,), optional
        The primal vector; it and its logarithm are arrays of dask, not computed yet, where A is one.
    log_x : ndarray of shape (d,), optional
        Its logarithm, where x itself may underflow; -inf for exact zeros.
    dual : ndarray of shape (N,), optional
        The multiplier lam of A x = y, in the one sign convention lam = d(optimal value)/dy.
    value : float
        The optimal value claimed, NaN if none.
    bound : float
        A bound on the optimal value from the other side (from branch and bound), NaN if none.
    outcome : Outcome
        What the solver says of its run.
    raw_status : str
        The same in the solver's own words; those of the outcome if it has none.
    iterations : int
        Iterations spent.
    setup_time, solve_time : float
        Seconds spent preparing and solving.
    time_left : float
        Seconds that polishing may take, of the time limit that was set.
    proof : ExposingVector or Farkas, optional
        What shows that coordinates vanish on the whole feasible set, or that it is empty; verified, never trusted.
    error : float
        The largest error of an entry of log x, as the solver estimates it; NaN if it does not.
    """

    x: Vector | None = None
    log_x: Vector | None = None
    dual: Vector | None = None
    value: float = np.nan
    bound: float = np.nan
    outcome: Outcome = Outcome.OPTIMAL
    raw_status: str = ""
    iterations: int = 0
    setup_time: float = 0.0
    solve_time: float = 0.0
    time_left: float = np.inf
    proof: ExposingVector | Farkas | None = None
    error: float = np.nan

    _shown: ClassVar = ("outcome", "raw_status", "iterations", "x", "log_x", "dual")

    @property
    def point(self) -> Vector:
        """The primal vector, from its logarithm if that is what was claimed."""
        if self.x is not None:
            return self.x
        if self.log_x is None:
            raise InvalidProblemError("the claim holds neither x nor log_x")
        return read_only(entrywise(np.exp, self.log_x))

    @property
    def log_point(self) -> Vector:
        """The logarithm of the primal vector: -inf for zeros, NaN for negative entries."""
        if self.log_x is not None:
            return self.log_x
        log_x: Vector = entrywise(np.log, self.point)
        return log_x

    def improved(
        self, *, x: Vector | None = None, log_x: Vector | None = None, dual: Vector | None, iterations: int = 0
    ) -> Claim:
        """Return this claim with a better answer, its history kept and the iterations added."""
        return replace(
            self, x=x, log_x=log_x, dual=dual, value=np.nan, error=np.nan, iterations=self.iterations + iterations
        )
