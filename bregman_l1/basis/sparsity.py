"""Dense matrices of which most entries may be zero: products and inverses by the others, where that pays."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.linalg.lapack import dgetrf, dgetri
from scipy.sparse.linalg import splu

from bregman_l1 import settings
from bregman_l1._types import Matrix


def thin(matrix: Matrix) -> Any:
    """The matrix, stored sparse where products with it are cheaper then."""
    if matrix.size < settings.THIN_FROM or np.count_nonzero(matrix) >= settings.THIN * matrix.size:
        return matrix
    lines = matrix if matrix.flags.c_contiguous else matrix.T
    entries, width = np.flatnonzero(lines != 0.0), lines.shape[1]
    ends = np.searchsorted(entries, np.arange(0, lines.size + 1, width))
    few = sp.csr_array((lines.ravel()[entries], entries % width, ends), lines.shape)
    return few if lines is matrix else few.T


def inverted(matrix: Matrix) -> Matrix:
    """The inverse by elimination, which keeps zeros that follow from the pattern; not finite where a pivot vanishes."""
    few, singular = thin(matrix), np.full_like(matrix, np.inf)
    if isinstance(few, np.ndarray):
        lu, pivots, info = dgetrf(matrix)
        return np.asarray(dgetri(lu, pivots)[0]) if info == 0 else singular
    try:
        return np.asarray(splu(sp.csc_array(few)).solve(np.eye(matrix.shape[0])))
    except RuntimeError:
        return singular
