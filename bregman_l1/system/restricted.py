"""`RestrictedProducts`: some of the columns of a matrix known by products."""

# ruff: noqa: D102 - overrides do not repeat the text of the abstract method

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.foreign import Labels
from bregman_l1.system.storage import Products, Storage, Stored


def restricted(base: Products, index: Index) -> Products:
    """A[:, index], which knows what A does."""
    if isinstance(base, Storage):
        return base.restricted(index)
    return RestrictedProducts(base, np.arange(base.shape[1])[index])


class RestrictedProducts(Products):
    """B[:, columns] of a matrix B known by products: all other entries of x are zero."""

    def __init__(self, base: Products, columns: Index) -> None:
        self._base, self._columns = base, columns
        self.shape = (base.shape[0], columns.size)
        self.kind, self.knows, self.is_table = base.kind, base.knows, base.is_table

    def __reduce__(self) -> tuple[Any, ...]:
        return RestrictedProducts, (self._base, self._columns)

    def explicit(self) -> Stored:
        return self._base.explicit()[:, self._columns]

    def check(self, row_names: Labels | None, column_names: Labels | None) -> None:
        """It is a part of what has been checked."""

    def matvec(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._base.matvec(self._spread(x))

    def rmatvec(self, lam: NDArray[Any]) -> NDArray[Any]:
        return self._base.rmatvec(lam)[self._columns]

    def gram(self, weights: Vector) -> Matrix:
        return self._base.gram(self._spread(weights))

    def gram_diagonal(self, weights: Vector) -> Vector:
        return self._base.gram_diagonal(self._spread(weights))

    def gram_product(self, weights: Vector) -> Callable[[Vector], Vector]:
        return self._base.gram_product(self._spread(weights))

    def balanced(self, log_x: Vector, y: Vector, sweeps: int) -> Vector:
        return self._base.balanced(self._spread(log_x, -np.inf), y, sweeps)

    @property
    def row_peaks(self) -> Vector:
        """Of a table, whose entries are zero or one."""
        return (self.gram_diagonal(np.ones(self.shape[1])) > 0.0).astype(np.float64)

    def terms(self, x: Vector, y: Vector) -> Vector:
        return self._base.terms(self._spread(x), y)

    def _spread(self, values: NDArray[Any], elsewhere: float = 0.0) -> NDArray[Any]:
        whole = np.full(self._base.shape[1], elsewhere, dtype=np.result_type(values, np.float64))
        whole[self._columns] = values
        return whole
