"""Where x(alpha) itself is, in balls: what proves an enclosure where alpha is not small.

This is `bregman_l1.theory.neighbourhood` with every number a ball. For any dual vector lam let z = p exp(A'lam), w the
solution of A Z A'w = y' - A z with Z = diag(z), and c = A'w. Then x = z (1 + c) solves A x = y' exactly, and where
|c| < 1 it is positive, so that the Bregman distance of the entropy has D(x(alpha), z) <= D(x, z) <= sum z c^2.
Newton's method, lam + w, makes c as small as the precision allows. What lies off S is at most as far from z, and the
rest follows from it: n_S = -G A_R x(alpha)_R, whatever the size of alpha.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

import numpy as np
from flint import arb, arb_mat

from bregman_l1 import exact
from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.proof.arithmetic import column, exactly, largest_size, product
from bregman_l1.proof.record import Unproved
from bregman_l1.theory.enclosure import Enclosure
from bregman_l1.theory.rigorous.limit import BallLimit, above, basis, below

_NEWTON_STEPS = 8
# The share of ||x(alpha)_R||_1 that the bound of the Bregman distance is to be: sums are known to about its root.
_CLOSE = 1e-26


@dataclass(frozen=True, slots=True, kw_only=True)
class BallNeighbourhood:
    """A point z with a proved bound on the Bregman distance D(x(alpha), z).

    Attributes
    ----------
    limit : BallLimit
    z : list of arb
        The entries of the point off the support of the limit, zero where every feasible point is.
    gap : arb
        The bound.
    """

    limit: BallLimit
    z: list[arb]
    gap: arb

    @property
    def off_support(self) -> Enclosure:
        """Enclose r = ||x(alpha)_R||_1."""
        total, (low, high) = sum(self.z, arb(0)), self._shares
        return _enclosure(total * (1 + low), total * (1 + high))

    @property
    def deviation(self) -> Enclosure:
        """Enclose ||x(alpha) - x*||_1 = r + ||G A_R x(alpha)_R||_1, from what ||x(alpha)_R - z_R||_1 can be."""
        total, (_, high) = sum(self.z, arb(0)), self._shares
        moved = (total * (6 + 2 * high) / 3 * self.gap).sqrt() * (1 + self.limit.largest_response)
        here = total + sum(map(abs, product(self.limit.response, self.z)), arb(0))
        return _enclosure(here - moved, here + moved)

    @property
    def _shares(self) -> tuple[arb, arb]:
        """Bounds of r / sum z_R - 1: with u = x / z, 3 (u - 1)^2 <= (4 + 2u) (u log u - u + 1)."""
        share = self.gap / sum(self.z, arb(0))
        root = (share * share + 18 * share).sqrt()
        return (share - root) / 3, (share + root) / 3


def ball_neighbourhood(limit: BallLimit, log_alpha: arb, dual: Vector) -> BallNeighbourhood:
    """Find the neighbourhood of x(alpha) from an estimate of its dual vector.

    Raises
    ------
    Unproved
        If Newton's method does not come close at this precision.
    """
    system, T, S = limit.limit.system, limit.positive, limit.limit.support
    matrix = system.columns(T)
    rows, _ = basis(matrix, np.zeros(T.size))
    A = exact.balls(matrix[rows])
    y = product(exact.balls(system.columns(S)[rows]), limit.x)
    priors = zip(exactly(limit.limit.cost[T]), exactly(limit.limit.prior[T]), strict=True)
    log_prior = [log_alpha * cost + factor.log() for cost, factor in priors]
    lam = _start(matrix, rows, dual)
    for _ in range(_NEWTON_STEPS):
        z = [(b + value).exp() for b, value in zip(log_prior, product(A.transpose(), lam), strict=True)]
        step = _newton_step(A, z, y)
        c = product(A.transpose(), step)
        size, gap = largest_size(c), sum((a * b * b for a, b in zip(z, c, strict=True)), arb(0))
        everywhere = dict(zip(T.tolist(), z, strict=True))
        z_R = [everywhere.get(j, arb(0)) for j in limit.limit.cone.outside.tolist()]
        if size < 1 and gap < _CLOSE * sum(z_R, arb(0)):
            return BallNeighbourhood(limit=limit, z=z_R, gap=gap.abs_upper())
        damping = 1 / size.mid() if size > 1 else arb(1)
        lam = [(value + damping * change).mid() for value, change in zip(lam, step, strict=True)]
    raise Unproved("x(alpha)", "Newton's method did not come close to it")


def _start(matrix: Matrix, rows: Index, dual: Vector) -> list[arb]:
    """Multipliers of some rows, on which all others depend, that say what the dual vector does."""
    if rows.size == dual.size:
        return exactly(dual)
    return exactly(np.asarray(np.linalg.lstsq(matrix[rows].T, matrix.T @ dual)[0], dtype=np.float64))


def _newton_step(A: arb_mat, z: list[arb], y: list[arb]) -> list[arb]:
    """The w with A Z A'w = y - A z."""
    missing = [value - here for value, here in zip(y, product(A, z), strict=True)]
    weighted = arb_mat(A.nrows(), A.ncols(), [a * b for a, b in zip(A.entries(), cycle(z), strict=False)])
    try:
        return list((weighted * A.transpose()).solve(column(missing)).entries())
    except ZeroDivisionError:
        raise Unproved("x(alpha)", "the Gram matrix of its rows was not proved to be regular") from None


def _enclosure(low: arb, high: arb) -> Enclosure:
    """The enclosure between two balls, none where they hold no number."""
    return Enclosure(
        log_lower=below(low.log()) if low > 0 else -np.inf,
        log_upper=above(high.log()) if high > 0 else np.inf,
    )
