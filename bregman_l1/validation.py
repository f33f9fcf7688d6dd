"""Checks of arguments: each returns its argument as the type it should be, or says what is wrong with it."""

from __future__ import annotations

import math
from decimal import Decimal
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bregman_l1._types import Mask, Vector
from bregman_l1.errors import BregmanError, InvalidOptionError, InvalidProblemError
from bregman_l1.foreign import Labels, as_array, as_number, is_lazy, labels_of
from bregman_l1.frozen import frozen
from bregman_l1.names import given_names, matched, place
from bregman_l1.scale import as_float

# Squares of costs beyond it, and their products with A, leave the range of doubles.
_LARGEST = 1e100
_NUMBERS = (Real, Decimal, np.bool_)


def checked_tolerance(tol: Any) -> float:
    """Return the tolerance as a float, or raise InvalidOptionError unless 0 < tol < 1."""
    value = as_float(tol)
    if not 0 < value < 1:
        raise InvalidOptionError(f"tol must be a positive number below 1, got {tol!r}")
    return value


def checked_positive(name: str, value: Any, refusal: type[BregmanError] = InvalidProblemError) -> float:
    """Return a positive finite number as a float, or say in a ``refusal`` that it is none."""
    number = as_float(value)
    if not 0 < number < math.inf:
        raise refusal(f"{name} must be positive and finite, got {value!r}")
    return number


def checked_between(name: str, value: Any, least: float, most: float) -> float:
    """Return a number between the two as a float, or say in an `InvalidProblemError` that it is none."""
    number = as_float(value)
    if not least <= number <= most:
        raise InvalidProblemError(f"{name} must be between {least:g} and {most:g}, got {value!r}")
    return number


def checked_count(name: str, value: Any, least: int, refusal: type[BregmanError] = InvalidProblemError) -> int:
    """Return an integer of at least ``least`` as one of Python's, or say in a ``refusal`` that it is none."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise refusal(f"{name} must be an integer of at least {least}, got {value!r}")
    return int(value)


def checked_flag(name: str, value: Any, refusal: type[BregmanError] = InvalidProblemError) -> bool:
    """Return True or False as Python's, or say in a ``refusal`` that it is neither."""
    if not isinstance(value, bool | np.bool_):
        raise refusal(f"{name} must be True or False, got {type(value).__name__}")
    return bool(value)


