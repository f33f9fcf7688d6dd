"""Large sparse systems: the columns that matter, and conjugate gradients, give the answer of all and of factors."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from bregman_l1 import BregmanProjection, InfeasibleError, LinearSystem, NotCertifiedWarning, certify, settings, solve
from bregman_l1.basis import choice
from bregman_l1.basis.tableau import Tableau
from bregman_l1.newton.normal_equations import Factored
from bregman_l1.newton.presolve import face_of_signs
from bregman_l1.newton.sparse_equations import sparse_equations, stays_sparse
from bregman_l1.newton.sparse_factor import SparselyFactored
from bregman_l1.newton.sparse_gradients import SparseGradients


def sparse(n_rows, n_columns, sparsity, seed):
    rng = np.random.default_rng(seed)
    A = sp.random_array((n_rows, n_columns), density=1 / n_rows, rng=rng, data_sampler=rng.standard_normal)
    A = sp.csr_array(A)
    A = sp.csc_array(A[np.flatnonzero(np.diff(A.indptr))])
    x = np.zeros(n_columns)
    x[rng.choice(n_columns, sparsity, replace=False)] = rng.random(sparsity) + 0.5
    return LinearSystem(A, A @ x)


@pytest.mark.parametrize("seed", range(4))
def test_columns_that_do_not_matter_may_be_left_out(seed, monkeypatch):
    system = sparse(60, 1200, 12, seed)
    whole = solve(BregmanProjection(system, log_alpha=-69.0))
    monkeypatch.setattr(settings, "WARM_FROM", 0)
    solution = solve(BregmanProjection(system, log_alpha=-69.0))
    assert whole.status.is_certified
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.log_x, whole.log_x, rtol=0, atol=1e-9)


@np.errstate(all="ignore")
def test_no_column_weighs_more_than_its_share(monkeypatch):
    monkeypatch.setattr(settings, "WARM_FROM", 0)
    system = sparse(40, 400, 8, 0)
    log_x = np.random.default_rng(1).uniform(-300.0, 0.0, 400)
    J = choice.choose_basis(system, log_x)
    R = np.setdiff1d(np.arange(400), J)
    T = Tableau.of(system, J, R).log_T
    exactly = (T + log_x[R] - log_x[J][:, None]).max(axis=0)
    shares = choice.log_shares(system, J, log_x)
    matters = exactly > -34.0  # below, entries of T may be rounding
    assert matters.any()
    assert (shares[R] >= exactly - np.log(40))[matters].all()
    assert (shares[J] == 0.0).all()


def test_the_first_columns_of_rows():
    system = LinearSystem(sp.csc_array([[1.0, 0.0, 2.0, 3.0], [0.0, 4.0, 0.0, 5.0]]), [1.0, 1.0])
    assert system.first_in_rows(np.array([3, 2, 1, 0]), 1).tolist() == [0]
    assert system.first_in_rows(np.array([0, 2, 1, 3]), 2).tolist() == [0, 1, 2, 3]


@pytest.fixture
def gradients_alone(monkeypatch):
    """Sparse systems of any size go by gradients, and nothing dense of N x N is made."""
    monkeypatch.setattr(settings, "SPARSE_FROM", 1)
    monkeypatch.setattr(settings, "GRADIENTS_TAKE", 0)
    monkeypatch.setattr(settings, "MOST_FACTORED", 0)
    monkeypatch.setattr(Factored, "at", None)


def ten_a_column(n_rows, n_columns, seed):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, n_rows, size=10 * n_columns)
    places = (rows, np.repeat(np.arange(n_columns), 10))
    return sp.csc_array((rng.standard_normal(rows.size), places), shape=(n_rows, n_columns)), rng


def solved(A, y, alpha, **options):
    return solve(BregmanProjection(LinearSystem(A, y), alpha=alpha, **options))


def assert_same(solution, other):
    assert solution.status.is_certified
    assert other.status.is_certified
    np.testing.assert_allclose(solution.log_x, other.log_x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("alpha", [1e-2, 1e-8])
@pytest.mark.parametrize("sparsity", [10, 6000])
def test_gradients_reach_the_answer_of_factors(alpha, sparsity, monkeypatch):
    A, rng = ten_a_column(600, 6000, 0)
    x = np.zeros(6000)
    x[rng.choice(6000, sparsity, replace=False)] = rng.random(sparsity) + 0.5
    with monkeypatch.context() as patched:
        patched.setattr(Factored, "at", None)
        solution = solved(A, A @ x, alpha)
    monkeypatch.setattr(settings, "SPARSE_FROM", 10**9)
    assert_same(solution, solved(A, A @ x, alpha))


@pytest.mark.parametrize("options", [{"signed": True}, {"depth": 3}, {"cost": np.linspace(0.5, 1.5, 900)}], ids=str)
def test_gradients_take_every_projection(options, monkeypatch, gradients_alone):
    A, rng = ten_a_column(60, 900, 1)
    y = A @ (rng.random(900) + 0.1)
    solution = solved(A, y, 1e-2, **options)
    monkeypatch.undo()
    whole = solved(A, y, 1e-2, **options)
    assert solution.status.is_certified
    assert whole.status.is_certified
    np.testing.assert_allclose(solution.x, whole.x, rtol=1e-9)


def test_gradients_solve_weights_of_twelve_decades():
    A, rng = ten_a_column(80, 800, 2)
    log_weights = rng.uniform(-27.0, 0.0, 800)
    equations, right = SparseGradients(LinearSystem(A, np.ones(80))), rng.standard_normal(80)
    assert equations.at(log_weights, log_weights) is not None
    lam = equations.solve(right, 1e-4)
    H = (A * np.exp(log_weights)) @ A.T
    assert equations.left <= 1e-4
    np.testing.assert_allclose(H @ lam, right, rtol=0, atol=1e-2 * np.abs(right).max())


def test_rows_and_columns_of_zeros_are_taken_as_they_are(gradients_alone):
    A, rng = ten_a_column(40, 500, 3)
    A = sp.csc_array(sp.hstack([sp.vstack([A[:20], sp.csc_array((2, 500)), A[20:]]), sp.csc_array((42, 2))]))
    solution = solved(A, A @ (rng.random(502) + 0.1), 1e-3)
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x[500:], 1e-3, rtol=1e-12)


def test_dependent_rows_that_agree_are_taken_as_they_are(gradients_alone):
    n = 30
    i, j = np.divmod(np.arange(n * n), n)
    transport = sp.csc_array((np.ones(2 * n * n), (np.append(i, n + j), np.tile(np.arange(n * n), 2))))
    rows, columns = np.random.default_rng(4).random((2, n)) + 0.1
    columns *= rows.sum() / columns.sum()
    solution = solved(transport, np.append(rows, columns), 1e-2)
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x.reshape(n, n), np.outer(rows, columns) / rows.sum(), rtol=1e-9)


@pytest.mark.parametrize("wrong", [1e-3, 1e-8, 1e-11])
def test_dependent_rows_that_contradict_are_never_certified(wrong, gradients_alone):
    A, rng = ten_a_column(40, 500, 5)
    A = sp.csc_array(sp.vstack([A, A[[0]] + A[[1]]]))
    x = rng.random(500) + 0.1
    y = A @ x
    y[-1] += wrong
    with pytest.warns(NotCertifiedWarning):
        assert not solved(A, y, 1e-2).status.is_certified


def test_a_wrong_candidate_is_told_how_far_it_is(gradients_alone):
    A, rng = ten_a_column(60, 900, 6)
    problem = BregmanProjection(LinearSystem(A, A @ (rng.random(900) + 0.1)), alpha=1e-2)
    solution = solve(problem)
    off = np.zeros(900)
    off[7] = 1e-6
    certificate = certify(problem, log_x=solution.log_x + off)
    assert not certificate.ok
    assert certify(problem, log_x=solution.log_x).ok
    assert certificate.checks["deviation"].value == pytest.approx(1e-6, rel=0.01)


def test_gradients_are_for_sparse_systems_of_many_rows():
    A, _ = ten_a_column(600, 6000, 0)
    assert stays_sparse(LinearSystem(A, np.ones(600)))
    assert not stays_sparse(LinearSystem(A.toarray(), np.ones(600)))
    assert not stays_sparse(LinearSystem(A[:, :500], np.ones(600)))
    assert not stays_sparse(LinearSystem(A[:400], np.ones(400)))
    assert not stays_sparse(LinearSystem(1e13 * A, np.ones(600)))


def test_zeros_that_rows_of_one_sign_force_are_the_answer_without_presolve(monkeypatch):
    A, rng = ten_a_column(40, 300, 7)
    A[[3, 8]] = abs(A[[3, 8]])
    A[20] = -abs(A[20])
    x = rng.random(300) + 0.1
    x[A[[3, 8, 20]].nonzero()[1]] = 0.0
    y = A @ x
    whole = solved(A, y, 1e-3)
    monkeypatch.setattr(settings, "SPARSE_FROM", 1)
    monkeypatch.setattr(settings, "GRADIENTS_TAKE", 0)
    monkeypatch.setattr(settings, "MOST_FACTORED", 0)
    solution = solved(A, y, 1e-3)
    assert np.isneginf(solution.log_x).sum() > 100
    assert_same(solution, whole)
    assert "vanish on the whole feasible set (proved" in str(solution.certificate.remarks)


def test_zeros_force_others_in_turn(gradients_alone):
    n = 8
    chain = sp.diags_array([np.ones(n), -np.ones(n)], offsets=[0, 1], shape=(n, n + 1))  # x_i = x_{i+1}
    A = sp.csc_array(sp.block_array([[chain, None], [np.eye(1, n + 1), None], [None, np.ones((1, 20))]]))
    y = np.append(np.zeros(n + 1), 4.0)
    face = face_of_signs(LinearSystem(A, y))
    assert face.free.tolist() == (n + 1) * [False] + 20 * [True]
    solution = solved(A, y, 1e-3)
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x, (n + 1) * [0.0] + 20 * [0.2], rtol=1e-12)


@pytest.mark.parametrize(
    ("A", "y"),
    [
        ([[1.0, 2.0, 0.0], [1.0, -1.0, 1.0]], [-1.0, 1.0]),
        ([[1.0, 2.0, 0.0], [-1.0, 0.0, -1.0]], [1.0, 1.0]),
        ([[1.0, 1.0, 0.0], [1.0, -1.0, 0.0], [0.0, 0.0, 1.0]], [0.0, 1.0, 1.0]),
        ([[1.0, 1.0, 0.0], [1.0, -1.0, 1.0], [0.0, 0.0, 1.0]], [0.0, -1.0, 1.0]),
    ],
    ids=["sign", "negative sign", "a row of zeros is left", "a sign is left"],
)
def test_rows_of_one_sign_that_contradict_y_are_told(A, y, gradients_alone):
    A, y = sp.csc_array(sp.block_diag([A, np.ones((1, 9))])), np.append(y, 1.0)
    with pytest.raises(InfeasibleError) as caught:
        solved(A, y, 1e-2)
    z = caught.value.farkas
    assert (A.T @ z <= 1e-12).all()
    assert y @ z > 0.0


@pytest.mark.parametrize("alpha", [1e-2, 1e-6])
def test_columns_that_are_there_twice_share_by_their_priors(alpha, gradients_alone):
    A, rng = ten_a_column(40, 300, 8)
    y, shares = A @ (rng.random(300) + 0.1), np.array([0.25, 0.75])
    once = solved(A, y, alpha)
    twice = solve(
        BregmanProjection(LinearSystem(sp.hstack([A, A]), y), alpha=alpha, prior=np.repeat(shares, 300)),
    )
    assert once.status.is_certified
    assert twice.status.is_certified
    np.testing.assert_allclose(twice.x.reshape(2, 300), np.outer(shares, once.x), rtol=1e-9)


def test_rows_of_one_entry_fix_it(gradients_alone):
    A, rng = ten_a_column(40, 300, 9)
    fixed = sp.csc_array((np.full(10, 2.0), (np.arange(10), 7 * np.arange(10))), shape=(10, 300))
    x = rng.random(300) + 0.1
    solution = solved(sp.vstack([A, fixed]), np.append(A @ x, 2.0 * x[:70:7]), 1e-4)
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x[:70:7], x[:70:7], rtol=1e-12)
    rest = np.setdiff1d(np.arange(300), 7 * np.arange(10))
    without = solved(A[:, rest], A[:, rest] @ x[rest], 1e-4)
    np.testing.assert_allclose(solution.x[rest], without.x, rtol=1e-9)


def flow(n):
    """Flows on the edges, in both directions, of an n x n grid: the rows sum to zero."""
    nodes = np.arange(n * n).reshape(n, n)
    edges = np.hstack([[nodes[:, :-1].ravel(), nodes[:, 1:].ravel()], [nodes[:-1].ravel(), nodes[1:].ravel()]])
    tails, heads = np.hstack([edges, edges[::-1]])
    each = np.arange(tails.size)
    return sp.csc_array((np.repeat([1.0, -1.0], tails.size), (np.append(tails, heads), np.tile(each, 2))))


@pytest.mark.parametrize("alpha", [1e-1, 1e-4])
def test_narrow_systems_are_factorised_sparsely(alpha, monkeypatch):
    A, rng = flow(24), np.random.default_rng(10)
    system = LinearSystem(A, A @ rng.random(A.shape[1]))
    assert isinstance(sparse_equations(system), SparselyFactored)
    with monkeypatch.context() as patched:
        patched.setattr(Factored, "at", None)
        solution = solve(BregmanProjection(system, alpha=alpha))
    monkeypatch.setattr(settings, "SPARSE_FROM", 10**9)
    assert_same(solution, solve(BregmanProjection(LinearSystem(A, system.y), alpha=alpha)))


def test_a_sparse_factor_solves_on_dependent_rows_to_rounding():
    A = flow(12)
    rng = np.random.default_rng(11)
    equations = SparselyFactored(LinearSystem(A, A @ rng.random(A.shape[1])))
    log_x = rng.uniform(-8.0, 0.0, A.shape[1])
    assert equations.at(log_x, log_x) is not None
    right = A @ (np.exp(log_x) * rng.standard_normal(log_x.size))
    H = (A * np.exp(log_x)) @ A.T
    np.testing.assert_allclose(H @ equations.solve(right, 0.0), right, rtol=0, atol=1e-13 * np.abs(right).max())
    assert equations.left <= 1e-12
    equations.solve(right + 1e-3, 0.0)
    assert equations.left > 1e-4


@pytest.mark.parametrize("wrong", [1e-3, 1e-9])
def test_flows_that_are_not_balanced_are_never_certified(wrong, gradients_alone):
    A = flow(12)
    y = A @ np.random.default_rng(12).random(A.shape[1])
    y[5] += wrong
    with pytest.warns(NotCertifiedWarning):
        assert not solved(A, y, 1e-2).status.is_certified


def test_wide_normal_matrices_are_left_to_gradients():
    A, _ = ten_a_column(600, 6000, 0)
    assert isinstance(sparse_equations(LinearSystem(A, np.ones(600))), SparseGradients)
