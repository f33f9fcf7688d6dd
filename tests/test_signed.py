"""Unknowns of either sign: basis pursuit and its solution, against the system with its columns written out twice."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.optimize import linprog

from bregman_l1 import (
    BregmanProjection,
    InfeasibleError,
    InvalidProblemError,
    L1Minimization,
    LinearSystem,
    NotAdmissibleError,
    backends,
    certify,
    load,
    projection_path,
    solve,
)
from bregman_l1.parts import of_either_sign

BACKENDS = [name for name in ("newton", "highs", "clarabel", "ecos", "scs") if name in str(backends())]


def signed_system(seed=0, n_rows=12, n_columns=30, sparsity=3, **options):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_rows, n_columns))
    x = np.zeros(n_columns)
    x[rng.choice(n_columns, sparsity, replace=False)] = rng.choice([-1.0, 1.0], sparsity) * rng.uniform(
        0.5, 2, sparsity
    )
    return LinearSystem(A, A @ x, **options), x


def basis_pursuit(system, cost):
    A = np.asarray(system.matrix)
    answer = linprog(np.tile(cost, 2), A_eq=np.hstack([A, -A]), b_eq=system.y)
    return answer.x[: A.shape[1]] - answer.x[A.shape[1] :], answer.fun


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sparsity", [2, 12])
def test_basis_pursuit_finds_what_linprog_finds_for_the_columns_written_twice(seed, sparsity):
    system, _ = signed_system(seed, sparsity=sparsity)
    cost = np.random.default_rng(seed).uniform(0.5, 2.0, 30)
    solution = solve(L1Minimization(system, cost=cost, signed=True))
    x, value = basis_pursuit(system, cost)
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x, x, atol=1e-9)
    assert solution.value == pytest.approx(value, rel=1e-10) == pytest.approx(cost @ abs(solution.x), rel=1e-12)
    assert (abs(system.rmatvec(solution.dual)) <= cost * (1 + 1e-12)).all()
    assert system.y @ solution.dual == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_solves_basis_pursuit(backend):
    system, _ = signed_system(1)
    solution = solve(L1Minimization(system, signed=True), backend)
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x, basis_pursuit(system, np.ones(30))[0], atol=1e-9)


def test_a_sparse_system_is_solved_as_a_dense_one():
    system, _ = signed_system(2)
    sparse = LinearSystem(sp.csr_array(system.matrix), system.y)
    solutions = [solve(L1Minimization(each, signed=True)) for each in (system, sparse)]
    np.testing.assert_allclose(*(solution.x for solution in solutions), atol=1e-12)


def test_the_parts_of_a_solution_are_its_positive_and_negative_entries():
    system, _ = signed_system(3)
    solution = solve(L1Minimization(system, signed=True))
    np.testing.assert_array_equal(solution.x_plus, np.maximum(solution.x, 0.0))
    np.testing.assert_array_equal(solution.x_minus, np.maximum(-solution.x, 0.0))
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(solution.log_x, np.log(abs(solution.x)), rtol=1e-15)
        np.testing.assert_array_equal(solution.log_x_plus, np.log(solution.x_plus))
        np.testing.assert_array_equal(solution.log_x_minus, np.log(solution.x_minus))
    assert solution.x.shape == solution.log_x.shape == (30,)


def test_a_nonnegative_solution_has_no_parts():
    solution = solve(L1Minimization(LinearSystem([[1.0, 0.5]], [1.0])))
    assert solution.x_plus is solution.x_minus is solution.log_x_plus is solution.log_x_minus is None
    assert set(solution.vectors) == set(solution.to_frame()) == {"x", "log_x"}


def test_the_logarithm_of_a_difference_does_not_cancel_or_underflow():
    log_plus, log_minus = np.array([-1000.0, -3000.0, 0.0, -np.inf]), np.array([-2000.0, -3000.5, 0.0, -np.inf])
    found = of_either_sign(np.zeros(8), np.concatenate([log_plus, log_minus]))
    expected = [-1000.0, -3000.0 + np.log(-np.expm1(-0.5)), -np.inf, -np.inf]
    np.testing.assert_allclose(found["log_x"], expected, rtol=1e-15)


def test_parts_beyond_floating_point_have_the_difference_that_their_logarithms_tell():
    log_x = np.array([800.0, 2.0, 710.0, 800.0, 1.0, 710.0 - 1e-13])
    with np.errstate(over="ignore"):
        found = of_either_sign(np.exp(log_x), log_x)
    assert found["x"][:2].tolist() == [0.0, np.exp(2.0) - np.exp(1.0)]
    assert found["x"][2] == pytest.approx(np.exp(found["log_x"][2]))
    assert np.isfinite(found["x"]).all()


def test_a_vector_of_either_sign_is_certified_as_it_is_or_by_its_parts():
    system, _ = signed_system(4)
    problem = L1Minimization(system, signed=True)
    solution = solve(problem)
    assert certify(problem, x=solution.x, dual=solution.dual).ok
    assert certify(problem, x=solution.x).ok
    assert certify(problem, **solution.unknowns).ok
    assert not certify(problem, x=-solution.x).ok
    assert "duality gap" in certify(problem, x=np.concatenate([solution.x_plus + 1.0, solution.x_minus + 1.0])).failed
    with pytest.raises(InvalidProblemError, match=r"x must have shape \(60,\)"):
        certify(problem, x=np.ones(31))


def test_names_order_a_labelled_vector_and_name_the_entries():
    system, _ = signed_system(5, column_names=[f"c{j}" for j in range(30)])
    problem = L1Minimization(system, signed=True)
    solution = solve(problem)
    assert solution.names == system.column_names
    assert certify(problem, x=solution.to_series().iloc[::-1]).ok
    frame = solution.to_frame()
    assert list(frame) == ["x", "log_x", "x_plus", "x_minus", "log_x_plus", "log_x_minus"]
    assert (frame.x == frame.x_plus - frame.x_minus).all()
    plain = json.loads(json.dumps(solution.to_dict()))
    assert plain["x_minus"] == solution.x_minus.tolist()


def test_a_solution_of_either_sign_is_saved_with_its_parts(tmp_path):
    system, _ = signed_system(6)
    solution = solve(L1Minimization(system, signed=True))
    solution.save(tmp_path / "solution.npz")
    again = load(tmp_path / "solution.npz")
    assert again.vectors.keys() == solution.vectors.keys()
    for name, vector in solution.vectors.items():
        np.testing.assert_array_equal(again.vectors[name], vector)
    assert not again.x_plus.flags.writeable


def test_negative_costs_of_either_sign_are_refused_with_the_entry():
    system = LinearSystem([[1.0, 0.5]], [1.0])
    L1Minimization(system, cost=[1.0, -0.5])
    with pytest.raises(InvalidProblemError, match=r"cost\[1\] is -0.5; \|x\| would grow without end"):
        L1Minimization(system, cost=[1.0, -0.5], signed=True)
    with pytest.raises(InvalidProblemError, match="signed must be True or False"):
        L1Minimization(system, signed="yes")


def test_what_no_sign_solves_is_infeasible_with_a_vector_of_the_left_kernel():
    A = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])
    with pytest.raises(InfeasibleError, match="no x solves A x = y: rows 0, 1 contradict") as caught:
        solve(L1Minimization(LinearSystem(A, [1.0, 1.0]), signed=True))
    np.testing.assert_allclose(A.T @ caught.value.farkas, 0.0, atol=1e-14)
    # What only nonnegative unknowns cannot solve is no obstacle.
    assert solve(L1Minimization(LinearSystem([[1.0, 2.0]], [-1.0]), signed=True)).x.tolist() == [0.0, -0.5]


def test_several_minimisers_are_told():
    certificate = solve(L1Minimization(LinearSystem([[1.0, -1.0]], [1.0]), signed=True)).certificate
    assert certificate.ok
    assert certificate.checks["uniqueness"].value == 1.0


SCALES = [-4.0, -14.0, -70.0, -700.0]


@pytest.mark.parametrize("depth", [2, 3, np.inf])
@pytest.mark.parametrize("sparsity", [3, 12])
def test_a_path_of_either_sign_is_that_of_the_columns_written_twice(depth, sparsity):
    system, _ = signed_system(7, sparsity=sparsity)
    twice = LinearSystem(np.hstack([system.matrix, -system.matrix]), system.y)
    path = projection_path(system, log_alphas=SCALES, depth=depth, signed=True)
    other = projection_path(twice, log_alphas=SCALES, depth=depth)
    assert (path.signed, path.depth) == (True, depth)
    assert all(one.status.is_certified for one in path)
    for one, two in zip(path, other, strict=True):
        np.testing.assert_allclose(one.unknowns["log_x"], two.log_x, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(system.matvec(one.x), system.y, atol=1e-12)
    assert path.log_x.shape == (4, 30)
    assert path.rate == pytest.approx(other.rate, rel=1e-9)


@pytest.mark.parametrize("depth", [2, 3, np.inf])
@pytest.mark.parametrize("signed", [False, True])
def test_the_deviation_along_a_path_is_that_from_the_l1_minimiser(depth, signed):
    system, _ = signed_system(7)
    if not signed:
        system = LinearSystem(system.matrix, system.matrix @ (np.arange(30) % 9 == 0))
    limit = solve(L1Minimization(system, signed=signed))
    path = projection_path(system, log_alphas=[-3.0, -8.0, -600.0], depth=depth, signed=signed)
    measured = [np.log(np.abs(one.x - limit.x).sum()) for one in path[:2]]
    np.testing.assert_allclose(path.log_deviation[:2], measured, atol=1e-7)
    # Differences of x cancel here; what is measured without it follows the law alpha**rate.
    assert path.log_deviation[2] / -600.0 == pytest.approx(path.rate, abs=0.02)


def test_projections_of_either_sign_come_to_an_l1_minimiser_at_once_where_no_column_is_left():
    path = projection_path(LinearSystem([[1.0, 0.0]], [1.0]), alphas=[0.5, 1e-3], signed=True)
    np.testing.assert_array_equal(path.log_deviation, -np.inf)
    np.testing.assert_allclose([one.x for one in path], [[1.0, 0.0]] * 2, atol=1e-15)


def test_depth_two_of_either_sign_is_the_hyperbolic_sine():
    """x = 2 alpha sinh(A'lam)."""
    system, _ = signed_system(8)
    (solution,) = projection_path(system, alphas=[0.01], signed=True)
    np.testing.assert_allclose(solution.x, 0.02 * np.sinh(system.rmatvec(solution.dual)), rtol=1e-10)
    np.testing.assert_allclose(solution.x_plus * solution.x_minus, 1e-4, rtol=1e-10)


def test_a_prior_zero_leaves_both_parts_out():
    system, _ = signed_system(9)
    prior = (np.arange(30) % 5 > 0) * np.linspace(1.0, 2.0, 30)
    path = projection_path(system, log_alphas=[-2.0, -9.0], prior=prior, signed=True)
    for one in path:
        assert one.status.is_certified
        assert not one.x[::5].any()
    limit = solve(L1Minimization(LinearSystem(system.matrix[:, prior > 0], system.y), signed=True))
    assert path.log_deviation[1] == pytest.approx(np.log(np.abs(path[1].x[prior > 0] - limit.x).sum()), abs=1e-7)


def test_the_limit_of_a_deep_network_has_costs_from_its_prior():
    """A network of depth 4 minimises sum_i prior_i**-1/2 x_i in the limit: 3 x_1 or 2 x_2 here."""
    system = LinearSystem([[3.0, 2.5]], [1.0])
    for prior, first in [((1.0, 1.0), True), ((1.0, 4.0), False)]:
        path = projection_path(system, log_alphas=[-60.0, -80.0], prior=prior, depth=4)
        expected = [1 / 3, 0.0] if first else [0.0, 0.4]
        np.testing.assert_allclose(path[0].x, expected, atol=1e-12)
        assert np.diff(path.log_deviation)[0] == pytest.approx(-20.0 * path.rate, rel=1e-3)
        assert path.rate == 1.0


def test_limits_that_are_not_computed_are_refused_with_the_reason():
    path = projection_path(LinearSystem([[3.0, 2.5]], [1.0]), log_alphas=[-5.0], depth=3, cost=[1.0, 2.0])
    with pytest.raises(NotAdmissibleError, match="of depth 3 is that of one positive exponent of alpha"):
        _ = path.rate


@pytest.mark.parametrize(
    ("depth", "limit"),
    [
        (2, (0.43837, 0.32326, 0.23837)),
        (3, (0.439989185632311, 0.320021628735377, 0.239989185632311)),
        (4, (0.44077832131281, 0.318443357374381, 0.24077832131281)),
    ],
)
@pytest.mark.parametrize("signed", [False, True])
def test_of_several_minimisers_a_path_goes_to_that_of_its_depth(depth, limit, signed):
    system = LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], [1.0, 0.8])
    path = projection_path(system, log_alphas=[-6.0, -60.0], depth=depth, signed=signed)
    np.testing.assert_allclose(path[1].x, limit, atol=5e-6)
    if signed:
        distance = np.log(np.abs(path[0].x - path[1].x).sum())
        assert path.log_deviation[0] == pytest.approx(distance, abs=1e-6)
    else:  # x is the same for every alpha: the sum of x is a combination of the equations
        np.testing.assert_array_equal(path.log_deviation, -np.inf)


def test_a_path_of_either_sign_is_saved(tmp_path):
    system, _ = signed_system(10)
    path = projection_path(system, log_alphas=[-2.0, -9.0], depth=np.inf, signed=True)
    path.save(tmp_path / "path.npz")
    again = load(tmp_path / "path.npz")
    assert (again.depth, again.signed) == (np.inf, True)
    np.testing.assert_array_equal(again.log_x, path.log_x)
    np.testing.assert_array_equal(again[1].log_x_minus, path[1].log_x_minus)


def test_a_projection_of_either_sign_needs_no_memory_for_the_columns_written_twice():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((120, 20_000))
    problem = BregmanProjection(LinearSystem(A, A[:, :5].sum(axis=1)), alpha=1e-6, signed=True)
    tracemalloc.start()
    try:
        assert solve(problem).status.is_certified
        assert tracemalloc.get_traced_memory()[1] < 0.5 * A.nbytes
    finally:
        tracemalloc.stop()
