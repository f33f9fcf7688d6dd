"""No array that a result hands out can be written to: not those it stores, not those its properties compute."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import gaussian_system

from bregman_l1 import (
    BregmanProjection,
    L1Minimization,
    LinearSystem,
    NullSpaceConstant,
    UndefinedConstantError,
    analyze,
    gradient_descent,
    gradient_flow,
    projection_path,
    solve,
)
from bregman_l1.flow import compare_flow

DEEPEST = 5

RESULTS = {
    "system": lambda system: system,
    "assumptions": lambda system: system.check_assumptions(),
    "projection": lambda system: BregmanProjection(system, 0.1),
    "solution": lambda system: solve(BregmanProjection(system, 0.1)),
    "proved": lambda system: solve(BregmanProjection(system, 0.1), proof=True),
    "l1": lambda system: solve(L1Minimization(system)),
    "constant": lambda system: NullSpaceConstant(system, [1], "rho"),
    "analysis": analyze,
    "plan": lambda system: analyze(system).alpha_for(1e-3),
    "path": lambda system: projection_path(system, log_alphas=[-1.0, -10.0]),
    "flow": lambda system: gradient_flow(system, 0.1),
    "descent": lambda system: gradient_descent(system, 0.1, max_iterations=20),
    "comparison": lambda system: compare_flow(system, alphas=[0.1], max_iterations=20),
}
SYSTEMS = {
    "dense": gaussian_system(6, 15, 2)[0],
    "sparse": LinearSystem(sp.csr_array([[1.0, 0.0, 5.0, 0.0], [0.0, 1.0, -4.5, 1.0]]), [1.0, 1.0]),
    "several minimisers": LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], [1.0, 0.8]),
}


def arrays(found: Any, name: str, seen: list[object]) -> Iterator[tuple[str, np.ndarray]]:
    """Every array that can be reached through public attributes, with the way there."""
    if isinstance(found, np.ndarray):
        yield name, found
    elif sp.issparse(found):
        yield from ((f"{name}.{part}", getattr(found, part)) for part in ("data", "indices", "indptr"))
    elif isinstance(found, tuple | dict):
        for key, value in found.items() if isinstance(found, dict) else enumerate(found):
            yield from arrays(value, f"{name}[{key!r}]", seen)
    elif type(found).__module__.startswith("bregman_l1") and not any(found is other for other in seen):
        seen.append(found)
        for attribute in [each for each in dir(found) if not each.startswith("_")]:
            try:
                value = getattr(found, attribute)
            except UndefinedConstantError:
                continue
            if name.count(".") < DEEPEST:
                yield from arrays(value, f"{name}.{attribute}", seen)


@pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")
@pytest.mark.parametrize("kind", SYSTEMS)
@pytest.mark.parametrize("name", RESULTS)
def test_every_array_of_a_result_is_read_only(name, kind):
    result = RESULTS[name](SYSTEMS[kind])
    writable = [way for way, array in arrays(result, name, []) if array.flags.writeable]
    assert writable == []


@pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")
@pytest.mark.parametrize("name", ["solution", "analysis", "path", "flow", "descent", "comparison"])
@pytest.mark.parametrize("trip", [copy.deepcopy, lambda result: pickle.loads(pickle.dumps(result))])
def test_a_copy_is_read_only_too(name, trip):
    result = trip(RESULTS[name](SYSTEMS["sparse"]))
    assert [way for way, array in arrays(result, name, []) if array.flags.writeable] == []


def test_the_walk_finds_what_there_is():
    flow = RESULTS["flow"](SYSTEMS["dense"])
    ways = {way for way, _ in arrays(flow, "flow", [])}
    assert {"flow.x", "flow.log_x", "flow.trajectory.clock", "flow.projection.x", "flow.network.problem.cost"} <= ways
    support = {way for way, _ in arrays(analyze(SYSTEMS["dense"]), "analysis", [])}
    assert {"analysis.support", "analysis.limit.cone.B", "analysis.rho.witness"} <= support
