"""How far a vector is from being the projection where A is distributed: sums over its blocks, and few numbers of them.

The checks are those of `ProjectionResiduals`, by the same names and tolerances. One pass over the blocks adds up all
that they need: the image A x, its terms |A| x, the matrix A diag(x) A' of the next Newton step, and what the misfit
m = log x - log p - A'lam amounts to. Where rounding of these sums would show in log x, the step is measured on the
columns that matter, gathered in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import LinAlgError

from bregman_l1 import settings
from bregman_l1._types import ROUNDINGS, Mask, Matrix, Vector
from bregman_l1.caching import cached_property
from bregman_l1.claim import ExposingVector
from bregman_l1.errors import BregmanError, LostClusterError
from bregman_l1.foreign import is_lazy
from bregman_l1.newton import NewtonSteps
from bregman_l1.newton.gathering import heaviest, independent_rows, that_matter
from bregman_l1.newton.wide import Equations, Sums
from bregman_l1.problems.residuals import Residuals, vanishing
from bregman_l1.system import abs_image, largest, weighted_gram
from bregman_l1.threads import threads_for

if TYPE_CHECKING:
    from bregman_l1.certificate import Certificate
    from bregman_l1.claim import Claim
    from bregman_l1.problems.projection import BregmanProjection

# Logarithms beyond this are coarser than the tolerance of the checks: so much they may be off.
_COARSE_FROM = 1000.0
_LOWEST_UNIT = -1e300
# Misfits below this have a divergence of x m^2 / 2 to rounding.
_TINY_MISFIT = 1e-7


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Totals:
    """What one pass over the columns says of a candidate x, m = log x - log p - A'lam; x is in units of exp(unit).

    Attributes
    ----------
    unit, lowest : float
        The largest and the smallest finite log x.
    image, terms, moved : ndarray of shape (N,)
        A x, |A| x and A (x m).
    gram : ndarray of shape (N, N)
        A diag(x) A'.
    total, size, distance, divergence : float
        Sums of x, of x + x |log(x/p)|, of x (e^-m - 1 + m), and of x log(x/p) - x.
    prior : float
        The sum of p, not scaled.
    squares, misfit, spread_misfit : float
        m'm, max |m|, and the same in units of how coarse each log x is.
    misplaced, outside, zeros : int
        Entries not positive exactly where they should be, those positive where the prior is zero, and those not
        positive.
    """

    unit: float
    lowest: float
    image: Vector
    terms: Vector
    moved: Vector
    gram: Matrix
    total: float
    size: float
    distance: float
    divergence: float
    prior: float
    squares: float
    misfit: float
    spread_misfit: float
    misplaced: int
    outside: int
    zeros: int

    def __add__(self, other: Totals) -> Totals:
        unit = max(self.unit, other.unit)
        mine, others = np.exp(self.unit - unit), np.exp(other.unit - unit)
        together: dict[str, Any] = {"unit": unit, "lowest": min(self.lowest, other.lowest)}
        for name in (field.name for field in fields(self) if field.name not in together):
            left, right = getattr(self, name), getattr(other, name)
            if name in _IN_UNITS:
                together[name] = mine * left + others * right
            else:
                together[name] = max(left, right) if name in _PEAKS else left + right
        return Totals(**together)

    @property
    def sums(self) -> Sums:
        """The sums that the equations of a Newton step are made of; its right-hand side is what m leaves of them."""
        return Sums(unit=self.unit, image=self.image - self.moved, gram=self.gram, total=self.total)


_IN_UNITS = frozenset({"image", "terms", "moved", "gram", "total", "size", "distance", "divergence"})
_PEAKS = frozenset({"misfit", "spread_misfit"})


def totals_of(
    lam: Vector, exposing: Vector | None, coarsest: float, A: Matrix, log_x: Vector, log_prior: Vector
) -> Totals:
    """The totals of a piece of the columns."""
    alive, inside = np.isfinite(log_x), log_prior > -np.inf
    unit = max(float(log_x.max(initial=-np.inf, where=alive)), _LOWEST_UNIT)
    lowest = float(log_x.min(initial=np.inf, where=alive))
    ratio = log_x - log_prior
    m = ratio - A.T @ lam
    x = np.exp(log_x - unit)
    if not alive.all():
        x, ratio, m = (np.where(alive, values, 0.0) for values in (x, ratio, m))
    misfit, spread_misfit = largest(m), largest(m)
    if max(unit, -lowest) > coarsest:
        spread_misfit = largest(m / _spread(coarsest, log_x))
    return Totals(
        unit=unit,
        lowest=lowest,
        image=A @ x,
        terms=abs_image(A, x),
        moved=A @ (x * m),
        gram=weighted_gram(A, x),
        total=float(x.sum()),
        size=float(x.sum() + x @ np.abs(ratio)),
        distance=float(x @ (m * m) / 2 if misfit < _TINY_MISFIT else x @ (np.expm1(-m) + m)),
        divergence=float(x @ ratio - x.sum()),
        prior=_sum_of_exp(log_prior),
        squares=float(m @ m),
        misfit=misfit,
        spread_misfit=spread_misfit,
        misplaced=int(np.count_nonzero(alive != inside & ~_exposed(exposing, A))),
        outside=int(np.count_nonzero((log_x > -np.inf) & ~inside)),
        zeros=int(np.count_nonzero(~alive & inside)),
    )


def _spread(coarsest: float, log_x: Vector) -> Vector:
    """How much coarser than the coarsest of logarithms that is counted in full each log x is."""
    return np.maximum(1.0, np.where(np.isfinite(log_x), np.abs(log_x), 0.0) / coarsest)


def _sum_of_exp(values: Vector) -> float:
    is_even = values.strides == (0,)
    return float(np.exp(values[0]) * values.size if is_even else np.exp(values).sum())


def _exposed(z: Vector | None, A: Matrix) -> Mask | np.bool_:
    """The columns that vanish on the whole feasible set by an exposing vector, a_j'z < 0 beyond rounding."""
    if z is None:
        return np.False_
    return np.asarray(A.T @ z < -ROUNDINGS * (abs(A).T @ np.abs(z)))


