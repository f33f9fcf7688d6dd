"""Arithmetic on numbers that are too small, or too large, to be anything but their logarithms."""

from __future__ import annotations

import numpy as np
from flint import arb

from bregman_l1.exact import at_precision
from bregman_l1.proof.arithmetic import downward, upward


def exponential(log_value: float) -> float:
    """exp(log_value); 0 or inf beyond the range of floating point.

    Examples
    --------
    >>> exponential(-2302.6)
    0.0
    """
    with np.errstate(under="ignore", over="ignore"):
        return float(np.exp(log_value))


def exponential_below(log_value: float) -> float:
    """A float that exp(log_value) is not below; 0 where that underflows.

    Examples
    --------
    >>> exponential_below(-2302.6), exponential_below(1.0) <= np.e
    (0.0, True)
    """
    with at_precision(64):
        return downward(arb(log_value).exp()) + 0.0


def exponential_above(log_value: float) -> float:
    """A float that exp(log_value) is not above; the smallest there is where that underflows.

    Examples
    --------
    >>> exponential_above(-2302.6), exponential_above(-np.inf)
    (5e-324, 0.0)
    """
    with at_precision(64):
        return upward(arb(log_value).exp())


def log_plus(log_value: float, change: float) -> float:
    """log(exp(log_value) + change), -inf where that is not positive.

    Examples
    --------
    >>> log_plus(-2000.0, 0.0)
    -2000.0
    """
    if change == 0.0 or log_value == -np.inf:
        return log_value if change <= 0.0 else float(np.log(change))
    log_change = float(np.log(abs(change)))
    if change > 0:
        return float(np.logaddexp(log_value, log_change))
    return log_value + float(np.log1p(-exponential(log_change - log_value))) if log_change < log_value else -np.inf
