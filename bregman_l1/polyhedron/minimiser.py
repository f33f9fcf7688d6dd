"""Vertices of the face where c'x is smallest on {x >= 0 : A x = y}, refined to rounding."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from bregman_l1._types import EPS, Mask, Matrix, Vector
from bregman_l1.errors import BackendError, InvalidProblemError
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import SEPARATION, equilibrated, require_feasible
from bregman_l1.polyhedron.linear_program import LinearProgram, solve_linear_program, solve_verified_later
from bregman_l1.system import LinearSystem

# Entries of a vertex below this, relative to the largest in equilibrated units, are rounding of zero.
SUPPORT_THRESHOLD = 1e-8
_REFINED_RESIDUAL = 1e-11
# What a linear program misses in y beyond this many roundings comes from entries too small for its tolerance.
_ROUNDINGS = 64.0
_RANK_TOLERANCE = 1e-10
_NEARBY_RANK = 1e-13
_REFINEMENTS = 3


def l1_program(system: LinearSystem, cost: Vector) -> LinearProgram:
    """Minimise c'x over x >= 0, A x = y, in equilibrated units (see `unscaled`)."""
    scaled, y, _, columns = equilibrated(system)
    return LinearProgram(cost=cost / columns / _price(cost, columns), rows=scaled, row_lower=y, row_upper=y, lower=0.0)


def unscaled(system: LinearSystem, x: Vector) -> Vector:
    """Turn the primal vector of `l1_program` into one of the system itself."""
    rows, columns = system.equilibration()
    return np.asarray(x * np.abs(system.y / rows).max() / columns)


def unscaled_dual(system: LinearSystem, dual: Vector, cost: Vector) -> Vector:
    """Turn the multipliers of `l1_program` into multipliers of A x = y."""
    rows, columns = system.equilibration()
    return dual * _price(cost, columns) / rows


def _price(cost: Vector, columns: Vector) -> float:
    return float(np.abs(cost / columns).max()) or 1.0


def l1_vertex(system: LinearSystem, cost: Vector | None = None) -> Vector:
    """Return a vertex x minimising c'x (sum x by default) over the feasible set.

    Raises
    ------
    InfeasibleError
        If the feasible set is empty.
    InvalidProblemError
        If c'x is unbounded below on it.
    """
    weights = np.ones(system.shape[1]) if cost is None else cost
    return system.remember(("l1 vertex", weights.tobytes()), lambda: _l1_vertex(system, weights))


def _l1_vertex(system: LinearSystem, cost: Vector) -> Vector:
    answer = solve_verified_later(l1_program(system, cost))
    if answer.outcome is Outcome.INFEASIBLE:
        require_feasible(system)
    if answer.outcome is Outcome.UNBOUNDED:
        raise InvalidProblemError("the cost is unbounded below on {x >= 0 : A x = y}: there is no minimiser")
    if answer.outcome is not Outcome.OPTIMAL or answer.x is None:
        raise BackendError("the linear program for the l1 minimiser was not solved", answer.raw_status)
    return completed_vertex(system, cost, unscaled(system, answer.x))


def other_minimiser(system: LinearSystem, vertex: Vector) -> Vector:
    """Return the l1 minimiser with the most mass off the support of the given vertex (perhaps itself)."""
    scaled, y, rows, columns = equilibrated(system)
    size = np.abs(system.y / rows).max()
    total = vertex.sum() / size
    off = np.where(vertex > 0, 0.0, 1.0 / columns)
    answer = solve_verified_later(
        LinearProgram(
            cost=-off / off.max(initial=1e-300),
            rows=_with_row(scaled, 1.0 / columns),
            row_lower=np.append(y, -np.inf),
            row_upper=np.append(y, total),
            lower=0.0,
        )
    )
    if answer.outcome is not Outcome.OPTIMAL or answer.x is None:
        raise BackendError("the linear program for a second minimiser was not solved", answer.raw_status)
    return refined_vertex(system, answer.x * size / columns)


def refined_vertex(system: LinearSystem, x: Vector) -> Vector:
    """Solve A_S x_S = y on the support of a near-vertex; keep x where that gives no better vertex."""
    vertex = _solved_on_support(system, large_entries(system, x))
    rows, _ = system.equilibration()
    if vertex is None or _missed(system, vertex, rows) > _REFINED_RESIDUAL * np.abs(system.y / rows).max():
        return np.maximum(x, 0.0)
    return vertex


