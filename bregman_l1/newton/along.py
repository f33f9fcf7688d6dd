"""The projections of base * alpha**cost for many alpha, followed from the largest to the smallest."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Index, Vector
from bregman_l1.basis.choice import SingularBasisError
from bregman_l1.basis.equations import Equations
from bregman_l1.basis.rows import independent_rows
from bregman_l1.basis.serving import ServingTableaus
from bregman_l1.basis.tableau import Tableau
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.frozen import read_only
from bregman_l1.newton.dual_newton import dual_point
from bregman_l1.newton.projection import project
from bregman_l1.outcome import Outcome
from bregman_l1.potential import ENTROPY
from bregman_l1.system import largest
from bregman_l1.threads import threads_for

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

_LOG = logging.getLogger(__name__)


def project_along(
    system: LinearSystem, cost: Vector, log_alphas: Vector, *, log_base: Vector | None = None, tol: float = 1e-9
) -> list[Claim]:
    """Project base * alpha**cost for every alpha.

    Parameters
    ----------
    system : LinearSystem
    cost : ndarray of shape (d,)
    log_alphas : ndarray of shape (k,)
        Natural logarithms of alpha, in any order.
    log_base : ndarray of shape (d,), optional
        Logarithms of the prior at alpha = 1; zeros if omitted.
    tol : float, default 1e-9
        As in `project`.

    Returns
    -------
    list of Claim
        In the order of ``log_alphas``; what does not follow from the one before is projected on its own.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> claims = project_along(LinearSystem([[1.0, 0.5]], [1.0]), np.ones(2), np.array([-100.0, -2302.6]))
    >>> [float(claim.log_x[1].round(6)) for claim in claims]
    [-50.0, -1151.3]
    """
    claims: dict[int, Claim] = {}
    line = _Line(base=np.zeros(cost.size) if log_base is None else log_base, cost=cost)
    curve: _Curve | None = None
    before: Claim | None = None
    begun = 0.0  # where the claim before was projected on its own
    with threads_for(system), np.errstate(all="ignore"):
        for k in np.argsort(-log_alphas, kind="stable"):
            tau = float(log_alphas[k])
            log_prior = line.at(tau)
            is_near = largest(log_prior) <= settings.NEAR
            if curve is None and not is_near and before is not None and before.outcome is Outcome.OPTIMAL:
                curve = _Curve(system, line, begun, before)
            claim = None if curve is None or is_near else curve.to(tau)
            if claim is None:
                start_dual = before.dual if before and is_near else None
                claim = before = project(system, log_prior, tol=tol, start_dual=start_dual)
                curve, begun = None, tau
            claims[int(k)] = claim
            how = "on its own" if claim is before else "followed"
            _LOG.debug("log(alpha) = %.6g: %s, %d factorisations", tau, how, claim.iterations)
    return [claims[k] for k in range(log_alphas.size)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Line:
    """The logarithms of the priors, base + tau cost at tau = log alpha."""

    base: Vector
    cost: Vector

    def at(self, tau: float) -> Vector:
        return np.asarray(self.base + tau * self.cost)

    def on(self, columns: Index) -> _Line:
        return _Line(base=self.base[columns], cost=self.cost[columns])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Point:
    """A multiplier lam at tau = log alpha, d lam / d tau, and log x = log prior + A'lam."""

    tau: float
    lam: Vector
    slope: Vector
    log_x: Vector


class _Curve:
    """The multiplier as a function of log alpha, on the positive coordinates of a claim and their independent rows.

    The next point is predicted by the cubic through the last two and their slopes, and corrected by Newton's method.
    """

    def __init__(self, system: LinearSystem, line: _Line, tau: float, claim: Claim) -> None:
        self._shape, self._columns = system.shape, np.flatnonzero(claim.log_point > -np.inf)
        part = system if self._columns.size == system.shape[1] else system.restrict(self._columns)
        self._rows = independent_rows(part)
        self._system = part if self._rows.size == system.shape[0] else part.of_rows(self._rows)
        self._line, self._proof, self._budget = line.on(self._columns), claim.proof, Budget()
        self._tableaus = ServingTableaus(self._system, settings.EXACT_ON_THE_WAY)
        assert claim.dual is not None
        self._start = tau, claim.dual[self._rows]
        self._points: list[_Point] = []
        self._reduced: tuple[Tableau | None, Vector] = None, self._line.cost

    def to(self, tau: float) -> Claim | None:
        """The projection at the next alpha, None if this does not get there."""
        before = self._budget.used
        try:
            first = None if self._points else self._corrected(*self._start)
            self._points += [] if first is None else [first]
            point = self._corrected(tau, self._predicted(tau)) if self._points else None
        except SingularBasisError:
            return None
        if point is None:
            return None
        self._points = [self._points[-1], point]
        log_x, dual = np.full(self._shape[1], -np.inf), np.zeros(self._shape[0])
        log_x[self._columns], dual[self._rows] = point.log_x, point.lam
        return Claim(
            log_x=read_only(log_x),
            dual=dual,
            iterations=self._budget.used - before,
            raw_status=Outcome.OPTIMAL.value,
            proof=self._proof,
        )

    def _predicted(self, tau: float) -> Vector:
        """Lam at tau on the cubic through two points and their slopes; on the tangent of one where that leads far."""
        before, last = self._points[0], self._points[-1]
        ahead, step = tau - last.tau, last.tau - before.tau
        if not abs(ahead) < settings.REACH * abs(step):
            return last.lam + ahead * last.slope
        s, secant = ahead / step, (last.lam - before.lam) / step
        bend = last.slope - secant + (1 + s) * (before.slope + last.slope - 2 * secant)
        return last.lam + ahead * (last.slope + s * bend)

    def _corrected(self, tau: float, lam: Vector) -> _Point | None:
        """Newton's method at fixed tau; None if it does not come to rest."""
        prior, size = self._line.at(tau), settings.PREDICTED
        for _ in range(settings.MOST_FOLLOWED):
            self._budget.count()
            log_x, _ = dual_point(self._system, ENTROPY, prior, lam)
            if size > settings.FAR:
                tableau = self._tableaus.at(log_x, log_x)
            equations = Equations(tableau, ENTROPY, log_x[tableau.J], log_x[tableau.R])
            if equations.singular:
                return None
            step = equations.newton()
            before, size = size, equations.change(step)
            if not size <= before:
                return None
            lam = lam + tableau.inverse.T @ step
            if size <= settings.FOLLOWED:
                if tableau is not self._reduced[0]:
                    self._reduced = tableau, tableau.reduced(self._line.cost)
                tangent = equations.tangent(self._reduced[1])
                slope = tableau.inverse.T @ (tangent - self._line.cost[tableau.J])
                return _Point(tau=tau, lam=lam, slope=slope, log_x=prior + self._system.rmatvec(lam))
        return None
