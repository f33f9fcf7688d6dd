"""One exact Newton step in log x: the measure of how far a candidate is from the projection.

The projection of exp(log_prior) onto {x >= 0 : A x = y} solves A x = y, log x = log_prior + A'lam. Its
Newton step at any positive candidate is the d log x with

    A X d log x = y - A x,    log x + d log x - log_prior in the row space of A.

Residuals of A x = y say nothing about small entries; this step does, because near the solution it is the
error of log x itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgesv

from bregman_l1.newton.basis import Basis, blocks, near_maximal_basis
from bregman_l1.newton.fit import fit

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Index = NDArray[np.intp]

# The plain form is used for systems of at least PLAIN_FROM entries, where log x spans no more than _WIDEST and
# the rounding noise is below NEGLIGIBLE.
PLAIN_FROM = 30_000
NEGLIGIBLE = 1e-10
_WIDEST = 36.0
_REFINEMENTS, _REFINED = 6, 1e-9
# A tableau of at most so many entries is kept for the next candidate, and serves it while log |T_ij| sqrt(x_j / x_i)
# is below _NEAR_MAXIMAL and log |T_ij| x_j / x_i not above both _BALANCED and what a fresh basis had.
_KEPT = 1_000_000
_NEAR_MAXIMAL, _BALANCED, _WORSE = 3.5, 9.0, 2.0
# Columns with log |T_ij| x_j / x_i below _COLD, and half of it for the square root, change nothing.
_COLD = -50.0
_LARGEST_EXPONENT = 600.0


def basis_step(system: LinearSystem, log_prior: Vector, log_x: Vector, dual: Vector | None) -> Vector:
    """The step of a positive candidate."""
    alive = np.ones(log_x.size, dtype=bool)
    misfit = fit(system, log_x - log_prior, alive, dual).misfit
    step = _basis_step(system, log_x, misfit)
    return np.where(np.isfinite(step).all(), step, np.inf)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A basis with all other positive columns tabulated, and the largest log ratio when it was fresh."""

    basis: Basis
    rest: Index
    T: Matrix
    log_T: Matrix
    largest: float

    @classmethod
    def of(cls, system: LinearSystem, basis: Basis, rest: Index, log_x: Vector) -> Table:
        """Tabulate."""
        T = basis.tableau(system.columns(rest))
        with np.errstate(divide="ignore"):
            log_T = np.log(np.abs(T))
        largest = float((log_T + _differences(log_x, rest, basis.columns)).max(initial=-np.inf))
        return cls(basis=basis, rest=rest, T=T, log_T=log_T, largest=largest)

    def serves(self, log_x: Vector) -> bool:
        """Whether the basis is still near maximal, with the same columns positive."""
        positive = np.zeros(log_x.size, dtype=bool)
        positive[self.basis.columns] = positive[self.rest] = True
        if not np.array_equal(positive, log_x > -np.inf):
            return False
        half = _differences(log_x, self.rest, self.basis.columns) / 2
        roots = self.log_T + half
        ratios = roots + half
        return bool(
            roots.max(initial=-np.inf) <= _NEAR_MAXIMAL
            and ratios.max(initial=-np.inf) <= max(_BALANCED, self.largest + _WORSE)
        )


def _basis_step(system: LinearSystem, log_x: Vector, misfit: Vector) -> Vector:
    """The step from the scale-free form.

    With m the misfit and W_ij = T_ij x_j / x_i,

    (I + W T') d_J = u / x_J - 1 - W (1 - m_R + T'm_J),    d_R = T'(d_J + m_J) - m_R.
    """
    basis = near_maximal_basis(system, log_x)
    if basis.gap.any():
        return np.full(log_x.size, np.inf)
    rest = np.setdiff1d(np.flatnonzero(log_x > -np.inf), basis.columns, assume_unique=True)
    if basis.columns.size * rest.size > _KEPT:
        return _step_in_blocks(system, basis, rest, log_x, misfit)
    table = Table.of(system, basis, rest, log_x)
    return _step_from_table(table, log_x, misfit)


def _step_from_table(table: Table, log_x: Vector, misfit: Vector) -> Vector:
    J, rest = table.basis.columns, table.rest
    difference = _differences(log_x, rest, J)
    ratios = table.log_T + difference
    hot = np.maximum(ratios, 2 * (ratios - difference / 2)).max(axis=0, initial=-np.inf) > _COLD
    part, T = rest[hot], table.T[:, hot]
    matrix, right = np.eye(J.size), _balance(table.basis, log_x)
    _accumulate(matrix, right, T, difference[:, hot], misfit[part], misfit[J])
    d_basic = _solved(matrix, right)
    step = np.zeros(log_x.size)
    step[J], step[rest] = d_basic, table.T.T @ (d_basic + misfit[J]) - misfit[rest]
    return step


def _step_in_blocks(system: LinearSystem, basis: Basis, rest: Index, log_x: Vector, misfit: Vector) -> Vector:
    J = basis.columns
    matrix, right = np.eye(J.size), _balance(basis, log_x)
    for part, block in blocks(system, rest):
        _accumulate(matrix, right, basis.tableau(block), _differences(log_x, part, J), misfit[part], misfit[J])
    d_basic = _solved(matrix, right)
    step = system.rmatvec(basis.dual(d_basic + misfit[J])) - misfit
    step[J] = d_basic
    return step


def _accumulate(matrix: Matrix, right: Vector, T: Matrix, difference: Matrix, misfit: Vector, on_basis: Vector) -> None:
    """Add W T' to the matrix and subtract W (1 - m_R + T'm_J) from the right-hand side."""
    with np.errstate(over="ignore", invalid="ignore"):  # a wrong candidate may be of any size
        W = T * np.exp(np.minimum(difference, _LARGEST_EXPONENT))
        matrix += W @ T.T
        right -= W @ (1.0 - misfit + T.T @ on_basis)


def _balance(basis: Basis, log_x: Vector) -> Vector:
    """U / x_J - 1."""
    with np.errstate(divide="ignore"):
        log_u = np.log(np.abs(basis.u))
    return np.sign(basis.u) * np.exp(np.minimum(log_u - log_x[basis.columns], _LARGEST_EXPONENT)) - 1.0


def _differences(log_x: Vector, rest: Index, columns: Index) -> Matrix:
    """Log x_j / x_i."""
    return np.asarray(log_x[rest] - log_x[columns][:, None])


def _solved(matrix: Matrix, right: Vector) -> Vector:
    """Infinite where the matrix is singular or not finite."""
    if not (np.isfinite(matrix).all() and np.isfinite(right).all()):
        return np.full(right.size, np.inf)
    _, _, solution, info = dgesv(matrix, right)
    return np.asarray(solution) if info == 0 else np.full(right.size, np.inf)
