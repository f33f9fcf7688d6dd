"""The deviation from the limit, against 30-digit references, closed forms and subtraction where it does not cancel."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import gaussian_system

from bregman_l1 import solve
from bregman_l1.errors import BackendError
from bregman_l1.problems import BregmanProjection
from bregman_l1.system import LinearSystem
from bregman_l1.theory.deviation import deviation
from bregman_l1.theory.limit import find_limit

THREE_LAYERS = LinearSystem(
    [[1, 0.5, 0.2, 0.1, -0.3, 0.4], [0, 1, -1, 0, 0, 1], [0, 0, 0, 1, -1, 0.5]], [2.0, 0.0, 0.0]
)
SEVERAL = LinearSystem([[1, 1, 1, 0.5], [0, 1, 2, 3]], [1.0, 0.8])


def projected(system, log_alpha):
    return solve(BregmanProjection(system, log_alpha=log_alpha)).log_x


def test_deviation_agrees_with_thirty_digits(unique_case):
    limit = find_limit(unique_case.system)
    for point in unique_case.projections:
        log_x = np.array([float(entry) for entry in point["log_x"]])
        expected = float(point["log_deviation_l1"])
        assert deviation(limit, log_x).log_l1 == pytest.approx(expected, rel=1e-15, abs=2e-13)


def test_limit_is_the_exact_rational_minimiser(unique_case):
    limit = find_limit(unique_case.system)
    assert limit.unique
    assert limit.x == pytest.approx(unique_case.floats("x_star"), rel=1e-15, abs=0)
    assert limit.rate == pytest.approx(1 - unique_case.exact("rho"), abs=1e-14)


def test_three_layers_move_with_the_leading_one():
    n = deviation(find_limit(THREE_LAYERS), projected(THREE_LAYERS, -23026.0))
    assert n.log_l1 == pytest.approx(-23026 * 0.65 + np.log(3.4413136937620078), abs=1e-8)


def test_signs_and_orders_entry_by_entry():
    system = LinearSystem([[1, 0, 2, -1, -1.5], [0, 1, -1, 1, 0.5], [0, 0, 1, -1, -2]], [1.0, 1.0, 0.0])
    n = deviation(find_limit(system), projected(system, -2000.0))
    assert n.sign[[0, 2, 3, 4]].tolist() == [-1, 1, 1, 1]
    orders = n.log_size + 2000 * np.array([0.5, 1, 0.5, 0.5, 1])
    assert orders[[0, 2, 3, 4]] == pytest.approx(0, abs=1e-9)
    # The terms of n_2 cancel to first order: what is left of them is of the order of their rounding.
    assert n.log_size[1] < -1000 - 30


@pytest.mark.parametrize("log_alpha", [-100.0, -1000.0, -23026.0])
def test_several_minimisers_are_left_as_the_closed_form_says(log_alpha):
    n = deviation(find_limit(SEVERAL), projected(SEVERAL, log_alpha))
    assert n.log_l1 - log_alpha / 2 == pytest.approx(np.log(1.04219052909587), abs=1e-12 + 1e-15 * abs(log_alpha))


@pytest.mark.parametrize("log_alpha", [1.0, -2.0, -6.0])
@pytest.mark.parametrize("system", [SEVERAL, THREE_LAYERS, gaussian_system()[0]], ids=["several", "layers", "gaussian"])
def test_deviation_is_the_difference_where_nothing_cancels(system, log_alpha):
    limit, log_x = find_limit(system), projected(system, log_alpha)
    n = deviation(limit, log_x)
    difference = np.exp(log_x) - limit.x
    assert n.sign * np.exp(n.log_size) == pytest.approx(difference, abs=1e-12)
    assert np.exp(n.log_l1) == pytest.approx(np.abs(difference).sum(), rel=1e-12)


def test_nothing_moves_where_the_sum_is_fixed():
    system = LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], [1.0, 0.8])
    n = deviation(find_limit(system), projected(system, -7.0))
    assert n.log_l1 == -np.inf
    assert not n.sign.any()
    assert find_limit(system).rate == np.inf


def test_forced_zeros_do_not_move():
    system = LinearSystem([[1, 1, 0.5, 0], [0, 0, 1, 1], [1, 0, 0, 0.5]], [1, 0, 0.25])
    n = deviation(find_limit(system), projected(system, -7.0))
    assert n.log_size[2:].tolist() == [-np.inf, -np.inf]


def test_vectors_that_are_no_projection_are_refused():
    with pytest.raises(BackendError, match="not that of a projection"):
        deviation(find_limit(SEVERAL), np.array([0.0, -40.0, 300.0, 5.0]))
