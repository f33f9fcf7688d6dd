"""Projections of a prior, and of prior * alpha**cost: closed forms, brute force, zeros, paths."""

from __future__ import annotations

import copy
import math
import pickle

import mpmath as mp
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import gaussian_system
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, brentq, minimize
from typer.testing import CliRunner

from bregman_l1 import (
    BregmanProjection,
    Claim,
    InfeasibleError,
    InvalidProblemError,
    LinearSystem,
    analyze,
    certify,
    projection_path,
    solve,
)
from bregman_l1.cli import app
from bregman_l1.newton import along

BACKENDS = ["newton", "ecos", "scs", "clarabel"]
TOTAL = LinearSystem([[1.0, 1.0, 1.0, 1.0]], [12.0])
SMALL = LinearSystem([[1.0, 0.5]], [1.0])
# x_2 is needed by the second equation.
NEEDED = LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, -1.0]], [1.0, 0.5])


def divergence(x: np.ndarray, p: np.ndarray) -> float:
    positive = p > 0
    x, p = x[positive], p[positive]
    return float(np.sum(x * np.log(x / p) - x + p))


def by_bisection(a: list[float], y: float, log_prior: list[mp.mpf]) -> list[mp.mpf]:
    """Log x of the projection onto a'x = y with positive a, to 40 digits."""
    with mp.workdps(40):

        def missing(lam: mp.mpf) -> mp.mpf:
            return mp.fsum(w * mp.exp(t + w * lam) for w, t in zip(a, log_prior, strict=True)) - y

        low, high = mp.mpf(-10000), mp.mpf(10000)
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if missing(middle) < 0 else (low, middle)
        return [t + w * low for w, t in zip(a, log_prior, strict=True)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("q", [[1.0, 2.0, 3.0, 6.0], [1, 0, 3, 0], [0.0, 0.0, 0.0, 1e-3]])
def test_a_total_is_shared_in_proportion_to_the_prior(backend, q):
    solution = solve(BregmanProjection(TOTAL, prior=q), backend)
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x, 12.0 * np.array(q) / np.sum(q), rtol=1e-13)
    assert solution.value == pytest.approx(divergence(solution.x, np.array(q, dtype=float)), rel=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("arguments", [{}, {"alpha": 1e-2}, {"alpha": 0.5, "cost": [0.5, 1.0, 1.5, 2.0, 1.0, 3.0]}])
def test_the_projection_is_the_minimiser_that_brute_force_finds(backend, arguments):
    A = np.array([[1.0, 1.0, 1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    q = np.array([0.3, 2.0, 0.0, 0.7, 5.0, 0.1])
    p = q * arguments.get("alpha", 1.0) ** np.array(arguments.get("cost", 1.0))
    system = LinearSystem(A, [2.0, 7.0])
    kept = q > 0
    found = minimize(
        lambda v: divergence(v, p[kept]),
        np.full(kept.sum(), 0.4),
        jac=lambda v: np.log(v / p[kept]),
        hess=lambda v: np.diag(1.0 / v),
        method="trust-constr",
        bounds=Bounds(1e-12, np.inf, keep_feasible=True),
        constraints=LinearConstraint(A[:, kept], system.y, system.y),
        options={"gtol": 1e-12, "xtol": 1e-14, "maxiter": 3000},
    )
    solution = solve(BregmanProjection(system, prior=q, **arguments), backend)
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x[kept], found.x, atol=1e-5)
    assert solution.value <= divergence(found.x, p[kept]) + 1e-9
    assert solution.x[~kept].tolist() == [0.0]
    assert solution.log_x[~kept].tolist() == [-math.inf]


def test_a_deep_alpha_with_cost_and_prior_meets_forty_digits():
    a, y, q, cost, log_alpha = [1.0, 1.5, 1.0], 2.0, [3.0, 1.0, 2.0], [1.0, 2.0, 1.5], -1000 * math.log(10)
    with mp.workdps(40):
        log_prior = [mp.log(beta) + mp.mpf(c) * mp.mpf(log_alpha) for beta, c in zip(q, cost, strict=True)]
    solution = solve(BregmanProjection(LinearSystem([a], [y]), log_alpha=log_alpha, cost=cost, prior=q))
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.log_x, [float(v) for v in by_bisection(a, y, log_prior)], rtol=0, atol=1e-11)


def test_golden_limit_of_a_path_with_cost_and_prior():
    path = projection_path(
        LinearSystem([[1.0, 1.5, 1.0]], [2.0]), log_alphas=[-400.0], cost=[1.0, 2.0, 1.5], prior=[3.0, 1.0, 2.0]
    )
    # The limit is (2, 0, 0); what is off it tends to 1.877664387285151 sqrt(alpha).
    off = np.logaddexp(*path.log_x[0][1:]) - path.log_alphas[0] / 2
    assert math.exp(off) == pytest.approx(1.877664387285151, rel=1e-12)
    assert path.rate == pytest.approx(0.5, rel=1e-12)


@pytest.mark.parametrize("size", [1e-300, 1e-20, 1e20, 1e300])
def test_a_prior_of_any_size_is_certified(size):
    system, _ = gaussian_system(5, 15, 2)
    q = size ** np.linspace(0.0, 1.0, 15)
    solution = solve(BregmanProjection(system, prior=q))
    assert solution.status.is_certified
    fit = np.linalg.lstsq(system.matrix.T, solution.log_x - np.log(q), rcond=None)[0]
    np.testing.assert_allclose(system.rmatvec(fit), solution.log_x - np.log(q), atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-600.0, 600.0), min_size=4, max_size=4), st.floats(0.01, 100.0), st.integers(0, 3))
