"""What every proof computes with: balls of any precision, rationals, and the way out to floats, which is outward."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

import numpy as np
from flint import arb, arb_mat, fmpq, fmpq_mat, fmpz

from bregman_l1._types import Vector
from bregman_l1.frozen import FrozenArrays

Dyadic = tuple[Fraction, Fraction]
"""Midpoint and radius of a ball, exactly."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Enclosed(FrozenArrays):
    """Numbers known to within a radius each: |true - mid| <= rad, whatever rounding did. A pair: ``mid, rad = ...``.

    Attributes
    ----------
    mid, rad : ndarray
        Midpoints, infinite where the number is, and radii.
    """

    mid: Vector
    rad: Vector

    def __iter__(self) -> Iterator[Vector]:
        return iter((self.mid, self.rad))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> Vector:
        return (self.mid, self.rad)[index]


def exactly(values: Vector) -> list[arb]:
    """The floats as balls of radius zero.

    Examples
    --------
    >>> exactly(np.array([0.1]))[0].is_exact()
    True
    """
    return [arb(value) for value in values.tolist()]


def column(values: Sequence[arb]) -> arb_mat:
    """A matrix of one column."""
    return arb_mat(len(values), 1, list(values))


def diagonal(values: Sequence[arb]) -> arb_mat:
    """A square matrix with these entries on its diagonal."""
    size = len(values)
    matrix = arb_mat(size, size)
    for i, value in enumerate(values):
        matrix[i, i] = value
    return matrix


def entrywise(function: Callable[[arb], arb], matrix: arb_mat) -> arb_mat:
    """The matrix with a function applied to every entry.

    Examples
    --------
    >>> entrywise(abs, arb_mat([[-2]]))[0, 0] == 2
    True
    """
    return arb_mat(matrix.nrows(), matrix.ncols(), [function(entry) for entry in matrix.entries()])


def product(matrix: arb_mat, values: Sequence[arb]) -> list[arb]:
    """Matrix times vector; of no columns it is zero."""
    if not matrix.nrows():
        return []
    return list((matrix * column(values)).entries()) if matrix.ncols() else [arb(0)] * matrix.nrows()


def floats(balls: Sequence[arb]) -> Vector:
    """The midpoints, rounded."""
    return np.array([float(ball.mid()) for ball in balls])


def largest_size(balls: Sequence[arb]) -> arb:
    """The largest magnitude that any of the balls holds, exactly; infinite where one is no number.

    Examples
    --------
    >>> largest_size([arb(1), arb(2, 0.5)]) >= 2.5, largest_size([arb(1), arb.nan()]) > 1e300
    (True, True)
    """
    sizes = [ball.abs_upper() for ball in balls]
    # Nothing compares with what is no number: a maximum would pass it over.
    return arb.pos_inf() if any(size.is_nan() for size in sizes) else max(sizes, default=arb(0))


def maximum(values: Sequence[arb]) -> arb:
    """The largest of some numbers, -inf if there are none."""
    return reduce(arb.max, values, arb("-inf"))


def upward(ball: arb) -> float:
    """A float that no number of the ball exceeds.

    Examples
    --------
    >>> upward(arb(1) / 3) >= 1 / 3, upward(arb(0))
    (True, 0.0)
    """
    value = float(ball.upper())
    return value if arb(value) >= ball else math.nextafter(value, math.inf)


def downward(ball: arb) -> float:
    """A float that is below every number of the ball."""
    return -upward(-ball)


def outward(balls: Sequence[arb]) -> Enclosed:
    """Floats around every ball.

    Examples
    --------
    >>> mid, rad = outward([arb(1) / 3, arb("-inf")])
    >>> bool(0 < rad[0] < 1e-16), float(mid[1]), float(rad[1])
    (True, -inf, 0.0)
    """
    mid = floats(balls)
    pairs = zip(balls, mid.tolist(), strict=True)
    rad = [upward(abs(ball - arb(value))) if np.isfinite(value) else 0.0 for ball, value in pairs]
    return Enclosed(mid=mid, rad=np.array(rad))


def log_radius(ball: arb) -> float:
    """The natural logarithm of the radius, however small; -inf for an exact ball.

    Examples
    --------
    >>> log_radius(arb(0, 2) ** -5000) == np.inf, log_radius(arb(1))
    (True, -inf)
    """
    radius = ball.rad()
    if not radius.is_finite():
        return np.inf
    mantissa, exponent = radius.man_exp()
    return math.log(int(mantissa)) + int(exponent) * math.log(2.0) if mantissa else -np.inf


def digits_of(ball: arb) -> float:
    """How many digits of a number are known: minus log10 of its radius relative to max(1, |number|)."""
    size = float(abs(ball).lower())
    return (math.log(max(1.0, size)) - log_radius(ball)) / math.log(10.0)


def dyadic(ball: arb) -> Dyadic:
    """The ball as two fractions."""
    return fraction(ball.mid().fmpq()), fraction(ball.rad().fmpq())


def from_dyadic(ball: Dyadic) -> arb:
    """The ball that `dyadic` took apart; its radius may be rounded up.

    Examples
    --------
    >>> third = arb(1) / 3
    >>> from_dyadic(dyadic(third)).contains(third)
    True
    """
    mid, rad = map(_exact_ball, ball)
    return arb(mid, rad)


def fraction(value: fmpq) -> Fraction:
    """The rational of the standard library.

    Examples
    --------
    >>> fraction(fmpq(2, 6))
    Fraction(1, 3)
    """
    return Fraction(int(value.p), int(value.q))


def entries(matrix: fmpq_mat) -> list[fmpq]:
    """The entries row by row; none where a side is empty."""
    return list(matrix.entries()) if matrix.nrows() and matrix.ncols() else []


def _exact_ball(value: Fraction) -> arb:
    return arb((fmpz(value.numerator), fmpz(1 - value.denominator.bit_length())))
