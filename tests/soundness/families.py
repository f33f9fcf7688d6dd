"""Seeded families of systems that have made solvers certify falsehoods, and the cases that did.

``draw(family, seed, index)`` is reproducible for each triple alone. Every system is small: what they have in
common is that rounding decides something about them - a rank, a zero, a sign, a tie.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One projection to compute: its name, data and prior exp(log_alpha * cost)."""

    name: str
    A: Matrix
    y: Vector
    log_alpha: float
    cost: Vector | None = None


System = tuple[Matrix, Vector] | tuple[Matrix, Vector, Vector]
FAMILIES: dict[str, Callable[[Generator], System]] = {}

SAVED = Path(__file__).parent / "dyadic.json"

# From the size where nothing is small, over the ranges of doubles, to where only logarithms remain.
LOG_ALPHAS = (5.0, 0.0, -1.0, -4.6, -13.8, -23.0, -34.5, -69.0, -230.0, -690.8, -2302.6, -1e4)
RARE_LOG_ALPHA, RARE = -1e5, 0.02


def family(make: Callable[[Generator], System]) -> Callable[[Generator], System]:
    """Register a generator under its name."""
    FAMILIES[make.__name__] = make
    return make


def draw(name: str, seed: int, index: int) -> Case:
    """Case number ``index`` of a family."""
    rng = np.random.default_rng([seed, index, *name.encode()])
    log_alpha = RARE_LOG_ALPHA if rng.random() < RARE else float(rng.choice(LOG_ALPHAS))
    A, y, *cost = FAMILIES[name](rng)
    return Case(
        name=f"{name}/{seed}/{index}",
        A=np.ascontiguousarray(A, dtype=float),
        y=np.asarray(y, dtype=float),
        log_alpha=log_alpha,
        cost=np.asarray(cost[0], dtype=float) if cost and log_alpha else None,  # at alpha = 1 no cost counts
    )


def _shape(rng: Generator, most_rows: int = 7, most_columns: int = 16) -> tuple[int, int]:
    n_rows = int(rng.integers(1, most_rows + 1))
    return n_rows, int(rng.integers(n_rows, max(n_rows + 2, most_columns + 1)))


def _sparse_point(rng: Generator, n_columns: int, most: int | None = None) -> Vector:
    """A nonnegative vector of few small integers."""
    x = np.zeros(n_columns)
    size = int(rng.integers(1, max(2, (most or n_columns) + 1)))
    x[rng.choice(n_columns, min(size, n_columns), replace=False)] = rng.integers(1, 6, min(size, n_columns))
    return x


def _nonzero(y: Vector) -> Vector:
    """A right-hand side that is not all zero."""
    if not y.any():
        y = y.copy()
        y[0] = 1.0
    return y


def _integer_matrix(rng: Generator, low: int = -3, high: int = 4) -> Matrix:
    return rng.integers(low, high, _shape(rng)).astype(float)


@family
def integers(rng: Generator) -> System:
    """Small integers and a sparse point: y is exact."""
    A = _integer_matrix(rng)
    return A, _nonzero(A @ _sparse_point(rng, A.shape[1]))


@family
def any_integers(rng: Generator) -> System:
    """Small integers and any y: often infeasible."""
    A = _integer_matrix(rng)
    return A, _nonzero(rng.integers(-3, 6, A.shape[0]).astype(float))


@family
def binary(rng: Generator) -> System:
    """Zeros and ones."""
    A = (rng.random(_shape(rng)) < 0.5).astype(float)
    return A, _nonzero(A @ _sparse_point(rng, A.shape[1]))


@family
def signs(rng: Generator) -> System:
    """Plus and minus one."""
    A = rng.choice([-1.0, 1.0], _shape(rng))
    return A, _nonzero(A @ _sparse_point(rng, A.shape[1]))


@family
def dependent_rows(rng: Generator) -> System:
    """Rows repeated and added up; y as floats compute it, hence consistent only to rounding."""
    A = _integer_matrix(rng) if rng.random() < 0.5 else rng.standard_normal(_shape(rng))
    mix = rng.integers(-2, 3, (int(rng.integers(1, 4)), A.shape[0])).astype(float)
    A = np.vstack([A, A[:1], mix @ A])
    return A, _nonzero(A @ _sparse_point(rng, A.shape[1]))


