"""The nonnegative l1 minimiser: a linear program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import ROUNDINGS, Vector
from bregman_l1.budget import Budget
from bregman_l1.certificate import Certificate, Check, not_finite
from bregman_l1.claim import Claim
from bregman_l1.errors import BackendError
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import INFEASIBILITY, infeasibility
from bregman_l1.polyhedron.minimiser import (
    all_minimisers,
    completed_vertex,
    feasible_nearby,
    l1_program,
    large_entries,
    largest_correction,
    optimum,
    supporting_dual,
    unscaled,
    unscaled_dual,
)
from bregman_l1.problems.base import Problem
from bregman_l1.system import checked_system
from bregman_l1.validation import checked_weights

if TYPE_CHECKING:
    import cvxpy as cp

    from bregman_l1.polyhedron.linear_program import LinearProgram, LinearProgramAnswer
    from bregman_l1.system import LinearSystem


class L1Minimization(Problem):
    """Minimise sum x, or cost'x, over {x >= 0 : A x = y}: the limit of the projections as alpha -> 0.

    Its dual is mu with A'mu <= cost and y'mu the optimal value (Matt & Stoeger 2025, Section I).

    Parameters
    ----------
    system : LinearSystem
        The constraints.
    cost : array_like of shape (d,), optional
        Weights of the entries; ones if omitted.

    Raises
    ------
    InvalidProblemError
        If cost has the wrong length or is not finite.

    Examples
    --------
    >>> from bregman_l1 import L1Minimization, LinearSystem, solve
    >>> solve(L1Minimization(LinearSystem([[1.0, 0.5]], [1.0]))).x.tolist()
    [1.0, 0.0]
    """

    __slots__ = ("_cost", "_system")

    def __init__(self, system: LinearSystem, *, cost: ArrayLike | None = None) -> None:
        self._system = checked_system(system)
        self._cost = checked_weights(cost, system.shape[1], system.column_names)

    @property
    def system(self) -> LinearSystem:
        return self._system

    @property
    def cost(self) -> Vector:
        """Weights of the entries, shape (d,)."""
        return self._cost

    @property
    def title(self) -> str:
        return "nonnegative l1 minimisation"

    @property
    def cones(self) -> frozenset[str]:
        return frozenset({"linear"})

    def dcp(self) -> cp.Problem:
        return self._system.remember_in_thread(
            ("l1 program", self._cost.tobytes()), lambda: _program(self._system, self._cost)
        )

    def recover(self, program: cp.Problem) -> Claim:
        x, dual = program.variables()[0].value, program.constraints[0].dual_value
        return Claim(
            x=None if x is None else np.asarray(x) * np.abs(self._system.y).max(),
            dual=None if dual is None else -np.asarray(dual),
        )

    def linear_program(self) -> LinearProgram:
        return l1_program(self._system, self._cost)

    def interpret(self, answer: LinearProgramAnswer) -> Claim:
        return Claim(
            x=None if answer.x is None else unscaled(self._system, answer.x),
            dual=None if answer.dual is None else unscaled_dual(self._system, answer.dual, self._cost),
        )

    def refuse(self, claim: Claim) -> None:
        if claim.outcome is Outcome.UNBOUNDED:
            optimum(self._system, self._cost)

    def polish(self, claim: Claim, tol: float = 1e-9) -> Claim:
        if claim.x is None or not np.isfinite(claim.x).all() or self._is_exact(claim):
            return claim
        budget = Budget(seconds=claim.time_left)
        x = completed_vertex(self._system, self._cost, claim.x, budget)
        if claim.dual is not None and np.isfinite(claim.dual).all():
            duals = [claim.dual, supporting_dual(self._system, self._cost, x, claim.dual)]
            nearest = min(duals, key=lambda each: self._shortfall(x, each))
            if self._shortfall(x, nearest) <= min(tol, _GOOD):
                return claim.improved(x=x, dual=nearest)
        x, dual = self._optimum(budget) or (x, claim.dual)
        return claim.improved(x=x, dual=dual)

    def _optimum(self, budget: Budget) -> tuple[Vector, Vector | None] | None:
        """A minimiser and an optimal dual vector, None where the time to find them is up."""
        try:
            return optimum(self._system, self._cost, budget)
        except BackendError:
            if budget.spent_out is None:
                raise
            return None

    def _is_exact(self, claim: Claim) -> bool:
        """Whether rounding is all that the claim misses."""
        x, dual = claim.point, claim.dual
        if dual is None or x.min() < 0 or self._system.residual(x) > ROUNDINGS:
            return False
        return self._shortfall(x, dual) <= ROUNDINGS and largest_correction(self._system, x) <= _GOOD

    def objective(self, claim: Claim) -> float:
        return float(self._cost @ claim.point)

    def certify(self, claim: Claim, tol: float = 1e-9) -> Certificate:
        x = claim.point
        if not np.isfinite(x).all():
            return not_finite(self.title)
        budget, missed, dual = Budget(seconds=claim.time_left), infeasibility(self._system, x), claim.dual
        if dual is None and missed <= tol:
            _, dual = self._optimum(budget) or (x, None)
        if dual is None:
            dual = np.full(self._system.shape[0], np.nan)
        checks = {
            "primal feasibility": Check(value=missed, tolerance=tol, meaning=INFEASIBILITY),
            "solvability": Check(
                value=0.0 if missed <= ROUNDINGS else feasible_nearby(self._system, np.maximum(x, 0.0))[1],
                tolerance=tol,
                meaning="relative change of the entries of x that solves A x = y up to rounding",
            ),
            "dual feasibility": Check(
                value=float(self._excess(dual).max()),
                tolerance=tol,
                meaning="max_j (a_j'mu - c_j), relative to its terms",
            ),
            "duality gap": Check(
                value=self._relative_gap(x, dual),
                tolerance=tol,
                meaning="|c'x - y'mu| beyond rounding of its terms, relative to |c|'|x|",
            ),
        }
        remarks: tuple[str, ...] = ()
        freedom = np.inf
        if all(check.passed for check in checks.values()):
            freedom, remarks = self._freedom(x, dual, budget)
        checks["uniqueness"] = Check(
            value=freedom,
            tolerance=0.0,
            meaning="dimension of the set of minimisers; zero where x* is the only one",
            decisive=False,
        )
        return Certificate(subject=self.title, checks=checks, remarks=remarks)

    def _freedom(self, x: Vector, dual: Vector, budget: Budget) -> tuple[float, tuple[str, ...]]:
        """The dimension of the set of minimisers, of which x is one, and what must be said of it."""
        vertex = np.maximum(x, 0.0)
        if np.count_nonzero(vertex) > self._system.shape[0]:
            vertex = np.where(large_entries(self._system, vertex), vertex, 0.0)
        try:
            found = all_minimisers(self._system, self._cost, vertex, dual, budget)
        except BackendError as error:
            return np.inf, (f"whether x* is the only minimiser is undecided: {error}",)
        if found.unique:
            return 0.0, ()
        columns = self._system.columns(found.support)
        dimension = float(max(1, found.support.size - np.linalg.matrix_rank(columns)))
        return dimension, (_TIES.format(found.assumed_ties),) if found.assumed_ties else ()

    def _shortfall(self, x: Vector, dual: Vector) -> float:
        return max(float(self._excess(dual).max()), self._relative_gap(x, dual))

    def _excess(self, dual: Vector) -> Vector:
        """By how much a_j'mu exceeds c_j, relative to |a_j|'|mu| + |c_j|; inf where mu is not finite."""
        if not np.isfinite(dual).all():
            return np.full(self._cost.size, np.inf)
        size = self._system.abs_rmatvec(np.abs(dual)) + np.abs(self._cost)
        excess = np.maximum(self._system.rmatvec(dual) - self._cost, 0.0)
        return np.where(excess > 0, excess / np.where(size > 0, size, 1.0), 0.0)

    def _relative_gap(self, x: Vector, dual: Vector) -> float:
        """|c'x - y'mu|, and what a violation of A'mu <= c could be worth at x, relative to |c|'|x|.

        Where y'mu is a small difference of large terms, residuals that are small beside these terms hide an
        error of the value itself: only what rounding of the terms explains is forgiven.
        """
        sizes, value = np.abs(x), float(np.abs(self._cost) @ np.abs(x))
        terms = value + self._system.abs_rmatvec(np.abs(dual)) @ sizes + np.abs(self._system.y) @ np.abs(dual)
        worth = np.maximum(self._system.rmatvec(dual) - self._cost, 0.0) @ sizes
        gap = abs(self._cost @ x - self._system.y @ dual) + worth - ROUNDINGS * terms
        return 0.0 if gap <= 0 else float(gap / (value or terms))


# What a claim may fall short by and not be computed anew; the tolerances of linear programs are larger.
_GOOD = 1e-12
_TIES = "{} reduced costs that are zero within rounding were taken for zero: too many columns to decide it exactly"


def _program(system: LinearSystem, cost: Vector) -> cp.Problem:
    import cvxpy as cp

    x = cp.Variable(system.shape[1], name="x", nonneg=True)
    return cp.Problem(cp.Minimize(cost @ x), [system.matrix @ x == system.y / np.abs(system.y).max()])
