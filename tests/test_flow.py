from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import CASES, ReferenceCase, gaussian_system
from matplotlib import pyplot as plt
from scipy.integrate import solve_ivp

from bregman_l1 import solve
from bregman_l1.errors import InfeasibleError, InvalidProblemError, NotCertifiedWarning
from bregman_l1.flow import Flow, FlowStatus, compare_flow, gradient_descent, gradient_flow
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.system import LinearSystem

ALPHAS = [1e-1, 1e-4, 1e-8, 1e-12]
PAIR = LinearSystem([[1.0, 0.5]], [1.0])
SLOW = LinearSystem([[1.0, 0.5, 0.2], [0.0, 1.0, -1.0]], [1.0, 0.0])
ONE_FORCED_ZERO = LinearSystem([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]], [1.0, 1.0])


def flow_in_u(system: LinearSystem, alpha: float, times: np.ndarray) -> np.ndarray:
    """The weights' own equation u' = -4 u A'(A u^2 - y), d equations; log x at the given times."""
    A, y = np.asarray(system.matrix), system.y

    def velocity(_time: float, u: np.ndarray) -> np.ndarray:
        return -4 * u * (A.T @ (A @ u**2 - y))

    def jacobian(_time: float, u: np.ndarray) -> np.ndarray:
        return -4 * np.diag(A.T @ (A @ u**2 - y)) - 8 * np.outer(u, u) * (A.T @ A)

    start = np.full(system.shape[1], np.sqrt(alpha))
    run = solve_ivp(velocity, (0, times[-1]), start, "Radau", times, jac=jacobian, rtol=1e-10, atol=1e-18)
    return 2 * np.log(run.y.T)


