"""`Products` and `Storage`: a matrix by its products, or by its entries as well, whatever holds them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from enum import IntEnum
from functools import reduce
from operator import add
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

from bregman_l1._types import Index, Matrix, Single, Vector
from bregman_l1.foreign import Labels
from bregman_l1.frozen import read_only
from bregman_l1.system.making import refuse_beyond_budget

Stored: TypeAlias = Matrix | sp.csc_array
_Sum = TypeVar("_Sum")


class Knows(IntEnum):
    """What a storage can tell of its matrix; each includes those before it."""

    PRODUCTS = 1
    """A x and A'lam."""

    GRAM = 2
    """A diag(w) A' too, of N x N entries."""

    COLUMNS = 3
    """Every entry of A."""


class Pass(NamedTuple):
    """What one pass over A says of a point x, before y comes in.

    Attributes
    ----------
    image : ndarray of shape (N,)
        A x without the dominant entries.
    gram : ndarray of shape (N, N)
        A diag(weights) A'.
    total : float
        The sum of x^2 / w, w the weights.
    dominant : ndarray of int
        The entries of x that are left to extended precision.
    """

    image: Vector
    gram: Matrix
    total: float
    dominant: Index


class Products(ABC):
    """A matrix A of shape (N, d), read-only, of which products are known."""

    shape: tuple[int, int]
    kind: str
    """The storage in a word or two."""
    knows: Knows = Knows.PRODUCTS
    is_table: bool = False
    """Whether A x are margins of a table of cells x, so that A has zeros and ones, and `balanced` is known."""
    is_distributed: bool = False
    """Whether A is an array of dask."""
    is_doubled: bool = False
    """Whether it is [B, -B] for another matrix B."""

    def explicit(self) -> Stored:
        """A itself, which is made where it is not stored: from products with unit vectors, if nothing else is known."""
        n_rows, n_columns = self.shape
        refuse_beyond_budget("A", n_rows, n_columns)
        if n_columns < n_rows:
            return np.column_stack([self.matvec(unit) for unit in np.eye(n_columns)])
        return np.array([self.rmatvec(unit) for unit in np.eye(n_rows)])

    @abstractmethod
    def matvec(self, x: NDArray[Any]) -> NDArray[Any]:
        """A @ x, in the precision of x."""

    @abstractmethod
    def rmatvec(self, lam: NDArray[Any]) -> NDArray[Any]:
        """A.T @ lam, in the precision of lam."""

    @abstractmethod
    def check(self, row_names: Labels | None, column_names: Labels | None) -> None:
        """Raise InvalidSystemError where A is not finite, or its products contradict each other."""

    def gram(self, weights: Vector) -> Matrix:
        """A diag(weights) A', shape (N, N), where it is known."""
        raise NotImplementedError(f"{self.kind}: the Gram matrix is not known")

    def gram_diagonal(self, weights: Vector) -> Vector:  # noqa: ARG002
        """What is known of the diagonal of A diag(weights) A', shape (N,): ones where nothing is."""
        return np.ones(self.shape[0])

    def gram_product(self, weights: Vector) -> Callable[[Vector], Vector]:
        """The function that multiplies A diag(weights) A' by a vector of shape (N,)."""

        def product(lam: Vector) -> Vector:
            along = self.rmatvec(lam)
            along *= weights
            return self.matvec(along)

        return product

    def balanced(self, log_x: Vector, y: Vector, sweeps: int) -> Vector:
        """Lam for which A x = y holds nearly at log_x + A'lam, by fitting one margin of a table after the other."""
        raise NotImplementedError(f"{self.kind}: A is not that of the margins of a table")

    def terms(self, x: Vector, y: Vector) -> Vector:  # noqa: ARG002
        """|A| x + |y|, shape (N,), the size of the terms of the equations at x >= 0; the largest |y| where unknown."""
        return np.full(self.shape[0], np.abs(y).max())

    @property
    def row_peaks(self) -> Vector:
        """The largest |A_ij| of each row, shape (N,), where the Gram matrix is known."""
        raise NotImplementedError(f"{self.kind}: the sizes of its entries are not known")

    @property
    def positions(self) -> Any:
        """The numbers 0 ... d - 1 of the columns, as a vector that goes with them."""
        return read_only(np.arange(self.shape[1]))

    def pieces(self) -> Iterator[tuple[slice, Any]]:
        """The columns in pieces, each with its A[:, piece], which has ``@`` and ``.T``; here all in one."""
        yield slice(0, self.shape[1]), LinearOperator(self.shape, self.matvec, self.rmatvec, dtype=np.float64)

    def total(self, work: Callable[..., _Sum], *vectors: Vector) -> _Sum:
        """The sum of work(A[:, piece], *vectors[piece]) over the pieces of the columns."""
        return reduce(add, (work(block, *(vector[part] for vector in vectors)) for part, block in self.pieces()))

    def each(self, work: Callable[..., Vector], *vectors: Any) -> Any:
        """The vector of work(A[:, piece], *vectors[piece]) over the pieces of the columns."""
        return np.concatenate([work(A, *(vector[part] for vector in vectors)) for part, A in self.pieces()])

    def entrywise(self, function: Callable[..., NDArray[Any]], *vectors: Any) -> Any:
        """function(*vectors), entry by entry and without warnings."""
        with np.errstate(all="ignore"):
            return function(*vectors)


