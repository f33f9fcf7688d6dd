"""What a study names by its path, ``"package.module:name"``, so that every process can find it."""

from __future__ import annotations

from importlib import import_module
from operator import attrgetter
from typing import Any

from bregman_l1.errors import StudyError


def imported(kind: str, path: str) -> Any:
    """Import what a path stands for.

    Parameters
    ----------
    kind : str
        What it should be, as the message should call it.
    path : str
        Module and name, with a colon between.

    Raises
    ------
    StudyError
        If the module cannot be imported or does not have the name.

    Examples
    --------
    >>> imported("measure", "math:sqrt")(4.0)
    2.0
    """
    module, _, name = path.partition(":")
    try:
        return attrgetter(name)(import_module(module))
    except (ImportError, AttributeError, ValueError) as error:
        raise StudyError(
            f"the {kind} {path!r} cannot be imported: {error} (is the directory of its module on PYTHONPATH?)"
        ) from error
