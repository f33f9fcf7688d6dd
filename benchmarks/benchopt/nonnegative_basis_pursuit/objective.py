"""Nonnegative basis pursuit: minimise sum x over x >= 0 with A x = y."""

from __future__ import annotations

import numpy as np
from benchopt import BaseObjective


class Objective(BaseObjective):
    """Judges x by the sum of x, by how far it misses A x = y and x >= 0, and by the planted vector."""

    name = "Nonnegative basis pursuit"
    sampling_strategy = "run_once"
    min_benchopt_version = "1.7"

    def set_data(self, A, y, planted):
        """Take a system and the sparse vector it was made from."""
        self.A, self.y, self.planted = A, y, planted

    def get_objective(self):
        """Hand the system to a solver, not the planted vector."""
        return {"A": self.A, "y": self.y}

    def evaluate_result(self, x):
        """Measure a solver's x."""
        return {
            "value": float(x.sum()),
            "infeasibility": float(np.abs(self.A @ x - self.y).max() / np.abs(self.y).max()),
            "negativity": float(max(0.0, -x.min()) / x.max()),
            "error": float(np.abs(x - self.planted).max() / self.planted.max()),
        }

    def get_one_result(self):
        """Return a vector of the right shape."""
        return {"x": np.ones(self.A.shape[1])}
