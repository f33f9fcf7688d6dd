"""Newton's method on the dual with the heavy entries of x as unknowns of their own.

The x_K that solve A x = y hardly move while lam is still far off, and A_K'lam follows them: where x_K is made from lam
instead, an error of lam is multiplied by their weight.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, Index, Vector
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
    heavy : ndarray of int
        The entries of x that are unknowns.
    x_heavy : ndarray
        Their values.
    """

    dual: Vector
    image: Vector
    heavy: Index
    x_heavy: Vector

    @classmethod
    def of_dual(cls, dual: Vector, image: Vector) -> MixedPoint:
        """The point at which every entry is made from lam."""
        return cls(dual=dual, image=image, heavy=np.zeros(0, dtype=np.intp), x_heavy=np.zeros(0))

    def x(self, log_prior: Vector) -> Vector:
        """X, of shape (d,)."""
        x = np.exp(np.minimum(log_prior + self.image, settings.LARGEST_MIXED))
        x[self.heavy] = self.x_heavy
        return x

    def log_ratio(self, log_prior: Vector) -> Vector:
        """Log x - log p: A'lam but on the heavy entries, whose own values leave less of y."""
        ratio = self.image.copy()
        ratio[self.heavy] = np.log(self.x_heavy) - log_prior[self.heavy]
        return ratio

    def beyond(self, before: MixedPoint, stretch: float) -> MixedPoint:
        """Where a straight line from the point before leads, ``stretch`` times as far again; x_K stays."""
        return MixedPoint(
            dual=self.dual + stretch * (self.dual - before.dual),
            image=self.image + stretch * (self.image - before.image),
            heavy=self.heavy,
            x_heavy=self.x_heavy,
        )


class Correction(NamedTuple):
    """One step of Newton's method.

    Attributes
    ----------
    point : MixedPoint
        Where it led.
    error : float
        What is left in log x at most, as the size of the step and the residual of its equations tell; infinite after
        a step that was cut short.
    rounding : float
        What the rounding of y - A x does to log x.
    missing : float
        |y - A x| / |y| before the step.
    """

    point: MixedPoint
    error: float
    rounding: float
    missing: float


def corrections(
    products: CountedProducts, log_prior: Vector, point: MixedPoint, goal: float, error: float = np.inf
) -> Iterator[Correction]:
    """Take steps towards A exp(log_prior + A'lam) = y, for ever; ``error`` is that of log x at the start, if known."""
    norm_y, loosest, size = float(np.linalg.norm(products.y)), settings.LOOSEST, np.inf
    expected = min(1.0, error)
    while True:
        x = point.x(log_prior)
        heavy = heavy_entries(products, x)
        x_heavy = x[heavy]
        r1 = (log_prior + point.image)[heavy] - np.log(x_heavy)
        r2 = products.y - products.matvec(x)
        x[heavy] = 0.0
        system = NewtonSystem(products=products, heavy=heavy, x_heavy=x_heavy, x_light=x)
        step = system.solve(r1, r2, min(loosest, max(settings.FORCING * expected, settings.SHARE * goal / expected)))
        length, before, size = step_length(system, step), size, step_size(system, step)
        point = _moved(point, system, step, length)
        is_whole = length == 1.0
        expected = min(1.0, size * (step.residual + size)) if is_whole else 1.0
        error = size * (max(settings.UNSOLVED * step.residual, settings.LEAST_LEFT) + size) if is_whole else np.inf
        if is_whole and size > settings.SLOW * before:
            loosest = max(loosest / 3, settings.TIGHTEST)
        yield Correction(point, error, rounding(system, norm_y), float(np.linalg.norm(r2)) / norm_y)


def rounding(system: NewtonSystem, norm_y: float) -> float:
    """What rounding of A x by its last digit, at random, does to log x: the mean weight answers for all directions."""
    reach = float(np.sqrt(system.products.squares.max() / system.products.y.size))
    return settings.ROUNDED * EPS * norm_y * reach / system.mean_weight


def step_size(system: NewtonSystem, step: NewtonStep) -> float:
    """The largest change of log x that a step would make."""
    light = float(np.abs(step.change[system.x_light > 0]).max(initial=0.0))
    return max(light, float(np.abs(step.heavy / system.x_heavy).max(initial=0.0)))


def step_length(system: NewtonSystem, step: NewtonStep) -> float:
    """The share of a step that raises no light entry that weighs anything by more than a few e-folds."""
    weighing = system.x_light * system.products.squares > settings.WEIGHS * system.mean_weight
    rise = float(step.change[weighing].max(initial=0.0))
    return min(1.0, settings.LONGEST_RISE / rise) if rise > 0 else 1.0


def _moved(point: MixedPoint, system: NewtonSystem, step: NewtonStep, length: float) -> MixedPoint:
    factor = np.maximum(1.0 + length * step.heavy / system.x_heavy, settings.LEAST_FACTOR)
    return MixedPoint(
        dual=point.dual + length * step.dual,
        image=point.image + length * step.change,
        heavy=system.heavy,
        x_heavy=system.x_heavy * factor,
    )
