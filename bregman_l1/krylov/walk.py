"""From an even prior of the size of x to the prior asked for, a few e-folds at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Vector
from bregman_l1.krylov.mixed_step import Correction, MixedPoint, corrections

if TYPE_CHECKING:
    from bregman_l1.krylov.products import CountedProducts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stage:
    """A prior on the way, and the point that nearly solves it.

    Attributes
    ----------
    share : float
        How far the prior has come, one at its end.
    point : MixedPoint
    error : float
        What log x is off by, estimated.
    """

    share: float
    point: MixedPoint
    error: float


def walk(products: CountedProducts, log_prior: Vector, log_size: float) -> Iterator[Stage]:
    """Follow the solution as log p goes straight from ``log_size`` to ``log_prior``; ends early where it gets stuck.

    Each stage is entered where a straight line through the last two leads. A stage that does not settle in a few
    steps is tried again from half the way.
    """
    depth = float(np.abs(log_prior - log_size).max()) or 1.0
    even = np.full(products.shape[1], log_size)
    none = MixedPoint(dual=np.zeros(products.shape[0]), image=np.zeros(products.shape[1]), log_x=even)
    at = before = Stage(share=0.0, point=none, error=np.inf)
    stride = settings.FIRST_STRIDE / depth
    while at.share < 1.0 and stride * depth > settings.LEAST_STRIDE:
        stages_left = math.ceil((1.0 - at.share) / stride - settings.STRETCHED)
        share = at.share + (1.0 - at.share) / stages_left if stages_left > 1 else 1.0
        start = at.point
        if before.share < at.share:
            start = start.beyond(before.point, (share - at.share) / (at.share - before.share))
        found, steps = settled(products, log_size + share * (log_prior - log_size), start)
        if found is None:
            stride /= 2
            continue
        stride = settings.STRIDE / depth if at.share == 0.0 else stride
        stride *= settings.LONGER if steps <= settings.EASY_STEPS else 1.0
        before, at = at, Stage(share=share, point=found.point, error=found.error)
        yield at


def settled(products: CountedProducts, log_prior: Vector, start: MixedPoint) -> tuple[Correction | None, int]:
    """The first correction that is near the solution and the steps it took; None where they lead away from it."""
    least, steps = np.inf, 0
    for steps, found in enumerate(corrections(products, log_prior, start, settings.NEARBY), 1):
        if found.error_that_weighs <= settings.NEAR_ENOUGH and found.missing <= settings.MISSING:
            return found, steps
        least = min(least, found.missing)
        if found.missing > settings.LOST * least or steps == settings.MOST_MIXED_STEPS:
            break
    return None, steps
