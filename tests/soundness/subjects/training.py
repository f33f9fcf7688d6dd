"""Gradient flow and descent: where they say that they arrived, they have."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from time import perf_counter

import numpy as np
from flint import arb
from numpy.typing import NDArray

from bregman_l1 import LinearSystem, gradient_descent, gradient_flow
from bregman_l1.flow import Descent, Flow, FlowStatus

from ..cases import Case, generator
from ..guard import answer_of, judged_error
from ..judging import judged, right, wrong
from ..oracle import Verdict, undecided
from ..records import Record

Vector = NDArray[np.float64]

LOG_ALPHAS = (1.0, 0.0, -2.0, -4.6, -9.2, -13.8)
# Ends of runs are judged at this tolerance, and may miss it by a tenth: the projection they are held against has an
# error of its own.
TOL, SLACK = 1e-6, 1.1
LOSS_TOL = 1e-12


def trained(case: Case) -> Iterator[Record]:
    """A flow and a descent from the same start."""
    log_alpha = float(generator(case, "training").choice(LOG_ALPHAS))
    start = replace(case, log_alpha=log_alpha, cost=None, prior=None, blocks=())
    system = LinearSystem(case.A, case.y)
    yield _judged(
        start, "flow", lambda: gradient_flow(system, log_alpha=log_alpha, tol=TOL, loss_tol=LOSS_TOL, max_time=1e6)
    )
    yield _judged(
        start,
        "descent",
        lambda: gradient_descent(
            system, log_alpha=log_alpha, loss_tol=LOSS_TOL, distance_tol=TOL, max_iterations=20_000, progress=False
        ),
    )


def _judged(case: Case, name: str, run: Callable[[], Flow | Descent]) -> Record:
    began = perf_counter()
    answer = answer_of(run)
    seconds = perf_counter() - began
    if isinstance(answer, Exception):
        return replace(judged_error(case, answer), seconds=seconds)
    claims = answer.status in (FlowStatus.CONVERGED, FlowStatus.FITTED)
    verdict = _verdict(case, answer) if claims else undecided("no claim")
    detail = f"{name}: {answer.status.value}"
    return Record(
        case=case,
        outcome="certified" if claims else "inaccurate",
        verdict=verdict,
        detail=detail,
        log_x=answer.log_x,
        seconds=seconds,
    )


def _verdict(case: Case, answer: Flow | Descent) -> Verdict:
    """FITTED claims a small loss; CONVERGED an x at the projection beside it."""
    converged = answer.status is FlowStatus.CONVERGED
    root = math.sqrt(_loss(case, answer.log_x) / float(case.y @ case.y))
    most = max(2 * TOL, math.sqrt(LOSS_TOL)) if converged else math.sqrt(LOSS_TOL)
    if root > SLACK * most:
        return wrong(f"the root of the loss is {root:.3g} |y|, allowed {most:.3g}")
    if not converged:
        return right("fitted")
    end = answer.projection.log_x
    if isinstance(answer, Flow):  # only of entries that are positive in the end it says more than that they vanish
        return judged(case, np.where(np.isfinite(end), answer.log_x, -np.inf), SLACK * TOL)
    off = _distance(answer.log_x, end)
    return judged(case, end) if off <= SLACK * TOL else wrong(f"off by {off:.3g}, allowed {TOL:.3g}")


def _loss(case: Case, log_x: Vector) -> float:
    """|A x - y|^2 of the logarithms, without rounding."""
    x = [arb(value).exp() if math.isfinite(value) else arb(0) for value in log_x.tolist()]
    residuals = [
        sum((arb(a) * value for a, value in zip(row, x, strict=True) if a), arb(0)) - arb(b)
        for row, b in zip(case.A.tolist(), case.y.tolist(), strict=True)
    ]
    return float(sum((r * r for r in residuals), arb(0)).mid())


def _distance(log_x: Vector, truth: Vector) -> float:
    """|x - x(alpha)|_1 relative to |x(alpha)|_1."""
    x, end = np.exp(log_x), np.exp(truth)
    return float(np.abs(x - end).sum() / end.sum())
