"""CVXPY with the conic solvers it ships."""

from __future__ import annotations

import cvxpy as cp
from benchopt import BaseSolver


class Solver(BaseSolver):
    """The program is stated in `set_objective`; canonicalisation counts."""

    name = "CVXPY"
    requirements = ["pip::cvxpy"]  # noqa: RUF012 - benchopt's way to state them
    parameters = {"solver": ["CLARABEL", "SCS"]}  # noqa: RUF012

    def set_objective(self, A, y):
        """State the program."""
        self.x = cp.Variable(A.shape[1], nonneg=True)
        self.program = cp.Problem(cp.Minimize(cp.sum(self.x)), [A @ self.x == y])

    def run(self, _):
        """Solve it."""
        self.program.solve(solver=self.solver)

    def get_result(self):
        """Return the minimiser."""
        return {"x": self.x.value}
