"""The tableau x_J + T x_R = u of a column basis J, with a bound of its rounding, and the only place that decides zeros.

For a positive x given by its logarithm, J is chosen so that its volume weighted by sqrt(x) is near its maximum: then
the ratios T_ij sqrt(x_j / x_i) stay bounded however many orders of magnitude x spans. The rounding of T is bounded by
an outer product, |dT_ij| <= r_i c_j. An entry inside its bound is *undecided*: it is decided exactly, so that zeros are
zeros. Where that is too much it is assumed to be zero, and counts in the noise as what it may be.

An entry u_i is zero where y, moved by ROUNDINGS of the terms of each row, makes it so: the tableau then belongs to
y' = A_J u, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import scipy.sparse as sp

from bregman_l1 import exact, settings
from bregman_l1._types import EPS, ROUNDINGS, WIDE_EPS, Index, Mask, Matrix, Real, Vector, Wide, in_double
from bregman_l1.basis.choice import SingularBasisError, exchange
from bregman_l1.basis.sparsity import inverted, thin
from bregman_l1.caching import cached_property
from bregman_l1.system import dense

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


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
    matrix, wide : ndarray of shape (k, k)
        A_J, and the same in extended precision, stored sparse where that pays.
    exactly_to : int
        Up to so many entries, A_J included, are computed exactly where rounding cannot tell them from zero.
    assumed : ndarray of bool, shape (k, m), or None
        Entries that were too many for that: they are zero here, and may be as large as their error bound.
    is_exact : bool
        Whether T, u and the inverse are right to the rounding of each entry.
    snapped : int
        How many entries of u were decided to be zero by the margin of y.
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
    wide: Any
    exactly_to: int
    is_exact: bool
    assumed: Mask | None = None
    snapped: int = 0

    @classmethod
    def of(cls, system: LinearSystem, J: Index, R: Index, exactly_to: int = settings.EXACT_ENTRIES) -> Tableau:
        """Tabulate the columns R; exactly where A_J is ill-conditioned and the tableau small."""
        y, matrix, columns = system.y, system.columns(J), system.columns(R)
        units, sizes = system.row_units, system.column_sizes
        few, inverse = thin(matrix), inverted(matrix / units[:, None]) / units
        wide, row_error = few.astype(np.longdouble), np.abs(inverse) @ units
        exactly, assumed = None, None
        if J.size**2 + columns.size <= exactly_to and not (row_error * sizes[J]).max() <= settings.ILL_CONDITIONED:
            exactly = _exactly(matrix, np.hstack([columns, y[:, None], np.eye(J.size)]))
        if exactly is not None:
            T, u, inverse = np.ascontiguousarray(exactly[:, : R.size]), exactly[:, R.size], exactly[:, R.size + 1 :]
            row_error = np.abs(T).max(axis=1, initial=np.finfo(np.float64).tiny)
            column_error = EPS * (np.abs(T) / row_error[:, None]).max(axis=0)
            rounding, u_error = 2 * EPS, EPS * np.abs(u)
        elif np.isfinite(row_error).all():
            few_inverse, rounding, u = thin(inverse), settings.UNREFINED, _refined(inverse, wide, y)
            u_error = EPS * np.abs(u) + WIDE_EPS * np.abs(inverse) @ (np.abs(matrix) @ np.abs(u) + np.abs(y))
            T = dense(few_inverse @ thin(columns))
            column_error = 2 * rounding * (sizes[J] @ np.abs(T) + sizes[R])
            if (np.abs(T) <= np.multiply.outer(row_error, column_error)).any():
                T, rounding = T + dense(few_inverse @ thin(columns - few @ T)), 2 * EPS
                column_error = 2 * rounding * (sizes[J] @ np.abs(T) + sizes[R])
                undecided = np.abs(T) <= np.multiply.outer(row_error, column_error)
                T[undecided] = 0.0
                T, column_error, assumed = _decided(matrix, columns, T, column_error, undecided, exactly_to)
        else:
            raise SingularBasisError
        return cls(
            J=J,
            R=R,
            T=T,
            rounding=rounding,
            row_error=row_error,
            column_error=column_error,
            u=u,
            u_error=u_error,
            inverse=inverse,
            matrix=matrix,
            wide=wide,
            exactly_to=exactly_to,
            is_exact=exactly is not None,
            assumed=assumed,
        )._with_zeros(y)

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

    def reduced(self, values: Real) -> Real:
        """Rho = T'b_J - b_R for b = values, or of each column; zero where that is rounding, so that ties stay ties."""
        rho = self.T.T @ values[self.J] - values[self.R]
        return cast("Real", np.where(np.abs(rho) <= self.reduced_error(values), 0.0, rho))

    def reduced_error(self, values: Real) -> Real:
        """A bound of the rounding of `reduced`."""
        # Zeros of T are exact, but those that were assumed.
        uncertain = self.T != 0.0 if self.assumed is None else (self.T != 0.0) | self.assumed
        of_T = (((self.row_error * np.abs(values[self.J]).T) @ uncertain) * self.column_error).T
        return cast("Real", 8 * EPS * self.reduced_terms(values) + of_T)

    def reduced_terms(self, values: Real) -> Real:
        """The size of the terms that may cancel in `reduced`."""
        return cast("Real", np.abs(self.T).T @ np.abs(values[self.J]) + np.abs(values[self.R]))

    def dual(self, values: Vector) -> Vector:
        """The lam of shape (k,) with A_J'lam = values, refined in extended precision."""
        if self.is_exact:
            lam = exact.values(self.matrix.T, values[:, None], np.zeros((values.size, 1), dtype=bool))
            if lam is not None:
                return lam[:, 0]
        return _refined(self.inverse.T, self.wide.T, values)

    def balance(self, log_weights: Vector) -> Matrix:
        """Log |T_ij| sqrt(weight_j / weight_i): bounded for a near-maximal basis."""
        K = self.log_T - log_weights[self.J][:, None] / 2
        K += log_weights[self.R] / 2
        return K

    def serves(self, log_weights: Vector) -> bool:
        """Whether the basis is balanced for these weights."""
        return bool(self.balance(log_weights).max(initial=-np.inf) <= settings.UNBALANCED)

    def exchanged(self, system: LinearSystem, log_weights: Vector) -> Tableau:
        """The tableau of a better basis, if some |T_ij| sqrt(weight_j / weight_i) is large; this one otherwise."""
        K = self.balance(log_weights)
        largest = K.max(initial=-np.inf)
        J = self.J if largest <= settings.UNBALANCED else exchange(self.T, K, self.J, self.R, log_weights / 2)
        if (J == self.J).all():
            return self
        fresh = Tableau.of(system, J, np.setdiff1d(np.append(self.J, self.R), J), self.exactly_to)
        return fresh.exchanged(system, log_weights) if largest > settings.WIDEST_ELIMINATION else fresh

    def holding(self, system: LinearSystem, columns: Index) -> Tableau:
        """A tableau of this basis in which these columns are tabulated."""
        is_there = np.isin(columns, self.R).all()
        return self if is_there else Tableau.of(system, self.J, columns, self.exactly_to)

    def decided(self, system: LinearSystem, log_x: Vector, exactly_to: int) -> Tableau:
        """The tableau with the assumed zeros decided that could matter at log_x, if they are not too many."""
        if self.assumed is None:
            return self
        errors = np.add.outer(np.log(self.row_error) - log_x[self.J], np.log(self.column_error) + log_x[self.R])
        matters = self.assumed & (errors > settings.WORTHLESS)
        touched, columns = np.flatnonzero(matters.any(axis=0)), system.columns(self.R)
        # Others are zero by their pattern.
        matters[:, touched] &= dense(abs(thin(self.inverse)) @ abs(thin(columns[:, touched]))) > 0.0
        T, error, left = _decided(self.matrix, columns, self.T.copy(), self.column_error.copy(), matters, exactly_to)
        others = self.assumed & ~(errors > settings.WORTHLESS)
        return replace(self, T=T, column_error=error, assumed=others if left is None else others | left)

    def _with_zeros(self, y: Vector) -> Tableau:
        """An entry of u is zero where the margin of y allows it, if all of them are allowed at once.

        So are the entries that only balanced the rounding of those: with them at zero they are rounding themselves.
        """
        u, movable = self.u, self.u != 0.0
        small = movable & (np.abs(u) <= ROUNDINGS * np.abs(self.inverse) @ self._terms(u, y))
        if small.any():
            nearest = self._nearest(np.where(small, 0.0, u), y)
            if self._is_allowed(nearest, y):
                return replace(self, u=nearest, snapped=int(small.sum()))
        while small.any():
            moved = np.where(small, 0.0, u)
            if self._is_allowed(moved, y):
                return replace(self, u=moved, snapped=int(small.sum()))
            left = np.abs(moved + self.inverse @ self._missed(moved, y))
            carried = movable & ~small & (left <= settings.SOUND * np.abs(u))
            if carried.any():
                small |= carried
            else:
                largest = np.argmax(np.where(small, np.abs(u), -1.0))
                small[largest] = movable[largest] = False
        return self

    def _nearest(self, u: Vector, y: Vector) -> Vector:
        """The u with these zeros whose A_J u is nearest to y, if u is not near enough but that is within rounding."""
        terms, kept = self._terms(u, y), u != 0.0
        rows = terms > 0.0
        if self._is_allowed(u, y) or u.size * kept.sum() ** 2 > settings.REFITTED:
            return u
        weighted = self.matrix[np.ix_(rows, kept)] / terms[rows, None]
        if weighted.size and np.isfinite(weighted).all():
            change = np.linalg.lstsq(weighted, self._missed(u, y)[rows] / terms[rows])[0]
            if (np.abs(change) <= settings.NEGLIGIBLE * np.abs(u[kept])).all():
                u = u.copy()
                u[kept] += change
        return u

    def _is_allowed(self, u: Vector, y: Vector) -> bool:
        return bool((np.abs(self._missed(u, y)) <= settings.MARGIN * self._terms(u, y)).all())

    def _terms(self, u: Vector, y: Vector) -> Vector:
        return np.asarray(np.abs(self.matrix) @ np.abs(u) + np.abs(y))

    def _missed(self, u: Vector, y: Vector) -> Vector:
        return np.asarray(y - self.wide @ u.astype(np.longdouble), dtype=np.float64)


