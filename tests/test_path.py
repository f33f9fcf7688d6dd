from __future__ import annotations

import copy
import inspect
import math
import pickle
import sys
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from conftest import gaussian_system

from bregman_l1 import (
    BregmanProjection,
    InfeasibleError,
    InvalidOptionError,
    InvalidProblemError,
    L1Minimization,
    LinearSystem,
    NotCertifiedWarning,
    PositionalScalesError,
    Solution,
    analyze,
    compare_flow,
    projection_path,
    solve,
)
from bregman_l1 import path as path_module
from bregman_l1._backends.newton import claims_along
from bregman_l1.experiments import compare

SMALL = LinearSystem([[1.0, 0.5]], [1.0])


def test_log_deviation_meets_every_reference(unique_case):
    path = projection_path(unique_case.system, log_alphas=[float(p["log_alpha"]) for p in unique_case.projections])
    expected = [float(p["log_deviation_l1"]) for p in unique_case.projections]
    np.testing.assert_allclose(path.log_deviation, expected, rtol=0, atol=1e-8)
    assert all(solution.status.is_certified for solution in path.solutions)


def test_answers_come_in_the_order_asked_repeats_included():
    system, _ = gaussian_system()
    asked = [-50.0, 0.0, -700.0, -50.0, 2.0]
    path = projection_path(system, log_alphas=asked)
    assert path.log_alphas.tolist() == asked
    for log_alpha, log_x in zip(asked, path.log_x, strict=True):
        np.testing.assert_allclose(log_x, solve(BregmanProjection(system, log_alpha=log_alpha)).log_x, atol=1e-10)


def test_deviation_is_the_distance_to_the_l1_minimiser():
    system, _ = gaussian_system()
    path = projection_path(system, log_alphas=np.linspace(2, -12, 8))
    x_star = solve(L1Minimization(system)).x
    direct = [np.log(np.abs(solution.x - x_star).sum()) for solution in path.solutions]
    np.testing.assert_allclose(path.log_deviation, direct, atol=1e-8)


@pytest.mark.parametrize("log_alpha", [-2302.6, -23026.0, -230260.0])
def test_far_out_the_path_is_the_exact_power_law(log_alpha):
    # A = [1, 1/2]: x_2 solves x_2 = sqrt(alpha x_1) with x_1 -> 1, so the deviation is 3/2 sqrt(alpha).
    path = projection_path(LinearSystem([[1.0, 0.5]], [1.0]), log_alphas=[log_alpha])
    assert path.log_deviation[0] == pytest.approx(log_alpha / 2 + math.log(1.5), rel=1e-14)
    assert path.solutions[0].status.is_certified


def test_golden_three_layers_of_decay():
    A = [[1, 1 / 2, 1 / 5, 1 / 10, -3 / 10, 2 / 5], [0, 1, -1, 0, 0, 1], [0, 0, 0, 1, -1, 1 / 2]]
    path = projection_path(LinearSystem(A, [2.0, 0.0, 0.0]), log_alphas=[-2302.6, -23026.0])
    assert path.rate == pytest.approx(13 / 20, rel=1e-9)
    limit = path.log_deviation - 13 / 20 * path.log_alphas
    np.testing.assert_allclose(np.exp(limit), 3.4413136937620078, rtol=1e-8)
    exponents = (path.log_x[1] - path.log_x[0]) / (path.log_alphas[1] - path.log_alphas[0])
    np.testing.assert_allclose(exponents, [0, 13 / 20, 13 / 20, 19 / 15, 14 / 15, 14 / 15], atol=1e-9)


def test_golden_several_minimisers():
    system = LinearSystem([[1, 1, 1, 0.5], [0, 1, 2, 3]], [1, 0.8])
    path = projection_path(system, log_alphas=[-200.0, -2000.0])
    np.testing.assert_allclose(np.exp(path.log_deviation - path.log_alphas / 2), 1.04219052909587, rtol=1e-12)


