"""A matrix of floats as the rationals they are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import scipy.linalg as sla
import scipy.sparse as sp
from flint import fmpq, fmpq_mat, fmpz, fmpz_mat, nmod_mat

from bregman_l1 import exact
from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.exact import rational
from bregman_l1.proof.arithmetic import entries
from bregman_l1.proof.record import Unproved
from bregman_l1.system import dense

Rationals = list[fmpq]

_PASSES = 3
# Entries beyond which rationals take minutes.
_LARGEST = 3_000_000
# An exponent below that of any float, which stands for zero.
_NONE = -(2**20)


class ExactMatrix:
    """Products with a matrix of floats, and equations in some of its rows and columns, without rounding.

    Rows and columns are kept in units of their own, powers of two, so that integers stay short whatever the scales.

    Parameters
    ----------
    A : ndarray of shape (N, d)

    Attributes
    ----------
    floats : ndarray of shape (N, d)
        A itself.
    scaled : ndarray of shape (N, d)
        A in these units, for floating point to be guided by: A_ij = scaled_ij 2^(row_exponents_i + column_exponents_j)
        but for underflow.
    row_exponents, column_exponents : ndarray of int

    Examples
    --------
    >>> matrix = ExactMatrix(np.array([[3.0, 0.1]]))
    >>> matrix.solve([0], [0], [fmpq(1)])
    [1/3]
    >>> matrix.image([fmpq(0), fmpq(10)])[0] == 1
    False
    """

    def __init__(self, A: Matrix) -> None:
        self.floats, self.shape = A, A.shape
        mantissas, exponents = np.frexp(A)
        size = np.where(A == 0, _NONE, exponents).astype(np.int64)
        self.row_exponents, self.column_exponents = _units(size)
        shifts = size - self.row_exponents[:, None] - self.column_exponents
        self.scaled: Matrix = np.ldexp(mantissas, np.where(A == 0, 0, shifts))
        self._integers, self._row_shifts = exact.as_integers(A, self.column_exponents)
        self._transposed = self._integers.transpose()
        self._table: list[list[fmpz]] = self._integers.tolist()

    def image(self, x: Sequence[fmpq]) -> Rationals:
        """A x."""
        return _product(self._integers, shifted(x, self.column_exponents), self._row_shifts)

    def coefficients(self, mu: Sequence[fmpq]) -> Rationals:
        """A'mu."""
        return _product(self._transposed, shifted(mu, self._row_shifts), self.column_exponents)

    def solve(self, rows: Sequence[int], columns: Sequence[int], right: Sequence[fmpq]) -> Rationals:
        """The x_J with A_IJ x_J = right, for rows I and columns J of a regular A_IJ."""
        return self._solved(self._part(rows, columns), right, self._row_shifts[rows], self.column_exponents[columns])

    def solve_transposed(self, rows: Sequence[int], columns: Sequence[int], right: Sequence[fmpq]) -> Rationals:
        """The mu_I with A_IJ'mu_I = right, for rows I and columns J of a regular A_IJ."""
        matrix = self._part(rows, columns).transpose()
        return self._solved(matrix, right, self.column_exponents[columns], self._row_shifts[rows])

    def sizes(self, mu: Vector) -> Vector:
        """|A|'|mu|, the size of the terms of A'mu, in floating point."""
        terms = np.abs(self.scaled).T @ np.ldexp(np.abs(mu), self.row_exponents)
        return np.asarray(np.ldexp(terms, self.column_exponents))

    def independent(self, columns: Sequence[int], rows: Sequence[int] | None = None) -> tuple[list[int], list[int]]:
        """Rows I and columns J with a regular A_IJ: J are the columns that no combination of those before them is.

        That A_IJ is regular is sure. That J has as many columns as there are independent ones is all but sure.

        Parameters
        ----------
        columns : sequence of int
            The candidates in the order of preference.
        rows : sequence of int, optional
            All rows in the order of preference; that of pivots in floating point if omitted.
        """
        if not len(columns):
            return [], []
        rows = self._pivot_order(columns) if rows is None else rows
        J = [columns[k] for k in _pivots(self._part(rows, columns))]
        I = [rows[k] for k in _pivots(self._part(rows, J).transpose())] if J else []  # noqa: E741 - rows of A_IJ
        return I, J

    def _pivot_order(self, columns: Sequence[int]) -> list[int]:
        """The rows, in the order in which elimination would choose them."""
        order: list[int] = np.argsort(sla.lu(self.scaled[:, columns], p_indices=True)[0]).tolist()
        return order

    def _part(self, rows: Sequence[int], columns: Sequence[int]) -> fmpz_mat:
        return fmpz_mat([[self._table[i][j] for j in columns] for i in rows])

    def _solved(self, matrix: fmpz_mat, right: Sequence[fmpq], on_right: Index, on_left: Index) -> Rationals:
        if not matrix.nrows():
            return []
        numerators, denominator = _common(shifted(right, -on_right))
        solution = entries(matrix.solve(numerators))
        return shifted([value / denominator for value in solution], -on_left)


def exact_matrix(A: Matrix | sp.sparray) -> ExactMatrix:
    """The matrix as an `ExactMatrix`.

    Raises
    ------
    Unproved
        If it is too large.
    """
    if A.shape[0] * A.shape[1] > _LARGEST:
        raise Unproved("size", f"{A.shape[0]} x {A.shape[1]} is too large for rationals")
    return ExactMatrix(dense(A))


def exact_vector(values: Vector) -> Rationals:
    """The floats as rationals."""
    return [rational(value) for value in values.tolist()]


def inner(one: Sequence[fmpq], other: Sequence[fmpq]) -> fmpq:
    """The sum of products."""
    return sum((a * b for a, b in zip(one, other, strict=True) if a and b), fmpq(0))


def shifted(values: Sequence[fmpq], exponents: Index) -> Rationals:
    """Every value times two to its exponent."""
    return [
        value * _power_of_two(e) if e and value else value for value, e in zip(values, exponents.tolist(), strict=True)
    ]


def _units(size: Index) -> tuple[Index, Index]:
    """Exponents of rows and columns by which the largest entries of both come near one."""
    rows, columns = np.zeros(size.shape[0], dtype=np.int64), np.zeros(size.shape[1], dtype=np.int64)
    for _ in range(_PASSES):
        rows += _peak(size - rows[:, None] - columns, axis=1)
        columns += _peak(size - rows[:, None] - columns, axis=0)
    return rows, columns


def _peak(size: Index, axis: int) -> Index:
    peak = size.max(axis=axis, initial=_NONE)
    return np.where(peak > _NONE // 2, peak, 0)


def _product(matrix: fmpz_mat, values: Sequence[fmpq], exponents: Index) -> Rationals:
    numerators, denominator = _common(values)
    products = (matrix * numerators).entries()
    return shifted([fmpq(value, denominator) for value in products], exponents)


def _common(values: Sequence[fmpq]) -> tuple[fmpz_mat, fmpz]:
    """Numerators over a common denominator."""
    numerators, denominator = fmpq_mat(len(values), 1, list(values)).numer_denom()
    return numerators, denominator


@cache
def _power_of_two(exponent: int) -> fmpq:
    return fmpq(2) ** exponent


def _pivots(matrix: fmpz_mat) -> list[int]:
    """The columns that are independent of those before them, modulo a prime."""
    reduced, rank = nmod_mat(matrix, exact.PRIME).rref()
    found: list[int] = []
    for row in reduced.table()[:rank]:
        start = found[-1] + 1 if found else 0
        found.append(next(j for j in range(start, len(row)) if int(row[j])))
    return found