def test_a_total_is_shared_in_proportion_to_any_prior(log_q, total, zero):
    q = np.exp(log_q)
    q[zero] = 0.0
    expected = np.log(q[q > 0]) - np.logaddexp.reduce(np.log(q[q > 0])) + math.log(total)
    solution = solve(BregmanProjection(LinearSystem(np.ones((1, 4)), [total]), prior=q))
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.log_x[q > 0], expected, rtol=0, atol=1e-9)


def test_an_even_prior_is_alpha():
    system, _ = gaussian_system()
    by_alpha, by_prior = (
        solve(BregmanProjection(system, alpha=0.01)),
        solve(BregmanProjection(system, prior=[0.01] * 60)),
    )
    np.testing.assert_allclose(by_prior.log_x, by_alpha.log_x, atol=1e-10)
    assert by_prior.value == pytest.approx(by_alpha.value, rel=1e-12)


def test_the_columns_of_zeros_in_the_prior_do_not_matter():
    system, x0 = gaussian_system()
    q = np.where((x0 > 0) | (np.arange(60) % 3 > 0), 0.1 + np.arange(60.0), 0.0)
    kept = np.flatnonzero(q)
    alone = solve(BregmanProjection(system.restrict(kept), log_alpha=-200.0, prior=q[kept]))
    for matrix in (system.matrix, sp.csc_array(system.matrix)):
        solution = solve(BregmanProjection(LinearSystem(matrix, system.y), log_alpha=-200.0, prior=q))
        assert solution.status.is_certified
        np.testing.assert_allclose(solution.log_x[kept], alone.log_x, atol=1e-9)
        np.testing.assert_array_equal(np.isfinite(solution.log_x), q > 0)
    assert solution.value == pytest.approx(alone.value, rel=1e-9)


def test_zeros_of_the_prior_beside_zeros_that_the_system_forces():
    # x_0 is forced to vanish by the equations, x_3 by the prior.
    system = LinearSystem([[1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0]], [1.0, 1.0])
    solution = solve(BregmanProjection(system, alpha=0.1, prior=[1.0, 1.0, 3.0, 0.0]))
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x, [0.0, 0.25, 0.75, 0.0], rtol=1e-14)


