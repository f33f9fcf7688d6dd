"""Systems without a solution x >= 0: which rows contradict each other, and the closest y that has a solution."""

from __future__ import annotations

import operator
import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from causaldata import cps_mixtape, nsw_mixtape
from conftest import gaussian_system
from scipy.optimize import linprog, nnls

from bregman_l1 import (
    BackendError,
    BregmanProjection,
    InfeasibleError,
    InvalidProblemError,
    InvalidSystemError,
    L1Minimization,
    LinearSystem,
    analyze,
    certify,
    nearest_feasible,
    projection_path,
    solve,
)
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import infeasible, maximal_support
from bregman_l1.polyhedron.linear_program import solve_verified_later

AGES, REGIONS = ["18-34", "35-64", "65+"], ["north", "south"]


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """On a busy machine the rows at fault are not always found in a fifth of a second."""
    monkeypatch.setattr("bregman_l1.polyhedron.feasible_set._SPARE_SECONDS", 60.0)


def survey(total: float = 100.0) -> tuple[pd.DataFrame, pd.Series]:
    """Cells of age by region against their margins; the ages sum to 100, the regions to ``total``."""
    cells = pd.MultiIndex.from_product([AGES, REGIONS])
    rows = {f"age {age}": [float(cell[0] == age) for cell in cells] for age in AGES}
    rows |= {f"region {region}": [float(cell[1] == region) for cell in cells] for region in REGIONS}
    rows["response"] = [0.5, 0.25, 0.75, 0.5, 1.0, 0.25]
    target = [30.0, 50.0, 20.0, 0.4 * total, 0.6 * total, 50.0]
    return pd.DataFrame.from_dict(rows, orient="index", columns=cells), pd.Series(target, index=list(rows))


def refusal(system: LinearSystem) -> InfeasibleError:
    with pytest.raises(InfeasibleError) as caught:
        solve(BregmanProjection(system, alpha=0.1))
    return caught.value


def is_feasible(A: np.ndarray, y: np.ndarray) -> bool:
    return linprog(np.zeros(A.shape[1]), A_eq=A, b_eq=y, method="highs").status == 0


def infeasible_systems(count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    rng, systems = np.random.default_rng(11), []
    while len(systems) < count:
        n_rows, n_columns = rng.integers(2, 9), rng.integers(2, 15)
        A = rng.integers(-1, 3, (n_rows, n_columns)).astype(float)
        y = A @ rng.integers(0, 3, n_columns) + rng.integers(-1, 2, n_rows)
        if A.any(axis=1).all() and y.any() and not is_feasible(A, y):
            systems.append((A, y))
    return systems


# ------------------------------------------------------------------ the rows at fault


def test_contradicting_margins_are_named():
    error = refusal(LinearSystem(*survey(total=90.0)))
    assert error.rows.tolist() == [0, 1, 2, 3, 4]
    assert error.row_names == ("age 18-34", "age 35-64", "age 65+", "region north", "region south")
    assert "rows 'age 18-34', 'age 35-64', 'age 65+', 'region north', 'region south' contradict each other" in str(
        error
    )
    assert "nearest_feasible(system)" in str(error)


def test_rows_without_names_are_counted_and_many_are_cut_short():
    A = np.vstack([np.eye(12), np.ones((1, 12))])
    error = refusal(LinearSystem(A, np.append(np.ones(12), 13.0)))
    assert error.row_names is None
    assert error.rows.tolist() == list(range(13))
    assert "rows 0, 1, 2, 3, 4, 5, 6, 7 and 5 more contradict each other" in str(error)


def test_one_row_may_be_impossible_by_itself():
    table, target = survey()
    error = refusal(LinearSystem(table, target.where(target.index != "age 65+", -1.0)))
    assert error.row_names == ("age 65+",)
    assert "row 'age 65+' has no solution by itself" in str(error)


@pytest.mark.parametrize(("A", "y"), infeasible_systems(40))
def test_the_rows_at_fault_are_infeasible_and_none_can_be_spared(A, y):
    error = refusal(LinearSystem(A, y))
    z, rows = error.farkas, error.rows
    assert np.flatnonzero(z).tolist() == rows.tolist()
    assert (A.T @ z <= 1e-13 * (np.abs(A.T) @ np.abs(z))).all()
    assert y @ z > 1e-13 * (np.abs(y) @ np.abs(z))
    assert not is_feasible(A[rows], y[rows])
    for row in rows:
        others = np.setdiff1d(rows, [row])
        assert not others.size or is_feasible(A[others], y[others])


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
def test_two_contradicting_rows_are_found_among_many_in_any_units(storage):
    A = gaussian_system()[0].matrix.copy()
    A[3] = np.abs(A[3])
    A[7] = A[3] + 0.1
    y = A @ np.ones(A.shape[1])
    y[7] = 0.9 * y[3]
    units = 10.0 ** np.linspace(-6, 6, y.size)
    error = refusal(LinearSystem(storage(A * units[:, None]), y * units))
    assert error.rows.tolist() == [3, 7]


def test_every_way_in_names_the_rows():
    system = LinearSystem(*survey(total=90.0))
    names = ("age 18-34", "age 35-64", "age 65+", "region north", "region south")
    for run in (
        lambda: solve(L1Minimization(system)),
        lambda: solve(BregmanProjection(system, alpha=0.1), "clarabel"),
        lambda: projection_path(system, log_alphas=[-1.0]),
        lambda: analyze(system),
        system.check_assumptions,
    ):
        with pytest.raises(InfeasibleError) as caught:
            run()
        assert caught.value.row_names == names


def test_a_zero_row_is_the_row_at_fault():
    with pytest.raises(InfeasibleError, match="row 'total' of A is zero") as caught:
        LinearSystem([[1.0, 1.0], [0.0, 0.0]], [1.0, -2.0], row_names=["part", "total"])
    assert caught.value.rows.tolist() == [1]
    assert caught.value.row_names == ("total",)


@pytest.mark.parametrize("backend", ["newton", "clarabel", "ecos", "scs"])
@pytest.mark.parametrize("problem", [lambda system: BregmanProjection(system, alpha=1.0), L1Minimization])
def test_a_row_that_is_the_sum_of_others_to_rounding_contradicts_them(problem, backend):
    rng = np.random.default_rng(0)
    wages, other = rng.lognormal(8.0, 1.0, 500), rng.lognormal(7.0, 1.0, 500)
    # Rounded sums: the three rows are independent, but only just.
    A = np.vstack([np.ones(500), wages, other, wages + other])
    system = LinearSystem(A, [500.0, 1.5e6, 1.0e6, 3.0e6], row_names=["people", "wages", "other", "income"])
    with pytest.raises(InfeasibleError, match="rows 'wages', 'other', 'income' contradict each other") as caught:
        solve(problem(system), backend)
    assert (A.T @ caught.value.farkas <= 0.0).all()


def test_the_rows_at_fault_survive_pickling():
    error = refusal(LinearSystem(*survey(total=90.0)))
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.rows.tolist(), copy.row_names) == (str(error), error.rows.tolist(), error.row_names)


