"""Where x(alpha) goes as alpha -> 0, and the deviation from there without cancellation.

The path is asymptotically affine in t = -log(alpha), so that a few steps lead far enough out for the
entries to part: those of the limit's support S stand still, the others decay. With the basis J found there,

    n_R = x_R,    n_i = -T_i x_R on the support,    n_i = x_i on the rest of J,        n = x - limit,

for a unique minimiser. With several, S is not independent; there log(x / limit) = A_S'nu on S, and
A_S limit expm1(A_S'nu) = -A x off S is solved for nu at its own scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from bregman_l1.newton.basis import Basis, blocks
from bregman_l1.newton.path import start
from bregman_l1.newton.scale_free import Linearisation
from bregman_l1.newton.status import Status
from bregman_l1.newton.threads import threads_for

if TYPE_CHECKING:
    from bregman_l1.newton.old_walk import Walk
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

# How far out to look, in units of 1 / max|cost|, and how much further while some entry is undecided.
_FAR, _FURTHER, _FARTHEST = 1e6, 1e3, 1e12
# An entry that would move by less than STILL on the way there stands still; DECAYED is the least decay.
_STILL, _DECAYED = 1e-3, 60.0
_LINEAR = -30.0
_NEWTON_STEPS = 30


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Limit:
    """The limit of x(alpha) as alpha -> 0.

    Attributes
    ----------
    log_x : ndarray of shape (d,)
        Its logarithm, -inf off the support.
    support : ndarray of bool, shape (d,)
        S, the union of the supports of all minimisers of cost'x.
    unique : bool
        Whether there is one minimiser only.
    rates : ndarray of shape (d,)
        -d log x / dt far out: the exponent with which every entry decays; inf where x is always zero.
    basis : Basis
        The column basis J far out.
    rest, T : ndarray of shape (m,) and (k_S, m)
        The free columns outside J, and the rows of the tableau that belong to the support.
    status : Status
        CONVERGED, or INACCURATE where support and decay could not be told apart.
    """

    log_x: Vector
    support: Mask
    unique: bool
    rates: Vector
    basis: Basis
    rest: Index
    T: Matrix
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Deviation:
    """n = x(alpha) - limit, entry by entry, as sign and log|n|; and log ||n||_1."""

    sign: Vector
    log_size: Vector
    log_l1: float


def limit(system: LinearSystem, cost: Vector) -> Limit:
    """Find the limit of the projections of alpha**cost as alpha -> 0.

    Parameters
    ----------
    system : LinearSystem
    cost : ndarray of shape (d,)

    Returns
    -------
    Limit

    Raises
    ------
    InfeasibleError
        If no x >= 0 solves A x = y.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> np.exp(limit(LinearSystem([[1.0, 0.5]], [1.0]), np.ones(2)).log_x)
    array([1., 0.])
    """
    with threads_for(system):
        return _limit(system, cost, float(np.abs(cost).max()) or 1.0)


def deviation(at: Limit, log_x: Vector) -> Deviation:
    """The deviation of a point of the path, given by its logarithms, from the limit.

    Parameters
    ----------
    at : Limit
    log_x : ndarray of shape (d,)

    Returns
    -------
    Deviation
        Entries of relative accuracy as high as log_x has, but where the terms of T_i x_R cancel.
    """
    sign, log_size = np.ones(log_x.size), log_x.copy()
    sign[log_x == -np.inf] = 0.0
    on_basis = at.support[at.basis.columns]
    off = ~at.support[at.rest]
    log_f, sign_f = _signed_sum(at.T[:, off], log_x[at.rest[off]])
    on = at.basis.columns[on_basis]
    if at.unique:
        sign[on], log_size[on] = -sign_f, log_f
    elif log_f.max(initial=-np.inf) > -np.inf:
        also = at.rest[~off]
        sign[at.support], log_size[at.support] = 0.0, -np.inf
        shift, n_on, n_also = _supported_deviation(at, log_x, on, also, at.T[:, ~off], log_f, sign_f)
        for index, n in ((on, n_on), (also, n_also)):
            sign[index], log_size[index] = np.sign(n), _log(np.abs(n)) + shift
    else:
        sign[at.support], log_size[at.support] = 0.0, -np.inf
    return Deviation(sign=sign, log_size=log_size, log_l1=_logsumexp(log_size))


def log_deviation(at: Limit, log_x: Matrix) -> Vector:
    """Log ||x - limit||_1 for points of the path, one a row of ``log_x``, shape (k, d)."""
    return np.array([deviation(at, row).log_l1 for row in log_x])


def _limit(system: LinearSystem, cost: Vector, scale: float) -> Limit:
    walker = start(system, cost, 0.0, 1e-9)
    t = _FAR / scale
    while True:
        walker.advance(t, 1e-9)
        walker.renew()
        rates = _rates(walker, system, cost)
        still = np.abs(rates) * t < _STILL
        decided = bool((still | (rates * t > _DECAYED)).all())
        if decided or t * _FURTHER * scale > _FARTHEST:
            break
        t *= _FURTHER
    status = Status.CONVERGED if decided and walker.status is Status.CONVERGED else Status.INACCURATE
    return _read_limit(system, walker, rates, still, status)


def _rates(walker: Walk, system: LinearSystem, cost: Vector) -> Vector:
    """-d log x / dt at the walker's point; inf where x is zero."""
    tableau = walker.tableau
    tangent = Linearisation(tableau, walker.point).tangent()
    basis = tableau.basis
    rates = cost - system.rmatvec(basis.dual(tangent.om + cost[basis.columns]))
    rates[basis.columns], rates[tableau.rest] = -tangent.om, -tangent.rest
    rates[walker.zeros.mask] = np.inf
    return rates


