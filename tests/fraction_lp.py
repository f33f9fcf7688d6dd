"""Linear programs of a few columns by enumeration of all bases in Fractions: nothing of the package, no rounding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations

import numpy as np

Column = list[Fraction]


def fractions(values: Sequence[float] | np.ndarray) -> Column:
    return [Fraction(float(value)) for value in values]


def columns_of(A: np.ndarray) -> list[Column]:
    return [fractions(column) for column in np.asarray(A, dtype=float).T]


def unique_solution(columns: list[Column], right: Column) -> Column | None:
    """The only x with sum x_j a_j = right; None where there is none, or more than one."""
    rows = [[column[i] for column in columns] + [right[i]] for i in range(len(right))]
    pivots = 0
    for j in range(len(columns)):
        pivot = next((i for i in range(pivots, len(rows)) if rows[i][j]), None)
        if pivot is None:
            return None
        rows[pivots], rows[pivot] = rows[pivot], rows[pivots]
        rows[pivots] = [value / rows[pivots][j] for value in rows[pivots]]
        for i in range(len(rows)):
            if i != pivots and rows[i][j]:
                rows[i] = [a - rows[i][j] * b for a, b in zip(rows[i], rows[pivots], strict=True)]
        pivots += 1
    if any(row[-1] for row in rows[pivots:]):
        return None
    return [row[-1] for row in rows[:pivots]]


def vertices(A: np.ndarray, y: Sequence[float], free: Sequence[int] = ()) -> Iterator[Column]:
    """Every vertex of {x : A x = y, x_j >= 0 but for the free ones}; the free columns must be independent."""
    columns, right = columns_of(A), fractions(y)
    others = [j for j in range(len(columns)) if j not in set(free)]
    for size in range(len(right) - len(free) + 1):
        for chosen in combinations(others, size):
            basis = [*free, *chosen]
            values = unique_solution([columns[j] for j in basis], right)
            if values is not None and all(value > 0 for value in values[len(free) :]):
                x = [Fraction(0)] * len(columns)
                for j, value in zip(basis, values, strict=True):
                    x[j] = value
                yield x


def minimisers(A: np.ndarray, y: Sequence[float], cost: Sequence[float]) -> tuple[Fraction, list[Column]] | None:
    """The least cost'x and the vertices where it is attained, for a positive cost; None where nothing is feasible."""
    weights = fractions(cost)
    found = [(sum(c * v for c, v in zip(weights, x, strict=True)), x) for x in vertices(A, y)]
    if not found:
        return None
    least = min(value for value, _ in found)
    best: list[Column] = []
    for value, x in found:
        if value == least and x not in best:
            best.append(x)
    return least, best


def constants(A: np.ndarray, support: Sequence[int]) -> dict[str, Fraction] | None:
    """The null-space constants of a support with independent columns; None where the kernel cone is trivial."""
    bordered = np.vstack([A, [0.0 if j in set(support) else 1.0 for j in range(A.shape[1])]])
    right = [0.0] * A.shape[0] + [1.0]
    n_S = [[x[i] for i in support] for x in vertices(bordered, right, support)]
    if not n_S:
        return None
    return {
        "rho": max(-sum(n) for n in n_S),
        "rho_tilde": max(sum(map(abs, n)) for n in n_S),
        "rho_minus": max(sum(max(-v, Fraction(0)) for v in n) for n in n_S),
    }
