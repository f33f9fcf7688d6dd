"""How far a candidate is from the projection: one exact Newton step in log x, with the rounding of its own measure.

The projection of p = exp(log_prior) onto {x >= 0 : A x = y} solves A x = y, log x = log p + A'lam. Its Newton step at
any positive candidate is the d = log p + A'lam - log x with A X d = y - A x. Residuals of A x = y say nothing about
small entries; this step does, because near the solution it is the error of log x itself.

It is measured by the normal equations where double precision holds all of x, and on a basis of its own elsewhere.
Nothing the solver computed is used, and nothing is remembered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import exact
from bregman_l1._types import EPS, Mask, Vector, Wide
from bregman_l1.errors import InfeasibleError
from bregman_l1.newton.dual_newton import rounding_noise
from bregman_l1.newton.equations import Equations
from bregman_l1.newton.normal_equations import normal_equations
from bregman_l1.newton.settings import (
    COLD,
    EXACT_ELIMINATION,
    FITS,
    LARGEST_TABLEAU,
    LONG,
    MARGIN,
    MOST_REFINEMENTS,
    NEGLIGIBLE,
    PLAIN_RANGE,
    REFINED,
)
from bregman_l1.newton.setup import Rows, split_rows
from bregman_l1.newton.tableau import SingularBasisError, Tableau, choose_basis, log_shares
from bregman_l1.newton.threads import threads_for
from bregman_l1.system import largest

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """The Newton step at a candidate.

    Attributes
    ----------
    change : ndarray of shape (d,)
        d log x; 0 where the candidate is zero, infinite where no step leads to A x = y.
    noise : float or ndarray of shape (d,)
        How far the rounding of this measurement may put ``change`` off.
    y : ndarray of shape (k,) or None
        The right-hand side of independent rows that the step leads to, within the margin.
    remarks : tuple of str
        What was decided by the margin of the rounding of y.
    """

    change: Vector
    noise: float | Vector = 0.0
    y: Vector | None = None
    remarks: tuple[str, ...] = ()


def newton_step(system: LinearSystem, log_prior: Vector, log_x: Vector, dual: Vector | None = None) -> Step:
    """Return the exact Newton step in log x at a candidate.

    Parameters
    ----------
    system : LinearSystem
    log_prior, log_x : ndarray of shape (d,)
        Logarithms of the prior and of the candidate, of any scale. Entries of ``log_x`` at -inf are held at zero and
        left out.
    dual : ndarray of shape (N,), optional
        A multiplier with log x about log_prior + A'dual. The step does not depend on it; its rounding does.

    Returns
    -------
    Step

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> newton_step(LinearSystem([[1.0, 1.0]], [2.0]), np.zeros(2), np.zeros(2)).change
    array([0., 0.])
    """
    alive = log_x > -np.inf
    if not alive.any():
        return Step(change=np.zeros(log_x.size))
    with threads_for(system), np.errstate(all="ignore"):
        if alive.all():
            return _step(system, log_prior, log_x, dual)
        try:
            rest = system.restrict(alive)
        except InfeasibleError:
            return Step(change=np.where(alive, np.inf, 0.0))
        part = _step(rest, log_prior[alive], log_x[alive], dual)
    change, noise = np.zeros(log_x.size), np.zeros(log_x.size)
    change[alive], noise[alive] = part.change, part.noise
    return replace(part, change=change, noise=noise)


def _step(system: LinearSystem, log_prior: Vector, log_x: Vector, dual: Vector | None) -> Step:
    """The step at a positive candidate, by the cheaper of the two ways if its rounding does not show."""
    rows = split_rows(system)
    part, lam = rows.part(system), None if dual is None else dual[rows.kept]
    step = _refined(part, log_prior, log_x, lam) if largest(log_x) <= PLAIN_RANGE else None
    if step is None or largest(step.change) > NEGLIGIBLE:
        # For another y within the margin the candidate may be right where it is not for y itself.
        on_basis = _basis_step(part, log_prior, log_x, lam)
        if step is None or np.abs(on_basis.change).max() < np.abs(step.change).max():
            step = on_basis
    return _held_against_dropped_rows(system, rows, log_x, step)


def _held_against_dropped_rows(system: LinearSystem, rows: Rows, log_x: Vector, step: Step) -> Step:
    """The step; infinite if the solution does not satisfy the rows left out to the rounding of their terms."""
    if not rows.dropped.size:
        return step
    remark = f"{rows.dropped.size} rows are combinations of the others to the rounding of their terms"
    unit = float(log_x.max())
    x = np.exp(log_x - unit) * (1.0 + step.change)
    if np.abs(step.change).max() > REFINED or system.backward_errors(x, np.exp(-unit)).max() <= MARGIN:
        return replace(step, remarks=(*step.remarks, remark))
    # That is seen in logarithms only so far; the y' of the step itself can be held against y.
    assert step.y is not None
    # Where rounding of y does not show in log x, its entries may move by what doubles do not hold.
    other, summed = rows.implied(step.y)
    beyond = 4 * EPS * summed if np.max(step.noise) <= NEGLIGIBLE else 0.0
    if (np.abs(other - system.y) <= MARGIN * (system.abs_matvec(x) * np.exp(unit) + np.abs(system.y)) + beyond).all():
        return replace(step, remarks=(*step.remarks, remark))
    return replace(step, change=np.full(log_x.size, np.inf), remarks=(*step.remarks, f"{remark}; y is not"))


def _basis_step(part: LinearSystem, log_prior: Vector, log_x: Vector, dual: Vector | None) -> Step:
    """The step on a basis chosen for the candidate, with the rounding of its tableau.

    It is taken from the point of a dual: the one given, or the one that fits the candidate on the basis.
    """
    try:
        J = choose_basis(part, log_x)
        R = np.setdiff1d(np.flatnonzero(log_shares(part, J, log_x) > -COLD), J)
        if J.size * R.size > LARGEST_TABLEAU:
            return Step(change=np.full(log_x.size, np.inf), remarks=("the tableau of a basis would be too large",))
        tableau = Tableau.of(part, J, R, log_x).exchanged(part, log_x)
    except SingularBasisError:
        return Step(change=np.full(log_x.size, np.inf))
    step = _rounded_step(part, tableau, log_prior, log_x, dual)
    remarks = () if not tableau.snapped else (f"{tableau.snapped} entries of u are zero within the rounding of y",)
    if not _is_negligible(step, log_x) and log_x.size * J.size <= EXACT_ELIMINATION:
        step = _exact_step(part, tableau, tableau.u == 0.0, log_prior, log_x) or step
        if tableau.snapped and not _is_negligible(step, log_x):
            as_given = _exact_step(part, tableau, np.zeros(J.size, dtype=bool), log_prior, log_x)
            if as_given is not None and _is_negligible(as_given, log_x):
                return replace(as_given, y=part.y)
    y = part.y if not tableau.snapped else tableau.matrix @ tableau.u
    return replace(step, y=y, remarks=remarks)


def _is_negligible(step: Step, log_x: Vector) -> bool:
    size = np.abs(step.change) + step.noise
    return bool((size <= NEGLIGIBLE * np.maximum(1.0, np.abs(log_x) / LONG)).all())


def _rounded_step(
    system: LinearSystem, tableau: Tableau, log_prior: Vector, log_x: Vector, dual: Vector | None
) -> Step:
    """The step in floating point, with its rounding."""
    J, R = tableau.J, tableau.R
    point, noise = _dual_point(system, tableau, log_prior, log_x, dual)
    equations = Equations(tableau, point[J], point[R])
    if equations.singular:
        return Step(change=np.full(log_x.size, np.inf), noise=np.full(log_x.size, np.inf))
    d_om = equations.newton()
    change = system.rmatvec(tableau.inverse.T @ d_om)
    change[J], change[R] = d_om, tableau.T.T @ d_om
    change += np.asarray(point - log_x, dtype=np.float64)
    for draw in equations.noise(system):
        noise = np.maximum(noise, np.abs(system.rmatvec(tableau.inverse.T @ draw)))
    return Step(change=change, noise=noise)


def _exact_step(
    system: LinearSystem, tableau: Tableau, vanishing: Mask, log_prior: Vector, log_x: Vector
) -> Step | None:
    """The step in ball arithmetic, where some entries of u count as zero."""
    J = tableau.J
    R = np.setdiff1d(np.arange(log_x.size), J)
    exactly = exact.Projection(tableau.matrix, system.columns(R), system.y, vanishing, log_prior[J], log_prior[R])
    found = exactly.newton(log_x[J], log_x[R])
    if found is None:
        return None
    change = np.empty(log_x.size)
    change[J], change[R] = found
    return Step(change=change, noise=np.zeros(log_x.size))


def _dual_point(
    system: LinearSystem, tableau: Tableau, log_prior: Vector, log_x: Vector, dual: Vector | None
) -> tuple[Wide, Vector]:
    """Log p + A'lam in extended precision, and the rounding of what is not; lam the dual if it fits the candidate."""
    if dual is not None:
        point = log_prior + system.rmatvec(dual)
        if np.abs(point - log_x).max() <= FITS:
            wide = system.extended_rmatvec(dual)
            return log_prior + wide, np.zeros(log_x.size)
    v = log_x[tableau.J] - log_prior[tableau.J]
    fitted, noise = log_prior + system.rmatvec(tableau.dual(v)), np.zeros(log_x.size)
    fitted[tableau.J] = log_x[tableau.J]
    fitted[tableau.R] = tableau.T.T @ log_x[tableau.J] - tableau.reduced(log_prior)
    lam, size_T = np.abs(tableau.inverse.T @ v), np.abs(tableau.T)
    through_basis = (lam @ np.abs(tableau.matrix)) @ size_T
    # T'v is off by E'lam, with A_J'lam = v, dT = A_J^{-1} E and |E| <= 2 eps (|A_R| + |A_J||T|).
    noise[tableau.R] = EPS * (2 * system.abs_rmatvec(lam)[tableau.R] + 2 * through_basis + size_T.T @ np.abs(v))
    return fitted, noise


def _refined(system: LinearSystem, log_prior: Vector, log_x: Vector, dual: Vector | None) -> Step | None:
    """Refine lam in A X (log p + A'lam - log x) = y - A x; None where that does not converge, or drowns in rounding."""
    equations = normal_equations(system)
    residual = equations.at(log_x)
    if residual is None:
        return None
    noise = rounding_noise(system, equations)
    if not noise <= NEGLIGIBLE:
        return None
    lam, size, unit = np.zeros(system.shape[0]) if dual is None else dual, np.inf, largest(log_x) + 1.0
    for _ in range(MOST_REFINEMENTS):
        step = system.rmatvec(lam)
        step += log_prior
        step -= log_x
        if size <= REFINED * largest(step):
            return Step(change=step, noise=noise, y=system.y)
        moved = np.exp(log_x)
        moved *= step
        change = equations.solve(residual - system.matvec(moved), REFINED)
        before, size = size, system.largest_of_rmatvec(change)
        if not size < before / 2:
            return None
        if size <= 16 * EPS * unit:
            return Step(change=step, noise=noise + size, y=system.y)
        lam = lam + change
    return None