def _refined(inverse: Matrix, matrix: Any, right: Vector) -> Vector:
    """The solution of an equation by an inverse, refined with the matrix in extended precision."""
    solution = inverse @ right
    for _ in range(2):
        missed = right - matrix @ solution.astype(np.longdouble)
        solution = solution + inverse @ in_double(missed)
    return np.asarray(solution)


def _exactly(matrix: Matrix, columns: Matrix) -> Matrix | None:
    """Matrix^{-1} columns, right to the rounding of each entry; None where that is too much work, or singular."""
    zero = exact.zeros(matrix, columns) if matrix.shape[0] * columns.size <= settings.EXACT_WORK else None
    values = None if zero is None else exact.values(matrix, columns, zero)
    return values if values is not None and np.isfinite(values).all() else None


def _decided(
    matrix: Matrix, columns: Matrix, T: Matrix, error: Vector, undecided: Mask, exactly_to: int
) -> tuple[Matrix, Vector, Mask | None]:
    """T and its column errors with the undecided entries decided exactly, or the entries if that is too much."""
    touched = np.flatnonzero(undecided.any(axis=0))
    if not touched.size:
        return T, error, None
    is_small = matrix.size + matrix.shape[0] * touched.size <= exactly_to
    zero = exact.zeros(matrix, columns[:, touched]) if is_small else None
    if zero is None:
        return T, error, undecided
    undecided[:, touched] &= ~zero
    wrong = np.flatnonzero(undecided.any(axis=0))
    if not wrong.size:
        return T, error, None
    is_short = matrix.size * wrong.size <= settings.EXACT_WORK
    values = exact.values(matrix, columns[:, wrong], zero[:, np.isin(touched, wrong)]) if is_short else None
    if values is None:
        return T, error, undecided
    T[:, wrong], error[wrong] = values, EPS * np.abs(values).max(axis=0)
    return T, error, None
