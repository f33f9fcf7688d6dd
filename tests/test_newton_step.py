"""The Newton step in log x is the error of log x, at any scale."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bregman_l1 import LinearSystem
from bregman_l1.newton import NewtonSteps, project

CASES = json.loads((Path(__file__).parent / "reference" / "projections.json").read_text())
POINTS = [(case, point) for case in CASES for point in case["projections"]]


def newton_step(system, *arguments):
    return NewtonSteps(system).at(*arguments).change


def system_of(case):
    A = [[float(Fraction(entry)) for entry in row] for row in case["A"]]
    return LinearSystem(A, [float(Fraction(entry)) for entry in case["y"]])


@pytest.mark.parametrize(("case", "point"), POINTS, ids=lambda part: str(part.get("name", part.get("log_alpha"))))
class TestAgainstReferences:
    def test_step_vanishes_at_the_reference(self, case, point):
        log_x = np.array([float(entry) for entry in point["log_x"]])
        step = newton_step(system_of(case), np.full(log_x.size, float(point["log_alpha"])), log_x)
        assert np.abs(step).max() <= 1e-14 * max(10.0, np.abs(log_x).max())

    def test_step_undoes_a_small_error_up_to_its_square(self, case, point):
        log_x = np.array([float(entry) for entry in point["log_x"]])
        error = 1e-5 * np.random.default_rng(1).standard_normal(log_x.size)
        step = newton_step(system_of(case), np.full(log_x.size, float(point["log_alpha"])), log_x + error)
        assert np.abs(step + error).max() <= 1e-8


def test_step_sees_an_error_in_entries_that_feasibility_cannot_see():
    system, log_prior = LinearSystem([[1.0, 0.5]], [1.0]), np.full(2, -700.0)
    x_2 = -350.0
    assert np.abs(newton_step(system, log_prior, np.array([0.0, x_2]))).max() < 1e-12
    assert newton_step(system, log_prior, np.array([0.0, x_2 + 1.0]))[1] == pytest.approx(-1.0, abs=1e-12)


def test_plain_and_scale_free_forms_agree():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((20, 60))
    system = LinearSystem(A, A @ rng.random(60))
    log_x = rng.standard_normal(60)
    doubled = LinearSystem(np.vstack([A, A[:1]]), np.append(system.y, system.y[0]))  # singular: no plain form
    step = newton_step(system, np.zeros(60), log_x)
    assert step == pytest.approx(newton_step(doubled, np.zeros(60), log_x), abs=1e-9)


def test_step_does_not_depend_on_the_dual():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((10, 30))
    system = LinearSystem(A, A @ rng.random(30))
    log_x = rng.standard_normal(30)
    with_dual = newton_step(system, np.zeros(30), log_x, rng.standard_normal(10))
    assert with_dual == pytest.approx(newton_step(system, np.zeros(30), log_x), abs=1e-11)


def test_zero_entries_are_left_out():
    system = LinearSystem([[1.0, 1.0, 1.0]], [2.0])
    log_x = np.array([0.0, 0.0, -np.inf])
    assert newton_step(system, np.zeros(3), log_x).tolist() == pytest.approx([0.0, 0.0, 0.0])
    assert newton_step(system, np.zeros(3), np.full(3, -np.inf)).tolist() == [0.0, 0.0, 0.0]


def test_step_is_infinite_where_the_remaining_columns_cannot_reach_y():
    step = newton_step(LinearSystem(np.eye(2), [1.0, 1.0]), np.zeros(2), np.array([0.0, -np.inf]))
    assert step.tolist() == [np.inf, 0.0]


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_step_does_not_depend_on_the_unit_of_y(scale):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((5, 12))
    x = rng.random(12)
    log_x = np.log(x) + 0.1 * rng.standard_normal(12)
    plain = newton_step(LinearSystem(A, A @ x), np.zeros(12), log_x)
    scaled = newton_step(LinearSystem(A, scale * (A @ x)), np.full(12, np.log(scale)), log_x + np.log(scale))
    assert scaled == pytest.approx(plain, abs=1e-10)


WEAK = LinearSystem([[1, -2, -3, 3, 2, -2], [3, 3, -3, 1, 2, -1], [-3, 3, -1, 3, 1, -3]], [-8.0, 12.0, 12.0])


def test_step_vanishes_at_a_right_answer_whose_rounding_hides_in_one_direction():
    log_prior = np.full(6, -31.0)
    answer = project(WEAK, log_prior)
    assert np.abs(newton_step(WEAK, log_prior, answer.log_x, answer.dual)).max() < 1e-12


@pytest.mark.parametrize("distance", [1e-9, 1e-3, 2.0])
def test_step_by_gradients_is_the_weighted_least_squares_step(distance):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((200, 500))
    x = np.exp(-6 * rng.random(500))
    system, log_x = LinearSystem(A, A @ x), np.log(x) + distance * rng.standard_normal(500)
    weighted = A * np.exp(log_x)
    misfit = -log_x
    step = misfit + A.T @ np.linalg.solve(weighted @ A.T, system.y - weighted @ (1 + misfit))
    assert newton_step(system, np.zeros(500), log_x) == pytest.approx(step, rel=1e-3, abs=1e-8)  # to three digits


def test_step_from_a_basis_kept_for_another_candidate_is_the_same():
    rng = np.random.default_rng(4)
    A = rng.standard_normal((12, 40))
    y = A @ (rng.random(40) * (np.arange(40) < 3))
    shared = LinearSystem(A, y)
    for log_alpha in (-50.0, -52.0, -60.0, -400.0, -1.0, -50.0):
        log_prior = np.full(40, log_alpha)
        wrong = project(LinearSystem(A, y), log_prior).log_x + 1e-3 * rng.standard_normal(40)
        fresh = newton_step(LinearSystem(A, y), log_prior, wrong)
        assert newton_step(shared, log_prior, wrong) == pytest.approx(fresh, rel=1e-6, abs=1e-9)


def test_step_is_small_where_columns_of_any_size_carry_the_right_answer():
    rng = np.random.default_rng(9)
    A = rng.standard_normal((3, 8)) * 10.0 ** rng.uniform(-12, 12, 8)
    dual = rng.standard_normal(3) * 1e-12
    log_x = A.T @ dual
    step = newton_step(LinearSystem(A, A @ np.exp(log_x)), np.zeros(8), log_x)
    assert np.abs(step).max() < 1e-9


def test_the_noise_of_rows_far_below_the_largest_is_finite():
    # The second row does not meet the columns of the first, which are exp(2000) times as large.
    system = LinearSystem([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]], [2.0, 0.0])
    log_x = np.array([0.0, 0.0, -2000.0, -2000.0])
    step = NewtonSteps(system).at(log_x, log_x)
    assert np.abs(step.change).max() == 0.0
    assert np.max(step.noise) < 1e-12


def test_steps_shared_by_candidates_are_those_of_each_alone():
    rng = np.random.default_rng(9)
    A, x = rng.standard_normal((20, 60)), np.zeros(60)
    x[:4] = 1.0
    system, shared = LinearSystem(A, A @ x), NewtonSteps(LinearSystem(A, A @ x))
    for log_alpha in (-30.0, -37.0, -300.0, -310.0, -1.0, -2302.0):
        log_prior = np.full(60, log_alpha)
        answer = project(system, log_prior)
        assert np.abs(shared.at(log_prior, answer.log_x, answer.dual).change).max() < 1e-9
        wrong = answer.log_x + 1e-3 * rng.standard_normal(60)
        alone = newton_step(system, log_prior, wrong, answer.dual)
        assert shared.at(log_prior, wrong, answer.dual).change == pytest.approx(alone, rel=1e-2, abs=1e-8)
