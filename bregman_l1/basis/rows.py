"""Dependent rows, dropped once: rank deficiency exists nowhere else in the native method.

A row is dropped if it is a combination of the rows kept up to the rounding of that combination's own terms, entry
by entry. It then says nothing that the others do not say; whether y agrees is seen in its residual at the solution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dpotrs, dpstrf, spotrf

from bregman_l1 import settings
from bregman_l1._types import EPS, ROUNDINGS, Index, Matrix, Vector, Wide
from bregman_l1.budget import Budget
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

    def part(self, system: LinearSystem) -> LinearSystem:
        """The system of the rows kept; ``system`` itself where none is dropped.

        What y contradicts itself by in the others is spread over all its entries, in proportion to their size: that
        moves each by a few roundings where rounding is all there is; the certificate tells where it is not.
        """
        if not self.dropped.size:
            return system
        y, size = system.y[self.kept], np.abs(system.y)
        wrong, terms = self._excess(system.y, size)
        if wrong.any() and (np.abs(wrong) <= settings.SPREAD * terms).all():
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
        spread = self.weights * size[self.kept] ** 2
        share = spread @ self.weights.T + np.diag(size[self.dropped] ** 2)
        return np.asarray(spread.T @ np.linalg.lstsq(share, wrong)[0])

    def contradiction(self, system: LinearSystem, x: Vector) -> Vector | None:
        """Return z with A'z = 0 up to rounding and y'z > 0, from a dropped row whose y_i contradicts the rows kept.

        None where some y within the margin of all rows, ROUNDINGS of their terms |A|x + |y|, does not.
        """
        excess, terms = self._excess(system.y, system.abs_matvec(x) + np.abs(system.y))
        beyond = np.where(system.backward_errors(x)[self.dropped] > ROUNDINGS, np.abs(excess) / terms, 0.0)
        worst = int(beyond.argmax())
        if not beyond[worst] > ROUNDINGS:
            return None
        z = self.embedded(-self.weights[worst])
        z[self.dropped[worst]] = 1.0
        return z if excess[worst] > 0 else -z

    def _excess(self, y: Vector, size: Vector) -> tuple[Vector, Vector]:
        """By how much y_i of the rows dropped exceeds what the others say, and the terms of that, y of this size."""
        weights = self.weights
        return y[self.dropped] - weights @ y[self.kept], size[self.dropped] + np.abs(weights) @ size[self.kept]

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
    everything = np.arange(system.shape[0])
    if _shows_independence(system.matrix):
        return Rows(kept=everything, dropped=everything[:0], weights=np.zeros((0, everything.size)))
    with np.errstate(all="ignore"):
        matrix = _in_units(system)
        first, factor = _multiples(matrix)
        alone = np.flatnonzero(first == everything)
        kept, weights = _eliminated(matrix if alone.size == everything.size else matrix[alone], budget or Budget())
    kept = alone[kept]
    dropped, units = np.setdiff1d(everything, kept), system.row_units
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


def _in_units(system: LinearSystem) -> Any:
    """A with its rows in units, and its columns where they differ much: combinations of rows do not depend on that."""
    columns, sizes = np.ones(system.shape[1]), system.column_sizes
    if sizes.max() > settings.EVEN * sizes.min():
        columns = np.ldexp(1.0, -np.frexp(np.where(sizes > 0, sizes, 1.0))[1])
    matrix = system.scaled(1.0 / system.row_units, columns)
    return sp.csr_array(matrix) if sp.issparse(matrix) else matrix


def _multiples(matrix: Any) -> tuple[Index, Vector]:
    """For each row one that it is a multiple of to one rounding, and the factor; itself and one if there is none.

    Multiples have the same sum, in units of their largest entry, whatever the columns are weighted by.
    """
    own = np.arange(matrix.shape[0])
    sums = matrix @ np.random.default_rng(0).standard_normal(matrix.shape[1])
    keys = np.abs(sums) / _peaks(matrix)
    order = np.argsort(keys)
    apart = np.diff(keys[order], prepend=-1.0) > settings.SAME * keys[order]
    apart[0] = True
    first = own.copy()
    first[order] = order[np.flatnonzero(apart)[np.cumsum(apart) - 1]]
    factor, rows = np.ones(own.size), np.flatnonzero(first != own)
    if rows.size:
        given, factor[rows] = matrix[rows], sums[rows] / sums[first[rows]]
        left = abs(given - sp.diags_array(factor[rows]) @ matrix[first[rows]]) - 2 * EPS * abs(given)
        rows = rows[~(_peaks(left, signed=True) <= 0.0)]
        first[rows], factor[rows] = rows, 1.0
    return first, factor


def _eliminated(matrix: Any, budget: Budget) -> tuple[Index, Matrix]:
    """Sort the rows by pivoted elimination; look at those that nearly vanish in A itself, not in its Gram matrix.

    Returns the rows kept, sorted, and weights that make all rows of them.
    """
    gram = dense(matrix @ matrix.T)
    size = np.sqrt(gram.diagonal())
    scale = 1.0 / np.where(size > 0, size, 1.0)
    factor, pivots, rank, _ = dpstrf((gram * scale * scale[:, None]).T, tol=settings.SUSPECT, lower=1, overwrite_a=1)
    order = pivots.astype(np.intp) - 1
    kept, suspects, factor, scale = order[:rank], order[rank:], factor[:rank, :rank], scale[order[:rank], None]
    weights, above, left, noise = _combinations(
        matrix, kept, suspects, lambda right: scale * dpotrs(factor, scale * right, lower=1)[0]
    )
    chosen = above[_independent_remainders(left, noise, budget)]
    if chosen.size and not budget.spent_out:
        kept, suspects = np.concatenate([kept, suspects[chosen]]), np.delete(suspects, chosen)
        basis = matrix[kept]
        inverse = np.linalg.pinv(dense(basis @ basis.T), rcond=EPS, hermitian=True)
        weights, *_ = _combinations(matrix, kept, suspects, lambda right: inverse @ right)
    whole = np.empty((order.size, kept.size))
    whole[kept], whole[suspects] = np.eye(kept.size), weights
    by_row = np.argsort(kept)
    return kept[by_row], whole[:, by_row]


def _combinations(
    matrix: Any, kept: Index, others: Index, solve: Callable[[Matrix], Matrix]
) -> tuple[Matrix, Index, Matrix, Matrix]:
    """Weights W with A_others = W A_kept as nearly as can be; weights that are rounding are zero.

    And which of the others are not W A_kept to rounding, what is left of these, and its noise. ``solve`` is by
    A_kept A_kept'.
    """
    basis, weights = matrix[kept], np.zeros((others.size, kept.size))
    sizes, height = abs(basis), max(1, settings.BLOCK_BYTES // matrix.shape[1])
    above, lefts, noises = [others[:0]], [np.zeros((0, matrix.shape[1]))], [np.zeros((0, matrix.shape[1]))]
    for start in range(0, others.size, height):
        W, rest = weights[start : start + height], dense(matrix[others[start : start + height]])
        left = rest
        for _ in range(3):
            if not left.any():
                break
            W += solve(basis @ left.T).T
            W[np.abs(W) <= ROUNDINGS * np.abs(W).max(axis=1, keepdims=True)] = 0.0
            left = rest - W @ basis
        noise = ROUNDINGS * (np.abs(rest) + np.abs(W) @ sizes)
        rows = np.flatnonzero((np.abs(left) > noise).any(axis=1))
        above, lefts, noises = [*above, start + rows], [*lefts, left[rows]], [*noises, noise[rows]]
    return weights, np.concatenate(above), np.vstack(lefts), np.vstack(noises)


def _peaks(rows: Any, *, signed: bool = False) -> Vector:
    """The largest entry of each row, or the largest magnitude."""
    return np.asarray(dense((rows if signed else abs(rows)).max(axis=1)), dtype=np.float64).ravel()


def _independent_remainders(left: Matrix, noise: Matrix, budget: Budget) -> Index:
    """Which of the rows stay above their noise when the largest are eliminated one by one."""
    chosen: list[int] = []
    while True:
        above = (np.abs(left) / np.where(noise > 0, noise, np.finfo(np.float64).tiny)).max(axis=1, initial=0.0)
        above[chosen] = 0.0
        if not above.max(initial=0.0) > 1.0 or budget.spent_out:
            return np.array(chosen, dtype=np.intp)
        i = int(above.argmax())
        chosen.append(i)
        share = left @ left[i] / (left[i] @ left[i])
        share[chosen] = 0.0
        left = left - share[:, None] * left[i]
        noise = noise + np.abs(share)[:, None] * noise[i]
