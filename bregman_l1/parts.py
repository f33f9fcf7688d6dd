"""The parts of a signed x = x_plus - x_minus, both nonnegative, in one vector of shape (2d,): x_plus, then x_minus."""

from __future__ import annotations

from typing import cast

import numpy as np

from bregman_l1._types import Real, Vector

PARTS = ("x_plus", "x_minus", "log_x_plus", "log_x_minus")


def both(values: Real) -> Real:
    """Values of shape (d,), which the two parts share, for both of them.

    Examples
    --------
    >>> both(np.array([1.0, 2.0])).tolist()
    [1.0, 2.0, 1.0, 2.0]
    """
    return cast("Real", np.tile(values, 2))


def difference(log_plus: Vector, log_minus: Vector) -> tuple[Vector, Vector]:
    """Signs and logarithms of exp(log_plus) - exp(log_minus).

    Examples
    --------
    >>> sign, log_size = difference(np.array([-2000.0, 0.0]), np.array([-3000.0, 0.0]))
    >>> sign.tolist(), log_size.tolist()
    ([1.0, 0.0], [-2000.0, -inf])
    """
    larger, smaller = np.maximum(log_plus, log_minus), np.minimum(log_plus, log_minus)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Of parts that are both zero nothing is left.
        log_size = np.where(larger > -np.inf, larger + np.log(-np.expm1(smaller - larger)), larger)
        return np.sign(np.where(larger > -np.inf, log_plus - log_minus, 0.0)), log_size


def of_either_sign(x: Vector, log_x: Vector) -> dict[str, Vector]:
    """The vectors of a solution x_plus - x_minus, from both parts in one vector and its logarithm.

    Examples
    --------
    >>> found = of_either_sign(np.array([3.0, 0.0]), np.log([3.0, 1e-9]))
    >>> found["x"].tolist(), found["log_x"].round(9).tolist()
    ([3.0], [1.098612288])
    """
    (plus, minus), (log_plus, log_minus) = np.split(x, 2), np.split(log_x, 2)
    sign, log_size = difference(log_plus, log_minus)
    with np.errstate(over="ignore", invalid="ignore"):
        # Of parts beyond floating point the logarithms tell the difference.
        x = np.where(np.isinf(minus) & np.isinf(plus), sign * np.exp(log_size), plus - minus)
    parts = (plus, minus, log_plus, log_minus)
    return {"x": x, "log_x": log_size, **dict(zip(PARTS, parts, strict=True))}
