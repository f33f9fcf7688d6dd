"""The enclosures contain the 30-digit truth, are sharp, and agree with their convex programs."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from bregman_l1 import solve
from bregman_l1.errors import InvalidProblemError, NotAdmissibleError
from bregman_l1.problems import BregmanProjection
from bregman_l1.system import LinearSystem
from bregman_l1.theory import analyze
from bregman_l1.theory.enclosure import Enclosure
from bregman_l1.theory.neighbourhood import neighbourhood

COUNTEREXAMPLE = LinearSystem([[1, 0, 5], [0, 1, -9 / 2]], [1, 1])
SEVERAL = LinearSystem([[1, 1, 1, 1 / 2], [0, 1, 2, 3]], [1, 4 / 5])


def test_enclosures_contain_the_truth_at_every_alpha(unique_case):
    analysis = analyze(unique_case.system)
    for projection in unique_case.projections:
        log_alpha = float(projection["log_alpha"])
        off = analysis.enclosure(log_alpha=log_alpha)
        total = analysis.deviation_enclosure(log_alpha=log_alpha)
        assert off.contains(log_value=float(projection["log_deviation_off_support_l1"]))
        assert total.contains(log_value=float(projection["log_deviation_l1"]))


def test_enclosures_are_narrower_than_1e_8_in_the_asymptotic_regime(unique_case):
    analysis = analyze(unique_case.system)
    for log_alpha in (-200.0, -690.0, -2302.0, -1e5):
        assert analysis.enclosure(log_alpha=log_alpha).log_width < 1e-8
        assert analysis.deviation_enclosure(log_alpha=log_alpha).log_width < 1e-8


def test_upper_end_beats_the_bound_of_the_paper(unique_case):
    analysis = analyze(unique_case.system)
    for log_alpha in (-20.0, -690.0):
        ours, theirs = analysis.deviation_enclosure(log_alpha=log_alpha), analysis.log_upper_bound(log_alpha=log_alpha)
        assert ours.log_upper < theirs + 1e-9


@pytest.mark.parametrize("seed", [3, 7])
@pytest.mark.parametrize("small", [1e-3, 1e-6, 10**-7.5])
def test_enclosures_hold_for_a_minimiser_with_a_small_entry(seed, small):
    """The only kernel direction left, r = x_4, solves log r = -t gamma + sum_i B_i log(x*_i - r B_i): 40 digits."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((3, 4))
    system = LinearSystem(A, A[:, :3] @ [1, small, 0.7])
    analysis = analyze(system)
    assert analysis.support.tolist() == [0, 1, 2]
    log_alpha = -120.0 / analysis.rate
    with mp.workdps(60):
        A_S = mp.matrix(A[:, :3].tolist())
        x = mp.lu_solve(A_S, mp.matrix(system.y.tolist()))
        B = mp.lu_solve(A_S, mp.matrix(A[:, 3].tolist()))
        start = log_alpha * (1 - sum(B)) + sum(B[i] * mp.log(x[i]) for i in range(3))
        log_r = mp.findroot(
            lambda z: z - log_alpha * (1 - sum(B)) - sum(B[i] * mp.log(x[i] - mp.exp(z) * B[i]) for i in range(3)),
            start,
        )
        enclosure = analysis.enclosure(log_alpha=log_alpha)
        assert mp.mpf(enclosure.log_lower) <= log_r <= mp.mpf(enclosure.log_upper)
    assert enclosure.log_width < 1e-9


def test_one_kernel_direction_gives_the_closed_form():
    enclosure = analyze(COUNTEREXAMPLE).enclosure(1e-8)
    assert enclosure.upper == pytest.approx(1e-4, rel=1e-12)
    assert enclosure.lower == pytest.approx(9.9548505343412891e-5, rel=1e-12)
    assert enclosure.lower <= 9.9550530183886119e-5 <= enclosure.upper


def test_tied_columns_give_the_closed_form():
    enclosure = analyze(LinearSystem([[1, 1 / 2, 1 / 2]], [4])).enclosure(0.01)
    assert enclosure.upper == pytest.approx(0.4, rel=1e-13)
    assert enclosure.lower == pytest.approx(0.2 * np.sqrt(3.8), rel=1e-13)
    assert enclosure.lower <= 0.39012498047485113 <= enclosure.upper


def test_upper_end_equals_the_optimal_value_of_its_convex_program(unique_case):
    analysis = analyze(unique_case.system)
    for log_alpha in (-5.0, -20.0):
        program = analysis.encloser.dcp(log_alpha)
        program.solve(solver="CLARABEL")
        log_upper = analysis.encloser.log_upper(log_alpha)
        assert log_upper == pytest.approx(analysis.rate * log_alpha + program.value, abs=1e-6)


