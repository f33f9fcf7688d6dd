"""Every argument of everything public is given what it does not expect, the others being as they should."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from fractions import Fraction
from importlib import import_module
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import pyplot as plt

from bregman_l1 import BregmanError, Enclosure, ProjectionPath, backends, nearest_feasible
from fuzz import nasty
from fuzz.calls import CONTRADICTORY, COUNTS, FUNCTIONS, KINDS, Call, handed_out, methods, public_names, takes_arguments
from fuzz.effort import examples, nothing_but_our_errors

PACKAGES = (
    "bregman_l1", "bregman_l1.experiments", "bregman_l1.experiments.ensembles", "bregman_l1.flow", "bregman_l1.proof",
    "bregman_l1.theory",
)  # fmt: skip
# An abstract class, and what is handed to a function that is fuzzed with it.
WITHIN_OTHERS = {"Problem", "DescentState", "ENSEMBLES"}
# Its methods are arithmetic, which does what that of floats does.
ARITHMETIC = Enclosure


@pytest.fixture(scope="module", autouse=True)
def _empty_directory(tmp_path_factory):
    """Where files are written; pictures are drawn without a screen."""
    mpl.use("Agg")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("fuzz"))
        yield


def spoil(data: st.DataObject, calls: list[Call]) -> None:
    """Make one of the calls with one of its arguments replaced."""
    choices = [(call, name) for call in calls for name in call.arguments]
    call, argument = data.draw(st.sampled_from(choices), "call")
    survives(call, argument, data.draw(nasty.small_values if argument in COUNTS else nasty.values, argument))


def survives(call: Call, argument: str, value: Any) -> None:
    with nothing_but_our_errors(argument, TypeError):
        result = call.function(**{**call.valid, argument: value})
        repr(result), str(result)
    plt.close("all")


@pytest.mark.parametrize("name", [name for name, calls in FUNCTIONS.items() if any(call.arguments for call in calls)])
@examples(25)
@given(data=st.data())
def test_a_function_refuses_what_it_does_not_expect(name, data):
    spoil(data, FUNCTIONS[name])


@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS if takes_arguments(kind) and kind is not ARITHMETIC],
    ids=lambda kind: kind.__name__,
)
@examples(25)
@given(data=st.data())
def test_a_result_refuses_what_it_does_not_expect(kind, data):
    spoil(data, methods(kind))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_everything_a_result_holds_can_be_looked_at(kind):
    result = handed_out()[kind]
    with nothing_but_our_errors("looked at"):
        assert all(repr(getattr(result, name)) for name in public_names(kind))
    assert repr(result)
    assert str(result)


@pytest.mark.parametrize("kind", [type(backends()), ProjectionPath], ids=lambda kind: kind.__name__)
@examples(25)
@given(index=nasty.values)
def test_a_sequence_refuses_what_is_no_index_of_it(kind, index):
    with nothing_but_our_errors("index", TypeError, LookupError):
        handed_out().get(kind, backends())[index]


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_public_is_left_out(package):
    module = import_module(package)
    known = {*FUNCTIONS, *(kind.__name__ for kind in KINDS), *WITHIN_OTHERS}
    left_out = [name for name in module.__all__ if name not in known and not is_plain(getattr(module, name))]
    assert left_out == []


def is_plain(public: Any) -> bool:
    """Whether something public is a package, an exception or an enumeration."""
    return isinstance(public, ModuleType) or issubclass(public, Exception | Enum)


# What was found: each raised something else, gave a warning of numpy, or had no end.
FOUND = [
    ("LinearSystem", "row_names", nasty.Elsewhere()),
    ("LinearSystem", "column_names", sp.eye_array(2, 3, format="bsr")),
    ("BregmanProjection", "cost", np.full(3, np.longdouble("1e4000"))),
    ("BregmanProjection", "prior", np.full(3, np.longdouble("1e4000"))),
    ("L1Minimization", "cost", np.full(3, 1e308)),
    ("NullSpaceConstant", "kind", np.ones(3)),
    ("NullSpaceConstant", "support", [[1, 2], [3]]),
    ("NullSpaceConstant", "support", nasty.Elsewhere()),
    ("solve", "time_limit", Fraction(10**400, 3)),
    ("solve", "tol", Fraction(1, 10**400)),
    ("solve", "polish", np.ones(3)),
    ("Claim", "raw_status", np.ones(3)),
    ("Claim", "iterations", np.uint64(2**64 - 1)),
    ("Claim", "setup_time", Fraction(10**400, 3)),
    ("nearest_feasible", "scales", np.full(2, 5e-324)),
    ("nearest_feasible", "scales", np.full(2, 1.7e308)),
    ("projection_path", "alphas", [nasty.Elsewhere()] * 3),
    ("analyze", "cost", np.full(3, 1e308)),
    ("analyze", "cost", np.full(3, 1e154)),
    ("analyze", "cost", np.full(3, 1e-320)),
    ("analyze", "time_limit", 10**400),
    ("null_space_constant", "time_limit", Fraction(10**400, 3)),
    ("Backend", "native", np.ones(3)),
    ("Backend", "native", NotImplemented),
    ("gradient_flow", "method", np.ones(3)),
    ("gradient_flow", "tol", 1e-320),
    ("gradient_flow", "rtol", 1e-320),
    ("gradient_flow", "rtol", 1e18),
    ("gradient_flow", "atol", 1e18),
    ("gradient_flow", "max_time", 1e-320),
    ("gradient_flow", "max_time", 1e-181),
    ("gradient_descent", "distance_tol", Decimal("sNaN")),
    ("gradient_descent", "distance_tol", np.ones(3)),
    ("gradient_descent", "progress", np.ones(3)),
    ("compare", "systems", sp.eye_array(2, 3, format="bsr")),
    ("compare", "backends", nasty.Elsewhere()),
    ("compare", "tolerances", nasty.Elsewhere()),
    ("draw", "kappa", np.complex128(1.0)),
    ("draw", "noise", np.float16(0.5)),
    ("draw", "noise", 1e308),
    ("draw", "kappa", 1e308),
    ("from_recipe", "recipe", [np.ones(2), np.ones(3)]),
    ("Study", "grid", sp.eye_array(2, 3, format="bsr")),
    ("load_study", "source", "x" * 300),
    ("sweep", "study", None),
    ("sweep", "store", "\x00"),
    ("sweep", "store", "\ud800"),
    ("sweep", "cluster", np.ones(3)),
]


@pytest.mark.parametrize(("name", "argument", "value"), FOUND, ids=[f"{name}-{at}" for name, at, _ in FOUND])
def test_what_once_ended_otherwise_is_refused_or_read(name, argument, value):
    for call in FUNCTIONS[name]:
        if argument in call.arguments:
            survives(call, argument, value)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("projection_path", "alphas", np.ma.masked_array([0.1, 2.0], mask=[0, 1])),
        ("Recipe", "seed", np.timedelta64(3, "s")),
    ],
)
def test_what_was_read_as_something_else_is_refused(name, argument, value):
    call = FUNCTIONS[name][0]
    with pytest.raises(BregmanError, match=argument):
        call.function(**{**call.valid, argument: value})


def test_the_panic_of_a_solver_in_rust_is_an_error_of_ours():
    call = FUNCTIONS["conic solve"][0]
    with pytest.raises(BregmanError, match="clarabel stopped with PanicException"):
        call.function(**{**call.valid, "max_step_fraction": 1e308})


@pytest.mark.parametrize(
    "matrix", [[[1.0, 2.0, 3.0], [3.0]], np.full((2, 3), 1e308), nasty.Elsewhere(), np.ones((3, 2))]
)
def test_an_ensemble_that_draws_no_matrix_is_told_so(matrix):
    with pytest.raises(BregmanError, match="the ensemble 'fixed' drew|y overflows"):
        FUNCTIONS["Ensemble"][1].function(matrix=matrix)


@pytest.mark.parametrize("size", [5e-324, 1e-300, 1.0, 1e300])
def test_units_that_all_changes_are_measured_in_change_nothing(size):
    nearest = nearest_feasible(CONTRADICTORY, scales=np.array([1.0, 2.0]) * size)
    np.testing.assert_allclose(nearest.y, [1.2, 1.2], rtol=1e-12)
