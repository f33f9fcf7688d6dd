"""`certify` for right answers that were spoilt: it must reject whatever the oracle calls wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from time import perf_counter
from typing import NamedTuple

import numpy as np
from flint import arb
from numpy.random import Generator
from numpy.typing import NDArray

from bregman_l1 import InvalidProblemError, certify, solve

from ..cases import Case, generator
from ..guard import TIME_LIMIT, answer_of, judged_error
from ..judging import exact_floats, judged, wrong
from ..oracle import SLACK, Prior, Ruling, Verdict, spread
from ..records import Record
from .projections import problem_of

Vector = NDArray[np.float64]

# How many of the ways to spoil an answer are tried on one case.
TRIED = 4
TOLERANCES = (1e-9, 1e-9, 1e-6, 1e-12)


class Candidate(NamedTuple):
    """What `certify` is given, and the logarithm of x that this claims, None where it claims no vector at all."""

    given: dict[str, Vector]
    log_x: Vector | None


Spoiler = Callable[[Generator, Case, Vector, Vector], Candidate | None]
SPOILERS: dict[str, Spoiler] = {}


def spoiler(spoil: Spoiler) -> Spoiler:
    """Register a way to spoil an answer, given log x and the dual: None where it has nothing to spoil."""
    SPOILERS[spoil.__name__] = spoil
    return spoil


def _in_logarithms(log_x: Vector) -> Candidate:
    return Candidate(given={"log_x": log_x}, log_x=log_x)


def _in_numbers(x: Vector) -> Candidate | None:
    """The vector itself, None where it is beyond the range of normal numbers."""
    if not (np.isfinite(x).all() and ((x == 0) | (x > np.finfo(float).tiny)).all()):
        return None
    with np.errstate(divide="ignore"):
        return Candidate(given={"x": x}, log_x=np.log(x))


def _entry(rng: Generator, where: NDArray[np.bool_]) -> int | None:
    return int(rng.choice(np.flatnonzero(where))) if where.any() else None


@spoiler
def one_entry(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """One logarithm off by 1e-8 to 1e2."""
    j = _entry(rng, np.isfinite(log_x))
    if j is None:
        return None
    log_x[j] += rng.choice([-1, 1]) * 10.0 ** rng.uniform(-8, 2) * max(1.0, abs(log_x[j]) / 1000)
    return _in_logarithms(log_x)


@spoiler
def one_number(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """One entry of x off by a share of 1e-8 to 1e2."""
    j = _entry(rng, np.isfinite(log_x))
    if j is None:
        return None
    with np.errstate(all="ignore"):
        x = np.exp(log_x)
        x[j] *= 1 + 10.0 ** rng.uniform(-8, 2)
    return _in_numbers(x)


@spoiler
def all_entries(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """Every logarithm off a little."""
    return _in_logarithms(log_x + 10.0 ** rng.uniform(-9, 0) * rng.standard_normal(log_x.size))


@spoiler
def swapped(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """Two entries exchanged."""
    i, j = rng.integers(0, log_x.size, 2)
    log_x[[i, j]] = log_x[[j, i]]
    return _in_logarithms(log_x)


@spoiler
def dropped(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """A positive entry said to be zero, the smallest as often as any."""
    j = int(np.argmin(np.where(np.isfinite(log_x), log_x, np.inf))) if rng.random() < 0.5 else None
    j = _entry(rng, np.isfinite(log_x)) if j is None else j
    if j is None:
        return None
    log_x[j] = -np.inf
    return _in_logarithms(log_x)


@spoiler
def raised(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """A zero said to be positive."""
    j = _entry(rng, ~np.isfinite(log_x))
    if j is None:
        return None
    log_x[j] = rng.choice([-1.0, -30.0, -800.0, -1e5])
    return _in_logarithms(log_x)


@spoiler
def negative(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """A negative entry, alone or beside the right logarithms."""
    with np.errstate(all="ignore"):
        x = np.exp(log_x)
    x[rng.integers(0, x.size)] = -(10.0 ** rng.choice([0, -12, -300, -323]))
    return Candidate(given={"x": x} if rng.random() < 0.5 else {"x": x, "log_x": log_x}, log_x=None)


@spoiler
def along_the_kernel(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """A feasible point that is not the projection."""
    with np.errstate(all="ignore"):
        x = np.exp(log_x)
    if not np.isfinite(x).all() or not np.isfinite(case.A).all():
        return None
    kernel = np.linalg.svd(case.A)[2][np.linalg.matrix_rank(case.A) :]
    n = rng.standard_normal(len(kernel)) @ kernel
    moved = x + n * 10.0 ** rng.uniform(-9, 0) * (x.max() or 1.0)
    return _in_numbers(moved) if (moved >= 0).all() else None


@spoiler
def of_another_alpha(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """The projection of another prior."""
    factor = 1 + rng.choice([-1, 1]) * 10.0 ** rng.uniform(-7, 0)
    return _of(replace(case, log_alpha=case.log_alpha * factor))


@spoiler
def of_another_cost(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """The projection with another cost."""
    if not case.log_alpha:
        return None
    cost = case.costs + 10.0 ** rng.uniform(-7, 0) * rng.standard_normal(log_x.size)
    return _of(replace(case, cost=cost))


@spoiler
def of_another_system(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """The projection for a y, or an A, that differs by 1e-8 to 1."""
    off = 10.0 ** rng.uniform(-8, 0)
    if rng.random() < 0.5:
        return _of(replace(case, y=case.y * (1 + off)))
    return _of(replace(case, A=case.A * (1 + off * rng.standard_normal(case.A.shape))))


def _of(case: Case) -> Candidate | None:
    log_x = exact_floats(case)
    return None if log_x is None else _in_logarithms(log_x)


@spoiler
def unspoilt(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """The answer itself: it should be accepted, and is counted as lost where it is not."""
    return _in_logarithms(log_x)


@spoiler
def another_dual(rng: Generator, case: Case, log_x: Vector, dual: Vector) -> Candidate | None:
    """The answer with multipliers that are not its own."""
    spoilt = dual + 10.0 ** rng.uniform(-7, 1) * rng.standard_normal(dual.size) * (np.abs(dual).max() or 1.0)
    return Candidate(given={"log_x": log_x, "dual": spoilt}, log_x=log_x)


def spoilt_answers(case: Case) -> Iterator[Record]:
    """Some of the ways to spoil an answer, each put to `certify`."""
    rng = generator(case, "corrupted")
    answer = answer_of(lambda: solve(problem_of(case), time_limit=TIME_LIMIT))
    if isinstance(answer, Exception) or answer.dual is None:
        return
    truth = exact_floats(case)
    log_x = answer.log_x if truth is None or answer.status.is_certified else truth
    for name in rng.permutation(list(SPOILERS))[:TRIED].tolist():
        candidate = SPOILERS[name](rng, case, log_x.copy(), answer.dual)
        if candidate is not None:
            yield _put_to_certify(case, name, candidate, tol=float(rng.choice(TOLERANCES)))


def _put_to_certify(case: Case, name: str, candidate: Candidate, tol: float) -> Record:
    start = perf_counter()
    certificate = answer_of(lambda: certify(problem_of(case), tol=tol, **candidate.given))
    seconds = perf_counter() - start
    detail = f"{name} at tol {tol:g}"
    is_refused = isinstance(certificate, InvalidProblemError)
    if isinstance(certificate, Exception) and not is_refused:
        return replace(judged_error(case, certificate), seconds=seconds)
    accepted = not is_refused and certificate.ok
    verdict = _verdict(case, candidate, tol)
    outcome = "certified" if accepted else "rejected"
    if not accepted:
        detail = f"{detail}: {'refused' if is_refused else ', '.join(certificate.failed)}"
    return Record(case=case, outcome=outcome, verdict=verdict, detail=detail, log_x=candidate.log_x, seconds=seconds)


def _verdict(case: Case, candidate: Candidate, tol: float) -> Verdict:
    if candidate.log_x is None:
        return wrong("a negative entry")
    verdict = judged(case, candidate.log_x, tol)
    dual = candidate.given.get("dual")
    if verdict.ruling is Ruling.RIGHT and dual is not None and not _belongs(case, candidate.log_x, dual, tol):
        return wrong("these multipliers belong to another x")
    return verdict


def _belongs(case: Case, log_x: Vector, dual: Vector, tol: float) -> bool:
    """Whether |b + A'lam - log x| is within some tolerances, and rounding of the terms, where x is positive."""
    positive = np.isfinite(log_x)
    prior = Prior(log_alpha=case.log_alpha, cost=case.costs[positive], factor=case.priors[positive])
    allowed = (SLACK * tol * spread(case.log_alpha, log_x)[positive]).tolist()
    lam, columns = [arb(value) for value in dual.tolist()], case.A[:, positive].T.tolist()
    for b, column, value, bound in zip(prior.logarithms(), columns, log_x[positive].tolist(), allowed, strict=True):
        terms = [arb(a) * multiplier for a, multiplier in zip(column, lam, strict=True)]
        rounding = sum((abs(term) for term in terms), abs(b)) * 64 * 2.0**-52
        if abs(b + sum(terms, arb(0)) - value) > rounding + bound:
            return False
    return True
