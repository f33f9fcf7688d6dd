"""The walk: a solution carried from prior to prior, in the scale-free form, on bases that are exchanged on the way.

The prior's logarithm moves along b(tau) = base + tau direction. A step predicts along the tangent, exchanges columns
of the basis where the balance of scales asks for it, and corrects by Newton's method; the next is longer if few
corrections were needed, and one that does not come to rest is taken back and cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import exact, settings
from bregman_l1._types import EPS, Index, Vector, Wide
from bregman_l1.basis.choice import SingularBasisError, choose_basis
from bregman_l1.basis.equations import Equations
from bregman_l1.basis.facial_reduction import Face, shown_by
from bregman_l1.basis.tableau import Tableau
from bregman_l1.caching import cached_property
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
        self._length = 1.0 / max(settings.TINY, float(np.abs(self.point.slope).max(initial=0.0)))

    def advance(self, target: float) -> Outcome:
        """Move the solution to tau = target and converge there; OPTIMAL if it does."""
        settled = self._correct(self.point, settings.CENTRED)
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
                settled = self._correct(self.point.moved(length * tangent, tau), settings.CENTRED)
            except SingularBasisError:
                settled = None
            if settled is None:
                self._length = abs(length) / settings.SHRINK
                if self._budget.spent_out or self._length < settings.SHORTEST_STEP * max(1.0, abs(target)):
                    return self._given_up
                continue
            corrections = self._budget.used - before
            self.point, equations = settled
            self._length = abs(length) * settings.GROWTH[min(corrections, len(settings.GROWTH) - 1)]
        return self._converge() if self.face is None else Outcome.INACCURATE

    @property
    def _given_up(self) -> Outcome:
        return self._budget.spent_out or Outcome.INACCURATE

    def _correct(self, point: Point, until: float) -> tuple[Point, Equations] | None:
        """Newton's method at fixed tau, until a step is smaller than ``until``; None if it does not come to rest."""
        for _ in range(settings.MOST_CORRECTIONS):
            point = self._exchanged(point)
            if self.face is not None or self._budget.spent_out:
                return None
            self._budget.count()
            equations = Equations(point.tableau, point.om, point.log_rest)
            if equations.singular:
                return None
            step = equations.newton()
            size = equations.change(step)
            longest = settings.LONGEST_CORRECTION + settings.SHARE_OF_CORRECTION * float(np.abs(point.log_x).max())
            point = point.moved(step * min(1.0, longest / max(size, settings.TINY)))
            if not np.isfinite(point.log_x).all():
                return None
            if size < until:
                return point, equations
        return None

    def _converge(self) -> Outcome:
        """The last steps, on the multiplier in extended precision, until rounding shows."""
        settled = self._correct(self.point, settings.CONVERGED)
        if settled is None:
            return self._given_up
        point = self._exchanged(settled[0])
        if settings.EXACT_ON_THE_WAY < point.tableau.matrix.size + point.tableau.T.size <= settings.EXACT_AT_THE_END:
            point = self._on(
                self._tabulated(point.tableau.J, point.log_x, settings.EXACT_AT_THE_END), point.log_x, point.tau
            )
            if self.face is not None:
                return Outcome.INACCURATE
        self.point, self.log_x = point, point.log_x
        self.dual = point.tableau.dual(point.om - self._prior[point.tableau.J])
        exactly_first = point.tableau.is_exact and self._come_to_rest(self._exact_steps())
        is_at_rest = exactly_first or self._come_to_rest(self._steps()) or self._come_to_rest(self._exact_steps())
        return Outcome.OPTIMAL if is_at_rest else Outcome.INACCURATE

    @property
    def _prior(self) -> Vector:
        return self._base + self.point.tau * self._direction

    def _come_to_rest(self, steps: Iterator[tuple[Wide, Vector]]) -> bool:
        """Newton's last steps, until rounding shows; whether they came to rest.

        Parameters
        ----------
        steps : iterator of (ndarray of shape (d,), ndarray of shape (N,))
            Log x and the multiplier after each step; it ends where there is no further one.
        """
        log_x: Wide = self.log_x
        dual, size = self.dual, np.inf
        for moved, dual in islice(steps, settings.MOST_LAST_STEPS):  # noqa: B007 - the last one is kept
            change = np.abs(np.asarray(moved - log_x, dtype=np.float64))
            log_x, before, size = (
                moved,
                size,
                float((change / np.maximum(1.0, np.abs(self.log_x) / settings.LONG)).max()),
            )
            if size <= settings.SQUARED or not size < before / 2:
                break
        if not size <= settings.FITS:
            return False
        self.log_x, self.dual = np.asarray(log_x, dtype=np.float64), dual
        self.point = replace(self.point, om=self.log_x[self.point.tableau.J])
        self.error = min(size, size**2 / settings.SQUARED) + EPS * float(np.abs(self.log_x).max(initial=1.0))
        return True

    def _steps(self) -> Iterator[tuple[Wide, Vector]]:
        """On the multiplier, in extended precision, if it holds log x; exactly where a small one shows rounding."""
        tableau, wide = self.point.tableau, self._system.columns(np.arange(self.log_x.size)).T.astype(np.longdouble)
        prior, lam = self._prior, self.dual.astype(np.longdouble)
        log_x: Wide = prior + wide @ lam
        if not np.abs(log_x - self.log_x).max() <= settings.FITS:
            return
        while True:
            self._budget.count()
            equations = Equations(tableau, log_x[tableau.J], log_x[tableau.R])
            if equations.singular:
                return
            if (
                wide.size <= settings.EXACT_AS_A_RULE
                and np.abs(equations.noise(self._system)).max() > settings.NEGLIGIBLE
            ):
                yield from self._exact_steps()
                return
            lam = lam + tableau.inverse.T @ equations.newton()
            log_x = prior + wide @ lam
            yield log_x, np.asarray(lam, dtype=np.float64)

    def _exact_steps(self) -> Iterator[tuple[Wide, Vector]]:
        """In exact arithmetic, if the system is small."""
        tableau, log_x, prior = self.point.tableau, self.log_x.copy(), self._prior
        J, R = tableau.J, tableau.R
        if log_x.size * J.size > settings.EXACT_ELIMINATION:
            return
        zero, columns = tableau.u == 0.0, self._system.columns(R)
        exactly = exact.Projection(tableau.matrix, columns, self._system.y, zero, prior[J], prior[R])
        while (step := exactly.newton(log_x[J], log_x[R])) is not None:
            log_x = log_x.copy()
            log_x[J], log_x[R] = log_x[J] + step[0], log_x[R] + step[1]
            yield log_x, tableau.dual(log_x[J] - prior[J])

    def _exchanged(self, point: Point) -> Point:
        log_x = point.log_x
        fresh = point.tableau.exchanged(self._system, log_x)
        if fresh is point.tableau:
            return point
        self._look_for_zeros(fresh)
        return self._on(fresh, log_x, point.tau)

    def _tabulated(self, J: Index, log_x: Vector, exactly_to: int = settings.EXACT_ON_THE_WAY) -> Tableau:
        R = np.setdiff1d(np.arange(log_x.size), J, assume_unique=True)
        tableau = Tableau.of(self._system, J, R, exactly_to)
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
