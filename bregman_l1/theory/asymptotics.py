"""Rates, exponents and exact leading constants of every coordinate of x(alpha) as alpha -> 0.

x(alpha)_j = c_j alpha^{s_j} (1 + o(1)). The coordinates off the support become active in layers. In each,
with the exponents s and coefficients c of the coordinates T known so far and B = pinv(A_T) A_R,

    rate  = min over P of gamma'q,   gamma = cost_R - B'(cost_T - s_T),
    log K = max over the face F of P where gamma'q = rate of  H(q) + q'log prior_R + (B q)'log(c_T / prior_T),

and the coordinates used by F get s_j = rate, c_j = K q*_j, q* being the maximiser. A coordinate whose column
lies in the span of A_T needs no optimisation: log x_j = log prior_j + cost_j log(alpha) + a_j'lam is then fixed by T.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bregman_l1 import exact
from bregman_l1._types import Mask, Matrix, Vector
from bregman_l1.errors import BackendError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.polyhedron.kernel_cone import ROUNDING, BasePoint, KernelCone
from bregman_l1.polyhedron.maximum_entropy import entropy, maximise_entropy
from bregman_l1.theory.limit import Limit, rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layer(FrozenArrays):
    """The slowest coordinates off a set T, and how fast they decay.

    Attributes
    ----------
    rate : float
        Their common exponent.
    log_constant : float
        log K: their sum is K alpha^rate (1 + o(1)).
    q : ndarray of shape (|R|,)
        Their limiting shares of that sum.
    active : ndarray of bool, shape (|R|,)
        Which they are.
    b : ndarray of shape (rank C,)
        Multiplier with gamma_j - C_j'b = rate on the active columns and larger on all others.
    vertex : BasePoint
        A vertex of P attaining the rate, with its own multiplier.
    """

    rate: float
    log_constant: float
    q: Vector
    active: Mask
    b: Vector
    vertex: BasePoint


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LeadingConstants:
    """Logarithms of the limits of ||.|| / alpha^rate for three norms of x(alpha) - x*.

    Attributes
    ----------
    off_support : float
        l1 norm off the support, log K.
    total : float
        l1 norm of all of it, log K (1 + ||B q*||_1).
    maximum_off_support : float
        Largest entry off the support, log K max q*.
    """

    off_support: float
    total: float
    maximum_off_support: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PowerLaws(FrozenArrays):
    """x(alpha)_j = c_j alpha^{s_j} (1 + o(1)) for every coordinate.

    Attributes
    ----------
    exponents : ndarray of shape (d,)
        s; 0 on the support, infinite where x(alpha)_j = 0 for every alpha.
    log_coefficients : ndarray of shape (d,)
        log c; -inf where x(alpha)_j = 0.
    dual : ndarray of shape (N,)
        mu* = the limit of lam / log(1/alpha) at depth 2: cost - A'mu* = s on every coordinate that is not zero. At
        larger depth z*, the limit of lam divided by the largest theta of the prior (see `barrier_limit`).
    """

    exponents: Vector
    log_coefficients: Vector
    dual: Vector


def leading_layer(cone: KernelCone, gamma: Vector, tilt: Vector, vertex: BasePoint, face: Mask) -> Layer:
    """Find the face of P where gamma'q is least, and the maximiser of H(q) + tilt'q on it.

    Parameters
    ----------
    cone : KernelCone
    gamma, tilt : ndarray of shape (|R|,)
    vertex : BasePoint
        ``cone.maximise(-gamma)``: one point of the face, and a multiplier that proves it.
    face : ndarray of bool, shape (|R|,)
        Columns with the least reduced cost gamma_j - C_j'b.
    """
    slack = vertex.bound + gamma - cone.C.T @ vertex.b
    if (vertex.p[face] > 0).all() and _is_one_point(cone.C[:, face]):
        value = float(tilt @ vertex.p) + entropy(vertex.p)
        return Layer(rate=-vertex.value, log_constant=value, q=vertex.p, active=face, b=vertex.b, vertex=vertex)
    active, exposing = cone.exposed(face)
    b = vertex.b + exposing * _harmless_length(slack, cone.C.T @ exposing, face)
    peak = maximise_entropy(tilt[active], cone.C[:, active])
    if not np.isfinite(peak.value):
        raise BackendError("the shares of the slowest coordinates were not found; rescale the columns of A")
    q = np.zeros(gamma.size)
    q[active] = peak.q
    return Layer(rate=-vertex.value, log_constant=peak.value, q=q, active=active, b=b, vertex=vertex)


def leading_layer_of(limit: Limit) -> Layer | None:
    """Find the slowest coordinates off the support of a limit; None where x(alpha) is the same for every alpha."""
    if not limit.moves:
        return None
    leading = limit.leading
    vertex = checked_rate(leading.vertex)
    return leading_layer(limit.cone, limit.gamma, limit.tilt(vertex.b), vertex, leading.ties)


def checked_rate(vertex: BasePoint) -> BasePoint:
    """Return the point of P where the reduced cost is least; raise where that is not positive."""
    if not vertex.value < 0:
        raise BackendError("the minimiser found is none: its cost does not grow along some feasible direction")
    return vertex


def leading_constants(limit: Limit, layer: Layer) -> LeadingConstants:
    """Turn the leading layer into the constants of three norms."""
    return LeadingConstants(
        off_support=layer.log_constant,
        total=layer.log_constant + float(np.log1p(np.abs(limit.B @ layer.q).sum())),
        maximum_off_support=layer.log_constant + float(np.log(layer.q.max())),
    )


def power_laws(limit: Limit, leading: Layer | None) -> PowerLaws:
    """Exponent and coefficient of every coordinate, layer by layer, the first of which is given."""
    exponents = np.full(limit.cost.size, np.inf)
    log_coefficients = np.full(limit.cost.size, -np.inf)
    exponents[limit.support], log_coefficients[limit.support] = 0.0, np.log(limit.x_S)
    log_prior = np.where(limit.prior > 0, limit.log_prior, 0.0)
    known, waiting = limit.support, limit.cone.outside[limit.cone.reachable]
    if leading is not None:
        first = limit.cone.outside[leading.active]
        exponents[first] = leading.rate
        log_coefficients[first] = leading.log_constant + np.log(leading.q[leading.active])
        known, waiting = np.union1d(known, first), np.setdiff1d(waiting, first)
    while waiting.size:
        cone = KernelCone(limit.system, known, waiting)
        gamma = limit.cost[waiting] - cone.total((limit.cost - exponents)[cone.support])
        tilt = log_prior[waiting] + cone.total((log_coefficients - log_prior)[cone.support])
        spanned = _spanned(cone)
        rate, constant = gamma, tilt
        settled = spanned
        if not spanned.any():
            vertex = cone.maximise(-gamma)
            error = rounding(cone, (limit.cost - exponents)[cone.support], limit.cost[waiting], vertex.b)
            face = (vertex.bound + gamma - cone.C.T @ vertex.b <= error) | (vertex.p > 0)
            layer = leading_layer(cone, gamma, tilt, vertex, face)
            settled = layer.active
            rate = np.full(waiting.size, layer.rate)
            constant = layer.log_constant + np.log(layer.q, where=settled, out=np.zeros(waiting.size))
        exponents[waiting[settled]] = rate[settled]
        log_coefficients[waiting[settled]] = constant[settled]
        known = known if spanned.any() else np.union1d(known, waiting[settled])
        waiting = waiting[~settled]
    return PowerLaws(exponents=exponents, log_coefficients=log_coefficients, dual=_limit_dual(limit, exponents))


def _limit_dual(limit: Limit, exponents: Vector) -> Vector:
    """Solve A'mu = cost - exponents where the exponents are finite."""
    rows, columns = limit.system.equilibration()
    finite = np.isfinite(exponents)
    scaled = limit.system.columns(finite) / rows[:, None] / columns[finite]
    dual = np.linalg.lstsq(scaled.T, ((limit.cost - exponents) / columns)[finite], rcond=None)[0]
    return np.asarray(dual / rows, dtype=np.float64)


def _spanned(cone: KernelCone) -> Mask:
    """Columns of R in the span of A_T."""
    if cone.is_orthant:
        return np.ones(cone.outside.size, dtype=np.bool_)
    size = np.linalg.norm(cone.A_R, axis=0)
    return np.asarray(np.linalg.norm(cone.C, axis=0) <= ROUNDING * np.sqrt(size.size) * cone.condition * size)


def _is_one_point(C_face: Matrix) -> bool:
    """Whether the columns of the face, with a row of ones, are independent: P has then one point there."""
    rows = np.vstack([C_face / (np.abs(C_face).max(initial=0.0) or 1.0), np.ones(C_face.shape[1])])
    return exact.inverse_bound(rows) < np.inf


def _harmless_length(slack: Vector, change: Vector, face: Mask) -> float:
    """How far b can move before a column off the face becomes one of the best, at most 1; half of that."""
    risky = ~face & (change > 0)
    return float(min(1.0, (slack[risky] / change[risky]).min(initial=np.inf) / 2))