def test_certify_refuses_what_is_not_zero_where_the_prior_is():
    problem = BregmanProjection(TOTAL, prior=[1.0, 2.0, 0.0, 1.0])
    assert certify(problem, x=[3.0, 6.0, 0.0, 3.0]).ok
    for wrong in ([3.0, 6.0, 1e-300, 3.0], [3.0, 6.0, -1e-300, 3.0], [3.0, 6.0, math.nan, 3.0]):
        certificate = certify(problem, x=wrong)
        assert "positivity" in certificate.failed
        assert "1 entries are not zero where the prior is" in certificate.remarks
    deep = certify(problem, log_x=[math.log(3.0), math.log(6.0), -1e4, math.log(3.0)])
    assert deep.failed == ("positivity",)
    assert "positivity" in certify(problem, x=[0.0, 8.0, 0.0, 4.0]).failed
    assert "KKT identity" in certify(problem, x=[4.0, 4.0, 0.0, 4.0]).failed


def test_the_value_is_infinite_where_x_is_positive_and_the_prior_is_not():
    problem = BregmanProjection(TOTAL, prior=[1.0, 0.0, 1.0, 1.0])
    assert problem.objective(Claim(x=np.array([6.0, 0.0, 3.0, 3.0]))) == pytest.approx(
        divergence(np.array([6.0, 0.0, 3.0, 3.0]), problem.prior)
    )
    assert problem.objective(Claim(x=np.full(4, 3.0))) == math.inf


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("second", [[0.0, 1.0, -1.0], [0.0, 1.0, 0.0]])
def test_zeros_that_leave_no_solution_are_infeasible_and_proved(backend, second):
    system, q = LinearSystem([[1.0, 1.0, 1.0], second], [1.0, 0.5]), [1.0, 0.0, 2.0]
    with pytest.raises(InfeasibleError, match="no x >= 0 that vanishes where the prior does") as caught:
        solve(BregmanProjection(system, prior=q), backend)
    z, kept = caught.value.farkas, np.flatnonzero(q)
    assert (system.columns(kept).T @ z <= 0).all()
    assert system.y @ z > 0
    assert solve(BregmanProjection(system, prior=[1.0, 1e-9, 2.0]), backend).status.is_certified


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_rows_that_zeros_contradict_are_named_and_none_can_be_spared(backend):
    A = np.vstack([np.kron(np.eye(3), np.ones(3)), np.kron(np.ones(3), [1.0, 0.0, 0.0])])  # of a table of 3 x 3
    system = LinearSystem(A, [3.0, 3.0, 3.0, 2.0], row_names=["r0", "r1", "r2", "c0"])
    only_in_c0 = [1.0, 0.0, 0.0] + 6 * [1.0]  # the 3 of r0 have to be in c0, which has 2
    with pytest.raises(InfeasibleError, match=r"rows 'r0', 'c0' contradict each other .* give more entries") as caught:
        solve(BregmanProjection(system, prior=only_in_c0), backend)
    assert caught.value.row_names == ("r0", "c0")
    assert caught.value.rows.tolist() == [0, 3]


def test_a_system_that_is_infeasible_without_the_zeros_says_the_more():
    system = LinearSystem([[1.0, 1.0, 1.0], [1.0, 1.0, 2.0]], [1.0, -1.0])
    with pytest.raises(InfeasibleError, match="no x >= 0 solves A x = y") as caught:
        solve(BregmanProjection(system, prior=[1.0, 0.0, 1.0]))
    assert (system.rmatvec(caught.value.farkas) <= 0).all()


