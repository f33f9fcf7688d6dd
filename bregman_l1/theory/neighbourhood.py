"""How far x(alpha) can be from a point that any dual vector gives: bounds where the asymptotic ones are silent.

For any lam let z = prior * exp(A'lam) and let D be the Bregman distance of the entropy. For feasible x the primal
minus the dual value is D(x, z), and x(alpha) minimises the primal one, so that

    D(x(alpha), z) <= D(x, z)    for every x >= 0 with A x = y.

Take x = z (1 + c) with c = A'(A Z A')^{-1} (y - A z), Z = diag(z): then D(x, z) <= sum z c^2 where |c| <= 1/2,
which is of second order in the residual. Sums follow from 3 (u - 1)^2 <= (4 + 2u) (u log u - u + 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg as sla

from bregman_l1._types import EPS, Index, Mask, Matrix, Vector
from bregman_l1.system import LinearSystem

_LARGEST_EXPONENT = 600.0
# Eigenvalues of the scaled Gram matrix, relative to the largest: below the first a row of A depends on others;
# between the two nothing is known.
_DEPENDENT, _SMALLEST = 1e-15, 1e-11


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbourhood:
    """A point z with a bound on the Bregman distance D(x(alpha), z), up to rounding.

    Attributes
    ----------
    z : ndarray of shape (d,)
        The point, positive on the maximal support.
    rounding : float
        Relative error of its entries.
    gap : float
        The bound on D(x(alpha), z); infinite where none is known.
    """

    z: Vector
    rounding: float
    gap: float

    def sum_over(self, index: Mask | Index) -> tuple[float, float]:
        """Bound the sum of the entries of x(alpha) with the given indices."""
        total = float(self.z[index].sum())
        if not np.isfinite(self.gap) or total <= 0.0:
            return 0.0, np.inf
        share = self.gap / total
        root = float(np.sqrt(share * share + 18 * share))
        slack = self.rounding + self.z.size * EPS
        return max(0.0, total * (1 + (share - root) / 3) * (1 - slack)), total * (1 + (share + root) / 3) * (1 + slack)

    def distance_to(self, point: Vector, error: float) -> tuple[float, float]:
        """Bound ||x(alpha) - point||_1, the point itself known up to ``error`` in the same norm."""
        distance = float(np.abs(self.z - point).sum())
        if not np.isfinite(self.gap):
            return 0.0, np.inf
        total = float(self.z.sum())
        largest = self.sum_over(self.z > 0)[1]
        moved = float(np.sqrt((4 * total + 2 * largest) / 3 * self.gap))
        slack = moved + error + (self.rounding + self.z.size * EPS) * (total + float(np.abs(point).sum()))
        return max(0.0, distance - slack), distance + slack


def neighbourhood(system: LinearSystem, log_prior: Vector, dual: Vector, positive: Mask) -> Neighbourhood:
    """Measure the neighbourhood of x(alpha) around z = exp(log_prior + A'dual).

    Parameters
    ----------
    system : LinearSystem
    log_prior : ndarray of shape (d,)
    dual : ndarray of shape (N,)
        Any vector; the better it is, the smaller the neighbourhood.
    positive : ndarray of bool, shape (d,)
        The maximal support: where x(alpha) is positive.
    """
    # In powers of two near the sizes of the rows: dividing by them is exact, and products stay in range.
    units = system.row_units
    A, y, dual = system.columns(positive) / units[:, None], system.y / units, dual * units
    sizes = np.abs(A)
    log_z = log_prior[positive] + A.T @ dual
    terms = np.abs(log_prior[positive]) + sizes.T @ np.abs(dual) + 1.0
    rounding = float((A.shape[0] + 2) * EPS * terms.max())
    z = np.zeros(positive.size)
    if log_z.max() > _LARGEST_EXPONENT:
        return Neighbourhood(z=z, rounding=rounding, gap=np.inf)
    with np.errstate(under="ignore"):
        z[positive] = np.exp(log_z)
    weights = z[positive]
    noise = (rounding + A.shape[1] * EPS) * (sizes @ weights) + EPS * np.abs(y)
    residual = np.abs(y - A @ weights) + noise
    return Neighbourhood(z=z, rounding=rounding, gap=_distance_to_feasible(A, weights, residual))


def _distance_to_feasible(A: Matrix, weights: Vector, residual: Vector) -> float:
    """Bound D(x, z) for the nearest feasible x, whatever the signs of the residual; inf where that fails."""
    with np.errstate(under="ignore"):
        gram = (A * weights) @ A.T
    scale = np.sqrt(np.diag(gram))
    if not (scale > 0).all():
        return np.inf
    values, vectors = sla.eigh(gram / scale / scale[:, None])
    dependent = values < values.size * _DEPENDENT * values[-1]
    if (values[~dependent] < _SMALLEST * values[-1]).any():
        return np.inf
    kept = vectors[:, ~dependent] / scale[:, None]
    inverse = (kept / values[~dependent]) @ kept.T
    change = np.abs(A.T @ inverse) @ residual
    return float(residual @ np.abs(inverse) @ residual) if change.max() <= 0.5 else np.inf
