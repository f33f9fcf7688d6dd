"""`Problem`: what is solved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.frozen import FrozenArrays

if TYPE_CHECKING:
    import cvxpy as cp

    from bregman_l1._types import Vector
    from bregman_l1.certificate import Certificate
    from bregman_l1.claim import Claim
    from bregman_l1.polyhedron.linear_program import LinearProgram, LinearProgramAnswer
    from bregman_l1.system import LinearSystem


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
    def unsigned(self) -> LinearSystem:
        """The system in nonnegative unknowns, which claims are about: that of x_plus and x_minus if x is signed."""
        return self.system

    def unfolded(self, x: Vector) -> Vector:
        """A signed x as the nonnegative unknowns (x_plus, x_minus) of `unsigned`, shape (2d,)."""
        return np.append(np.maximum(x, 0.0), np.maximum(-x, 0.0))

    @property
    @abstractmethod
    def title(self) -> str:
        """The problem in a few words, for certificates and messages."""

    @property
    @abstractmethod
    def cones(self) -> frozenset[str]:
        """What a solver must handle: of 'linear', 'exponential', 'power', 'integer'."""

    @abstractmethod
    def dcp(self) -> cp.Problem:
        """Return the problem for CVXPY, its parameters set to this problem's values.

        The program is built once for each system and thread, and shared by all problems on it that differ in
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

    def refuse(self, claim: Claim) -> None:
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
