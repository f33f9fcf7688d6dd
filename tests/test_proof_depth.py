"""Projections of every depth in exact arithmetic: the Newton step, and what is proved.

The truth is a scalar equation of mpmath: A = (1, 1/2), y = 1 leaves one unknown, whatever the depth.
"""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from flint import arb

from bregman_l1 import exact
from bregman_l1.potential import potential_of

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
    equations = exact.Projection(potential_of(depth), A[:, :1], A[:, 1:], one, seen, prior[:1], prior[1:])
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
    equations = exact.Projection(
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
