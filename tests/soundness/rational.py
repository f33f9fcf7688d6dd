"""Floats as the rationals they are: rank, faces and feasibility decided without rounding.

Floating point appears only to guess; what is returned was checked in rationals (python-flint).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import fmpq, fmpq_mat, nmod_mat
from numpy.typing import NDArray
from scipy.optimize import linprog

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Ranks are read modulo this prime: never above the true rank, and below it with probability about 2^-60.
PRIME = 2**61 - 1
# Dantzig's rule is fast but may cycle; after so many pivots Bland's, which cannot, takes over.
DANTZIG_PIVOTS = 60
# A column joins the basis while its part outside the span of the heavier ones is above such a share of it: first
# well-conditioned choices, then any.
SHARES = (1e-2, 1e-5, 1e-8)
# Entries of a floating-point vertex below this are taken to be zero when a basis is guessed from it.
GUESS = 1e-9


def rational(value: float) -> fmpq:
    """The float as a fraction."""
    return fmpq(*float(value).as_integer_ratio())


def exact_matrix(A: Matrix) -> fmpq_mat:
    """The matrix of floats as a matrix of fractions."""
    n_rows, n_columns = A.shape
    return fmpq_mat(n_rows, n_columns, [rational(value) for value in A.ravel().tolist()])


def exact_column(y: Vector) -> fmpq_mat:
    """The vector of floats as a column of fractions."""
    return exact_matrix(np.asarray(y, dtype=float).reshape(-1, 1))


def entries(matrix: fmpq_mat) -> list[fmpq]:
    """The entries row by row; none where a side is empty."""
    return list(matrix.entries()) if matrix.nrows() and matrix.ncols() else []


def columns_of(matrix: fmpq_mat, which: list[int]) -> fmpq_mat:
    """The chosen columns."""
    table = matrix.table()
    return fmpq_mat(matrix.nrows(), len(which), [row[j] for row in table for j in which])


def rows_of(matrix: fmpq_mat, which: list[int]) -> fmpq_mat:
    """The chosen rows."""
    table = matrix.table()
    return fmpq_mat(len(which), matrix.ncols(), [value for i in which for value in table[i]])


def equilibration(A: Matrix) -> tuple[Matrix, NDArray[np.int64], NDArray[np.int64]]:
    """Return (2^-r_i A_ij 2^-c_j, r, c) with largest entries near one, by powers of two alone."""
    size = np.where(A == 0, -(2**20), np.frexp(A)[1]).astype(np.int64)
    rows, columns = np.zeros(A.shape[0], np.int64), np.zeros(A.shape[1], np.int64)
    for _ in range(3):
        rows += _peak(size - rows[:, None] - columns, axis=1)
        columns += _peak(size - rows[:, None] - columns, axis=0)
    mantissa, exponent = np.frexp(A)
    return np.ldexp(mantissa, exponent - rows[:, None] - columns), rows, columns


def _peak(exponents: NDArray[np.int64], axis: int) -> NDArray[np.int64]:
    peak = exponents.max(axis=axis, initial=-(2**20))
    return np.where(peak > -(2**19), peak, 0)


def pivot_columns(A: Matrix, order: list[int]) -> list[int]:
    """The columns that are independent of those before them in the order, decided modulo a prime."""
    residues = [_residue(value) for value in A[:, order].ravel().tolist()]
    reduced, rank = nmod_mat(A.shape[0], len(order), residues, PRIME).rref()
    pivots, column = [], 0
    for row in range(rank):
        while int(reduced[row, column]) == 0:
            column += 1
        pivots.append(order[column])
    return pivots


def _residue(value: float) -> int:
    numerator, denominator = float(value).as_integer_ratio()
    return numerator * pow(denominator, -1, PRIME) % PRIME


def heavy_basis(A: Matrix, weight: Vector) -> list[int]:
    """As many columns as the rank of A: heavy ones first, as long as they are clearly independent."""
    scaled = equilibration(A)[0]
    norms = np.sqrt((scaled**2).sum(axis=0))
    rest = scaled / np.where(norms > 0, norms, 1.0)
    chosen: list[int] = []
    open_, remaining = norms > 0, np.ones(A.shape[1])
    for share in SHARES:
        while len(chosen) < A.shape[0] and (candidates := open_ & (remaining > share)).any():
            j = int(np.argmax(np.where(candidates, weight, -np.inf)))
            direction = rest[:, j] / np.linalg.norm(rest[:, j])
            for _ in range(2):
                rest = rest - np.outer(direction, direction @ rest)
            chosen.append(j)
            open_[j] = False
            remaining = np.linalg.norm(rest, axis=0)
    others = [j for j in np.argsort(-weight, kind="stable").tolist() if j not in set(chosen)]
    return pivot_columns(A, chosen + others)


def rank(A: Matrix) -> int:
    """The rank, exactly."""
    modular = len(pivot_columns(A, list(range(A.shape[1]))))
    return modular if modular == min(A.shape) else int(exact_matrix(A).rref()[1])


def left_kernel(A: fmpq_mat) -> fmpq_mat:
    """A basis, column by column, of the vectors z with A'z = 0."""
    n_rows = A.nrows()
    if not A.ncols():
        return fmpq_mat(n_rows, n_rows, [int(i == j) for i in range(n_rows) for j in range(n_rows)])
    reduced, rank_ = A.transpose().rref()
    pivots, column = [], 0
    for row in range(rank_):
        while reduced[row, column] == 0:
            column += 1
        pivots.append(column)
    free = [j for j in range(n_rows) if j not in set(pivots)]
    kernel = fmpq_mat(n_rows, len(free))
    for k, j in enumerate(free):
        kernel[j, k] = 1
        for row, pivot in enumerate(pivots):
            kernel[pivot, k] = -reduced[row, j]
    return kernel


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Exactly one of the two of Farkas' lemma, exact: x >= 0 with A x = y, or z with A'z <= 0 < y'z."""

    x: list[fmpq] | None = None
    z: list[fmpq] | None = None


