"""Large sparse systems are solved on the columns that matter, with the answer of all of them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from bregman_l1 import BregmanProjection, LinearSystem, settings, solve
from bregman_l1.basis import choice
from bregman_l1.basis.tableau import Tableau


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
