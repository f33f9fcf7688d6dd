"""Everything public that takes arguments, with arguments that it accepts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd

from bregman_l1 import (
    AlphaPlan,
    Analysis,
    AssumptionReport,
    Backend,
    BregmanProjection,
    Certificate,
    Check,
    Claim,
    Constant,
    DepthComparison,
    Enclosure,
    L1Minimization,
    LinearSystem,
    NullSpaceConstant,
    ProjectionPath,
    SignedAnalysis,
    Solution,
    Support,
    analyze,
    backends,
    certify,
    compare_depths,
    experiments,
    load,
    nearest_feasible,
    projection_path,
    prove,
    save,
    solve,
    theory,
)
from bregman_l1.experiments import Comparison, Profile, Record, Run, Store, Study, Summary, ensembles
from bregman_l1.experiments.measures import MEASURES
from bregman_l1.flow import (
    Activation,
    Activations,
    Descent,
    DescentState,
    Flow,
    FlowComparison,
    compare_flow,
    gradient_descent,
    gradient_flow,
)
from bregman_l1.proof import Proof, ProvedSupport, RightHandSide, Step
from bregman_l1.theory.deviation import Deviation

_VARIABLE = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A function, and arguments that it accepts; what else it takes is omitted unless it is at stake."""

    function: Callable[..., Any]
    valid: Mapping[str, Any] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        named = [p.name for p in inspect.signature(self.function).parameters.values() if p.kind not in _VARIABLE]
        return list(dict.fromkeys([*named, *self.valid]))


@dataclass(frozen=True, kw_only=True)
class Guess(Backend):
    """A backend of a user, whose answers are given."""

    answer: Any = None
    able: Any = None
    name: Any = "guess"

    def supports(self, problem):
        return self.able

    def claim(self, problem):
        return self.answer


A = [[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]]
SYSTEM = LinearSystem(A, [1.0, 1.0])
NAMED = LinearSystem(pd.DataFrame(A, index=["p", "q"], columns=["a", "b", "c"]), [1.0, 1.0])
CONTRADICTORY = LinearSystem(np.ones((2, 3)), [1.0, 2.0])
PROJECTION = BregmanProjection(SYSTEM, alpha=0.1)
CLAIM = Claim(x=np.ones(3))
ABLE = Support(ok=True)
RECIPE = {"N": 2, "d": 3, "s": 1}


def square(seed, *, n):
    return {"square": n * n}


def claiming(**parts: Any) -> Solution:
    return solve(PROJECTION, Guess(answer=Claim(**{"x": np.ones(3), **parts})))


def answering(answer: Any = CLAIM, able: Any = ABLE, name: Any = "guess") -> Solution:
    return solve(PROJECTION, Guess(answer=answer, able=able, name=name))


def drawing(matrix: Any) -> ensembles.Instance:
    return ensembles.draw(ensembles.Ensemble.of("fixed", lambda recipe, rng: matrix), **RECIPE)


def resuming(u: Any, iteration: Any) -> Descent:
    return gradient_descent(SYSTEM, 0.1, state=DescentState(u=u, iteration=iteration), max_iterations=100)


def planning(kappa: Any) -> Study:
    return Study(measure=MEASURES["recovery"], grid={**RECIPE, "kappa": kappa})


def recording(**parts: Any) -> None:
    record = Record(**{"row": 0, "parameters": {"n": 2}, "repetition": 0, "seed": 5, **parts})
    store = Store("recorded").open_for({"title": "records"})
    with store:
        if record.row not in store.rows():
            store.append(record)


def _calls(function: Callable[..., Any], *valid: Mapping[str, Any]) -> list[Call]:
    return [Call(function=function, valid=each) for each in valid or ({},)]


