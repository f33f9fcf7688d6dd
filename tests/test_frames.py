"""Data frames, tensors and odd arrays as A and y: read, put in order by their labels, or refused in words."""

from __future__ import annotations

import pickle
import sys
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from bregman_l1 import (
    BregmanProjection,
    InfeasibleError,
    InvalidProblemError,
    InvalidSystemError,
    L1Minimization,
    LinearSystem,
    NullSpaceConstant,
    analyze,
    certify,
    gradient_flow,
    nearest_feasible,
    projection_path,
    solve,
)

A = [[1.0, 2.0, 3.0], [1.0, 0.0, 1.0]]
Y = [2.0, 1.0]


def frame() -> pd.DataFrame:
    return pd.DataFrame(A, columns=["bread", "milk", "rice"], index=["energy", "fibre"])


class Tensor:
    """What a torch tensor shows of itself to numpy, without torch."""

    def __init__(self, values, *, needs_grad=False, unknown_type=False, error=None):
        self._values = np.asarray(values)
        self._needs_grad, self._unknown_type, self._error = needs_grad, unknown_type, error

    @property
    def shape(self):
        return self._values.shape

    def detach(self):
        return Tensor(self._values, unknown_type=self._unknown_type, error=self._error)

    def double(self):
        return Tensor(self._values.astype(float), error=self._error)

    def item(self):
        if self._error is not None:
            raise RuntimeError("Tensor.item() cannot be called on meta tensors")
        return self._values.item()

    def __array__(self, dtype=None, copy=None):
        if self._needs_grad:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        if self._unknown_type:
            raise TypeError("Got unsupported ScalarType BFloat16")
        if self._error is not None:
            raise TypeError(self._error)
        return self._values if dtype is None else self._values.astype(dtype)


# ------------------------------------------------------------------ names and labels


def test_the_names_of_a_frame_are_kept_through_pickling_and_selection():
    system = LinearSystem(frame(), Y)
    assert system.row_names == ("energy", "fibre")
    for copy in (system, pickle.loads(pickle.dumps(system))):
        assert (copy.row_names, copy.column_names) == (("energy", "fibre"), ("bread", "milk", "rice"))
    assert system.restrict([2, 0]).column_names == ("rice", "bread")
    assert system.restrict(np.array([False, True, True])).column_names == ("milk", "rice")
    part = system.of_rows([1])
    assert (part.row_names, part.column_names) == (("fibre",), ("bread", "milk", "rice"))


def test_a_default_index_is_no_name():
    system = LinearSystem(pd.DataFrame(A), pd.Series(Y))
    assert (system.row_names, system.column_names) == (None, None)
    assert LinearSystem(A, Y).row_names is None


def test_labels_of_truth_values_are_names():
    table = pd.DataFrame([[1.0, 2.0]], columns=[False, True])
    assert LinearSystem(table, [1.0]).column_names == (False, True)


def test_names_can_be_given_to_what_carries_none():
    system = LinearSystem(sp.csr_array(A), Y, row_names=["energy", "fibre"], column_names=iter("abc"))
    assert (system.row_names, system.column_names) == (("energy", "fibre"), ("a", "b", "c"))


def test_a_series_is_put_in_the_order_of_the_rows():
    target = pd.Series({"fibre": 1.0, "energy": 2.0})
    np.testing.assert_array_equal(LinearSystem(frame(), target).y, Y)


def test_a_shuffled_counting_index_is_put_in_order_too():
    shuffled = pd.Series(Y).iloc[[1, 0]]
    system = LinearSystem(pd.DataFrame(A), shuffled)
    np.testing.assert_array_equal(system.y, Y)
    assert system.row_names is None
    np.testing.assert_array_equal(LinearSystem(pd.DataFrame(A).iloc[[1, 0]], pd.Series(Y)).y, Y[::-1])


@pytest.mark.parametrize("labels", [["energy", "fibre"], [7, 3]])
def test_one_named_side_names_the_rows_of_both(labels):
    named = LinearSystem(pd.DataFrame(A), pd.Series(Y, index=labels))
    assert named.row_names == tuple(labels)
    assert LinearSystem(A, pd.Series(Y, index=labels)).row_names == tuple(labels)
    assert LinearSystem(pd.DataFrame(A, index=labels), pd.Series(Y)).row_names == tuple(labels)
    np.testing.assert_array_equal(named.y, Y)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["energy", "iron"], "y has no entry for row 'fibre' of A, but one for 'iron'; their labels"),
        (["energy", "fibre", "iron"], "A has no row for entry 'iron' of y"),
        (["energy"], "y has no entry for row 'fibre' of A; their labels"),
    ],
)
def test_labels_that_differ_are_refused_by_the_first(labels, message):
    with pytest.raises(InvalidSystemError, match=message):
        LinearSystem(frame(), pd.Series(np.ones(len(labels)), index=labels))


