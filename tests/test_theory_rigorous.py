"""rigorous=True is a proof: against rationals and balls, to the last digits, and whatever floating point offered."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from flint import arb, arb_mat, ctx, fmpq_mat
from soundness.truth import exact_projection

from bregman_l1 import LinearSystem, analyze
from bregman_l1.errors import InvalidProblemError, NotAdmissibleError
from bregman_l1.exact import at_precision, rationals
from bregman_l1.proof.arithmetic import exactly, product
from bregman_l1.proof.record import Unproved
from bregman_l1.theory.analysis import Analysis
from bregman_l1.theory.enclosure import Encloser, Witnesses
from bregman_l1.theory.limit import Limit
from bregman_l1.theory.rigorous.limit import BallLimit, Precisions, above, below, in_kernel

COUNTEREXAMPLE = LinearSystem([[1, 0, 5], [0, 1, -9 / 2]], [1, 1])
MIXED = LinearSystem([[1, 0, 2, -1, -3 / 2], [0, 1, -1, 1, 1 / 2], [0, 0, 1, -1, -2]], [1, 1, 0])
SEVERAL = LinearSystem([[1, 1, 1, 1 / 2], [0, 1, 2, 3]], [1, 4 / 5])
STILL = LinearSystem([[1, 1], [1, -1]], [1, 0.5])
VANISHING = LinearSystem([[1, 1 / 2, 1 / 4, 1], [0, 0, 0, 1]], [1, 0])
LEVELS = (-2.0, -14.0, -100.0, -690.0, -1e5)
# Seeds of `integer_system` with a unique minimiser that is found exactly.
EXACT = (2, 3, 6, 10, 11, 12, 16, 18, 20, 22, 25, 26, 29, 30, 32, 36, 37, 41, 44, 45, 49, 50, 53, 58, 59)
# Digits of the truth beyond those of the balls.
PRECISION = 500


def integer_system(seed: int) -> LinearSystem:
    """A small system of integers, with dependent, opposite or equal rows and columns every now and then."""
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(1, 5))
    n_columns = int(rng.integers(n_rows + 1, 10))
    A = rng.integers(*((-3, 4) if seed % 2 else (0, 3)), (n_rows, n_columns)).astype(float)
    if seed % 3 == 0 and n_rows > 1:
        A[-1] = 2 * A[0]
    x = np.zeros(n_columns)
    x[rng.choice(n_columns, n_rows, replace=False)] = rng.integers(1, 9, n_rows)
    return LinearSystem(A, A @ x)


@cache
def exact_case(seed: int) -> Analysis:
    """Of a system with a unique minimiser that is a vector of floats, for an exact y."""
    analysis = analyze(integer_system(seed))
    assert analysis.unique
    assert analysis.right_hand_side.which == "y"
    return analysis


def true_deviations(analysis, log_alpha):
    """The logarithms of ||x(alpha)_R||_1 and ||x(alpha) - x*||_1, with n_S from n_R in rationals."""
    A, y, S, R = analysis.system.matrix, analysis.system.y, analysis.support, analysis.limit.cone.outside
    log_x = exact_projection(A, y, log_alpha, analysis.limit.cost)
    on, off = rationals(A[:, S]), rationals(A[:, R])
    ctx.prec = PRECISION
    x_R = arb_mat(R.size, 1, [log_x[j].exp() if log_x[j].is_finite() else arb(0) for j in R])
    n_S = arb_mat(fmpq_mat((on.transpose() * on).inv() * (on.transpose() * off))) * x_R
    r = sum(x_R.entries(), arb(0))
    return r.log(), (r + sum(map(abs, n_S.entries()), arb(0))).log()


@pytest.fixture(autouse=True)
def _keep_the_precision():
    before = ctx.prec
    yield
    ctx.prec = before


def is_between(enclosure, log_value):
    """Whether the ends are on the right sides, up to the digits that the truth has."""
    slack = arb(1e-28) * (1 + abs(log_value))
    return bool(arb(enclosure.log_lower) - slack <= log_value <= arb(enclosure.log_upper) + slack)


@pytest.mark.parametrize("seed", EXACT)
def test_both_ends_are_on_the_right_sides_of_the_exact_path(seed):
    analysis = exact_case(seed)
    for log_alpha in LEVELS:
        off = analysis.enclosure(log_alpha=log_alpha, rigorous=True)
        total = analysis.deviation_enclosure(log_alpha=log_alpha, rigorous=True)
        true_off, true_total = true_deviations(analysis, log_alpha)
        assert is_between(off, true_off)
        assert is_between(total, true_total)
        assert max(off.log_width, total.log_width) < 1e-9 + 1e-13 * abs(log_alpha)


def test_ends_hold_against_the_references_to_their_last_digits(unique_case):
    """For the systems with x* a vector of floats, at the scales that are floats themselves."""
    analysis = analyze(unique_case.system)
    if analysis.right_hand_side.which != "y":
        assert analysis.right_hand_side.roundings < 4
        return
    whole = [projection for projection in unique_case.projections if "." not in projection["log_alpha"]]
    assert whole
    with at_precision(PRECISION):
        for projection in whole:
            log_alpha = float(projection["log_alpha"])
            off = analysis.enclosure(log_alpha=log_alpha, rigorous=True)
            total = analysis.deviation_enclosure(log_alpha=log_alpha, rigorous=True)
            assert is_between(off, arb(projection["log_deviation_off_support_l1"]))
            assert is_between(total, arb(projection["log_deviation_l1"]))


def test_a_right_hand_side_that_is_rounded_says_by_how_much():
    analysis = analyze(LinearSystem([[3.0, 1.0]], [1.0]))
    side = analysis.right_hand_side
    assert side.which == "rounded y"
    # fl(1/3) = (2^54 - 1) / 3 / 2^54: y' = 1 - 2^-54, and |A||x| + |y| is a rounding less than 2.
    assert side.roundings == pytest.approx(2.0**-54 / 2 / 2.0**-52, rel=1e-12)
    assert side.columns.tolist() == [0]
    assert side.values == (Fraction(1 / 3),)
    assert analyze(COUNTEREXAMPLE).right_hand_side.which == "y"


@pytest.mark.parametrize("log_alpha", [-40.0, -690.0, -2302.0, -1e5])
def test_a_proof_is_no_wider_than_what_holds_up_to_rounding(unique_case, log_alpha):
    analysis = analyze(unique_case.system)
    for ask in (analysis.enclosure, analysis.deviation_enclosure):
        proved, rounded = ask(log_alpha=log_alpha, rigorous=True), ask(log_alpha=log_alpha)
        assert proved.log_lower >= rounded.log_lower - 1e-9
        assert proved.log_upper <= rounded.log_upper + 1e-9


def test_the_float_alpha_is_meant_where_it_is_given():
    """One kernel direction: x_3^2 = alpha (1 - 5 x_3)^5 / (1 + 4.5 x_3)^4.5, solved for alpha = fl(1e-8)."""
    analysis, alpha = analyze(COUNTEREXAMPLE), 1e-8
    enclosure = analysis.enclosure(alpha, rigorous=True)
    with at_precision(PRECISION):

        def excess(z):
            x = z.exp()
            return z - (
                arb(alpha).log() * (1 - arb("0.5")) + 5 * (1 - 5 * x).log() - arb("4.5") * (1 + arb("4.5") * x).log()
            )

        assert excess(arb(enclosure.log_lower)) <= 0 <= excess(arb(enclosure.log_upper))
    assert enclosure.log_width < 1e-14


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1e-3, 0.3])
def test_a_wrong_dual_vector_is_corrected_and_not_believed(monkeypatch, noise):
    analysis = analyze(MIXED)
    honest, rng = Encloser.witnesses, np.random.default_rng(0)

    def perturbed(self, log_alpha):
        given = honest(self, log_alpha)
        return Witnesses(
            mu=given.mu + noise * rng.standard_normal(given.mu.size), eta=given.eta - noise * (1 + 10 * given.mu)
        )

    monkeypatch.setattr(Encloser, "witnesses", perturbed)
    for log_alpha in (-14.0, -100.0):
        true_off, true_total = true_deviations(analysis, log_alpha)
        assert is_between(analysis.enclosure(log_alpha=log_alpha, rigorous=True), true_off)
        assert is_between(analysis.deviation_enclosure(log_alpha=log_alpha, rigorous=True), true_total)


def test_an_uncorrected_dual_vector_would_prove_what_is_false():
    """What the correction is for: the same formula with eta as it was given lies below the truth."""
    analysis, log_alpha = analyze(COUNTEREXAMPLE), -100.0
    witnesses = analysis.encloser.witnesses(log_alpha)
    wrong = witnesses.eta - 0.1
    true_off, _ = true_deviations(analysis, log_alpha)
    A_R = analysis.system.columns(analysis.limit.cone.outside)
    believed = log_alpha * (1 - A_R.T @ witnesses.mu) + A_R.T @ wrong
    assert arb(float(believed.max())) < true_off

    with at_precision(200):
        limit = BallLimit(analysis.limit)
        corrected = limit.dual_vector(wrong, limit.log_ratio)
        assert all(
            here.overlaps(value)
            for here, value in zip(product(limit.A_S.transpose(), corrected), limit.log_ratio, strict=True)
        )


def test_a_left_inverse_that_is_none_is_made_one(monkeypatch):
    limit = analyze(MIXED).limit
    honest = type(limit.cone).dual_vector
    rng = np.random.default_rng(1)
    monkeypatch.setattr(
        type(limit.cone), "dual_vector", lambda self, w, b: honest(self, w, b) + 0.1 * rng.standard_normal(3)
    )
    with at_precision(128):
        inverse = BallLimit(limit)
        identity = inverse.G * inverse.A_S
        assert all(identity[i, j].contains(int(i == j)) for i in range(2) for j in range(2))
        assert max(float(entry.rad()) for entry in identity.entries()) < 1e-30


def test_dependent_columns_are_no_support():
    A = np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 1.0]])
    system = LinearSystem(A, A @ [1, 1, 0])
    ones, x = np.ones(3), np.array([1.0, 1.0, 0.0])
    limit = Limit.around(system=system, cost=ones, prior=ones, support=np.array([0, 1]), x=x, unique=True)
    with pytest.raises(Unproved, match="were not proved to be independent"):
        Precisions(limit).first_proved(lambda balls: balls.G)


@pytest.mark.parametrize("estimate", [[0.5, 0.25, 0.25], [0.5, 0.3, 0.2], [1.0, 1e-3, 1e-9]])
def test_a_kernel_vector_is_one_exactly_whatever_it_was_made_from(estimate):
    limit = analyze(MIXED).limit
    with at_precision(200):
        balls = BallLimit(limit)
        kernel = balls.kernel_vector(exactly(np.array(estimate)))
        assert sum(kernel.q, arb(0)).contains(1)
        assert all(entry >= 0 for entry in kernel.q)
        gaps = [a - b for a, b in zip(product(balls.A_S, kernel.z), product(balls.A_R, kernel.q), strict=True)]
        assert all(gap.contains(0) and gap.rad() < 1e-40 for gap in gaps)


def test_what_is_far_from_the_base_is_no_kernel_vector():
    """C q = q_1 - q_2 - 2 q_3: no nonnegative vector near (0, 1, 0) is in the base."""
    limit = analyze(MIXED).limit
    with at_precision(128), pytest.raises(Unproved, match="nonnegative"):
        BallLimit(limit).kernel_vector(exactly(np.array([1e-12, 1.0, 0.5])))


def test_rows_that_are_dependent_up_to_rounding_only_are_found_out():
    A = np.array([[1.0, 1.0, 3.0], [0.1, 0.1, 0.3]])
    assert A[1, 2] != 3 * A[1, 0]
    with at_precision(128), pytest.raises(Unproved, match="do not depend on them exactly"):
        in_kernel(A, exactly(np.array([1.0, 2.0, -1.0])), np.zeros(3))


@pytest.mark.parametrize(("alpha", "truth"), [(1e-4, 0.720920156583), (1e-6, 0.957579707485)])
def test_the_printed_formula_is_evaluated_outward_and_stays_false(alpha, truth):
    analysis, scale = analyze(COUNTEREXAMPLE), alpha**0.5
    printed = analysis.lower_bound(alpha, form="printed", rigorous=True)
    assert printed <= analysis.lower_bound(alpha, form="printed") * (1 + 1e-15)
    assert printed / scale > truth * 1.01
    assert analysis.lower_bound(alpha, rigorous=True) / scale < truth


def test_the_corrected_form_holds_in_exact_arithmetic():
    """x_3 = 62570773 / 65450827 alpha at the rational alpha of tests/test_theory_bounds.py, here its float."""
    analysis = analyze(LinearSystem([[1, 0, 3], [0, 1, -3]], [1, 1]))
    alpha = 65450827 / 25028309200
    ratio, printed = 62570773 / 65450827, 12055998811 / 12514154600
    assert analysis.lower_bound(alpha, form="printed", rigorous=True) == pytest.approx(printed * alpha, rel=1e-14)
    assert analysis.lower_bound(alpha, rigorous=True) < ratio * alpha < printed * alpha


@pytest.mark.parametrize("seed", EXACT)
def test_theorem_holds_in_balls_on_the_exact_path(seed):
    analysis = exact_case(seed)
    for log_alpha in (-14.0, -690.0):
        _, true_total = true_deviations(analysis, log_alpha)
        bound = analysis.log_upper_bound(log_alpha=log_alpha, rigorous=True)
        assert arb(bound) >= true_total
        try:
            lower = analysis.log_lower_bound(log_alpha=log_alpha, rigorous=True)
        except NotAdmissibleError:
            continue
        log_x = exact_projection(analysis.system.matrix, analysis.system.y, log_alpha)
        assert arb(lower) <= max((log_x[j] for j in analysis.limit.cone.outside), key=lambda ball: float(ball.mid()))


def test_constants_are_on_the_safe_side_and_close(unique_case):
    analysis = analyze(unique_case.system)
    theorem = analysis._bounds._rigorous_theorem
    assert theorem.rho_lower <= unique_case.exact("rho") + 1e-15
    assert unique_case.exact("rho") <= theorem.rho_upper + 1e-15
    assert theorem.rho_upper - theorem.rho_lower < 1e-13
    for name in ("rho_tilde", "rho_minus"):
        assert unique_case.exact(name) - 1e-15 <= getattr(theorem, name) <= unique_case.exact(name) + 1e-12


def test_constants_of_mixed_signs_are_those_of_all_patterns():
    """The column maximum of rho_minus is 3, the best over left inverses is not needed: 4/3 and 5/6 are exact."""
    theorem = analyze(MIXED)._bounds._rigorous_theorem
    with at_precision(128):
        assert arb(theorem.rho_tilde) >= arb(4) / 3
        assert arb(theorem.rho_minus) >= arb(5) / 6
    assert theorem.rho_tilde == pytest.approx(4 / 3, rel=1e-14)
    assert theorem.rho_minus == pytest.approx(5 / 6, rel=1e-14)
    assert (theorem.rho_lower, theorem.rho_upper) == pytest.approx((0.5, 0.5), rel=1e-14)


def test_bounds_are_those_in_floating_point_rounded_outward(unique_case):
    analysis = analyze(unique_case.system)
    for log_alpha in (-20.0, -690.0, -1e5):
        upper = analysis.log_upper_bound(log_alpha=log_alpha)
        proved = analysis.log_upper_bound(log_alpha=log_alpha, rigorous=True)
        assert proved == pytest.approx(upper, abs=1e-12 + 1e-14 * abs(log_alpha))
        assert analysis.upper_bound(log_alpha=log_alpha, rigorous=True) > 0


def test_theorem_refuses_in_balls_what_it_refuses_in_floating_point():
    analysis = analyze(COUNTEREXAMPLE)
    for ask in (analysis.upper_bound, analysis.lower_bound):
        with pytest.raises(NotAdmissibleError, match="alpha < min x\\*_S / prior_S = 1"):
            ask(1.0, rigorous=True)
        with pytest.raises(InvalidProblemError, match="exactly one"):
            ask(rigorous=True)
    with pytest.raises(NotAdmissibleError, match="the corrected lower bound needs"):
        analysis.lower_bound(0.9, rigorous=True)
    with pytest.raises(NotAdmissibleError, match=r"\(II.4\) needs"):
        analysis.lower_bound(0.9, form="printed", rigorous=True)
    with pytest.raises(InvalidProblemError, match="form"):
        analysis.lower_bound(1e-3, form="exact", rigorous=True)


def test_several_minimisers_are_refused_with_the_reason():
    analysis = analyze(SEVERAL)
    for ask in (analysis.enclosure, analysis.deviation_enclosure, analysis.upper_bound, analysis.lower_bound):
        with pytest.raises(NotAdmissibleError, match="unique"):
            ask(1e-3, rigorous=True)
    with pytest.raises(NotAdmissibleError, match="rigorous=True needs a unique minimiser"):
        analysis.alpha_for(1e-3, rigorous=True)


def test_costs_are_proved_as_well():
    system = LinearSystem([[1, 3 / 2, 1]], [2])
    analysis = analyze(system, cost=[1, 2, 3 / 2])
    for log_alpha in LEVELS:
        true_off, true_total = true_deviations(analysis, log_alpha)
        assert is_between(analysis.enclosure(log_alpha=log_alpha, rigorous=True), true_off)
        assert is_between(analysis.deviation_enclosure(log_alpha=log_alpha, rigorous=True), true_total)
    with pytest.raises(NotAdmissibleError, match="unit costs"):
        analysis.upper_bound(1e-3, rigorous=True)


@pytest.mark.parametrize("log_alpha", LEVELS)
def test_coordinates_that_vanish_are_proved_to(log_alpha):
    analysis = analyze(VANISHING)
    assert np.isinf(analysis.exponents).any()
    true_off, true_total = true_deviations(analysis, log_alpha)
    for enclosure, truth in (
        (analysis.enclosure(log_alpha=log_alpha, rigorous=True), true_off),
        (analysis.deviation_enclosure(log_alpha=log_alpha, rigorous=True), true_total),
    ):
        assert is_between(enclosure, truth)
        assert enclosure.log_width < 1e-9


def test_where_nothing_moves_that_is_proved():
    analysis = analyze(STILL)
    assert analysis.enclosure(0.1, rigorous=True).upper == 0.0
    assert analysis.deviation_enclosure(0.1, rigorous=True).upper == 0.0
    assert analysis.upper_bound(0.1, rigorous=True) == analysis.lower_bound(0.1, rigorous=True) == 0.0
    assert analysis.alpha_for(1e-3, rigorous=True).log_guaranteed == np.inf


@pytest.mark.parametrize("system", [COUNTEREXAMPLE, MIXED, VANISHING], ids=["orthant", "mixed", "vanishing"])
@pytest.mark.parametrize("error", [1e-200, 1e-6, 0.1, 1e3])
def test_the_guaranteed_alpha_is_proved_to_be_one(system, error):
    analysis = analyze(system)
    plan = analysis.alpha_for(error, rigorous=True)
    rounded = analysis.alpha_for(error)
    assert plan.log_guaranteed <= rounded.log_guaranteed + 1e-9
    assert plan.log_guaranteed == pytest.approx(rounded.log_guaranteed, abs=1e-6)
    assert plan.log_exact == pytest.approx(rounded.log_exact, abs=1e-8)
    for further in (0.0, 1.0, 50.0):
        enclosure = analysis.deviation_enclosure(log_alpha=plan.log_guaranteed - further, rigorous=True)
        with at_precision(128):
            assert arb(enclosure.log_upper) <= arb(error).log() + arb(1e-12)


def test_a_guess_that_is_no_guarantee_is_lowered_until_it_is():
    analysis = analyze(COUNTEREXAMPLE)
    plan = analysis.alpha_for(1e-6, rigorous=True)
    found = analysis._bounds._rigorous.guaranteed(1e-6, 9.5, plan.log_guaranteed + 1e-3)
    assert plan.log_guaranteed - 1e-2 < found <= plan.log_guaranteed + 1e-12


@pytest.mark.parametrize("scale", [-500, 500])
def test_units_do_not_matter(scale):
    A, y = np.array([[1.0, 0.5, 0.25], [0.0, 1.0, -1.0]]), np.array([4.0, 0.0])
    plain = analyze(LinearSystem(A, y)).enclosure(log_alpha=-50.0, rigorous=True)
    rows = analyze(LinearSystem(np.ldexp(A, scale), np.ldexp(y, scale)))
    assert rows.enclosure(log_alpha=-50.0, rigorous=True).log_upper == pytest.approx(plain.log_upper, abs=1e-12)


def test_dependent_rows_are_left_out_by_proof():
    A = np.array([[1.0, 1 / 2, 1 / 4], [2.0, 1.0, 1 / 2]])
    analysis = analyze(LinearSystem(A, A @ [1.0, 0.0, 0.0]))
    for log_alpha in LEVELS:
        true_off, _ = true_deviations(analysis, log_alpha)
        enclosure = analysis.enclosure(log_alpha=log_alpha, rigorous=True)
        assert is_between(enclosure, true_off)
        assert enclosure.log_width < 1e-9


def test_what_is_not_proved_is_refused_with_the_step_that_failed(monkeypatch):
    def fails(*_):
        raise Unproved("A_S", "its columns were not proved to be independent")

    monkeypatch.setattr(BallLimit, "left_inverse", fails)
    analysis, reason = analyze(MIXED), "rigorous=True: A_S could not be proved: its columns"
    for ask in (analysis.enclosure, analysis.deviation_enclosure, analysis.upper_bound, analysis.lower_bound):
        with pytest.raises(NotAdmissibleError, match=reason):
            ask(1e-3, rigorous=True)
    with pytest.raises(NotAdmissibleError, match=reason):
        analysis.alpha_for(1e-3, rigorous=True)
    with pytest.raises(NotAdmissibleError, match=reason):
        analyze(STILL).enclosure(1e-3, rigorous=True)


def test_a_lower_end_that_is_not_proved_is_zero(monkeypatch):
    def fails(*_):
        raise Unproved("kernel vector", "there is none")

    monkeypatch.setattr(BallLimit, "kernel_vector", fails)
    monkeypatch.setattr("bregman_l1.theory.rigorous.enclosure.ball_neighbourhood", fails)
    analysis = analyze(MIXED)
    true_off, true_total = true_deviations(analysis, -30.0)
    off = analysis.enclosure(log_alpha=-30.0, rigorous=True)
    total = analysis.deviation_enclosure(log_alpha=-30.0, rigorous=True)
    assert off.log_lower == total.log_lower == -np.inf
    assert is_between(off, true_off)
    assert is_between(total, true_total)


def test_more_bits_are_taken_where_a_step_needs_them():
    seen = []

    def needs(bits):
        def prove(limit):
            seen.append(ctx.prec)
            if ctx.prec < bits:
                raise Unproved("digits", "not yet")
            return ctx.prec

        return prove

    precisions = Precisions(analyze(COUNTEREXAMPLE).limit)
    assert precisions.first_proved(needs(500)) == 512
    assert seen == [128, 256, 512]
    with pytest.raises(Unproved, match="not yet"):
        precisions.first_proved(needs(10**6))


@pytest.mark.parametrize("ball", [arb(1, 1e-9), arb("nan"), arb("inf")])
def test_a_ball_that_is_not_resolved_takes_more_bits(ball):
    for side in (above, below):
        with pytest.raises(Unproved, match="precision"):
            side(ball)


def test_a_resolved_ball_is_rounded_to_its_own_side():
    with at_precision(128):
        third = arb(1) / 3
        assert arb(below(third)) < third < arb(above(third))
        assert above(third) - below(third) == 2.0**-54


def test_an_analysis_that_proved_something_is_pickled_and_copied():
    analysis = analyze(MIXED)
    before = analysis.enclosure(log_alpha=-30.0, rigorous=True), analysis.upper_bound(1e-3, rigorous=True)
    for twin in (pickle.loads(pickle.dumps(analysis)), copy.deepcopy(analysis)):
        assert (twin.enclosure(log_alpha=-30.0, rigorous=True), twin.upper_bound(1e-3, rigorous=True)) == before
        assert twin.right_hand_side.which == "y"


def test_ends_of_an_enclosure_are_rounded_outward():
    enclosure = analyze(COUNTEREXAMPLE).enclosure(1e-8, rigorous=True)
    with at_precision(128):
        assert arb(enclosure.lower).log() <= arb(enclosure.log_lower)
        assert arb(enclosure.upper).log() >= arb(enclosure.log_upper)
    deep = replace(enclosure, log_lower=-2000.0, log_upper=-1999.0)
    assert (deep.lower, deep.upper) == (0.0, 5e-324)
