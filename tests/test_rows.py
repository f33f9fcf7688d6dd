"""Rows that say what others say: which are dropped, and that each is the combination it is said to be."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse as sp

from bregman_l1 import BregmanProjection, LinearSystem, NotCertifiedWarning, solve
from bregman_l1._types import ROUNDINGS
from bregman_l1.basis.rows import split_rows
from bregman_l1.budget import Budget
from bregman_l1.newton import projection


def assert_combinations(A, rows):
    """Every dropped row is its combination of the kept ones up to ROUNDINGS of the terms, in rationals."""
    for i, weights in zip(rows.dropped, rows.weights, strict=True):
        used = np.flatnonzero(weights)
        for j in range(A.shape[1]):
            terms = [Fraction(weights[k]) * Fraction(A[rows.kept[k], j]) for k in used]
            margin = Fraction(ROUNDINGS) * (abs(Fraction(A[i, j])) + sum(map(abs, terms)))
            assert abs(Fraction(A[i, j]) - sum(terms)) <= 2 * margin


@pytest.mark.parametrize("stored", [np.asarray, sp.csc_array])
def test_multiples_and_sums_of_rows_are_dropped(stored):
    rng = np.random.default_rng(0)
    A = rng.integers(-3, 4, (6, 40)).astype(float)
    A = np.vstack([A, 3.1 * A[0], -A[1], 1e-7 * A[2], A[0] + A[3], 0.3 * (A[0] + A[3]), np.zeros(40)])
    order = rng.permutation(len(A))
    rows = split_rows(LinearSystem(stored(A[order]), A[order] @ np.ones(40)))
    assert rows.kept.size == 6
    assert sorted([*rows.kept, *rows.dropped]) == list(range(len(A)))
    assert_combinations(A[order], rows)


def test_rows_that_differ_by_more_than_rounding_are_kept():
    row = np.random.default_rng(1).uniform(1.0, 2.0, 30)
    other = row.copy()
    other[7] *= 1.0 + 2.0**-40
    assert split_rows(LinearSystem(np.vstack([row, other]), [1.0, 1.0])).dropped.size == 0


@pytest.mark.parametrize("largest", [1.0, 1e6])
def test_the_dual_of_a_thinned_system_changes_nothing(monkeypatch, largest):
    A = np.vstack([np.ones(6000), np.random.default_rng(2).standard_normal((2, 6000))])
    A[1, 1] = largest  # not among the columns looked at first
    problem = BregmanProjection(LinearSystem(A, [1.0, 0.2, -0.1]), alpha=1 / 6000)
    started = solve(problem)
    monkeypatch.setattr(projection, "_thinned", lambda *_: None)
    cold = solve(problem)
    assert started.status.is_certified
    assert cold.status.is_certified
    np.testing.assert_allclose(started.log_x, cold.log_x, atol=1e-11)
    assert started.iterations != cold.iterations


def test_a_dropped_row_must_hold_to_the_rounding_of_its_own_terms():
    # Of rank 3 exactly: (2**14, 3 2**24, 0) is the only point, and no other is within 64 roundings of the last row.
    e = 2.0**-13
    A = [[-3 - e, 2 - e, e], [-2, -e, -2], [-e, -3 + e, -3 - e], [-3 - e, 0, 2 - e]]
    system = LinearSystem(A, [100607998.0, -38912.0, -150988802.0, -49154.0])
    assert system.backward_errors(np.array([2.0**14, 3 * 2.0**24, 0.0])).max() == 0.0
    solution = solve(BregmanProjection(system, log_alpha=-30.0))
    np.testing.assert_allclose(solution.x, [2.0**14, 3 * 2.0**24, 0.0], rtol=1e-14)


def test_a_contradiction_between_rows_is_claimed_only_with_its_proof():
    A = [[3 + 2.0**-32, 3.0], [3 - 2.0**-33, 3.0], [9 - 2.0**-34, 9.0]]
    system = LinearSystem(A, np.array(A) @ [256.0, 1024.0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        assert solve(BregmanProjection(system, log_alpha=-3.0)).x.min() > 0.0


def test_looking_for_dependent_rows_keeps_to_the_time_limit():
    rng = np.random.default_rng(0)
    A = rng.random((600, 5)) @ rng.random((5, 2000)) + 1e-8 * rng.standard_normal((600, 2000))
    spent = Budget(seconds=0.0)
    assert split_rows(LinearSystem(A, A @ rng.random(2000)), spent).kept.size < 20


def test_the_redundant_row_of_a_large_transport_problem_is_found():
    n = 1000
    ones, eye = np.ones((1, n)), sp.eye_array(n)
    A = sp.vstack([sp.kron(eye, ones), sp.kron(ones, eye)])
    assert split_rows(LinearSystem(A, np.full(2 * n, 1.0 / n))).kept.size == 2 * n - 1
