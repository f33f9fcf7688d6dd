"""Vertices of the face where c'x is smallest on {x >= 0 : A x = y}, refined to rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg as sla

from bregman_l1 import exact
from bregman_l1._types import ROUNDINGS, Index, Mask, Matrix, Vector
from bregman_l1.budget import Budget
from bregman_l1.errors import WHAT_TO_TRY, BackendError, InfeasibleError, InvalidProblemError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.face import LARGEST_DENSE, Face, optimal_face
from bregman_l1.polyhedron.feasible_set import SEPARATION, equilibrated, maximal_support, require_feasible
from bregman_l1.polyhedron.linear_program import (
    LinearProgram,
    LinearProgramSettings,
    solve_linear_program,
    solve_verified_later,
)
from bregman_l1.polyhedron.proximal import proximal_minimiser, without_noise
from bregman_l1.polyhedron.units import mean_units
from bregman_l1.system import LinearSystem

# Entries of a vertex below this, relative to the largest in equilibrated units, are rounding of zero.
SUPPORT_THRESHOLD = 1e-8
_REFINED_RESIDUAL = 1e-11
# What a linear program misses in y beyond this many roundings comes from entries too small for its tolerance.
_NEARBY_RANK = 1e-13
# Pivots after a linear program whose tolerance hides a reduced cost, and what an entry must fall by to leave the basis.
_PIVOTS, _FALLING = 30, 1e-9
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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minimisers(FrozenArrays):
    """Where c'x is least on the feasible set.

    Attributes
    ----------
    x : ndarray of shape (d,)
        A minimiser.
    inner : ndarray of shape (d,)
        A minimiser that is positive wherever one is; x itself if it is the only one.
    dual : ndarray of shape (N,)
        mu with A'mu <= c and y'mu = c'x, to rounding.
    support : ndarray of indices
        Where some minimiser is positive.
    unique : bool
        Whether x is the only one.
    assumed_ties : int
        How many columns were taken to have reduced cost zero because rounding hides its sign, where that matters and
        the system is too large to decide it in rationals.
    """

    x: Vector
    inner: Vector
    dual: Vector
    support: Index
    unique: bool
    assumed_ties: int


def minimisers(system: LinearSystem, cost: Vector | None = None, budget: Budget | None = None) -> Minimisers:
    """Find all x that minimise c'x (sum x by default) over the feasible set, the same as the last where c is.

    Raises
    ------
    InfeasibleError
        If the feasible set is empty.
    InvalidProblemError
        If c'x is unbounded below on it.
    """
    weights = np.ones(system.shape[1]) if cost is None else cost
    return system.remember_last(
        "minimisers",
        weights.tobytes(),
        lambda: all_minimisers(system, weights, *optimum(system, weights, budget), budget),
    )


def all_minimisers(
    system: LinearSystem, cost: Vector, x: Vector, dual: Vector, budget: Budget | None = None
) -> Minimisers:
    """Find all minimisers from one of them and a dual vector.

    Raises
    ------
    BackendError
        If they are not found: entries too small for the tolerance of a linear program were left out.
    """
    face = optimal_face(system, cost, x, dual, budget=budget)
    try:
        return _minimisers_on(face, system, cost, x, budget)
    except InfeasibleError as error:
        raise BackendError(f"the columns of the minimisers were not found: {error}; {WHAT_TO_TRY}") from error


def _minimisers_on(face: Face, system: LinearSystem, cost: Vector, x: Vector, budget: Budget | None) -> Minimisers:
    """Those of the columns of a face."""
    if not np.isin(np.flatnonzero(x), face.columns).all():
        found, _ = optimum(system.restrict(face.columns), cost[face.columns], budget)
        x = _spread(found, face.columns, cost.size)
    support = np.flatnonzero(x)
    if exact.is_independent(system.columns(face.columns)):
        return Minimisers(x=x, inner=x, dual=face.dual, support=support, unique=True, assumed_ties=0)
    inside = system.restrict(face.columns)
    largest = maximal_support(inside, budget)
    union = face.columns[largest.mask]
    if np.array_equal(union, support) and exact.is_independent(system.columns(support)):
        return Minimisers(x=x, inner=x, dual=face.dual, support=support, unique=True, assumed_ties=0)
    inner = _spread(feasible_nearby(inside, largest.point)[0], face.columns, cost.size)
    return Minimisers(x=x, inner=inner, dual=face.dual, support=union, unique=False, assumed_ties=face.assumed)


def optimum(system: LinearSystem, cost: Vector, budget: Budget | None = None) -> tuple[Vector, Vector]:
    """Find a minimiser of c'x and a dual vector, both to rounding.

    Raises
    ------
    InfeasibleError, InvalidProblemError
        As `minimisers` does.
    BackendError
        If none was found, in the seconds of the budget.
    """
    found = proximal_minimiser(system, cost, budget)
    if found is not None:
        return found.x, found.dual
    answer = solve_verified_later(l1_program(system, cost), budget)
    if answer.outcome is Outcome.INFEASIBLE:
        require_feasible(system, budget)
    if answer.outcome is Outcome.UNBOUNDED:
        raise InvalidProblemError("the cost is unbounded below on {x >= 0 : A x = y}: there is no minimiser")
    if answer.outcome is not Outcome.OPTIMAL or answer.x is None or answer.dual is None:
        raise BackendError("the linear program for the l1 minimiser was not solved", answer.raw_status)
    x = completed_vertex(system, cost, unscaled(system, answer.x), budget)
    if system.shape[0] * np.count_nonzero(x) > LARGEST_DENSE:
        return x, unscaled_dual(system, answer.dual, cost)
    if answer.basis is not None and np.isin(np.flatnonzero(x), answer.basis[0]).all():
        pivoted = _pivoted(system, cost, *answer.basis)
        if pivoted is not None:
            start, dual = pivoted
            return (x if start is None else completed_vertex(system, cost, start, budget)), dual
    return x, supporting_dual(system, cost, x, unscaled_dual(system, answer.dual, cost))


def _pivoted(system: LinearSystem, cost: Vector, columns: Index, rows: Index) -> tuple[Vector | None, Vector] | None:
    """Carry on with the simplex method from a basis that is optimal within the tolerance of a linear program.

    Returns
    -------
    x : ndarray of shape (d,), optional
        The vertex of the last basis, None if it is the first.
    dual : ndarray of shape (N,)
        Its dual vector, zero off the rows of the basis, with a_j'mu = c_j on its columns and a_j'mu <= c_j elsewhere
        up to rounding.

    None where a basis is singular, or pivots do not end soon.
    """
    row_units, column_units = mean_units(system)
    x = None
    for _ in range(_PIVOTS if columns.size == rows.size else 0):
        A = system.columns(columns)[rows] / row_units[rows, None] / column_units[columns]
        factor, order, info = sla.lapack.dgetrf(A)
        if info:
            return None
        mu, target = np.zeros(rows.size), cost[columns] / column_units[columns]
        for _ in range(_REFINEMENTS):
            mu = mu + sla.lu_solve((factor, order), target - A.T @ mu, trans=1)
        dual = np.zeros(system.shape[0])
        dual[rows] = without_noise(mu) / row_units[rows]
        violation = _violation(system, cost, dual) / column_units
        violation[columns] = 0.0
        if not violation.any():
            return x, dual
        entering = int(violation.argmax())
        change = sla.lu_solve((factor, order), system.columns([entering])[rows, 0] / row_units[rows])
        values = np.maximum(sla.lu_solve((factor, order), system.y[rows] / row_units[rows]), 0.0)
        falling = change > _FALLING * np.abs(change).max()
        if not falling.any():
            return None
        steps = np.where(falling, values / np.where(falling, change, 1.0), np.inf)
        leaving = int(steps.argmin())
        values = values - steps[leaving] * change
        values[leaving] = steps[leaving]
        columns = columns.copy()
        columns[leaving] = entering
        x = _spread(np.maximum(values, 0.0) / column_units[columns], columns, cost.size)
    return None


def _violation(system: LinearSystem, cost: Vector, dual: Vector) -> Vector:
    """By how much a_j'mu exceeds c_j beyond the rounding of its terms, for every j."""
    terms = system.abs_rmatvec(np.abs(dual)) + np.abs(cost)
    return np.asarray(np.maximum(system.rmatvec(dual) - cost - ROUNDINGS * terms, 0.0))


