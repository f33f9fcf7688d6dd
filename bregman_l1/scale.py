"""The scale of initialisation alpha, given as itself or as its natural logarithm."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, TypeGuard

from bregman_l1.errors import InvalidProblemError
from bregman_l1.foreign import as_number

LARGEST_LOG = 1e15
"""Largest |log| of alpha and of the prior: there the spacing of floating-point logarithms is an eighth."""


def is_real(value: Any) -> TypeGuard[float]:
    """Whether the value is a real number of Python or numpy; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def natural_log_alpha(alpha: float | None = None, log_alpha: float | None = None) -> float:
    """Return log(alpha) from exactly one of the two.

    Raises
    ------
    InvalidProblemError
        If both or neither are given, if alpha is not a positive finite number, or log_alpha not a number
        between -1e15 and 1e15.

    Examples
    --------
    >>> natural_log_alpha(1.0)
    0.0
    >>> natural_log_alpha(log_alpha=-2302.6)
    -2302.6
    """
    if (alpha is None) == (log_alpha is None):
        raise InvalidProblemError("give exactly one of alpha and log_alpha (the natural logarithm of alpha)")
    if log_alpha is not None:
        value = _finite("log_alpha", log_alpha)
        if abs(value) > LARGEST_LOG:
            raise InvalidProblemError(f"log_alpha must be between -1e15 and 1e15, got {log_alpha!r}")
        return value
    value = _finite("alpha", alpha)
    if value <= 0:
        raise InvalidProblemError(f"alpha must be positive, got {alpha!r}; for alpha below 1e-308 give log_alpha")
    return math.log(value)


def _finite(name: str, given: Any) -> float:
    number = as_number(given)
    if not is_real(number):
        raise InvalidProblemError(f"{name} must be a real number, got {given!r}")
    try:
        value = float(number)
    except OverflowError as error:
        raise InvalidProblemError(f"{name} is beyond the range of floating point; give log_alpha") from error
    if not math.isfinite(value):
        raise InvalidProblemError(f"{name} must be finite, got {given!r}")
    return value
