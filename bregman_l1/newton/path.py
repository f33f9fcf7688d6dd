"""One walk through many values of alpha."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bregman_l1.errors import BackendError
from bregman_l1.newton.forced_zeros import ForcedZeros
from bregman_l1.newton.old_projection import cold, projection_at
from bregman_l1.newton.old_walk import Walk
from bregman_l1.newton.refine import refined
from bregman_l1.newton.scale_free import Line
from bregman_l1.newton.status import Budget, Status
from bregman_l1.newton.threads import threads_for
from bregman_l1.polyhedron.feasible_set import require_feasible

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Path:
    """The projections of alpha**cost for many alpha, one row or entry each, in the order they were asked.

    Attributes
    ----------
    log_alphas, errors : ndarray of shape (k,)
    log_x : ndarray of shape (k, d)
    duals : ndarray of shape (k, N)
    iterations : ndarray of shape (k,)
        Factorisations spent on the way from the value before.
    statuses : tuple of Status
    zeros : ForcedZeros
        The coordinates zero on the whole feasible set, with their proof.
    """

    log_alphas: Vector
    log_x: Matrix
    duals: Matrix
    errors: Vector
    iterations: NDArray[np.intp]
    statuses: tuple[Status, ...]
    zeros: ForcedZeros


def walk(system: LinearSystem, cost: Vector, log_alphas: Vector, *, tol: float = 1e-9) -> Path:
    """Project alpha**cost for every alpha, in one walk from the largest to the smallest.

    Parameters
    ----------
    system : LinearSystem
    cost : ndarray of shape (d,)
    log_alphas : ndarray of shape (k,)
        Natural logarithms of alpha, in any order.
    tol : float, default 1e-9
        As in `project`.

    Returns
    -------
    Path

    Raises
    ------
    InfeasibleError
        If no x >= 0 solves A x = y.
    BackendError
        If that seems so, but no Farkas vector proves it.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> path = walk(LinearSystem([[1.0, 0.5]], [1.0]), np.ones(2), np.array([-100.0, -2302.6]))
    >>> path.log_x[:, 1].round(6)
    array([  -50. , -1151.3])
    """
    log_alphas = np.asarray(log_alphas, dtype=np.float64)
    n_rows, n_columns = system.shape
    log_x, duals = np.empty((log_alphas.size, n_columns)), np.empty((log_alphas.size, n_rows))
    errors, iterations = np.empty(log_alphas.size), np.empty(log_alphas.size, dtype=np.intp)
    statuses = [Status.INACCURATE] * log_alphas.size
    order = np.argsort(-log_alphas, kind="stable")
    with threads_for(system):
        walker = start(system, cost, float(log_alphas[order[0]]), tol)
        used = 0
        for k in order:
            walker.advance(-float(log_alphas[k]), tol)
            log_prior = float(log_alphas[k]) * cost
            answer = refined(system, log_prior, projection_at(walker, walker.iterations - used), tol)
            log_x[k], duals[k], errors[k] = answer.log_x, answer.dual, answer.error
            statuses[k], iterations[k], used = answer.status, answer.iterations, walker.iterations
    return Path(
        log_alphas=log_alphas,
        log_x=log_x,
        duals=duals,
        errors=errors,
        iterations=iterations,
        statuses=tuple(statuses),
        zeros=walker.zeros,
    )


def start(system: LinearSystem, cost: Vector, log_alpha: float, tol: float) -> Walk:
    """A walker along t = -log(alpha), standing near the projection of one alpha**cost."""
    first = cold(system, log_alpha * cost, tol, Budget())
    if first.status is Status.INFEASIBLE:
        require_feasible(system)
        raise BackendError("the tableau shows no feasible point, but no Farkas vector confirms it", first.status.value)
    line = Line(base=np.zeros(cost.size), direction=-cost)
    zeros = ForcedZeros(mask=first.forced_zeros, exposing=first.exposing)
    walker = Walk(system, line, -log_alpha, first.log_x, zeros, Budget())
    walker.iterations = first.iterations
    return walker