@family
def inconsistent_rows(rng: Generator) -> System:
    """A row repeated, with another y: off by 1e-14 to 1e-2."""
    A = _integer_matrix(rng)
    A = np.vstack([A, A[0]])
    y = _nonzero(A @ _sparse_point(rng, A.shape[1]))
    y[-1] += max(1.0, abs(y[-1])) * 10.0 ** rng.uniform(-14, -2) * rng.choice([-1, 1])
    return A, y


@family
def nearly_dependent_rows(rng: Generator) -> System:
    """A row that equals another but for 2^-k in a few entries."""
    A = _integer_matrix(rng)
    row = A[0] + 2.0 ** -int(rng.integers(20, 53)) * rng.integers(-2, 3, A.shape[1])
    A = np.vstack([A, row])
    x = _sparse_point(rng, A.shape[1]) * (1.0 if rng.random() < 0.5 else 0.5)
    y = A @ x
    if rng.random() < 0.3:
        y[-1] = y[0] + 2.0 ** -int(rng.integers(20, 50)) * float(rng.integers(-3, 6))
    return A, _nonzero(y)


@family
def nearly_dependent_columns(rng: Generator) -> System:
    """Columns that equal others but for 2^-k."""
    A = _integer_matrix(rng)
    copies = A[:, rng.integers(0, A.shape[1], 3)]
    A = np.hstack([A, copies + 2.0 ** -int(rng.integers(20, 53)) * rng.integers(-2, 3, copies.shape)])
    return A, _nonzero(A @ _sparse_point(rng, A.shape[1]))


@family
def near_ties(rng: Generator) -> System:
    """Columns whose costs tie in the limit but for 2^-k."""
    A = np.abs(_integer_matrix(rng, 0, 4)) + (rng.random() < 0.5)
    A = np.hstack([A, A * (1 - 2.0 ** -rng.integers(20, 53, A.shape[1]))])
    return A, _nonzero(A @ _sparse_point(rng, A.shape[1], most=3))


@family
def nearly_infeasible(rng: Generator) -> System:
    """A y on the boundary of the cone of A, moved in or out by 1e-14 to 1e-2."""
    A = np.abs(_integer_matrix(rng, 0, 4))
    A[0] = np.abs(rng.integers(0, 2, A.shape[1]))
    x = _sparse_point(rng, A.shape[1]) * (A[0] == 0)
    y = A @ x
    y[0] = 10.0 ** rng.uniform(-14, -2) * rng.choice([-1, 1])
    rotation = rng.integers(-2, 3, (A.shape[0], A.shape[0])).astype(float) + 3 * np.eye(A.shape[0])
    return rotation @ A, _nonzero(rotation @ y)


@family
def opposite_columns(rng: Generator) -> System:
    """Duplicates and opposites of columns."""
    A = _integer_matrix(rng)
    picked = A[:, rng.integers(0, A.shape[1], 4)]
    A = np.hstack([A, picked[:, :2], -picked[:, 2:]])
    return A, _nonzero(A @ _sparse_point(rng, A.shape[1], most=5))


@family
def forced_zeros(rng: Generator) -> System:
    """A combination of the rows that is nonnegative and has y'z = 0: coordinates that must vanish."""
    A = _integer_matrix(rng)
    face = np.abs(rng.integers(-2, 3, A.shape[1])).astype(float)
    A = np.vstack([A, face])
    x = _sparse_point(rng, A.shape[1]) * (face == 0)
    rotation = rng.integers(-2, 3, (A.shape[0], A.shape[0])).astype(float) + 3 * np.eye(A.shape[0])
    if rng.random() < 0.3:
        rotation = rng.standard_normal(rotation.shape)
    A = rotation @ A
    return A, _nonzero(A @ x)


def _incidence(n: int, m: int) -> Matrix:
    return np.vstack([np.kron(np.eye(n), np.ones(m)), np.kron(np.ones(n), np.eye(m))])


