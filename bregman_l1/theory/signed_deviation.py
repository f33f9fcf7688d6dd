"""The deviation of a signed x(alpha) = x_plus - x_minus from its limit, entry by entry, without cancellation.

Off the support S of the limit n_j = x_plus_j - x_minus_j, the difference of two known logarithms. On it n_S is the
response to that, n_S = -B n_R with B = pinv(A_S) A_R, where A_S is injective; where it is not, n_S is that of the part
that carries x*, less the other part, which is of second order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Index, Vector
from bregman_l1.parts import difference
from bregman_l1.theory.asymptotics import Layer, LeadingConstants, PowerLaws
from bregman_l1.theory.deviation import Deviation, deviation, response
from bregman_l1.theory.limit import Limit
from bregman_l1.theory.signed_constants import off_either_support

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

# Coefficients that agree to so many roundings are taken for equal.
_SAME = 1e-12
# Entries of x* that agree to so many roundings are taken for equal.
_SAME_SIZE = 1e-10


def signed_deviation(limit: Limit, log_x: Vector) -> Deviation:
    """Compute the deviation from the limit of a doubled system, of shape (d,) each.

    Parameters
    ----------
    limit : Limit
        Of the doubled system.
    log_x : ndarray of shape (2d,)
        Logarithms of x_plus and x_minus.
    """
    sign, log_size = difference(*np.split(log_x, 2))
    d, S = sign.size, limit.support
    carried = np.where(d > S, 1.0, -1.0)
    if limit.cone.is_injective:
        own = _on_support(limit, sign, log_size)
    else:
        both = deviation(limit, log_x)
        # n_S of the part that carries x*, with what the other part takes away.
        with np.errstate(under="ignore"):
            top = float(both.log_size.max())
            own_n = both.sign[S] * np.exp(both.log_size[S] - top) - np.exp(log_x[(S + d) % (2 * d)] - top)
        with np.errstate(divide="ignore"):
            own = np.sign(own_n), np.log(np.abs(own_n)) + top
    sign[S % d], log_size[S % d] = carried * own[0], own[1]
    return Deviation(sign=sign, log_size=log_size)


def log_largest_off_signed_support(limit: Limit, log_x: Vector) -> float:
    """Log ||x(alpha) off S||_inf; -inf where nothing is off it."""
    log_size = difference(*np.split(log_x, 2))[1]
    return float(np.delete(log_size, limit.support % log_size.size).max(initial=-np.inf))


def _on_support(limit: Limit, sign: Vector, log_size: Vector) -> tuple[Vector, Vector]:
    """-B n_R over the columns of A off S, one for each coordinate."""
    places = _of_coordinates(limit)
    j = limit.cone.outside[places]
    return response(limit.B[:, places], sign[j], log_size[j])


def _of_coordinates(limit: Limit) -> Index:
    """Places in R of the columns of A, not -A, off the signed support."""
    off = off_either_support(limit)
    return np.flatnonzero(np.isin(limit.cone.outside, off[off < limit.x.size // 2]))


def signed_leading_constants(limit: Limit, layer: Layer) -> LeadingConstants:
    """The constants of the three norms of x_plus - x_minus; -inf where the leading parts cancel everywhere."""
    scaled = np.zeros(limit.x.size)
    scaled[limit.cone.outside] = layer.q
    plus, minus = np.split(scaled, 2)
    n = np.where(np.abs(plus - minus) > _SAME * (plus + minus), plus - minus, 0.0)
    n[limit.support % n.size] = 0.0
    moved = float(np.abs(_first_order(limit, layer.q, n)).sum())
    off = float(np.abs(n).sum())
    with np.errstate(divide="ignore"):
        logs = np.log([off, off + moved, np.abs(n).max()]) + layer.log_constant
    off_support, total, largest = logs.tolist()
    return LeadingConstants(off_support=off_support, total=total, maximum_off_support=largest)


def is_constant(system: LinearSystem, limit: Limit) -> bool:
    """Whether x(alpha) = x_plus - x_minus is x* for every alpha, up to rounding.

    Both parts are p_j times one function of p_j^q a_j'lam(alpha), so that x(alpha) = x* asks for a_i'lam =
    sigma_i p_i^-q f(|x*_i| / p_i) on S, and a_j'lam = 0 off it, at every alpha. As functions of alpha the right-hand
    sides of different |x*_i| / prior_i or cost_i are linearly independent. So for each group of S where these are the
    same, sigma_i prior_i^-q there and zeros elsewhere have to be in the row space of A.
    """
    d, S = limit.x.size // 2, limit.support
    sizes = np.column_stack([np.round(limit.log_ratio / _SAME_SIZE), limit.cost[S]])
    groups = np.unique(sizes, axis=0, return_inverse=True)[1].ravel()
    log_prior = limit.log_prior[S]
    targets = np.zeros((d, groups.max() + 1))
    targets[S % d, groups] = np.where(d > S, 1.0, -1.0) * np.exp(log_prior - limit.potential.log_weight(log_prior))
    kept = np.flatnonzero(limit.prior[:d])
    rows = system.columns(kept).T
    missed = np.abs(rows @ np.linalg.lstsq(rows, targets[kept], rcond=None)[0] - targets[kept]).max(axis=0)
    return bool((missed <= _SAME_SIZE * np.abs(targets).max(axis=0)).all())


def _first_order(limit: Limit, q: Vector, n: Vector) -> Vector:
    """n_S in units of the sum of (x_plus, x_minus) off its support, to first order."""
    if limit.cone.is_injective:
        places = _of_coordinates(limit)
        return np.asarray(-limit.B[:, places] @ n[limit.cone.outside[places]])
    other = np.zeros(2 * n.size)
    other[limit.cone.outside] = q
    lost = other[(limit.support + n.size) % (2 * n.size)]
    moved, terms = -limit.B @ q - lost, np.abs(limit.B) @ q + lost
    return np.where(np.abs(moved) > _SAME * terms, moved, 0.0)


def signed_power_laws(doubled: PowerLaws) -> PowerLaws:
    """|x(alpha)_j| ~ c_j alpha^{s_j}, from those of both parts; NaN where these are the same."""
    (s_plus, s_minus), (c_plus, c_minus) = np.split(doubled.exponents, 2), np.split(doubled.log_coefficients, 2)
    exponents, is_plus = np.minimum(s_plus, s_minus), s_plus < s_minus
    log_coefficients = np.where(is_plus, c_plus, c_minus)
    tied = np.isclose(s_plus, s_minus, rtol=0.0, atol=_SAME) & np.isfinite(s_plus)
    log_coefficients[tied] = difference(c_plus[tied], c_minus[tied])[1]
    same = tied & np.isclose(c_plus, c_minus, rtol=_SAME, atol=_SAME)
    exponents[same], log_coefficients[same] = np.nan, np.nan
    return PowerLaws(exponents=exponents, log_coefficients=log_coefficients, dual=doubled.dual)
