"""The judge judged: answers known in closed form or to thirty digits, and the same answers spoilt."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
from flint import arb, ctx

from . import (
    cases,
    families,
    ill_conditioned,
    infeasibility,
    judging,
    known,
    oracle,
    rational,
    records,
    structured,
    truth,
)
from .cases import FAMILIES, Block, case_from_json, draw
from .infeasibility import judge_infeasible
from .judging import distance, exact_floats, exact_log_x, judged
from .known import KNOWN
from .oracle import EPS, Ruling, judge
from .rational import face, feasible, interior_point
from .records import Record, to_json
from .truth import NoConvergenceError, as_floats, exact_projection

REFERENCE = Path(__file__).parent.parent / "reference" / "projections.json"
REFERENCES = [
    pytest.param(case, projection, id=f"{case['name']} at {projection['log_alpha']}")
    for case in json.loads(REFERENCE.read_text(encoding="utf-8"))
    for projection in case["projections"]
]
TWO = np.array([[1.0, 0.5]]), np.array([1.0])
# x = (1, 1, 0, 0) + multiples of the kernel: the last column is forced to zero by z = (0, -1).
WITH_ZERO = np.array([[1.0, 0.5, 0.25], [0.0, 0.0, 1.0]]), np.array([1.0, 0.0])
GAUSSIAN = draw("generic", 7, 0)
JUDGES = [cases, families, ill_conditioned, infeasibility, judging, known, oracle, rational, records, structured, truth]


def quadratic(log_alpha: float) -> np.ndarray:
    """Log x(alpha) for A = [1, 1/2], y = 1: with s = sqrt(x_1), s^2 + s sqrt(alpha) / 2 = 1 and x_2 = s sqrt(alpha)."""
    with mp.workdps(60):
        alpha = mp.exp(mp.mpf(log_alpha))
        s = 1 / (mp.sqrt(alpha) / 4 + mp.sqrt(alpha / 16 + 1))
        return np.array([float(2 * mp.log(s)), float(mp.log(s) + mp.mpf(log_alpha) / 2)])


def floats(rows):
    return np.array(
        [[float(Fraction(v)) for v in row] if isinstance(row, list) else float(Fraction(row)) for row in rows]
    )


def log_x_of(case) -> np.ndarray:
    exact = exact_projection(case.A, case.y, case.log_alpha, case.cost)
    assert exact is not None
    return as_floats(exact)


@pytest.mark.parametrize("module", JUDGES)
def test_the_judge_knows_nothing_of_the_package(module):
    assert "import bregman_l1" not in Path(module.__file__).read_text(encoding="utf-8")
    assert "from bregman_l1" not in Path(module.__file__).read_text(encoding="utf-8")


@pytest.mark.parametrize("log_alpha", [0.0, -1.0, -30.0, -690.0, -2302.6, -1e4, -1e5])
def test_the_closed_form_is_found_and_right(log_alpha):
    expected = quadratic(log_alpha)
    assert distance(as_floats(exact_projection(*TWO, log_alpha)), expected, log_alpha) < 1e-15
    assert judge(*TWO, log_alpha, expected).ruling is Ruling.RIGHT


@pytest.mark.parametrize(("case", "projection"), REFERENCES)
def test_references_are_found_and_right(case, projection):
    A, y, log_alpha = floats(case["A"]), floats(case["y"]), float(projection["log_alpha"])
    found = exact_projection(A, y, log_alpha)
    # A log alpha or entries that no float holds are rounded, and with them the thirty digits.
    exact_data = log_alpha == int(log_alpha) and case["name"] != "two-minimisers"
    with ctx.workprec(200):
        error = max(float(abs(a - arb(b)).mid()) for a, b in zip(found, projection["log_x"], strict=True))
    assert error < (1e-26 if exact_data else 1e-12)
    assert judge(A, y, log_alpha, np.array([float(v) for v in projection["log_x"]])).ruling is Ruling.RIGHT


def test_three_layers_have_the_exponents_of_the_theory():
    A = np.array([[1, 0.5, 0.2, 0.1, -0.3, 0.4], [0, 1, -1, 0, 0, 1], [0, 0, 0, 1, -1, 0.5]])
    found = as_floats(exact_projection(A, np.array([2.0, 0, 0]), -2000.0))
    exponents = np.array([0, 13 / 20, 13 / 20, 19 / 15, 14 / 15, 14 / 15])
    coefficients = np.log(2) * np.array([1, 0.35, 0.35, 0.4, -0.6, 0.4])
    np.testing.assert_allclose(found, -2000 * exponents + coefficients, atol=1e-12)


def test_the_only_point_is_the_answer():
    e = 2.0**-30
    found = exact_projection(np.array([[1, 1], [1, 1 + e]]), np.array([2, 2 + 1.5 * e]), -5.0)
    np.testing.assert_allclose(np.exp(as_floats(found)), [0.5, 1.5], rtol=1e-15)


def test_costs_are_exponents_of_the_prior():
    # The reduced costs are 2 - 3/2 and 3/2 - 1.
    found = as_floats(
        exact_projection(np.array([[1.0, 1.5, 1.0]]), np.array([2.0]), -1000.0, np.array([1.0, 2.0, 1.5]))
    )
    np.testing.assert_allclose(found, [np.log(2), -500 + 1.5 * np.log(2), -500 + np.log(2)], atol=1e-12)


def test_forced_zeros_are_zeros():
    found = as_floats(exact_projection(*WITH_ZERO, -10.0))
    assert found[2] == -np.inf
    np.testing.assert_allclose(found[:2], quadratic(-10.0), rtol=1e-15)
    assert judge(*WITH_ZERO, -10.0, found).ruling is Ruling.RIGHT


@pytest.mark.parametrize("log_alpha", [-10.0, -1000.0])
@pytest.mark.parametrize("entry", [0, 7, 19])
@pytest.mark.parametrize("by", [1e-6, -1e-6])
def test_one_entry_off_by_a_millionth_is_wrong(log_alpha, entry, by):
    A, y = GAUSSIAN.A, GAUSSIAN.y
    spoilt = as_floats(exact_projection(A, y, log_alpha))
    assert judge(A, y, log_alpha, spoilt).ruling is Ruling.RIGHT
    spoilt[entry % spoilt.size] += by
    verdict = judge(A, y, log_alpha, spoilt)
    assert verdict.ruling is Ruling.WRONG
    assert 1e-8 <= verdict.error <= 1e-6


def test_a_feasible_point_that_is_not_the_projection_is_wrong():
    assert judge(*TWO, -5.0, np.log([0.9, 0.2])).ruling is Ruling.WRONG


def test_a_projection_for_another_right_hand_side_is_wrong():
    log_x = as_floats(exact_projection(GAUSSIAN.A, GAUSSIAN.y * (1 + 1e-6), -10.0))
    assert judge(GAUSSIAN.A, GAUSSIAN.y, -10.0, log_x).ruling is Ruling.WRONG


def test_a_projection_for_another_alpha_is_wrong():
    log_x = as_floats(exact_projection(GAUSSIAN.A, GAUSSIAN.y, -10.0))
    assert judge(GAUSSIAN.A, GAUSSIAN.y, -10.001, log_x).ruling is Ruling.WRONG


def test_a_zero_made_positive_is_wrong():
    log_x = as_floats(exact_projection(*WITH_ZERO, -10.0))
    for value in (-10.0, -300.0):
        assert judge(*WITH_ZERO, -10.0, np.r_[log_x[:2], value]).ruling is Ruling.WRONG


def test_a_positive_entry_made_zero_is_wrong_however_small():
    log_x = quadratic(-2302.6)
    assert judge(*TWO, -2302.6, np.array([log_x[0], -np.inf])).ruling is Ruling.WRONG
    assert judge(*TWO, -2302.6, np.array([-np.inf, -np.inf])).ruling is Ruling.WRONG


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_vector_of_logarithms_is_wrong(value):
    assert judge(*TWO, -1.0, np.array([0.0, value])).ruling is Ruling.WRONG


def test_a_dropped_row_is_noticed_at_rounding_level():
    A, y = np.array([[1.0, 0.5], [1.0, 0.5]]), np.array([1.0, 1.0])
    log_x = quadratic(-10.0)
    assert judge(A, y, -10.0, log_x).ruling is Ruling.RIGHT
    assert judge(A, y * [1, 1 + 32 * EPS], -10.0, log_x).ruling is Ruling.RIGHT
    assert judge(A, y * [1, 1 + 1000 * EPS], -10.0, log_x).ruling is Ruling.WRONG


def test_a_right_hand_side_within_the_margin_is_allowed_row_by_row():
    # y = A x0 rounded is not in the span of the support; at this depth x for y itself is another one altogether.
    A = np.array([[1.0, 1 / 3, 0.1], [1 / 7, 0.7, -0.3], [0.3, 0.9, 0.5]])
    y = A @ [1.0, 1.0, 0.0]
    for tiny in (EPS, -EPS):
        moved = y * [1, 1, 1 + tiny]
        point = interior_point(A, moved)
        assert point is None or judge(A, y, -50.0, as_floats(exact_projection(A, moved, -50.0))).ruling is Ruling.RIGHT


def test_the_tolerance_is_that_of_the_caller():
    log_x = as_floats(exact_projection(GAUSSIAN.A, GAUSSIAN.y, -10.0))
    log_x[3] += 1e-6
    assert judge(GAUSSIAN.A, GAUSSIAN.y, -10.0, log_x, tol=1e-5).ruling is Ruling.RIGHT
    assert judge(GAUSSIAN.A, GAUSSIAN.y, -10.0, log_x, tol=1e-12).ruling is Ruling.WRONG


def test_infeasibility_is_decided_exactly():
    A = np.array([[1.0, 2.0], [2.0, 4.0]])
    z = np.array([-2.0, 1.0])
    assert judge_infeasible(A, np.array([1.0, 3.0]), z).ruling is Ruling.RIGHT
    assert judge_infeasible(A, np.array([1.0, 2.0 + 1e-11]), z).ruling is Ruling.RIGHT
    assert judge_infeasible(A, np.array([1.0, 2.0 + 40 * EPS]), z).ruling is Ruling.UNDECIDED
    assert judge_infeasible(A, np.array([1.0, 2.0 + EPS * 2]), z).ruling is Ruling.WRONG
    assert judge_infeasible(A, np.array([1.0, 2.0]), z).ruling is Ruling.WRONG
    assert judge_infeasible(A, np.array([1.0, 3.0]), -z).ruling is Ruling.WRONG
    assert judge_infeasible(A, np.array([-1.0, -2.0]), np.array([-1.0, 0.0])).ruling is Ruling.RIGHT


def test_feasible_though_it_was_once_refused():
    case = KNOWN["feasible, once refused"]
    assert judge_infeasible(case.A, case.y).ruling is Ruling.WRONG


def test_either_a_point_or_a_separating_vector_exactly():
    for name in ("any_integers", "nearly_infeasible", "inconsistent_rows"):
        for index in range(6):
            case = draw(name, 3, index)
            found = feasible(case.A, case.y)
            A, y = rational.exact_matrix(case.A), rational.exact_column(case.y)
            if found.x is not None:
                assert all(value >= 0 for value in found.x)
                assert A * rational.fmpq_mat(len(found.x), 1, found.x) == y
            else:
                z = rational.fmpq_mat(len(found.z), 1, found.z)
                assert all(value <= 0 for value in (A.transpose() * z).entries())
                assert (y.transpose() * z)[0, 0] > 0


def test_a_face_is_exposed_or_left_along_a_kernel_vector():
    A = WITH_ZERO[0]
    assert face(A, np.array([True, True, False])).exposing == [0, -1]
    direction = face(A, np.array([True, False, False])).direction
    assert direction == [rational.fmpq(-1, 2), 1, 0]


def test_a_prior_is_a_factor():
    # x = p e^{lam}: in proportion to p where A is a row of ones.
    A, prior = np.ones((1, 3)), np.array([1.0, 3.0, 0.0])
    found = as_floats(exact_projection(A, np.array([8.0]), -1000.0, prior=prior))
    np.testing.assert_allclose(found, [np.log(2), np.log(6), -np.inf], atol=1e-14)
    assert judge(A, np.array([8.0]), -1000.0, found, prior=prior).ruling is Ruling.RIGHT
    assert judge(A, np.array([8.0]), -1000.0, found, prior=prior * [1, 1.001, 1]).ruling is Ruling.WRONG
    assert judge(A, np.array([8.0]), -1000.0, np.r_[found[:2], -900.0], prior=prior).ruling is Ruling.WRONG


def test_a_prior_may_be_given_as_costs():
    cost = np.array([1.0, -2.0, 0.5, 3.0])
    A, y = np.array([[1.0, 2.0, 1.0, 3.0], [0.0, 1.0, -1.0, 2.0]]), np.array([5.0, 1.0])
    found = as_floats(exact_projection(A, y, 0.0, prior=2.0**cost))
    np.testing.assert_allclose(found, as_floats(exact_projection(A, y, math.log(2.0), cost)), atol=1e-14)


def test_blocks_are_judged_one_by_one_and_together_alike():
    case = draw("blocks", 3, 0)
    part = case.part(case.blocks[0])
    assert sum(block.columns.size for block in case.blocks) == case.A.shape[1]
    outside = np.setdiff1d(np.arange(case.A.shape[1]), case.blocks[0].columns)
    assert not case.A[np.ix_(case.blocks[0].rows, outside)].any()
    small = replace(case, A=part.A, y=part.y, blocks=(Block(np.arange(part.y.size), np.arange(part.A.shape[1])),))
    log_x = exact_floats(small)
    for spoilt in (log_x, np.where(log_x == log_x.max(), log_x + 1e-3, log_x)):
        assert judged(small, spoilt).ruling is judged(replace(small, blocks=()), spoilt).ruling


@pytest.mark.parametrize("name", FAMILIES)
def test_the_exact_projection_is_right_and_spoilt_it_is_wrong(name):
    for index in range(2):
        case = draw(name, 11, index)
        try:
            exact = exact_log_x(case)
        except NoConvergenceError:
            continue
        if exact is None:
            assert name == "blocks" or judge_infeasible(case.A, case.y).reason != "there is a feasible x"
            continue
        log_x = as_floats(exact)
        assert judged(case, log_x).ruling is Ruling.RIGHT
        log_x[int(np.argmax(log_x))] += 1e-4 * max(1.0, abs(case.log_alpha) / 1000)
        assert judged(case, log_x).ruling is Ruling.WRONG


@pytest.mark.parametrize("name", ["costs", "priors", "blocks"])
def test_saved_cases_lose_nothing(name):
    case = draw(name, 5, 2)
    saved = json.loads(json.dumps(to_json(Record(case=case, outcome="refused", log_x=np.array([-np.inf, 0.1])))))
    back = case_from_json(saved)
    for mine, theirs in ((case.A, back.A), (case.y, back.y), (case.costs, back.costs), (case.priors, back.priors)):
        np.testing.assert_array_equal(mine, theirs)
    assert back.log_alpha == case.log_alpha
    assert all(
        (a.rows == b.rows).all() and (a.columns == b.columns).all()
        for a, b in zip(case.blocks, back.blocks, strict=True)
    )
    assert float.fromhex(saved["log_x"][0]) == -np.inf
