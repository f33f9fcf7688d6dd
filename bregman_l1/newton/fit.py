"""How far a vector is from the row space of A, free of cancellation.

v - A'lam cancels where columns of A are large: its rounding error is of the size of |a_j||lam|. With a basis K of
near-maximal volume among the columns of A as they are, v_R - T'v_K is the same vector for the multiplier that fits
v on K; T has entries of order one, and only v itself is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg as sla
import scipy.sparse.linalg as spla
from numpy.typing import NDArray

from bregman_l1.newton.basis import blocks, near_maximal_basis

if TYPE_CHECKING:
    from bregman_l1.newton.basis import Basis
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]
Mask = NDArray[np.bool_]

# A misfit below this share of the largest value is rounding.
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A multiplier lam of shape (N,), lam'y, and v - A'lam of shape (d,), zero where v was left out."""

    dual: Vector
    through_y: float
    misfit: Vector

    @property
    def size(self) -> float:
        """The Euclidean norm of the misfit."""
        return float(np.linalg.norm(self.misfit))


def fit(system: LinearSystem, values: Vector, on: Mask, dual: Vector | None = None) -> Fit:
    """Fit A'lam to the values on a set of columns.

    Parameters
    ----------
    system : LinearSystem
    values : ndarray of shape (d,)
    on : ndarray of bool, shape (d,)
        The columns that count.
    dual : ndarray of shape (N,), optional
        A multiplier to keep if it fits to rounding.

    Returns
    -------
    Fit
        Exact on a basis if the values lie in the row space to rounding, else of least squares.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> fit(LinearSystem([[1.0, 2.0**40]], [1.0]), np.array([0.5, 2.0**39]), np.ones(2, dtype=bool)).misfit
    array([0., 0.])
    """
    small = _ROUNDING * max(1.0, float(np.abs(values[on]).max(initial=0.0)))
    if dual is not None and np.isfinite(dual).all():
        with np.errstate(over="ignore", invalid="ignore"):  # a wrong claim may be of any size
            misfit = np.where(on, values - system.rmatvec(dual), 0.0)
            claimed = Fit(dual=dual, through_y=float(dual @ system.y), misfit=misfit)
        if np.abs(claimed.misfit).max(initial=0.0) <= small:
            return claimed
    exact = _fit_on_basis(system, values, on)
    if np.abs(exact.misfit).max(initial=0.0) <= small:
        return exact
    squares = _least_squares(system, exact.misfit, on)
    improved = Fit(
        dual=exact.dual + squares,
        through_y=exact.through_y + float(squares @ system.y),
        misfit=np.where(on, exact.misfit - system.rmatvec(squares), 0.0),
    )
    return improved if improved.size < exact.size else exact


def _fit_on_basis(system: LinearSystem, values: Vector, on: Mask) -> Fit:
    basis = system.remember("widest basis", lambda: _widest(system, on)) if on.all() else _widest(system, on)
    misfit = np.zeros(values.size)
    rest = on.copy()
    rest[basis.columns] = False
    for part, block in blocks(system, np.flatnonzero(rest)):
        misfit[part] = values[part] - basis.tableau(block).T @ values[basis.columns]
    on_basis = values[basis.columns]
    return Fit(dual=basis.dual(on_basis), through_y=float(on_basis @ basis.u), misfit=misfit)


def _widest(system: LinearSystem, on: Mask) -> Basis:
    return near_maximal_basis(system, np.where(on, 0.0, -np.inf))


def _least_squares(system: LinearSystem, values: Vector, on: Mask) -> Vector:
    if system.is_sparse:
        rows = system.restrict(on).matrix.T
        return np.asarray(spla.lsmr(rows, values[on], atol=1e-14, btol=1e-14)[0])
    return np.asarray(sla.lstsq(system.columns(on).T, values[on], lapack_driver="gelsy")[0])
