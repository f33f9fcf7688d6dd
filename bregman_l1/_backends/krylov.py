"""Projections and l1 minimisers from products with A and A' alone, for matrices that are not in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter

from bregman_l1._backends.base import Backend, Support, checked_start
from bregman_l1.claim import Claim
from bregman_l1.krylov import minimiser
from bregman_l1.problems.access import ByProducts, Limits
from bregman_l1.problems.base import Problem
from bregman_l1.problems.l1 import L1Minimization
from bregman_l1.problems.projection import BregmanProjection


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
        reason = ByProducts().unsolved(problem.potential)
        return Support(not reason, reason)

    def claim(self, problem: Problem) -> Claim:
        started = perf_counter()
        if isinstance(problem, L1Minimization):
            claim = minimiser(problem.unsigned, problem.weights, max_iter=self.max_iter, time_limit=self.time_limit)
        else:
            assert isinstance(problem, BregmanProjection)
            limits: Limits = {"tol": self.tol, "max_iter": self.max_iter, "time_limit": self.time_limit}
            claim = ByProducts().project(problem, checked_start(self, problem), limits)
        return replace(claim, solve_time=perf_counter() - started)
