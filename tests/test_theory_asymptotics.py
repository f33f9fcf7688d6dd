"""Rates, exponents and leading constants against closed forms and the path at alpha = 1e-300 and beyond."""

from __future__ import annotations

import numpy as np
import pytest

from bregman_l1 import exact, solve
from bregman_l1.errors import InvalidProblemError
from bregman_l1.polyhedron.kernel_cone import KernelCone
from bregman_l1.polyhedron.maximum_entropy import entropy, maximise_entropy
from bregman_l1.problems import BregmanProjection
from bregman_l1.system import LinearSystem
from bregman_l1.theory import analyze
from bregman_l1.theory.asymptotics import leading_layer

THREE_LAYERS = LinearSystem(
    [[1, 1 / 2, 1 / 5, 1 / 10, -3 / 10, 2 / 5], [0, 1, -1, 0, 0, 1], [0, 0, 0, 1, -1, 1 / 2]], [2, 0, 0]
)
TWO_RATES = LinearSystem([[1, 0, 2, -1, -1.5], [0, 1, -1, 1, 0.5], [0, 0, 1, -1, -2]], [1, 1, 0])
SEVERAL = LinearSystem([[1, 1, 1, 1 / 2], [0, 1, 2, 3]], [1, 4 / 5])


def gaussian(seed: int, n_rows: int, n_columns: int, sparsity: int, noise: float = 0.0) -> LinearSystem:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_rows, n_columns))
    x = np.zeros(n_columns)
    x[rng.choice(n_columns, sparsity, replace=False)] = rng.uniform(0.5, 2.0, sparsity)
    return LinearSystem(A, A @ x + noise * rng.standard_normal(n_rows))


def test_three_layers_have_their_closed_form():
    analysis = analyze(THREE_LAYERS)
    assert analysis.exponents == pytest.approx([0, 13 / 20, 13 / 20, 19 / 15, 14 / 15, 14 / 15], abs=1e-13)
    assert analysis.log_coefficients / np.log(2) == pytest.approx([1, 0.35, 0.35, 0.4, -0.6, 0.4], abs=1e-13)
    assert analysis.power_laws.dual == pytest.approx([1, -3 / 20, -11 / 30], abs=1e-13)
    assert np.exp(analysis.log_leading_constant) == pytest.approx(2.5491212546385243, rel=1e-14)
    assert np.exp(analysis.log_leading_constants.total) == pytest.approx(3.4413136937620078, rel=1e-14)


def test_a_coordinate_on_the_support_can_move_slower_than_the_leading_order():
    analysis = analyze(TWO_RATES)
    assert analysis.rate == pytest.approx(1 / 2, abs=1e-15)
    assert analysis.exponents[2:] == pytest.approx([1 / 2, 1 / 2, 1], abs=1e-13)
    assert analysis.log_coefficients[2:] == pytest.approx(0, abs=1e-13)
    assert np.exp(analysis.log_leading_constant) == pytest.approx(2, rel=1e-13)


def test_several_minimisers_converge_to_the_one_of_largest_entropy():
    analysis = analyze(LinearSystem([[1, 1, 1], [0, 1, 2]], [1, 0.8]))
    assert not analysis.unique
    assert analysis.x_star == pytest.approx([0.43837, 0.32326, 0.23837], abs=1e-5)
    assert analysis.rate == np.inf
    assert not analysis.moves


def test_several_minimisers_still_have_a_pure_power():
    analysis = analyze(SEVERAL)
    assert not analysis.unique
    assert analysis.support.tolist() == [0, 1, 2]
    assert analysis.rate == pytest.approx(1 / 2, abs=1e-14)
    assert np.exp(analysis.log_leading_constant) == pytest.approx(0.265484408004063, rel=1e-13)
    assert np.exp(analysis.log_leading_constants.total) == pytest.approx(1.04219052909587, rel=1e-13)


