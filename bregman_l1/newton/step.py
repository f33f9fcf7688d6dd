"""One exact Newton step in log x: the measure of how far a candidate is from the projection.

The projection of exp(log_prior) onto {x >= 0 : A x = y} solves A x = y, log x = log_prior + A'lam. Its
Newton step at any positive candidate is the d log x with

    A X d log x = y - A x,    log x + d log x - log_prior in the row space of A.

Residuals of A x = y say nothing about small entries; this step does, because near the solution it is the
error of log x itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgesv

from bregman_l1.newton.basis import Basis, blocks, near_maximal_basis
from bregman_l1.newton.curvature import FINE, curvature
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


def newton_step(system: LinearSystem, log_prior: Vector, log_x: Vector, dual: Vector | None = None) -> Vector:
    """Return the exact Newton step in log x at a candidate.

    Parameters
    ----------
    system : LinearSystem
    log_prior, log_x : ndarray of shape (d,)
        Logarithms of the prior and of the candidate, of any scale. Entries of ``log_x`` at -inf are
        held at zero and left out.
    dual : ndarray of shape (N,), optional
        A multiplier with log x about log_prior + A'dual. The step does not depend on it; its rounding does.

    Returns
    -------
    ndarray of shape (d,)
        The step; 0 where ``log_x`` is -inf, and inf elsewhere if no step leads to A x = y.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> system = LinearSystem([[1.0, 1.0]], [2.0])
    >>> newton_step(system, np.zeros(2), np.zeros(2))
    array([0., 0.])
    """
    alive = log_x > -np.inf
    values = np.where(alive, log_x, 0.0) - np.where(alive, log_prior, 0.0)
    return step_from_misfit(system, log_x, fit(system, values, alive, dual).misfit)


def step_from_misfit(system: LinearSystem, log_x: Vector, misfit: Vector) -> Vector:
    """Return the Newton step at a candidate of which log x - log_prior - A'lam is known for some lam.

    Parameters
    ----------
    system : LinearSystem
    log_x, misfit : ndarray of shape (d,)

    Returns
    -------
    ndarray of shape (d,)
        As `newton_step`.
    """
    alive = log_x > -np.inf
    if not alive.any():
        return np.zeros(log_x.size)
    step = _plain_step(system, log_x, misfit) if _is_plain(system, log_x[alive]) else None
    if step is None:
        step = _basis_step(system, log_x, misfit)
    return np.where(alive, np.where(np.isfinite(step).all(), step, np.inf), 0.0)


def _is_plain(system: LinearSystem, log_x: Vector) -> bool:
    """Whether the plain form pays, and could hold."""
    n_rows, n_columns = system.shape
    if n_rows * n_columns < PLAIN_FROM or log_x.size < n_rows:
        return False
    return bool(np.ptp(log_x) <= _WIDEST and np.abs(log_x).max() <= _LARGEST_EXPONENT)


def _plain_step(system: LinearSystem, log_x: Vector, misfit: Vector) -> Vector | None:
    """The step from the N x N system A X A', or None where its rounding could show."""
    x, step = np.exp(log_x), -misfit
    kernel = curvature(system)
    kernel.at(x)
    if not kernel.noise() < NEGLIGIBLE:
        return None
    for _ in range(_REFINEMENTS):
        right = system.y - system.matvec(x * (1.0 + step))
        change = system.rmatvec(kernel.solve(right[:, None], FINE).dual[:, 0])
        step = step + change
        if np.abs(change).max() <= _REFINED * np.abs(step).max() + NEGLIGIBLE:
            return step
    return None


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


@dataclass(slots=True)
class _Latest:
    """The table last used on a system; replaced as a whole, so that threads may share it."""

    table: Table | None = field(default=None)


def _basis_step(system: LinearSystem, log_x: Vector, misfit: Vector) -> Vector:
    """The step from the scale-free form.

    With m the misfit and W_ij = T_ij x_j / x_i,

    (I + W T') d_J = u / x_J - 1 - W (1 - m_R + T'm_J),    d_R = T'(d_J + m_J) - m_R.
    """
    latest = system.remember("newton step", _Latest)
    table = latest.table
    if table is not None and table.serves(log_x):
        return _step_from_table(table, log_x, misfit)
    basis = near_maximal_basis(system, log_x)
    if basis.gap.any():
        return np.full(log_x.size, np.inf)
    rest = np.setdiff1d(np.flatnonzero(log_x > -np.inf), basis.columns, assume_unique=True)
    if basis.columns.size * rest.size > _KEPT:
        return _step_in_blocks(system, basis, rest, log_x, misfit)
    latest.table = table = Table.of(system, basis, rest, log_x)
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