def completed_vertex(system: LinearSystem, cost: Vector, x: Vector) -> Vector:
    """Find the entries of a minimiser that the tolerance of its linear program hides, and refine them all.

    What the vertex v near x leaves of y is the target of a second program, scaled up: minimise c'w over
    A w = y - A v, w >= 0 off the support. Then v + w is the minimiser, provided that w is as small as the remainder.
    Where the support is that of no vertex, x is moved to the nearest solution of A x = y instead.
    """
    support = large_entries(system, x)
    vertex = _solved_on_support(system, support)
    if vertex is None:
        return feasible_nearby(system, np.maximum(x, 0.0))[0]
    A = system.columns(support)
    missing = remainder(A, vertex[support], system.y)
    noise = _ROUNDINGS * EPS * (np.abs(A) @ vertex[support] + np.abs(system.y))
    if (np.abs(missing) <= noise).all():
        return vertex
    small = _small_entries(system, cost, support, np.where(np.abs(missing) > noise, missing, 0.0))
    completed = _solved_on_support(system, vertex + small > 0)
    if completed is not None and system.residual(completed) <= system.residual(np.maximum(x, 0.0)):
        return completed
    return refined_vertex(system, x)


def large_entries(system: LinearSystem, x: Vector) -> Mask:
    """Where x is positive beyond the rounding of zero, in equilibrated units."""
    weighted = x * system.equilibration()[1]
    return np.asarray(weighted > SUPPORT_THRESHOLD * weighted.max())


def feasible_nearby(system: LinearSystem, x: Vector) -> tuple[Vector, float]:
    """Return the solution of A x' = y nearest to x in the change of its entries relative to themselves.

    Returns
    -------
    x' : ndarray of shape (d,)
        x itself where it solves the system up to rounding, and where no such solution is near.
    change : float
        max_j |x'_j - x_j| / x_j over the positive entries; infinite where no solution is near.
    """
    if system.residual(x) <= _ROUNDINGS * EPS:
        return x, 0.0
    rows, _ = system.equilibration()
    support = x > 0 if np.count_nonzero(x > 0) <= rows.size else large_entries(system, x)
    A, start = system.columns(support), x[support]
    on = A / rows[:, None] * start
    change = np.zeros(start.size)
    for _ in range(_REFINEMENTS):
        missing = remainder(A, start * (1 + change), system.y) / rows
        change = change + np.linalg.lstsq(on, missing, rcond=_NEARBY_RANK)[0]
    near = np.zeros_like(x)
    near[support] = start * (1 + change)
    largest = float(np.abs(change).max(initial=0.0))
    if not largest < 1.0 or system.residual(near) > SEPARATION:
        return x, np.inf
    return near, largest


def _missed(system: LinearSystem, x: Vector, rows: Vector) -> float:
    return float(np.abs((system.matvec(x) - system.y) / rows).max())


def remainder(A: Matrix, x: Vector, y: Vector) -> Vector:
    """What A x leaves of y, in long double: entries of x many decades below the largest are its smallest part."""
    return np.asarray(y - A.astype(np.longdouble) @ x.astype(np.longdouble), dtype=np.float64)


def _solved_on_support(system: LinearSystem, support: Mask) -> Vector | None:
    """The positive x that solves A_S x_S = y to the last digits; None where A_S is singular or x is not positive."""
    if not support.any():
        return None
    rows, columns = system.equilibration()
    A = system.columns(support)
    on = A / rows[:, None] / columns[support]
    values, _, rank, _ = np.linalg.lstsq(on, system.y / rows, rcond=_RANK_TOLERANCE)
    if rank < on.shape[1]:
        return None
    values = values / columns[support]
    for _ in range(_REFINEMENTS):
        missing = remainder(A, values, system.y) / rows
        values = values + np.linalg.lstsq(on, missing, rcond=_RANK_TOLERANCE)[0] / columns[support]
    x = np.zeros(columns.size)
    x[support] = values
    return x if (values > 0).all() else None


def _small_entries(system: LinearSystem, cost: Vector, support: Mask, target: Vector) -> Vector:
    """Return w, nonnegative off the support, of least cost'w with A w = target; zero where there is none."""
    scaled, _, rows, columns = equilibrated(system)
    size = float(np.abs(target / rows).max())
    answer = solve_linear_program(
        LinearProgram(
            cost=cost / columns / _price(cost, columns),
            rows=scaled,
            row_lower=target / rows / size,
            row_upper=target / rows / size,
            lower=np.where(support, -np.inf, 0.0),
        )
    )
    if answer.x is None:
        return np.zeros_like(cost)
    large = np.abs(answer.x) > SUPPORT_THRESHOLD * np.abs(answer.x).max()
    return np.where(large, answer.x, 0.0) * size / columns


def _with_row(matrix: Matrix | sp.csc_array, row: Vector) -> Matrix | sp.csc_array:
    return sp.csc_array(sp.vstack([matrix, row[None]])) if sp.issparse(matrix) else np.vstack([matrix, row])
