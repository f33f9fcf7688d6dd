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

from bregman_l1 import exact, settings
from bregman_l1._types import EPS, ROUNDINGS, WIDE_EPS, Index, Matrix, Vector, Wide
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
        inverse = inverted(matrix / units[:, None]) / units
        row_error = np.abs(inverse) @ units
        if not (row_error * sizes[J]).max() <= settings.ILL_CONDITIONED:
            exactly = cls._exactly(system.y, J, R, matrix, columns) if J.size**2 + columns.size <= exactly_to else None
            if exactly is not None:
                return exactly
            if not np.isfinite(row_error).all():
                raise SingularBasisError
        few, few_inverse = thin(matrix), thin(inverse)
        T, rounding = dense(few_inverse @ thin(columns)), settings.UNREFINED
        terms = sizes[J] @ np.abs(T) + sizes[R]
        if (np.abs(T) <= 2 * rounding * np.multiply.outer(row_error, terms)).any():
            T, rounding = T + dense(few_inverse @ thin(columns - few @ T)), 2 * EPS
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
        terms = np.abs(self.matrix) @ np.abs(u) + np.abs(y)
        movable = u != 0.0
        small = (np.abs(u) <= np.abs(self.inverse) @ (ROUNDINGS * terms)) & movable
        while small.any():
            moved, is_allowed = self._nearest(np.where(small, 0.0, u), y)
            if is_allowed:
                return replace(self, u=moved, snapped=int(small.sum()))
            carried = (
                movable & ~small & (np.abs(moved + self.inverse @ self._missed(moved, y)) <= settings.SOUND * np.abs(u))
            )
            if carried.any():
                small |= carried
            else:
                largest = np.argmax(np.where(small, np.abs(u), -1.0))
                small[largest] = movable[largest] = False
        return self

    def _nearest(self, u: Vector, y: Vector) -> tuple[Vector, bool]:
        """The u with these zeros whose A_J u is nearest to y, in units of the terms; whether the margin allows it."""
        terms, missed = np.abs(self.matrix) @ np.abs(u) + np.abs(y), self._missed(u, y)
        if (np.abs(missed) > settings.MARGIN * terms).any():
            rows, kept = terms > 0.0, u != 0.0
            weighted = self.matrix[np.ix_(rows, kept)] / terms[rows, None]
            if weighted.size and np.isfinite(weighted).all():
                u = u.copy()
                u[kept] += np.linalg.lstsq(weighted, missed[rows] / terms[rows])[0]
                missed = self._missed(u, y)
        return u, bool((np.abs(missed) <= settings.MARGIN * terms).all())

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