def test_a_path_through_zeros_that_leave_no_solution_is_infeasible():
    with pytest.raises(InfeasibleError, match="no x >= 0 that vanishes where the prior does"):
        projection_path(NEEDED, log_alphas=[-1.0, -100.0], prior=[1.0, 0.0, 2.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"prior": [1.0, -0.5]}, r"prior\[1\] is -0.5; every entry must be finite and nonnegative"),
        ({"prior": [math.nan, 1.0]}, r"prior\[0\] is nan"),
        ({"prior": [1.0, math.inf]}, r"prior\[1\] is inf"),
        ({"prior": [0.0, 0.0]}, "prior is zero in every entry"),
        ({"prior": [1.0]}, r"prior must have shape \(2,\), got \(1,\)"),
        ({"prior": [[1.0, 1.0]]}, r"prior must have shape \(2,\)"),
        ({"prior": 1.0}, r"prior must have shape \(2,\), got \(\)"),
        ({"prior": ["a", "b"]}, "prior has dtype"),
        ({"prior": [1.0, 2.0], "cost": [1.0, 2.0]}, "a cost is the exponent of alpha: give alpha or log_alpha"),
        ({"alpha": 1.0, "cost": [1.0, 2.0]}, "give prior="),
        ({"log_alpha": 0.0, "cost": [1.0, 2.0]}, "give prior="),
        ({"alpha": 1, "cost": [1.0, 2.0], "prior": [1.0, 2.0]}, "give prior="),
        ({"alpha": 0.0, "prior": [1.0, 2.0]}, "alpha must be positive"),
        ({"alpha": 0.1, "log_alpha": -1.0, "prior": [1.0, 2.0]}, "exactly one of alpha and log_alpha"),
        ({"log_alpha": -1e10, "cost": [1.0, 1e300], "prior": [0.0, 1.0]}, r"cost\[1\] \* log_alpha"),
    ],
)
def test_a_wrong_prior_or_an_unused_cost_is_named(arguments, message):
    with pytest.raises(InvalidProblemError, match=message):
        BregmanProjection(SMALL, **arguments)


def test_a_cost_that_is_the_same_for_all_may_stand_at_alpha_one():
    assert BregmanProjection(SMALL, alpha=1.0, cost=[2.0, 2.0]).log_prior.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "q", [[1, 2], np.array([1, 2], dtype=np.int8), pd.Series([1, 2], index=["a", "b"]), (1.0, 2.0)]
)
def test_a_prior_may_be_any_vector_of_numbers(q):
    assert BregmanProjection(SMALL, prior=q).prior.tolist() == [1.0, 2.0]


def test_a_problem_tells_its_prior():
    problem = BregmanProjection(SMALL, prior=[0.5, 0.0])
    assert problem.log_alpha == 0.0
    assert problem.alpha == 1.0
    assert problem.log_prior.tolist() == [math.log(0.5), -math.inf]
    assert problem.cost.tolist() == [1.0, 1.0]
    assert "of a prior" in problem.title
    scaled = BregmanProjection(SMALL, log_alpha=-3.0, cost=[1.0, 2.0], prior=[0.5, 2.0])
    np.testing.assert_allclose(scaled.log_prior, [math.log(0.5) - 3.0, math.log(2.0) - 6.0])
    assert BregmanProjection(SMALL, alpha=0.1).prior.tolist() == [1.0, 1.0]


def test_the_prior_of_the_caller_stays_his_own():
    q = np.array([1.0, 2.0])
    problem = BregmanProjection(SMALL, prior=q)
    q[0] = 7.0
    assert problem.prior.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        problem.prior[0] = 7.0


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda problem: pickle.loads(pickle.dumps(problem))])
def test_a_copied_problem_keeps_its_prior(duplicate):
    problem = duplicate(BregmanProjection(TOTAL, prior=[1.0, 2.0, 0.0, 1.0]))
    np.testing.assert_allclose(solve(problem).x, [3.0, 6.0, 0.0, 3.0], rtol=1e-13)


def test_one_program_serves_all_priors_with_the_same_zeros(monkeypatch):
    from cvxpy.reductions.dcp2cone.dcp2cone import Dcp2Cone

    counted, apply, rng = [], Dcp2Cone.apply, np.random.default_rng(0)
    monkeypatch.setattr(Dcp2Cone, "apply", lambda self, problem: counted.append(1) or apply(self, problem))
    system, x0 = gaussian_system(10, 30, 2)
    zeros = (x0 == 0) & (np.arange(30) % 2 == 0)
    programs = set()
    for alpha in (0.5, 0.1, 0.02):
        q = np.where(zeros, 0.0, rng.random(30) + 0.1)
        problem = BregmanProjection(system, alpha=alpha, cost=1.0 + rng.random(30), prior=q)
        programs.add(id(problem.dcp()))
        assert problem.dcp().is_dcp(dpp=True)
        assert solve(problem, "clarabel").status.is_certified
    assert len(counted) == len(programs) == 1


