"""An independent confirmation of a proof: fractions and mpmath, and nothing else.

A statement says: the projection of a prior with logarithms b onto {x >= 0 : A x = y} has log x_j within ``radius_j``
of ``middle_j``, and is zero where no logarithm is given. With P the other columns it is true if

    some z has A_P'z = 0, A'z < 0 elsewhere and y'z = 0          (zeros are forced),
    A_P x = y is consistent, decided by elimination,
    x_i + sum_j T_ij x_j = u_i,  log x_R = b_R + T'(log x_J - b_J)      (the scale-free equations)

have a solution in the balls: T = A_J^{-1} A_R and u = A_J^{-1} y are fractions, J the heaviest independent columns.
Any solution of these equations is the projection, which is unique. With h the residual of the equations divided by
x_J, M its derivative by log x_J and W = x_J^{-1} T x_R, a Newton step d = M^{-1} h from log x_J has a solution within
2|d| if |d| |M^{-1}| L <= 1/2, L bounding the second derivative (Kantorovich); and there is none within r of where
|d| > r + |M^{-1}| L r^2 / 2. Rounding is accounted for to first order, with eight digits to spare.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import mpmath as mp

Row = list[Fraction]

# Digits of the arithmetic: the next where a comparison cannot be decided.
DIGITS = (60, 150, 400, 1000, 2500, 6000)
# Newton's steps at each; they double the digits.
STEPS = 12
# Decimal digits that the estimate of rounding gives away.
SPARE = 8
# Balls may be missed by this share of their radius: they are compared with midpoints that are rounded themselves.
SHARE = Fraction(1, 1000)
# The radius that exact numbers, whose own is zero, are given.
GRAIN = Fraction(1, 10**100)
# Steps longer than this are cut: far from the answer the exponentials would overflow.
LONGEST = 50


class Finding(enum.Enum):
    """What is found of a statement."""

    CONFIRMED = "confirmed"
    WRONG = "wrong"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ball:
    """All numbers within ``radius`` of ``middle``."""

    middle: Fraction
    radius: Fraction


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """An entry of the prior, factor * exp(log_alpha * cost), its numbers taken exactly; zero where the factor is."""

    factor: Fraction
    log_alpha: Fraction
    cost: Fraction

    def logarithm(self) -> mp.mpf:
        """At the working precision."""
        return mp.log(number(self.factor)) + number(self.log_alpha * self.cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is said to be proved; ``log_x`` holds None for zeros, which ``exposing`` proves."""

    A: list[Row]
    y: Row
    prior: list[Factor]
    log_x: list[Ball | None]
    exposing: Row | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The finding and its reason."""

    finding: Finding
    reason: str


def confirmation(statement: Statement) -> Confirmation:
    """Confirm or refute a statement."""
    zeros = [j for j, ball in enumerate(statement.log_x) if ball is None]
    positive = [j for j, ball in enumerate(statement.log_x) if ball is not None]
    if any(statement.prior[j].factor == 0 for j in positive):
        return _wrong("a positive entry where the prior is zero")
    forced = [j for j in zeros if statement.prior[j].factor != 0]
    if forced and not _is_exposed(statement, forced, positive):
        return _wrong("the zeros are not exposed")
    if not positive:
        return _wrong("x = 0 is not feasible") if any(statement.y) else _confirmed("x = 0 is the only point")
    reduced = eliminated(statement, positive)
    if reduced is None:
        return _wrong("A x = y is inconsistent")
    found = Confirmation(finding=Finding.UNDECIDED, reason="no digits")
    for digits in DIGITS:
        with mp.workdps(digits):
            found = _Equations(reduced, statement).verdict()
        if found.finding is not Finding.UNDECIDED:
            break
    return found


def _wrong(reason: str) -> Confirmation:
    return Confirmation(finding=Finding.WRONG, reason=reason)


def _confirmed(reason: str) -> Confirmation:
    return Confirmation(finding=Finding.CONFIRMED, reason=reason)


def number(value: Fraction) -> mp.mpf:
    """A fraction at the working precision."""
    return mp.mpf(value.numerator) / value.denominator


def dot(left: Sequence[Fraction], right: Sequence[Fraction]) -> Fraction:
    """The exact product."""
    return sum((a * b for a, b in zip(left, right, strict=True) if a and b), Fraction(0))


def _column(rows: list[Row], j: int) -> Row:
    return [row[j] for row in rows]


def _is_exposed(statement: Statement, forced: list[int], positive: list[int]) -> bool:
    """Whether z proves that all feasible x vanish exactly where the statement says so."""
    z = statement.exposing
    if z is None or dot(statement.y, z) != 0:
        return False
    products = {j: dot(_column(statement.A, j), z) for j in (*forced, *positive)}
    return all(products[j] < 0 for j in forced) and all(products[j] == 0 for j in positive)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """x_J + T x_R = u in fractions; T row by row."""

    J: list[int]
    R: list[int]
    T: list[Row]
    u: Row


def eliminated(statement: Statement, columns: list[int]) -> Reduced | None:
    """Solve A x = y on some columns for the heaviest independent ones; None where it has no solution."""
    order = sorted(columns, key=lambda j: -statement.log_x[j].middle)
    rows = [[*(row[j] for j in order), value] for row, value in zip(statement.A, statement.y, strict=True)]
    pivots: list[int] = []
    for column in range(len(order)):
        found = next((i for i in range(len(pivots), len(rows)) if rows[i][column]), None)
        if found is None:
            continue
        top = len(pivots)
        rows[top], rows[found] = rows[found], rows[top]
        inverse = 1 / rows[top][column]
        rows[top] = [value * inverse if value else value for value in rows[top]]
        for i, row in enumerate(rows):
            if i != top and row[column]:
                factor = row[column]
                rows[i] = [a - factor * b if b else a for a, b in zip(row, rows[top], strict=True)]
        pivots.append(column)
    if any(row[-1] for row in rows[len(pivots) :]):
        return None
    rest = [column for column in range(len(order)) if column not in set(pivots)]
    kept = rows[: len(pivots)]
    return Reduced(
        J=[order[column] for column in pivots],
        R=[order[column] for column in rest],
        T=[[row[column] for column in rest] for row in kept],
        u=[row[-1] for row in kept],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """Newton's step at a point, with what bounds its remainder and its rounding."""

    d: list[mp.mpf]
    inverse_norm: mp.mpf
    curvature: mp.mpf
    noise: mp.mpf

    @property
    def length(self) -> mp.mpf:
        return max((abs(value) for value in self.d), default=mp.mpf(0)) + self.noise


