"""`Margins`: the sums of a table onto some of its axes, as a matrix that is never formed."""

# ruff: noqa: D102 - overrides do not repeat the text of the abstract method

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise
from math import prod
from operator import index
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.errors import InfeasibleError, InvalidSystemError
from bregman_l1.foreign import UNREADABLE, Labels
from bregman_l1.system.reading import refuse_non_finite
from bregman_l1.system.storage import Knows, Products
from bregman_l1.validation import checked_array

Axes: TypeAlias = tuple[int, ...]

_LOWEST = -700.0  # the logarithm of the smallest number that does not underflow, nearly
_ROUNDING = 1e-12  # sums of targets that differ by this share of them differ by rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Pair:
    """Two margins S and T: their rows by the axes both keep (c values), and those S or T alone keeps (s and t).

    Attributes
    ----------
    axes : tuple of int
        Those of both, of S alone, of T alone.
    shared : int
        How many are those of both.
    rows : ndarray of int of shape (c, s)
        The rows of A that S is.
    columns : ndarray of int of shape (c, t)
        The rows of A that T is.
    """

    axes: Axes
    shared: int
    rows: Index
    columns: Index


class Margins(Products):
    """The 0/1 matrix that sums a table, its cells in C order, onto sets of its axes, one after the other.

    The entry of A diag(w) A' at a cell of margin S and one of margin T is the sum of the weights w over the cells of
    the table that lie in both: the table of weights summed onto the axes of S and T together.

    Parameters
    ----------
    table : tuple of int
        The lengths of the axes.
    margins : tuple of tuple of int
        The axes each margin keeps, ascending; no two are the same.
    """

    knows, is_table = Knows.GRAM, True

    def __init__(self, table: tuple[int, ...], margins: tuple[Axes, ...]) -> None:
        self.table, self.margins = table, margins
        self.kind = f"margins of a {' x '.join(map(str, table))} table"
        ends = np.cumsum([0, *(self._size(axes) for axes in margins)]).tolist()
        self.parts = [slice(start, end) for start, end in pairwise(ends)]
        self.shape = (ends[-1], prod(table))
        self.pairs = {(i, j): self._pair(i, j) for i, j in combinations(range(len(margins)), 2)}

    def __reduce__(self) -> tuple[Any, ...]:
        return Margins, (self.table, self.margins)

    def check(self, row_names: Labels | None, column_names: Labels | None) -> None:
        """Sums contradict nothing."""

    def explicit(self) -> sp.csc_array:
        rows = [
            np.broadcast_to(self._along(axes, np.arange(part.start, part.stop)), self.table).ravel()
            for axes, part in zip(self.margins, self.parts, strict=True)
        ]
        count, n_columns = len(rows), self.shape[1]
        indices, starts = np.stack(rows, axis=1).ravel(), np.arange(0, count * n_columns + 1, count)
        return sp.csc_array((np.ones(indices.size), indices, starts), shape=self.shape)

    def matvec(self, x: NDArray[Any]) -> NDArray[Any]:
        cells = x.reshape(self.table)
        return np.concatenate([self._onto(axes, cells).ravel() for axes in self.margins])

    def rmatvec(self, lam: NDArray[Any]) -> NDArray[Any]:
        total = np.zeros(self.table, dtype=np.result_type(lam, np.float64))
        for axes, part in zip(self.margins, self.parts, strict=True):
            total += self._along(axes, lam[part])
        return total.ravel()

    def gram(self, weights: Vector) -> Matrix:
        gram = np.diag(self.gram_diagonal(weights))
        for pair, block in self._blocks(weights):
            gram[pair.rows[:, :, None], pair.columns[:, None, :]] = block
            gram[pair.columns[:, :, None], pair.rows[:, None, :]] = block.transpose(0, 2, 1)
        return gram

    def gram_diagonal(self, weights: Vector) -> Vector:
        return self.matvec(weights)

    def terms(self, x: Vector, y: Vector) -> Vector:
        return self.matvec(x) + np.abs(y)

    @property
    def row_peaks(self) -> Vector:
        return np.ones(self.shape[0])

    def gram_product(self, weights: Vector) -> Callable[[Vector], Vector]:
        diagonal, blocks = self.gram_diagonal(weights), list(self._blocks(weights))

        def product(lam: Vector) -> Vector:
            image = diagonal * lam
            for pair, block in blocks:
                image[pair.rows] += (block @ lam[pair.columns][:, :, None])[:, :, 0]
                image[pair.columns] += (lam[pair.rows][:, None, :] @ block)[:, 0, :]
            return image

        return product

    def balanced(self, log_x: Vector, y: Vector, sweeps: int) -> Vector:
        # Smaller cells add nothing to a sum, and numbers that underflow take ten times as long to make.
        top = float(log_x.max())
        cells = np.exp(np.maximum(log_x - top, _LOWEST)).reshape(self.table)
        lam = np.zeros(self.shape[0])
        lam[self.parts[0]] = -top
        for _ in range(sweeps):
            for axes, part in zip(self.margins, self.parts, strict=True):
                sums = self._onto(axes, cells).ravel()
                factors = np.divide(y[part], sums, out=np.ones_like(sums), where=(y[part] > 0.0) & (sums > 0.0))
                cells *= self._along(axes, factors)
                lam[part] += np.log(factors)
        return lam

    def _along(self, axes: Axes, values: NDArray[Any]) -> NDArray[Any]:
        """The values of a margin as an array that broadcasts against the table."""
        return values.reshape([length if axis in axes else 1 for axis, length in enumerate(self.table)])

    def _blocks(self, weights: Vector) -> Iterator[tuple[_Pair, NDArray[Any]]]:
        """The entries of the Gram matrix between each two margins, of shape (c, s, t)."""
        cells = weights.reshape(self.table)
        for pair in self.pairs.values():
            kept = sorted(pair.axes)
            block = self._onto(tuple(kept), cells).transpose([kept.index(axis) for axis in pair.axes])
            yield pair, np.ascontiguousarray(block).reshape(*pair.rows.shape, pair.columns.shape[1])

    def _onto(self, axes: Axes, cells: NDArray[Any]) -> NDArray[Any]:
        """The table summed onto some axes."""
        return np.asarray(cells.sum(axis=tuple(axis for axis in range(len(self.table)) if axis not in axes)))

    def _pair(self, i: int, j: int) -> _Pair:
        S, T = self.margins[i], self.margins[j]
        shared = tuple(axis for axis in S if axis in T)
        of_S, of_T = (tuple(axis for axis in axes if axis not in shared) for axes in (S, T))
        count = self._size(shared)
        rows, columns = self._places(i, shared + of_S), self._places(j, shared + of_T)
        return _Pair(
            axes=shared + of_S + of_T,
            shared=len(shared),
            rows=rows.reshape(count, -1),
            columns=columns.reshape(count, -1),
        )

    def _places(self, i: int, order: Axes) -> Index:
        """The rows of A that a margin is, its axes in this order."""
        axes, part = self.margins[i], self.parts[i]
        places = np.arange(part.start, part.stop).reshape([self.table[axis] for axis in axes])
        return places.transpose([axes.index(axis) for axis in order])

    def _size(self, axes: Axes) -> int:
        return prod(self.table[axis] for axis in axes)