FUNCTIONS = {
    "LinearSystem": _calls(
        LinearSystem,
        {"A": A, "y": [1.0, 2.0]},
        {"A": pd.DataFrame(A, index=["p", "q"]), "y": pd.Series([1.0, 2.0], index=["q", "p"])},
    ),
    "margins": _calls(
        LinearSystem.margins,
        {"shape": (2, 3), "margins": [0, 1], "targets": [[6.0, 4.0], [5.0, 3.0, 2.0]]},
        {"shape": [2, 2, 2], "margins": [(0, 1), (2,)], "targets": [np.ones((2, 2)), [1.0, 3.0]]},
    ),
    "BregmanProjection": _calls(
        BregmanProjection,
        {"system": SYSTEM, "alpha": 0.1},
        {"system": NAMED, "log_alpha": -1000.0},
        {"system": NAMED, "prior": [1.0, 2.0, 0.5]},
    ),
    "L1Minimization": _calls(L1Minimization, {"system": SYSTEM}, {"system": NAMED, "signed": True}),
    "NullSpaceConstant": _calls(
        NullSpaceConstant,
        {"system": SYSTEM, "support": [0, 1], "kind": "rho"},
        {"system": SYSTEM, "support": [0, 1], "kind": "rho_tilde"},
        {"system": SYSTEM, "support": [0, 1], "kind": "rho", "signed": True, "signs": [1.0, -1.0, 0.0]},
    ),
    "solve": _calls(
        solve,
        {"problem": PROJECTION},
        {"problem": L1Minimization(NAMED), "backend": "highs", "threads": 1},
        {"problem": NullSpaceConstant(SYSTEM, [0, 1], "rho_tilde")},
    ),
    "conic solve": _calls(
        solve,
        {"problem": PROJECTION, "backend": "clarabel", "max_step_fraction": 0.9},
        {"problem": PROJECTION, "backend": "scs", "alpha": 1.5},
        {"problem": PROJECTION, "backend": "ecos", "feastol": 1e-8},
    ),
    "prove": _calls(
        prove,
        {"answer": PROJECTION, "digits": 20, "for_": "y"},
        {"answer": solve(PROJECTION)},
        {"answer": L1Minimization(NAMED)},
        {"answer": NullSpaceConstant(SYSTEM, [0, 1], "rho_tilde")},
    ),
    "certify": _calls(
        certify,
        {"problem": PROJECTION, "x": [0.9, 0.2, 0.1]},
        {"problem": BregmanProjection(NAMED, alpha=0.1), "log_x": [0.9, -2.0, -1000.0]},
        {"problem": L1Minimization(NAMED), "x": [1.0, 1.0, 0.0]},
        {"problem": NullSpaceConstant(SYSTEM, [0, 1], "rho"), "x": [-5.0, 4.5, 1.0]},
    ),
    "nearest_feasible": _calls(nearest_feasible, {"system": NAMED}, {"system": CONTRADICTORY}),
    "projection_path": _calls(
        projection_path,
        {"system": SYSTEM, "alphas": [0.1, 0.01]},
        {"system": NAMED, "log_alphas": [-10.0, -1000.0]},
        {"system": NAMED, "alphas": [0.1, 0.01], "depth": 3.0, "signed": True},
    ),
    "analyze": _calls(
        analyze,
        {"system": NAMED},
        {"system": NAMED, "depth": 3, "prior": [1.0, 2.0, 0.5]},
        {"system": SYSTEM, "signed": True},
    ),
    "Analysis": _calls(Analysis, {"system": SYSTEM}),
    "SignedAnalysis": _calls(SignedAnalysis, {"system": SYSTEM}),
    "compare_depths": _calls(compare_depths, {"system": SYSTEM, "alphas": [0.1, 0.01]}),
    "null_space_constant": _calls(
        theory.null_space_constant, {"system": SYSTEM, "support": [0, 1], "kind": "rho_minus"}
    ),
    "gradient_flow": _calls(
        gradient_flow,
        {"system": SYSTEM, "alpha": 0.1},
        {"system": SYSTEM, "log_alpha": -3.0, "method": "BDF"},
        {"system": SYSTEM, "initial_scale": 0.1, "method": "LSODA"},
        {"system": NAMED, "prior": [0.1, 0.2, 0.0], "depth": 3, "signed": True},
    ),
    "gradient_descent": [
        *_calls(
            gradient_descent,
            {"system": SYSTEM, "alpha": 0.1, "max_iterations": 100},
            {"system": SYSTEM, "log_alpha": -3.0, "max_iterations": 100},
            {"system": SYSTEM, "initial_scale": 0.1, "max_iterations": 100},
            {"system": NAMED, "prior": [0.1, 0.2, 0.0], "depth": 3, "signed": True, "max_iterations": 100},
        ),
        *_calls(resuming, {"u": np.full(3, 0.3), "iteration": 0}),
    ],
    "compare_flow": _calls(
        compare_flow,
        {"system": SYSTEM, "alphas": [0.1], "max_iterations": 100},
        {"system": SYSTEM, "log_alphas": -3.0, "max_iterations": 100},
    ),
    "load": _calls(load, {"path": "missing.npz"}),
    "save": _calls(save, {"result": solve(PROJECTION), "path": "saved.npz"}),
    "backends": _calls(backends),
    "Support": _calls(Support, {"ok": True, "reason": "none"}),
    "Backend": [
        *_calls(Guess, {"tol": 1e-9, "max_iter": 3, "time_limit": 1.0}),
        *_calls(answering),
    ],
    "Claim": _calls(claiming, {part.name: part.default for part in fields(Claim) if part.name != "x"}, {"x": None}),
    "compare": _calls(
        experiments.compare,
        {"systems": SYSTEM, "backends": "newton", "alphas": [0.1], "tolerances": [1e-9], "repeats": 1},
        {"systems": [SYSTEM], "backends": ["newton"], "log_alphas": -3.0, "repeats": 1},
    ),
    "draw": _calls(ensembles.draw, RECIPE, {"ensemble": "sparse", "noise": 0.1, **RECIPE}),
    "Recipe": _calls(ensembles.Recipe, RECIPE),
    "from_recipe": _calls(ensembles.from_recipe, {"recipe": RECIPE}),
    "Ensemble": [*_calls(ensembles.Ensemble.of, {"name": "mine", "matrix": len}), *_calls(drawing, {"matrix": A})],
    "register_ensemble": _calls(ensembles.register_ensemble, {"name": "mine"}),
    "Study": [
        *_calls(
            Study,
            {"measure": square, "grid": {"n": [1, 2]}},
            {"measure": MEASURES["recovery"], "grid": RECIPE},
        ),
        *_calls(planning, {"kappa": 1.0}),
    ],
    "load_study": _calls(experiments.load_study, {"source": "recovery"}),
    "shipped_studies": _calls(experiments.shipped_studies),
    "Store": _calls(Store, {"path": "store"}),
    "Record": _calls(recording, {part.name: part.default for part in fields(Record) if part.name != "row"}, {"row": 0}),
    "sweep": _calls(experiments.sweep, {"study": Study(measure=square, grid={"n": 2}), "store": "swept"}),
}
"""Functions and classes by their public names."""

