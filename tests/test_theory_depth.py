"""The theory of networks of depth above 2, against closed forms and native projections."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from bregman_l1 import (
    InfeasibleError,
    InvalidProblemError,
    LinearSystem,
    NotAdmissibleError,
    analyze,
    load,
    solve,
)
from bregman_l1.polyhedron.barrier_centre import barrier_centre
from bregman_l1.potential import potential_of
from bregman_l1.problems import BregmanProjection

PAIR = LinearSystem([[1.0, 0.5]], [1.0])
FACE = LinearSystem([[1, 1, 1], [0, 1, 2]], [1, 0.8])
SEVERAL = LinearSystem([[1, 1, 1, 1 / 2], [0, 1, 2, 3]], [1, 4 / 5])
TWO_RATES = LinearSystem([[1, 0, 2, -1, -1.5], [0, 1, -1, 1, 0.5], [0, 0, 1, -1, -2]], [1, 1, 0])
FORCED = LinearSystem([[1, 1, 0.5, 0], [0, 0, 1, 1], [1, 0, 0, 0.5]], [1, 0, 0.25])
DEPTHS = (2.2, 3, 4, 6, inf)


def q_of(depth: float) -> float:
    return 1.0 if depth == inf else (depth - 2) / depth


def gaussian(seed: int, n_rows: int = 8, n_columns: int = 24, sparsity: int = 3) -> tuple[LinearSystem, np.ndarray]:
    """A system and a prior."""
    rng = np.random.default_rng(seed)
    x = np.zeros(n_columns)
    x[:sparsity] = rng.uniform(1.0, 2.0, sparsity)
    A = rng.standard_normal((n_rows, n_columns))
    return LinearSystem(A, A @ x), rng.uniform(0.2, 5.0, n_columns)


@pytest.mark.parametrize(("depth", "coefficient"), [(3, 8.0), (4, 4.0), (6, 2 * np.sqrt(2)), (inf, 2.0)])
def test_one_column_off_the_support_has_its_closed_form(depth, coefficient):
    analysis = analyze(PAIR, depth=depth)
    assert analysis.depth == depth
    assert analysis.rate == 1.0
    assert analysis.exponents.tolist() == [0.0, 1.0]
    assert np.exp(analysis.log_coefficients[1]) == pytest.approx(coefficient, rel=1e-14)
    leading = analysis.log_leading_constants
    assert np.exp(leading.total) == pytest.approx(1.5 * coefficient, rel=1e-14)
    assert np.exp(leading.maximum_off_support) == pytest.approx(coefficient, rel=1e-14)
    assert analysis.power_laws.dual == pytest.approx([1.0], rel=1e-14)


def test_the_correction_to_the_constant_is_of_order_alpha_to_the_q():
    """x_2 / alpha is 7.9485155656 at alpha = 1e-8 and depth 3, where the limit is 8."""
    errors = [8 - np.exp(analyze(PAIR, depth=3).log_largest_off_support(a)) / a for a in (1e-8, 1e-11)]
    assert 8 - errors[0] == pytest.approx(7.9485155656, abs=1e-9)
    assert errors[0] / errors[1] == pytest.approx(10.0, rel=0.02)


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (2, (0.43837, 0.32326, 0.23837)),
        (3, (0.439989185632311, 0.320021628735377, 0.239989185632311)),
        (4, (0.44077832131281, 0.318443357374381, 0.24077832131281)),
    ],
)
def test_of_several_minimisers_the_limit_depends_on_the_depth(depth, expected):
    analysis = analyze(FACE, depth=depth)
    assert not analysis.unique
    assert analysis.x_star == pytest.approx(expected, abs=1e-5 if depth == 2 else 1e-14)
    assert analysis.rate == inf


@pytest.mark.parametrize("prior", [None, (1, 1, 1, 1.5), (2, 2, 2, 0.5)])
@pytest.mark.parametrize("depth", [2.5, 3, 4, inf])
def test_several_minimisers_have_their_leading_constant(depth, prior):
    analysis, log_alpha = analyze(SEVERAL, depth=depth, prior=prior), -30.0 / q_of(depth)
    assert not analysis.unique
    problem = BregmanProjection(SEVERAL, log_alpha=log_alpha, depth=depth, prior=prior)
    log_x = solve(problem).log_x
    assert np.exp(log_x[:3]) == pytest.approx(analysis.x_star[:3], rel=1e-12)
    assert log_x[3] - log_alpha == pytest.approx(analysis.log_leading_constants.off_support, abs=1e-10)
    total = analysis.log_deviation(log_alpha=log_alpha) - log_alpha
    assert total == pytest.approx(analysis.log_leading_constants.total, abs=1e-10)
    near = analysis.log_deviation(log_alpha=-10.0)  # where n_S is not linear in x_R
    x = solve(BregmanProjection(SEVERAL, log_alpha=-10.0, depth=depth, prior=prior)).x
    assert near == pytest.approx(np.log(np.abs(x - analysis.x_star).sum()), abs=1e-9)


@pytest.mark.parametrize("with_prior", [False, True])
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("seed", [0, 1, 4])
def test_leading_constants_agree_with_the_path(seed, depth, with_prior):
    system, prior = gaussian(seed)
    prior = prior if with_prior else None
    analysis, log_alpha = analyze(system, depth=depth, prior=prior), -28.0 / q_of(depth)
    log_x = solve(BregmanProjection(system, log_alpha=log_alpha, depth=depth, prior=prior)).log_x
    predicted = analysis.log_coefficients + log_alpha * analysis.exponents
    # A projection is certified to 1e-9, and that is the accuracy it has for priors that are not even.
    assert log_x == pytest.approx(predicted, abs=1e-8)
    total = analysis.log_deviation(log_alpha=log_alpha) - log_alpha
    assert total == pytest.approx(analysis.log_leading_constants.total, abs=1e-8)


@pytest.mark.parametrize("depth", [3, 4, inf])
@pytest.mark.parametrize("log_alpha", [-50.0, -200.0, -2000.0, -1e5])
def test_the_limit_is_approached_at_every_scale(depth, log_alpha):
    analysis = analyze(TWO_RATES, depth=depth)
    log_x = solve(BregmanProjection(TWO_RATES, log_alpha=log_alpha, depth=depth)).log_x
    error = np.abs(log_x - analysis.log_coefficients - log_alpha * analysis.exponents).max()
    assert error <= 50 * np.exp(q_of(depth) * log_alpha) + 1e-15 * -log_alpha


@pytest.mark.parametrize("depth", [2.5, 3, inf])
def test_the_weights_of_the_limit_satisfy_their_conditions(depth):
    """A_S'z = w_S, w - A'z > 0 off S, and A_R n_R in the range of A_S for n_R = (w - A'z)^(-1/q)."""
    system, prior = gaussian(5)
    analysis = analyze(system, depth=depth, prior=prior)
    S, R = analysis.support, analysis.limit.cone.outside
    q = q_of(depth)
    weights = (prior / prior.min()) ** -q
    slack = weights - system.matrix.T @ analysis.power_laws.dual
    assert slack[S] == pytest.approx(0, abs=1e-13)
    assert np.exp(analysis.log_coefficients[R]) == pytest.approx(prior.min() * slack[R] ** (-1 / q), rel=1e-9)
    flow = system.matrix[:, R] @ np.exp(analysis.log_coefficients[R])
    A_S = system.matrix[:, S]
    assert flow == pytest.approx(A_S @ np.linalg.lstsq(A_S, flow, rcond=None)[0], abs=1e-10)


def test_a_prior_of_its_own_in_each_entry_weighs_the_l1_norm():
    """With the prior (8, 1) at depth 3 the weights are (1/2, 1): x_1 costs 1/2, x_2, which does 3/4 of it, 1."""
    system = LinearSystem([[1.0, 4 / 3]], [1.0])
    assert analyze(system, depth=3).support.tolist() == [1]
    assert analyze(system, depth=3, prior=[8.0, 1.0]).support.tolist() == [0]
    assert analyze(system, prior=[8.0, 1.0]).support.tolist() == [1]


def test_an_exponent_of_alpha_is_the_rate():
    analysis = analyze(PAIR, cost=[2, 2], depth=3)
    assert analysis.rate == 2.0
    total = analysis.log_deviation(log_alpha=-60.0) + 120.0
    assert total == pytest.approx(analysis.log_leading_constants.total, abs=1e-12)


@pytest.mark.parametrize("cost", [[1, 2], [0, 0], [-1, -1]])
def test_exponents_of_alpha_that_differ_are_refused(cost):
    with pytest.raises(NotAdmissibleError, match="one positive exponent of alpha"):
        analyze(PAIR, cost=cost, depth=3)


def test_zeros_of_the_prior_leave_the_system():
    system = LinearSystem([[1.0, 0.5, 2.0]], [1.0])
    analysis = analyze(system, depth=3, prior=[1, 1, 0])
    assert analysis.x_star.tolist() == [1.0, 0.0, 0.0]
    assert analysis.exponents.tolist() == [0.0, 1.0, inf]
    assert np.exp(analysis.log_coefficients[1]) == pytest.approx(8.0, rel=1e-14)
    with pytest.raises(InfeasibleError):
        analyze(LinearSystem([[1.0, 0.0]], [1.0]), depth=3, prior=[0, 1])


def test_forced_zeros_have_infinite_exponent():
    analysis = analyze(FORCED, depth=4)
    assert np.isinf(analysis.exponents[2:]).all()


@pytest.mark.parametrize(
    "ask",
    [
        lambda analysis: analysis.upper_bound(1e-6),
        lambda analysis: analysis.lower_bound(1e-6),
        lambda analysis: analysis.enclosure(1e-6, rigorous=True),
        lambda analysis: analysis.encloser,
    ],
)
def test_what_is_of_depth_2_is_refused(ask):
    with pytest.raises(NotAdmissibleError, match="depth"):
        ask(analyze(PAIR, depth=3))


def test_a_single_point_has_no_deviation_at_any_depth():
    analysis = analyze(LinearSystem([[1.0, 0.0], [0.0, 1.0]], [1.0, 2.0]), depth=3)
    assert not analysis.moves
    assert analysis.upper_bound(1e-6) == 0.0
    assert analysis.deviation_enclosure(1e-6).upper == 0.0
    assert analysis.alpha_for(1e-6).log_guaranteed == inf


@pytest.mark.parametrize("depth", [1.5, -1, "3", None, np.nan])
def test_a_depth_that_is_none_is_refused(depth):
    with pytest.raises(InvalidProblemError, match="depth"):
        analyze(PAIR, depth=depth)


def test_the_null_space_constants_do_not_depend_on_the_depth():
    deep, plain = analyze(TWO_RATES, depth=3), analyze(TWO_RATES)
    assert deep.rho.value == pytest.approx(plain.rho.value, abs=1e-14)
    assert deep.rho_tilde.value == pytest.approx(plain.rho_tilde.value, abs=1e-14)


def test_the_page_names_the_depth_and_leaves_out_what_is_refused():
    analysis = analyze(TWO_RATES, depth=3)
    page = analysis.page(alphas=[1e-6])
    assert "depth              3" in page
    assert analysis.to_dict(alphas=[1e-6])["depth"] == 3
    assert analysis.to_dict(alphas=[1e-6])["levels"][0]["log_upper_bound"] is None


def test_an_analysis_of_a_depth_is_saved_with_it(tmp_path):
    analysis = analyze(SEVERAL, depth=3, prior=[1, 2, 3, 4])
    analysis.save(tmp_path / "analysis.npz")
    loaded = load(tmp_path / "analysis.npz")
    assert loaded.depth == 3
    assert loaded.log_leading_constant == analysis.log_leading_constant
    assert loaded.log_deviation(log_alpha=-30.0) == analysis.log_deviation(log_alpha=-30.0)


@pytest.mark.parametrize("depth", [2.05, 2.5, 3, 8, inf])
@pytest.mark.parametrize("margin", [1.0, 1e-3, 1e-9])
def test_a_centre_is_found_from_a_start_near_the_boundary(depth, margin):
    rng = np.random.default_rng(1)
    C = rng.standard_normal((4, 12))
    C[:, -1] = -C[:, :-1].sum(axis=1)  # C 1 = 0
    start = rng.standard_normal(4)
    gamma = C.T @ start + rng.uniform(1.0, 2.0, 12) * np.append(margin, np.ones(11))
    centre = barrier_centre(gamma, C, start, potential_of(depth))
    n = np.exp(centre.log_n - centre.log_n.max())
    assert np.abs(C @ n).max() <= 1e-11 * (np.abs(C) @ n).max()
    slack = gamma - C.T @ centre.b
    assert centre.log_n == pytest.approx(-np.log(slack) / q_of(depth), rel=1e-12)


def test_priors_whose_powers_tie_leave_several_minimisers():
    # w = prior^-1/3 = (1, 2): the limit is the largest sum x^(2/3) on the segment x_1 + 2 x_2 = 3.
    analysis = analyze(LinearSystem([[1.0, 2.0]], [3.0]), depth=3, prior=[1.0, 0.125])
    assert not analysis.unique
    assert analysis.x_star == pytest.approx([2.4, 0.3], rel=1e-12)
