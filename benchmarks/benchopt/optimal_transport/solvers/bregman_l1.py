"""Optimal transport by this package: for the folder ``solvers`` of the public benchmark ``benchmark_ot`` of benchopt.

The plan P minimises sum P M + reg sum P log P over plans with margins a and b: it is the Bregman projection of
exp(-M / reg), here log(alpha) = -1 / reg with the cost M. At reg = 0 it is the linear program.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from benchopt import BaseSolver
from scipy.spatial.distance import cdist

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, solve


class Solver(BaseSolver):
    """The native method, run to the end: each plan is certified."""

    name = "bregman_l1"
    sampling_strategy = "run_once"
    parameters = {"reg": [0, 1e-4, 1e-1]}  # noqa: RUF012 - benchopt's way to state them

    def set_objective(self, x, a, y, b):
        """Take the points x and y with their weights a and b."""
        n, m = len(a), len(b)
        self.shape = n, m
        rows = sp.kron(sp.eye_array(n), np.ones((1, m)))
        columns = sp.kron(np.ones((1, n)), sp.eye_array(m))
        self.margins, self.target = sp.vstack([rows, columns], format="csc"), np.concatenate([a, b])
        self.cost = cdist(x, y).ravel()

    def run(self, _):
        """Solve; what is certified is the whole plan, in logarithms."""
        system = LinearSystem(self.margins, self.target)
        if self.reg == 0:
            problem = L1Minimization(system, cost=self.cost)
        else:
            problem = BregmanProjection(system, log_alpha=-1.0 / self.reg, cost=self.cost)
        self.plan = solve(problem).x.reshape(self.shape)

    def get_result(self):
        """Return the plan."""
        return {"P": self.plan}
