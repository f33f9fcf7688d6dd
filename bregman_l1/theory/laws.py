"""Who speaks for a potential: its leading order, its power laws, and its bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bregman_l1.theory.asymptotics import Layer, PowerLaws, leading_layer_of, power_laws
from bregman_l1.theory.barrier_bounds import BarrierBounds
from bregman_l1.theory.barrier_limit import barrier_layer, barrier_power_laws
from bregman_l1.theory.entropy_bounds import EntropyBounds

if TYPE_CHECKING:
    from bregman_l1.potential import Potential
    from bregman_l1.theory.analysis_bounds import Bounds
    from bregman_l1.theory.limit import Limit
    from bregman_l1.theory.support_constants import SupportConstants


@dataclass(frozen=True, slots=True, kw_only=True)
class Laws:
    """The theory of one kind of potential.

    Attributes
    ----------
    leading : callable
        The leading layer of a limit, None where x(alpha) is the same for every alpha.
    power_laws : callable
        Exponent and coefficient of every coordinate, from the limit and that layer.
    bounds : callable
        What bounds the deviation, from the limit, that layer and the null-space constants.
    """

    leading: Callable[[Limit], Layer | None]
    power_laws: Callable[[Limit, Layer | None], PowerLaws]
    bounds: Callable[[Limit, Layer | None, SupportConstants], Bounds]


_OF_ENTROPY = Laws(leading=leading_layer_of, power_laws=power_laws, bounds=EntropyBounds)
_OF_BARRIERS = Laws(leading=barrier_layer, power_laws=barrier_power_laws, bounds=BarrierBounds)


def laws_of(potential: Potential) -> Laws:
    """The theory that speaks for a potential.

    Examples
    --------
    >>> from bregman_l1.potential import potential_of
    >>> laws_of(potential_of(3)) is laws_of(potential_of(float("inf")))
    True
    """
    return _OF_ENTROPY if potential.is_logarithmic else _OF_BARRIERS
