"""Basis pursuit by spectral projected gradients; it does not know that x >= 0, which is no loss where x is planted."""

from __future__ import annotations

from benchopt import BaseSolver
from spgl1 import spg_bp


class Solver(BaseSolver):
    """Stopped at three tolerances."""

    name = "spgl1"
    requirements = ["pip::spgl1"]  # noqa: RUF012 - benchopt's way to state them
    parameters = {"tol": [1e-4, 1e-6, 1e-8]}  # noqa: RUF012

    def set_objective(self, A, y):
        """Take the system."""
        self.A, self.y = A, y

    def run(self, _):
        """Solve it."""
        tolerances = dict.fromkeys(("bp_tol", "ls_tol", "opt_tol"), self.tol)
        self.x, *_ = spg_bp(self.A, self.y, **tolerances)

    def get_result(self):
        """Return the minimiser."""
        return {"x": self.x}
