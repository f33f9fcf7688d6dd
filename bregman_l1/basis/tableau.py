"""The tableau x_J + T x_R = u of a column basis J, with a bound of its rounding, and the only place that decides zeros.

For a positive x given by its logarithm, J is chosen so that its volume weighted by sqrt(x) is near its maximum: then
the ratios T_ij sqrt(x_j / x_i) stay bounded however many orders of magnitude x spans. The rounding of T is bounded by
an outer product, |dT_ij| <= r_i c_j. An entry inside its bound is *undecided*; where its column could matter (its bound
times x_j / x_i is not negligible) it is computed exactly, so that zeros are zeros. Elsewhere it is left as it is.

An entry u_i is zero where y, moved by ROUNDINGS of the terms of each row, makes it so: the tableau then belongs to
y' = A_J u, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg import qr
from scipy.linalg.lapack import dgetrf, dgetri
from scipy.sparse.linalg import splu

from bregman_l1 import exact, settings
from bregman_l1._types import EPS, ROUNDINGS, WIDE_EPS, Index, Matrix, Vector, Wide
from bregman_l1.caching import cached_property

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


class SingularBasisError(ArithmeticError):
    """The columns offered do not span the rows: those of ``system`` are dependent on the coordinates left."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Tableau:
    """One basis J of a system of independent rows, and the columns R tabulated in it.

    Attributes
    ----------
    J, R : ndarray of shape (k,) and (m,)
    T : ndarray of shape (k, m)
    rounding : float
        dT = A_J^{-1} E with |E| <= rounding (|A_R| + |A_J||T|).
    row_error, column_error : ndarray of shape (k,) and (m,)
        |dT_ij| <= row_error_i column_error_j.
    u, u_error : ndarray of shape (k,)
        The target, and a bound of its rounding.
    inverse : ndarray of shape (k, k)
        Of A_J, up to rounding.
    matrix : ndarray of shape (k, k)
        A_J.
    snapped : int
        How many entries of u were decided to be zero by the margin of y.
    is_exact : bool
        Whether T, u and the inverse are right to the rounding of each entry.
    log_doubt : ndarray of shape (k, m) or None
        The logarithm of the bound where an entry is undecided, -inf elsewhere.
    """

    J: Index
    R: Index
    T: Matrix
    rounding: float
    row_error: Vector
    column_error: Vector
    u: Vector
    u_error: Vector
    inverse: Matrix
    matrix: Matrix
    snapped: int = 0
    is_exact: bool = False
    log_doubt: Matrix | None = None
    exactly_to: int = settings.EXACT_ENTRIES

    @classmethod
    def of(
        cls, system: LinearSystem, J: Index, R: Index, log_x: Vector, exactly_to: int = settings.EXACT_ENTRIES
    ) -> Tableau:
        """Tabulate the columns R; ``log_x`` says which of their zeros matter.

        Tableaus of up to ``exactly_to`` entries, A_J included, decide them exactly; larger ones take what rounding
        cannot tell from zero for zero.
        """
        matrix, columns, units, sizes = system.columns(J), system.columns(R), system.row_units, system.column_sizes
        inverse = inverted(matrix / units[:, None])
        sound = inverse is not None and bool(np.isfinite(inverse).all())
        inverse = (inverse if inverse is not None else np.zeros_like(matrix)) / units
        row_error = np.abs(inverse) @ units
        if not sound or (row_error * sizes[J]).max() > settings.ILL_CONDITIONED:
            exactly = cls._exactly(system.y, J, R, matrix, columns) if J.size**2 + columns.size <= exactly_to else None
            if exactly is not None:
                return exactly
            if not sound:
                raise SingularBasisError
        few, few_inverse = thin(matrix), thin(inverse)
        T, rounding = product(few_inverse, columns), settings.UNREFINED
        terms = sizes[J] @ np.abs(T) + sizes[R]
        if (np.abs(T) <= 2 * rounding * np.multiply.outer(row_error, terms)).any():
            T, rounding = T + product(few_inverse, columns - few @ T), 2 * EPS
            terms = sizes[J] @ np.abs(T) + sizes[R]
        wide, u = few.astype(np.longdouble), inverse @ system.y
        for _ in range(2):
            u = u + inverse @ np.asarray(system.y - wide @ u.astype(np.longdouble), dtype=np.float64)
        tableau = cls(
            J=J,
            R=R,
            T=T,
            rounding=rounding,
            row_error=row_error,
            column_error=2 * rounding * terms,
            u=u,
            u_error=EPS * np.abs(u) + WIDE_EPS * np.abs(inverse) @ (np.abs(matrix) @ np.abs(u) + np.abs(system.y)),
            inverse=inverse,
            matrix=matrix,
            exactly_to=exactly_to,
        )._with_zeros(system.y)
        return tableau if rounding == settings.UNREFINED else tableau._decided(columns, log_x)

    @classmethod
    def _exactly(cls, y: Vector, J: Index, R: Index, matrix: Matrix, columns: Matrix) -> Tableau | None:
        """The tableau with every number right to rounding; None where it is too large, or singular."""
        right = np.hstack([columns, y[:, None], np.eye(J.size)])
        if J.size * right.size > settings.EXACT_WORK:
            return None
        zero = exact.zeros(matrix, right)
        values = None if zero is None else exact.values(matrix, right, zero)
        if values is None or not np.isfinite(values).all():
            return None
        T = np.ascontiguousarray(values[:, : R.size])
        row_error = np.abs(T).max(axis=1, initial=np.finfo(np.float64).tiny)
        tableau = cls(
            J=J,
            R=R,
            T=T,
            rounding=2 * EPS,
            row_error=row_error,
            column_error=EPS * (np.abs(T) / row_error[:, None]).max(axis=0),
            u=values[:, R.size],
            u_error=EPS * np.abs(values[:, R.size]),
            inverse=values[:, R.size + 1 :],
            matrix=matrix,
            is_exact=True,
        )
        return tableau._with_zeros(y)

    @cached_property
    def wide(self) -> Any:
        """A_J in extended precision."""
        return thin(self.matrix).astype(np.longdouble)

    @cached_property
    def target(self) -> Wide:
        """A_J u in extended precision: y, or the y' that entries taken for zero belong to."""
        return np.asarray(self.wide @ self.u.astype(np.longdouble))

    @cached_property
    def sides(self) -> tuple[Any, Any, Any]:
        """T, its positive and its negative part; by columns, sparse where that is cheaper."""
        few = thin(self.T)
        if isinstance(few, np.ndarray):
            return few, np.maximum(few, 0.0), np.maximum(-few, 0.0)
        few = sp.csc_array(few)
        return few, few.maximum(0.0), (-few).maximum(0.0)

    @cached_property
    def log_T(self) -> Matrix:
        """Log |T_ij|, -inf for zeros."""
        log_T, entries = np.full_like(self.T, -np.inf), self.T != 0.0
        log_T[entries] = np.log(np.abs(self.T[entries]))
        return log_T

    @cached_property
    def log_u(self) -> Vector:
        """Log |u_i|, -inf for zeros."""
        with np.errstate(divide="ignore"):
            return np.log(np.abs(self.u))

    def reduced(self, log_prior: Vector) -> Vector:
        """Rho = T'b_J - b_R for b = log_prior; zero where its terms cancel to rounding, so that ties stay ties."""
        on_basis, on_rest = log_prior[self.J], log_prior[self.R]
        rho = self.T.T @ on_basis - on_rest
        terms = np.abs(self.T).T @ np.abs(on_basis) + np.abs(on_rest)
        noise = 8 * EPS * terms + self.column_error * float(self.row_error @ np.abs(on_basis))
        return np.where(np.abs(rho) <= noise, 0.0, rho)

    def dual(self, values: Vector) -> Vector:
        """The lam of shape (k,) with A_J'lam = values, refined in extended precision."""
        if self.is_exact:
            lam = exact.values(self.matrix.T, values[:, None], np.zeros((values.size, 1), dtype=bool))
            if lam is not None:
                return lam[:, 0]
        lam = self.inverse.T @ values
        for _ in range(2):
            missed = np.asarray(values - self.wide.T @ lam.astype(np.longdouble), dtype=np.float64)
            correction = self.inverse.T @ missed
            lam += correction
            if np.abs(correction).max() <= settings.SMALL_CORRECTION * np.abs(lam).max():
                break
        return np.asarray(lam)

    def balance(self, log_x: Vector) -> Matrix:
        """Log |T_ij| sqrt(x_j / x_i): bounded for a near-maximal basis."""
        return np.asarray(self.log_T + (log_x[self.R] - log_x[self.J][:, None]) / 2)

    def serves(self, log_x: Vector) -> bool:
        """Whether the basis is balanced at log_x, and every entry decided that matters there."""
        on_basis, on_rest = log_x[self.J][:, None], log_x[self.R]
        if not ((self.log_T - on_basis / 2).max(axis=0, initial=-np.inf) + on_rest / 2 <= settings.UNBALANCED).all():
            return False
        return self.log_doubt is None or bool(
            (self.log_doubt + (on_rest - on_basis)).max(initial=-np.inf) <= settings.WORTHLESS
        )

    def exchanged(self, system: LinearSystem, log_x: Vector) -> Tableau:
        """The tableau of a better basis at log_x, if some |T_ij| sqrt(x_j / x_i) is large; this one otherwise.

        Made anew, too, where an entry has come to matter that was left undecided.
        """
        if self.serves(log_x):
            return self
        K = self.balance(log_x)
        if K.max() <= settings.UNBALANCED:
            return Tableau.of(system, self.J, self.R, log_x, self.exactly_to)
        J = exchange(self.T, K, self.J, self.R, log_x / 2)
        if (J == self.J).all():
            return self
        fresh = Tableau.of(system, J, np.setdiff1d(np.append(self.J, self.R), J), log_x, self.exactly_to)
        return fresh.exchanged(system, log_x) if K.max() > settings.WIDEST_ELIMINATION else fresh

    def _with_zeros(self, y: Vector) -> Tableau:
        """An entry of u is zero where the margin of y allows it, if all of them are allowed at once.

        So are the entries that only balanced the rounding of those: with them at zero they are rounding themselves.
        """
        u = self.u
        movable = u != 0.0
        small = (np.abs(u) <= np.abs(self.inverse) @ (ROUNDINGS * self._terms(u, y))) & movable
        if small.any():
            nearest = self._nearest(np.where(small, 0.0, u), y)
            if self._is_allowed(nearest, y):
                return replace(self, u=nearest, snapped=int(small.sum()))
        while small.any():
            moved = np.where(small, 0.0, u)
            if self._is_allowed(moved, y):
                return replace(self, u=moved, snapped=int(small.sum()))
            left = moved + self.inverse @ self._missed(moved, y)
            carried = movable & ~small & (np.abs(left) <= settings.SOUND * np.abs(u))
            if carried.any():
                small |= carried
            else:
                largest = np.argmax(np.where(small, np.abs(u), -1.0))
                small[largest] = movable[largest] = False
        return self

    def _nearest(self, u: Vector, y: Vector) -> Vector:
        """The u with these zeros whose A_J u is nearest to y in units of the terms, if u itself is not near enough."""
        terms, kept = self._terms(u, y), u != 0.0
        rows = terms > 0.0
        if self._is_allowed(u, y) or u.size * kept.sum() ** 2 > settings.REFITTED:
            return u
        weighted = self.matrix[np.ix_(rows, kept)] / terms[rows, None]
        if weighted.size and np.isfinite(weighted).all():
            u = u.copy()
            u[kept] += np.linalg.lstsq(weighted, self._missed(u, y)[rows] / terms[rows])[0]
        return u

    def _is_allowed(self, u: Vector, y: Vector) -> bool:
        return bool((np.abs(self._missed(u, y)) <= settings.MARGIN * self._terms(u, y)).all())

    def _terms(self, u: Vector, y: Vector) -> Vector:
        return np.asarray(np.abs(self.matrix) @ np.abs(u) + np.abs(y))

    def _missed(self, u: Vector, y: Vector) -> Vector:
        """Y - A_J u."""
        return np.asarray(y - self.wide @ u.astype(np.longdouble), dtype=np.float64)

    def _decided(self, columns: Matrix, log_x: Vector) -> Tableau:
        """Compute exactly the columns with undecided entries that could matter at log_x."""
        undecided = np.abs(self.T) <= np.multiply.outer(self.row_error, self.column_error)
        if not undecided.any():
            return self
        if self.J.size**2 + self.T.size > self.exactly_to:
            return replace(self, T=np.where(undecided, 0.0, self.T))
        with np.errstate(divide="ignore"):
            log_error = np.log(self.row_error)[:, None] + np.log(self.column_error)
        log_error[~undecided] = -np.inf
        doubtful = log_error + (log_x[self.R] - log_x[self.J][:, None]) > settings.WORTHLESS - settings.AHEAD
        touched = np.flatnonzero(doubtful.any(axis=0))
        if touched.size:
            T, error = self.T.copy(), self.column_error.copy()
            T[doubtful], log_error[doubtful] = 0.0, -np.inf
            zero = exact.zeros(self.matrix, columns[:, touched])
            if zero is not None and not zero[doubtful[:, touched]].all():
                values = exact.values(self.matrix, columns[:, touched], zero)
                if values is not None:
                    T[:, touched], error[touched] = values, EPS * np.abs(values).max(axis=0)
                    log_error[:, touched] = -np.inf
            self = replace(self, T=T, column_error=error)
        return replace(self, log_doubt=log_error) if (log_error > -np.inf).any() else self


