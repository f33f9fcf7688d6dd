"""Newton's method on the dual by conjugate gradients, with a line search that needs no products.

It converges from anywhere if there is a solution, since the dual is concave: where entries of x lie far apart it is
slow, where x is not sparse it is the faster method.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, Vector
from bregman_l1.krylov.linear_solvers import conjugate_gradients

if TYPE_CHECKING:
    from bregman_l1.krylov.products import CountedProducts


class Ascent(NamedTuple):
    """One step of the ascent of the dual.

    Attributes
    ----------
    dual : ndarray of shape (N,)
        lam after the step.
    image : ndarray of shape (d,)
        A'lam.
    error : float
        What log x is off by, estimated; infinite after a step that was not Newton's own.
    """

    dual: Vector
    image: Vector
    error: float


def ascents(products: CountedProducts, log_prior: Vector, dual: Vector, image: Vector, goal: float) -> Iterator[Ascent]:
    """Climb y'lam - sum exp(log_prior + A'lam) by Newton's method, for ever."""
    norm_y, error = float(np.linalg.norm(products.y)), np.inf
    while True:
        x = np.exp(np.minimum(log_prior + image, settings.LARGEST_MIXED))
        gradient = products.y - products.matvec(x)
        missing = float(np.linalg.norm(gradient)) / norm_y
        expected = min(1.0, error)
        tolerance = min(settings.LOOSEST_ASCENT, np.sqrt(missing), max(expected, settings.SHARE * goal / expected))

        def hessian(u: Vector, x: Vector = x) -> Vector:
            return products.matvec(x * products.rmatvec(u))

        solved = conjugate_gradients(hessian, gradient, tolerance, settings.MOST_MINRES)
        if not solved.x.any():
            yield Ascent(dual, image, 0.0 if not gradient.any() else error)
            return
        change = products.rmatvec(solved.x)
        length = exact_length(x, change, float(products.y @ solved.x))
        dual, image = dual + length * solved.x, image + length * change
        size = float(np.abs(change).max())
        left = max(settings.UNSOLVED * solved.residual, settings.LEAST_LEFT)
        error = size * (left + size + abs(length - 1.0)) if size < 1.0 else np.inf
        yield Ascent(dual, image, error)


def exact_length(x: Vector, change: Vector, gain: float) -> float:
    """The a > 0 at which sum change x exp(a change), which increases with a, is ``gain``; bounded if there is none.

    The sum is followed on those terms that matter, by Newton's method on a bracket.
    """
    longest = settings.LONGEST_ASCENT / max(float(np.abs(change).max()), EPS)
    low, high, a = 0.0, max(1.0, longest), 1.0
    first = abs(float(change @ x) - gain)
    for _ in range(settings.MOST_TRIALS):
        grown = x * np.exp(np.minimum(a * change, settings.LARGEST_EXPONENT))
        slope = float(change @ grown) - gain
        if abs(slope) <= settings.SEARCHED * first:
            return a
        low, high = (a, high) if slope < 0 else (low, a)
        bend = float((change * change) @ grown)
        a = a - slope / bend if bend > 0 else high
        if not low < a < high:
            a = (low + high) / 2 if slope > 0 or a < high else high
        if high - low <= EPS * high or a == low:
            break
    return a


def is_farkas(dual: Vector, image: Vector, y: Vector) -> bool:
    """Whether A'z <= 0 < y'z for z = lam: nothing is feasible then."""
    size = float(np.linalg.norm(dual))
    return float(image.max()) <= 0.0 and float(y @ dual) > EPS * size * float(np.linalg.norm(y))