def test_costs_and_priors_enter_as_the_closed_form_says():
    """A = [1, 3/2, 1], y = 2, cost (1, 2, 3/2), prior factors (3, 1, 2)."""
    analysis = analyze(LinearSystem([[1, 3 / 2, 1]], [2]), cost=[1, 2, 3 / 2])
    limit = analysis.limit
    assert limit.gamma == pytest.approx([1 / 2, 1 / 2], abs=1e-15)
    factors = np.array([3.0, 1.0, 2.0])
    S, R = limit.support, limit.cone.outside
    tilt = np.log(factors[R]) + limit.B.T @ np.log(limit.x_S / factors[S])
    layer = leading_layer(limit.cone, limit.gamma, tilt, limit.steepest, limit.leading.ties)
    assert layer.rate == pytest.approx(1 / 2, abs=1e-15)
    assert np.exp(layer.log_constant) == pytest.approx((2 / 3) ** 1.5 + 4 / 3, rel=1e-14)


@pytest.mark.parametrize(("seed", "noise"), [(2, 0.0), (8, 0.0), (0, 0.1), (3, 0.1)])
def test_power_laws_agree_with_the_path_where_they_have_set_in(seed, noise):
    system = gaussian(seed, 8, 24, 2, noise)
    analysis = analyze(system)
    gaps = np.diff(np.unique(analysis.exponents.round(9)))
    t = 40.0 / min(gaps.min(), analysis.rate)
    assert t < 3e4
    solution = solve(BregmanProjection(system, log_alpha=-t))
    predicted = analysis.log_coefficients - t * analysis.exponents
    assert solution.log_x == pytest.approx(predicted, abs=1e-8)


def test_leading_constants_agree_with_the_path_at_1e_300():
    analysis = analyze(TWO_RATES)
    log_alpha = -300 * np.log(10)
    log_x = solve(BregmanProjection(TWO_RATES, log_alpha=log_alpha)).log_x
    leading = analysis.log_leading_constants
    scaled = log_x[2:] - analysis.rate * log_alpha
    assert np.logaddexp.reduce(scaled) == pytest.approx(leading.off_support, abs=1e-8)
    assert scaled.max() == pytest.approx(leading.maximum_off_support, abs=1e-8)
    total = analysis.log_deviation(log_alpha=log_alpha) - analysis.rate * log_alpha
    assert total == pytest.approx(leading.total, abs=1e-8)


def test_rate_can_exceed_one():
    analysis = analyze(LinearSystem([[1, 0, 1], [0, 1, -2]], [1, 1]))
    assert analysis.rho.value == pytest.approx(-1, abs=1e-15)
    assert analysis.rate == pytest.approx(2, abs=1e-15)


def test_cost_gives_the_smallest_reduced_cost_as_the_rate():
    rng = np.random.default_rng(5)
    system = gaussian(5, 6, 15, 2)
    cost = rng.uniform(0.5, 2.0, 15)
    analysis = analyze(system, cost)
    t = 400.0
    values = [solve(BregmanProjection(system, log_alpha=-s, cost=cost)).log_x for s in (t, t + 50)]
    off = [np.logaddexp.reduce(v[analysis.limit.cone.outside]) for v in values]
    assert (off[0] - off[1]) / 50 == pytest.approx(analysis.rate, abs=1e-8)


def test_forced_zeros_have_infinite_exponent():
    analysis = analyze(LinearSystem([[1, 1, 0.5, 0], [0, 0, 1, 1], [1, 0, 0, 0.5]], [1, 0, 0.25]))
    assert np.isinf(analysis.exponents[2:]).all()
    assert np.isneginf(analysis.log_coefficients[2:]).all()


def test_exponents_do_not_depend_on_the_scale_of_y():
    system = gaussian(4, 8, 24, 3)
    scaled = LinearSystem(system.matrix, 7.0 * system.y)
    assert analyze(scaled).exponents == pytest.approx(analyze(system).exponents, abs=1e-10)


def test_entropy_maximum_is_bounded_from_both_sides():
    rng = np.random.default_rng(0)
    C = rng.standard_normal((4, 20))
    w = 3 * rng.standard_normal(20)
    answer = maximise_entropy(w, C)
    assert np.abs(C @ answer.q).max() < 1e-14
    assert answer.value <= answer.upper <= answer.value + 1e-13
    assert w @ answer.q + entropy(answer.q) == pytest.approx(answer.upper, abs=1e-13)


