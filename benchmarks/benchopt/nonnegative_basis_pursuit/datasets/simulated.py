"""Gaussian systems with a planted sparse vector, which is the minimiser with overwhelming probability."""

from __future__ import annotations

import numpy as np
from benchopt import BaseDataset


class Dataset(BaseDataset):
    """A of shape (N, d) with standard normal entries, y = A x for an x with s positive entries."""

    name = "Simulated"
    parameters = {"N, d, s": [(100, 400, 15), (300, 3000, 30)], "seed": [0]}  # noqa: RUF012 - benchopt's way
    test_parameters = {"N, d, s": [(20, 60, 4)]}  # noqa: RUF012

    def get_data(self):
        """Draw the system."""
        rng = np.random.default_rng(self.seed)
        A, planted = rng.standard_normal((self.N, self.d)), np.zeros(self.d)
        planted[rng.choice(self.d, self.s, replace=False)] = 0.5 + rng.random(self.s)
        return {"A": A, "y": A @ planted, "planted": planted}
