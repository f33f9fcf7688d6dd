"""A primal-dual barrier method for entropic linear programs: their multipliers to a digit, whatever t is.

    minimise g'p + (1/t) sum p log p   over   M'p = right,  p > 0,

by Mehrotra's predictor and corrector, with p sigma = mu beside the entropy:

    M eta + sigma = g + log p / t,    D = p / (1/t + sigma),    (M'D M) d eta = right.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.blas import dsyrk, ssyrk
from scipy.linalg.lapack import dpotrf, dpotrs, spotrs

from bregman_l1 import settings
from bregman_l1._types import EPS, Matrix, Vector
from bregman_l1.newton.normal_equations import rough_factor

if TYPE_CHECKING:
    from bregman_l1.budget import Budget


class Barrier:
    """The method at one iterate.

    Parameters
    ----------
    M : ndarray of shape (m, k)
    right : ndarray of shape (k,)
    g, p : ndarray of shape (m,)
        Costs, and the weights to start from.
    eta : ndarray of shape (k,)
        Multipliers to start from.
    t : float
    """

    def __init__(self, M: Matrix, right: Vector, g: Vector, p: Vector, eta: Vector, t: float) -> None:
        self._M, self._right, self._g, self._eta, self._t = M, right, g, eta, t
        slack = g + np.log(p) / t - M @ eta
        self._sigma = np.maximum(slack, settings.BARRIER_LIFT * float(p @ np.abs(slack)) / float(p.sum()))
        self._p = np.maximum(p, settings.BARRIER_LIFT * float(p @ self._sigma) / p.size / self._sigma)
        self._kept, self._single = settings.BARRIER_KEPT, M.astype(np.float32)

    def multipliers(self, budget: Budget) -> Vector | None:
        """Iterate until log p is right to about BARRIER_SOLVED; None if the method stalls."""
        size = float(np.abs(self._right).max())
        for _ in range(settings.MOST_BARRIER_STEPS):
            if budget.spent_out:
                return None
            budget.count()
            if not self._step() or not np.isfinite(self._gap):
                return None
            if self._gap < settings.BARRIER_SOLVED and np.abs(self._right - self._p @ self._M).max() < 1e-3 * size:
                return self._eta
        return None

    @property
    def _gap(self) -> float:
        """What is left of p'sigma, in units of log p."""
        return float(self._t * (self._p @ self._sigma) / self._p.sum())

    def _step(self) -> bool:
        """One step; False where the matrix is singular."""
        p, sigma, M, t = self._p, self._sigma, self._M, self._t
        missed, residual = self._right - p @ M, M @ self._eta + sigma - self._g - np.log(p) / t
        D = p / (1.0 / t + sigma)
        solve = self._factorised(D)
        if solve is None:
            return False

        def direction(complementarity: Vector) -> tuple[Vector, Vector, Vector]:
            e = residual + complementarity / p
            d_eta = solve(missed - (D * e) @ M)
            dp = D * (M @ d_eta + e)
            return dp, (complementarity - sigma * dp) / p, d_eta

        dp, d_sigma, _ = direction(-p * sigma)
        reached = (p + _reach(p, dp) * dp) @ (sigma + _reach(sigma, d_sigma) * d_sigma)
        centring = (reached / (p @ sigma)) ** 3 * (p @ sigma) / p.size
        dp, d_sigma, d_eta = direction(centring - p * sigma - dp * d_sigma)
        primal, dual = _reach(p, dp), _reach(sigma, d_sigma)
        if min(primal, dual) < 0.5:
            self._kept = max(1e-12, self._kept * 1e-2)
        self._p, self._sigma, self._eta = p + primal * dp, sigma + dual * d_sigma, self._eta + dual * d_eta
        return True

    def _factorised(self, D: Vector) -> Callable[[Vector], Vector] | None:
        """Solve with M'D M, of the weights that count; in single precision while the way is long."""
        order = np.argsort(-D)
        rest = np.cumsum(D[order][::-1])[::-1]
        kept = order[: max(int(np.searchsorted(-rest, -self._kept * rest[0])), 2 * self._right.size)]
        if self._gap > settings.BARRIER_ROUGH:
            gram = ssyrk(1.0, (self._single[kept] * np.sqrt(D[kept]).astype(np.float32)[:, None]).T, lower=1)
            rough, scale, is_sound = rough_factor(gram)
            if is_sound:
                return lambda right: np.asarray(spotrs(rough, right * scale, lower=1)[0] * scale, dtype=np.float64)
        gram = dsyrk(1.0, (self._M[kept] * np.sqrt(D[kept])[:, None]).T, lower=1)
        gram.flat[:: gram.shape[0] + 1] += EPS * gram.diagonal().max() * 8
        factor, info = dpotrf(gram, lower=1, overwrite_a=1)
        return (lambda right: np.asarray(dpotrs(factor, right, lower=1)[0])) if info == 0 else None


def _reach(values: Vector, change: Vector) -> float:
    """How far the values may go along the change and stay positive, at most 1."""
    return min(1.0, settings.BARRIER_STRIDE / max(1e-300, float((-change / values).max())))