def read_margins(shape: Any, margins: Any, targets: Any) -> tuple[Margins, Vector]:
    """The margins of a table as a matrix, and their targets one after the other.

    Raises
    ------
    InvalidSystemError
        If they are not margins of a table.
    InfeasibleError
        If a target is negative, or two contradict each other.
    """
    table = _whole_numbers("shape", shape)
    if min(table, default=0) < 1:
        raise InvalidSystemError(f"shape must be positive integers, the lengths of the axes of a table, got {shape!r}")
    kept = [_axes(f"margins[{k}]", axes, len(table)) for k, axes in enumerate(_listed("margins", margins))]
    values = _listed("targets", targets)
    if not len(kept) == len(values) > 0:
        raise InvalidSystemError(
            f"targets must be one array for each margin, got {len(values)} for {len(kept)} margins"
        )
    ascending = tuple(tuple(sorted(axes)) for axes in kept)
    for i, j in combinations(range(len(kept)), 2):
        if ascending[i] == ascending[j]:
            raise InvalidSystemError(
                f"margins[{i}] and margins[{j}] keep the same axes {ascending[i]}: give one of them"
            )
    storage = Margins(table, ascending)
    y = np.concatenate([_target(f"targets[{k}]", values[k], kept[k], table).ravel() for k in range(len(kept))])
    _refuse_negative(storage, y)
    for i, j in combinations(range(len(kept)), 2):
        _refuse_contradiction(storage, y, i, j)
    return storage, y


