"""One and only one solution of the scale-free equations in a small box, proved by Krawczyk's operator.

With a basis J of the columns, the projection of a prior p is the only solution of

    x_J + T x_R = u,      theta_R = T'theta_J - rho,      om = log x_J,

T = A_J^{-1} A_R, u = A_J^{-1} y, theta the potential's map of x and rho = T'theta(p)_J - theta(p)_R. Rows are divided
by x_i at the midpoint of the box,

    G_i(om) = (x_i + sum_j T_ij x_j - u_i) / x_i,

so that scales never mix. With C near the inverse of the Jacobian G', a box om + [-r, r] that

    K = om - C G(om) + (I - C G'(box)) [-r, r]

maps into its interior holds a solution. That the projection is the only one is known: the potential is strictly convex.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from flint import arb, arb_mat, ctx

from bregman_l1._types import Matrix, Vector
from bregman_l1.caching import cached_property
from bregman_l1.exact import at_precision, balls
from bregman_l1.potential import Potential
from bregman_l1.proof.arithmetic import diagonal, entrywise, exactly, floats, largest_size, product, upward
from bregman_l1.proof.record import Imprecise, Unproved

# Bits in which a contraction is seen, as a rule.
_COARSE = 64
# The inverse of the Jacobian serves while steps fall by this; it is computed anew so often.
_SERVES, _INVERSES, _STEPS = 1e-3, 8, 60
# K must lie inside of the box by this share.
_CONTRACTION = 0.4


@dataclass(frozen=True, kw_only=True, eq=False)
class ScaleFree:
    """The equations, their numbers in balls.

    Attributes
    ----------
    potential : Potential
    T : arb_mat of shape (k, m)
    plain : ndarray of shape (k, m)
        T in floating point.
    u : list of k arb
    rho : list of m arb
    """

    potential: Potential
    T: arb_mat
    plain: Matrix
    u: list[arb]
    rho: list[arb]

    @cached_property
    def _transposed(self) -> arb_mat:
        return self.T.transpose()

    def rest(self, om: list[arb]) -> list[arb]:
        """Log x_R."""
        return [self.potential.ball_log_primal(theta) for theta in self._theta_rest(om)]

    def _theta_rest(self, om: list[arb]) -> list[arb]:
        theta = product(self._transposed, [self.potential.ball_gradient(value) for value in om])
        return [a - b for a, b in zip(theta, self.rho, strict=True)]

    def _slopes(self, log_x: list[arb]) -> list[arb]:
        return [self.potential.ball_slope(self.potential.ball_gradient(value)) for value in log_x]

    def residual(self, om: list[arb], near: list[arb]) -> list[arb]:
        """G at om, to first order in what log x_R there differs from one nearby."""
        pairs = zip(near, self.rest(om), strict=True)
        sums = product(self.T, [value.exp() * (1 + there - value) for value, there in pairs])
        return [1 + (s - u) * (-value).exp() for s, u, value in zip(sums, self.u, om, strict=True)]

    def jacobian(self, om: list[arb], box: list[arb], rest: list[arb]) -> arb_mat:
        """G', its rows divided by x_i at om, where log x_J is in the box and log x_R is rest."""
        shares = [(-value).exp() for value in om]
        weights = [value.exp() / slope for value, slope in zip(rest, self._slopes(rest), strict=True)]
        weighted = [entry * share * weight for row, share in zip(self.T.tolist(), shares, strict=True)
                    for entry, weight in zip(row, weights, strict=True)]  # fmt: skip
        own = diagonal([(value - centre).exp() for value, centre in zip(box, om, strict=True)])
        if not rest:
            return own
        slopes = self._slopes(box)
        moved = (arb_mat(len(om), len(rest), weighted) * self._transposed).tolist()
        return arb_mat([[entry * slope for entry, slope in zip(row, slopes, strict=True)] for row in moved]) + own

    def plain_inverse(self, om: list[arb], rest: list[arb]) -> arb_mat | None:
        """The inverse of G', computed in floating point."""
        T, log_x, log_rest = self.plain, floats(om), floats(rest)
        with np.errstate(all="ignore"):
            log_slopes = (values - self.potential.log_weight(values) for values in (log_x, log_rest))
            x_ratios = np.exp(np.subtract.outer(-log_x, -log_rest))
            slope_ratios = np.exp(np.subtract.outer(*log_slopes))
            weighted, pulled = (np.where(T != 0.0, T * ratios, 0.0) for ratios in (x_ratios, slope_ratios))
            jacobian = weighted @ pulled.T + np.eye(len(om))
        if not np.isfinite(jacobian).all():
            return None
        try:
            inverse = np.asarray(np.linalg.inv(jacobian))
        except np.linalg.LinAlgError:
            return None
        return balls(inverse) if np.isfinite(inverse).all() else None

    def precise_inverse(self, om: list[arb], rest: list[arb]) -> arb_mat | None:
        """The same at the working precision."""
        try:
            return self.jacobian(om, om, rest).inv().mid()
        except ZeroDivisionError:
            return None

    def contraction(self, om: list[arb], C: arb_mat, radius: arb, bits: int) -> arb:
        """A bound of the maximum norm of I - C G' on the box om + [-radius, radius], in so many bits."""
        theta_rest, reach = self._theta_rest(om), radius.union(-radius)
        with at_precision(bits):
            coarse = replace(self, T=entrywise(arb.__pos__, self.T))
            box = [value + reach for value in om]
            moved = product(coarse._transposed, [slope * reach for slope in self._slopes(box)])
            around = [self.potential.ball_log_primal(a + b) for a, b in zip(theta_rest, moved, strict=True)]
            missed = (C * coarse.jacobian(om, box, around)).tolist()
            rows = (sum((abs(v - (i == j)) for j, v in enumerate(row)), arb(0)) for i, row in enumerate(missed))
            return largest_size(list(rows))


