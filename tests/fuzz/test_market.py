"""Matrices in the Matrix Market format are read as SciPy reads them, and damaged ones are refused, where it crashes."""

from __future__ import annotations

import io

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp

from bregman_l1 import InputFileError
from bregman_l1.cli.files import read_array

A = np.random.default_rng(5).integers(-3, 4, (4, 4)).astype(float)
MATRICES = {
    "general": A[:3],
    "symmetric": A + A.T,
    "skew-symmetric": A - A.T,
    "integer": A.astype(int),
    "large": A * 1e300,
}


def market(matrix, **options) -> str:
    stream = io.BytesIO()
    scipy.io.mmwrite(stream, matrix, **options)
    return stream.getvalue().decode()


def dense(matrix):
    return matrix.toarray() if sp.issparse(matrix) else matrix


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("name", MATRICES)
def test_a_matrix_is_read_as_scipy_reads_it(name, is_sparse, tmp_path):
    matrix = sp.coo_array(MATRICES[name]) if is_sparse else MATRICES[name]
    text = market(matrix, symmetry=name if "symmetric" in name else "general")
    (tmp_path / "A.mtx").write_text(text)
    found = read_array(tmp_path / "A.mtx")
    assert sp.issparse(found) == is_sparse
    np.testing.assert_array_equal(dense(found), dense(scipy.io.mmread(io.StringIO(text))))


def test_a_pattern_is_a_matrix_of_ones_and_entries_given_twice_are_added(tmp_path):
    (tmp_path / "A.mtx").write_text(
        "%%MatrixMarket matrix coordinate pattern general\n% a remark\n2 3 3\n1 1\n2 3\n1 1\n"
    )
    np.testing.assert_array_equal(read_array(tmp_path / "A.mtx").toarray(), [[2, 0, 0], [0, 0, 1]])


ARRAY, COORDINATE = "%%MatrixMarket matrix array real ", "%%MatrixMarket matrix coordinate real "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f"{ARRAY}general\n2 3\n1\n0\n0\n1\n5\n1,51,5",
            "unmatched|could not be read",
        ),  # SciPy 1.17 writes beyond the array
        (f"{ARRAY}general\n1 2\n1\n2\n3\n", "promises 2 numbers and holds 3"),
        (f"{ARRAY}general\n1000000 1000000\n1\n", "promises 1000000000000 numbers and holds 1"),
        (f"{ARRAY}symmetric\n2 3\n1\n2\n3\n", "not symmetric"),
        (f"{ARRAY}general\n2 -3\n1\n", "not 2 whole numbers"),
        (f"{COORDINATE}general\n2 2 2\n1 1 1.0\n", "promises 2 entries and holds 1"),
        (f"{COORDINATE}general\n2 2 1\n3 1 1.0\n", "between 1 and 2"),
        (f"{COORDINATE}general\n2 2 1\n1 0.5 1.0\n", "between 1 and 2"),
        (f"{COORDINATE}hermitian\n1 1 1\n1 1 1.0\n", "hermitian is not read"),
        ("%%MatrixMarket matrix array complex general\n1 1\n1 0\n", "complex and general is not read"),
        ("", "the first line is not"),
        ("%%MatrixMarket vector", "the first line is not"),
    ],
)
def test_what_is_no_matrix_is_refused(text, message, tmp_path):
    (tmp_path / "A.mtx").write_text(text)
    with pytest.raises(InputFileError, match=message):
        read_array(tmp_path / "A.mtx")
