"""Reprs of one line, whatever the sizes: arrays as type and shape, records inside others by their name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from functools import singledispatch
from typing import Any, ClassVar

import numpy as np

from bregman_l1.foreign import is_lazy

_LONGEST_LINE = 120
_LONGEST_VALUE = 48


class OneLine:
    """Base of records whose repr is one line: the attributes named in ``_shown``, or all fields, as many as fit.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Step(OneLine):
    ...     size: float
    ...     direction: np.ndarray
    >>> Step(size=1 / 3, direction=np.ones((200, 300)))
    Step(size=0.333333, direction=float64[200, 300])
    """

    __slots__ = ()
    _shown: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        # As an attribute of its own: a dataclass that finds none there makes one.
        cls.__repr__ = cls.__repr__  # type: ignore[method-assign]

    def __repr__(self) -> str:
        names = self._shown or tuple(field.name for field in fields(self) if field.repr)  # type: ignore[arg-type]
        line = f"{type(self).__name__}("
        for i, name in enumerate(names):
            part = f"{', ' if i else ''}{name}={brief(getattr(self, name))}"
            if len(line) + len(part) > _LONGEST_LINE:
                return f"{line}, ...)"
            line += part
        return f"{line})"


@singledispatch
def brief(value: Any) -> str:
    """Write a value in at most some fifty characters: arrays as type and shape, collections as type and length.

    Examples
    --------
    >>> brief(np.zeros((2, 3))), brief(0.1 + 0.2), brief(("a", 1)), brief([np.ones(2)] * 7)
    ('float64[2, 3]', '0.3', "('a', 1)", 'ndarray[7]')
    """
    if is_lazy(value) and hasattr(value, "dtype"):
        return f"dask {value.dtype}[{', '.join(map(str, value.shape))}]"
    return _cut(repr(value))


@brief.register
def _(value: np.ndarray) -> str:
    return f"{value.dtype}[{', '.join(map(str, value.shape))}]"


@brief.register
def _(value: float) -> str:
    return f"{value:.6g}"


@brief.register
def _(value: str) -> str:
    return repr(_cut(value))


@brief.register
def _(value: Enum) -> str:
    return value.name


@brief.register
def _(value: OneLine) -> str:
    return f"{type(value).__name__}(...)"


@brief.register(tuple)
@brief.register(list)
@brief.register(Mapping)
def _(value: Any) -> str:
    members = list(value.values()) if isinstance(value, Mapping) else list(value)
    text = repr(value) if all(isinstance(member, str | int | float) for member in members) else ""
    if 0 < len(text) <= _LONGEST_VALUE:
        return text
    kinds = {type(member).__name__ for member in members}
    return f"{kinds.pop() if len(kinds) == 1 else 'object'}[{len(members)}]"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."
