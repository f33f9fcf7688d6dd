"""Arrays that nobody changes: not their reader, and not a trip through pickle or `copy`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

_T = TypeVar("_T")


def frozen(value: _T) -> _T:
    """Return a read-only copy of an array, and anything else as it is.

    Examples
    --------
    >>> frozen(np.ones(2)).flags.writeable
    False
    """
    return read_only(value.copy()) if isinstance(value, np.ndarray) else value


def read_only(value: _T) -> _T:
    """Make an array read-only where it lies, or every array in a tuple, and return it.

    Examples
    --------
    >>> read_only((np.ones(2), "text"))[0].flags.writeable
    False
    """
    for array in value if isinstance(value, tuple) else (value,):
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return value


class FrozenArrays:
    """Base of classes whose array attributes are read-only.

    A dataclass freezes what it is given; any other class calls `frozen` where it stores an array. numpy hands
    out writable arrays when it unpickles or copies, so that both freeze them again here.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        _store(self, _attributes(self))

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        return _restored, (type(self), _attributes(self))


def _attributes(record: object) -> dict[str, Any]:
    state = object.__getstate__(record)
    parts = state if isinstance(state, tuple) else (state,)
    return {name: value for part in parts if part for name, value in part.items()}


def _store(record: object, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        object.__setattr__(record, name, frozen(value))


def _restored(kind: type[_T], attributes: dict[str, Any]) -> _T:
    record = object.__new__(kind)
    _store(record, attributes)
    return record