def nonnegative_solution(A: fmpq_mat, y: fmpq_mat, guess: list[int] | None = None) -> Alternative:
    """Decide whether A x = y has a solution x >= 0 by the simplex method in rationals.

    Minimises the sum of artificial variables from the basis that ``guess`` (columns of A) and artificials
    make, if that basis is feasible, else from the artificials alone.
    """
    n_rows, n_columns = A.nrows(), A.ncols()
    signs = [-1 if y[i, 0] < 0 else 1 for i in range(n_rows)]
    columns = A.transpose().table() if n_columns else []
    columns += [[fmpq(signs[i] * int(i == k)) for i in range(n_rows)] for k in range(n_rows)]
    artificials = list(range(n_columns, n_columns + n_rows))
    basis, inverse, x = _start(columns, y, guess or [], artificials)
    for pivots in range(100_000):
        price = [sum((inverse[k, i] for k, j in enumerate(basis) if j >= n_columns), fmpq(0)) for i in range(n_rows)]
        gains = [_dot(price, column) for column in columns[:n_columns]]
        rising = [j for j in range(n_columns) if gains[j] > 0]
        if not rising:
            break
        enter = max(rising, key=lambda j: gains[j]) if pivots < DANTZIG_PIVOTS else rising[0]
        direction = inverse * fmpq_mat(n_rows, 1, columns[enter])
        leave = min(
            (k for k in range(n_rows) if direction[k, 0] > 0), key=lambda k: (x[k, 0] / direction[k, 0], basis[k])
        )
        basis[leave] = enter
        inverse = _square(columns, basis).inv()
        x = inverse * y
    if all(x[k, 0] == 0 for k, j in enumerate(basis) if j >= n_columns):
        solution = [fmpq(0)] * n_columns
        for k, j in enumerate(basis):
            if j < n_columns:
                solution[j] = x[k, 0]
        return Alternative(x=solution)
    return Alternative(z=price)


def _dot(left: list[fmpq], right: list[fmpq]) -> fmpq:
    return sum((a * b for a, b in zip(left, right, strict=True) if a != 0 and b != 0), fmpq(0))


def _square(columns: list[list[fmpq]], basis: list[int]) -> fmpq_mat:
    n = len(basis)
    return fmpq_mat(n, n, [columns[j][i] for i in range(n) for j in basis])


def _start(
    columns: list[list[fmpq]], y: fmpq_mat, guess: list[int], artificials: list[int]
) -> tuple[list[int], fmpq_mat, fmpq_mat]:
    """The basis of the guess completed by artificials, if it is feasible; else the artificials."""
    order = guess + artificials
    n_rows = len(artificials)
    reduced, _ = fmpq_mat(n_rows, len(order), [columns[j][i] for i in range(n_rows) for j in order]).rref()
    basis, column = [], 0
    for row in range(n_rows):
        while reduced[row, column] == 0:
            column += 1
        basis.append(order[column])
    for attempt in (basis, list(artificials)):
        inverse = _square(columns, attempt).inv()
        x = inverse * y
        if all(x[k, 0] >= 0 for k in range(n_rows)):
            return attempt, inverse, x
    raise AssertionError("the artificial basis is feasible by construction")


def feasible(A: Matrix, y: Vector) -> Alternative:
    """Decide in rationals whether {x >= 0 : A x = y} is empty; floating point guesses the final basis."""
    scaled, rows, _ = equilibration(A)
    right = y * np.exp2(-rows.astype(float))
    size = np.abs(right).max()
    guess: list[int] = []
    if np.isfinite(size) and size > 0:
        n_rows, n_columns = A.shape
        signs = np.where(right < 0, -1.0, 1.0)
        answer = linprog(
            np.r_[np.zeros(n_columns), np.ones(n_rows)],
            A_eq=np.hstack([scaled, np.diag(signs)]),
            b_eq=right / size,
            method="highs",
        )
        if answer.x is not None:
            guess = [j for j in range(n_columns) if answer.x[j] > GUESS]
    return nonnegative_solution(exact_matrix(A), exact_column(y), guess)


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """Exactly one of: a vector exposing a set of columns; a kernel vector that is positive or zero off the set."""

    exposing: list[fmpq] | None = None
    direction: list[fmpq] | None = None


