"""What products with A tell of the columns of a support: how they solve A x = y, their multiplier, their rank."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.sparse.linalg import LinearOperator, lsmr

from bregman_l1._types import Index, Vector
from bregman_l1.probes import probes

if TYPE_CHECKING:
    from bregman_l1.budget import Budget
    from bregman_l1.system import LinearSystem

# Least squares end at this relative residual, or after so many iterations.
_SOLVED, _MOST_ITERATIONS = 1e-12, 300
# The same for a random vector, and the share of it beyond which a part was left out: a random vector has less than that
# of a direction once in thousands of times.
_RANK_SOLVED, _KERNEL = 1e-8, 1e-5


class Rank(NamedTuple):
    """Whether columns are independent, and what shows it or stands against it."""

    is_full: bool
    why: str


def on_support(system: LinearSystem, support: Index) -> LinearOperator:
    """A_S, by its products."""

    def embedded(x: Vector) -> Vector:
        whole = np.zeros(system.shape[1])
        whole[support] = x.ravel()
        return whole

    return LinearOperator(
        (system.shape[0], support.size),
        matvec=lambda x: system.matvec(embedded(x)),
        rmatvec=lambda lam: system.rmatvec(lam)[support],
        dtype=np.float64,
    )


def correction(system: LinearSystem, x: Vector, row_norms: Vector) -> float:
    """The largest change of a positive entry of x, relative to the largest, that best solves A x = y.

    Rows count in units of their norms. Infinite where that leaves more than rounding.
    """
    support = np.flatnonzero(x > 0.0)
    missed = (system.y - system.matvec(x)) / row_norms
    if not support.size:
        return np.inf
    A = on_support(system, support)
    balanced = LinearOperator(
        A.shape,
        matvec=lambda x: A.matvec(x) / row_norms,
        rmatvec=lambda lam: A.rmatvec(lam / row_norms),
        dtype=np.float64,
    )
    found = lsmr(balanced, missed, atol=1e-2, btol=1e-2, maxiter=_MOST_ITERATIONS)
    left = found[3] / float(np.linalg.norm(system.y / row_norms))
    return float(np.abs(found[0]).max() / x.max()) if left <= _SOLVED else np.inf


def least_dual(system: LinearSystem, weights: Vector, support: Index) -> Vector:
    """The mu of least norm with A_S'mu = c_S."""
    tolerances = {"atol": _SOLVED, "btol": _SOLVED, "maxiter": _MOST_ITERATIONS}
    return np.asarray(lsmr(on_support(system, support).T, weights[support], **tolerances)[0])


def column_rank(system: LinearSystem, support: Index, budget: Budget) -> Rank:
    """Whether the columns of a support are independent.

    Least squares for A_S z = A_S v from z = 0 leave out of a random v just its part in the kernel of A_S.
    """
    if support.size > system.shape[0]:
        return Rank(False, "x has more positive entries than there are rows")
    if budget.spent_out:
        return Rank(False, "the time limit was reached")
    A, v = on_support(system, support), probes(1, support.size)[0]
    z = lsmr(A, A.matvec(v), atol=_RANK_SOLVED, btol=_RANK_SOLVED, maxiter=_MOST_ITERATIONS)[0]
    apart = float(np.linalg.norm(v - z) / np.linalg.norm(v))
    return Rank(apart < _KERNEL, f"the columns of the support are dependent, or nearly: {apart:.2g} of a random vector")