def test_a_column_of_zeros_stays_where_it_starts_whatever_the_callers_error_state():
    with np.errstate(all="raise"):
        flow = gradient_flow(LinearSystem([[1.0, 0.5, 0.0]], [1.0]), 0.01)
    assert flow.status is FlowStatus.CONVERGED
    np.testing.assert_allclose(flow.x[:2], gradient_flow(PAIR, 0.01).x, rtol=1e-8)
    assert flow.x[2] == pytest.approx(0.01, rel=1e-12)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_flow_ends_at_the_solved_projection(case: ReferenceCase, alpha: float) -> None:
    flow = gradient_flow(case.system, alpha)
    expected = solve(BregmanProjection(case.system, alpha=alpha)).log_x
    assert flow.status is FlowStatus.CONVERGED
    np.testing.assert_allclose(flow.log_x, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize(
    ("case", "reference"),
    [
        pytest.param(c, p, id=f"{c.name}{p['log_alpha']}")
        for c in CASES
        for p in c.projections
        if float(p["log_alpha"]) > -110
    ],
)
def test_flow_ends_at_the_thirty_digit_projection(case: ReferenceCase, reference: dict[str, str | list[str]]) -> None:
    flow = gradient_flow(case.system, log_alpha=float(reference["log_alpha"]))
    np.testing.assert_allclose(flow.log_x, [float(z) for z in reference["log_x"]], rtol=1e-13, atol=2e-9)


def test_flow_needs_no_floating_point_range_for_alpha() -> None:
    case = CASES[-1]
    reference = next(p for p in case.projections if -700 < float(p["log_alpha"]) < -600)
    flow = gradient_flow(case.system, log_alpha=float(reference["log_alpha"]), method="LSODA")
    assert flow.times[-1] > 1e200
    np.testing.assert_allclose(flow.log_x, [float(z) for z in reference["log_x"]], rtol=1e-13, atol=2e-9)


def test_flow_finds_the_end_to_all_digits_by_itself() -> None:
    flow = gradient_flow(CASES[-1].system, 1e-6, tol=1e-12)
    assert flow.status is FlowStatus.CONVERGED
    assert flow.log_error <= 1e-12 * 1.01


def test_default_flow_needs_a_thousandth_of_the_evaluations_of_descent() -> None:
    rng = np.random.default_rng(1)
    A, x0 = rng.standard_normal((20, 60)), np.zeros(60)
    x0[rng.choice(60, 4, replace=False)] = 0.5 + rng.random(4)
    system = LinearSystem(A, A @ x0)
    flow = gradient_flow(system, 1e-4)
    with pytest.warns(NotCertifiedWarning):
        step = gradient_descent(system, 1e-4, max_iterations=1).step_size
    assert 1000 * flow.rhs_evaluations < flow.time_to_projection / step


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
@pytest.mark.parametrize("alpha", [1e-2, 1e-6])
def test_time_of_arrival_does_not_depend_on_the_integrator(method: str, alpha: float) -> None:
    system, _ = gaussian_system()
    exact = gradient_flow(system, alpha, rtol=1e-9)
    flow = gradient_flow(system, alpha, method=method)
    assert flow.time_to_projection == pytest.approx(exact.time_to_projection, rel=0.02)
    assert flow.time_to_fit == pytest.approx(exact.time_to_fit, rel=0.02)


@pytest.mark.parametrize("alpha", [1e-2, 1e-7])
def test_an_early_end_costs_less_than_a_late_one(alpha: float) -> None:
    system, _ = gaussian_system()
    costs = [gradient_flow(system, alpha, tol=tol).rhs_evaluations for tol in (5.0, 1e-2, 1e-5, 1e-9)]
    assert costs == sorted(costs)


def test_default_trajectory_is_as_accurate_as_its_tolerance() -> None:
    system, _ = gaussian_system()
    exact, flow = gradient_flow(system, 1e-4, rtol=1e-9), gradient_flow(system, 1e-4)
    times = np.geomspace(1e-3, 0.9 * flow.times[-1], 100)
    np.testing.assert_allclose(flow.log_x_at(times), exact.log_x_at(times), rtol=0, atol=5e-3)


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
@pytest.mark.parametrize("log_alpha", [-3.0, -30.0, -150.0])
def test_every_integrator_arrives(method: str, log_alpha: float) -> None:
    flow = gradient_flow(SLOW, log_alpha=log_alpha, method=method)
    assert flow.status is FlowStatus.CONVERGED
    assert flow.distance < 1e-8


@pytest.mark.parametrize(
    ("system", "alpha"),
    [(SLOW, 1e-3), (CASES[0].system, 1e-2), (gaussian_system()[0], 1e-2), (gaussian_system()[0], 1e-6)],
)
def test_flow_of_the_dual_is_the_flow_of_the_weights(system: LinearSystem, alpha: float) -> None:
    flow = gradient_flow(system, alpha, rtol=1e-10, atol=1e-12)
    times = np.geomspace(1e-3, 3 * flow.activation_times()[flow.x > 1e-3].max(), 40)
    np.testing.assert_allclose(flow.log_x_at(times), flow_in_u(system, alpha, times), rtol=0, atol=1e-7)


@pytest.mark.parametrize("log_alpha", [-2.0, -20.0, -200.0])
def test_single_weight_follows_the_logistic_curve(log_alpha: float) -> None:
    flow = gradient_flow(LinearSystem([[1.0, 1.0]], [1.0]), log_alpha=log_alpha, rtol=1e-10, atol=1e-12)
    times = np.linspace(0, flow.times[-1], 50)
    odds = np.log(2) + log_alpha - np.log1p(-2 * np.exp(log_alpha)) + 8 * times
    np.testing.assert_allclose(flow.log_x_at(times)[:, 0], -np.log(2) - np.logaddexp(0, -odds), atol=1e-8)
    half = (np.log1p(-2 * np.exp(log_alpha)) - np.log(2) - log_alpha) / 8
    np.testing.assert_allclose(flow.activation_times(), half, rtol=1e-9)


def test_dual_objective_never_falls_and_ends_at_the_optimal_value(case: ReferenceCase) -> None:
    flow = gradient_flow(case.system, 1e-5)
    x = 1e-5 * np.exp(case.system.matrix.T @ flow.duals.T)
    direct = flow.duals @ case.system.y - (x - 1e-5).sum(axis=0)
    np.testing.assert_allclose(flow.dual_objectives, direct, rtol=1e-9, atol=1e-9)
    assert np.diff(flow.dual_objectives).min() >= -1e-13 * np.abs(flow.dual_objectives).max()
    assert flow.dual_objectives[-1] == pytest.approx(flow.projection.value, rel=1e-9)


def test_trajectories_agree_with_the_duals() -> None:
    system, _ = gaussian_system()
    flow = gradient_flow(system, 1e-3)
    x = 1e-3 * np.exp(system.matrix.T @ flow.duals.T)
    np.testing.assert_allclose(
        flow.losses, ((system.matrix @ x).T - system.y).__pow__(2).sum(axis=1), rtol=1e-6, atol=1e-20
    )
    np.testing.assert_allclose(flow.l1_norms, x.sum(axis=0), rtol=1e-9)
    np.testing.assert_allclose(flow.distances, np.abs(x.T - flow.projection.x).sum(axis=1), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(flow.dual_at(flow.times), flow.duals, atol=1e-9)
    np.testing.assert_allclose(flow.dual_at(flow.times[5]), flow.duals[5], atol=1e-9)
    assert flow.times[0] == 0
    assert flow.loss == flow.losses[-1]
    assert flow.distance == flow.distances[-1]


def test_loss_vanishes_long_before_x_arrives() -> None:
    flow = gradient_flow(SLOW, log_alpha=-20.0, loss_tol=1e-8)
    assert flow.time_to_fit * 1000 < flow.time_to_projection
    off_support = flow.x[1:].sum()
    assert off_support / np.exp(-20 * 0.65) == pytest.approx(1.9999988924386344, rel=1e-8)


def test_slow_phase_leaves_the_plateau_of_the_minimum_norm_certificate_like_one_over_time() -> None:
    flow = gradient_flow(SLOW, log_alpha=-40.0)
    times = np.geomspace(1e2, 1e9, 8)
    log_x = flow.log_x_at(times)
    np.testing.assert_allclose(np.exp(-log_x[:, 1]), np.exp(20) + 8 * times, rtol=1e-2)
    np.testing.assert_allclose(log_x[:5, 2], -32, atol=0.2)


def test_nothing_moves_until_the_steepest_feature_has_grown() -> None:
    system, t = CASES[-1].system, 2000.0
    with pytest.warns(NotCertifiedWarning):
        flow = gradient_flow(system, log_alpha=-t, max_time=t)
    takes_off = flow.times[flow.losses < 0.9 * flow.losses[0]][0]
    assert takes_off * 8 * system.rmatvec(system.y).max() / t == pytest.approx(1, abs=5e-3)


def test_limit_among_several_minimisers_has_largest_entropy() -> None:
    flow = gradient_flow(LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], [1.0, 0.8]), log_alpha=-30.0)
    np.testing.assert_allclose(flow.x, [0.43837, 0.32326, 0.23837], atol=1e-5)