def test_a_program_of_many_parameters_is_canonicalised_for_each_prior(monkeypatch):
    """To keep it in canonical form takes memory for its variables times its parameters."""
    from cvxpy.reductions.dcp2cone.dcp2cone import Dcp2Cone

    counted, apply, rng = [], Dcp2Cone.apply, np.random.default_rng(0)
    monkeypatch.setattr(Dcp2Cone, "apply", lambda self, problem: counted.append(1) or apply(self, problem))
    system = LinearSystem(np.vstack([np.ones(2500), rng.random(2500)]), [1.0, 0.5])
    for _ in range(2):
        assert solve(BregmanProjection(system, prior=rng.random(2500)), "clarabel").status.is_certified
    assert len(counted) == 2


def test_dcp_with_zeros_solved_by_hand_and_recovered_is_the_projection():
    problem = BregmanProjection(TOTAL, prior=[1.0, 2.0, 0.0, 1.0])
    program = problem.dcp()
    assert sorted((p.name(), p.shape) for p in program.parameters()) == [("tilt", (3,)), ("weight", ())]
    program.solve(solver="CLARABEL")
    np.testing.assert_allclose(problem.recover(program).x, [3.0, 6.0, 0.0, 3.0], atol=1e-3)


@pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")
@pytest.mark.parametrize("backend", BACKENDS[1:])
def test_conic_backends_agree_unpolished(backend):
    system, x0 = gaussian_system()
    q = np.where((x0 == 0) & (np.arange(60) % 4 == 0), 0.0, np.geomspace(0.05, 20.0, 60))
    problem = BregmanProjection(system, alpha=0.3, prior=q)
    raw, exact = solve(problem, backend, polish=False, tol=1e-7), solve(problem)
    np.testing.assert_allclose(raw.x, exact.x, atol=1e-4)
    np.testing.assert_allclose(raw.dual, exact.dual, atol=1e-3)


@pytest.mark.parametrize("backend", ["auto", "clarabel"])
@pytest.mark.parametrize("cost", [None, np.linspace(0.5, 2.0, 40)])
def test_a_path_with_a_prior_is_that_of_separate_solves(backend, cost):
    rng = np.random.default_rng(4)
    A, x0 = rng.integers(-3, 4, (10, 40)).astype(float), np.zeros(40)
    x0[:3] = 1.0
    q = np.where((x0 == 0) & (np.arange(40) % 5 == 0), 0.0, 10.0 ** rng.uniform(-6, 6, 40))
    system = LinearSystem(A, A @ x0)
    asked = [0.0, *(-np.geomspace(1.0, 2303.0, 9 if backend == "auto" else 3))]
    path = projection_path(system, log_alphas=asked, backend=backend, cost=cost, prior=q)
    assert all(solution.status.is_certified for solution in path)
    for log_alpha, solution in zip(asked[1:], path[1:], strict=True):
        alone = solve(BregmanProjection(system, log_alpha=log_alpha, cost=cost, prior=q))
        np.testing.assert_allclose(solution.log_x, alone.log_x, rtol=1e-11, atol=1e-8)
    np.testing.assert_allclose(path[0].log_x, solve(BregmanProjection(system, prior=q)).log_x, atol=1e-8)
    np.testing.assert_array_equal(path.prior, q)


def test_the_points_of_a_path_with_a_prior_follow_each_other(monkeypatch):
    projected, project = [], along.project
    monkeypatch.setattr(along, "project", lambda *args, **options: projected.append(1) or project(*args, **options))
    system, _ = gaussian_system()
    projection_path(system, log_alphas=-np.linspace(50.0, 500.0, 20), prior=np.geomspace(1e-3, 1e3, 60))
    assert len(projected) < 5


def test_the_deviation_of_a_path_with_a_prior_is_the_distance_to_its_limit():
    system, x0 = gaussian_system()
    q = np.where((x0 == 0) & (np.arange(60) % 4 == 0), 0.0, np.geomspace(0.05, 20.0, 60))
    path = projection_path(system, log_alphas=[-4.0, -8.0, -12.0], prior=q)
    direct = [np.log(np.abs(solution.x - x0).sum()) for solution in path]
    np.testing.assert_allclose(path.log_deviation, direct, atol=1e-8)
    deep = projection_path(system, log_alphas=[-2000.0, -4000.0], prior=q)
    assert np.diff(deep.log_deviation)[0] / -2000.0 == pytest.approx(deep.rate, rel=1e-9)


