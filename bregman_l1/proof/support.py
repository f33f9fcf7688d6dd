"""Which coordinates are positive, which equations count, and in which basis: all of it exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from flint import fmpq, fmpq_mat

from bregman_l1 import exact
from bregman_l1._types import Index, Mask, Matrix, Vector
from bregman_l1.basis.choice import SingularBasisError, choose_basis
from bregman_l1.basis.rows import independent_rows
from bregman_l1.errors import InfeasibleError
from bregman_l1.exact import rational, rationals
from bregman_l1.polyhedron.linear_program import LinearProgram, solve_linear_program
from bregman_l1.proof.arithmetic import entries, fraction
from bregman_l1.proof.exact_matrix import exact_matrix
from bregman_l1.proof.record import Unproved

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

# Dependent rows, times independent ones, times columns, beyond which their relations take minutes.
_LARGEST_RELATIONS = 30_000_000
# Rows squared, times columns, beyond which a basis of nearly dependent columns takes minutes to find.
_LARGEST_ELIMINATION = 3_000_000


@dataclass(frozen=True, kw_only=True, eq=False)
class ExactFace:
    """The columns that are positive, the rows that are independent on them, and a basis.

    Attributes
    ----------
    A : ndarray of shape (N, h)
        The positive columns.
    y : ndarray of shape (N,)
    part : LinearSystem
        The positive columns in the rows I.
    rows, others : ndarray of int
        Rows I that are independent, and the rest, combinations of them exactly.
    J, R : ndarray of int
        Positions among the positive columns: the basis, and the rest.
    relations : fmpq_mat of shape (|I|, |others|), optional
        W with A_others = W'A_I, exactly; None where there are no others.
    """

    A: Matrix
    y: Vector
    part: LinearSystem
    rows: Index
    others: Index
    J: Index
    R: Index
    relations: fmpq_mat | None

    @property
    def basis(self) -> Matrix:
        """A_IJ."""
        return np.asarray(self.A[np.ix_(self.rows, self.J)])

    def agrees(self) -> bool:
        """Whether y says in the other rows what follows from the independent ones, exactly."""
        if self.relations is None:
            return True
        implied = self.relations.transpose() * rationals(self.y[self.rows, None])
        return bool(implied == rationals(self.y[self.others, None]))

    def with_basis(self, J: Index) -> ExactFace:
        """The same with another basis."""
        return replace(self, J=J, R=np.setdiff1d(np.append(self.J, self.R), J))

    def heavy_at(self, log_x: Vector) -> ExactFace:
        """The same with a basis that is heavy at log_x; this one where none is found."""
        try:
            return self.with_basis(choose_basis(self.part, log_x))
        except SingularBasisError:
            return self


def exact_face(system: LinearSystem, positive: Mask, log_x: Vector) -> ExactFace:
    """Find independent rows and a basis that is heavy at log_x, of the columns that are positive.

    Parameters
    ----------
    system : LinearSystem
    positive : ndarray of bool, shape (d,)
    log_x : ndarray of shape (h,)
        At the positive columns.

    Raises
    ------
    Unproved
        If rank, rows or basis are not decided.
    """
    columns = np.flatnonzero(positive)
    A, y = system.columns(columns), system.y
    try:
        part = system if positive.all() else system.restrict(columns)
        rows = independent_rows(part)
        J = choose_basis(part if rows.size == y.size else part.of_rows(rows), log_x)
    except (SingularBasisError, InfeasibleError) as error:
        raise Unproved("rows", "no basis of its columns was found") from error
    others = np.setdiff1d(np.arange(y.size), rows)
    relations = relations_of(A, rows, others, J)
    if others.size and relations is None:
        rows, J = _heavy_basis(A, log_x)
        others = np.setdiff1d(np.arange(y.size), rows)
        relations = relations_of(A, rows, others, J)
        if others.size and relations is None:
            raise Unproved("rows", "the rank of A is not decided")
    R = np.setdiff1d(np.arange(columns.size), J)
    part = part if not others.size else part.of_rows(rows)
    return ExactFace(A=A, y=y, part=part, rows=rows, others=others, J=J, R=R, relations=relations)


def proved_zeros(face: ExactFace, system: LinearSystem, positive: Mask) -> tuple[Fraction, ...] | None:
    """Return an exposing vector of the coordinates that are not positive; None where all are.

    It is (-W v, v) in the rows I and the others, so that its product with the positive columns is zero. A linear
    program in floating point finds a v for which that with every other column is negative; rationals confirm it.

    Raises
    ------
    Unproved
        If there is none.
    """
    if positive.all():
        return None
    if face.relations is None:
        raise Unproved("support", "no vector exposes its zeros: no row follows from others where it is positive")
    zero = system.columns(np.flatnonzero(~positive))
    slack = rationals(zero[face.others]).transpose() - rationals(zero[face.rows]).transpose() * face.relations
    v = fmpq_mat(face.others.size, 1, _all_negative(slack, face.others.size))
    if not all(value < 0 for value in entries(slack * v)):
        raise Unproved("support", "its zeros are not shown to be zeros: no vector was found that exposes them all")
    z = np.empty(face.y.size, dtype=object)
    z[face.others], z[face.rows] = entries(v), entries(face.relations * v * -1)
    return tuple(map(fraction, z))


def _all_negative(slack: fmpq_mat, size: int) -> list[fmpq]:
    """A v with entries of slack v that are as negative as can be, rows and columns of slack in units of their own."""
    values = np.array(entries(slack), dtype=object).reshape(-1, size)
    units = np.abs(values).max(axis=0)
    units[units == 0] = fmpq(1)
    values = values / units
    sizes = np.abs(values).max(axis=1)
    if not sizes.all():
        return [fmpq(0)] * size
    values = np.array([exact.rounded(value) for value in (values / sizes[:, None]).ravel()]).reshape(-1, size)
    program = LinearProgram(
        cost=np.append(np.zeros(size), -1.0),
        rows=np.column_stack([values, np.ones(len(values))]),
        row_upper=0.0,
        lower=-1.0,
        upper=1.0,
    )
    answer = solve_linear_program(program)
    found = np.zeros(size) if answer.x is None else answer.x[:size]
    return [rational(value) / unit for value, unit in zip(found.tolist(), units, strict=True)]


def relations_of(A: Matrix, rows: Index, others: Index, J: Index) -> fmpq_mat | None:
    """W with A_others = W'A_rows exactly, from a basis J of the rows; None where there is none, or no other row.

    Raises
    ------
    Unproved
        If there are too many to tell.
    """
    if not others.size:
        return None
    if others.size * A[rows].size > _LARGEST_RELATIONS:
        raise Unproved("rows", f"{others.size} rows depend on others: too many to show it exactly")
    W = exact.solve(A[np.ix_(rows, J)].T, A[np.ix_(others, J)].T)
    return W if W is not None and W.transpose() * rationals(A[rows]) == rationals(A[others]) else None


def _heavy_basis(A: Matrix, log_x: Vector) -> tuple[Index, Index]:
    """Rows and columns of a basis where rounding hides that the rows are independent."""
    if A.shape[0] * A.size > _LARGEST_ELIMINATION:
        raise Unproved("rows", "rounding hides the rank of A, and it is too large for rationals")
    rows = np.sort(exact_matrix(A).independent(range(A.shape[1]))[0])
    J = exact.heavy_columns(A[rows], 0.5 * log_x)
    if J is None:
        raise Unproved("rows", "the rank of A is not decided")
    return rows, J