def _listed(name: str, values: Any) -> list[Any]:
    try:
        if isinstance(values, str):
            raise TypeError("it is text")
        return list(values)
    except UNREADABLE as error:
        raise InvalidSystemError(f"{name} must be a sequence with an entry for each margin, got {values!r}") from error


def _whole_numbers(name: str, values: Any) -> Axes:
    try:
        return tuple(map(index, values))
    except UNREADABLE as error:
        raise InvalidSystemError(f"{name} must be a sequence of integers, got {values!r}") from error


def _axes(name: str, given: Any, count: int) -> Axes:
    """The axes a margin keeps, in the order given, counted from zero."""
    axes = _whole_numbers(name, given if isinstance(given, Iterable) else (given,))
    if not all(-count <= axis < count for axis in axes):
        raise InvalidSystemError(f"{name} is {given!r}, and the axes of the table are 0 to {count - 1}")
    counted = tuple(axis % count for axis in axes)
    if len(set(counted)) < len(counted):
        raise InvalidSystemError(f"{name} is {given!r}, which has an axis twice")
    return counted


def _target(name: str, given: Any, axes: Axes, table: Axes) -> Vector:
    """The target of a margin, its axes ascending."""
    values = checked_array(name, given, InvalidSystemError)
    expected = tuple(table[axis] for axis in axes)
    if values.shape != expected:
        raise InvalidSystemError(f"{name} must have shape {expected}, that of axes {axes}, got {values.shape}")
    refuse_non_finite(name, values)
    return np.asarray(values.transpose(np.argsort(axes)), dtype=np.float64)


def _refuse_negative(storage: Margins, y: Vector) -> None:
    if y.min() >= 0.0:
        return
    i = int(y.argmin())
    k = next(k for k, part in enumerate(storage.parts) if part.stop > i)
    axes, within = storage.margins[k], i - storage.parts[k].start
    where = np.unravel_index(within, [storage.table[axis] for axis in axes])
    farkas = np.zeros(y.size)
    farkas[i] = -1.0
    raise InfeasibleError(
        f"targets[{k}] is {y[i]:g} at {tuple(map(int, where))} of axes {axes}, and no sum of x >= 0 is negative", farkas
    )


def _refuse_contradiction(storage: Margins, y: Vector, i: int, j: int) -> None:
    """Refuse two margins whose sums over what only one of them keeps differ."""
    pair = storage.pairs[i, j]
    of_first, of_second = y[pair.rows].sum(axis=1), y[pair.columns].sum(axis=1)
    apart = np.abs(of_first - of_second) > _ROUNDING * (of_first + of_second)
    if not apart.any():
        return
    c = int(apart.argmax())
    farkas, sign = np.zeros(y.size), np.sign(of_first[c] - of_second[c])
    farkas[pair.rows[c]], farkas[pair.columns[c]] = sign, -sign
    shared = pair.axes[: pair.shared]
    at = tuple(map(int, np.unravel_index(c, [storage.table[axis] for axis in shared])))
    where = f"at {at} of axes {shared}, which both keep," if shared else "in total"
    raise InfeasibleError(
        f"targets[{i}] adds up to {of_first[c]:.12g} {where} and targets[{j}] to {of_second[c]:.12g}; both are sums of "
        f"the same cells: multiply targets[{j}] by what makes them agree, or leave one out",
        farkas,
    )