def test_a_proof_without_time_to_shorten_it_stands_as_it_is(monkeypatch):
    monkeypatch.setattr("bregman_l1.polyhedron.feasible_set._SPARE_SECONDS", 0.0)
    z = np.array([-1.0, -1.0, 1.0, 0.5])
    system = LinearSystem([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, -1.0]], [1.0, 1.0, 3.0, -1.0])
    assert infeasible(system, z).farkas.tolist() == z.tolist()


# ------------------------------------------------------------------ the closest y


def test_a_feasible_system_is_its_own_nearest():
    system, _ = gaussian_system()
    assert nearest_feasible(system) is system


def test_rows_that_are_infeasible_but_for_rounding_meet_too():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((30, 100))
    A[17] = A[3] + A[5]  # rounded: x of the size 1e15 solve what follows, and none of moderate size does
    y = A @ rng.random(100)
    y[17] += 1.0
    nearest = nearest_feasible(LinearSystem(A, y))
    moved = np.zeros(30)
    moved[[3, 5, 17]] = [1.0, 1.0, -1.0]
    np.testing.assert_allclose(nearest.y - y, moved / 3, atol=1e-9)
    assert solve(BregmanProjection(nearest, alpha=0.1)).status.is_certified


def test_contradicting_margins_meet_in_the_middle_and_keep_their_names():
    table, target = survey(total=90.0)
    nearest = nearest_feasible(LinearSystem(table, target))
    assert nearest.row_names == tuple(table.index)
    assert nearest.column_names == tuple(table.columns)
    # The ages sum to 100, the regions to 90: the change is spread evenly over the 3 + 2 rows, 2 each.
    np.testing.assert_allclose(nearest.y, [28.0, 48.0, 18.0, 38.0, 56.0, 50.0], rtol=1e-14)
    solution = solve(BregmanProjection(nearest, alpha=1e-3))
    assert solution.status.is_certified
    np.testing.assert_allclose(table.to_numpy() @ solution.x, nearest.y, rtol=1e-12)


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
@pytest.mark.parametrize(("A", "y"), infeasible_systems(25))
def test_the_nearest_is_the_nonnegative_least_squares_fit_and_can_be_solved(A, y, storage):
    fit = A @ nnls(A, y)[0]
    if not fit.any():
        with pytest.raises(InvalidSystemError, match="the closest y with a solution x >= 0 is zero"):
            nearest_feasible(LinearSystem(storage(A), y))
        return
    nearest = nearest_feasible(LinearSystem(storage(A), y))
    np.testing.assert_allclose(nearest.y, fit, atol=1e-12 * np.abs(y).max())
    for log_alpha in (0.0, -70.0):
        assert solve(BregmanProjection(nearest, log_alpha=log_alpha)).status.is_certified