class DistributedResiduals(Residuals):
    """The residuals of one candidate on a distributed system, in relative entropy."""

    def __init__(self, problem: BregmanProjection, claim: Claim) -> None:
        super().__init__(problem, claim)
        self._coarsest = max(_COARSE_FROM, abs(problem.log_alpha))
        self._enough = settings.NEGLIGIBLE
        self._remarks_of_step: tuple[str, ...] = ()

    def certificate(self, tol: float) -> Certificate:
        """As `Residuals.certificate`; the Newton step is measured as closely as the tolerance asks."""
        self._enough = tol * self._coarsest / _COARSE_FROM
        with threads_for(self._system), np.errstate(all="ignore"):
            try:
                return super().certificate(tol)
            except LostClusterError as error:
                raise LostClusterError(str(error), error.raw_status, self._claim.dual) from error

    @cached_property
    def totals(self) -> Totals:
        """The sums over all blocks, kept for who asks next where a name tells that it is the same candidate."""
        names = _names(self._log_x, self._log_prior)
        if names is None:
            return self._added_up()
        vectors = (self._claim.dual, self._exposing)
        key = (names, self._coarsest, *(b"" if vector is None else vector.tobytes() for vector in vectors))
        return self._system.remember_last("totals of a projection", key, self._added_up)

    def _added_up(self) -> Totals:
        with threads_for(self._system):
            work = partial(totals_of, self.dual, self._exposing, self._coarsest)
            return self._system.over_columns(work, self._log_x, self._log_prior)

    @cached_property
    def dual(self) -> Vector:
        """The dual claimed, or the one that fits log(x/p) best where x is positive."""
        lam = self._claim.dual
        if lam is not None and np.isfinite(lam).all():
            return lam
        fitted = np.zeros(self._system.shape[0])
        for _ in range(2):  # the second time refines the first
            normal = self._system.over_columns(partial(_normal_sums, fitted), self._log_x, self._log_prior)
            fitted = fitted + np.linalg.lstsq(normal.gram, normal.image)[0]
        return fitted

    @cached_property
    def _exposing(self) -> Vector | None:
        """An exposing vector, verified: A'z <= 0 and y'z = 0 up to rounding."""
        proof, y = self._claim.proof, self._system.y
        if not isinstance(proof, ExposingVector) or abs(y @ proof.z) > ROUNDINGS * (np.abs(y) @ np.abs(proof.z)):
            return None
        rise = heaviest(self._system, self._system.each_column(partial(_excess, proof.z)), above=0.0)
        return None if rise.size else proof.z

    @cached_property
    def _y(self) -> Vector:
        return np.asarray(self._system.y * np.exp(-self.totals.unit))

    @property
    def _spread(self) -> float:
        """How much coarser than log alpha, or than 1000, the coarsest log x is."""
        return max(1.0, self.totals.unit / self._coarsest, -self.totals.lowest / self._coarsest)

    @cached_property
    def infeasibility(self) -> float:
        """The componentwise backward error of A x = y."""
        missed, terms = np.abs(self._y - self.totals.image), self.totals.terms + np.abs(self._y)
        worst = float((missed / np.where(terms > 0.0, terms, 1.0)).max())
        return np.inf if np.isnan(worst) else worst

    @property
    def misplaced(self) -> float:
        return float(self.totals.misplaced)

    @property
    def kkt_identity(self) -> float:
        """The norm of the misfit, an upper bound of that of its part in the kernel."""
        return float(np.sqrt(self.totals.squares)) / self._spread

    @cached_property
    def duality_gap(self) -> float:
        """Primal minus dual value, relative to the terms of the objective; see `ProjectionResiduals.duality_gap`."""
        totals, lam = self.totals, np.abs(self.dual)
        slack = abs(float(self.dual @ (self._y - totals.image)))
        gap = totals.distance + max(0.0, slack - ROUNDINGS * float(lam @ (totals.terms + np.abs(self._y))))
        relative = gap / totals.size if totals.size > 0.0 else np.inf
        return relative if self._claim.dual is None else max(relative, totals.spread_misfit)

    @property
    def value(self) -> float:
        """The objective."""
        return float(self.totals.divergence * np.exp(self.totals.unit) + self.totals.prior)

    @cached_property
    def deviation(self) -> float:
        """The largest change of log x in one Newton step, with the rounding of this measure."""
        if self._is_cut_short or not self.totals.total > 0.0:
            return np.inf
        rough = self._by_sums()
        return rough if rough <= self._enough or self.totals.misplaced else min(rough, self._by_columns())

    def _by_sums(self) -> float:
        try:
            equations = Equations(self.totals.sums, self._system.y, independent_rows(self._system))
        except (LinAlgError, ValueError):
            return np.inf
        moves = np.vstack([equations.solve(equations.residual), equations.noise])
        step, *noise = self._largest_moves(moves, (self._enough - self.totals.spread_misfit) / 2)
        return self.totals.spread_misfit + float(step) + float(max(noise))

    def _largest_moves(self, duals: Any, enough: float) -> Vector:
        """The largest |a_j'dlam| for each dlam, in units of the spread; a bound by the rows of A where it is enough."""
        bounds = np.abs(duals) @ self._system.row_peaks
        if np.isnan(bounds).any() or bounds.max() <= enough:
            return np.asarray(bounds)
        return self._system.over_columns(partial(_peaks, duals, self._coarsest), self._log_x).values

    def _by_columns(self) -> float:
        """The same on the columns that matter, where a basis of them measures what no sum over all of them shows."""
        matter = that_matter(self._system, self._log_x, self._log_prior)
        if matter.found is None or not matter.found.size:
            return np.inf
        found, (log_x, log_prior) = matter.found, matter.found.vectors
        try:
            step = NewtonSteps(found.system(self._system)).at(log_prior, log_x, self._claim.dual)
        except BregmanError:
            return np.inf
        change = largest((np.abs(step.change) + step.noise) / _spread(self._coarsest, log_x))
        self._remarks_of_step = step.remarks
        if found.size < self._system.shape[1]:
            self._remarks_of_step += (
                f"the Newton step was measured on the {found.size} columns that matter: all others together are "
                f"{matter.neglected:.1g} of the lightest entry of a basis of them",
            )
            # The step of the others is that of the dual, which the columns that matter determine.
            of_dual = step.change + (log_x - log_prior - found.columns.T @ self.dual)
            move = np.linalg.lstsq(found.columns.T, of_dual)[0]
            change = max(change, float(self._largest_moves(move[None, :], self._enough / 2)[0])) + matter.neglected
        return change

    @property
    def _outside(self) -> int:
        return self.totals.outside

    def _of_the_step(self) -> tuple[str, ...]:
        return self._remarks_of_step

    def _of_the_zeros(self) -> tuple[str, ...]:
        zeros = self.totals.zeros
        if zeros and self.totals.misplaced:
            return (f"{zeros} of {self._system.shape[1]} entries are not positive",)
        return (vanishing(zeros),) if zeros else ()


