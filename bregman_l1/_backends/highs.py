"""HiGHS, directly: linear and mixed-integer linear problems."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bregman_l1._backends.base import Backend, Support, entries_known
from bregman_l1.claim import Claim
from bregman_l1.errors import WHAT_TO_TRY, BackendError
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.linear_program import LinearProgramSettings, known_options, solve_linear_program
from bregman_l1.problems.base import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class HighsBackend(Backend):
    """HiGHS through highspy: simplex, interior point, branch and bound."""

    @property
    def name(self) -> str:
        return "highs"

    def supports(self, problem: Problem) -> Support:
        if problem.cones <= {"linear", "integer"}:
            return entries_known(problem)
        return Support(False, "HiGHS solves linear and mixed-integer linear problems, a projection is neither")

    def native_options(self) -> tuple[str, ...]:
        return known_options()

    def claim(self, problem: Problem) -> Claim:
        program = problem.linear_program()
        if program is None:
            raise BackendError(f"{problem.title} has no linear program")
        settings = LinearProgramSettings(
            tol=self.tol, max_iter=self.max_iter, time_limit=self.time_limit, native=dict(self.native)
        )
        answer = solve_linear_program(program, settings)
        if answer.outcome is Outcome.FAILED:
            raise BackendError(f"highs gave no answer: {answer.raw_status}; {WHAT_TO_TRY}", answer.raw_status)
        return replace(
            Claim() if answer.x is None else problem.interpret(answer),
            outcome=answer.outcome,
            raw_status=answer.raw_status,
            iterations=answer.iterations,
            setup_time=answer.setup_time,
            solve_time=answer.solve_time,
        )
