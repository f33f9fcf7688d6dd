"""Products with A whose rows are of one size, counted, and stopped where a limit is reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from bregman_l1 import settings
from bregman_l1._types import Vector
from bregman_l1.budget import Budget
from bregman_l1.outcome import Outcome
from bregman_l1.system import Knows

if TYPE_CHECKING:
    from bregman_l1.progress import ProgressBar
    from bregman_l1.system import LinearSystem

# What is measured once for each system.
_ROW_NORMS, _SQUARES = "row norms", "squared norms of columns"


class StoppedError(Exception):
    """A limit is reached, or A has returned what is no number: caught where the run began."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


class CountedProducts:
    """Products of R^{-1} A, R = diag(row_norms), each an application that a budget counts.

    A minimiser of x does not notice R; multipliers of A x = y are those of R^{-1} A x = R^{-1} y divided by it.

    Attributes
    ----------
    shape : tuple of int
    y : ndarray of shape (N,)
        R^{-1} y.
    row_norms : ndarray of shape (N,)
        The norms of the rows of A; where A has no columns to look at, measured by random vectors, and one number where
        all are close to it.
    squares : ndarray of shape (d,)
        The squared norms of the columns of R^{-1} A, likewise.
    """

    def __init__(self, system: LinearSystem, budget: Budget, bar: ProgressBar | None = None) -> None:
        self._system, self._budget, self._bar = system, budget, bar
        self.shape = system.shape
        self.row_norms: Vector = np.ones(system.shape[0])
        if system.knows is Knows.COLUMNS:
            self.row_norms = np.sqrt(_above_zero(system.gram_diagonal(np.ones(system.shape[1]))))
            self.squares = _above_zero(system.each_column(self._squares_of_columns))
        else:
            self.row_norms = system.remember(_ROW_NORMS, lambda: np.sqrt(_mean_squares(self.matvec, *system.shape)))
            self.squares = system.remember(_SQUARES, lambda: _mean_squares(self.rmatvec, *system.shape[::-1]))
        self.y = system.y / self.row_norms

    @property
    def used(self) -> int:
        """Applications so far."""
        return self._budget.used

    def matvec(self, x: Vector) -> Vector:
        """R^{-1} A x."""
        return self._counted(self._system.matvec, x) / self.row_norms

    def rmatvec(self, lam: Vector) -> Vector:
        """(R^{-1} A)'lam."""
        return self._counted(self._system.rmatvec, lam / self.row_norms)

    def of_one_sign(self, estimate: Vector) -> Vector:
        """An estimate of x without the smaller of x_plus and x_minus, where these are the unknowns."""
        if not self._system.is_doubled:
            return estimate
        plus, minus = np.split(estimate, 2)
        return np.concatenate([np.where(plus >= minus, plus, 0.0), np.where(minus > plus, minus, 0.0)])

    def _squares_of_columns(self, A: Any) -> Vector:
        squared = A.multiply(A) if sp.issparse(A) else A * A
        return np.asarray(squared.T @ (1 / self.row_norms**2))

    def _counted(self, product: Callable[[Vector], Vector], vector: Vector) -> Vector:
        outcome = self._budget.spent_out
        if outcome is not None:
            raise StoppedError(outcome)
        self._budget.count()
        if self._bar is not None:
            self._bar.update(self._budget.used)
        made = product(vector)
        if not np.isfinite(made).all():
            raise StoppedError(Outcome.FAILED)
        return made


def row_norms(system: LinearSystem) -> Vector:
    """The norms of the rows of A, or one number close to all; measured by random vectors, once for each system."""
    return system.remember(_ROW_NORMS, lambda: np.sqrt(_mean_squares(system.matvec, *system.shape)))


def _mean_squares(product: Callable[[Vector], Vector], length: int, width: int) -> Vector:
    """The squared norms of the ``length`` rows of a matrix, from products with random vectors of ``width``.

    One product tells whether they are about the same, by the fourth moment, which is 3 then; more are taken where
    they are not, or where they are too few to say.
    """
    random = np.random.default_rng(0)
    seen = product(random.standard_normal(width)) ** 2
    mean = float(seen.mean()) or 1.0
    if length >= settings.MANY_NORMS and float((seen**2).mean()) <= settings.EVEN_NORMS * mean**2:
        return np.full(length, mean)
    for _ in range(settings.NORM_PROBES - 1):
        seen += product(random.standard_normal(width)) ** 2
    return _above_zero(seen / settings.NORM_PROBES)


def _above_zero(squares: Vector) -> Vector:
    """Squared norms of which those of zero rows or columns are not zero."""
    positive = squares[squares > 0]
    least = settings.LEAST_NORM * float(np.median(positive)) if positive.size else 1.0
    return np.asarray(np.maximum(squares, least))
