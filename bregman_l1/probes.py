"""Random vectors that show what rounding does."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bregman_l1._types import Matrix
from bregman_l1.frozen import read_only


@lru_cache(maxsize=32)
def probes(count: int, size: int) -> Matrix:
    """Normal numbers, the same in every call."""
    return read_only(np.random.default_rng(0).standard_normal((count, size)))