def test_repeated_labels_are_welcome_in_the_same_order_only():
    table = pd.DataFrame([[1.0], [1.0], [2.0]], index=["a", "a", "b"])
    assert LinearSystem(table, pd.Series([1.0, 1.0, 2.0], index=["a", "a", "b"])).row_names == ("a", "a", "b")
    with pytest.raises(InvalidSystemError, match="differ in order, and more than one is called 'a'"):
        LinearSystem(table, pd.Series([1.0, 1.0, 2.0], index=["a", "b", "a"]))


# ------------------------------------------------------------------ dtypes


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "float32", "int8", "category"])
def test_nullable_and_other_dtypes_work_where_nothing_is_missing(dtype):
    system = LinearSystem(frame().astype(dtype), pd.Series([2, 1], index=["energy", "fibre"], dtype="Int64"))
    np.testing.assert_array_equal(system.A, A)
    np.testing.assert_array_equal(system.y, Y)


def test_columns_of_different_dtypes_work_together():
    table = pd.DataFrame({"a": pd.array([True, False], dtype="boolean"), "b": [1, 2], "c": [0.5, 1.5]})
    np.testing.assert_array_equal(LinearSystem(table, Y).A, [[1.0, 1.0, 0.5], [0.0, 2.0, 1.5]])
    table = pd.DataFrame({"a": [True, False], "b": [1, 2], "c": [Fraction(1, 2), Decimal("1.5")]})
    np.testing.assert_array_equal(LinearSystem(table, Y).A, [[1.0, 1.0, 0.5], [0.0, 2.0, 1.5]])


@pytest.mark.parametrize("missing", [pd.NA, None, np.nan])
def test_what_is_missing_is_named_by_row_and_column(missing):
    table = frame().astype("Float64")
    table.loc["fibre", "milk"] = missing
    with pytest.raises(InvalidSystemError, match=r"A\[1, 1\] \(row 'fibre', column 'milk'\) is nan"):
        LinearSystem(table, Y)
    target = pd.Series([1, missing], index=["energy", "fibre"], dtype="Int64")
    with pytest.raises(InvalidSystemError, match=r"y\[1\] \('fibre'\) is nan"):
        LinearSystem(A, target)


def test_text_in_a_frame_is_named_by_row_and_column():
    with pytest.raises(InvalidSystemError, match=r"A\[0, 1\] \(row 'energy', column 'milk'\) is 'much'"):
        LinearSystem(frame().assign(milk=["much", "some"]), Y)


def test_a_row_too_large_is_named():
    table = frame()
    table.loc["fibre", "rice"] = 1e300
    with pytest.raises(InvalidSystemError, match=r"A\[1, 2\] \(row 'fibre', column 'rice'\), the largest of its row"):
        LinearSystem(table, Y)


# ------------------------------------------------------------------ tensors


@pytest.mark.parametrize("options", [{}, {"needs_grad": True}, {"unknown_type": True}])
def test_tensors_are_arrays(options):
    system = LinearSystem(Tensor(A, **options), Tensor(Y, **options))
    np.testing.assert_array_equal(system.A, A)
    np.testing.assert_array_equal(system.y, Y)


def test_a_tensor_that_cannot_be_read_is_refused_with_its_own_words():
    with pytest.raises(InvalidSystemError, match=r"A cannot be read as an array of numbers: .*Use Tensor.cpu\(\)"):
        LinearSystem(Tensor(A, error="can't convert cuda tensor. Use Tensor.cpu() first."), Y)


def scalars(value):
    return [np.asarray(value)[()], np.array(value), Tensor(value), Tensor(value, needs_grad=True)]


@pytest.mark.parametrize("kind", range(4))
def test_scalars_of_other_libraries_are_numbers_everywhere(kind):
    def scalar(value):
        return scalars(value)[kind]

    system = LinearSystem(A, Y)
    problem = BregmanProjection(system, alpha=scalar(0.1))
    assert problem.log_alpha == BregmanProjection(system, alpha=0.1).log_alpha
    assert BregmanProjection(system, log_alpha=scalar(-3.0)).log_alpha == -3.0
    solution = solve(problem, tol=scalar(1e-9), max_iter=scalar(100), time_limit=scalar(60.0))
    assert solution.status.is_certified
    assert certify(problem, solution.x, tol=scalar(1e-9)).ok
    assert projection_path(system, log_alphas=[-1.0], tol=scalar(1e-9)).solutions[0].status.is_certified
    assert analyze(system, time_limit=scalar(10.0)).alpha_for(scalar(1e-3)).error == 1e-3
    assert gradient_flow(system, scalar(0.1)).status.value == "converged"


