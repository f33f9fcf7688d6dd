"""Columns that are brought together in memory from a matrix that is not: a sample, the heaviest, those that matter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import ROUNDINGS, Index, Mask, Matrix, Vector
from bregman_l1.basis.rows import split_rows
from bregman_l1.system import LinearSystem, dense


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gathered:
    """Columns of A in memory.

    Attributes
    ----------
    positions : ndarray of int
        Where they are in A, increasing.
    columns : ndarray of shape (N, k)
    vectors : tuple of ndarray of shape (k,)
        Entries of other vectors at the same positions.
    """

    positions: Index
    columns: Matrix
    vectors: tuple[Vector, ...]

    @property
    def size(self) -> int:
        """How many they are."""
        return self.positions.size

    def with_others(self, other: Gathered) -> Gathered:
        """These and others, each once."""
        positions, first = np.unique(np.append(self.positions, other.positions), return_index=True)
        columns = np.concatenate([self.columns, other.columns], axis=1)[:, first]
        pairs = zip(self.vectors, other.vectors, strict=True)
        return Gathered(positions=positions, columns=columns, vectors=tuple(np.append(*pair)[first] for pair in pairs))

    def system(self, system: LinearSystem) -> LinearSystem:
        """The system of these columns alone."""
        return LinearSystem(self.columns, system.y, row_names=system.row_names)

    def with_terms(self) -> LinearSystem:
        """A system of these columns that has a solution if they are not all zero: for what A alone decides."""
        return LinearSystem(self.columns, np.abs(self.columns).sum(axis=1))


def gathered(system: LinearSystem, choose: Callable[..., Any], *vectors: Any) -> Gathered:
    """The columns that ``choose(A_piece, *pieces of vectors)`` names in each piece, in one pass.

    Examples
    --------
    >>> found = gathered(LinearSystem([[1.0, 2.0, 3.0]], [1.0]), lambda A: A[0] > 1.0)
    >>> found.positions, found.columns
    (array([1, 2]), array([[2., 3.]]))
    """
    parts = system.over_columns(partial(_chosen, choose), system.positions, *vectors).parts
    parts = tuple(sorted(parts, key=lambda part: int(part.positions[0]) if part.size else -1))
    return Gathered(
        positions=np.concatenate([part.positions for part in parts]),
        columns=np.concatenate([part.columns for part in parts], axis=1),
        vectors=tuple(np.concatenate(each) for each in zip(*(part.vectors for part in parts), strict=True)),
    )


@dataclass(frozen=True, slots=True)
class _Parts:
    """What was gathered from some pieces."""

    parts: tuple[Gathered, ...]

    def __add__(self, other: _Parts) -> _Parts:
        return _Parts(self.parts + other.parts)


def _chosen(choose: Callable[..., Any], A: Any, positions: Index, *vectors: Vector) -> _Parts:
    index = choose(A, *vectors)
    found = tuple(np.array(vector[index]) for vector in vectors)
    return _Parts((Gathered(positions=positions[index].copy(), columns=np.array(dense(A[:, index])), vectors=found),))


def thinned(system: LinearSystem, *vectors: Any, entries: int = settings.SAMPLED) -> tuple[Gathered, Vector]:
    """One of so many columns, all where they are few, and the logarithms of how many each stands for."""
    n_rows, n_columns = system.shape
    stride = 1
    if n_rows * n_columns > settings.GATHERED_WHOLE:
        stride = max(settings.THINNED, -(-n_rows * n_columns // entries))
    found = gathered(system, partial(_every, stride), *vectors)
    return found, np.full(found.size, np.log(n_columns / found.size))


def _every(stride: int, A: Any, *vectors: Vector) -> slice:  # noqa: ARG001 - it goes by position alone
    return slice(0, None, stride)


def heaviest(system: LinearSystem, scores: Any, *vectors: Any, above: float = -np.inf) -> Gathered:
    """Of every piece of the columns those with the highest scores above a bound, some thousands in all."""
    return gathered(system, partial(_highest, *system.shape, above), scores, *vectors)


def _highest(n_rows: int, n_columns: int, above: float, A: Any, scores: Vector, *others: Vector) -> Index:  # noqa: ARG001
    most = max(2 * n_rows, -(-settings.HEAVIEST * scores.size // n_columns))
    candidates = np.flatnonzero(scores > above)
    if candidates.size <= most:
        return candidates
    return np.sort(candidates[np.argpartition(scores[candidates], -most)[-most:]])


def independent_rows(system: LinearSystem, sample: Gathered | None = None) -> Index:
    """The rows that the others do not say: those of a sample of the columns, held against all of them.

    Examples
    --------
    >>> independent_rows(LinearSystem([[1.0, 2.0], [2.0, 4.0], [1.0, 0.0]], [3.0, 6.0, 1.0])).size
    2
    """

    def found() -> Index:
        return _independent(system, thinned(system)[0] if sample is None else replace(sample, vectors=()))

    return system.remember("independent rows", found)


def _independent(system: LinearSystem, sample: Gathered) -> Index:
    rows = split_rows(sample.with_terms())
    if rows.dropped.size == 0 or sample.size == system.shape[1]:
        return rows.kept
    broken = heaviest(system, system.each_column(partial(_broken, rows.relations)), above=1.0)
    return _independent(system, sample.with_others(replace(broken, vectors=()))) if broken.size else rows.kept


def _broken(relations: Matrix, A: Any) -> Vector:
    """By how much each column misses relations Z A = 0 between rows, in roundings of its terms."""
    terms = np.abs(relations) @ abs(A)
    return np.asarray((np.abs(relations @ A) / np.where(terms > 0.0, ROUNDINGS * terms, 1.0)).max(axis=0))


def risen(system: LinearSystem, z: Vector, *vectors: Any, alive: Any = 1.0) -> Gathered:
    """The columns with a_j'z > 0 beyond its rounding that rise most, of those with ``alive`` not zero.

    Where there is none and y'z > 0, z proves that no x >= 0 of them solves A x = y.
    """
    alive = np.broadcast_to(alive, system.shape[1:]) if np.shape(alive) == () else alive
    return without_scores(heaviest(system, system.each_column(partial(_rise, z), alive), *vectors, above=0.0))


def _rise(z: Vector, A: Any, alive: Vector) -> Vector:
    rise = A.T @ z - ROUNDINGS * (abs(A).T @ np.abs(z))
    return np.where(alive != 0.0, rise, -np.inf)


def separates_all(system: LinearSystem, z: Vector, alive: Any = 1.0) -> bool:
    """Whether A'z <= 0 < y'z beyond rounding, on the columns with ``alive`` not zero: one pass."""
    beyond = float(system.y @ z) > ROUNDINGS * float(np.abs(system.y) @ np.abs(z))
    return beyond and risen(system, z, alive=alive).size == 0


def without_scores(found: Gathered) -> Gathered:
    """What `heaviest` found without the scores it went by."""
    return replace(found, vectors=found.vectors[1:])


class Matter(NamedTuple):
    """What of a point matters.

    Attributes
    ----------
    size : int
        How many columns do.
    found : Gathered or None
        They, with log x and the vectors asked for, None where they are too many.
    neglected : float
        What the others may change in log x, at most.
    """

    size: int
    found: Gathered | None
    neglected: float


def that_matter(system: LinearSystem, log_x: Any, *vectors: Any) -> Matter:
    """The columns of a point x that do not vanish beside the lightest of a basis of the heaviest columns.

    The Newton step in log x at x solves equations that a basis of the heaviest columns balances: in each row there is
    a term of the size of its basic entry, so that columns which together are below rounding of the lightest of these
    change no log x by more than that.
    """
    floor = _lightest_of_basis(heaviest(system, log_x))
    cut = floor + np.log(settings.NEGLECTED) - np.log(system.shape[1])
    count, rest = system.over_columns(partial(_light, cut), log_x).of_two
    if count * system.shape[0] > settings.GATHERED:
        return Matter(count, None, np.inf)
    found = gathered(system, partial(_above, cut), log_x, *vectors)
    return Matter(count, found, rest * float(np.exp(cut - floor)))


@dataclass(frozen=True, slots=True)
class _Two:
    """Two sums at once."""

    of_two: tuple[int, float]

    def __add__(self, other: _Two) -> _Two:
        return _Two((self.of_two[0] + other.of_two[0], self.of_two[1] + other.of_two[1]))


def _light(cut: float, A: Any, log_x: Vector) -> _Two:
    """How many entries of x are above the cut, and the others together in units of it, with their columns' sizes."""
    heavy: Mask = log_x > cut
    light = np.where(heavy, -np.inf, log_x - cut)
    return _Two((int(heavy.sum()), float((np.exp(light) * abs(A).max(axis=0)).sum())))


def _above(cut: float, A: Any, log_x: Vector, *others: Vector) -> Mask:  # noqa: ARG001 - it goes by log x alone
    return log_x > cut


def _lightest_of_basis(found: Gathered) -> float:
    """The smallest log x among independent columns taken in the order of x, with the size of the column."""
    (log_x, *_), columns = found.vectors, found.columns
    sizes = np.sqrt((columns * columns).sum(axis=0))
    weights = log_x + np.log(sizes)
    basis = np.zeros((columns.shape[0], 0))
    floor = -np.inf
    for j in np.argsort(-weights, kind="stable"):
        if basis.shape[1] == columns.shape[0] or not np.isfinite(weights[j]):
            break
        column = columns[:, j] / sizes[j]
        column = column - basis @ (basis.T @ column)
        column = column - basis @ (basis.T @ column)
        rest = float(np.linalg.norm(column))
        if rest > settings.POOR:
            basis, floor = np.column_stack([basis, column / rest]), float(weights[j] + np.log(rest))
    return floor
