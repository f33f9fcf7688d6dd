"""The 30-digit projections of every depth and sign: what they must satisfy themselves, and the package against them."""

from __future__ import annotations

import math
from fractions import Fraction
from math import comb

import numpy as np
import pytest
from depth_reference import CASES, DepthCase, case_of, exact, fractions, kernel, numbers
from fraction_lp import minimisers
from mpmath import mp, mpf
from reference.depth_systems import Case
from reference.make_depths import projection

from bregman_l1 import certify, solve

# The answers have 30 digits; a log x of 1400 leaves 26 of x.
DIGITS = mpf("1e-26")
LIMITS = [case for case in CASES if case.has_limit]
DEEPER = [case for case in LIMITS if case.data["depth"] != "2"]
# Few enough bases to enumerate in rationals.
SMALL = [case for case in LIMITS if sum(comb(len(case.live), k) for k in range(len(case.rows) + 1)) <= 600]


# The largest weight w = p^-q that is a float.
LARGEST = math.log(np.finfo(float).max)


def cases(chosen: list[DepthCase]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", chosen, ids=lambda case: case.name)


@pytest.fixture(autouse=True)
def _digits():
    with mp.workdps(60):
        yield


def dot(one, two):
    return mp.fsum(exact(a) * b for a, b in zip(one, two, strict=True))


def size(one, two):
    return mp.fsum(abs(exact(a) * b) for a, b in zip(one, two, strict=True))


@cases(CASES)
def test_the_constraints_hold(case):
    for point in case.points:
        x = [mp.exp(value) for value in case.log_x(point)]
        for row, right in zip(case.rows, case.y, strict=True):
            assert abs(dot(row, x) - exact(right)) <= DIGITS * size(row, x)


@cases(CASES)
def test_theta_moves_from_that_of_the_prior_within_the_row_space(case):
    for point in case.points:
        theta, prior = case.thetas(point)
        for n in case.kernel:
            assert abs(dot(n, theta) - dot(n, prior)) <= DIGITS * (size(n, theta) + size(n, prior))


@cases([case for case in CASES if case.data["independent"]])
def test_the_dual_takes_the_prior_to_the_answer(case):
    for point in case.points:
        lam = [mpf(value) for value in point["dual"]]
        for column, after, before in zip(zip(*case.live_rows, strict=True), *case.thetas(point), strict=True):
            assert abs(before + dot(column, lam) - after) <= DIGITS * (abs(before) + size(column, lam))


@cases(CASES)
def test_the_value_is_the_divergence_by_its_definition(case):
    """Phi(x) - phi(p) - phi'(p) (x - p)."""
    positive = [j for j, beta in enumerate(case.unsigned("prior")) if beta]
    for point in case.points:
        log_x, log_prior = case.log_x(point), case.log_prior(point)
        total = mpf(0)
        for z, p in ((log_x[j], log_prior[j]) for j in positive):
            total += case.potential(z) - case.potential(p) - case.gradient([p])[0] * (mp.exp(z) - mp.exp(p))
        value = mp.inf if point["value"] is None else mpf(point["value"])
        assert total == value or abs(total - value) <= mpf("1e-24") * value


@cases([case for case in CASES if case.signed])
def test_signed_x_is_the_difference_of_its_parts(case):
    for point in case.points:
        parts = zip(point["log_x"], point["signs"], point["log_x_plus"], point["log_x_minus"], strict=True)
        for log_x, sign, plus, minus in parts:
            added, taken = mp.exp(mpf(plus)), mp.exp(mpf(minus))
            assert abs(sign * mp.exp(mpf(log_x)) - (added - taken)) <= DIGITS * (added + taken)


@cases(LIMITS)
def test_limits_are_feasible_and_unique_where_A_is_injective_on_their_support(case):
    columns = [tuple(row[j] for j in case.support) for row in case.rows]
    assert case.data["unique"] == (not kernel(columns, len(case.support)))
    x = fractions(case.data["limit"])
    for row, right in zip(case.rows, case.y, strict=True):
        error = abs(sum(a * b for a, b in zip(row, x, strict=True)) - right)
        assert error == 0 or (error < Fraction(1, 10**28) and not case.data["unique"])


@cases(SMALL)
def test_limits_lie_inside_the_face_of_the_least_vertices(case):
    q = 0.0 if case.inverse is None else float(1 / case.inverse)
    weights = [float(case.unsigned("prior")[j]) ** -q for j in case.live]
    least, best = minimisers(np.array(case.live_rows, dtype=float), [float(b) for b in case.y], weights)
    limit = np.array([float(Fraction(case.data["limit"][j])) for j in case.live])
    assert weights @ limit == pytest.approx(float(least), rel=1e-14)
    assert (len(best) == 1) == case.data["unique"]
    assert (limit > 0).tolist() == [any(vertex[j] > 0 for vertex in best) for j in range(limit.size)]


@cases([case for case in LIMITS if not case.data["unique"]])
def test_limits_are_where_the_potential_is_least_on_the_face(case):
    theta = case.gradient([mp.log(exact(Fraction(case.data["limit"][j]))) for j in case.support])
    for n in kernel([tuple(row[j] for j in case.support) for row in case.rows], len(case.support)):
        assert abs(dot(n, theta)) <= mpf("1e-28") * size(n, theta)


@cases(DEEPER)
def test_off_the_support_the_limits_solve_a_small_convex_program(case):
    """X_j / p_j -> delta_j^(-1/q) with w (1 - delta) = A'z and delta = 0 on S, and A_S can take up what they add."""
    off = {j: mpf(value) for j, value in enumerate(case.data["log_kappa"]) if value is not None}
    assert sorted([*off, *case.support]) == case.live
    beta = [exact(b) for b in case.unsigned("prior")]
    delta = [mp.exp(-off[j] / case.inverse) if j in off else 0 for j in case.live]
    image = [beta[j] ** (-1 / case.inverse) * (1 - value) for j, value in zip(case.live, delta, strict=True)]
    for n in case.kernel:
        assert abs(dot(n, image)) <= DIGITS * size(n, image)
    added = [mp.exp(log_kappa) * beta[j] for j, log_kappa in off.items()]
    for z in kernel([tuple(row[j] for row in case.rows) for j in case.support], len(case.rows)):
        pull = [sum((zi * row[j] for zi, row in zip(z, case.rows, strict=True)), Fraction(0)) for j in off]
        assert abs(dot(pull, added)) <= DIGITS * size(pull, added)


@cases(DEEPER)
def test_answers_tend_to_the_limits_as_alpha_to_the_power_q(case):
    for point in case.points:
        rest = DIGITS + 1e5 * mp.exp(float(point["log_alpha"]) / case.inverse)
        log_x, log_prior = case.log_x(point), case.log_prior(point)
        for j in case.live:
            if case.data["log_kappa"][j] is None:
                assert abs(mp.exp(log_x[j]) / exact(Fraction(case.data["limit"][j])) - 1) <= rest
            else:
                assert abs(log_x[j] - log_prior[j] - mpf(case.data["log_kappa"][j])) <= rest


def test_the_pair_is_on_its_way_to_eight_times_alpha():
    pair = Case(name="pair", note="", A=(fractions(["1", "1/2"]),), y=fractions(["1"]), depth="3")
    assert abs(mp.exp(projection(pair, math.log(1e-8))[1]) / mpf("1e-8") - mpf("7.9485155656")) < mpf("1e-9")


@pytest.mark.parametrize(("depth", "factor"), [("3", "8"), ("4", "4"), ("6", "2.8284271247461900976"), ("inf", "2")])
def test_the_second_entry_of_the_pair_tends_to_two_to_the_power_of_one_over_q(depth, factor):
    assert abs(mp.exp(mpf(case_of("pair", depth).data["log_kappa"][1])) - mpf(factor)) < mpf("1e-19")


@pytest.mark.parametrize(
    ("depth", "limit"),
    [
        ("2", ("0.43837", "0.32326", "0.23837")),
        ("3", ("0.439989185632311", "0.320021628735377", "0.239989185632311")),
        ("4", ("0.44077832131281", "0.318443357374381", "0.24077832131281")),
    ],
)
def test_of_several_minimisers_every_depth_has_its_own(depth, limit):
    for found, expected in zip(case_of("several minimisers", depth).data["limit"], limit, strict=True):
        assert abs(mpf(found) - mpf(expected)) <= mpf(10) ** (2 - len(expected)) / 2


@cases(CASES)
def test_the_package_meets_every_answer_and_certifies_it(case):
    for point in case.points:
        solution = solve(case.problem(point))
        assert solution.status.is_certified, str(solution.certificate)
        tolerance = 1e-9 * max(1, abs(float(point["log_alpha"])) / 1000)
        keys = ("log_x", "log_x_plus", "log_x_minus") if case.signed else ("log_x",)
        for key in keys:
            np.testing.assert_allclose(getattr(solution, key), numbers(point[key]), rtol=0, atol=tolerance)
        x = np.exp(numbers(point["log_x"])) * point.get("signs", 1)
        np.testing.assert_allclose(solution.x, x, rtol=2 * tolerance)


@cases(CASES)
def test_the_package_has_the_value_and_the_dual(case):
    for point in case.points:
        solution = solve(case.problem(point))
        assert solution.value == pytest.approx(math.inf if point["value"] is None else float(point["value"]), rel=1e-11)
        if solution.dual is None:
            assert case.log_largest_weight(point) > LARGEST
        elif case.data["independent"]:
            dual = numbers(point["dual"])
            np.testing.assert_allclose(solution.dual, dual, rtol=0, atol=1e-11 * np.abs(dual).max())


@cases(CASES)
def test_the_package_certifies_every_answer_without_a_dual(case):
    for point in case.points:
        certificate = certify(case.problem(point), log_x=[float(value) for value in case.log_x(point)])
        assert certificate.ok, str(certificate)
