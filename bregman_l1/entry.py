"""Where a caller enters the package.

Numpy's error state becomes ours, scalars of other libraries become Python's, and warnings point at the caller's line.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

from bregman_l1.errors import BregmanWarning
from bregman_l1.foreign import as_number
from bregman_l1.frozen import wrap_properties

_P = ParamSpec("_P")
_R = TypeVar("_R")


def entry_point(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compute under numpy's default error state, whatever the caller's is, and with numbers of Python.

    Small entries of x underflow by design: under a caller's ``np.errstate(all="raise")`` that would be an error.
    Scalar arrays and tensors among the arguments are numbers.

    Examples
    --------
    >>> @entry_point
    ... def smallest():
    ...     return np.exp(np.float64(-1000.0))
    >>> with np.errstate(all="raise"):
    ...     float(smallest())
    0.0
    """

    @wraps(function)
    def entered(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with np.errstate(divide="warn", over="warn", under="ignore", invalid="warn"):
            return function(*map(as_number, args), **{name: as_number(value) for name, value in kwargs.items()})

    return entered


def entry_points(kind: type[_R]) -> type[_R]:
    """Make every public method and property of a class an `entry_point`: they compute when they are asked."""
    wrap_properties(kind, entry_point)
    for name, member in list(vars(kind).items()):
        if inspect.isfunction(member) and not name.startswith("_"):
            setattr(kind, name, entry_point(member))
    return kind


def warn_caller(message: str, category: type[BregmanWarning]) -> None:
    """Warn, pointing at the first line outside the package."""
    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "bregman_l1":
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
