"""Vertices, counted one by one in fractions: what the theory says of small systems, found by brute force."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from flint import fmpq, fmpq_mat
from numpy.typing import NDArray

from .rational import columns_of, entries, exact_column, exact_matrix, left_kernel, rational, rows_of, solution

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# Bases beyond this number take seconds.
MOST_BASES = 2500


class TooManyError(ArithmeticError):
    """There are too many bases to look at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimisers:
    """The vertices of {x >= 0 : A x = y} at which c'x is least; their hull is all minimisers, for c > 0."""

    value: fmpq
    vertices: list[list[fmpq]]

    @property
    def unique(self) -> bool:
        """Whether there is one only."""
        return len(self.vertices) == 1

    @property
    def support(self) -> list[int]:
        """Where some minimiser is positive."""
        return [j for j in range(len(self.vertices[0])) if any(vertex[j] for vertex in self.vertices)]


def vertices(A: fmpq_mat, y: fmpq_mat) -> Iterator[list[fmpq]]:
    """All vertices of {x >= 0 : A x = y}, each once."""
    reduced, rank = fmpq_mat([[*row, value] for row, value in zip(A.table(), entries(y), strict=True)]).rref()
    n_columns, seen = A.ncols(), set()
    if math.comb(n_columns, rank) > MOST_BASES:
        raise TooManyError(f"{math.comb(n_columns, rank)} bases")
    rows = rows_of(reduced, list(range(rank)))
    right = columns_of(rows, [n_columns])
    for chosen in combinations(range(n_columns), rank):
        try:
            values = entries(columns_of(rows, list(chosen)).solve(right))
        except ZeroDivisionError:
            continue
        if all(value >= 0 for value in values):
            x = [fmpq(0)] * n_columns
            for j, value in zip(chosen, values, strict=True):
                x[j] = value
            if tuple(x) not in seen:
                seen.add(tuple(x))
                yield x


def minimisers(A: Matrix, y: Vector, cost: Vector) -> Minimisers | None:
    """The minimisers of c'x, c > 0; None where nothing is feasible."""
    c = [rational(value) for value in cost.tolist()]
    found = [(_dot(c, x), x) for x in vertices(exact_matrix(A), exact_column(y))]
    if not found:
        return None
    least = min(value for value, _ in found)
    return Minimisers(value=least, vertices=[x for value, x in found if value == least])


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelVertex:
    """A kernel vector n, n >= 0 off S with sum 1 there, in its two parts."""

    on: list[fmpq]
    off: list[fmpq]


def kernel_vertices(A: Matrix, support: list[int]) -> list[KernelVertex]:
    """The vertices of {n in ker A : n >= 0 off S, sum of n off S = 1}, up to kernel vectors on S."""
    exact, outside = exact_matrix(A), [j for j in range(A.shape[1]) if j not in set(support)]
    if not outside:
        return []
    on, off = columns_of(exact, support), columns_of(exact, outside)
    C = left_kernel(on).transpose() * off
    conditions = [*(C.table() if C.nrows() else []), [fmpq(1)] * len(outside)]
    right = fmpq_mat(len(conditions), 1, [fmpq(0)] * (len(conditions) - 1) + [fmpq(1)])
    return [
        KernelVertex(on=solution(on, off * fmpq_mat(len(p), 1, [-value for value in p])), off=p)
        for p in vertices(fmpq_mat(conditions), right)
    ]


def rate(found: list[KernelVertex], support: list[int], cost: Vector) -> fmpq:
    """The least of c'n over the kernel vectors: the exponent of the deviation."""
    inside = set(support)
    c_on = [rational(cost[j]) for j in support]
    c_off = [rational(value) for j, value in enumerate(cost.tolist()) if j not in inside]
    return min(_dot(c_on, n.on) + _dot(c_off, n.off) for n in found)


def constants(found: list[KernelVertex]) -> dict[str, fmpq]:
    """The null-space constants (II.1) and (II.2), maxima of convex functions and hence attained at vertices."""
    return {
        "rho": max(-sum(n.on, fmpq(0)) for n in found),
        "rho_tilde": max(sum((abs(value) for value in n.on), fmpq(0)) for n in found),
        "rho_minus": max(sum((-value for value in n.on if value < 0), fmpq(0)) for n in found),
    }


def _dot(left: list[fmpq], right: list[fmpq]) -> fmpq:
    return sum((a * b for a, b in zip(left, right, strict=True)), fmpq(0))
