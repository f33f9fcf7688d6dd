from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import gaussian_system
from scipy.optimize import linprog

from bregman_l1.errors import InfeasibleError
from bregman_l1.polyhedron.feasible_set import (
    exposes,
    farkas_vector,
    infeasibility,
    maximal_support,
    require_feasible,
)
from bregman_l1.polyhedron.minimiser import minimisers
from bregman_l1.system import LinearSystem


def support_by_one_program_each(A: np.ndarray, y: np.ndarray) -> list[bool]:
    """The maximal support by d linear programs: can x_j be positive?"""
    d = A.shape[1]
    peaks = [linprog(-np.eye(d)[j], A_eq=A, b_eq=y, bounds=[(0, 10)] * d) for j in range(d)]
    return [peak.status == 0 and -peak.fun > 1e-7 for peak in peaks]


def small_systems() -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(5)
    systems = []
    for _ in range(30):
        A = rng.integers(-1, 2, (3, 6)).astype(float)
        y = A @ (rng.integers(0, 3, 6) * (rng.random(6) < 0.5))
        if y.any():
            systems.append((A, y))
    return systems


@pytest.mark.parametrize(("A", "y"), small_systems())
def test_maximal_support_agrees_with_one_program_per_coordinate(A, y):
    found = maximal_support(LinearSystem(A, y))
    assert found.mask.tolist() == support_by_one_program_each(A, y)
    np.testing.assert_allclose(A @ found.point, y, atol=1e-9)
    assert ((found.point > 0) == found.mask).all()
    assert exposes(LinearSystem(A, y), found.exposing, found.mask)


@pytest.mark.parametrize("storage", [np.array, sp.csr_array])
def test_exposing_vector_proves_the_forced_zeros_and_nothing_else(storage):
    system = LinearSystem(storage([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]), [1.0, 1.0])
    found = maximal_support(system)
    assert found.mask.tolist() == [False, True, True]
    assert not exposes(system, found.exposing, np.array([False, False, True]))
    assert not exposes(system, -found.exposing, found.mask)
    assert not exposes(system, np.zeros(2), found.mask)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_farkas_vector_separates_at_every_scale(scale):
    A, y = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]) * [[scale], [1.0]], np.array([scale, 2.0])
    z = farkas_vector(LinearSystem(A, y))
    assert z is not None
    assert (A.T @ z <= 1e-12 * np.abs(z).max()).all()
    assert y @ z > 0
    with pytest.raises(InfeasibleError):
        require_feasible(LinearSystem(A, y))


def test_feasible_systems_have_no_farkas_vector():
    assert farkas_vector(gaussian_system()[0]) is None


def test_answers_that_are_shared_cannot_be_written_to():
    system, _ = gaussian_system()
    shared = maximal_support(system), minimisers(system)
    for array in (shared[0].mask, shared[0].point, shared[0].exposing, shared[1].x, shared[1].dual):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert maximal_support(system) is shared[0]


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([0.0, 0.0], 1.0),
        ([0.5, 0.5], 0.0),
        ([5e-324, -5e-324], 1.0),
        ([-1.0, 2.0], 1 / 2),
        ([1e308, -1e308], 1.0),
        ([1.0, np.nan], np.inf),
        ([1.0, np.inf], np.inf),
        ([-np.inf, 0.0], np.inf),
        ([-np.inf, np.nan], np.inf),
    ],
)
def test_infeasibility_is_a_number_for_every_vector(x, expected):
    assert infeasibility(LinearSystem([[1.0, 1.0]], [1.0]), np.array(x)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("more", [0, 120])
def test_a_zero_that_is_forced_within_rounding_only_is_not_exposed_in_a_system_of_any_size(more):
    # 0.1 * 3 is not 0.3: x_3 = 9e-18 x_1 is positive, however parallel the first two columns look.
    A = np.block(
        [[np.array([[0.1, 1.0, -1.0], [0.3, 3.0, 0.0]]), np.zeros((2, more))], [np.zeros((more, 3)), np.eye(more)]]
    )
    mask, z = np.ones(3 + more, dtype=bool), np.zeros(2 + more)
    mask[2], z[:2] = False, [3.0, -1.0]
    assert not exposes(LinearSystem(A, np.r_[2.0, 6.0, np.ones(more)]), z, mask)
    A[:2, 0] = [0.5, 1.5]
    assert exposes(LinearSystem(A, np.r_[2.0, 6.0, np.ones(more)]), z, mask)
