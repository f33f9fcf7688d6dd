"""The certificate of an l1 minimiser where A is distributed.

The columns where x is not zero, and those where the multiplier mu is tight, nearly, or not feasible, are gathered in
memory by one pass: all that the certificate says of x, of mu and of other minimisers is decided on them, for on every
other column x is zero and mu strictly feasible.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.certificate import Certificate, not_finite
from bregman_l1.errors import UnsupportedStorageError
from bregman_l1.newton.gathering import gathered
from bregman_l1.polyhedron.minimiser import optimum

if TYPE_CHECKING:
    from bregman_l1.claim import Claim
    from bregman_l1.problems.l1 import L1Minimization

# Reduced costs below this, relative to their terms, belong to columns that may be tight.
_NEARLY_TIGHT = 1e-6


def distributed_certificate(problem: L1Minimization, claim: Claim, tol: float) -> Certificate:
    """Every residual of a candidate for the l1 minimiser on a distributed system.

    Raises
    ------
    UnsupportedStorageError
        If x has so many entries that are not zero that their columns do not fit the budget.
    """
    system, dual = problem.system, claim.dual
    if dual is None:
        support = gathered(system, partial(_positive, system.shape), claim.point, problem.weights)
        dual = optimum(support.system(system), support.vectors[1])[1]
    found = gathered(system, partial(_that_decide, dual, system.shape), claim.point, problem.weights)
    x, costs = found.vectors
    if not np.isfinite(x).all():
        return not_finite(problem.title)
    on_part = type(problem)(found.system(system), cost=costs)
    return on_part.certify(replace(claim, x=x, log_x=None, dual=dual), tol)


def _that_decide(dual: Vector, shape: tuple[int, int], A: Matrix, x: Vector, weights: Vector) -> Index:
    """The columns where x is not zero, where mu may be tight, and the worst of those where it is not feasible."""
    size = np.abs(A).T @ np.abs(dual) + np.abs(weights)
    excess = (A.T @ dual - weights) / np.where(size > 0.0, size, 1.0)
    tight, broken = np.flatnonzero(np.abs(excess) <= _NEARLY_TIGHT), np.flatnonzero(~(excess <= _NEARLY_TIGHT))
    _refuse_many("columns where its multiplier is tight", tight.size, shape, x.size)
    worst = broken[np.argsort(-excess[broken], kind="stable")[: 2 * shape[0]]]
    return np.unique(np.concatenate([tight, worst, _positive(shape, A, x, weights)]))


def _positive(shape: tuple[int, int], A: Matrix, x: Vector, weights: Vector) -> Index:  # noqa: ARG001 - x decides
    """The columns where x is not zero."""
    index = np.flatnonzero(x)
    _refuse_many("entries that are not zero", index.size, shape, x.size)
    return index


def _refuse_many(what: str, count: int, shape: tuple[int, int], size: int) -> None:
    if count > _share(shape, size):
        raise UnsupportedStorageError(
            f"x has {count} {what} among {size} columns. An l1 minimiser is certified on these columns, which are "
            f"gathered into memory up to {8 * settings.GATHERED:.3g} bytes: solve() finds a minimiser with no more "
            "entries than A has rows"
        )


def _share(shape: tuple[int, int], size: int) -> int:
    """How many of so many columns may be gathered, of those of either kind: their share, or twice the rows at least."""
    n_rows, n_columns = shape
    return max(2 * n_rows, settings.GATHERED // (2 * n_rows) * size // n_columns)
