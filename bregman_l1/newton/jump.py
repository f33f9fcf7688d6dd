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

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Index, Vector, in_double
from bregman_l1.basis.choice import SingularBasisError, choose_basis
from bregman_l1.basis.tableau import Tableau
from bregman_l1.newton.barrier import Barrier
from bregman_l1.newton.dual_newton import dual_newton
from bregman_l1.newton.normal_equations import normal_equations
from bregman_l1.newton.walk import Way
from bregman_l1.outcome import Outcome
from bregman_l1.potential import ENTROPY
from bregman_l1.system import LinearSystem

if TYPE_CHECKING:
    from bregman_l1.budget import Budget


def jump(system: LinearSystem, way: Way, budget: Budget) -> Way | None:
    """Return the end of a way that has come to where the scales begin to part; None if the jump fails.

    The end is right to half the tolerance, as far as the rounding of the layer shows.

    Parameters
    ----------
    system : LinearSystem
        Of independent rows.
    way : Way
        Its priors begin at entries of one size.
    budget : Budget
    """
    even, prior, log_sizes = float(way.even[0]), in_double(way.log_prior), np.log(system.column_sizes)
    try:
        J = choose_basis(system, way.log_x)
        basis = Tableau.of(system, J, J[:0])
    except SingularBasisError:
        return None
    if (basis.u == 0.0).any() and (basis.u < 0.0).any():
        return None
    weight = way.log_x + log_sizes
    hot = weight > weight.max() - settings.JUMP_KEEPS
    hot[J] = False
    basis = replace(basis, u=basis.u * np.exp(-even))
    layer = _Layer(system, basis, np.flatnonzero(hot), prior - even)
    approached = layer.approached(way.log_x - even, settings.LEAVE_AT / way.tau, budget)
    if approached is None:
        return None
    tol, is_ended = way.tol * max(1.0, float(np.abs(prior).max()) / settings.LONG), False
    multipliers, om, taken = approached
    for _ in range(settings.MOST_WIDENINGS):
        dual = basis.dual(om + even - prior[J])
        log_x = prior + system.rmatvec(dual)
        log_x[J] = om + even
        if not np.isfinite(log_x).all():
            return None
        below = log_x[taken].max() - log_x - log_sizes
        below[J] = np.inf
        has_all = not np.delete(below < settings.NEGLIGIBLE_ENTRY, taken).any()
        if is_ended and has_all:
            return replace(way, tau=1.0, log_x=log_x, dual=dual, outcome=Outcome.OPTIMAL, error=way.tol)
        layer = _Layer(system, basis, np.flatnonzero(below < settings.COLD), prior - even, layer)
        ended = layer.ended(multipliers, tol, budget)
        if ended is None:
            return None
        multipliers, om, taken = ended
        is_ended = True
    return None


# Multipliers of a layer's program, log x_J, and the columns off S that take part.
_Found = tuple[Vector, Vector, Index]


class _Layer:
    """The rows L to be solved for beside the support S, and the columns R; logarithms less that of the size of y.

    The columns of the program are the rows of M, x_L before x_R.
    """

    def __init__(
        self, system: LinearSystem, basis: Tableau, R: Index, log_prior: Vector, known: _Layer | None = None
    ) -> None:
        is_zero = basis.u == 0.0
        self._L = L = np.flatnonzero(is_zero | (not is_zero.any()))
        self._S = np.setdiff1d(np.arange(basis.J.size), L)
        self._basis, self._R, self._columns = basis, R, system.columns(R)
        self._prior_J, self._prior_R = log_prior[basis.J], log_prior[R]
        self._M = np.zeros((L.size + R.size, L.size + min(1, self._S.size)))
        self._M.flat[: L.size * self._M.shape[1] : self._M.shape[1] + 1] = 1.0
        T, new = self._M[L.size :, : L.size], np.ones(R.size, dtype=bool)
        if known is not None:
            new = ~np.isin(R, known._R)
            T[~new] = known._M[L.size :, : L.size][np.isin(known._R, R)]
        T[new] = self._columns[:, new].T @ basis.inverse[L].T
        self._M[:, L.size :] = 1.0
        self._right = np.append(np.zeros(L.size), 1.0) if self._S.size else basis.u

    def approached(self, log_x: Vector, t: float, budget: Budget) -> _Found | None:
        """The solution to about a digit, from the projection at LEAVE_AT; None if that fails."""
        n_L, om = self._L.size, log_x[self._basis.J[self._L]]
        without_L = self._om(np.zeros(n_L), np.zeros(self._prior_J.size))
        g = np.append(np.zeros(n_L), -self._log_x_R(without_L)) / t
        log_p, eta = np.append(om, log_x[self._R]), om / settings.LEAVE_AT
        if self._S.size:
            log_p = np.maximum(log_p - log_p.max(), -700.0)
            log_p -= np.log(np.exp(log_p).sum())
            eta = np.append(eta, (g + log_p / t - self._M[:, :n_L] @ eta).min())
        found = Barrier(self._M, self._right, g, np.exp(log_p), eta, t).multipliers(budget)
        if found is None:
            return None
        return t * found, self._om(t * found, np.zeros(self._prior_J.size)), np.append(self._basis.J[self._L], self._R)

    def ended(self, multipliers: Vector, tol: float, budget: Budget) -> _Found | None:
        """The solution, from multipliers near it; None if not all is made good."""
        n_L, om, change = self._L.size, self._om(multipliers, np.zeros(self._prior_J.size)), np.inf
        program = LinearSystem(self._M.T, self._right)
        equations = normal_equations(program, budget)
        for _ in range(settings.MOST_COUPLINGS):
            ahead = np.append(np.zeros(n_L), self._log_x_R(om) - self._M[n_L:, :n_L] @ om[self._L])
            point = dual_newton(program, equations, ENTROPY, ahead, budget, dual=multipliers)
            if not point.error <= settings.NEGLIGIBLE:
                return None
            multipliers, before = point.dual, om
            minus_log_r = multipliers[n_L:].sum()  # none without S
            om = self._om(multipliers, self._columns @ np.exp(point.log_x[n_L:] - minus_log_r))
            change, was = float(np.abs(om - before).max()), change
            if change <= max(tol / 10, point.noise) or not was > 2 * change:
                break
        is_close = change + point.noise <= tol / 2
        return (multipliers, om, np.append(self._basis.J[self._L], self._R)) if is_close else None

    def _log_x_R(self, om: Vector) -> Vector:
        """Log x_R = T'(om - b_J) + b_R."""
        return self._prior_R + self._columns.T @ self._basis.dual(om - self._prior_J)

    def _om(self, multipliers: Vector, y_R: Vector) -> Vector:
        """Log x_J from the multipliers log x_L, and x_S = u_S - T_S x_R from y_R = A_R x_R."""
        om = np.log(self._basis.u - self._basis.inverse @ y_R)
        om[self._L] = multipliers[: self._L.size]
        return om
