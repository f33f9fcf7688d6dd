from __future__ import annotations

import copy
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from conftest import gaussian_system

from bregman_l1 import (
    BregmanProjection,
    Claim,
    InvalidOptionError,
    InvalidProblemError,
    L1Minimization,
    LinearSystem,
    NullSpaceConstant,
    certify,
    solve,
)

SMALL = LinearSystem([[1.0, 0.5]], [1.0])
# Where the flow from sqrt(alpha) and from alpha ends for A = [1, 1/2], y = 1, alpha = 0.01.
FROM_ROOT, FROM_ALPHA = 0.0975312451187128, 0.00997503124995117


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one of alpha and log_alpha"),
        ({"alpha": 0.1, "log_alpha": -1.0}, "exactly one"),
        ({"alpha": 0.0}, "alpha must be positive, got 0.0"),
        ({"alpha": -1.0}, "alpha must be positive"),
        ({"alpha": math.nan}, "alpha must be finite"),
        ({"alpha": math.inf}, "alpha must be finite"),
        ({"log_alpha": math.nan}, "log_alpha must be finite"),
        ({"alpha": "0.1"}, "alpha must be a real number"),
        ({"alpha": 1 + 1j}, "alpha must be a real number"),
        ({"alpha": True}, "alpha must be a real number"),
        ({"alpha": np.array([0.1])}, "alpha must be a real number"),
        ({"alpha": 10**400}, "alpha is beyond the range of floating point; give log_alpha"),
        ({"log_alpha": -1e18}, "log_alpha must be between -1e15 and 1e15"),
        ({"alpha": 0.1, "cost": [1.0, 1e300]}, r"cost\[1\] \* log_alpha is -2.*e\+300; it must be between"),
        ({"log_alpha": 1e10, "cost": [1.0, 1e300]}, r"cost\[1\] \* log_alpha is inf; it must be between"),
        ({"alpha": 0.1, "cost": [1.0, [2.0, 3.0]]}, "cost is not a rectangular array of numbers"),
        ({"alpha": 0.1, "cost": [1.0]}, r"cost must have shape \(2,\), got \(1,\)"),
        ({"alpha": 0.1, "cost": [1.0, math.nan]}, r"cost\[1\] is nan"),
        ({"alpha": 0.1, "cost": ["a", "b"]}, "cost has dtype"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(InvalidProblemError, match=message):
        BregmanProjection(SMALL, **arguments)


@pytest.mark.parametrize("alpha", [np.array(0.5), np.float32(0.5), Fraction(1, 2)])
def test_alpha_may_be_any_kind_of_real_number(alpha):
    assert BregmanProjection(SMALL, alpha=alpha).log_alpha == math.log(0.5)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            BregmanProjection(SMALL, log_alpha=-3.0),
            "<BregmanProjection: Bregman projection at log(alpha) = -3, LinearSystem(N=1, d=2, dense)>",
        ),
        (L1Minimization(SMALL), "<L1Minimization: nonnegative l1 minimisation, LinearSystem(N=1, d=2, dense)>"),
        (
            NullSpaceConstant(SMALL, [0], "rho"),
            "<NullSpaceConstant: null-space constant rho of a support of 1, LinearSystem(N=1, d=2, dense)>",
        ),
    ],
)
def test_a_problem_says_what_it_is(problem, text):
    assert repr(problem) == text


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda problem: pickle.loads(pickle.dumps(problem))])
def test_a_problem_stays_immutable_when_it_is_copied_or_pickled(duplicate):
    problem = duplicate(BregmanProjection(SMALL, log_alpha=-3.0, cost=[1.0, 2.0]))
    assert problem.log_prior.tolist() == [-3.0, -6.0]
    with pytest.raises(ValueError, match="read-only"):
        problem.cost[0] = 5.0
    assert solve(problem).status.is_certified


def test_a_matrix_is_not_a_system():
    with pytest.raises(InvalidProblemError, match="must be a LinearSystem"):
        BregmanProjection([[1.0]], alpha=0.1)


