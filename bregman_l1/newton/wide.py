"""The projection where A has few rows and any number of columns, which need not be in memory.

The dual lam has N entries, and x = p exp(A'lam) is never stored. One pass over the columns at lam gives

    A x,    A diag(x) A',    sum x,

each in units of the largest entry, so that nothing overflows; a Newton step on the dual takes one pass. A sample of
the columns, solved in memory, is where it begins, so that few passes are left. Where rounding of A x would show in
log x, the columns that matter are gathered and solved in memory instead.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from bregman_l1 import settings
from bregman_l1._types import EPS, Index, Matrix, Vector
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim, Farkas
from bregman_l1.errors import InfeasibleError, LostClusterError, UnsupportedProblemError
from bregman_l1.newton.gathering import (
    Gathered,
    heaviest,
    independent_rows,
    risen,
    that_matter,
    thinned,
    without_scores,
)
from bregman_l1.newton.projection import project
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import require_feasible
from bregman_l1.probes import probes
from bregman_l1.system import largest, weighted_gram
from bregman_l1.threads import threads_for

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

_LOG = logging.getLogger(__name__)
# Units of sums lie above this, so that a piece where x is zero throughout has one.
_LOWEST_UNIT = -1e300
# An error of this share of the tolerance is not worth a pass.
_SHARE_OF_TOLERANCE = 1e-3
# Random vectors that show what rounding does to the dual.
_DRAWS = 4
# The heaviest columns, how many matter, and these themselves.
_PASSES_TO_GATHER = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sums:
    """What one pass over the columns says of x = p exp(A'lam), in units of exp(unit): parts of it are added up.

    Attributes
    ----------
    unit : float
        The largest log x.
    image : ndarray of shape (N,)
        A x.
    gram : ndarray of shape (N, N)
        A diag(x) A'.
    total : float
        The sum of x.
    """

    unit: float
    image: Vector
    gram: Matrix
    total: float

    def __add__(self, other: Sums) -> Sums:
        unit = max(self.unit, other.unit)
        mine, others = np.exp(self.unit - unit), np.exp(other.unit - unit)
        return Sums(
            unit=unit,
            image=mine * self.image + others * other.image,
            gram=mine * self.gram + others * other.gram,
            total=float(mine * self.total + others * other.total),
        )


def sums_at(lam: Vector, A: Any, log_prior: Vector) -> Sums:
    """The sums of a piece of the columns."""
    log_x = A.T @ lam + log_prior
    unit = max(float(log_x.max()), _LOWEST_UNIT)
    x = np.exp(log_x - unit)
    return Sums(unit=unit, image=A @ x, gram=weighted_gram(A, x), total=float(x.sum()))


def log_point(lam: Vector, A: Any, log_prior: Vector) -> Vector:
    """Log x of a piece of the columns."""
    return np.asarray(A.T @ lam + log_prior)


class Equations:
    """The equations A diag(x) A' dlam = y - A x of rows that are independent, in units of exp(unit).

    Raises
    ------
    LinAlgError
        If the matrix is singular to rounding.
    """

    def __init__(self, sums: Sums, y: Vector, kept: Index) -> None:
        self._kept, self._size = kept, y.size
        gram = sums.gram[np.ix_(kept, kept)]
        self._units = np.sqrt(gram.diagonal())
        self._factor = cho_factor(gram / np.outer(self._units, self._units), lower=True)
        self.residual = y * np.exp(-sums.unit) - sums.image
        # By Cauchy's inequality |A| x is at most the root of the diagonal times the sum of x.
        self._rounding = EPS * np.sqrt(gram.diagonal() * sums.total)

    def solve(self, right: Vector) -> Vector:
        """The dlam with A diag(x) A' dlam = right on the rows kept, zero on the others."""
        change = np.zeros(self._size)
        change[self._kept] = cho_solve(self._factor, right[self._kept] / self._units) / self._units
        return change

    @property
    def noise(self) -> Vector:
        """What the rounding of A x may do to dlam: the largest of a few random draws, entry by entry."""
        draws = np.zeros((_DRAWS, self._size))
        draws[:, self._kept] = probes(_DRAWS, self._kept.size) * self._rounding
        return np.asarray(np.array([self.solve(draw) for draw in draws]))


def project_wide(
    system: LinearSystem,
    log_prior: Any,
    *,
    start_dual: Vector | None = None,
    tol: float = 1e-9,
    max_iter: int | None = None,
    time_limit: float | None = None,
) -> Claim:
    """Project exp(log_prior) onto {x >= 0 : A x = y} in relative entropy, by passes over the columns.

    Parameters
    ----------
    system : LinearSystem
        Of few rows; stored in whatever way.
    log_prior : array of shape (d,)
        Of numpy or, where the system is distributed, of dask; -inf where x is to be zero.
    start_dual : ndarray of shape (N,), optional
        Where to begin.
    tol : float, default 1e-9
        Accuracy of log x.
    max_iter : int, optional
        Most passes.
    time_limit : float, optional
        Most seconds; a pass that has begun is finished.

    Returns
    -------
    Claim
        ``log_x`` is an array of dask, not computed yet, where the system is distributed.

    Raises
    ------
    LostClusterError
        If the cluster that holds A is lost; it holds the dual reached.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> claim = project_wide(LinearSystem([[1.0, 0.5]], [1.0]), np.full(2, np.log(0.01)))
    >>> np.exp(claim.log_x).round(6).tolist()
    [0.951234, 0.097531]
    """
    run = _Run(system, log_prior, tol, Budget(max_iter, time_limit))
    with threads_for(system), np.errstate(all="ignore"):
        try:
            return run.claim(start_dual)
        except LostClusterError as error:
            raise LostClusterError(f"{error} (the dual reached is in .dual)", error.raw_status, run.dual) from error


class _Run:
    """One run: what it works on, what it may spend, and the best dual so far."""

    def __init__(self, system: LinearSystem, log_prior: Any, tol: float, budget: Budget) -> None:
        self._system, self._log_prior, self._tol, self._budget = system, log_prior, tol, budget
        self.dual: Vector | None = None

    def claim(self, start_dual: Vector | None) -> Claim:
        self._budget.count()
        sample, log_counts = thinned(self._system, self._log_prior)
        if not np.isfinite(sample.vectors[0]).any():
            sample = heaviest(self._system, self._log_prior, above=-np.inf)
        start = self._of_columns(sample, sample.vectors[0] + log_counts)
        if isinstance(start, Farkas):
            return self._gathered(sample)
        self.dual = start.dual if start_dual is None else start_dual
        if sample.size == self._system.shape[1]:
            return self._claim(sample, start)
        end = self._ascended(sample)
        if end is not None or self._budget.spent_out:
            return self._said(end or Claim(outcome=self._budget.spent_out or Outcome.INACCURATE, dual=self.dual))
        return self._gathered(sample)

    def _of_columns(self, columns: Gathered, log_prior: Vector) -> Claim | Farkas:
        """The projection onto the points of some columns alone, or what shows that there are none."""
        alive = np.isfinite(log_prior)
        part = replace(columns, columns=columns.columns[:, alive])
        try:
            seconds = self._budget.seconds_left
            limit = seconds if np.isfinite(seconds) else None
            system = part.system(self._system)
            claim = project(system, log_prior[alive], tol=self._tol, time_limit=limit)
            if claim.outcome in (Outcome.INFEASIBLE, Outcome.INACCURATE):
                require_feasible(system)
        except InfeasibleError as error:
            return Farkas(error.farkas)
        full = np.full(alive.size, -np.inf)
        if claim.log_x is not None:
            full[alive] = claim.log_x
        return replace(claim, log_x=full)

    # Newton's method on the dual

    def _ascended(self, sample: Gathered) -> Claim | None:
        """The projection by passes at one dual after the other; None where rounding shows, or no headway is made."""
        assert self.dual is not None
        kept = independent_rows(self._system, sample)
        lam, step, enough = self.dual, np.inf, max(settings.AT_REST, _SHARE_OF_TOLERANCE * self._tol)
        sums = self._pass(lam)
        for _ in range(settings.MOST_CONVEX_STEPS):
            if self._budget.spent_out:
                return Claim(dual=lam, outcome=self._budget.spent_out)
            try:
                equations = Equations(sums, self._system.y, kept)
            except (LinAlgError, ValueError):
                return None
            change = equations.solve(equations.residual)
            along = change @ sample.columns
            before, step = step, largest(along)
            noise = max(largest(draw @ sample.columns) for draw in equations.noise)
            _LOG.debug("pass %d: step %.3g in log x, noise %.3g", self._budget.used, step, noise)
            if not np.isfinite(step) or (noise > settings.NOISE * self._tol and step < settings.FAR):
                return None
            length = min(1.0, settings.RISE / max(float(along.max()), EPS))
            is_last = step * step <= enough or (step < settings.SETTLED and step > before / 4)
            if length == 1.0 and is_last:
                self.dual = lam + change
                return Claim(dual=self.dual, outcome=Outcome.OPTIMAL, error=step * step)
            lam, sums = self._searched(lam, change, sums, float(change @ equations.residual), length)
            self.dual = lam
        return None

    def _searched(self, lam: Vector, change: Vector, sums: Sums, slope: float, length: float) -> tuple[Vector, Sums]:
        """A point along the change where the dual, which is concave, has not fallen far behind its highest one."""
        at = sums
        for _ in range(settings.MOST_TRIALS):
            trial = lam + length * change
            at = self._pass(trial)
            there = float(change @ (self._system.y * np.exp(-at.unit) - at.image)) * np.exp(at.unit - sums.unit)
            if there >= -slope / 2 or self._budget.spent_out:
                return trial, at
            secant = slope / (slope - there) if np.isfinite(there) else 0.0
            length *= min(max(secant, 0.1), 0.5)
        return lam, sums

    def _pass(self, lam: Vector) -> Sums:
        self._budget.count()
        return self._system.over_columns(partial(sums_at, lam), self._log_prior)

    # The columns that matter

    def _gathered(self, columns: Gathered) -> Claim:
        """The projection by the columns that matter alone, found by solving with those found before."""
        for _ in range(settings.MOST_GATHERINGS):
            found = self._of_columns(columns, columns.vectors[0])
            if self._budget.spent_out:
                return self._said(Claim(dual=self.dual, outcome=self._budget.spent_out))
            if isinstance(found, Farkas):
                self._budget.count()
                alive = self._system.entrywise(np.exp, self._log_prior)
                further = risen(self._system, found.z, self._log_prior, alive=alive)
                if not further.size:
                    return Claim(outcome=Outcome.INFEASIBLE, raw_status="infeasible", proof=found)
            else:
                assert found.dual is not None
                self.dual = found.dual
                further = self._lacking(columns, found.dual)
                if np.isin(further.positions, columns.positions).all():
                    return self._claim(columns, found)
            columns = columns.with_others(further)
        return self._said(Claim(dual=self.dual, outcome=Outcome.INACCURATE))

    def _lacking(self, columns: Gathered, dual: Vector) -> Gathered:
        """The columns that matter at a dual; where they are too many, the heaviest."""
        log_x = self._system.each_column(partial(log_point, dual), self._log_prior)
        self._budget.count(_PASSES_TO_GATHER)
        matter = that_matter(self._system, log_x, self._log_prior)
        if matter.found is not None:
            return without_scores(matter.found)
        self._budget.count()
        further = without_scores(heaviest(self._system, log_x, self._log_prior))
        if np.isin(further.positions, columns.positions).all():
            self._refuse(matter.size)
        return further

    def _refuse(self, count: int) -> None:
        size = 8 * count * self._system.shape[0]
        raise UnsupportedProblemError(
            f"rounding of A x, summed over {self._system.shape[1]} columns, shows in log x at this prior, and the "
            f"columns that matter are {count}, {size:.3g} bytes, above the {8 * settings.GATHERED:.3g} that are "
            "gathered into memory: take a larger alpha, for which sums over all columns do, or a much smaller one, for "
            "which fewer columns matter"
        )

    # What there is to say

    def _said(self, end: Claim) -> Claim:
        dual = end.dual if end.dual is not None else np.zeros(self._system.shape[0])
        log_x = self._system.each_column(partial(log_point, dual), self._log_prior)
        return replace(end, dual=dual, log_x=log_x, raw_status=end.outcome.value, iterations=self._budget.used)

    def _claim(self, columns: Gathered, found: Claim) -> Claim:
        """The projection by some columns: their log x as it was computed, and that of the others by the dual."""
        assert found.dual is not None
        assert found.log_x is not None
        point = partial(_placed, found.dual, columns.positions, found.log_x)
        log_x = self._system.each_column(point, self._log_prior, self._system.positions)
        return replace(found, log_x=log_x, iterations=self._budget.used)


def _placed(dual: Vector, known: Index, values: Vector, A: Any, log_prior: Vector, positions: Index) -> Vector:
    """Log x by the dual, and in some positions, in increasing order, as it is known."""
    log_x = log_point(dual, A, log_prior)
    inside = slice(*np.searchsorted(known, [positions[0], positions[-1] + 1]))
    log_x[known[inside] - positions[0]] = values[inside]
    return log_x
