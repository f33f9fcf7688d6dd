"""Newton's method on the dual by conjugate gradients, with a line search that needs no products.

It converges from anywhere if there is a solution, since the dual is concave: where entries of x lie far apart it is
slow, where x is not sparse it is the faster method.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, Vector
from bregman_l1.newton.conjugate_gradients import Solved, conjugate_gradients
from bregman_l1.probes import probes

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
        x = np.exp(log_prior + image)
        gradient = products.y - products.matvec(x)
        missing = float(np.linalg.norm(gradient)) / norm_y
        expected = min(1.0, error)
        tolerance = min(settings.LOOSEST_ASCENT, np.sqrt(missing), max(expected, settings.SHARE * goal / expected))
        solved = _step(products, x, gradient, tolerance, settings.MOST_ASCENT_GRADIENTS)
        if not solved.solution.any():
            yield Ascent(dual, image, 0.0 if not gradient.any() else error)
            return
        change = products.rmatvec(solved.solution)
        length = exact_length(x, change, float(products.y @ solved.solution))
        dual, image = dual + length * solved.solution, image + length * change
        size = float(np.abs(change).max())
        left = max(settings.UNSOLVED * solved.residual, settings.LEAST_LEFT)
        error = size * (left + size + abs(length - 1.0)) if size < 1.0 else np.inf
        yield Ascent(dual, image, error)


def rounding(products: CountedProducts, x: Vector) -> float:
    """What rounding of A x by a few digits, at random, does to log x: without end where x must vanish somewhere."""
    size = settings.ROUNDED * EPS * float(np.linalg.norm(products.y)) / np.sqrt(products.y.size)
    noise = size * probes(1, products.y.size)[0]
    solved = _step(products, x, noise, settings.REFINED, settings.MOST_MINRES)
    return float(np.abs(products.rmatvec(solved.solution)).max())


def _step(products: CountedProducts, x: Vector, right: Vector, tolerance: float, most: int) -> Solved:
    """The u with (A X A') u = right, to a relative residual; A X A' may be of any size."""

    def hessian(u: Vector) -> Vector:
        return products.matvec(x * products.rmatvec(u))

    return conjugate_gradients(hessian, right, residual=tolerance, most=most, least=0.0)


def exact_length(x: Vector, change: Vector, gain: float) -> float:
    """The a > 0 at which sum change x exp(a change), which increases with a, is ``gain``; bounded if there is none.

    Newton's method on a bracket, halved where it would not shrink: beyond the root the sum is steep.
    """
    largest = float(np.abs(change).max())
    low, high = 0.0, settings.LONGEST_ASCENT / largest
    a, first = min(1.0, 1.0 / largest, high), abs(float(change @ x) - gain)
    for trial in range(settings.MOST_TRIALS):
        grown = x * np.exp(a * change)
        slope = float(change @ grown) - gain
        if abs(slope) <= settings.SEARCHED * first or (slope < 0 and a == high):
            break
        low, high = (a, high) if slope < 0 else (low, a)
        bend = float((change * change) @ grown)
        a = a - slope / bend if bend > 0 and trial % 2 == 0 else np.inf
        if not low < a < high:
            # Growth is tried before the bracket is halved: the end of it is far away, as a rule.
            a = min(settings.REACHED * low, high) if slope < 0 else (low + high) / 2
    return a


def value(y: Vector, log_prior: Vector, dual: Vector, image: Vector) -> float:
    """The dual objective that the ascent climbs; minus infinity where it overflows."""
    return float(y @ dual) - float(np.exp(log_prior + image).sum())


def farkas_vector(products: CountedProducts, log_size: float) -> Vector | None:
    """A z with A'z <= 0 < y'z, so that no x >= 0 solves A x = y; None where the ascent shows none.

    Without a solution the dual climbs for ever, with the entries of x bounded by what is left of y: from a prior above
    that size A'lam falls below zero.
    """
    dual, image = np.zeros(products.shape[0]), np.zeros(products.shape[1])
    log_prior = np.full(products.shape[1], log_size + settings.ABOVE_SIZE)
    for found in islice(ascents(products, log_prior, dual, image, settings.NEARBY), settings.MOST_ASCENTS):
        if float(found.image.max()) <= 0.0 < float(products.y @ found.dual):
            return found.dual
        if found.error <= settings.NEARBY or float(found.image.min()) < settings.LOWEST:
            break
    return None
