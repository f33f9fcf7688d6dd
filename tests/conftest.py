"""What the tests share: the reference cases with 30-digit answers, and a small random system."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bregman_l1.system import LinearSystem

REFERENCE = Path(__file__).parent / "reference" / "projections.json"


@dataclass(frozen=True)
class ReferenceCase:
    """One system of the reference file, with its exact rational data."""

    name: str
    data: dict[str, Any]

    @property
    def system(self) -> LinearSystem:
        return LinearSystem([[float(Fraction(a)) for a in row] for row in self.data["A"]], self.floats("y"))

    @property
    def unique(self) -> bool:
        return bool(self.data["unique"])

    def floats(self, key: str) -> np.ndarray:
        return np.array([float(Fraction(value)) for value in self.data[key]])

    def exact(self, key: str) -> float:
        return float(Fraction(self.data[key]))

    @property
    def projections(self) -> list[dict[str, Any]]:
        return self.data["projections"]


CASES = [ReferenceCase(case["name"], case) for case in json.loads(REFERENCE.read_text(encoding="utf-8"))]
UNIQUE_CASES = [case for case in CASES if case.unique]


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> ReferenceCase:
    return request.param


@pytest.fixture(params=UNIQUE_CASES, ids=lambda case: case.name)
def unique_case(request: pytest.FixtureRequest) -> ReferenceCase:
    return request.param


def gaussian_system(
    n_rows: int = 20, n_columns: int = 60, sparsity: int = 4, seed: int = 0
) -> tuple[LinearSystem, np.ndarray]:
    """A Gaussian system and the sparse nonnegative x0 it was made from."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_rows, n_columns))
    x0 = np.zeros(n_columns)
    x0[rng.choice(n_columns, sparsity, replace=False)] = 0.5 + rng.random(sparsity)
    return LinearSystem(A, A @ x0), x0
