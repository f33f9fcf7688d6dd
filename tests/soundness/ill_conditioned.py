"""Families whose answers hang on the last digits of their data: near dependence, near infeasibility, far scales."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from .cases import System, ill_conditioned
from .families import integer_matrix, nonzero, shape, sparse_point


@ill_conditioned
def inconsistent_rows(rng: Generator) -> System:
    """A row repeated, with another y: off by 1e-14 to 1e-2."""
    A = integer_matrix(rng)
    A = np.vstack([A, A[0]])
    y = nonzero(A @ sparse_point(rng, A.shape[1]))
    y[-1] += max(1.0, abs(y[-1])) * 10.0 ** rng.uniform(-14, -2) * rng.choice([-1, 1])
    return System(A, y)


@ill_conditioned
def nearly_dependent_rows(rng: Generator) -> System:
    """A row that equals another but for 2^-k in a few entries."""
    A = integer_matrix(rng)
    row = A[0] + 2.0 ** -int(rng.integers(20, 53)) * rng.integers(-2, 3, A.shape[1])
    A = np.vstack([A, row])
    x = sparse_point(rng, A.shape[1]) * (1.0 if rng.random() < 0.5 else 0.5)
    y = A @ x
    if rng.random() < 0.3:
        y[-1] = y[0] + 2.0 ** -int(rng.integers(20, 50)) * float(rng.integers(-3, 6))
    return System(A, nonzero(y))


@ill_conditioned
def nearly_dependent_columns(rng: Generator) -> System:
    """Columns that equal others but for 2^-k."""
    A = integer_matrix(rng)
    copies = A[:, rng.integers(0, A.shape[1], 3)]
    A = np.hstack([A, copies + 2.0 ** -int(rng.integers(20, 53)) * rng.integers(-2, 3, copies.shape)])
    return System(A, nonzero(A @ sparse_point(rng, A.shape[1])))


@ill_conditioned
def nearly_infeasible(rng: Generator) -> System:
    """A y on the boundary of the cone of A, moved in or out by 1e-14 to 1e-2."""
    A = np.abs(integer_matrix(rng, 0, 4))
    A[0] = np.abs(rng.integers(0, 2, A.shape[1]))
    x = sparse_point(rng, A.shape[1]) * (A[0] == 0)
    y = A @ x
    y[0] = 10.0 ** rng.uniform(-14, -2) * rng.choice([-1, 1])
    rotation = rng.integers(-2, 3, (A.shape[0], A.shape[0])).astype(float) + 3 * np.eye(A.shape[0])
    return System(rotation @ A, nonzero(rotation @ y))


@ill_conditioned
def vandermonde(rng: Generator) -> System:
    """Moments of a few atoms."""
    n_rows, n_columns = shape(rng)
    points = np.arange(1.0, n_columns + 1) / (n_columns if rng.random() < 0.5 else 1.0)
    A = np.array([points**k for k in range(n_rows)])
    return System(A, nonzero(A @ sparse_point(rng, n_columns, most=4)))


@ill_conditioned
def hilbert(rng: Generator) -> System:
    """1 / (i + j)."""
    n_rows, n_columns = shape(rng)
    A = 1.0 / (np.arange(1.0, n_rows + 1)[:, None] + np.arange(float(n_columns)))
    return System(A, nonzero(A @ sparse_point(rng, n_columns, most=4)))


def _scaled(rng: Generator, most: int) -> System:
    A = integer_matrix(rng) if rng.random() < 0.5 else rng.standard_normal(shape(rng))
    x = sparse_point(rng, A.shape[1])
    which = int(rng.integers(0, 3))
    rows = np.exp2(rng.integers(-most, most + 1, A.shape[0]) * float(which != 1))
    columns = np.exp2(rng.integers(-most, most + 1, A.shape[1]) * float(which != 0))
    A = A * rows[:, None] * columns
    return System(A, nonzero(A @ (x / columns)))


@ill_conditioned
def scaled(rng: Generator) -> System:
    """Rows and columns in units that differ by up to 2^80."""
    return _scaled(rng, 40)


@ill_conditioned
def extremely_scaled(rng: Generator) -> System:
    """Rows and columns in units of 2^+-500: products of two reach the ends of the range of doubles."""
    return _scaled(rng, int(rng.choice([300, 500])))


@ill_conditioned
def two_scales(rng: Generator) -> System:
    """A point whose entries span up to sixteen decades."""
    A = integer_matrix(rng) if rng.random() < 0.5 else rng.standard_normal(shape(rng))
    x = sparse_point(rng, A.shape[1])
    return System(A, nonzero(A @ (x * 10.0 ** rng.integers(-16, 1, x.size))))
