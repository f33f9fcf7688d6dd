"""Flows of networks of any depth and sign, whole trajectories, and the entries they activate."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from conftest import gaussian_system
from matplotlib import pyplot as plt
from scipy.integrate import cumulative_trapezoid, quad, solve_ivp
from scipy.optimize import nnls

from bregman_l1 import solve
from bregman_l1.errors import InvalidProblemError, NotCertifiedWarning
from bregman_l1.flow import Activations, FlowStatus, compare_flow, gradient_descent, gradient_flow
from bregman_l1.potential import potential_of
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.system import LinearSystem

DEPTHS = [2, 2.5, 3, 4]
PAIR = LinearSystem([[1.0, 0.5]], [1.0])
SLOW = LinearSystem([[1.0, 0.5, 0.2], [0.0, 1.0, -1.0]], [1.0, 0.0])


def two_by_four(seed: int, sparsity: int = 2) -> LinearSystem:
    return gaussian_system(2, 4, sparsity, seed)[0]


# What is known of trajectories without the package: the weights' own equation, the path of jumps, the lasso.


def flow_of_weights(system: LinearSystem, start: np.ndarray, depth: float, times: np.ndarray) -> np.ndarray:
    """log(u^D) at the given times, by u' = -2 D u^(D-1) A'(A u^D - y); (u, v) with [A, -A] where there are 2d."""
    A, y = np.asarray(system.matrix), system.y
    A = A if start.size == A.shape[1] else np.hstack([A, -A])

    def velocity(_time: float, u: np.ndarray) -> np.ndarray:
        return -2 * depth * u ** (depth - 1) * (A.T @ (A @ u**depth - y))

    def jacobian(_time: float, u: np.ndarray) -> np.ndarray:
        pull = A.T @ (A @ u**depth - y)
        inner = depth * u ** (depth - 1)
        return -2 * np.diag(depth * (depth - 1) * u ** (depth - 2) * pull) - 2 * np.outer(inner, inner) * (A.T @ A)

    begin = start ** (1 / depth)
    run = solve_ivp(velocity, (0, times[-1]), begin, "Radau", times, jac=jacobian, rtol=1e-10, atol=1e-14)
    return depth * np.log(run.y.T)


def fitted(A: np.ndarray, y: np.ndarray, active: np.ndarray) -> np.ndarray:
    x = np.zeros(A.shape[1])
    if active.any():
        x[active] = nnls(A[:, active], y)[0]
    return x


def jumps(system: LinearSystem, level: float = 1e-9) -> list[tuple[str, int, float]]:
    """The path nu' = y - A x, A'nu <= 1, x >= 0, x_j = 0 where a_j'nu < 1: which entry passes a level, and when."""
    A, y = np.asarray(system.matrix), system.y
    nu, time, events, positive = np.zeros(y.size), 0.0, [], np.zeros(A.shape[1], dtype=bool)
    while True:
        x = fitted(A, y, A.T @ nu > 1 - 1e-9)
        now = x > level
        events += [("joins", int(j), time) for j in np.flatnonzero(now & ~positive)]
        events += [("leaves", int(j), time) for j in np.flatnonzero(positive & ~now)]
        positive, residual = now, y - A @ x
        if np.linalg.norm(residual) < 1e-9:
            return events
        rise = A.T @ residual
        waits = np.full(rise.size, np.inf)
        rising = (rise > 1e-9) & (A.T @ nu <= 1 - 1e-9)
        waits[rising] = (1 - A.T @ nu)[rising] / rise[rising]
        nu, time = nu + waits.min() * residual, time + waits.min()


