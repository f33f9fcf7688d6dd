"""Assumption II.1 of the paper, each part with the vectors that prove or refute it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.frozen import FrozenArrays
from bregman_l1.polyhedron.feasible_set import maximal_support
from bregman_l1.polyhedron.minimiser import Minimisers, minimisers

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


# Two solutions are different where an entry differs by this share of its size.
_DISTINCT = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Finding(FrozenArrays):
    """Whether one part of the assumption holds, in a sentence, with the vectors that show it.

    Attributes
    ----------
    holds : bool
        Whether this part of the assumption holds.
    statement : str
        What was found, in words.
    evidence : tuple of ndarray
        The vectors the statement speaks of.
    """

    holds: bool
    statement: str
    evidence: tuple[Vector, ...]

    def __bool__(self) -> bool:
        return self.holds


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AssumptionReport:
    """Assumption II.1 of Matt & Stoeger 2025, part by part.

    Attributes
    ----------
    nonzero : Finding
        (a) y != 0; the evidence is y.
    several_solutions : Finding
        (b) more than one x >= 0 solves A x = y; the evidence is two of them, or the only one.
    unique_minimiser : Finding
        (c) the l1 minimiser is unique; the evidence is x* and its dual certificate, or two minimisers.
    """

    nonzero: Finding
    several_solutions: Finding
    unique_minimiser: Finding

    @property
    def ok(self) -> bool:
        """Whether all three parts hold."""
        return bool(self.nonzero and self.several_solutions and self.unique_minimiser)

    def __repr__(self) -> str:
        parts = ", ".join(f"{field.name}={bool(getattr(self, field.name))}" for field in fields(self))
        return f"AssumptionReport({parts})"

    def __str__(self) -> str:
        parts = {"(a)": self.nonzero, "(b)": self.several_solutions, "(c)": self.unique_minimiser}
        return "\n".join(f"{name} {'holds' if part else 'FAILS'}: {part.statement}" for name, part in parts.items())


def check_assumptions(system: LinearSystem) -> AssumptionReport:
    """Check Assumption II.1; see `LinearSystem.check_assumptions`."""
    found = minimisers(system)
    return AssumptionReport(
        nonzero=_nonzero(system),
        several_solutions=_several_solutions(system, found.inner),
        unique_minimiser=_unique_minimiser(found),
    )


def _nonzero(system: LinearSystem) -> Finding:
    i = int(np.abs(system.y).argmax())
    return Finding(holds=True, statement=f"y[{i}] = {system.y[i]:g} is not zero", evidence=(system.y,))


def _several_solutions(system: LinearSystem, minimiser: Vector) -> Finding:
    other = maximal_support(system).point
    difference, size = np.abs(other - minimiser), np.maximum(np.abs(other), np.abs(minimiser))
    distance = float(difference.sum())
    if (difference > _DISTINCT * size).any():
        statement = f"two nonnegative solutions differ by {distance:.3g} in l1"
        return Finding(holds=True, statement=statement, evidence=(minimiser, other))
    return Finding(holds=False, statement="A x = y has one nonnegative solution only", evidence=(minimiser,))


def _unique_minimiser(found: Minimisers) -> Finding:
    if found.unique:
        statement = "the l1 minimiser is unique: the columns of A on which the dual constraint is tight are independent"
        return Finding(holds=True, statement=statement, evidence=(found.x, found.dual))
    statement = f"two l1 minimisers differ by {float(np.abs(found.x - found.inner).sum()):.3g} in l1"
    if found.assumed_ties:
        statement += f", if {found.assumed_ties} reduced costs that are zero within rounding are zero"
    return Finding(holds=False, statement=statement, evidence=(found.x, found.inner))
