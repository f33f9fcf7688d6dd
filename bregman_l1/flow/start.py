"""What a run is given: the network and the scale it starts from, as the projection it is held against."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.errors import InvalidProblemError
from bregman_l1.potential import potential_of
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.scale import natural_log_alpha
from bregman_l1.system import LinearSystem, checked_system

# Entries of A and y beyond it, or below its inverse: squares, and squares of tolerances, leave the range of doubles.
_LARGEST = 1e75
# Beyond it, for entries of A of size one, the loss of x_0 overflows.
_LARGEST_LOG_START = 300.0


def starting_projection(
    system: LinearSystem,
    alpha: float | None,
    log_alpha: float | None,
    initial_scale: float | None,
    *,
    depth: float,
    **network: Any,
) -> BregmanProjection:
    """Return the projection of x_0, given by ``alpha``, ``log_alpha``, ``initial_scale`` (of u_0) or a prior alone.

    Raises
    ------
    InvalidProblemError
        If several of the three are given, or none without a prior, or one that is not a positive finite number; if
        the depth is infinite; if the loss on the way is no floating-point number.

    Examples
    --------
    >>> system = LinearSystem([[1.0, 0.5]], [1.0])
    >>> scaled = starting_projection(system, None, None, 0.1, depth=3)
    >>> round(scaled.alpha, 12)
    0.001
    """
    if math.isinf(potential_of(depth).flow_rate):
        raise InvalidProblemError(
            "a network of infinite depth has no gradient flow: its entries move at the rate 2 D (D - 2), which grows "
            "without bound; give a finite depth, or solve BregmanProjection(..., depth=inf), where the flows end"
        )
    if initial_scale is not None:
        if alpha is not None or log_alpha is not None:
            raise InvalidProblemError("give exactly one of alpha, log_alpha and initial_scale")
        log_alpha = _log_of_power(initial_scale, depth)
    checked_system(system)
    problem = BregmanProjection(system, alpha, log_alpha=log_alpha, depth=depth, **network)
    _refuse_extreme(system, float(problem.log_prior.max()))
    return problem


def _log_of_power(initial_scale: float, depth: float) -> float:
    try:
        return potential_of(depth).depth * natural_log_alpha(initial_scale)
    except InvalidProblemError as error:
        raise InvalidProblemError(f"initial_scale takes the place of alpha: {error}") from error


def _refuse_extreme(system: LinearSystem, log_start: float) -> None:
    sizes = {"A": float(system.row_peaks.max()), "y": float(np.abs(system.y).max())}
    for name, size in sizes.items():
        if not 1 / _LARGEST <= size <= _LARGEST:
            raise InvalidProblemError(
                f"{name} is of the size {size:.0e}, beyond {1 / _LARGEST:.0e} ... {_LARGEST:.0e}, where the loss "
                "overflows or underflows: multiply A by some a and y by some b, which is the same flow with "
                "x and alpha multiplied by b / a"
            )
    if log_start + np.log(max(sizes["A"], 1.0)) > _LARGEST_LOG_START:
        raise InvalidProblemError(f"x_0 = exp({log_start:.6g}) is too large to start from: the loss overflows")


def loss_beside(tol: float, loss_tol: float, largest: float) -> float:
    """Return the loss below which an x within ``tol`` of the projection is there, given ||y||^2.

    A change of x by tol, relative, changes A x by about tol |y|, twice that where one entry bears all of it. Where
    A x is a small difference of large terms, x must come closer before the network fits y.
    """
    residual = 2 * tol
    return max(residual * residual, loss_tol) * largest


def still_vanishing(entries: Vector, depth: float) -> str:
    """Say how far the entries have come that are zero in every solution: x' = -c x^(3 - 2/D) for one by itself."""
    return f"entries that vanish like time^-{depth / (2 * depth - 2):.3g} sum to {float(entries.sum()):.2e}"