def test_deviation_from_several_minimisers_has_its_golden_constant() -> None:
    system = LinearSystem([[1.0, 1.0, 1.0, 0.5], [0.0, 1.0, 2.0, 3.0]], [1.0, 0.8])
    comparison = compare_flow(system, alphas=[1e-8])
    assert comparison.rate == pytest.approx(0.5, abs=1e-9)
    assert comparison.deviations["flow"][0] / 1e-4 == pytest.approx(1.04219052909587, rel=1e-3)


def test_initial_scale_is_the_papers_convention() -> None:
    from_alpha, from_scale = gradient_flow(PAIR, 0.01), gradient_flow(PAIR, initial_scale=0.01)
    assert from_alpha.x[1] == pytest.approx(0.0975312451187128, rel=1e-8)
    assert from_scale.x[1] == pytest.approx(0.00997503124995117, rel=1e-8)


def test_entries_forced_to_zero_die_out_like_one_over_time() -> None:
    flow = gradient_flow(ONE_FORCED_ZERO, 1e-4)
    assert flow.status is FlowStatus.CONVERGED
    np.testing.assert_allclose(flow.x[:2], 0.5, rtol=1e-8)
    late = np.geomspace(1e4, 1e7, 4)
    product = late * np.exp(flow.log_x_at(late)[:, 2])
    np.testing.assert_allclose(product, product[-1], rtol=1e-2)


