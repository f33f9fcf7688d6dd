"""The Newton equations of the scale-free form, in logarithms: used by the walk and by the certificate.

With a basis J the conditions A x = y, log x = b + A'lam are

    x_i + sum_j T_ij x_j = u_i,      log x_R = T'om - rho,      om = log x_J.

Each row is written as a balance of two sums of positive terms, log pos_i = log neg_i: x_i, the terms with T_ij > 0 and
-u_i if that is positive on one side, the others on the other. The weight of a term is its share of its side, so that
nothing overflows and rows of any scale count alike:

    (diag p + V T') d om = log neg - log pos,      d log x_R = T'd om.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dgetrf, dgetrs
from scipy.sparse.linalg import splu

from bregman_l1._types import EPS, Index, Matrix, Vector, Wide
from bregman_l1.newton.settings import LARGEST_EXPONENT, THIN, WORTHLESS
from bregman_l1.newton.tableau import thin

if TYPE_CHECKING:
    from bregman_l1.newton.tableau import Tableau
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

    def __init__(self, tableau: Tableau, om: Wide, log_rest: Wide) -> None:
        self._tableau = tableau
        self._hot = _hot_columns(tableau, om, log_rest)
        T = tableau.T[:, self._hot]
        # Everything is measured in x_i, row by row: differences of logarithms lose nothing where these are long.
        top = log_rest[self._hot].max(initial=-np.inf)
        above = np.asarray(top - om, dtype=np.float64)
        log_u = np.asarray(tableau.log_u - om, dtype=np.float64)
        least = (log_rest[self._hot] - top).min(initial=0.0)
        if max(above.max(initial=0.0), log_u.max(initial=0.0), -least) < LARGEST_EXPONENT:
            x = np.exp(np.asarray(log_rest[self._hot] - top, dtype=np.float64))
            W = T * x
            W *= np.exp(above)[:, None]
            log_up, log_down, self.weights = _balanced(W, np.sign(tableau.u) * np.exp(log_u))
        else:
            ratios = np.asarray(log_rest[self._hot] - om[:, None], dtype=np.float64)
            log_up, log_down, self.weights = _balanced_in_logarithms(tableau, self._hot, ratios, log_u)
        self.residual, self._log_up = log_down - log_up, log_up
        off_u = np.where(tableau.u == 0.0, 0.0, np.exp(np.asarray(np.log(tableau.u_error) - om, dtype=np.float64)))
        self._terms_off = EPS * np.exp(self._log_up) + off_u
        self._solve = _factorised(thin(self.weights), thin(T), np.exp(-self._log_up))
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
        pulled = self._tableau.T[:, self._hot].T @ step
        return float(max(np.abs(step).max(initial=0.0), np.abs(pulled).max(initial=0.0)))

    def tangent(self, slope: Vector) -> Vector:
        """D om / d tau where rho moves by ``slope`` a unit of tau."""
        return self.solve(self.weights @ slope[self._hot])

    def noise(self, system: LinearSystem) -> Matrix:
        """What the rounding of T and u, its signs taken at random, does to d om: two draws, shape (2, k).

        dT = A_J^{-1} E with |E| <= 2 eps (|A_R| + |A_J||T|). Entries of T that are zero are so exactly, and have no
        share in it; without any, E meets x before A_J^{-1} does.
        """
        tableau, random = self._tableau, np.random.default_rng(0)
        T = np.abs(tableau.T[:, self._hot])
        x = np.divide(np.abs(self.weights), T, out=np.zeros_like(T), where=T > 0)
        terms = 2 * EPS * (np.abs(system.columns(tableau.R[self._hot])) + np.abs(tableau.matrix) @ T)
        draws = random.standard_normal((2, T.shape[0]))
        if (T == 0.0).any():
            rows = draws * (np.abs(tableau.inverse) @ terms * x).sum(axis=1)
        else:
            rows = np.array([(tableau.inverse @ (terms * draw[:, None]) * x).sum(axis=1) for draw in draws])
        # Each term of a row is off by its own rounding too.
        rows += self._terms_off * draws
        return np.array([self.solve(row) for row in rows])

    @property
    def rounding(self) -> float:
        """The largest share of x_i that the rounding of its row's terms makes up."""
        return float(self._terms_off.max(initial=0.0))


