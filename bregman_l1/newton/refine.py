"""The last digits: iterative refinement of log x, with the misfit measured free of cancellation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bregman_l1.newton.fit import fit
from bregman_l1.newton.status import Status
from bregman_l1.newton.step import step_from_misfit

if TYPE_CHECKING:
    from bregman_l1.newton.projection import Projection
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_MOST_STEPS = 6


def refined(system: LinearSystem, log_prior: Vector, answer: Projection, tol: float) -> Projection:
    """Return the answer, improved by exact Newton steps unless its dual fits log x to rounding already.

    In a scale-free form log x_j is a sum of terms T_ij log x_i; where those are far above one, as with columns
    of very different size, they cost digits which the step restores.
    """
    if answer.status not in (Status.CONVERGED, Status.INACCURATE):
        return answer
    on = answer.log_x > -np.inf
    prior = np.where(on, log_prior, 0.0)
    log_x, dual, last = answer.log_x, answer.dual, np.inf
    for count in range(_MOST_STEPS):
        at = fit(system, np.where(on, log_x, 0.0) - prior, on, dual)
        if count == 0 and answer.status is Status.CONVERGED and at.dual is dual:
            return answer
        step = step_from_misfit(system, log_x, at.misfit)
        size = float(np.abs(step).max())
        if not size < min(1.0, last / 2):
            break
        log_x, dual, last = np.where(on, log_x + step, -np.inf), at.dual, size
    largest = float(np.abs(log_x[on]).max(initial=1.0))
    error = min(last, answer.error) + _EPS * largest
    if not np.isfinite(last):
        return answer
    status = Status.CONVERGED if error <= tol * max(1.0, largest / 1000) else Status.INACCURATE
    return replace(answer, log_x=log_x, dual=dual, error=error, status=status)
