"""Projections of every depth in exact arithmetic: the Newton step, and what is proved.

The truth is a scalar equation of mpmath, A = (1, 1/2), y = 1 leaves one unknown whatever the depth, or the references
of thirty digits, or the conditions of the projection in fractions and mpmath.
"""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from depth_reference import CASES, DepthCase, kernel
from depth_reference import exact as exact_number
from flint import arb

from bregman_l1 import BregmanProjection, InfeasibleError, L1Minimization, LinearSystem, Status, exact, prove, solve
from bregman_l1.newton.exact_step import ExactProjection
from bregman_l1.potential import potential_of
from bregman_l1.theory import analyze

DEPTHS = [2.0, 2.5, 3.0, 6.0, math.inf]
LOG_ALPHAS = [-1.0, -13.8, -690.8, -2302.6]
ROW = np.array([[1.0, 0.5]])


def exponent(depth: float) -> mpmath.mpf:
    return mpmath.mpf(1) if math.isinf(depth) else 1 - 2 / mpmath.mpf(depth)


def log_of_two(depth: float, log_prior: tuple[float, float]) -> tuple[mpmath.mpf, mpmath.mpf]:
    """Log x of the projection of a prior onto x_1 + x_2 / 2 = 1, to some sixty digits.

    The unknown is the log of the entry that stays as the prior falls: w_1 x_1 + w_2 x_2 is less with it.
    """
    stays = int(exponent(depth) * (log_prior[1] - log_prior[0]) > math.log(2.0))
    coefficients = (mpmath.mpf(1), mpmath.mpf(0.5))
    own, other = coefficients[stays], coefficients[1 - stays]
    own_prior, other_prior = mpmath.mpf(log_prior[stays]), mpmath.mpf(log_prior[1 - stays])

    def rest(log_own: mpmath.mpf) -> mpmath.mpf:
        if depth == 2.0:
            return other_prior + (log_own - own_prior) * other / own
        q = exponent(depth)
        slack = mpmath.exp(-q * other_prior) + (mpmath.exp(-q * log_own) - mpmath.exp(-q * own_prior)) * other / own
        return mpmath.inf if slack <= 0 else -mpmath.log(slack) / q

    def missed(log_own: mpmath.mpf) -> mpmath.mpf:
        return own * mpmath.exp(log_own) + other * mpmath.exp(rest(log_own)) - 1

    below, above = mpmath.mpf(-10), mpmath.mpf(1)
    assert missed(below) < 0 < missed(above)
    for _ in range(220):
        middle = (below + above) / 2
        below, above = (middle, above) if missed(middle) < 0 else (below, middle)
    found = (below, rest(below))
    return found if stays == 0 else found[::-1]


def digits_for(depth: float, log_prior: tuple[float, float]) -> int:
    """As many as theta of the prior has before the point, and sixty."""
    return 60 + int(exponent(depth) * -min(log_prior) / math.log(10.0))


def step_of_two(depth: float, log_prior: tuple[float, float], log_x: np.ndarray) -> np.ndarray:
    """The step on the basis of the larger entry."""
    order = np.argsort(-log_x)
    A, prior, log_x = ROW[:, order], np.array(log_prior)[order], log_x[order]
    one, seen = np.ones(1), np.zeros(1, dtype=bool)
    equations = ExactProjection(potential_of(depth), A[:, :1], A[:, 1:], one, seen, prior[:1], prior[1:])
    return np.concatenate(equations.newton(log_x[:1], log_x[1:]))[order]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("log_alpha", LOG_ALPHAS)
@pytest.mark.parametrize("costs", [(1.0, 1.0), (1.0, 1.25), (1.0, 0.75)])
def test_the_newton_step_vanishes_at_the_projection_and_undoes_a_small_error(depth, log_alpha, costs):
    log_prior = (log_alpha * costs[0], log_alpha * costs[1])
    with mpmath.workdps(digits_for(depth, log_prior)):
        truth = log_of_two(depth, log_prior)
        log_x = np.array([float(value) for value in truth])
        off = np.array([float(value - mpmath.mpf(near)) for value, near in zip(truth, log_x, strict=True)])
    unit = np.maximum(1.0, np.abs(log_x))
    assert (np.abs(step_of_two(depth, log_prior, log_x) - off) <= 1e-15 * unit).all()
    error = np.array([1e-7, -3e-7])
    assert step_of_two(depth, log_prior, log_x + error) == pytest.approx(-error, abs=1e-11 + 1e-15 * unit.max())


