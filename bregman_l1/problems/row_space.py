"""How far a vector is from the row space of A: the multiplier that fits it best, and what that leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Mask, Vector
from bregman_l1.basis.choice import SingularBasisError, choose_basis
from bregman_l1.basis.rows import independent_rows
from bregman_l1.basis.tableau import Tableau
from bregman_l1.newton.normal_equations import Factored
from bregman_l1.system import largest
from bregman_l1.threads import threads_for

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """A multiplier lam of shape (N,), and v - A'lam of shape (d,), zero where v was left out."""

    dual: Vector
    misfit: Vector


def fit(system: LinearSystem, values: Vector, on: Mask) -> Fit:
    """Fit A'lam to the values on a set of columns.

    Parameters
    ----------
    system : LinearSystem
    values : ndarray of shape (d,)
        Zero where they do not count.
    on : ndarray of bool, shape (d,)
        The columns that count.

    Returns
    -------
    Fit
        Of least squares, unless an exact fit on a basis leaves less: where columns differ much in size, v - A'lam
        cancels, and v_R - T'v_J does not.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> fit(LinearSystem([[1.0, 2.0**40]], [1.0]), np.array([0.5, 2.0**39]), np.ones(2, dtype=bool)).misfit
    array([0., 0.])
    """
    small = settings.FITTED * max(1.0, largest(values))
    with threads_for(system), np.errstate(all="ignore"):
        rows = np.flatnonzero(system.abs_matvec(on.astype(np.float64)))
        if not rows.size:
            return Fit(dual=np.zeros(system.shape[0]), misfit=np.where(on, values, 0.0))
        part = system.of_rows(rows).restrict(on)
        independent = independent_rows(part)
        rows, part = rows[independent], part.of_rows(independent)
        lam, misfit = _by_least_squares(part, values[on])
        if np.abs(misfit).max() > small and rows.size * misfit.size <= settings.FITTED_ON_BASIS:
            on_basis = _on_basis(part, values[on])
            if on_basis is not None and np.linalg.norm(on_basis[1]) < np.linalg.norm(misfit):
                lam, misfit = on_basis
    whole, left = np.zeros(system.shape[0]), np.zeros(values.size)
    whole[rows], left[on] = lam, misfit
    return Fit(dual=whole, misfit=left)


def _by_least_squares(system: LinearSystem, values: Vector) -> tuple[Vector, Vector]:
    lam, misfit = np.zeros(system.shape[0]), values
    equations = Factored(system)
    if equations.at(np.zeros(values.size)) is None:
        return lam, misfit
    for _ in range(3):
        lam = lam + equations.solve(system.matvec(misfit), 0.0)
        misfit = values - system.rmatvec(lam)
    return lam, misfit


def _on_basis(system: LinearSystem, values: Vector) -> tuple[Vector, Vector] | None:
    even = np.zeros(values.size)
    try:
        J = choose_basis(system, even)
        tableau = Tableau.of(system, J, np.setdiff1d(np.arange(values.size), J))
    except SingularBasisError:
        return None
    misfit = np.zeros(values.size)
    misfit[tableau.R] = -tableau.reduced(values)
    return tableau.dual(values[J]), misfit
