"""The walk: a solution carried from prior to prior, in the scale-free form, on bases that are exchanged on the way.

A step predicts along the tangent, exchanges columns of the basis where the balance of scales asks for it, and corrects
by Newton's method; the next is longer if few corrections were needed, and one that does not come to rest is taken back
and cut.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, Index, Vector, Wide, in_double
from bregman_l1.basis.choice import SingularBasisError, choose_basis
from bregman_l1.basis.equations import Equations
from bregman_l1.basis.facial_reduction import Face, shown_by
from bregman_l1.basis.reduced import ReducedSums
from bregman_l1.basis.tableau import Tableau
from bregman_l1.caching import cached_property
from bregman_l1.newton.basis_point import basis_point
from bregman_l1.newton.exact_step import ExactProjection
from bregman_l1.outcome import Outcome

if TYPE_CHECKING:
    from bregman_l1.budget import Budget
    from bregman_l1.potential import Potential
    from bregman_l1.system import LinearSystem

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Way:
    """The line of priors even + tau (log_prior - even), and how far a solution has been carried along it.

    Attributes
    ----------
    potential : Potential
    even, log_prior : ndarray of shape (d,)
        Where the line begins, and the prior to be projected: its end at tau = 1, in extended precision where its
        rounding would show.
    tol : float
        The accuracy of log x that is wanted there.
    tau : float
    log_x, dual : ndarray of shape (d,) and (N,)
        At tau, theta(x) = theta(prior) + A'lam to about CLOSE; the dual, in the unit of the prior, where the way has
        ended.
    outcome : Outcome
        INACCURATE on the way.
    error : float
        Of the log x at the end.
    face : Face or None
        Coordinates that were found to vanish, or that nothing is feasible.
    is_minimal : bool
        Whether a linear program has looked for coordinates that vanish.
    """

    potential: Potential
    even: Vector
    log_prior: Wide
    tol: float
    tau: float
    log_x: Vector
    dual: Vector
    outcome: Outcome = Outcome.INACCURATE
    error: float = np.inf
    face: Face | None = None
    is_minimal: bool = False

    @property
    def fall(self) -> Vector:
        """How much log p moves from where the line begins to its end."""
        return in_double(self.log_prior - self.even)

    def prior_at(self, tau: float) -> Wide:
        """Log p where the line has come so far."""
        return self.even + tau * (self.log_prior - self.even)

    @property
    def e_folds(self) -> float:
        """How many e-folds of the weights dx/dtheta the prior is from where the line begins."""
        return self.potential.spread * float(np.abs(self.fall).max())


def walk(system: LinearSystem, way: Way, budget: Budget) -> Way:
    """Walk to the end of the way with every column of a system of independent rows; at the end already, converge."""
    if budget.spent_out or np.prod(system.shape) > settings.LARGEST_TABLEAU:
        return replace(way, outcome=budget.spent_out or Outcome.INACCURATE)
    try:
        walking = _Walk(system, way, budget)
        end = walking.ended()
    except SingularBasisError:
        _LOG.debug("walk: the columns that lead are dependent within rounding")
        return way
    _LOG.debug(
        "walk from %.3g to %.3g of the way: %d bases, %d factorisations so far, %s",
        way.tau, end.tau, walking.bases, budget.used, end.outcome.value,
    )  # fmt: skip
    return end


class _ReducedPriors:
    """Rho = T'theta(p)_J - theta(p)_R of the priors along the way, in one tableau."""

    def __init__(self, system: LinearSystem, tableau: Tableau, way: Way) -> None:
        self.tableau, self._way, self._fall = tableau, way, way.fall
        if way.potential.is_logarithmic:  # rho is linear in tau then
            self._line = tableau.reduced(way.even), tableau.reduced(self._fall)
        else:
            self._sums = ReducedSums(system, tableau, way.even, way.log_prior)

    def at(self, tau: float) -> tuple[Potential, Wide, Wide]:
        """The potential in the unit of the prior at tau, rho, and d rho / d tau."""
        if self._way.potential.is_logarithmic:
            offset, slope = self._line
            return self._way.potential, offset + tau * slope, slope
        prior = self._way.prior_at(tau)
        potential = self._way.potential.in_unit_of(prior)
        theta, rate = (
            _as_short_as_may_be(values) for values in (potential.gradient(prior), potential.slope(prior) * self._fall)
        )
        return potential, self._sums.of(theta)[0], self._sums.of(rate)[0]


