"""Newton's method on A x = y and log x = log p + A'lam together, x and lam unknowns of their own.

The x that solve A x = y hardly move while lam is still far off, and A'lam follows: where x is made from lam instead,
an error of lam is multiplied by the weight of the entry, and entries that rise overshoot by their exponential.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, Mask, Vector
from bregman_l1.krylov.newton_system import NewtonStep, NewtonSystem, heavy_entries

if TYPE_CHECKING:
    from bregman_l1.krylov.products import CountedProducts


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MixedPoint:
    """Where the iteration stands.

    Attributes
    ----------
    dual : ndarray of shape (N,)
        lam, of the balanced system.
    image : ndarray of shape (d,)
        A'lam.
    log_x : ndarray of shape (d,)
        Log x, which is log p + A'lam in the end.
    """

    dual: Vector
    image: Vector
    log_x: Vector

    def beyond(self, before: MixedPoint, stretch: float) -> MixedPoint:
        """Where a straight line from the point before leads lam, ``stretch`` times as far again; x stays."""
        return replace(
            self,
            dual=self.dual + stretch * (self.dual - before.dual),
            image=self.image + stretch * (self.image - before.image),
        )


class Correction(NamedTuple):
    """One step of Newton's method.

    Attributes
    ----------
    point : MixedPoint
        Where it led.
    error : float
        What is left in log x at most, as the size of the step and the residual of its equations tell.
    error_that_weighs : float
        The same of the entries that weigh enough to disturb another step.
    rounding : float
        What the rounding of y - A x does to log x.
    missing : float
        What the equations for y missed before the step, relative to |y|.
    """

    point: MixedPoint
    error: float
    error_that_weighs: float
    rounding: float
    missing: float


def corrections(
    products: CountedProducts, log_prior: Vector, point: MixedPoint, goal: float, error: float = np.inf
) -> Iterator[Correction]:
    """Take steps towards A exp(log_prior + A'lam) = y, until one overflows.

    ``error`` is that of log x at the start, if known.
    """
    norm_y, loosest, size = float(np.linalg.norm(products.y)), settings.LOOSEST, np.inf
    expected = min(1.0, error)
    while True:
        x = np.exp(np.maximum(point.log_x, settings.LOWEST))
        heavy = heavy_entries(products, x)
        x_heavy, r1 = x[heavy], log_prior + point.image - point.log_x
        x[heavy] = 0.0
        system = NewtonSystem(products=products, heavy=heavy, x_heavy=x_heavy, x_light=x)
        reduced = x * (1.0 + r1)
        reduced[heavy] = x_heavy
        r2 = products.y - products.matvec(reduced)
        tolerance = min(loosest, max(settings.FORCING * expected, settings.SHARE * goal / expected))
        step = system.solve(r1[heavy], r2, tolerance)
        change = r1 + step.change
        change[heavy] = step.heavy / x_heavy
        largest = float(np.abs(change).max())
        if not largest < np.inf:
            return
        weighing, before = weighing_entries(system, point.log_x, change), size
        size = float(np.abs(change[weighing]).max(initial=0.0))
        point = _moved(point, log_prior, system, step, change, weighing)
        expected = min(1.0, size * (step.residual + size)) or EPS
        if size > settings.SLOW * before:
            loosest = max(loosest / 3, settings.TIGHTEST)
        yield Correction(
            point=point,
            error=left_after(largest, step.residual),
            error_that_weighs=left_after(size, step.residual),
            rounding=rounding(system, norm_y),
            missing=float(np.linalg.norm(r2)) / norm_y,
        )


def rounding(system: NewtonSystem, norm_y: float) -> float:
    """What rounding of A x by its last digit, at random, does to log x: the mean weight answers for all directions."""
    reach = float(np.sqrt(system.products.squares.max() / system.products.y.size))
    return settings.ROUNDED * EPS * norm_y * reach / system.mean_weight


def left_after(size: float, residual: float) -> float:
    """What is left in log x after a step of a size whose equations were solved to a residual."""
    return size * (max(settings.UNSOLVED * residual, settings.LEAST_LEFT) + size)


def weighing_entries(system: NewtonSystem, log_x: Vector, change: Vector) -> Mask:
    """The entries that weigh something, before a change of log x or after it, beside where the light weight lies."""
    weights = system.x_light * system.products.squares
    typical = float(weights @ weights) / (float(weights.sum()) or 1.0)
    least = settings.WEIGHS * min(system.mean_weight, typical)
    larger = np.exp(np.minimum(log_x + np.maximum(change, 0.0), settings.LARGEST_MIXED))
    weighing: Mask = larger * system.products.squares > least
    weighing[system.heavy] = True
    return weighing


def _moved(
    point: MixedPoint, log_prior: Vector, system: NewtonSystem, step: NewtonStep, change: Vector, weighing: Mask
) -> MixedPoint:
    """The point after a step: x itself rises, its logarithm falls, and what weighs nothing follows lam."""
    image, heavy = point.image + step.change, system.heavy
    log_factor = np.log1p(np.maximum(change, 0.0)) + np.clip(change, np.log(settings.LEAST_FACTOR), 0.0)
    log_factor[heavy] = np.log(np.maximum(1.0 + change[heavy], settings.LEAST_FACTOR))
    log_x = np.where(weighing, point.log_x + log_factor, log_prior + image)
    return MixedPoint(dual=point.dual + step.dual, image=image, log_x=log_x)
