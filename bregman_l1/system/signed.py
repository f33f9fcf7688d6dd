"""`Doubled` and `Signed`: columns of a matrix A and of -A together, of which only A is stored.

With x = (x_plus, x_minus) the matrix [A, -A] has the product A (x_plus - x_minus), the transposed products
(A'lam, -A'lam) and the Gram matrix A diag(w_plus + w_minus) A': each is one of A. A choice among the 2d columns is kept
as the column of A and the sign of each, until it has no more columns than A: then it is copied.
"""

# ruff: noqa: D102 - overrides do not repeat the text of the abstract method

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from bregman_l1._types import Index, Matrix, Single, Vector
from bregman_l1.foreign import Labels
from bregman_l1.frozen import read_only
from bregman_l1.system.matrices import storage_of, with_signs
from bregman_l1.system.storage import Pass, Products, Storage, Stored

_NONE: Index = np.zeros(0, dtype=np.intp)


def doubled(base: Products) -> Products:
    """[B, -B], which knows what B does."""
    return Doubled(base) if isinstance(base, Storage) else DoubledProducts(base)


class DoubledProducts(Products):
    """[B, -B], of which products are known."""

    is_doubled = True

    def __init__(self, base: Products) -> None:
        self._base, self.shape = base, (base.shape[0], 2 * base.shape[1])
        self.kind, self.knows = f"{base.kind}, either sign", base.knows

    def __reduce__(self) -> tuple[Any, ...]:
        return DoubledProducts, (self._base,)

    def explicit(self) -> Stored:
        return Doubled(storage_of(self._base.explicit())).explicit()

    def check(self, row_names: Labels | None, column_names: Labels | None) -> None:
        self._base.check(row_names, column_names)

    def matvec(self, x: NDArray[Any]) -> NDArray[Any]:
        plus, minus = np.split(x, 2)
        return self._base.matvec(plus - minus)

    def rmatvec(self, lam: NDArray[Any]) -> NDArray[Any]:
        product = self._base.rmatvec(lam)
        return np.concatenate([product, -product])

    @property
    def row_peaks(self) -> Vector:
        return self._base.row_peaks

    def gram(self, weights: Vector) -> Matrix:
        plus, minus = np.split(weights, 2)
        return self._base.gram(plus + minus)

    def gram_diagonal(self, weights: Vector) -> Vector:
        plus, minus = np.split(weights, 2)
        return self._base.gram_diagonal(plus + minus)

    def gram_product(self, weights: Vector) -> Callable[[Vector], Vector]:
        plus, minus = np.split(weights, 2)
        return self._base.gram_product(plus + minus)

    def terms(self, x: Vector, y: Vector) -> Vector:
        plus, minus = np.split(x, 2)
        return self._base.terms(plus + minus, y)