def test_lower_end_stays_below_the_best_point_of_its_convex_program():
    analysis = analyze(LinearSystem([[1, 1 / 2, 1 / 3, 0], [0, 1, -1, 1 / 4]], [4, 0.1]))
    log_alpha = float(np.log(1e-3))
    program = analysis.encloser.dcp(log_alpha, log_upper=analysis.encloser.log_upper(log_alpha))
    program.solve(solver="CLARABEL")
    best = analysis.rate * log_alpha + program.value
    enclosure = analysis.enclosure(log_alpha=log_alpha)
    assert best - 0.1 < enclosure.log_upper
    assert best == pytest.approx(enclosure.log_lower, abs=0.05)


@pytest.mark.parametrize("log_alpha", [-10.0, -20.0, -50.0, -690.0])
def test_several_minimisers_are_enclosed_as_well(log_alpha):
    analysis = analyze(SEVERAL)
    truth = analysis.log_deviation(log_alpha=log_alpha)
    enclosure = analysis.deviation_enclosure(log_alpha=log_alpha)
    assert enclosure.contains(log_value=truth)
    assert enclosure.log_width < np.exp(0.5 * log_alpha) * 1e3 + 1e-9


def test_costs_are_enclosed_as_well():
    analysis = analyze(LinearSystem([[1, 3 / 2, 1]], [2]), cost=[1, 2, 3 / 2])
    for log_alpha in (-5.0, -50.0, -690.0):
        truth = analysis.log_deviation(log_alpha=log_alpha)
        assert analysis.deviation_enclosure(log_alpha=log_alpha).contains(log_value=truth)


@pytest.mark.parametrize("system", [COUNTEREXAMPLE, SEVERAL], ids=["unique", "several"])
def test_enclosures_are_narrow_far_from_the_asymptotic_regime(system):
    analysis = analyze(system)
    for log_alpha in (0.0, 2.0):
        truth = analysis.log_deviation(log_alpha=log_alpha)
        enclosure = analysis.deviation_enclosure(log_alpha=log_alpha)
        assert enclosure.log_lower - 1e-9 <= truth <= enclosure.log_upper + 1e-9
        assert enclosure.log_width < 1e-6


def test_dependent_rows_do_not_hide_the_neighbourhood():
    system = LinearSystem([[1, 1 / 2, 1 / 3], [2, 1, 2 / 3]], [1, 2])
    analysis = analyze(system)
    assert analysis.enclosure(2.0).log_width < 1e-6


@pytest.mark.parametrize("error", [0.0, 1e-6, 1e-3, 1e-2])
def test_any_dual_vector_proves_a_neighbourhood(unique_case, error):
    system = unique_case.system
    solution = solve(BregmanProjection(system, log_alpha=-2.0))
    rng = np.random.default_rng(0)
    dual = solution.dual * (1 + error * rng.standard_normal(solution.dual.size))
    everywhere = np.ones(solution.x.size, dtype=bool)
    around = neighbourhood(system, np.full(solution.x.size, -2.0), dual, everywhere)
    for index in (everywhere, analyze(system).limit.cone.outside, np.array([0])):
        low, high = around.sum_over(index)
        assert low <= solution.x[index].sum() * (1 + 1e-12)
        assert solution.x[index].sum() <= high * (1 + 1e-12)
    low, high = around.distance_to(solution.x, 1e-12)
    assert low <= 1e-11
    assert np.abs(around.z - solution.x).sum() <= high


def test_a_system_with_one_solution_has_nothing_to_enclose():
    analysis = analyze(LinearSystem([[1, 1], [1, -1]], [1, 0.5]))
    assert analysis.enclosure(0.1) == Enclosure(log_lower=-np.inf, log_upper=-np.inf)
    assert analysis.deviation_enclosure(0.1).upper == 0.0


@pytest.mark.parametrize("scale", [1e-200, 1e-50, 1e50])
def test_enclosures_move_with_the_scale_of_the_target(scale):
    rng = np.random.default_rng(0)
    A = rng.standard_normal((5, 14))
    y = A[:, 1] + 2 * A[:, 3]
    plain, scaled = analyze(LinearSystem(A, y)), analyze(LinearSystem(A, scale * y))
    for log_alpha in (-300.0, -1e5):
        truth = plain.log_deviation(log_alpha=log_alpha) + np.log(scale)
        enclosure = scaled.deviation_enclosure(log_alpha=log_alpha + np.log(scale))
        assert enclosure.contains(log_value=truth)
        assert enclosure.log_width < 1e-7


