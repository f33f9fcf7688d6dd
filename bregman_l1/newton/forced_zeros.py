"""Coordinates that vanish on the whole feasible set, read off a tableau, and the vectors that prove it.

A row x_i + T_i x_R = u_i with u_i = 0 and T_i >= 0 forces x_i and every x_j with T_ij > 0 to zero; with
u_i < 0 it shows that no x >= 0 exists. Row i of the inverse, negated, is the proof in either case.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bregman_l1.polyhedron.feasible_set import maximal_support

if TYPE_CHECKING:
    from bregman_l1.newton.basis import Basis
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A negative u_i below this share of the terms it is the sum of is taken for zero.
_NEGATIVE = 1e-9
# An entry of a proof below this share of the terms it is the sum of is zero: y may be large there.
_NOISE = 1e-13
_MARGIN = 2.0
_TINY = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForcedZeros:
    """What is known to vanish on the feasible set.

    Attributes
    ----------
    mask : ndarray of bool, shape (d,)
        The coordinates known to be zero in every feasible point.
    exposing : ndarray of shape (N,) or None
        z with A'z <= 0, y'z = 0 and (A'z)_j < 0 exactly on the mask; None while the mask is empty.
    """

    mask: Mask
    exposing: Vector | None = None

    def extended(self, system: LinearSystem, proof: Vector, mask: Mask) -> ForcedZeros:
        """Add a proof that holds on the coordinates still free; the older one is weighted to stay valid."""
        if self.exposing is None:
            return ForcedZeros(mask=mask, exposing=proof)
        older, newer = system.rmatvec(self.exposing)[self.mask], system.rmatvec(proof)[self.mask]
        against = newer > 0
        weight = _MARGIN * max(1.0, float(np.max(newer[against] / np.maximum(-older[against], _TINY), initial=0.0)))
        z = weight * self.exposing + proof
        return ForcedZeros(mask=self.mask | mask, exposing=z / np.abs(z).max())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Verdict:
    """What one tableau shows: coordinates newly forced with their proof, or a Farkas vector."""

    forced: Mask
    proof: Vector | None = None
    farkas: Vector | None = None


def read_tableau(system: LinearSystem, basis: Basis, row_is_nonnegative: Mask, free: Mask) -> Verdict:
    """Draw the conclusions of the rows with u_i <= 0 that are nonnegative on the free coordinates."""
    forced = np.zeros(free.size, dtype=bool)
    rows = np.flatnonzero(row_is_nonnegative & (basis.u <= 0))
    if not rows.size:
        return Verdict(forced=forced)
    size = np.abs(basis.inverse[rows]) @ (np.abs(basis.matrix) @ np.abs(basis.u))
    negative = rows[-basis.u[rows] > _NEGATIVE * size]
    if negative.size:
        return Verdict(forced=forced, farkas=-basis.inverse[negative[0]])
    weights = 1.0 / np.abs(basis.inverse[rows]).max(axis=1)
    proof = -(weights @ basis.inverse[rows])
    proof[np.abs(proof) <= _NOISE * (weights @ np.abs(basis.inverse[rows]))] = 0.0
    forced[basis.columns[rows]] = True
    rest = np.flatnonzero(free & ~np.isin(np.arange(free.size), basis.columns))
    forced[rest] = (basis.tableau(system.columns(rest))[rows] > 0).any(axis=0)
    return Verdict(forced=forced, proof=proof)


def by_linear_program(system: LinearSystem) -> ForcedZeros:
    """Settle the question for good; raises `InfeasibleError` if nothing is feasible."""
    support = maximal_support(system)
    if support.mask.all():
        return ForcedZeros(mask=~support.mask)
    return ForcedZeros(mask=~support.mask, exposing=support.exposing)
