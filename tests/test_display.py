"""What a notebook cell shows that ends with a result: one line as text, a small table as HTML."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Any

import numpy as np
import pytest
from conftest import gaussian_system

import bregman_l1
from bregman_l1 import BregmanProjection, L1Minimization, NullSpaceConstant, experiments, flow, solve, theory
from bregman_l1.claim import Claim, ExposingVector, Farkas
from bregman_l1.one_line import OneLine, brief

LONGEST = 150
DEEPEST = 4


@cache
def results(n_rows: int, n_columns: int) -> dict[str, Any]:
    """One of everything a user is handed, for a system of this size."""
    system, x0 = gaussian_system(n_rows, n_columns)
    solution = solve(BregmanProjection(system, alpha=1e-3))
    analysis = bregman_l1.analyze(system, time_limit=0.0)
    study = experiments.load_study("recovery")
    comparison = experiments.compare([system], alphas=[1e-1, 1e-6], backends=["newton", "clarabel"])
    return {
        "system": system,
        "problems": (
            BregmanProjection(system, alpha=1e-3),
            L1Minimization(system),
            NullSpaceConstant(system, analysis.support, "rho"),
        ),
        "solution": solution,
        "minimiser": solve(L1Minimization(system)),
        "certificate": solution.certificate,
        "claim": Claim(x=solution.x, log_x=solution.log_x, dual=solution.dual, raw_status="optimal" * 40),
        "exposing vector": ExposingVector(solution.dual),
        "farkas": Farkas(solution.dual),
        "assumptions": system.check_assumptions(),
        "analysis": analysis,
        "plan": analysis.alpha_for(1e-3),
        "enclosure": analysis.enclosure(1e-3),
        "path": bregman_l1.projection_path(system, log_alphas=np.linspace(-1.0, -40.0, 20)),
        "flow": bregman_l1.gradient_flow(system, 0.1),
        "descent": bregman_l1.gradient_descent(system, 0.1, max_iterations=20_000, distance_tol=0.1),
        "flow comparison": bregman_l1.compare_flow(system, alphas=[0.2, 0.1], max_iterations=50),
        "comparison": comparison,
        "profiles": comparison.profiles(),
        "study": study,
        "row": next(study.rows()),
        "record": experiments.Record(row=0, parameters={"N": 3}, repetition=0, seed=1, result={"x": list(x0)}),
        "store": experiments.Store("a" * 40),
        "instance": experiments.ensembles.draw(N=n_rows, d=n_columns, s=3),
    }


def ours(found: Any) -> bool:
    return type(found).__module__.startswith("bregman_l1") and not isinstance(found, Enum)


def reachable(found: Any, way: str, seen: list[object]) -> Iterator[tuple[str, Any]]:
    """Every object of ours that public attributes lead to, with the way there."""
    members = found.values() if isinstance(found, Mapping) else found if isinstance(found, tuple) else ()
    for member in members:
        yield from reachable(member, f"{way}[]", seen)
    if ours(found) and not any(found is other for other in seen) and way.count(".") < DEEPEST:
        seen.append(found)
        yield way, found
        for name in [each for each in dir(type(found)) + list(getattr(found, "__dict__", ())) if each[0] != "_"]:
            if inspect.isfunction(inspect.getattr_static(type(found), name, None)):
                continue
            try:
                value = getattr(found, name)
            except bregman_l1.BregmanError:
                continue
            yield from reachable(value, f"{way}.{name}", seen)


pytestmark = pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")


@pytest.mark.parametrize("shape", [(3, 8), (20, 60)], ids=str)
def test_every_repr_is_one_short_line(shape):
    long = {
        way: repr(found)
        for name, result in results(*shape).items()
        for way, found in reachable(result, name, [])
        if len(repr(found)) > LONGEST or "\n" in repr(found)
    }
    assert long == {}


def test_the_walk_meets_every_public_kind_of_result():
    """A class that is added to a public module is added to the results above."""
    met = {type(found) for name, result in results(20, 60).items() for way, found in reachable(result, name, [])}
    public = {
        getattr(module, name)
        for module in (bregman_l1, experiments, flow, theory)
        for name in module.__all__
        if inspect.isclass(getattr(module, name))
    }
    others = {kind for kind in public if issubclass(kind, BaseException | Enum) or inspect.isabstract(kind)}
    assert public - others <= met


def test_a_repr_does_not_grow_with_what_is_in_it():
    n = 10**6
    claim = Claim(x=np.zeros(n), log_x=np.zeros(n), dual=np.zeros(n), raw_status="s" * n, iterations=n)
    assert len(repr(claim)) <= LONGEST


def test_a_repr_names_the_verdict_and_the_shapes():
    solution = results(20, 60)["solution"]
    assert repr(solution).startswith("Solution(status=CERTIFIED, backend='newton', value=")
    assert repr(solution).endswith("x=float64[60])")
    assert repr(solution.certificate).startswith("Certificate(ok=True, ")


def test_a_subclass_keeps_the_repr_it_is_given():
    class Named(OneLine):
        def __repr__(self):
            return "mine"

    class Inherited(Named):
        pass

    assert repr(Named()) == repr(Inherited()) == "mine"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros((2, 3), dtype=np.int32), "int32[2, 3]"),
        (np.float64(1 / 3), "0.333333"),
        ((), "()"),
        ({}, "{}"),
        (("a", "b"), "('a', 'b')"),
        (["long name"] * 30, "str[30]"),
        ([1, 2.5] * 30, "object[60]"),
        (None, "None"),
        ("x" * 100, repr("x" * 48 + "...")),
    ],
    ids=str,
)
def test_a_value_is_written_briefly(value, text):
    assert brief(value) == text
