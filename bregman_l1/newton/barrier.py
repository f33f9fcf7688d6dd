"""The jump: from a point of the path where the scales begin to part to any depth of alpha.

With a basis J, log x_R = T'om - rho, om = log x_J, the equations x_J + T x_R = u split once alpha is small. Rows with
u_i > 0 are the support: x_i = u_i to leading order. On the rows I with u_i = 0 the columns p = (x_I, x_R) / r solve
an entropic linear program of their own, at t = -log alpha itself,

    minimise g'p + (1/t) sum p log p   over   [I T_I] p = 0,  1'p = 1,  p >= 0,      g_R = (rho - T_S'log u) / t,

whose multipliers are log x_I and log r. Without rows u_i = 0 the program is that of x itself, with right-hand side u.
It is solved by a primal-dual barrier method with Mehrotra's predictor and corrector: p sigma = mu beside the entropy,

    M eta + sigma = g + log p / t,    D = p / (1/t + sigma),    (M'D M) d eta = right,

which takes 2 to 10 factorisations whatever t is. The answer is a start for Newton's method, and nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from bregman_l1._types import EPS, Index, Mask, Matrix, Vector
from bregman_l1.newton.settings import (
    BARRIER_FAR,
    BARRIER_KEPT,
    BARRIER_LIFT,
    BARRIER_SHORT,
    BARRIER_SOLVED,
    BARRIER_STRIDE,
    CENTRINGS,
    MOST_BARRIER_STEPS,
)

if TYPE_CHECKING:
    from bregman_l1.budget import Budget


def jump(T: Matrix, u: Vector, rho: Vector, om: Vector, t: float, t_before: float, budget: Budget) -> Vector | None:
    """Return log x_J near the solution at t, from log x_J near the solution at an earlier t.

    Parameters
    ----------
    T : ndarray of shape (k, m)
    u : ndarray of shape (k,)
        Nonnegative where any entry is zero.
    rho : ndarray of shape (m,)
        At t: t times the reduced costs.
    om : ndarray of shape (k,)
        log x_J at ``t_before``.
    t, t_before : float
    budget : Budget

    Returns
    -------
    ndarray of shape (k,) or None
        None where the method does not converge: the walk takes over.
    """
    free = u == 0.0
    if free.any() and not (u >= 0.0).all():
        return None
    rest = T.T @ om - rho * (t_before / t)
    program = _layer(T, u, rho, om, rest, t, t_before) if free.any() else _whole(T, u, rho, om, rest, t, t_before)
    multipliers = _minimise(program, budget)
    if multipliers is None:
        return None
    if not free.any():
        return t * multipliers
    log_x = np.log(np.where(free, 1.0, u))
    log_x[free] = t * multipliers[:-1]
    return log_x


@dataclass(slots=True, kw_only=True, eq=False)
class _Program:
    """min g'p + (1/t) sum p log p over M'p = right, with a point to start from."""

    M: Matrix
    right: Vector
    g: Vector
    t: float
    p: Vector
    sigma: Vector
    eta: Vector

    def restrict(self, kept: Mask) -> None:
        """Leave out columns that have become negligible."""
        self.M, self.g, self.p, self.sigma = self.M[kept], self.g[kept], self.p[kept], self.sigma[kept]

    @property
    def gap(self) -> float:
        """What is left of p'sigma, in units of log p."""
        return float(self.t * (self.p @ self.sigma) / self.p.sum())


def _layer(T: Matrix, u: Vector, rho: Vector, om: Vector, rest: Vector, t: float, t_before: float) -> _Program:
    """The program of the rows u_i = 0, its unknowns of sum one."""
    free = u == 0.0
    n_free = int(free.sum())
    M = np.zeros((n_free + rho.size, n_free + 1))
    M[:n_free, :n_free] = np.eye(n_free)
    M[n_free:, :n_free] = T[free].T
    M[:, -1] = 1.0
    g = np.concatenate([np.zeros(n_free), (rho - T[~free].T @ np.log(u[~free])) / t])
    log_p = np.concatenate([om[free], rest])
    log_p -= log_p.max()
    p = np.exp(log_p)
    p /= p.sum()
    nu = om[free] / t_before
    with np.errstate(divide="ignore"):
        slack = g + np.maximum(log_p, -700.0) / t - M[:, :-1] @ nu
    sigma = slack - slack.min()
    sigma += max(BARRIER_SOLVED / t, BARRIER_LIFT * float(p @ sigma))
    p = np.maximum(p, 0.1 * float(p @ sigma) / p.size / sigma)
    level = float(p @ (slack - sigma)) / float(p.sum())
    right = np.zeros(n_free + 1)
    right[-1] = 1.0
    return _Program(M=M, right=right, g=g, t=t, p=p, sigma=sigma, eta=np.append(nu, level))


