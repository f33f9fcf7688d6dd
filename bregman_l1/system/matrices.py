"""`Dense` and `Sparse`: matrices held in memory."""

# ruff: noqa: D102 - overrides do not repeat the text of the abstract method

from __future__ import annotations

from collections.abc import Iterator
from threading import local
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from bregman_l1._types import Index, Matrix, Single, Vector, Wide
from bregman_l1.caching import cached_property, computed_once
from bregman_l1.foreign import Labels
from bregman_l1.frozen import read_only
from bregman_l1.system.reading import refuse_non_finite
from bregman_l1.system.storage import Pass, Storage, Stored

_CACHED_BYTES = 2**20
_FEW_ROWS = 32
_SHORT = 2**12
_NONE: Index = np.zeros(0, dtype=np.intp)
_TRANSPOSED = 64
_EQUILIBRATION_ROUNDS = 10
_OF_THREAD = local()


def storage_of(matrix: Stored) -> InMemory:
    """The storage of a matrix that nobody changes from now on."""
    return Dense(matrix) if isinstance(matrix, np.ndarray) else Sparse(matrix)


class InMemory(Storage):
    """A matrix in memory, read in pieces of columns that fit the cache."""

    _matrix: Any
    _parts: list[slice]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._matrix,)

    def _block(self, part: slice) -> Any:
        """A[:, part], without a copy."""
        return self._matrix if len(self._parts) == 1 else self._matrix[:, part]

    def check(self, row_names: Labels | None, column_names: Labels | None) -> None:
        refuse_non_finite("A", self._matrix, row_names, column_names)

    def picked(self, index: Any) -> Stored:
        return self._matrix[:, index]

    def explicit(self) -> Stored:
        return self._matrix

    def rows(self, index: Any) -> Stored:
        return self._matrix[index]

    def pieces(self) -> Iterator[tuple[slice, Any]]:
        return ((part, self._block(part)) for part in self._parts)

    def restricted(self, index: Any) -> InMemory:
        return type(self)(self.picked(index))  # type: ignore[call-arg]

    def of_rows(self, index: Any) -> InMemory:
        return type(self)(self.rows(index))  # type: ignore[call-arg]

    def matvec(self, x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(self._matrix @ x)

    def rmatvec(self, lam: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(self._matrix.T @ lam)

    def abs_matvec(self, x: Vector) -> Vector:
        return np.asarray(sum(abs(self._block(part)) @ x[part] for part in self._parts))

    def abs_rmatvec(self, lam: Vector) -> Vector:
        return np.concatenate([abs(self._block(part)).T @ lam for part in self._parts])

    def extended_matvec(self, x: NDArray[Any]) -> NDArray[np.longdouble]:
        image = np.zeros(self.shape[0], dtype=np.longdouble)
        for part, block in self.pieces():
            image += block.astype(np.longdouble) @ x[part]
        return image

    def extended_rmatvec(self, lam: NDArray[Any]) -> NDArray[np.longdouble]:
        wide = lam.astype(np.longdouble)
        return np.concatenate([self._block(part).T.astype(np.longdouble) @ wide for part in self._parts])

    def gram(self, weights: Vector) -> Matrix:
        gram = np.zeros((self.shape[0], self.shape[0]))
        for part in self._parts:
            gram += weighted_gram(self._block(part), weights[part])
        return gram

    def gram_diagonal(self, weights: Vector) -> Vector:
        return np.asarray(sum(abs(self._block(part)) ** 2 @ weights[part] for part in self._parts))

    def moments(self, log_x: Vector, log_weights: Vector, cut: float) -> Pass:
        image, gram, total = np.zeros(self.shape[0]), np.zeros((self.shape[0], self.shape[0])), 0.0
        dominant: list[Index] = []
        for part in self._parts:
            x = np.exp(log_x[part])
            weights = x if log_weights is log_x else np.exp(log_weights[part])
            gram += weighted_gram(self._block(part), weights)
            total += float(x.sum() if weights is x else x @ (x / weights))
            if cut < np.inf:
                dominant.append(np.flatnonzero(x > cut))
                x[dominant[-1]] = 0.0
                dominant[-1] += part.start
            image += self._block(part) @ x
        return Pass(image, gram, total, np.concatenate(dominant) if dominant else _NONE)

    def distinct(self) -> InMemory:
        return self

    def merged(self, weights: Vector) -> Vector:
        return weights

    @cached_property
    def row_peaks(self) -> Vector:
        return read_only(peaks(self._matrix, axis=1))

    def equilibration(self, target: Vector) -> tuple[Vector, Vector]:
        n_rows, n_columns = self.shape
        rows, columns = np.ones(n_rows), np.ones(n_columns)
        size = float((target / one_for_zero(self.row_peaks)).max())
        for _ in range(_EQUILIBRATION_ROUNDS):
            scaled = self.scaled(1 / rows, 1 / columns)
            row_peaks = np.maximum(peaks(scaled, axis=1), target / rows / size)
            column_peaks, size = peaks(scaled, axis=0), size * float(np.sqrt((target / rows / size).max()))
            rows, columns = rows * np.sqrt(one_for_zero(row_peaks)), columns * np.sqrt(one_for_zero(column_peaks))
        return rows, columns * one_for_zero(peaks(self.scaled(1 / rows, 1 / columns), axis=0))

    def fits_single_precision(self) -> bool:
        for _, block in self.pieces():
            sizes = abs(block if isinstance(block, np.ndarray) else block.data)
            if sizes.max(initial=0.0) > 1e12 or ((sizes > 0.0) & (sizes < 1e-12)).any():
                return False
        return True


class Dense(InMemory):
    """An array."""

    kind, is_sparse = "dense", False

    def __init__(self, matrix: Matrix) -> None:
        self._matrix: Matrix = read_only(matrix)
        n_rows, n_columns = self.shape = (int(matrix.shape[0]), int(matrix.shape[1]))
        self._parts = parts_that_fit_the_cache(n_rows, n_columns)

    def scaled(self, row_factors: Vector, column_factors: Vector) -> Matrix:
        return np.asarray(self._matrix * column_factors * row_factors[:, None])

    def single_precision(self) -> Single:
        single = np.empty((self.shape[1], self.shape[0]), dtype=np.float32)
        for rows_start in range(0, self.shape[0], _TRANSPOSED):
            rows = slice(rows_start, rows_start + _TRANSPOSED)
            single[:, rows] = self._matrix[rows].T
        return single

    def work(self) -> tuple[int, int]:
        n_rows, n_columns = self.shape
        return n_rows * n_columns, n_rows**2 * n_columns

    def column_sizes(self, row_units: Vector) -> Vector:
        units = 1.0 / row_units
        return np.concatenate([peaks(block * units[:, None], axis=0) for _, block in self.pieces()])

    def log_terms(self, log_weights: Vector) -> Vector:
        return Sparse(sp.csc_array(self._matrix)).log_terms(log_weights)


class Sparse(InMemory):
    """A sparse matrix in compressed columns."""

    kind, is_sparse = "sparse", True

    def __init__(self, matrix: sp.csc_array) -> None:
        read_only((matrix.data, matrix.indices, matrix.indptr))
        self._matrix = matrix
        self.shape = (int(matrix.shape[0]), int(matrix.shape[1]))
        self._parts = [slice(0, self.shape[1])]

    def rows(self, index: Any) -> sp.csc_array:
        return sp.csc_array(self._matrix[index])

    def scaled(self, row_factors: Vector, column_factors: Vector) -> sp.csc_array:
        scaled = _weighted(self._matrix, column_factors)
        scaled.data *= row_factors[scaled.indices]
        return scaled

    def gram_diagonal(self, weights: Vector) -> Vector:
        return np.asarray(self._of_same_places(self._matrix.data**2) @ weights)

    def abs_matvec(self, x: Vector) -> Vector:
        return np.asarray(self._of_same_places(np.abs(self._matrix.data)) @ x)

    def single_precision(self) -> sp.csr_array:
        return self._of_same_places(self._matrix.data.astype(np.float32)).T

    def work(self) -> tuple[int, int]:
        counts = np.diff(self._matrix.indptr).astype(np.int64)
        return int(counts.sum()), int(counts @ counts)

    def _of_same_places(self, entries: NDArray[Any]) -> sp.csc_array:
        """The matrix with other entries, sharing the index arrays."""
        return sp.csc_array((entries, self._matrix.indices, self._matrix.indptr), self.shape)

    def column_sizes(self, row_units: Vector) -> Vector:
        return peaks(self.scaled(1.0 / row_units, np.ones(self.shape[1])), axis=0)

    def log_terms(self, log_weights: Vector) -> Vector:
        matrix, found = self._matrix, np.full(self.shape[1], -np.inf)
        filled = np.flatnonzero(np.diff(matrix.indptr))
        terms = np.log(np.abs(matrix.data)) + log_weights[matrix.indices]
        found[filled] = np.maximum.reduceat(terms, matrix.indptr[filled])
        return found


def parts_that_fit_the_cache(n_rows: int, n_columns: int) -> list[slice]:
    """The columns of a dense matrix in parts.

    Examples
    --------
    >>> parts_that_fit_the_cache(2**16, 3)
    [slice(0, 2, None), slice(2, 3, None)]
    """
    width = max(1, _CACHED_BYTES // (8 * max(n_rows, 1)))
    return [slice(start, min(start + width, n_columns)) for start in range(0, n_columns, width)]


def weighted_gram(matrix: Stored, weights: Vector) -> Matrix:
    """A diag(weights) A'; few rows are multiplied faster as two different matrices.

    Examples
    --------
    >>> weighted_gram(np.array([[1.0, 2.0]]), np.array([1.0, 0.5]))
    array([[3.]])
    """
    if matrix.shape[0] <= _FEW_ROWS:
        return dense(_weighted(matrix, weights) @ matrix.T)
    half = _weighted(matrix, np.sqrt(weights))
    return dense(half @ half.T)


def abs_image(matrix: Matrix, x: Vector) -> Vector:
    """|A| x of a piece of a dense A.

    Examples
    --------
    >>> abs_image(np.array([[1.0, -2.0]]), np.array([1.0, 1.0]))
    array([3.])
    """
    return np.asarray(np.abs(matrix, out=_scratch(matrix.shape)) @ x)


def _weighted(matrix: Any, weights: Vector) -> Any:
    """A diag(weights), which the next call overwrites; sparse where A is, sharing its index arrays."""
    if isinstance(matrix, np.ndarray):
        return np.multiply(matrix, weights, out=_scratch(matrix.shape))
    data = matrix.data * np.repeat(weights, np.diff(matrix.indptr))
    return sp.csc_array((data, matrix.indices, matrix.indptr), matrix.shape)


def _scratch(shape: tuple[int, int]) -> Matrix | None:
    """An array of a thread's own to work in, None where it would not fit the cache.

    Workers of a cluster have an allocator that gives memory back at once: there a new array for every piece takes
    longer than all that is done in it.
    """
    size = shape[0] * shape[1]
    if 8 * size > _CACHED_BYTES:
        return None
    held: Vector = computed_once(vars(_OF_THREAD), "scratch", lambda: np.empty(_CACHED_BYTES // 8))
    return held[:size].reshape(shape)


def with_signs(matrix: Stored, signs: Vector) -> Stored:
    """The matrix with some of its columns negated, where it lies."""
    if isinstance(matrix, np.ndarray):
        matrix *= signs
    else:
        matrix.data *= np.repeat(signs, np.diff(matrix.indptr))
    return matrix


def largest(values: Wide) -> float:
    """The largest magnitude, NaN if there is one; long vectors are not copied."""
    return float(np.abs(values).max() if values.size <= _SHORT else max(values.max(), -values.min()))


def dense(matrix: Any) -> Matrix:
    """A matrix or vector as an array, however it is stored."""
    return np.asarray(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())


def peaks(matrix: Stored, axis: int) -> Vector:
    """Largest magnitude along an axis."""
    if not isinstance(matrix, np.ndarray):
        found, sizes = np.zeros(matrix.shape[1 - axis]), np.abs(matrix.data)
        if axis == 1:
            np.maximum.at(found, matrix.indices, sizes)
        else:
            filled = np.flatnonzero(np.diff(matrix.indptr))
            found[filled] = np.maximum.reduceat(sizes, matrix.indptr[filled]) if filled.size else 0.0
        return found
    return np.asarray(np.maximum(matrix.max(axis=axis), -matrix.min(axis=axis)), dtype=np.float64)


def one_for_zero(scale: Vector) -> Vector:
    """Scales to divide by: one where there is none."""
    return np.where(scale > 0, scale, 1.0)
