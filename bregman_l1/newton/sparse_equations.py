"""How the normal equations of a large sparse system are solved without a dense matrix of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from bregman_l1 import settings
from bregman_l1.newton.sparse_factor import SparselyFactored, bandwidth
from bregman_l1.newton.sparse_gradients import SparseGradients

if TYPE_CHECKING:
    from bregman_l1.budget import Budget
    from bregman_l1.system import LinearSystem

SparseEquations: TypeAlias = SparselyFactored | SparseGradients


def stays_sparse(system: LinearSystem, least_slope: float = 1.0) -> bool:
    """Whether conjugate gradients take less than the factor of an N x N matrix, and single precision serves them.

    ``least_slope`` is as for `normal_equations`.
    """
    n_rows, n_columns = system.shape
    if not (system.is_sparse and settings.SPARSE_FROM <= n_rows <= n_columns):
        return False
    products, gram = system.work
    is_cheaper = settings.GRADIENTS_TAKE * products < gram + settings.DENSE_SHARE * n_rows**3
    return is_cheaper and least_slope > settings.LEAST_SINGLE_SLOPE and system.fits_single_precision


def sparse_equations(system: LinearSystem, budget: Budget | None = None) -> SparseEquations:
    """The cheaper of a sparse factor and conjugate gradients, by the multiplications that each may take."""
    n_rows, width = system.shape[0], bandwidth(system)
    products, gram = system.work
    factor = gram + 3.0 * settings.DENSE_SHARE * n_rows * width**2
    gradients = max(settings.GRADIENTS_TAKE, settings.GRADIENTS_OF_REACH * n_rows / width) * products
    return SparselyFactored(system) if factor < gradients else SparseGradients(system, budget)
