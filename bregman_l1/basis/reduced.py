"""Sums T'b_J - b_R of values b in a tableau, in which equal values are counted before they are weighed.

The reduced costs of a power potential are such sums of theta(p), which may span hundreds of orders of magnitude: what
the rounding of a large one leaves would drown the small ones, or make a tie of what is none. Where many priors are
equal, as where they differ by a few costs, their entries of T cancel by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, Vector, Wide

if TYPE_CHECKING:
    from bregman_l1.basis.tableau import Tableau


class ReducedSums:
    """Sums over one tableau of values that are equal wherever the ``alike`` of two columns are.

    Parameters
    ----------
    tableau : Tableau
    *alike : ndarray of shape (d,)
        What a value depends on.
    """

    def __init__(self, tableau: Tableau, *alike: Vector) -> None:
        self._tableau = tableau
        _, self._first, group = np.unique(np.stack(alike), axis=1, return_index=True, return_inverse=True)
        self._counts = self._errors = None
        if self._first.size <= settings.MOST_PRIORS:
            belongs = np.eye(self._first.size)[group.reshape(-1)]
            self._counts, self._errors = tableau.reduced(belongs), tableau.reduced_error(belongs)

    def of(self, values: Wide, rounding: float = 0.0) -> tuple[Wide, Wide]:
        """The sums, zero where they cancel to rounding, and a bound of their rounding, zero where all terms cancel.

        ``rounding`` is the relative one of the values themselves.
        """
        if self._counts is None or self._errors is None:
            of_values = rounding * self._tableau.reduced_terms(values)
            return self._tableau.reduced(values), self._tableau.reduced_error(values) + of_values
        some = values[self._first]
        sums, unit = self._counts @ some, 8 * EPS + rounding
        error = (unit * np.abs(self._counts) + np.where(self._counts == 0.0, 0.0, self._errors)) @ np.abs(some)
        return np.where(np.abs(sums) <= error, 0.0, sums), error

    def terms(self, values: Wide) -> Wide:
        """The size of the terms of the sums, equal ones counted first."""
        if self._counts is None:
            return self._tableau.reduced_terms(values)
        return np.asarray(np.abs(self._counts) @ np.abs(values[self._first]))
