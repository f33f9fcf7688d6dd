"""Studies: random ensembles, solver comparisons and Monte-Carlo sweeps."""

from bregman_l1.experiments import ensembles
from bregman_l1.experiments._compare import compare
from bregman_l1.experiments._sweep import sweep
from bregman_l1.experiments.comparison import Comparison, Profile, Run
from bregman_l1.experiments.ensembles import register_ensemble
from bregman_l1.experiments.record import Record
from bregman_l1.experiments.store import Store
from bregman_l1.experiments.study import Study, load_study, shipped_studies
from bregman_l1.experiments.summary import Summary

__all__ = [
    "Comparison",
    "Profile",
    "Record",
    "Run",
    "Store",
    "Study",
    "Summary",
    "compare",
    "ensembles",
    "load_study",
    "register_ensemble",
    "shipped_studies",
    "sweep",
]


def __dir__() -> list[str]:
    return __all__
