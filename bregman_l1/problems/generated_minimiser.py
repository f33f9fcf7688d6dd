"""The l1 minimiser where A is distributed: column generation, every column priced by passes over the blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import ROUNDINGS, Index, Vector
from bregman_l1.claim import Claim, Farkas
from bregman_l1.errors import InfeasibleError, LostClusterError
from bregman_l1.newton.gathering import Gathered, heaviest, risen, thinned, without_scores
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import require_feasible

if TYPE_CHECKING:
    from bregman_l1.budget import Budget
    from bregman_l1.problems.l1 import L1Minimization


def generated_minimiser(
    problem: L1Minimization, solve_part: Callable[[L1Minimization], Claim], budget: Budget
) -> Claim:
    """A minimiser on columns that are gathered until the multiplier of theirs is feasible for all.

    Each round solves the linear program of the columns gathered so far in memory, and one pass over all prices them:
    those with a_j'mu > c_j, the worst of each piece, join. Where the columns have no solution, those join that the
    proof of it leaves out.

    Raises
    ------
    LostClusterError
        If the cluster that holds A is lost; it holds the multiplier reached.
    """
    system, weights = problem.unsigned, problem.weights
    dual = None
    try:
        budget.count()
        columns = thinned(system, weights, entries=settings.FIRST_PRICED)[0]
        for _ in range(settings.MOST_GATHERINGS):
            found = _on(columns, problem, solve_part, budget)
            if isinstance(found, Farkas):
                further = risen(system, found.z, weights)
                if not further.size:
                    return Claim(outcome=Outcome.INFEASIBLE, raw_status="infeasible", proof=found)
            elif found.x is None or found.dual is None:
                return found
            else:
                dual = found.dual
                further = without_scores(heaviest(system, _excess(problem, dual), weights, above=0.0))
                if np.isin(further.positions, columns.positions).all():
                    return _claim(problem, columns, found, budget)
            budget.count()
            if budget.spent_out:
                return Claim(dual=dual, outcome=budget.spent_out, iterations=budget.used)
            columns = columns.with_others(further)
    except LostClusterError as error:
        raise LostClusterError(f"{error} (the multiplier reached is in .dual)", error.raw_status, dual) from error
    return Claim(outcome=Outcome.INACCURATE, dual=dual, iterations=budget.used)


def _on(
    columns: Gathered, problem: L1Minimization, solve_part: Callable[[L1Minimization], Claim], budget: Budget
) -> Claim | Farkas:
    """A minimiser on some columns alone, or what shows that there is none."""
    try:
        part = columns.system(problem.unsigned)
        on_part = type(problem)(part, cost=columns.vectors[0])
        claim = solve_part(on_part)
        if claim.outcome is Outcome.INFEASIBLE:
            require_feasible(part)
    except InfeasibleError as error:
        return Farkas(error.farkas)
    # The tolerances of linear programs are larger than what a column is priced by.
    return on_part.polish(replace(claim, time_left=budget.seconds_left))


def _excess(problem: L1Minimization, dual: Vector) -> Any:
    return problem.unsigned.each_column(partial(_priced, dual), problem.weights)


def _priced(dual: Vector, A: Any, weights: Vector) -> Vector:
    """By how much a_j'mu exceeds c_j beyond its rounding."""
    return np.asarray(A.T @ dual - weights - ROUNDINGS * (abs(A).T @ np.abs(dual) + np.abs(weights)))


def _claim(problem: L1Minimization, columns: Gathered, found: Claim, budget: Budget) -> Claim:
    system = problem.unsigned
    assert found.x is not None
    positive = found.x != 0.0
    x = system.entrywise(partial(_scattered, columns.positions[positive], found.x[positive]), system.positions)
    return Claim(x=x, dual=found.dual, raw_status="no column is left to price in", iterations=budget.used)


def _scattered(known: Index, values: Vector, positions: Index) -> Vector:
    """The values in known places, in increasing order, zeros elsewhere."""
    x = np.zeros(positions.size)
    inside = slice(*np.searchsorted(known, [positions[0], positions[-1] + 1]))
    x[known[inside] - positions[0]] = values[inside]
    return x
