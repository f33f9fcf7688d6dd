"""Maximum entropy over the base of a kernel cone, tilted by a linear function.

    max { w'q + H(q) : q >= 0, sum q = 1, C q = 0 }  =  min_b log sum_j exp(w_j + C_j'b),   H(q) = -sum q log q.

Any b bounds the maximum from above; any q that satisfies the constraints bounds it from below.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg as sla
from scipy.special import xlogy

from bregman_l1._types import EPS, Matrix, Vector

_LONGEST_STEP = 2.0
_SHORTEST_FRACTION = 1e-10
# Columns with less than this mass have no say in a Newton step.
_COLD = 1e-32
# Singular values of the weighted columns below this share of the largest are not resolved.
_UNRESOLVED = 1e-14
# The last step: in the largest log q_j, and in the root mean square of all weighted by q.
_SETTLED, _CONVERGED = 1e-9, 1e-13
# How far from the maximiser, in q and in C q relative to its terms, the lower bound is still taken for one.
_CLOSE = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EntropyMaximum:
    """The maximiser, its multiplier, and the two bounds they give.

    Attributes
    ----------
    q : ndarray of shape (n,)
        The maximiser, C q = 0 up to rounding.
    b : ndarray of shape (m,)
        The multiplier.
    upper : float
        log sum exp(w + C'b): a bound from above.
    value : float
        w'q + H(q) less |b|'|C q|, what the rounding left in C q can be worth; -inf where Newton's method has
        not come close enough for that to be a bound.
    spread : float
        Bound on ||q - exact maximiser||_1, from the next Newton step.
    """

    q: Vector
    b: Vector
    upper: float
    value: float
    spread: float


def entropy(q: Vector) -> float:
    """H(q) = -sum q log q.

    Examples
    --------
    >>> round(entropy(np.array([0.5, 0.5, 0.0])), 12)  # log 2
    0.69314718056
    """
    return float(-xlogy(q, q).sum())


def maximise_entropy(w: Vector, C: Matrix, *, iterations: int = 200) -> EntropyMaximum:
    """Maximise w'q + H(q) over the points of the simplex with C q = 0, by Newton's method on the dual.

    Parameters
    ----------
    w : ndarray of shape (n,)
        The tilt; best shifted so that its largest entries are of order one.
    C : ndarray of shape (m, n)
        Some positive q has C q = 0 (leave out columns that no such q uses).
    iterations : int, default 200
        Newton steps at most; what they reach is bounded from both sides all the same.

    Examples
    --------
    >>> maximise_entropy(np.zeros(3), np.array([[1.0, -1.0, 0.0]])).q.round(12).tolist()
    [0.333333333333, 0.333333333333, 0.333333333333]
    """
    b = np.zeros(C.shape[0])
    if C.shape[0] == 0:
        return _outcome(w, C, b, np.zeros_like(w))
    step = np.zeros_like(w)
    for _ in range(iterations):
        upper, q = _softmax(w + C.T @ b)
        direction = _newton_direction(C, q)
        step = C.T @ direction
        longest = float(np.abs(step[q > _COLD**0.5]).max(initial=0.0))
        slope = float((C @ q) @ direction)
        if slope >= 0 or longest == 0 or (longest <= _SETTLED and -slope <= _CONVERGED**2):
            break
        fraction = min(1.0, _LONGEST_STEP / longest)
        while fraction > _SHORTEST_FRACTION and not _descends(w, C, b + fraction * direction, upper, fraction * slope):
            fraction /= 2
        if fraction <= _SHORTEST_FRACTION:
            break
        b = b + fraction * direction
    return _outcome(w, C, b, step)


def _softmax(z: Vector) -> tuple[float, Vector]:
    top = float(z.max())
    with np.errstate(under="ignore"):
        mass = np.exp(z - top)
        total = float(mass.sum())
        return top + float(np.log(total)), mass / total


def _newton_direction(C: Matrix, q: Vector) -> Vector:
    """-(C diag(q) C')^+ C q, from the weighted columns themselves so that their condition is not squared."""
    hot = q > _COLD
    root = np.sqrt(q[hot])
    weighted = C[:, hot].T * root[:, None]
    direction = sla.lstsq(weighted, -root, cond=_UNRESOLVED, lapack_driver="gelsy", check_finite=False)[0]
    return np.asarray(direction, dtype=np.float64)


def _descends(w: Vector, C: Matrix, b: Vector, upper: float, slope: float) -> bool:
    rounding = 8 * EPS * max(1.0, abs(upper))
    return bool(_softmax(w + C.T @ b)[0] <= upper + 1e-4 * slope + rounding)


def _outcome(w: Vector, C: Matrix, b: Vector, step: Vector) -> EntropyMaximum:
    """Take the last step in q itself, which makes C q = 0 to first order whatever the rounding in b."""
    upper, q = _softmax(w + C.T @ b)
    with np.errstate(under="ignore"):
        moved = q * np.clip(1.0 + step, 0.5, 2.0)
        better = moved / moved.sum() if np.abs(C @ moved).sum() < np.abs(C @ q).sum() else q
        loose = float(np.abs(b) @ np.abs(C @ better))
        value = float(w[better > 0] @ better[better > 0]) + entropy(better) - loose
        spread = 2 * float(np.abs(q * step).sum()) + float(np.abs(better - q).sum())
        close = spread <= _CLOSE and bool((np.abs(C @ better) <= _CLOSE * (np.abs(C) @ better)).all())
    return EntropyMaximum(q=better, b=b, upper=upper, value=min(value, upper) if close else -np.inf, spread=spread)
