"""Certificates of projections from products alone say what those from columns say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import aslinearoperator

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, Status, certify, solve
from bregman_l1.budget import Budget
from bregman_l1.problems.product_minimisers import column_rank


def pair(seed, n_rows=20, n_columns=60):
    rng = np.random.default_rng(seed)
    A, x = rng.standard_normal((n_rows, n_columns)), rng.exponential(size=n_columns) * (rng.random(n_columns) < 0.2)
    return LinearSystem(A, A @ x), LinearSystem(aslinearoperator(A), A @ x)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", [{}, {"depth": 3}, {"signed": True}, {"prior": np.linspace(1, 2, 60)}], ids=str)
@pytest.mark.parametrize("alpha", [1e-1, 1e-4])
def test_an_answer_found_from_columns_is_certified_from_products(seed, options, alpha):
    whole, operator = pair(seed)
    solution = solve(BregmanProjection(whole, alpha, **options))
    problem = BregmanProjection(operator, alpha, **options)
    assert certify(problem, **solution.unknowns, dual=solution.dual).ok
    assert certify(problem, **solution.unknowns).ok, "the best multiplier is found"


@pytest.mark.parametrize("alpha", [1e-1, 1e-4])
@pytest.mark.parametrize("what", ["x", "feasible x", "dual"])
def test_a_perturbed_answer_is_not_certified(alpha, what):
    whole, operator = pair(0)
    solution = solve(BregmanProjection(whole, alpha))
    rng = np.random.default_rng(1)
    change, log_x, dual = rng.standard_normal(60), solution.log_x, solution.dual
    if what == "feasible x":
        A = whole.matrix * np.exp(log_x)  # of which a change of log x in the kernel leaves A x as it is
        change -= np.linalg.lstsq(A, A @ change, rcond=None)[0]
    if what == "dual":
        dual = dual + 1e-7 * rng.standard_normal(20)
    else:
        log_x = log_x + 1e-7 * change / np.abs(change).max()
    certificate = certify(BregmanProjection(operator, alpha), log_x=log_x, dual=dual)
    assert not certificate.ok
    if what != "dual":
        assert 0.4e-7 <= certificate.checks["deviation"].value <= 4e-7


def test_the_deviation_is_that_from_columns_or_somewhat_more():
    whole, operator = pair(2)
    solution = solve(BregmanProjection(whole, 1e-3))
    log_x = solution.log_x + 1e-6 * np.random.default_rng(3).standard_normal(60)
    expected, found = (
        certify(BregmanProjection(system, 1e-3), log_x=log_x, dual=solution.dual).checks["deviation"].value
        for system in (whole, operator)
    )
    assert expected <= 1.05 * found <= 4 * expected


def test_a_vector_with_zeros_is_not_certified_without_columns():
    whole, operator = pair(0)
    solution = solve(BregmanProjection(whole, 1e-2))
    x = solution.x.copy()
    x[np.argmin(x)] = 0.0
    certificate = certify(BregmanProjection(operator, 1e-2), x=x)
    assert "positivity" in certificate.failed
    assert "vanish on the whole feasible set was not proved" in str(certificate)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("signed", [False, True])
def test_a_minimiser_is_certified_from_products_and_known_to_be_the_only_one(seed, signed):
    whole, operator = pair(seed)
    solution = solve(L1Minimization(whole, signed=signed))
    certificate = certify(L1Minimization(operator, signed=signed), x=solution.x, dual=solution.dual)
    assert certificate.ok
    assert certificate.checks["uniqueness"].passed == solution.certificate.checks["uniqueness"].passed


def test_a_minimiser_without_its_multiplier_is_certified_by_that_of_least_norm():
    rng = np.random.default_rng(0)
    A, x = rng.standard_normal((40, 80)), np.zeros(80)
    x[:5] = 1.0
    assert certify(L1Minimization(LinearSystem(aslinearoperator(A), A @ x)), x=x).ok


def test_many_columns_of_a_support_are_seen_to_be_independent_or_not():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((120, 200))
    system = LinearSystem(aslinearoperator(A), A.sum(axis=1))
    assert column_rank(system, np.arange(60), Budget()).is_full
    A[:, 59] = A[:, :59] @ rng.standard_normal(59)
    system = LinearSystem(aslinearoperator(A), A.sum(axis=1))
    assert not column_rank(system, np.arange(60), Budget()).is_full


@pytest.mark.parametrize("wrong", ["x", "dual", "feasible x", "negative x"])
def test_what_is_no_minimiser_is_not_certified_from_products(wrong):
    whole, operator = pair(0)
    solution = solve(L1Minimization(whole))
    x, dual = solution.x.copy(), solution.dual
    if wrong == "x":
        x[np.argmax(x)] *= 1 + 1e-7
    elif wrong == "dual":
        dual = dual * (1 + 1e-7)
    elif wrong == "feasible x":
        x = solve(BregmanProjection(whole, 1e-3)).x
    else:
        x[np.argmin(x)] = -1e-7
    assert not certify(L1Minimization(operator), x=x, dual=dual).ok


@pytest.mark.parametrize("seed", range(6))
def test_what_is_wrong_along_a_direction_that_the_equations_hardly_see_is_measured(seed):
    """Two rows are nearly the same: a change of their difference leaves A x = y true to rounding, but not log x."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((6, 15))
    A[1] = A[0] + 1e-5 * rng.standard_normal(15)
    y = A @ rng.exponential(size=15)
    solution = solve(BregmanProjection(LinearSystem(A, y), 0.1))
    assert solution.status is Status.CERTIFIED
    problem = BregmanProjection(LinearSystem(aslinearoperator(A), y), 0.1)
    assert certify(problem, log_x=solution.log_x, dual=solution.dual).ok
    hidden = np.linalg.svd(A * np.sqrt(solution.x), full_matrices=False)[0][:, -1]
    dual = solution.dual + 1e-8 * hidden / np.abs(A.T @ hidden).max()
    certificate = certify(problem, log_x=np.log(0.1) + A.T @ dual, dual=dual)
    assert not certificate.ok
    assert 0.9e-8 <= certificate.checks["deviation"].value <= 2e-8


def test_a_cost_far_above_all_others_does_not_excuse_these():
    A = np.array([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    problem = L1Minimization(LinearSystem(aslinearoperator(A), [1.0, 1e-9]), cost=[1.0, 0.999, 1e7])
    assert not certify(problem, [1.0, 0.0, 1e-9], dual=[1.0, 1e7]).ok, "the second column is cheaper"
    assert certify(problem, [0.0, 1.0, 1e-9], dual=[0.999, 1e7]).ok


def with_a_small_row(size):
    A = np.array([[1.0, 2.0, 3.0], [size, size, 5 * size]])
    return L1Minimization(LinearSystem(aslinearoperator(A), A @ [1.0, 0.0, 1.0]))


@pytest.mark.parametrize("size", [1e-9, 1e-12, 1e-14])
def test_a_row_far_below_all_others_is_an_equation_like_these(size):
    assert not certify(with_a_small_row(size), [0.0, 0.0, 4 / 3], dual=[1 / 3, 0.0]).ok


@pytest.mark.parametrize("size", [1e-9, 1e-12])
def test_a_row_far_below_all_others_is_solved_like_these(size):
    problem = with_a_small_row(size)
    solution = solve(problem)
    assert certify(problem, solution.x, dual=solution.dual).ok
    np.testing.assert_allclose(solution.x, [0.0, 2 / 7, 8 / 7], atol=1e-8)
