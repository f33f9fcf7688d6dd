"""The one verb: claim, polish, certify."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from bregman_l1._backends.base import Backend
from bregman_l1._backends.registry import choose_backend
from bregman_l1._types import EPS, Mask, Vector
from bregman_l1.budget import Budget
from bregman_l1.certificate import Certificate
from bregman_l1.claim import Claim, Farkas
from bregman_l1.entry import entry_point, warn_caller
from bregman_l1.errors import (
    WHAT_TO_TRY,
    BackendError,
    InvalidOptionError,
    InvalidProblemError,
    NotCertifiedWarning,
)
from bregman_l1.outcome import Outcome
from bregman_l1.parts import of_either_sign
from bregman_l1.problems.access import access_to
from bregman_l1.problems.base import Problem
from bregman_l1.scale import as_float
from bregman_l1.solution import Solution, Status
from bregman_l1.system import Knows
from bregman_l1.validation import checked_flag, checked_tolerance, checked_vector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bregman_l1.system import LinearSystem

_LOG = logging.getLogger(__name__)
# What exp and log round, relative to |log x|: x and log_x of one vector differ by no more.
_ROUNDINGS = 4 * EPS
_SMALLEST = float(np.finfo(np.float64).smallest_subnormal)
_COUNTS = ("iterations", "setup_time", "solve_time")
_LIMITS = {Outcome.ITERATION_LIMIT: Status.ITERATION_LIMIT, Outcome.TIME_LIMIT: Status.TIME_LIMIT}


@entry_point
def solve(
    problem: Problem,
    backend: str | Backend = "auto",
    *,
    polish: bool = True,
    tol: float = 1e-9,
    max_iter: int | None = None,
    time_limit: float | None = None,
    proof: bool = False,
    **native: Any,
) -> Solution:
    """Solve a problem and certify the answer.

    A backend claims an answer, the problem polishes the claim, and its own optimality conditions decide
    what is said of it. The solver's word is kept in ``raw_status`` and decides nothing.

    Parameters
    ----------
    problem : Problem
        A `BregmanProjection`, `L1Minimization` or `NullSpaceConstant`.
    backend : str or Backend, default "auto"
        Who solves it; ``backends()`` lists the names. ``"auto"`` takes the most accurate one that can. An instance
        has settings of its own: of those below, only ``polish`` and the ``tol`` of the certificate go with it.
    polish : bool, default True
        Improve the claim by Newton steps (projections) or on its support (linear problems) before it
        is certified. With False the raw claim is certified as it stands.
    tol : float, default 1e-9
        The accuracy asked of the backend, and the tolerance of the certificate; below 1.
    max_iter : int, optional
        Iteration limit of the backend.
    time_limit : float, optional
        Seconds for the backend, and as many again for polish and certificate. Not counted are stating the problem
        for CVXPY, and the factorisation or linear program under way when the time is up. ECOS cannot be stopped by
        time: give it ``max_iter``.
    proof : bool, default False
        Prove a certified answer, as `prove` does: ``solution.proof`` holds the proof, and an answer within ``tol`` of
        what is proved is PROVED. An `InfeasibleError` holds one too. Outside of the time limit: 10 ms for 20 x 60, a
        third of a second for 100 x 400, three seconds for 300 x 1000.
    **native
        Options handed to the solver as they are.

    Returns
    -------
    Solution
        The answer; its ``status`` is CERTIFIED exactly if every check of its ``certificate`` passed, and PROVED if a
        proof was asked for and found as well.

    Raises
    ------
    InfeasibleError
        If {x >= 0 : A x = y} is empty; carries the verified Farkas vector.
    BackendError
        If the solver gives no point at all, or what it gives is no claim; its subclasses name unknown, missing and
        unable backends and unknown options.

    Warns
    -----
    NotCertifiedWarning
        If the answer returned is anything short of CERTIFIED.
    NotProvedWarning
        If a proof was asked for and not found.

    Notes
    -----
    The logger ``bregman_l1`` of `logging`, silent unless you set it up, tells at level INFO who answered and what the
    certificate says, and at DEBUG the phases in between with their factorisations, bases and linear programs.

    Examples
    --------
    >>> from bregman_l1 import BregmanProjection, LinearSystem, solve
    >>> solution = solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), log_alpha=-2302.6))
    >>> solution.status
    <Status.CERTIFIED: 'certified'>
    >>> round(float(solution.log_x[1]), 6)  # x_2 itself, about 1e-500, underflows
    -1151.3
    """
    if not isinstance(problem, Problem):
        raise InvalidProblemError(f"problem must be a Problem, such as BregmanProjection, got {type(problem).__name__}")
    tol = checked_tolerance(tol)
    polish, proof = (checked_flag(*flag, InvalidOptionError) for flag in (("polish", polish), ("proof", proof)))
    chosen = choose_backend(problem, backend, tol=tol, max_iter=max_iter, time_limit=time_limit, native=native)
    if proof:
        from bregman_l1.proof._prove import solve_and_prove

        return solve_and_prove(problem, chosen, polish=polish, tol=tol)
    return solved(problem, chosen, polish=polish, tol=tol)


def solved(problem: Problem, backend: Backend, *, polish: bool, tol: float) -> Solution:
    """What a backend claims, polished and certified."""
    claim = claimed(problem, backend, polish=polish, tol=tol)
    return certified(problem, claim, certificate_of(problem, claim, tol), backend.name)


def claimed(problem: Problem, backend: Backend, *, polish: bool, tol: float) -> Claim:
    """What a backend claims, polished; the time that is left is for the certificate."""
    _LOG.debug("%r goes to %s", problem, backend.name)
    claim = _feasible_claim(problem, backend)
    _LOG.debug("%s claims: %s (%r)", backend.name, claim.outcome.value, claim.raw_status)
    budget = Budget(seconds=backend.time_limit)
    claim = replace(claim, time_left=budget.seconds_left)
    return replace(problem.polish(claim, tol), time_left=budget.seconds_left) if polish else claim


@entry_point
def certify(
    problem: Problem,
    x: ArrayLike | None = None,
    *,
    log_x: ArrayLike | None = None,
    dual: ArrayLike | None = None,
    tol: float = 1e-9,
) -> Certificate:
    """Certify any vector as the answer to a problem, wherever it came from.

    Parameters
    ----------
    problem : Problem
        The problem it should solve.
    x, log_x : array_like or Series of shape (d,)
        The vector, or its logarithm where it underflows; both, if every entry of one is that of the other, rounded.
        Of a problem with unknowns of either sign, x, or both of shape (2d,) for (x_plus, x_minus).
        A series goes by the names of the columns, or, for the multipliers, of the rows.
    dual : array_like or Series of shape (N,), optional
        Multipliers of A x = y, lam = d(optimal value)/dy, to be certified with x; the best ones are computed
        if omitted.
    tol : float, default 1e-9
        Tolerance of the checks; positive, below 1.

    Returns
    -------
    Certificate
        Every check with its value; ``certificate.ok`` is the verdict.

    Raises
    ------
    InvalidProblemError
        If neither x nor log_x is given, if they disagree, or a vector has the wrong length or type.
    InvalidOptionError
        If tol is not a positive number below 1.

    Examples
    --------
    >>> from bregman_l1 import BregmanProjection, LinearSystem, certify
    >>> problem = BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=0.01)
    >>> certify(problem, x=[0.9, 0.2]).failed
    ('KKT identity', 'duality gap', 'deviation')
    """
    if not isinstance(problem, Problem):
        raise InvalidProblemError(f"problem must be a Problem, such as BregmanProjection, got {type(problem).__name__}")
    if x is None and log_x is None:
        raise InvalidProblemError("give x or log_x")
    claim = Claim(**vectors_of(problem, {"x": x, "log_x": log_x, "dual": dual}))
    _refuse_disagreement(problem.unsigned, claim)
    return certificate_of(problem, claim, checked_tolerance(tol))


def certificate_of(problem: Problem, claim: Claim, tol: float, **shared: Any) -> Certificate:
    """Certify a claim whose entries may be of any size: a residual that overflows is infinite or NaN, and fails.

    ``shared`` is handed to `Problem.certify`.
    """
    with np.errstate(all="ignore"):
        return problem.certify(claim, tol, **shared)


def _refuse_disagreement(system: LinearSystem, claim: Claim) -> None:
    """Raise if x and log_x are both given and are not the same vector."""
    if claim.x is None or claim.log_x is None:
        return
    same = system.entrywise(_agreeing, claim.x, claim.log_x)
    if not same.all():
        j = int(np.argmin(same))
        x, expected = float(claim.x[j]), float(np.exp(claim.log_x[j]))
        other = f"exp(log_x[{j}]) = {expected:.17g}" if x >= 0 else "which has no logarithm: give x alone"
        raise InvalidProblemError(f"x and log_x disagree at entry {j}: x[{j}] = {x:.17g}, {other}")


def _agreeing(x: Vector, log_x: Vector) -> Mask:
    """Where an entry of one is that of the other, rounded."""
    expected = np.exp(log_x)
    close = np.abs(np.log(x) - log_x) <= _ROUNDINGS * np.maximum(1.0, np.abs(log_x))
    underflows = (x >= 0) & (np.abs(x - expected) <= 2 * _SMALLEST)
    return np.asarray((x == expected) | ((close | underflows) & np.isfinite(log_x)))


def _feasible_claim(problem: Problem, backend: Backend) -> Claim:
    """Ask the backend; where it sees no feasible point, believe only a Farkas vector."""
    claim = _legible(backend.claim(problem), problem, backend)
    refuse_infeasible(problem, claim, backend.name)
    if claim.x is None and claim.log_x is None:
        if claim.outcome not in _LIMITS:
            raise BackendError(
                f"{backend.name} said {claim.raw_status!r} and returned no point; {_what_to_try(problem)}",
                claim.raw_status,
            )
        return replace(claim, x=np.full(problem.unsigned.shape[1], np.nan))
    return claim


def _legible(claim: Any, problem: Problem, backend: Backend) -> Claim:
    """The claim with vectors of float64, each of its length; `BackendError` where it is none or contradicts itself."""
    if not isinstance(claim, Claim):
        raise BackendError(f"{backend.name}.claim() returned {type(claim).__name__}, not a Claim")
    if not isinstance(claim.outcome, Outcome):
        raise BackendError(f"{backend.name} made a claim whose outcome is {claim.outcome!r}, not an Outcome")
    if not isinstance(claim.raw_status, str):
        raise BackendError(f"{backend.name} made a claim whose raw_status is {claim.raw_status!r}, no text")
    for name in _COUNTS:
        if not math.isfinite(as_float(getattr(claim, name))):
            raise BackendError(f"{backend.name} made a claim whose {name} is {getattr(claim, name)!r}, no number")
    said = claim.raw_status or claim.outcome.value
    try:
        vectors = vectors_of(problem, {"x": claim.x, "log_x": claim.log_x, "dual": claim.dual})
        counts: dict[str, Any] = {
            "iterations": int(claim.iterations),
            "setup_time": float(claim.setup_time),
            "solve_time": float(claim.solve_time),
        }
        legible: Claim = replace(claim, raw_status=said, **counts, **vectors)
        _refuse_disagreement(problem.unsigned, legible)
    except InvalidProblemError as error:
        raise BackendError(f"{backend.name} made a claim that cannot be read: {error}", claim.raw_status) from error
    return legible


def vectors_of(problem: Problem, given: Mapping[str, Any]) -> dict[str, Any]:
    """The vectors of a claim that are there, as float64, in the order of columns or rows where they have labels."""
    system, (n_rows, n_columns) = problem.unsigned, problem.unsigned.shape
    vectors = {}
    for name, vector in given.items():
        if vector is None:
            continue
        vector = vector if name == "dual" else system.within_reach(vector)
        length, names, axis = (
            (n_rows, system.row_names, "row") if name == "dual" else (n_columns, system.column_names, "column")
        )
        is_one = type(vector) is np.ndarray and vector.dtype == np.float64 and vector.shape == (length,)
        if is_one:
            vectors[name] = vector
        elif system is not problem.system and name != "dual" and np.shape(vector) == (n_columns // 2,):
            vectors[name] = problem.unfolded(_of_either_sign(name, vector, problem))
        else:
            vectors[name] = checked_vector(name, vector, length, names, axis)
    return vectors


def _of_either_sign(name: str, vector: Any, problem: Problem) -> Vector:
    """A signed x; its logarithm does not tell the sign."""
    if name == "log_x":
        raise InvalidProblemError(
            "log |x| does not tell the signs of x: give x, or **solution.unknowns, which has x_plus, then x_minus"
        )
    return checked_vector(name, vector, problem.system.shape[1], problem.system.column_names, "column")


def refuse_infeasible(problem: Problem, claim: Claim, backend: str) -> None:
    """Raise `InfeasibleError` where a Farkas vector proves the claim that nothing is feasible, `BackendError` else."""
    if claim.outcome not in (Outcome.INFEASIBLE, Outcome.UNBOUNDED):
        return
    farkas, seconds = claim.proof.z if isinstance(claim.proof, Farkas) else None, claim.setup_time + claim.solve_time
    access_to(problem.unsigned).refuse_infeasible(problem.unsigned, farkas, seconds)
    problem.refuse(claim)
    raise BackendError(
        f"{backend} said {claim.raw_status!r}, but no Farkas vector confirms it; {_what_to_try(problem)}",
        claim.raw_status,
    )


def _what_to_try(problem: Problem) -> str:
    """What helps where a backend has found nothing: no other one solves systems without columns."""
    if problem.unsigned.knows is Knows.COLUMNS:
        return WHAT_TO_TRY
    return (
        "the system may have no solution x >= 0, or one that Krylov methods do not reach, as where rows or columns are "
        "of very different sizes: divide them by their norms, or give system.explicit(), if its columns fit into memory"
    )


def certified(problem: Problem, claim: Claim, certificate: Certificate, backend: str) -> Solution:
    """Make a claim a solution; warn if its certificate falls short."""
    status = Status.CERTIFIED if certificate.ok else _LIMITS.get(claim.outcome, Status.INACCURATE)
    if not certificate.ok:
        message = f"{certificate.verdict}; {backend} said {claim.raw_status!r}"
        warn_caller(message, NotCertifiedWarning)
    _LOG.info(
        "%r is %s by %s: %d iterations, %.3g s", problem, status.value, backend, claim.iterations,
        claim.setup_time + claim.solve_time,
    )  # fmt: skip
    x, log_x = claim.point, claim.log_point
    vectors: dict[str, Any] = {"x": x, "log_x": log_x}
    return Solution(
        **(vectors if problem.unsigned is problem.system else of_either_sign(x, log_x)),
        dual=claim.dual,
        value=problem.objective(replace(claim, x=x)),
        status=status,
        certificate=certificate,
        backend=backend,
        raw_status=claim.raw_status,
        iterations=claim.iterations,
        setup_time=claim.setup_time,
        solve_time=claim.solve_time,
        names=problem.system.column_names,
        problem=problem,
    )
