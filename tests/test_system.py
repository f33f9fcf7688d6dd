from __future__ import annotations

import gc
import pickle
import weakref

import numpy as np
import pytest
import scipy.sparse as sp

from bregman_l1 import BregmanProjection
from bregman_l1.errors import InfeasibleError, InvalidSystemError
from bregman_l1.polyhedron.kernel_cone import kernel_cone
from bregman_l1.system import LinearSystem
from bregman_l1.theory.limit import find_limit

A = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, -1.0]])
Y = np.array([1.0, 2.0])


@pytest.mark.parametrize(
    ("matrix", "target", "message"),
    [
        ([[1, np.nan], [1, 2]], [1, 1], r"A\[0, 1\] is nan"),
        ([[1, 1], [-np.inf, 2]], [1, 1], r"A\[1, 0\] is -inf"),
        (sp.csr_array([[1, 0], [0, np.inf]]), [1, 1], r"A\[1, 1\] is inf"),
        ([[1, 2]], [np.nan], r"y\[0\] is nan"),
        ([1, 2, 3], [1], r"two-dimensional.*\(3,\)"),
        (np.zeros((2, 2, 2)), [1, 1], "two-dimensional"),
        ([[1, 2]], [[1]], "y must be one-dimensional"),
        ([[1, 2]], [1, 2], "y has 2 entries, A has 1 rows"),
        (np.zeros((0, 3)), [], "A is empty"),
        (np.zeros((3, 0)), [1, 1, 1], "A is empty"),
        (sp.csr_array((2, 0)), [1, 1], "A is empty"),
        ([[1j, 2]], [1], "A is complex"),
        ([[1, 2]], [1j], "y is complex"),
        (sp.csr_array([[1j, 2]]), [1], "A is complex"),
        (np.array([[1, None]], dtype=object), [1], "A has dtype object"),
        ([["a", "b"]], [1], "A has dtype"),
        ([[1, 2], [3]], [1, 1], "not a rectangular array"),
        ([[1, 2]], [0], "y is zero"),
        ([[1, 2]], sp.csr_array([[1]]), "y must be a dense vector"),
        ([[1, 1], [1e308, 1]], [1, 1], r"A\[1, 0\], .* is 1e\+308 .* divide row 1 of A and y\[1\] by one power of two"),
        (sp.csr_array([[1, 0], [0, -1e308]]), [1, 1], r"A\[1, 1\], .* is 1e\+308 .* overflow or underflow"),
        ([[1e-300, 1e-290]], [1], r"A\[0, 1\], .* is 1e-290 .* overflow or underflow"),
        ([[1, 1]], [1e300], r"y\[0\] is 1e\+300, .* overflow or underflow"),
        ([[1e-150]], [1e150], r"entries of x are of the size 1e\+300.*divide y by a power of two"),
        ([[1e100, 0], [0, 1]], [1e-280, 0], r"entries of x are of the size 1e-380.*divides x and alpha by it"),
    ],
)
def test_bad_input_is_refused_with_the_entry_at_fault(matrix, target, message):
    with pytest.raises(InvalidSystemError, match=message):
        LinearSystem(matrix, target)


def test_what_is_small_beside_the_rest_of_its_row_is_welcome():
    system = LinearSystem([[1.0, 1e-300], [1.0, 2.0], [0.0, 0.0]], [1e-290, 1.0, 0.0])
    assert system.matvec([0.0, 1.0]).tolist() == [1e-300, 2.0, 0.0]


@pytest.mark.parametrize("storage", [np.array, sp.csr_array])
def test_zero_row_with_nonzero_target_is_infeasible_with_a_farkas_vector(storage):
    with pytest.raises(InfeasibleError, match="row 1 of A is zero") as caught:
        LinearSystem(storage([[1.0, 1.0], [0.0, 0.0]]), [1.0, -2.0])
    z = caught.value.farkas
    assert z @ [1.0, -2.0] > 0
    assert np.array_equal(np.array([[1.0, 0.0], [1.0, 0.0]]) @ z, [0.0, 0.0])


def test_infeasible_error_survives_pickling():
    error = pickle.loads(pickle.dumps(InfeasibleError("none", np.array([1.0]))))
    assert (str(error), error.farkas.tolist()) == ("none", [1.0])