@pytest.mark.parametrize("scale", [1.0, 1e2, 1e4, 1e6])
def test_entropy_maximum_survives_any_tilt_that_is_shifted_by_its_linear_optimum(scale):
    rng = np.random.default_rng(1)
    system = gaussian(1, 10, 40, 3)
    cone = KernelCone(system, analyze(system).support)
    g = rng.standard_normal(cone.outside.size)
    best = cone.maximise(g)
    slack = best.bound - g - cone.C.T @ best.b
    answer = maximise_entropy(-scale * slack, cone.C)
    assert 0 <= answer.upper - answer.value < 1e-11
    assert answer.spread < 1e-10


def test_wrong_costs_are_named():
    with pytest.raises(InvalidProblemError, match="cost"):
        analyze(TWO_RATES, cost=[1.0, 2.0])


def test_a_minimiser_that_is_unique_by_one_rounding_has_its_own_rate():
    """A = [1, 1 - e], e = 2**-30: the deviation r solves log r = -t e + (1 - e) log(1 - (1 - e) r)."""
    e = 2.0**-30
    analysis = analyze(LinearSystem([[1, 1 - e]], [1]))
    assert analysis.unique
    assert analysis.x_star.tolist() == [1.0, 0.0]
    assert analysis.rate == e
    assert analysis.assumed_ties == 0
    for log_alpha in (-10.0, -1e10):
        enclosure = analysis.enclosure(log_alpha=log_alpha)
        log_r = solve(BregmanProjection(analysis.system, log_alpha=log_alpha)).log_x[1]
        assert log_r == pytest.approx(log_alpha * e + (1 - e) * np.log1p(-(1 - e) * np.exp(log_r)), abs=1e-6)
        assert enclosure.log_lower - 1e-6 <= log_r <= enclosure.log_upper + 1e-6
        assert enclosure.log_width < 1e-3


@pytest.mark.parametrize("exponent", [20, 32, 45, 52])
def test_rates_that_differ_by_one_rounding_are_two_layers(exponent):
    later = 2.0**-exponent
    analysis = analyze(LinearSystem([[1, 1 / 2, 1 / 2 - later]], [4]))
    assert analysis.exponents == pytest.approx([0.0, 0.5, 0.5 + later], abs=5e-16)
    assert analysis.exponents[1] < analysis.exponents[2]
    assert np.exp(analysis.log_leading_constant) == pytest.approx(2.0, rel=1e-13)
    tied = analyze(LinearSystem([[1, 1 / 2, 1 / 2]], [4]))
    assert tied.exponents.tolist() == [0.0, 0.5, 0.5]
    assert np.exp(tied.log_leading_constant) == pytest.approx(4.0, rel=1e-13)


def test_rates_of_a_kernel_with_constraints_are_told_apart():
    """Every pair of columns (a, 1), (a', -1) is a vertex, of rate 1 - (a + a') / 2."""
    for shift, size in ((0.0, 4), (2.0**-50, 3)):
        A = [[1, 0.5, 0.25, 0.5, 0.25 - shift], [0, 1, -1, 1, -1]]
        analysis = analyze(LinearSystem(A, [1.0, 0.0]))
        assert analysis.rate == pytest.approx(0.625, abs=1e-15)
        assert np.count_nonzero(analysis.exponents == analysis.exponents[1]) == size
        assert analysis.assumed_ties == 0


def test_ties_that_are_assumed_are_said(monkeypatch):
    monkeypatch.setattr(exact, "LARGEST", 0)
    monkeypatch.setattr(exact, "LARGEST_MATRIX", 0)
    analysis = analyze(LinearSystem([[1, 1 / 2, 1 / 2]], [4]))
    assert analysis.assumed_ties == 1
    assert "ASSUMED TIES" in str(analysis)
    assert analysis.to_dict()["assumed_ties"] == 1
    assert analyze(LinearSystem([[1, 1, 1 / 2]], [4])).assumed_ties == 1
