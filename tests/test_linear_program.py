from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import highspy
import numpy as np
import pytest
from scipy.optimize import linprog

from bregman_l1.errors import InvalidOptionError
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron import linear_program
from bregman_l1.polyhedron.linear_program import (
    OUTCOMES,
    LinearProgram,
    LinearProgramSettings,
    known_options,
    solve_linear_program,
    solve_verified_later,
)

ROW = np.array([[1.0, 0.5]])


def test_every_highs_status_is_mapped():
    assert set(OUTCOMES) == set(highspy.HighsModelStatus.__members__)


def test_multipliers_are_derivatives_of_the_value():
    def value(right: float) -> float:
        program = LinearProgram(cost=np.array([3.0, 1.0]), rows=ROW, row_lower=right, row_upper=right, lower=0.0)
        return solve_linear_program(program).value

    program = LinearProgram(cost=np.array([3.0, 1.0]), rows=ROW, row_lower=1.0, row_upper=1.0, lower=0.0)
    answer = solve_linear_program(program)
    assert answer.outcome is Outcome.OPTIMAL
    assert answer.dual[0] == pytest.approx((value(1.1) - value(0.9)) / 0.2)


def test_integer_program_returns_an_integer_point_and_a_bound():
    program = LinearProgram(cost=-np.ones(2), rows=ROW, row_upper=1.3, lower=0.0, integer=np.array([True, True]))
    answer = solve_linear_program(program)
    assert answer.x.tolist() == [0.0, 2.0]
    assert answer.bound == pytest.approx(-2.0)
    assert answer.dual is None


@pytest.mark.parametrize(
    ("program", "outcome"),
    [
        (LinearProgram(cost=np.ones(2), rows=ROW, row_upper=-1.0, lower=0.0), Outcome.INFEASIBLE),
        (LinearProgram(cost=-np.ones(2), rows=ROW, row_lower=1.0, lower=0.0), Outcome.UNBOUNDED),
    ],
)
def test_programs_without_answer_say_so(program, outcome):
    assert solve_linear_program(program).outcome is outcome


def test_iteration_limit_is_reported():
    rng = np.random.default_rng(0)
    program = LinearProgram(cost=-np.ones(40), rows=rng.random((30, 40)), row_upper=1.0, lower=0.0)
    assert solve_linear_program(program, LinearProgramSettings(max_iter=1)).outcome is Outcome.ITERATION_LIMIT


def test_an_iteration_limit_ends_branch_and_bound_too():
    rng = np.random.default_rng(0)
    rows = rng.integers(1, 40, (6, 40)).astype(float)
    program = LinearProgram(
        cost=-rows.sum(axis=0),
        rows=rows,
        row_upper=rows.sum(axis=1) / 3,
        lower=0.0,
        upper=1.0,
        integer=np.ones(40, bool),
    )
    limited = solve_linear_program(program, LinearProgramSettings(max_iter=3))
    assert limited.outcome is Outcome.ITERATION_LIMIT
    assert 0 < limited.iterations <= 6  # HiGHS counts both children of a node
    assert limited.bound <= limited.value


def test_unknown_option_is_refused_with_the_known_ones():
    program = LinearProgram(cost=np.ones(2), rows=ROW)
    with pytest.raises(InvalidOptionError, match="no option 'nonsense'.*simplex_strategy"):
        solve_linear_program(program, LinearProgramSettings(native={"nonsense": 1}))
    with pytest.raises(InvalidOptionError, match="refuses presolve=7"):
        solve_linear_program(program, LinearProgramSettings(native={"presolve": 7}))
    assert "time_limit" in known_options()


def test_nothing_is_printed():
    code = (
        "import numpy as np; from bregman_l1.polyhedron.linear_program import *;"
        "solve_linear_program(LinearProgram(cost=np.ones(2), rows=np.ones((1, 2)), row_lower=1.0, lower=0.0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("n_free", [2, 4, 7])  # 7 in 6 rows cannot all be basic
def test_a_program_with_free_variables_is_solved_even_if_their_columns_depend_on_each_other(n_free):
    rng = np.random.default_rng(n_free)
    rows = rng.standard_normal((6, 20))
    rows[:, 1] = -2.0 * rows[:, 0]
    cost = np.where(np.arange(20) < n_free, 0.0, rng.uniform(1.0, 2.0, 20))
    lower = np.where(np.arange(20) < n_free, -np.inf, 0.0)
    right = rows @ rng.uniform(0.0, 1.0, 20)
    answer = solve_linear_program(LinearProgram(cost=cost, rows=rows, row_lower=right, row_upper=right, lower=lower))
    bounds = [(None if np.isneginf(low) else low, None) for low in lower]
    independent = linprog(cost, A_eq=rows, b_eq=right, bounds=bounds, method="highs-ipm")
    assert answer.outcome is Outcome.OPTIMAL
    assert answer.value == pytest.approx(independent.fun, abs=1e-8)
    np.testing.assert_allclose(rows @ answer.x, right, atol=1e-8)
    columns, tight = answer.basis
    assert columns.size == tight.size


@pytest.mark.parametrize(("upper", "runs"), [(1.0, 2), (np.inf, 1), (np.array([1.0, np.inf]), 2)])
def test_unbounded_is_believed_only_where_a_variable_of_some_cost_has_no_bound(monkeypatch, upper, runs):
    outcomes = [Outcome.UNBOUNDED, Outcome.OPTIMAL]

    def answers(program, settings):
        return replace(solve_linear_program(program, settings), outcome=outcomes.pop(0))

    monkeypatch.setattr(linear_program, "solve_linear_program", answers)
    program = LinearProgram(cost=np.array([-1.0, 0.0]), rows=ROW, row_upper=1.0, lower=0.0, upper=upper)
    answer = solve_verified_later(program)
    assert len(outcomes) == 2 - runs
    assert answer.outcome is (Outcome.OPTIMAL if runs == 2 else Outcome.UNBOUNDED)