def checked_array(name: str, values: Any, refusal: type[BregmanError] = InvalidProblemError) -> NDArray[Any]:
    """Return values as an array of real numbers, or say in a ``refusal`` what is none.

    Fractions, decimals and integers of any size become the nearest floats.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        masked = place(np.argwhere(np.ma.getmaskarray(values))[0].tolist())
        raise refusal(f"{name}{masked} is masked; fill the masked entries or drop their rows first")
    try:
        array = as_array(values)
    except ValueError as error:
        raise refusal(f"{name} is not a rectangular array of numbers: {error}") from error
    except (TypeError, RuntimeError) as error:
        raise refusal(f"{name} cannot be read as an array of numbers: {error}") from error
    if array.ndim == 0 and array.dtype.kind in "OUS":
        raise refusal(f"{name} must be an array of real numbers, got an object of type {type(values).__name__}")
    if array.dtype.names is not None:
        raise refusal(f"{name} has the fields {', '.join(array.dtype.names)}; put them into columns of one type first")
    if array.dtype.kind == "O":
        return _of_objects(name, array, values, refusal)
    refuse_other_than_real(name, array.dtype, refusal)
    return array


def refuse_other_than_real(name: str, dtype: np.dtype[Any], refusal: type[BregmanError]) -> None:
    """Refuse complex numbers, text, dates and whatever else is no real number by its type."""
    if dtype.kind == "c":
        raise refusal(f"{name} is complex; it has dtype {dtype} and must hold real numbers")
    if dtype.kind not in "buif":
        raise refusal(f"{name} has dtype {dtype}; it must hold real numbers")


def _of_objects(name: str, array: NDArray[Any], values: Any, refusal: type[BregmanError]) -> Vector:
    def called(index: tuple[int, ...]) -> str:
        return f"{name}{place(index, *map(given_names, labels_of(values)))}"

    floats = np.empty(array.shape)
    for index, entry in np.ndenumerate(array):
        number = as_number(entry)
        if not isinstance(number, _NUMBERS):
            raise refusal(f"{name} has dtype object and {called(index)} is {entry!r}; it must hold real numbers")
        try:
            floats[index] = float(number)
        except (OverflowError, ValueError) as error:
            raise refusal(f"{called(index)} is beyond the range of floating point: {error}") from error
    return floats


def checked_vector(
    name: str, values: ArrayLike, length: int, names: Labels | None = None, axis: str = "column"
) -> Vector:
    """Return values as a float64 vector of the given length; entries may be anything but text and complex.

    A series is put in the order of the columns, or whatever ``axis`` says, by its labels, where these are called
    ``names``. An array of dask is not computed.
    """
    if is_lazy(values):
        lazy: Vector = _checked_lazy(name, values, length)
        return lazy
    array = checked_array(name, values)
    if array.shape != (length,):
        raise InvalidProblemError(f"{name} must have shape ({length},), got {array.shape}")
    order = matched(names, labels_of(values)[0], name, axis, InvalidProblemError)
    with np.errstate(over="ignore"):  # of extended precision
        return (array if order is None else array[order]).astype(np.float64)


def _checked_lazy(name: str, values: Any, length: int) -> Any:
    """An array of dask as one of float64, whose shape is known."""
    if not hasattr(values, "chunks"):
        raise InvalidProblemError(f"{name} is a {type(values).__name__} of dask; give its .to_dask_array(lengths=True)")
    if values.shape != (length,):
        raise InvalidProblemError(
            f"{name} must have shape ({length},), got {values.shape}"
            + ("; give its .compute_chunk_sizes()" if np.isnan(values.shape).any() else "")
        )
    refuse_other_than_real(name, values.dtype, InvalidProblemError)
    return values.astype(np.float64)


def refuse_unless_all(name: str, vector: Vector, fine: Mask, rule: str, names: Labels | None) -> None:
    """Refuse a vector of which not every entry is fine: the first that is not is named, with the rule it breaks."""
    if not fine.all():
        first = int(np.argmin(fine))
        raise InvalidProblemError(f"{name}{place([first], names)} is {float(vector[first])}; {rule}")


def checked_cost(cost: ArrayLike | None, length: int, names: Labels | None = None) -> Vector:
    """Return the cost vector, ones if omitted, finite and read-only."""
    if cost is None:
        return np.broadcast_to(np.float64(1.0), length)
    vector = checked_vector("cost", cost, length, names)
    refuse_unless_all("cost", vector, np.isfinite(vector), "every entry must be finite", names)
    return frozen(vector)


def checked_weights(cost: ArrayLike | None, length: int, names: Labels | None = None) -> Vector:
    """Return the cost vector of a linear program: as `checked_cost`, and no entry so large that squares overflow."""
    vector = checked_cost(cost, length, names)
    rule = f"divide the cost by a power of two: beyond {_LARGEST:g} its squares overflow"
    refuse_unless_all("cost", vector, np.abs(vector) <= _LARGEST, rule, names)
    return vector


def checked_prior(prior: ArrayLike | None, length: int, names: Labels | None = None) -> Vector:
    """Return the prior, ones if omitted: finite, nonnegative, not zero everywhere, and read-only."""
    if prior is None:
        return np.broadcast_to(np.float64(1.0), length)
    vector = checked_vector("prior", prior, length, names)
    fine = (vector >= 0) & (vector < np.inf)
    refuse_unless_all("prior", vector, fine, "every entry must be finite and nonnegative", names)
    if not vector.any():
        raise InvalidProblemError("prior is zero in every entry; x is zero where the prior is, so that none is left")
    return frozen(vector)
