"""`Problem`: what is solved. `Claim`: what somebody says the answer is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bregman_l1.errors import InvalidProblemError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.outcome import Outcome

if TYPE_CHECKING:
    import cvxpy as cp

    from bregman_l1.certificate import Certificate
    from bregman_l1.linear_program import LinearProgram, LinearProgramAnswer
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An answer somebody asserts and nobody has checked yet.

    Attributes
    ----------
    x : ndarray of shape (d,), optional
        The primal vector.
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
        The same in the solver's own words.
    iterations : int
        Iterations spent.
    setup_time, solve_time : float
        Seconds spent preparing and solving.
    time_left : float
        Seconds that polishing may take, of the time limit that was set.
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

    @property
    def point(self) -> Vector:
        """The primal vector, from its logarithm if that is what was claimed."""
        if self.x is not None:
            return self.x
        if self.log_x is None:
            raise InvalidProblemError("the claim holds neither x nor log_x")
        with np.errstate(under="ignore", over="ignore"):
            return np.exp(self.log_x)

    @property
    def log_point(self) -> Vector:
        """The logarithm of the primal vector: -inf for zeros, NaN for negative entries."""
        if self.log_x is not None:
            return self.log_x
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(self.point)

    def improved(
        self, *, x: Vector | None = None, log_x: Vector | None = None, dual: Vector | None, iterations: int = 0
    ) -> Claim:
        """Return this claim with a better answer, its history kept and the iterations added."""
        return replace(self, x=x, log_x=log_x, dual=dual, value=np.nan, iterations=self.iterations + iterations)


class Problem(FrozenArrays, ABC):
    """An optimization problem over a `LinearSystem` that knows its own optimality conditions.

    A problem is immutable and knows no backend. It can state itself as a disciplined convex program
    for CVXPY (`dcp`, with `recover` to read the solver's variables back) and, where it is linear, as a
    linear program for HiGHS (`linear_program`, with `interpret`). It believes no answer before
    `certify`.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def system(self) -> LinearSystem:
        """The linear system the problem is about."""

    @property
    @abstractmethod
    def title(self) -> str:
        """The problem in a few words, for certificates and messages."""

    @property
    @abstractmethod
    def cones(self) -> frozenset[str]:
        """What a solver must handle: of 'linear', 'exponential', 'integer'."""

    @abstractmethod
    def dcp(self) -> cp.Problem:
        """Return the problem for CVXPY, its parameters set to this problem's values.

        The program is built once for each system and shared by all problems on it that differ in
        parameters only, so that CVXPY canonicalises it once: ask for it again before each solve.
        """

    @abstractmethod
    def recover(self, program: cp.Problem) -> Claim:
        """Read a claim off the variables of a solved `dcp` program, in this problem's own scale."""

    def linear_program(self) -> LinearProgram | None:
        """Return the problem as a linear or mixed-integer program, None where it is not one."""
        return None

    def interpret(self, answer: LinearProgramAnswer) -> Claim:
        """Read a claim off the answer to `linear_program`."""
        raise NotImplementedError(f"{self.title} is not a linear program")

    def refuse(self, outcome: Outcome) -> None:
        """Raise what a claim of infeasibility or unboundedness stands for, if that can be proved."""

    def polish(self, claim: Claim, tol: float = 1e-9) -> Claim:  # noqa: ARG002 - for overrides
        """Return the claim improved by what the problem knows of its own solution, within ``claim.time_left``."""
        return claim

    def objective(self, claim: Claim) -> float:
        """Return the objective at the claim's primal vector."""
        return claim.value

    @abstractmethod
    def certify(self, claim: Claim, tol: float = 1e-9) -> Certificate:
        """Measure how far the claim is from satisfying the optimality conditions."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.title}, {self.system}>"
