"""`Distributed`: an array of dask, in blocks of whole columns that stay where they are."""

# ruff: noqa: D102 - overrides do not repeat the text of the abstract method

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import repeat
from operator import add
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.entry import warn_caller
from bregman_l1.errors import InvalidProblemError, InvalidSystemError, RechunkWarning
from bregman_l1.foreign import Labels, is_lazy
from bregman_l1.frozen import read_only
from bregman_l1.names import place
from bregman_l1.optional import require
from bregman_l1.system.cluster import computed_by
from bregman_l1.system.matrices import abs_image, parts_that_fit_the_cache, weighted_gram
from bregman_l1.system.reading import refuse_empty
from bregman_l1.system.storage import Knows, Products
from bregman_l1.validation import refuse_other_than_real

_Sum = TypeVar("_Sum")

# Blocks that A is cut into where its own do not do: small beside a worker's memory, large beside a task's overhead.
_BLOCK_BYTES = 2**26
_LARGEST_BLOCK = 2**30
# More blocks than these, each below a sixteenth of that size, are put together.
_MANY_BLOCKS = 256
# Sums that are added up by one task of the tree.
_BRANCHES = 8


class Distributed(Products):
    """A dask array of shape (N, d) whose blocks are whole columns; see `distributed`, which makes it so."""

    knows, is_distributed = Knows.GRAM, True

    def __init__(self, array: Any, row_peaks: Vector | None = None) -> None:
        self._array, self._row_peaks = array, row_peaks
        self.shape = (int(array.shape[0]), int(array.shape[1]))
        n_blocks = len(array.chunks[1])
        self.kind = f"distributed in {n_blocks} block{'s' if n_blocks > 1 else ''}"

    def __reduce__(self) -> tuple[Any, ...]:
        return Distributed, (self._array, self._row_peaks)

    @property
    def row_peaks(self) -> Vector:
        if self._row_peaks is None:
            self._row_peaks = read_only(self.total(_facts, self.positions).peaks)
        return self._row_peaks

    @property
    def positions(self) -> Any:
        return require("dask.array", "arrays of dask").arange(self.shape[1], chunks=(self._widths,), dtype=np.intp)

    def check(self, row_names: Labels | None, column_names: Labels | None) -> None:
        facts = self.total(_facts, self.positions)
        if facts.flaw is not None:
            *index, value = facts.flaw
            raise InvalidSystemError(f"A{place(index, row_names, column_names)} is {value}; every entry must be finite")
        self._row_peaks = read_only(facts.peaks)

    def matvec(self, x: Any) -> Vector:
        return self.total(_image, x)

    def rmatvec(self, lam: Vector) -> Any:
        return self.each(partial(_transposed, np.asarray(lam, dtype=np.float64)))

    def gram(self, weights: Any) -> Matrix:
        return self.total(weighted_gram, weights)

    def gram_diagonal(self, weights: Any) -> Vector:
        return self.total(_squared_image, weights)

    def terms(self, x: Any, y: Vector) -> Vector:
        return self.total(abs_image, x) + np.abs(y)

    def pieces(self) -> Iterator[tuple[slice, Any]]:
        raise InvalidProblemError(f"A is {self.kind}: it has no pieces here, over_columns() goes where they are")

    def total(self, work: Callable[..., _Sum], *vectors: Any) -> _Sum:
        """The sum over all blocks, added up where they are, along a tree."""
        delayed = require("dask", "arrays of dask").delayed
        summed, together = delayed(partial(_summed, work), pure=False), delayed(_together, pure=False)
        blocks = self._array.to_delayed(optimize_graph=False).ravel()
        sums = [summed(block, *parts) for block, parts in zip(blocks, self._split(vectors), strict=True)]
        while len(sums) > 1:
            sums = [together(*sums[start : start + _BRANCHES]) for start in range(0, len(sums), _BRANCHES)]
        total: _Sum = computed_by(sums[0])
        return total

    def each(self, work: Callable[..., Vector], *vectors: Any) -> Any:
        """An array of dask, computed where and when it is asked for."""
        da, numbers, arrays = require("dask.array", "arrays of dask"), *self._told_apart(vectors)
        function = partial(_each, work, numbers)
        return da.map_blocks(function, self._array, *arrays, drop_axis=0, chunks=(self._widths,), dtype=np.float64)

    def entrywise(self, function: Callable[..., NDArray[Any]], *vectors: Any) -> Any:
        if not any(map(is_lazy, vectors)):
            return super().entrywise(function, *vectors)
        da, numbers, arrays = require("dask.array", "arrays of dask"), *self._told_apart(vectors)
        return da.map_blocks(partial(_entrywise, function, numbers), *arrays, dtype=np.float64)

    def _told_apart(self, vectors: Sequence[Any]) -> tuple[dict[int, float], list[Any]]:
        """The vectors that are even as numbers, by their places, and the others in blocks."""
        values = [_even(vector) for vector in vectors]
        numbers = {i: value for i, value in enumerate(values) if np.shape(value) == ()}
        return numbers, [self._aligned(value) for i, value in enumerate(values) if i not in numbers]

    @property
    def _widths(self) -> tuple[int, ...]:
        widths: tuple[int, ...] = self._array.chunks[1]
        return widths

    def _split(self, vectors: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
        """For each block the parts of the vectors that belong to it; one number where they are even."""
        if not vectors:
            return repeat((), len(self._widths))
        return zip(*(self._parts(vector) for vector in vectors), strict=True)

    def _parts(self, vector: Any) -> Any:
        vector = _even(vector)
        if np.shape(vector) == ():
            return repeat(vector, len(self._widths))
        if is_lazy(vector):
            return self._aligned(vector).to_delayed(optimize_graph=False).ravel()
        return np.split(vector, np.cumsum(self._widths)[:-1])

    def _aligned(self, vector: Any) -> Any:
        """A vector in the blocks that A has."""
        if np.shape(vector) != self.shape[1:]:
            raise InvalidProblemError(f"a vector of shape {np.shape(vector)} was given for {self.shape[1]} columns")
        if not is_lazy(vector):
            return require("dask.array", "arrays of dask").from_array(vector, chunks=(self._widths,))
        return vector if vector.chunks == (self._widths,) else vector.rechunk((self._widths,))


def distributed(A: Any) -> Distributed:
    """An array of dask as it is stored: what is wrong with it is said, what its blocks must not be is changed."""
    _refuse_other_collections(A)
    if A.ndim != 2:
        raise InvalidSystemError(f"A must be two-dimensional (N, d), got shape {A.shape}")
    if np.isnan(np.array(A.shape, dtype=np.float64)).any() or np.isnan(np.concatenate(A.chunks).astype(float)).any():
        raise InvalidSystemError(
            "A is an array of dask whose blocks have unknown sizes, so that nothing can be put beside its columns: "
            "give A.compute_chunk_sizes(), which reads it once, or make it by ddf.to_dask_array(lengths=True)"
        )
    refuse_empty(A.shape)
    refuse_other_than_real("A", A.dtype, InvalidSystemError)
    if not isinstance(A._meta, np.ndarray):
        raise InvalidSystemError(
            f"the blocks of A are of type {type(A._meta).__name__}; they must be arrays of numpy: "
            "give A.map_blocks(lambda block: block.toarray()) where they are sparse"
        )
    return Distributed(_of_whole_columns(A))


def _refuse_other_collections(A: Any) -> None:
    if isinstance(A, require("dask.array", "arrays of dask").Array):
        return
    kind = type(A).__name__
    if hasattr(A, "to_dask_array"):
        raise InvalidSystemError(
            f"A is a {kind} of dask: give A.to_dask_array(lengths=True) if its columns are those of A, or "
            "A.to_dask_array(lengths=True).T if they are its rows, as in tall tables"
        )
    raise InvalidSystemError(f"A is a {kind} of dask; of its collections A may be an array, dask.array.Array")


def _of_whole_columns(A: Any) -> Any:
    """A in blocks of whole columns, neither so large that they do not fit a worker nor so many that they cost most."""
    n_rows, n_columns = A.shape
    by_rows, widths = len(A.chunks[0]) > 1, A.chunks[1]
    column_bytes = n_rows * A.dtype.itemsize
    fitting = max(1, _BLOCK_BYTES // column_bytes)
    too_large = max(widths) * column_bytes > _LARGEST_BLOCK and max(widths) > 1
    too_many = len(widths) > _MANY_BLOCKS and n_columns / len(widths) < fitting / 16
    if not (by_rows or too_large or too_many):
        return A
    whole = A.rechunk((n_rows, fitting if too_large or too_many or len(widths) == 1 else widths))
    why = "by rows" if by_rows else "in large blocks" if too_large else "in small blocks"
    before, after = " x ".join(map(str, A.numblocks)), " x ".join(map(str, whole.numblocks))
    warn_caller(
        f"A is chunked {why}: its {before} blocks become {after} blocks of whole columns, which moves up to "
        f"{A.nbytes:.3g} bytes in every pass over A, unless it is done once: give "
        f"A.rechunk(({n_rows}, {max(whole.chunks[1])})), persisted or stored so",
        RechunkWarning,
    )
    return whole


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Facts:
    """The largest magnitudes of the rows, and row, column and value of the first entry that is not finite."""

    peaks: Vector
    flaw: tuple[int, int, float] | None

    def __add__(self, other: _Facts) -> _Facts:
        flaws = [facts.flaw for facts in (self, other) if facts.flaw is not None]
        first = min(flaws, key=lambda flaw: flaw[1]) if flaws else None
        return _Facts(peaks=np.maximum(self.peaks, other.peaks), flaw=first)


def _facts(A: Matrix, positions: Index) -> _Facts:
    peaks = np.maximum(A.max(axis=1), -A.min(axis=1))
    if np.isfinite(peaks).all():
        return _Facts(peaks=peaks, flaw=None)
    j, i = np.argwhere(~np.isfinite(A.T))[0].tolist()
    return _Facts(peaks=peaks, flaw=(i, int(positions[j]), float(A[i, j])))


def _image(A: Any, x: Vector) -> Vector:
    return np.asarray(A @ x)


def _squared_image(A: Matrix, weights: Vector) -> Vector:
    return np.asarray((A * A) @ weights)


def _transposed(lam: Vector, A: Any) -> Vector:
    return np.asarray(A.T @ lam)


def _even(vector: Any) -> Any:
    """The one number that all entries of a vector are, where it is stored so, or the vector."""
    is_one = isinstance(vector, np.ndarray) and vector.ndim == 1 and vector.size > 1 and vector.strides == (0,)
    return vector[0] if is_one else vector


def _summed(work: Callable[..., _Sum], block: NDArray[Any], *vectors: Any) -> _Sum:
    """The sum over pieces of a block that fit the cache, each in double precision."""
    full = [np.broadcast_to(vector, block.shape[1:]) for vector in vectors]
    with np.errstate(all="ignore"):
        sums = (work(np.asarray(block[:, part], dtype=np.float64), *(v[part] for v in full)) for part in _cached(block))
        return reduce(add, sums)


def _cached(block: NDArray[Any]) -> list[slice]:
    """The columns of a block in parts that fit the cache."""
    return parts_that_fit_the_cache(*block.shape)


def _together(*sums: _Sum) -> _Sum:
    return reduce(add, sums)


def _each(work: Callable[..., Vector], numbers: dict[int, float], block: NDArray[Any], *arrays: Vector) -> Vector:
    """What work says of each column of a block."""
    vectors, values = _in_order(numbers, arrays, block.shape[1]), np.empty(block.shape[1])
    with np.errstate(all="ignore"):
        for part in _cached(block):
            values[part] = work(np.asarray(block[:, part], dtype=np.float64), *(vector[part] for vector in vectors))
    return values


def _entrywise(function: Callable[..., NDArray[Any]], numbers: dict[int, float], *arrays: Vector) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        return np.asarray(function(*_in_order(numbers, arrays, arrays[0].size)))


def _in_order(numbers: dict[int, float], arrays: Sequence[Vector], size: int) -> list[Vector]:
    vectors = list(arrays)
    for i, number in numbers.items():
        vectors.insert(i, np.broadcast_to(number, (size,)))
    return vectors
