"""The parts of a proof, each asked for what it must not get wrong: a right-hand side, exact rows, exact zeros."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from flint import arb, arb_mat, fmpq_mat

from bregman_l1 import LinearSystem, exact
from bregman_l1.exact import at_precision, rational, rationals
from bregman_l1.proof.arithmetic import (
    diagonal,
    digits_of,
    downward,
    dyadic,
    entries,
    exactly,
    fraction,
    from_dyadic,
    largest_size,
    log_radius,
    outward,
    product,
    upward,
)
from bregman_l1.proof.record import Unproved
from bregman_l1.proof.support import exact_face, proved_zeros
from bregman_l1.proof.targets import Tabulation, nearest

ROUNDING = Fraction(2) ** -52


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """As within `prove`."""
    with np.errstate(all="ignore"):
        yield


def tabulated(A: np.ndarray, y: np.ndarray, x: np.ndarray) -> Tabulation:
    face = exact_face(LinearSystem(A, y), x > 0, np.log(x))
    return Tabulation.of(face, np.log(x), -30.0)


def roundings(A: np.ndarray, y: np.ndarray, x: np.ndarray, table: Tabulation, values: list[Fraction]) -> Fraction:
    """max_i |A_J u - y|_i / (|A| x + |y|)_i in units of rounding, in fractions."""
    found = []
    for row, right in zip(A.tolist(), y.tolist(), strict=True):
        moved = sum(Fraction(row[j]) * u for j, u in zip(table.face.J, values, strict=True)) - Fraction(right)
        terms = sum(abs(Fraction(a)) * Fraction(z) for a, z in zip(row, x.tolist(), strict=True)) + abs(Fraction(right))
        found.append(abs(moved) / terms / ROUNDING)
    return max(found)


@pytest.mark.parametrize("rows", [[0, 1], [0, 1, 2]])
@pytest.mark.parametrize("moved", [0, 1])
@pytest.mark.parametrize("by", [4.0, -4.0, 40.0, -40.0, 300.0, 1e4, -1e4, 1e12])
def test_the_distance_of_a_right_hand_side_is_the_largest_of_its_rows_and_bounded(rows, moved, by):
    # The third row is the sum of the others; x solves none of it, for what is measured is A_J u - y.
    A = np.array([[1.0, 0.0, 1.0, -2.0], [0.0, 1.0, 2.0, 1.0], [1.0, 1.0, 3.0, -1.0]])[rows]
    y = np.array([2.0, -3.0, -1.0])[rows]
    x = np.array([1.0, 2.0, 0.25, 0.5])
    with at_precision(200):
        table = tabulated(A, y, x)
        u = [float(ball.mid()) for ball in table.u]
        values = [Fraction(value + (by * 2.0**-52 if i == moved else 0.0)) for i, value in enumerate(u)]
        truth = roundings(A, y, x, table, values)
        given = [arb(float(value)) for value in values], np.arange(4), [arb(value).log() for value in x.tolist()]
        if truth > 64:
            with pytest.raises(Unproved, match="roundings from y"):
                table.right_hand_side(*given)
            return
        target = table.right_hand_side(*given)
    assert target.which == "rounded y"
    assert truth <= Fraction(target.roundings) <= truth * (1 + Fraction(1, 10**9))
    assert target.columns.tolist() == table.face.J.tolist()
    assert list(target.values) == values


@pytest.mark.parametrize("scale", [1.0, 2.0**20, 2.0**-20])
def test_the_target_of_an_answer_is_its_own_but_zero_where_its_terms_cancel(scale):
    # u = x_J + T x_R is (1/64 - 1/16, 1/16 - 1/16), but for the rounding of log x.
    A = np.array([[1.0, -0.0625, 0.0, 0.0], [0.0, 0.0, 1.0, -0.0625]])
    x, y = scale * np.array([1 / 64, 1.0, 1 / 16, 1.0]), scale * np.array([-3 / 64, 0.0])
    with at_precision(200):
        table = tabulated(A, y, x)
        u = nearest(table, np.log(x) + np.array([1e-12, 0.0, 1e-12, 0.0]), 1e-9)
        assert [float(value) for value in u] == [-3 / 64 * scale, 0.0]
        assert all(value.is_exact() for value in u)
        target = table.right_hand_side(u, np.arange(4), [arb(value).log() for value in x.tolist()])
    assert target.roundings < 1.0


def test_a_right_hand_side_that_is_y_is_y_itself():
    A, y = np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 1.0]]), np.array([3.0, 2.0])
    table = tabulated(A, y, np.ones(3))
    target = table.right_hand_side([arb(float(u.mid())) for u in table.u], np.arange(3), [arb(0)] * 3)
    assert (target.which, target.roundings) == ("y", 0.0)


def fractions_of(matrix: fmpq_mat) -> list[list[Fraction]]:
    return [[Fraction(int(entry.p), int(entry.q)) for entry in row] for row in matrix.tolist()]


@pytest.mark.parametrize("seed", range(20))
def test_rows_depend_on_others_as_the_relations_say(seed):
    rng = np.random.default_rng(seed)
    A = rng.integers(-3, 4, (3, 7)).astype(float)
    A = np.vstack([A, rng.integers(-2, 3, (2, 3)) @ A])[rng.permutation(5)]
    y = A @ rng.integers(1, 4, 7)
    face = exact_face(LinearSystem(A, y), np.ones(7, dtype=bool), rng.normal(0.0, 3.0, 7))
    assert sorted([*face.rows, *face.others]) == list(range(5))
    assert face.rows.size == np.linalg.matrix_rank(A)
    assert sorted([*face.J, *face.R]) == list(range(7))
    assert np.linalg.matrix_rank(face.basis) == face.J.size
    W = fractions_of(face.relations)
    for place, i in enumerate(face.others):
        for j in range(7):
            assert Fraction(A[i, j]) == sum(W[k][place] * Fraction(A[row, j]) for k, row in enumerate(face.rows))
    assert face.agrees()
    y[face.others[-1]] *= 1 + 2.0**-50
    assert replace(face, y=y).agrees() == (y[face.others[-1]] == 0)


@pytest.mark.parametrize("column", range(4))
def test_rows_that_are_independent_by_one_rounding_are_all_kept(column):
    A = np.array([[1.0, 2.0, 0.0, 3.0], [2.0, 1.0, 1.0, 1.0]])
    A = np.vstack([A, A[0] + A[1]])
    A[2, column] *= 1 + 2.0**-51
    face = exact_face(LinearSystem(A, A @ np.ones(4)), np.ones(4, dtype=bool), np.array([0.0, -1.0, -2.0, -3.0]))
    assert face.rows.tolist() == [0, 1, 2]
    assert face.relations is None
    assert exact.rank(face.basis) == 3


@pytest.mark.parametrize(
    ("A", "y"),
    [
        # (0, 1, 1) solves it too.
        ([[1.0, 1.0, 0.0], [0.0, 1.0, -1.0]], [1.0, 0.0]),
        # The second is zero wherever A x = y, the third is not.
        ([[1.0, 1.0, 2.0], [0.0, 1.0, 0.0]], [1.0, 0.0]),
        ([[1.0, 2.0, 1.0], [0.0, 0.0, 1.0]], [1.0, 0.0]),
        # Rows are independent where x is positive: nothing is exposed at all.
        ([[1.0, 1.0, 0.0]], [1.0]),
    ],
)
def test_coordinates_that_may_be_positive_are_not_shown_to_be_zero(A, y):
    system, positive = LinearSystem(A, y), np.array([True, False, False])
    with pytest.raises(Unproved) as refused:
        proved_zeros(exact_face(system, positive, np.zeros(1)), system, positive)
    assert refused.value.step.name == "support"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("size", [1.0, 2.0**-20, 2.0**20])
def test_an_exposing_vector_is_zero_on_the_support_and_negative_off_it(seed, size):
    # The last two rows hold entries >= 0 at the last four columns only, and y = 0; then rows are mixed.
    rng = np.random.default_rng(seed)
    A = rng.integers(-3, 4, (4, 10)).astype(float)
    A[2:] = 0.0
    A[2, 6:8], A[3, 8:] = rng.integers(1, 4, 2), rng.integers(1, 4, 2) * size
    A = (rng.integers(-1, 2, (4, 4)) + 4 * np.eye(4)) @ A
    x = np.append(rng.integers(1, 4, 6), np.zeros(4))
    system = LinearSystem(A, A @ x)
    z = proved_zeros(exact_face(system, x > 0, np.log(x[:6])), system, x > 0)
    slack = [sum(Fraction(a) * v for a, v in zip(A[:, j].tolist(), z, strict=True)) for j in range(10)]
    assert slack[:6] == [0] * 6
    assert all(value < 0 for value in slack[6:])


def test_a_row_that_repeats_another_hinders_no_exposing_vector():
    system = LinearSystem([[1.0, 1.0, 2.0], [0.0, 1.0, 2.0], [2.0, 2.0, 4.0]], [1.0, 0.0, 2.0])
    positive = np.array([True, False, False])
    z = proved_zeros(exact_face(system, positive, np.zeros(1)), system, positive)
    assert [z[0] + 2 * z[2], z[0] + z[1] + 2 * z[2] < 0] == [0, True]


def test_where_every_entry_is_positive_nothing_is_exposed():
    system = LinearSystem([[1.0, 2.0, 1.0], [2.0, 4.0, 2.0]], [1.0, 2.0])
    positive = np.ones(3, dtype=bool)
    assert proved_zeros(exact_face(system, positive, np.zeros(3)), system, positive) is None


# The way out of balls.


def ends(ball: arb) -> tuple[Fraction, Fraction]:
    mid, rad = (Fraction(int(m)) * Fraction(2) ** int(e) for m, e in (ball.mid().man_exp(), ball.rad().man_exp()))
    return mid - rad, mid + rad


def some_balls(seed: int) -> list[arb]:
    """Of either sign, of sizes from 1e-30 to 1e30, and with radii from zero to their own size."""
    rng = np.random.default_rng(seed)
    sizes, shares = 10.0 ** rng.uniform(-30, 30, 60), 10.0 ** rng.uniform(-40, 0, 60) * rng.integers(0, 2, 60)
    signs = rng.choice([-1.0, 1.0], 60)
    return [arb(s * z) / 3 * arb(1, r) for s, z, r in zip(signs.tolist(), sizes.tolist(), shares.tolist(), strict=True)]


def slack(low: Fraction, high: Fraction, bits: int) -> Fraction:
    """Some roundings of floats, and of balls where these are shorter."""
    return Fraction(2) ** (8 - min(bits, 53)) * max(abs(low), abs(high))


@pytest.mark.parametrize("bits", [30, 53, 200])
@pytest.mark.parametrize("seed", range(5))
def test_floats_are_on_the_far_side_of_a_ball_and_next_to_it(bits, seed):
    with at_precision(bits):
        balls = some_balls(seed)
        mid, rad = outward(balls)
        for ball, centre, radius in zip(balls, map(Fraction, mid.tolist()), map(Fraction, rad.tolist()), strict=True):
            low, high = ends(ball)
            near = slack(low, high, bits)
            assert high <= Fraction(upward(ball)) <= high + near
            assert low - near <= Fraction(downward(ball)) <= low
            assert centre - radius <= low
            assert high <= centre + radius
            assert radius <= (high - low) / 2 + near
            assert max(abs(low), abs(high)) <= ends(largest_size([arb(0), ball]))[0] <= max(abs(low), abs(high)) + near
            again = from_dyadic(dyadic(ball))
            assert ends(again)[0] <= low
            assert high <= ends(again)[1]
            assert dyadic(ball) == ((low + high) / 2, (high - low) / 2)


@pytest.mark.parametrize("power", [0, -50, -5000, -100_000])
@pytest.mark.parametrize("size", [0.0, 0.1, 1.0, -7e5, 1e30])
def test_the_digits_of_a_ball_are_those_of_its_radius_beside_its_size(power, size):
    with at_precision(100):
        radius = arb(3) * arb(2) ** power
        ball = arb(size, radius)
    expected = math.log10(3) + power * math.log10(2)
    assert log_radius(ball) == pytest.approx(expected * math.log(10), rel=1e-6)
    # The size is the least that the ball holds.
    least = max(1.0, abs(size) - (3.0 if power == 0 else 0.0))
    assert digits_of(ball) == pytest.approx(math.log10(least) - expected, rel=1e-6, abs=1e-6)
    assert digits_of(arb(size)) == np.inf


def test_a_product_with_nothing_is_nothing():
    assert product(arb_mat(0, 2), [arb(1), arb(2)]) == []
    assert product(arb_mat(2, 0), []) == [arb(0), arb(0)]
    assert product(arb_mat([[1, 2], [3, 4]]), [arb(5), arb(6)]) == [arb(17), arb(39)]
    assert diagonal([arb(2), arb(3)]) == arb_mat([[2, 0], [0, 3]])


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 2.0**-1074, -1e300])
def test_a_float_is_the_rational_that_it_is(value):
    assert fraction(rational(value)) == Fraction(value)
    assert [fraction(entry) for entry in entries(rationals(np.array([[value, 1.0]])))] == [Fraction(value), 1]
    assert exactly(np.array([value]))[0] == arb(value)


def test_no_matrix_has_entries_where_a_side_is_empty():
    assert entries(fmpq_mat(0, 3)) == entries(fmpq_mat(3, 0)) == []


def test_a_zero_is_exposed_by_slack_beyond_every_float():
    """The second row is 2^1200 times the first on the first column; on the other it misses that by 2^1700."""
    A = np.array([[2.0**-600, 2.0**500], [2.0**600, 2.0**600]])
    positive = np.array([True, False])
    system = LinearSystem(A, A[:, 0])
    z = proved_zeros(exact_face(system, positive, np.zeros(1)), system, positive)
    products = [sum(Fraction(a) * v for a, v in zip(column, z, strict=True)) for column in A.T.tolist()]
    assert products[0] == 0
    assert products[1] < 0
