"""What the theory says about a system: constants, bounds, enclosures and exact asymptotics."""

from bregman_l1.theory.alpha_plan import AlphaPlan
from bregman_l1.theory.analysis import Analysis, analyze
from bregman_l1.theory.constants import Constant, null_space_constant
from bregman_l1.theory.enclosure import Enclosure

__all__ = ["AlphaPlan", "Analysis", "Constant", "Enclosure", "analyze", "null_space_constant"]


def __dir__() -> list[str]:
    return __all__
