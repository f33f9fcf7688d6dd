"""The scale of initialisation alpha, given as itself or as its natural logarithm."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from functools import wraps
from numbers import Real
from typing import Any, ParamSpec, TypeGuard, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bregman_l1._types import Vector
from bregman_l1.errors import InvalidProblemError, PositionalScalesError
from bregman_l1.foreign import UNREADABLE, as_array, as_number

_P = ParamSpec("_P")
_R = TypeVar("_R")

LARGEST_LOG = 1e15
"""Largest |log| of alpha and of the prior: there the spacing of floating-point logarithms is an eighth."""


def is_real(value: Any) -> TypeGuard[float]:
    """Whether the value is a real number of Python or numpy; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def as_float(value: Any) -> float:
    """A real number as a float, infinite beyond their range; NaN, of which no comparison holds, if it is none.

    Examples
    --------
    >>> as_float(np.float32(0.5)), as_float(10**400), as_float("0.5")
    (0.5, inf, nan)
    """
    if not is_real(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


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
    return _log("alpha", alpha) if log_alpha is None else _within_range("log_alpha", log_alpha)


def natural_log_alphas(
    alphas: ArrayLike | None = None, log_alphas: ArrayLike | None = None, *, default: Vector | None = None
) -> Vector:
    """Return the vector log(alpha) from exactly one of the two; the default, if there is one, where neither is given.

    Raises
    ------
    InvalidProblemError
        If both are given, or neither and there is no default; if they are no vector, empty, or an entry is not as
        `natural_log_alpha` wants it.

    Examples
    --------
    >>> natural_log_alphas([1.0, 1e-2]).round(3).tolist()
    [0.0, -4.605]
    >>> natural_log_alphas(log_alphas=-2302.6).tolist()
    [-2302.6]
    """
    if alphas is None and log_alphas is None and default is not None:
        return default
    if (alphas is None) == (log_alphas is None):
        raise InvalidProblemError("give exactly one of alphas and log_alphas (the natural logarithms of alphas)")
    name, given, log = ("alphas", alphas, _log) if log_alphas is None else ("log_alphas", log_alphas, _within_range)
    entries = _entries(name, given)
    if entries.ndim != 1 or not entries.size:
        raise InvalidProblemError(f"{name} must be a non-empty vector of real numbers, got shape {entries.shape}")
    return np.array([log(f"{name}[{k}]", entry) for k, entry in enumerate(entries)])


def _entries(name: str, given: Any) -> NDArray[np.object_]:
    if np.ma.is_masked(given):
        raise InvalidProblemError(f"{name} has masked entries; fill them or leave them out first")
    try:
        values = given if isinstance(given, list | tuple) else as_array(given)
        return np.atleast_1d(np.asarray(values, dtype=object))
    except UNREADABLE as error:
        raise InvalidProblemError(f"{name} cannot be read as a vector of real numbers: {error}") from error


def scales_by_keyword(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Refuse, in words, alphas given by position: nothing there tells alpha from its logarithm.

    The function takes ``alphas`` and ``log_alphas`` by keyword.

    Examples
    --------
    >>> @scales_by_keyword
    ... def lowest(system, *, alphas=None, log_alphas=None):
    ...     return natural_log_alphas(alphas, log_alphas).min()
    >>> lowest("a system", [0.1, 0.01])
    Traceback (most recent call last):
        ...
    bregman_l1.errors.PositionalScalesError: give alphas= or log_alphas=: lowest takes no scales by position
    """
    kinds = [parameter.kind for parameter in inspect.signature(function).parameters.values()]
    most = kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD)

    @wraps(function)
    def named(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        if len(args) > most:
            raise PositionalScalesError(f"give alphas= or log_alphas=: {function.__name__} takes no scales by position")
        return function(*args, **kwargs)

    return named


def _log(name: str, alpha: Any) -> float:
    value = _finite(name, alpha)
    if value <= 0:
        raise InvalidProblemError(f"{name} must be positive, got {alpha!r}; for alpha below 1e-308 give its logarithm")
    return math.log(value)


def alpha_text(log_alpha: float) -> str:
    """Return alpha in scientific notation, also where it underflows.

    Examples
    --------
    >>> alpha_text(-2302.585092994046)
    '1e-1000'
    """
    exponent = log_alpha / math.log(10)
    if abs(exponent) < 300:
        return f"{math.exp(log_alpha):.3g}"
    whole = round(exponent) if abs(exponent - round(exponent)) < 1e-9 else math.floor(exponent)
    return f"{10 ** (exponent - whole):.3g}e{whole:+d}".replace("+", "")


def _within_range(name: str, log_alpha: Any) -> float:
    value = _finite(name, log_alpha)
    if abs(value) > LARGEST_LOG:
        raise InvalidProblemError(f"{name} must be between -1e15 and 1e15, got {log_alpha!r}")
    return value


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