def test_where_the_sum_is_fixed_the_path_stands_still():
    path = projection_path(LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], [1.0, 0.8]), log_alphas=[0.0, -1000.0])
    np.testing.assert_allclose(np.exp(path.log_x), [[0.43837, 0.32326, 0.23837]] * 2, atol=5e-6)
    assert (path.log_deviation < -30).all()


def test_golden_prior_with_costs():
    system, cost = LinearSystem([[1.0, 1.5, 1.0]], [2.0]), [1.0, 2.0, 1.5]
    path = projection_path(system, log_alphas=[-500.0], cost=cost)
    lam = path.solutions[0].dual[0]
    np.testing.assert_allclose(path.log_x[0], -500.0 * np.array(cost) + lam * np.array([1.0, 1.5, 1.0]), atol=1e-9)
    assert path.rate == pytest.approx(0.5, rel=1e-9)


def test_the_native_backend_follows_the_path_however_its_name_is_written():
    system, _ = gaussian_system()
    paths = [projection_path(system, log_alphas=[-1.0, -20.0], backend=name) for name in ("newton", "Newton")]
    np.testing.assert_array_equal(paths[0].log_x, paths[1].log_x)
    assert paths[1].solutions[0].solve_time == paths[1].solutions[1].solve_time  # one run, shared out
    with pytest.raises(InvalidOptionError, match="name or an instance of Backend, got int"):
        projection_path(system, log_alphas=[-1.0], backend=3)


def test_other_backends_walk_the_same_path():
    system, _ = gaussian_system()
    values = [0.0, -5.0, -15.0]
    np.testing.assert_allclose(
        projection_path(system, log_alphas=values, backend="clarabel").log_deviation,
        projection_path(system, log_alphas=values).log_deviation,
        atol=1e-9,
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "non-empty vector"),
        ([[1.0]], "non-empty vector"),
        ([-1.0, math.nan], r"log_alphas\[1\] must be finite, got nan"),
        (["a"], r"log_alphas\[0\] must be a real number, got 'a'"),
        ([[1.0], [1.0, 2.0]], r"log_alphas\[0\] must be a real number, got \[1.0\]"),
        ([-1.0, -1e16], "between -1e15 and 1e15"),
    ],
)
def test_wrong_alphas_are_named(values, message):
    with pytest.raises(InvalidProblemError, match=message):
        projection_path(gaussian_system()[0], log_alphas=values)


@pytest.mark.parametrize("tol", ["a", -1.0, math.inf, math.nan, 1.0, True])
def test_a_wrong_tolerance_is_named(tol):
    with pytest.raises(InvalidOptionError, match="tol must be a positive number below 1"):
        projection_path(gaussian_system()[0], log_alphas=[-1.0], tol=tol)


@pytest.mark.parametrize("duplicate", [lambda path: path, copy.deepcopy, lambda path: pickle.loads(pickle.dumps(path))])
def test_the_arrays_of_a_path_are_read_only(duplicate):
    path = projection_path(LinearSystem([[1.0, 0.5]], [1.0]), log_alphas=[-10.0, -20.0])
    expected = path.log_deviation
    path = duplicate(path)
    for array in (path.cost, path.log_alphas, path.log_x, path.log_deviation):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
    np.testing.assert_array_equal(path.log_deviation, expected)


def test_the_log_alphas_of_the_caller_stay_writable():
    asked = np.array([-1.0, -2.0])
    path = projection_path(gaussian_system()[0], log_alphas=asked)
    asked[0] = 7.0
    assert path.log_alphas.tolist() == [-1.0, -2.0]


@pytest.mark.parametrize("backend", ["newton", "scs"])
def test_warnings_point_at_the_caller(backend):
    system, _ = gaussian_system()
    with pytest.warns(NotCertifiedWarning) as caught:
        projection_path(system, log_alphas=[-20.0], backend=backend, tol=1e-17)
    assert {warning.filename for warning in caught} == {__file__}


