"""Following the solution along a line of priors in the scale-free form.

Each step linearises the equations once. The corrector is Newton's step at fixed tau; where it is small, the
tangent takes the solution along the line as far as the linear model can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bregman_l1.errors import BackendError, InfeasibleError
from bregman_l1.newton.basis import Basis, blocks, near_maximal_basis
from bregman_l1.newton.forced_zeros import ForcedZeros, by_linear_program, read_tableau
from bregman_l1.newton.scale_free import Direction, Iterate, Line, Linearisation, Tableau, make_tableau
from bregman_l1.newton.status import Budget, Status
from bregman_l1.newton.strip import compressed
from bregman_l1.polyhedron.feasible_set import exposes

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

Vector = NDArray[np.float64]
Index = NDArray[np.intp]
Mask = NDArray[np.bool_]

# Allowed change of a log ratio in one step; the share of it a corrector may need before tau is advanced.
CAP = 1.5
CENTRED = 0.05
# Slopes of log ratios below this multiple of (off-centredness x slope of log x) may be errors.
SPURIOUS = 3.0
# A second corrector with the same factors follows a first one below REPEAT, and Newton's method is at rest
# when that is below REST.
REPEAT = 1e-4
REST = 1e-12
# The basis is exchanged when a log ratio exceeds REBUILD. In tableaus of more than SMALL entries, columns
# whose log ratios are all below COLD are left out and watched.
REBUILD = 9.0
COLD = -60.0
WARM = -40.0
SMALL = 10_000
# Correctors in a row at one tau before the basis is renewed, before a linear program is asked, and at most.
RENEW_AFTER = 8
ASK_AFTER = 24
GIVE_UP_AFTER = 600

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColdColumns:
    """Columns too small to matter when the basis was chosen, and how far they were from mattering."""

    index: Index
    reach: Vector
    log_x: Vector
    om: Vector

    def largest_log_ratio(self, log_x: Vector, om: Vector) -> float:
        """A bound of the log ratios of these columns at a later point."""
        if not self.index.size:
            return -np.inf
        return float((self.reach + log_x[self.index] - self.log_x).max() + (self.om - om).max())


class Walk:
    """A solution carried along the line b(tau).

    Parameters
    ----------
    system : LinearSystem
    line : Line
        Where the prior moves.
    tau : float
        Where the walk starts.
    log_x : ndarray of shape (d,)
        A starting point b(tau) + A'lam for some lam; -inf where x is known to be zero.
    zeros : ForcedZeros
        The coordinates known to be zero.
    budget : Budget
    """

    def __init__(
        self, system: LinearSystem, line: Line, tau: float, log_x: Vector, zeros: ForcedZeros, budget: Budget
    ) -> None:
        self._system, self._line, self._budget = system, line, budget
        self.zeros = zeros
        self.iterations = 0
        self.error = np.inf
        self.status: Status | None = None
        self.farkas: Vector | None = None
        self._asked = False
        self._caution = 1.0
        self._settled: Linearisation | None = None
        self._tableau: Tableau
        self._point: Iterate
        self._cold: ColdColumns
        self._fresh: bool
        self._begin(log_x, tau)

    @property
    def log_x(self) -> Vector:
        """Log x, shape (d,); of use only where the system was not found infeasible."""
        return self._log_x_at(self._point)

    @property
    def dual(self) -> Vector:
        """The lam of shape (N,) with log x = b + A'lam."""
        return self._dual_at(self._point)

    @property
    def tableau(self) -> Tableau:
        """The tableau in use."""
        return self._tableau

    @property
    def point(self) -> Iterate:
        """The present iterate."""
        return self._point

    def advance(self, target: float, tol: float) -> None:
        """Move the solution to tau = target and converge there; sets ``status`` and ``error``."""
        if self.status is not Status.CONVERGED:
            self.status = self.status if self.farkas is not None else None
        elif self._point.tau != target:
            self.status = None
            self._leave(target)
        waited, best = 0, np.inf
        while self.status is None:
            linear = self._linearise()
            if linear.singular:
                self.status = Status.INACCURATE
                break
            if self._point.tau == target:
                best = self._converge(linear, best, tol)
                waited += 1
            elif not self._step(linear, target):
                waited += 1
            else:
                waited, best = 0, np.inf
            self._maintain(waited)

    def renew(self) -> None:
        """Choose the basis afresh for the present iterate."""
        self._begin(self.log_x, self._point.tau)

    def _linearise(self) -> Linearisation:
        self.iterations += 1
        self._settled = None
        return Linearisation(self._tableau, self._point)

    def _leave(self, target: float) -> None:
        """Set out from a converged point along the tangent its last factors give."""
        if self._settled is not None:
            tangent = self._settled.tangent()
            (need,) = self._settled.usage(CAP, tangent)
            self._follow(tangent, need, np.zeros(self._point.om.size), 0.0, target)

    def _step(self, linear: Linearisation, target: float) -> bool:
        """Correct; where that changes little, advance as well. True if tau moved."""
        corrector, tangent = linear.corrector(), linear.tangent()
        off_centre, need = linear.usage(CAP, corrector, tangent)
        if off_centre > CENTRED:
            self._move(self._point.tau, self._point.om + self._caution / max(off_centre, 1.0) * corrector.om)
            return False
        return self._follow(tangent, need, corrector.om, off_centre, target)

    def _follow(self, tangent: Direction, need: float, correction: Vector, off_centre: float, target: float) -> bool:
        """Go along the tangent, unless its length is limited by errors that come from being off centre."""
        left = target - self._point.tau
        allowed = (1.0 - off_centre) * self._caution
        if need * abs(left) <= allowed:
            return self._move(target, self._point.om + correction + left * tangent.om)
        if need < SPURIOUS * off_centre * tangent.size:
            self._move(self._point.tau, self._point.om + correction)
            return False
        length = float(np.copysign(allowed / need, left))
        return self._move(self._point.tau + length, self._point.om + correction + length * tangent.om)

    def _move(self, tau: float, om: Vector) -> bool:
        """Go to the point, unless that wakes columns which were left out."""
        self._fresh = self._fresh and tau == self._point.tau
        before, self._point = self._point, self._tableau.point(tau, om)
        if not self._cold.index.size:
            return True
        ratio = self._cold.largest_log_ratio(self.log_x, om)
        if ratio > REBUILD:
            self._point = before
            self._caution /= 4.0
            self.renew()
            return False
        self._caution = min(1.0, 2.0 * self._caution)
        if ratio > WARM:
            self.renew()
        return True

    def _converge(self, linear: Linearisation, best: float, tol: float) -> float:
        """Correct at the target; at rest once a second corrector, with the same factors, is negligible.

        Ratios far above one amplify rounding: what an old basis leaves above the tolerance, a fresh one may not.
        """
        corrector = linear.corrector()
        need = linear.usage(CAP, corrector)[0] if corrector.size > CENTRED else 0.0
        if not self._move(self._point.tau, self._point.om + self._caution / max(need, 1.0) * corrector.om):
            return best
        if corrector.size > REPEAT:
            return best
        again = linear.repeated_corrector(self._point)
        self._point = self._tableau.point(self._point.tau, self._point.om + again.om)
        largest = max(1.0, self._point.size)
        self.error = again.size + _EPS * largest
        if again.size > max(REST, 64 * _EPS * largest) and again.size <= best / 2:
            return again.size
        accuracy = tol * max(1.0, largest / 1000)
        if self.error > accuracy / 10 and not self._fresh:
            self.renew()
            return np.inf
        self._settled = linear
        self.status = Status.CONVERGED if self.error <= accuracy else Status.INACCURATE
        return again.size

    def _maintain(self, waited: int) -> None:
        if self.status is None:
            self.status = self._budget.exhausted(self.iterations)
        if self.status is None and waited > GIVE_UP_AFTER:
            self.status = Status.INACCURATE
        if self.status is not None:
            return
        if waited == ASK_AFTER and not self._asked:
            self._ask()
        elif (waited and waited % RENEW_AFTER == 0) or self._tableau.largest_log_ratio(self._point) > REBUILD:
            self.renew()

    def _begin(self, log_x: Vector, tau: float) -> None:
        """Choose basis and tableau, dropping the coordinates they show to be zero."""
        self._settled = None
        self._fresh = True
        while True:
            basis = near_maximal_basis(self._system, log_x)
            if basis.gap.any():
                self._infeasible(basis.gap)
                return
            known = self.zeros
            self._tabulate(basis, log_x, tau)
            if self.zeros is known:
                return
            log_x = np.where(self.zeros.mask, -np.inf, log_x)

    def _tabulate(self, basis: Basis, log_x: Vector, tau: float) -> None:
        """Tabulate the columns that matter at log_x; draw what conclusions the whole tableau allows."""
        J = basis.columns
        free = log_x > -np.inf
        rest = np.setdiff1d(np.flatnonzero(free), J, assume_unique=True)
        small = rest.size * J.size <= SMALL
        nonnegative = np.ones(J.size, dtype=bool)
        reach, hot, tables = np.zeros(rest.size), np.ones(rest.size, dtype=bool), []
        start = 0
        for part, block in blocks(self._system, rest):
            T = basis.tableau(block)
            nonnegative &= (T >= 0).all(axis=1)
            here = slice(start, start + part.size)
            start += part.size
            if not small:
                with np.errstate(divide="ignore"):
                    reach[here] = (np.log(np.abs(T)) - log_x[J][:, None]).max(axis=0, initial=-np.inf) + log_x[part]
                hot[here] = reach[here] > COLD
            tables.append(compressed(T[:, hot[here]]))
        verdict = read_tableau(self._system, basis, nonnegative, free)
        if verdict.farkas is not None:
            self._infeasible(verdict.farkas)
        elif verdict.proof is not None and self._drop(verdict.proof, verdict.forced):
            return
        else:
            self._tableau = make_tableau(basis, rest[hot], tables, self._line)
            self._cold = ColdColumns(index=rest[~hot], reach=reach[~hot], log_x=log_x[rest[~hot]], om=log_x[J])
            self._point = self._tableau.point(tau, log_x[J])

    def _drop(self, proof: Vector, forced: Mask) -> bool:
        """Leave the coordinates out, if the proof holds to rounding."""
        zeros = self.zeros.extended(self._system, proof, forced)
        if zeros.exposing is None or not exposes(self._system, zeros.exposing, ~zeros.mask):
            return False
        self.zeros = zeros
        return True

    def _ask(self) -> None:
        """Let a linear program say which coordinates are zero on the whole feasible set."""
        self._asked = True
        try:
            zeros = by_linear_program(self._system)
        except InfeasibleError as error:
            self._infeasible(error.farkas)
            return
        except BackendError:
            return  # nothing is proved: go on with every coordinate
        if zeros.mask.any():
            self.zeros = zeros
            self._begin(np.where(zeros.mask, -np.inf, self.log_x), self._point.tau)

    def _infeasible(self, farkas: Vector) -> None:
        self.status, self.farkas = Status.INFEASIBLE, farkas

    def _dual_at(self, point: Iterate) -> Vector:
        basis = self._tableau.basis
        return basis.dual(point.om - self._line.at(point.tau)[basis.columns])

    def _log_x_at(self, point: Iterate) -> Vector:
        log_x = self._line.at(point.tau) + self._system.rmatvec(self._dual_at(point))
        log_x[self._tableau.rest] = point.log_rest
        log_x[self._tableau.basis.columns] = point.om
        log_x[self.zeros.mask] = -np.inf
        return log_x
