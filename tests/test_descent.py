from __future__ import annotations

import pickle

import numpy as np
import pytest
from conftest import CASES, gaussian_system

from bregman_l1 import solve
from bregman_l1.errors import InfeasibleError, InvalidProblemError, NotCertifiedWarning
from bregman_l1.flow import DescentState, FlowStatus, gradient_descent
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.system import LinearSystem

PAIR = LinearSystem([[1.0, 0.5]], [1.0])
SQUARE = CASES[2].system


def train_by_hand(system: LinearSystem, u: np.ndarray, step: float, steps: int) -> np.ndarray:
    A, y = np.asarray(system.matrix), system.y
    for _ in range(steps):
        u = u - step * 4 * u * (A.T @ (A @ (u * u) - y))
    return u


def test_descent_is_the_loop_people_write() -> None:
    system, _ = gaussian_system()
    with pytest.warns(NotCertifiedWarning, match="out of time"):
        descent = gradient_descent(system, 1e-3, 1e-4, max_iterations=200)
    expected = train_by_hand(system, np.full(60, np.sqrt(1e-3)), 1e-4, 200)
    np.testing.assert_allclose(descent.state.u, expected, rtol=1e-10)
    np.testing.assert_allclose(descent.x, expected**2, rtol=1e-10)
    np.testing.assert_allclose(descent.log_x, 2 * np.log(np.abs(expected)), rtol=1e-10)
    assert descent.status is FlowStatus.OUT_OF_TIME
    assert descent.iterations[-1] == 200
    assert descent.times[-1] == pytest.approx(0.02)


def test_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(1)
    u, step, h = rng.random(2), 1e-3, 1e-6
    moved = gradient_descent(PAIR, 0.1, step, state=DescentState(u=u, iteration=0), max_iterations=1, loss_tol=1e300)
    np.testing.assert_array_equal(moved.state.u, u)
    with pytest.warns(NotCertifiedWarning):
        moved = gradient_descent(PAIR, 0.1, step, state=DescentState(u=u, iteration=0), max_iterations=1)

    def loss(weights: np.ndarray) -> float:
        return float(((PAIR.matrix @ weights**2 - PAIR.y) ** 2).sum())

    numeric = [(loss(u + h * e) - loss(u - h * e)) / (2 * h) for e in np.eye(2)]
    np.testing.assert_allclose((u - moved.state.u) / step, numeric, rtol=1e-7)


def test_bias_shrinks_linearly_with_the_step() -> None:
    steps = 4e-5 / 2.0 ** np.arange(4)
    descents = [gradient_descent(SQUARE, log_alpha=-5.0, step_size=step, loss_tol=1e-26) for step in steps]
    assert all(descent.status is FlowStatus.FITTED for descent in descents)
    bias = np.array([descent.distance for descent in descents])
    np.testing.assert_allclose(bias[:-1] / bias[1:], 2, rtol=0.05)
    per_step = bias / steps
    corrections = np.abs(np.diff(per_step))
    np.testing.assert_allclose(corrections[:-1] / corrections[1:], 2, rtol=0.1)


def test_projection_attracts_below_the_largest_stable_step_and_repels_above() -> None:
    end = np.sqrt(solve(BregmanProjection(SQUARE, log_alpha=-5.0)).x)
    limit = gradient_descent(SQUARE, log_alpha=-5.0).largest_stable_step
    A = np.asarray(SQUARE.matrix)
    start = end * (1 + 1e-8 * np.random.default_rng(0).standard_normal(end.size))

    def residual(u: np.ndarray) -> float:
        return float(np.linalg.norm(A @ u**2 - SQUARE.y))

    assert residual(train_by_hand(SQUARE, start, 0.98 * limit, 400)) < 1e-2 * residual(start)
    assert residual(train_by_hand(SQUARE, start, 1.02 * limit, 400)) > 1e2 * residual(start)


@pytest.mark.parametrize("factor", [1.0, 3.0, -1.0, 0.0, np.nan, np.inf])
def test_step_outside_the_stable_range_is_refused_and_the_range_named(factor: float) -> None:
    limit = gradient_descent(PAIR, 0.01).largest_stable_step
    with pytest.raises(InvalidProblemError, match=rf"stable range \(0, {limit:.6g}\)"):
        gradient_descent(PAIR, 0.01, factor * limit)


def test_step_that_is_too_large_on_the_way_only_is_named_too() -> None:
    with pytest.raises(InvalidProblemError, match=r"diverged within .* stable range \(0, .* is safe"):
        gradient_descent(PAIR, 50.0, 0.004, state=DescentState(u=np.array([30.0, 30.0]), iteration=0))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("alpha", [10.0, 1e-1, 1e-4])