def test_infeasible_path_carries_a_farkas_vector():
    with pytest.raises(InfeasibleError):
        projection_path(LinearSystem([[1.0, 1.0], [0.0, 1.0]], [1.0, 2.0]), log_alphas=[-1.0, -2.0])


def test_plot_draws_the_path_and_the_slope_in_a_figure_of_its_own():
    path = projection_path(gaussian_system()[0], log_alphas=[-10.0, -100.0, -200.0])
    axes = [path.plot() for _ in range(2)]
    assert axes[0] is not axes[1]
    for each in axes:
        assert len(each.get_lines()) == 2
        plt.close(each.figure)


@pytest.mark.parametrize("costs", [None, np.linspace(0.5, 2.0, 40)])
def test_a_path_followed_over_kinks_is_that_of_separate_solves(costs):
    rng = np.random.default_rng(4)
    A, x = rng.integers(-3, 4, (10, 40)).astype(float), np.zeros(40)
    x[:3] = 1.0
    system, asked = LinearSystem(A, A @ x), -np.geomspace(1.0, 1e5, 12)
    path = projection_path(system, log_alphas=asked, cost=costs)
    assert all(solution.status.is_certified for solution in path.solutions)
    for log_alpha, log_x in zip(asked, path.log_x, strict=True):
        alone = solve(BregmanProjection(system, log_alpha=log_alpha, cost=costs))
        np.testing.assert_allclose(log_x, alone.log_x, rtol=1e-11, atol=1e-8)


def test_columns_that_count_nowhere_leave_a_basis_alone():
    system = LinearSystem(
        [[-(2.0**-13), 0, 32, 65536, 0], [2.0**-12, 1024, 0, 65536, -2048]], [-(2.0**-13), 1024 + 2.0**-12]
    )
    path = projection_path(system, log_alphas=[-30.0, -40.0, -60.0, -90.0])
    assert all(solution.status.is_certified for solution in path.solutions)


def test_what_falls_short_on_a_path_is_projected_on_its_own(monkeypatch):
    system = LinearSystem([[1.0, 0.5, 0.2], [0.0, 1.0, 3.0]], [1.0, 1.0])
    good = projection_path(system, log_alphas=[-3.0, -20.0])

    def off(problems, cost, tol):
        return [replace(claim, log_x=claim.log_x + 1e-3) for claim in claims_along(problems, cost, tol)]

    monkeypatch.setattr(path_module, "claims_along", off)
    mended = projection_path(system, log_alphas=[-3.0, -20.0])
    assert all(solution.status.is_certified for solution in mended.solutions)
    np.testing.assert_allclose(mended.log_x, good.log_x, rtol=1e-12)


def test_a_path_is_a_sequence_of_its_solutions():
    path = projection_path(gaussian_system()[0], log_alphas=[-1.0, -10.0, -2000.0])
    assert len(path) == 3
    assert list(path) == list(path.solutions)
    assert isinstance(path[0], Solution)
    assert path[-1] is path[np.int64(2)] is path.solutions[2]
    with pytest.raises(IndexError):
        path[3]
    with pytest.raises(TypeError):
        path["first"]


def test_a_slice_of_a_path_is_a_path():
    path = projection_path(gaussian_system()[0], log_alphas=[-1.0, -10.0, -2000.0])
    assert path[1:].log_alphas.tolist() == [-10.0, -2000.0]
    assert path[::-1].solutions == path.solutions[::-1]
    np.testing.assert_array_equal(path[1:].log_deviation, path.log_deviation[1:])
    assert path[3:].log_x.shape == (0, 60)


def test_the_alphas_of_a_path_underflow_to_zero():
    path = projection_path(SMALL, log_alphas=[0.0, -2302.6, 800.0])
    assert path.alphas.tolist() == [1.0, 0.0, math.inf]


