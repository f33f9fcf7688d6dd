"""A proof that says too much is found out, whatever it says too much of."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from bregman_l1 import prove

from .cases import Case, draw
from .oracle import Ruling
from .subjects import linear_proofs
from .subjects.linear_proofs import proved_linear
from .subjects.projections import problem_of
from .subjects.proofs import confirm

WITH_ZERO = Case(name="zero", A=np.array([[1.0, 0.5, 0.25], [0.0, 0.0, 1.0]]), y=np.array([1.0, 0.0]), log_alpha=-10.0)
NEAR_TIE = Case(name="tie", A=np.array([[1.0, 1.0 - 2.0**-30]]), y=np.array([1.0]), log_alpha=-1.0)
ROUNDED = replace(draw("gaussian", 5, 1), log_alpha=-690.0)


def moved(proof, j, by):
    """The proof with one midpoint elsewhere, in its balls and in its floats."""
    balls, mid = list(proof.balls), proof.log_x.mid.copy()
    balls[j] = (balls[j][0] + by, balls[j][1])
    mid[j] = float(balls[j][0])
    return replace(proof, balls=tuple(balls), log_x=replace(proof.log_x, mid=mid, rad=proof.log_x.rad + 1e-9))


@pytest.mark.parametrize("case", [WITH_ZERO, ROUNDED], ids=["zero", "rounded"])
def test_a_midpoint_off_by_little_is_refuted(case):
    proof = prove(problem_of(case), digits=25)
    assert confirm(proof, case).ruling is Ruling.RIGHT
    j = next(j for j, ball in enumerate(proof.balls) if ball is not None)
    for by in (Fraction(1, 10**20), -Fraction(1, 10**3)):
        assert confirm(moved(proof, j, by), case).ruling is Ruling.WRONG


def test_floats_that_do_not_hold_their_ball_are_refuted():
    proof = prove(problem_of(WITH_ZERO))
    assert (
        confirm(replace(proof, log_x=replace(proof.log_x, mid=proof.log_x.mid + 1e-9)), WITH_ZERO).ruling
        is Ruling.WRONG
    )


def test_digits_roundings_and_zeros_are_not_taken_on_trust():
    proof = prove(problem_of(ROUNDED))
    assert confirm(replace(proof, digits=200), ROUNDED).ruling is Ruling.WRONG
    assert proof.right_hand_side.which == "rounded y"
    closer = replace(proof.right_hand_side, roundings=proof.right_hand_side.roundings / 1e3)
    assert confirm(replace(proof, right_hand_side=closer), ROUNDED).ruling is Ruling.WRONG
    zero = prove(problem_of(WITH_ZERO))
    for exposing in (None, (Fraction(0), Fraction(1))):
        spoilt = replace(zero, support=replace(zero.support, exposing=exposing))
        assert confirm(spoilt, WITH_ZERO).ruling is Ruling.WRONG


def test_a_proof_of_another_case_is_refuted():
    proof = prove(problem_of(ROUNDED))
    assert confirm(proof, replace(ROUNDED, log_alpha=ROUNDED.log_alpha * (1 + 1e-9))).ruling is Ruling.WRONG


def test_a_linear_proof_that_says_too_much_is_found_out(monkeypatch):
    (record, *others) = proved_linear(NEAR_TIE)
    assert {each.column for each in (record, *others)} == {"proved"}

    def spoilt(problem, **how):
        proof = prove(problem, **how)
        return replace(proof, value=tuple(end + Fraction(1, 2**60) for end in proof.value))

    monkeypatch.setattr(linear_proofs, "prove", spoilt)
    assert {each.column for each in proved_linear(NEAR_TIE)} == {"FALSE PROOF"}
