"""The last digits: Newton steps in log x, measured free of cancellation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import EPS, Vector
from bregman_l1.newton.status import Status
from bregman_l1.newton.step import newton_step

if TYPE_CHECKING:
    from bregman_l1.newton.old_projection import Projection
    from bregman_l1.system import LinearSystem

_MOST_STEPS = 6


def refined(system: LinearSystem, log_prior: Vector, answer: Projection, tol: float) -> Projection:
    """Return the answer, improved by exact Newton steps."""
    if answer.status not in (Status.CONVERGED, Status.INACCURATE):
        return answer
    on = answer.log_x > -np.inf
    log_x, dual, last = answer.log_x, answer.dual, np.inf
    for _ in range(_MOST_STEPS):
        step = newton_step(system, log_prior, log_x, dual).change
        size = float(np.abs(step).max())
        if not size < min(1.0, last / 2):
            break
        log_x, last = np.where(on, log_x + step, -np.inf), size
    largest = float(np.abs(log_x[on]).max(initial=1.0))
    error = min(last, answer.error) + EPS * largest
    if not np.isfinite(last):
        return answer
    status = Status.CONVERGED if error <= tol * max(1.0, largest / 1000) else Status.INACCURATE
    return replace(answer, log_x=log_x, dual=dual, error=error, status=status)