def supporting_dual(system: LinearSystem, cost: Vector, x: Vector, dual: Vector) -> Vector:
    """The dual vector nearest to the given one with a_j'mu = c_j wherever x_j is positive; itself if these are many."""
    if system.shape[0] * np.count_nonzero(x) > LARGEST_DENSE:
        return dual
    row_units, column_units = mean_units(system)
    on = system.columns(x > 0) / row_units[:, None] / column_units[x > 0]
    target, scaled = (cost / column_units)[x > 0], dual * row_units
    for _ in range(_REFINEMENTS):
        scaled = scaled + np.linalg.lstsq(on.T, target - on.T @ scaled, rcond=_NEARBY_RANK)[0]
    return np.asarray(without_noise(scaled) / row_units)


def _spread(values: Vector, index: Index, size: int) -> Vector:
    vector = np.zeros(size)
    vector[index] = values
    return vector


def refined_vertex(system: LinearSystem, x: Vector) -> Vector:
    """Solve A_S x_S = y on the support of a near-vertex; keep x where that gives no better vertex."""
    vertex = _solved_on_support(system, large_entries(system, x))
    rows, _ = system.equilibration()
    if vertex is None or _missed(system, vertex, rows) > _REFINED_RESIDUAL * np.abs(system.y / rows).max():
        return np.maximum(x, 0.0)
    return vertex