def _read_limit(system: LinearSystem, walker: Walk, rates: Vector, still: Mask, status: Status) -> Limit:
    basis, log_x = walker.tableau.basis, walker.log_x
    J = basis.columns
    rest = np.setdiff1d(np.flatnonzero(~walker.zeros.mask), J, assume_unique=True)
    on_basis = still[J]
    unique = not still[rest].any()
    if unique:
        positive = on_basis & (basis.u > 0)
        log_x[J[positive]] = np.log(basis.u[positive])
    parts = [basis.tableau(block)[on_basis] for _, block in blocks(system, rest)]
    T = np.concatenate([np.zeros((int(on_basis.sum()), 0)), *parts], axis=1)
    return Limit(
        log_x=np.where(still, log_x, -np.inf),
        support=still,
        unique=unique,
        rates=rates,
        basis=basis,
        rest=rest,
        T=T,
        status=status,
    )


def _supported_deviation(
    at: Limit, log_x: Vector, on: Index, also: Index, T: Matrix, log_f: Vector, sign_f: Vector
) -> tuple[float, Vector, Vector]:
    """Solve n_on + T n_also = -f with n = limit * expm1(delta), delta_also = T'delta_on, in units of e^shift."""
    shift = float(log_f.max())
    unit = float(np.exp(shift)) if shift > _LINEAR else 0.0
    f = sign_f * np.exp(log_f - shift)
    x_on, x_also = np.exp(at.log_x[on]), np.exp(at.log_x[also])
    delta = (log_x[on] - at.log_x[on]) / unit if shift > -2.0 else np.zeros(on.size)
    for _ in range(_NEWTON_STEPS):
        n_on, n_also = x_on * _expm1(delta, unit), x_also * _expm1(T.T @ delta, unit)
        weights = x_also * np.exp(unit * (T.T @ delta))
        slope = (T * weights) @ T.T + np.diag(x_on * np.exp(unit * delta))
        step = np.linalg.solve(slope, f + n_on + T @ n_also)
        delta = delta - step
        if np.abs(step).max() <= 1e-14 * np.abs(delta).max():
            break
    return shift, x_on * _expm1(delta, unit), x_also * _expm1(T.T @ delta, unit)


def _expm1(delta: Vector, unit: float) -> Vector:
    """expm1(unit * delta) / unit, delta itself in the limit unit = 0."""
    return np.asarray(np.expm1(unit * delta) / unit) if unit > 0 else delta


def _signed_sum(T: Matrix, log_x: Vector) -> tuple[Vector, Vector]:
    """log|T x| and its signs, row by row."""
    if not T.size:
        return np.full(T.shape[0], -np.inf), np.zeros(T.shape[0])
    terms = _log(np.abs(T)) + log_x
    top = terms.max(axis=1)
    top = np.where(top > -np.inf, top, 0.0)
    total = (np.sign(T) * np.exp(terms - top[:, None])).sum(axis=1)
    return _log(np.abs(total)) + top, np.sign(total)


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def _logsumexp(values: Vector) -> float:
    return float(logsumexp(values)) if np.isfinite(values).any() else -np.inf