def exposing_vector(A: Matrix, positive: Mask) -> list[fmpq] | None:
    """A z with A'z = 0 on ``positive`` and A'z < 0 off it, or None where there is none.

    There is one exactly if some right-hand side has ``positive`` as its maximal support; then every
    combination of these columns with positive weights has.
    """
    return face(A, positive).exposing


def face(A: Matrix, positive: Mask) -> Face:
    """Decide in rationals whether the columns ``positive`` are all those of a face of the cone of A.

    If not, some mu >= 0, not zero, on the other columns has A mu in the span of these; ``direction`` is a kernel
    vector that is mu there.
    """
    exact = exact_matrix(A)
    on, off = np.flatnonzero(positive).tolist(), np.flatnonzero(~positive).tolist()
    if not off:
        return Face(exposing=[fmpq(0)] * A.shape[0])
    kernel = left_kernel(columns_of(exact, on))
    weights, mu = (
        _gordan(kernel.transpose() * columns_of(exact, off)) if kernel.ncols() else (None, [fmpq(1)] * len(off))
    )
    if weights is not None:
        return Face(exposing=entries(kernel * fmpq_mat(len(weights), 1, weights)))
    right = columns_of(exact, off) * fmpq_mat(len(off), 1, mu)
    direction = [fmpq(0)] * A.shape[1]
    for j, value in (*zip(off, mu, strict=True), *zip(on, solution(columns_of(exact, on), right), strict=True)):
        direction[j] = value if j in set(off) else -value
    return Face(direction=direction)


def solution(A: fmpq_mat, y: fmpq_mat) -> list[fmpq]:
    """Some x with A x = y, for a y in the range of A."""
    n_columns = A.ncols()
    reduced, rank_ = fmpq_mat([[*a, b] for a, b in zip(A.table(), entries(y), strict=True)]).rref()
    x, column = [fmpq(0)] * n_columns, 0
    for row in range(rank_):
        while reduced[row, column] == 0:
            column += 1
        if column == n_columns:
            raise ValueError("inconsistent")
        x[column] = reduced[row, n_columns]
    return x


def interior_point(A: Matrix, y: Vector) -> list[fmpq] | None:
    """An x >= 0 with A x = y, positive wherever any is; None if there is no such x. Exact."""
    x = feasible(A, y).x
    while x is not None:
        direction = face(A, np.array([value > 0 for value in x])).direction
        if direction is None:
            return x
        longest = min((-v / d for v, d in zip(x, direction, strict=True) if d < 0), default=fmpq(2))
        x = [v + longest / 2 * d for v, d in zip(x, direction, strict=True)]
    return None


def _gordan(G: fmpq_mat) -> tuple[list[fmpq] | None, list[fmpq]]:
    """A g with G'g < 0, or else mu >= 0, not zero, with G mu = 0."""
    guess = _guess_strictly_negative(G)
    if guess is not None and all(value < 0 for value in entries(G.transpose() * fmpq_mat(len(guess), 1, guess))):
        return guess, []
    n_rows, n_columns = G.nrows(), G.ncols()
    stacked = fmpq_mat(n_rows + 1, n_columns, entries(G) + [fmpq(1)] * n_columns)
    answer = nonnegative_solution(stacked, fmpq_mat(n_rows + 1, 1, [0] * n_rows + [1]))
    return (None, answer.x) if answer.x is not None else ((answer.z or [])[:n_rows], [])


def _guess_strictly_negative(G: fmpq_mat) -> list[fmpq] | None:
    table = G.table()
    sizes = [max((abs(row[j]) for row in table), default=fmpq(0)) for j in range(G.ncols())]
    if any(size == 0 for size in sizes):
        return None
    scaled = np.array([[float(_ratio(row[j], sizes[j])) for j in range(G.ncols())] for row in table])
    answer = linprog(
        np.r_[np.zeros(len(table)), -1.0],
        A_ub=np.c_[scaled.T, np.ones(G.ncols())],
        b_ub=np.zeros(G.ncols()),
        bounds=[(-1.0, 1.0)] * len(table) + [(None, 1.0)],
        method="highs",
    )
    return None if answer.x is None else [rational(value) for value in answer.x[:-1]]


def _ratio(a: fmpq, b: fmpq) -> float:
    """Python's integer division is correctly rounded whatever the size of the integers."""
    ratio = a / b
    return int(ratio.p) / int(ratio.q)
