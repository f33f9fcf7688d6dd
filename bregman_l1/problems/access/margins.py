"""Systems of the margins of a table: products and Gram matrices of a matrix of zeros and ones."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import in_double
from bregman_l1.budget import Budget
from bregman_l1.newton import project_table
from bregman_l1.outcome import Outcome
from bregman_l1.problems.access.base import Limits
from bregman_l1.problems.access.columns import ByColumns
from bregman_l1.problems.access.products import ByProducts
from bregman_l1.problems.table_residuals import TableResiduals

if TYPE_CHECKING:
    from bregman_l1._types import Vector
    from bregman_l1.certificate import Certificate
    from bregman_l1.claim import Claim
    from bregman_l1.newton import NewtonSteps
    from bregman_l1.problems.l1 import L1Minimization
    from bregman_l1.problems.projection import BregmanProjection
    from bregman_l1.system import LinearSystem

_P = TypeVar("_P", "BregmanProjection", "L1Minimization")


class ByMargins(ByProducts):
    """Proportional fitting and Newton's method; where these do not suffice, small tables are treated by columns."""

    def project(self, problem: BregmanProjection, start_dual: Vector | None, limits: Limits) -> Claim:
        part, budget = problem.part, Budget(limits["max_iter"], limits["time_limit"])
        log_prior = in_double(problem.wide_log_prior[part.columns])
        claim = part.embedded(project_table(part.system, log_prior, budget=budget, tol=limits["tol"]))
        is_settled = claim.outcome is not Outcome.INACCURATE or not _is_small(part.system)
        return claim if is_settled else ByColumns().project(_by_columns(problem), start_dual, limits)

    def certify_projection(
        self, problem: BregmanProjection, claim: Claim, tol: float, steps: NewtonSteps | None
    ) -> Certificate:
        certificate = TableResiduals(problem, claim).certificate(tol)
        if certificate.ok or not _is_small(problem.unsigned):
            return certificate
        return ByColumns().certify_projection(_by_columns(problem), claim, tol, steps)

    def minimise(self, problem: L1Minimization, vertex: Callable[[L1Minimization], Claim], limits: Limits) -> Claim:
        claim = super().minimise(problem, vertex, limits)
        if claim.outcome is not Outcome.INACCURATE or not _is_small(problem.unsigned):
            return claim
        explicit = _by_columns(problem)
        return explicit.polish(vertex(explicit), limits["tol"])

    def certify_minimiser(self, problem: L1Minimization, claim: Claim, tol: float) -> Certificate:
        certificate = super().certify_minimiser(problem, claim, tol)
        is_settled = certificate.ok and certificate.checks["uniqueness"].passed
        if is_settled or not _is_small(problem.unsigned):
            return certificate
        return ByColumns().certify_minimiser(_by_columns(problem), claim, tol)

    def separates(self, system: LinearSystem, z: Vector, alive: Vector | float = 1.0) -> bool:
        return ByColumns().separates(system.explicit(), z, alive)

    def refuse_infeasible(self, system: LinearSystem, farkas: Vector | None, seconds: float) -> None:
        ByColumns().refuse_infeasible(system.explicit(), farkas, seconds)

    def refuse_outside_zeros(self, problem: BregmanProjection, farkas: Vector | None, seconds: float) -> None:
        ByColumns().refuse_outside_zeros(_by_columns(problem), farkas, seconds)


def _is_small(system: LinearSystem) -> bool:
    return bool(np.prod(system.shape) <= settings.LARGEST_TABLEAU)


def _by_columns(problem: _P) -> _P:
    """The same problem with the columns of A in memory."""
    twin = copy(problem)
    twin._system = problem.system.explicit()
    return twin
