"""The Newton equations of the scale-free form, in logarithms: used by the walk and by the certificate.

With a basis J the conditions A x = y, theta(x) = theta(p) + A'lam are

    x_i + sum_j T_ij x_j = u_i,      theta_R = T'theta_J - rho,      om = log x_J.

Each row is written as a balance of two sums of positive terms, log pos_i = log neg_i: x_i, the terms with T_ij > 0 and
-u_i if that is positive on one side, the others on the other. The weight of a term is its share of its side, so that
nothing overflows and rows of any scale count alike:

    (diag p + V C) d om = log neg - log pos,      d log x_R = C d om,      C = diag(1/theta'_R) T'diag(theta'_J),

with theta' = d theta / d log x, which is 1 for the entropy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dgetrf, dgetrs
from scipy.sparse.linalg import splu

from bregman_l1 import settings
from bregman_l1._types import EPS, Index, Mask, Matrix, Vector, Wide, in_double
from bregman_l1.basis.sparsity import thin
from bregman_l1.probes import probes

if TYPE_CHECKING:
    from bregman_l1.basis.tableau import Tableau
    from bregman_l1.potential import Potential
    from bregman_l1.system import LinearSystem


class Equations:
    """The equations at one point, linearised and factorised.

    Attributes
    ----------
    residual : ndarray of shape (k,)
        log neg - log pos, one entry a row: how far the row is from balance.
    singular : bool
        Whether the matrix has no usable factor.
    """

    def __init__(self, tableau: Tableau, potential: Potential, om: Wide, log_rest: Wide) -> None:
        self._tableau, self._om, self._log_rest = tableau, om, log_rest
        self._slope_J, self._slope_R = (potential.slope(in_double(log_x)) for log_x in (om, log_rest))
        largest = _largest_terms(tableau, om, log_rest)
        hot = largest > settings.NEGLIGIBLE_TERM
        # Columns are measured in x_i, row by row: no differences of long logarithms are lost.
        top, log_u = log_rest.max(where=hot, initial=-np.inf), in_double(tableau.log_u - om)
        self._x = np.exp(np.where(hot, in_double(log_rest - top), -np.inf))
        self._above = in_double(top - om)
        sides, per_theta = None, self._x / self._slope_R
        if max(self._above.max(initial=0.0), log_u.max(initial=0.0)) < settings.LARGEST_EXPONENT:
            u = np.sign(tableau.u) * np.exp(log_u)
            sides = _balanced(tableau, self._x, per_theta, np.exp(self._above), u, largest)
        if sides is None:
            hot = _with_both_sides(tableau, hot, log_rest)
            ratios = np.asarray(log_rest[hot] - om[:, None], dtype=np.float64)
            sides = _balanced_in_logarithms(tableau, hot, ratios, log_u)
            sides = (*sides[:3], sides[3] / (self._slope_R + np.zeros(hot.size))[hot])
        log_up, log_down, self._heavy, self.weights = sides
        self._hot, self.residual, self._log_up = hot, log_down - log_up, log_up
        self._solve = _factorised(self.weights, tableau.sides[0][:, self._heavy], np.exp(-self._log_up), self._slope_J)
        self.singular = self._solve is None or not np.isfinite(self.residual).all()

    def solve(self, right: Vector) -> Vector:
        """D om for a right-hand side."""
        assert self._solve is not None
        return np.asarray(self._solve(right))

    def newton(self) -> Vector:
        """The Newton step of om."""
        return self.solve(self.residual)

    def change(self, step: Vector) -> float:
        """The largest change of log x that goes with a change of om, on the columns that count."""
        return float(max(np.abs(step).max(initial=0.0), np.abs(self.pulled(step)[self._hot]).max(initial=0.0)))

    def pulled(self, step: Vector) -> Vector:
        """D log x_R that goes with a change of om."""
        moved = self._tableau.sides[0].T @ (step * self._slope_J) / self._slope_R
        return in_double(moved)

    def tangent(self, rate: Wide) -> Vector:
        """D om / d tau where rho moves by ``rate`` a unit of tau."""
        return self.solve(in_double(self.weights @ rate[self._heavy]))

    def moved(self, du: Vector) -> Vector:
        """D om where u moves by du."""
        return self.solve(du * np.exp(in_double(-self._om) - self._log_up))

    def noise(self, system: LinearSystem) -> Matrix:
        """What the rounding of T and u, its signs taken at random, does to d om: two draws, shape (2, k).

        dT = A_J^{-1} E with |E| <= 2 eps (|A_R| + |A_J||T|). Entries of T that are zero are so exactly, but for those
        that were assumed to be, and have no share in it; without any, E meets x before A_J^{-1} does. Light columns
        are not looked at.
        """
        tableau, columns = self._tableau, system.columns(self._tableau.R[self._heavy])
        T, x, draws = np.abs(tableau.T[:, self._heavy]), self._x[self._heavy], probes(2, self._above.size)
        unit = tableau.rounding * np.exp(self._above - self._log_up)
        is_deep = self._above.max() >= settings.LARGEST_EXPONENT
        if is_deep or (T == 0.0).any():
            terms = thin(np.abs(tableau.inverse)) @ (np.abs(columns) + thin(np.abs(tableau.matrix)) @ T)
            if is_deep:
                # x_j over the sum of each row is what makes up its share.
                slope = (self._slope_R + np.zeros(self._hot.size))[self._heavy]
                shares = np.divide(np.abs(self.weights) * slope, T, out=np.zeros_like(T), where=T > 0.0)
                rows = draws * tableau.rounding * (terms * shares).sum(axis=1)
            else:
                rows = draws * unit * (np.where(T > 0.0, terms, 0.0) @ x)
        else:
            terms = np.abs(columns) @ x + np.abs(tableau.matrix) @ (T @ x)
            rows = unit * ((draws * terms) @ tableau.inverse.T)
        if tableau.assumed is not None:
            errors = np.add.outer(np.log(tableau.row_error) - self._om - self._log_up, np.log(tableau.column_error))
            rows += np.exp(np.where(tableau.assumed, errors + self._log_rest, -np.inf)).sum(axis=1) * draws
        # Each term of a row is off by its own rounding too.
        off_u = np.exp(np.asarray(np.log(tableau.u_error) - self._om, dtype=np.float64))
        rows += (EPS * np.exp(self._log_up) + np.where(tableau.u == 0.0, 0.0, off_u)) * draws
        return np.array([self.solve(row) for row in rows])


def _factorised(weights: Any, T: Any, own: Vector, slope: Wide | float) -> Callable[[Vector], Vector] | None:
    """Solutions of (diag own + weights T' diag slope) d = right; None where the matrix has no usable factor."""
    if (
        isinstance(weights, np.ndarray)
        and weights.shape[1] < settings.FEW * own.size
        and own.min() > settings.OWN_SHARE
    ):
        return _by_few_columns(weights / own[:, None], T, own, slope)
    matrix = (thin(weights) if isinstance(weights, np.ndarray) else weights) @ T.T
    if sp.issparse(matrix) and matrix.nnz < settings.THIN * own.size**2:
        try:
            columns = sp.diags_array(slope + np.zeros(own.size))
            whole = sp.csc_array(matrix @ columns + sp.diags_array(own)).astype(np.float64)
            solve: Callable[[Vector], Vector] = splu(whole).solve
        except RuntimeError:
            return None
        return solve
    square = np.asarray((matrix.toarray() if sp.issparse(matrix) else matrix) * slope, dtype=np.float64)
    square.flat[:: own.size + 1] += own
    factor, pivots, info = dgetrf(square)
    if info != 0 or not np.isfinite(factor).all():
        return None
    return lambda right: np.asarray(dgetrs(factor, pivots, right)[0])


def _by_few_columns(weights: Matrix, T: Any, own: Vector, slope: Wide | float) -> Callable[[Vector], Vector] | None:
    """The same by the Woodbury identity; ``weights`` is V divided by own."""
    T = T.T * slope
    inner = in_double(T @ weights)
    inner.flat[:: inner.shape[0] + 1] += 1.0
    factor, pivots, info = dgetrf(inner) if inner.size else (inner, None, 0)
    if info != 0 or not np.isfinite(factor).all():
        return None

    def solve(right: Vector) -> Vector:
        first: Vector = right / own
        if not inner.size:
            return first
        return np.asarray(first - weights @ dgetrs(factor, pivots, T @ first)[0], dtype=np.float64)

    return solve


Sides = tuple[Vector, Vector, Index, Any]


def _balanced(tableau: Tableau, x: Vector, per_theta: Wide, scale: Vector, u: Vector, largest: Vector) -> Sides | None:
    """Log pos and log neg of rows x_i (1 + scale_i sum_j T_ij x_j - u_i) = 0, its columns, and V / theta'.

    None where a side of a row is empty.
    """
    few, pos, neg = tableau.sides
    up = 1.0 + (pos @ x) * scale + np.maximum(-u, 0.0)
    down = np.maximum(u, 0.0) + (neg @ x) * scale
    if not down.all():
        return None
    log_down = np.log(down)
    heavy = np.flatnonzero(largest > settings.LIGHT_TERM + min(0.0, float(log_down.min())))
    return np.log(up), log_down, heavy, _shared(few[:, heavy], per_theta[heavy], scale / up, scale / down)


def _shared(T: Any, x: Wide, up: Vector, down: Vector) -> Any:
    """T_ij x_j, times up_i where that is positive, and down_i elsewhere."""
    if isinstance(T, np.ndarray):
        V = T * x
        V *= np.where(V > 0, up[:, None], down[:, None])
        return V
    data = T.data * np.repeat(x, np.diff(T.indptr))
    return sp.csc_array((data * np.where(data > 0, up[T.indices], down[T.indices]), T.indices, T.indptr), T.shape)


def _with_both_sides(tableau: Tableau, hot: Mask, log_rest: Wide) -> Mask:
    """The columns, and the largest term of each side that would be empty without."""
    bare = np.flatnonzero((tableau.u <= 0.0) & ~(tableau.T[:, hot] < 0.0).any(axis=1))
    if bare.size and log_rest.size:
        terms = np.where(tableau.T[bare] < 0.0, tableau.log_T[bare] + log_rest, -np.inf)
        hot = hot.copy()
        hot[terms.argmax(axis=1)] = True
    return hot


def _balanced_in_logarithms(tableau: Tableau, hot: Mask, ratios: Matrix, log_u: Vector) -> Sides:
    """The same where terms of one row span more than floating point does; a side may stay empty."""
    terms, is_up = tableau.log_T[:, hot] + ratios, tableau.T[:, hot] > 0
    u_up, u_down = (np.where(side, log_u, -np.inf) for side in (tableau.u < 0, tableau.u > 0))
    log_up, share_up = _shares(np.where(is_up, terms, -np.inf), np.zeros(log_u.size), u_up)
    log_down, share_down = _shares(np.where(is_up, -np.inf, terms), u_down)
    return log_up, log_down, np.flatnonzero(hot), share_up - share_down


def _shares(terms: Matrix, *others: Vector) -> tuple[Vector, Matrix]:
    """The logarithm of each row's sum, the others included, and the shares of its terms."""
    top = np.maximum.reduce([terms.max(axis=1, initial=-np.inf), *others])
    top = np.where(np.isfinite(top), top, 0.0)
    shares = np.exp(terms - top[:, None])
    total = shares.sum(axis=1) + sum(np.exp(other - top) for other in others)
    with np.errstate(divide="ignore"):
        return np.log(total) + top, shares / np.where(total > 0, total, 1.0)[:, None]


def _largest_terms(tableau: Tableau, om: Wide, log_rest: Wide) -> Vector:
    """The logarithm of the largest |T_ij| x_j / x_i of each column."""
    om, log_rest = (in_double(values) for values in (om, log_rest))
    least = float(om.min())
    if om.max() - least >= settings.LARGEST_EXPONENT:
        return np.asarray((tableau.log_T - om[:, None]).max(axis=0) + log_rest)
    few, scale = tableau.sides[0], np.exp(least - om)
    if isinstance(few, np.ndarray):
        terms = (np.abs(few) * scale[:, None]).max(axis=0)
    else:
        data = np.abs(few.data) * scale[few.indices]
        terms = sp.csc_array((data, few.indices, few.indptr), few.shape).max(axis=0).toarray().ravel()
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(terms) + log_rest - least)
