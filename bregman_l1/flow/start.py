"""What a run is given: the scale it starts from (x_0, its logarithm, or u_0), and what it ends at."""

from __future__ import annotations

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.errors import InvalidProblemError
from bregman_l1.scale import natural_log_alpha
from bregman_l1.system import LinearSystem, checked_system

# Entries of A and y beyond it, or below its inverse: squares, and squares of tolerances, leave the range of doubles.
_LARGEST = 1e75
# Beyond it, for entries of A of size one, the loss of x_0 = alpha * 1 overflows.
_LARGEST_LOG_ALPHA = 300.0


def initial_log_alpha(alpha: float | None, log_alpha: float | None, initial_scale: float | None) -> float:
    """Return log of the entries of x_0 = u_0 * u_0 from exactly one of the three.

    ``alpha`` and ``log_alpha`` speak of x_0 = alpha * 1, ``initial_scale`` of u_0 = initial_scale * 1.

    Raises
    ------
    InvalidProblemError
        If none or several are given, or the one given is not a positive finite number.

    Examples
    --------
    >>> initial_log_alpha(None, None, 0.1) == 2 * initial_log_alpha(0.1, None, None)
    True
    """
    if initial_scale is None:
        start = natural_log_alpha(alpha, log_alpha)
    elif alpha is not None or log_alpha is not None:
        raise InvalidProblemError("give exactly one of alpha, log_alpha and initial_scale")
    else:
        try:
            start = 2 * natural_log_alpha(initial_scale)
        except InvalidProblemError as error:
            raise InvalidProblemError(f"initial_scale takes the place of alpha: {error}") from error
    return start


def refuse_extreme(system: LinearSystem, log_alpha: float) -> None:
    """Raise `InvalidProblemError` where the loss on the way from alpha * 1 is no floating-point number."""
    sizes = {"A": float(checked_system(system).row_peaks.max()), "y": float(np.abs(system.y).max())}
    for name, size in sizes.items():
        if not 1 / _LARGEST <= size <= _LARGEST:
            raise InvalidProblemError(
                f"{name} is of the size {size:.0e}, beyond {1 / _LARGEST:.0e} ... {_LARGEST:.0e}, where the loss "
                "overflows or underflows: multiply A by some a and y by some b, which is the same flow with "
                "x and alpha multiplied by b / a"
            )
    if log_alpha + np.log(max(sizes["A"], 1.0)) > _LARGEST_LOG_ALPHA:
        raise InvalidProblemError(f"alpha = exp({log_alpha:.6g}) is too large to start from: the loss overflows")


def loss_beside(tol: float, loss_tol: float, largest: float) -> float:
    """Return the loss below which an x within ``tol`` of the projection is there, given ||y||^2.

    A change of x by tol, relative, changes A x by about tol |y|, twice that where one entry bears all of it. Where
    A x is a small difference of large terms, x must come closer before the network fits y.
    """
    residual = 2 * tol
    return max(residual * residual, loss_tol) * largest


def still_vanishing(entries: Vector) -> str:
    """Say how far the entries have come that are zero in every solution."""
    return f"entries that vanish like 1/time sum to {float(entries.sum()):.2e}"
