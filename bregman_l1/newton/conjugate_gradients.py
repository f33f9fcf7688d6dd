"""Preconditioned conjugate gradients, in the precision of the right-hand side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bregman_l1._types import EPS


class Solved(NamedTuple):
    """What conjugate gradients found.

    Attributes
    ----------
    solution : ndarray of shape (N,)
        Of all iterates the one that leaves least.
    residual : float
        What is left of the right-hand side, relative to it, in the norm of the preconditioner.
    """

    solution: NDArray[Any]
    residual: float


def conjugate_gradients(
    product: Callable[[NDArray[Any]], NDArray[Any]],
    right: NDArray[Any],
    *,
    residual: float,
    most: int,
    preconditioned: Callable[[NDArray[Any]], NDArray[Any]] = np.copy,
    least: float = EPS,
) -> Solved:
    """Solve H z = right for a symmetric, positive semidefinite H, until ``residual`` or after ``most`` products.

    Parameters
    ----------
    product : callable
        H times a vector.
    right : ndarray of shape (N,)
        In the range of H.
    residual : float
        The relative residual asked, in the norm of the preconditioner.
    most : int
        Most products.
    preconditioned : callable
        M^{-1} times a vector, M near H; by default the vector.
    least : float, default EPS
        Where p'H p falls to this share of p'M p, the products cannot tell H p from zero: the iteration ends, with the
        best solution met. What is left of ``right`` then may lie outside the range of H.

    Examples
    --------
    >>> H = np.diag([1.0, 2.0, 4.0])
    >>> conjugate_gradients(lambda v: H @ v, np.ones(3), residual=1e-12, most=9).solution.round(9).tolist()
    [1.0, 0.5, 0.25]
    """
    kind = right.dtype.type
    rest, solution, best = right.copy(), np.zeros_like(right), np.zeros_like(right)
    direction = fitted = preconditioned(rest)
    energy = first = lowest = size = float(rest @ fitted)
    for _ in range(most):
        if not energy > residual**2 * first:
            break
        image = product(direction)
        curvature = float(direction @ image)
        if not curvature > least * size:
            break
        length = kind(energy / curvature)
        solution += length * direction
        rest -= length * image
        fitted = preconditioned(rest)
        before, energy = energy, float(rest @ fitted)
        if energy < lowest:
            lowest, best[:] = energy, solution
        direction = fitted + kind(energy / before) * direction
        size = energy + (energy / before) ** 2 * size  # p'M p: M^{-1} rest is M-orthogonal to the directions before
    return Solved(best, float(np.sqrt(lowest / first)) if first > 0.0 else 0.0)
