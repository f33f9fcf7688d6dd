"""The mirror maps: each method against a closed form, a difference quotient or mpmath."""

import math

import cvxpy as cp
import mpmath
import numpy as np
import pytest

from bregman_l1 import InvalidProblemError
from bregman_l1.potential import Entropy, LogBarrier, Power, potential_of

DEPTHS = [2.0, 2.05, 2.5, 3.0, 4.0, 17.0, math.inf]
LOG_X = np.array([-40.0, -3.0, -0.5, 0.0, 1.25, 6.0])


def phi(depth, x):
    """The potential by its definition, in mpmath."""
    x = mpmath.mpf(x)
    if depth == 2.0:
        return x * mpmath.log(x) - x
    return -mpmath.log(x) if depth == math.inf else -mpmath.mpf(depth) / 2 * x ** (2 / mpmath.mpf(depth))


def phi_prime(depth, x):
    x = mpmath.mpf(x)
    if depth == 2.0:
        return mpmath.log(x)
    return -1 / x if depth == math.inf else -(x ** (2 / mpmath.mpf(depth) - 1))


@pytest.mark.parametrize("depth", DEPTHS)
def test_theta_is_the_derivative_of_the_potential(depth):
    theta = potential_of(depth).gradient(LOG_X)
    with mpmath.workdps(40):
        for value, log_x in zip(theta, LOG_X, strict=True):
            x = mpmath.exp(mpmath.mpf(log_x))
            slope = (phi(depth, x * (1 + mpmath.mpf(10) ** -15)) - phi(depth, x)) / (x * mpmath.mpf(10) ** -15)
            assert float(slope) == pytest.approx(float(value), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("log_unit", [0.0, -30.0])
def test_theta_and_its_inverse_its_slope_and_its_weight_agree_in_every_unit(depth, log_unit):
    potential = potential_of(depth).in_unit_of(np.array([log_unit, log_unit + 1.0]))
    theta = potential.gradient(LOG_X)
    assert potential.log_primal(theta) == pytest.approx(LOG_X, rel=1e-12, abs=1e-12)
    ahead = (potential.gradient(LOG_X + 1e-6) - potential.gradient(LOG_X - 1e-6)) / 2e-6
    assert ahead == pytest.approx(potential.slope(LOG_X) * np.ones(LOG_X.size), rel=1e-8)
    assert potential.log_change(theta, ahead) == pytest.approx(np.ones(LOG_X.size), rel=1e-8)
    assert potential.log_weight(LOG_X) == pytest.approx(LOG_X - np.log(potential.slope(LOG_X)), rel=1e-12, abs=1e-12)
    natural = potential_of(depth).gradient(LOG_X)
    assert theta * np.exp(potential.log_dual_unit) == pytest.approx(natural, rel=1e-11)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_divergence_is_that_of_the_potential(depth):
    x, prior = np.array([0.3, 2.0, 1e-7, 5.0]), np.array([0.1, 5.0, 1e-3, 5.0])
    value = potential_of(depth).divergence(x, np.log(x), np.log(prior))
    with mpmath.workdps(40):
        terms = [
            phi(depth, a) - phi(depth, b) - phi_prime(depth, b) * (mpmath.mpf(a) - mpmath.mpf(b))
            for a, b in zip(x, prior, strict=True)
        ]
        assert value == pytest.approx(float(sum(terms)), rel=1e-13)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_distance_of_a_misfit_is_the_divergence_from_the_point_that_fits(depth):
    potential = potential_of(depth)
    log_x, log_other = np.array([-1.0, 0.5]), np.array([-1.3, 0.7])
    theta = potential.gradient(log_x)
    gap = potential.distance(np.exp(log_x), theta, theta - potential.gradient(log_other), 0.0)
    assert gap == pytest.approx(potential.divergence(np.exp(log_x), log_x, log_other), rel=1e-12)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_expression_has_its_least_value_at_the_prior(depth):
    potential, prior = potential_of(depth), np.array([0.5, 1.5])
    x = cp.Variable(2)
    program = cp.Problem(cp.Minimize(potential.expression(x) - potential.tilt(np.log(prior)) @ x))
    assert program.is_dcp()
    program.solve(solver="SCS", eps_abs=1e-9, eps_rel=1e-9)
    assert x.value == pytest.approx(prior, rel=1e-4)


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_signed_x_is_split_into_parts_whose_thetas_lie_around_that_of_the_prior(depth):
    potential, log_prior = potential_of(depth), np.full(7, -2.0)
    x = np.array([-3.0, -1e-3, -1e-12, 0.0, 1e-9, 0.2, 40.0])
    plus, minus = potential.split(x, log_prior).reshape(2, -1)
    assert plus - minus == pytest.approx(x, rel=1e-9, abs=1e-15)
    middle = (potential.gradient(np.log(plus)) + potential.gradient(np.log(minus))) / 2
    assert middle == pytest.approx(potential.gradient(log_prior), rel=1e-9)


@pytest.mark.parametrize("depth", [2.5, 3.0, math.inf])
def test_steps_are_exact_where_x_goes_with_the_prior_or_is_at_rest(depth):
    potential, fall = potential_of(depth), np.array([-700.0, -700.0])
    moved = potential.predicted(np.array([-700.0, 0.0]), fall, 0.75)
    assert moved == pytest.approx([-525.0, 0.0], rel=1e-14)


@pytest.mark.parametrize("depth", [2.5, 3.0, math.inf])
def test_a_prediction_is_of_second_order_in_the_power_of_alpha(depth):
    # x = p (1 + eps)^(-1/q) with eps = (p / size)^q: the slack of x is 1 + eps in units of that of p.
    potential = potential_of(depth)
    q = potential.exponent

    def log_x(tau):
        return -20.0 * tau / q - np.log1p(np.exp(-20.0 * tau)) / q

    for tau in (0.2, 0.3):
        rate = (log_x(tau + 1e-6) - log_x(tau - 1e-6)) / 2e-6
        moved = potential.predicted(np.array([rate]), np.array([-20.0 / q]), 1.0 - tau)
        assert abs(log_x(tau) + moved[0] - log_x(1.0)) < 3.0 * np.exp(-40.0 * tau) / q


def test_slacks_far_below_double_precision_are_held():
    potential = Power(3.0, log_unit=-3000.0)
    theta = potential.gradient(np.array([0.0, -3000.0]))
    assert theta.dtype == np.longdouble
    assert potential.log_primal(theta).astype(float) == pytest.approx([0.0, -3000.0], abs=1e-12)


@pytest.mark.parametrize("depth", [1.0, 1.9999, 0, -3, math.nan, "3", None, True, 1j, [3.0, 4.0]])
def test_what_is_no_depth_is_refused(depth):
    with pytest.raises(InvalidProblemError, match="depth must be a real number of at least 2, or infinity"):
        potential_of(depth)


def test_each_depth_has_its_potential():
    assert potential_of() == Entropy()
    assert potential_of(np.float32(3)) == Power(3.0)
    assert potential_of(np.array(4)) == Power(4.0)
    assert potential_of(math.inf) == LogBarrier()
