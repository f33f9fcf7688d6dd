"""A caller's numpy error state is the caller's: nothing it says changes what the package computes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from conftest import gaussian_system

from bregman_l1 import (
    BregmanProjection,
    InvalidSystemError,
    L1Minimization,
    LinearSystem,
    NotCertifiedWarning,
    NullSpaceConstant,
    analyze,
    certify,
    gradient_descent,
    gradient_flow,
    projection_path,
    solve,
)
from bregman_l1.entry import entry_points
from bregman_l1.flow import compare_flow

SYSTEM, _ = gaussian_system(6, 15, 2)
DEEP = -3000.0
"""x underflows wherever it is small."""


def everything_of_an_analysis() -> list[object]:
    analysis = analyze(SYSTEM)
    plan = analysis.alpha_for(1e-5)
    enclosures = [analysis.enclosure(log_alpha=DEEP), analysis.deviation_enclosure(log_alpha=DEEP)]
    bounds = [analysis.upper_bound(log_alpha=DEEP), analysis.lower_bound(log_alpha=DEEP)]
    return [
        analysis.page(log_alphas=[DEEP]),
        plan.exact,
        *bounds,
        *(e.upper for e in enclosures),
        analysis.log_coefficients,
    ]


def everything_of_a_flow() -> list[object]:
    flow = gradient_flow(SYSTEM, log_alpha=-300.0)
    return [flow.x, flow.activation_times(), flow.dual_at(0.1), flow.log_x_at(flow.times), str(flow)]


def everything_of_a_path() -> list[object]:
    path = projection_path(SYSTEM, log_alphas=[-1.0, DEEP])
    return [path.log_x, path.log_deviation, path.rate]


COMPUTATIONS = {
    "solve": lambda: solve(BregmanProjection(SYSTEM, log_alpha=DEEP)).log_x,
    "conic": lambda: solve(BregmanProjection(SYSTEM, alpha=1e-3), "clarabel").log_x,
    "l1": lambda: solve(L1Minimization(SYSTEM)).x,
    "constant": lambda: solve(NullSpaceConstant(SYSTEM, [0], "rho")).value,
    "certify": lambda: certify(BregmanProjection(SYSTEM, log_alpha=DEEP), log_x=np.full(15, -20.0)).to_dict(),
    "assumptions": lambda: str(LinearSystem(SYSTEM.matrix, SYSTEM.y).check_assumptions()),
    "analysis": everything_of_an_analysis,
    "path": everything_of_a_path,
    "flow": everything_of_a_flow,
    "descent": lambda: gradient_descent(SYSTEM, 1e-300, max_iterations=5).log_x,
    "comparison": lambda: compare_flow(SYSTEM, alphas=[1e-2], max_iterations=5).deviations["flow"],
}


@pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")
@pytest.mark.parametrize("name", COMPUTATIONS)
def test_a_caller_whose_numpy_raises_gets_the_same_answer(name):
    with np.errstate(all="raise"):
        strict = COMPUTATIONS[name]()
        assert np.geterr() == {"divide": "raise", "over": "raise", "under": "raise", "invalid": "raise"}
    with np.errstate(all="ignore"):
        lax = COMPUTATIONS[name]()
    np.testing.assert_equal(strict, lax)


def test_an_entry_beyond_doubles_is_refused_whatever_numpy_does():
    with np.errstate(all="raise"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # "overflow encountered in cast"
        with pytest.raises(InvalidSystemError, match=r"A\[0, 0\] is inf"):
            LinearSystem(np.full((1, 1), np.longdouble("1e4000")), [1.0])


def test_every_public_member_of_a_class_is_an_entry_point():
    @entry_points
    class Lazy:
        @property
        def small(self) -> float:
            """A docstring that stays."""
            return float(np.exp(np.float64(-1000.0)))

        def _helper(self) -> float:
            return float(np.exp(np.float64(-1000.0)))

    assert Lazy.small.__doc__ == "A docstring that stays."
    with np.errstate(all="raise"):
        assert Lazy().small == 0.0
        with pytest.raises(FloatingPointError):
            Lazy()._helper()


def test_a_warning_points_at_the_line_that_called():
    with pytest.warns(NotCertifiedWarning, match="out of time") as caught:
        gradient_flow(SYSTEM, 1e-3, max_time=1e-3)
    assert caught[0].filename == __file__
    with pytest.warns(NotCertifiedWarning, match="out of time") as caught:
        gradient_descent(SYSTEM, 1e-3, max_iterations=1)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("state", ["warn", "raise"])
@pytest.mark.parametrize(
    "candidate",
    [
        {"log_x": [-1000.0, -1000.0]},
        {"log_x": [-np.inf, -np.inf]},
        {"log_x": [800.0, -1000.0]},
        {"log_x": [1e300, -1e300]},
        {"x": [0.0, 0.0]},
        {"x": [5e-324, 0.0]},
        {"x": [np.nan, 0.0]},
        {"x": [np.inf, 0.0]},
        {"x": [-np.inf, 0.0]},
        {"x": [-1e308, 1e308]},
        {"x": [1e308, 1e308]},
        {"x": [1.0, 0.0], "dual": [np.inf]},
        {"x": [1.0, 0.0], "dual": [1e308]},
    ],
)
def test_a_vector_of_any_size_is_measured_and_fails(candidate, state):
    system = LinearSystem([[1.0, 0.5]], [1.0])
    problems = [
        BregmanProjection(system, alpha=0.1),
        L1Minimization(system),
        *(NullSpaceConstant(system, [0], kind) for kind in ("rho", "rho_tilde", "rho_minus")),
    ]
    for problem in problems[: 2 if "dual" in candidate else None]:
        with np.errstate(all=state):
            assert not certify(problem, **candidate).ok
