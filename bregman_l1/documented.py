"""An enumeration whose members carry a docstring of their own."""

from __future__ import annotations

from enum import Enum
from typing import Self


class DocumentedEnum(Enum):
    """Members are given as ``NAME = value, docstring``.

    Examples
    --------
    >>> class Answer(DocumentedEnum):
    ...     YES = "yes", "Go on."
    >>> Answer.YES.value, Answer.YES.__doc__, Answer("yes") is Answer.YES
    ('yes', 'Go on.', True)
    """

    _value_: str

    def __new__(cls, value: str, meaning: str) -> Self:  # noqa: D102
        member = object.__new__(cls)
        member._value_ = value
        member.__doc__ = meaning
        return member
