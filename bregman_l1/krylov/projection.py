"""The projection of one prior from products with A and A' alone."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Vector
from bregman_l1.claim import Claim, Farkas
from bregman_l1.frozen import read_only
from bregman_l1.krylov.dual_gradients import ascents, farkas_vector, rounding, value
from bregman_l1.krylov.mixed_step import MixedPoint, corrections
from bregman_l1.krylov.newton_system import heavy_entries
from bregman_l1.krylov.run import ran
from bregman_l1.krylov.single_point import single_point
from bregman_l1.krylov.walk import settled, walk
from bregman_l1.outcome import Outcome

if TYPE_CHECKING:
    from bregman_l1.krylov.products import CountedProducts
    from bregman_l1.system import LinearSystem


def project(
    system: LinearSystem,
    log_prior: Vector,
    *,
    start_dual: Vector | None = None,
    tol: float = 1e-9,
    max_iter: int | None = None,
    time_limit: float | None = None,
) -> Claim:
    """Project exp(log_prior) onto {x >= 0 : A x = y} in relative entropy, by products with A and A' alone.

    Parameters
    ----------
    system : LinearSystem
        Of any storage.
    log_prior : ndarray of shape (d,)
        Logarithms of the prior, finite.
    start_dual : ndarray of shape (N,), optional
        The dual of a projection nearby; where it leads nowhere the run starts cold.
    tol : float, default 1e-9
        Accuracy of log x at which the run counts as converged.
    max_iter : int, optional
        Most applications of A or A', each counting one.
    time_limit : float, optional
        Most seconds.

    Returns
    -------
    Claim
        With ``log_x = log_prior + A'dual`` up to its ``error``, which is what the last Newton step and the residual
        of its equations leave; ``iterations`` are applications. `Outcome.OPTIMAL` where the error is below ``tol``,
        `Outcome.INACCURATE` where that could not be reached, `Outcome.INFEASIBLE` with a Farkas vector.

    Examples
    --------
    >>> import numpy as np
    >>> from bregman_l1 import LinearSystem
    >>> claim = project(LinearSystem([[1.0, 0.5]], [1.0]), np.full(2, np.log(0.01)))
    >>> np.exp(claim.log_x).round(9).tolist()
    [0.951234377, 0.097531245]
    """
    search = _Search(np.asarray(log_prior, dtype=np.float64), start_dual, tol)
    claim = ran(search, system, max_iter, time_limit)
    return claim if claim.dual is not None else replace(claim, dual=read_only(np.zeros(system.shape[0])))


class _Search:
    """The search for one projection, and the best point that it has met."""

    def __init__(self, log_prior: Vector, start_dual: Vector | None, tol: float) -> None:
        self.start_dual = start_dual
        self.log_prior, self.tol, self.goal = log_prior, tol, settings.BELOW * tol
        self.dual: Vector | None = None
        self.log_ratio, self.error, self.rounding = np.zeros_like(log_prior), np.inf, 0.0

    def solved(self, products: CountedProducts) -> Claim:
        """Search near a dual if there is one, then from an even prior, then by ascent from where that has led."""
        self.products = products
        if self.start_dual is not None and self._from_dual(self.start_dual * products.row_norms):
            return self._finished_claim()
        gradient = products.rmatvec(products.y)
        if gradient.max() <= 0:
            return infeasible(products, products.y)
        only = single_point(products, self.log_prior)
        if only is not None:
            return only
        size = log_size(products, gradient)
        for stage in walk(products, self.log_prior, size):
            # The entries that matter keep their size if lam grows with the depth of the prior.
            self._keep(stage.point.dual / stage.share, stage.point.image / stage.share, np.inf)
            if stage.share == 1.0 and (self._finished(stage.point, stage.error) or self.error <= settings.NEARBY):
                return self._finished_claim()
        # A stage of the walk that was reached is feasible.
        z = farkas_vector(products, size) if self.dual is None else None
        return self._climbed() if z is None else infeasible(products, z)

    def claim(self, outcome: Outcome) -> Claim:
        """The best point so far as an answer."""
        return Claim(
            log_x=read_only(self.log_prior + self.log_ratio),
            dual=None if self.dual is None else read_only(self.dual / self.products.row_norms),
            outcome=outcome,
            raw_status=outcome.value,
            error=self.error + self.rounding if self.error < np.inf else np.nan,
        )

    def _from_dual(self, dual: Vector) -> bool:
        found, _ = settled(self.products, self.log_prior, near_dual(self.products, self.log_prior, dual))
        return found is not None and self._finished(found.point, found.error)

    def _finished(self, point: MixedPoint, error: float) -> bool:
        """Whether Newton's method reaches the goal, or rounding, from a point nearby."""
        steps = corrections(self.products, self.log_prior, point, self.goal, error)
        for found in islice(steps, settings.MOST_LAST_MIXED_STEPS):
            if found.error < self.error:
                self._keep(found.point.dual, found.point.log_x - self.log_prior, found.error, found.rounding)
            if self.error <= max(self.goal, self.rounding):
                return True
        return False

    def _climbed(self) -> Claim:
        """The ascent of the dual, from the best point so far if that is above zero."""
        y, none = self.products.y, np.zeros(self.products.shape[0])
        dual = none if self.dual is None else self.dual
        if not value(y, self.log_prior, dual, self.log_ratio) > value(y, self.log_prior, none, 0 * self.log_ratio):
            self._keep(none, 0 * self.log_ratio, np.inf)
            dual = none
        climb = ascents(self.products, self.log_prior, dual, self.products.rmatvec(dual), self.goal)
        for found in islice(climb, settings.MOST_ASCENTS):
            self._keep(found.dual, found.image, found.error)
            if found.error <= self.goal or float((self.log_prior + self.log_ratio).min()) < settings.LOWEST:
                break
        if self.error <= self.tol:
            self.rounding = rounding(self.products, np.exp(self.log_prior + self.log_ratio))
        return self._finished_claim()

    def _finished_claim(self) -> Claim:
        """The best point, vouched for if its error is known to be below the tolerance and no entry underflows."""
        holds = (
            self.error + self.rounding <= self.tol and float((self.log_prior + self.log_ratio).min()) > settings.LOWEST
        )
        return self.claim(Outcome.OPTIMAL if holds else Outcome.INACCURATE)

    def _keep(self, dual: Vector, log_ratio: Vector, error: float, rounding: float = 0.0) -> None:
        self.dual, self.log_ratio, self.error, self.rounding = dual, log_ratio, error, rounding


def log_size(products: CountedProducts, gradient: Vector) -> float:
    """Log of the largest entry after one step of steepest descent from zero, cut at zero: the size that x has."""
    step = np.maximum(gradient, 0.0)
    moved = products.matvec(step)
    return float(np.log(float(step.max()) * (products.y @ moved) / (moved @ moved)))


def near_dual(products: CountedProducts, log_prior: Vector, dual: Vector) -> MixedPoint:
    """Where to start from the dual of a prior nearby: the heavy entries brought to the size that y asks for.

    They hardly depend on the prior, which the dual follows.
    """
    image = products.rmatvec(dual)
    log_x = np.minimum(log_prior + image, settings.LARGEST_MIXED)
    x = np.exp(log_x)
    heavy, made = heavy_entries(products, x), products.matvec(x)
    size = float(products.y @ made) / float(made @ made)
    if size > 0:
        log_x[heavy] += np.log(size)
    return MixedPoint(dual=dual, image=image, log_x=log_x)


def infeasible(products: CountedProducts, z: Vector) -> Claim:
    """The claim that there is no solution, with the z that shows it."""
    outcome = Outcome.INFEASIBLE
    return Claim(outcome=outcome, raw_status=outcome.value, proof=Farkas(read_only(z / products.row_norms)))
