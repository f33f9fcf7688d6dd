"""Seeded families of systems that have made solvers certify falsehoods.

What they have in common is that rounding decides something about them: a rank, a zero, a sign, a tie.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from .cases import Matrix, System, Vector, family


def shape(rng: Generator, most_rows: int = 7, most_columns: int = 16) -> tuple[int, int]:
    n_rows = int(rng.integers(1, most_rows + 1))
    return n_rows, int(rng.integers(n_rows, max(n_rows + 2, most_columns + 1)))


def sparse_point(rng: Generator, n_columns: int, most: int | None = None) -> Vector:
    """A nonnegative vector of few small integers."""
    x = np.zeros(n_columns)
    size = int(rng.integers(1, max(2, (most or n_columns) + 1)))
    x[rng.choice(n_columns, min(size, n_columns), replace=False)] = rng.integers(1, 6, min(size, n_columns))
    return x


def nonzero(y: Vector) -> Vector:
    """A right-hand side that is not all zero."""
    if not y.any():
        y = y.copy()
        y[0] = 1.0
    return y


def integer_matrix(rng: Generator, low: int = -3, high: int = 4) -> Matrix:
    return rng.integers(low, high, shape(rng)).astype(float)


@family
def integers(rng: Generator) -> System:
    """Small integers and a sparse point: y is exact."""
    A = integer_matrix(rng)
    return System(A, nonzero(A @ sparse_point(rng, A.shape[1])))


@family
def any_integers(rng: Generator) -> System:
    """Small integers and any y: often infeasible."""
    A = integer_matrix(rng)
    return System(A, nonzero(rng.integers(-3, 6, A.shape[0]).astype(float)))


@family
def binary(rng: Generator) -> System:
    """Zeros and ones."""
    A = (rng.random(shape(rng)) < 0.5).astype(float)
    return System(A, nonzero(A @ sparse_point(rng, A.shape[1])))


@family
def signs(rng: Generator) -> System:
    """Plus and minus one."""
    A = rng.choice([-1.0, 1.0], shape(rng))
    return System(A, nonzero(A @ sparse_point(rng, A.shape[1])))


@family
def dependent_rows(rng: Generator) -> System:
    """Rows repeated and added up; y as floats compute it, hence consistent only to rounding."""
    A = integer_matrix(rng) if rng.random() < 0.5 else rng.standard_normal(shape(rng))
    mix = rng.integers(-2, 3, (int(rng.integers(1, 4)), A.shape[0])).astype(float)
    A = np.vstack([A, A[:1], mix @ A])
    return System(A, nonzero(A @ sparse_point(rng, A.shape[1])))


@family
def near_ties(rng: Generator) -> System:
    """Columns whose costs tie in the limit but for 2^-k."""
    A = np.abs(integer_matrix(rng, 0, 4)) + (rng.random() < 0.5)
    A = np.hstack([A, A * (1 - 2.0 ** -rng.integers(20, 53, A.shape[1]))])
    return System(A, nonzero(A @ sparse_point(rng, A.shape[1], most=3)))


@family
def opposite_columns(rng: Generator) -> System:
    """Duplicates and opposites of columns."""
    A = integer_matrix(rng)
    picked = A[:, rng.integers(0, A.shape[1], 4)]
    A = np.hstack([A, picked[:, :2], -picked[:, 2:]])
    return System(A, nonzero(A @ sparse_point(rng, A.shape[1], most=5)))


@family
def forced_zeros(rng: Generator) -> System:
    """A combination of the rows that is nonnegative and has y'z = 0: coordinates that must vanish."""
    A = integer_matrix(rng)
    face = np.abs(rng.integers(-2, 3, A.shape[1])).astype(float)
    A = np.vstack([A, face])
    x = sparse_point(rng, A.shape[1]) * (face == 0)
    rotation = rng.integers(-2, 3, (A.shape[0], A.shape[0])).astype(float) + 3 * np.eye(A.shape[0])
    if rng.random() < 0.3:
        rotation = rng.standard_normal(rotation.shape)
    A = rotation @ A
    return System(A, nonzero(A @ x))


@family
def costs(rng: Generator) -> System:
    """Costs that tie, vanish or differ in sign."""
    A = integer_matrix(rng)
    choice = rng.integers(0, 3)
    cost = rng.integers(-1, 4, A.shape[1]) if choice == 0 else rng.random(A.shape[1]) * choice
    return System(A, nonzero(A @ sparse_point(rng, A.shape[1])), cost.astype(float))