@pytest.mark.parametrize("backend", ["newton", "ecos", "scs", "clarabel"])
def test_projection_of_alpha_is_where_the_flow_from_its_root_ends(backend):
    assert solve(BregmanProjection(SMALL, alpha=0.01), backend).x[1] == pytest.approx(FROM_ROOT, rel=1e-13)
    assert solve(BregmanProjection(SMALL, alpha=1e-4), backend).x[1] == pytest.approx(FROM_ALPHA, rel=1e-13)


def test_every_reference_is_met_and_certified(case):
    for projection in case.projections:
        log_alpha = float(projection["log_alpha"])
        solution = solve(BregmanProjection(case.system, log_alpha=log_alpha))
        expected = np.array([float(v) for v in projection["log_x"]])
        assert solution.status.is_certified, str(solution.certificate)
        np.testing.assert_allclose(solution.log_x, expected, rtol=0, atol=1e-9 * max(1, abs(log_alpha) / 1000))


def test_every_reference_vector_is_certified_without_a_dual(case):
    for projection in case.projections:
        log_alpha = float(projection["log_alpha"])
        certificate = certify(
            BregmanProjection(case.system, log_alpha=log_alpha), log_x=[float(v) for v in projection["log_x"]]
        )
        assert certificate.ok, str(certificate)


def test_certificate_rejects_a_feasible_vector_whose_small_entries_are_wrong():
    system, _ = gaussian_system()
    problem = BregmanProjection(system, alpha=1e-9)
    good = solve(problem)
    small = np.argsort(good.log_x)[:10]
    wrong = good.log_x.copy()
    wrong[small] += 1e-3
    certificate = certify(problem, log_x=wrong)
    assert certificate.checks["primal feasibility"].passed
    assert not certificate.checks["KKT identity"].passed
    assert not certificate.checks["deviation"].passed


def test_estimated_deviation_error_is_the_true_one():
    system, _ = gaussian_system()
    problem = BregmanProjection(system, alpha=1e-9)
    good = solve(problem)
    rng = np.random.default_rng(1)
    off = 1e-5 * rng.standard_normal(good.log_x.size)
    measured = certify(problem, log_x=good.log_x + off).checks["deviation"].value
    assert measured == pytest.approx(np.abs(off).max(), rel=1e-3)


def test_kkt_identity_is_the_norm_in_an_orthonormal_kernel_basis():
    rng = np.random.default_rng(2)
    A = rng.standard_normal((3, 7))
    x = rng.random(7) + 0.5
    system = LinearSystem(A, A @ x)
    Z = np.linalg.svd(A)[2][3:].T
    certificate = certify(BregmanProjection(system, alpha=0.3), x=x)
    expected = Z.T @ np.log(x / 0.3)
    assert certificate.checks["KKT identity"].value == pytest.approx(np.linalg.norm(expected), rel=1e-10)
    assert certificate.checks["KKT identity"].value >= np.abs(expected).max()


@pytest.mark.parametrize(
    ("vector", "failed"),
    [
        ([-0.5, 3.0], "primal feasibility"),
        ([1.0, 0.0], "positivity"),
        ([0.5, 0.5], "primal feasibility"),
        ([np.nan, 1.0], "primal feasibility"),
        ([np.inf, 1.0], "primal feasibility"),
        ([0.0, 0.0], "positivity"),
    ],
)
def test_certificate_rejects_vectors_that_are_not_even_candidates(vector, failed):
    certificate = certify(BregmanProjection(SMALL, alpha=0.1), x=vector)
    assert failed in certificate.failed


def test_a_wrong_dual_is_refused_with_the_right_vector():
    problem = BregmanProjection(SMALL, alpha=0.01)
    good = solve(problem)
    assert certify(problem, good.x, log_x=good.log_x, dual=good.dual).ok
    for wrong in (-good.dual, [0.0], [1e6], [np.nan]):
        assert not certify(problem, x=good.x, dual=wrong).ok


