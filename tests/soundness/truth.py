"""The projection for the given A and y themselves, taken as the rationals they are, to thirty digits.

Feasibility and the maximal support are decided in rationals. On the support, with a basis J of heavy columns,
T = A_J^{-1} A_R and u = A_J^{-1} y in rationals,

    x_J + T x_R = u,    log x_R = T'log x_J + r,    r = b_R - T'b_J,

is followed in floating point (T, u and r keep their exact zeros and signs) from a feasible point, the projection of
itself, to the prior b, and finished by Newton's method in balls. Nothing is rounded to zero anywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat, ctx, fmpq, fmpq_mat
from numpy.typing import NDArray

from .rational import (
    columns_of,
    entries,
    equilibration,
    exact_matrix,
    heavy_basis,
    interior_point,
    pivot_columns,
    rational,
)

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

PRECISION = 400
# Binary digits of the logarithm of a prior, which T multiplies.
PRIOR = 1200
# Newton's method in balls ends when its step is below this; the digits beyond are not needed.
FINAL_STEP = 1e-32
# A corrector has converged when its step in log x is below this (of |log x| beyond one).
CENTRED = 1e-11
MOST_CORRECTORS, MOST_STEPS, MOST_NEWTON = 9, 1000, 12
# A corrector is cut to this change of log x.
LONGEST = 30.0
# Steps along the prior: the first, and factors for the next by the number of correctors the last one took.
FIRST_STEP = 1e-2
FASTER, SLOWER = 3.0, 0.3
QUICK = 4
# The basis is chosen anew when some log(|T_ij| sqrt(x_j / x_i)) exceeds this.
STALE = 2.0


class NoConvergenceError(ArithmeticError):
    """The path could not be followed; nothing is known."""


def exact_projection(
    A: Matrix, y: Vector, log_alpha: float, cost: Vector | None = None, prior: Vector | None = None
) -> list[arb] | None:
    """Log x(alpha) entry by entry (-inf at zeros) to at least thirty digits; None if infeasible."""
    A, y = np.asarray(A, dtype=float), np.asarray(y, dtype=float)
    cost, factor = (np.ones(A.shape[1]) if part is None else np.asarray(part, dtype=float) for part in (cost, prior))
    if not factor.all():
        counts = factor > 0
        part = exact_projection(A[:, counts], y, log_alpha, cost[counts], factor[counts])
        values = iter(part or ())
        return None if part is None else [next(values) if count else arb("-inf") for count in counts]
    point = interior_point(A, y)
    if point is None:
        return None
    support = np.array([value > 0 for value in point])
    if not support.any():
        return [arb("-inf")] * A.shape[1]
    exponents = (rational(log_alpha) * rational(value) for value in cost[support].tolist())
    prior = [a + _logarithm(beta) for a, beta in zip(exponents, factor[support].tolist(), strict=True)]
    before, ctx.prec = ctx.prec, PRECISION
    try:
        start = np.array([_log_size(value) for value in point if value > 0])
        values = iter(_on_support(A[:, support], y, prior, start))
        return [next(values) if positive else arb("-inf") for positive in support]
    except ZeroDivisionError:
        raise NoConvergenceError("singular in balls") from None
    finally:
        ctx.prec = before


def _logarithm(value: float) -> fmpq:
    """A fraction within 2^-PRIOR of the logarithm."""
    with ctx.workprec(PRIOR):
        mantissa, exponent = arb(value).log().mid().man_exp()
    return fmpq(int(mantissa)) * fmpq(2) ** int(exponent)


def as_floats(values: list[arb]) -> Vector:
    """The values rounded."""
    return np.array([float(value.mid()) for value in values])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tableau:
    """x_J + T x_R = u, and log x_R moves by T'd + h slope when log x_J moves by d and tau by h."""

    J: list[int]
    R: list[int]
    exact_T: fmpq_mat
    exact_u: fmpq_mat
    T: Matrix
    log_T: Matrix
    u: Vector
    log_u: Vector
    slope: Vector


