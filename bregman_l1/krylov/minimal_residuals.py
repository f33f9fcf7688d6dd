"""MINRES: for a symmetric matrix of any signs, by products with it and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.newton.conjugate_gradients import Solved


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
    >>> minimal_residuals(lambda v: H @ v, np.array([0.0, 2.0]), 1e-12, 10).solution.round(9).tolist()
    [1.0, 1.0]
    """
    x, first = np.zeros_like(right), float(np.linalg.norm(right))
    if first == 0:
        return Solved(x, 0.0)
    # The Lanczos vectors, and the directions that the rotations make of them: the last two of each.
    older, newer = np.zeros_like(right), right / first
    before, latest = np.zeros_like(right), np.zeros_like(right)
    # The last rotation, and what those before leave of the next column of the tridiagonal matrix.
    cosine, sine, pending, beyond, beta = -1.0, 0.0, 0.0, 0.0, 0.0
    left = first
    for _ in range(most):
        if not left > tolerance * first:
            break
        following = product(newer) - beta * older
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
    return Solved(x, left / first)