@pytest.mark.parametrize("depth", [3.0, math.inf])
def test_reduced_costs_that_are_zero_cancel_at_any_scale_of_the_prior(depth):
    # 1'x is constant on x_1 + x_2 + x_3 = 1: without equal priors being summed first w = exp(q 1e6) would hide theta.
    A, y = np.array([[1.0, 1.0, 1.0], [0.1, 0.7, 0.3]]), np.array([1.0, 0.4])
    log_prior = np.full(3, -1e6)
    # At the projection theta(x) is in the span of the rows; x_3 is between x_1 and x_2.
    x = np.array([0.4, 0.3, 0.3])
    equations = ExactProjection(
        potential_of(depth), A[:, :2], A[:, 2:], y, np.zeros(2, dtype=bool), log_prior[:2], log_prior[2:]
    )
    log_x = np.log(x)
    for _ in range(8):
        step = equations.newton(log_x[:2], log_x[2:])
        assert step is not None
        log_x = log_x + np.concatenate(step)
    q = float(exponent(depth))
    assert np.abs(A @ np.exp(log_x) - y).max() < 1e-15
    kernel = np.array([(0.3 - 0.7), (0.1 - 0.3), (0.7 - 0.1)])
    assert abs(kernel @ A[1]) < 1e-15
    assert abs(kernel @ np.exp(-q * log_x)) < 1e-14


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_map_in_balls_is_that_in_floating_point_and_inverts_itself(depth):
    potential = potential_of(depth)
    for log_x in (-700.0, -3.0, 0.0, 2.5):
        with exact.at_precision(200):
            theta = potential.ball_gradient(arb(log_x))
            assert potential.ball_log_primal(theta).contains(arb(log_x))
            assert potential.ball_log_primal(theta).rad() < 1e-50
            slope = potential.ball_slope(theta)
        plain = potential.gradient(np.array([log_x]))
        assert float(theta) == pytest.approx(plain[0], rel=1e-12)
        assert float(slope) == pytest.approx(float(np.squeeze(potential.slope(np.array([log_x])))), rel=1e-12)


def test_a_depth_is_taken_as_the_rational_it_is():
    # 2.1 is not 21/10: q = 1/21 is off by a part in 10^15, and theta at log x = -2000 in digits that count.
    with exact.at_precision(200), mpmath.workprec(200):
        theta = potential_of(2.1).ball_gradient(arb(-2000))
        q = 1 - 2 / mpmath.mpf(2.1)
        truth = -mpmath.exp(q * 2000)
        assert abs(mpmath.mpf(str(theta.str(50, radius=False))) / truth - 1) < mpmath.mpf(10) ** -45


@pytest.mark.parametrize("theta", [0.0, 1.0])
def test_a_slack_that_may_be_negative_has_no_logarithm(theta):
    assert potential_of(3).ball_log_primal(arb(theta)).is_nan()


# What is proved, against the references of an independent script and the conditions in fractions.


def is_exact(case: DepthCase) -> bool:
    """Whether the floats that the package is given are the numbers of the reference."""
    numbers = [*case.y, *case.unsigned("prior"), *case.unsigned("cost"), *(a for row in case.rows for a in row)]
    numbers += [] if case.data["depth"] == "inf" else [Fraction(case.data["depth"])]
    return all(Fraction(float(value)) == value for value in numbers)


def decimal(ball: arb) -> mpmath.mpf:
    mantissa, exponent_of_two = ball.mid().man_exp()
    return mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent_of_two))