@pytest.mark.parametrize("log_alpha", [-1.0, -13.8, -690.0, -709.5, -730.0, -744.4, -745.2, -2302.0])
@pytest.mark.parametrize("tol", [1e-9, 1e-13])
def test_what_exp_and_log_round_is_no_disagreement(log_alpha, tol):
    log_x = np.array([log_alpha, math.log(0.3), log_alpha / 3])
    problem = BregmanProjection(LinearSystem([[1.0, 1.0, 1.0]], [0.3]), log_alpha=log_alpha)
    with np.errstate(under="ignore", divide="ignore"):
        certify(problem, x=np.exp(log_x), log_x=log_x, tol=tol)
        certify(problem, x=np.exp(log_x), log_x=np.log(np.exp(log_x)), tol=tol)


def test_an_overflowing_x_agrees_with_its_logarithm():
    problem = L1Minimization(LinearSystem([[1.0, 1.0]], [1.0]))
    assert not certify(problem, x=[np.inf, 0.0], log_x=[1000.0, -np.inf]).ok


def test_log_x_of_plus_infinity_is_rejected():
    assert not certify(BregmanProjection(SMALL, alpha=0.1), log_x=[np.inf, 0.0]).ok


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give x or log_x"),
        ({"x": [1.0, 0.5], "log_x": [0.0, 0.0]}, "x and log_x disagree at entry 1"),
        (
            {"x": [1.0, -1e-10], "log_x": [0.0, -60.0]},
            r"disagree at entry 1: x\[1\] = -1.*e-10, which has no logarithm",
        ),
        ({"x": [1.0, -1e-320], "log_x": [0.0, -800.0]}, "disagree at entry 1"),
        ({"x": [1.0, -1e-10], "log_x": [0.0, math.nan]}, "disagree at entry 1"),
        ({"x": [math.nan, 1.0], "log_x": [math.nan, 0.0]}, "disagree at entry 0"),
        ({"x": [1.0 + 1e-12, 0.5], "log_x": [0.0, math.log(0.5)]}, "disagree at entry 0"),
        ({"x": [1.0, 1e-310], "log_x": [0.0, math.log(2e-310)]}, "disagree at entry 1"),
        ({"x": [1.0, 0.0], "log_x": [0.0, -740.0]}, "disagree at entry 1"),
        ({"x": [1.0, 1.0], "log_x": [0.0, -math.inf]}, "disagree at entry 1"),
        ({"x": [1.0, 5e-324], "log_x": [0.0, -math.inf]}, "disagree at entry 1"),
        ({"x": [1.0, 1.0], "log_x": [0.0, math.inf]}, "disagree at entry 1"),
        ({"x": [1.0, math.inf], "log_x": [0.0, 700.0]}, "disagree at entry 1"),
        ({"x": [1.0]}, r"x must have shape \(2,\)"),
        ({"x": ["a", "b"]}, "x has dtype"),
        ({"x": [1.0, [2.0]]}, "x is not a rectangular array"),
        ({"x": [1.0, 0.0], "dual": [1.0, 2.0]}, r"dual must have shape \(1,\)"),
    ],
)
def test_certify_names_what_is_wrong_with_its_arguments(arguments, message):
    with pytest.raises(InvalidProblemError, match=message):
        certify(BregmanProjection(SMALL, alpha=0.1), **arguments)


@pytest.mark.parametrize("tol", ["a", -1.0, math.inf, math.nan, 1.0, True])
def test_certify_refuses_a_tolerance_that_means_nothing(tol):
    with pytest.raises(InvalidOptionError, match="tol must be a positive number below 1"):
        certify(BregmanProjection(SMALL, alpha=0.1), x=[1.0, 0.0], tol=tol)


def test_forced_zeros_are_exact_and_proved():
    system = LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], [1.0, 1.0])
    problem = BregmanProjection(system, alpha=0.1)
    solution = solve(problem)
    assert solution.status.is_certified
    assert solution.x.tolist() == pytest.approx([0.0, 0.5, 0.5], rel=1e-15)
    assert solution.x[0] == 0.0
    assert solution.log_x[0] == -np.inf
    assert "positivity" in certify(problem, x=[1e-13, 0.5, 0.5]).failed


