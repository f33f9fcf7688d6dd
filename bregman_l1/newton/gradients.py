"""The normal equations (A W A') lam = right from products with A and A' alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, Vector
from bregman_l1.budget import Budget
from bregman_l1.caching import cached_property
from bregman_l1.newton.conjugate_gradients import conjugate_gradients
from bregman_l1.newton.equations import NormalEquations
from bregman_l1.system import one_for_zero

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


class Gradients(NormalEquations):
    """Conjugate gradients, preconditioned by what the storage knows of the diagonal of A W A'.

    Attributes
    ----------
    weights : ndarray of shape (d,)
        W, of the point taken last.
    left : float
        The relative residual that the last solution left.
    """

    accuracy, nearby = 1.0, 0.0

    def __init__(self, system: LinearSystem, budget: Budget | None = None) -> None:
        self._system, self._budget = system, budget or Budget()
        self.left = np.nan

    def at(self, log_x: Vector, log_weights: Vector, *, near: bool = True) -> Vector | None:  # noqa: ARG002
        """Take x = exp(log_x) and its weights, and return y - A x; None where that is not 0 in a zero row of A W A'."""
        x = np.exp(log_x)
        self.weigh(x if log_weights is log_x else np.exp(log_weights))
        self._total = float((x if self.weights is x else x * (x / self.weights)).sum())
        missed = self._system.y - self._system.matvec(x)
        return None if missed[self._is_empty].any() else missed

    def weigh(self, weights: Vector) -> None:
        """Take W alone."""
        self.weights, self._gram = weights, self._system.gram_product(weights)
        diagonal = self._system.gram_diagonal(weights)
        self._is_empty, self._diagonal = diagonal == 0.0, one_for_zero(diagonal)

    def solve(self, right: Vector, residual: float) -> Vector:
        """Return lam with (A W A') lam = right, to a relative residual of about ``residual``; see `left`."""
        found = conjugate_gradients(
            self._product,
            self._in_range(right),
            residual=residual,
            most=settings.MOST_PRODUCTS,
            preconditioned=self._preconditioned,
        )
        self.left = found.residual
        return found.solution

    def rounding(self) -> Vector:
        """How much the rounding of y - A x may amount to in each row."""
        return np.asarray(4 * EPS * np.sqrt(self._diagonal * self._total))

    def _product(self, lam: Vector) -> Vector:
        if self._budget.spent_out:
            return np.zeros_like(lam)  # which ends the iteration
        return self._gram(lam)

    def _preconditioned(self, rest: Vector) -> Vector:
        return np.asarray(rest / self._diagonal)

    def _in_range(self, right: Vector) -> Vector:
        """The part of ``right`` in the range of A, where rows are known to depend on each other: in margins of a table.

        Rounding of y - A x leaves it, and the equations could not be solved to less than that. All iterates of
        A A' u = A A' right are in the range.
        """
        if not self._system.is_table:
            return right
        within = self._even(right)
        found = conjugate_gradients(self._even, within, residual=settings.PROJECTED, most=settings.MOST_PRODUCTS)
        return found.solution

    @cached_property
    def _even(self) -> Callable[[Vector], Vector]:
        """The product with A A'."""
        return self._system.gram_product(np.ones(self._system.shape[1]))