# What makes a call long by rights where it is large.
COUNTS = {"max_iterations", "repeats", "repetitions", "N", "d", "s", "n_jobs", "threads"}

# Arguments of methods, by their names.
_VALID = {
    "error": 0.01, "path": "written.npz", "kind": "rho", "times": [0.0], "study": {}, "log_value": 0.0,
    "bounds": (0.1, 0.2), "j": 1, "log_x": [0.0, -1.0, -2.0],
    "record": Record(row=0, parameters={"n": 2}, repetition=0, seed=5),
}  # fmt: skip

KINDS: tuple[type, ...] = (
    Activation, Activations, AlphaPlan, Analysis, AssumptionReport, Certificate, Check, Comparison, Constant,
    DepthComparison, Descent,
    Deviation, Enclosure, ensembles.Instance, ensembles.Recipe, Flow, FlowComparison, Profile, ProjectionPath, Proof,
    ProvedSupport, Record, RightHandSide, Run, SignedAnalysis, Solution, Step, Store, Study, Summary,
)  # fmt: skip
"""What the package hands out."""


@cache
def handed_out() -> dict[type, Any]:
    """One object of each of `KINDS`; files are written to the current directory."""
    analysis, path = analyze(NAMED), projection_path(NAMED, alphas=[0.1, 0.01])
    study = Study(measure=square, grid={"n": [1, 2]})
    store = experiments.sweep(study, "records")
    comparison = experiments.compare(SYSTEM, backends="newton", alphas=[0.1], repeats=1)
    compared = compare_flow(SYSTEM, alphas=[0.1])
    proof, signed = prove(PROJECTION), analyze(SYSTEM, signed=True)
    certificate, instance = path[0].certificate, ensembles.draw(**RECIPE)
    objects = (
        analysis, analysis.alpha_for(0.01), analysis.rho, analysis.enclosure(0.01), SYSTEM.check_assumptions(), path,
        path[0], certificate, certificate.checks["deviation"], compared, compared.flows[0], compared.descents[0],
        compared.flows[0].activations, compared.flows[0].activations[0],
        comparison, comparison.runs[0], comparison.profiles()[0], study, store, next(iter(store)), store.summary(),
        signed, compare_depths(SYSTEM, alphas=[0.1]), analysis.deviation_of([0.0, -1.0, -2.0]),
        instance, instance.recipe, proof, proof.support, proof.right_hand_side, proof.steps[0],
    )  # fmt: skip
    return {type(each): each for each in objects}


def public_names(kind: type) -> Iterator[str]:
    """The public methods and properties that a kind has of its own, and its fields."""
    inherited = set(dir(dict)) | set(dir(Exception))
    return (name for name in dir(kind) if not name.startswith("_") and name not in inherited)


def takes_arguments(kind: type) -> bool:
    """Whether a kind has a method that takes any."""
    return any(len(inspect.signature(method).parameters) > 1 for method in _functions(kind))


def methods(kind: type) -> list[Call]:
    """The methods of the object of a kind, each with arguments that it accepts."""
    bound = [getattr(handed_out()[kind], function.__name__) for function in _functions(kind)]
    return [Call(function=each, valid=valid) for each in bound for valid in _accepted(each)]


def _functions(kind: type) -> list[FunctionType]:
    members = (inspect.getattr_static(kind, name) for name in public_names(kind))
    return [member for member in members if isinstance(member, FunctionType)]


def _accepted(method: Callable[..., Any]) -> list[dict[str, Any]]:
    parameters = inspect.signature(method).parameters
    required = {p.name: _VALID[p.name] for p in parameters.values() if p.default is p.empty and p.kind not in _VARIABLE}
    if "alpha" in parameters:
        return [{**required, "alpha": 0.1}, {**required, "log_alpha": -3.0}]
    if "alphas" in parameters:
        return [{**required, "alphas": [0.1, 0.01]}, {**required, "log_alphas": [-3.0, -4.0]}]
    return [required]
