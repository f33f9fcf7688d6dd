"""The systems of depths.json, in rationals that are floats wherever an answer depends on their last digit."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Row = tuple[Fraction, ...]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A system, its prior and its sign; `separators` prove which coordinates are zero in every solution."""

    name: str
    note: str
    A: tuple[Row, ...]
    y: Row
    prior: Row | None = None
    cost: Row | None = None
    signed: bool = False
    separators: tuple[Row, ...] = ()
    depth: str = "2"

    @property
    def columns(self) -> int:
        return len(self.A[0])


def independent_rows(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    """The first rows that are linearly independent, and the pivot column of each."""
    reduced: list[tuple[int, Row]] = []
    kept = []
    for i, row in enumerate(rows):
        for pivot, other in reduced:
            row = tuple(a - row[pivot] * b for a, b in zip(row, other, strict=True))
        pivot = next((j for j, a in enumerate(row) if a), None)
        if pivot is not None:
            reduced.append((pivot, tuple(a / row[pivot] for a in row)))
            kept.append(i)
    return kept, [pivot for pivot, _ in reduced]


def solution_of(rows: Sequence[Row], y: Row) -> list[Fraction]:
    """The only x with A x = y, for independent columns; y must be in their span."""
    equations = [(*row, value) for row, value in zip(rows, y, strict=True)]
    for j in range(len(rows[0])):
        i = next(k for k in range(j, len(equations)) if equations[k][j])
        equations[j], equations[i] = equations[i], equations[j]
        equations[j] = tuple(a / equations[j][j] for a in equations[j])
        for k, row in enumerate(equations):
            if k != j:
                equations[k] = tuple(a - row[j] * b for a, b in zip(row, equations[j], strict=True))
    assert not any(row[-1] for row in equations[len(rows[0]) :])
    return [row[-1] for row in equations[: len(rows[0])]]


def fractions(*values: Any) -> Row:
    return tuple(Fraction(value) for value in values)


def drawn(seed: int, N: int, d: int, support: Sequence[int], scale: int = 0, signs: bool = False) -> dict[str, Any]:
    """A of sixteenths and y = A x for an x on the support, its entries up to `scale` powers of two apart."""
    draw = random.Random(seed)  # noqa: S311 - test data
    A = tuple(tuple(Fraction(draw.randint(-32, 32), 16) for _ in range(d)) for _ in range(N))
    x = [Fraction(0)] * d
    for j in support:
        x[j] = Fraction(draw.randint(8, 40), 16) * Fraction(2) ** draw.randint(-scale, scale)
        x[j] *= draw.choice((-1, 1)) if signs else 1
    return {"A": A, "y": product(A, x)}


def product(A: Sequence[Row], x: Sequence[Fraction]) -> Row:
    return tuple(sum((a * b for a, b in zip(row, x, strict=True)), Fraction(0)) for row in A)


def with_rows(system: dict[str, Any], *combinations: Row) -> dict[str, Any]:
    """The system with further rows, combinations of those it has."""
    extra = [product(tuple(zip(*system["A"], strict=True)), z) for z in combinations]
    return {"A": (*system["A"], *extra), "y": (*system["y"], *product(combinations, system["y"]))}


def with_nonnegative_row(system: dict[str, Any], row: Row) -> dict[str, Any]:
    """The system with a first row of right side zero that forces zeros where it is positive."""
    return {"A": (row, *system["A"]), "y": (Fraction(0), *system["y"])}


def mixed(system: dict[str, Any]) -> dict[str, Any]:
    """The system with its second row added to its first, which hides what the first alone says."""
    (first, second, *rest), (b, c, *others) = system["A"], system["y"]
    return {"A": (tuple(map(sum, zip(first, second, strict=True))), second, *rest), "y": (b + c, c, *others)}


def systems() -> tuple[Case, ...]:
    pair = {"A": (fractions(1, "1/2"),), "y": fractions(1)}
    several = {"A": (fractions(1, 1, 1), fractions(0, 1, 2)), "y": fractions(1, "4/5")}
    layers = {
        "A": (
            fractions(1, "1/2", "1/5", "1/10", "-3/10", "2/5"),
            fractions(0, 1, -1, 0, 0, 1),
            fractions(0, 0, 0, 1, -1, "1/2"),
        ),
        "y": fractions(2, 0, 0),
    }
    six = drawn(2, 3, 6, (1, 4))
    twins = drawn(5, 3, 6, (0, 2, 5))
    twins = {"A": tuple((*row, row[2]) for row in twins["A"]), "y": twins["y"]}
    zeros = with_nonnegative_row(drawn(3, 3, 8, (2, 3, 6)), fractions(1, "1/2", 0, 0, 0, 0, 0, 2))
    hidden = mixed(with_nonnegative_row(drawn(5, 3, 9, (2, 6)), fractions(0, 1, 0, 0, "3/4", 0, 0, 0, "1/16")))
    unit = fractions(1, 0, 0, 0)
    return (
        Case(name="pair", note="x_2 / alpha tends to 2^(D / (D - 2)) above depth 2", **pair),
        Case(name="several minimisers", note="every feasible point has the same sum", **several),
        Case(name="three layers", note="at depth 2 the exponents are 13/20, 14/15 and 19/15", **layers),
        Case(name="3 x 6", note="support of two: fewer than rows", **six),
        Case(name="4 x 9", note="support of four: a vertex that is not degenerate", **drawn(6, 4, 9, (0, 3, 5, 8))),
        Case(name="6 x 14", note="support of three: a degenerate vertex", **drawn(2, 6, 14, (2, 7, 11))),
        Case(name="wide scales", note="the minimiser spans 5e-5 to 5", **drawn(4, 5, 10, (0, 4, 6), scale=16)),
        Case(
            name="redundant rows",
            note="the fourth row is the sum of the first two, the fifth half their difference",
            **with_rows(drawn(13, 3, 8, (1, 5)), fractions(1, 1, 0), fractions("1/2", "-1/2", 0)),
        ),
        Case(name="forced zeros", note="a nonnegative row with y = 0", separators=(unit,), **zeros),
        Case(
            name="hidden zeros",
            note="the first row less the second is nonnegative, with y = 0",
            separators=(fractions(1, -1, 0, 0),),
            **hidden,
        ),
        Case(name="duplicated columns", note="the third column of the support stands in A twice", **twins),
        Case(
            name="prior with zeros",
            note="x is zero where the prior is",
            prior=fractions("1/2", 0, 3, 1, "1/4", 2, 0, "5/8"),
            **drawn(2, 3, 8, (2, 5)),
        ),
        Case(name="pair with a prior", note="", prior=fractions(2, "1/8"), **pair),
        Case(name="layers with a prior", note="", prior=fractions("1/2", 4, 1, "1/4", 2, "3/2"), **layers),
        Case(
            name="costs",
            note="the prior is beta alpha^cost",
            A=(fractions(1, "3/2", 1),),
            y=fractions(2),
            prior=fractions(3, 1, 2),
            cost=fractions(1, 2, "3/2"),
        ),
        Case(name="signed pair", note="", signed=True, **pair),
        Case(name="signed, a column of zeros", note="x_2 is zero", signed=True, A=(fractions(1, 0),), y=fractions(1)),
        Case(name="signed, several minimisers", note="", signed=True, **several),
        Case(name="signed 3 x 6", note="", signed=True, **drawn(11, 3, 6, (0, 3, 4), signs=True)),
        Case(name="signed 6 x 12", note="a degenerate vertex", signed=True, **drawn(12, 6, 12, (1, 5, 8), signs=True)),
        Case(
            name="signed, redundant rows",
            note="the fourth row is the second less the third",
            signed=True,
            **with_rows(drawn(13, 3, 5, (0, 4), signs=True), fractions(0, 1, -1)),
        ),
        Case(
            name="signed with a prior",
            note="the same prior for x_plus and x_minus",
            signed=True,
            prior=fractions(1, "1/2", 0, 3, "1/4", 2, 1),
            **drawn(14, 3, 7, (1, 5), signs=True),
        ),
    )


SYSTEMS = systems()
