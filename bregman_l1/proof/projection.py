"""The proof of a projection: rows and zeros exactly, its logarithms in balls."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from flint import arb

from bregman_l1._types import Index, Vector
from bregman_l1.errors import BregmanError
from bregman_l1.exact import at_precision
from bregman_l1.newton import project
from bregman_l1.outcome import Outcome
from bregman_l1.proof.arithmetic import digits_of, dyadic, floats, outward, upward
from bregman_l1.proof.krawczyk import ScaleFree, solution
from bregman_l1.proof.precision import first_proved
from bregman_l1.proof.prior import Prior
from bregman_l1.proof.record import Imprecise, Proof, ProvedSupport, RightHandSide, Step, Target, Unproved
from bregman_l1.proof.support import ExactFace, exact_face, proved_zeros
from bregman_l1.proof.targets import Tabulation, cancelled, itself, nearest, snapped
from bregman_l1.system import LinearSystem

if TYPE_CHECKING:
    from bregman_l1.problems import BregmanProjection

# Digits beyond those asked for, bits beyond those of the digits; bits are doubled until they are so many.
_SPARE_DIGITS, _SPARE_BITS, _MOST_BITS = 10, 64, 2500
# |log x| up to which an error counts as it is.
_ABSOLUTE = 1000.0
# Tolerances that an answer may be off for a step from it to be worth making; e-folds, where it is a start only.
_WORTHWHILE, _ANYWHERE = 100.0, 30.0
_BITS_OF_A_DIGIT = math.log2(10.0)

Made = tuple[Step, dict[str, Any]]


def prove_projection(
    problem: BregmanProjection, log_x: Vector, *, digits: int, for_: Target | None = None, tol: float | None = None
) -> Proof:
    """Prove log x(alpha), from an answer nearby.

    Parameters
    ----------
    problem : BregmanProjection
    log_x : ndarray of shape (d,)
        The answer, -inf for its zeros.
    digits : int
    for_ : {"y", "rounded y"}, optional
        The right-hand side; y itself where the answer is right for it, if omitted.
    tol : float, optional
        How far off the answer may be, each log x beyond 1000 or |log alpha| in proportion. If omitted the answer is no
        more than a start.
    """
    started, steps = perf_counter(), list[Step]()
    known: dict[str, Any] = {}
    try:
        for step, parts in _made(problem, log_x, digits, for_, tol):
            steps.append(step)
            known |= parts
    except Unproved as failure:
        steps.append(failure.step)
    return Proof(subject=problem.title, steps=tuple(steps), seconds=perf_counter() - started, **known)


def _made(
    problem: BregmanProjection, log_x: Vector, digits: int, for_: Target | None, tol: float | None
) -> Iterator[Made]:
    """The steps one by one, each with the parts of the proof that it adds."""
    part = problem.part
    left, positive = log_x[part.columns], np.isfinite(log_x)
    positive_left = positive[part.columns]
    if np.isnan(log_x).any() or (log_x == np.inf).any() or not positive_left.any():
        raise Unproved("support", "the answer is no nonnegative vector other than zero")
    if positive.sum() > positive_left.sum():
        raise Unproved("support", "the answer is not zero where the prior is")
    face = exact_face(part.system, positive_left, left[positive_left])
    yield Step(name="rows", passed=True, meaning=_about_rows(face)), {}

    exposing = proved_zeros(face, part.system, positive_left)
    zeros = np.flatnonzero(~positive)
    yield (
        Step(name="support", passed=True, meaning=_about_zeros(zeros, exposing is not None)),
        {"support": ProvedSupport(zeros=zeros, exposing=exposing)},
    )

    columns = np.flatnonzero(positive)
    claim = log_x[columns]
    search = _Search(problem=problem, columns=columns, face=face, claim=claim, start=claim, digits=digits, tol=tol)
    found = search.found(for_)
    target = found.target
    yield Step(name="right-hand side", passed=True, meaning=str(target)), {"right_hand_side": target}

    whole = [arb("-inf")] * log_x.size
    for j, ball in zip(columns.tolist(), found.log_x, strict=True):
        whole[j] = ball
    balls = tuple(None if ball.is_exact() and not ball.is_finite() else dyadic(ball) for ball in whole)
    parts = {"log_x": outward(whole), "balls": balls, "digits": found.digits, "bits": found.bits, "error": found.error}
    meaning = f"{found.digits} digits of every log x, in {found.bits} bits"
    yield Step(name="existence", passed=True, meaning=f"Krawczyk's operator contracts: {meaning}"), parts
    if tol is not None:
        meaning = f"each log x of the answer is within {found.error:.2g}; tolerance {tol:.2g}"
        yield Step(name="answer", passed=True, meaning=meaning), {}


def _about_rows(face: ExactFace) -> str:
    alone = f"{face.rows.size} of {face.y.size} rows are independent"
    return f"{alone}, the others follow from them exactly" if face.others.size else f"{alone}: all"


def _about_zeros(zeros: Index, exposed: bool) -> str:
    if not zeros.size:
        return "every entry is positive"
    by = "an exposing vector, exactly" if exposed else "the prior"
    return f"{zeros.size} entries vanish on the whole feasible set, by {by}; all others are positive"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """The logarithms of the positive entries."""

    log_x: list[arb]
    target: RightHandSide
    bits: int
    digits: int
    error: float


Values = Callable[[Tabulation], list[arb]]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    """The search for a right-hand side and a precision at which the answer is proved.

    Attributes
    ----------
    problem : BregmanProjection
    columns : ndarray of int
        The positive entries.
    face : ExactFace
    claim, start : ndarray of shape (h,)
        Log x of the answer, and where Newton's method starts.
    digits : int
    tol : float or None
        As in `prove_projection`.
    """

    problem: BregmanProjection
    columns: Index
    face: ExactFace
    claim: Vector
    start: Vector
    digits: int
    tol: float | None
    _tables: dict[int, Tabulation] = field(default_factory=dict)

    def found(self, for_: Target | None) -> _Found:
        """Try y itself, then the y' of the native method, then that of the answer itself."""
        attempts: list[Callable[[], _Found]] = []
        if for_ in (None, "y"):
            attempts.append(self._for_y)
        if for_ == "y" and self.tol is None:
            attempts.append(self._from_a_start_of_its_own)
        if for_ in (None, "rounded y"):
            attempts += [partial(self._solved, u) for u in (snapped, self._own(cancelled), self._own(nearest))]
        for attempt in attempts[:-1]:
            with suppress(Unproved):
                return attempt()
        return attempts[-1]()

    def _for_y(self) -> _Found:
        if not self.face.agrees():
            raise Unproved("right-hand side", "y contradicts itself exactly, by rounding: no x solves A x = y itself")
        return self._solved(itself)

    def _from_a_start_of_its_own(self) -> _Found:
        """Solve for y itself, whose entries u may be rounding, in the coordinates of the basis."""
        with at_precision(self._first_bits):
            table = self._table(self._first_bits)
            face = table.face
            u = floats(table.u)
        order = np.append(face.J, face.R)
        log_prior = self.problem.log_prior[self.columns[order]]
        try:
            system = LinearSystem(np.hstack([np.eye(face.J.size), table.plain]), u)
            claim = project(system, log_prior, self.problem.potential)
        except BregmanError as error:
            raise Unproved("existence", f"there was no start for y itself: {error}") from error
        if claim.outcome is not Outcome.OPTIMAL or claim.log_x is None or not np.isfinite(claim.log_x).all():
            raise Unproved("existence", f"there was no start for y itself: {claim.outcome.value}")
        start = np.empty(order.size)
        start[order] = claim.log_x
        return replace(self, face=face.heavy_at(start), start=start, _tables={})._for_y()

    def _own(self, target: Callable[[Tabulation, Vector, float], list[arb]]) -> Values:
        return lambda table: target(table, self.start, self._reach)

    def _solved(self, values: Values) -> _Found:
        """Prove it for the u that is made of a tabulation."""
        precisions = [self._first_bits]
        while precisions[-1] < max(_MOST_BITS, 8 * self._first_bits):
            precisions.append(2 * precisions[-1])
        found = first_proved(lambda bits: self._at(bits, values), precisions, Imprecise)
        if self.tol is not None and not found.error <= self.tol:
            raise Unproved("answer", f"a log x of the answer is off by {found.error:.2g}; tolerance {self.tol:.2g}")
        return found

    def _at(self, bits: int, values: Values) -> _Found:
        table = self._table(bits)
        face, u, goal = table.face, values(table), arb(10) ** -self._goal_digits
        rho = Prior.of(self.problem, self.columns).rho(table, self.start, goal)
        equations = ScaleFree(potential=self.problem.potential, T=table.T, plain=table.plain, u=u, rho=rho)
        om, rest = solution(equations, self.start[face.J], self.start[face.R], goal, self._reach)
        log_x = [arb(0)] * self.start.size
        for j, ball in zip((*face.J, *face.R), (*om, *rest), strict=True):
            log_x[j] = ball
        digits = min(map(digits_of, log_x))
        if not digits >= self.digits:
            raise Imprecise("existence", f"{max(0, math.floor(digits))} digits of log x are known, of {self.digits}")
        digits = math.floor(min(digits, bits / _BITS_OF_A_DIGIT))
        target = table.right_hand_side(u, self.columns, log_x)
        return _Found(log_x=log_x, target=target, bits=bits, digits=digits, error=self._error(log_x))

    def _table(self, bits: int) -> Tabulation:
        if bits not in self._tables:
            self._tables[bits] = Tabulation.of(self.face, self.start, -self._goal_digits * math.log(10.0))
        return self._tables[bits]

    def _error(self, log_x: list[arb]) -> float:
        off = [upward(abs(ball - arb(value))) for ball, value in zip(log_x, self.claim.tolist(), strict=True)]
        sizes = np.maximum(max(_ABSOLUTE, abs(self.problem.log_alpha)), np.abs(self.claim)) / _ABSOLUTE
        return float(np.nextafter(np.max(off / sizes), np.inf))

    @property
    def _depth(self) -> float:
        return max(_ABSOLUTE, abs(self.problem.log_alpha), float(np.abs(self.start).max())) / _ABSOLUTE

    @property
    def _goal_digits(self) -> int:
        return self.digits + _SPARE_DIGITS

    @property
    def _reach(self) -> float:
        return _ANYWHERE if self.tol is None else min(_ANYWHERE, _WORTHWHILE * self.tol * self._depth)

    @property
    def _first_bits(self) -> int:
        digits = self._goal_digits + 2 * math.log10(1000.0 * self._depth)
        return _SPARE_BITS + math.ceil(_BITS_OF_A_DIGIT * digits)
