"""What `analyze` and `L1Minimization` say of small systems, against all vertices counted in fractions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from time import perf_counter
from typing import NamedTuple

import numpy as np
from flint import arb, arb_mat, ctx, fmpq
from numpy.typing import NDArray

from bregman_l1 import Analysis, L1Minimization, LinearSystem, NotAdmissibleError, analyze, solve

from ..cases import Case, generator
from ..enumeration import (
    KernelVertex,
    Minimisers,
    TooManyError,
    constants,
    kernel_vertices,
    minimisers,
    rate,
)
from ..guard import answer_of, judged_error
from ..judging import right, wrong
from ..oracle import Ruling, judge
from ..rational import columns_of, exact_matrix, pivot_columns
from ..records import Record
from ..truth import exact_projection

Vector = NDArray[np.float64]

LOG_ALPHAS = (3.0, -1.0, -8.0, -40.0, -300.0, -2302.6, -1e5)
# What computed numbers may be off by, relative to their size; and logarithms, absolutely, in proportion beyond 1000.
CLOSE = 1e-8
# The margin of enclosures of logarithms that are not evaluated in balls, in proportion beyond one.
MARGIN = 1e-12


class Facts(NamedTuple):
    """What is known exactly."""

    minimisers: Minimisers
    kernel: list[KernelVertex]
    cost: Vector


def analysed(case: Case) -> Iterator[Record]:
    """One record for all that is said of a system: of its minimiser, its constants and its bounds."""
    cost = case.cost if case.cost is not None and (case.cost > 0).all() else np.ones(case.A.shape[1])
    if not case.is_exact:
        return
    try:
        found = minimisers(case.A, case.y, cost)
        kernel = kernel_vertices(case.A, found.support) if found else []
    except TooManyError:
        return
    start = perf_counter()
    answer = answer_of(lambda: analyze(LinearSystem(case.A, case.y), cost))
    seconds = perf_counter() - start
    if isinstance(answer, Exception):
        yield judged_error(case, answer)
    elif found is None:
        yield Record(case=case, outcome="certified", verdict=wrong("analysed, though nothing is feasible"))
    else:
        yield from _judged(case, answer, Facts(found, kernel, cost), seconds)


def _judged(case: Case, analysis: Analysis, facts: Facts, seconds: float) -> Iterator[Record]:
    start = perf_counter()
    falsehoods = answer_of(lambda: [*_falsehoods(case, analysis, facts), *_of_the_minimisation(case, facts)])
    seconds += perf_counter() - start
    if isinstance(falsehoods, Exception):
        yield judged_error(case, falsehoods)
        return
    verdict = wrong("; ".join(falsehoods)) if falsehoods else right("as enumerated")
    yield Record(case=case, outcome="certified", verdict=verdict, seconds=seconds)


def _falsehoods(case: Case, analysis: Analysis, facts: Facts) -> Iterator[str]:
    yield from _of_the_minimiser(case, analysis, facts)
    if bool(facts.kernel) is not analysis.moves:
        yield f"moves is {analysis.moves}"
        return
    if not facts.kernel:
        return
    exact_rate = _float(rate(facts.kernel, facts.minimisers.support, facts.cost))
    if abs(analysis.rate - exact_rate) > CLOSE * max(1.0, abs(exact_rate)):
        yield f"the rate is {exact_rate}, not {analysis.rate}"
    if facts.minimisers.unique:
        yield from _of_the_constants(analysis, facts)
        yield from _of_the_bounds(case, analysis, facts)


def _of_the_minimiser(case: Case, analysis: Analysis, facts: Facts) -> Iterator[str]:
    if analysis.assumed_ties:
        return
    exact = facts.minimisers
    if analysis.unique is not exact.unique:
        yield f"unique is {analysis.unique}"
    if analysis.support.tolist() != exact.support:
        yield f"the support is {exact.support}, not {analysis.support.tolist()}"
        return
    x = analysis.x_star
    if np.delete(x, exact.support).any():
        yield "x* is not zero off its support"
    if exact.unique:
        truth = np.array([_float(value) for value in exact.vertices[0]])
        if np.abs(x - truth).max() > CLOSE * truth.max():
            yield f"x* is {truth.tolist()}, not {x.tolist()}"
    elif judge(case.A[:, exact.support], case.y, 0.0, np.log(x[exact.support]), tol=CLOSE).ruling is Ruling.WRONG:
        yield "x* is not the minimiser of largest entropy"


def _of_the_constants(analysis: Analysis, facts: Facts) -> Iterator[str]:
    for name, exact in constants(facts.kernel).items():
        constant, value = getattr(analysis, name), _float(exact)
        slack = CLOSE * max(1.0, abs(value))
        if name == "rho" and not (facts.cost == 1).all() and constant.reason:
            continue
        if not constant.lower - slack <= value <= constant.upper + slack:
            yield f"{name} is {value}, not in [{constant.lower}, {constant.upper}]"
        if constant.exact and not abs(constant.value - value) <= slack:
            yield f"{name} is {value}, not exactly {constant.value}"


def _of_the_bounds(case: Case, analysis: Analysis, facts: Facts) -> Iterator[str]:
    rng = generator(case, "theory")
    for log_alpha in rng.choice(LOG_ALPHAS, 2, replace=False).tolist():
        truth = _Deviation(case, facts, log_alpha)
        for name, exact in (("enclosure", truth.off_support), ("deviation_enclosure", truth.total)):
            found = getattr(analysis, name)(log_alpha=log_alpha)
            margin = MARGIN * max(1.0, abs(exact))
            if not found.log_lower - margin <= exact <= found.log_upper + margin:
                yield f"{name} at {log_alpha}: {exact} is not in [{found.log_lower}, {found.log_upper}]"
        yield from _of_the_theorem(analysis, truth, log_alpha)
    error = 10.0 ** rng.uniform(-12, 0) * _float(facts.minimisers.value)
    plan = analysis.alpha_for(error)
    for name, log_alpha, equal in (("guaranteed", plan.log_guaranteed, False), ("exact", plan.log_exact, True)):
        if math.isfinite(log_alpha) and log_alpha < 200:
            off = _Deviation(case, facts, log_alpha).total - math.log(error)
            if off > CLOSE or (equal and off < -1e-6):
                yield f"alpha_for({error}).{name}: log deviation is off by {off} at {log_alpha}"


def _of_the_theorem(analysis: Analysis, truth: _Deviation, log_alpha: float) -> Iterator[str]:
    try:
        if analysis.log_upper_bound(log_alpha=log_alpha) < truth.total - MARGIN * max(1.0, abs(truth.total)):
            yield f"(II.3) is below the truth at {log_alpha}"
        if analysis.log_lower_bound(log_alpha=log_alpha) > truth.largest + MARGIN * max(1.0, abs(truth.largest)):
            yield f"(II.4) is above the truth at {log_alpha}"
    except NotAdmissibleError:
        return


class _Deviation:
    """Logarithms of norms of x(alpha) - x* and of its part off the support, without cancellation."""

    def __init__(self, case: Case, facts: Facts, log_alpha: float) -> None:
        S = facts.minimisers.support
        R = [j for j in range(case.A.shape[1]) if j not in set(S)]
        log_x = exact_projection(case.A, case.y, log_alpha, facts.cost if log_alpha else None)
        assert log_x is not None
        peak = max((log_x[j] for j in R), key=lambda value: float(value.mid()))
        with ctx.workprec(400):
            off = [(log_x[j] - peak).exp() for j in R]
            rows = pivot_columns(case.A[:, S].T, list(range(case.A.shape[0])))
            exact = exact_matrix(case.A[rows])
            response = columns_of(exact, S).solve(columns_of(exact, R)) if S else None
            on = (arb_mat(response) * arb_mat(len(R), 1, off)).entries() if response is not None else []
            total = sum(off, arb(0)) + sum((abs(value) for value in on), arb(0))
            self.off_support = _logarithm(sum(off, arb(0)), peak)
            self.total = _logarithm(total, peak)
            self.largest = float(peak.mid())


def _logarithm(value: arb, peak: arb) -> float:
    return float((value.log() + peak).mid())


def _of_the_minimisation(case: Case, facts: Facts) -> Iterator[str]:
    solution = solve(L1Minimization(LinearSystem(case.A, case.y), cost=facts.cost))
    if not solution.status.is_certified:
        return
    exact = _float(facts.minimisers.value)
    if abs(solution.value - exact) > CLOSE * exact:
        yield f"the least cost is {exact}, not {solution.value}"
    said = solution.certificate.checks["uniqueness"].passed
    if said is not facts.minimisers.unique and not solution.certificate.remarks:
        yield f"uniqueness is {said}"


def _float(value: fmpq) -> float:
    return int(value.p) / int(value.q)
