"""The jump: from a point of the path where the scales begin to part to any depth of alpha.

With a basis J, log x_R = T'om - rho, om = log x_J, the equations x_J + T x_R = u split once alpha is small. Rows with
u_i > 0 are the support S: x_i = u_i to leading order. On the rows L with u_i = 0 the columns p = (x_L, x_R) / r solve
an entropic linear program of their own, at t = -log alpha itself,

    minimise g'p + (1/t) sum p log p   over   [I T_L] p = 0,  1'p = 1,  p >= 0,      g_R = (rho - T_S'log x_S) / t,

whose multipliers are log x_L and -log r. Without rows u_i = 0 the program is that of x itself, with right-hand side u.
A barrier method comes near its solution in a few steps. The program is an entropy projection in which no entry is
small, so that the convex loop ends it; x_S = u_S - T_S x_R and the rounding of T'om are made good in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Index, Mask, Matrix, Vector
from bregman_l1.basis.choice import SingularBasisError, choose_basis
from bregman_l1.basis.tableau import Tableau
from bregman_l1.newton.barrier import Barrier
from bregman_l1.newton.dual_newton import dual_newton
from bregman_l1.newton.normal_equations import normal_equations
from bregman_l1.system import LinearSystem

if TYPE_CHECKING:
    from bregman_l1.budget import Budget


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """A point of the way: log_x = even + tau (log_prior - even) + A'lam for some lam; ``tol`` is wanted at its end."""

    even: Vector
    tau: float
    log_x: Vector
    tol: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Landing:
    """Where a jump ended.

    Attributes
    ----------
    log_x, dual : ndarray of shape (d,) and (k,)
    is_close : bool
        Whether log x is right to half the tolerance, as far as the rounding of the layer shows.
    """

    log_x: Vector
    dual: Vector
    is_close: bool


