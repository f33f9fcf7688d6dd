"""Units of rows and columns: powers of two, so that dividing by them rounds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Matrix, Vector

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

_ROUNDS = 10


def row_units(A: Matrix) -> Vector:
    """Powers of two near the largest entries of the rows, once rows and columns have geometric mean one.

    The means are what Curtis & Reid (1972) fit to the logarithms: scaling A changes the units and nothing else.
    """
    nonzero = A != 0
    sizes = np.log2(np.abs(A), where=nonzero, out=np.zeros(A.shape))
    pattern = nonzero.astype(np.float64)
    in_row, in_column = (np.maximum(pattern.sum(axis=axis), 1.0) for axis in (1, 0))
    rows, columns = np.zeros(A.shape[0]), np.zeros(A.shape[1])
    for _ in range(_ROUNDS):
        rows = (sizes.sum(axis=1) - pattern @ columns) / in_row
        columns = (sizes.sum(axis=0) - rows @ pattern) / in_column
    largest = np.where(nonzero, sizes - columns, -np.inf).max(axis=1)
    return np.asarray(2.0 ** np.round(np.where(nonzero.any(axis=1), largest, 0.0)))


def mean_units(system: LinearSystem) -> tuple[Vector, Vector]:
    """Units of rows, then of columns, in which their mean entry is near one; zero rows and columns keep one.

    Two passes over A: the columns of the scaled matrix have 1-norms within a factor of root two of sqrt(N).
    """
    n_rows, n_columns = system.shape
    rows = power_of_two(system.abs_matvec(np.ones(n_columns)) / n_columns)
    return rows, power_of_two(system.abs_rmatvec(1 / rows) / np.sqrt(n_rows))


def power_of_two(sizes: Vector) -> Vector:
    """The nearest powers of two that are floats; one for zero."""
    return np.asarray(2.0 ** np.minimum(np.round(np.log2(np.where(sizes > 0, sizes, 1.0))), 1023))
