"""The potential of a depth."""

from __future__ import annotations

import math
from typing import Any

from bregman_l1.errors import InvalidProblemError
from bregman_l1.foreign import as_number
from bregman_l1.potential.base import Potential
from bregman_l1.potential.entropy import Entropy
from bregman_l1.potential.power import LogBarrier, Power
from bregman_l1.scale import as_float


def potential_of(depth: Any = 2) -> Potential:
    """The potential of a network x = u^D.

    Raises
    ------
    InvalidProblemError
        If the depth is not a real number of at least 2; infinity is one.

    Examples
    --------
    >>> potential_of(2), potential_of(4).exponent, potential_of(float("inf")).depth
    (Entropy(depth=2.0), 0.5, inf)
    """
    value = as_float(as_number(depth))
    if not value >= 2.0:
        raise InvalidProblemError(f"depth must be a real number of at least 2, or infinity, got {depth!r}")
    if value == 2.0:
        return Entropy()
    return Power(value) if math.isfinite(value) else LogBarrier()