def jump(system: LinearSystem, log_prior: Vector, start: Start, keeps: float, budget: Budget) -> Landing | None:
    """Return the projection of a prior from that of a less deep one; None if the jump fails.

    Parameters
    ----------
    system : LinearSystem
        Of independent rows.
    log_prior : ndarray of shape (d,)
    start : Start
        Where the scales begin to part.
    keeps : float
        Columns that many e-folds below the heaviest take no part.
    budget : Budget
    """
    log_x, even = start.log_x, float(start.even[0])
    tol = start.tol * max(1.0, float(np.abs(log_prior).max()) / settings.LONG)
    try:
        J = choose_basis(system, log_x)
        basis = Tableau.of(system, J, J[:0])
    except SingularBasisError:
        return None
    if (basis.u == 0.0).any() and (basis.u < 0.0).any():
        return None
    weight = log_x + np.log(system.column_sizes)
    kept = weight > weight.max() - keeps * max(1.0, settings.JUMP_WIDENS * start.tau)
    kept[J] = False
    basis = replace(basis, u=basis.u * np.exp(-even))
    layer = _Layer.of(system, basis, np.flatnonzero(kept), log_prior - even)
    multipliers = layer.approached(log_x - even, settings.LEAVE_AT / start.tau, budget)
    found = None if multipliers is None else layer.ended(multipliers, tol, budget)
    if found is None:
        return None
    om, taken, top, error = found
    dual = basis.dual(om + even - log_prior[J])
    log_x = log_prior + system.rmatvec(dual)
    log_x[J] = om + even
    left_out = np.delete(log_x + np.log(system.column_sizes), np.append(J, taken))
    if not left_out.max(initial=-np.inf) <= top + even - settings.NEGLIGIBLE_ENTRY or not np.isfinite(log_x).all():
        return None
    return Landing(log_x=log_x, dual=dual, is_close=error <= tol / 2)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Layer:
    """The rows L to be solved for beside the support S; logarithms less that of the size of y.

    Attributes
    ----------
    basis : Tableau
    L, S : ndarray of int
    R : ndarray of int
        The columns that take part, beside those of the basis.
    columns : ndarray of shape (k, m)
        A_R.
    M : ndarray of shape (|L| + m, |L| [+ 1])
        The columns of the program as rows, x_L before x_R.
    T_S : ndarray of shape (|S|, m)
    prior_J, prior_R : ndarray of shape (k,) and (m,)
    """

    basis: Tableau
    L: Index
    S: Index
    R: Index
    columns: Matrix
    M: Matrix
    T_S: Matrix
    prior_J: Vector
    prior_R: Vector

    @classmethod
    def of(cls, system: LinearSystem, basis: Tableau, R: Index, log_prior: Vector) -> _Layer:
        is_zero, columns = basis.u == 0.0, system.columns(R)
        L = np.flatnonzero(is_zero | (not is_zero.any()))
        S = np.setdiff1d(np.arange(basis.J.size), L)
        M = np.zeros((L.size + R.size, L.size + min(1, S.size)))
        M.flat[: L.size * M.shape[1] : M.shape[1] + 1] = 1.0
        np.matmul(columns.T, basis.inverse[L].T, out=M[L.size :, : L.size])
        M[:, L.size :] = 1.0
        return cls(
            basis=basis,
            L=L,
            S=S,
            R=R,
            columns=columns,
            M=M,
            T_S=basis.inverse[S] @ columns,
            prior_J=log_prior[basis.J],
            prior_R=log_prior[R],
        )

    def of_columns(self, part: Mask) -> _Layer:
        """The same with some of the columns R."""
        return replace(
            self,
            R=self.R[part],
            columns=self.columns[:, part],
            M=self.M[np.append(np.ones(self.L.size, dtype=bool), part)],
            T_S=self.T_S[:, part],
            prior_R=self.prior_R[part],
        )

    @property
    def right(self) -> Vector:
        """The right-hand side of the program."""
        return np.append(np.zeros(self.L.size), 1.0) if self.S.size else self.basis.u

    def log_x_R(self, om: Vector) -> Vector:
        """Log x_R = T'(om - b_J) + b_R."""
        above = om - self.prior_J
        return self._times_T_L(above[self.L]) + self.T_S.T @ above[self.S] + self.prior_R

    def _times_T_L(self, values: Vector) -> Vector:
        return np.asarray(self.M[self.L.size :, : self.L.size] @ values)

    def approached(self, log_x: Vector, t: float, budget: Budget) -> Vector | None:
        """The multipliers of the program to about a digit, from the projection at LEAVE_AT; None if that fails."""
        om = log_x[self.basis.J[self.L]]
        only_S = self._om(np.zeros(self.L.size))
        g = np.append(np.zeros(self.L.size), -self.log_x_R(only_S)) / t
        log_p, eta = np.append(om, log_x[self.R]), om / settings.LEAVE_AT
        if self.S.size:
            log_p = np.maximum(log_p - log_p.max(), -700.0)
            log_p -= np.log(np.exp(log_p).sum())
            slack = g + log_p / t
            slack[: self.L.size] -= eta
            slack[self.L.size :] -= self._times_T_L(eta)
            lift = settings.BARRIER_LEVEL * float(np.exp(log_p) @ (slack - slack.min()))
            eta = np.append(eta, slack.min() - lift)
        found = Barrier(self.M, self.right, g, np.exp(log_p), eta, t).multipliers(budget)
        return None if found is None else t * found

    def ended(self, multipliers: Vector, tol: float, budget: Budget) -> tuple[Vector, Index, float, float] | None:
        """Log x_J, the columns that took part, the largest log x off S, and the error; None if the loop fails."""
        om, change = self._om(multipliers), np.inf
        log_x = self.log_x_R(om)
        layer = self.of_columns(log_x > log_x.max() - settings.COLD)
        program = LinearSystem(layer.M.T, self.right)
        equations = normal_equations(program, budget)
        for _ in range(settings.MOST_COUPLINGS):
            log_x = layer.prior_R + layer.columns.T @ self.basis.dual(om - self.prior_J)
            ahead = np.append(np.zeros(self.L.size), log_x - layer._times_T_L(om[self.L]))
            point = dual_newton(program, equations, ahead, budget, dual=multipliers)
            if not point.error <= settings.NEGLIGIBLE:
                return None
            multipliers, before = point.dual, om
            level = multipliers[-1] if self.S.size else 0.0
            x = np.exp(point.log_x[self.L.size :] - level)
            om = self._om(multipliers, x_S=self.basis.u[self.S] - layer.T_S @ x)
            change, was = float(np.abs(om - before).max()), change
            if change <= max(tol / 10, point.noise) or not was > 2 * change:
                break
        return om, layer.R, float(point.log_x.max() - level), change + point.noise

    def _om(self, multipliers: Vector, x_S: Vector | None = None) -> Vector:
        """Log x_J from the multipliers and x_S; u_S if it is omitted."""
        om = np.empty(self.basis.J.size)
        om[self.L] = multipliers[: self.L.size]
        om[self.S] = np.log(self.basis.u[self.S] if x_S is None else x_S)
        return om