class Multiples(Storage):
    """Columns that are those of a base matrix B times signs: column j is signs_j B[:, places_j]; B has no others."""

    def __init__(self, base: Storage, n_columns: int) -> None:
        self._base, self.shape = base, (base.shape[0], n_columns)
        self.kind, self.is_sparse = f"{base.kind}, either sign", base.is_sparse

    @abstractmethod
    def _named(self, index: Any) -> tuple[Index, Vector]:
        """Places in B and signs of the columns of an index."""

    @abstractmethod
    def _difference(self, x: NDArray[Any]) -> NDArray[Any]:
        """The sum of signs_j x_j over the columns of each place: A x = B difference."""

    @abstractmethod
    def _sum(self, weights: Vector) -> Vector:
        """The sum of weights_j over the columns of each place: A diag(weights) A' = B diag(sum) B'."""

    @abstractmethod
    def _signed(self, values: NDArray[Any]) -> NDArray[Any]:
        """signs_j values[places_j]: A'lam from B'lam."""

    @abstractmethod
    def _spread(self, values: Vector) -> Vector:
        """values[places_j]."""

    def check(self, row_names: Labels | None, column_names: Labels | None) -> None:
        self._base.check(row_names, column_names)

    def picked(self, index: Any) -> Stored:
        places, signs = self._named(index)
        return with_signs(self._base.picked(places), signs)

    def explicit(self) -> Stored:
        made = self.picked(slice(None))
        read_only((made,) if isinstance(made, np.ndarray) else (made.data, made.indices, made.indptr))
        return made

    def rows(self, index: Any) -> Stored:
        places, signs = self._named(slice(None))
        return with_signs(self._base.rows(index)[:, places], signs)

    def pieces(self) -> Iterator[tuple[slice, Any]]:
        width = max(part.stop - part.start for part, _ in self._base.pieces())
        for start in range(0, self.shape[1], width):
            part = slice(start, min(start + width, self.shape[1]))
            yield part, self.picked(part)

    def restricted(self, index: Any) -> Storage:
        places, signs = self._named(index)
        if places.size <= self._base.shape[1]:
            return storage_of(with_signs(self._base.picked(places), signs))
        used, places = np.unique(places, return_inverse=True)
        return Signed(self._base if used.size == self._base.shape[1] else self._base.restricted(used), places, signs)

    def scaled(self, row_factors: Vector, column_factors: Vector) -> Stored:
        return storage_of(self.explicit()).scaled(row_factors, column_factors)

    def matvec(self, x: NDArray[Any]) -> NDArray[Any]:
        return self._base.matvec(self._difference(x))

    def rmatvec(self, lam: NDArray[Any]) -> NDArray[Any]:
        return self._signed(self._base.rmatvec(lam))

    def abs_matvec(self, x: Vector) -> Vector:
        return self._base.abs_matvec(self._sum(x))

    def abs_rmatvec(self, lam: Vector) -> Vector:
        return self._spread(self._base.abs_rmatvec(lam))

    def extended_matvec(self, x: NDArray[Any]) -> NDArray[np.longdouble]:
        return self._base.extended_matvec(self._difference(x.astype(np.longdouble)))

    def extended_rmatvec(self, lam: NDArray[Any]) -> NDArray[np.longdouble]:
        return self._signed(self._base.extended_rmatvec(lam))

    def gram(self, weights: Vector) -> Matrix:
        return self._base.gram(self._sum(weights))

    def gram_diagonal(self, weights: Vector) -> Vector:
        return self._base.gram_diagonal(self._sum(weights))

    def moments(self, log_x: Vector, log_weights: Vector, cut: float) -> Pass:
        x = np.exp(log_x)
        weights = x if log_weights is log_x else np.exp(log_weights)
        gram, total = self.gram(weights), float(x.sum() if weights is x else x @ (x / weights))
        dominant = np.flatnonzero(x > cut) if cut < np.inf else _NONE
        x[dominant] = 0.0
        return Pass(self.matvec(x), gram, total, dominant)

    def distinct(self) -> Storage:
        return self._base.distinct()

    def merged(self, weights: Vector) -> Vector:
        return self._base.merged(self._sum(weights))

    def single_precision(self) -> Single | sp.csr_array:
        return self._base.single_precision()

    def work(self) -> tuple[int, int]:
        return self._base.work()

    @property
    def row_peaks(self) -> Vector:
        return self._base.row_peaks

    def column_sizes(self, row_units: Vector) -> Vector:
        return self._spread(self._base.column_sizes(row_units))

    def log_terms(self, log_weights: Vector) -> Vector:
        return self._spread(self._base.log_terms(log_weights))

    def equilibration(self, target: Vector) -> tuple[Vector, Vector]:
        rows, columns = self._base.equilibration(target)
        return rows, self._spread(columns)

    def fits_single_precision(self) -> bool:
        return self._base.fits_single_precision()


class Doubled(Multiples):
    """[B, -B]."""

    is_doubled = True

    def __init__(self, base: Storage) -> None:
        super().__init__(base, 2 * base.shape[1])

    def __reduce__(self) -> tuple[Any, ...]:
        return Doubled, (self._base,)

    def _named(self, index: Any) -> tuple[Index, Vector]:
        chosen, size = np.arange(self.shape[1])[index], self._base.shape[1]
        return chosen % size, np.where(chosen < size, 1.0, -1.0)

    def _difference(self, x: NDArray[Any]) -> NDArray[Any]:
        size = self._base.shape[1]
        return np.asarray(x[:size] - x[size:])

    def _sum(self, weights: Vector) -> Vector:
        size = self._base.shape[1]
        return np.asarray(weights[:size] + weights[size:])

    def _signed(self, values: NDArray[Any]) -> NDArray[Any]:
        return np.concatenate([values, -values])

    def _spread(self, values: Vector) -> Vector:
        return np.concatenate([values, values])

    def pieces(self) -> Iterator[tuple[slice, Any]]:
        size = self._base.shape[1]
        yield from self._base.pieces()
        for part, block in self._base.pieces():
            yield slice(size + part.start, size + part.stop), -block

    def of_rows(self, index: Any) -> Doubled:
        return Doubled(self._base.of_rows(index))


class Signed(Multiples):
    """Columns of B or their negatives, more of them than B has."""

    def __init__(self, base: Storage, places: Index, signs: Vector) -> None:
        super().__init__(base, places.size)
        self._places: Index = read_only(places)
        self._signs: Vector = read_only(signs)
        # Row i of it has the signs of the columns of place i.
        self._fold = sp.csr_array((signs, (places, np.arange(places.size))), (base.shape[1], places.size))

    def __reduce__(self) -> tuple[Any, ...]:
        return Signed, (self._base, self._places, self._signs)

    def _named(self, index: Any) -> tuple[Index, Vector]:
        return self._places[index], self._signs[index]

    def _difference(self, x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(self._fold @ x)

    def _sum(self, weights: Vector) -> Vector:
        return np.asarray(np.bincount(self._places, weights, self._base.shape[1]), dtype=np.float64)

    def _signed(self, values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray((values[self._places].T * self._signs).T)

    def _spread(self, values: Vector) -> Vector:
        return values[self._places]

    def of_rows(self, index: Any) -> Signed:
        return Signed(self._base.of_rows(index), self._places, self._signs)