class _Point:
    """A point of the dual at tau in one tableau: om = log x_J, theta_R = T'theta_J - rho."""

    def __init__(self, priors: _ReducedPriors, tau: float, om: Vector) -> None:
        self.priors, self.tableau, self.tau, self.om = priors, priors.tableau, tau, om
        self.potential, self._rho, self.rate = priors.at(tau)

    @cached_property
    def log_x(self) -> Vector:
        """Log x, shape (d,)."""
        log_x = np.empty(self.om.size + self._rho.size)
        log_x[self.tableau.J] = self.om
        theta = self.tableau.T.T @ self.potential.gradient(self.om) - self._rho
        log_x[self.tableau.R] = self.potential.log_primal(theta)
        return log_x

    @property
    def log_weights(self) -> Vector:
        """Log dx/dtheta, shape (d,): what a basis is balanced by."""
        return self.potential.log_weight(self.log_x)

    @property
    def equations(self) -> Equations:
        """The Newton equations here."""
        return Equations(self.tableau, self.potential, self.om, self.log_x[self.tableau.R])

    def moved(self, step: Vector) -> _Point:
        """The point with om moved, at the same tau."""
        return self.carried(step, self.tau)

    def carried(self, step: Vector, tau: float) -> _Point:
        """The point with om moved, at another tau."""
        return _Point(self.priors, tau, self.om + step)


