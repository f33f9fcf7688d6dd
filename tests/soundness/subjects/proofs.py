"""`prove`: every PROVED is confirmed by fractions and mpmath alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from time import perf_counter

import mpmath as mp
import numpy as np

from bregman_l1 import Proof, prove, solve

from ..cases import Block, Case, generator
from ..confirmation import Ball, Confirmation, Factor, Finding, Statement, confirmation, dot, number
from ..guard import TIME_LIMIT, answer_of, judged_error
from ..judging import right, worst, wrong
from ..oracle import Ruling, Verdict
from ..records import Record
from .projections import problem_of

DIGITS = (15, 15, 25, 50)
RULINGS = {
    Finding.CONFIRMED: Ruling.RIGHT,
    Finding.WRONG: Ruling.WRONG,
    Finding.UNDECIDED: Ruling.UNDECIDED,
}
# Margins are compared in floating point of so many digits.
FINE, ROUND_UP = 60, Fraction(10**9 + 1, 10**9)
EPS = Fraction(1, 2**52)


def proved(case: Case) -> Iterator[Record]:
    """The proof of a certified projection."""
    solution = answer_of(lambda: solve(problem_of(case), time_limit=TIME_LIMIT))
    if isinstance(solution, Exception) or not solution.status.is_certified:
        return
    digits = int(generator(case, "proofs").choice(DIGITS))
    start = perf_counter()
    proof = answer_of(lambda: prove(solution, digits=digits))
    seconds = perf_counter() - start
    if isinstance(proof, Exception):
        record = judged_error(case, proof)
    elif not proof.ok:
        record = Record(case=case, outcome="not proved", detail=", ".join(proof.failed), log_x=solution.log_x)
    else:
        detail = f"for {proof.right_hand_side.which}, {digits} digits"
        record = Record(case=case, outcome="proved", verdict=confirm(proof, case), detail=detail, log_x=solution.log_x)
    yield replace(record, seconds=seconds)


def confirm(proof: Proof, case: Case) -> Verdict:
    """Whether a proof of a projection is confirmed: its balls, its zeros, and what else it says in numbers."""
    whole = Block(np.arange(case.y.size), np.arange(case.A.shape[1]))
    y = _right_hand_side(proof, case)
    balls = [None if pair is None else Ball(middle=pair[0], radius=pair[1]) for pair in proof.balls]
    false = _false_numbers(proof, case, balls, y)
    if false:
        return wrong(false)
    found = (confirmation(_statement(proof, case, block, balls, y)) for block in case.blocks or (whole,))
    return worst(_verdict(each) for each in found)


def _verdict(found: Confirmation) -> Verdict:
    if found.finding is Finding.CONFIRMED:
        return right(found.reason)
    return Verdict(ruling=RULINGS[found.finding], error=float("nan"), reason=found.reason)


def _statement(proof: Proof, case: Case, block: Block, balls: list[Ball | None], y: list[Fraction]) -> Statement:
    """What is said of a block; an exposing vector splits, each y_b'z_b being at most zero and their sum zero."""
    part, z = case.part(block), proof.support.exposing
    prior = zip(part.priors.tolist(), part.costs.tolist(), strict=True)
    return Statement(
        A=_exactly(part.A),
        y=[y[i] for i in block.rows],
        prior=[
            Factor(factor=Fraction(beta), log_alpha=Fraction(case.log_alpha), cost=Fraction(cost))
            for beta, cost in prior
        ],
        log_x=[balls[j] for j in block.columns],
        exposing=None if z is None else [Fraction(z[i]) for i in block.rows],
    )


def _right_hand_side(proof: Proof, case: Case) -> list[Fraction]:
    """The y', exactly, that the proof is for."""
    side = proof.right_hand_side
    if side.which == "y":
        return [Fraction(value) for value in case.y.tolist()]
    return [dot(row, side.values) for row in _exactly(case.A[:, side.columns])]


def _exactly(A: np.ndarray) -> list[list[Fraction]]:
    return [[Fraction(value) for value in row] for row in A.tolist()]


def _false_numbers(proof: Proof, case: Case, balls: list[Ball | None], y: list[Fraction]) -> str:
    """What the floats, the digits, the zeros or the roundings of a proof say falsely; empty if nothing."""
    zeros = [j for j, ball in enumerate(balls) if ball is None]
    outside = np.flatnonzero(case.priors == 0).tolist()
    if not set(proof.support.zeros.tolist()) | set(outside) >= set(zeros):
        return "the zeros of the balls are not those of the support"
    for j, ball in enumerate(balls):
        middle, radius = float(proof.log_x.mid[j]), float(proof.log_x.rad[j])
        if ball is None:
            if middle != -np.inf:
                return f"log x_{j} is a zero in balls and a number in floats"
            continue
        if abs(Fraction(middle) - ball.middle) + ball.radius > Fraction(radius):
            return f"the floats of log x_{j} do not hold its ball"
        if ball.radius > Fraction(1, 10**proof.digits) * max(Fraction(1), abs(ball.middle)):
            return f"log x_{j} has fewer than {proof.digits} digits"
    return _false_roundings(proof, case, balls, y)


def _false_roundings(proof: Proof, case: Case, balls: list[Ball | None], y: list[Fraction]) -> str:
    with mp.workdps(FINE):
        x = [mp.mpf(0) if ball is None else mp.exp(number(ball.middle + ball.radius)) for ball in balls]
        unit = number(Fraction(proof.right_hand_side.roundings) * EPS * ROUND_UP)
        for row, given, said in zip(_exactly(case.A), case.y.tolist(), y, strict=True):
            terms = mp.fsum(abs(number(a)) * value for a, value in zip(row, x, strict=True)) + abs(mp.mpf(given))
            if abs(number(said - Fraction(given))) > unit * terms:
                return f"y' is farther from y than {proof.right_hand_side.roundings} roundings"
    return ""
