"""The theory of a prior beta alpha^c of its own in every entry, against closed forms and native projections."""

from __future__ import annotations

import numpy as np
import pytest

from bregman_l1 import InfeasibleError, InvalidProblemError, LinearSystem, NotAdmissibleError, analyze, load, solve
from bregman_l1.problems import BregmanProjection

THREE_LAYERS = LinearSystem(
    [[1, 1 / 2, 1 / 5, 1 / 10, -3 / 10, 2 / 5], [0, 1, -1, 0, 0, 1], [0, 0, 0, 1, -1, 1 / 2]], [2, 0, 0]
)
SEVERAL = LinearSystem([[1, 1, 1, 1 / 2], [0, 1, 2, 3]], [1, 4 / 5])
BALANCED = LinearSystem([[1, 0, 5], [0, 1, -9 / 2]], [1, 1])
LEVELS = (-50.0, -200.0, -2000.0, -1e5)


def gaussian(seed: int, n_rows: int = 6, n_columns: int = 16) -> tuple[LinearSystem, np.ndarray, np.ndarray]:
    """A system with a cost and a prior."""
    rng = np.random.default_rng(seed)
    x = np.zeros(n_columns)
    x[:2] = rng.uniform(0.5, 2.0, 2)
    A = rng.standard_normal((n_rows, n_columns))
    return LinearSystem(A, A @ x), rng.uniform(0.8, 1.2, n_columns), rng.uniform(0.1, 10.0, n_columns)


def test_costs_and_priors_enter_as_the_closed_form_says():
    analysis = analyze(LinearSystem([[1, 3 / 2, 1]], [2]), cost=[1, 2, 3 / 2], prior=[3, 1, 2])
    assert analysis.rate == pytest.approx(1 / 2, abs=1e-15)
    assert np.exp(analysis.log_leading_constant) == pytest.approx(1.877664387285151, rel=1e-14)


@pytest.mark.parametrize("seed", range(4))
def test_power_laws_of_costs_and_priors_agree_with_the_path_where_they_have_set_in(seed):
    system, cost, prior = gaussian(seed)
    analysis = analyze(system, cost, prior=prior)
    gap = min(np.diff(np.unique(analysis.exponents.round(9))).min(), analysis.rate)
    log_alpha = -40.0 / gap
    log_x = solve(BregmanProjection(system, log_alpha=log_alpha, cost=cost, prior=prior)).log_x
    assert log_x == pytest.approx(analysis.log_coefficients + log_alpha * analysis.exponents, abs=1e-8 * -log_alpha)


@pytest.mark.parametrize("log_alpha", LEVELS)
def test_three_layers_keep_their_exponents_under_a_prior_and_change_their_coefficients(log_alpha):
    prior = np.array([3.0, 1.0, 2.0, 0.5, 7.0, 0.25])
    analysis, plain = analyze(THREE_LAYERS, prior=prior), analyze(THREE_LAYERS)
    assert analysis.exponents == pytest.approx(plain.exponents, abs=1e-13)
    log_x = solve(BregmanProjection(THREE_LAYERS, log_alpha=log_alpha, prior=prior)).log_x
    off = np.abs(log_x - analysis.log_coefficients - log_alpha * analysis.exponents).max()
    assert off < max(20 * np.exp(log_alpha / 6), 1e-13 * -log_alpha)
    assert np.abs(analysis.log_coefficients - plain.log_coefficients).max() > 0.1


