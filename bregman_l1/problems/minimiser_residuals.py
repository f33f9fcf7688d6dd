"""What a candidate for an l1 minimiser is measured by: from the columns of A, or from its products alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import ROUNDINGS, Vector
from bregman_l1.budget import Budget
from bregman_l1.certificate import Certificate, Check, not_finite
from bregman_l1.errors import BackendError
from bregman_l1.krylov import row_norms
from bregman_l1.polyhedron.feasible_set import INFEASIBILITY, infeasibility
from bregman_l1.polyhedron.minimiser import all_minimisers, feasible_nearby, large_entries, optimum
from bregman_l1.problems.product_minimisers import column_rank, correction, least_dual
from bregman_l1.system import Knows

if TYPE_CHECKING:
    from bregman_l1.claim import Claim
    from bregman_l1.system import LinearSystem

_TIES = "{} reduced costs that are zero within rounding were taken for zero: too many columns to decide it exactly"
# Reduced costs above this, relative to the costs, are not zero.
_STRICT = 1e-9


class MinimiserResiduals(ABC):
    """The residuals of a pair (x, mu) for min c'x over {x >= 0 : A x = y}, each zero for an optimal one."""

    of_feasibility = INFEASIBILITY
    of_excess = "max_j (a_j'mu - c_j), relative to its terms"

    def __init__(self, system: LinearSystem, weights: Vector) -> None:
        self._system, self._weights = system, weights

    @abstractmethod
    def infeasibility(self, x: Vector) -> float:
        """How far x is from {x >= 0 : A x = y}."""

    @abstractmethod
    def best_dual(self, x: Vector, budget: Budget) -> Vector | None:
        """A multiplier for a feasible x that came without one, None where there is no time to find it."""

    @abstractmethod
    def _unsolved(self, x: Vector) -> float:
        """The relative change of the entries of x that solves A x = y up to rounding."""

    @abstractmethod
    def _sizes(self, dual: Vector) -> Vector:
        """The size of the terms of a_j'mu - c_j."""

    @abstractmethod
    def _terms(self, x: Vector, dual: Vector) -> float:
        """The size of the terms of c'x - y'mu."""

    @abstractmethod
    def freedom(self, x: Vector, dual: Vector, budget: Budget) -> tuple[float, tuple[str, ...]]:
        """The dimension of the set of minimisers, of which x is one, and what must be said of it."""

    def excess(self, dual: Vector) -> Vector:
        """By how much a_j'mu exceeds c_j, relative to its terms; inf where mu is not finite."""
        if not np.isfinite(dual).all():
            return np.full(self._weights.size, np.inf)
        size = self._sizes(dual)
        excess = np.maximum(self._system.rmatvec(dual) - self._weights, 0.0)
        return np.where(excess > 0, excess / np.where(size > 0, size, 1.0), 0.0)

    def relative_gap(self, x: Vector, dual: Vector) -> float:
        """|c'x - y'mu|, and what a violation of A'mu <= c could be worth at x, relative to |c|'|x|.

        Where y'mu is a small difference of large terms, residuals that are small beside these terms hide an
        error of the value itself: only what rounding of the terms explains is forgiven.
        """
        sizes = np.abs(x)
        value, terms = float(np.abs(self._weights) @ sizes), self._terms(x, dual)
        worth = np.maximum(self._system.rmatvec(dual) - self._weights, 0.0) @ sizes
        gap = abs(self._weights @ x - self._system.y @ dual) + worth - ROUNDINGS * terms
        return 0.0 if gap <= 0 else float(gap / (value or terms))

    def shortfall(self, x: Vector, dual: Vector) -> float:
        """What mu misses of being an optimal multiplier for x."""
        return max(float(self.excess(dual).max()), self.relative_gap(x, dual))

    def certificate(self, title: str, claim: Claim, tol: float) -> Certificate:
        """Every residual of a claim against its tolerance."""
        x, dual, budget = claim.point, claim.dual, Budget(seconds=claim.time_left)
        if not np.isfinite(x).all():
            return not_finite(title)
        missed = self.infeasibility(x)
        if dual is None and missed <= tol:
            dual = self.best_dual(x, budget)
        if dual is None:
            dual = np.full(self._system.shape[0], np.nan)
        checks = {
            "primal feasibility": Check(value=missed, tolerance=tol, meaning=self.of_feasibility),
            "solvability": Check(
                value=0.0 if missed <= ROUNDINGS else self._unsolved(x),
                tolerance=tol,
                meaning="relative change of the entries of x that solves A x = y up to rounding",
            ),
            "dual feasibility": Check(value=float(self.excess(dual).max()), tolerance=tol, meaning=self.of_excess),
            "duality gap": Check(
                value=self.relative_gap(x, dual),
                tolerance=tol,
                meaning="|c'x - y'mu| beyond rounding of its terms, relative to |c|'|x|",
            ),
        }
        remarks: tuple[str, ...] = ()
        freedom = np.inf
        if all(check.passed for check in checks.values()):
            freedom, remarks = self.freedom(x, dual, budget)
        checks["uniqueness"] = Check(
            value=freedom,
            tolerance=0.0,
            meaning="dimension of the set of minimisers; zero where x* is the only one",
            decisive=False,
        )
        return Certificate(subject=title, checks=checks, remarks=remarks)


