"""Null-space constants of an x of either sign, against enumeration, their duals and the system written out twice."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from bregman_l1 import (
    Claim,
    InvalidProblemError,
    LinearSystem,
    NullSpaceConstant,
    Status,
    UndefinedConstantError,
    certify,
    solve,
)

KINDS = ("rho", "rho_tilde", "rho_minus")
LEAST = {"rho": 0.0, "rho_tilde": 1.0, "rho_minus": 0.0}


def signed_case(seed, n_rows=7, n_columns=12, size=3):
    rng = np.random.default_rng(seed)
    A, x = rng.standard_normal((n_rows, n_columns)), np.zeros(n_columns)
    support = np.sort(rng.choice(n_columns, size, replace=False))
    x[support] = rng.choice([-1.0, 1.0], size) * rng.uniform(0.5, 2.0, size)
    return LinearSystem(A, A @ x), support, x


def enumerated(system, support, signs, kind):
    """The maximum over n in ker A, ||n off S||_1 <= 1, by a linear program for each sign pattern of n_S."""
    A = np.asarray(system.matrix)
    outside = np.setdiff1d(np.arange(A.shape[1]), support)
    s, k = support.size, outside.size
    equations = np.hstack([A[:, support] * signs, A[:, outside], -A[:, outside]])
    size = np.concatenate([np.zeros(s), np.ones(2 * k)])[None]
    best = 0.0
    for pattern in [(-1.0,) * s] if kind == "rho" else product((1.0, -1.0), repeat=s):
        weights = np.minimum(pattern, 0.0) if kind == "rho_minus" else np.array(pattern)
        cost = -np.concatenate([weights, np.zeros(2 * k)])
        bounds = [(None, None)] * s + [(0, None)] * 2 * k
        answer = linprog(cost, A_eq=equations, b_eq=np.zeros(A.shape[0]), A_ub=size, b_ub=[1.0], bounds=bounds)
        best = max(best, -answer.fun)
    return best


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [3, 7])
def test_signed_constants_are_those_of_enumeration(seed, kind, size):
    system, support, x = signed_case(seed, size=size)
    problem = NullSpaceConstant(system, support, kind, signed=True)
    solution = solve(problem)
    assert solution.status.is_certified
    truth = enumerated(system, support, np.sign(x[support]), kind)
    assert solution.value == pytest.approx(truth, rel=1e-8)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_the_witness_is_a_kernel_vector_that_attains_the_constant(seed, kind):
    system, support, x = signed_case(seed)
    problem = NullSpaceConstant(system, support, kind, signed=True)
    solution = solve(problem)
    n, sign = solution.x, np.sign(x[support])
    assert n.shape == (12,)
    np.testing.assert_allclose(system.matvec(n), 0.0, atol=1e-12)
    off = np.delete(n, support)
    assert np.abs(off).sum() == pytest.approx(1.0, rel=1e-12)
    terms = {"rho": -sign * n[support], "rho_tilde": np.abs(n[support]), "rho_minus": np.maximum(-sign * n[support], 0)}
    assert terms[kind].sum() == pytest.approx(solution.value, rel=1e-12)
    assert certify(problem, n).ok
    assert "attained" in certify(problem, n).checks
    # A kernel vector that attains less, and one that is none.
    other = -n if kind != "rho_tilde" else problem.cone.kernel_vector(np.eye(18)[0] * 0.5 + 0.5 / 18)
    assert not certify(problem, other).ok
    assert "kernel" in certify(problem, n + 0.1).failed
    assert solution.x_plus is None


@pytest.mark.parametrize("seed", range(4))
def test_the_dual_of_rho_proves_it(seed):
    system, support, x = signed_case(seed)
    solution = solve(NullSpaceConstant(system, support, "rho", signed=True))
    products = system.rmatvec(solution.dual)
    np.testing.assert_allclose(products[support], np.sign(x[support]), atol=1e-12)
    assert np.abs(np.delete(products, support)).max() == pytest.approx(solution.value, rel=1e-10)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_rows", [6, 11])
def test_constants_of_the_doubled_system_follow_from_the_signed_ones(seed, kind, n_rows):
    system, support, x = signed_case(seed, n_rows)
    doubled = np.where(x[support] > 0, support, support + 12)
    value = solve(NullSpaceConstant(system, support, kind, signed=True)).value
    written_twice = LinearSystem(np.hstack([system.matrix, -system.matrix]), system.y)
    for both in (system.doubled, written_twice):
        expected = max(LEAST[kind], value)
        assert solve(NullSpaceConstant(both, doubled, kind)).value == pytest.approx(expected, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("backend", ["highs", "clarabel"])
def test_other_backends_agree(backend):
    system, support, x = signed_case(1)
    solution = solve(NullSpaceConstant(system, support, "rho", signed=True), backend)
    assert solution.status.is_certified
    assert solution.value == pytest.approx(enumerated(system, support, np.sign(x[support]), "rho"), rel=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_the_constants_are_zero_where_no_other_column_reaches_the_support(kind):
    problem = NullSpaceConstant(LinearSystem([[1.0, 0.0]], [1.0]), [0], kind, signed=True)
    solution = solve(problem)
    assert solution.status.is_certified
    assert solution.value == 0.0
    assert np.abs(solution.x).tolist() == [0.0, 1.0]


def test_signs_may_be_given_where_y_does_not_tell_them():
    system, support, x = signed_case(2)
    flipped = np.where(np.arange(12) == support[0], -x, x)
    values = [
        solve(NullSpaceConstant(system, support, "rho", signed=True, signs=signs)).value for signs in (x, flipped, -x)
    ]
    for value, signs in zip(values, (x, flipped, -x), strict=True):
        assert value == pytest.approx(enumerated(system, support, np.sign(signs[support]), "rho"), rel=1e-8)
    assert values[0] != pytest.approx(values[1], rel=1e-3)
    assert values[0] == pytest.approx(values[2], rel=1e-8)
    assert values[0] == solve(NullSpaceConstant(system, support, "rho", signed=True)).value


def test_a_mask_is_a_support_too():
    system, support, _ = signed_case(3)
    mask = np.isin(np.arange(12), support)
    values = [solve(NullSpaceConstant(system, each, "rho", signed=True)).value for each in (support[::-1], mask)]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("matrix", "y", "support", "message"),
    [
        ([[1.0, 2.0, 1.0]], [1.0], [0, 1], "the columns of the support are dependent.*signs="),
        ([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [1.0, 2.0], [0], "no x that is zero off the support solves A x = y"),
        ([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [1.0, 0.0], [0, 1], r"x\[1\] is zero where x on the support"),
        ([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [1.0, 2.0], [], "support is empty"),
    ],
)
def test_signs_that_are_not_known_are_asked_for(matrix, y, support, message):
    with pytest.raises(InvalidProblemError, match=message):
        NullSpaceConstant(LinearSystem(matrix, y), support, "rho", signed=True)


def test_wrong_signs_are_refused():
    system = LinearSystem([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]], [1.0, 2.0])
    with pytest.raises(InvalidProblemError, match=r"signs\[1\] is 0.0; every entry on the support"):
        NullSpaceConstant(system, [0, 1], "rho", signed=True, signs=[1.0, 0.0, 5.0])
    with pytest.raises(InvalidProblemError, match=r"signs must have shape \(3,\)"):
        NullSpaceConstant(system, [0, 1], "rho", signed=True, signs=[1.0, 1.0])
    with pytest.raises(InvalidProblemError, match="give signed=True with them"):
        NullSpaceConstant(system, [0, 1], "rho", signs=[1.0, 1.0, 0.0])
    with pytest.raises(InvalidProblemError, match="signed must be True or False"):
        NullSpaceConstant(system, [0, 1], "rho", signed=1)


def test_constants_that_do_not_exist_are_refused():
    with pytest.raises(UndefinedConstantError, match="no kernel vector of A is nonzero off the support"):
        NullSpaceConstant(LinearSystem(np.eye(2), [1.0, 0.0]), [0], "rho", signed=True)
    dependent = LinearSystem([[1.0, 2.0, 1.0]], [1.0])
    with pytest.raises(UndefinedConstantError, match="rho_tilde does not exist"):
        NullSpaceConstant(dependent, [0, 1], "rho_tilde", signed=True, signs=[1.0, 1.0, 0.0])


def test_a_claim_of_the_value_alone_is_not_believed():
    system, support, _ = signed_case(4)
    problem = NullSpaceConstant(system, support, "rho", signed=True)
    solution = solve(problem)
    assert problem.objective(Claim(x=solution.x)) == pytest.approx(solution.value, rel=1e-14)
    assert not problem.certify(Claim(x=solution.x, value=solution.value + 0.1)).ok


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n_rows", [2, 3])
def test_signed_constants_are_proved_with_a_kernel_vector_in_rationals(kind, n_rows):
    A = np.array([[1, 0, 3, -1, 2], [0, 1, -2, 1, 0.5], [0, 0, 1, 2, -1]])[:n_rows]
    system = LinearSystem(A, A @ [2.0, -1.0, 0.0, 0.0, 0.0])
    problem = NullSpaceConstant(system, [0, 1], kind, signed=True)
    solution = solve(problem, proof=True)
    assert solution.status is Status.PROVED
    lower, upper = solution.proof.value
    assert lower == upper
    assert float(lower) == pytest.approx(enumerated(system, np.array([0, 1]), np.array([1.0, -1.0]), kind), rel=1e-9)
    n = solution.proof.x
    assert sum(map(abs, n[2:])) == 1
    assert all(sum(Fraction(a) * entry for a, entry in zip(row, n, strict=True)) == 0 for row in A.tolist())
    terms = {"rho": -n[0] + n[1], "rho_tilde": abs(n[0]) + abs(n[1]), "rho_minus": max(-n[0], 0) + max(n[1], 0)}
    assert terms[kind] == lower
