"""What is claimed at depth D > 2 of one scale alpha: no bounds of the theorem, which is one of depth 2."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import numpy as np

from bregman_l1.errors import NotAdmissibleError
from bregman_l1.theory.alpha_plan import AlphaPlan
from bregman_l1.theory.analysis_bounds import Bounds
from bregman_l1.theory.enclosure import POINT, Encloser, Enclosure

if TYPE_CHECKING:
    from bregman_l1.theory.asymptotics import Layer
    from bregman_l1.theory.bounds import LowerForm
    from bregman_l1.theory.limit import Limit
    from bregman_l1.theory.rigorous.enclosure import Scale
    from bregman_l1.theory.support_constants import SupportConstants


class BarrierBounds(Bounds):
    """Bounds around one limit; the arguments are those of `EntropyBounds`."""

    def __init__(self, limit: Limit, layer: Layer | None, constants: SupportConstants) -> None:  # noqa: ARG002
        self._limit, self._layer = limit, layer

    def log_upper(self, scale: Scale, *, rigorous: bool) -> float:  # noqa: ARG002 - refused at every scale
        """Refuse (II.3); the logarithm of zero where x(alpha) does not move."""
        return self._zero("(II.3) is a theorem of depth 2", rigorous).log_upper

    def log_lower(self, scale: Scale, form: LowerForm, *, rigorous: bool) -> float:  # noqa: ARG002
        """Refuse (II.4); the logarithm of zero where x(alpha) does not move."""
        return self._zero("(II.4) is a theorem of depth 2", rigorous).log_lower

    def off_support(self, scale: Scale, *, rigorous: bool) -> Enclosure:  # noqa: ARG002
        """Refuse an enclosure that is not that of a point."""
        return self._zero("the enclosures rest on an identity of the entropy", rigorous)

    def deviation(self, scale: Scale, *, rigorous: bool) -> Enclosure:  # noqa: ARG002
        """Refuse an enclosure that is not that of a point."""
        return self._zero("the enclosures rest on an identity of the entropy", rigorous)

    def alpha_for(self, error: float, *, rigorous: bool) -> AlphaPlan:
        """Refuse a guarantee, where x(alpha) moves."""
        self._zero("what guarantees an alpha is an enclosure of depth 2", rigorous)
        return AlphaPlan(error=error, log_guaranteed=np.inf, log_exact=np.inf)

    @property
    def encloser(self) -> Encloser:
        """There is none."""
        self._refuse("the enclosures rest on an identity of the entropy")

    def _zero(self, reason: str, rigorous: bool) -> Enclosure:
        if rigorous:
            self._refuse("what is proved in balls is proved of depth 2")
        if self._layer is not None:
            self._refuse(reason)
        return POINT

    def _refuse(self, reason: str) -> NoReturn:
        raise NotAdmissibleError(
            f"{reason}; what holds{self._limit.potential.of_depth} is ||x(alpha) - x*||_1 ~ K alpha^rate, with K in "
            "log_leading_constants; log_deviation gives the distance itself"
        )