def inverted(matrix: Matrix) -> Matrix | None:
    """The inverse by elimination, which keeps zeros that follow from the pattern; None where a pivot vanishes."""
    few = thin(matrix)
    if isinstance(few, np.ndarray):
        lu, pivots, info = dgetrf(matrix)
        inverse, singular = dgetri(lu, pivots)
        return inverse if info == 0 and singular == 0 else None
    try:
        return np.asarray(splu(sp.csc_array(few)).solve(np.eye(matrix.shape[0])))
    except RuntimeError:
        return None


def thin(matrix: Matrix) -> Any:
    """The matrix, stored sparse where products with it are cheaper then."""
    if matrix.size < settings.THIN_FROM or np.count_nonzero(matrix) >= settings.THIN * matrix.size:
        return matrix
    lines = matrix if matrix.flags.c_contiguous else matrix.T
    entries, width = np.flatnonzero(lines != 0.0), lines.shape[1]
    ends = np.searchsorted(entries, np.arange(0, lines.size + 1, width))
    few = sp.csr_array((lines.ravel()[entries], entries % width, ends), lines.shape)
    return few if lines is matrix else few.T


def product(left: Any, right: Matrix) -> Matrix:
    """The product of two matrices, by the nonzeros of the right one where these are few."""
    few = thin(right)
    if isinstance(few, np.ndarray):
        return np.asarray(left @ few)
    return np.asarray((left @ few).toarray() if sp.issparse(left) else (few.T @ left.T).T)