@dataclass(frozen=True, slots=True)
class _Normal:
    """The normal equations of a least-squares fit."""

    gram: Matrix
    image: Vector

    def __add__(self, other: _Normal) -> _Normal:
        return _Normal(self.gram + other.gram, self.image + other.image)


def _normal_sums(lam: Vector, A: Matrix, log_x: Vector, log_prior: Vector) -> _Normal:
    alive = np.isfinite(log_x) & np.isfinite(log_prior)
    misfit = np.where(alive, log_x - log_prior - A.T @ lam, 0.0)
    return _Normal(weighted_gram(A, alive.astype(np.float64)), A @ misfit)


@dataclass(frozen=True, slots=True)
class _Peaks:
    """The largest of each."""

    values: Vector

    def __add__(self, other: _Peaks) -> _Peaks:
        return _Peaks(np.maximum(self.values, other.values))


def _peaks(duals: Matrix, coarsest: float, A: Matrix, log_x: Vector) -> _Peaks:
    return _Peaks((np.abs(duals @ A) / _spread(coarsest, log_x)).max(axis=1))


def _excess(z: Vector, A: Matrix) -> Vector:
    """A'z beyond its rounding."""
    return np.asarray(A.T @ z - ROUNDINGS * (abs(A).T @ np.abs(z)))


def _names(*vectors: Any) -> tuple[Any, ...] | None:
    """What tells vectors from all others without looking at their entries, None where nothing does."""
    names: list[Any] = []
    for vector in vectors:
        if is_lazy(vector):
            names.append(vector.name)
        elif vector.strides == (0,):
            names.append(float(vector[0]))
        else:
            return None
    return tuple(names)
