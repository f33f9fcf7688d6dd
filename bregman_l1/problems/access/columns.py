"""Systems whose columns are in memory, dense or sparse."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.errors import InfeasibleError
from bregman_l1.newton import NewtonSteps, project
from bregman_l1.polyhedron.feasible_set import infeasible, require_feasible, separates
from bregman_l1.problems.access.base import Access, Limits
from bregman_l1.problems.minimiser_residuals import FromColumns
from bregman_l1.problems.positive_part import infeasible_outside_zeros
from bregman_l1.problems.projection_residuals import ProjectionResiduals

if TYPE_CHECKING:
    from bregman_l1._types import Vector
    from bregman_l1.certificate import Certificate
    from bregman_l1.claim import Claim
    from bregman_l1.problems.l1 import L1Minimization
    from bregman_l1.problems.projection import BregmanProjection
    from bregman_l1.system import LinearSystem


class ByColumns(Access):
    """Newton's method on the dual, linear programs, exact arithmetic where rounding cannot decide."""

    def project(self, problem: BregmanProjection, start_dual: Vector | None, limits: Limits) -> Claim:
        part = problem.part
        log_prior = problem.wide_log_prior[part.columns]
        return part.embedded(project(part.system, log_prior, problem.potential, start_dual=start_dual, **limits))

    def certify_projection(
        self, problem: BregmanProjection, claim: Claim, tol: float, steps: NewtonSteps | None
    ) -> Certificate:
        return ProjectionResiduals(problem, claim, steps).certificate(tol)

    def minimise(self, problem: L1Minimization, vertex: Callable[[L1Minimization], Claim], limits: Limits) -> Claim:  # noqa: ARG002
        return vertex(problem)

    def certify_minimiser(self, problem: L1Minimization, claim: Claim, tol: float) -> Certificate:
        return FromColumns(problem.unsigned, problem.weights).certificate(problem.title, claim, tol)

    def separates(self, system: LinearSystem, z: Vector, alive: Vector | float = 1.0) -> bool:
        part = system if np.all(alive) else system.restrict(np.flatnonzero(alive))
        return separates(part, z)

    def refuse_infeasible(self, system: LinearSystem, farkas: Vector | None, seconds: float) -> None:
        if farkas is not None and separates(system, farkas):
            raise infeasible(system, farkas, seconds)
        require_feasible(system)

    def refuse_outside_zeros(self, problem: BregmanProjection, farkas: Vector | None, seconds: float) -> None:
        try:
            self.refuse_infeasible(problem.part.system, farkas, seconds)
        except InfeasibleError as error:
            raise infeasible_outside_zeros(problem.part.system, error.farkas) from error
