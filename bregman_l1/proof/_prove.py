"""`prove`: from a problem or an answer to its proof."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from bregman_l1._backends.base import Backend
from bregman_l1._backends.registry import choose_backend
from bregman_l1._solve import claimed, solved, vectors_of
from bregman_l1.claim import Claim
from bregman_l1.entry import entry_point, warn_caller
from bregman_l1.errors import InfeasibleError, InvalidOptionError, InvalidProblemError, NotProvedWarning
from bregman_l1.one_line import brief
from bregman_l1.problems import BregmanProjection, L1Minimization, NullSpaceConstant, Problem
from bregman_l1.proof.infeasibility import prove_infeasible
from bregman_l1.proof.linear import prove_l1
from bregman_l1.proof.nullspace import prove_constant
from bregman_l1.proof.projection import prove_projection
from bregman_l1.proof.record import TARGETS, Proof, Target
from bregman_l1.solution import Solution, Status
from bregman_l1.validation import checked_count

_TOLERANCE, _DIGITS, _MOST_DIGITS = 1e-9, 15, 1000


@entry_point
def prove(answer: Solution | Problem, digits: int = _DIGITS, *, for_: Target | None = None) -> Proof:
    """Prove an answer, or the answer to a problem, in ball arithmetic and rationals: nothing is left to rounding.

    Every float of A, y, log(alpha), cost, prior and depth is taken as the rational it is. A projection is proved by
    Krawczyk's operator: it encloses every log x, and shows that the enclosure holds one. Ranks, zeros and linear
    problems are decided in rationals. Where x may have either sign the proof is about (x_plus, x_minus), of 2d entries.

    Parameters
    ----------
    answer : Solution or Problem
        An answer is proved if it is right to 1e-9 in every log x (beyond 1000, or |log alpha|, in proportion). For a
        problem it is what is proved that counts: ``log_x`` of the proof.
    digits : int, default 15
        So many digits of every log x at least, up to 1000.
    for_ : {"y", "rounded y"}, optional
        Prove it for y itself, or for y' = A_J u, the right-hand side within rounding of y whose u = A_J^{-1} y' has
        zeros where rounding hides them. A y that was computed as A x lies in the span of the support of x to rounding
        only: y itself then has, once alpha is deep, a support of N entries, and another answer, or none. If omitted,
        it is proved for y itself where it is right for that, and for y' otherwise.

    Returns
    -------
    Proof
        With ``ok``, ``log_x``, ``digits``, ``right_hand_side`` and ``support``; where it is not ok, ``failed`` names
        the steps that could not be made, and ``steps`` say why.

    Raises
    ------
    InfeasibleError
        If no x >= 0 solves A x = y; its ``proof`` tells whether that is so exactly.
    InvalidProblemError
        If it is given neither a problem nor a solution that knows its problem, a solution of another size, or a wrong
        ``for_``.
    InvalidOptionError
        If digits is not a whole number from 1 to 1000.

    Examples
    --------
    >>> from bregman_l1 import BregmanProjection, LinearSystem, prove, solve
    >>> solution = solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), log_alpha=-2302.6))
    >>> proof = prove(solution)  # alpha is about 1e-1000
    >>> proof.ok, str(proof.right_hand_side)
    (True, 'y itself')
    >>> proof.ball(1).str(25, radius=False)
    '-1151.299999999999954525265'
    """
    digits, for_ = _checked(digits, for_)
    if isinstance(answer, Problem):
        backend = choose_backend(answer, "auto", tol=_TOLERANCE, max_iter=None, time_limit=None, native={})
        with _proving_infeasibility(answer):
            claim = claimed(answer, backend, polish=True, tol=_TOLERANCE)
        return _proof(answer, claim, digits=digits, for_=for_, tol=None)
    if not isinstance(answer, Solution):
        raise InvalidProblemError(f"a Solution or a Problem can be proved, got {type(answer).__name__}")
    if answer.problem is None:
        raise InvalidProblemError("a solution that was loaded from a file does not hold its problem: prove the problem")
    return _proof(answer.problem, _claim_of(answer, answer.problem), digits=digits, for_=for_, tol=_TOLERANCE)


def solve_and_prove(problem: Problem, backend: Backend, *, polish: bool, tol: float) -> Solution:
    """What a backend claims, polished, certified and, where it is certified, proved; warns where that fails."""
    with _proving_infeasibility(problem):
        solution = solved(problem, backend, polish=polish, tol=tol)
    if not solution.certificate.ok:
        return solution
    proof = _proof(problem, _claim_of(solution, problem), digits=_DIGITS, for_=None, tol=tol)
    if not proof.ok:
        warn_caller(f"{proof.verdict}; {proof.reason}", NotProvedWarning)
    return replace(solution, proof=proof, status=Status.PROVED if proof.ok else solution.status)


@contextmanager
def _proving_infeasibility(problem: Problem) -> Iterator[None]:
    """Give an `InfeasibleError` its proof on the way out."""
    try:
        yield
    except InfeasibleError as error:
        is_positive = problem.log_prior > -np.inf if isinstance(problem, BregmanProjection) else None
        columns = slice(None) if is_positive is None else np.flatnonzero(is_positive)
        error.proof = prove_infeasible(problem.unsigned, error.farkas, columns)
        raise


def _claim_of(solution: Solution, problem: Problem) -> Claim:
    vectors = vectors_of(problem, {**solution.unknowns, "dual": solution.dual})
    return Claim(**vectors, value=solution.value)


def _proof(problem: Problem, claim: Claim, *, digits: int, for_: Target | None, tol: float | None) -> Proof:
    if isinstance(problem, BregmanProjection):
        with np.errstate(all="ignore"):
            return prove_projection(problem, claim.log_point, digits=digits, for_=for_, tol=tol)
    if isinstance(problem, L1Minimization):
        return prove_l1(problem, claim, digits=digits, for_=for_, tol=tol)
    if isinstance(problem, NullSpaceConstant):
        return prove_constant(problem, claim, tol=tol)
    raise InvalidProblemError(f"how to prove a {type(problem).__name__} is not known")


def _checked(digits: Any, for_: Any) -> tuple[int, Target | None]:
    digits = checked_count("digits", digits, 1, InvalidOptionError)
    if digits > _MOST_DIGITS:
        raise InvalidOptionError(f"digits must be at most {_MOST_DIGITS}, got {digits}")
    if for_ is not None and not (isinstance(for_, str) and for_ in TARGETS):
        raise InvalidProblemError(f"for_ must be 'y' or 'rounded y', got {brief(for_)}")
    return digits, for_
