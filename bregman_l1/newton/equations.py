"""The Newton equations of the scale-free form, in logarithms: used by the walk and by the certificate.

With a basis J the conditions A x = y, log x = b + A'lam are

    x_i + sum_j T_ij x_j = u_i,      log x_R = T'om - rho,      om = log x_J.

Each row is written as a balance of two sums of positive terms, log pos_i = log neg_i: x_i, the terms with T_ij > 0 and
-u_i if that is positive on one side, the others on the other. The weight of a term is its share of its side, so that
nothing overflows and rows of any scale count alike:

    (diag p + V T') d om = log neg - log pos,      d log x_R = T'd om.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dgetrf, dgetrs

from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.newton.settings import WORTHLESS

if TYPE_CHECKING:
    from bregman_l1.newton.tableau import Tableau


class Equations:
    """The equations at one point, linearised and factorised.

    Attributes
    ----------
    residual : ndarray of shape (k,)
        log neg - log pos, one entry a row: how far the row is from balance.
    singular : bool
        Whether the matrix has no usable factor.
    """

    def __init__(self, tableau: Tableau, om: Vector, log_rest: Vector) -> None:
        self._tableau = tableau
        self._hot = _hot_columns(tableau, om, log_rest)
        T, log_T = tableau.T[:, self._hot], tableau.log_T[:, self._hot]
        terms = log_T + log_rest[self._hot]
        up = T > 0
        positive = np.where(up, terms, -np.inf)
        negative = np.where(up, -np.inf, terms)
        u_up, u_down = (np.where(side, tableau.log_u, -np.inf) for side in (tableau.u < 0, tableau.u > 0))
        log_up, share_up = _shares(positive, om, u_up)
        log_down, share_down = _shares(negative, u_down)
        self.residual = log_down - log_up
        V = share_up - share_down
        matrix = V @ T.T
        matrix.flat[:: om.size + 1] += np.exp(om - log_up)
        self.weights = V
        self._factor, self._pivots, info = dgetrf(matrix)
        self.singular = info != 0 or not np.isfinite(self._factor).all() or not np.isfinite(self.residual).all()

    def solve(self, right: Vector) -> Vector:
        """D om for a right-hand side."""
        return np.asarray(dgetrs(self._factor, self._pivots, right)[0])

    def newton(self) -> Vector:
        """The Newton step of om."""
        return self.solve(self.residual)

    def tangent(self, slope: Vector) -> Vector:
        """D om / d tau where rho moves by ``slope`` a unit of tau."""
        return self.solve(self.weights @ slope[self._hot])

    def noise(self) -> Vector:
        """How far the rounding of T may put the Newton step off: |inverse| sum_j |dT_ij| x_j / pos_i."""
        tableau, V = self._tableau, np.abs(self.weights)
        relative = np.divide(tableau.column_error[self._hot], np.abs(tableau.T[:, self._hot]), out=V * 0, where=V > 0)
        error = tableau.row_error * (V * relative).sum(axis=1)
        inverse = dgetrs(self._factor, self._pivots, np.eye(error.size))[0]
        return np.asarray(np.abs(inverse) @ error)


def _shares(terms: Matrix, *others: Vector) -> tuple[Vector, Matrix]:
    """The logarithm of each row's sum, the others included, and the shares of its terms."""
    top = np.maximum.reduce([terms.max(axis=1, initial=-np.inf), *others])
    top = np.where(np.isfinite(top), top, 0.0)
    shares = np.exp(terms - top[:, None])
    total = shares.sum(axis=1) + sum(np.exp(other - top) for other in others)
    with np.errstate(divide="ignore"):
        return np.log(total) + top, shares / np.where(total > 0, total, 1.0)[:, None]


def _hot_columns(tableau: Tableau, om: Vector, log_rest: Vector) -> Index:
    """Columns with a term that is not negligible beside x_i in some row, nor beside its square root."""
    if not log_rest.size:
        return np.zeros(0, dtype=np.intp)
    largest = (tableau.log_T - om[:, None]).max(axis=0) + log_rest
    return np.flatnonzero(largest > WORTHLESS - 8.0)
