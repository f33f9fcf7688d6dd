"""The walk: a solution carried from prior to prior, in the scale-free form, on bases that are exchanged on the way.

The prior's logarithm moves along b(tau) = base + tau direction. A step predicts along the tangent, exchanges columns
of the basis where the balance of scales asks for it, and corrects by Newton's method; the next is longer if few
corrections were needed, and one that does not come to rest is taken back and cut.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import EPS, Index, Vector, Wide
from bregman_l1.caching import cached_property
from bregman_l1.newton import exact
from bregman_l1.newton.equations import Equations
from bregman_l1.newton.facial_reduction import Face, shown_by
from bregman_l1.newton.settings import (
    AT_REST,
    CENTRED,
    CONVERGED,
    EXACT_AS_A_RULE,
    EXACT_AT_THE_END,
    EXACT_ELIMINATION,
    EXACT_ON_THE_WAY,
    FITS,
    GROWTH,
    LONG,
    LONGEST_CORRECTION,
    MOST_CORRECTIONS,
    MOST_EXACT_STEPS,
    MOST_LAST_STEPS,
    NEGLIGIBLE,
    SHARE_OF_CORRECTION,
    SHORTEST_STEP,
    SHRINK,
    SQUARED,
    TINY,
)
from bregman_l1.newton.tableau import SingularBasisError, Tableau, choose_basis
from bregman_l1.outcome import Outcome

if TYPE_CHECKING:
    from bregman_l1.budget import Budget
    from bregman_l1.system import LinearSystem


@dataclass(frozen=True, kw_only=True, eq=False)
class Point:
    """A point of the dual in one tableau: log x_J = om, log x_R = T'om - (offset + tau slope)."""

    tableau: Tableau
    offset: Vector
    slope: Vector
    tau: float
    om: Vector

    @cached_property
    def log_rest(self) -> Vector:
        """Log x_R."""
        return np.asarray(self.tableau.T.T @ self.om - self.offset - self.tau * self.slope)

    @property
    def log_x(self) -> Vector:
        """Log x, shape (d,)."""
        log_x = np.empty(self.om.size + self.log_rest.size)
        log_x[self.tableau.J], log_x[self.tableau.R] = self.om, self.log_rest
        return log_x

    @property
    def rounding(self) -> float:
        """What the rounding of T and of om does to log x, relative to its thousandth part where that is long."""
        tableau = self.tableau
        lost = np.abs(tableau.T).T @ np.abs(self.om) * EPS
        lost += tableau.column_error * float(tableau.row_error @ np.abs(self.om))
        with np.errstate(divide="ignore"):
            in_rows = np.log(tableau.row_error) - self.om
            in_columns = np.log(tableau.column_error) + self.log_rest
        missed = np.exp(in_rows.max(initial=-np.inf) + in_columns.max(initial=-np.inf))
        return float(max(missed, (lost / np.maximum(1.0, np.abs(self.log_rest) / LONG)).max(initial=0.0)))

    def change(self, d_om: Vector) -> float:
        """The largest change of log x that goes with a change of om."""
        return float(max(np.abs(d_om).max(initial=0.0), np.abs(self.tableau.T.T @ d_om).max(initial=0.0)))

    def moved(self, d_om: Vector, tau: float | None = None) -> Point:
        """The point with om changed, and tau if it is given."""
        return replace(self, om=self.om + d_om, tau=self.tau if tau is None else tau)