@pytest.mark.parametrize(("n_rows", "n_columns"), [(40, 900), (60, 20), (300, 40)])
def test_the_change_of_y_is_at_right_angles_to_y_and_to_no_column_acute(n_rows, n_columns):
    rng = np.random.default_rng(3)
    A = np.abs(rng.standard_normal((n_rows, n_columns)))
    y = A @ np.maximum(rng.standard_normal(n_columns), 0) * (1 + 0.5 * rng.standard_normal(n_rows))
    nearest = nearest_feasible(LinearSystem(A, y)).y
    change = (y - nearest) / np.linalg.norm(y - nearest)
    assert abs(change @ nearest) < 1e-12 * np.linalg.norm(nearest)
    assert (A.T @ change < 1e-9 * np.linalg.norm(A, axis=0)).all()
    assert solve(BregmanProjection(LinearSystem(A, nearest), alpha=1e-4)).status.is_certified


def test_changes_count_in_the_scales_given():
    rng = np.random.default_rng(4)
    A, scales = np.abs(rng.standard_normal((12, 5))), 10.0 ** rng.integers(-3, 4, 12)
    y = A @ rng.random(5) * (1 + 0.3 * rng.standard_normal(12))
    nearest = nearest_feasible(LinearSystem(A, y), scales=scales)
    fit, _ = nnls(A / scales[:, None], y / scales)
    np.testing.assert_allclose(nearest.y, A @ fit, rtol=1e-8)


@pytest.mark.parametrize(
    ("scales", "message"),
    [
        ([1.0], r"scales must have shape \(2,\)"),
        ([1.0, 0.0], r"scales\[1\] is 0.0; every scale must be positive"),
        ([np.nan, 1.0], r"scales\[0\] is nan"),
    ],
)
def test_scales_that_measure_nothing_are_refused(scales, message):
    with pytest.raises(InvalidProblemError, match=message):
        nearest_feasible(LinearSystem([[1.0], [1.0]], [1.0, 2.0]), scales=scales)


def test_only_systems_have_a_nearest():
    with pytest.raises(InvalidProblemError, match="must be a LinearSystem"):
        nearest_feasible([[1.0]])


def moments(people: pd.DataFrame) -> pd.DataFrame:
    """Raw powers up to the fourth, up to 1e18, a mark, and ones; one row each."""
    raw = people[["age", "educ", "re74", "re75"]].astype(float)
    powers = {f"{name}^{k}": raw[name] ** k for name in raw for k in (1, 2, 3, 4)}
    rest = people[["black", "hisp", "marr", "nodegree"]].astype(float)
    marks = {f"no {name}": (raw[name] == 0).astype(float) for name in ("re74", "re75")}
    return pd.DataFrame(powers | marks).join(rest).assign(total=1.0).T


def test_moments_that_no_weights_of_a_survey_have_contradict_each_other():
    """Some trained men earned more in 1974 than anyone in the survey; HiGHS leaves the maximal support undecided."""
    trained = nsw_mixtape.load_pandas().data.query("treat == 1")
    A, y = moments(cps_mixtape.load_pandas().data.iloc[::4]), moments(trained).mean(axis=1)
    z = [Fraction(entry) for entry in refusal(LinearSystem(A, y)).farkas]
    most = max(sum(map(operator.mul, z, map(Fraction, column))) for column in np.unique(A.to_numpy().T, axis=0))
    assert sum(map(operator.mul, z, map(Fraction, y))) > max(most, 0)  # y'z = sum x_j a_j'z <= most, as sum x = 1


def test_an_undecided_linear_program_of_the_maximal_support_leaves_the_word_to_a_farkas_vector(monkeypatch):
    def undecided(program, budget=None):
        answer = solve_verified_later(program, budget)
        return replace(answer, outcome=Outcome.INACCURATE) if program.rows.shape[1] == 5 else answer

    monkeypatch.setattr("bregman_l1.polyhedron.feasible_set.solve_verified_later", undecided)
    with pytest.raises(InfeasibleError):
        maximal_support(LinearSystem([[1.0, 1.0], [1.0, 2.0]], [1.0, 3.0]))
    with pytest.raises(BackendError, match="maximal support was not solved"):
        maximal_support(LinearSystem([[1.0, 1.0], [1.0, 2.0]], [1.0, 1.5]))


@pytest.mark.parametrize("A", [[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0]], [[3.0], [-1.5]], [[1, 2, 3], [2, 4, 6], [1, 2, 3]]])
def test_y_that_is_zero_in_the_independent_rows_alone_has_no_solution(A):
    y = np.zeros(len(A))
    y[-1] = -1.0
    z = refusal(LinearSystem(A, y)).farkas
    assert (np.transpose(A) @ z <= 0).all()
    assert y @ z > 0
    assert not certify(BregmanProjection(LinearSystem(A, y), alpha=0.1), x=np.ones(len(A[0]))).ok


def test_y_that_is_zero_in_the_independent_rows_under_the_zeros_of_a_prior_has_no_solution_there():
    system = LinearSystem([[1.0, 1.0, -1.0], [1.0, 1.0, -2.0]], [0.0, -1.0])
    with pytest.raises(InfeasibleError, match="vanishes where the prior does"):
        solve(BregmanProjection(system, prior=[1.0, 1.0, 0.0]))
