"""Sums T'b_J - b_R of values b in a tableau, in which equal values are counted before they are weighed.

The reduced costs of a power potential are such sums of theta(p), which may span hundreds of orders of magnitude: what
the rounding of a large one leaves would drown the small ones, or make a tie of what is none. Where many priors are
equal, as where they differ by a few costs, their entries of T cancel by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import exact, settings
from bregman_l1._types import EPS, Matrix, Wide

if TYPE_CHECKING:
    from bregman_l1.basis.tableau import Tableau
    from bregman_l1.system import LinearSystem


class ReducedSums:
    """Sums over one tableau of values that are equal wherever the ``alike`` of two columns are.

    Parameters
    ----------
    system : LinearSystem
        That of the tableau, from which counts are made exactly where rounding may show in them, if A_J and the columns
        they are of have no more entries than the tableau's ``exactly_to``.
    tableau : Tableau
    *alike : ndarray of shape (d,)
        What a value depends on.
    """

    def __init__(self, system: LinearSystem, tableau: Tableau, *alike: Wide) -> None:
        self._tableau = tableau
        _, self._first, group = np.unique(np.stack(alike), axis=1, return_index=True, return_inverse=True)
        self._counts: Matrix | None = None
        if self._first.size <= settings.MOST_PRIORS:
            belongs = np.eye(self._first.size)[group.reshape(-1)]
            self._counts, self._errors = tableau.reduced(belongs), tableau.reduced_error(belongs)
            self._decide(system, belongs)

    def _decide(self, system: LinearSystem, belongs: Matrix) -> None:
        """Make the counts exactly that rounding may take for ties, or for none."""
        assert self._counts is not None
        J, tableau = self._tableau.J, self._tableau
        undecided = self._errors > settings.DECIDED * np.abs(self._counts)
        touched = np.flatnonzero(undecided.any(axis=1))
        if not touched.size or J.size * (J.size + touched.size) > tableau.exactly_to:
            return
        of_touched = tableau.matrix, system.columns(tableau.R[touched]), belongs[J], belongs[tableau.R[touched]]
        zero = exact.cancelled(*of_touched)
        if zero is None:
            return
        exactly = np.where(zero, 0.0, self._counts[touched])
        error = np.where(zero, 0.0, self._errors[touched])
        if (undecided[touched] & ~zero).any() and J.size**2 * touched.size <= settings.EXACT_WORK:
            found = exact.counts(*of_touched, zero)
            if found is not None:
                exactly, error = found, EPS * np.abs(found)
        self._counts[touched], self._errors[touched] = exactly, error

    def of(self, values: Wide, rounding: float = 0.0) -> tuple[Wide, Wide]:
        """The sums, zero where they cancel to rounding, and a bound of their rounding.

        ``rounding`` is the relative one of the values themselves.
        """
        if self._counts is None:
            of_values = rounding * self._tableau.reduced_terms(values)
            return self._tableau.reduced(values), self._tableau.reduced_error(values) + of_values
        some, is_tie = values[self._first], self._counts == 0.0
        sums, unit = self._counts @ some, 8 * EPS + rounding
        error = (unit * np.abs(self._counts) + np.where(is_tie, 0.0, self._errors)) @ np.abs(some)
        sums = np.where(np.abs(sums) <= error, 0.0, sums)
        # A tie of large values that is not decided would drown what small ones leave: it counts as one, with its error.
        return sums, error + np.where(is_tie, self._errors, 0.0) @ np.abs(some)

    def terms(self, values: Wide) -> Wide:
        """The size of the terms of the sums, equal ones counted first."""
        if self._counts is None:
            return self._tableau.reduced_terms(values)
        return np.asarray(np.abs(self._counts) @ np.abs(values[self._first]))