def lasso_knots(system: LinearSystem) -> list[tuple[int, float]]:
    """Where entries enter the path of min ||A x - y||^2 / 2 + penalty sum x, x >= 0; stops before one leaves."""
    A, y = np.asarray(system.matrix), system.y
    active, penalty = [int(np.argmax(A.T @ y))], float((A.T @ y).max())
    knots = [(active[0], penalty)]
    while True:
        gram = np.linalg.inv(A[:, active].T @ A[:, active])
        at_zero, slope = gram @ A[:, active].T @ y, gram.sum(axis=1)  # x = at_zero - penalty * slope
        others = np.setdiff1d(np.arange(A.shape[1]), active)
        offset = A[:, others].T @ (y - A[:, active] @ at_zero)
        share = A[:, others].T @ (A[:, active] @ slope)  # a_j'(y - A x) = offset + penalty * share
        with np.errstate(divide="ignore", invalid="ignore"):
            enter = np.where((offset > 1e-12) & (share < 1), offset / (1 - share), 0.0)
        leave = np.where(slope < 0, at_zero / np.where(slope < 0, slope, 1.0), 0.0)
        if not others.size or enter.max() < 1e-9 or leave.max() > enter.max():
            return knots
        penalty = float(enter.max())
        active.append(int(others[np.argmax(enter)]))
        knots.append((active[-1], penalty))


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("depth", [*DEPTHS, 8.5])
@pytest.mark.parametrize("alpha", [1e-1, 1e-4, 1e-12, 1e-60])
def test_a_flow_of_any_depth_ends_at_its_projection(depth: float, signed: bool, alpha: float) -> None:
    system, _ = gaussian_system(5, 12, 2, seed=0)
    flow = gradient_flow(system, alpha, depth=depth, signed=signed)
    expected = solve(BregmanProjection(system, alpha, depth=depth, signed=signed))
    assert flow.status is FlowStatus.CONVERGED
    assert (flow.depth, flow.signed, flow.log_alpha) == (depth, signed, np.log(alpha))
    np.testing.assert_allclose(flow.log_entries, expected.unknowns["log_x"], rtol=0, atol=1e-8)
    np.testing.assert_allclose(flow.x, expected.x, rtol=0, atol=1e-8 * np.abs(expected.x).max())
    assert flow.dual_objectives[-1] == pytest.approx(expected.value, rel=1e-8)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_flow_at_the_end_of_floating_point_converges(depth: float) -> None:
    flow = gradient_flow(two_by_four(1), 1e-300, depth=depth)
    assert flow.status is FlowStatus.CONVERGED
    np.testing.assert_allclose(flow.log_x, flow.projection.log_x, rtol=0, atol=1e-8)
    assert np.isfinite(flow.log_times[1:]).all()


def test_times_beyond_floating_point_are_told_by_their_logarithms() -> None:
    flow = gradient_flow(SLOW, 1e-300, depth=4)
    assert flow.status is FlowStatus.CONVERGED
    assert np.isinf(flow.times[-1])
    # The last to relax are theta outside the range of A_S, of size alpha^-1/2, at the rate of alpha.
    assert flow.log_times[-1] / np.log(1e300) == pytest.approx(1.5, abs=0.02)


def test_a_start_too_small_for_its_depth_is_refused() -> None:
    with pytest.raises(InvalidProblemError, match="from so small a start the flow of depth 4 leaves floating point"):
        gradient_flow(PAIR, log_alpha=-2000.0, depth=4)


@pytest.mark.parametrize(("depth", "golden"), [(3, 7.9485155656), (4, 3.99920008)])
def test_the_deviation_at_a_depth_has_its_golden_value(depth: float, golden: float) -> None:
    flow = gradient_flow(PAIR, 1e-8, depth=depth)
    assert flow.x[1] / 1e-8 == pytest.approx(golden, rel=1e-7 if depth == 3 else 1e-3)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("alpha", [1e-2, 1e-4])
