"""Our own backend: Newton's method on the dual, to full relative accuracy at any alpha."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bregman_l1._backends.base import Backend, Support
from bregman_l1._backends.generated import generated_minimiser
from bregman_l1._backends.highs import HighsBackend
from bregman_l1._backends.krylov import KrylovBackend
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.newton import by_products, project, project_along, project_wide
from bregman_l1.parts import both
from bregman_l1.polyhedron.proximal import proximal_minimiser
from bregman_l1.problems.base import Problem
from bregman_l1.problems.l1 import L1Minimization
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.validation import checked_vector

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
        is_left = _is_left_to_krylov(problem)
        if self.native and (is_left or isinstance(problem, L1Minimization)):
            return Support(False, "start_dual is for projections on systems with columns")
        return KrylovBackend().supports(problem) if is_left else Support(True)

    def claim(self, problem: Problem) -> Claim:
        started = perf_counter()
        if isinstance(problem, L1Minimization) and problem.system.is_distributed:
            claim = generated_minimiser(problem, self._vertex, self._budget)
        elif _is_left_to_krylov(problem):
            claim = self._from_products(problem)
        elif isinstance(problem, L1Minimization):
            claim = self._minimiser(problem)
        else:
            assert isinstance(problem, BregmanProjection)
            claim = self._projection(problem)
        return replace(claim, solve_time=perf_counter() - started)

    @property
    def _budget(self) -> Budget:
        return Budget(self.max_iter, self.time_limit)

    def _projection(self, problem: BregmanProjection) -> Claim:
        start = self.native.get("start_dual")
        if start is not None:
            start = checked_vector("start_dual", start, problem.system.shape[0], problem.system.row_names, "row")
        settings: dict[str, Any] = {
            "start_dual": start, "tol": self.tol, "max_iter": self.max_iter, "time_limit": self.time_limit,
        }  # fmt: skip
        if problem.system.is_distributed:
            return project_wide(problem.system, problem.log_prior, **settings)
        part = problem.part
        return part.embedded(project(part.system, problem.wide_log_prior[part.columns], problem.potential, **settings))

    def _vertex(self, part: L1Minimization) -> Claim:
        """The minimiser on columns that were gathered, which are solved to the end."""
        return part.polish(replace(self, max_iter=None).claim(part), self.tol)

    def _from_products(self, problem: Problem) -> Claim:
        backend = KrylovBackend(tol=self.tol, max_iter=self.max_iter, time_limit=self.time_limit)
        claim = backend.claim(problem)
        return replace(claim, raw_status=f"{backend.name}: {claim.raw_status}")

    def _minimiser(self, problem: L1Minimization) -> Claim:
        """A vertex from proximal points, whose inner problems Newton's method solves, or from the simplex method."""
        budget = self._budget
        found = proximal_minimiser(problem.unsigned, problem.weights, budget)
        if found is not None:
            return Claim(x=found.x, dual=found.dual, raw_status="converged", iterations=found.steps)
        if budget.spent_out is not None:
            return Claim(outcome=budget.spent_out, raw_status=budget.spent_out.value, iterations=budget.used)
        left = None if self.time_limit is None else max(budget.seconds_left, 1e-3)
        claim = HighsBackend(tol=self.tol, max_iter=self.max_iter, time_limit=left).claim(problem)
        return replace(claim, raw_status=f"HiGHS: {claim.raw_status}", iterations=budget.used + claim.iterations)


def _is_left_to_krylov(problem: Problem) -> bool:
    """Whether A is known by products alone; projections of tables need no more than that."""
    if problem.system.is_distributed:
        return False
    if isinstance(problem, BregmanProjection) and problem.unsigned.is_table and problem.potential.is_logarithmic:
        return False
    return by_products(problem.unsigned)


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