def _whole(T: Matrix, u: Vector, rho: Vector, om: Vector, rest: Vector, t: float, t_before: float) -> _Program:
    """The program of x itself."""
    M = np.vstack([np.eye(u.size), T.T])
    log_x = np.concatenate([om, rest])
    x, g = np.exp(log_x), np.concatenate([np.zeros(u.size), rho / t])
    eta = om / t_before
    slack = g + log_x / t - M @ eta
    sigma = np.maximum(slack, 0.1 * float(x @ np.abs(slack)) / float(x.sum()))
    p = np.maximum(x, 0.1 * float(x @ sigma) / x.size / sigma)
    return _Program(M=M, right=u, g=g, t=t, p=p, sigma=sigma, eta=eta)


def _minimise(program: _Program, budget: Budget) -> Vector | None:
    """Mehrotra's method; the multipliers, or None if it stalls."""
    size = float(np.abs(program.right).max())
    kept = BARRIER_KEPT
    for _ in range(MOST_BARRIER_STEPS):
        if budget.spent_out:
            return None
        budget.count()
        taken = _step(program, kept)
        if taken is None:
            return None
        kept = max(1e-12, kept * 1e-2) if taken < 0.5 else kept
        missed = float(np.abs(program.right - program.p @ program.M).max())
        if program.gap < BARRIER_SOLVED and missed < 1e-3 * size:
            return program.eta
        alive = (program.p > 1e-9 * program.p.max()) | (program.t * program.sigma < BARRIER_FAR)
        if alive.mean() < 0.7:
            program.restrict(alive)
    return program.eta if program.gap < 10.0 else None


def _step(at: _Program, kept: float) -> float | None:
    """One step, the direction chosen by how far it leads; its length, or None where the matrix is singular."""
    p, sigma, M = at.p, at.sigma, at.M
    mu = float(p @ sigma) / p.size
    missed = at.right - p @ M
    residual = M @ at.eta + sigma - at.g - np.log(p) / at.t
    D = p / (1.0 / at.t + sigma)
    factor = _factor(M, D, np.flatnonzero(kept * D.max() < D))
    if factor is None:
        return None

    def direction(complementarity: Vector) -> tuple[Vector, Vector, Vector]:
        e = residual + complementarity / p
        d_eta = dpotrs(factor, missed - (D * e) @ M, lower=1)[0]
        dp = D * (M @ d_eta + e)
        return dp, (complementarity - sigma * dp) / p, d_eta

    dp, d_sigma, _ = direction(-p * sigma)
    reached = (p + _reach(p, dp) * dp) @ (sigma + _reach(sigma, d_sigma) * d_sigma) / p.size
    centring, second_order = float(reached / mu) ** 3, dp * d_sigma
    best, chosen = -1.0, None
    for least, order in CENTRINGS:
        dp, d_sigma, d_eta = direction(max(centring, least) * mu - p * sigma - order * second_order)
        primal, dual = _reach(p, dp), _reach(sigma, d_sigma)
        if min(primal, dual) > best:
            best, chosen = min(primal, dual), (dp, d_sigma, d_eta, primal, dual)
        if best > BARRIER_SHORT:
            break
    if chosen is None:
        return None
    dp, d_sigma, d_eta, primal, dual = chosen
    primal, dual = (best, best) if best < 0.2 else (primal, dual)
    at.p, at.sigma, at.eta = p + primal * dp, sigma + dual * d_sigma, at.eta + dual * d_eta
    return best


def _reach(values: Vector, change: Vector) -> float:
    """How far the values may go along the change and stay positive, at most 1."""
    return min(1.0, BARRIER_STRIDE / max(1e-300, float((-change / values).max())))


def _factor(M: Matrix, D: Vector, index: Index) -> Matrix | None:
    """The Cholesky factor of M'D M over the columns that count."""
    rows = M[index] * np.sqrt(D[index])[:, None]
    gram = rows.T @ rows
    size = gram.diagonal().max()
    gram.flat[:: gram.shape[0] + 1] += EPS * size * 8
    factor, info = dpotrf(gram.T, lower=1, overwrite_a=1)
    return factor if info == 0 else None