def test_the_flow_of_the_dual_is_the_flow_of_the_weights(depth: float, signed: bool, alpha: float) -> None:
    prior = np.array([1.0, 3.0, 0.5, 2.0])
    system = two_by_four(1)
    flow = gradient_flow(system, alpha, prior=prior, depth=depth, signed=signed, rtol=1e-9, atol=1e-12)
    last = min(flow.time_to_fit, flow.times[-1])
    times = np.linspace(last / 30, last, 30)
    start = alpha * np.tile(prior, 1 + signed)
    expected = flow_of_weights(system, start, depth, times)
    np.testing.assert_allclose(flow.log_x_at(times), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_trajectory_from_1e_minus_60_is_that_of_tight_tolerances(seed: int) -> None:
    """DOP853 on log x itself, whose own equation is (log x)' = 8 A'(y - A x)."""
    system = two_by_four(seed)
    A, y = np.asarray(system.matrix), system.y
    flow = gradient_flow(system, 1e-60)
    last = min(1.2 * max(entry.time for entry in flow.activations), flow.times[-1])
    times = np.linspace(0, last, 200)
    run = solve_ivp(
        lambda _, z: 8 * A.T @ (y - A @ np.exp(np.minimum(z, 5.0))),
        (0, last),
        np.full(4, np.log(1e-60)),
        "DOP853",
        times,
        rtol=1e-11,
        atol=1e-11,
    )
    np.testing.assert_allclose(flow.log_x_at(times), run.y.T, rtol=0, atol=1e-2)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("alpha", [1e-3, 1e-60])
def test_a_single_weight_is_half_grown_at_the_time_of_its_integral(depth: float, alpha: float) -> None:
    """x' = 2 D^2 x^(2 - 2/D) (1 - x) for A = 1, y = 1."""
    flow = gradient_flow(LinearSystem([[1.0]], [1.0]), alpha, depth=depth, rtol=1e-8, atol=1e-10)
    power = 2 / depth - 1
    grown, _ = quad(
        lambda z: np.exp(z * power) / (2 * depth**2 * (1 - np.exp(z))),
        np.log(alpha),
        np.log(0.5),
        epsrel=1e-12,
        limit=500,
        points=None,
    )
    assert flow.activation_times()[0] == pytest.approx(grown, rel=1e-7)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("depth", DEPTHS)
def test_lam_is_the_integral_of_the_residual(depth: float, signed: bool) -> None:
    system = two_by_four(1)
    A = np.asarray(system.matrix)
    flow = gradient_flow(system, 1e-2, depth=depth, signed=signed, rtol=1e-8, atol=1e-12)
    times = np.linspace(0, flow.times[-1] / 8, 2_001)
    entries = np.exp(flow.log_x_at(times))
    x = entries[:, :4] - entries[:, 4:] if signed else entries
    integral = cumulative_trapezoid(system.y - x @ A.T, times, axis=0, initial=0)
    rate = potential_of(depth).flow_rate
    np.testing.assert_allclose(flow.dual_at(times), rate * integral, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("depth", DEPTHS)
def test_x_at_every_step_is_that_of_lam(depth: float, signed: bool) -> None:
    system, alpha = two_by_four(1), 1e-3
    flow = gradient_flow(system, alpha, depth=depth, signed=signed)
    z = flow.duals @ np.asarray(system.matrix)
    z = np.hstack([z, -z]) if signed else z
    q = (depth - 2) / depth
    x = alpha * np.exp(z) if q == 0 else (alpha**-q - z) ** (-1 / q)
    expected = x[:, :4] - x[:, 4:] if signed else x
    np.testing.assert_allclose(flow.l1_norms, np.abs(expected).sum(axis=1), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(flow.losses, ((expected @ system.matrix.T - system.y) ** 2).sum(axis=1), atol=1e-9)
    np.testing.assert_allclose(flow.distances, np.abs(expected - flow.projection.x).sum(axis=1), atol=1e-8)
    assert np.diff(flow.dual_objectives).min() >= -1e-12 * np.abs(flow.dual_objectives).max()


def test_signed_entries_are_those_of_the_doubled_system() -> None:
    system = two_by_four(3)
    doubled = LinearSystem(np.hstack([system.matrix, -system.matrix]), system.y)
    signed, plain = gradient_flow(system, 1e-6, depth=3, signed=True), gradient_flow(doubled, 1e-6, depth=3)
    np.testing.assert_allclose(signed.log_entries, plain.log_x, rtol=0, atol=4e-9)
    np.testing.assert_array_equal(signed.log_entries, np.append(signed.log_x_plus, signed.log_x_minus))
    np.testing.assert_array_equal(signed.x, signed.x_plus - signed.x_minus)
    np.testing.assert_allclose(signed.log_x, np.log(np.abs(signed.x)), rtol=1e-9)
    assert plain.x_plus is plain.x_minus is plain.log_x_plus is plain.log_x_minus is None


@pytest.mark.parametrize("depth", DEPTHS)
def test_entries_that_start_at_zero_stay_and_a_prior_alone_is_a_start(depth: float) -> None:
    system = LinearSystem([[1.0, 1.0, 0.5, 0.5]], [1.0])
    prior = np.array([1e-6, 2e-6, 0.0, 5e-6])
    flow = gradient_flow(system, prior=prior, depth=depth)
    assert flow.log_x[2] == -np.inf
    kept = [0, 1, 3]
    expected = solve(BregmanProjection(system, prior=prior, depth=depth)).log_x[kept]
    np.testing.assert_allclose(flow.log_x[kept], expected, atol=1e-8)
    np.testing.assert_allclose(np.exp(flow.log_x_at(0.0)), prior, rtol=1e-12)


def test_initial_scale_is_that_of_the_weights_at_any_depth() -> None:
    flow = gradient_flow(PAIR, initial_scale=0.1, depth=3)
    np.testing.assert_array_equal(flow.log_x, gradient_flow(PAIR, log_alpha=3 * np.log(0.1), depth=3).log_x)


@pytest.mark.parametrize("depth", DEPTHS)
def test_equal_columns_stay_equal_through_sixty_orders_of_magnitude(depth: float) -> None:
    system = LinearSystem([[1.0, 1.0, 0.5, 0.5], [0.3, 0.3, 1.0, 1.0]], [1.0, 0.6])
    flow = gradient_flow(system, 1e-60, depth=depth)
    log_x = np.array([equation.log_x(w) for equation, w in flow.trajectory.points()])
    np.testing.assert_allclose(log_x[:, 0], log_x[:, 1], atol=1e-6)
    assert sorted(entry.coordinate for entry in flow.activations) == [0, 1, 2, 3]


@pytest.mark.filterwarnings("ignore::bregman_l1.errors.NotCertifiedWarning")
@pytest.mark.parametrize("depth", [2.5, 3, 4])
@pytest.mark.parametrize("alpha", [1.0, 1e-60])
def test_entries_forced_to_zero_die_out_like_a_power_of_time(depth: float, alpha: float) -> None:
    """x' = -c x^(3 - 2/D) for one by itself."""
    system = LinearSystem([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]], [1.0, 1.0])
    flow = gradient_flow(system, alpha, depth=depth)
    assert flow.status is FlowStatus.CONVERGED
    np.testing.assert_allclose(flow.x[:2], 0.5, rtol=1e-8)
    if alpha == 1.0:
        late = np.geomspace(1e5, 1e9, 4)
        product = late ** (depth / (2 * depth - 2)) * np.exp(flow.log_x_at(late)[:, 2])
        np.testing.assert_allclose(product, product[-1], rtol=5e-2)


@pytest.mark.parametrize("method", ["BDF", "LSODA"])
@pytest.mark.parametrize("depth", [2.5, 4])
def test_every_integrator_arrives_at_any_depth(method: str, depth: float) -> None:
    flow = gradient_flow(two_by_four(1), 1e-20, depth=depth, method=method)
    assert flow.status is FlowStatus.CONVERGED
    radau = gradient_flow(two_by_four(1), 1e-20, depth=depth)
    np.testing.assert_allclose(flow.activations.slow_times, radau.activations.slow_times, rtol=1e-2)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("depth", [3, 4])
def test_deep_networks_jump_along_the_limit_path(seed: int, depth: float) -> None:
    system = two_by_four(seed)
    flow = gradient_flow(system, 1e-60, depth=depth)
    rate = potential_of(depth).flow_rate
    joins = {j: time / rate for kind, j, time in jumps(system) if kind == "joins"}
    assert {entry.coordinate: entry.slow_time for entry in flow.activations} == pytest.approx(joins, rel=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_longer_paths_are_the_limit_path_too(seed: int) -> None:
    system, _ = gaussian_system(12, 50, 4, seed)
    deep = gradient_flow(system, 1e-60, depth=3).activations
    path = jumps(system, deep.level)
    joins = sorted((j, time) for kind, j, time in path if kind == "joins")
    left = sorted((j, time) for kind, j, time in path if kind == "leaves")
    seen = sorted((entry.coordinate, 6 * entry.slow_time) for entry in deep)
    gone = sorted((entry.coordinate, 6 * entry.slow_leaves) for entry in deep if not entry.stays)
    np.testing.assert_allclose(seen, joins, rtol=1e-6)
    np.testing.assert_allclose(gone, left, rtol=1e-6)
    assert len(joins) >= 5


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_where_no_entry_leaves_the_activations_are_the_knots_of_the_positive_lasso(seed: int) -> None:
    system, _ = gaussian_system(12, 30, 3, seed)
    knots = lasso_knots(system)
    deep = gradient_flow(system, 1e-60, depth=3).activations
    first_left = min((entry.slow_leaves for entry in deep), default=np.inf)
    until = [entry for entry in deep if entry.slow_time < (1 - 1e-6) * first_left]
    assert [entry.coordinate for entry in until] == [j for j, _ in knots][: len(until)]
    penalties = [penalty for _, penalty in knots][: len(until)]
    np.testing.assert_allclose([entry.penalty for entry in until], penalties, rtol=1e-5)
    assert len(until) >= 1


def test_at_depth_two_the_knots_come_into_sight_like_one_over_log_alpha() -> None:
    system, _ = gaussian_system(12, 30, 3, seed=0)
    first = lasso_knots(system)[0]
    errors = []
    for log_alpha in (-138.0, -690.0):
        entry = gradient_flow(system, log_alpha=log_alpha).activations[0]
        assert entry.coordinate == first[0]
        assert entry.slow_time == pytest.approx(entry.time / -log_alpha)
        errors.append(abs(entry.penalty / first[1] - 1))
    assert errors[0] < 0.05
    assert errors[0] / errors[1] == pytest.approx(5, rel=0.2)


def test_an_entry_that_leaves_again_is_said_to() -> None:
    system, _ = gaussian_system(12, 30, 3, seed=5)
    leaves = [(j, time) for kind, j, time in jumps(system) if kind == "leaves"]
    activations = gradient_flow(system, 1e-60, depth=3).activations
    gone = [(entry.coordinate, 6 * entry.slow_leaves) for entry in activations if not entry.stays]
    np.testing.assert_allclose(gone, leaves, rtol=1e-6)
    assert len(gone) == 1
    assert not activations.nobody_leaves


def test_activations_are_a_sequence_with_a_table() -> None:
    system = LinearSystem([[1.0, 0.0], [0.0, 1.0]], [1.0, -0.5])
    activations = gradient_flow(system, 1e-60, signed=True).activations
    assert isinstance(activations, Activations)
    assert [(entry.coordinate, entry.sign) for entry in activations] == [(0, 1), (1, -1)]
    assert len(activations) == 2
    assert activations[0] is activations.entries[0]
    assert tuple(activations) == activations.entries
    np.testing.assert_array_equal(activations.coordinates, [0, 1])
    assert activations.nobody_leaves
    frame = activations.to_frame()
    assert list(frame["sign"]) == [1, -1]
    np.testing.assert_array_equal(frame["slow_time"], activations.slow_times)
    np.testing.assert_allclose(frame["penalty"], [1.0, 0.5], rtol=0.05)
    assert "leaves at" in str(activations)
    assert "-1" in str(activations)


@pytest.mark.parametrize("run", [gradient_flow, gradient_descent])
def test_an_infinite_depth_is_refused_with_the_reason(run) -> None:
    with pytest.raises(InvalidProblemError, match="infinite depth has no gradient flow"):
        run(PAIR, 0.1, depth=np.inf)
    for depth in (1.5, np.nan, "deep"):
        with pytest.raises(InvalidProblemError, match="depth must be a real number"):
            run(PAIR, 0.1, depth=depth)


def test_a_start_needs_a_scale_or_a_prior() -> None:
    with pytest.raises(InvalidProblemError, match="a prior alone"):
        gradient_flow(PAIR, depth=3)
    with pytest.raises(InvalidProblemError, match="prior"):
        gradient_flow(PAIR, 0.1, prior=[1.0, -1.0])


def test_a_deep_signed_flow_survives_pickling() -> None:
    flow = gradient_flow(SLOW, 1e-20, depth=3, signed=True)
    copy = pickle.loads(pickle.dumps(flow))
    np.testing.assert_array_equal(copy.log_x_at(copy.times), flow.log_x_at(flow.times))
    assert copy.activations == flow.activations


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("depth", [2, 4])
def test_pictures_mark_activations_at_any_depth_and_sign(depth: float, signed: bool) -> None:
    flow = gradient_flow(two_by_four(1), 1e-60, depth=depth, signed=signed)
    left, _ = flow.plot()
    dots, hollow = (line for line in left.get_lines() if line.get_label() == "_activations")
    np.testing.assert_allclose(dots.get_xdata(), [entry.time for entry in flow.activations])
    assert len(hollow.get_xdata()) == sum(not entry.stays for entry in flow.activations)
    assert any(str(line.get_label()).startswith("$x_") for line in left.get_lines())
    plt.close("all")


@pytest.mark.parametrize(("depth", "signed", "rate"), [(2, False, 0.65), (3, False, 1.0), (4, True, 1.0)])
def test_a_comparison_of_any_depth_falls_at_the_rate_of_the_theory(depth: float, signed: bool, rate: float) -> None:
    with pytest.warns(NotCertifiedWarning, match="gradient descent"):
        comparison = compare_flow(SLOW, alphas=[1e-7, 1e-9], depth=depth, signed=signed, max_iterations=500)
    assert comparison.flow_distances.max() < 1e-8
    assert comparison.rate == pytest.approx(rate)
    assert all(flow.depth == depth and flow.signed is signed for flow in comparison.flows)
    assert all((descent.x_plus is not None) is signed for descent in comparison.descents)
    deviations = np.abs([flow.x[1:] for flow in comparison.flows]).sum(axis=1)
    assert np.log(deviations[1] / deviations[0]) / np.log(1e-2) == pytest.approx(rate, abs=0.02)
    labels = [str(line.get_label()) for line in comparison.plot().get_lines()]
    assert any(f"= {rate:.3g}" in label or label == f"slope {rate:.3g}" for label in labels)
    plt.close("all")