def completed_vertex(system: LinearSystem, cost: Vector, x: Vector, budget: Budget | None = None) -> Vector:
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
    noise = ROUNDINGS * (np.abs(A) @ vertex[support] + np.abs(system.y))
    if (np.abs(missing) <= noise).all():
        return vertex
    target = np.where(np.abs(missing) > noise, missing, 0.0)
    small = _small_entries(system, cost, support, target, budget)
    completed = _solved_on_support(system, vertex + small > 0)
    if completed is not None and system.residual(completed) <= system.residual(np.maximum(x, 0.0)):
        return completed
    return refined_vertex(system, x)


def large_entries(system: LinearSystem, x: Vector) -> Mask:
    """Where x is positive beyond the rounding of zero, in equilibrated units."""
    weighted = x * system.equilibration()[1]
    return np.asarray(weighted > SUPPORT_THRESHOLD * weighted.max())


def largest_correction(system: LinearSystem, x: Vector) -> float:
    """The largest relative change of the entries of x in one step towards A x = y, residuals in long double.

    Entries whose part of A x is small beside the others' may be wrong where A x is right to rounding.
    """
    on, rows = x > 0, mean_units(system)[0]
    if system.shape[0] < np.count_nonzero(on) or system.shape[0] * np.count_nonzero(on) > LARGEST_DENSE:
        return np.inf
    A = system.columns(on)
    missing = remainder(A, x[on], system.y) / rows
    change = np.linalg.lstsq(A / rows[:, None] * x[on], missing, rcond=_NEARBY_RANK)[0]
    return float(np.abs(change).max(initial=0.0))


def feasible_nearby(system: LinearSystem, x: Vector) -> tuple[Vector, float]:
    """Return the solution of A x' = y nearest to x in the change of its entries relative to themselves.

    Returns
    -------
    x' : ndarray of shape (d,)
        x itself where it solves the system up to rounding, and where no such solution is near.
    change : float
        max_j |x'_j - x_j| / x_j over the positive entries; infinite where no solution is near.
    """
    if system.residual(x) <= ROUNDINGS:
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
    if not exact.is_independent(on):
        return None
    Q, R = np.linalg.qr(on)
    if not R.diagonal().all():  # rounding of the units told equal columns apart
        return None
    values, missing = np.zeros(on.shape[1]), system.y
    for _ in range(_REFINEMENTS + 1):
        values = values + sla.solve_triangular(R, Q.T @ (missing / rows)) / columns[support]
        missing = remainder(A, values, system.y)
    x = np.zeros(columns.size)
    x[support] = values
    return x if (values > 0).all() else None


def _small_entries(system: LinearSystem, cost: Vector, support: Mask, target: Vector, budget: Budget | None) -> Vector:
    """Return w, nonnegative off the support, of least cost'w with A w = target; zero where there is none."""
    scaled, _, rows, columns = equilibrated(system)
    size = float(np.abs(target / rows).max())
    program = LinearProgram(
        cost=cost / columns / _price(cost, columns),
        rows=scaled,
        row_lower=target / rows / size,
        row_upper=target / rows / size,
        lower=np.where(support, -np.inf, 0.0),
    )
    seconds = None if budget is None else budget.seconds_left
    answer = solve_linear_program(program, LinearProgramSettings(time_limit=seconds))
    if answer.x is None or answer.outcome is Outcome.TIME_LIMIT:
        return np.zeros_like(cost)
    large = np.abs(answer.x) > SUPPORT_THRESHOLD * np.abs(answer.x).max()
    return np.where(large, answer.x, 0.0) * size / columns
