"""The polyhedron {x >= 0 : A x = y}: empty or not, its maximal support.

Each answer comes with the vector that proves it, and is checked before it is returned. The linear
programs are stated for the equilibrated matrix (rows and columns divided by their largest entries), so
that tolerances mean the same for every scaling of the system.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter

import numpy as np
import scipy.sparse as sp

from bregman_l1._types import ROUNDINGS, Index, Mask, Matrix, Vector
from bregman_l1.budget import Budget
from bregman_l1.errors import WHAT_TO_TRY, BackendError, InfeasibleError
from bregman_l1.exact import orthogonal
from bregman_l1.frozen import FrozenArrays
from bregman_l1.names import chosen, rows_called
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.linear_program import LinearProgram, solve_verified_later
from bregman_l1.system import LinearSystem, dense, peaks

# Sums are compared with the sum of their terms' magnitudes: at most ROUNDING of it is zero, SEPARATION of it is not.
ROUNDING, SEPARATION = 1e-13, 1e-12
# How much larger than y the terms |A|x + |y| may be in all rows.
_MODERATE = 1024.0
# Larger sparse matrices are not made dense: their Gram matrix has the same range.
_DENSE_ENTRIES = 50_000_000
# Matrices of so many entries are reduced to echelon form in a few milliseconds.
_EXACT_ENTRIES = 10_000
_STRICT = 1e-7
_NOISE = 1e-14
_RANK_TOLERANCE = 1e-10
# What looking for few contradicting rows may take beyond the time that finding a contradiction took.
_SPARE_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MaximalSupport(FrozenArrays):
    """The coordinates that some feasible x has positive (the set T of Lemma III.2).

    Attributes
    ----------
    mask : ndarray of bool, shape (d,)
        True where some x >= 0 with A x = y is positive.
    point : ndarray of shape (d,)
        A feasible point, positive exactly on the mask.
    exposing : ndarray of shape (N,)
        z with A'z <= 0, y'z = 0 and (A'z)_j < 0 exactly off the mask: it proves those x_j are zero.
    """

    mask: Mask
    point: Vector
    exposing: Vector


def equilibrated(system: LinearSystem) -> tuple[Matrix | sp.csc_array, Vector, Vector, Vector]:
    """Return (A scaled, y scaled to largest entry 1, row scales, column scales)."""
    rows, columns = system.equilibration()
    y = system.y / rows
    return system.scaled(1 / rows, 1 / columns), y / np.abs(y).max(), rows, columns


INFEASIBILITY = "|A x - y|_i / (|A||x| + |y|)_i, max (-x) / max |x|"


def infeasibility(system: LinearSystem, x: Vector) -> float:
    """How far x is from {x >= 0 : A x = y}: the componentwise backward error of x and of its nonnegative part.

    The two differ by what the negative entries contribute to the equations, at its own scale in each row. The
    sizes of the negative entries themselves count too, for columns of A that are zero. Infinite where x is not finite.
    """
    if not np.isfinite(x).all():
        return np.inf
    if x.min() >= 0.0:
        return system.residual(x)
    weighted = x / np.abs(x).max() * system.equilibration()[1]
    negative = float(-weighted.min() / np.abs(weighted).max())
    return max(system.residual(x), system.residual(np.maximum(x, 0.0)), negative)


def farkas_vector(system: LinearSystem, budget: Budget | None = None) -> Vector | None:
    """Return z with A'z <= 0 < y'z, up to the rounding of these products, or None where there is none."""
    return farkas_near(system, _most_separating(system, budget))


def _most_separating(system: LinearSystem, budget: Budget | None = None) -> Vector:
    """The z in units of the rows, |z_i| <= 1, with A'z <= 0 and the largest y'z, up to the tolerance of the program."""
    return system.remember("most separating", lambda: _solve_for_farkas(system, budget))


def _solve_for_farkas(system: LinearSystem, budget: Budget | None) -> Vector:
    scaled, y, rows, _ = equilibrated(system)
    program = LinearProgram(cost=-y, rows=scaled.T, row_upper=0.0, lower=-1.0, upper=1.0)
    answer = solve_verified_later(program, budget)
    if answer.x is None or answer.outcome is Outcome.TIME_LIMIT:
        raise BackendError("the linear program for a Farkas vector was not solved", answer.raw_status)
    return np.asarray(answer.x / rows)


def farkas_near(system: LinearSystem, z: Vector, on: Index | None = None) -> Vector | None:
    """Return the Farkas vector that z stands for, zero but for the rows ``on``; None where it stands for none.

    The z of a linear program is a proof up to its tolerance only, and that of rows which are combinations of others up
    to their rounding. It is made one by solving the inequalities that hold with equality, or by a small step to where
    they hold strictly.
    """
    scaled, _, units, _ = equilibrated(system)
    on = np.arange(z.size) if on is None else on
    part, first = scaled[on], z[on] * units[on]
    tight = part.T @ first > -_STRICT * np.abs(first).max(initial=0.0)
    for near in (first, _orthogonal(part, tight, first)):
        found = _embedded(near / units[on], on, z.size)
        if separates_to_rounding(system, found):
            if _is_exact(system, found):
                return found
            found = _embedded(_strictly_inside(part, tight, near) / units[on], on, z.size)
            if separates(system, found):
                return found
    return None


def _embedded(values: Vector, on: Index, size: int) -> Vector:
    whole = np.zeros(size)
    whole[on] = values
    return whole


def _strictly_inside(scaled: Matrix | sp.csc_array, tight: Mask, z: Vector) -> Vector:
    """The z nearby with a_j'z < 0 beyond rounding on the tight columns; z itself where there is none."""
    on = scaled[:, tight]
    answer = solve_verified_later(
        LinearProgram(
            cost=np.append(np.zeros(z.size), -1.0),
            rows=(sp.hstack if sp.issparse(on) else np.hstack)([on.T, np.ones((on.shape[1], 1))]),
            row_upper=0.0,
            lower=-1.0,
            upper=1.0,
        )
    )
    if answer.outcome is not Outcome.OPTIMAL or answer.x is None or answer.x[-1] < _STRICT:
        return z
    step = ROUNDINGS * float((abs(on).T @ np.abs(z)).max()) / answer.x[-1]
    return np.asarray(z + step * answer.x[:-1])


def separates(system: LinearSystem, z: Vector) -> bool:
    """Whether z is a Farkas vector, A'z <= 0 < y'z for every y' within the margin of y (see `separates_to_rounding`).

    Where A is small A'z <= 0 is seen exactly: zeros that hold to rounding only are none, an x of great size may exist.
    """
    return separates_to_rounding(system, z) and _is_exact(system, z)


def _is_exact(system: LinearSystem, z: Vector) -> bool:
    if np.prod(system.shape) > _EXACT_ENTRIES:
        return True
    slack, size = system.extended_rmatvec(z), system.abs_rmatvec(np.abs(z))
    tight = np.flatnonzero(slack >= -ROUNDINGS * size)
    return not (slack > 0.0).any() or orthogonal(system.columns(tight), z) is not None


def separates_to_rounding(system: LinearSystem, z: Vector) -> bool:
    """Whether A'z <= 0 < y'z, up to the rounding of A'z, for every y' within the margin of y: no x of moderate size.

    That is ROUNDINGS of the terms |A|x + |y| of the equations at any x >= 0 of moderate size that solves them but for
    rounding: the largest z'(y - y') there is found by a linear program where a simple bound does not tell.
    """
    slack, size = system.extended_rmatvec(z), system.abs_rmatvec(np.abs(z))
    if not (np.isfinite(size).all() and (slack <= ROUNDINGS * size).all()):
        return False
    value = float(system.y.astype(np.longdouble) @ z.astype(np.longdouble))
    spare = value - ROUNDINGS * float(np.abs(system.y) @ np.abs(z))
    gain = np.maximum(np.asarray(slack, dtype=np.float64) + ROUNDINGS * size, 0.0)
    if spare <= 0.0 or not gain.any():
        return spare > 0.0
    scaled, y, rows, columns = equilibrated(system)
    unit = float(np.abs(system.y / rows).max())
    peak, most = float((gain / columns).max()) * unit, _MODERATE * y.size
    if spare > peak * most:
        return True
    answer = solve_verified_later(
        LinearProgram(
            cost=-gain / columns * (unit / peak),
            rows=(sp.vstack if sp.issparse(scaled) else np.vstack)([scaled, np.ones((1, columns.size))]),
            row_lower=np.append(y - _STRICT, -np.inf),
            row_upper=np.append(y + _STRICT, most),
            lower=0.0,
        )
    )
    if answer.outcome is Outcome.INFEASIBLE:
        return True
    return answer.outcome is Outcome.OPTIMAL and spare > -answer.value * peak


def _orthogonal(scaled: Matrix | sp.csc_array, columns: Mask, z: Vector) -> Vector:
    """The part of z orthogonal to some columns, computed twice; entries that are rounding become zero."""
    on = scaled[:, columns]
    if not isinstance(on, np.ndarray):
        on = on.toarray() if np.prod(on.shape) <= _DENSE_ENTRIES else (on @ on.T).toarray()
    for _ in range(2):
        z = z - np.linalg.lstsq(on.T, on.T @ z, rcond=_RANK_TOLERANCE)[0]
    return np.where(np.abs(z) > _NOISE * np.abs(z).max(initial=0.0), z, 0.0)


def proof_of_infeasibility(system: LinearSystem, budget: Budget | None = None) -> Vector | None:
    """The `farkas_vector` of the system, found once."""
    return system.remember("farkas", lambda: farkas_vector(system, budget))


def has_solution_of_moderate_size(system: LinearSystem) -> bool:
    """Whether nothing speaks against an x >= 0 that solves A x = y, not even a vector that is a proof to rounding."""
    z = _most_separating(system)
    return proof_of_infeasibility(system) is None and not separates_to_rounding(system, z)


def require_feasible(system: LinearSystem, budget: Budget | None = None) -> None:
    """Raise `InfeasibleError` with its Farkas vector if no x >= 0 solves A x = y."""
    started = perf_counter()
    z = proof_of_infeasibility(system, budget)
    if z is not None:
        raise infeasible(system, z, perf_counter() - started)


def infeasible(system: LinearSystem, farkas: Vector, seconds: float = 0.0) -> InfeasibleError:
    """The error that says which rows contradict each other, as few as are found in the seconds that it took so far."""
    z = system.remember("contradiction", lambda: _in_few_rows(system, farkas, Budget(seconds=seconds + _SPARE_SECONDS)))
    if system.is_doubled:
        return refusal(system, z, "no x solves A x = y", "change y in one of them, or leave one out")
    return no_solution(system, z, "nearest_feasible(system) has the closest y with a solution")


def no_solution(
    system: LinearSystem, z: Vector, remedy: str = "change y in one of them, or leave one out"
) -> InfeasibleError:
    """The error that says that z proves A x = y to have no solution x >= 0, by the rows that z names."""
    return refusal(system, z, "no x >= 0 solves A x = y", remedy)


def refusal(system: LinearSystem, z: Vector, what: str, remedy: str) -> InfeasibleError:
    """The error that says what z proves impossible, by which rows, and what to do."""
    at_fault = np.flatnonzero(z)
    called = rows_called(at_fault, system.row_names)
    how = "contradict each other" if at_fault.size > 1 else "has no solution by itself"
    return InfeasibleError(
        f"{what}: {called} {how} (see .rows, and the vector that proves it in .farkas); {remedy}",
        z.copy(),
        chosen(system.row_names, at_fault, z.size),
    )


def _in_few_rows(system: LinearSystem, farkas: Vector, budget: Budget) -> Vector:
    """A Farkas vector of which, if the budget lasts, no row can be spared.

    Rows are left out in blocks of half of them, of a quarter and so on, wherever a contradiction remains.
    """
    z, size = farkas, np.count_nonzero(farkas) // 2
    while size > 0 and budget.spent_out is None:
        order = np.flatnonzero(z)[np.argsort(np.abs(z * system.row_peaks)[z != 0], kind="stable")]
        for start in range(0, order.size, size):
            left = np.setdiff1d(np.flatnonzero(z), order[start : start + size])
            if 0 < left.size < np.count_nonzero(z) and budget.spent_out is None:
                fewer = _farkas_on(system, left, budget)
                z = z if fewer is None else fewer
        size //= 2
    return z


def _farkas_on(system: LinearSystem, rows: Index, budget: Budget) -> Vector | None:
    """A Farkas vector that is zero off some rows, and on few of them; None where none is found.

    The largest tau for which some x >= 0 has |A x - tau y| <= 1 in these rows has such a vector for multipliers.
    """
    scaled, y, units, _ = equilibrated(system)
    part = scaled[rows]
    answer = solve_verified_later(
        LinearProgram(
            cost=np.append(np.zeros(part.shape[1]), -1.0),
            rows=(sp.hstack if sp.issparse(part) else np.hstack)([part, -y[rows, None]]),
            row_lower=-1.0,
            row_upper=1.0,
            lower=0.0,
        ),
        budget,
    )
    if answer.outcome is not Outcome.OPTIMAL or answer.dual is None or not answer.dual.any():
        return None
    found = answer.dual / np.abs(answer.dual).max()
    z = _embedded(np.where(np.abs(found) > _NOISE, found, 0.0) / units[rows], rows, units.size)
    return farkas_near(system, z, rows)


def maximal_support(system: LinearSystem, budget: Budget | None = None) -> MaximalSupport:
    """Find the maximal support of the feasible set by one linear program.

    Maximises sum v over A (v + w) = tau y, 0 <= v <= 1, w >= 0, tau >= 1; then v is the indicator of the
    support, (v + w)/tau a point of it, and the multipliers expose its complement.

    Raises
    ------
    InfeasibleError
        If the feasible set is empty.
    BackendError
        If the program is not solved, in the seconds of the budget, or its answer not proved by its multipliers.
    """
    return system.remember("maximal support", lambda: _maximal_support(system, budget))


def _maximal_support(system: LinearSystem, budget: Budget | None) -> MaximalSupport:
    scaled, y, rows, columns = equilibrated(system)
    n_columns = columns.size
    stack = sp.hstack if sp.issparse(scaled) else np.hstack
    answer = solve_verified_later(
        LinearProgram(
            cost=np.concatenate([-np.ones(n_columns), np.zeros(n_columns + 1)]),
            rows=stack([scaled, scaled, -y[:, None]]),
            row_lower=0.0,
            row_upper=0.0,
            lower=np.concatenate([np.zeros(2 * n_columns), [1.0]]),
            upper=np.concatenate([np.ones(n_columns), np.full(n_columns + 1, np.inf)]),
        ),
        budget,
    )
    if answer.outcome is not Outcome.OPTIMAL or answer.x is None or answer.dual is None:
        require_feasible(system, budget)
        raise BackendError("the linear program for the maximal support was not solved", answer.raw_status)
    v, w, tau = answer.x[:n_columns], answer.x[n_columns:-1], answer.x[-1]
    mask = v > 0.5
    exposing = _orthogonal(scaled, mask, answer.dual) / rows
    if not exposes(system, exposing, mask):
        raise BackendError(f"no exposing vector proves which coordinates vanish; {WHAT_TO_TRY}", "unproved")
    original = np.abs(system.y / rows).max() / columns
    return MaximalSupport(mask=mask, point=np.where(mask, v + w, 0.0) / tau * original, exposing=exposing)


def exposes(system: LinearSystem, z: Vector, mask: Mask) -> bool:
    """Whether z proves that every feasible x vanishes off the mask (see `MaximalSupport`).

    That A'z = 0 on the mask is seen exactly where the part of A that z sees is small: zeros that hold to rounding
    only are none.
    """
    if mask.all():
        return True
    if system.is_table:  # of zeros and ones: no sum of nonpositive entries of z rounds to zero
        return bool((z <= 0.0).all() and not system.y[z < 0.0].any() and ((system.rmatvec(z) == 0.0) == mask).all())
    rows, clear = np.flatnonzero(z), _STRICT
    if not rows.size:
        return False
    seen = system.stored_rows(rows)[:, np.flatnonzero(mask)]
    seen = seen[:, np.flatnonzero(peaks(seen, axis=0))]
    if 0 < np.prod(seen.shape) <= _EXACT_ENTRIES:
        exactly = orthogonal(dense(seen), z[rows]) if np.isfinite(z).all() else None
        if exactly is None:
            return False
        z, clear = _embedded(exactly, rows, z.size), ROUNDINGS
    slack, size = system.rmatvec(z), system.abs_rmatvec(np.abs(z))
    on_face = (np.abs(slack) <= ROUNDING * size)[mask].all()
    strict = (slack < -clear * size)[~mask].all()
    return bool(on_face and strict and abs(system.y @ z) <= ROUNDING * (np.abs(system.y) @ np.abs(z)))