def best_optimum(system: LinearSystem, weights: Vector, budget: Budget) -> tuple[Vector, Vector | None] | None:
    """A minimiser and an optimal dual vector, None where the time to find them is up."""
    try:
        return optimum(system, weights, budget)
    except BackendError:
        if budget.spent_out is None:
            raise
        return None


class FromColumns(MinimiserResiduals):
    """Each residual relative to its own terms, the set of minimisers from linear programs and exact arithmetic."""

    def infeasibility(self, x: Vector) -> float:
        """See the base."""
        return infeasibility(self._system, x)

    def best_dual(self, x: Vector, budget: Budget) -> Vector | None:  # noqa: ARG002 - it proves any minimiser
        """See the base; a linear program finds it."""
        return (best_optimum(self._system, self._weights, budget) or (None, None))[1]

    def _unsolved(self, x: Vector) -> float:
        return feasible_nearby(self._system, np.maximum(x, 0.0))[1]

    def _sizes(self, dual: Vector) -> Vector:
        return self._system.abs_rmatvec(np.abs(dual)) + np.abs(self._weights)

    def _terms(self, x: Vector, dual: Vector) -> float:
        sizes, system = np.abs(x), self._system
        of_products = system.abs_rmatvec(np.abs(dual)) @ sizes + np.abs(system.y) @ np.abs(dual)
        return float(np.abs(self._weights) @ sizes + of_products)

    def freedom(self, x: Vector, dual: Vector, budget: Budget) -> tuple[float, tuple[str, ...]]:
        """See the base."""
        vertex = np.maximum(x, 0.0)
        if np.count_nonzero(vertex) > self._system.shape[0]:
            vertex = np.where(large_entries(self._system, vertex), vertex, 0.0)
        try:
            found = all_minimisers(self._system, self._weights, vertex, dual, budget)
        except BackendError as error:
            return np.inf, (f"whether x* is the only minimiser is undecided: {error}",)
        if found.unique:
            return 0.0, ()
        columns = self._system.columns(found.support)
        dimension = float(max(1, found.support.size - np.linalg.matrix_rank(columns)))
        return dimension, (_TIES.format(found.assumed_ties),) if found.assumed_ties else ()


class FromProducts(MinimiserResiduals):
    """Residuals where |A| may not be known; uniqueness by conjugate gradients.

    Rows, which may be of any size, are then measured in units of their norms.
    """

    of_feasibility = (
        "max |A x - y|, relative to |A||x| + |y|, or to max |y| in units of the rows where |A| is not known; "
        "-min x, to max x"
    )
    of_excess = "max_j (a_j'mu - c_j) beyond rounding of max |c|, relative to |a_j'mu| + |c_j|"

    def infeasibility(self, x: Vector) -> float:
        """See the base."""
        if not np.isfinite(x).all():
            return np.inf
        terms = self._terms_of_rows(np.abs(x))
        missed = float((np.abs(self._system.matvec(x) - self._system.y) / np.where(terms > 0.0, terms, 1.0)).max())
        return max(missed, float(-x.min() / (np.abs(x).max() or 1.0)))

    def best_dual(self, x: Vector, budget: Budget) -> Vector | None:  # noqa: ARG002
        """The multiplier of least norm that is tight where x is positive."""
        return least_dual(self._system, self._weights, np.flatnonzero(x > 0.0))

    def _terms_of_rows(self, x: Vector) -> Vector:
        if self._system.knows is not Knows.PRODUCTS:
            return self._system.terms(x)
        norms = row_norms(self._system)
        return np.asarray(norms * float((np.abs(self._system.y) / norms).max()))

    def _unsolved(self, x: Vector) -> float:
        return correction(self._system, np.maximum(x, 0.0), row_norms(self._system))

    def excess(self, dual: Vector) -> Vector:
        """See the base; costs may lie far apart, and the largest would excuse all others."""
        if not np.isfinite(dual).all():
            return np.full(self._weights.size, np.inf)
        image, costs = self._system.rmatvec(dual), np.abs(self._weights)
        beyond = np.maximum(image - self._weights - settings.DUAL_ROUNDING * float(costs.max()), 0.0)
        return np.where(beyond > 0.0, beyond / np.where(beyond > 0.0, np.abs(image) + costs, 1.0), 0.0)

    def _sizes(self, dual: Vector) -> Vector:
        return np.abs(self._system.rmatvec(dual)) + np.abs(self._weights)

    def _terms(self, x: Vector, dual: Vector) -> float:
        return float(2.0 * np.abs(self._weights) @ np.abs(x) + np.abs(self._system.y) @ np.abs(dual))

    def freedom(self, x: Vector, dual: Vector, budget: Budget) -> tuple[float, tuple[str, ...]]:
        """Zero where mu is strict off the support of x and the columns of the support are independent."""
        support = np.flatnonzero(x > 0.0)
        slack = self._weights - self._system.rmatvec(dual)
        slack[support] = np.inf
        if not slack.min() > _STRICT * np.abs(self._weights).max():
            return np.inf, ("whether x* is the only minimiser is undecided: mu is tight beyond the support of x",)
        found = column_rank(self._system, support, budget)
        if found.is_full:
            return 0.0, ()
        return np.inf, (f"whether x* is the only minimiser is undecided: {found.why}",)
