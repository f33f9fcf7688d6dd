"""A claim that nothing is feasible, decided in rationals, without the package under test."""

from __future__ import annotations

import math

import numpy as np
from flint import fmpq, fmpq_mat
from numpy.typing import NDArray
from scipy.optimize import linprog

from .oracle import EPS, ROUNDINGS, Ruling, Verdict, undecided
from .rational import entries, equilibration, exact_column, exact_matrix, feasible, nonnegative_solution, rational

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

# An infeasibility that so few roundings of y explain is none; and how much larger than y the terms of A x may be.
FEW_ROUNDINGS, MODERATE = 4, 1024.0
# Relaxations of the infeasibility program from which a strict Farkas vector is taken.
RELAXATIONS = (1e-5, 1e-7, 1e-9, 1e-11)


def judge_infeasible(A: Matrix, y: Vector, farkas: Vector | None = None) -> Verdict:
    """Rule on the claim that no x >= 0 solves A x = y, and on the vector that is said to prove it.

    RIGHT: no x >= 0 has |A x - y| <= margin. WRONG: some x >= 0 solves A x = y exactly, or the vector is no proof
    up to rounding. UNDECIDED: infeasible as given, not for some y' within the margin.
    """
    A, y = np.asarray(A, dtype=float), np.asarray(y, dtype=float)
    if feasible(A, y).x is not None:
        return Verdict(ruling=Ruling.WRONG, error=math.inf, reason="there is a feasible x")
    if farkas is not None and not _separates(A, y, np.asarray(farkas, dtype=float)):
        return Verdict(ruling=Ruling.WRONG, error=math.nan, reason="infeasible, but not by this vector")
    if _infeasible_within_margin(A, y) or not _feasible_within(A, y, ROUNDINGS):
        return Verdict(ruling=Ruling.RIGHT, error=0.0, reason="infeasible for every y' within the margin")
    if _feasible_within(A, y, FEW_ROUNDINGS):
        return Verdict(ruling=Ruling.WRONG, error=math.nan, reason="feasible but for the rounding of y")
    return undecided("infeasible, by less than the margin")


def _feasible_within(A: Matrix, y: Vector, roundings: int) -> bool:
    """Whether some x >= 0 of moderate size has |A x - y| <= roundings eps (|A| x + |y|), exactly.

    Moderate: the terms of A x, rows scaled to comparable sizes, do not exceed those of y by more than `MODERATE`
    on the whole. Where x is unbounded the margin would be so too.
    """
    n_rows, n_columns = A.shape
    m = rational(roundings * EPS)
    exact, size = exact_matrix(A), exact_matrix(np.abs(A))
    right, height = exact_column(y), exact_column(np.abs(y))
    scaled, rows, columns = equilibration(A)
    sums = np.ldexp(np.abs(scaled).sum(axis=0), columns).reshape(1, -1)
    most = MODERATE * n_rows * np.abs(np.ldexp(y, -rows)).max()
    blocks = [(exact - size * m, right + height * m, 1), (exact + size * m, right - height * m, -1)]
    blocks.append((exact_matrix(sums), exact_column(np.array([most])), 1))
    table: list[list[fmpq]] = []
    bounds: list[fmpq] = []
    n_slacks = 2 * n_rows + 1
    for matrix, bound, sign in blocks:
        for row, value in zip(matrix.table(), entries(bound), strict=True):
            table.append([*row, *(fmpq(sign * int(k == len(table))) for k in range(n_slacks))])
            bounds.append(value)
    relaxed = fmpq_mat(n_slacks, n_columns + n_slacks, [value for row in table for value in row])
    return nonnegative_solution(relaxed, fmpq_mat(n_slacks, 1, bounds)).x is not None


def _separates(A: Matrix, y: Vector, z: Vector) -> bool:
    """Whether A'z <= 0 < y'z but for 64 roundings of the terms."""
    if not np.isfinite(z).all():
        return False
    exact, column = exact_matrix(A), exact_column(z)
    size = entries(exact_matrix(np.abs(A)).transpose() * exact_column(np.abs(z)))
    slack = entries(exact.transpose() * column)
    value = entries(exact_column(y).transpose() * column)[0]
    return value > 0 and all(s <= rational(ROUNDINGS * EPS) * v for s, v in zip(slack, size, strict=True))


def _infeasible_within_margin(A: Matrix, y: Vector) -> bool:
    """Whether some z = z+ - z- has A'z + m |A|'(z+ + z-) <= 0 < y'z - m |y|'(z+ + z-), m the margin; exactly.

    Then z'y' > 0 >= A'z x + ... for every y' within the margin of y and x >= 0. The z is sought with a larger m.
    """
    scaled, rows, _ = equilibration(A)
    right = np.ldexp(y, -rows)
    right = right / np.abs(right).max()
    for m in RELAXATIONS:
        M = np.hstack([scaled.T + m * np.abs(scaled).T, -scaled.T + m * np.abs(scaled).T])
        value = np.r_[right - m * np.abs(right), -right - m * np.abs(right)]
        answer = linprog(-value, A_ub=M, b_ub=np.zeros(A.shape[1]), bounds=[(0.0, 1.0)] * value.size, method="highs")
        if answer.x is None:
            continue
        plus, minus = np.split(np.maximum(answer.x, 0.0), 2)
        z = np.ldexp(plus - minus, -rows)
        if _separates_every(A, y, z):
            return True
    return False


def _separates_every(A: Matrix, y: Vector, z: Vector) -> bool:
    """Whether z separates y' for every y' within the margin, exactly."""
    exact, column, size = exact_matrix(A), exact_column(z), exact_column(np.abs(z))
    m = rational(ROUNDINGS * EPS)
    slack = entries(exact.transpose() * column + exact_matrix(np.abs(A)).transpose() * size * m)
    value = entries(exact_column(y).transpose() * column - exact_column(np.abs(y)).transpose() * size * m)[0]
    return value > 0 and all(s <= 0 for s in slack)
