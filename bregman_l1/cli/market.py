"""Matrices in the Matrix Market format, read so that a damaged file is refused.

The compiled reader of SciPy believes what the file says of its size, and writes beyond it.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from bregman_l1._types import Index, Matrix, Vector

_LAYOUTS = ("array", "coordinate")
_FIELDS = ("real", "integer", "pattern", "double")
_SIGNS = {"general": 0.0, "symmetric": 1.0, "skew-symmetric": -1.0}


def read_market(path: Path) -> Matrix | sp.coo_array:
    """Read a real matrix, dense or sparse as the file has it.

    Raises
    ------
    ValueError
        If it is none: the banner, the size, or the number of entries is wrong, or an index lies outside.
    """
    banner, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    words = banner.lower().split()
    if words[:2] != ["%%matrixmarket", "matrix"] or len(words) != 5:
        raise ValueError("the first line is not '%%MatrixMarket matrix' with layout, field and symmetry")
    layout, field, symmetry = words[2:]
    if layout not in _LAYOUTS or field not in _FIELDS or symmetry not in _SIGNS:
        raise ValueError(f"a matrix that is {layout}, {field} and {symmetry} is not read")
    size, *body = [line for line in lines if line.strip() and not line.startswith("%")] or [""]
    numbers = _numbers(" ".join(body))
    if layout == "array":
        return _dense(_whole(size, 2), numbers, symmetry)
    n_rows, n_columns, count = _whole(size, 3)
    width = 2 if field == "pattern" else 3
    if numbers.size != count * width:
        raise ValueError(f"it promises {count} entries and holds {numbers.size / width:g}")
    return _sparse((n_rows, n_columns), numbers.reshape(count, width), symmetry)


def _numbers(text: str) -> Vector:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # what numpy says of text that is no number
        return np.fromstring(text, dtype=np.float64, sep=" ")


def _whole(line: str, count: int) -> list[int]:
    numbers = [int(word) for word in line.split() if word.isdecimal()]
    if len(numbers) != count or len(line.split()) != count:
        raise ValueError(f"the size is {line.strip()!r}, not {count} whole numbers")
    return numbers


def _dense(shape: list[int], numbers: Vector, symmetry: str) -> Matrix:
    """Columns one after the other, of a symmetric matrix from the diagonal down, of a skew one from below it."""
    n_rows, n_columns = shape
    if symmetry == "general":
        _refuse_other_count(n_rows * n_columns, numbers)
        return numbers.reshape(n_columns, n_rows).T
    below = 1 if symmetry == "skew-symmetric" else 0
    _refuse_other_shape(n_rows, n_columns)
    _refuse_other_count(n_rows * (n_rows + 1) // 2 - below * n_rows, numbers)
    matrix, (columns, rows) = np.zeros((n_rows, n_rows)), np.triu_indices(n_rows, below)
    matrix[columns, rows] = _SIGNS[symmetry] * numbers
    matrix[rows, columns] = numbers
    return matrix


def _sparse(shape: tuple[int, int], entries: Matrix, symmetry: str) -> sp.coo_array:
    rows, columns = (_indices(entries[:, axis], size) for axis, size in enumerate(shape))
    values = entries[:, 2] if entries.shape[1] == 3 else np.ones(len(entries))
    if symmetry != "general":
        _refuse_other_shape(*shape)
        off = rows != columns
        rows, columns = np.concatenate([rows, columns[off]]), np.concatenate([columns, rows[off]])
        values = np.concatenate([values, _SIGNS[symmetry] * values[off]])
    return sp.coo_array((values, (rows, columns)), shape=shape)


def _indices(given: Vector, size: int) -> Index:
    if not ((given >= 1) & (given <= size) & (given == np.floor(given))).all():
        raise ValueError(f"an index is no whole number between 1 and {size}")
    return given.astype(np.intp) - 1


def _refuse_other_count(count: int, numbers: Vector) -> None:
    if numbers.size != count:
        raise ValueError(f"it promises {count} numbers and holds {numbers.size}")


def _refuse_other_shape(n_rows: int, n_columns: int) -> None:
    if n_rows != n_columns:
        raise ValueError(f"a matrix of shape ({n_rows}, {n_columns}) is not symmetric")