def test_dual_is_the_derivative_of_the_value():
    A, y = np.array([[1.0, 2.0, 0.5], [0.0, 1.0, -1.0]]), np.array([1.0, 0.3])

    def value(target):
        return solve(BregmanProjection(LinearSystem(A, target), alpha=0.2)).value

    dual = solve(BregmanProjection(LinearSystem(A, y), alpha=0.2)).dual
    h = 1e-5
    slope = [(value(y + h * e) - value(y - h * e)) / (2 * h) for e in np.eye(2)]
    np.testing.assert_allclose(dual, slope, rtol=1e-8)


@pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")
@pytest.mark.parametrize("backend", ["ecos", "scs", "clarabel"])
def test_all_backends_agree_on_the_sign_of_the_dual(backend):
    system, _ = gaussian_system()
    problem = BregmanProjection(system, alpha=0.1)
    raw = solve(problem, backend, polish=False, tol=1e-6)
    np.testing.assert_allclose(raw.dual, solve(problem).dual, atol=1e-4)


@pytest.mark.parametrize("backend", ["highs", "ecos", "scs", "clarabel"])
def test_all_backends_agree_on_the_sign_of_the_linear_dual(backend):
    system, _ = gaussian_system()
    problem = L1Minimization(system)
    dual = solve(problem, backend).dual
    assert system.y @ dual == pytest.approx(solve(problem).value)
    assert system.rmatvec(dual).max() <= 1 + 1e-8


def test_value_is_the_bregman_divergence():
    problem = BregmanProjection(SMALL, alpha=0.2)
    solution = solve(problem)
    x = solution.x
    assert solution.value == pytest.approx(np.sum(x * np.log(x / 0.2) - x + 0.2), rel=1e-13)


def test_dcp_is_parametrised_and_canonicalised_once(monkeypatch):
    system, _ = gaussian_system(10, 30, 2)
    counted = []
    from cvxpy.reductions.dcp2cone.dcp2cone import Dcp2Cone

    apply = Dcp2Cone.apply
    monkeypatch.setattr(Dcp2Cone, "apply", lambda self, problem: counted.append(1) or apply(self, problem))
    for log_alpha in np.linspace(-1, -8, 20):
        problem = BregmanProjection(system, log_alpha=log_alpha)
        assert problem.dcp().is_dcp(dpp=True)
        assert solve(problem, "clarabel").status.is_certified
    assert len(counted) == 1


def test_dcp_solved_by_hand_and_recovered_is_the_projection():
    problem = BregmanProjection(SMALL, alpha=0.01)
    program = problem.dcp()
    program.solve(solver="CLARABEL")
    claim = problem.recover(program)
    assert claim.x[1] == pytest.approx(FROM_ROOT, rel=1e-3)


@pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")
def test_answers_do_not_depend_on_history():
    system, _ = gaussian_system()
    first = solve(BregmanProjection(system, alpha=1e-3), "scs", polish=False, tol=1e-6).x
    solve(BregmanProjection(system, alpha=0.9), "scs", polish=False, tol=1e-6)
    np.testing.assert_array_equal(solve(BregmanProjection(system, alpha=1e-3), "scs", polish=False, tol=1e-6).x, first)


@pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")
def test_cost_vector_is_a_prior_with_its_own_exponents():
    system, cost = LinearSystem([[1.0, 1.5, 1.0]], [2.0]), np.array([1.0, 2.0, 1.5])
    solution = solve(BregmanProjection(system, alpha=1e-2, cost=cost))
    prior = 1e-2**cost
    lam = np.log(solution.x[0] / prior[0])
    np.testing.assert_allclose(solution.x, prior * np.exp(system.rmatvec([lam])), rtol=1e-13)
    conic = solve(BregmanProjection(system, alpha=1e-2, cost=cost), "ecos", polish=False, tol=1e-8)
    np.testing.assert_allclose(conic.x, solution.x, rtol=1e-4)


def test_certificate_of_a_claim_in_x_and_in_log_x_is_the_same():
    problem = BregmanProjection(SMALL, alpha=0.01)
    x = solve(problem).x
    by_x, by_log = problem.certify(Claim(x=x)), problem.certify(Claim(log_x=np.log(x)))
    assert by_x.ok
    assert by_log.ok