def test_costs_and_candidates_are_read_like_the_system():
    system = LinearSystem(A, Y)
    problem = BregmanProjection(system, alpha=0.1, cost=Tensor([1.0, 2.0, 3.0], needs_grad=True))
    np.testing.assert_array_equal(problem.cost, [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(
        BregmanProjection(system, alpha=0.1, cost=pd.Series([1, 2, 3], dtype="Int64")).cost, [1.0, 2.0, 3.0]
    )
    assert certify(problem, log_x=Tensor(solve(problem).log_x, needs_grad=True)).ok


def test_a_scalar_without_a_value_is_refused_in_words():
    with pytest.raises(InvalidProblemError, match="alpha must be a real number"):
        BregmanProjection(LinearSystem(A, Y), alpha=Tensor(0.1, error="no data"))


# ------------------------------------------------------------------ odd arrays


def test_fractions_decimals_and_large_integers_become_the_nearest_floats():
    system = LinearSystem([[Fraction(1, 3), Decimal("0.1"), 2**70]], [Fraction(1, 7)])
    assert system.A.tolist() == [[1 / 3, 0.1, 2.0**70]]
    assert system.y.tolist() == [1 / 7]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ma.array(A, mask=[[0, 0, 1], [0, 0, 0]]), r"A\[0, 2\] is masked"),
        ([[10**400, 1]], r"A\[0, 0\] is beyond the range of floating point"),
        ([[Decimal("Infinity"), 1]], r"A\[0, 0\] is inf"),
        (np.array([[1.0, "x"]], dtype=object), r"A has dtype object and A\[0, 1\] is 'x'"),
        (np.zeros(2, dtype=[("a", float), ("b", int)]), "A has the fields a, b"),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), r"A has dtype datetime64\[D\]"),
        ({"a": [1.0]}, "A must be an array of real numbers, got an object of type dict"),
        (None, "got an object of type NoneType"),
        ("A.csv", "got an object of type str"),
        (np.array([[1.0, 2.0]], dtype=np.longdouble) * np.longdouble(10) ** 4000, r"A\[0, 0\] is inf"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_is_no_matrix_of_numbers_is_refused_by_its_entry_or_type(matrix, message):
    with pytest.raises(InvalidSystemError, match=message):
        LinearSystem(matrix, [1.0])


def test_truth_values_and_unmasked_arrays_are_numbers():
    np.testing.assert_array_equal(LinearSystem(np.array(A) > 0, Y).A, (np.array(A) > 0).astype(float))
    np.testing.assert_array_equal(LinearSystem(np.ma.array(A), Y).A, A)


# ------------------------------------------------------------------ results


def test_a_solution_comes_back_by_name():
    system = LinearSystem(frame(), Y)
    for solution in (
        solve(BregmanProjection(system, log_alpha=-2302.6)),
        solve(L1Minimization(system)),
        solve(NullSpaceConstant(system, [2], "rho")),
        projection_path(system, log_alphas=[-2.0]).solutions[0],
    ):
        series, table = solution.to_series(), solution.to_frame()
        assert series.name == "x"
        assert series.index.tolist() == table.index.tolist() == ["bread", "milk", "rice"]
        np.testing.assert_array_equal(series, solution.x)
        np.testing.assert_array_equal(table["log_x"], solution.log_x)
        assert table.columns.tolist() == ["x", "log_x"]
        assert solution.to_dict()["names"] == ["bread", "milk", "rice"]


def test_what_a_solution_hands_out_is_the_callers():
    solution = solve(L1Minimization(LinearSystem(frame(), Y)))
    series, table = solution.to_series(), solution.to_frame()
    series["bread"] = table.loc["bread", "x"] = 7.0
    assert solution.x[0] != 7.0


def test_without_names_entries_are_counted():
    series = solve(L1Minimization(LinearSystem(A, Y))).to_series()
    assert series.index.tolist() == [0, 1, 2]
    assert solve(L1Minimization(LinearSystem(A, Y))).to_dict()["names"] is None


def test_tuples_become_an_index_of_levels():
    columns = pd.MultiIndex.from_tuples([("north", "young"), ("north", "old"), ("south", "young")])
    system = LinearSystem(pd.DataFrame(A, columns=columns), Y)
    solution = solve(L1Minimization(system))
    for named in (solution.to_series(), solution.to_frame()):
        pd.testing.assert_index_equal(named.index, columns)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (2, "column_names must be a sequence of 3 names, got 2"),
        ("abc", "column_names must be a sequence of 3 names, got 'abc'"),
        (["a", "b"], "column_names must be 3 names, got 2"),
        (["a", ["b"], "c"], r"column_names must be hashable, \['b'\] is not"),
    ],
)
def test_what_is_no_list_of_names_is_refused(names, message):
    with pytest.raises(InvalidSystemError, match=message):
        LinearSystem(A, Y, column_names=names)