class Storage(Products):
    """A matrix A of shape (N, d), read-only: its columns, its products and the sizes of its entries.

    A new kind of storage is one more subclass. What is dense or sparse without being stored so says what its columns
    would be.
    """

    knows = Knows.COLUMNS
    is_sparse: bool
    """Whether columns are sparse when they are taken out."""

    def terms(self, x: Vector, y: Vector) -> Vector:  # noqa: D102 - as above
        return self.abs_matvec(x) + np.abs(y)

    # Entries

    @abstractmethod
    def picked(self, index: Any) -> Stored:
        """A[:, index] as a matrix of its own; a view where the index is a slice and A an array."""

    @abstractmethod
    def explicit(self) -> Stored:
        """A itself, which is made where it is not stored so."""

    @abstractmethod
    def rows(self, index: Any) -> Stored:
        """A[index] as a matrix of its own."""

    @abstractmethod
    def pieces(self) -> Iterator[tuple[slice, Any]]:
        """The columns in pieces that fit the cache, each with its A[:, piece]."""

    @abstractmethod
    def restricted(self, index: Any) -> Storage:
        """A[:, index]."""

    @abstractmethod
    def of_rows(self, index: Any) -> Storage:
        """A[index]."""

    @abstractmethod
    def scaled(self, row_factors: Vector, column_factors: Vector) -> Stored:
        """diag(row_factors) A diag(column_factors), which is made."""

    def first_in_rows(self, order: Index, count: int) -> Index:
        """Places in an order of columns: the first ``count`` columns that a row has an entry in, of all rows."""
        if not self.is_sparse:
            return np.arange(min(count, order.size))
        rows = sp.csr_array(self.picked(order))
        rows.sort_indices()
        places = rows.indptr[:-1, None] + np.arange(count)
        return np.unique(rows.indices[places[places < rows.indptr[1:, None]]])

    # Products

    @abstractmethod
    def abs_matvec(self, x: Vector) -> Vector:
        """|A| @ x."""

    @abstractmethod
    def abs_rmatvec(self, lam: Vector) -> Vector:
        """|A|.T @ lam."""

    @abstractmethod
    def extended_matvec(self, x: NDArray[Any]) -> NDArray[np.longdouble]:
        """A @ x in extended precision."""

    @abstractmethod
    def extended_rmatvec(self, lam: NDArray[Any]) -> NDArray[np.longdouble]:
        """A.T @ lam in extended precision."""

    @abstractmethod
    def gram(self, weights: Vector) -> Matrix:
        """A diag(weights) A', shape (N, N)."""

    @abstractmethod
    def moments(self, log_x: Vector, log_weights: Vector, cut: float) -> Pass:
        """A x and A diag(exp(log_weights)) A', x = exp(log_x), in one pass; entries of x above the cut are left out."""

    # The same matrix with every column once

    @abstractmethod
    def distinct(self) -> Storage:
        """The matrix B whose columns, some of them negated or more than once, are those of A: A itself, as a rule."""

    @abstractmethod
    def merged(self, weights: Vector) -> Vector:
        """The weights w with A diag(weights) A' = B diag(w) B', B the matrix of `distinct`."""

    @abstractmethod
    def single_precision(self) -> Single | sp.csr_array:
        """B' in single precision, each column contiguous (see `merged`); sparse where A is."""

    @abstractmethod
    def work(self) -> tuple[int, int]:
        """How many multiplications B x and B diag(w) B' take."""

    # Sizes of entries

    @property
    @abstractmethod
    def row_peaks(self) -> Vector:
        """The largest |A_ij| of each row, shape (N,)."""

    @abstractmethod
    def column_sizes(self, row_units: Vector) -> Vector:
        """The largest |A_ij| / row_units_i of each column, shape (d,)."""

    @abstractmethod
    def log_terms(self, log_weights: Vector) -> Vector:
        """Log max_i |A_ij| exp(log_weights_i) of each column, shape (d,); -inf for zero columns."""

    @abstractmethod
    def equilibration(self, target: Vector) -> tuple[Vector, Vector]:
        """Row and column scales of [A, target]; see `LinearSystem.equilibration`."""

    @abstractmethod
    def fits_single_precision(self) -> bool:
        """Whether every entry of A is zero or between 1e-12 and 1e12."""