@pytest.mark.parametrize("method", ["Radau", "BDF", "LSODA"])
@pytest.mark.parametrize(
    ("A", "y", "alpha"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0], 1.0),  # every entry that is positive starts at its end
        ([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]], [1.0, 1.0], 1.0),
        ([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, 0.0, -1.0, 1.0]], [1.0, 0.0, 0.0], 1e-2),
    ],
)
def test_converged_means_that_the_loss_and_what_vanishes_are_small_too(method, A, y, alpha) -> None:
    flow = gradient_flow(LinearSystem(A, y), alpha, method=method)
    assert flow.status is FlowStatus.CONVERGED
    assert flow.loss <= 1e-16 * np.dot(y, y)
    assert flow.distance <= 3e-9 * flow.projection.x.sum()
    assert flow.time_to_fit > 0


def test_a_single_vanishing_entry_dies_out_at_the_time_of_its_closed_form() -> None:
    flow = gradient_flow(LinearSystem([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0]), 1.0)
    # x_2' = -8 x_2^2 from x_2 = 1, so that x_2 = 1 / (1 + 8 t).
    np.testing.assert_allclose(np.exp(-flow.log_x_at(flow.times)[:, 1]), 1 + 8 * flow.times, rtol=5e-3)
    assert flow.time_to_fit == pytest.approx(1e8 / 8, rel=5e-3)
    assert flow.time_to_projection == pytest.approx(1e9 / 8, rel=5e-3)


def test_entries_still_vanishing_when_the_time_is_up_are_named() -> None:
    with pytest.warns(NotCertifiedWarning, match="entries that vanish like time\\^-1 sum to 1.2.e-03"):
        flow = gradient_flow(LinearSystem([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0]), 1.0, max_time=100.0)
    assert flow.status is FlowStatus.OUT_OF_TIME
    assert flow.log_error < 1e-12
    assert np.isinf([flow.time_to_fit, flow.time_to_projection]).all()


def test_where_terms_cancel_the_flow_runs_on_until_the_loss_is_small() -> None:
    system = LinearSystem([[1e6, -1e6, 0.0], [1.0, 1.0, 1.0]], [1e3, 2.0])
    flow = gradient_flow(system, 2 / 3, tol=1e-3)
    largest = float(system.y @ system.y)
    assert np.abs(np.log(2 / 3) - flow.projection.log_x).max() < 1e-3
    assert flow.losses[0] > 0.9 * largest
    assert flow.status is FlowStatus.CONVERGED
    assert flow.loss <= (2e-3) ** 2 * largest


def test_start_that_solves_the_system_stays() -> None:
    flow = gradient_flow(LinearSystem([[1.0, 1.0]], [2.0]), 1.0)
    assert flow.status is FlowStatus.CONVERGED
    assert flow.time_to_fit == flow.time_to_projection == 0
    np.testing.assert_array_equal(flow.x, 1)


def test_redundant_rows_and_sparse_storage_change_nothing() -> None:
    A, y = np.asarray(SLOW.matrix), SLOW.y
    plain = gradient_flow(SLOW, 1e-7)
    redundant = gradient_flow(LinearSystem(np.vstack([A, A[0] / 2 + A[1]]), np.append(y, y[0] / 2 + y[1])), 1e-7)
    sparse = gradient_flow(LinearSystem(sp.csr_array(A), y), 1e-7)
    np.testing.assert_allclose(redundant.log_x, plain.log_x, atol=5e-9)
    np.testing.assert_allclose(sparse.log_x, plain.log_x, atol=5e-9)


