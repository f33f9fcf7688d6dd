"""The point of a dual polytope where the barrier of a power potential is least.

    min_b  sum_j phi*(C_j'b - gamma_j),    n_j = exp(log_primal(C_j'b - gamma_j)),    C n = 0 at the minimum:

phi* is the conjugate of the potential and n its gradient; for D > 2 the sum is one of (gamma_j - C_j'b)^(-2/(D-2)), for
infinite depth of -log(gamma_j - C_j'b), so that b is the analytic centre of {C'b <= gamma}. Only n is computed, on
logarithms: the sum itself is needed nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg as sla

from bregman_l1._types import EPS, Matrix, Vector
from bregman_l1.errors import BackendError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.potential import Potential

_ITERATIONS, _HALVINGS = 500, 60
# The share of a slack that a step may take, and of the slope at its beginning that counts as none at its end.
_FARTHEST, _FLAT = 0.9, 0.1
# The last step in the largest log n, and what is left of it where rounding keeps it from becoming shorter.
_CONVERGED, _SETTLED = 1e-13, 1e-8
_UNRESOLVED = 1e-14


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BarrierCentre(FrozenArrays):
    """The minimum and its gradient.

    Attributes
    ----------
    b : ndarray of shape (m,)
        The point.
    log_n : ndarray of shape (n,)
        Logarithms of the weights n with C n = 0.
    """

    b: Vector
    log_n: Vector


def barrier_centre(gamma: Vector, C: Matrix, start: Vector, potential: Potential) -> BarrierCentre:
    """Find the minimum by Newton's method from a point inside the polytope.

    Parameters
    ----------
    gamma : ndarray of shape (n,)
    C : ndarray of shape (m, n)
        Some positive n has C n = 0 (leave out columns that no such n uses).
    start : ndarray of shape (m,)
        A b with C'b < gamma.
    potential : Potential
        Of depth above 2.

    Raises
    ------
    BackendError
        If Newton's method does not settle.

    Examples
    --------
    >>> from bregman_l1.potential import potential_of
    >>> centre = barrier_centre(np.array([1.0, 3.0]), np.array([[1.0, -1.0]]), np.zeros(1), potential_of(4))
    >>> centre.b.round(12).tolist(), np.exp(centre.log_n).round(12).tolist()  # the slacks are equal
    ([-1.0], [0.25, 0.25])
    """
    b, theta, shortest = start, C.T @ start - gamma, np.inf
    for _ in range(_ITERATIONS if C.shape[0] else 0):
        log_n = potential.log_primal(theta)
        direction = _newton_direction(C, log_n, potential.log_weight(log_n))
        change = C.T @ direction
        size = float(np.abs(potential.log_change(theta, change)).max())
        if size <= _CONVERGED or shortest <= size <= _SETTLED:
            break
        shortest = min(shortest, size)
        length = _step_length(theta, change, potential)
        b = b + length * direction
        theta = C.T @ b - gamma
    else:
        if C.shape[0]:
            raise BackendError("the limit of the dual was not found: Newton's method did not settle")
    return BarrierCentre(b=b, log_n=potential.log_primal(theta))


def _newton_direction(C: Matrix, log_n: Vector, log_weight: Vector) -> Vector:
    """-(C W C')^{-1} C n, from the weighted columns themselves so that their condition is not squared."""
    top = float(log_weight.max())
    with np.errstate(under="ignore"):
        root = np.exp((log_weight - top) / 2)
        right = -np.exp(log_n - (log_weight + top) / 2)
    hot = root > EPS**2
    direction = sla.lstsq(
        C[:, hot].T * root[hot, None], right[hot], cond=_UNRESOLVED, lapack_driver="gelsy", check_finite=False
    )[0]
    return np.asarray(direction, dtype=np.float64)


def _step_length(theta: Vector, change: Vector, potential: Potential) -> float:
    """A length inside at which the slope has not turned: that of a full step, halved, or doubled while it is steep.

    Where few columns outweigh all others, as they do far from the minimum, a full step is a small share of the way.
    """
    top, nearest = float(potential.log_primal(theta).max()), float((change / -theta).max())
    farthest = _FARTHEST / nearest if nearest > 0 else np.inf

    def slope(at: float) -> float:
        with np.errstate(under="ignore", over="ignore"):
            return float(change @ np.exp(potential.log_primal(theta + at * change) - top))

    length, flat = min(1.0, farthest), _FLAT * abs(slope(0.0))
    for _ in range(_HALVINGS):
        if 2 * length > farthest or slope(length) >= -flat or slope(2 * length) > flat:
            break
        length *= 2
    for _ in range(_HALVINGS):
        if slope(length) <= flat:
            return length
        length /= 2
    return 0.0
