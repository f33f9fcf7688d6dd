"""The deviation of x(alpha) from its limit, entry by entry as sign and logarithm, without cancellation.

With R what lies off the support S of the limit x*, the deviation n = x(alpha) - x* is in the kernel of A, so that

    n_R = x(alpha)_R,    n_S = -B n_R,    B = pinv(A_S) A_R,

where A_S is injective. Where it is not, theta(x(alpha)_S) = theta(x*_S) + W nu with W a basis of the row space of A_S
and theta the map of the potential, log x at depth 2; and W'n_S = -W'G A_R x(alpha)_R for any left inverse G on the
range of A_S: a strictly monotone equation for nu, solved by Newton's method at its own scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logsumexp

from bregman_l1._solve import solve
from bregman_l1._types import Matrix, Vector
from bregman_l1.errors import BackendError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.problems.projection import BregmanProjection

if TYPE_CHECKING:
    from bregman_l1.theory.limit import Limit

# Below this logarithm of the deviation e^v - 1 is v in floating point.
_LINEAR = -40.0
_NEWTON_STEPS = 30
_SETTLED = 1e-13


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deviation(FrozenArrays):
    """n = x(alpha) - x*.

    Attributes
    ----------
    sign : ndarray of shape (d,)
        Signs of its entries; 0 where x(alpha) = x* for every alpha.
    log_size : ndarray of shape (d,)
        Logarithms of their magnitudes, of relative accuracy as high as that of x(alpha) off the support, but where
        the terms of B n_R cancel.
    """

    sign: Vector
    log_size: Vector

    @property
    def log_l1(self) -> float:
        """The logarithm of ||n||_1; -inf where x(alpha) does not move."""
        moving = self.log_size[self.log_size > -np.inf]
        return float(logsumexp(moving)) if moving.size else -np.inf


def deviation(limit: Limit, log_x: Vector) -> Deviation:
    """Compute the deviation of a projection, given by its logarithms, from the limit of the projections.

    Parameters
    ----------
    limit : Limit
    log_x : ndarray of shape (d,)

    Examples
    --------
    >>> from bregman_l1 import LinearSystem
    >>> from bregman_l1.theory.limit import find_limit
    >>> n = deviation(find_limit(LinearSystem([[1.0, 0.5]], [1.0])), np.array([0.0, -2000.0]))
    >>> n.sign.tolist(), n.log_size.round(6).tolist()  # x_1 = 1 - x_2 / 2
    ([-1.0, 1.0], [-2000.693147, -2000.0])
    """
    log_off = log_x[limit.cone.outside]
    sign, log_size = np.zeros(log_x.size), np.full(log_x.size, -np.inf)
    if log_off.max(initial=-np.inf) > -np.inf:
        sign[limit.cone.outside], log_size[limit.cone.outside] = (log_off > -np.inf).astype(np.float64), log_off
        on_support = _responding if limit.cone.is_injective else _balanced
        sign[limit.support], log_size[limit.support] = on_support(limit, log_x)
    return Deviation(sign=sign, log_size=log_size)


def log_deviation(limit: Limit, log_alpha: float) -> float:
    """Log ||x(alpha) - x*||_1, from a certified projection."""
    return deviation(limit, _log_projection(limit, log_alpha)).log_l1


def log_largest_off_support(limit: Limit, log_alpha: float) -> float:
    """Log ||x(alpha) off S||_inf, from a certified projection."""
    return float(_log_projection(limit, log_alpha)[limit.cone.outside].max())


def _log_projection(limit: Limit, log_alpha: float) -> Vector:
    cost = limit.cost if log_alpha else None  # alpha = 1 has no use for it
    problem = BregmanProjection(limit.system, log_alpha=log_alpha, cost=cost, prior=limit.prior, depth=limit.depth)
    return solve(problem).log_x


def _responding(limit: Limit, log_x: Vector) -> tuple[Vector, Vector]:
    """-B x_R, each row summed in units of its largest term."""
    terms = _log(np.abs(limit.B)) + log_x[limit.cone.outside]
    top = terms.max(axis=1)
    top = np.where(top > -np.inf, top, 0.0)
    with np.errstate(under="ignore"):
        total = -(np.sign(limit.B) * np.exp(terms - top[:, None])).sum(axis=1)
    return np.sign(total), _log(np.abs(total)) + top


def _balanced(limit: Limit, log_x: Vector) -> tuple[Vector, Vector]:
    """n_S, theta(x_S) = theta(x*_S) + W nu, that balances x_R, solved in units of the largest entry of x_R."""
    cone, potential, log_limit = limit.cone, limit.potential, np.log(limit.x_S)
    theta, shift = potential.gradient(log_limit), float(log_x[cone.outside].max())
    unit = float(np.exp(shift)) if shift > _LINEAR else 0.0
    with np.errstate(under="ignore"):
        target = cone.row_space.T @ (cone.B @ np.exp(log_x[cone.outside] - shift))
    W: Matrix = cone.row_space
    nu: Vector = np.zeros(W.shape[1])
    if unit:
        nu = np.asarray(np.linalg.lstsq(W, (potential.gradient(log_x[cone.support]) - theta) / unit, rcond=None)[0])

    def change(nu: Vector) -> Vector:
        """n_S in the unit; what it is to first order in the limit unit = 0."""
        if not unit:
            return np.asarray(limit.x_S * potential.log_change(theta, W @ nu))
        return np.asarray(limit.x_S * np.expm1(potential.log_growth(theta, unit * (W @ nu))) / unit)

    for _ in range(_NEWTON_STEPS):
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            here = change(nu)
            weights = np.exp(potential.log_weight(log_limit + potential.log_growth(theta, unit * (W @ nu))))
            slope = (W.T * weights) @ W
        if not (np.isfinite(slope).all() and np.isfinite(here).all()):
            break
        step = np.linalg.lstsq(slope, target + W.T @ here, rcond=None)[0]
        nu = nu - step
        if np.abs(W @ step).max() <= _SETTLED * np.abs(W @ nu).max():
            here = change(nu)
            return np.sign(here), _log(np.abs(here)) + shift
    raise BackendError("the deviation on the support was not found: log x is not that of a projection")


def _log(values: Vector | Matrix) -> Matrix:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))