class _Walk:
    """One walk; it ends on the face that a tableau shows, if one does."""

    def __init__(self, system: LinearSystem, way: Way, budget: Budget) -> None:
        self._system, self._way, self._budget = system, way, budget
        self._face: Face | None = None
        self.bases = 0

    def ended(self) -> Way:
        """Predict along the tangent and correct until tau = 1, and converge there."""
        way = self._way
        J = choose_basis(self._system, way.potential.log_weight(way.log_x))
        point = self._tabulated(J, way.log_x, way.tau)
        length = 1.0 / max(settings.TINY, float(np.abs(point.rate).max(initial=0.0)))
        settled = self._corrected(point, settings.CENTRED)
        if settled is None:
            return self._stopped(point)
        point, equations = settled
        for _ in range(settings.MOST_STEPS):
            if point.tau == 1.0:
                return self._converged(point)
            before, step = self._budget.used, min(length, 1.0 - point.tau)
            tau = 1.0 if step == 1.0 - point.tau else point.tau + step
            change = way.potential.predicted(equations.tangent(point.rate), way.fall[point.tableau.J], step)
            settled = self._corrected(point.carried(change, tau), settings.CENTRED)
            if settled is not None:
                point, equations = settled
                length = step * settings.GROWTH[min(self._budget.used - before, len(settings.GROWTH) - 1)]
            else:
                length = step / settings.SHRINK
                if self._face is not None or self._budget.spent_out or length < settings.SHORTEST_STEP:
                    break
        return self._stopped(point)

    def _stopped(self, point: _Point) -> Way:
        way = replace(self._way, outcome=self._budget.spent_out or Outcome.INACCURATE, face=self._face)
        return replace(way, tau=point.tau, log_x=point.log_x) if np.isfinite(point.log_x).all() else way

    def _corrected(self, point: _Point, until: float) -> tuple[_Point, Equations] | None:
        """Newton's method at fixed tau, until a step is smaller than ``until``; None if it does not come to rest."""
        for _ in range(settings.MOST_CORRECTIONS):
            if not np.isfinite(point.log_x).all():
                return None
            try:
                point = self._exchanged(point)
            except SingularBasisError:
                return None
            if self._face is not None or self._budget.spent_out:
                return None
            self._budget.count()
            equations = point.equations
            if equations.singular:
                return None
            step = equations.newton()
            size = equations.change(step)
            longest = settings.LONGEST_CORRECTION + settings.SHARE_OF_CORRECTION * float(np.abs(point.log_x).max())
            longest = min(longest, point.potential.reach)
            point = point.moved(step * min(1.0, longest / max(size, settings.TINY)))
            if size < until:
                return (point, equations) if np.isfinite(point.log_x).all() else None
        return None

    def _converged(self, point: _Point) -> Way:
        """The last steps, on the multiplier; exactly where that does not do, or the tableau had to be exact."""
        settled = self._corrected(point, settings.CONVERGED)
        if settled is None:
            return self._stopped(point)
        point = self._exchanged(settled[0])
        J, T = point.tableau.J, point.tableau.T
        if settings.EXACT_ON_THE_WAY < J.size**2 + T.size <= settings.EXACT_ENTRIES:
            point = self._tabulated(J, point.log_x, 1.0, settings.EXACT_ENTRIES)
        point = self._in(point.tableau.decided(self._system, point.log_x, settings.EXACT_ENTRIES), point)
        if self._face is not None:
            return self._stopped(point)
        ways = [self._on_the_multiplier if point.potential.is_logarithmic else self._on_the_basis, self._exactly]
        for steps in reversed(ways) if point.tableau.is_exact else ways:
            end = self._at_rest(point.log_x, steps(point))
            if end is not None:
                return end
        return self._stopped(point)

    def _at_rest(self, log_x: Wide, steps: Iterator[tuple[Wide, Vector]]) -> Way | None:
        """The end of the way where the last steps, each with its log x and multiplier, come to rest in rounding."""
        unit, size = np.maximum(1.0, np.abs(log_x) / settings.LONG), np.inf
        for moved, dual in islice(steps, settings.MOST_LAST_STEPS):
            before, size, log_x = size, float(np.abs((moved - log_x) / unit).max()), moved
            if not size <= settings.LONGEST_CORRECTION:
                return None
            if size <= settings.SQUARED or not size < before / 2:
                if not size <= settings.FITS:
                    return None
                end = in_double(log_x)
                error = min(size, size**2 / settings.SQUARED) + EPS * float(np.abs(end).max(initial=1.0))
                return replace(self._way, tau=1.0, log_x=end, dual=dual, outcome=Outcome.OPTIMAL, error=error)
        return None

    def _on_the_basis(self, point: _Point) -> Iterator[tuple[Wide, Vector]]:
        """Steps on the points of a basis, if a small system shows no rounding."""
        system, tableau, potential, om = self._system, point.tableau, self._way.potential, point.om
        is_small = np.prod(system.shape) <= settings.EXACT_AS_A_RULE
        log_x, noise, _ = basis_point(system, potential, tableau, self._way.log_prior, om)
        while True:
            self._budget.count()
            equations = Equations(tableau, potential, om, log_x[tableau.R])
            if equations.singular:
                return
            if is_small and not max(np.abs(equations.noise(system)).max(), noise.max()) <= settings.NEGLIGIBLE:
                return
            om = om + equations.newton()
            log_x, noise, dual = basis_point(system, potential, tableau, self._way.log_prior, om)
            yield log_x, dual

    def _on_the_multiplier(self, point: _Point) -> Iterator[tuple[Wide, Vector]]:
        """Steps in extended precision, if a multiplier holds log x and a small system shows no rounding."""
        system, tableau, potential = self._system, point.tableau, point.potential
        prior = in_double(self._way.log_prior)
        dual = tableau.dual(point.om - prior[tableau.J])
        lam, log_x = dual.astype(np.longdouble), prior + system.extended_rmatvec(dual)
        if not np.abs(log_x - point.log_x).max() <= settings.FITS:
            return
        while True:
            self._budget.count()
            equations = Equations(tableau, potential, log_x[tableau.J], log_x[tableau.R])
            if equations.singular:
                return
            is_small = np.prod(system.shape) <= settings.EXACT_AS_A_RULE
            if is_small and np.abs(equations.noise(system)).max() > settings.NEGLIGIBLE:
                return
            change = tableau.inverse.T @ equations.newton()
            lam, log_x = lam + change, log_x + system.extended_rmatvec(change)
            yield log_x, in_double(lam)

    def _exactly(self, point: _Point) -> Iterator[tuple[Wide, Vector]]:
        """Steps in exact arithmetic, if the system is small."""
        tableau, potential, log_x, prior = point.tableau, self._way.potential, point.log_x, self._way.log_prior
        J, R = tableau.J, tableau.R
        if log_x.size * J.size > settings.EXACT_ELIMINATION:
            return
        exactly = ExactProjection(
            potential, tableau.matrix, self._system.columns(R), self._system.y, tableau.u == 0.0, prior[J], prior[R]
        )
        while (step := exactly.newton(log_x[J], log_x[R])) is not None:
            log_x = log_x.copy()
            log_x[J], log_x[R] = log_x[J] + step[0], log_x[R] + step[1]
            change = potential.gradient(log_x[J]) - potential.gradient(prior[J])
            yield log_x, tableau.dual(in_double(change))

    def _exchanged(self, point: _Point) -> _Point:
        return self._in(point.tableau.exchanged(self._system, point.log_weights), point)

    def _in(self, tableau: Tableau, point: _Point) -> _Point:
        """The point in another tableau, itself in its own."""
        return point if tableau is point.tableau else self._on(tableau, point.log_x, point.tau)

    def _tabulated(self, J: Index, log_x: Vector, tau: float, exactly_to: int = settings.EXACT_ON_THE_WAY) -> _Point:
        R = np.setdiff1d(np.arange(log_x.size), J, assume_unique=True)
        return self._on(Tableau.of(self._system, J, R, exactly_to), log_x, tau)

    def _on(self, tableau: Tableau, log_x: Vector, tau: float) -> _Point:
        """The point with log x_J as given, in this tableau, which may show that coordinates vanish."""
        self._face = self._face or shown_by(tableau, self._system)
        self.bases += 1
        return _Point(_ReducedPriors(self._system, tableau, self._way), tau, log_x[tableau.J])


def _as_short_as_may_be(values: Wide) -> Wide:
    """In double precision, if that holds all of them with all digits."""
    return in_double(values) if np.abs(values).min() > np.finfo(np.float64).tiny / EPS else values