class Walk:
    """The projection of exp(base + tau direction) on a system of independent rows, carried along tau.

    Parameters
    ----------
    system : LinearSystem
    base, direction : ndarray of shape (d,)
    log_x : ndarray of shape (d,)
        A starting point base + tau direction + A'lam for some lam.
    tau : float
    budget : Budget

    Attributes
    ----------
    face : Face or None
        Coordinates that vanish, once a tableau shows some: the walk ends there.
    log_x, dual : ndarray of shape (d,) and (N,)
        Where it last converged, of use once it has.
    error : float
        Of that log x.
    """

    def __init__(
        self, system: LinearSystem, base: Vector, direction: Vector, log_x: Vector, tau: float, budget: Budget
    ) -> None:
        self._system, self._base, self._direction, self._budget = system, base, direction, budget
        self.face: Face | None = None
        self.error = np.inf
        self.log_x, self.dual = log_x, np.zeros(system.shape[0])
        self.point = self._on(self._tabulated(choose_basis(system, log_x), log_x), log_x, tau)
        self._length = 1.0 / max(TINY, float(np.abs(self.point.slope).max(initial=0.0)))

    def advance(self, target: float) -> Outcome:
        """Move the solution to tau = target and converge there; OPTIMAL if it does."""
        settled = self._correct(self.point, CENTRED)
        if settled is None:
            return self._given_up
        self.point, equations = settled
        while self.point.tau != target and self.face is None:
            tangent = equations.tangent(self.point.slope)
            left = target - self.point.tau
            length = float(np.copysign(min(abs(left), self._length), left))
            tau = target if length == left else self.point.tau + length
            before = self._budget.used
            try:
                settled = self._correct(self.point.moved(length * tangent, tau), CENTRED)
            except SingularBasisError:
                settled = None
            if settled is None:
                self._length = abs(length) / SHRINK
                if self._budget.spent_out or self._length < SHORTEST_STEP * max(1.0, abs(target)):
                    return self._given_up
                continue
            corrections = self._budget.used - before
            self.point, equations = settled
            self._length = abs(length) * GROWTH[min(corrections, len(GROWTH) - 1)]
        return self._converge() if self.face is None else Outcome.INACCURATE

    @property
    def _given_up(self) -> Outcome:
        return self._budget.spent_out or Outcome.INACCURATE

    def _correct(self, point: Point, until: float) -> tuple[Point, Equations] | None:
        """Newton's method at fixed tau, until a step is smaller than ``until``; None if it does not come to rest."""
        for _ in range(MOST_CORRECTIONS):
            point = self._exchanged(point)
            if self.face is not None or self._budget.spent_out:
                return None
            self._budget.count()
            equations = Equations(point.tableau, point.om, point.log_rest)
            if equations.singular:
                return None
            step = equations.newton()
            size = equations.change(step)
            longest = LONGEST_CORRECTION + SHARE_OF_CORRECTION * float(np.abs(point.log_x).max())
            point = point.moved(step * min(1.0, longest / max(size, TINY)))
            if not np.isfinite(point.log_x).all():
                return None
            if size < until:
                return point, equations
        return None

    def _converge(self) -> Outcome:
        """The last steps, on the multiplier in extended precision, until rounding shows."""
        settled = self._correct(self.point, CONVERGED)
        if settled is None:
            return self._given_up
        point = self._exchanged(settled[0])
        if EXACT_ON_THE_WAY < point.tableau.matrix.size + point.tableau.T.size <= EXACT_AT_THE_END:
            point = self._on(self._tabulated(point.tableau.J, point.log_x, EXACT_AT_THE_END), point.log_x, point.tau)
            if self.face is not None:
                return Outcome.INACCURATE
        self.point = point
        J = point.tableau.J
        self.log_x, self.dual = point.log_x, point.tableau.dual(point.om - self._prior[J])
        if not (point.tableau.is_exact and self._refine()) and not self._converge_on_multiplier():
            return Outcome.OPTIMAL if self._refine() else Outcome.INACCURATE
        return Outcome.OPTIMAL

    @property
    def _prior(self) -> Vector:
        return self._base + self.point.tau * self._direction

    def _converge_on_multiplier(self) -> bool:
        """The last steps on the multiplier in extended precision; whether it holds log x."""
        tableau, columns = self.point.tableau, np.concatenate([self.point.tableau.J, self.point.tableau.R])
        prior = self._prior[columns]
        wide = self._system.columns(columns).T.astype(np.longdouble)
        n_basic, before = tableau.J.size, np.inf
        lam: Wide = self.dual.astype(np.longdouble)
        log_x = prior + wide @ lam
        if not np.abs(log_x - self.log_x[columns]).max() <= FITS:
            return False
        for _ in range(MOST_LAST_STEPS):
            self._budget.count()
            equations = Equations(tableau, log_x[:n_basic], log_x[n_basic:])
            if equations.singular:
                return False
            step = equations.newton()
            size = self.point.change(step)
            if not size < before / 2:
                break
            before, lam = size, lam + tableau.inverse.T @ step
            log_x = prior + wide @ lam
            if size <= SQUARED:
                break
        self.dual, self.log_x[columns] = np.asarray(lam, dtype=np.float64), log_x
        self.point = replace(self.point, om=self.log_x[tableau.J])
        self.error = min(before, before**2 / SQUARED) + EPS * float(np.abs(self.log_x).max(initial=1.0))
        is_small = columns.size * n_basic <= EXACT_AS_A_RULE
        if is_small and max(self.point.rounding, equations.rounding) > NEGLIGIBLE:
            self._refine()
        return True

    def _refine(self) -> bool:
        """The last steps in exact arithmetic, if the system is small; whether they came to rest."""
        tableau, system, log_x = self.point.tableau, self._system, self.log_x.copy()
        J, R = tableau.J, tableau.R
        if log_x.size * system.shape[0] > EXACT_ELIMINATION:
            return False
        prior = self._prior
        exactly = exact.Projection(tableau.matrix, system.columns(R), system.y, tableau.u == 0.0, prior[J], prior[R])
        for _ in range(MOST_EXACT_STEPS):
            step = exactly.newton(log_x[J], log_x[R])
            if step is None:
                return False
            log_x[J], log_x[R] = log_x[J] + step[0], log_x[R] + step[1]
            change = np.concatenate(step) / np.maximum(1.0, np.abs(log_x[np.concatenate([J, R])]))
            size = float(np.abs(change).max())
            if size <= AT_REST:
                self.point, self.log_x = self.point.moved(log_x[J] - self.point.om), log_x
                self.dual = tableau.dual(log_x[J] - prior[J])
                self.error = EPS * float(np.abs(log_x).max(initial=1.0))
                return True
        return False

    def _exchanged(self, point: Point) -> Point:
        log_x = point.log_x
        fresh = point.tableau.exchanged(self._system, log_x)
        if fresh is point.tableau:
            return point
        self._look_for_zeros(fresh)
        return self._on(fresh, log_x, point.tau)

    def _tabulated(self, J: Index, log_x: Vector, exactly_to: int = EXACT_ON_THE_WAY) -> Tableau:
        R = np.setdiff1d(np.arange(log_x.size), J, assume_unique=True)
        tableau = Tableau.of(self._system, J, R, log_x, exactly_to)
        self._look_for_zeros(tableau)
        return tableau

    def _look_for_zeros(self, tableau: Tableau) -> None:
        self.face = self.face or shown_by(tableau, self._system)

    def _on(self, tableau: Tableau, log_x: Vector, tau: float) -> Point:
        """The point with log x_J as given, in this tableau."""
        return Point(
            tableau=tableau,
            offset=tableau.reduced(self._base),
            slope=tableau.reduced(self._direction),
            tau=tau,
            om=log_x[tableau.J],
        )