def test_alpha_and_its_logarithm_are_the_same_question():
    analysis = analyze(COUNTEREXAMPLE)
    assert analysis.enclosure(1e-8) == analysis.enclosure(log_alpha=float(np.log(1e-8)))


@pytest.mark.parametrize("arguments", [{}, {"alpha": 0.1, "log_alpha": -1.0}, {"alpha": 0.0}, {"alpha": float("nan")}])
def test_wrong_alphas_are_refused(arguments):
    analysis = analyze(COUNTEREXAMPLE)
    for ask in (analysis.enclosure, analysis.deviation_enclosure, analysis.upper_bound, analysis.lower_bound):
        with pytest.raises(InvalidProblemError, match="alpha"):
            ask(**arguments)


def test_alpha_plan_is_safe_and_exact():
    analysis = analyze(COUNTEREXAMPLE)
    plan = analysis.alpha_for(1e-6)
    assert plan.guaranteed <= plan.exact
    assert analysis.log_deviation(log_alpha=plan.log_exact) == pytest.approx(np.log(1e-6), abs=1e-8)
    assert analysis.deviation_enclosure(log_alpha=plan.log_guaranteed).upper <= 1e-6 * (1 + 1e-9)
    assert plan.log_exact - plan.log_guaranteed < 1e-4


def test_alpha_plan_reaches_beyond_floating_point():
    plan = analyze(COUNTEREXAMPLE).alpha_for(1e-200)
    assert plan.guaranteed == 0.0
    assert plan.log_guaranteed == pytest.approx(2 * (np.log(1e-200) - np.log(10.5)), abs=1e-9)


@pytest.mark.parametrize("error", [0.0, -1.0, np.nan, np.inf, 10**400, True, "small"])
def test_an_error_that_no_alpha_has_is_refused(error):
    with pytest.raises(InvalidProblemError, match="error must be positive and finite"):
        analyze(COUNTEREXAMPLE).alpha_for(error)


def test_alpha_plan_covers_several_minimisers():
    analysis = analyze(SEVERAL)
    plan = analysis.alpha_for(1e-6)
    assert plan.log_guaranteed <= plan.log_exact
    assert analysis.log_deviation(log_alpha=plan.log_guaranteed) <= np.log(1e-6)


def test_any_alpha_will_do_where_nothing_moves():
    plan = analyze(LinearSystem([[1, 1], [1, -1]], [1, 0.5])).alpha_for(1e-3)
    assert plan.exact == np.inf
    assert str(plan).endswith("0.001: guaranteed for every alpha")


def test_alpha_plan_finds_large_alphas_and_flat_priors():
    """x = (1 + M r, r) is not bounded: any distance is reached, however far out."""
    steep = analyze(LinearSystem([[1, -50]], [1]))
    assert steep.log_deviation(log_alpha=steep.alpha_for(1e40).log_exact) == pytest.approx(np.log(1e40), abs=1e-8)
    flat = analyze(LinearSystem([[1, -1]], [1]), cost=[1e-3, 2e-3])
    assert flat.log_deviation(log_alpha=flat.alpha_for(1e3).log_exact) == pytest.approx(np.log(1e3), abs=1e-8)
    bounded = analyze(LinearSystem([[1, 1 / 2]], [1])).alpha_for(1e3)
    assert bounded.exact == np.inf
    assert str(bounded).endswith("true for every alpha")


def test_an_error_that_takes_an_alpha_beyond_all_logarithms_is_refused():
    with pytest.raises(NotAdmissibleError, match=r"no log alpha above -1e\+15"):
        analyze(LinearSystem([[1.0, 1.0 - 2.0**-50]], [1.0])).alpha_for(1e-300)


@pytest.mark.parametrize("error", [0.0, -1.0, np.inf, np.nan, "small", None])
def test_impossible_errors_are_refused(error):
    with pytest.raises(InvalidProblemError, match="error"):
        analyze(COUNTEREXAMPLE).alpha_for(error)


def test_enclosures_do_not_depend_on_the_unit_of_the_matrix():
    """x grows like alpha here, and where alpha is far above y / A the Gram matrix of A itself overflows."""
    A, y, shift = np.array([[1.0, -1.0, 0.5]]), [1.0], 660 * np.log(2.0)
    plain, scaled = analyze(LinearSystem(A, y)), analyze(LinearSystem(np.ldexp(A, 660), y))
    for log_alpha in (-30.0, -1.0, 400.0):
        here, there = plain.enclosure(log_alpha=log_alpha), scaled.enclosure(log_alpha=log_alpha - shift)
        assert there.log_lower + shift == pytest.approx(here.log_lower, abs=1e-9)
        assert there.log_upper + shift == pytest.approx(here.log_upper, abs=1e-9)