class _Equations:
    """The scale-free equations at the working precision."""

    def __init__(self, reduced: Reduced, statement: Statement) -> None:
        self.J, self.R = reduced.J, reduced.R
        self.T = [[number(value) for value in row] for row in reduced.T]
        self.u = [number(value) for value in reduced.u]
        self.b = {j: statement.prior[j].logarithm() for j in (*self.J, *self.R)}
        self.balls = statement.log_x
        self.steepness = [mp.fsum(abs(row[k]) for row in self.T) for k in range(len(self.R))]  # of log x_R in log x_J

    def verdict(self) -> Confirmation:
        if not self.J:  # the rows are zero on these columns, and x is the prior
            return self._verdict_at([], mp.mpf(0))
        w = [number(self.balls[j].middle) for j in self.J]
        radius = max(number(self.balls[j].radius or GRAIN) for j in self.J)
        first = self.step(w, radius)
        if first is None:
            return Confirmation(finding=Finding.UNDECIDED, reason="no Newton step at these digits")
        if first.length - 2 * first.noise > radius + first.inverse_norm * first.curvature * radius**2 / 2:
            return _wrong(f"Newton's step is {mp.nstr(first.length, 3)}, the radius {mp.nstr(radius, 3)}")
        return self._compared(w, first)

    def _compared(self, w: list[mp.mpf], step: _Step) -> Confirmation:
        """Newton's method to the last digit, and its end against the balls."""
        for _ in range(STEPS):
            factor = min(mp.mpf(1), LONGEST / step.length) if step.length else mp.mpf(1)
            w = [a + factor * b for a, b in zip(w, step.d, strict=True)]
            following = self.step(w, mp.mpf(0))
            if following is None:
                return Confirmation(finding=Finding.UNDECIDED, reason="no Newton step at these digits")
            settled = following.length >= step.length / 4 or following.length <= 2 * following.noise
            step = following
            if settled:
                break
        reach = 2 * step.length
        again = self.step(w, reach)
        if again is None or again.length * again.inverse_norm * again.curvature > mp.mpf(1) / 2:
            return Confirmation(finding=Finding.UNDECIDED, reason="Newton's method does not settle at these digits")
        return self._verdict_at(w, reach)

    def _verdict_at(self, w: list[mp.mpf], reach: mp.mpf) -> Confirmation:
        """What the balls are worth if the solution is within ``reach`` of w."""
        undecided, values = None, w + self.rest_of(w)
        errors = [reach] * len(self.J) + [
            slope * reach + noise for slope, noise in zip(self.steepness, self.rest_noise(w), strict=True)
        ]
        for j, value, error in zip((*self.J, *self.R), values, errors, strict=True):
            middle, radius = number(self.balls[j].middle), number((self.balls[j].radius or GRAIN) * (1 + SHARE))
            off = abs(value - middle)
            if off - error > radius:
                return _wrong(f"log x_{j} is off by {mp.nstr(off, 3)}, the radius {mp.nstr(radius, 3)}")
            if off + error > radius:
                undecided = f"log x_{j} is known to {mp.nstr(error, 3)} only, the radius {mp.nstr(radius, 3)}"
        if undecided:
            return Confirmation(finding=Finding.UNDECIDED, reason=undecided)
        return _confirmed("the solution of the scale-free equations is in every ball")

    def rest_of(self, w: list[mp.mpf]) -> list[mp.mpf]:
        """Log x_R for a log x_J."""
        moved = [value - self.b[j] for value, j in zip(w, self.J, strict=True)]
        return [
            self.b[j] + mp.fdot((row[k], m) for row, m in zip(self.T, moved, strict=True)) for k, j in enumerate(self.R)
        ]

    def rest_noise(self, w: list[mp.mpf]) -> list[mp.mpf]:
        """What rounding may have cost each of them."""
        largest = max((abs(value) + abs(self.b[j]) for value, j in zip(w, self.J, strict=True)), default=mp.mpf(0))
        unit = mp.power(10, SPARE - mp.mp.dps)
        return [unit * (1 + abs(self.b[j]) + slope * largest) for j, slope in zip(self.R, self.steepness, strict=True)]

    def step(self, w: list[mp.mpf], radius: mp.mpf) -> _Step | None:
        """Newton's step, with the curvature within the radius of w; None where the digits do not suffice for it."""
        k, rest, noise_of_rest = len(self.J), self.rest_of(w), self.rest_noise(w)
        if max(noise_of_rest, default=mp.mpf(0)) > mp.power(10, -SPARE):
            return None
        W = mp.matrix(k, max(1, len(self.R)))
        for i, row in enumerate(self.T):
            for j, t in enumerate(row):
                W[i, j] = t * mp.exp(rest[j] - w[i]) if t else mp.mpf(0)
        share = [self.u[i] * mp.exp(-w[i]) for i in range(k)]
        h = [share[i] - 1 - mp.fsum(W[i, j] for j in range(len(self.R))) for i in range(k)]
        M = mp.matrix(k, k)
        for i in range(k):
            for m in range(k):
                M[i, m] = mp.fdot((W[i, j], self.T[m][j]) for j in range(len(self.R))) + int(i == m)
        try:
            inverse = M**-1
        except ZeroDivisionError:
            return None
        norm = mp.mnorm(inverse, mp.inf)
        unit = mp.power(10, SPARE - mp.mp.dps)
        noise = norm * max(
            unit * (1 + abs(share[i])) + mp.fsum(abs(W[i, j]) * (unit + noise_of_rest[j]) for j in range(len(self.R)))
            for i in range(k)
        )
        d = [mp.fdot((inverse[i, m], h[m]) for m in range(k)) for i in range(k)]
        return _Step(d=d, inverse_norm=norm, curvature=self._curvature(W, radius), noise=noise)

    def _curvature(self, W: mp.matrix, radius: mp.mpf) -> mp.mpf:
        """A bound of the second derivative, row by row, within the radius."""
        if max([mp.mpf(1), *self.steepness]) * radius > LONGEST:
            return mp.inf
        growth = [slope**2 * mp.exp(slope * radius) for slope in self.steepness]
        return max(
            mp.exp(radius) + mp.fsum(abs(W[i, j]) * growth[j] for j in range(len(self.R))) for i in range(len(self.J))
        )
