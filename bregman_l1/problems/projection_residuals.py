"""How far a vector is from being the projection: one method a residual, all of them in logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import EPS, ROUNDINGS, Mask, Vector
from bregman_l1.caching import cached_property
from bregman_l1.claim import ExposingVector
from bregman_l1.errors import BackendError, InfeasibleError
from bregman_l1.newton import NewtonSteps
from bregman_l1.polyhedron.feasible_set import exposes, infeasibility, maximal_support
from bregman_l1.problems.residuals import Residuals, vanishing
from bregman_l1.problems.row_space import fit
from bregman_l1.system import largest

if TYPE_CHECKING:
    from bregman_l1.claim import Claim
    from bregman_l1.newton import Step
    from bregman_l1.problems.projection import BregmanProjection

# Far beyond the logarithms of any projection; larger ones would overflow on the way.
_LARGEST_LOGARITHM = 1e100
# Entries of A up to which a linear program is asked where a candidate that is wrong anyway is positive.
_LARGEST_PROGRAM = 1_000_000
# Rows of smaller terms, in the unit of x, are seen in logarithms alone: their products underflow.
_SMALLEST_TERMS = 1e-290
# Misfits of a dual below this need no excuse.
_SMALL_MISFIT = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    """What one pass over the columns adds up, x in its unit, m = theta(x) - theta(p) - A'lam.

    Attributes
    ----------
    dual : ndarray of shape (N,)
        Lam.
    missed, terms : ndarray of shape (N,)
        y - A x, and |A| x + |y|: what rounding of the equations is measured by.
    size, distance : float
        The size of the terms of the objective, and the divergence of x from the point of lam.
    squares, misfit, spread_misfit : float
        m'm, max |m|, and the same in units of the spread.
    ratio : float
        max |theta(x) - theta(p)|.
    """

    dual: Vector
    missed: Vector
    terms: Vector
    size: float
    distance: float
    squares: float
    misfit: float
    spread_misfit: float
    ratio: float


class ProjectionResiduals(Residuals):
    """Residuals from the columns of A, the Newton step on a basis.

    ``steps`` measure the Newton step; those of one system, and of priors with the same zeros, may be shared by many
    candidates.
    """

    def __init__(self, problem: BregmanProjection, claim: Claim, steps: NewtonSteps | None = None) -> None:
        super().__init__(problem, claim)
        self._steps = steps or NewtonSteps(self._system)
        self._wide_log_prior = problem.wide_log_prior[problem.part.columns]

    @cached_property
    def positive(self) -> Mask:
        """Where the candidate is positive."""
        return np.isfinite(self._log_x)

    @cached_property
    def _is_positive(self) -> bool:
        return bool(self.positive.all())

    @cached_property
    def is_candidate(self) -> bool:
        """Whether every entry is zero or a positive number of a size to reckon with, and not all are zero."""
        within = self._lowest > -_LARGEST_LOGARITHM and self._unit < _LARGEST_LOGARITHM
        return bool(self.positive.any() and within and (self._is_positive or (self._log_x < np.inf).all()))

    @cached_property
    def infeasibility(self) -> float:
        """The larger of the backward error of A x = y and max(-x) / max |x|; NaN if x holds one."""
        if not self.is_candidate:
            return infeasibility(self._system, self._claim.point)
        missed, terms = self._totals.missed, self._totals.terms
        relative = np.abs(missed) / np.where(terms > _SMALLEST_TERMS, terms, 1.0)
        worst = float(relative.max())
        return np.inf if np.isnan(worst) else worst

    @cached_property
    def deviation(self) -> float:
        """The largest change of log x in one exact Newton step: the relative error of every entry.

        Off the support x - x* is x itself, and its part on the support is a linear image of that one, so
        this is the relative error of the deviation too. Feasibility alone says nothing about it.
        """
        if not self.is_candidate or self._is_cut_short:
            return np.inf
        change, noise = self._step.change, self._step.noise
        if isinstance(noise, np.ndarray):
            return self._largest(np.abs(change) + noise)
        return self._largest(change) + noise

    @cached_property
    def _step(self) -> Step:
        return self._steps.at(self._wide_log_prior, self._log_x, self._totals.dual, self._potential)

    @cached_property
    def _dual(self) -> Vector | None:
        """The dual claimed, in the unit of theta."""
        lam = self._claim.dual
        return None if lam is None else lam / np.exp(self._potential.log_dual_unit)

    @cached_property
    def _unit(self) -> float:
        """The size of the largest entry: x and y are measured in it, so that neither overflows."""
        return float(self._placed.max(initial=-np.inf))

    @cached_property
    def _lowest(self) -> float:
        return float(self._placed.min(initial=np.inf))

    @property
    def _placed(self) -> Vector:
        """Log x where the candidate is positive."""
        return self._log_x if self._is_positive else self._log_x[self.positive]

    @cached_property
    def _totals(self) -> _Totals:
        """With the dual claimed if it fits theta(x) = theta(p) + A'lam to rounding, else with the best one."""
        lam = self._dual
        if lam is not None and np.isfinite(lam).all():
            totals = self._added_up(lam)
            if totals.misfit <= settings.FITTED * max(1.0, totals.ratio):
                return totals
        best = fit(self._system, self._ratio(slice(None)), self.positive)
        return self._added_up(best.dual, best.misfit)

    def _added_up(self, lam: Vector, misfit: Vector | None = None) -> _Totals:
        """One pass over the columns, in pieces that fit the cache."""
        y = self._system.y * np.exp(-self._unit)
        image, terms = np.zeros(y.size), np.abs(y)
        sums, peaks, rounding = np.zeros(3), np.zeros(3), self._rounding(lam)
        with np.errstate(all="ignore"):
            for part, A in self._system.pieces():
                x, theta, ratio = np.exp(self._log_x[part] - self._unit), self._theta(part), self._ratio(part)
                m = self._misfit(lam, part, A) if misfit is None else misfit[part]
                image += A @ x
                terms += abs(A) @ x
                distance = self._potential.distance(x, theta, m, rounding)
                m = self._potential.misfit(theta, m)
                sums += [self._potential.size(x, theta, ratio), distance, float(m @ m)]
                spread = largest(m) if isinstance(self._spread, float) else largest(m / self._spread[part])
                peaks = np.maximum(peaks, [largest(m), spread, largest(ratio)])
        size, distance, squares = map(float, sums)
        of_m, spread_misfit, of_ratio = map(float, peaks)
        return _Totals(
            dual=lam,
            missed=y - image,
            terms=terms,
            size=size,
            distance=distance,
            squares=squares,
            misfit=of_m,
            spread_misfit=spread_misfit,
            ratio=of_ratio,
        )

    @cached_property
    def maximal_support(self) -> Mask | None:
        """The coordinates that some feasible point has positive (Lemma III.2), None where nothing proves them.

        Feasible are here those points that vanish where the prior does.

        A Newton step below one in log x ends at a feasible point that is positive wherever the candidate
        is; only otherwise, or where the candidate has zeros, a linear program must tell.
        """
        if self._is_positive and self.deviation < 1.0:
            return self.positive
        proof = self._claim.proof
        if isinstance(proof, ExposingVector) and self.deviation < 1.0 and exposes(self._system, proof.z, self.positive):
            return self.positive
        is_large = np.prod(self._system.shape) > _LARGEST_PROGRAM
        if self._is_cut_short or (self._is_positive and is_large):
            return None
        try:
            support = maximal_support(self._system)
        except (BackendError, InfeasibleError):
            return None
        return support.mask if exposes(self._system, support.exposing, support.mask) else None

    @cached_property
    def misplaced(self) -> float:
        """How many coordinates are positive off the maximal support, or not positive on it."""
        if self.maximal_support is None:
            return np.inf
        return float(self._outside + np.count_nonzero(self.positive != self.maximal_support))

    @cached_property
    def kkt_identity(self) -> float:
        """The norm of the part of theta(x) - theta(p) in the kernel of A on the positive entries (Lemma III.3).

        |Z'v| for an orthonormal basis Z is the distance of v from the row space, hence at most the misfit
        of any multiplier; it bounds |max (Z'v)_k| for every such basis.
        """
        if not self.is_candidate:
            return np.inf
        return float(np.sqrt(self._totals.squares)) / float(np.max(self._spread))

    @cached_property
    def _spread(self) -> float | Vector:
        """How much coarser than log alpha, or than 1000, each log x is: no solver can place it better."""
        coarsest = max(1000.0, abs(self._problem.log_alpha))
        if max(self._unit, -self._lowest) <= coarsest:
            return 1.0
        return np.maximum(1.0, np.where(self.positive, np.abs(self._log_x), 0.0) / coarsest)

    def _largest(self, errors: Vector) -> float:
        """The largest magnitude of errors of log x, each in units of its spread."""
        return largest(errors if isinstance(self._spread, float) else errors / self._spread)

    def _theta(self, part: slice) -> Vector:
        """Theta(x) of some columns, that of the prior where the candidate is zero."""
        log_x = self._log_x[part]
        if not self._is_positive:
            log_x = np.where(self.positive[part], log_x, self._log_prior[part])
        return np.asarray(self._potential.gradient(log_x), dtype=np.float64)

    def _rounding(self, lam: Vector) -> float:
        """What rounding may leave of theta(x) - theta(p) - A'lam."""
        prior = largest(self._potential.gradient(self._log_prior))
        of_logarithms = EPS * prior * max(largest(self._log_prior), self._unit)
        return ROUNDINGS * (prior + float(self._system.row_peaks @ np.abs(lam))) + of_logarithms

    def _ratio(self, part: slice) -> Vector:
        """Theta(x) - theta(p) of some columns where the candidate is positive, zero elsewhere: log(x/p) at depth 2."""
        prior = self._potential.gradient(self._log_prior[part])
        return np.asarray(self._theta(part) - prior, dtype=np.float64)

    def _misfit(self, lam: Vector, part: slice, A: Any) -> Vector:
        """Theta(x) - theta(p) - A'lam of some columns where the candidate is positive, zero elsewhere."""
        misfit = self._ratio(part) - A.T @ lam
        if not self._is_positive:
            misfit[~self.positive[part]] = 0.0
        return np.asarray(misfit)

    @cached_property
    def duality_gap(self) -> float:
        """Primal minus dual value over the positive entries, relative to the size of the objective's terms.

        Each coordinate contributes its divergence from the point of the multiplier, x (e^-m - 1 + m) at depth 2
        with m its misfit log(x/p) - A'lam; the rest is lam'(A x - y), of which the rounding of A x and y is
        forgiven. A dual that was claimed must also belong to x where x is too small to count here: by how much it
        misses theta(x) - theta(p) is the least that is reported.
        """
        if not self.is_candidate:
            return np.inf
        totals = self._totals
        with np.errstate(all="ignore"):
            slack = abs(float(totals.dual @ totals.missed))
            of_dual = float(np.abs(totals.dual) @ totals.terms)
            gap = totals.distance + max(0.0, slack - ROUNDINGS * of_dual)
            size = totals.size or of_dual  # terms of the objective may underflow where those of lam'y do not
            if gap != 0.0:
                gap = gap / size if size > 0.0 else np.inf
        return max(gap, self._misfit_of_claimed_dual)

    @cached_property
    def _misfit_of_claimed_dual(self) -> float:
        """By how much the misfit of a dual that was claimed exceeds rounding on the positive entries."""
        lam = self._dual
        if lam is None:
            return 0.0
        if not np.isfinite(lam).all():
            return np.inf
        if self._totals.dual is lam and self._totals.misfit <= _SMALL_MISFIT:
            return self._totals.spread_misfit
        theta, misfit = self._theta(slice(None)), self._ratio(slice(None)) - self._system.rmatvec(lam)
        misfit = self._potential.misfit(theta, misfit)
        if largest(misfit) > _SMALL_MISFIT:
            terms = self._system.abs_rmatvec(np.abs(lam)) + np.abs(self._ratio(slice(None)))
            beyond = np.abs(misfit) - ROUNDINGS * terms
            misfit = np.where(np.isnan(beyond), np.inf, np.maximum(beyond, 0.0))  # NaN where the terms overflow
        return self._largest(np.where(self.positive, misfit, 0.0))

    def _of_the_step(self) -> tuple[str, ...]:
        return self._step.remarks if self.is_candidate else ()

    def _of_the_zeros(self) -> tuple[str, ...]:
        remarks: list[str] = []
        nonpositive = int(np.count_nonzero(~(self._log_x > -np.inf)))
        if nonpositive and self.misplaced > 0:
            remarks.append(f"{nonpositive} of {self._log_x.size} entries are not positive")
        if self.maximal_support is None:
            return (*remarks, "no exposing vector was found that proves which coordinates vanish")
        forced = int(np.count_nonzero(~self.maximal_support))
        return (*remarks, vanishing(forced)) if forced else tuple(remarks)
