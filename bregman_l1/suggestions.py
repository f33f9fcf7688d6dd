"""What a misspelt name may have been meant for."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

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
