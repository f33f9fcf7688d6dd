"""Checks of arguments: each returns its argument as the type it should be, or says what is wrong with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bregman_l1._types import Vector
from bregman_l1.errors import InvalidOptionError, InvalidProblemError
from bregman_l1.frozen import frozen
from bregman_l1.scale import is_real


def checked_tolerance(tol: Any) -> float:
    """Return the tolerance as a float, or raise InvalidOptionError unless 0 < tol < 1."""
    if not (is_real(tol) and 0 < tol < 1):
        raise InvalidOptionError(f"tol must be a positive number below 1, got {tol!r}")
    return float(tol)


def checked_array(name: str, values: ArrayLike) -> NDArray[Any]:
    """Return values as an array of real numbers; ragged lists, text and complex numbers are refused."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise InvalidProblemError(f"{name} is not a rectangular array of numbers: {error}") from error
    if array.dtype.kind not in "buif":
        raise InvalidProblemError(f"{name} has dtype {array.dtype}; it must hold real numbers")
    return array


def checked_vector(name: str, values: ArrayLike, length: int) -> Vector:
    """Return values as a float64 vector of the given length; entries may be anything but text and complex."""
    array = checked_array(name, values)
    if array.shape != (length,):
        raise InvalidProblemError(f"{name} must have shape ({length},), got {array.shape}")
    return array.astype(np.float64)


def checked_cost(cost: ArrayLike | None, length: int) -> Vector:
    """Return the cost vector, ones if omitted, finite and read-only."""
    if cost is None:
        return np.broadcast_to(np.float64(1.0), length)
    vector = checked_vector("cost", cost, length)
    bad = np.flatnonzero(~np.isfinite(vector))
    if bad.size:
        raise InvalidProblemError(f"cost[{bad[0]}] is {vector[bad[0]]}; every entry must be finite")
    return frozen(vector)


def checked_prior(prior: ArrayLike | None, length: int) -> Vector:
    """Return the prior, ones if omitted: finite, nonnegative, not zero everywhere, and read-only."""
    if prior is None:
        return np.broadcast_to(np.float64(1.0), length)
    vector = checked_vector("prior", prior, length)
    bad = np.flatnonzero(~((vector >= 0) & (vector < np.inf)))
    if bad.size:
        raise InvalidProblemError(f"prior[{bad[0]}] is {vector[bad[0]]}; every entry must be finite and nonnegative")
    if not vector.any():
        raise InvalidProblemError("prior is zero in every entry; x is zero where the prior is, so that none is left")
    return frozen(vector)
