"""The residuals of a candidate for a projection from products with A and A' alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse.linalg import lsmr

from bregman_l1._types import EPS, ROUNDINGS, Mask, Vector
from bregman_l1.budget import Budget
from bregman_l1.caching import cached_property
from bregman_l1.claim import ExposingVector
from bregman_l1.krylov import measured_step
from bregman_l1.newton import MeasuredStep
from bregman_l1.probes import probes
from bregman_l1.problems.product_minimisers import column_rank, on_support
from bregman_l1.problems.residuals import Residuals, vanishing
from bregman_l1.system import largest

if TYPE_CHECKING:
    from bregman_l1.claim import Claim
    from bregman_l1.problems.projection import BregmanProjection

# The multiplier that fits best is found to this accuracy, where none was claimed.
_FITTED = 1e-14
# The accuracy to which a step is measured that may be small beside the tolerance.
_MEASURED = 1e-3
# Slacks of an exposing vector beyond this share of the largest are not zero.
_STRICT = 1e-9


class ProductResiduals(Residuals):
    """Residuals from products alone, Newton's step by a Krylov method: its correction is added to its size."""

    of_feasibility = "max |A x - y|, relative to |A||x| + |y|, or to max |y| where |A| is not known"

    def __init__(self, problem: BregmanProjection, claim: Claim) -> None:
        super().__init__(problem, claim)
        self._budget = Budget(seconds=claim.time_left)
        self._positive: Mask = np.isfinite(self._log_x)

    @cached_property
    def _point(self) -> Vector:
        return self._claim.point

    @cached_property
    def _theta(self) -> Vector:
        """Theta(x), that of the prior where the candidate is zero."""
        log_x = np.where(self._positive, self._log_x, self._log_prior)
        return np.asarray(self._potential.gradient(log_x), dtype=np.float64)

    @cached_property
    def _ratio(self) -> Vector:
        return np.asarray(self._theta - self._potential.gradient(self._log_prior), dtype=np.float64)

    @cached_property
    def _dual(self) -> Vector:
        """The dual claimed, in the unit of theta, or else the one of least squares on the positive entries."""
        if self._claim.dual is not None:
            return np.asarray(self._claim.dual / np.exp(self._potential.log_dual_unit))
        positive = np.flatnonzero(self._positive)
        A = on_support(self._system, positive)
        return np.asarray(lsmr(A.T, self._ratio[positive], atol=_FITTED, btol=_FITTED)[0])

    @cached_property
    def _misfit(self) -> Vector:
        """Theta(x) - theta(p) - A'lam where the candidate is positive, zero elsewhere."""
        return np.where(self._positive, self._ratio - self._system.rmatvec(self._dual), 0.0)

    @cached_property
    def _missed(self) -> Vector:
        return self._system.y - self._system.matvec(self._point)

    @cached_property
    def _terms(self) -> Vector:
        return self._system.terms(self._point)

    @cached_property
    def _is_candidate(self) -> bool:
        return bool(self._positive.any() and np.isfinite(self._point).all() and self._point.min() >= 0.0)

    @cached_property
    def infeasibility(self) -> float:
        if not self._is_candidate:
            return np.inf
        worst = float((np.abs(self._missed) / np.where(self._terms > 0.0, self._terms, 1.0)).max())
        return np.inf if np.isnan(worst) else worst

    @cached_property
    def misplaced(self) -> float:
        if not self.deviation < 1.0:
            return np.inf
        proof = self._claim.proof
        is_proved = self._positive.all() or (isinstance(proof, ExposingVector) and self._exposes(proof.z))
        return float(self._outside) if is_proved else np.inf

    @cached_property
    def kkt_identity(self) -> float:
        """The norm of the misfit, an upper bound of that of its part in the kernel."""
        return float(np.linalg.norm(self._misfit)) if self._is_candidate else np.inf

    @cached_property
    def duality_gap(self) -> float:
        """As for the residuals from columns: divergences of the misfits, and lam'(A x - y) beyond its rounding."""
        if not self._is_candidate:
            return np.inf
        x, misfit, sizes = self._point, self._misfit, np.abs(self._dual) @ self._terms
        rounding = ROUNDINGS * (largest(self._ratio) + largest(self._log_prior))
        gap = self._potential.distance(x, self._theta, misfit, rounding)
        gap += max(0.0, abs(float(self._dual @ self._missed)) - ROUNDINGS * float(sizes))
        size = self._potential.size(x, self._theta, self._ratio) or float(sizes)
        of_dual = max(0.0, largest(self._potential.misfit(self._theta, misfit)) - rounding)
        return max(gap / size if size > 0.0 else np.inf, of_dual)

    @cached_property
    def deviation(self) -> float:
        if not self._is_candidate or self._is_cut_short:
            return np.inf
        log_x = np.where(self._positive, self._log_x, -np.inf)
        weights = np.where(self._positive, np.exp(self._potential.log_weight(log_x)), 0.0)
        step = self._measured(weights)
        if step is None:
            return np.inf
        return largest(self._log_change(step.change)) + largest(self._log_change(step.correction))

    def _measured(self, weights: Vector) -> MeasuredStep | None:
        """Newton's step, None where time ran out."""
        if not self._positive.all() and column_rank(self._system, np.flatnonzero(self._positive), self._budget).is_full:
            return self._by_feasibility(weights)
        return measured_step(self._system, self._point, weights, self._misfit, self._missed, self._budget)

    def _by_feasibility(self, weights: Vector) -> MeasuredStep:
        """The step of positive entries with independent columns: A x = y alone determines them, up to its rounding."""
        positive, y = self._positive, self._system.y
        A = on_support(self._system, np.flatnonzero(positive))
        rounding = probes(1, y.size)[0] * (EPS * largest(y))
        step, correction = np.zeros_like(weights), np.zeros_like(weights)
        for change, missed in ((step, self._missed), (correction, rounding)):
            change[positive] = lsmr(A, missed, atol=_MEASURED, btol=_MEASURED)[0] / weights[positive]
        left = self._missed - A.matvec(step[positive] * weights[positive])
        is_solved = bool((np.abs(left) <= ROUNDINGS * self._terms).all())
        return MeasuredStep(step if is_solved else np.full_like(weights, np.inf), correction)

    def _exposes(self, z: Vector) -> bool:
        """Whether z proves, up to the rounding of its products, that the entries vanish that the candidate has zero."""
        slack, y = self._system.rmatvec(z), self._system.y
        size = largest(slack)
        on, off = np.abs(slack[self._positive]), slack[~self._positive]
        is_tight = float(on.max(initial=0.0)) <= ROUNDINGS * size
        is_orthogonal = abs(float(y @ z)) <= ROUNDINGS * float(np.abs(y) @ np.abs(z))
        return is_tight and is_orthogonal and float(off.max(initial=-np.inf)) < -_STRICT * size

    def _log_change(self, change: Vector) -> Vector:
        moved = self._potential.log_change(self._theta, change)
        return moved if self._positive.all() else np.where(self._positive, moved, 0.0)

    @property
    def _is_cut_short(self) -> bool:
        return super()._is_cut_short or self._budget.spent_out is not None

    @property
    def _is_measured(self) -> bool:
        """Whether the Newton step could be solved for, as far as there was a candidate to take it from."""
        return not self._is_candidate or self.deviation < np.inf

    def _of_the_step(self) -> tuple[str, ...]:
        if not self._is_measured:
            return ("the equations of the Newton step could not be solved from products: it was not measured",)
        return ("the Newton step was measured from products alone, and what that left of its equations once more",)

    def _of_the_zeros(self) -> tuple[str, ...]:
        zeros = int(np.count_nonzero(~self._positive))
        if not (zeros and self._is_measured):
            return ()
        if self.misplaced > 0:
            return (f"{zeros} entries are zero: that they vanish on the whole feasible set was not proved",)
        return (vanishing(zeros),)