def exchange(T: Matrix, K: Matrix, J: Index, R: Index, half: Vector) -> Index:
    """A basis in which K = log |T_ij| sqrt(x_j / x_i) is smaller.

    In the rows and columns where it is large an elimination of [I, T] lets each row take the heaviest of the columns
    that the rows before it left over.
    """
    wanted = (K > settings.BALANCED).any(axis=0)
    wanted &= half[R] >= half[R].max(where=wanted, initial=-np.inf) - settings.WIDEST_ELIMINATION
    rows = np.flatnonzero((K[:, wanted] > settings.BALANCED).any(axis=1))
    columns = np.flatnonzero(wanted & (K[rows] > 0.0).any(axis=0))
    block = np.hstack([np.eye(rows.size), T[np.ix_(rows, columns)]])
    chosen = J.copy()
    if rows.size:
        chosen[rows] = _heaviest(block, np.append(J[rows], R[columns]), half)
    return chosen


def _heaviest(block: Matrix, names: Index, half: Vector) -> Index:
    """As many independent columns as there are rows, the heaviest by an elimination; the first where that fails."""
    first = names[: block.shape[0]]
    n_rows = block.shape[0]
    while names.size >= n_rows:
        weight = np.exp(np.maximum(half[names] - half[names].max(), -settings.WIDEST_ELIMINATION))
        factor, swaps, _ = dgetrf((block * weight).T)
        pivots = permuted(swaps, names.size)[:n_rows]
        lower, upper = np.abs(np.tril(factor[:n_rows], -1)), np.abs(np.triu(factor[:n_rows]))
        terms = np.einsum("kl,lk->k", lower, upper)
        poor = pivots[upper.diagonal() <= settings.SOUND * terms]
        if not poor.size:
            return names[pivots]
        names, block = np.delete(names, poor), np.delete(block, poor, axis=1)
    return first


