"""Our own backend: Newton's method on the dual, to full relative accuracy at any alpha."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._backends.base import Backend, Support, checked_start
from bregman_l1._backends.highs import HighsBackend
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.newton import project_along
from bregman_l1.parts import both
from bregman_l1.polyhedron.proximal import proximal_minimiser
from bregman_l1.problems.access import Limits, access_to
from bregman_l1.problems.base import Problem
from bregman_l1.problems.l1 import L1Minimization
from bregman_l1.problems.projection import BregmanProjection

if TYPE_CHECKING:
    from bregman_l1._types import Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class NewtonBackend(Backend):
    """Newton's method on the dual, then a scale-free form in which no entry is too small."""

    @property
    def name(self) -> str:
        return "newton"

    def native_options(self) -> tuple[str, ...]:
        """``start_dual``: the multiplier, shape (N,), that a projection begins from."""
        return ("start_dual",)

    def supports(self, problem: Problem) -> Support:
        if not isinstance(problem, BregmanProjection | L1Minimization):
            return Support(False, "newton solves Bregman projections and their limits only")
        if isinstance(problem, L1Minimization):
            return Support(not self.native, "start_dual is for projections")
        reason = access_to(problem.unsigned).unsolved(problem.potential)
        return Support(not reason, reason)

    def claim(self, problem: Problem) -> Claim:
        started = perf_counter()
        limits: Limits = {"tol": self.tol, "max_iter": self.max_iter, "time_limit": self.time_limit}
        if isinstance(problem, L1Minimization):
            claim = access_to(problem.unsigned).minimise(problem, self._vertex, limits)
        else:
            assert isinstance(problem, BregmanProjection)
            claim = problem.solved_natively(checked_start(self, problem), limits)
        return replace(claim, solve_time=perf_counter() - started)

    def _vertex(self, problem: L1Minimization) -> Claim:
        """A vertex from proximal points, whose inner problems Newton's method solves, or from the simplex method."""
        budget = Budget(self.max_iter, self.time_limit)
        found = proximal_minimiser(problem.unsigned, problem.weights, budget)
        if found is not None:
            return Claim(x=found.x, dual=found.dual, raw_status="converged", iterations=found.steps)
        if budget.spent_out is not None:
            return Claim(outcome=budget.spent_out, raw_status=budget.spent_out.value, iterations=budget.used)
        left = None if self.time_limit is None else max(budget.seconds_left, 1e-3)
        claim = HighsBackend(tol=self.tol, max_iter=self.max_iter, time_limit=left).claim(problem)
        return replace(claim, raw_status=f"HiGHS: {claim.raw_status}", iterations=budget.used + claim.iterations)


def claims_along(problems: list[BregmanProjection], cost: Vector, tol: float) -> list[Claim]:
    """Claims for projections in entropy that differ in alpha only, each from those before; in their order."""
    started = perf_counter()
    part, prior = problems[0].part, problems[0].prior
    if problems[0].signed:
        cost, prior = both(cost), both(prior)
    log_alphas, log_base = np.array([problem.log_alpha for problem in problems]), np.log(prior[part.columns])
    claims = project_along(part.system, cost[part.columns], log_alphas, log_base=log_base, tol=tol)
    seconds = (perf_counter() - started) / len(problems)
    return [replace(part.embedded(claim), solve_time=seconds) for claim in claims]