Inverse = Callable[[list[arb], list[arb]], arb_mat | None]


def solution(equations: ScaleFree, om: Vector, rest: Vector, goal: arb, reach: float) -> tuple[list[arb], list[arb]]:
    """Balls that hold log x_J and log x_R.

    Parameters
    ----------
    equations : ScaleFree
    om, rest : ndarray of shape (k,) and (m,)
        Log x_J and log x_R nearby.
    goal : arb
        The radius of log x_J that is enough.
    reach : float
        The longest step of log x_J from there.

    Raises
    ------
    Imprecise
        If the operator does not contract at this precision.
    Unproved
        If Newton's method does not converge from there.
    """
    try:
        return _enclosed(equations, om, rest, goal, reach, equations.plain_inverse, _COARSE)
    except Imprecise:
        return _enclosed(equations, om, rest, goal, reach, equations.precise_inverse, ctx.prec)


def _enclosed(
    equations: ScaleFree, start: Vector, near: Vector, goal: arb, reach: float, invert: Inverse, bits: int
) -> tuple[list[arb], list[arb]]:
    om, C = _newton(equations, exactly(start), exactly(near), goal, reach, invert)
    missed = product(C, equations.residual(om, equations.rest(om)))
    radius = (2 * largest_size(missed) + goal / 1000).upper()
    shrinks_by = equations.contraction(om, C, radius, bits)
    if not shrinks_by < _CONTRACTION:
        raise Imprecise("existence", f"Krawczyk's operator does not contract: its norm is {upward(shrinks_by):.2g}")
    left = shrinks_by * radius
    found = [value - step + left.union(-left) for value, step in zip(om, missed, strict=True)]
    return found, equations.rest(found)


def _newton(
    equations: ScaleFree, om: list[arb], rest: list[arb], goal: arb, reach: float, invert: Inverse
) -> tuple[list[arb], arb_mat]:
    """Newton's method on midpoints, with few inverses; the last of them."""
    size = arb(reach)
    for _ in range(_INVERSES):
        C = invert(om, rest)
        if C is None:
            break
        for _ in range(_STEPS):
            before, missed = size, product(C, equations.residual(om, rest))
            size = largest_size(missed)
            if size <= goal:
                return om, C
            if any(abs(step) > reach for step in missed):
                raise Unproved("existence", f"the answer is no solution: the next Newton step is {upward(size):.2g}")
            if not all(step.rad() <= goal / 2 for step in missed):
                raise Imprecise("existence", f"the equations are known to {upward(size):.2g} only")
            om = [(value - step).mid() for value, step in zip(om, missed, strict=True)]
            rest = equations.rest(om)
            if size > _SERVES * before:
                break
    raise Imprecise("existence", f"Newton's method does not converge: its last step is {upward(size):.2g}")