@pytest.mark.parametrize("case", [case for case in CASES if is_exact(case)], ids=lambda case: case.name)
def test_what_is_proved_for_y_itself_is_the_reference(case):
    for point in case.points:
        found = prove(case.problem(point), for_="y")
        assert found.ok, found.reason
        with mpmath.workdps(50):
            for j, truth in enumerate(case.log_x(point)):
                if truth == mpmath.ninf:
                    assert found.ball(j) == arb("-inf")
                else:
                    assert abs(decimal(found.ball(j)) - truth) <= mpmath.mpf(10) ** -27 * max(1, abs(truth))


def small(seed: int, *, signed: bool) -> BregmanProjection:
    """A system of integers, with a prior that has zeros and costs that differ."""
    rng = np.random.default_rng([seed, 12])
    A = rng.integers(-3, 4, (3, 7)).astype(float)
    x, prior = rng.integers(1, 5, 7) * (rng.random(7) < 0.7), rng.integers(1, 9, 7) / 4
    prior[rng.integers(7)] = 0.0
    depth = [2.0, 2.5, 3.0, 6.0, math.inf][seed % 5]
    cost, log_alpha = rng.integers(2, 7, 7) / 4, -float(rng.integers(1, 25))
    system = LinearSystem(A, A @ (x * (prior > 0)))
    return BregmanProjection(system, log_alpha=log_alpha, cost=cost, prior=prior, depth=depth, signed=signed)


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_the_midpoints_satisfy_the_conditions_of_the_prior_with_its_zeros_and_costs(seed, signed):
    problem = small(seed, signed=signed)
    found = prove(problem, digits=40, for_="y")
    assert found.ok, found.reason
    A = problem.system.matrix
    A = np.hstack([A, -A]) if signed else A
    tile = 1 + signed
    cost, prior = np.tile(problem.cost, tile), np.tile(problem.prior, tile)
    live = [j for j in range(A.shape[1]) if found.ball(j).is_finite()]
    assert all(prior[j] > 0 for j in live)
    rows = [tuple(Fraction(a) for a in row) for row in A[:, live].tolist()]
    with mpmath.workdps(80):
        log_x = [decimal(found.ball(j)) for j in live]
        log_p = [mpmath.log(prior[j]) + mpmath.mpf(problem.log_alpha) * cost[j] for j in live]
        x, q = [mpmath.exp(value) for value in log_x], exponent(problem.depth)
        for row, right in zip(rows, problem.system.y, strict=True):
            terms = [mpmath.mpf(float(a)) * value for a, value in zip(row, x, strict=True)]
            assert abs(sum(terms) - right) <= mpmath.mpf(10) ** -38 * sum(map(abs, terms))
        theta, before = ([-mpmath.exp(-q * v) if q else v for v in values] for values in (log_x, log_p))
        for n in kernel(rows, len(live)):
            terms = [exact_number(a) * (s - t) for a, s, t in zip(n, theta, before, strict=True)]
            sizes = [abs(exact_number(a)) * (abs(s) + abs(t)) for a, s, t in zip(n, theta, before, strict=True)]
            assert abs(sum(terms)) <= mpmath.mpf(10) ** -37 * sum(sizes)


@pytest.mark.parametrize("depth", [2.0, 3.0, math.inf])
@pytest.mark.parametrize("log_alpha", [-13.8, -690.8])
def test_a_signed_answer_is_proved_in_both_its_parts_and_one_that_is_off_is_not(depth, log_alpha):
    system = LinearSystem([[1.0, -0.5, 0.25], [0.0, 1.0, 2.0]], [1.0, -2.0])
    solution = solve(BregmanProjection(system, log_alpha=log_alpha, depth=depth, signed=True), proof=True)
    assert solution.status is Status.PROVED
    assert solution.proof.log_x.mid == pytest.approx(solution.unknowns["log_x"], rel=1e-12, abs=1e-11)
    for part in ("log_x_plus", "log_x_minus"):
        for j in range(3):
            log_x = getattr(solution, part).copy()
            log_x[j] += 1e-6 * max(1.0, abs(log_x[j]) / 1000)
            assert not prove(replace(solution, **{part: log_x})).ok


