"""The normal equations (A W A') lam = right, W = diag(dx/dtheta): one way to solve them for each shape of A.

The weights dx/dtheta are the inverse curvature of the potential: x itself for the entropy.

`Factored` makes the matrix in one pass over the columns and factorises it. `Preconditioned`, for large dense A, runs
conjugate gradients in single precision, where a pass over A costs half; residuals and iterates of Newton's method
stay in double precision outside. Its preconditioner cuts the few dominant weights down to a cap, leaves out the
smallest ones, and restores the dominant ones by the Woodbury formula,

    (G + A_K D A_K')^{-1},    G = sum over the kept columns of min(w_j, cap) a_j a_j',    D = w_K - cap,

so that nothing in it spans more decades than single precision holds, however small alpha is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.blas import ssyrk
from scipy.linalg.lapack import dpotrf, dpotrs, spotrf, strtrs

from bregman_l1 import settings
from bregman_l1._types import EPS, WIDE_EPS, Index, Single, Vector
from bregman_l1.budget import Budget
from bregman_l1.newton.conjugate_gradients import conjugate_gradients
from bregman_l1.newton.equations import NormalEquations

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


def normal_equations(system: LinearSystem, budget: Budget | None = None, least_slope: float = 1.0) -> NormalEquations:
    """The way that suits the system; a matrix is left half made where the budget has run out.

    ``least_slope`` is that of theta, in units of that at the prior: where it is small a change of log x is a difference
    of larger ones, which single precision does not hold.
    """
    if system.is_sparse or system.shape[0] < settings.ITERATIVE_FROM or least_slope <= settings.LEAST_SINGLE_SLOPE:
        return Factored(system)
    return Preconditioned(system, budget or Budget()) if system.fits_single_precision else Factored(system)


class Factored(NormalEquations):
    """The matrix and its Cholesky factor in double precision."""

    accuracy, nearby = settings.SETTLED, settings.TAKE_CARE

    def __init__(self, system: LinearSystem) -> None:
        self._system = system

    def at(self, log_x: Vector, log_weights: Vector, *, near: bool = True) -> Vector | None:
        """Take x = exp(log_x) and its weights, and return y - A x; None where A W A' is singular to rounding.

        ``near`` the solution a factor made before may serve again, and y - A x is taken with care.
        """
        # Far from the solution the rounding of y - A x is no matter.
        self._moments = moments = self._system.moments(log_x, log_weights, self._cut(log_x) if near else np.inf)
        # What the weights are taken of may be overwritten before their rounding is asked for.
        self._weights_apart = np.exp(log_weights[moments.dominant])
        self._factor, info = dpotrf(moments.gram, lower=0)
        pivots = self._factor.diagonal()
        if info != 0 or not (pivots > EPS * np.sqrt(moments.gram.diagonal()) + settings.LEAST_PIVOT).all():
            return None
        return moments.residual

    def solve(self, right: Vector, residual: float) -> Vector:  # noqa: ARG002 - never less than exact
        """Return lam with (A W A') lam = right, to a relative residual of at most about ``residual``."""
        return np.asarray(dpotrs(self._factor, right, lower=0)[0])

    def rounding(self) -> Vector:
        """How much the rounding of y - A x may amount to in each row.

        At most eps sqrt((A W A')_ii sum x^2 / w) over the entries that are not dominant, by Cauchy's inequality; and
        what extended precision leaves of the dominant ones.
        """
        at, diagonal = self._moments, self._moments.gram.diagonal()
        squares, weights = self._system.columns(at.dominant) ** 2, self._weights_apart
        rest, total = (1.0 + EPS) * diagonal - squares @ weights, at.total - float(at.large @ (at.large / weights))
        return _rounding(rest, total) + WIDE_EPS * np.sqrt(squares @ at.large**2)

    def _cut(self, log_x: Vector) -> float:
        """The size above which entries are taken in extended precision: half as many as rows, or the outliers."""
        if log_x.size > settings.MOST_SORTED:
            some = log_x[:: log_x.size // settings.MOST_SORTED]
            return settings.DOMINANT * float(np.exp(some).mean())
        last = log_x.size - 1 - min(self._system.shape[0] // 2, log_x.size - 1)
        return float(np.exp(np.partition(log_x, last)[last]))


class Preconditioned(NormalEquations):
    """Conjugate gradients in single precision on a single-precision copy of A', its rows the columns of A."""

    accuracy, nearby = 1.0, settings.KEEP_FACTOR

    def __init__(self, system: LinearSystem, budget: Budget) -> None:
        self._system, self._budget = system, budget
        self._columns = system.columns_in_single_precision()
        self._factor: Single | None = None
        self._width = max(64, settings.BLOCK_BYTES // (4 * system.shape[0]))

    def at(self, log_x: Vector, log_weights: Vector, *, near: bool = True) -> Vector | None:
        """Take x and its weights, and make a preconditioner of them unless an older one serves."""
        x = np.exp(log_x)
        weights = x if log_weights is log_x else np.exp(log_weights)
        merged = self._system.merged(weights)
        self._unit = float(merged.max())
        self._weights: Single = (merged / self._unit).astype(np.float32)
        if not (near and self._factor is not None) and not self._precondition():
            return None
        # Near the solution half as many entries as rows are taken in extended precision.
        few = min(self._system.shape[0] // 2, x.size - 1) if near else 0
        self._apart = np.argpartition(weights, x.size - few - 1)[x.size - few :]
        self._x_apart, self._weights_apart = x[self._apart], weights[self._apart]
        self._total = float((x if weights is x else x * (x / weights)).sum())
        return self._system.remainder(x, self._apart)

    def solve(self, right: Vector, residual: float) -> Vector:
        """Preconditioned conjugate gradients, the residual measured in the preconditioner's norm."""
        scale = float(np.abs(right).max()) or 1.0
        found = conjugate_gradients(
            self._product,
            (right / scale).astype(np.float32),
            residual=residual,
            most=settings.MOST_GRADIENTS,
            preconditioned=self._preconditioned,
        )
        return np.asarray(found.solution * (scale / self._unit), dtype=np.float64)

    def rounding(self) -> Vector:
        """As `Factored.rounding`, of the weights as the preconditioner cuts them."""
        squares, x = self._system.columns(self._apart) ** 2, self._x_apart
        diagonal = self._diagonal.astype(np.float64) * self._unit
        rest = np.maximum(diagonal - squares @ np.minimum(self._weights_apart, self._cap), settings.SINGLE * diagonal)
        total = self._total - float(x @ (x / self._weights_apart))
        return np.asarray(_rounding(rest, max(total, EPS * self._total)) + WIDE_EPS * np.sqrt(squares @ x**2))

    def _product(self, vector: Single) -> Single:
        """A W A' vector, in one pass over A."""
        image = np.zeros_like(vector)
        for start in range(0, self._weights.size, self._width):
            part = slice(start, start + self._width)
            block = self._columns[part]
            image += (self._weights[part] * (block @ vector)) @ block
        return image

    def _precondition(self) -> bool:
        dominant, kept, cap = _split(self._weights, self._system.shape[0])
        weights = np.sqrt(np.minimum(self._weights[kept], cap))
        gram: Single = np.zeros((self._columns.shape[1], self._columns.shape[1]), dtype=np.float32, order="F")
        for start in range(0, kept.size, settings.MULTIPLIED):
            part = slice(start, start + settings.MULTIPLIED)
            rows = self._columns[kept[part]]
            rows *= weights[part, None]
            gram = np.asarray(ssyrk(1.0, rows.T, beta=1.0, c=gram, lower=1, overwrite_c=1), dtype=np.float32)
            if self._budget.spent_out:
                return False
        self._cap = float(cap) * self._unit
        self._diagonal = gram.diagonal().copy()
        if not (self._diagonal > 0).all() or not cap * settings.MOST_SCALES > 1.0:
            return False
        self._factor, self._scale, is_sound = rough_factor(gram)
        # V = L^{-1} A_K and the factor of D^{-1} + V'V, in double precision.
        self._V = strtrs(self._factor, (self._columns[dominant] * self._scale).T, lower=1)[0]
        inner = self._V.T.astype(np.float64) @ self._V
        excess = np.maximum(self._weights[dominant] - cap, np.finfo(np.float32).tiny)
        inner.flat[:: excess.size + 1] += 1.0 / excess.astype(np.float64)
        self._inner, _ = dpotrf(inner, lower=1)
        return is_sound and bool((self._inner.diagonal() > 0.0).all())

    def _preconditioned(self, rest: Single) -> Single:
        half = strtrs(self._factor, rest * self._scale, lower=1)[0]
        half -= self._V @ dpotrs(self._inner, self._V.T @ half, lower=1)[0].astype(np.float32)
        return np.asarray(strtrs(self._factor, half, lower=1, trans=1)[0] * self._scale)


def rough_factor(gram: Single) -> tuple[Single, Single, bool]:
    """The factor of a single-precision Gram matrix, scaled to a unit diagonal and raised; the scale; whether it exists.

    The matrix is overwritten.
    """
    scale: Single = (1 / np.sqrt(gram.diagonal())).astype(np.float32)
    gram *= scale[:, None]
    gram *= scale
    gram.flat[:: gram.shape[0] + 1] += np.float32(settings.RIDGE)
    factor, info = spotrf(gram, lower=1, overwrite_a=1)
    return factor, scale, bool(info == 0)


def _rounding(diagonal: Vector, total: float) -> Vector:
    return np.asarray(4 * EPS * np.sqrt(np.maximum(diagonal * total, 0.0)), dtype=np.float64)


def _split(x: Single, n_rows: int) -> tuple[Index, Index, np.float32]:
    """The dominant columns, one at least, the columns kept, and the cap: the largest entry that is not dominant."""
    order = np.argsort(-x)
    falling = x[order].astype(np.float64)
    tail = np.cumsum(falling[::-1])[::-1]
    few = np.arange(1, min(n_rows // 2 + 1, x.size - 1))
    count = 1 + int((falling[few] <= settings.DOMINANT * tail[few] / (x.size - few)).argmax())
    kept = min(int(np.searchsorted(-tail, -settings.DROPPED * tail[count])), settings.MOST_KEPT * n_rows)
    kept = max(kept, n_rows + n_rows // 4)
    return order[:count], np.sort(order[:kept]), np.float32(falling[count])
