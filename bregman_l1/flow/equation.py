"""The gradient flow as N equations in the dual, in coordinates that keep the scales of x apart.

From u' = -grad ||A (u*u) - y||^2 follows (log x)' = 8 A'(y - A x) for x = u*u, so that log x moves in the
range of A' alone: log x = log alpha + A'lam with lam' = 8 (y - A x), lam(0) = 0. That is gradient ascent of
the projection's dual at speed 8, and nothing in it underflows.

Near the end y - A x holds differences of very different size: residuals of the large entries of x, and
sums of its small ones, alpha^(1 - rho) or less, which alone drive the slow directions and drown in the
rounding of the large entries. An orthogonal change of the rows of A, which leaves the flow what it is,
makes A block triangular in the order of the sizes of x: each row then sees only the entries of x of its
own size and smaller, and no row loses its digits to another.

The coordinates count from the projection's dual, so that an integrator's relative tolerance is one on the
way that is left: it asks for few digits while x is far from its end, and for the arrival to be on time.
From the projection come the order, the column basis and that origin; where the flow ends is its own affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Matrix, Vector
from bregman_l1.basis.choice import choose_basis
from bregman_l1.basis.rows import independent_rows
from bregman_l1.basis.tableau import Tableau
from bregman_l1.frozen import FrozenArrays

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


# Entries that are zero at the projection die out like 1/time; for the order of sizes they come last.
_FOLDS_BELOW = 40.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowEquation(FrozenArrays):
    """The autonomous equation w' = 8 (c - G x), log x = b + G'w, with G = Q'A, c = Q'y, lam = Q (w - start).

    Attributes
    ----------
    log_alpha : float
        Logarithm of the entries of x at time 0.
    rotation : ndarray of shape (N, k)
        Q, an orthonormal basis of the range of A, k being its rank.
    matrix, target : ndarray of shape (k, d) and (k,)
        G and c, graded: exact zeros where a row has no part in a larger scale.
    start : ndarray of shape (k,)
        w at time 0, where lam = 0.
    log_origin : ndarray of shape (d,)
        b = log alpha - G'start, log x at w = 0: the projection, up to rounding and entries that vanish.
    ceiling : float
        An upper bound on log x along the whole flow.
    """

    log_alpha: float
    rotation: Matrix
    matrix: Matrix
    target: Vector
    start: Vector
    log_origin: Vector
    ceiling: float

    def log_x(self, w: Vector) -> Vector:
        """Return b + G'w, shape (d,), or (m, d) for several columns w."""
        return np.asarray(self.log_origin + w.T @ self.matrix, dtype=np.float64)

    def x(self, w: Vector) -> Vector:
        """Return x, cut off above the ceiling: only trial points of an integrator ever lie there."""
        return np.asarray(np.exp(np.minimum(self.log_x(w), self.ceiling)), dtype=np.float64)

    def residual(self, w: Vector) -> Vector:
        """Return c - G x, of the same length as y - A x."""
        return np.asarray(self.target - self.matrix @ self.x(w), dtype=np.float64)

    def loss(self, w: Vector) -> float:
        """Return ||c - G x||^2, the same as ||A x - y||^2."""
        residual = self.residual(w)
        return float(residual @ residual)

    def velocity(self, _time: float, w: Vector) -> Vector:
        """Return the right-hand side, 8 (c - G x)."""
        return 8 * self.residual(w)

    def jacobian(self, _time: float, w: Vector) -> Matrix:
        """Return the derivative of `velocity`, -8 G diag(x) G'."""
        return np.asarray(-8 * (self.matrix * self.x(w)) @ self.matrix.T, dtype=np.float64)

    def dual(self, w: Vector) -> Vector:
        """Return lam = Q (w - start), shape (N,), or (m, N) for several columns w."""
        return np.asarray((w.T - self.start) @ self.rotation.T, dtype=np.float64)


def flow_equation(system: LinearSystem, log_alpha: float, log_end: Vector) -> FlowEquation:
    """Return the flow from alpha * 1, graded by and counted from ``log_end``, the logarithm of its end."""
    positive = np.isfinite(log_end)
    size = np.where(positive, log_end, log_end[positive].min() - _FOLDS_BELOW)
    part = system.of_rows(independent_rows(system))
    J = choose_basis(part, size)
    J = J[np.argsort(-size[J], kind="stable")]
    rest = np.setdiff1d(np.arange(size.size), J)
    tableau = Tableau.of(part, J, rest)
    Q, R = np.linalg.qr(system.columns(J))
    matrix = np.empty((J.size, size.size))
    matrix[:, J], matrix[:, rest] = R, R @ tableau.T
    start: Vector = np.linalg.lstsq(matrix[:, positive].T, log_alpha - log_end[positive])[0].astype(np.float64)
    return FlowEquation(
        log_alpha=log_alpha,
        rotation=Q,
        matrix=matrix,
        target=R @ tableau.u,
        start=start,
        log_origin=log_alpha - matrix.T @ start,
        ceiling=_ceiling(log_alpha, log_end[positive], system.shape[1]),
    )


def _ceiling(log_alpha: float, log_end: Vector, n_entries: int) -> float:
    """Bound log x along the flow, with a margin.

    The Bregman distance D of the end e from x(time) falls from its value at alpha * 1 on. Each entry alone
    gives x - e + e log(e / x) <= D, and so x <= max(4 e, 2.5 D).
    """
    with np.errstate(under="ignore"):
        end = np.exp(log_end)
        distance = float(np.sum(end * (log_end - log_alpha) - end) + n_entries * np.exp(log_alpha))
    return float(np.log(2 * max(4 * end.max(), 2.5 * distance)))
