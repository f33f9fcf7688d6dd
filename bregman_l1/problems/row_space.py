"""How far a vector is from the row space of A: the multiplier that fits it best, and what that leaves."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Mask, Vector
from bregman_l1.basis.choice import SingularBasisError, choose_basis
from bregman_l1.basis.rows import independent_rows
from bregman_l1.basis.tableau import Tableau
from bregman_l1.newton.equations import NormalEquations
from bregman_l1.newton.normal_equations import Factored
from bregman_l1.newton.sparse_equations import sparse_equations, stays_sparse
from bregman_l1.system import LinearSystem, largest
from bregman_l1.threads import threads_for

# Least squares are refined so often: a factor gains all its digits at once, conjugate gradients four at a time.
_ROUNDS, _GRADIENT_ROUNDS = 3, 5
_SOLVED = 1e-4


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
    whole = Fit(dual=np.zeros(system.shape[0]), misfit=np.where(on, values, 0.0))
    with threads_for(system), np.errstate(all="ignore"):
        sizes = system.abs_matvec(on / on.size)
        if not sizes.any():
            return whole
        part = system.restrict(on, sizes)  # with a y that no row is refused for
        if stays_sparse(part):
            whole.dual[:], whole.misfit[on] = _by_least_squares(
                part, sparse_equations(part), values[on], _GRADIENT_ROUNDS
            )
            return whole
        rows = independent_rows(part)
        part = part.of_rows(rows)
        lam, misfit = _by_least_squares(part, Factored(part), values[on], _ROUNDS)
        small = settings.FITTED * max(1.0, largest(values))
        if largest(misfit) > small and rows.size * misfit.size <= settings.FITTED_ON_BASIS:
            lam, misfit = min((lam, misfit), _on_basis(part, values[on]), key=lambda fitted: np.linalg.norm(fitted[1]))
    whole.dual[rows], whole.misfit[on] = lam, misfit
    return whole


def _by_least_squares(
    system: LinearSystem, equations: NormalEquations, values: Vector, rounds: int
) -> tuple[Vector, Vector]:
    lam, misfit, even = np.zeros(system.shape[0]), values, np.zeros(values.size)
    if equations.at(even, even) is not None:
        for _ in range(rounds):
            lam = lam + equations.solve(system.matvec(misfit), _SOLVED)
            misfit = values - system.rmatvec(lam)
    return lam, misfit


def _on_basis(system: LinearSystem, values: Vector) -> tuple[Vector, Vector]:
    even, lam, misfit = np.zeros(values.size), np.zeros(system.shape[0]), values
    with suppress(SingularBasisError):
        J = choose_basis(system, even)
        tableau = Tableau.of(system, J, np.setdiff1d(np.arange(values.size), J))
        lam, misfit = tableau.dual(values[J]), np.zeros(values.size)
        misfit[tableau.R] = -tableau.reduced(values)
    return lam, misfit
