"""`L1Minimization` by the native method of this package, certified, and by other backends it knows."""

from __future__ import annotations

from benchopt import BaseSolver

from bregman_l1 import L1Minimization, LinearSystem, solve


class Solver(BaseSolver):
    """From arrays to a certified minimiser; building the system counts."""

    name = "bregman_l1"
    parameters = {"backend": ["newton", "highs"]}  # noqa: RUF012 - benchopt's way to state them

    def set_objective(self, A, y):
        """Take the system."""
        self.A, self.y = A, y

    def run(self, _):
        """Solve and certify."""
        self.x = solve(L1Minimization(LinearSystem(self.A, self.y)), self.backend).x

    def get_result(self):
        """Return the minimiser."""
        return {"x": self.x}
