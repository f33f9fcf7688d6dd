"""Bregman projections of any depth and sign onto {x : A x = y}, at any scale and each certified.

Depth 2, the default, is the entropy on x >= 0; ``depth=`` and ``signed=`` name the others.

>>> from bregman_l1 import BregmanProjection, LinearSystem, solve
>>> system = LinearSystem([[1.0, 0.5]], [1.0])
>>> solve(BregmanProjection(system, alpha=1e-6)).status.value
'certified'
"""

import logging
from typing import TYPE_CHECKING

from bregman_l1._backends.base import Backend, Support
from bregman_l1._backends.registry import backends
from bregman_l1._solve import certify, solve
from bregman_l1.certificate import Certificate, Check
from bregman_l1.claim import Claim
from bregman_l1.errors import (
    BackendError,
    BackendNotInstalledError,
    BregmanError,
    BregmanWarning,
    InfeasibleError,
    InputFileError,
    InvalidOptionError,
    InvalidProblemError,
    InvalidSystemError,
    LostClusterError,
    MissingPackageError,
    NotAdmissibleError,
    NotCertifiedWarning,
    NotProvedWarning,
    PositionalScalesError,
    RechunkWarning,
    StudyError,
    UndefinedConstantError,
    UnknownBackendError,
    UnsupportedProblemError,
    UnsupportedStorageError,
)
from bregman_l1.outcome import Outcome
from bregman_l1.path import ProjectionPath, projection_path
from bregman_l1.polyhedron.assumptions import AssumptionReport
from bregman_l1.polyhedron.nearest import nearest_feasible
from bregman_l1.problems import BregmanProjection, L1Minimization, NullSpaceConstant, Problem
from bregman_l1.solution import Solution, Status
from bregman_l1.system import LinearSystem

if TYPE_CHECKING:
    from bregman_l1 import experiments, flow, proof, theory
    from bregman_l1.flow import Flow, FlowStatus, compare_flow, gradient_descent, gradient_flow
    from bregman_l1.proof import Proof, prove
    from bregman_l1.saving import load, save
    from bregman_l1.theory import (
        AlphaPlan,
        Analysis,
        Constant,
        DepthComparison,
        Enclosure,
        SignedAnalysis,
        analyze,
        compare_depths,
    )

__version__ = "0.1.0"

logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "AlphaPlan",
    "Analysis",
    "AssumptionReport",
    "Backend",
    "BackendError",
    "BackendNotInstalledError",
    "BregmanError",
    "BregmanProjection",
    "BregmanWarning",
    "Certificate",
    "Check",
    "Claim",
    "Constant",
    "DepthComparison",
    "Enclosure",
    "Flow",
    "FlowStatus",
    "InfeasibleError",
    "InputFileError",
    "InvalidOptionError",
    "InvalidProblemError",
    "InvalidSystemError",
    "L1Minimization",
    "LinearSystem",
    "LostClusterError",
    "MissingPackageError",
    "NotAdmissibleError",
    "NotCertifiedWarning",
    "NotProvedWarning",
    "NullSpaceConstant",
    "Outcome",
    "PositionalScalesError",
    "Problem",
    "ProjectionPath",
    "Proof",
    "RechunkWarning",
    "SignedAnalysis",
    "Solution",
    "Status",
    "StudyError",
    "Support",
    "UndefinedConstantError",
    "UnknownBackendError",
    "UnsupportedProblemError",
    "UnsupportedStorageError",
    "analyze",
    "backends",
    "certify",
    "compare_depths",
    "compare_flow",
    "experiments",
    "flow",
    "gradient_descent",
    "gradient_flow",
    "load",
    "nearest_feasible",
    "projection_path",
    "proof",
    "prove",
    "save",
    "solve",
    "theory",
]

if not TYPE_CHECKING:  # a type checker that sees __getattr__ lets every misspelt name pass

    def __getattr__(name):
        # These packages import what no projection needs: they are imported when something in them is asked for.
        from importlib import import_module

        if name in ("experiments", "flow", "proof", "theory"):
            return import_module(f"{__name__}.{name}")
        if name in __all__:
            packages = (import_module(f"{__name__}.{package}") for package in ("theory", "flow", "proof", "saving"))
            return next(getattr(package, name) for package in packages if name in package.__all__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__():
        return ["__version__", *__all__]