@family
def small_right_hand_side(rng: Generator) -> System:
    """All of y by a power of two, up to 2^+-500."""
    A = integer_matrix(rng) if rng.random() < 0.5 else rng.standard_normal(shape(rng))
    size = 2.0 ** int(rng.choice([-500, -300, -40, -20, 20, 40, 300, 500]))
    return System(A, nonzero(A @ sparse_point(rng, A.shape[1])) * size)


@family
def dyadic(rng: Generator) -> System:
    """Few bits, |A| <= 6, about 19 x 64, mostly zeros: the inverse of a basis has zeros, the computed one noise."""
    size = int(rng.integers(17, 21)), int(rng.integers(56, 68))
    match int(rng.integers(0, 4)):
        case 0:
            A = rng.integers(-6, 7, size).astype(float)
        case 1:
            A = rng.integers(-24, 25, size) / 4.0
        case 2:
            A = np.clip(np.round(2.0**20 * rng.standard_normal(size)) / 2.0**20, -6.0, 6.0)
        case _:
            A = rng.choice([-1.0, 1.0], size) * np.exp2(rng.integers(-10, 3, size))
    A = A * (rng.random(size) < rng.choice([0.08, 0.12, 0.2, 0.3, 0.7]))
    return System(A, nonzero(A @ sparse_point(rng, size[1], most=10)))


@family
def gaussian(rng: Generator) -> System:
    """Gaussian with a sparse point: y is A x rounded, hence in the span of the support only to rounding."""
    n_rows = int(rng.integers(5, 13))
    A = rng.standard_normal((n_rows, int(rng.integers(12, 41))))
    x = np.zeros(A.shape[1])
    sparsity = int(rng.integers(1, n_rows // 2 + 1))
    x[rng.choice(x.size, sparsity, replace=False)] = 10.0 ** rng.uniform(-2, 1, sparsity)
    return System(A, A @ x)


@family
def generic(rng: Generator) -> System:
    """Gaussian with a full point: a vertex of N entries is the minimiser."""
    n_rows = int(rng.integers(5, 13))
    A = rng.standard_normal((n_rows, int(rng.integers(12, 41))))
    return System(A, A @ rng.random(A.shape[1]))


@family
def decimals(rng: Generator) -> System:
    """Tenths, which floats do not hold: exact facts in decimals are true only to rounding."""
    A = np.round(rng.integers(-9, 10, shape(rng)) * 0.1, 1)
    A = np.vstack([A, A.sum(axis=0)])
    return System(A, nonzero(A @ (sparse_point(rng, A.shape[1]) * 0.1)))


@family
def tall(rng: Generator) -> System:
    """More rows than columns, all but a few of them redundant: often one point, or none, is feasible."""
    n_columns = int(rng.integers(1, 7))
    A = rng.integers(-3, 4, (n_columns + int(rng.integers(1, 6)), n_columns)).astype(float)
    if rng.random() < 0.5:
        A = rng.integers(-2, 3, (A.shape[0], 2)).astype(float) @ A[:2]
    x = sparse_point(rng, n_columns) if rng.random() < 0.5 else rng.integers(1, 6, n_columns).astype(float)
    return System(A, nonzero(A @ x))


@family
def square(rng: Generator) -> System:
    """As many rows as columns: one point, unless the matrix is singular."""
    n = int(rng.integers(1, 9))
    A = rng.integers(-3, 4, (n, n)).astype(float) if rng.random() < 0.7 else rng.standard_normal((n, n))
    x = sparse_point(rng, n) if rng.random() < 0.5 else rng.integers(1, 6, n).astype(float)
    return System(A, nonzero(A @ x))


@family
def one_row(rng: Generator) -> System:
    """N = 1: entries of any sign and size, zeros among them."""
    n_columns = int(rng.integers(1, 13))
    A = rng.integers(-3, 6, (1, n_columns)).astype(float)
    if rng.random() < 0.5:
        A *= 10.0 ** rng.uniform(-6, 6, n_columns)
    return System(A, nonzero(A @ sparse_point(rng, n_columns)))


@family
def priors(rng: Generator) -> System:
    """Priors over decades, some entries exactly zero; sometimes with costs."""
    A = integer_matrix(rng) if rng.random() < 0.7 else rng.standard_normal(shape(rng))
    n_columns = A.shape[1]
    prior = 10.0 ** rng.uniform(*rng.choice([(-2, 2), (-12, 12), (-300, 300)]), n_columns)
    x = sparse_point(rng, n_columns)
    zero = rng.random(n_columns) < 0.15
    if rng.random() < 0.8:
        x[zero] = 0.0
    prior[zero] = 0.0
    if not prior.any():
        prior[0] = 1.0
    cost = rng.integers(0, 4, n_columns).astype(float) if rng.random() < 0.3 else None
    return System(A, nonzero(A @ x), cost, prior)