def _float(value: fmpq) -> float:
    return int(value.p) / int(value.q)


def _log_size(value: fmpq) -> float:
    return -math.inf if value == 0 else math.log(abs(int(value.p))) - math.log(int(value.q))


def _tableau(A: Matrix, y: Vector, rise: list[fmpq], z: Vector) -> _Tableau:
    scaled, _, columns = equilibration(A)
    J = heavy_basis(scaled, z + columns * math.log(2.0))
    R = [j for j in range(A.shape[1]) if j not in set(J)]
    rows = pivot_columns(A[:, J].T, list(range(A.shape[0])))
    square = exact_matrix(A[np.ix_(rows, J)])
    solved = square.solve(exact_matrix(np.c_[A[np.ix_(rows, R)], y[rows]]))
    T, u = columns_of(solved, list(range(len(R)))), columns_of(solved, [len(R)])
    shape = len(J), len(R)
    return _Tableau(
        J=J,
        R=R,
        exact_T=T,
        exact_u=u,
        T=np.array([_float(value) for value in entries(T)]).reshape(shape),
        log_T=np.array([_log_size(value) for value in entries(T)]).reshape(shape),
        u=np.array([_float(value) for value in entries(u)]),
        log_u=np.array([_log_size(value) for value in entries(u)]),
        slope=np.array([_float(value) for value in _reduced(T, J, R, rise)]),
    )


def _reduced(T: fmpq_mat, J: list[int], R: list[int], b: list[fmpq]) -> list[fmpq]:
    """b_R - T'b_J."""
    through = entries(T.transpose() * fmpq_mat(len(J), 1, [b[j] for j in J]))
    return [b[j] - value for j, value in zip(R, through, strict=True)]


def _on_support(A: Matrix, y: Vector, prior: list[fmpq], z: Vector) -> list[arb]:
    """Log of the projection where every coordinate is positive, from the feasible point exp(z).

    Log x_R is carried along with log x_J, never computed from it: where |T| is large that would lose it.
    """
    rise = [last - rational(value) for last, value in zip(prior, z.tolist(), strict=True)]
    tab = _tableau(A, y, rise, z)
    if not tab.J:  # the rows are zero on these columns
        return [arb(value) for value in prior]
    if not tab.R:
        return [arb(value).log() for value in _ordered(tab.J, entries(tab.exact_u))]
    tau, step = 0.0, FIRST_STEP
    for _ in range(MOST_STEPS):
        if tau == 1.0:
            return _finished(tab, prior, z)
        ahead = min(1.0, tau + step)
        try:
            moved, correctors = _centred(tab, _predicted(tab, z, ahead - tau))
        except NoConvergenceError:
            step *= SLOWER
            if tau + step == tau:
                break
            continue
        z, tau = moved, ahead
        step *= FASTER if correctors <= QUICK else 1.0
        if (tab.log_T + (z[tab.R] - z[tab.J][:, None]) / 2).max() > STALE:
            tab = _tableau(A, y, rise, z)
    raise NoConvergenceError(f"stopped at {tau} of the way")


def _ordered(where: list[int], values: list[fmpq]) -> list[fmpq]:
    return [value for _, value in sorted(zip(where, values, strict=True), key=lambda pair: pair[0])]


def _balance(tab: _Tableau, z: Vector) -> tuple[Vector, Matrix, Vector]:
    """F = log(positive terms) - log(negative terms) of each row, with the weights of its derivative.

    Row i: x_i + sum_{T>0} T x_R + (-u)^+ against sum_{T<0} |T| x_R + u^+. All weights are at most one.
    """
    terms = np.concatenate([z[tab.J][:, None], tab.log_T + z[tab.R], tab.log_u[:, None]], axis=1)
    signs = np.concatenate([np.ones((len(tab.J), 1)), np.sign(tab.T), -np.sign(tab.u)[:, None]], axis=1)
    sums, shares = [], []
    for side in (1.0, -1.0):
        chosen = np.where(signs == side, terms, -np.inf)
        peak = chosen.max(axis=1)
        if not np.isfinite(peak).all():
            raise NoConvergenceError("a row without terms of both signs")
        weights = np.exp(chosen - peak[:, None])
        sums.append(peak + np.log(weights.sum(axis=1)))
        shares.append(side * weights / weights.sum(axis=1)[:, None])
    share = shares[0] + shares[1]
    return sums[0] - sums[1], share[:, 1:-1], share[:, 0]


