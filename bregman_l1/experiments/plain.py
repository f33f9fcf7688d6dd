"""Plain values: what a record may hold, and its JSON in one line."""

from __future__ import annotations

import json
from typing import Any

import numpy as np


def dumps(value: Any) -> str:
    """Return JSON in one line; NumPy scalars and arrays become numbers and lists, NaN and Infinity stay literal."""
    return json.dumps(value, default=_plain)


def plain(value: Any) -> dict[str, Any]:
    """Return a mapping as the store will give it back, made of plain numbers, strings, lists and dicts.

    Raises
    ------
    TypeError
        If it is not a mapping or holds something else.
    """
    if not hasattr(value, "items"):
        raise TypeError(f"a measure returns a mapping of names to values, got {value!r}")
    values: dict[str, Any] = json.loads(dumps(dict(value)))
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return (value.astype(np.float64) if value.dtype == np.longdouble else value).tolist()
    raise TypeError(f"{type(value).__name__} {value!r} cannot be stored; return numbers, strings, lists or dicts")
