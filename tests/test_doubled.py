"""[A, -A] without the copy: every product of `LinearSystem.doubled` is that of the matrix it stands for."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse as sp

from bregman_l1 import InfeasibleError, LinearSystem
from bregman_l1.basis.rows import split_rows
from bregman_l1.system import dense

N, D = 7, 40
RNG = np.random.default_rng(5)
# Small integers: no sum of products is rounded, so that "the same" means bit for bit.
A = RNG.integers(-4, 5, (N, D)).astype(float) * (RNG.random((N, D)) < 0.6)
A[-1] = 2 * A[0] - A[1]
Y = A @ np.ones(D)
X, WEIGHTS, LAM = RNG.integers(0, 9, 2 * D) * 1.0, RNG.integers(0, 3, 2 * D) ** 2.0, RNG.integers(-5, 6, N) * 1.0
CHOICES = {
    "all": np.arange(2 * D),
    "most": np.arange(3, 2 * D - 5),
    "out of order": RNG.permutation(2 * D)[: D + 9],
    "as many as A has": RNG.permutation(2 * D)[:D],
    "few": np.array([0, 2 * D - 1, D]),
    "a mask": RNG.random(2 * D) < 0.9,
}
MATRICES = {"dense": np.array, "sparse": sp.csr_array}


@pytest.fixture(params=MATRICES)
def base(request):
    return LinearSystem(MATRICES[request.param](A), Y, column_names=[f"c{j}" for j in range(D)])


@pytest.fixture(params=CHOICES)
def pair(request, base):
    """The same system twice: by the signs of the columns of A, and with a matrix of its own."""
    index = CHOICES[request.param]
    matrix = np.hstack([A, -A])[:, index]
    stored = sp.csc_array(matrix) if base.is_sparse else matrix
    return base.doubled.restrict(index), LinearSystem(stored, Y), index


def test_every_product_is_that_of_the_explicit_matrix(pair):
    signed, explicit, index = pair
    x, weights = X[index], WEIGHTS[index]
    for name, argument in [
        *(("matvec", x), ("abs_matvec", x), ("extended_matvec", x), ("gram", weights)),
        *(("rmatvec", LAM), ("extended_rmatvec", LAM), ("abs_rmatvec", abs(LAM))),
    ]:
        np.testing.assert_array_equal(getattr(signed, name)(argument), getattr(explicit, name)(argument), name)
    dominant = np.flatnonzero(x > 6)
    np.testing.assert_array_equal(signed.remainder(x, dominant), explicit.remainder(x, dominant))
    np.testing.assert_array_equal(signed.backward_errors(x), explicit.backward_errors(x))


def test_every_column_is_that_of_the_explicit_matrix(pair):
    signed, explicit, index = pair
    part = RNG.permutation(signed.shape[1])[:5]
    assert signed.shape == explicit.shape
    assert signed.is_sparse == explicit.is_sparse
    np.testing.assert_array_equal(signed.columns(part), explicit.columns(part))
    np.testing.assert_array_equal(signed.rows([4, 1]), explicit.rows([4, 1]))
    np.testing.assert_array_equal(dense(signed.matrix), dense(explicit.matrix))
    factors = LAM + 6.0, X[index] + 1.0
    np.testing.assert_array_equal(dense(signed.scaled(*factors)), dense(explicit.scaled(*factors)))
    np.testing.assert_array_equal(np.hstack([dense(A_piece) for _, A_piece in signed.pieces()]), dense(explicit.matrix))
    order = RNG.permutation(signed.shape[1])
    np.testing.assert_array_equal(signed.first_in_rows(order, 2), explicit.first_in_rows(order, 2))


def test_every_size_is_that_of_the_explicit_matrix(pair):
    signed, explicit, _ = pair
    for name in ("row_peaks", "row_units", "column_sizes", "fits_single_precision"):
        np.testing.assert_array_equal(getattr(signed, name), getattr(explicit, name), name)
    np.testing.assert_array_equal(signed.log_terms(LAM), explicit.log_terms(LAM))
    for of_signed, of_explicit in zip(signed.equilibration(), explicit.equilibration(), strict=True):
        np.testing.assert_array_equal(of_signed, of_explicit)


def test_one_pass_gives_the_moments_of_the_explicit_matrix(pair):
    signed, explicit, index = pair
    log_x = (X[index] - 4.0) / 3
    for log_weights, cut in [(log_x, np.inf), (log_x, 1.0), (-log_x, 1.0)]:
        found, expected = (system.moments(log_x, log_weights, cut) for system in (signed, explicit))
        np.testing.assert_array_equal(found.dominant, expected.dominant)
        np.testing.assert_array_equal(found.large, expected.large)
        np.testing.assert_allclose(found.residual, expected.residual, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.gram, expected.gram, rtol=1e-13, atol=1e-12)
        assert found.total == pytest.approx(expected.total, rel=1e-14)
        by_definition = explicit.columns(slice_all(explicit)) * np.exp(log_weights)
        np.testing.assert_allclose(found.gram, by_definition @ explicit.columns(slice_all(explicit)).T, atol=1e-11)


def slice_all(system):
    return np.arange(system.shape[1])


def test_weights_merge_on_the_columns_in_single_precision(pair):
    signed, explicit, index = pair
    if signed.is_sparse:
        return
    columns = signed.columns_in_single_precision().astype(float)
    merged = columns.T @ (signed.merged(WEIGHTS[index])[:, None] * columns)
    np.testing.assert_array_equal(merged, explicit.gram(WEIGHTS[index]))
    assert columns.shape[0] <= max(D, 3)


def test_rows_and_columns_are_chosen_in_either_order(pair):
    signed, _, index = pair
    rows, columns = np.array([2, 0, 5]), np.arange(0, signed.shape[1], 2)
    sizes = signed.abs_matvec(np.arange(signed.shape[1]) % 2 == 0)  # zero where the columns are
    y = sizes[rows]
    for system in (signed.of_rows(rows, y + 1.0).restrict(columns, y), signed.restrict(columns, sizes).of_rows(rows)):
        np.testing.assert_array_equal(dense(system.matrix), np.hstack([A, -A])[:, index][:, columns][rows])
        np.testing.assert_array_equal(system.y, y)


def test_names_say_which_half_a_column_is_of(base):
    names = base.doubled.column_names
    assert names[:2] == (("c0", "+"), ("c1", "+"))
    assert names[D:][:2] == (("c0", "-"), ("c1", "-"))
    assert base.doubled.restrict(np.arange(D, D + 20)).column_names[0] == ("c0", "-")
    assert LinearSystem(A, Y).doubled.column_names is None


def test_a_system_is_doubled_once_and_again(base):
    assert base.doubled is base.doubled
    twice = base.doubled.doubled
    assert twice.shape == (N, 4 * D)
    x = np.arange(4.0 * D)
    np.testing.assert_array_equal(twice.matvec(x), np.hstack([A, -A, -A, A]) @ x)
    np.testing.assert_array_equal(twice.gram(x), np.hstack([A, -A, -A, A]) * x @ np.hstack([A, -A, -A, A]).T)


def test_dependent_rows_of_signed_columns_are_those_of_the_columns(pair):
    signed, explicit, _ = pair
    rows = split_rows(signed)
    assert rows.dropped.size == split_rows(explicit).dropped.size >= 1
    np.testing.assert_allclose(rows.relations @ dense(explicit.matrix), 0.0, atol=1e-12)


def test_a_doubled_system_survives_pickling(pair):
    signed, _, index = pair
    copy = pickle.loads(pickle.dumps(signed))
    assert repr(copy) == repr(signed)
    np.testing.assert_array_equal(copy.matvec(X[index]), signed.matvec(X[index]))
    assert copy.column_names == signed.column_names
    with pytest.raises(ValueError, match="read-only"):
        copy.y[0] = 1.0


def test_the_matrix_made_is_read_only(pair):
    made = pair[0].matrix
    with pytest.raises(ValueError, match="read-only"):
        (made if isinstance(made, np.ndarray) else made.data)[...] = 0.0


def test_a_choice_with_a_zero_row_is_refused(base):
    only = np.flatnonzero(A[1] == 0)
    with pytest.raises(InfeasibleError, match="row 1 of A is zero"):
        base.doubled.restrict(only)


def test_no_product_needs_the_memory_of_the_doubled_matrix():
    n, d = 120, 20_000
    system = LinearSystem(np.random.default_rng(0).standard_normal((n, d)), np.ones(n))
    doubled, x, log_x = system.doubled, np.random.default_rng(1).random(2 * d), np.zeros(2 * d)
    log_x[:5] = 9.0
    for name, work in {
        "matvec": lambda: doubled.matvec(x),
        "rmatvec": lambda: doubled.rmatvec(np.ones(n)),
        "gram": lambda: doubled.gram(x),
        "moments": lambda: doubled.moments(log_x, -log_x, 1.0),
        "remainder": lambda: doubled.remainder(x, np.arange(5)),
        "sizes": lambda: (doubled.abs_matvec(x), doubled.abs_rmatvec(np.ones(n)), doubled.column_sizes),
        "pieces": lambda: sum(block.shape[1] for _, block in doubled.pieces()),
        "columns": lambda: doubled.columns(np.arange(0, 2 * d, 50)),
        "rows": lambda: split_rows(doubled),
    }.items():
        assert peak(work) < 0.2 * system.matrix.nbytes, name
    assert peak(doubled.columns_in_single_precision) <= 0.6 * system.matrix.nbytes
    assert peak(lambda: doubled.restrict(np.arange(10, 2 * d))) < 0.2 * system.matrix.nbytes


def peak(work) -> int:
    """The bytes that are allocated at one time while something is done."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