def permuted(swaps: Index, size: int) -> Index:
    """The order that the interchanges of an elimination lead to."""
    order = np.arange(size)
    for k, other in enumerate(swaps):
        order[[k, other]] = order[[other, k]]
    return order


def choose_basis(system: LinearSystem, log_x: Vector) -> Index:
    """Columns J of near-maximal volume weighted by sqrt(x).

    Partial pivoting on the heaviest columns, of A and of each row, where these span the rows; else greedily, by pivoted
    orthogonalisation of one range of weights after the other.

    Raises
    ------
    SingularBasisError
        If the columns with log_x > -inf do not span the rows.
    """
    weight = 0.5 * log_x + np.log(system.column_sizes)
    order = np.argsort(-weight, kind="stable")[: int(np.count_nonzero(weight > -np.inf))]
    heavy = np.union1d(
        np.arange(min(order.size, int(1.3 * system.shape[0]) + 20)), system.first_in_rows(order, settings.FIRST)
    )
    J = _by_partial_pivoting(system, weight, order[heavy])
    J = _greedy(system, weight, order) if J is None else J
    if J is None and order.size * system.shape[0] ** 2 <= settings.EXACT_ELIMINATION:
        found = exact.heavy_columns(system.columns(order) / system.row_units[:, None], 0.5 * log_x[order])
        J = None if found is None else order[found]
    if J is None:
        raise SingularBasisError
    return J


