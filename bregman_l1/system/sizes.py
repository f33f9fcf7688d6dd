"""Rows that no x can solve, or none whose entries and products floating point holds."""

from __future__ import annotations

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.errors import InfeasibleError, InvalidSystemError
from bregman_l1.foreign import Labels
from bregman_l1.names import chosen, place, rows_called
from bregman_l1.system.matrices import dense
from bregman_l1.system.storage import Products, Storage

# Entries beyond it overflow in products, rows below its inverse underflow.
_LARGEST = 1e250


def refuse_impossible_row(storage: Products, y: Vector, row_names: Labels | None) -> None:
    """Raise InfeasibleError if a row is zero where y is not."""
    impossible = np.flatnonzero((storage.row_peaks == 0) & (y != 0))
    if impossible.size:
        i = int(impossible[0])
        farkas = np.zeros(y.size)
        farkas[i] = np.sign(y[i])
        row = rows_called([i], row_names)
        raise InfeasibleError(
            f"{row} of A is zero while y[{i}] = {y[i]:g}: no x solves it",
            farkas,
            chosen(row_names, impossible[:1], y.size),
        )


def refuse_extreme_row(storage: Products, y: Vector, row_names: Labels | None, column_names: Labels | None) -> None:
    """Raise InvalidSystemError if a row leaves no range of exponents to compute in."""
    sizes, y = storage.row_peaks, np.abs(y)
    extreme = (np.maximum(sizes, y) > _LARGEST) | ((sizes > 0) & (sizes < 1 / _LARGEST))
    size_of_x = np.full(y.size, -np.inf)
    size_of_x[y > 0] = np.log10(y[y > 0]) - np.log10(sizes[y > 0])
    i = int(extreme.argmax() if extreme.any() else size_of_x.argmax())
    if not extreme[i] and abs(size_of_x[i]) <= np.log10(_LARGEST):
        return
    limits = f"beyond {1 / _LARGEST:.0e} ... {_LARGEST:.0e}"
    entry = "an entry of A"
    if isinstance(storage, Storage):
        entry = f"A{place((i, int(np.abs(dense(storage.rows([i]))[0]).argmax())), row_names, column_names)}"
    found = f"{entry}, the largest of its row, is {sizes[i]:.3g} and y[{i}] is {y[i]:.3g}"
    if extreme[i]:
        raise InvalidSystemError(
            f"{found}, {limits}, where products overflow or underflow: "
            f"divide row {i} of A and y[{i}] by one power of two, which changes no solution"
        )
    raise InvalidSystemError(
        f"{found}: entries of x are of the size 1e{size_of_x[i]:+.0f}, {limits}: "
        "divide y by a power of two, which divides x and alpha by it"
    )
