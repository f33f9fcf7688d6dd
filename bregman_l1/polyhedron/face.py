"""Which columns the minimisers of c'x over {x >= 0 : A x = y} use: zeros among reduced costs, told from rounding.

Where mu is optimal for the dual, every minimiser lives on the columns with c_j - a_j'mu = 0. If those whose reduced
cost may be zero within its rounding error are independent, there is one minimiser only, and nothing more has to be
decided. Otherwise a linear program whose costs are these tiny numbers, magnified, finds an optimal basis, and its
multipliers and reduced costs are computed in rationals: floats are rationals, so that zeros are zeros and ties ties.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg as sla

from bregman_l1 import exact
from bregman_l1._types import EPS, Index, Mask, Vector
from bregman_l1.budget import Budget
from bregman_l1.errors import BackendError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.linear_program import LinearProgram, solve_verified_later
from bregman_l1.polyhedron.units import mean_units

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

# Entries of a dense matrix of basic columns beyond which its factorisation takes minutes.
LARGEST_DENSE = 25_000_000
# Changes of the set of columns in doubt before they are given up.
_ROUNDS = 10
# Columns of this many times the cost that is being decided need not be told apart.
_LARGEST_RATIO = 1e12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Face(FrozenArrays):
    """The columns that minimisers may use.

    Attributes
    ----------
    columns : ndarray of indices
        No minimiser is positive elsewhere. Either they are independent, or all have reduced cost zero.
    dual : ndarray of shape (N,)
        A dual vector that shows it.
    assumed : int
        How many of them are here because rounding hides the sign of their reduced cost, and rationals are too slow.
    basis : tuple of two index arrays, optional
        Columns J and rows I with A_IJ'mu_I = c_J, where that was solved and verified in rationals.
    """

    columns: Index
    dual: Vector
    assumed: int
    basis: tuple[Index, Index] | None = None


def optimal_face(system: LinearSystem, cost: Vector, x: Vector, dual: Vector, budget: Budget | None = None) -> Face:
    """Find the columns of the minimisers from one of them and a dual vector, both right to rounding.

    Parameters
    ----------
    system : LinearSystem
    cost : ndarray of shape (d,)
    x : ndarray of shape (d,)
        A minimiser.
    dual : ndarray of shape (N,)
        mu with A'mu <= c, and equality where x is not zero.
    budget : Budget, optional
        Its seconds limit what is decided in rationals.

    Raises
    ------
    BackendError
        If the support is too large for dense linear algebra.
    """
    if system.shape[0] * np.count_nonzero(x) > LARGEST_DENSE:
        raise BackendError(
            "the support of the minimiser is too large to decide whether it is the only one", "too large"
        )
    slack = cost - system.rmatvec(dual)
    rounding = (system.shape[0] + 2) * EPS * (np.abs(cost) + system.abs_rmatvec(np.abs(dual)))
    units = mean_units(system)
    error = rounding + _shifts(system, x != 0, np.abs(slack) + rounding, slack - rounding, units)
    first = doubtful = (slack <= error) | (x != 0)
    while True:
        shifts = _shifts(system, doubtful, np.abs(slack) + error, slack - error, units)
        if not np.isfinite(shifts).all():
            break
        more = ~doubtful & (slack - error <= shifts)
        if not more.any():
            return Face(columns=np.flatnonzero(doubtful), dual=dual, assumed=0)
        doubtful = doubtful | more
    decided = exact_face(system, cost, x, dual, first, np.zeros_like(first), budget)
    if decided is not None:
        return decided
    return Face(columns=np.flatnonzero(first), dual=dual, assumed=int(np.count_nonzero(first & (x == 0))))


def _shifts(system: LinearSystem, chosen: Mask, change: Vector, enough: Vector, units: tuple[Vector, Vector]) -> Vector:
    """By how much a_j'mu can change where mu changes no more than it takes to change A_J'mu by ``change`` at most.

    Infinite where the columns J may be dependent. The bound is crude where ``enough`` is larger.
    """
    rows, columns = units
    A = system.columns(chosen) / rows[:, None] / columns[chosen]
    inverse, change = exact.inverse_bound(A), change[chosen] / columns[chosen]
    if not np.isfinite(inverse):
        return np.full(columns.size, np.inf)
    # The entries of a column in its unit sum to at most sqrt(2) times the root of their number: a bound of its length.
    shifts = inverse * float(np.linalg.norm(change)) * np.sqrt(2 * rows.size) * columns
    close = np.flatnonzero(~chosen & (enough <= shifts))
    if close.size:
        Q, R = np.linalg.qr(A)
        response = sla.solve_triangular(R, Q.T @ (system.columns(close) / rows[:, None]))
        # Twice, because the response has its own rounding errors, and they are smaller.
        shifts[close] = 2 * (np.abs(response).T @ change)
    return np.asarray(shifts)


def exact_face(
    system: LinearSystem,
    cost: Vector,
    x: Vector,
    dual: Vector,
    doubtful: Mask,
    free: Mask,
    budget: Budget | None = None,
) -> Face | None:
    """Find the columns of reduced cost zero in rationals, from an estimate of a minimiser and a dual vector.

    Parameters
    ----------
    system, cost, x, dual
        As in `optimal_face`; x and dual need not be exact.
    doubtful : ndarray of bool, shape (d,)
        The columns to begin with: those of the minimisers are among them.
    free : ndarray of bool, shape (d,)
        Entries that may be negative.

    Returns
    -------
    Face or None
        None where the system is too large for rationals, or no optimal basis was found, in the seconds of the budget.
    """
    for _ in range(_ROUNDS):
        F = np.flatnonzero(doubtful)
        if F.size * system.shape[0] > exact.LARGEST_MATRIX or (budget is not None and not budget.seconds_left):
            return None
        basis = _optimal_basis(system, cost, x, dual, F, free, budget)
        if basis is None or basis[0].size > exact.LARGEST:
            return None
        J, rows = basis
        multipliers = exact.solve(system.columns(J)[rows].T, cost[J])
        if multipliers is None:
            return None
        dual = np.zeros(system.shape[0])
        dual[rows] = exact.nearest(multipliers)
        reduced = exact.residual(cost[F], system.columns(F)[rows].T, multipliers)
        wrong = [value < 0 or (value != 0 and free[j]) for j, value in zip(F, reduced, strict=True)]
        slack = cost - system.rmatvec(dual)
        rounding = (system.shape[0] + 2) * EPS * (np.abs(cost) + system.abs_rmatvec(np.abs(dual)))
        more = ~doubtful & (slack <= rounding)
        if not any(wrong) and not more.any():
            return Face(columns=F[[value == 0 for value in reduced]], dual=dual, assumed=0, basis=basis)
        doubtful = doubtful | more
    return None


def _optimal_basis(
    system: LinearSystem, cost: Vector, x: Vector, dual: Vector, F: Index, free: Mask, budget: Budget | None
) -> tuple[Index, Index] | None:
    """Basic columns of F and their rows, from the linear program with the reduced costs magnified."""
    row_units, column_units = mean_units(system)
    columns = system.columns(F)
    # Dividing by powers of two is exact.
    scaled = columns / column_units[F]
    reduced = exact.residual(cost[F] / column_units[F], scaled.T, exact.rationals(dual[:, None]))
    violated = max((-value for value in reduced), default=0)
    unit = violated if violated > 0 else max((abs(value) for value in reduced), default=0)
    magnified = np.array([min(float(value / unit), _LARGEST_RATIO) if unit != 0 else 0.0 for value in reduced])
    scaled = scaled / row_units[:, None]
    start = x[F] * column_units[F]
    size = float(np.abs(start).max(initial=0.0)) or 1.0
    answer = solve_verified_later(
        LinearProgram(
            cost=magnified,
            rows=scaled,
            row_lower=scaled @ start / size,
            row_upper=scaled @ start / size,
            lower=np.where(free[F], -np.inf, 0.0),
        ),
        budget,
    )
    if answer.outcome is not Outcome.OPTIMAL or answer.basis is None or answer.basis[0].size != answer.basis[1].size:
        return None
    return F[answer.basis[0]], answer.basis[1]
