"""The confirmation confirmed: exact answers pass, the same spoilt by little more than their radius do not."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

from . import confirmation as module
from .cases import Case, draw
from .confirmation import Ball, Factor, Finding, Statement, confirmation
from .judging import exact_floats, exact_log_x
from .rational import face
from .truth import NoConvergenceError

RADIUS = Fraction(1, 10**20)
TWO = Case(name="two", A=np.array([[1.0, 0.5]]), y=np.array([1.0]), log_alpha=-2302.6)
# The last column is forced to zero by z = (0, -1).
WITH_ZERO = Case(name="zero", A=np.array([[1.0, 0.5, 0.25], [0.0, 0.0, 1.0]]), y=np.array([1.0, 0.0]), log_alpha=-10.0)
FAMILIES = (
    "integers",
    "signs",
    "forced_zeros",
    "transport",
    "costs",
    "ties",
    "gaussian",
    "priors",
    "near_ties",
    "scaled",
)


def statement_of(case: Case, radius: Fraction = RADIUS) -> Statement | None:
    """The exact projection as a statement; None where there is none."""
    log_x = exact_log_x(case)
    if log_x is None:
        return None
    counts = case.priors > 0
    positive = np.isfinite(exact_floats(case))
    exposing = None if positive[counts].all() else face(case.A[:, counts], positive[counts]).exposing
    middles = [ball.mid().man_exp() if finite else None for ball, finite in zip(log_x, positive, strict=True)]
    return Statement(
        A=[[Fraction(value) for value in row] for row in case.A.tolist()],
        y=[Fraction(value) for value in case.y.tolist()],
        prior=[
            Factor(factor=Fraction(beta), log_alpha=Fraction(case.log_alpha), cost=Fraction(cost))
            for beta, cost in zip(case.priors.tolist(), case.costs.tolist(), strict=True)
        ],
        log_x=[None if pair is None else Ball(middle=_dyadic(*pair), radius=radius) for pair in middles],
        exposing=None if exposing is None else [Fraction(int(value.p), int(value.q)) for value in exposing],
    )


def _dyadic(mantissa, exponent) -> Fraction:
    return Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def moved(statement: Statement, j: int, by: Fraction) -> Statement:
    """The same with one midpoint elsewhere."""
    balls = list(statement.log_x)
    balls[j] = Ball(middle=balls[j].middle + by, radius=balls[j].radius)
    return with_balls(statement, balls)


def with_balls(statement: Statement, balls) -> Statement:
    return Statement(A=statement.A, y=statement.y, prior=statement.prior, log_x=balls, exposing=statement.exposing)


def test_it_knows_fractions_and_mpmath_only():
    text = Path(module.__file__).read_text(encoding="utf-8")
    assert not any(name in text for name in ("bregman_l1", "flint", "numpy", "scipy"))


@pytest.mark.parametrize("name", FAMILIES)
def test_exact_answers_are_confirmed_and_spoilt_ones_refuted(name):
    rng = np.random.default_rng(3)
    for index in range(2):
        case = draw(name, 21, index)
        try:
            statement = statement_of(case)
        except NoConvergenceError:
            continue
        if statement is None:
            continue
        assert confirmation(statement).finding is Finding.CONFIRMED, (case, confirmation(statement))
        positive = [j for j, ball in enumerate(statement.log_x) if ball is not None]
        for by in (4 * RADIUS, -Fraction(1, 10**9), Fraction(3)):
            found = confirmation(moved(statement, int(rng.choice(positive)), by))
            assert found.finding is Finding.WRONG, (case, by, found)


@pytest.mark.parametrize("j", [0, 1])
@pytest.mark.parametrize("share", [Fraction(1, 2), Fraction(3, 2), Fraction(-3, 2), Fraction(10**15)])
def test_a_midpoint_is_judged_by_its_own_radius(j, share):
    found = confirmation(moved(statement_of(TWO), j, share * RADIUS)).finding
    assert found is (Finding.CONFIRMED if abs(share) < 1 else Finding.WRONG)


@pytest.mark.parametrize("radius", [Fraction(1, 10**15), Fraction(1, 10**40), Fraction(1, 10**90)])
def test_radii_of_any_size_are_told_apart(radius):
    middle = statement_of(TWO, radius)
    with_digits = radius > Fraction(1, 10**30)  # the exact projection is known to thirty digits and more
    assert confirmation(moved(middle, 1, 2 * radius)).finding is Finding.WRONG
    assert not with_digits or confirmation(middle).finding is Finding.CONFIRMED


def test_another_prior_alpha_or_right_hand_side_is_refuted():
    case = draw("costs", 21, 1)
    statement = statement_of(case)
    for other in (
        Case(name="alpha", A=case.A, y=case.y, log_alpha=case.log_alpha * (1 + 1e-12), cost=case.cost),
        Case(name="prior", A=case.A, y=case.y, log_alpha=case.log_alpha, prior=1 + 1e-9 * case.costs, cost=case.cost),
        Case(name="y", A=case.A, y=case.y * (1 + 1e-12), log_alpha=case.log_alpha, cost=case.cost),
    ):
        asked = statement_of(other)
        assert confirmation(with_balls(asked, asked.log_x)).finding is Finding.CONFIRMED
        assert confirmation(with_balls(asked, statement.log_x)).finding is Finding.WRONG


def test_zeros_must_be_exposed_exactly():
    statement = statement_of(WITH_ZERO)
    assert confirmation(statement).finding is Finding.CONFIRMED
    for z in (None, [Fraction(0), Fraction(0)], [Fraction(0), Fraction(1)], [Fraction(1, 10**30), Fraction(-1)]):
        spoilt = Statement(A=statement.A, y=statement.y, prior=statement.prior, log_x=statement.log_x, exposing=z)
        assert confirmation(spoilt).finding is Finding.WRONG
    two = statement_of(TWO)
    assert confirmation(with_balls(two, [two.log_x[0], None])).finding is Finding.WRONG
    raised = [*statement.log_x[:2], Ball(middle=Fraction(-100), radius=Fraction(1))]
    assert confirmation(with_balls(statement, raised)).finding is not Finding.CONFIRMED


def test_zeros_of_a_prior_need_no_proof_and_no_number():
    case = Case(name="prior", A=np.ones((1, 3)), y=np.array([8.0]), log_alpha=-50.0, prior=np.array([1.0, 3.0, 0.0]))
    statement = statement_of(case)
    assert confirmation(statement).finding is Finding.CONFIRMED
    raised = [*statement.log_x[:2], Ball(middle=Fraction(-100), radius=Fraction(1))]
    assert confirmation(with_balls(statement, raised)).finding is Finding.WRONG


def test_rows_that_contradict_each_other_are_noticed():
    statement = statement_of(Case(name="rows", A=np.ones((2, 2)), y=np.ones(2), log_alpha=-1.0))
    assert confirmation(statement).finding is Finding.CONFIRMED
    inconsistent = Statement(
        A=statement.A, y=[Fraction(1), 1 + Fraction(1, 2**60)], prior=statement.prior, log_x=statement.log_x
    )
    assert confirmation(inconsistent).finding is Finding.WRONG


def test_zero_is_the_answer_where_nothing_else_is_feasible():
    prior = [Factor(factor=Fraction(1), log_alpha=Fraction(-1), cost=Fraction(1))] * 2
    A, z = [[Fraction(1), Fraction(2)]], [Fraction(-1)]
    for y, finding in ((Fraction(0), Finding.CONFIRMED), (Fraction(1), Finding.WRONG)):
        statement = Statement(A=A, y=[y], prior=prior, log_x=[None, None], exposing=z)
        assert confirmation(statement).finding is finding


def test_where_the_rows_are_zero_the_prior_is_the_answer():
    statement = statement_of(Case(name="free", A=np.array([[0.0, 0.0, 1.0]]), y=np.zeros(1), log_alpha=-7.0))
    assert [ball is None for ball in statement.log_x] == [False, False, True]
    assert confirmation(statement).finding is Finding.CONFIRMED
    assert confirmation(moved(statement, 1, 2 * RADIUS)).finding is Finding.WRONG


def test_an_exact_number_of_radius_zero_is_confirmed():
    # The middle column is zero: log x_2 = log alpha, of which a float is the exact value.
    statement = statement_of(Case(name="zero", A=np.array([[1.0, 0.0, 0.5]]), y=np.ones(1), log_alpha=-7.0))
    balls = [statement.log_x[0], Ball(middle=Fraction(-7), radius=Fraction(0)), statement.log_x[2]]
    assert confirmation(with_balls(statement, balls)).finding is Finding.CONFIRMED
    balls[1] = Ball(middle=-7 + Fraction(1, 10**90), radius=Fraction(0))
    assert confirmation(with_balls(statement, balls)).finding is Finding.WRONG


def test_digits_that_are_lost_to_a_steep_response_refute_nothing():
    # x_1 + T x_2 = 2 and log x_2 = b + T (log x_1 - b): at 60 digits log x_2 is not known at all.
    T, b = 2.0**233, -13.75
    with mp.workdps(400):
        at = mp.findroot(lambda s: s - mp.log((2 - mp.exp(b + (s - b) / T)) / T), -161)
        log_x = [b + (at - b) / T, at]
        balls = [Ball(middle=-_dyadic(*value.man_exp), radius=Fraction(1, 10**150)) for value in log_x]  # unsigned
    statement = with_balls(
        statement_of(Case(name="steep", A=np.array([[1.0, T]]), y=np.array([2.0]), log_alpha=b)), balls
    )
    assert confirmation(statement).finding is Finding.CONFIRMED
    assert confirmation(moved(statement, 0, Fraction(1, 10**140))).finding is Finding.WRONG
