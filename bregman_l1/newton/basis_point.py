"""The point of the dual with given log x on a basis, in which no small theta is a difference of large ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Vector, Wide, in_double
from bregman_l1.basis.reduced import ReducedSums
from bregman_l1.newton.dual_newton import dual_point

if TYPE_CHECKING:
    from bregman_l1.basis.tableau import Tableau
    from bregman_l1.potential import Potential
    from bregman_l1.system import LinearSystem


def basis_point(
    system: LinearSystem, potential: Potential, tableau: Tableau, log_prior: Wide, om: Vector
) -> tuple[Wide, Vector, Vector]:
    """Return log x, its rounding, and the multiplier, with log x_J = om.

    Theta(p) + A'lam in extended precision is as good as that where theta is not small beside its terms; elsewhere
    theta_R = T'theta_J - rho is better.

    Parameters
    ----------
    system : LinearSystem
        Of independent rows.
    potential : Potential
        In a unit in which theta(p) stays within floating point; the multiplier is in the same.
    tableau : Tableau
    log_prior : ndarray of shape (d,)
    om : ndarray of shape (k,)

    Returns
    -------
    log_x, noise : ndarray of shape (d,)
        The noise leaves out what the rounding of T does to T'theta_J, which is left to `Equations.noise`.
    dual : ndarray of shape (k,)
        In double precision; log x is that of the multiplier in extended precision.
    """
    J, prior, theta_J = tableau.J, potential.gradient(log_prior), potential.gradient(om)
    lam = tableau.dual(in_double(theta_J - prior[J]))
    off = tableau.wide.T @ lam.astype(np.longdouble) + prior[J] - theta_J
    log_x, noise = dual_point(system, potential, log_prior, lam - tableau.inverse.T @ off)
    log_x[J], noise[J] = om, 0.0
    poor = np.flatnonzero(~(noise <= settings.NEGLIGIBLE))
    if poor.size and poor.size * J.size <= settings.LARGEST_TABLEAU:
        wanted = tableau.holding(system, poor)
        rho, error = ReducedSums(system, wanted, log_prior).of(prior, potential.prior_rounding(log_prior))
        theta_R = wanted.T.T @ theta_J - rho
        noise_R = np.abs(potential.log_change(theta_R, error + 8 * np.finfo(theta_R.dtype).smallest_subnormal))
        # What cancels to rounding is taken for a tie: then T alone knows theta.
        better = (rho == 0.0) | ~(noise[wanted.R] <= noise_R)
        R = wanted.R[better]
        log_x[R], noise[R] = potential.log_primal(theta_R)[better], noise_R[better]
    return log_x, noise, lam
