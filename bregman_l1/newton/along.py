"""The projections of alpha**cost for many alpha, in one walk from the largest to the smallest."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Vector
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.newton.projection import project
from bregman_l1.newton.setup import independent_rows
from bregman_l1.newton.tableau import SingularBasisError
from bregman_l1.newton.threads import threads_for
from bregman_l1.newton.walk import Walk
from bregman_l1.outcome import Outcome

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem


def project_along(system: LinearSystem, cost: Vector, log_alphas: Vector, *, tol: float = 1e-9) -> list[Claim]:
    """Project alpha**cost for every alpha.

    Parameters
    ----------
    system : LinearSystem
    cost : ndarray of shape (d,)
    log_alphas : ndarray of shape (k,)
        Natural logarithms of alpha, in any order.
    tol : float, default 1e-9
        As in `project`.

    Returns
    -------
    list of Claim
        In the order of ``log_alphas``; what the walk cannot reach is projected on its own.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> claims = project_along(LinearSystem([[1.0, 0.5]], [1.0]), np.ones(2), np.array([-100.0, -2302.6]))
    >>> [float(claim.log_x[1].round(6)) for claim in claims]
    [-50.0, -1151.3]
    """
    order = np.argsort(-log_alphas, kind="stable")
    claims: dict[int, Claim] = {}
    first = project(system, float(log_alphas[order[0]]) * cost, tol=tol)
    claims[int(order[0])] = first
    with threads_for(system), np.errstate(all="ignore"):
        walk = _walk_from(system, cost, float(log_alphas[order[0]]), first)
        for k in order[1:]:
            claim = None if walk is None else _next(walk, system, float(log_alphas[k]))
            if claim is None:
                claim = project(system, float(log_alphas[k]) * cost, tol=tol)
                walk = _walk_from(system, cost, float(log_alphas[k]), claim)
            claims[int(k)] = claim
    return [claims[k] for k in range(log_alphas.size)]


class _Parts:
    """A walk on the positive coordinates of a claim and the rows that are independent there."""

    def __init__(self, system: LinearSystem, cost: Vector, log_alpha: float, claim: Claim) -> None:
        log_x = claim.log_point
        self.columns = np.flatnonzero(log_x > -np.inf)
        part = system if self.columns.size == cost.size else system.restrict(self.columns)
        self.rows = independent_rows(part)
        part = part if self.rows.size == system.shape[0] else part.of_rows(self.rows)
        self.budget, self.proof = Budget(), claim.proof
        log_x, direction = log_x[self.columns], cost[self.columns]
        self.walk = Walk(part, np.zeros(log_x.size), direction, log_x, log_alpha, self.budget)


def _walk_from(system: LinearSystem, cost: Vector, log_alpha: float, claim: Claim) -> _Parts | None:
    if claim.outcome is not Outcome.OPTIMAL:
        return None
    try:
        return _Parts(system, cost, log_alpha, claim)
    except SingularBasisError:
        return None


def _next(parts: _Parts, system: LinearSystem, log_alpha: float) -> Claim | None:
    """The projection at the next alpha, None if the walk does not get there."""
    before, walk = parts.budget.used, parts.walk
    try:
        if walk.advance(log_alpha) is not Outcome.OPTIMAL:
            return None
    except SingularBasisError:
        return None
    log_x, dual = np.full(system.shape[1], -np.inf), np.zeros(system.shape[0])
    log_x[parts.columns], dual[parts.rows] = walk.log_x, walk.dual
    claim = Claim(log_x=log_x, dual=dual, error=walk.error, iterations=parts.budget.used - before)
    return replace(claim, raw_status=claim.outcome.value, proof=parts.proof)
