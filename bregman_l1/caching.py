"""What is computed once and kept, or the last of it, without a lock: nobody waits, a forked child finds none held."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar, cast

_T = TypeVar("_T")
_MISSING = object()


def computed_once(memory: dict[Any, Any], key: Hashable, make: Callable[[], _T]) -> _T:
    """Return what the memory holds under the key, or else what ``make`` gives, and keep it.

    Two threads may both compute; both are given what the first to finish stored.

    Examples
    --------
    >>> memory = {}
    >>> computed_once(memory, "answer", lambda: 42), computed_once(memory, "answer", lambda: 43)
    (42, 42)
    """
    found = memory.get(key, _MISSING)
    kept: _T = memory.setdefault(key, make()) if found is _MISSING else found
    return kept


def computed_last(memory: dict[Any, Any], name: Hashable, key: Hashable, make: Callable[[], _T]) -> _T:
    """Return what the memory holds under the name if that is for this key, or else what ``make`` gives in its place.

    Examples
    --------
    >>> memory = {}
    >>> [computed_last(memory, "square", number, lambda: number**2) for number in (2, 2, 3)], memory
    ([4, 4, 9], {'square': (3, 9)})
    """
    held, value = memory.get(name, (_MISSING, None))
    if held != key:
        value = make()
        memory[name] = key, value
    return cast("_T", value)


if TYPE_CHECKING:
    from functools import cached_property as cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801 - it is used like the one it replaces
        """`functools.cached_property` without the lock that all objects share in Python 3.11."""

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            return computed_once(vars(instance), self.attrname, lambda: self.func(instance))
