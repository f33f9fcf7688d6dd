"""A basis tabulated in balls, T = A_J^{-1} A_R, and the right-hand sides u = A_J^{-1} y' that a proof may speak of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat

from bregman_l1 import exact
from bregman_l1._types import EPS, Index, Matrix, Vector
from bregman_l1.basis.choice import SingularBasisError, exchange
from bregman_l1.basis.tableau import Tableau
from bregman_l1.caching import cached_property
from bregman_l1.exact import balls
from bregman_l1.proof.arithmetic import (
    dyadic,
    entries,
    entrywise,
    exactly,
    floats,
    largest_size,
    log_radius,
    product,
    upward,
)
from bregman_l1.proof.record import MOST_ROUNDINGS, Y_ITSELF, Imprecise, RightHandSide, Unproved
from bregman_l1.proof.support import ExactFace
from bregman_l1.settings import UNBALANCED

# Entries of T beyond which those that rounding hides are not decided in rationals: it would take minutes.
LARGEST_EXACT = 60_000
# Entries of T that take two gigabytes, and products of its computation that take some minutes.
_LARGEST, _MOST_WORK = 10_000_000, 2e10
_EXCHANGES = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Tabulation:
    """T and the u of y itself, at the working precision; entries that could be zero and matter are known exactly.

    Attributes
    ----------
    face : ExactFace
    T : arb_mat of shape (k, m)
    u : list of k arb
    """

    face: ExactFace
    T: arb_mat
    u: list[arb]

    @classmethod
    def of(cls, face: ExactFace, log_x: Vector, log_goal: float) -> Tabulation:
        """Tabulate the basis of a face, or a better one at log_x, with every T_ij x_j / x_i right to exp(log_goal)."""
        for _ in range(_EXCHANGES):
            table = cls._of(face, log_x, log_goal)
            J = table._balanced(log_x)
            if (J == face.J).all():
                break
            face = face.with_basis(J)
        return table

    @classmethod
    def _of(cls, face: ExactFace, log_x: Vector, log_goal: float) -> Tabulation:
        k, m = face.J.size, face.R.size
        if k * m > _LARGEST or k**2 * (k + m) > _MOST_WORK:
            raise Unproved("existence", f"a tableau of {k} x {m} balls would take too much memory or time")
        right = np.column_stack([face.part.columns(face.R), face.part.y])
        try:
            table = balls(face.basis).solve(balls(right)).tolist()
        except ZeroDivisionError as error:
            raise Imprecise("rows", "the basis is singular, as far as these bits tell") from error
        excess = np.subtract.outer(-log_x[face.J], -np.append(log_x[face.R], 0.0)) - log_goal
        doubtful = np.array([[_may_vanish(entry, e) for entry, e in zip(*row, strict=True)]
                             for row in zip(table, excess.tolist(), strict=True)])  # fmt: skip
        touched = np.flatnonzero(doubtful.any(axis=0))
        if touched.size:
            if k * (k + touched.size) > LARGEST_EXACT:
                raise Unproved("existence", f"{doubtful.sum()} entries of A_J^-1 A may be zero: too many for rationals")
            columns = exact.solve(face.basis, right[:, touched])
            if columns is None:
                raise Unproved("rows", "the basis is singular")
            for place, value in zip(np.ndindex(k, touched.size), entries(columns), strict=True):
                table[place[0]][touched[place[1]]] = arb(value)
        T = arb_mat(k, m, [entry for row in table for entry in row[:m]])
        return cls(face=face, T=T, u=[row[m] for row in table])

    @cached_property
    def plain(self) -> Matrix:
        """T in floating point."""
        face = self.face
        return floats(self.T.entries() if face.R.size else []).reshape(face.J.size, face.R.size)

    def _balanced(self, log_x: Vector) -> Index:
        """A basis that is better balanced at log_x; the same where it is good enough."""
        face, half = self.face, log_x / 2
        with np.errstate(divide="ignore"):
            K = np.log(np.abs(self.plain)) + half[face.R] - half[face.J][:, None]
        return exchange(self.plain, K, face.J, face.R, half) if K.max(initial=-np.inf) > UNBALANCED else face.J

    def right_hand_side(self, values: list[arb], columns: Index, log_x: list[arb]) -> RightHandSide:
        """Return y' = A_J values with its distance from y, or y itself where there is none.

        Parameters
        ----------
        values : list of k arb
            Exact ones, unless they are the u of y itself.
        columns : ndarray of int
            What the positive columns are among all.
        log_x : list of h arb
        """
        if values is self.u:
            return Y_ITSELF
        missed, sizes = _missed(self.face, values, [value.exp() for value in log_x])
        shares = [a / b for a, b in zip(missed, sizes, strict=True) if not a.is_zero()]
        roundings = upward(largest_size(shares)) / EPS
        if not roundings <= MOST_ROUNDINGS:
            raise Unproved(
                "right-hand side", f"its y' is {roundings:.2g} roundings from y, more than {MOST_ROUNDINGS:g}"
            )
        if not shares:
            return Y_ITSELF
        exact_values = tuple(dyadic(value)[0] for value in values)
        return RightHandSide(which="rounded y", roundings=roundings, columns=columns[self.face.J], values=exact_values)


def itself(table: Tabulation) -> list[arb]:
    """The u of y."""
    return table.u


def snapped(table: Tabulation) -> list[arb]:
    """The u of the native method: y moved within its margin so that entries that rounding made are zero.

    Raises
    ------
    Unproved
        If the basis is singular in floating point.
    """
    face = table.face
    try:
        return exactly(Tableau.of(face.part, face.J, face.R).u)
    except SingularBasisError as error:
        raise Unproved("right-hand side", "the basis is singular in floating point") from error


def cancelled(table: Tabulation, log_x: Vector, share: float) -> list[arb]:
    """The u that an answer has itself, x_i + sum_j T_ij x_j; zero where terms cancel but for a share of them."""
    x, J, R = [value.exp() for value in exactly(log_x)], table.face.J, table.face.R
    on_rest = [x[j] for j in R]
    sums, sizes = product(table.T, on_rest), product(entrywise(abs, table.T), on_rest)
    pairs = zip((x[i] for i in J), sums, sizes, strict=True)
    return [(own + s).mid() if abs(own + s) > share * (own + size) else arb(0) for own, s, size in pairs]


def nearest(table: Tabulation, log_x: Vector, share: float) -> list[arb]:
    """The same, moved to where A_J u is nearest to y, if that takes no more than a share of each."""
    u = cancelled(table, log_x, share)
    changes = _changes(table.face, u, [value.exp() for value in exactly(log_x)])
    if not np.abs(changes).max() <= share:
        return u
    return [(value + value * change).mid() for value, change in zip(u, changes.tolist(), strict=True)]


def _missed(face: ExactFace, u: list[arb], x: list[arb]) -> tuple[list[arb], list[arb]]:
    """Y - A_J u, and the sizes |A| x + |y| that it is measured by."""
    y = exactly(face.y)
    missed = [a - b for a, b in zip(y, product(balls(face.A[:, face.J]), u), strict=True)]
    return missed, [a + abs(b) for a, b in zip(product(balls(np.abs(face.A)), x), y, strict=True)]


def _changes(face: ExactFace, u: list[arb], x: list[arb]) -> Vector:
    """Relative changes of u that bring A_J u nearest to y, rows measured by their terms; NaN where there are none."""
    A, (missed, terms) = balls(face.A[:, face.J]), _missed(face, u, x)
    rows = [i for i, size in enumerate(terms) if size > 0]
    weighted = np.array([floats([A[i, j] * u[j] / terms[i] for j in range(len(u))]) for i in rows])
    right = floats([missed[i] / terms[i] for i in rows])
    if not (np.isfinite(weighted).all() and np.isfinite(right).all()):
        return np.full(len(u), np.nan)
    return np.asarray(np.linalg.lstsq(weighted, right, rcond=EPS)[0])


def _may_vanish(entry: arb, excess: float) -> bool:
    """Whether an entry may be zero, and its radius matters: exp(excess) times it exceeds one."""
    return not entry.is_exact() and log_radius(entry) + excess > 0.0 and entry.abs_lower() == 0
