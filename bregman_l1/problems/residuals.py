"""`Residuals`: what a candidate for a projection is measured by, whatever A is stored as."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.certificate import Certificate, Check
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import INFEASIBILITY

if TYPE_CHECKING:
    from bregman_l1.claim import Claim
    from bregman_l1.problems.projection import BregmanProjection


class Residuals(ABC):
    """The residuals of one candidate for a `BregmanProjection`, each a number that is zero for the answer.

    The candidate is held as log x, so that entries beyond the range of floating point count in full. Where the prior
    is zero the candidate must be, which is counted; all else is measured on the other columns.
    """

    of_feasibility = INFEASIBILITY
    """How `infeasibility` is measured."""

    def __init__(self, problem: BregmanProjection, claim: Claim) -> None:
        part = problem.part
        self._problem, self._system = problem, part.system
        self._claim = part.restricted(claim)
        self._left_out = part.count_outside(claim)
        self._log_x = self._claim.log_point
        self._log_prior = problem.log_prior[part.columns]
        self._potential = problem.potential.in_unit_of(self._log_prior)

    def certificate(self, tol: float) -> Certificate:
        """Return every residual against its tolerance.

        Residuals in log x are absolute; their tolerance grows with |log alpha|, and that of an entry with its
        own |log x|, beyond 1000, where the spacing of floating-point numbers does.
        """
        accuracy = tol * max(1.0, abs(self._problem.log_alpha) / 1000)
        checks = {
            "primal feasibility": Check(value=self.infeasibility, tolerance=tol, meaning=self.of_feasibility),
            "positivity": Check(
                value=self.misplaced, tolerance=0.0, meaning="entries not positive exactly on the maximal support"
            ),
            "KKT identity": Check(
                value=self.kkt_identity,
                tolerance=accuracy * float(np.sqrt(self._log_x.size)),
                meaning=f"|Z' {self._potential.ratio_text}|, Z spanning the kernel of A",
            ),
            "duality gap": Check(
                value=self.duality_gap, tolerance=accuracy, meaning="primal minus dual value, relative"
            ),
            "deviation": Check(
                value=self.deviation, tolerance=accuracy, meaning="relative error of x - x*: the next Newton step"
            ),
        }
        return Certificate(subject=self._problem.title, checks=checks, remarks=self.remarks())

    @property
    @abstractmethod
    def infeasibility(self) -> float:
        """How far A x is from y, and x from being nonnegative."""

    @property
    @abstractmethod
    def misplaced(self) -> float:
        """How many coordinates are positive off the maximal support, or not positive on it."""

    @property
    @abstractmethod
    def kkt_identity(self) -> float:
        """The norm of the part of theta(x) - theta(p) in the kernel of A on the positive entries (Lemma III.3)."""

    @property
    @abstractmethod
    def duality_gap(self) -> float:
        """Primal minus dual value, relative to the size of the objective's terms."""

    @property
    @abstractmethod
    def deviation(self) -> float:
        """The largest change of log x in one Newton step: the relative error of every entry."""

    @property
    def _outside(self) -> int:
        """How many entries are not zero where the prior is."""
        return self._left_out

    @property
    def _is_cut_short(self) -> bool:
        """Whether time ran out before the solver came to rest: then there is none to measure how far it was."""
        return self._claim.outcome is Outcome.TIME_LIMIT

    def remarks(self) -> tuple[str, ...]:
        """What must be said beside the numbers."""
        if self._is_cut_short:
            return ("the time limit was reached: the Newton step was not measured",)
        misplaced = (f"{self._outside} entries are not zero where the prior is",) if self._outside else ()
        return (*self._of_the_step(), *misplaced, *self._of_the_zeros())

    def _of_the_step(self) -> tuple[str, ...]:
        """What must be said of how the Newton step was measured."""
        return ()

    def _of_the_zeros(self) -> tuple[str, ...]:
        """What must be said of entries that are not positive."""
        return ()


def vanishing(count: int) -> str:
    """What is said of coordinates that are proved to be zero."""
    return f"{count} coordinates vanish on the whole feasible set (proved by an exposing vector)"
