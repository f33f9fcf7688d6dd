"""Where the feasible set is a single point its projection is found and certified from products, zeros included."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.fft import dct, idct
from scipy.sparse.linalg import LinearOperator

from bregman_l1 import BregmanProjection, LinearSystem, certify, solve

SIZE, ROWS = 1024, 200


def sampled(x0, seed=0):
    """Cosine coefficients of x0, the sum of its entries among them, as an operator and as a matrix."""
    kept = np.append(0, 1 + np.random.default_rng(seed).permutation(SIZE - 1)[: ROWS - 1])

    def transposed(lam):
        whole = np.zeros(SIZE)
        whole[kept] = lam.ravel()
        return idct(whole, norm="ortho")

    operator = LinearOperator((ROWS, SIZE), lambda x: dct(x.ravel(), norm="ortho")[kept], transposed, dtype=float)
    y = operator.matvec(x0)
    return LinearSystem(operator, y), LinearSystem(dct(np.eye(SIZE), norm="ortho", axis=0)[kept], y)


def sparse(seed, count):
    rng, x = np.random.default_rng(seed), np.zeros(SIZE)
    x[rng.permutation(SIZE)[:count]] = rng.exponential(size=count) + 0.01
    return x


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", [{"alpha": 1e-2}, {"alpha": 1e-8}, {"prior": np.linspace(1.0, 2.0, SIZE)}], ids=str)
def test_the_only_solution_is_every_projection(seed, options):
    x0 = sparse(seed, 20)
    solution = solve(BregmanProjection(sampled(x0)[0], **options))
    assert solution.status.is_certified
    np.testing.assert_allclose(solution.x, x0, rtol=1e-12, atol=0)
    assert (solution.log_x == -np.inf).sum() == SIZE - 20
    assert "coordinates vanish on the whole feasible set" in str(solution.certificate)


def test_it_is_that_of_the_matrix():
    x0 = sparse(0, 20)
    operator, matrix = sampled(x0)
    expected = solve(BregmanProjection(matrix, 1e-3))
    assert expected.status.is_certified
    np.testing.assert_allclose(solve(BregmanProjection(operator, 1e-3)).x, expected.x, rtol=1e-9, atol=0)


def test_a_sum_that_is_fixed_does_not_make_a_single_point():
    x0 = np.random.default_rng(0).exponential(size=SIZE)
    operator, matrix = sampled(x0)
    found, expected = (solve(BregmanProjection(system, 1e-2)) for system in (operator, matrix))
    assert found.status.is_certified
    assert (found.x > 0.0).all()
    np.testing.assert_allclose(found.log_x, expected.log_x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("wrong", ["entry", "zero"])
def test_other_points_are_not_certified(wrong):
    x0 = sparse(0, 20)
    system, _ = sampled(x0)
    solution = solve(BregmanProjection(system, 1e-2))
    x = solution.x.copy()
    if wrong == "entry":
        x[np.argmax(x)] *= 1.0 + 1e-8
    else:
        x[np.flatnonzero(x)[0]] = 0.0
    assert not certify(BregmanProjection(system, 1e-2), x=x, dual=solution.dual).ok