def _factorised(weights: Any, T: Any, own: Vector) -> Callable[[Vector], Vector] | None:
    """Solutions of (diag own + V T') d = right; None where the matrix has no usable factor."""
    matrix = weights @ T.T
    if sp.issparse(matrix) and matrix.nnz < THIN * own.size**2:
        try:
            solve: Callable[[Vector], Vector] = splu(sp.csc_array(matrix + sp.diags_array(own))).solve
        except RuntimeError:
            return None
        return solve
    square = np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)
    square.flat[:: own.size + 1] += own
    factor, pivots, info = dgetrf(square)
    if info != 0 or not np.isfinite(factor).all():
        return None
    return lambda right: np.asarray(dgetrs(factor, pivots, right)[0])


def _balanced(W: Matrix, u: Vector) -> tuple[Vector, Vector, Matrix]:
    """Log pos, log neg and V of rows x_i (1 + sum_j W_ij - u_i) = 0."""
    positive, negative = np.maximum(W, 0.0).sum(axis=1), -np.minimum(W, 0.0).sum(axis=1)
    up, down = 1.0 + positive + np.maximum(-u, 0.0), negative + np.maximum(u, 0.0)
    with np.errstate(divide="ignore"):
        inverse_down = 1.0 / np.where(down > 0, down, 1.0)
        return np.log(up), np.log(down), np.where(W > 0, W / up[:, None], W * inverse_down[:, None])


def _balanced_in_logarithms(
    tableau: Tableau, hot: Index, ratios: Matrix, log_u: Vector
) -> tuple[Vector, Vector, Matrix]:
    """The same where terms of one row span more than floating point does."""
    terms, is_up = tableau.log_T[:, hot] + ratios, tableau.T[:, hot] > 0
    u_up, u_down = (np.where(side, log_u, -np.inf) for side in (tableau.u < 0, tableau.u > 0))
    log_up, share_up = _shares(np.where(is_up, terms, -np.inf), np.zeros(log_u.size), u_up)
    log_down, share_down = _shares(np.where(is_up, -np.inf, terms), u_down)
    return log_up, log_down, share_up - share_down


def _shares(terms: Matrix, *others: Vector) -> tuple[Vector, Matrix]:
    """The logarithm of each row's sum, the others included, and the shares of its terms."""
    top = np.maximum.reduce([terms.max(axis=1, initial=-np.inf), *others])
    top = np.where(np.isfinite(top), top, 0.0)
    shares = np.exp(terms - top[:, None])
    total = shares.sum(axis=1) + sum(np.exp(other - top) for other in others)
    with np.errstate(divide="ignore"):
        return np.log(total) + top, shares / np.where(total > 0, total, 1.0)[:, None]


def _hot_columns(tableau: Tableau, om: Wide, log_rest: Wide) -> Index:
    """Columns with a term that is not negligible beside x_i in some row, nor beside its square root.

    And those with the largest term of a row's other side, where it would be empty otherwise.
    """
    if not log_rest.size:
        return np.zeros(0, dtype=np.intp)
    om, log_rest = (np.asarray(values, dtype=np.float64) for values in (om, log_rest))
    hot = (tableau.log_T - om[:, None]).max(axis=0) + log_rest > WORTHLESS - 8.0
    bare = np.flatnonzero((tableau.u <= 0.0) & ~(tableau.T[:, hot] < 0.0).any(axis=1))
    if bare.size:
        hot[np.where(tableau.T[bare] < 0.0, tableau.log_T[bare] + log_rest, -np.inf).argmax(axis=1)] = True
    return np.flatnonzero(hot)
