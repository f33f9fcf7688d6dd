"""Random vectors that show what rounding does."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bregman_l1._types import Matrix
from bregman_l1.frozen import read_only

# More numbers are drawn anew in every call, which costs less than one product of that size.
_MOST_KEPT = 100_000


def probes(count: int, size: int) -> Matrix:
    """Normal numbers, the same in every call."""
    return _kept(count, size) if count * size <= _MOST_KEPT else _drawn(count, size)


def _drawn(count: int, size: int) -> Matrix:
    return read_only(np.random.default_rng(0).standard_normal((count, size)))


_kept = lru_cache(maxsize=32)(_drawn)
