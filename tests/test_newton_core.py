"""The native solver is right to full relative accuracy, at any alpha and on every degenerate system."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
import scipy.sparse as sp
from threadpoolctl import threadpool_info

from bregman_l1 import BregmanProjection, LinearSystem, certify, projection_path, solve
from bregman_l1.basis.choice import choose_basis
from bregman_l1.errors import InfeasibleError
from bregman_l1.newton import NewtonSteps, project, project_along
from bregman_l1.newton.normal_equations import Factored
from bregman_l1.outcome import Outcome
from bregman_l1.polyhedron.feasible_set import maximal_support

CASES = {case["name"]: case for case in json.loads((Path(__file__).parent / "reference/projections.json").read_text())}
UNIQUE = [name for name, case in CASES.items() if case["unique"]]


def system_of(name):
    case = CASES[name]
    A = [[float(Fraction(entry)) for entry in row] for row in case["A"]]
    return LinearSystem(A, [float(Fraction(entry)) for entry in case["y"]])


def references(name, key):
    return [(float(point["log_alpha"]), point[key]) for point in CASES[name]["projections"]]


def gaussian(n_rows, n_columns, sparsity, seed=0):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_rows, n_columns))
    x = np.zeros(n_columns)
    x[:sparsity] = rng.random(sparsity) + 0.5
    return A, A @ x


def step_size(system, log_prior, answer):
    return np.abs(NewtonSteps(system).at(log_prior, answer.log_x, answer.dual).change).max()


def independent_rows(A):
    """Indices of a maximal set of independent rows, in rational arithmetic."""
    kept, reduced = [], []
    for index, row in enumerate(A.tolist()):
        rest = [Fraction(entry) for entry in row]
        for pivot, other in reduced:
            factor = rest[pivot] / other[pivot]
            rest = [a - factor * b for a, b in zip(rest, other, strict=True)]
        pivot = max(range(len(rest)), key=lambda j: abs(rest[j]))
        if rest[pivot]:
            reduced.append((pivot, rest))
            kept.append(index)
    return kept


def exact_error(A, y, log_prior, log_x):
    """Size of one Newton step in log x with as many digits as the scales of x need, over the positive entries."""
    free = np.flatnonzero(np.isfinite(log_x))
    rows = independent_rows(A[:, free])
    with mp.workdps(40 + int(np.abs(log_x[free]).max())):
        matrix = mp.matrix(A[np.ix_(rows, free)].tolist())
        x = [mp.exp(mp.mpf(value)) for value in log_x[free]]
        misfit = [mp.mpf(b) - mp.mpf(z) for b, z in zip(log_prior[free], log_x[free], strict=True)]
        weighted = matrix * mp.diag(x)
        pushed = weighted * mp.matrix([1 + m for m in misfit])
        dual = mp.lu_solve(weighted * matrix.T, mp.matrix(y[rows].tolist()) - pushed)
        step = matrix.T * dual
        return float(max(abs(step[j] + misfit[j]) for j in range(free.size)))


@pytest.mark.parametrize("name", CASES)
def test_projection_agrees_with_thirty_digits(name):
    system = system_of(name)
    for log_alpha, log_x in references(name, "log_x"):
        expected = np.array([float(entry) for entry in log_x])
        answer = project(system, np.full(expected.size, log_alpha))
        scale = max(1.0, np.abs(expected).max())
        assert answer.outcome is Outcome.OPTIMAL
        # log x is the sum log alpha + A'lam, rounded as its terms are.
        assert np.abs(answer.log_x - expected).max() <= 1e-14 * max(scale, abs(log_alpha))
        assert np.abs(log_alpha + system.rmatvec(answer.dual) - expected).max() <= 5e-15 * max(scale, abs(log_alpha))
        assert answer.error <= 1e-12 * scale


@pytest.mark.parametrize("name", UNIQUE)
def test_walk_agrees_with_thirty_digits(name):
    system = system_of(name)
    ones = np.ones(system.shape[1])
    log_alphas = np.array([log_alpha for log_alpha, _ in references(name, "log_x")])[::-1]
    path = np.array([claim.log_x for claim in project_along(system, ones, log_alphas)])
    expected = np.array([[float(entry) for entry in log_x] for _, log_x in references(name, "log_x")])[::-1]
    assert (np.abs(path - expected).max(axis=1) <= 1e-14 * np.maximum(np.abs(log_alphas), 1)).all()


def test_closed_form_at_alpha_one_e_minus_ten_thousand():
    answer = project(LinearSystem([[1.0, 0.5]], [1.0]), np.full(2, -23026.0))
    assert answer.log_x == pytest.approx([0.0, -11513.0], abs=1e-11)


def random_degenerate(seed):
    rng = np.random.default_rng(seed)
    n_rows, n_columns = int(rng.integers(1, 6)), int(rng.integers(1, 10))
    A = rng.integers(-1, 2, (n_rows, n_columns)).astype(float)
    shape = seed % 6
    if shape == 1:
        A = np.concatenate([A, A[:, : max(1, n_columns // 2)]], axis=1)
    elif shape == 2:
        A = np.concatenate([A, 2 * A[: max(1, n_rows // 2)]], axis=0)
    elif shape == 3:
        A = np.abs(A)
    elif shape == 4:
        A = np.vstack([np.kron(np.eye(3), np.ones(2)), np.kron(np.ones(3), np.eye(2))])
    elif shape == 5:
        A = np.vstack([A, np.ones(n_columns)])
    x = rng.integers(0, 4, A.shape[1]) * (rng.random(A.shape[1]) < rng.random())
    return A, A @ x, float(rng.choice([-2.3, -7.0, -40.0, -150.0])), rng


@pytest.mark.parametrize("block", range(8))
def test_random_degenerate_systems_are_solved_to_rounding(block):
    for seed in range(20 * block, 20 * block + 20):
        A, y, log_alpha, rng = random_degenerate(seed)
        if not y.any():
            continue
        system = LinearSystem(A, y)
        log_prior = log_alpha * (np.ones(A.shape[1]) if seed % 3 else rng.integers(0, 4, A.shape[1]))
        answer = project(system, log_prior)
        assert answer.outcome is Outcome.OPTIMAL, seed
        assert ((answer.log_x == -np.inf) != maximal_support(system).mask).all(), seed
        if answer.proof is not None:
            z = answer.proof.z / np.abs(answer.proof.z).max()
            assert (system.rmatvec(z)[(answer.log_x == -np.inf)] < -1e-9).all(), seed
            assert np.abs(system.rmatvec(z)[~(answer.log_x == -np.inf)]).max(initial=0.0) < 1e-12, seed
            assert abs(y @ z) < 1e-12, seed
        if not (answer.log_x == -np.inf).all():
            assert exact_error(A, y, log_prior, answer.log_x) <= 1e-12 * max(1.0, abs(log_alpha)), seed


@pytest.mark.parametrize("shape", [(100, 400, 15), (200, 900, 20)])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_plain_phase_ends_where_the_scale_free_form_says(shape, noise):
    A, y = gaussian(*shape)
    y = y + noise * np.random.default_rng(1).standard_normal(y.size)
    system, log_prior = LinearSystem(A, y), np.full(shape[1], np.log(1e-6))
    answer = project(system, log_prior)
    (walked,) = project_along(system, np.ones(shape[1]), np.array([np.log(1e-6)]))
    assert answer.outcome is Outcome.OPTIMAL
    assert np.abs(answer.log_x - walked.log_x).max() < 1e-9
    assert step_size(system, log_prior, answer) < 1e-9


@pytest.mark.parametrize("scale", [1e-12, 1e12])
@pytest.mark.parametrize("log_alpha", [-14.0, -2302.6])
def test_unit_of_y_does_not_matter(scale, log_alpha):
    A, y = gaussian(20, 60, 4)
    answer = project(LinearSystem(A, scale * y), np.full(60, log_alpha + np.log(scale)))
    plain = project(LinearSystem(A, y), np.full(60, log_alpha))
    assert answer.outcome is Outcome.OPTIMAL
    assert answer.log_x - np.log(scale) == pytest.approx(plain.log_x, abs=1e-8)


@pytest.mark.parametrize("n_rows", [1, 5])
def test_columns_over_twelve_orders_are_solved(n_rows):
    A, _ = gaussian(n_rows, 12, 3)
    A = A * 10.0 ** np.random.default_rng(1).uniform(-6, 6, 12)
    system, log_prior = LinearSystem(A, A @ np.r_[1.0, 2.0, 3.0, np.zeros(9)]), np.full(12, -14.0)
    answer = project(system, log_prior)
    assert answer.outcome is Outcome.OPTIMAL
    assert step_size(system, log_prior, answer) <= 1e-12 * np.abs(answer.log_x).max()


def test_more_rows_than_columns_with_one_feasible_point():
    A = np.random.default_rng(0).standard_normal((30, 20))
    x = np.random.default_rng(1).random(20)
    answer = project(LinearSystem(A, A @ x), np.full(20, -50.0))
    assert answer.outcome is Outcome.OPTIMAL
    assert np.exp(answer.log_x) == pytest.approx(x, rel=1e-12)


def test_unique_feasible_point_of_a_wide_system_has_exact_zeros():
    A, y = gaussian(20, 30, 4)
    answer = project(LinearSystem(A, y), np.full(30, -14.0))
    assert answer.outcome is Outcome.OPTIMAL
    assert (answer.log_x == -np.inf)[4:].all()
    assert answer.log_x[4:].tolist() == [-np.inf] * 26


@pytest.mark.parametrize(
    ("A", "y"),
    [
        ([[1.0, 1.0]], [-1.0]),
        ([[1.0, 1.0], [2.0, 2.0]], [1.0, 3.0]),
        ([[1.0, 1.0, 2.0], [1.0, 2.0, 1.0]], [1.0, 5.0]),
        (np.abs(gaussian(100, 400, 1)[0]), -np.ones(100)),
    ],
)
def test_infeasible_systems_are_named_with_a_farkas_vector(A, y):
    system = LinearSystem(A, y)
    answer = project(system, np.full(system.shape[1], -10.0))
    assert answer.outcome is Outcome.INFEASIBLE
    assert system.y @ answer.proof.z > 0
    assert system.rmatvec(answer.proof.z).max() <= 1e-9 * (system.y @ answer.proof.z)
    with pytest.raises(InfeasibleError):
        projection_path(system, log_alphas=[-10.0])


def transport(m):
    A = sp.vstack([sp.kron(sp.eye_array(m), np.ones((1, m))), sp.kron(np.ones((1, m)), sp.eye_array(m))]).tocsc()
    rng = np.random.default_rng(2)
    supply, demand = rng.random(m), rng.random(m)
    return LinearSystem(A, np.append(supply, demand * supply.sum() / demand.sum())), rng.random(m * m)


def test_sparse_transport_is_independent_of_alpha_and_follows_costs():
    system, cost = transport(20)
    products = np.log(np.outer(system.y[:20], system.y[20:]) / system.y[:20].sum()).ravel()
    for log_alpha in (0.0, -2302.6):
        assert project(system, np.full(400, log_alpha)).log_x == pytest.approx(products, abs=1e-10)
    answer = project(system, -300.0 * cost)
    assert answer.outcome is Outcome.OPTIMAL
    assert step_size(system, -300.0 * cost, answer) < 1e-10


@pytest.mark.parametrize("distance", [1e-6, 0.1, 50.0])
@pytest.mark.parametrize("shape", [(20, 60, 4), (100, 400, 15)])
def test_claims_are_polished_from_near_and_survived_from_afar(shape, distance):
    A, y = gaussian(*shape)
    system, log_prior = LinearSystem(A, y), np.full(shape[1], -14.0)
    cold = project(system, log_prior)
    wrong = cold.dual + distance * np.random.default_rng(3).standard_normal(shape[0])
    polished = project(system, log_prior, start_dual=wrong)
    assert polished.outcome is Outcome.OPTIMAL
    assert polished.log_x == pytest.approx(cold.log_x, abs=1e-9)
    if distance == 1e-6:
        assert polished.iterations <= 6


def test_limits_are_obeyed_and_admitted():
    A, y = gaussian(20, 60, 4)
    system, log_prior = LinearSystem(A, y), np.full(60, -14.0)
    assert project(system, log_prior, max_iter=3).outcome is Outcome.ITERATION_LIMIT
    assert project(system, log_prior, time_limit=0.0).outcome is Outcome.TIME_LIMIT


def test_answers_are_reproducible_and_leave_the_thread_pool_alone():
    A, y = gaussian(100, 400, 15)
    before = [pool["num_threads"] for pool in threadpool_info()]
    first, second = (project(LinearSystem(A, y), np.full(400, -14.0)) for _ in range(2))
    assert first.log_x.tobytes() == second.log_x.tobytes()
    assert [pool["num_threads"] for pool in threadpool_info()] == before


def test_values_are_returned_in_the_order_asked_for():
    system = LinearSystem([[1.0, 0.5]], [1.0])
    path = project_along(system, np.ones(2), np.array([-100.0, 0.0, -10.0, -10.0]))
    for claim, log_alpha in zip(path, (-100.0, 0.0, -10.0, -10.0), strict=True):
        assert claim.log_x == pytest.approx(project(system, np.full(2, log_alpha)).log_x, abs=1e-12)


@pytest.mark.parametrize(
    ("A", "y", "x"),
    [
        ([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]], [1e10, 1.0], [1e10, 0.5, 0.5]),
        ([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], [1.0, 1e-9], [1.0 - 1e-9, 5e-10, 5e-10]),
        ([[1.0, 1.0, 1.0], [0.0, 1e10, 1e10]], [1.0, 1.0], [1.0 - 1e-10, 5e-11, 5e-11]),
    ],
)
def test_small_entries_are_not_taken_for_zeros(A, y, x):
    answer = project(LinearSystem(A, y), np.full(3, np.log(0.1)))
    assert answer.outcome is Outcome.OPTIMAL
    assert not (answer.log_x == -np.inf).any()
    assert np.exp(answer.log_x) == pytest.approx(x, rel=1e-12)


@pytest.mark.parametrize("seed", range(12))
def test_columns_over_twelve_decades_are_certified_and_wrong_answers_are_not(seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((4, 9)) * 10.0 ** rng.uniform(-6, 6, 9)
    problem = BregmanProjection(LinearSystem(A, A @ (rng.random(9) + 0.1)), log_alpha=-7.0)
    solution = solve(problem)
    assert solution.status.is_certified, solution.certificate
    for entry in np.flatnonzero(np.abs(solution.log_x) < 1000):
        wrong = solution.log_x.copy()
        wrong[entry] += 1e-6
        assert not certify(problem, log_x=wrong, dual=solution.dual).ok, entry


@pytest.mark.parametrize("log_alpha", [1e15, -1e15])
def test_priors_of_any_exponent_end(log_alpha):
    answer = project(LinearSystem([[1.0, 0.5, 0.3], [0.0, 1.0, -1.0]], [1.0, 0.0]), np.full(3, log_alpha))
    assert answer.outcome is Outcome.OPTIMAL


@pytest.mark.parametrize(
    "log_x",
    [[0.0, -1e20, -1e20], [0.0, -1e300, -1e20], [1e300, 0.0, 0.0], [-1e308, 1e308, 0.0], [np.nan, 0.0, 0.0],
     [np.inf, 0.0, 0.0], [-np.inf, -np.inf, -np.inf], [800.0, 0.0, 0.0]],
)  # fmt: skip
def test_candidates_of_any_size_are_refused_in_finite_time(log_x):
    problem = BregmanProjection(LinearSystem([[1.0, 0.5, 0.3], [0.0, 1.0, -1.0]], [1.0, 0.0]), alpha=0.1)
    assert not certify(problem, log_x=log_x).ok


@pytest.mark.parametrize("unit", [1e-160, 1e160])
def test_unit_of_the_system_does_not_matter(unit):
    A, y = gaussian(20, 60, 4)
    solution = solve(BregmanProjection(LinearSystem(unit * A, unit * y), log_alpha=-14.0))
    assert solution.status.is_certified
    assert solution.log_x == pytest.approx(project(LinearSystem(A, y), np.full(60, -14.0)).log_x, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_zeros_of_u_are_found_where_the_other_entries_must_give_way_by_a_rounding(seed):
    rng = np.random.default_rng(seed)
    A, x0 = rng.standard_normal((100, 400)), np.zeros(400)
    x0[rng.choice(400, 15, replace=False)] = rng.uniform(0.5, 2.0, 15)
    system = LinearSystem(A, A @ x0)
    assert solve(BregmanProjection(system, log_alpha=-202.348)).status.is_certified


@pytest.mark.parametrize("n", [3, 4])
@np.errstate(all="ignore")
def test_columns_of_weights_over_hundreds_of_e_folds_make_a_basis_of_full_rank(n):
    one, eye = np.ones((1, n)), np.eye(n)
    rows = [(one, one, eye), (one, eye, one), (eye, one, one), (eye, eye, one)]  # of a three-index assignment
    A = np.vstack([np.kron(np.kron(*pair), last) for *pair, last in rows])
    A = A[independent_rows(A)]
    system = LinearSystem(A, A @ np.ones(n**3))
    for seed in range(60):
        log_x = np.random.default_rng(seed).choice([0.0, -1.0, -80.0, -160.0, -330.0, -575.0, -760.0], n**3)
        assert np.linalg.matrix_rank(A[:, choose_basis(system, log_x)]) == len(A)


def test_rounding_is_that_of_the_point_whatever_becomes_of_the_array_it_came_in():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((8, 20))
    equations = Factored(LinearSystem(A, A @ np.ones(20)))
    log_x = rng.uniform(-12.0, 0.0, 20)
    equations.at(log_x, log_x)
    before = equations.rounding()
    log_x -= 5.0
    np.testing.assert_array_equal(equations.rounding(), before)
