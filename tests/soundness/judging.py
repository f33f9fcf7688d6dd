"""What the oracle says of a whole case: of its columns with a positive prior, block by block where it has blocks."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from flint import arb, fmpq
from numpy.typing import NDArray

from .cases import Case
from .infeasibility import judge_infeasible
from .oracle import Ruling, Verdict, judge, spread
from .rational import exact_column, feasible
from .truth import NoConvergenceError, as_floats, exact_projection

Vector = NDArray[np.float64]


def judged(case: Case, log_x: Vector, tol: float = 1e-9) -> Verdict:
    """Rule on a claimed logarithm of the projection."""
    if np.shape(log_x) != (case.A.shape[1],):
        return Verdict(ruling=Ruling.WRONG, error=math.inf, reason="not a vector of logarithms")
    if case.blocks:
        return worst(judged(case.part(block), log_x[block.columns], tol) for block in case.blocks)
    return judge(case.A, case.y, case.log_alpha, log_x, cost=case.cost, prior=case.prior, tol=tol)


def judged_infeasible(case: Case, farkas: Vector) -> Verdict:
    """Rule on a claim that nothing is feasible, with its proof."""
    counts = case.priors > 0
    if not case.blocks:
        return judge_infeasible(case.A[:, counts], case.y, farkas)
    if all(feasible(case.part(block).A, case.part(block).y).x is not None for block in case.blocks):
        return Verdict(ruling=Ruling.WRONG, error=math.inf, reason="every block has a feasible x")
    # y'z > 0 is the sum over the blocks, so that one of them is separated by its part of z.
    parts = [(case.part(block), farkas[block.rows]) for block in case.blocks]
    part, z = max(parts, key=lambda each: _product(each[0].y, each[1]))
    return judge_infeasible(part.A, part.y, z)


def _product(y: Vector, z: Vector) -> fmpq:
    return (exact_column(y).transpose() * exact_column(z))[0, 0]


def exact_log_x(case: Case) -> list[arb] | None:
    """The projection for y itself, to thirty digits; None where nothing is feasible."""
    if not case.blocks:
        return exact_projection(case.A, case.y, case.log_alpha, case.cost, case.prior)
    log_x: list[arb] = [arb("-inf")] * case.A.shape[1]
    for block in case.blocks:
        part = exact_log_x(case.part(block))
        if part is None:
            return None
        for column, value in zip(block.columns, part, strict=True):
            log_x[column] = value
    return log_x


def exact_floats(case: Case) -> Vector | None:
    """The same rounded; None also where it is not found."""
    try:
        found = exact_log_x(case)
    except NoConvergenceError:
        return None
    return None if found is None else as_floats(found)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The first that is WRONG, else the first that is UNDECIDED, else the RIGHT one of the largest error."""
    rulings = list(verdicts)
    for ruling in (Ruling.WRONG, Ruling.UNDECIDED):
        for verdict in rulings:
            if verdict.ruling is ruling:
                return verdict
    return max(rulings, key=lambda verdict: verdict.error)


def distance(log_x: Vector | None, truth: Vector, log_alpha: float) -> float:
    """The largest error in log x, in the unit of tol; infinite where only one of the two is zero."""
    if log_x is None:
        return math.inf
    with np.errstate(invalid="ignore"):
        off = np.where(log_x == truth, 0.0, np.abs(log_x - truth))
    return float((off / spread(log_alpha, truth)).max())


def right(reason: str, error: float = 0.0) -> Verdict:
    """A claim that holds."""
    return Verdict(ruling=Ruling.RIGHT, error=error, reason=reason)


def wrong(reason: str) -> Verdict:
    """A claim that does not."""
    return Verdict(ruling=Ruling.WRONG, error=math.inf, reason=reason)
