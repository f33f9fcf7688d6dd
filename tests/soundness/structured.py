"""Families with a structure that is known: networks, cubes, exact ties, and blocks that nothing connects."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from .cases import FAMILIES, Block, Matrix, System, family
from .families import integer_matrix, nonzero, sparse_point

BLOCKS_OF = ("integers", "binary", "forced_zeros", "opposite_columns", "square", "one_row", "gaussian")


def incidence(n: int, m: int) -> Matrix:
    return np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])


@family
def transport(rng: Generator) -> System:
    """Marginals of an n x m table, one of them redundant, with costs."""
    n, m = rng.integers(2, 6, 2).tolist()
    A = incidence(n, m)
    plan = rng.integers(0, 4, n * m).astype(float) if rng.random() < 0.5 else rng.random(n * m)
    cost = rng.integers(0, 6, n * m).astype(float) if rng.random() < 0.5 else rng.random(n * m)
    return System(A, nonzero(A @ plan), cost)


@family
def assignment(rng: Generator) -> System:
    """Doubly stochastic matrices with integer costs: many ties."""
    n = int(rng.integers(2, 6))
    return System(incidence(n, n), np.ones(2 * n), rng.integers(0, 5, n * n).astype(float))


@family
def klee_minty(rng: Generator) -> System:
    """The cube of Klee and Minty with its slacks, in the costs that lead the simplex method through every vertex."""
    n = int(rng.integers(2, 7))
    i, j = np.indices((n, n))
    A = np.hstack([np.where(i > j, 2.0 ** (i - j + 1), 0.0) + np.eye(n), np.eye(n)])
    cost = np.r_[-(2.0 ** np.arange(n - 1, -1, -1)), np.zeros(n)] / 2.0 ** (n - 1)
    return System(A, 5.0 ** np.arange(1, n + 1), cost if rng.random() < 0.7 else None)


@family
def ties(rng: Generator) -> System:
    """Costs c = A'mu on many columns, more on the others: every feasible point of these columns is a minimiser."""
    A = integer_matrix(rng)
    mu = rng.integers(-2, 3, A.shape[0]).astype(float)
    tied = rng.random(A.shape[1]) < 0.6
    tied[0] = True
    cost = A.T @ mu + np.where(tied, 0.0, rng.integers(1, 4, A.shape[1]))
    return System(A, nonzero(A @ (sparse_point(rng, A.shape[1]) * tied)), cost)


@family
def blocks(rng: Generator) -> System:
    """Hundreds of columns, rows and columns in any order: small systems that nothing connects."""
    names = rng.choice(BLOCKS_OF, int(rng.integers(12, 31)))
    parts = [FAMILIES[name](rng) for name in names]
    sizes = np.array([part.A.shape for part in parts])
    rows, columns = (rng.permutation(total) for total in sizes.sum(axis=0))
    ends = np.cumsum(sizes, axis=0)
    placed = tuple(
        Block(np.sort(rows[end[0] - size[0] : end[0]]), np.sort(columns[end[1] - size[1] : end[1]]))
        for size, end in zip(sizes, ends, strict=True)
    )
    A, y, as_drawn = np.zeros(sizes.sum(axis=0)), np.zeros(rows.size), rng.random() < 0.1
    for block, part in zip(placed, parts, strict=True):
        A[np.ix_(block.rows, block.columns)] = part.A
        y[block.rows] = part.y if as_drawn else part.A @ sparse_point(rng, part.A.shape[1])
    return System(A, nonzero(y), blocks=placed)
