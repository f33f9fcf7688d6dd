"""Systems that are known by products with A and A' alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import ROUNDINGS
from bregman_l1.krylov import minimiser, project
from bregman_l1.problems.access.base import Access, Limits
from bregman_l1.problems.minimiser_residuals import FromProducts
from bregman_l1.problems.product_residuals import ProductResiduals

if TYPE_CHECKING:
    from bregman_l1._types import Vector
    from bregman_l1.certificate import Certificate
    from bregman_l1.claim import Claim
    from bregman_l1.newton import NewtonSteps
    from bregman_l1.potential import Potential
    from bregman_l1.problems.l1 import L1Minimization
    from bregman_l1.problems.projection import BregmanProjection
    from bregman_l1.system import LinearSystem


class ByProducts(Access):
    """Krylov methods; what is not seen without columns is said in the certificate."""

    def unsolved(self, potential: Potential) -> str:
        if potential.is_logarithmic:
            return ""
        return f"from products alone projections of depth 2 are solved, this one has depth {potential.depth:g}"

    def project(self, problem: BregmanProjection, start_dual: Vector | None, limits: Limits) -> Claim:
        part = problem.part
        log_prior = problem.log_prior[part.columns]
        return part.embedded(project(part.system, log_prior, start_dual=start_dual, **limits))

    def certify_projection(
        self,
        problem: BregmanProjection,
        claim: Claim,
        tol: float,
        steps: NewtonSteps | None,  # noqa: ARG002
    ) -> Certificate:
        return ProductResiduals(problem, claim).certificate(tol)

    def minimise(self, problem: L1Minimization, vertex: Callable[[L1Minimization], Claim], limits: Limits) -> Claim:  # noqa: ARG002
        most, seconds = limits["max_iter"], limits["time_limit"]
        return minimiser(problem.unsigned, problem.weights, max_iter=most, time_limit=seconds)

    def certify_minimiser(self, problem: L1Minimization, claim: Claim, tol: float) -> Certificate:
        return FromProducts(problem.unsigned, problem.weights).certificate(problem.title, claim, tol)

    def separates(self, system: LinearSystem, z: Vector, alive: Vector | float = 1.0) -> bool:
        """As in the base, but that no rounding of A'z is forgiven: the size of its terms is not known."""
        rise = np.where(np.broadcast_to(alive, system.shape[1]) != 0.0, system.rmatvec(z), -np.inf)
        beyond = float(system.y @ z) > ROUNDINGS * float(np.abs(system.y) @ np.abs(z))
        return beyond and float(rise.max()) <= 0.0