def test_the_limit_of_a_path_with_zeros_is_the_minimiser_among_what_they_leave():
    # Without the first column the cheapest solution is (0, 1, 1); with it (2, 0, 0) is not allowed to count.
    system = LinearSystem([[0.5, 1.0, 0.0, 0.3], [0.5, 0.0, 1.0, 0.3]], [1.0, 1.0])
    path = projection_path(system, log_alphas=[-50.0, -100.0], prior=[0.0, 1.0, 1.0, 5.0])
    kept = projection_path(system.restrict([1, 2, 3]), log_alphas=[-50.0, -100.0], prior=[1.0, 1.0, 5.0])
    np.testing.assert_allclose(path.log_deviation, kept.log_deviation, rtol=1e-13)
    assert path.rate == kept.rate


def test_where_the_prior_decides_the_limit_the_distance_is_that_from_it():
    system = LinearSystem([[1.0, 1.0, 1.0, 0.5], [0.0, 1.0, 2.0, 3.0]], [1.0, 0.8])
    prior = np.array([1.0, 2.0, 3.0, 4.0])
    path = projection_path(system, log_alphas=[-5.0, -200.0], prior=prior)
    # On the face (s + 0.2, 0.8 - 2 s, s), s in (0, 0.4), of all minimisers log(x / prior) is orthogonal to (1, -2, 1).
    s = brentq(lambda s: (s + 0.2) / 1.0 * s / 3.0 - ((0.8 - 2.0 * s) / 2.0) ** 2, 1e-9, 0.4, xtol=1e-15)
    limit = np.array([s + 0.2, 0.8 - 2.0 * s, s, 0.0])
    assert path.log_deviation[0] == pytest.approx(math.log(np.abs(path[0].x - limit).sum()), abs=1e-9)
    leading = analyze(system, prior=prior).log_leading_constants.total
    assert path.log_deviation[1] == pytest.approx(leading - 100.0, rel=1e-12)
    assert path.rate == pytest.approx(0.5, rel=1e-12)
    without = projection_path(system, log_alphas=[-200.0], prior=np.ones(4))
    assert without.log_deviation[0] == pytest.approx(math.log(1.04219052909587) - 100.0, rel=1e-12)


def test_a_cost_on_a_path_and_in_an_analysis_may_pass_alpha_one():
    cost = [1.0, 2.0, 1.5]
    system = LinearSystem([[1.0, 1.5, 1.0]], [2.0])
    path = projection_path(system, alphas=[1.0, 0.1], cost=cost)
    np.testing.assert_allclose(path[0].x, solve(BregmanProjection(system, alpha=1.0)).x, rtol=1e-13)
    analysis = analyze(system, cost)
    assert analysis.log_deviation(alpha=1.0) == pytest.approx(path.log_deviation[0], rel=1e-12)


def test_the_command_line_projects_a_prior(tmp_path):
    runner = CliRunner()
    np.save(tmp_path / "A.npy", np.ones((1, 3)))
    np.save(tmp_path / "y.npy", np.array([12.0]))
    np.save(tmp_path / "q.npy", np.array([1.0, 2.0, 0.0]))
    files = [str(tmp_path / "A.npy"), str(tmp_path / "y.npy"), "--prior", str(tmp_path / "q.npy")]
    output = tmp_path / "x.npy"
    for arguments in ([], ["--alpha", "0.01"]):
        result = runner.invoke(app, ["solve", *files, *arguments, "--output", str(output)])
        assert result.exit_code == 0, result.output
        np.testing.assert_allclose(np.load(output), [4.0, 8.0, 0.0], rtol=1e-13)
    result = runner.invoke(app, ["solve", *files, "--problem", "l1"])
    assert result.exit_code == 2
    assert "no prior" in result.output
