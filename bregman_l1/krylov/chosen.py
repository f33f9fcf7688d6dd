"""Least squares on chosen columns of A, by products with A and A'."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Index, Vector
from bregman_l1.newton.conjugate_gradients import conjugate_gradients

if TYPE_CHECKING:
    from bregman_l1.krylov.products import CountedProducts


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """The columns A_T of an index T."""

    products: CountedProducts
    index: Index

    def times(self, x: Vector) -> Vector:
        """A_T x, shape (N,)."""
        embedded = np.zeros(self.products.shape[1])
        embedded[self.index] = x
        return self.products.matvec(embedded)

    def transposed(self, lam: Vector) -> Vector:
        """A_T'lam."""
        return self.products.rmatvec(lam)[self.index]

    def normal_solution(self, right: Vector, tolerance: float, most: int = settings.MOST_NORMAL) -> Vector:
        """(A_T'A_T)^{-1} right to a relative residual, if that takes no more than so many iterations."""
        squares = self.products.squares[self.index]
        found = conjugate_gradients(
            lambda x: self.transposed(self.times(x)),
            right,
            residual=tolerance,
            most=min(most, settings.NORMAL_ROUNDS * self.index.size),
            preconditioned=lambda rest: rest / squares,
            least=0.0,
        )
        return found.solution
