"""`Access`: what is done differently where A has columns in memory, products alone, or blocks elsewhere."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from bregman_l1.polyhedron.feasible_set import no_solution
from bregman_l1.problems.positive_part import PositivePart, infeasible_outside_zeros, positive_part

if TYPE_CHECKING:
    from bregman_l1._types import Vector
    from bregman_l1.certificate import Certificate
    from bregman_l1.claim import Claim
    from bregman_l1.newton import NewtonSteps
    from bregman_l1.potential import Potential
    from bregman_l1.problems.l1 import L1Minimization
    from bregman_l1.problems.projection import BregmanProjection
    from bregman_l1.system import LinearSystem


class Limits(TypedDict):
    """What a solver is told: the accuracy asked, and the most iterations and seconds."""

    tol: float
    max_iter: int | None
    time_limit: float | None


class Access(ABC):
    """How problems on one kind of system are solved, certified and refused.

    A problem asks the one that belongs to its system (`access_to`) and knows no storage itself.
    """

    def refuse(self, *, signed: bool, depth: float) -> None:  # noqa: B027 - most refuse nothing
        """Raise UnsupportedStorageError for x of a sign, or a potential of a depth, of which nothing can be told."""

    def unsolved(self, potential: Potential) -> str:  # noqa: ARG002 - most solve all
        """Why the native method cannot project in a potential; nothing where it can."""
        return ""

    def part(self, problem: BregmanProjection) -> PositivePart:
        """The columns where the prior is positive."""
        return positive_part(problem.unsigned, problem.unsigned_prior)

    @abstractmethod
    def project(self, problem: BregmanProjection, start_dual: Vector | None, limits: Limits) -> Claim:
        """The projection by the native method."""

    @abstractmethod
    def certify_projection(
        self, problem: BregmanProjection, claim: Claim, tol: float, steps: NewtonSteps | None
    ) -> Certificate:
        """Every residual of a candidate for a projection."""

    def divergence(self, problem: BregmanProjection, claim: Claim) -> float:
        """The objective of a projection at a claim, which is added up in pieces."""
        log_point, value = claim.log_point, 0.0
        with np.errstate(under="ignore", over="ignore", invalid="ignore"):
            for part, _ in problem.unsigned.pieces():
                x = np.exp(log_point[part]) if claim.x is None else claim.x[part]
                value += problem.potential.divergence(x, log_point[part], problem.log_prior[part])
        return value

    @abstractmethod
    def minimise(self, problem: L1Minimization, vertex: Callable[[L1Minimization], Claim], limits: Limits) -> Claim:
        """The l1 minimiser by the native method; ``vertex`` finds one where A has columns in memory."""

    @abstractmethod
    def certify_minimiser(self, problem: L1Minimization, claim: Claim, tol: float) -> Certificate:
        """Every residual of a candidate for an l1 minimiser."""

    @abstractmethod
    def separates(self, system: LinearSystem, z: Vector, alive: Vector | float = 1.0) -> bool:
        """Whether A'z <= 0 < y'z on the columns where ``alive`` is not zero, beyond rounding."""

    def refuse_infeasible(self, system: LinearSystem, farkas: Vector | None, seconds: float) -> None:  # noqa: ARG002
        """Raise InfeasibleError if a vector proves that there is no x >= 0 with A x = y."""
        if farkas is not None and self.separates(system, farkas):
            raise no_solution(system, farkas)

    def refuse_outside_zeros(self, problem: BregmanProjection, farkas: Vector | None, seconds: float) -> None:  # noqa: ARG002
        """Raise InfeasibleError if a vector proves that no such x vanishes where the prior does."""
        if farkas is not None and self.separates(problem.unsigned, farkas, problem.unsigned_prior):
            raise infeasible_outside_zeros(problem.unsigned, farkas)
