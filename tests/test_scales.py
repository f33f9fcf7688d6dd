"""Verdicts and answers do not depend on the units of rows and columns, however far apart they are."""

from __future__ import annotations

import itertools

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bregman_l1 import BregmanProjection, InfeasibleError, L1Minimization, LinearSystem, certify, solve
from bregman_l1.errors import BackendError
from bregman_l1.polyhedron.feasible_set import farkas_vector, separates
from bregman_l1.theory import analyze
from bregman_l1.theory.alpha_plan import crossing

BLOCKS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]])
CHAIN = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])


@pytest.mark.parametrize("backend", ["newton", "clarabel"])
@pytest.mark.parametrize("large", [1e6, 1e9, 1e10, 1e12])
def test_small_entries_beside_large_ones_are_not_taken_for_zeros(backend, large):
    solution = solve(BregmanProjection(LinearSystem(BLOCKS, [large, 1.0]), alpha=0.1), backend)
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x, [large, 0.5, 0.5], rtol=1e-12)


@pytest.mark.parametrize("small", [1e-6, 1e-9, 1e-11])
def test_entries_of_a_small_equation_are_found_and_their_omission_refused(small):
    problem = BregmanProjection(LinearSystem(CHAIN, [1.0, small]), alpha=0.1)
    np.testing.assert_allclose(solve(problem).x, [1 - small, small / 2, small / 2], rtol=1e-12)
    assert not certify(problem, x=[1.0, 0.0, 0.0]).ok


def test_minimiser_of_equations_of_very_different_size():
    solution = solve(L1Minimization(LinearSystem(BLOCKS, [1e12, 1.0])))
    assert solution.status.is_certified
    np.testing.assert_allclose([solution.x[0], solution.x[1:].sum()], [1e12, 1.0], rtol=1e-14)


@pytest.mark.parametrize(
    ("size_of_A", "size_of_y"), [(1e-240, 1.0), (1.0, 1e240), (1e240, 1e240), (1e-240, 1e-240), (1e240, 1.0)]
)
def test_more_rows_than_the_columns_need_are_solved_in_any_unit(size_of_A, size_of_y):
    rng = np.random.default_rng(0)
    A, x = rng.uniform(0.5, 1.5, (6, 3)), rng.uniform(1.0, 2.0, 3)
    system = LinearSystem(A * size_of_A, A @ x * size_of_y)
    for problem in (BregmanProjection(system, alpha=0.1), L1Minimization(system)):
        solution = solve(problem)
        assert solution.status.is_certified
        np.testing.assert_allclose(solution.x / (size_of_y / size_of_A), x, rtol=1e-12)


@pytest.mark.parametrize(
    ("A", "y", "wrong"),
    [
        ([[1e-12, 0, 1e-12], [0, 1, 1]], [1, 1], [1e12, 5, 0]),
        ([[1e-12, 0, -1e-12], [0, 1, -1]], [1, 1], [1e12, -5, 0]),
        (BLOCKS, [1e10, 1], [1e10, 7, 0]),
        ([[1e200, 0, 3e199], [0, 1e200, 3e199]], [1e200, 1e200], [2, 0, 0]),
        ([[1, 1, 0]], [1], [1, 0, -1]),
        ([[1, 1, 1]], [1], [0, 0, 0]),
    ],
)
def test_wrong_vectors_are_refused_whatever_their_scale(A, y, wrong):
    system = LinearSystem(A, y)
    assert not certify(L1Minimization(system), x=wrong).ok
    assert not certify(BregmanProjection(system, alpha=0.1), x=wrong).ok


def test_one_huge_cost_does_not_hide_the_others():
    problem = L1Minimization(LinearSystem([[1.0, 1.0, 1.0]], [1.0]), cost=[1e12, 1.0, 2.0])
    assert not certify(problem, x=[0.0, 0.0, 1.0]).ok
    assert solve(problem).x.tolist() == [0.0, 1.0, 0.0]


def test_an_optimal_value_of_zero_is_certified():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((5, 12))
    y = A @ rng.random(12)
    mu = rng.standard_normal(5)
    mu -= y * (y @ mu) / (y @ y)
    cost = A.T @ mu + np.where(np.arange(12) < 3, 0.0, 1.0)
    assert solve(L1Minimization(LinearSystem(A, y), cost=cost)).status.is_certified


def test_a_barely_feasible_system_is_not_called_infeasible():
    system = LinearSystem([[1.0, -1.0], [1.0, -(1 - 1e-10)]], [0.0, 1.0])
    assert farkas_vector(system) is None
    np.testing.assert_allclose(solve(L1Minimization(system)).x, [1e10, 1e10], rtol=1e-5)


def test_a_barely_infeasible_system_is_proved_infeasible():
    system = LinearSystem([[1.0, 1.0], [0.0, 1.0]], [1.0, 1.0 + 1e-8])
    with pytest.raises(InfeasibleError) as caught:
        solve(L1Minimization(system))
    assert separates(system, caught.value.farkas)
    assert not separates(system, -caught.value.farkas)


def test_mutating_evidence_does_not_reach_later_results():
    system = LinearSystem([[1.0, 0.5]], [1.0])
    with pytest.raises(ValueError, match="read-only"):
        system.check_assumptions().unique_minimiser.evidence[0][:] = 99.0
    with pytest.raises(ValueError, match="read-only"):
        system.equilibration()[0][:] = 99.0


def test_errors_of_one_system_do_not_share_their_farkas_vector():
    system = LinearSystem(CHAIN, [1.0, 2.0])
    for _ in range(2):
        with pytest.raises(InfeasibleError) as caught:
            solve(L1Minimization(system))
        assert separates(system, caught.value.farkas)
        caught.value.farkas[:] = 0.0