def test_flow_that_runs_out_of_time_says_what_it_reached() -> None:
    with pytest.warns(NotCertifiedWarning, match="fitted"):
        fitted = gradient_flow(SLOW, 1e-9, max_time=1e3, loss_tol=1e-8)
    assert fitted.status is FlowStatus.FITTED
    assert fitted.time_to_fit < 1e3
    assert np.isinf(fitted.time_to_projection)
    assert fitted.log_error > 1
    with pytest.warns(NotCertifiedWarning, match="out of time"):
        early = gradient_flow(SLOW, 1e-9, max_time=0.1)
    assert early.status is FlowStatus.OUT_OF_TIME
    assert early.times[-1] == pytest.approx(0.1)
    assert np.isinf(early.activation_times()[0])


def test_times_outside_the_flow_are_refused() -> None:
    flow = gradient_flow(PAIR, 0.1)
    with pytest.raises(InvalidProblemError, match="within the flow"):
        flow.log_x_at(2 * flow.times[-1])
    for times in (np.nan, -1.0, []):
        with pytest.raises(InvalidProblemError, match="within the flow"):
            flow.dual_at(times)
    for fraction in (0.0, -1.0, np.nan):
        with pytest.raises(InvalidProblemError, match="fraction"):
            flow.activation_times(fraction)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one"),
        ({"alpha": 0.1, "log_alpha": -1.0}, "exactly one"),
        ({"alpha": 0.1, "initial_scale": 0.1}, "exactly one"),
        ({"alpha": 0.0}, "positive"),
        ({"alpha": -1.0}, "positive"),
        ({"alpha": np.nan}, "finite"),
        ({"log_alpha": -np.inf}, "finite"),
        ({"initial_scale": 0.0}, "initial_scale"),
        ({"alpha": 0.1, "max_time": -1.0}, "max_time"),
        ({"alpha": 0.1, "max_time": np.inf}, "max_time"),
        ({"alpha": 0.1, "tol": np.nan}, "tol"),
        ({"alpha": 0.1, "rtol": 0.0}, "rtol"),
        ({"alpha": 0.1, "atol": 0.0}, "atol"),
        ({"alpha": 0.1, "tol": "small"}, "tol"),
        ({"alpha": 0.1, "tol": 10**400}, "tol"),
        ({"alpha": 1e200}, "too large to start from"),
        ({"log_alpha": 1e4}, "too large to start from"),
        ({"alpha": 0.1, "method": []}, "Radau, BDF, LSODA"),
        ({"alpha": 0.1, "method": "RK45"}, "Radau, BDF, LSODA"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(InvalidProblemError, match=message):
        gradient_flow(PAIR, **arguments)


@pytest.mark.parametrize(("a", "b"), [(-200, -200), (-200, 0), (0, 200), (60, -100), (200, 200)])
def test_flow_is_the_same_in_any_units(a: int, b: int) -> None:
    """Where A is multiplied by a and y by b, x and alpha are by b / a, and time by 1 / (a b)."""
    system, _ = gaussian_system()
    flow = gradient_flow(system, 1e-3)
    other = LinearSystem(np.ldexp(system.matrix, a), np.ldexp(system.y, b))
    scaled = gradient_flow(other, np.ldexp(1e-3, b - a))
    assert scaled.status is FlowStatus.CONVERGED
    np.testing.assert_allclose(np.ldexp(scaled.x, a - b), flow.x, rtol=1e-6)
    assert scaled.time_to_projection == pytest.approx(np.ldexp(flow.time_to_projection, -a - b), rel=1e-3)


@pytest.mark.parametrize(
    ("a", "b", "name"), [(1.0, 1e200, "y"), (1.0, 1e-200, "y"), (1e-100, 1.0, "A"), (1e90, 1.0, "A")]
)
@pytest.mark.parametrize("run", [gradient_flow, gradient_descent])
def test_data_whose_loss_is_no_number_are_refused(run, a: float, b: float, name: str) -> None:
    system = LinearSystem([[a, a / 2]], [b])
    with pytest.raises(InvalidProblemError, match=f"{name} is of the size .* the loss overflows or underflows"):
        run(system, 0.1)
    with pytest.raises(InvalidProblemError, match="the loss overflows or underflows"):
        compare_flow(system, alphas=[0.1])


def test_start_whose_loss_overflows_for_large_entries_is_refused() -> None:
    with pytest.raises(InvalidProblemError, match="too large to start from"):
        gradient_flow(LinearSystem([[1e70, 1e69]], [1.0]), 1e100)


def test_infeasible_system_is_refused() -> None:
    with pytest.raises(InfeasibleError):
        gradient_flow(LinearSystem([[1.0, 1.0], [1.0, 1.0]], [1.0, 2.0]), 0.1)


def test_flow_survives_pickling() -> None:
    flow = gradient_flow(SLOW, 1e-3)
    copy: Flow = pickle.loads(pickle.dumps(flow))
    np.testing.assert_array_equal(copy.log_x_at(copy.times), flow.log_x_at(flow.times))


def test_comparison_has_the_slope_of_the_theory() -> None:
    with pytest.warns(NotCertifiedWarning, match="gradient descent"):
        comparison = compare_flow(SLOW, alphas=[1e-4, 1e-6, 1e-8], max_iterations=2000)
    log_deviation = np.log(comparison.deviations["flow"])
    slopes = np.diff(log_deviation) / np.diff(comparison.log_alphas)
    assert comparison.rate == pytest.approx(0.65)
    np.testing.assert_allclose(slopes, 0.65, atol=2e-3)
    assert comparison.flow_distances.max() < 1e-8
    assert "out of time" in str(comparison)


@pytest.mark.filterwarnings("ignore::bregman_l1.errors.NotCertifiedWarning")
def test_pictures_draw_the_numbers_of_the_result() -> None:
    comparison = compare_flow(SLOW, alphas=[1e-3, 1e-5], max_iterations=50)
    curves = {str(line.get_label()): np.asarray(line.get_ydata()) for line in comparison.plot().get_lines()}
    for name, deviation in comparison.deviations.items():
        np.testing.assert_allclose(curves[name], np.log10(deviation)[::-1])  # alpha grows to the right
    slope = curves[r"slope $1 - \varrho$ = 0.65"]
    assert (slope[1] - slope[0]) / 2 == pytest.approx(0.65)
    left, right = comparison.flows[1].plot()
    assert sum(str(line.get_label()).startswith("$x_") for line in left.get_lines()) == 1
    np.testing.assert_allclose(right.get_lines()[0].get_ydata(), comparison.flows[1].losses[1:])
    descent = comparison.descents[0]
    np.testing.assert_allclose(descent.plot().get_lines()[1].get_ydata(), descent.distances[1:])
    plt.close("all")


def test_single_feasible_point_has_no_slope() -> None:
    comparison = compare_flow(LinearSystem([[1.0, 1.0], [1.0, -1.0]], [1.0, 0.0]), alphas=[1e-2, 1e-4])
    assert np.isinf(comparison.rate)
    assert comparison.deviations["projection"].max() < 1e-12
    comparison.plot()
    plt.close("all")


def test_comparison_takes_arrays_of_logarithms() -> None:
    comparison = compare_flow(PAIR, log_alphas=np.array([0.0, -2.0]))
    np.testing.assert_array_equal(comparison.log_alphas, [0.0, -2.0])


def test_comparison_needs_scales() -> None:
    for arguments in (
        {},
        {"alphas": [0.1], "log_alphas": [-1.0]},
        {"alphas": []},
        {"alphas": [0.0]},
        {"log_alphas": ["a"]},
    ):
        with pytest.raises(InvalidProblemError):
            compare_flow(PAIR, **arguments)
