"""The mirror maps of the networks x = u^D, one file a kind, and the only place that knows the depth."""

from bregman_l1.potential.base import Potential
from bregman_l1.potential.entropy import ENTROPY, Entropy
from bregman_l1.potential.family import potential_of
from bregman_l1.potential.power import LogBarrier, Power

__all__ = ["ENTROPY", "Entropy", "LogBarrier", "Potential", "Power", "potential_of"]