def is_large_and_sparse(system: LinearSystem) -> bool:
    """Whether its tableaus had better leave out columns that do not matter."""
    return system.is_sparse and system.shape[0] * system.shape[1] >= settings.WARM_FROM


def log_shares(system: LinearSystem, J: Index, log_x: Vector) -> Vector:
    """Log max_i |T_ij| x_j / x_i of each column in the tableau of J, or more, without the tableau; zero on J.

    Measured beside the lightest of the basis unless A is large and sparse, where the scales of rows may lie far apart:
    there, up to the number of terms,

        max_i |T_ij| x_j / x_i <= max_k |A_kj| x_j max_i |(A_J^{-1})_ik| / x_i.
    """
    if is_large_and_sparse(system):
        inverse = inverted(system.columns(J) / system.row_units[:, None])
        if inverse is None:
            raise SingularBasisError
        beside = (np.log(np.abs(inverse)) - log_x[J][:, None]).max(axis=0) - np.log(system.row_units)
        shares = log_x + system.log_terms(beside)
    else:
        shares = log_x + np.log(system.column_sizes)
        shares -= shares[J].min()
    shares[J] = 0.0
    return shares


def _by_partial_pivoting(system: LinearSystem, weight: Vector, index: Index) -> Index | None:
    """A basis among a few columns, heaviest first; None if a pivot is poor.

    Gaussian elimination scales with its rows, so that columns of any weight are pivoted in one factorisation.
    """
    n_rows = system.shape[0]
    if index.size < n_rows:
        return None
    below = weight[index] - weight[index[0]]
    scale = np.exp(below * min(1.0, settings.WIDEST_ELIMINATION / max(1.0, -float(below[-1]))))
    columns = system.columns(index).T / system.row_units / system.column_sizes[index][:, None]
    factor, swaps, _ = dgetrf(columns * scale[:, None])
    order = permuted(swaps, index.size)
    good = np.abs(factor.diagonal()) > settings.POOR * scale[order[:n_rows]]
    return np.asarray(index[order[:n_rows]]) if good.all() else None


def _greedy(system: LinearSystem, weight: Vector, waiting: Index) -> Index | None:
    """A basis from columns of any weights, those within a few decades of the heaviest left at a time."""
    n_rows = system.shape[0]
    chosen, span = waiting[:0], np.zeros((n_rows, 0))
    effective = weight.copy()
    while chosen.size < n_rows and waiting.size:
        top = effective[waiting].max()
        near = waiting[effective[waiting] >= top - settings.RANGE_OF_WEIGHTS]
        unit = system.columns(near) / system.row_units[:, None] / system.column_sizes[near]
        for _ in range(2):
            unit -= span @ (span.T @ unit)
        rest = np.sqrt(np.einsum("ij,ij->j", unit, unit))
        alive = rest > settings.DEPENDENT
        waiting = np.setdiff1d(waiting, near[~alive], assume_unique=True)
        near, unit = near[alive], unit[:, alive]
        effective[near] = weight[near] + np.log(rest[alive])
        if not near.size or effective[near].max() < top - settings.RANGE_OF_WEIGHTS / 2:
            continue
        scale = np.exp(weight[near] - top)
        Q, upper, pivots = qr(unit * scale, mode="economic", pivoting=True, check_finite=False)
        diagonal = np.abs(upper.diagonal())
        good = (diagonal > settings.DEPENDENT * scale[pivots[: diagonal.size]]) & (
            diagonal > np.exp(-settings.RANGE_OF_WEIGHTS / 2)
        )
        count = max(1, int(diagonal.size if good.all() else good.argmin()))
        fresh = Q[:, :count] - span @ (span.T @ Q[:, :count])
        span = np.hstack([span, np.linalg.qr(fresh)[0]])
        taken = near[pivots[:count]]
        chosen, waiting = np.concatenate([chosen, taken]), np.setdiff1d(waiting, taken, assume_unique=True)
    return np.asarray(chosen) if chosen.size == n_rows else None
