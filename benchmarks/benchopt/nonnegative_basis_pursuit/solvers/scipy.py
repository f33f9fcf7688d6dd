"""scipy's linear programs, which HiGHS solves."""

from __future__ import annotations

import numpy as np
from benchopt import BaseSolver
from scipy.optimize import linprog


class Solver(BaseSolver):
    """HiGHS by its simplex or its interior-point method."""

    name = "scipy"
    requirements = ["scipy"]  # noqa: RUF012 - benchopt's way to state them
    parameters = {"method": ["highs-ds", "highs-ipm"]}  # noqa: RUF012

    def set_objective(self, A, y):
        """Take the system."""
        self.A, self.y = A, y

    def run(self, _):
        """Solve it."""
        self.x = linprog(np.ones(self.A.shape[1]), A_eq=self.A, b_eq=self.y, method=self.method).x

    def get_result(self):
        """Return the minimiser."""
        return {"x": self.x}