def test_default_step_brings_the_loss_down_at_every_look(seed: int, alpha: float) -> None:
    system, _ = gaussian_system(n_rows=8, n_columns=20, sparsity=3, seed=seed)
    descent = gradient_descent(system, alpha, loss_tol=1e-6)
    assert descent.status is FlowStatus.FITTED
    assert np.diff(descent.losses).max() <= 1e-9 * descent.losses[0]


@pytest.mark.filterwarnings("ignore::bregman_l1.errors.NotCertifiedWarning")
def test_restart_goes_on_as_if_never_stopped() -> None:
    whole = gradient_descent(SQUARE, 1e-3, max_iterations=700)
    first = gradient_descent(SQUARE, 1e-3, max_iterations=300)
    saved = pickle.loads(pickle.dumps(first.state))
    second = gradient_descent(SQUARE, 1e-3, max_iterations=700, state=saved)
    np.testing.assert_array_equal(second.state.u, whole.state.u)
    assert second.iterations[0] == 300
    assert second.iterations[-1] == whole.iterations[-1] == 700


def test_stops_early_on_loss_and_on_distance() -> None:
    by_loss = gradient_descent(PAIR, 0.01, 0.01, loss_tol=1e-4)
    assert by_loss.status is FlowStatus.FITTED
    assert by_loss.loss <= 1e-4
    by_distance = gradient_descent(PAIR, 0.01, 0.01, distance_tol=0.05)
    assert by_distance.status is FlowStatus.CONVERGED
    assert by_distance.distance <= 0.05 * by_distance.projection.x.sum()
    assert by_distance.distances[-2] > 0.05 * by_distance.projection.x.sum()


def test_entries_still_vanishing_at_the_last_iteration_are_named() -> None:
    with pytest.warns(NotCertifiedWarning, match="out of time: .* entries that vanish like time\\^-1 sum to"):
        gradient_descent(LinearSystem([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0]), 1.0, max_iterations=50)


def test_converged_means_that_the_loss_is_small_too() -> None:
    forced_zero = LinearSystem([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0])
    descent = gradient_descent(forced_zero, 1.0, distance_tol=1e-3)
    assert descent.status is FlowStatus.CONVERGED
    assert descent.distance <= 1e-3
    cancelling = LinearSystem([[10.0, -10.0, 0.0], [1.0, 1.0, 1.0]], [0.1, 0.2])
    descent = gradient_descent(cancelling, 1 / 15, distance_tol=0.1)
    assert descent.distances[0] < 0.1 * descent.projection.x.sum()
    assert descent.losses[0] > 0.15 * float(cancelling.y @ cancelling.y)
    assert descent.status is FlowStatus.CONVERGED
    assert descent.loss <= 0.2**2 * float(cancelling.y @ cancelling.y)


def test_history_is_what_the_weights_give() -> None:
    descent = gradient_descent(PAIR, 0.01, 0.01)
    x = descent.x
    assert descent.loss == pytest.approx(((PAIR.matrix @ x - PAIR.y) ** 2).sum(), abs=1e-30)
    assert descent.l1_norms[-1] == pytest.approx(x.sum())
    assert descent.distance == pytest.approx(np.abs(x - solve(BregmanProjection(PAIR, 0.01)).x).sum())
    assert descent.losses[0] == pytest.approx((0.015 - 1) ** 2)


def test_progress_bar_is_shown_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    gradient_descent(PAIR, 0.01, 0.01)
    assert capsys.readouterr().err == ""
    gradient_descent(PAIR, 0.01, 0.01, progress=True)
    assert "loss" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one"),
        ({"alpha": -1.0}, "positive"),
        ({"alpha": np.nan}, "finite"),
        ({"log_alpha": -2000.0}, "underflows.*gradient_flow"),
        ({"alpha": 0.1, "loss_tol": 0.0}, "loss_tol"),
        ({"alpha": 0.1, "distance_tol": -1.0}, "distance_tol"),
        ({"alpha": 0.1, "max_iterations": 0}, "max_iterations"),
        ({"alpha": 0.1, "max_iterations": 10.5}, "max_iterations must be an integer"),
        ({"alpha": 0.1, "max_iterations": np.nan}, "max_iterations must be an integer"),
        ({"alpha": 0.1, "step_size": "small"}, "stable range"),
        ({"alpha": 1e200}, "too large to start from"),
        ({"alpha": 0.1, "state": (np.ones(2), 3)}, "DescentState of an earlier run"),
        ({"alpha": 0.1, "state": DescentState(u=np.ones(2), iteration=-3)}, "state.iteration"),
        (
            {"alpha": 0.1, "max_iterations": 9, "state": DescentState(u=np.ones(2), iteration=10)},
            "counts from the start",
        ),
        ({"alpha": 0.1, "state": DescentState(u=np.ones(3), iteration=0)}, "state.u must hold 2"),
        ({"alpha": 0.1, "state": DescentState(u=np.array([1.0, np.nan]), iteration=0)}, "finite"),
    ],
)
def test_bad_input_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidProblemError, match=message):
        gradient_descent(PAIR, **arguments)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("depth", [2, 2.5, 3, 4])
