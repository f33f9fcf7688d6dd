"""Dependent rows, dropped once: rank deficiency exists nowhere else in the native method.

A row is dropped if it is a combination of the rows kept up to the rounding of that combination's own terms, entry
by entry. It then says nothing that the others do not say; whether y agrees is seen in its residual at the solution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dpotrs, dpstrf, spotrf

from bregman_l1 import settings
from bregman_l1._types import EPS, ROUNDINGS, Index, Matrix, Vector, Wide
from bregman_l1.budget import Budget
from bregman_l1.errors import WHAT_TO_TRY, BackendError
from bregman_l1.polyhedron.feasible_set import infeasible, separates
from bregman_l1.system import LinearSystem, dense


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """The rows of a system that say it all.

    Attributes
    ----------
    kept, dropped : ndarray of int
        The rows that the others do not say, and the rest; sorted.
    weights : ndarray of shape (dropped, kept)
        A_dropped = weights A_kept, to the rounding of the terms.
    """

    kept: Index
    dropped: Index
    weights: Matrix

    @classmethod
    def every(cls, n_rows: int) -> Rows:
        """All rows, none of them dropped."""
        everything = np.arange(n_rows)
        return cls(kept=everything, dropped=everything[:0], weights=np.zeros((0, n_rows)))

    @property
    def relations(self) -> Matrix:
        """Z of shape (dropped, N) with Z A = 0, to the rounding of the terms."""
        Z = np.zeros((self.dropped.size, self.kept.size + self.dropped.size))
        Z[:, self.kept], Z[np.arange(self.dropped.size), self.dropped] = -self.weights, 1.0
        return Z

    def part(self, system: LinearSystem) -> LinearSystem:
        """The system of the rows kept; ``system`` itself where none is dropped.

        What y contradicts itself by in the others is spread over all its entries, in proportion to their size: that
        moves each by a few roundings where rounding is all there is; the certificate tells where it is not.

        Raises
        ------
        InfeasibleError
            If y is zero in the rows kept, and so not in all of those that follow from them.
        BackendError
            If nothing proves that: x may be as large as the inverse of a rounding.
        """
        if not self.dropped.size:
            return system
        if not system.y[self.kept].any():
            self._refuse_zero(system)
        Z, y, size = self.relations, system.y[self.kept], np.abs(system.y)
        wrong = Z @ system.y
        if wrong.any() and (np.abs(wrong) <= settings.SPREAD * (np.abs(Z) @ size)).all():
            y = y + self.moves(wrong, size)
        return system.of_rows(self.kept, y)

    def implied(self, system: LinearSystem, y: Wide, x: Vector) -> Wide:
        """A x of all rows in extended precision, where that of the rows kept is y: W y + (A_dropped - W A_kept) x.

        As exact as y: the second term, rounding of A, takes x to few digits only.
        """
        weights, whole = sp.csr_array(self.weights).astype(np.longdouble), system.extended_matvec(x)
        whole[self.dropped] += weights @ (y - whole[self.kept])
        whole[self.kept] = y
        return whole

    def moves(self, wrong: Vector, size: Vector) -> Vector:
        """Changes of y of the rows kept that leave of what the dropped ones are wrong by as little as can be.

        Spread over all entries of y in proportion to ``size``, shape (N,).
        """
        Z = self.relations
        spread = Z * (size / size.max()) ** 2
        return -np.asarray(spread.T @ np.linalg.lstsq(spread @ Z.T, wrong)[0])[self.kept]

    def contradiction(self, system: LinearSystem, x: Vector) -> Vector | None:
        """Return z with A'z = 0 up to rounding and y'z > 0, from a dropped row whose y_i contradicts the rows kept.

        None where some y within the margin of all rows, ROUNDINGS of their terms |A|x + |y|, does not.
        """
        Z = self.relations
        excess, terms = Z @ system.y, np.abs(Z) @ (system.abs_matvec(x) + np.abs(system.y))
        beyond = np.where(system.backward_errors(x)[self.dropped] > ROUNDINGS, np.abs(excess) / terms, 0.0)
        worst = int(beyond.argmax())
        return np.sign(excess[worst]) * Z[worst] if beyond[worst] > ROUNDINGS else None

    def _refuse_zero(self, system: LinearSystem) -> None:
        z = self.contradiction(system, np.zeros(system.shape[1]))
        if z is None or not separates(system, z):
            raise BackendError(f"y is zero in the independent rows of A, not in others; {WHAT_TO_TRY}", "unproved")
        raise infeasible(system, z)

    def embedded(self, values: Vector) -> Vector:
        """A value for every row, zero for those dropped."""
        whole = np.zeros(self.kept.size + self.dropped.size)
        whole[self.kept] = values
        return whole


def split_rows(system: LinearSystem, budget: Budget | None = None) -> Rows:
    """Find the rows that the others do not say, and how the rest follows from them; some of them, if time runs out.

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> rows = split_rows(LinearSystem([[1.0, 2.0], [2.0, 4.0], [1.0, 0.0]], [3.0, 6.0, 1.0]))
    >>> rows.kept.size, rows.dropped.size
    (2, 1)
    """
    system = system.distinct
    if _shows_independence(system.matrix):
        return Rows.every(system.shape[0])
    with np.errstate(all="ignore"):
        # In units of rows and columns: combinations of rows do not depend on them.
        matrix: Any = system.scaled(1.0 / system.row_units, np.ldexp(1.0, -np.frexp(system.column_sizes)[1]))
        matrix = sp.csr_array(matrix) if system.is_sparse else matrix
        first, factor = _multiples(matrix)
        alone = np.unique(first)
        kept, weights = _eliminated(matrix[alone] if alone.size < first.size else matrix, budget or Budget())
    kept = alone[kept]
    dropped, units = np.setdiff1d(np.arange(system.shape[0]), kept), system.row_units
    weights = weights[np.searchsorted(alone, first[dropped])]
    return Rows(kept=kept, dropped=dropped, weights=weights * (factor * units)[dropped, None] / units[kept])


def independent_rows(system: LinearSystem) -> Index:
    """The rows that the others do not say, sorted."""
    return split_rows(system).kept


def _shows_independence(matrix: Any) -> bool:
    """Whether columns spread over A have rows whose pivots are far above the rounding even of single precision."""
    n_rows, n_columns = matrix.shape
    some = matrix[:, :: max(1, int(n_columns / (settings.ENOUGH_COLUMNS * n_rows)))]
    with np.errstate(all="ignore"):
        some = some.astype(np.float32)
        gram = dense(some @ some.T)
        factor, info = spotrf(gram.T, lower=1)
        return bool(info == 0 and (factor.diagonal() > settings.WELL_CONDITIONED * np.sqrt(gram.diagonal())).all())


def _multiples(matrix: Any) -> tuple[Index, Vector]:
    """For each row one that it is a multiple of to one rounding, and the factor; itself and one if there is none.

    Multiples have the same sum, in units of their largest entry, whatever the columns are weighted by.
    """
    sums = matrix @ np.random.default_rng(0).standard_normal(matrix.shape[1])
    keys = np.abs(sums) / dense(abs(matrix).max(axis=1)).ravel()
    order = np.argsort(keys)
    apart = np.diff(keys[order], prepend=-np.inf) > settings.SAME * keys[order]
    first, factor = np.arange(keys.size), np.ones(keys.size)
    first[order] = order[np.flatnonzero(apart)[np.cumsum(apart) - 1]]
    rows = np.flatnonzero(first != np.arange(keys.size))
    if rows.size:
        factor[rows] = sums[rows] / sums[first[rows]]
        given, made = matrix[rows], sp.diags_array(factor[rows]) @ matrix[first[rows]]
        rows = rows[(abs(given - made) > 2 * EPS * abs(given)).sum(axis=1) > 0]
        first[rows], factor[rows] = rows, 1.0
    return first, factor


def _eliminated(matrix: Any, budget: Budget) -> tuple[Index, Matrix]:
    """Sort the rows by pivoted elimination; look at those that nearly vanish in A itself, not in its Gram matrix.

    Returns the rows kept, sorted, and weights that make all rows of them.
    """
    gram = dense(matrix @ matrix.T)
    scale = 1.0 / np.sqrt(gram.diagonal())
    factor, pivots, rank, _ = dpstrf((gram * scale * scale[:, None]).T, tol=settings.SUSPECT, lower=1, overwrite_a=1)
    kept, suspects = np.split(pivots.astype(np.intp) - 1, [rank])
    factor, scale, basis, sizes = factor[:rank, :rank], scale[kept, None], matrix[kept], abs(matrix[kept])
    weights, remainders = np.zeros(gram.shape), []
    weights[kept, kept] = 1.0
    height = max(1, settings.BLOCK_BYTES // matrix.shape[1])
    for some in np.split(suspects, range(height, suspects.size, height)):
        given = left = dense(matrix[some])
        W = np.zeros((some.size, rank))
        for _ in range(3):
            W += (scale * dpotrs(factor, scale * (basis @ left.T), lower=1)[0]).T
            W[np.abs(W) <= ROUNDINGS * np.abs(W).max(axis=1, keepdims=True)] = 0.0
            left = given - W @ basis
        weights[np.ix_(some, kept)] = W
        noise = ROUNDINGS * (np.abs(given) + np.abs(W) @ sizes)
        above = (np.abs(left) > noise).any(axis=1)
        remainders.append((some[above], left[above], noise[above]))
    rows, left, noise = (np.concatenate(parts) for parts in zip(*remainders, strict=True))
    _complete(weights, rows, left, noise, budget)
    kept = np.flatnonzero(weights.diagonal())
    return kept, weights[:, kept]


def _complete(weights: Matrix, rows: Index, left: Matrix, noise: Matrix, budget: Budget) -> None:
    """Eliminate what is left of the rows by the largest of it beside its noise, while some is above that."""
    while rows.size and not budget.spent_out:
        above = (np.abs(left) / np.maximum(noise, np.finfo(np.float64).tiny)).max(axis=1)
        i = int(above.argmax())
        if not above[i] > 1.0:
            return
        share = left @ (left[i] / np.abs(left[i]).max())
        share /= share[i]
        change = -weights[rows[i]]
        change[rows[i]] = 1.0
        weights[rows] += np.multiply.outer(share, change)
        noise = noise + np.multiply.outer(np.abs(share), noise[i])
        left = left - np.multiply.outer(share, left[i])