@st.composite
def scaled_twins(draw):
    """A small feasible system, and the same with rows and columns in other units (powers of two)."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    n_rows, n_columns = draw(st.integers(1, 4)), draw(st.integers(2, 7))
    A = rng.integers(-2, 3, (n_rows, n_columns)).astype(float)
    x0 = rng.integers(0, 3, n_columns) * (rng.random(n_columns) < 0.6)
    row_units, column_units = 2.0 ** rng.integers(-30, 31, n_rows), 2.0 ** rng.integers(-10, 11, n_columns)
    return A, A @ x0, row_units, column_units


@settings(max_examples=60, deadline=None)
@given(scaled_twins())
def test_units_change_neither_verdict_nor_answer(twins):
    A, y, row_units, column_units = twins
    if not y.any():
        return
    system, other = LinearSystem(A, y), LinearSystem(A * row_units[:, None], y * row_units)
    plain, moved = (solve(BregmanProjection(each, alpha=0.05)) for each in (system, other))
    assert plain.status is moved.status
    np.testing.assert_allclose(moved.x, plain.x, rtol=1e-9)
    minimum = solve(L1Minimization(system))
    other = LinearSystem(A * row_units[:, None] * column_units, y * row_units)
    same = solve(L1Minimization(other, cost=column_units))
    assert minimum.status.is_certified
    assert same.status.is_certified
    assert same.value == pytest.approx(minimum.value, rel=1e-12)


def badly_scaled(seed: int, *, entries_in_units: bool = False) -> LinearSystem:
    """Columns over twelve decades; its minimiser has entries a linear program's tolerance hides."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((4, 12))
    units = 10.0 ** rng.uniform(-6, 6, 12)
    x = np.zeros(12)
    x[:2] = [1, 2]
    scaled = A * units
    return LinearSystem(scaled, scaled @ (x / units if entries_in_units else x))


def least_vertex(system: LinearSystem) -> tuple[tuple[int, ...], float]:
    """Support and l1 norm of the minimiser: every basis solved in 40 digits."""
    with mp.workdps(40):
        A, y, best = system.matrix, mp.matrix(system.y.tolist()), None
        for basis in itertools.combinations(range(A.shape[1]), A.shape[0]):
            x = mp.lu_solve(mp.matrix(A[:, basis].tolist()), y)
            if min(x) >= 0 and (best is None or mp.fsum(x) < best[1]):
                best = basis, mp.fsum(x)
    return best[0], float(best[1])


def test_analysis_does_not_depend_on_the_units_of_rows():
    rng = np.random.default_rng(8)
    A, units = rng.standard_normal((4, 8)), 10.0 ** np.linspace(-6, 6, 4)
    y = A[:, :2] @ [1.0, 2.0]
    plain, moved = analyze(LinearSystem(A, y)), analyze(LinearSystem(A * units[:, None], y * units))
    assert plain.rate == pytest.approx(0.5446575511699, rel=1e-12)
    assert moved.rate == pytest.approx(plain.rate, rel=1e-12)
    for name in ("rho", "rho_tilde", "rho_minus"):
        assert getattr(moved, name).value == pytest.approx(getattr(plain, name).value, rel=1e-10)
    np.testing.assert_allclose(moved.exponents, plain.exponents, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(moved.power_laws.dual * units, plain.power_laws.dual, rtol=1e-10)
    np.testing.assert_allclose(moved.rho.dual * units, plain.rho.dual, rtol=1e-10)
    assert moved.alpha_for(1e-3).log_exact == pytest.approx(plain.alpha_for(1e-3).log_exact, rel=1e-9)


@pytest.mark.parametrize("decades", [-20, -10, 10, 15, 30])
def test_rate_of_one_huge_or_tiny_row(decades):
    units = np.array([1.0, 10.0**decades])
    analysis = analyze(LinearSystem(units[:, None] * [[1, 0, 5], [0, 1, -4.5]], units))
    assert analysis.unique
    assert analysis.rate == pytest.approx(0.5, rel=1e-13)


def test_search_for_alpha_reports_a_function_that_is_no_number():
    with pytest.raises(BackendError, match="could not be computed"):
        crossing(lambda t: np.nan, 0.0, 10.0)


@pytest.mark.parametrize("backend", ["highs", "clarabel"])
def test_minimiser_of_columns_of_very_different_size(backend):
    system = badly_scaled(0)
    support, value = least_vertex(system)
    solution = solve(L1Minimization(system), backend)
    assert solution.status.is_certified
    assert solution.value == pytest.approx(value, rel=1e-11)
    assert tuple(np.flatnonzero(solution.x)) == support
    assert system.residual(solution.x) < 1e-14


def test_certificate_refuses_a_vector_that_solves_the_equations_to_eight_digits_only():
    system = badly_scaled(0)
    problem = L1Minimization(system)
    x = solve(problem).x
    assert certify(problem, x=x).ok
    rows, columns = system.equilibration()
    large = x * columns > 1e-8 * (x * columns).max()
    on = system.columns(large) / rows[:, None] / columns[large]
    wrong = np.zeros(12)
    wrong[large] = np.linalg.lstsq(on, system.y / rows, rcond=None)[0] / columns[large]
    assert abs(wrong.sum() / x.sum() - 1) > 0.01
    verdict = certify(problem, x=wrong, tol=1e-8)
    assert verdict.checks["primal feasibility"].passed
    assert "solvability" in verdict.failed


def test_ties_are_judged_by_the_terms_of_each_column():
    system = badly_scaled(29, entries_in_units=True)
    analysis = analyze(system)
    assert analysis.unique
    assert tuple(analysis.support) == least_vertex(system)[0]
    assert analysis.rate == pytest.approx(0.248, abs=1e-3)
