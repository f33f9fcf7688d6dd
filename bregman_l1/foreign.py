"""Values of other libraries as numpy's arrays and Python's numbers: data frames, tensors, scalar arrays.

Whoever hands over an object of a library has imported it: none is imported here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = tuple[Hashable, ...]

UNREADABLE = (TypeError, ValueError, RuntimeError)
"""What libraries raise where values cannot be read as an array, or as a sequence."""

_REAL_KINDS = "buif"

# Packages of dask's arrays and data frames.
_LAZY = ("dask", "dask_expr")


def is_lazy(values: Any) -> bool:
    """Whether this is a collection of dask, whose entries are computed when and where they are asked for.

    Examples
    --------
    >>> is_lazy(np.zeros(2))
    False
    """
    return type(values).__module__.partition(".")[0] in _LAZY


def entrywise(function: Callable[[NDArray[Any]], NDArray[Any]], values: Any) -> Any:
    """A function of every entry, without warnings of numpy; not computed yet where the values are an array of dask.

    Examples
    --------
    >>> entrywise(np.log, np.zeros(1))
    array([-inf])
    """
    if is_lazy(values):
        return values.map_blocks(_quietly, function, dtype=np.float64)
    return _quietly(values, function)


def _quietly(values: NDArray[Any], function: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
    with np.errstate(all="ignore"):
        return function(values)


def as_number(value: Any) -> Any:
    """A scalar array or tensor as a number of Python; anything else as it is.

    Examples
    --------
    >>> as_number(np.array(0.5)), as_number("text")
    (0.5, 'text')
    """
    if is_lazy(value) or getattr(value, "shape", None) != () or not hasattr(value, "item"):
        return value
    try:
        return value.item()
    except RuntimeError:  # a tensor without data
        return value


def as_array(values: Any) -> NDArray[Any]:
    """Values as an array; what is missing in a frame becomes NaN, what is no number stays an object.

    Raises
    ------
    UNREADABLE
        If they cannot be read; each library has words and exceptions of its own.

    Examples
    --------
    >>> as_array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if type(values) is np.ndarray:
        return values
    if _is_frame(values):
        if all(isinstance(kind, np.dtype) and kind.kind in _REAL_KINDS for kind in values.dtypes):
            return np.asarray(values, dtype=np.float64)
        return np.stack([_of_series(values.iloc[:, j]) for j in range(values.shape[1])], axis=1)
    if _is_series(values):
        return _of_series(values)
    values = values.detach() if hasattr(values, "detach") else values
    try:
        return np.asarray(values)
    except TypeError:
        if not hasattr(values, "double"):
            raise
        return np.asarray(values.double())  # a tensor of numbers that numpy has no type for


def labels_of(values: Any) -> tuple[Labels | None, Labels | None]:
    """The labels of rows and columns of a data frame, the first of a series; None where there are none.

    Examples
    --------
    >>> labels_of([1.0, 2.0])
    (None, None)
    """
    if not (_is_frame(values) or _is_series(values)):
        return None, None
    return tuple(values.index.tolist()), tuple(values.columns.tolist()) if _is_frame(values) else None


def _is_frame(values: Any) -> bool:
    loaded = sys.modules.get("pandas")
    return loaded is not None and isinstance(values, loaded.DataFrame)


def _is_series(values: Any) -> bool:
    loaded = sys.modules.get("pandas")
    return loaded is not None and isinstance(values, loaded.Series)


def _of_series(series: Any) -> NDArray[Any]:
    if series.dtype.kind in _REAL_KINDS:
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    return np.asarray(series if series.dtype.kind == "c" else series.to_numpy(dtype=object))
