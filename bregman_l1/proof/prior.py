"""The prior of a projection in balls, and its part in the scale-free equations, in which what cancels is zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from flint import arb, arb_mat

from bregman_l1 import exact
from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.exact import rationals
from bregman_l1.newton.exact_step import PriorSums
from bregman_l1.potential import Potential
from bregman_l1.proof.targets import LARGEST_EXACT

if TYPE_CHECKING:
    from bregman_l1.problems import BregmanProjection
    from bregman_l1.proof.support import ExactFace
    from bregman_l1.proof.targets import Tabulation


@dataclass(frozen=True, kw_only=True, eq=False)
class Prior:
    """The prior log p = log_alpha cost + log factor of some columns: its floats, exactly.

    Attributes
    ----------
    potential : Potential
    log_alpha : float
    pairs : ndarray of shape (g, 2)
        Costs and factors that differ.
    which : ndarray of int, shape (h,)
        The pair of each column.
    """

    potential: Potential
    log_alpha: float
    pairs: Matrix
    which: Index

    @classmethod
    def of(cls, problem: BregmanProjection, columns: Index) -> Prior:
        """That of some columns of the unsigned system of a problem: x_minus has the prior of x_plus."""
        of_both = columns % problem.system.shape[1]
        both = np.column_stack([problem.cost[of_both], problem.prior[of_both]])
        pairs, which = np.unique(both, axis=0, return_inverse=True)
        return cls(potential=problem.potential, log_alpha=problem.log_alpha, pairs=pairs, which=which.ravel())

    def rho(self, table: Tabulation, log_x: Vector, goal: arb) -> list[arb]:
        """T'theta(p)_J - theta(p)_R of a tabulation.

        What could cancel is decided in rationals if its radius moves log x_R by more than the goal.

        Parameters
        ----------
        table : Tabulation
        log_x : ndarray of shape (h,)
            The answer nearby.
        goal : arb
        """
        J, R = table.face.J, table.face.R
        if not R.size:
            return []
        sums = PriorSums(self.which[J], self.which[R])
        theta = [self._theta(*pair) for pair in self.pairs.tolist()]
        of_basis = [theta[which] for which in sums.values.tolist()]
        counts = sums.coefficients(table.T.transpose())
        slopes = [self.potential.ball_slope(self.potential.ball_gradient(arb(value))) for value in log_x[R].tolist()]
        doubtful = [
            (j, g)
            for j, g in np.ndindex(counts.nrows(), counts.ncols())
            if counts[j, g].contains(0) and not counts[j, g].rad() * abs(of_basis[g]) < goal * slopes[j]
        ]
        _decide(counts, doubtful, table.face, sums)
        return sums.total(counts, of_basis, [theta[which] for which in self.which[R].tolist()])

    def _theta(self, cost: float, factor: float) -> arb:
        log_p = arb(self.log_alpha) * arb(cost) + (arb(factor).log() if factor != 1.0 else arb(0))
        return self.potential.ball_gradient(log_p)


def _decide(counts: arb_mat, doubtful: list[tuple[int, int]], face: ExactFace, sums: PriorSums) -> None:
    """Put exact numbers in the place of doubtful ones, if that takes no minutes; more bits may do without."""
    if not doubtful:
        return
    rows, values = (np.unique(places) for places in zip(*doubtful, strict=True))
    if face.J.size * (face.J.size + rows.size + values.size) > LARGEST_EXACT:
        return
    weights = exact.solve(face.basis.T, sums.of_basis[:, values])
    if weights is None:
        return
    columns = rationals(face.part.columns(face.R[rows]))
    found = columns.transpose() * weights - rationals(sums.of_rest[np.ix_(rows, values)])
    for place in np.ndindex(rows.size, values.size):
        counts[int(rows[place[0]]), int(values[place[1]])] = arb(found[place])
