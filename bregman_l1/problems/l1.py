"""The l1 minimiser, nonnegative or of either sign: a linear program."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._types import ROUNDINGS, Vector
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.frozen import read_only
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.minimiser import (
    completed_vertex,
    l1_program,
    largest_correction,
    optimum,
    supporting_dual,
    unscaled,
    unscaled_dual,
)
from bregman_l1.problems.access import access_to
from bregman_l1.problems.base import Problem
from bregman_l1.problems.minimiser_residuals import FromColumns, best_optimum
from bregman_l1.system import Knows, checked_system
from bregman_l1.validation import checked_flag, checked_weights, refuse_unless_all

if TYPE_CHECKING:
    import cvxpy as cp

    from bregman_l1.certificate import Certificate
    from bregman_l1.polyhedron.linear_program import LinearProgram, LinearProgramAnswer
    from bregman_l1.system import LinearSystem


class L1Minimization(Problem):
    """Minimise sum x, or cost'x, over {x >= 0 : A x = y}: the limit of the projections as alpha -> 0.

    Its dual is mu with A'mu <= cost and y'mu the optimal value (Matt & Stoeger 2025, Section I).

    With ``signed`` it is basis pursuit: minimise ||x||_1, or cost'|x|, over {x : A x = y}; its dual is mu with
    |A'mu| <= cost. That is the problem above for the columns of A and -A, where x = x_plus - x_minus.

    Parameters
    ----------
    system : LinearSystem
        The constraints.
    cost : array_like of shape (d,), optional
        Weights of the entries; ones if omitted.
    signed : bool, default False
        Whether x may have either sign.

    Raises
    ------
    InvalidProblemError
        If cost has the wrong length or is not finite, or is negative where x may have either sign.

    Examples
    --------
    >>> from bregman_l1 import L1Minimization, LinearSystem, solve
    >>> solve(L1Minimization(LinearSystem([[1.0, 0.5]], [1.0]))).x.tolist()
    [1.0, 0.0]
    >>> solve(L1Minimization(LinearSystem([[1.0, -2.0]], [1.0]), signed=True)).x.tolist()
    [0.0, -0.5]
    """

    __slots__ = ("_cost", "_signed", "_system", "_weights")

    def __init__(self, system: LinearSystem, *, cost: ArrayLike | None = None, signed: bool = False) -> None:
        self._system, self._signed = checked_system(system), checked_flag("signed", signed)
        access_to(system).refuse(signed=self._signed, depth=2)
        cost = system.within_reach(cost)
        self._cost = self._weights = checked_weights(cost, system.shape[1], system.column_names)
        if self._signed:
            rule = "|x| would grow without end where its cost is negative"
            refuse_unless_all("cost", self._cost, self._cost >= 0, rule, system.column_names)
            self._weights = read_only(np.concatenate([self._cost, self._cost]))

    @property
    def system(self) -> LinearSystem:
        return self._system

    @property
    def cost(self) -> Vector:
        """Weights of the entries of x, shape (d,)."""
        return self._cost

    @property
    def signed(self) -> bool:
        """Whether x may have either sign."""
        return self._signed

    @property
    def unsigned(self) -> LinearSystem:
        return self._system.doubled if self._signed else self._system

    @property
    def weights(self) -> Vector:
        """Weights of the nonnegative unknowns: the cost, or (cost, cost) of x_plus and x_minus."""
        return self._weights

    @property
    def title(self) -> str:
        return "l1 minimisation" if self._signed else "nonnegative l1 minimisation"

    @property
    def cones(self) -> frozenset[str]:
        return frozenset({"linear"})

    def dcp(self) -> cp.Problem:
        return self._system.remember_in_thread(("l1 program", self._signed, self._cost.tobytes()), self._program)

    def _program(self) -> cp.Problem:
        import cvxpy as cp

        A, y, d = self._system.matrix, self._system.y / np.abs(self._system.y).max(), self._system.shape[1]
        x = cp.Variable(d, name="x", nonneg=True)
        if not self._signed:
            return cp.Problem(cp.Minimize(self._cost @ x), [A @ x == y])
        x_minus = cp.Variable(d, name="x_minus", nonneg=True)
        return cp.Problem(cp.Minimize(self._cost @ (x + x_minus)), [A @ (x - x_minus) == y])

    def recover(self, program: cp.Problem) -> Claim:
        parts = program.var_dict
        x = [parts[name].value for name in ("x", "x_minus") if name in parts]
        dual = program.constraints[0].dual_value
        return Claim(
            x=None if x[0] is None else np.concatenate(x) * np.abs(self._system.y).max(),
            dual=None if dual is None else -np.asarray(dual),
        )

    def linear_program(self) -> LinearProgram:
        return l1_program(self.unsigned, self.weights)

    def interpret(self, answer: LinearProgramAnswer) -> Claim:
        return Claim(
            x=None if answer.x is None else unscaled(self.unsigned, answer.x),
            dual=None if answer.dual is None else unscaled_dual(self.unsigned, answer.dual, self.weights),
        )

    def refuse(self, claim: Claim) -> None:
        if claim.outcome is Outcome.UNBOUNDED:
            optimum(self.unsigned, self.weights)

    def polish(self, claim: Claim, tol: float = 1e-9) -> Claim:
        has_vertices = self.unsigned.knows is Knows.COLUMNS
        if not has_vertices or claim.x is None or not np.isfinite(claim.x).all() or self._is_exact(claim):
            return claim
        residuals, budget = FromColumns(self.unsigned, self._weights), Budget(seconds=claim.time_left)
        x = completed_vertex(self.unsigned, self.weights, claim.x, budget)
        if claim.dual is not None and np.isfinite(claim.dual).all():
            duals = [claim.dual, supporting_dual(self.unsigned, self.weights, x, claim.dual)]
            nearest = min(duals, key=lambda each: residuals.shortfall(x, each))
            if residuals.shortfall(x, nearest) <= min(tol, _GOOD):
                return claim.improved(x=x, dual=nearest)
        x, dual = best_optimum(self.unsigned, self.weights, budget) or (x, claim.dual)
        return claim.improved(x=x, dual=dual)

    def _is_exact(self, claim: Claim) -> bool:
        """Whether rounding is all that the claim misses."""
        x, dual = claim.point, claim.dual
        if dual is None or x.min() < 0 or self.unsigned.residual(x) > ROUNDINGS:
            return False
        shortfall = FromColumns(self.unsigned, self._weights).shortfall(x, dual)
        return shortfall <= ROUNDINGS and largest_correction(self.unsigned, x) <= _GOOD

    def objective(self, claim: Claim) -> float:
        return float(self.unsigned.entrywise(np.multiply, self.weights, claim.point).sum())

    def certify(self, claim: Claim, tol: float = 1e-9) -> Certificate:
        return access_to(self.unsigned).certify_minimiser(self, claim, tol)


# What a claim may fall short by and not be computed anew; the tolerances of linear programs are larger.
_GOOD = 1e-12
