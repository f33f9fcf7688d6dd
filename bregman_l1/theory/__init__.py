"""What the theory says about a system: constants, bounds, enclosures and exact asymptotics."""

from bregman_l1.theory._analyze import analyze
from bregman_l1.theory.alpha_plan import AlphaPlan
from bregman_l1.theory.analysis import Analysis
from bregman_l1.theory.constants import Constant, null_space_constant
from bregman_l1.theory.depths import DepthComparison, compare_depths
from bregman_l1.theory.enclosure import Enclosure
from bregman_l1.theory.signed_analysis import SignedAnalysis

__all__ = [
    "AlphaPlan",
    "Analysis",
    "Constant",
    "DepthComparison",
    "Enclosure",
    "SignedAnalysis",
    "analyze",
    "compare_depths",
    "null_space_constant",
]


def __dir__() -> list[str]:
    return __all__