@pytest.mark.parametrize("log_alpha", LEVELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_enclosures_of_a_prior_hold_the_truth_and_meet(seed, log_alpha):
    system, cost, prior = gaussian(seed)
    analysis = analyze(system, cost, prior=prior)
    log_x = solve(BregmanProjection(system, log_alpha=log_alpha, cost=cost, prior=prior)).log_x
    off = np.logaddexp.reduce(log_x[analysis.limit.cone.outside])
    total = analysis.log_deviation(log_alpha=log_alpha)
    rounding = 1e-12 * -log_alpha
    for rigorous in (False, True):
        ends = analysis.enclosure(log_alpha=log_alpha, rigorous=rigorous)
        assert ends.log_lower - rounding <= off <= ends.log_upper + rounding
        all_ends = analysis.deviation_enclosure(log_alpha=log_alpha, rigorous=rigorous)
        assert all_ends.log_lower - rounding <= total <= all_ends.log_upper + rounding
        if log_alpha <= -200.0:
            assert max(ends.log_width, all_ends.log_width) < 1e-6


def test_enclosures_of_a_prior_hold_where_alpha_is_not_small():
    system, cost, prior = gaussian(2)
    analysis = analyze(system, cost, prior=prior)
    log_x = solve(BregmanProjection(system, log_alpha=-2.0, cost=cost, prior=prior)).log_x
    off = np.logaddexp.reduce(log_x[analysis.limit.cone.outside])
    for rigorous in (False, True):
        ends = analysis.enclosure(log_alpha=-2.0, rigorous=rigorous)
        assert ends.log_lower - 1e-12 <= off <= ends.log_upper + 1e-12
        assert ends.log_width < 1.0


@pytest.mark.parametrize("seed", range(3))
def test_bounds_of_the_theorem_hold_for_a_prior(seed):
    system, _, prior = gaussian(seed)
    analysis = analyze(system, prior=prior)
    for log_alpha in (-20.0, -200.0, -2000.0):
        truth, largest = (
            each(log_alpha=log_alpha) for each in (analysis.log_deviation, analysis.log_largest_off_support)
        )
        for rigorous in (False, True):
            assert truth <= analysis.log_upper_bound(log_alpha=log_alpha, rigorous=rigorous)
        try:
            assert analysis.log_lower_bound(log_alpha=log_alpha, rigorous=True) <= largest
            assert analysis.log_lower_bound(log_alpha=log_alpha) <= largest
        except NotAdmissibleError:
            assert log_alpha == -20.0


@pytest.mark.parametrize("form", ["corrected", "printed"])
def test_an_even_prior_is_alpha_in_other_units(form):
    analysis, plain = analyze(BALANCED, prior=np.full(3, 8.0)), analyze(BALANCED)
    shift = np.log(8.0)
    assert analysis.log_upper_bound(1e-6) == pytest.approx(plain.log_upper_bound(8e-6), abs=1e-13)
    lower = analysis.log_lower_bound(1e-6, form=form)
    assert lower == pytest.approx(plain.log_lower_bound(8e-6, form=form), abs=1e-13)
    assert analysis.enclosure(1e-6).log_upper == pytest.approx(plain.enclosure(8e-6).log_upper, abs=1e-12)
    plans = analysis.alpha_for(1e-4), plain.alpha_for(1e-4)
    assert plans[0].log_exact + shift == pytest.approx(plans[1].log_exact, abs=1e-9)
    assert plans[0].log_guaranteed + shift == pytest.approx(plans[1].log_guaranteed, abs=1e-9)


def test_the_printed_lower_bound_is_refused_for_a_prior_that_is_not_even():
    with pytest.raises(NotAdmissibleError, match="as printed is stated for alpha itself"):
        analyze(BALANCED, prior=[1, 2, 3]).lower_bound(1e-8, form="printed")


def test_the_theorem_is_refused_for_costs_that_are_not_one_with_a_prior_too():
    with pytest.raises(NotAdmissibleError, match="unit costs"):
        analyze(BALANCED, [1, 1, 2], prior=[1, 2, 3]).upper_bound(1e-8)


@pytest.mark.parametrize("prior", [[1, 1, 1, 1], [1, 2, 5, 3], [1, 1e-3, 1e3, 1]])
def test_of_several_minimisers_the_limit_is_the_one_nearest_to_the_prior(prior):
    analysis = analyze(SEVERAL, prior=prior)
    S = analysis.support
    assert not analysis.unique
    assert S.tolist() == [0, 1, 2]
    kernel = np.array([1.0, -2.0, 1.0])  # of A_S: log(x / beta) is orthogonal to it
    assert kernel @ np.log(analysis.x_star[S] / np.array(prior)[S]) == pytest.approx(0, abs=1e-12)
    log_alpha = -2000.0
    log_x = solve(BregmanProjection(SEVERAL, log_alpha=log_alpha, prior=prior)).log_x
    assert np.exp(log_x[S]) == pytest.approx(analysis.x_star[S], rel=1e-12)
    leading = analysis.log_leading_constants
    assert log_x[3] - log_alpha * analysis.rate == pytest.approx(leading.off_support, abs=1e-9)
    total = analysis.log_deviation(log_alpha=log_alpha)
    assert total - log_alpha * analysis.rate == pytest.approx(leading.total, abs=1e-9)
    ends = analysis.deviation_enclosure(log_alpha=-60.0)
    assert ends.log_lower <= analysis.log_deviation(log_alpha=-60.0) <= ends.log_upper


def test_of_several_minimisers_of_a_cost_the_limit_weighs_their_sum_too():
    """On the face {x_1 + 2 x_2 = 2} of cost (1, 2) the projection of the prior (b, 1) has x_2 = (x_1 / b)^2."""
    analysis = analyze(LinearSystem([[1, 2, 1]], [2]), cost=[1, 2, 3], prior=[3, 1, 1])
    x = analysis.x_star
    assert x[1] == pytest.approx((x[0] / 3) ** 2, rel=1e-13)
    assert x[0] + 2 * x[1] == pytest.approx(2, rel=1e-14)


def test_zeros_of_the_prior_leave_the_system():
    system = LinearSystem([[1, 0, 5, 2], [0, 1, -9 / 2, 3]], [1, 1])
    analysis = analyze(system, prior=[1, 1, 1, 0], proof=True)
    alone = analyze(BALANCED)
    assert analysis.x_star.tolist() == [1, 1, 0, 0]
    assert analysis.rho.value == alone.rho.value
    assert analysis.rho_tilde.value == alone.rho_tilde.value
    assert analysis.rho.witness.tolist() == [-5, 4.5, 1, 0]
    assert analysis.exponents[3] == np.inf
    assert analysis.log_coefficients[3] == -np.inf
    assert {name: proof.ok for name, proof in analysis.proofs.items()} == {
        "limit": True, "rho": True, "rho_tilde": True
    }  # fmt: skip
    for rigorous in (False, True):
        ends, others = (each.enclosure(log_alpha=-50.0, rigorous=rigorous) for each in (analysis, alone))
        assert ends.log_upper == pytest.approx(others.log_upper, abs=1e-12)
        assert ends.log_lower == pytest.approx(others.log_lower, abs=1e-12)
        upper = analysis.log_upper_bound(log_alpha=-50.0, rigorous=rigorous)
        assert upper == pytest.approx(alone.log_upper_bound(log_alpha=-50.0, rigorous=rigorous), abs=1e-12)
    assert analysis.log_deviation(log_alpha=-50.0) == pytest.approx(alone.log_deviation(log_alpha=-50.0), abs=1e-12)


def test_zeros_of_the_prior_that_leave_nothing_are_refused():
    with pytest.raises(InfeasibleError, match="prior"):
        analyze(BALANCED, prior=[1, 0, 0])
    with pytest.raises(InvalidProblemError, match="prior"):
        analyze(BALANCED, prior=[1, -1, 0])


def test_an_analysis_of_a_prior_is_saved_with_it(tmp_path):
    analysis = analyze(SEVERAL, prior=[1, 2, 5, 0.5])
    analysis.save(tmp_path / "analysis.npz")
    loaded = load(tmp_path / "analysis.npz")
    assert loaded.prior.tolist() == [1, 2, 5, 0.5]
    assert loaded.enclosure(1e-9) == analysis.enclosure(1e-9)
