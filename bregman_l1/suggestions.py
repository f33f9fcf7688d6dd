"""What a misspelt name may have been meant for, and the refusal of a name that nobody knows."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from bregman_l1.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` with the known name nearest to this one, or nothing if none is near.

    Examples
    --------
    >>> did_you_mean("maxiter", ["tol", "max_iter"]), did_you_mean("nonsense", ["tol", "max_iter"])
    ("; did you mean 'max_iter'?", '')
    """
    near = get_close_matches(str(name), list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


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
    if not isinstance(name, str) or name not in names:
        raise StudyError(f"unknown {kind} {name!r}{did_you_mean(name, names)} (known: {', '.join(names)})")
