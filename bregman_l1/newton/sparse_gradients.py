"""The normal equations (A W A') lam = right of a large sparse A, by conjugate gradients.

Products with A are taken in single precision, where a pass over A costs half, but for the columns K that dominate:
these are few, enter in double precision, and are undone in the preconditioner by the Woodbury formula,

    (D + A_K W_K A_K')^{-1},    D the diagonal of what the other columns add to A W A',

so that what is left spans few decades, however small alpha is. Residuals and iterates of Newton's method stay in double
precision outside.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dpotrf, dpotrs

from bregman_l1 import settings
from bregman_l1._types import EPS, WIDE_EPS, Index, Matrix, Single, Vector
from bregman_l1.budget import Budget
from bregman_l1.newton.conjugate_gradients import conjugate_gradients
from bregman_l1.newton.equations import NormalEquations

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


class SparseGradients(NormalEquations):
    """Conjugate gradients with a diagonal preconditioner that the dominant columns are added to.

    Attributes
    ----------
    left : float
        The relative residual that the last solution left.
    """

    accuracy, nearby = 1.0, settings.KEEP_FACTOR

    def __init__(self, system: LinearSystem, budget: Budget | None = None) -> None:
        self._system, self._budget = system, budget or Budget()
        self._columns = system.columns_in_single_precision()
        self._empty = system.row_peaks == 0.0
        self._most = min(min(system.shape) // 2, math.isqrt(system.work[0] // 2))
        self._preconditioner: _Preconditioner | None = None
        self.left = np.nan

    def at(self, log_x: Vector, log_weights: Vector, *, near: bool = True) -> Vector | None:
        """Take x = exp(log_x) and its weights, and return y - A x; None where a row of A W A' is zero to rounding.

        ``near`` the solution a preconditioner made before may serve again.
        """
        x = np.exp(log_x)
        weights = x if log_weights is log_x else np.exp(log_weights)
        is_kept = near and self._preconditioner is not None
        if not is_kept:
            self._apart = _dominant(weights, self._most)
        self._dominant = sp.csc_array(self._system.stored_columns(self._apart))
        self._x_apart, self._weights_apart = x[self._apart], weights[self._apart]
        total = float((x if weights is x else x * (x / weights)).sum())
        self._total = max(total - float(self._x_apart @ (self._x_apart / self._weights_apart)), EPS * total)
        light = weights.copy()
        light[self._apart] = 0.0
        light = self._system.merged(light)
        self._unit = float(light.max())
        self._light = (light / self._unit).astype(np.float32)
        self._diagonal = self._unit * _squared(self._columns, self._light)
        if not is_kept:
            whole = self._diagonal + self._dominant.power(2) @ self._weights_apart + self._empty
            if not (whole > 0.0).all():
                return None
            diagonal = np.maximum(self._diagonal, settings.LEAST_SHARE * whole)
            self._preconditioner = _Preconditioner.of(diagonal, self._dominant, self._weights_apart)
        return self._system.remainder(x, self._apart)

    def solve(self, right: Vector, residual: float) -> Vector:
        """Return lam with (A W A') lam = right, to a relative residual of about ``residual``; see `left`."""
        assert self._preconditioner is not None
        found = conjugate_gradients(
            self._product,
            right,
            residual=residual,
            most=settings.MOST_SPARSE_GRADIENTS,
            preconditioned=self._preconditioner.applied,
            least=settings.SINGLE,
        )
        self.left = found.residual
        return np.asarray(found.solution)

    def rounding(self) -> Vector:
        """How much the rounding of y - A x may amount to in each row."""
        of_dominant = self._dominant.power(2) @ self._x_apart**2
        return np.asarray(4 * EPS * np.sqrt(self._diagonal * self._total) + WIDE_EPS * np.sqrt(of_dominant))

    def _product(self, lam: Vector) -> Vector:
        if self._budget.spent_out:
            return np.zeros_like(lam)  # which ends the iteration
        size = float(np.abs(lam).max()) or 1.0
        along = self._columns @ (lam / size).astype(np.float32)
        along *= self._light
        image = (self._columns.T @ along).astype(np.float64)
        image *= self._unit * size
        image += self._dominant @ (self._weights_apart * (self._dominant.T @ lam))
        return np.asarray(image)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Preconditioner:
    """(D + A_K W_K A_K')^{-1} = S (I - B (I + B'B)^{-1} B') S with S = D^{-1/2}, B = S A_K W_K^{1/2}.

    Attributes
    ----------
    scale : ndarray of shape (N,)
        S.
    spread : csc_array of shape (N, k)
        B.
    factor : ndarray of shape (k, k)
        The Cholesky factor of I + B'B.
    """

    scale: Vector
    spread: sp.csc_array
    factor: Matrix

    @classmethod
    def of(cls, diagonal: Vector, columns: sp.csc_array, weights: Vector) -> _Preconditioner:
        scale = 1.0 / np.sqrt(diagonal)
        spread = sp.csc_array(sp.diags_array(scale) @ columns @ sp.diags_array(np.sqrt(weights)))
        inner = (spread.T @ spread).toarray()
        inner.flat[:: weights.size + 1] += 1.0
        return cls(scale=scale, spread=spread, factor=dpotrf(inner, lower=1, overwrite_a=1)[0])

    def applied(self, rest: Vector) -> Vector:
        half = rest * self.scale
        half -= self.spread @ dpotrs(self.factor, self.spread.T @ half, lower=1)[0]
        return np.asarray(half * self.scale)


def _dominant(weights: Vector, most: int) -> Index:
    """The weights above so many times the mean of the rest, one at least and ``most`` at most."""
    top = np.argpartition(weights, weights.size - most - 1)[weights.size - most - 1 :]
    top = top[np.argsort(-weights[top])]
    falling = weights[top]
    below = float(weights.sum()) - np.cumsum(falling)[:-1]  # of the rest of each
    mean = np.maximum(below, 0.0) / (weights.size - np.arange(1, falling.size))
    is_small = falling[:-1] <= settings.DOMINANT_SPARSE * mean
    count = int(is_small.argmax()) if is_small.any() else most
    return np.sort(top[: max(1, count)])


def _squared(columns: sp.csr_array, weights: Single) -> Vector:
    """The diagonal of A diag(weights) A', ``columns`` being A'."""
    squares = sp.csr_array((columns.data**2, columns.indices, columns.indptr), columns.shape)
    return np.asarray(squares.T @ weights, dtype=np.float64)
