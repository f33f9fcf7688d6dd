"""The columns where a prior is positive: x is zero on the others, so that they leave the problem."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Index, Vector
from bregman_l1.errors import InfeasibleError
from bregman_l1.frozen import read_only
from bregman_l1.polyhedron.feasible_set import refusal

if TYPE_CHECKING:
    from bregman_l1.claim import Claim
    from bregman_l1.system import LinearSystem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PositivePart:
    """The part of a projection that is left to compute, with the way there and back.

    Attributes
    ----------
    system : LinearSystem
        Its columns: all, as a rule.
    columns : ndarray of int or slice
        Where they are among all columns.
    n_columns : int
        How many there are in all.
    """

    system: LinearSystem
    columns: Index | slice
    n_columns: int

    @property
    def is_whole(self) -> bool:
        """Whether no column is left out."""
        return isinstance(self.columns, slice)

    def restricted(self, claim: Claim) -> Claim:
        """A claim about all columns, on this part."""
        if self.is_whole:
            return claim
        x, log_x = claim.x, claim.log_x
        return replace(
            claim,
            x=None if x is None else x[self.columns],
            log_x=None if log_x is None else log_x[self.columns],
        )

    def embedded(self, claim: Claim) -> Claim:
        """A claim about this part as one about all columns: the others are zero."""
        if self.is_whole:
            return claim
        x, log_x = claim.x, claim.log_x
        return replace(
            claim,
            x=None if x is None else self._filled(x, 0.0),
            log_x=None if log_x is None else self._filled(log_x, -np.inf),
        )

    def count_outside(self, claim: Claim) -> int:
        """How many entries of a claim are not zero on the columns left out."""
        if self.is_whole:
            return 0
        log_x = claim.log_point
        return int(np.count_nonzero(log_x != -np.inf) - np.count_nonzero(log_x[self.columns] != -np.inf))

    def _filled(self, values: Vector, rest: float) -> Vector:
        full = np.full(self.n_columns, rest)
        full[self.columns] = values
        return read_only(full)


def positive_part(system: LinearSystem, prior: Vector) -> PositivePart:
    """Return the part of a system on which a prior is positive, the same as the last where the zeros are.

    Raises
    ------
    InfeasibleError
        If a row is zero on that part while y is not.
    """
    if prior.all():
        return PositivePart(system=system, columns=slice(None), n_columns=prior.size)
    columns = read_only(np.flatnonzero(prior))
    try:
        part = system.remember_last("columns", columns.tobytes(), lambda: system.restrict(columns))
    except InfeasibleError as error:
        raise infeasible_outside_zeros(system, error.farkas) from error
    return PositivePart(system=part, columns=columns, n_columns=prior.size)


def infeasible_outside_zeros(system: LinearSystem, farkas: Vector) -> InfeasibleError:
    """The error that says that the zeros of a prior leave no solution, and which rows these contradict."""
    return refusal(
        system,
        farkas,
        "no x >= 0 that vanishes where the prior does solves A x = y",
        "give more entries of the prior a positive value, however small",
    )
