"""The null-space constants of one support, each computed when it is first asked for, and kept."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1.budget import Budget
from bregman_l1.caching import cached_property
from bregman_l1.errors import UndefinedConstantError
from bregman_l1.frozen import FrozenArrays
from bregman_l1.problems.nullspace import Kind, NullSpaceConstant, checked_kind
from bregman_l1.progress import ProgressBar
from bregman_l1.theory.constants import Constant, bracketed, checked_time_limit, is_quick, rho_at_vertex

if TYPE_CHECKING:
    from bregman_l1.theory.limit import Limit

_NO_KERNEL_VECTOR = "does not exist: no kernel vector is nonnegative and nonzero off S"


class SupportConstants(FrozenArrays):
    """Rho, rho_tilde and rho_minus of the support of a limit; NaN with the reason where they do not exist.

    Parameters
    ----------
    limit : Limit
    time_limit : float, optional
        Seconds for each.
    """

    _shown = ("limit", "time_limit")

    def __init__(self, limit: Limit, *, time_limit: float | None) -> None:
        self.limit = limit
        self.time_limit = checked_time_limit(time_limit)

    @cached_property
    def rho(self) -> Constant:
        """The null-space constant (II.1)."""
        if self.limit.unique and self.limit.moves and self.limit.has_unit_cost:
            found = rho_at_vertex(self.limit.cone, self.limit.steepest)
            return found if found.exact else self._computed("rho")
        return self._computed("rho")

    @cached_property
    def rho_tilde(self) -> Constant:
        """The first constant of (II.2)."""
        return self._computed("rho_tilde")

    @cached_property
    def rho_minus(self) -> Constant:
        """The second constant of (II.2)."""
        return self._computed("rho_minus")

    def is_computed(self, kind: Kind) -> bool:
        """Whether a constant was asked for before."""
        return kind in vars(self)

    def is_at_hand(self, kind: Kind) -> bool:
        """Whether a constant was computed before, or takes no time worth mentioning."""
        cone, is_linear = self.limit.cone, checked_kind(kind) == "rho"
        is_missing = not (self.limit.moves and cone.is_injective)
        return self.is_computed(kind) or is_linear or is_missing or is_quick(cone)

    def known(self, kind: Kind) -> Constant:
        """A constant that is at hand, else NaN and how to have it computed."""
        if not self.is_at_hand(kind):
            return Constant.missing(f"not computed (call .{kind})")
        constant: Constant = getattr(self, kind)
        return constant

    def _computed(self, kind: Kind) -> Constant:
        if not self.limit.moves:
            return Constant.missing(_NO_KERNEL_VECTOR)
        budget = Budget(seconds=self.time_limit)
        try:
            problem = NullSpaceConstant.over(self.limit.cone, kind)
        except UndefinedConstantError as error:
            return Constant.missing(str(error))
        note = kind if self.time_limit == np.inf else f"{kind}, at most {self.time_limit:g} s"
        with ProgressBar(1, wanted=sys.stderr.isatty() and not self.is_at_hand(kind)) as bar:
            bar.update(0, note)
            found = bracketed(problem, self.limit.steepest.p, budget)
            bar.update(1, note)
        return found
