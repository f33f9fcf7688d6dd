"""Krylov methods that need products with a symmetric matrix and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bregman_l1._types import Vector


class Solved(NamedTuple):
    """What a Krylov method ends with.

    Attributes
    ----------
    x : ndarray
        The solution.
    iterations : int
        Products taken.
    residual : float
        The norm of what is left of the right-hand side, relative to it, as the recurrence has it.
    """

    x: Vector
    iterations: int
    residual: float


def conjugate_gradients(
    product: Callable[[Vector], Vector],
    right: Vector,
    tolerance: float,
    most: int,
    precondition: Vector | None = None,
) -> Solved:
    """Solve H x = right, H symmetric and positive semidefinite, right in its range (Hestenes & Stiefel 1952).

    Parameters
    ----------
    product : callable
        v -> H v.
    right : ndarray
    tolerance : float
        The relative residual to end at.
    most : int
        Most iterations, one product each.
    precondition : ndarray, optional
        The diagonal of a preconditioner: what multiplies a residual; ones if omitted.

    Examples
    --------
    >>> import numpy as np
    >>> H = np.diag([1.0, 4.0])
    >>> conjugate_gradients(lambda v: H @ v, np.array([1.0, 8.0]), 1e-12, 10).x.round(9).tolist()
    [1.0, 2.0]
    """
    x, residual = np.zeros_like(right), right.copy()
    size = first = float(np.linalg.norm(right))
    moved = residual if precondition is None else precondition * residual
    direction, energy = moved.copy(), float(residual @ moved)
    iterations = 0
    while iterations < most and size > tolerance * first:
        image = product(direction)
        iterations += 1
        curvature = float(direction @ image)
        if not curvature > 0:
            break  # rounding, or the end of the range of H
        x += (energy / curvature) * direction
        residual -= (energy / curvature) * image
        size = float(np.linalg.norm(residual))
        moved = residual if precondition is None else precondition * residual
        before, energy = energy, float(residual @ moved)
        direction = moved + (energy / before) * direction
    return Solved(x, iterations, size / first if first else 0.0)


def minimal_residuals(product: Callable[[Vector], Vector], right: Vector, tolerance: float, most: int) -> Solved:
    """Solve H x = right, H symmetric of any signs, right in its range: MINRES (Paige & Saunders 1975).

    Parameters
    ----------
    product : callable
        v -> H v.
    right : ndarray
    tolerance : float
        The relative residual to end at.
    most : int
        Most iterations, one product each.

    Examples
    --------
    >>> import numpy as np
    >>> H = np.array([[-1.0, 1.0], [1.0, 1.0]])
    >>> minimal_residuals(lambda v: H @ v, np.array([0.0, 2.0]), 1e-12, 10).x.round(9).tolist()
    [1.0, 1.0]
    """
    x, first = np.zeros_like(right), float(np.linalg.norm(right))
    if first == 0:
        return Solved(x, 0, 0.0)
    # The Lanczos vectors, and the directions that the rotations make of them: the last two of each.
    older, newer = np.zeros_like(right), right / first
    before, latest = np.zeros_like(right), np.zeros_like(right)
    # The last rotation, and what those before leave of the next column of the tridiagonal matrix.
    cosine, sine, pending, beyond, beta = -1.0, 0.0, 0.0, 0.0, 0.0
    left, iterations = first, 0
    while iterations < most and left > tolerance * first:
        following = product(newer) - beta * older
        iterations += 1
        alpha = float(newer @ following)
        following -= alpha * newer
        beta = float(np.linalg.norm(following))
        above, diagonal = cosine * pending + sine * alpha, sine * pending - cosine * alpha
        pivot = math.hypot(diagonal, beta)
        if not pivot > 0:
            break
        direction = (newer - above * latest - beyond * before) / pivot
        pending, beyond = -cosine * beta, sine * beta
        cosine, sine = diagonal / pivot, beta / pivot
        x += (cosine * left) * direction
        left *= sine
        before, latest = latest, direction
        if beta == 0:
            break
        older, newer = newer, following / beta
    return Solved(x, iterations, left / first)
