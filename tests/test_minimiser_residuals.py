"""Every residual of an l1 minimiser is what its formula says, evaluated in fractions and apart from the package."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, certify, solve
from bregman_l1.claim import Claim

ROUNDINGS = 64 * Fraction(2) ** -52


def dot(one: list[Fraction], other: list[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(one, other, strict=True)), Fraction(0))


def sizes(values: list[Fraction]) -> list[Fraction]:
    return [abs(value) for value in values]


def expected(A: np.ndarray, y: np.ndarray, cost: np.ndarray, x: np.ndarray, mu: np.ndarray) -> dict[str, float]:
    rows, columns = [list(map(Fraction, row)) for row in A.tolist()], [list(map(Fraction, row)) for row in A.T.tolist()]
    y, c, z, m = (list(map(Fraction, each.tolist())) for each in (y, cost, x, mu))
    primal = [
        abs(dot(row, z) - b) / ((dot(sizes(row), sizes(z)) + abs(b)) or 1) for row, b in zip(rows, y, strict=True)
    ]
    over = [max(dot(column, m) - cost, 0) for column, cost in zip(columns, c, strict=True)]
    excess = [
        value / ((dot(sizes(column), sizes(m)) + abs(cost)) or 1)
        for value, column, cost in zip(over, columns, c, strict=True)
    ]
    value = dot(sizes(c), sizes(z))
    terms = value + sum(dot(sizes(column), sizes(m)) * abs(zj) for column, zj in zip(columns, z, strict=True))
    terms += dot(sizes(y), sizes(m))
    gap = abs(dot(c, z) - dot(y, m)) + dot(over, sizes(z)) - ROUNDINGS * terms
    return {
        "primal feasibility": float(max(primal)),
        "dual feasibility": float(max(excess)),
        "duality gap": float(max(gap, 0) / (value or terms)),
    }


@pytest.mark.parametrize("seed", range(20))
def test_residuals_of_a_wrong_minimiser_are_what_their_formulas_say(seed):
    rng = np.random.default_rng(seed)
    A = rng.integers(-3, 4, (3, 7)).astype(float)
    x, mu, cost = rng.uniform(0.0, 2.0, 7), rng.normal(0.0, 1.0, 3), rng.uniform(-1.0, 2.0, 7)
    y = A @ x + rng.choice([0.0, 1e-3], 3)
    certificate = certify(L1Minimization(LinearSystem(A, y), cost=cost), x=x, dual=mu)
    found = {name: check.value for name, check in certificate.checks.items()}
    for name, value in expected(A, y, cost, x, mu).items():
        assert found[name] == pytest.approx(value, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("off", [1e-7, 1e-4, 0.1])
def test_solvability_is_the_relative_change_that_solves_the_equations(off):
    # Only x_2 is positive: it moves from (1 + off) / 2 to 1 / 2.
    problem = L1Minimization(LinearSystem([[1.0, 2.0]], [1.0]))
    found = certify(problem, x=[0.0, 0.5 * (1 + off)]).checks["solvability"].value
    assert found == pytest.approx(off, rel=0.2)


def test_a_dual_that_is_no_number_is_no_bound():
    problem = L1Minimization(LinearSystem([[1.0, 2.0]], [1.0]))
    found = certify(problem, x=[0.0, 0.5], dual=[np.nan])
    assert found.checks["dual feasibility"].value == np.inf
    assert not found.ok


@pytest.mark.parametrize("size", [1.0, 1e5])
def test_a_conic_solver_takes_a_right_hand_side_below_zero(size):
    system = LinearSystem([[-1.0, -0.5]], [-size])
    assert solve(L1Minimization(system), "clarabel").x == pytest.approx([size, 0.0], rel=1e-9, abs=1e-9 * size)
    projection, native = (solve(BregmanProjection(system, log_alpha=-3.0), backend) for backend in ("clarabel", "auto"))
    assert projection.log_x == pytest.approx(native.log_x, rel=1e-9)


def test_polish_leaves_alone_what_is_exact_and_what_is_no_number_and_mends_the_rest():
    problem = L1Minimization(LinearSystem([[1.0, 2.0], [0.0, 1.0]], [4.0, 1.0]))
    exact = Claim(x=np.array([2.0, 1.0]), dual=np.array([1.0, -1.0]))
    assert problem.polish(exact) is exact
    for lost in (np.array([np.nan, 1.0]), np.array([2.0, np.inf]), np.full(2, np.nan)):
        claim = Claim(x=lost)
        assert problem.polish(claim) is claim
    below = L1Minimization(LinearSystem([[1.0, 2.0**-60, 1.0]], [1.0]))
    mended = below.polish(Claim(x=np.array([1.0, -1e-3, 0.0]), dual=np.array([1.0])))
    assert mended.x.min() >= 0.0
    assert certify(below, mended.x, dual=mended.dual).ok