@pytest.mark.parametrize("depth", [2.0, 3.0, math.inf])
@pytest.mark.parametrize("signed", [False, True])
def test_y_itself_has_a_proof_where_its_rounding_counts(depth, signed):
    # In decimals y is A times (0, 0, 1, 0, 1); the rounding of its floats takes a third entry.
    A = [[0.1, 0.3, 0.2, 0.7, 0.4], [0.5, 0.2, 0.1, 0.3, 0.6], [0.3, 0.4, 0.9, 0.2, 0.1]]
    system = LinearSystem(A, [0.6, 0.7, 1.0])
    problem = BregmanProjection(system, log_alpha=-2302.6, depth=depth, signed=signed)
    itself, nearby = prove(problem, for_="y"), prove(problem, for_="rounded y")
    assert itself.ok
    assert nearby.ok
    assert (itself.log_x.mid > -50.0).sum() == 3
    assert (nearby.log_x.mid > -50.0).sum() == 2


@pytest.mark.parametrize("depth", [3.0, math.inf])
def test_an_even_prior_that_cancels_needs_no_more_bits_however_deep(depth):
    flat = LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], [1.0, 0.75])
    few = [prove(BregmanProjection(flat, log_alpha=scale, depth=depth)).bits for scale in (-1.0, -690.8)]
    assert few[0] == few[1]


def test_a_prior_that_cancels_only_in_its_sum_takes_the_bits_that_it_needs():
    # w = alpha^-1 (1, 1/2, 1/4) for the barrier: 2 w_2 - w_1 - ... cancels in no group of equal priors.
    flat = LinearSystem([[4.0, 2.0, 1.0], [0.0, 1.0, 2.0]], [4.0, 3.0])
    problem = BregmanProjection(flat, log_alpha=-690.8, prior=[1.0, 2.0, 4.0], depth=math.inf)
    found = prove(problem)
    assert found.ok
    assert found.bits > 690.8 / math.log(2.0)


def test_a_signed_system_without_a_solution_is_proved_to_have_none():
    with pytest.raises(InfeasibleError) as caught:
        prove(BregmanProjection(LinearSystem([[1, 2], [2, 4]], [1, 3]), alpha=0.01, depth=3, signed=True))
    assert caught.value.proof.ok


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("log_alpha", [-30.0, -690.8])
def test_the_rigorous_enclosure_of_a_prior_with_zeros_holds_what_is_proved(seed, log_alpha):
    problem = small(5 * seed, signed=False)
    system, prior = problem.system, problem.prior
    analysis = analyze(system, prior=prior)
    ends = analysis.enclosure(log_alpha=log_alpha, rigorous=True)
    found = prove(BregmanProjection(system, log_alpha=log_alpha, prior=prior), for_="y")
    assert found.ok, found.reason
    off = np.setdiff1d(np.arange(prior.size), analysis.support)
    with mpmath.workdps(40):
        total = mpmath.log(sum(mpmath.exp(decimal(found.ball(j))) for j in off if found.ball(j).is_finite()))
        assert ends.log_lower <= total <= ends.log_upper


@pytest.mark.parametrize("seed", range(4))
def test_a_signed_l1_minimiser_is_proved_in_both_its_parts(seed):
    rng = np.random.default_rng(seed)
    A = rng.integers(-4, 5, (3, 6)).astype(float)
    system = LinearSystem(A, A @ rng.integers(-2, 3, 6).astype(float))
    solution = solve(L1Minimization(system, signed=True), proof=True)
    assert solution.status is Status.PROVED
    plus, minus = np.split(np.array(solution.proof.x, dtype=object), 2)
    exactly = [[Fraction(a) for a in row] for row in A.tolist()]
    assert [sum(a * b for a, b in zip(row, plus - minus, strict=True)) for row in exactly] == system.y.tolist()
    # |A'mu| <= 1, and y'mu is the cost.
    mu = solution.proof.dual
    assert all(abs(sum(a * b for a, b in zip(column, mu, strict=True))) <= 1 for column in zip(*exactly, strict=True))
    assert sum(Fraction(b) * v for b, v in zip(system.y.tolist(), mu, strict=True)) == sum(plus) + sum(minus)
