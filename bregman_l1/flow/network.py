"""`Network`: depth, sign and start of a training run, and the units of its time and dual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1._types import Matrix, Vector
from bregman_l1.frozen import FrozenArrays
from bregman_l1.parts import of_either_sign
from bregman_l1.potential import Potential

if TYPE_CHECKING:
    from bregman_l1.problems.projection import BregmanProjection


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network(FrozenArrays):
    """The network x = u^D, or u^D - v^D, that is trained from x_0.

    Attributes
    ----------
    problem : BregmanProjection
        The projection of x_0, with its depth and sign.
    potential : Potential
        That of the depth, in the unit of the prior: the unit of theta and lam as they are computed.
    """

    problem: BregmanProjection
    potential: Potential

    def vectors(self, log_entries: Vector) -> dict[str, Vector]:
        """Return x and log x of nonnegative entries, and the parts of x where it is signed, as `Solution` has them."""
        x = np.exp(log_entries)
        return of_either_sign(x, log_entries) if self.problem.signed else {"x": x, "log_x": log_entries}

    def embedded(self, log_x: Vector) -> Vector:
        """Return log x of the entries of positive prior among all of them, of shape (d,), or (2d,) for signed x."""
        entries = np.full(self.problem.log_prior.size, -np.inf)
        entries[self.problem.part.columns] = log_x
        return entries

    @property
    def log_time_unit(self) -> float:
        """Logarithm of the time that is one on the clock of the equations."""
        return self.potential.log_dual_unit - float(np.log(self.potential.flow_rate))

    def time(self, clock: Vector) -> Vector:
        """Return times in the units of u' = -grad ||A u^D - y||^2; infinite beyond the range of floating point."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(self.log_time(clock)) if self.log_time_unit > 600.0 else clock * self._time_unit())

    def log_time(self, clock: Vector) -> Vector:
        """Return the logarithms of times."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(clock) + self.log_time_unit)

    def clock(self, time: Vector) -> Vector:
        """Return times on the clock of the equations."""
        return np.asarray(time / self._time_unit())

    def slow_time(self, clock: Vector) -> Vector:
        """Return times in units of theta(1) - theta(alpha); NaN where that is not positive."""
        return np.asarray(clock / self._way() / self.potential.flow_rate)

    def penalty(self, clock: Vector) -> Vector:
        """Return the penalties of the positive lasso to which slow times s belong, 1 / (c s)."""
        with np.errstate(divide="ignore"):
            return np.asarray(self._way() / clock)

    def dual(self, lam: Matrix) -> Matrix:
        """Return lam in its natural unit; infinite beyond the range of floating point."""
        with np.errstate(over="ignore", invalid="ignore"):
            return np.asarray(lam * np.exp(self.potential.log_dual_unit))

    def dual_objective(self, log_x: Vector, missed: float) -> float:
        """Return y'lam - sum phi*(theta(x)) - phi*(theta(x_0)) from missed = lam'(y - A x).

        It is the divergence of x from x_0 and lam'(y - A x).
        """
        log_prior = self.problem.log_prior[self.problem.part.columns]
        with np.errstate(over="ignore", invalid="ignore"):
            divergence = self.problem.potential.divergence(np.exp(log_x), log_x, log_prior)
            return divergence + missed * float(np.exp(self.potential.log_dual_unit))

    def _time_unit(self) -> float:
        return float(np.exp(self.log_time_unit))

    def _way(self) -> float:
        """How far theta is at the start from that of entries of size one."""
        log_alpha = self.problem.log_alpha or float(self.problem.log_prior[self.problem.part.columns].min())
        one, start = self.potential.gradient(np.array([0.0, log_alpha]))
        way = float(one - start)
        return way if way > 0 else np.nan
