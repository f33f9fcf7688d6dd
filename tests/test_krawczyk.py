"""Krawczyk's operator encloses what solves the equations, however bad the inverse and wide the box it is given.

The truth is chosen: x are powers of two, T halves of integers, so that u is exact and log x a multiple of log 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import flint
import numpy as np
import pytest
from flint import arb, arb_mat

from bregman_l1.potential import Entropy, potential_of
from bregman_l1.proof.krawczyk import ScaleFree, solution
from bregman_l1.proof.record import Imprecise, Unproved

BITS = 256
DEPTHS = [2.0, 3.0, np.inf]


@contextmanager
def in_bits(bits: int) -> Iterator[None]:
    before, flint.ctx.prec = flint.ctx.prec, bits
    try:
        yield
    finally:
        flint.ctx.prec = before


@dataclass(frozen=True, kw_only=True, eq=False)
class Misled(ScaleFree):
    """The same equations, with C the inverse of the Jacobian times what it is not."""

    error: arb_mat

    def plain_inverse(self, om: list[arb], rest: list[arb]) -> arb_mat | None:
        inverse = super().precise_inverse(om, rest)
        return None if inverse is None else self.error * inverse

    precise_inverse = plain_inverse


def drawn(seed: int, off: float = 0.0, depth: float = 2.0) -> tuple[Misled, list[arb], list[arb]]:
    """Equations, and log x_J and log x_R that solve them; C is off by about such a share of itself."""
    potential = potential_of(depth)
    rng = np.random.default_rng(seed)
    k, m = int(rng.integers(1, 4)), int(rng.integers(0, 5))
    T = rng.integers(-4, 5, (k, m)) / 2
    on_basis, on_rest = rng.integers(-3, 4, k), rng.integers(-3, 4, m)
    u = 2.0**on_basis + T @ 2.0**on_rest
    log_2 = arb(2).log()
    om, rest = ([log_2 * value for value in values.tolist()] for values in (on_basis, on_rest))
    moved = arb_mat(m, k, T.T.ravel().tolist()) * arb_mat(k, 1, [potential.ball_gradient(value) for value in om])
    theta_rest = [potential.ball_gradient(value) for value in rest]
    equations = Misled(
        potential=potential,
        T=arb_mat(k, m, T.ravel().tolist()),
        plain=T,
        u=[arb(value) for value in u.tolist()],
        rho=[a - b for a, b in zip(moved.entries(), theta_rest, strict=True)],
        error=arb_mat((np.eye(k) + rng.uniform(-off, off, (k, k))).tolist()),
    )
    return equations, om, rest


def middles(balls: list[arb]) -> np.ndarray:
    return np.array([float(ball.mid()) for ball in balls])


@pytest.mark.parametrize(
    ("goal", "off", "proved"),
    [(1e-30, 0.0, 60), (1e-3, 0.0, 45), (0.5, 0.0, 28), (1e-3, 0.3, 20), (0.5, 0.3, 15), (1e-3, 0.9, 5), (0.5, 1.3, 3)],
)
@pytest.mark.parametrize("depth", DEPTHS)
def test_what_it_encloses_holds_the_solution_whatever_the_inverse(goal, off, proved, depth):
    found = 0
    with in_bits(BITS):
        for seed in range(60):
            equations, om, rest = drawn(seed, off, depth)
            start = np.random.default_rng([seed, 1]).uniform(-1e-2, 1e-2, len(om)) + middles(om)
            with suppress(Unproved):
                enclosed = solution(equations, start, middles(rest), arb(goal), 30.0)
                found += 1
                for balls, truths in zip(enclosed, (om, rest), strict=True):
                    assert all(ball.contains(truth) for ball, truth in zip(balls, truths, strict=True))
    assert found >= proved


@pytest.mark.parametrize("share", [0.05, 0.2, 0.45, 1.55, 1.7])
def test_where_steps_are_too_short_or_too_long_by_half_nothing_is_proved(share):
    # x = 2: Newton's steps are too short or too long by a fixed share, and their size tells little of the error.
    with in_bits(BITS):
        one = Misled(
            T=arb_mat(1, 0),
            plain=np.zeros((1, 0)),
            u=[arb(2)],
            rho=[],
            error=arb_mat([[share]]),
            potential=Entropy(),
        )
        with pytest.raises(Imprecise, match="contract"):
            solution(one, np.array([0.69]), np.zeros(0), arb(1e-3), 1.0)


@pytest.mark.parametrize("radius", [0.0, 1e-6, 0.1, 1.0])
@pytest.mark.parametrize("off", [0.0, 0.5])
@pytest.mark.parametrize("depth", DEPTHS)
def test_the_norm_of_the_contraction_is_that_of_the_worst_point_of_the_box(radius, off, depth):
    potential = potential_of(depth)
    for seed in range(20):
        rng = np.random.default_rng([seed, 2])
        with in_bits(BITS):
            equations, om, rest = drawn(seed, off, depth)
            C = equations.plain_inverse(om, rest)
            bound = float(equations.contraction(om, C, arb(radius), 64).lower())
        T, log_x, centre = equations.plain, middles(om), potential.gradient(middles(rest))
        theta, x = potential.gradient(log_x), np.exp(log_x)
        plain = np.array([[float(entry.mid()) for entry in row] for row in C.tolist()])
        norms = []
        for move in [*rng.choice([-radius, radius], (8, x.size)), np.zeros(x.size)]:
            there = potential.gradient(log_x + move)
            theta_rest = centre + T.T @ (there - theta)
            log_rest = potential.log_primal(theta_rest)
            if not np.isfinite(log_rest).all():
                assert bound == np.inf
                break
            slopes, slopes_rest = (potential.slope(logs) + 0.0 * logs for logs in (log_x + move, log_rest))
            weights = T * np.exp(log_rest) / slopes_rest / x[:, None]
            jacobian = weights @ (T.T * slopes) + np.diag(np.exp(move))
            norms.append(np.abs(np.eye(x.size) - plain @ jacobian).sum(axis=1).max())
        assert max(norms, default=0.0) <= bound + 1e-12 * (1 + bound)
        if radius == 0.0:
            assert bound <= max(norms) + 1e-12 * (1 + bound)


def test_a_contraction_in_few_bits_bounds_that_in_many():
    with in_bits(BITS):
        for seed in range(20):
            equations, om, rest = drawn(seed, 0.5)
            C = equations.plain_inverse(om, rest)
            few, many = (equations.contraction(om, C, arb(0.01), bits) for bits in (24, BITS))
            assert many <= few


def test_equations_with_wide_numbers_have_wide_solutions():
    # u is known to a thousandth: log x cannot be known better.
    with in_bits(BITS):
        wide = ScaleFree(
            T=arb_mat([[0.5]]),
            plain=np.array([[0.5]]),
            u=[arb(1.5, 1e-3)],
            rho=[arb(0)],
            potential=Entropy(),
        )
        (om,), (rest,) = solution(wide, np.zeros(1), np.zeros(1), arb(0.01), 1.0)
        for u in (1.499, 1.501):
            exact = ScaleFree(
                T=arb_mat([[0.5]]),
                plain=np.array([[0.5]]),
                u=[arb(u)],
                rho=[arb(0)],
                potential=Entropy(),
            )
            (end,), (rest_end,) = solution(exact, np.zeros(1), np.zeros(1), arb(1e-30), 1.0)
            assert om.contains(end)
            assert rest.contains(rest_end)


@pytest.mark.parametrize("depth", DEPTHS)
def test_the_inverse_in_floating_point_is_that_in_balls(depth):
    with in_bits(BITS):
        for seed in range(20):
            equations, om, rest = drawn(seed, 0.0, depth)
            plain, precise = (invert(equations, om, rest) for invert in (ScaleFree.plain_inverse, Misled.plain_inverse))
            sizes = max(abs(float(entry.mid())) for entry in precise.entries())
            assert all(abs(a - b) < 1e-9 * sizes for a, b in zip(plain.entries(), precise.entries(), strict=True))