@pytest.mark.parametrize("storage", [np.array, sp.csr_array, sp.coo_matrix])
def test_products_agree_with_numpy_for_every_storage(storage):
    system = LinearSystem(storage(A), Y)
    x, lam, w = np.array([1.0, 2.0, 3.0]), np.array([-1.0, 4.0]), np.array([0.5, 2.0, 0.0])
    np.testing.assert_array_equal(system.matvec(x), A @ x)
    np.testing.assert_array_equal(system.rmatvec(lam), A.T @ lam)
    np.testing.assert_allclose(system.gram(w), A @ np.diag(w) @ A.T, atol=1e-15)
    np.testing.assert_allclose(system.gram(), A @ A.T, atol=1e-15)
    np.testing.assert_array_equal(system.columns([2, 0]), A[:, [2, 0]])
    np.testing.assert_array_equal(system.restrict([2, 0]).columns([1]), A[:, [0]])
    scaled = system.scaled(np.array([2.0, 1.0]), np.array([1.0, 0.5, 3.0]))
    np.testing.assert_allclose(scaled.toarray() if sp.issparse(scaled) else scaled, A * [[2], [1]] * [1, 0.5, 3])


def test_gram_in_blocks_equals_gram_at_once():
    rng = np.random.default_rng(0)
    B, w = rng.standard_normal((1100, 2500)), rng.random(2500)
    np.testing.assert_allclose(LinearSystem(B, np.ones(1100)).gram(w), (B * w) @ B.T, atol=1e-10)


@pytest.mark.parametrize("storage", [np.array, sp.csr_array])
def test_equilibrated_entries_have_order_one(storage):
    scaled_badly = A * np.array([[1e-9], [1e7]]) * np.array([1e6, 1.0, 1e-8])
    system = LinearSystem(storage(scaled_badly), Y)
    rows, columns = system.equilibration()
    scaled = system.scaled(1 / rows, 1 / columns)
    dense = np.abs(scaled.toarray() if sp.issparse(scaled) else scaled)
    np.testing.assert_allclose(dense.max(axis=0), 1.0)
    assert dense.max(axis=1).min() > 0.1


def test_caller_keeps_his_arrays_and_cannot_change_ours():
    matrix, target = A.copy(), Y.copy()
    system = LinearSystem(matrix, target)
    matrix[:] = np.nan
    assert np.isfinite(system.matvec(np.ones(3))).all()
    with pytest.raises(ValueError, match="read-only"):
        system.matrix[0, 0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        system.y[0] = 5.0


def test_remember_makes_a_thing_once():
    calls = []
    system = LinearSystem(A, Y)
    assert [system.remember("key", lambda: calls.append(1) or len(calls)) for _ in range(3)] == [1, 1, 1]


def test_remember_last_keeps_the_last_alone():
    calls = []
    system = LinearSystem(A, Y)
    asked = [system.remember_last("name", key, lambda: calls.append(1) or len(calls)) for key in "aabba"]
    assert asked == [1, 1, 2, 2, 3]
    assert system.remember_last("other name", "b", lambda: 4) == 4
    assert system.remember_last("name", "a", lambda: 5) == 3


@pytest.mark.parametrize(
    "made",
    [
        lambda system, j: BregmanProjection(system, prior=np.arange(6) != j).part.system,
        lambda system, j: kernel_cone(system, [j]),
        lambda system, j: find_limit(system, 1.0 + (np.arange(6) == j)),
    ],
    ids=["parts of priors", "kernel cones", "limits"],
)
def test_what_is_as_large_as_the_matrix_does_not_heap_up(made):
    system = LinearSystem(np.random.default_rng(0).random((2, 6)), [1.0, 1.0])
    assert made(system, 0) is made(system, 0)
    some = [weakref.ref(made(system, j)) for j in range(6)]
    gc.collect()
    assert [j for j, each in enumerate(some) if each() is not None] == [5]


def test_system_survives_pickling():
    copy = pickle.loads(pickle.dumps(LinearSystem(A, Y)))
    np.testing.assert_array_equal(copy.matrix, A)
    assert repr(copy) == "LinearSystem(N=2, d=3, dense)"