@family
def transport(rng: Generator) -> System:
    """Marginals of an n x m table, one of them redundant, with costs."""
    n, m = rng.integers(2, 6, 2).tolist()
    A = _incidence(n, m)
    plan = rng.integers(0, 4, n * m).astype(float) if rng.random() < 0.5 else rng.random(n * m)
    cost = rng.integers(0, 6, n * m).astype(float) if rng.random() < 0.5 else rng.random(n * m)
    return A, _nonzero(A @ plan), cost


@family
def assignment(rng: Generator) -> System:
    """Doubly stochastic matrices with integer costs: many ties."""
    n = int(rng.integers(2, 6))
    return _incidence(n, n), np.ones(2 * n), rng.integers(0, 5, n * n).astype(float)


@family
def vandermonde(rng: Generator) -> System:
    """Moments of a few atoms."""
    n_rows, n_columns = _shape(rng)
    points = np.arange(1.0, n_columns + 1) / (n_columns if rng.random() < 0.5 else 1.0)
    A = np.array([points**k for k in range(n_rows)])
    return A, _nonzero(A @ _sparse_point(rng, n_columns, most=4))


@family
def hilbert(rng: Generator) -> System:
    """1 / (i + j)."""
    n_rows, n_columns = _shape(rng)
    A = 1.0 / (np.arange(1.0, n_rows + 1)[:, None] + np.arange(float(n_columns)))
    return A, _nonzero(A @ _sparse_point(rng, n_columns, most=4))


@family
def costs(rng: Generator) -> System:
    """Costs that tie, vanish or differ in sign."""
    A = _integer_matrix(rng)
    choice = rng.integers(0, 3)
    cost = rng.integers(-1, 4, A.shape[1]) if choice == 0 else rng.random(A.shape[1]) * choice
    return A, _nonzero(A @ _sparse_point(rng, A.shape[1])), cost.astype(float)


def _scaled(rng: Generator, most: int) -> System:
    A = _integer_matrix(rng) if rng.random() < 0.5 else rng.standard_normal(_shape(rng))
    x = _sparse_point(rng, A.shape[1])
    which = int(rng.integers(0, 3))
    rows = np.exp2(rng.integers(-most, most + 1, A.shape[0]) * float(which != 1))
    columns = np.exp2(rng.integers(-most, most + 1, A.shape[1]) * float(which != 0))
    A = A * rows[:, None] * columns
    return A, _nonzero(A @ (x / columns))


@family
def scaled(rng: Generator) -> System:
    """Rows and columns in units that differ by up to 2^80."""
    return _scaled(rng, 40)


@family
def extremely_scaled(rng: Generator) -> System:
    """Rows and columns in units that differ by up to 2^600."""
    return _scaled(rng, 300)


@family
def small_right_hand_side(rng: Generator) -> System:
    """All of y by a power of two, up to 2^+-300."""
    A = _integer_matrix(rng) if rng.random() < 0.5 else rng.standard_normal(_shape(rng))
    return A, _nonzero(A @ _sparse_point(rng, A.shape[1])) * 2.0 ** int(rng.choice([-300, -40, -20, 20, 40, 300]))


@family
def dyadic(rng: Generator) -> System:
    """Few bits, |A| <= 6, about 19 x 64, mostly zeros: the inverse of a basis has zeros, the computed one noise."""
    shape = int(rng.integers(17, 21)), int(rng.integers(56, 68))
    match int(rng.integers(0, 4)):
        case 0:
            A = rng.integers(-6, 7, shape).astype(float)
        case 1:
            A = rng.integers(-24, 25, shape) / 4.0
        case 2:
            A = np.clip(np.round(2.0**20 * rng.standard_normal(shape)) / 2.0**20, -6.0, 6.0)
        case _:
            A = rng.choice([-1.0, 1.0], shape) * np.exp2(rng.integers(-10, 3, shape))
    A = A * (rng.random(shape) < rng.choice([0.08, 0.12, 0.2, 0.3, 0.7]))
    return A, _nonzero(A @ _sparse_point(rng, shape[1], most=10))


