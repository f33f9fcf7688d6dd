"""Proofs that nothing is feasible, and that something is after all, against enumeration in Fractions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import gaussian_system
from fraction_lp import columns_of, fractions, vertices

from bregman_l1 import InfeasibleError, L1Minimization, LinearSystem, solve
from bregman_l1.proof.infeasibility import prove_infeasible
from bregman_l1.proof.record import Proof


def assert_farkas(A: np.ndarray, y: np.ndarray, proof: Proof) -> None:
    z = proof.farkas
    assert sum(a * b for a, b in zip(fractions(y), z, strict=True)) > 0
    assert all(sum(a * b for a, b in zip(column, z, strict=True)) <= 0 for column in columns_of(A))
    assert str(proof.right_hand_side) == "y itself"


def small_system(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Few columns and more rows, y in the cone of the columns or near it."""
    rng = np.random.default_rng(seed)
    n_rows, n_columns = int(rng.integers(2, 5)), int(rng.integers(1, 6))
    A = rng.integers(-2, 4, (n_rows, n_columns)).astype(float)
    A[rng.integers(n_rows)] = 1.0
    y = A @ rng.integers(0, 4, n_columns)
    y[rng.integers(n_rows)] += rng.choice([0.0, 1.0, -1.0, 2.0**-40, -(2.0**-44), 2.0**-50])
    A[~A.any(axis=1)] = 1.0
    return A, y if y.any() else np.ones(n_rows)


@pytest.mark.parametrize("seed", range(100))
def test_whether_anything_is_feasible_is_decided_for_the_floats_given(seed):
    A, y = small_system(seed)
    is_feasible = next(vertices(A, y), None) is not None
    z = np.random.default_rng(seed).standard_normal(len(y))
    proof = prove_infeasible(LinearSystem(A, y), z)
    assert proof.ok != is_feasible, str(proof)
    if proof.ok:
        assert_farkas(A, y, proof)
    else:
        assert "solves A x = y in rationals" in proof.steps[-1].meaning
        assert proof.farkas is None


def infeasible(shape: tuple[int, int], seed: int) -> tuple[LinearSystem, np.ndarray]:
    """A Gaussian system without a solution, and the vector that says so."""
    system, _ = gaussian_system(*shape, seed=seed)
    rng = np.random.default_rng(seed)
    A = np.vstack([np.abs(system.A[:3]), system.A[3:]])
    system = LinearSystem(A, np.append(-rng.random(3), rng.standard_normal(shape[0] - 3)))
    with pytest.raises(InfeasibleError) as error:
        solve(L1Minimization(system))
    return system, error.value.farkas


@pytest.mark.parametrize("seed", range(4))
def test_the_vector_of_an_infeasible_system_is_made_exact(seed):
    system, z = infeasible((20, 30), seed)
    proof = prove_infeasible(system, z)
    assert proof.ok, str(proof)
    assert_farkas(system.A, system.y, proof)


def test_a_vector_that_is_orthogonal_to_columns_up_to_rounding_becomes_so():
    rng = np.random.default_rng(8)
    A = rng.standard_normal((6, 3))
    z = rng.standard_normal(6)
    z = z - A @ np.linalg.lstsq(A, z, rcond=None)[0]
    y = A @ np.ones(3) + z
    proof = prove_infeasible(LinearSystem(A, y), z)
    assert proof.ok
    assert "orthogonal to the 3 columns" in proof.steps[0].meaning
    assert_farkas(A, y, proof)
    assert max(abs(float(a) - b) for a, b in zip(proof.farkas, z, strict=True)) < 1e-14


@pytest.mark.parametrize("power", [-300, 300])
def test_scales_do_not_matter(power):
    A, y = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, -1.0]]), np.array([3.0, 3.0 + 2.0**-50, 0.0])
    rows, columns = 2.0 ** np.array([power, 0, 0]), 2.0 ** np.array([0, power])
    system = LinearSystem(A * rows[:, None] * columns, y * rows)
    proof = prove_infeasible(system, np.array([-1.0, 1.0, 0.1]) / rows)
    assert proof.ok
    assert_farkas(system.A, system.y, proof)


def test_a_system_off_by_rounding_is_infeasible_exactly_and_proved():
    A, y = np.array([[0.1, 0.2], [0.3, 0.6], [1.0, 1.0]]), np.array([0.7, 2.1, 4.0])
    assert np.abs(A @ [1.0, 3.0] - y).max() < 1e-15
    assert next(vertices(A, y), None) is None
    proof = prove_infeasible(LinearSystem(A, y), np.array([3.0, -1.0, 0.0]))
    assert proof.ok
    assert_farkas(A, y, proof)


def test_sparse_systems_are_proved_too():
    A = sp.csc_array(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
    proof = prove_infeasible(LinearSystem(A, [1.0, 2.0, 1.0]), np.array([-1.0, 1.0, 0.0]))
    assert proof.ok
    assert proof.to_dict()["farkas"] == ["-1", "1", "0"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_vector_that_is_not_finite_proves_nothing(bad):
    proof = prove_infeasible(LinearSystem([[1.0], [1.0]], [1.0, 2.0]), np.array([-1.0, bad]))
    assert proof.failed == ("Farkas vector",)
    assert "not finite" in str(proof)
