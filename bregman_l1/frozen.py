"""Arrays that nobody changes: not their reader, and not a trip through pickle or `copy`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from bregman_l1.caching import cached_property
from bregman_l1.one_line import OneLine

_T = TypeVar("_T")
_P = ParamSpec("_P")


def frozen(value: _T) -> _T:
    """Return a read-only copy of an array, or of every array in a tuple, and anything else as it is.

    An array that is read-only already, and no view of another, is not copied.

    Examples
    --------
    >>> frozen(np.ones(2)).flags.writeable
    False
    """
    if type(value) is tuple:
        return cast("_T", tuple(frozen(part) for part in cast("tuple[Any, ...]", value)))
    if not isinstance(value, np.ndarray) or (value.flags.owndata and not value.flags.writeable):
        return value
    return read_only(value.copy())


def read_only(value: _T) -> _T:
    """Make an array read-only where it lies, or every array in a tuple or dict, and return it.

    Examples
    --------
    >>> read_only((np.ones(2), "text"))[0].flags.writeable
    False
    """
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,)
    for array in parts:
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return value


class FrozenArrays(OneLine):
    """Base of classes whose array attributes are read-only, those that properties compute included.

    A dataclass freezes what it is given; any other class calls `frozen` where it stores an array. numpy hands
    out writable arrays when it unpickles or copies, so that both freeze them again here.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        wrap_properties(cls, _read_only_result)

    def __post_init__(self) -> None:
        _store(self, _attributes(self))

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        return restored, (type(self), _attributes(self))


def wrap_properties(kind: type, wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Replace every property and cached property that a class defines by one that calls ``wrapper(its function)``."""
    for name, member in list(vars(kind).items()):
        if isinstance(member, property) and member.fget is not None:
            setattr(kind, name, property(wrapper(member.fget)))
        elif isinstance(member, cached_property):
            setattr(kind, name, cached := cached_property(wrapper(member.func)))
            cached.__set_name__(kind, name)


def _read_only_result(function: Callable[_P, _T]) -> Callable[_P, _T]:
    @wraps(function)
    def computed(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        return read_only(function(*args, **kwargs))

    return computed


def _attributes(record: object) -> dict[str, Any]:
    state = object.__getstate__(record)
    parts = state if isinstance(state, tuple) else (state,)
    return {name: value for part in parts if part for name, value in part.items()}


def _store(record: object, attributes: dict[str, Any]) -> None:
    for name, value in attributes.items():
        object.__setattr__(record, name, frozen(value))


def restored(kind: type[_T], attributes: dict[str, Any]) -> _T:
    """Return an object with these attributes, its arrays read-only, as it was before it was taken apart."""
    record = object.__new__(kind)
    _store(record, attributes)
    return record