@family
def gaussian(rng: Generator) -> System:
    """Gaussian with a sparse point: y is A x rounded, hence in the span of the support only to rounding."""
    n_rows = int(rng.integers(5, 13))
    A = rng.standard_normal((n_rows, int(rng.integers(12, 41))))
    x = np.zeros(A.shape[1])
    sparsity = int(rng.integers(1, n_rows // 2 + 1))
    x[rng.choice(x.size, sparsity, replace=False)] = 10.0 ** rng.uniform(-2, 1, sparsity)
    return A, A @ x


@family
def generic(rng: Generator) -> System:
    """Gaussian with a full point: a vertex of N entries is the minimiser."""
    n_rows = int(rng.integers(5, 13))
    A = rng.standard_normal((n_rows, int(rng.integers(12, 41))))
    return A, A @ rng.random(A.shape[1])


@family
def two_scales(rng: Generator) -> System:
    """A point whose entries span up to sixteen decades."""
    A = _integer_matrix(rng) if rng.random() < 0.5 else rng.standard_normal(_shape(rng))
    x = _sparse_point(rng, A.shape[1])
    return A, _nonzero(A @ (x * 10.0 ** rng.integers(-16, 1, x.size)))


@family
def decimals(rng: Generator) -> System:
    """Tenths, which floats do not hold: exact facts in decimals are true only to rounding."""
    A = np.round(rng.integers(-9, 10, _shape(rng)) * 0.1, 1)
    A = np.vstack([A, A.sum(axis=0)])
    return A, _nonzero(A @ (_sparse_point(rng, A.shape[1]) * 0.1))


E30 = 2.0**-30


def _known() -> dict[str, Case]:
    """The systems on which falsehoods were certified or answers refused."""
    rows = {
        "nearly equal rows": ([[1, 1], [1, 1 + E30]], [2, 2 + 1.5 * E30], -0.0),
        "nearly equal rows, infeasible": ([[1, 1], [1, 1 + E30]], [2, 2 + 5 * E30], -0.0),
        "equal rows, inconsistent": ([[1], [1]], [1, 1 + E30], -0.0),
        "rounding of the tableau": (
            [
                [2, 2, 2, 1, 3],
                [1.9999999813735485, 1.999999973922968, 1.9999999813735485, 0.9999999850988388, 2.9999999701977676],
            ],
            [23, 22.99999976530671],
            -1e4,
        ),
        "feasible, once refused": (
            [
                [2, 3, 4, 2, 4, 1, 0, 1, 5, 3],
                [2, 4, 4, 2, 5, 5, -1, 1, 7, 10],
                [2, 0, 4, 0, 1, -1, 1, 5, -3, 0],
                [-1, -1, 1, 1, -1, 1, 0, 2, 1, 0],
                [1, 1, 1, 0, 1, 0, 0, 0, -1, 2],
            ],
            [0, -1, 1, 0, 0],
            -1.0,
        ),
        "near tie": ([[1, 1 - E30]], [1], -1e4),
        "A of 1e308": ([[1e308, 1e308, -1e308], [1, 1e308, 1e308]], [1e308, 1e308], -10.0),
        "A of 1e-300, y of 1e300": ([[1e-300, 2e-300]], [1e300], -10.0),
        "subnormal A": ([[5e-324, 1.0], [1.0, 5e-324]], [1.0, 1.0], -10.0),
    }
    written = {
        name: Case(name=name, A=np.array(A, float), y=np.array(y, float), log_alpha=log_alpha)
        for name, (A, y, log_alpha) in rows.items()
    }
    return written | {case.name: case for case in _saved_dyadic()}


def _saved_dyadic() -> list[Case]:
    """Systems of small integers over 2^bits, once certified with log x off by hundreds."""
    cases = []
    for number, data in enumerate(json.loads(SAVED.read_text(encoding="utf-8"))):
        A = np.zeros(data["shape"])
        for i, j, value in data["entries"]:
            A[i, j] = value / 2.0 ** data["bits"]
        y = np.array(data["y"]) / 2.0 ** data["bits"]
        cases.append(Case(name=f"dyadic {number}", A=A, y=y, log_alpha=data["log_alpha"]))
    return cases


KNOWN = _known()
