"""An unknown name is refused together with the nearest known one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bregman_l1.errors import StudyError
from bregman_l1.suggestions import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable


def refuse_unknown(kind: str, name: str, known: Iterable[str]) -> None:
    """Raise `StudyError` unless the name is known.

    Parameters
    ----------
    kind : str
        What the name stands for, as the message should call it.
    name : str
        The name given.
    known : iterable of str
        The names that exist.

    Raises
    ------
    StudyError
        If the name is not among them; the message proposes the nearest one and lists all.

    Examples
    --------
    >>> refuse_unknown("ensemble", "gausian", ["gaussian"])
    Traceback (most recent call last):
    ...
    bregman_l1.errors.StudyError: unknown ensemble 'gausian'; did you mean 'gaussian'? (known: gaussian)
    """
    names = list(known)
    if name in names:
        return
    raise StudyError(f"unknown {kind} {name!r}{did_you_mean(name, names)} (known: {', '.join(names)})")
