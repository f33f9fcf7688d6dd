"""Networks x = u^D - v^D, trained by gradient flow as the ordinary differential equations they are, end at projections.

What is integrated is u' = -grad |A (u^D - v^D) - y|^2 for log u and log v, and with it the integral of y - A x. Where
the flow stops, |y - A x| < 1e-11, the projection is that of reference/make_depths.py.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from reference.depth_systems import Case, fractions
from reference.make_depths import projection
from scipy.integrate import solve_ivp

from bregman_l1.potential import potential_of

PAIR = {"A": (fractions(1, "1/2"),), "y": fractions(1)}
FOUR = {"A": (fractions(1, "1/2", "-1/4", "3/4"), fractions("1/4", 1, "1/2", "-1/2")), "y": fractions(1, "3/4")}
PRIOR = fractions("1/2", 3, 1, "1/4")


@dataclass(frozen=True, kw_only=True)
class Trained:
    """Log x at every step, of shape (steps, n), and the integral of y - A x up to it."""

    log_start: np.ndarray
    A: np.ndarray
    log_x: np.ndarray
    integral: np.ndarray


def trained(case: Case, log_alpha: float, method: str) -> Trained:
    depth, y = float(Fraction(case.depth)), np.array(case.y, dtype=float)
    A, beta = np.array(case.A, dtype=float), np.array(case.prior or [1.0] * case.columns, dtype=float)
    A, beta = (np.hstack([A, -A]), np.tile(beta, 2)) if case.signed else (A, beta)
    n = beta.size

    def rates(_, state):
        log_u = state[:n]
        misfit = y - A @ np.exp(depth * log_u)
        return np.concatenate([2 * depth * np.exp((depth - 2) * log_u) * (A.T @ misfit), misfit])

    def jacobian(_, state):
        log_u = state[:n]
        x, scale = np.exp(depth * log_u), 2 * depth * np.exp((depth - 2) * log_u)
        of_misfit = np.hstack([-A * (depth * x), np.zeros((y.size, y.size))])
        of_log_u = scale[:, None] * (A.T @ of_misfit)
        of_log_u[:, :n] += np.diag((depth - 2) * scale * (A.T @ (y - A @ x)))
        return np.vstack([of_log_u, of_misfit])

    def remaining(_, state):
        return np.abs(y - A @ np.exp(depth * state[:n])).max() - 1e-11

    remaining.terminal = True
    log_start = np.log(beta) + log_alpha
    implicit = {"jac": jacobian} if method == "Radau" else {}
    start = np.concatenate([log_start / depth, np.zeros(y.size)])
    flow = solve_ivp(rates, (0, 1e9), start, method=method, rtol=1e-11, atol=1e-13, events=remaining, **implicit)
    assert flow.status == 1
    return Trained(log_start=log_start, A=A, log_x=depth * flow.y[:n].T, integral=flow.y[n:].T)


def networks():
    for depth, signed in product(("2", "5/2", "3", "4"), (False, True)):
        kind = {"note": "", "depth": depth, "signed": signed}
        yield Case(name="1 x 2", **kind, **PAIR), 1e-3, "DOP853"
        yield Case(name="1 x 2", **kind, **PAIR), 1e-12, "DOP853"
        yield Case(name="2 x 4", **kind, **FOUR), 1e-3, "DOP853"
        # Once an entry has grown, the wait for the next is long and the equations are stiff.
        method = "Radau" if depth in ("3", "4") else "DOP853"
        yield Case(name="2 x 4 from a prior", prior=PRIOR, **kind, **FOUR), 1e-12, method


def name_of(value):
    return f"{value.name}, depth {value.depth}, signed {value.signed}" if isinstance(value, Case) else str(value)


@pytest.mark.parametrize(("case", "alpha", "method"), list(networks()), ids=name_of)
def test_training_ends_at_the_projection_and_its_multiplier_is_the_integral_of_the_misfit(case, alpha, method):
    log_alpha = math.log(alpha)
    network = trained(case, log_alpha, method)
    expected = np.array([float(value) for value in projection(case, log_alpha)])
    np.testing.assert_allclose(network.log_x[-1], expected, rtol=0, atol=1e-9)

    potential = potential_of(Fraction(case.depth))
    theta, start = potential.gradient(network.log_x), potential.gradient(network.log_start)
    multiplier = potential.flow_rate * network.integral
    np.testing.assert_allclose(theta - start, multiplier @ network.A, rtol=0, atol=1e-9 * np.abs(start).max())
