"""How small alpha must be: the record of the answer, and the search for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from bregman_l1.errors import BackendError, NotAdmissibleError
from bregman_l1.scale import LARGEST_LOG
from bregman_l1.theory.logarithms import exponential, exponential_below

_STEEPEST = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlphaPlan:
    """How small alpha must be for ||x(alpha) - x*||_1 <= error.

    Attributes
    ----------
    error : float
        The distance asked for.
    log_guaranteed : float
        Logarithm of the largest alpha for which (1 + rho_tilde) U(alpha) <= error; the same follows for every
        smaller alpha. Proved where the plan was made with ``rigorous=True``, up to rounding otherwise.
    log_exact : float
        Logarithm of the alpha at which the distance, computed on the path itself, equals ``error``;
        infinite where every alpha keeps below it. An estimate.
    """

    error: float
    log_guaranteed: float
    log_exact: float

    @property
    def guaranteed(self) -> float:
        """The guaranteed alpha, rounded down: 0 where it underflows."""
        return exponential_below(self.log_guaranteed)

    @property
    def exact(self) -> float:
        """The exact alpha; 0 where it underflows."""
        return exponential(self.log_exact)

    def __str__(self) -> str:
        distance = f"||x(alpha) - x*||_1 <= {self.error:g}: "
        if self.log_guaranteed == np.inf:
            return f"{distance}guaranteed for every alpha"
        exact = "true for every alpha" if self.log_exact == np.inf else f"true at log alpha = {self.log_exact:.9g}"
        return f"{distance}guaranteed for log alpha <= {self.log_guaranteed:.9g}, {exact}"


def crossing(f: Callable[[float], float], start: float, farthest: float) -> float:
    """Where an increasing function becomes positive, searched outward from start; inf if not before farthest.

    Raises
    ------
    BackendError
        Where the function is not a number.
    NotAdmissibleError
        If it is positive at every log(alpha) there is.
    """

    def clipped(t: float) -> float:
        value = f(t)
        if np.isnan(value):
            raise BackendError(f"the deviation could not be computed at log alpha = {t:g}")
        return float(np.clip(value, -_STEEPEST, _STEEPEST))

    low, high, step = start, start, 1.0
    while clipped(low) > 0:
        if low < -LARGEST_LOG:
            raise NotAdmissibleError(f"no log alpha above {-LARGEST_LOG:g} is seen to be small enough for that error")
        high, low, step = low, low - step, 2 * step
    step = 1.0
    while high <= low or clipped(high) <= 0:
        if high >= farthest:
            return float(np.inf)
        low, high, step = high, high + step, 2 * step
    return float(brentq(clipped, low, high, xtol=1e-12, rtol=1e-12))