def test_alphas_are_what_their_logarithms_are():
    path = projection_path(SMALL, alphas=[1.0, 1e-4])
    assert path.log_alphas.tolist() == [0.0, math.log(1e-4)]
    np.testing.assert_allclose(path.alphas, [1.0, 1e-4], rtol=1e-15)
    assert projection_path(SMALL, alphas=0.5).log_alphas.tolist() == [math.log(0.5)]


def test_a_path_as_a_frame_has_one_row_for_each_alpha():
    path = projection_path(SMALL, log_alphas=[-2302.6, -20.0])
    frame = path.to_frame()
    assert frame["log_alpha"].tolist() == [-2302.6, -20.0]
    assert frame["alpha"].tolist() == [0.0, math.exp(-20.0)]
    np.testing.assert_array_equal(frame["log_deviation"], path.log_deviation)
    assert frame["status"].tolist() == ["certified", "certified"]
    assert frame["backend"].tolist() == ["newton", "newton"]
    assert frame["value"].tolist() == [solution.value for solution in path]


def test_a_frame_says_that_there_is_no_limit_to_measure_from():
    unbounded = projection_path(LinearSystem([[1.0, -1.0]], [1.0]), log_alphas=[-1.0], cost=[1.0, -2.0])
    assert unbounded.to_frame()["log_deviation"].isna().all()


def test_without_pandas_a_frame_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        projection_path(SMALL, log_alphas=[-1.0]).to_frame()


TAKE_SCALES = {
    "projection_path": lambda *args, **kwargs: projection_path(SMALL, *args, **kwargs),
    "compare_flow": lambda *args, **kwargs: compare_flow(SMALL, *args, **kwargs),
    "page": lambda *args, **kwargs: analyze(SMALL).page(*args, **kwargs),
    "to_dict": lambda *args, **kwargs: analyze(SMALL).to_dict(*args, **kwargs),
    "plot": lambda *args, **kwargs: analyze(SMALL).plot(*args, **kwargs),
}


@pytest.mark.parametrize("name", [*TAKE_SCALES, "compare"])
def test_scales_by_position_are_refused_in_words(name):
    call = TAKE_SCALES.get(name, lambda *args: compare(SMALL, *args))
    for kind in (PositionalScalesError, TypeError, InvalidProblemError):
        with pytest.raises(kind, match=rf"give alphas= or log_alphas=: {name} takes no scales by position"):
            call([1e-2])


@pytest.mark.parametrize("name", TAKE_SCALES)
def test_scales_and_their_logarithms_are_refused_together(name):
    with pytest.raises(InvalidProblemError, match="exactly one of alphas and log_alphas"):
        TAKE_SCALES[name](alphas=[0.1], log_alphas=[-1.0])


@pytest.mark.parametrize("name", ["page", "to_dict"])
def test_scales_and_their_logarithms_say_the_same(name):
    assert TAKE_SCALES[name](alphas=[0.1]) == TAKE_SCALES[name](log_alphas=[math.log(0.1)])


def test_the_signature_shows_the_keywords():
    parameters = inspect.signature(projection_path).parameters
    assert list(parameters) == ["system", "alphas", "log_alphas", "backend", "cost", "prior", "depth", "signed", "tol"]
    assert {parameters[name].kind for name in list(parameters)[1:]} == {inspect.Parameter.KEYWORD_ONLY}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of alphas and log_alphas"),
        ({"alphas": [0.1, 0.0]}, r"alphas\[1\] must be positive, got 0.0"),
        ({"alphas": [0.1, -1.0]}, r"alphas\[1\] must be positive"),
        ({"alphas": [True]}, r"alphas\[0\] must be a real number"),
        ({"alphas": []}, "alphas must be a non-empty vector"),
        ({"alphas": [[0.1]]}, "alphas must be a non-empty vector"),
    ],
)
def test_wrong_scales_are_named(arguments, message):
    with pytest.raises(InvalidProblemError, match=message):
        projection_path(SMALL, **arguments)
