"""The certificate of an l1 minimiser where A is distributed.

The columns where x is not zero, and those where the multiplier is tight or nearly, are gathered in memory: all that
the certificate says of x, and of other minimisers, is decided on them. That mu is feasible for all columns is seen in
one pass.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Mask, Vector
from bregman_l1.certificate import Certificate, not_finite
from bregman_l1.errors import UnsupportedStorageError
from bregman_l1.newton.gathering import Gathered, gathered, heaviest
from bregman_l1.polyhedron.minimiser import optimum

if TYPE_CHECKING:
    from bregman_l1.claim import Claim
    from bregman_l1.problems.l1 import L1Minimization

# Reduced costs below this, relative to their terms, belong to columns that may be tight.
_NEARLY_TIGHT = 1e-6


def distributed_certificate(problem: L1Minimization, claim: Claim, tol: float) -> Certificate:
    """Every residual of a candidate for the l1 minimiser on a distributed system."""
    system, weights, x = problem.system, problem.weights, claim.point
    support = _few(problem, _is_positive, x)
    if not np.isfinite(support.vectors[0]).all():
        return not_finite(problem.title)
    dual = claim.dual
    if dual is None:
        part = support.system(system)
        dual = optimum(part, support.vectors[1])[1]
    with np.errstate(all="ignore"):
        worst = heaviest(system, system.each_column(partial(_relative_excess, dual), weights))
        tight = gathered(system, partial(_tightest, dual, system.shape), x, weights)
    columns = support.with_others(tight)
    values, costs = columns.vectors
    on_part = type(problem)(columns.system(system), cost=costs)
    certificate = on_part.certify(replace(claim, x=values, log_x=None, dual=dual), tol)
    of_all = max(0.0, float(worst.vectors[0].max(initial=-np.inf)))
    checks = dict(certificate.checks)
    checks["dual feasibility"] = replace(checks["dual feasibility"], value=of_all)
    return replace(certificate, checks=checks)


def _few(problem: L1Minimization, choose: Any, x: Any) -> Gathered:
    system = problem.system
    count = system.over_columns(partial(_counted, choose), x)
    if count * system.shape[0] > settings.GATHERED:
        raise UnsupportedStorageError(
            f"x has {count} entries that are not zero; an l1 minimiser is certified on the columns where it is not "
            f"zero, {8.0 * count * system.shape[0]:.3g} bytes, above the {8 * settings.GATHERED:.3g} that are gathered "
            "into memory: solve() finds a minimiser with no more entries than A has rows"
        )
    return gathered(system, choose, x, problem.weights)


def _is_positive(A: Any, x: Vector, *others: Vector) -> Mask:  # noqa: ARG001 - x decides alone
    return np.asarray(x != 0.0)


def _counted(choose: Any, A: Any, x: Vector) -> int:
    return int(np.count_nonzero(choose(A, x)))


def _relative_excess(dual: Vector, A: Any, weights: Vector) -> Vector:
    """By how much a_j'mu exceeds c_j, relative to its terms; infinite where it is no number."""
    size = abs(A).T @ np.abs(dual) + np.abs(weights)
    excess = (A.T @ dual - weights) / np.where(size > 0.0, size, 1.0)
    return np.where(np.isnan(excess), np.inf, excess)


def _tightest(dual: Vector, shape: tuple[int, int], A: Any, x: Vector, weights: Vector) -> Any:  # noqa: ARG001
    """The columns that may be tight, the tightest of a piece where they are very many."""
    excess = _relative_excess(dual, A, weights)
    tight = np.flatnonzero(excess > -_NEARLY_TIGHT)
    most = max(2 * shape[0], settings.GATHERED // (2 * shape[0]) * excess.size // shape[1])
    return tight if tight.size <= most else np.sort(tight[np.argsort(-excess[tight], kind="stable")[:most]])
