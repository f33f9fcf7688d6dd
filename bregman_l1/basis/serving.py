"""The tableaus of one point after another, each kept while it serves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bregman_l1 import settings
from bregman_l1._types import Index, Vector, Wide, in_double
from bregman_l1.basis.choice import SingularBasisError, choose_basis, log_shares
from bregman_l1.basis.tableau import Tableau

if TYPE_CHECKING:
    from bregman_l1.system import LinearSystem

_NONE: Index = np.zeros(0, dtype=np.intp)


class ServingTableaus:
    """The tableaus of a system of independent rows at points that are asked for in turn.

    A basis is chosen where the last one is out of balance. Of its columns those are handed out that count at the
    point; the next point gets the same if it is seen not to need others.

    Parameters
    ----------
    system : LinearSystem
    exactly_to : int
        As in `Tableau.of`.
    """

    def __init__(self, system: LinearSystem, exactly_to: int = settings.EXACT_ENTRIES) -> None:
        self._system, self._exactly_to = system, exactly_to
        self._whole: Tableau | None = None
        self._part: Tableau | None = None
        self._untabulated = self._left_out = _NONE
        self._seen_at = self._log_terms = np.zeros(0)

    def _last(self, log_x: Vector, log_weights: Vector) -> Tableau | None:
        """The tableau handed out last, if it serves at log_x."""
        part = self._part
        if part is None or not self._is_complete(log_x):
            return None
        moved = log_x - self._seen_at
        fallen = -float(moved[part.J].min())
        none_missed = (self._log_terms + moved[self._left_out] + fallen <= settings.NEGLIGIBLE_TERM).all()
        return part if none_missed and fallen <= settings.AHEAD and part.serves(log_weights) else None

    def at(self, log_x: Wide, log_weights: Wide) -> Tableau:
        """Return a tableau that serves at log_x; its basis is balanced for the weights dx/dtheta.

        Raises
        ------
        SingularBasisError
            If the columns with log_x > -inf do not span the rows, or so many count that they fit no memory.
        """
        log_x, log_weights = (in_double(values) for values in (log_x, log_weights))
        part = self._last(log_x, log_weights)
        if part is None:
            part = self._narrowed(self._whole, log_x) if self._whole and self._is_complete(log_x) else None
            if part is None or not part.serves(log_weights):
                self._part, self._whole = None, self._tabulated(log_x, log_weights)
                part = self._narrowed(self._whole, log_x)
            self._part = part
        return part

    def _is_complete(self, log_x: Vector) -> bool:
        """Whether all columns are tabulated that are not negligible beside the lightest of the basis."""
        if not self._untabulated.size:
            return True
        assert self._whole is not None
        return bool(log_shares(self._system, self._whole.J, log_x)[self._untabulated].max() <= -settings.COLD)

    def _tabulated(self, log_x: Vector, log_weights: Vector) -> Tableau:
        J = choose_basis(self._system, log_weights)
        warm = log_shares(self._system, J, log_x) > -settings.COLD
        warm[J] = False
        R = np.flatnonzero(warm)
        if J.size * R.size > settings.LARGEST_TABLEAU:
            raise SingularBasisError("the tableau of a basis would be too large")
        warm[J] = True
        self._untabulated = np.flatnonzero(~warm)
        whole = Tableau.of(self._system, J, R, self._exactly_to).exchanged(self._system, log_weights)
        return whole.decided(self._system, log_x, settings.EXACT_WHERE_IT_MATTERS)

    def _narrowed(self, whole: Tableau, log_x: Vector) -> Tableau:
        """The columns with a term that is not far below negligible; all, if a side of a row were left empty."""
        log_terms = (whole.log_T - log_x[whole.J][:, None]).max(axis=0, initial=-np.inf) + log_x[whole.R]
        kept = log_terms > settings.NEGLIGIBLE_TERM - settings.AHEAD
        if whole.assumed is not None:
            kept |= whole.assumed.any(axis=0)
        T = whole.T[:, kept]
        if not ((whole.u > 0.0) | (T < 0.0).any(axis=1)).all():
            kept[:] = True
        self._left_out, self._seen_at, self._log_terms = whole.R[~kept], log_x, log_terms[~kept]
        if kept.all():
            return whole
        assumed = None if whole.assumed is None else whole.assumed[:, kept]
        return replace(whole, R=whole.R[kept], T=T, column_error=whole.column_error[kept], assumed=assumed)
