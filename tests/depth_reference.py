"""The 30-digit projections of every depth and sign in reference/depths.json, in rationals, mpmath and floats."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from mpmath import mp, mpf
from reference.depth_systems import Row, independent_rows, solution_of

from bregman_l1 import BregmanProjection, LinearSystem

FILE = Path(__file__).parent / "reference" / "depths.json"


def fractions(values: list[str]) -> Row:
    return tuple(Fraction(value) for value in values)


def numbers(values: list[str]) -> np.ndarray:
    return np.array([float(value) for value in values])


def exact(value: Fraction) -> mpf:
    return mpf(value.numerator) / value.denominator


def kernel(rows: list[Row], width: int) -> list[Row]:
    """A basis of {n : A n = 0}, one vector for each column that depends on those before it."""
    kept, pivots = independent_rows(rows)
    basis = []
    for j in (j for j in range(width) if j not in pivots):
        chosen = [tuple(rows[i][p] for p in pivots) for i in kept]
        z = solution_of(chosen, tuple(rows[i][j] for i in kept)) if kept else []
        n = [Fraction(0)] * width
        n[j] = Fraction(1)
        for p, value in zip(pivots, z, strict=True):
            n[p] = -value
        basis.append(tuple(n))
    return basis


@dataclass(frozen=True)
class DepthCase:
    """One system with its prior, sign and depth; what is exact is about the unknowns (x_plus, x_minus) where signed."""

    data: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def points(self) -> list[dict[str, Any]]:
        return list(self.data["projections"])

    @property
    def signed(self) -> bool:
        return bool(self.data["signed"])

    @property
    def depth(self) -> float:
        return float("inf") if self.data["depth"] == "inf" else float(Fraction(self.data["depth"]))

    @property
    def inverse(self) -> mpf | None:
        """1/q = D / (D - 2); none for D = 2."""
        if self.data["depth"] == "2":
            return None
        depth = self.data["depth"]
        return mpf(1) if depth == "inf" else exact(Fraction(depth) / (Fraction(depth) - 2))

    @cached_property
    def rows(self) -> list[Row]:
        rows = [fractions(row) for row in self.data["A"]]
        return [(*row, *(-a for a in row)) for row in rows] if self.signed else rows

    @cached_property
    def y(self) -> Row:
        return fractions(self.data["y"])

    def unsigned(self, key: str) -> Row:
        """The prior or the cost of the nonnegative unknowns; ones where there is none."""
        values = fractions(self.data[key] or ["1"] * len(self.data["A"][0]))
        return values * 2 if self.signed else values

    @cached_property
    def system(self) -> LinearSystem:
        return LinearSystem([[float(Fraction(a)) for a in row] for row in self.data["A"]], [float(b) for b in self.y])

    def problem(self, point: dict[str, Any]) -> BregmanProjection:
        given = {
            key: [float(v) for v in fractions(self.data[key])]
            for key in ("prior", "cost")
            if self.data[key] is not None
        }
        log_alpha = float(point["log_alpha"])
        return BregmanProjection(self.system, log_alpha=log_alpha, depth=self.depth, signed=self.signed, **given)

    def log_x(self, point: dict[str, Any]) -> list[mpf]:
        texts = point["log_x_plus"] + point["log_x_minus"] if self.signed else point["log_x"]
        return [mpf(value) for value in texts]

    def log_prior(self, point: dict[str, Any]) -> list[mpf]:
        terms = zip(self.unsigned("prior"), self.unsigned("cost"), strict=True)
        return [
            mp.log(exact(beta)) + exact(cost) * float(point["log_alpha"]) if beta else mp.ninf for beta, cost in terms
        ]

    def log_largest_weight(self, point: dict[str, Any]) -> float:
        """Log of the largest p^-q, the scale of lam; of 1 at depth 2."""
        return 0.0 if self.inverse is None else float(max(-p / self.inverse for p in self.log_prior(point)))

    def gradient(self, log_x: list[mpf]) -> list[mpf]:
        """Theta = phi'(x)."""
        return list(log_x) if self.inverse is None else [-mp.exp(-value / self.inverse) for value in log_x]

    def potential(self, log_x: mpf) -> mpf:
        """Phi(x)."""
        if self.inverse is None:
            return mp.exp(log_x) * (log_x - 1) if log_x > mp.ninf else mpf(0)
        rest = 1 - 1 / self.inverse
        return -mp.exp(rest * log_x) / rest if rest else -log_x

    def thetas(self, point: dict[str, Any]) -> tuple[list[mpf], list[mpf]]:
        """Theta of the answer and of its prior, on the live unknowns."""
        log_x, log_prior = self.log_x(point), self.log_prior(point)
        return self.gradient([log_x[j] for j in self.live]), self.gradient([log_prior[j] for j in self.live])

    @property
    def has_limit(self) -> bool:
        return "limit" in self.data

    @property
    def support(self) -> list[int]:
        """Of the limit."""
        return [j for j, value in enumerate(self.data["limit"]) if value != "0"]

    @cached_property
    def live(self) -> list[int]:
        """The unknowns that are zero neither in the prior nor in every solution."""
        return [j for j, value in enumerate(self.log_x(self.points[0])) if value > mp.ninf]

    @cached_property
    def live_rows(self) -> list[Row]:
        return [tuple(row[j] for j in self.live) for row in self.rows]

    @cached_property
    def kernel(self) -> list[Row]:
        """Of A on the live unknowns."""
        return kernel(self.live_rows, len(self.live))


CASES = [DepthCase(case) for case in json.loads(FILE.read_text(encoding="utf-8"))]


def case_of(name: str, depth: str) -> DepthCase:
    return next(case for case in CASES if case.name == f"{name}, depth {depth}")
