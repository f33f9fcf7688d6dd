"""Projections and l1 minimisers from products with A and A' alone, for matrices that are not in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from bregman_l1._backends.base import Backend, Support
from bregman_l1.claim import Claim
from bregman_l1.krylov import minimiser, project
from bregman_l1.problems.base import Problem
from bregman_l1.problems.l1 import L1Minimization
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.validation import checked_vector

if TYPE_CHECKING:
    from bregman_l1._types import Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class KrylovBackend(Backend):
    """Newton's method with Krylov solvers: its iterations are applications of A or A', each counting one."""

    @property
    def name(self) -> str:
        return "krylov"

    def native_options(self) -> tuple[str, ...]:
        """``start_dual``: the multiplier, shape (N,), of a projection nearby, from which to begin."""
        return ("start_dual",)

    def supports(self, problem: Problem) -> Support:
        if problem.unsigned.is_distributed:
            return Support(
                False, "krylov keeps vectors of shape (d,) in memory, and those of this system are distributed"
            )
        if isinstance(problem, L1Minimization):
            return Support(not self.native, "start_dual is for projections")
        if not isinstance(problem, BregmanProjection):
            return Support(False, "krylov solves Bregman projections and l1 minimisation only")
        if not problem.potential.is_logarithmic:
            return Support(False, f"krylov solves projections of depth 2, this one has depth {problem.depth:g}")
        return Support(True)

    def claim(self, problem: Problem) -> Claim:
        started = perf_counter()
        if isinstance(problem, L1Minimization):
            claim = minimiser(problem.unsigned, problem.weights, max_iter=self.max_iter, time_limit=self.time_limit)
        else:
            assert isinstance(problem, BregmanProjection)
            part = problem.part
            claim = part.embedded(
                project(
                    part.system,
                    problem.log_prior[part.columns],
                    start_dual=self._start_dual(problem),
                    tol=self.tol,
                    max_iter=self.max_iter,
                    time_limit=self.time_limit,
                )
            )
        return replace(claim, solve_time=perf_counter() - started)

    def _start_dual(self, problem: BregmanProjection) -> Vector | None:
        dual, system = self.native.get("start_dual"), problem.system
        return None if dual is None else checked_vector("start_dual", dual, system.shape[0], system.row_names, "row")
