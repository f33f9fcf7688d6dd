"""Preconditioned conjugate gradients, in the precision of the right-hand side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Solved(NamedTuple):
    """What conjugate gradients found.

    Attributes
    ----------
    solution : ndarray of shape (N,)
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

    Examples
    --------
    >>> H = np.diag([1.0, 2.0, 4.0])
    >>> conjugate_gradients(lambda v: H @ v, np.ones(3), residual=1e-12, most=9).solution.round(9).tolist()
    [1.0, 0.5, 0.25]
    """
    kind = right.dtype.type
    rest, solution = right.copy(), np.zeros_like(right)
    direction = fitted = preconditioned(rest)
    energy = first = float(rest @ fitted)
    for _ in range(most):
        if not energy > residual**2 * first:
            break
        image = product(direction)
        curvature = float(direction @ image)
        if not curvature > 0.0:
            break
        length = kind(energy / curvature)
        solution += length * direction
        rest -= length * image
        fitted = preconditioned(rest)
        before, energy = energy, float(rest @ fitted)
        direction = fitted + kind(energy / before) * direction
    return Solved(solution, float(np.sqrt(energy / first)) if first > 0.0 else 0.0)
