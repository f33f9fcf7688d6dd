"""The solvers that see products with A and A' alone, against the native method, HiGHS and their own counts."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.fft
import scipy.sparse
from scipy.sparse.linalg import LinearOperator

from bregman_l1 import (
    BregmanProjection,
    InvalidProblemError,
    InvalidSystemError,
    L1Minimization,
    LinearSystem,
    UnsupportedProblemError,
    solve,
)
from bregman_l1.krylov import minimiser, project
from bregman_l1.krylov.minimal_residuals import minimal_residuals
from bregman_l1.newton import project as native
from bregman_l1.newton.conjugate_gradients import conjugate_gradients
from bregman_l1.outcome import Outcome


class PartialCosine:
    """Random rows of the orthonormal cosine transform, which count how often they are applied."""

    def __init__(self, n_rows: int, n_columns: int, n_positive: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.shape, self.applied = (n_rows, n_columns), 0
        self.rows = np.sort(rng.choice(n_columns, n_rows, replace=False))
        self.x = np.zeros(n_columns)
        self.x[rng.choice(n_columns, n_positive, replace=False)] = rng.exponential(size=n_positive)
        self.system = LinearSystem(
            LinearOperator(self.shape, matvec=self.matvec, rmatvec=self.rmatvec, dtype=float), self.matvec(self.x)
        )
        self.applied = 0

    def matvec(self, x: np.ndarray) -> np.ndarray:
        self.applied += 1
        return scipy.fft.dct(np.ravel(x), norm="ortho")[self.rows]

    def rmatvec(self, lam: np.ndarray) -> np.ndarray:
        self.applied += 1
        spectrum = np.zeros(self.shape[1])
        spectrum[self.rows] = np.ravel(lam)
        return scipy.fft.idct(spectrum, norm="ortho")


@pytest.fixture
def cosine():
    return PartialCosine(512, 4096, 50)


def gaussian(seed: int, shape: tuple[int, int] = (20, 60), positive: int = 4) -> LinearSystem:
    rng = np.random.default_rng(seed)
    A, x = rng.standard_normal(shape), np.zeros(shape[1])
    x[:positive] = rng.exponential(size=positive)
    return LinearSystem(A, A @ x)


# The linear solvers


@pytest.mark.parametrize("signs", [np.ones(30), np.where(np.arange(30) % 3, 1.0, -1.0)])
def test_minres_solves_systems_of_any_signs(signs):
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((30, 30)))[0]
    H, right = Q @ np.diag(signs * rng.uniform(1, 3, 30)) @ Q.T, rng.standard_normal(30)
    solved = minimal_residuals(lambda v: H @ v, right, 1e-12, 60)
    assert np.allclose(solved.solution, np.linalg.solve(H, right), rtol=0, atol=1e-10)
    assert solved.residual <= 1e-12


def test_conjugate_gradients_use_their_preconditioner():
    diagonal, right = np.geomspace(1, 1e6, 200), np.ones(200)
    solved = conjugate_gradients(
        lambda v: diagonal * v, right, residual=1e-12, most=2, preconditioned=lambda rest: rest / diagonal
    )
    assert solved.residual <= 1e-12
    assert np.allclose(solved.solution, 1 / diagonal)


def by_conjugate_gradients(product, right, tolerance, most):
    return conjugate_gradients(product, right, residual=tolerance, most=most, least=0.0)


@pytest.mark.parametrize("solver", [by_conjugate_gradients, minimal_residuals])
def test_a_singular_system_whose_right_side_is_in_range_is_solved(solver):
    H = np.diag([2.0, 1.0, 0.0])
    solved = solver(lambda v: H @ v, np.array([2.0, 3.0, 0.0]), 1e-12, 20)
    assert np.allclose(H @ solved.solution, [2.0, 3.0, 0.0])


# Projections


@pytest.mark.parametrize("alpha", [1e-1, 1e-4, 1e-8])
@pytest.mark.parametrize("seed", [0, 1])
def test_projections_are_those_of_the_native_method(seed, alpha):
    system, log_prior = gaussian(seed), np.full(60, np.log(alpha))
    claim, reference = project(system, log_prior), native(system, log_prior)
    assert claim.outcome is Outcome.OPTIMAL
    assert np.abs(claim.log_x - reference.log_x).max() <= 10 * claim.error <= 1e-8
    assert np.allclose(claim.log_x, log_prior + system.rmatvec(claim.dual), rtol=0, atol=claim.error)


def test_a_prior_may_differ_from_entry_to_entry():
    system, rng = gaussian(3), np.random.default_rng(3)
    log_prior = -12.0 * rng.uniform(0.5, 1.5, 60) + rng.standard_normal(60)
    claim = project(system, log_prior)
    assert claim.outcome is Outcome.OPTIMAL
    assert np.allclose(claim.log_x, native(system, log_prior).log_x, rtol=0, atol=1e-9)


def test_rows_that_depend_on_others_do_no_harm():
    system = gaussian(4)
    A = np.vstack([system.matrix, system.matrix[:3].sum(axis=0)])
    doubled = LinearSystem(A, np.append(system.y, system.y[:3].sum()))
    claim = project(doubled, np.full(60, np.log(1e-4)))
    assert np.allclose(claim.log_x, native(system, np.full(60, np.log(1e-4))).log_x, rtol=0, atol=1e-9)


def test_rows_of_very_different_size_do_no_harm():
    system, factors = gaussian(5), np.exp(3 * np.random.default_rng(5).standard_normal(20))
    scaled = LinearSystem(factors[:, None] * system.matrix, factors * system.y)
    log_prior = np.full(60, np.log(1e-4))
    claim = project(scaled, log_prior)
    assert np.allclose(claim.log_x, native(system, log_prior).log_x, rtol=0, atol=1e-9)


@pytest.mark.parametrize(("alpha", "most"), [(1e-4, 700), (1e-6, 1150), (1e-8, 1700)])
def test_applications_are_few_and_the_dual_fits(cosine, alpha, most):
    claim = project(cosine.system, np.full(4096, np.log(alpha)))
    assert claim.outcome is Outcome.OPTIMAL
    assert claim.iterations == cosine.applied <= most
    x = np.exp(claim.log_x)
    assert np.linalg.norm(cosine.matvec(x) - cosine.system.y) <= 1e-11 * np.linalg.norm(cosine.system.y)


def test_a_dual_nearby_saves_applications(cosine):
    cold = project(cosine.system, np.full(4096, np.log(1e-4)))
    near = project(cosine.system, np.full(4096, np.log(1.1e-4)), start_dual=cold.dual)
    assert near.outcome is Outcome.OPTIMAL
    assert near.iterations < 0.8 * cold.iterations
    again = project(cosine.system, np.full(4096, np.log(1.1e-4)))
    assert np.allclose(near.log_x, again.log_x, rtol=0, atol=1e-9)


def test_a_dual_that_leads_nowhere_is_given_up(cosine):
    claim = project(cosine.system, np.full(4096, np.log(1e-2)), start_dual=np.full(512, 1e3))
    assert claim.outcome is Outcome.OPTIMAL


@pytest.mark.parametrize("most", [1, 7, 100])
def test_no_more_applications_are_made_than_allowed(cosine, most):
    claim = project(cosine.system, np.full(4096, np.log(1e-8)), max_iter=most)
    assert (claim.outcome, claim.iterations, cosine.applied) == (Outcome.ITERATION_LIMIT, most, most)
    assert np.isfinite(claim.log_x).all()
    assert claim.dual.shape == (512,)


def test_a_time_limit_is_kept(cosine):
    claim = project(cosine.system, np.full(4096, np.log(1e-8)), time_limit=1e-3)
    assert claim.outcome is Outcome.TIME_LIMIT


def test_an_operator_that_turns_to_nan_ends_the_run(cosine):
    def turning(x: np.ndarray) -> np.ndarray:
        return cosine.matvec(x) if cosine.applied < 50 else np.full(512, np.nan)

    system = LinearSystem(LinearOperator(cosine.shape, matvec=turning, rmatvec=cosine.rmatvec), cosine.system.y)
    for run in (lambda: project(system, np.full(4096, np.log(1e-4))), lambda: minimiser(system, np.ones(4096))):
        with pytest.raises(InvalidSystemError, match="A.matvec returned nan"):
            run()


def test_entries_that_underflow_are_not_vouched_for():
    claim = project(gaussian(0), np.full(60, -2000.0))
    assert claim.outcome is Outcome.INACCURATE


# Infeasible systems


def test_an_infeasible_system_has_a_farkas_vector():
    rng = np.random.default_rng(0)
    A = rng.uniform(size=(10, 40))
    system = LinearSystem(A, -A.sum(axis=1))
    for claim in (project(system, np.full(40, -3.0)), minimiser(system, np.ones(40))):
        assert claim.outcome is Outcome.INFEASIBLE
        assert (system.rmatvec(claim.proof.z) <= 0).all()
        assert system.y @ claim.proof.z > 0


@pytest.mark.parametrize("seed", range(3))
def test_no_answer_is_vouched_for_where_there_is_none(seed):
    rng = np.random.default_rng(seed)
    system = LinearSystem(rng.uniform(size=(20, 60)), rng.standard_normal(20))
    for claim in (project(system, np.full(60, -9.0)), minimiser(system, np.ones(60))):
        assert claim.outcome in (Outcome.INACCURATE, Outcome.INFEASIBLE)
        assert claim.iterations < 20_000


# Minimisers


def test_the_minimiser_is_found_and_proved_with_few_applications(cosine):
    claim = minimiser(cosine.system, np.ones(4096))
    assert claim.outcome is Outcome.OPTIMAL
    assert claim.iterations == cosine.applied <= 350
    assert np.allclose(claim.x, cosine.x, rtol=0, atol=1e-13)
    assert cosine.rmatvec(claim.dual).max() <= 1 + 1e-12
    assert abs(claim.x.sum() - cosine.system.y @ claim.dual) <= 1e-12 * claim.x.sum()


@pytest.mark.parametrize("positive", [4, 20])
@pytest.mark.parametrize("even", [True, False])
def test_a_minimiser_is_that_of_highs_or_not_vouched_for(positive, even):
    optimal = 0
    for seed in range(8):
        system = gaussian(seed, positive=positive)
        cost = np.ones(60) if even else np.random.default_rng(seed).uniform(0.5, 1.5, 60)
        claim = minimiser(system, cost)
        best = solve(L1Minimization(system, cost=cost), "highs").value
        if claim.outcome is Outcome.OPTIMAL:
            optimal += 1
            assert cost @ claim.x == pytest.approx(best, rel=1e-10)
            assert (system.rmatvec(claim.dual) <= cost + 1e-10).all()
        else:
            assert claim.outcome is Outcome.INACCURATE
    assert optimal >= (7 if positive == 4 else 0)


def test_a_minimiser_of_either_sign_is_found_with_few_applications(cosine):
    x = np.where(np.arange(4096) % 2, cosine.x, -cosine.x)
    operator = LinearOperator(cosine.shape, matvec=cosine.matvec, rmatvec=cosine.rmatvec, dtype=float)
    system = LinearSystem(operator, cosine.matvec(x))
    claim = minimiser(system.doubled, np.ones(8192))
    assert claim.outcome is Outcome.OPTIMAL
    assert claim.iterations <= 400
    assert np.allclose(claim.x[:4096] - claim.x[4096:], x, rtol=0, atol=1e-13)
    assert np.abs(cosine.rmatvec(claim.dual)).max() <= 1 + 1e-12


def test_a_minimiser_that_is_not_sparse_is_not_vouched_for(cosine):
    noise = 0.1 * np.random.default_rng(0).standard_normal(512)
    operator = LinearOperator(cosine.shape, matvec=cosine.matvec, rmatvec=cosine.rmatvec, dtype=float)
    claim = minimiser(LinearSystem(operator, cosine.system.y + noise), np.ones(4096), max_iter=20_000)
    assert claim.outcome is Outcome.INACCURATE
    assert claim.iterations < 20_000


@pytest.mark.parametrize("most", [1, 50])
def test_a_search_stops_where_it_is_told(cosine, most):
    claim = minimiser(cosine.system, np.ones(4096), max_iter=most)
    assert (claim.outcome, claim.iterations) == (Outcome.ITERATION_LIMIT, most)


def test_the_norms_of_columns_in_memory_need_no_random_products():
    rng, x = np.random.default_rng(0), np.zeros(5000)
    A = scipy.sparse.random_array((300, 5000), density=0.1, rng=rng, data_sampler=rng.standard_normal)
    x[rng.choice(5000, 8, replace=False)] = rng.uniform(1, 2, 8)
    claim = minimiser(LinearSystem(A, A @ x), np.ones(5000))
    assert claim.outcome is Outcome.OPTIMAL
    assert claim.iterations <= 200
    assert np.allclose(claim.x, x, rtol=0, atol=1e-12)


# The backend


@pytest.mark.parametrize("signed", [False, True])
def test_the_backend_solves_what_newton_solves(signed):
    system = gaussian(1)
    for problem in (BregmanProjection(system, 1e-4, signed=signed), L1Minimization(system, signed=signed)):
        ours, theirs = solve(problem, "krylov"), solve(problem)
        assert ours.status.value == "certified"
        assert ours.backend == "krylov"
        assert np.allclose(ours.x, theirs.x, rtol=1e-8, atol=1e-10)


def test_the_backend_begins_from_a_dual_nearby(cosine):
    cold = solve(BregmanProjection(cosine.system, 1e-4), "krylov")
    warm = solve(BregmanProjection(cosine.system, 1.1e-4), "krylov", start_dual=cold.dual)
    assert warm.status.value == "certified"
    assert warm.iterations < 0.8 * cold.iterations


def test_a_dual_to_begin_from_is_checked(cosine):
    with pytest.raises(InvalidProblemError, match="start_dual"):
        solve(BregmanProjection(cosine.system, 1e-4), "krylov", start_dual=np.ones(5))
    with pytest.raises(UnsupportedProblemError, match="start_dual is for projections"):
        solve(L1Minimization(cosine.system), "krylov", start_dual=np.ones(512))


def test_zeros_of_the_prior_are_zeros_of_the_answer():
    prior = np.where(np.arange(60) < 50, 1.0, 0.0)
    solution = solve(BregmanProjection(gaussian(2), 1e-3, prior=prior), "krylov")
    assert solution.status.value == "certified"
    assert (solution.x[50:] == 0).all()


def test_other_depths_are_refused_with_the_reason():
    with pytest.raises(UnsupportedProblemError, match="depth 2"):
        solve(BregmanProjection(gaussian(0), 1e-3, depth=3), "krylov")


def test_no_warning_escapes(cosine):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        project(cosine.system, np.full(4096, np.log(1e-3)))
        minimiser(gaussian(0), np.ones(60))