def _moved(tab: _Tableau, z: Vector, *, rise: float) -> Vector:
    """The change of z in a Newton step of F = 0 (rise 0), or for such a rise of tau."""
    with np.errstate(all="ignore"):
        F, V, own = _balance(tab, z)
        matrix, right = np.diag(own) + V @ tab.T.T, -V @ (rise * tab.slope) if rise else -F
    if not (np.isfinite(matrix).all() and np.isfinite(right).all()):
        raise NoConvergenceError("not finite")
    try:
        basic = np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        raise NoConvergenceError("singular") from None
    d = np.empty(z.size)
    with np.errstate(all="ignore"):
        d[tab.J], d[tab.R] = basic, tab.T.T @ basic + rise * tab.slope
    if not np.isfinite(d).all():
        raise NoConvergenceError("not finite")
    return d


def _predicted(tab: _Tableau, z: Vector, rise: float) -> Vector:
    return z + _moved(tab, z, rise=rise)


def _centred(tab: _Tableau, z: Vector) -> tuple[Vector, int]:
    """Newton's method at fixed tau."""
    for number in range(1, MOST_CORRECTORS + 1):
        d = _moved(tab, z, rise=0.0)
        size = np.abs(d).max()
        z = z + d / max(1.0, size / LONGEST)
        if size <= CENTRED * max(1.0, np.abs(z).max()):
            return z, number
    raise NoConvergenceError("no centre")


def _finished(tab: _Tableau, prior: list[fmpq], z: Vector) -> list[arb]:
    """Newton's method in balls: midpoints converge, residuals are those of the exact system.

    The misfit e = T'log x_J + r - log x_R of the start is removed by the first step.
    """
    k, m = len(tab.J), len(tab.R)
    T = arb_mat(tab.exact_T)
    transposed = T.transpose()
    u = [arb(value) for value in entries(tab.exact_u)]
    r = [arb(value) for value in _reduced(tab.exact_T, tab.J, tab.R, prior)]
    basic, rest = ([arb(value) for value in z[which].tolist()] for which in (tab.J, tab.R))
    identity = arb_mat(k, k, [int(i == j) for i in range(k) for j in range(k)])
    for _ in range(MOST_NEWTON):
        through = (transposed * arb_mat(k, 1, basic)).entries()
        misfit = [a + b - c for a, b, c in zip(through, r, rest, strict=True)]
        x, weight = [value.exp() for value in rest], [(-value).exp() for value in basic]
        W = arb_mat(k, m, [T[i, j] * x[j] * weight[i] for i in range(k) for j in range(m)])
        moved = (W * arb_mat(m, 1, [1 + value for value in misfit])).entries()
        right = arb_mat(k, 1, [(u[i] * weight[i] - 1 - moved[i]).mid() for i in range(k)])
        d = [value.mid() for value in (identity + W * transposed).solve(right).entries()]
        d_rest = [a + b for a, b in zip((transposed * arb_mat(k, 1, d)).entries(), misfit, strict=True)]
        basic = [(a + b).mid() for a, b in zip(basic, d, strict=True)]
        rest = [(a + b).mid() for a, b in zip(rest, d_rest, strict=True)]
        if max(float(abs(value).abs_upper()) for value in (*d, *d_rest)) < FINAL_STEP:
            return [value for _, value in sorted(zip(tab.J + tab.R, basic + rest, strict=True), key=lambda p: p[0])]
    raise NoConvergenceError("Newton's method in balls did not converge")