@pytest.mark.parametrize("vector", ["cost", "prior"])
def test_a_wrong_entry_is_called_by_its_name(vector):
    with pytest.raises(InvalidProblemError, match=rf"{vector}\[1\] \('b'\) is nan"):
        BregmanProjection(NAMED, alpha=0.1, **{vector: pd.Series({"c": 3.0, "a": 1.0, "b": np.nan})})


def test_without_pandas_a_frame_of_the_answer_says_what_to_install(monkeypatch):
    solution = solve(L1Minimization(LinearSystem(A, Y)))
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert LinearSystem(A, Y).row_names is None
    with pytest.raises(ImportError, match="data frames need pandas: pip install pandas"):
        solution.to_series()


NAMED = LinearSystem(pd.DataFrame([[1.0, 1.0, 1.0]], index=["all"], columns=["a", "b", "c"]), [6.0])
BY_LABEL = pd.Series({"c": 3.0, "a": 1.0, "b": 2.0})


@pytest.mark.parametrize(
    "of_vector",
    [
        lambda vector: BregmanProjection(NAMED, prior=vector).prior,
        lambda vector: BregmanProjection(NAMED, alpha=0.1, cost=vector).cost,
        lambda vector: L1Minimization(NAMED, cost=vector).cost,
        lambda vector: projection_path(NAMED, alphas=[0.1], cost=vector, prior=vector).prior,
        lambda vector: projection_path(NAMED, alphas=[0.1], cost=vector).cost,
        lambda vector: analyze(NAMED, vector).limit.cost,
    ],
)
def test_costs_and_priors_go_by_the_names_of_the_columns(of_vector):
    np.testing.assert_array_equal(of_vector(BY_LABEL), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(of_vector([3.0, 1.0, 2.0]), [3.0, 1.0, 2.0])
    with pytest.raises(InvalidProblemError, match="column 'b'"):
        of_vector(pd.Series({"c": 3.0, "a": 1.0, "d": 2.0}))


def test_candidates_and_duals_go_by_the_names_of_columns_and_rows():
    problem = BregmanProjection(LinearSystem(frame(), Y), alpha=0.1)
    solution = solve(problem)
    x, log_x = solution.to_series().iloc[::-1], solution.to_frame()["log_x"].iloc[::-1]
    dual = pd.Series(solution.dual, index=["energy", "fibre"]).iloc[::-1]
    assert certify(problem, x, log_x=log_x, dual=dual).ok
    assert not certify(problem, x.to_numpy()).ok
    with pytest.raises(InvalidProblemError, match="x has no entry for column 'bread' of A"):
        certify(problem, x.rename({"bread": "cake"}))
    with pytest.raises(InvalidProblemError, match="dual has no entry for row 'fibre' of A"):
        certify(problem, x, dual=dual.rename({"fibre": "iron"}))


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        (lambda: BregmanProjection(NAMED, alpha=0.1, cost=[1.0, np.inf, 1.0]), r"cost\[1\] \('b'\) is inf"),
        (lambda: BregmanProjection(NAMED, prior=[1.0, 1.0, -1.0]), r"prior\[2\] \('c'\) is -1.0"),
        (lambda: nearest_feasible(NAMED, scales=[0.0]), r"scales\[0\] \('all'\) is 0.0"),
    ],
)
def test_an_entry_that_is_refused_has_its_name(refused, message):
    with pytest.raises(InvalidProblemError, match=message):
        refused()


def test_scales_go_by_the_names_of_the_rows():
    system = LinearSystem(pd.DataFrame([[1.0, 1.0], [1.0, 1.0]], index=["first", "second"]), [1.0, 2.0])
    scales = pd.Series({"second": 3.0, "first": 1.0})
    np.testing.assert_allclose(nearest_feasible(system, scales=scales).y, [1.1, 1.1])


def test_the_rows_at_fault_have_names_where_the_zeros_of_a_prior_are_to_blame():
    system = LinearSystem(pd.DataFrame([[1.0, 0.0], [0.0, 1.0]], index=["north", "south"]), [1.0, 1.0])
    with pytest.raises(InfeasibleError, match="where the prior does") as caught:
        solve(BregmanProjection(system, prior=[1.0, 0.0]))
    assert caught.value.row_names == ("south",)
