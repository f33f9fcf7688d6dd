"""Systems whose columns are in blocks elsewhere: passes over them, and the few columns that matter in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from bregman_l1.budget import Budget
from bregman_l1.errors import UnsupportedStorageError
from bregman_l1.newton import project_wide
from bregman_l1.newton.gathering import separates_all
from bregman_l1.problems.access.base import Access, Limits
from bregman_l1.problems.distributed_minimiser import distributed_certificate
from bregman_l1.problems.distributed_residuals import DistributedResiduals
from bregman_l1.problems.generated_minimiser import generated_minimiser
from bregman_l1.problems.positive_part import PositivePart

if TYPE_CHECKING:
    from bregman_l1._types import Vector
    from bregman_l1.certificate import Certificate
    from bregman_l1.claim import Claim
    from bregman_l1.newton import NewtonSteps
    from bregman_l1.problems.l1 import L1Minimization
    from bregman_l1.problems.projection import BregmanProjection
    from bregman_l1.system import LinearSystem


class ByBlocks(Access):
    """One pass over the blocks for each Newton step and each certificate; vectors of shape (d,) stay where A is."""

    def refuse(self, *, signed: bool, depth: float) -> None:
        if signed:
            raise UnsupportedStorageError(
                "x of either sign on a distributed system is not supported: give A as an array, or "
                "dask.array.concatenate([A, -A], axis=1) as A, of which x is (x_plus, x_minus)"
            )
        if depth != 2:
            raise UnsupportedStorageError(
                f"depth {depth:g} on a distributed system is not supported, only depth 2 is, whose dual is finite "
                "everywhere, so that passes over the blocks can maximise it: give A as an array"
            )

    def part(self, problem: BregmanProjection) -> PositivePart:
        """All columns: where the prior is zero its logarithm says so, and none is taken out."""
        return PositivePart(system=problem.system, columns=slice(None), n_columns=problem.system.shape[1])

    def project(self, problem: BregmanProjection, start_dual: Vector | None, limits: Limits) -> Claim:
        return project_wide(problem.system, problem.log_prior, start_dual=start_dual, **limits)

    def certify_projection(
        self,
        problem: BregmanProjection,
        claim: Claim,
        tol: float,
        steps: NewtonSteps | None,  # noqa: ARG002
    ) -> Certificate:
        return DistributedResiduals(problem, claim).certificate(tol)

    def divergence(self, problem: BregmanProjection, claim: Claim) -> float:
        return DistributedResiduals(problem, claim).value

    def minimise(self, problem: L1Minimization, vertex: Callable[[L1Minimization], Claim], limits: Limits) -> Claim:
        return generated_minimiser(problem, vertex, Budget(limits["max_iter"], limits["time_limit"]))

    def certify_minimiser(self, problem: L1Minimization, claim: Claim, tol: float) -> Certificate:
        return distributed_certificate(problem, claim, tol)

    def separates(self, system: LinearSystem, z: Vector, alive: Vector | float = 1.0) -> bool:
        return separates_all(system, z, alive=alive)
