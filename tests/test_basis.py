"""The tableau holds whatever the scales, and its zeros are zeros."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from bregman_l1 import LinearSystem
from bregman_l1.newton.basis import near_maximal_basis


def reachable(basis, A):
    rest = np.setdiff1d(np.arange(A.shape[1]), basis.columns)
    return rest, basis.tableau(A[:, rest])


@pytest.mark.parametrize("spread", [0.0, 10.0, 1000.0, 20000.0])
def test_ratios_stay_bounded_for_every_spread_of_scales(spread):
    rng = np.random.default_rng(int(spread))
    A = rng.standard_normal((8, 30))
    log_x = -spread * rng.random(30)
    basis = near_maximal_basis(LinearSystem(A, A @ np.ones(30)), log_x)
    rest, T = reachable(basis, A)
    ratios = np.log(np.abs(T)) + (log_x[rest] - log_x[basis.columns][:, None]) / 2
    assert ratios.max() < np.log(10.0)
    assert np.abs(A[:, basis.columns] @ T - A[:, rest]).max() < 1e-10 * np.abs(T).max()


def test_volume_is_within_a_small_factor_of_the_largest():
    rng = np.random.default_rng(3)
    A = rng.standard_normal((3, 9))
    log_x = 4.0 * rng.standard_normal(9)
    weighted = A * np.exp(log_x / 2)
    best = max(abs(np.linalg.det(weighted[:, list(J)])) for J in combinations(range(9), 3))
    basis = near_maximal_basis(LinearSystem(A, A @ np.ones(9)), log_x)
    assert abs(np.linalg.det(weighted[:, basis.columns])) > best / 4


def test_dependent_rows_drop_out():
    A = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]])
    basis = near_maximal_basis(LinearSystem(A, [1.0, 2.0, 1.5, 1.5]), np.zeros(4))
    assert basis.columns.size == 3
    assert not basis.gap.any()
    assert A[:, basis.columns] @ basis.u == pytest.approx([1.0, 2.0, 1.5, 1.5])


def test_y_outside_the_range_leaves_a_separating_vector():
    A = np.array([[1.0, 2.0], [2.0, 4.0]])
    basis = near_maximal_basis(LinearSystem(A, [1.0, 3.0]), np.zeros(2))
    assert np.abs(A.T @ basis.gap).max() < 1e-12
    assert basis.gap @ [1.0, 3.0] > 0


def test_computed_y_lies_exactly_in_the_span_of_its_support():
    rng = np.random.default_rng(5)
    A = rng.standard_normal((30, 80))
    x = np.zeros(80)
    x[:6] = rng.random(6) + 0.1
    basis = near_maximal_basis(LinearSystem(A, A @ x), np.where(x > 0, 0.0, -40.0 * rng.random(80) - 5.0))
    on = basis.columns < 6
    assert np.count_nonzero(on) == 6
    assert (basis.u[~on] == 0).all()
    assert basis.u[on] == pytest.approx(x[basis.columns[on]], rel=1e-14)


def test_zeros_of_a_block_triangular_matrix_are_exact():
    rng = np.random.default_rng(7)
    A = rng.standard_normal((12, 30))
    A[6:, :18] = 0.0
    basis = near_maximal_basis(LinearSystem(A, A @ np.ones(30)), -np.arange(30.0))
    rest, T = reachable(basis, A)
    later = basis.columns >= 18
    assert (T[np.ix_(later, rest < 18)] == 0).all()


@pytest.mark.parametrize("axis", ["rows", "columns"])
def test_scalings_over_twelve_orders_keep_the_tableau(axis):
    rng = np.random.default_rng(11)
    A = rng.standard_normal((6, 15))
    factors = 10.0 ** rng.uniform(-6, 6, 6 if axis == "rows" else 15)
    scaled = factors[:, None] * A if axis == "rows" else A * factors
    log_x = np.zeros(15) if axis == "rows" else -2 * np.log(factors)
    basis = near_maximal_basis(LinearSystem(scaled, scaled @ np.ones(15)), log_x)
    rest, T = reachable(basis, scaled)
    expected = np.linalg.solve(A[:, basis.columns], A[:, rest])
    if axis == "columns":
        expected = expected / factors[basis.columns][:, None] * factors[rest]
    assert pytest.approx(expected, rel=1e-9) == T


def test_columns_held_at_zero_and_zero_columns_are_never_chosen():
    A = np.array([[1.0, 0.0, 3.0], [0.0, 0.0, 1.0]])
    basis = near_maximal_basis(LinearSystem(A[:1], [1.0]), np.array([-5.0, 9.0, -np.inf]))
    assert basis.columns.tolist() == [0]


def test_dual_takes_the_values_asked_for_on_the_basis():
    rng = np.random.default_rng(13)
    A = rng.standard_normal((4, 9))
    A = np.vstack([A, A[0] - A[1]])
    basis = near_maximal_basis(LinearSystem(A, A @ np.ones(9)), np.zeros(9))
    values = rng.standard_normal(4)
    assert A[:, basis.columns].T @ basis.dual(values) == pytest.approx(values)


@pytest.mark.parametrize("depth", [1e15, 1e20, 1e300])
def test_choice_ends_where_logarithms_swallow_the_sizes_of_columns(depth):
    system = LinearSystem([[1.0, 0.5, 0.3], [0.0, 1.0, -1.0]], [1.0, 0.0])
    assert sorted(near_maximal_basis(system, np.array([0.0, -depth, -depth])).columns)[0] == 0
    assert near_maximal_basis(system, np.array([-depth, -depth, -depth])).columns.size == 2


def test_columns_whose_squares_underflow_are_columns():
    A = np.array([[1.0, 0.0], [0.0, 1.0]]) * [1.0, 1e-170]
    assert sorted(near_maximal_basis(LinearSystem(A, [1.0, 1e-170]), np.zeros(2)).columns) == [0, 1]


def test_small_entries_of_the_basic_solution_are_kept_where_nothing_is_rounded():
    A = [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    basis = near_maximal_basis(LinearSystem(A, [1e10, 1.0]), np.zeros(3))
    assert sorted(basis.u) == [1.0, 1e10]
    basis = near_maximal_basis(LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], [1.0, 1e-9]), np.zeros(3))
    assert sorted(basis.u) == pytest.approx([1e-9, 1.0 - 1e-9], rel=1e-15)
