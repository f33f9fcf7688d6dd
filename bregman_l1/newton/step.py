"""How far a candidate is from the projection: one exact Newton step in log x, with the rounding of its own measure.

The projection of p = exp(log_prior) onto {x >= 0 : A x = y} solves A x = y, theta(x) = theta(p) + A'lam. Its Newton
step at any positive candidate is the d = (theta(p) + A'lam - theta(x)) / theta'(x) with A X d = y - A x. Residuals of
A x = y say nothing about small entries; this step does, because near the solution it is the error of log x itself.

It is measured by the normal equations where the rounding of y - A x does not show in log x, and on a basis of its own
elsewhere. Of what the solver computed the multiplier alone is used, as a point to measure from, and nothing outlives
the object that measures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, Mask, Matrix, Vector, Wide, in_double
from bregman_l1.basis.choice import SingularBasisError
from bregman_l1.basis.equations import Equations
from bregman_l1.basis.reduced import ReducedSums
from bregman_l1.basis.rows import Rows, split_rows
from bregman_l1.basis.serving import ServingTableaus
from bregman_l1.basis.tableau import Tableau
from bregman_l1.caching import cached_property
from bregman_l1.errors import InfeasibleError
from bregman_l1.newton.basis_point import basis_point
from bregman_l1.newton.dual_newton import drift_noise, dual_point, largest_move, rounding_noise
from bregman_l1.newton.equations import NormalEquations
from bregman_l1.newton.exact_step import ExactProjection
from bregman_l1.newton.normal_equations import normal_equations
from bregman_l1.newton.sparse_equations import sparse_equations, stays_sparse
from bregman_l1.potential import ENTROPY, Potential
from bregman_l1.system import largest
from bregman_l1.threads import threads_for

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

_TOO_LARGE = "sparse equations did not tell the Newton step, and the rows are too many for a factor or a basis"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """The Newton step at a candidate.

    Attributes
    ----------
    change : ndarray of shape (d,)
        d log x; 0 where the candidate is zero, infinite where no step leads to A x = y.
    noise : float or ndarray of shape (d,)
        How far the rounding of this measurement may put ``change`` off.
    y : ndarray of shape (k,) or None
        The right-hand side of independent rows that the step leads to, within the margin.
    remarks : tuple of str
        What was decided by the margin of the rounding of y.
    moved : callable or None
        How much log x moves where this y does.
    """

    change: Vector
    noise: float | Vector = 0.0
    y: Wide | None = None
    remarks: tuple[str, ...] = ()
    moved: Callable[[Vector], Vector] | None = None


class NewtonSteps:
    """The exact Newton steps in log x at candidates for one system.

    What depends on the system alone is made once, and a basis measures all candidates in a row that it balances.

    Parameters
    ----------
    system : LinearSystem

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> NewtonSteps(LinearSystem([[1.0, 1.0]], [2.0])).at(np.zeros(2), np.zeros(2)).change
    array([0., 0.])
    """

    def __init__(self, system: LinearSystem) -> None:
        self._system = system
        self._positive: tuple[Mask, _Steps] | None = None

    def at(self, log_prior: Wide, log_x: Vector, dual: Vector | None = None, potential: Potential = ENTROPY) -> Step:
        """Return the step at a candidate.

        Parameters
        ----------
        log_prior, log_x : ndarray of shape (d,)
            Logarithms of the prior and of the candidate, of any scale. Entries of ``log_x`` at -inf are held at zero
            and left out.
        dual : ndarray of shape (N,), optional
            A multiplier with theta(x) about theta(p) + A'dual. The step does not depend on it; its rounding does.
        potential : Potential, default Entropy()
            In a unit in which theta(p) stays within floating point; the dual is in the same.

        Returns
        -------
        Step
        """
        alive = log_x > -np.inf
        if not alive.any():
            return Step(change=np.zeros(log_x.size))
        with threads_for(self._system), np.errstate(all="ignore"):
            try:
                if self._positive is None or (self._positive[0] != alive).any():
                    self._positive = alive, _Steps(self._system if alive.all() else self._system.restrict(alive))
                if alive.all():
                    return self._positive[1].at(potential, log_prior, log_x, dual)
                step = self._positive[1].at(potential, log_prior[alive], log_x[alive], dual)
            except InfeasibleError:
                return Step(change=np.where(alive, np.inf, 0.0))
        change, noise = np.zeros(log_x.size), np.zeros(log_x.size)
        change[alive], noise[alive] = step.change, step.noise
        return replace(step, change=change, noise=noise)


class _Steps:
    """The steps at positive candidates, by the cheapest way whose rounding does not show."""

    def __init__(self, system: LinearSystem) -> None:
        self._system = system
        self._ways = [self._by_normal_equations, self._on_basis]

    @cached_property
    def _rows(self) -> Rows:
        return split_rows(self._system)

    @cached_property
    def _part(self) -> LinearSystem:
        return self._rows.part(self._system)

    @cached_property
    def _tableaus(self) -> ServingTableaus:
        return ServingTableaus(self._part)

    def at(self, potential: Potential, log_prior: Wide, log_x: Vector, dual: Vector | None) -> Step:
        step = self._by_sparse_equations(potential, log_prior, log_x, dual)
        if step is not None:
            return step
        if self._system.shape[0] > settings.MOST_FACTORED:
            return Step(change=np.full(log_x.size, np.inf), remarks=(_TOO_LARGE,))
        lam = None if dual is None else dual[self._rows.kept]
        for way in tuple(self._ways):
            # For another y within the margin the candidate may be right where it is not for y itself.
            other = way(potential, log_prior, log_x, lam)
            if other is not None and (step is None or np.abs(other.change).max() < np.abs(step.change).max()):
                step = other
            if step is not None and largest(step.change) <= settings.NEGLIGIBLE:
                self._ways.sort(key=lambda one: one is not way)
                break
        assert step is not None
        return _held_against_dropped_rows(self._system, self._rows, log_x, step)

    def _on_basis(self, potential: Potential, log_prior: Wide, log_x: Vector, dual: Vector | None) -> Step:
        """The step on a basis chosen for the candidate, or for one before, with the rounding of its tableau.

        It is taken from the point of a dual: the one given, or the one that fits the candidate on the basis.
        """
        part = self._part
        try:
            tableau = self._tableaus.at(log_x, potential.log_weight(log_x))
        except SingularBasisError as error:
            return Step(change=np.full(log_x.size, np.inf), remarks=error.args)
        J = tableau.J
        step = self._rounded(potential, tableau, log_prior, log_x, dual)
        zeros = f"{tableau.snapped} coordinates of y in a basis of columns are zero within its rounding"
        remarks = (zeros,) if tableau.snapped else ()
        if not _is_negligible(step, log_x) and log_x.size * J.size <= settings.EXACT_ELIMINATION:
            exactly = _exact_step(part, potential, tableau, tableau.u == 0.0, log_prior, log_x)
            step = step if exactly is None else replace(exactly, moved=step.moved)
            if tableau.snapped and not _is_negligible(step, log_x):
                as_given = _exact_step(part, potential, tableau, np.zeros(J.size, dtype=bool), log_prior, log_x)
                if as_given is not None and _is_negligible(as_given, log_x):
                    return replace(as_given, y=part.y, moved=step.moved)
        y = part.y if not tableau.snapped else tableau.target
        return replace(step, y=y, remarks=remarks)

    def _rounded(
        self, potential: Potential, tableau: Tableau, log_prior: Wide, log_x: Vector, dual: Vector | None
    ) -> Step:
        """The step in floating point, with its rounding."""
        J, R, system = tableau.J, tableau.R, self._part
        point, noise = self._point(potential, tableau, log_prior, log_x, dual)
        equations = Equations(tableau, potential, point[J], point[R])
        if equations.singular:
            return Step(change=np.full(log_x.size, np.inf), noise=np.full(log_x.size, np.inf))
        theta = potential.gradient(in_double(point))
        slope_J = potential.slope(in_double(point[J]))

        def everywhere(steps: Matrix) -> Matrix:
            """The changes of log x, one a row, that go with changes of log x_J."""
            moves = potential.log_change(theta, system.rmatvec(in_double((steps * slope_J) @ tableau.inverse).T).T)
            moves[:, J], moves[:, R] = steps, np.array([equations.pulled(step) for step in steps])
            return moves

        change, *draws = everywhere(np.vstack([equations.newton(), equations.noise(system)]))
        change += in_double(point - log_x)
        for draw in draws:
            noise = np.maximum(noise, np.abs(draw))

        def moved(dy: Vector) -> Vector:
            return np.asarray(everywhere(equations.moved(tableau.inverse @ dy)[None])[0])

        return Step(change=change, noise=noise, moved=moved)

    def _point(
        self, potential: Potential, tableau: Tableau, log_prior: Wide, log_x: Vector, dual: Vector | None
    ) -> tuple[Wide, Vector]:
        """The point of the dual if it fits, else of the one that fits on the basis; and its rounding."""
        if dual is not None:
            point, noise = dual_point(self._part, potential, log_prior, dual)
            if np.abs(point - log_x).max() <= settings.FITS and noise.max() <= settings.NEGLIGIBLE:
                return point, noise
        point, noise, _ = basis_point(self._part, potential, tableau, log_prior, log_x[tableau.J])
        return point, noise

    def _by_sparse_equations(
        self, potential: Potential, log_prior: Wide, log_x: Vector, dual: Vector | None
    ) -> Step | None:
        """The step by sparse equations on all rows, where nothing need be told of their dependence.

        None where they leave more than rounding: dependent rows contradict each other then.
        """
        system = self._system
        if not (stays_sparse(system) and log_x.max() <= settings.PLAIN_RANGE):
            return None
        if not stays_sparse(system, _least_slope(potential, log_prior, log_x)):
            return None
        equations = sparse_equations(system)
        step = self._solved(system, equations, potential, log_prior, log_x, dual)
        if step is None or equations.left <= settings.REFINED:
            return step
        x = np.exp(log_x) * (1.0 + step.change)
        return step if system.backward_errors(x).max() <= settings.MARGIN else None

    def _by_normal_equations(
        self, potential: Potential, log_prior: Wide, log_x: Vector, dual: Vector | None
    ) -> Step | None:
        """Solve A X d = y - A x for d; None where lam comes not to rest, or rounding shows."""
        system, top = self._part, log_x.max()
        if not top <= settings.PLAIN_RANGE:
            return None
        if not system.is_sparse and np.count_nonzero(log_x >= top - settings.SEEN) < min(system.shape):
            return None
        equations = normal_equations(system, least_slope=_least_slope(potential, log_prior, log_x))
        return self._solved(system, equations, potential, log_prior, log_x, dual)

    def _solved(
        self,
        system: LinearSystem,
        equations: NormalEquations,
        potential: Potential,
        log_prior: Wide,
        log_x: Vector,
        dual: Vector | None,
    ) -> Step | None:
        """The step by normal equations.

        Where the point of lam is as good as log x, x is taken from it: nothing is left then of d in the equations.
        """
        slope, size = float(np.min(potential.slope(log_x))), np.inf
        lam = np.zeros(system.shape[0]) if dual is None else dual
        prior, theta = potential.gradient(log_prior), potential.gradient(log_x)

        def moved(dy: Vector) -> Vector:
            return potential.log_change(theta, system.rmatvec(equations.solve(dy, settings.REFINED)))

        for _ in range(settings.MOST_REFINEMENTS):
            change = system.rmatvec(lam)
            change += prior
            change -= theta
            change = potential.log_change(theta, change)
            rounding = EPS * (largest(prior) + float(system.row_peaks @ np.abs(lam)))
            rounding += potential.prior_rounding(log_prior) * largest(prior)
            residual, noise = _left_over(system, equations, potential, log_x, theta, slope, change, rounding)
            if not noise <= settings.NEGLIGIBLE:
                return None
            ahead = equations.solve(residual, settings.REFINED)
            before, size = size, largest_move(system, ahead, settings.AT_REST, potential, theta)
            if size <= settings.AT_REST or before / 2 <= size <= noise:
                return Step(change=change, noise=noise + size, y=system.y, moved=moved)
            if size <= settings.REFINED * largest(change):
                change = change + potential.log_change(theta, system.rmatvec(ahead))
                return Step(change=change, noise=noise, y=system.y, moved=moved)
            lam = lam + ahead
        return None


def _least_slope(potential: Potential, log_prior: Wide, log_x: Vector) -> float:
    """The least slope of theta, in units of that at the prior."""
    return float(np.min(potential.slope(log_x)) / np.max(potential.slope(log_prior)))


def _left_over(
    system: LinearSystem,
    equations: NormalEquations,
    potential: Potential,
    log_x: Vector,
    theta: Vector,
    slope: float,
    change: Vector,
    rounding: float,
) -> tuple[Vector, float]:
    """What is left of y - A x once log x has changed, and what rounding does to log x; infinite where it is all."""
    drift = rounding / slope if slope > 0.0 else np.inf
    is_seen = drift <= settings.NEGLIGIBLE
    fits = is_seen and largest(change) <= settings.FITS
    if fits:  # where columns are many there is no room for another array
        change += log_x
        residual = equations.at(change, potential.log_weight(change))
        change -= log_x
    else:
        residual = equations.at(log_x, potential.log_weight(log_x))
    if residual is None:
        return theta[:0], np.inf
    if not fits:
        residual = residual - system.matvec(np.exp(log_x) * change)
    if not is_seen:
        drift = drift_noise(system, equations, potential, log_x, theta, rounding)
    return residual, drift + rounding_noise(system, equations, potential, theta)


def _held_against_dropped_rows(system: LinearSystem, rows: Rows, log_x: Vector, step: Step) -> Step:
    """The step; infinite if the solution does not satisfy the rows left out to the rounding of their terms.

    Where y contradicts itself by rounding, the step leads to the nearest y' that does not.
    """
    if not rows.dropped.size:
        return step
    remark = f"{rows.dropped.size} rows are combinations of the others to the rounding of their terms"
    unit = float(log_x.max())
    x = np.exp(log_x - unit) * (1.0 + step.change)
    is_seen = np.isfinite(step.change).all()
    if not is_seen or system.backward_errors(x, np.exp(-unit)).max() <= settings.MARGIN:
        return replace(step, remarks=(*step.remarks, remark))
    # That is seen in logarithms only so far; the y' of the step itself can be held against y.
    assert step.y is not None
    size = np.exp(unit)
    missed = np.asarray(system.y - rows.implied(system, step.y, x * size), dtype=np.float64)
    terms = system.abs_matvec(np.abs(x)) * size + np.abs(system.y)  # a long step has x negative
    if (np.abs(missed) > settings.MARGIN * terms).any() and step.moved is not None:
        moves = rows.moves(missed[rows.dropped], terms)
        missed[rows.kept] -= moves
        missed[rows.dropped] -= rows.weights @ moves
        step = replace(step, change=step.change + step.moved(moves))
    if (np.abs(missed) <= settings.MARGIN * terms).all():
        return replace(step, remarks=(*step.remarks, remark))
    return replace(step, change=np.full(log_x.size, np.inf), remarks=(*step.remarks, f"{remark}; y is not"))


def _is_negligible(step: Step, log_x: Vector) -> bool:
    size = np.abs(step.change) + step.noise
    return bool((size <= settings.NEGLIGIBLE * np.maximum(1.0, np.abs(log_x) / settings.LONG)).all())


def _exact_step(
    system: LinearSystem, potential: Potential, tableau: Tableau, vanishing: Mask, log_prior: Wide, log_x: Vector
) -> Step | None:
    """The step in ball arithmetic, where some entries of u count as zero."""
    J = tableau.J
    R = np.setdiff1d(np.arange(log_x.size), J)
    exactly = ExactProjection(
        potential, tableau.matrix, system.columns(R), system.y, vanishing, log_prior[J], log_prior[R]
    )
    found = exactly.newton(log_x[J], log_x[R])
    if found is None:
        return None
    change = np.empty(log_x.size)
    change[J], change[R] = found
    return Step(change=change, noise=_prior_noise(system, potential, tableau, log_prior, log_x))


def _prior_noise(
    system: LinearSystem, potential: Potential, tableau: Tableau, log_prior: Wide, log_x: Vector
) -> Vector:
    """What the rounding of the logarithms of the prior does to log x."""
    noise, rounding = np.zeros(log_x.size), potential.prior_rounding(log_prior)
    if rounding > 0.0:
        tableau = tableau.holding(system, np.setdiff1d(np.arange(log_x.size), tableau.J))
        terms, R = ReducedSums(system, tableau, log_prior).terms(potential.gradient(log_prior)), tableau.R
        noise[R] = np.abs(potential.log_change(potential.gradient(log_x[R]), rounding * terms))
    return noise
