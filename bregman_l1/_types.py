"""The array types of the package, and the rounding units."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Wide = NDArray[np.float64] | NDArray[np.longdouble]
Real = TypeVar("Real", bound=Wide)
Single = NDArray[np.float32]
Mask = NDArray[np.bool_]
Index = NDArray[np.intp]

EPS = float(np.finfo(np.float64).eps)
WIDE_EPS = float(np.finfo(np.longdouble).eps)
# What a sum may miss by beside its terms: the margin inside which y is free.
ROUNDINGS = 64 * EPS


def in_double(values: Wide) -> Vector:
    """The values in double precision; what is smaller than it holds is zero."""
    return np.asarray(values, dtype=np.float64)