def test_descent_of_any_depth_is_the_loop_people_write(depth: float, signed: bool) -> None:
    system, _ = gaussian_system(n_rows=5, n_columns=12, sparsity=2, seed=0)
    A, prior = np.asarray(system.matrix), np.linspace(0.5, 2.0, 12)
    with pytest.warns(NotCertifiedWarning, match="out of time"):
        descent = gradient_descent(
            system, 1e-2, 1e-3, prior=prior, depth=depth, signed=signed, loss_tol=1e-30, max_iterations=40
        )
    u = v = (1e-2 * prior) ** (1 / depth)
    for _ in range(40):
        pull = 2 * depth * (A.T @ (A @ (u**depth - (v**depth if signed else 0)) - system.y))
        u, v = u - 1e-3 * u ** (depth - 1) * pull, v + 1e-3 * v ** (depth - 1) * pull
    np.testing.assert_allclose(descent.state.u, np.append(u, v) if signed else u, rtol=1e-12)
    np.testing.assert_allclose(descent.x, u**depth - v**depth if signed else u**depth, rtol=1e-11)
    np.testing.assert_allclose(descent.log_x, np.log(np.abs(descent.x)), rtol=1e-11)
    if signed:
        np.testing.assert_allclose(descent.x_plus, u**depth, rtol=1e-11)
        np.testing.assert_allclose(np.exp(descent.log_x_minus), v**depth, rtol=1e-11)
    else:
        assert descent.x_plus is descent.x_minus is descent.log_x_plus is descent.log_x_minus is None


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("depth", [2, 2.5, 3, 4])
def test_the_bias_at_any_depth_shrinks_with_the_step(depth: float, signed: bool) -> None:
    network = {"depth": depth, "signed": signed}
    safe = gradient_descent(PAIR, 1e-2, **network, loss_tol=1e-10).step_size
    coarse, fine = (gradient_descent(PAIR, 1e-2, step, **network, loss_tol=1e-26) for step in (safe / 4, safe / 8))
    assert coarse.status is fine.status is FlowStatus.FITTED
    assert coarse.distance / fine.distance == pytest.approx(2, rel=0.05)


@pytest.mark.parametrize("depth", [2.5, 3, 4])
def test_the_largest_stable_step_at_a_depth_is_where_the_end_begins_to_repel(depth: float) -> None:
    with pytest.warns(NotCertifiedWarning):
        descent = gradient_descent(PAIR, 0.1, depth=depth, max_iterations=1)
    A, x = np.asarray(PAIR.matrix), descent.projection.x
    curvature = 2 * depth**2 * float((A * x ** (2 - 2 / depth) @ A.T)[0, 0])
    assert descent.largest_stable_step == pytest.approx(2 / curvature, rel=1e-9)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("depth", [2.5, 3, 4])
@pytest.mark.parametrize("alpha", [10.0, 1e-1, 1e-3])
def test_the_default_step_at_any_depth_brings_the_loss_down(depth: float, signed: bool, alpha: float) -> None:
    system, _ = gaussian_system(n_rows=8, n_columns=20, sparsity=3, seed=0)
    descent = gradient_descent(system, alpha, depth=depth, signed=signed, loss_tol=1e-6)
    assert descent.status is FlowStatus.FITTED
    assert np.diff(descent.losses).max() <= 1e-9 * descent.losses[0]


def test_a_start_of_1e_minus_60_is_a_weight_that_does_not_underflow() -> None:
    with pytest.warns(NotCertifiedWarning, match="out of time"):
        descent = gradient_descent(PAIR, 1e-60, depth=3, max_iterations=1)
    np.testing.assert_allclose(descent.state.u, 1e-20, rtol=1e-12)
    fitted = gradient_descent(PAIR, 1e-60)
    assert fitted.status is FlowStatus.FITTED
    assert fitted.x[0] == pytest.approx(1.0, rel=1e-9)


def test_infeasible_system_is_refused() -> None:
    with pytest.raises(InfeasibleError):
        gradient_descent(LinearSystem([[1.0, 1.0]], [-1.0]), 0.1)
