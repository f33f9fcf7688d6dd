"""Operators: what is refused of them, and in which words."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from bregman_l1 import (
    Backend,
    BackendError,
    BregmanProjection,
    Claim,
    InvalidSystemError,
    L1Minimization,
    LinearSystem,
    Outcome,
    Support,
    UnsupportedProblemError,
    UnsupportedStorageError,
    solve,
)
from bregman_l1.system import Knows

RNG = np.random.default_rng(5)
A = RNG.standard_normal((6, 20))
X = RNG.random(20)
Y = A @ X


class Mine:
    """Something with products that is no LinearOperator; what a test changes is given by name."""

    def __init__(self, **changes):
        self.shape, self._changes = A.shape, changes
        for name in {"shape", "dtype"} & set(changes):
            setattr(self, name, changes[name])

    def matvec(self, x):
        return self._changes.get("matvec", A.__matmul__)(x)

    def rmatvec(self, lam):
        return self._changes.get("rmatvec", A.T.__matmul__)(lam)


class Spoilt(Mine):
    """Products that are not numbers from some application on."""

    left = 60

    def matvec(self, x):
        self.left -= 1
        return A @ x if self.left > 0 else np.full(6, np.nan)


class Careless(Mine):
    """Works in its argument and returns the same buffer every time."""

    def __init__(self):
        super().__init__()
        self._buffer = np.empty(6)

    def matvec(self, x):
        np.matmul(A, x, out=self._buffer)
        x[:] = np.nan
        return self._buffer


class BrokenError(Exception):
    """Of somebody else."""


def broken(_):
    raise BrokenError("the device is gone")


@pytest.mark.parametrize("operator", [aslinearoperator(A), aslinearoperator(sp.csr_array(A)), Mine()])
def test_whatever_has_products_is_an_operator(operator):
    system = LinearSystem(operator, Y, row_names=list("abcdef"))
    assert system.knows is Knows.PRODUCTS
    assert system.row_names == tuple("abcdef")
    assert repr(system) == "LinearSystem(N=6, d=20, operator)"
    np.testing.assert_allclose(system.matvec(X), Y)
    np.testing.assert_allclose(system.rmatvec(Y), A.T @ Y)
    np.testing.assert_allclose(system.doubled.matvec(np.append(X, 2 * X)), -Y)


def test_an_operator_of_integers_is_one_of_numbers():
    whole = np.arange(12).reshape(3, 4)
    operator = Mine(shape=(3, 4), dtype=np.dtype(int), matvec=whole.__matmul__, rmatvec=whole.T.__matmul__)
    assert LinearSystem(operator, [1, 2, 3]).matvec(np.ones(4)).tolist() == [6.0, 22.0, 38.0]


def test_a_column_is_a_vector():
    operator = Mine(matvec=lambda x: (A @ x)[:, None], rmatvec=lambda lam: (A.T @ lam)[:, None])
    assert LinearSystem(operator, Y).matvec(X).shape == (6,)


def test_extended_precision_is_given_to_an_operator_in_double():
    seen = []
    system = LinearSystem(Mine(matvec=lambda x: (seen.append(x.dtype), A @ x)[1]), Y)
    system.matvec(X.astype(np.longdouble))
    assert set(seen) == {np.dtype(np.float64)}


def test_an_operator_may_write_into_its_argument_and_return_one_buffer():
    system = LinearSystem(Careless(), Y)
    given = X.copy()
    first, second = system.matvec(given), system.matvec(2 * given)
    np.testing.assert_array_equal(given, X)
    np.testing.assert_allclose(second, 2 * first)


def test_an_operator_that_pickles_does_so_in_its_system():
    system = pickle.loads(pickle.dumps(LinearSystem(aslinearoperator(A), Y)))
    np.testing.assert_allclose(system.matvec(X), Y)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shape": (6,)}, r"A.shape must be two integers \(N, d\), got \(6,\)"),
        ({"shape": None}, "A.shape must be two integers"),
        ({"shape": (6.0, 20)}, "A.shape must be two integers"),
        ({"shape": (-6, 20)}, "A.shape must be two positive integers"),
        ({"shape": (6, 0)}, r"A is empty: shape \(6, 0\)"),
        (
            {"dtype": np.dtype(complex)},
            "A is complex, of dtype complex128, and the unknowns are real: make an operator",
        ),
        ({"dtype": np.dtype(np.float32)}, "A has dtype float32, which holds 6 digits, .* double precision"),
        ({"dtype": np.dtype(object)}, "A has dtype object; it must hold real numbers"),
        ({"matvec": lambda x: A @ x + 0j}, "what A.matvec returned is complex"),
        ({"rmatvec": lambda lam: (A.T @ lam).astype(np.float32)}, "what A.rmatvec returned has dtype float32"),
        ({"matvec": lambda x: A[:5] @ x}, r"A.matvec returned shape \(5,\), not \(6,\)"),
        ({"rmatvec": lambda lam: (A.T @ lam)[None]}, r"A.rmatvec returned shape \(1, 20\), not \(20,\)"),
        ({"matvec": lambda x: None}, r"A.matvec returned shape \(\), not \(6,\)"),
        ({"matvec": lambda x: [[1.0], [1.0, 2.0]]}, "A.matvec returned what is no array"),
        ({"matvec": lambda x: np.full(6, np.nan)}, "A.matvec returned nan in entry 0 for a finite vector"),
        ({"rmatvec": lambda lam: np.append(A.T[:19] @ lam, np.inf)}, "A.rmatvec returned inf in entry 19"),
        ({"rmatvec": lambda lam: 2 * A.T @ lam}, r"not the transpose of A.matvec: .* lam'\(A x\) = [-\d.e+]+ but"),
        ({"rmatvec": lambda lam: A.T @ lam * (1 + 1e-9)}, "which differ by [1-9].*e-1.* of their terms"),
        ({"matvec": lambda x: A @ x + 1}, "both must be linear"),
        ({"matvec": lambda x: A @ np.abs(x)}, "both must be linear"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_products_of_no_real_matrix_are_refused(changes, message):
    with pytest.raises(InvalidSystemError, match=message):
        LinearSystem(Mine(**changes), Y)


@pytest.mark.parametrize(
    "operator", [LinearOperator(A.shape, matvec=A.__matmul__), type("", (), {"shape": A.shape, "matvec": len})()]
)
def test_an_operator_without_a_transpose_is_told_how_to_get_one(operator):
    with pytest.raises(
        InvalidSystemError, match=r"A has no rmatvec: .*LinearOperator\(shape, matvec=..., rmatvec=...\)"
    ):
        LinearSystem(operator, Y)


def test_a_product_that_is_no_function_is_refused():
    with pytest.raises(InvalidSystemError, match="A has no matvec: an operator needs matvec, for A @ x, and rmatvec"):
        LinearSystem(type("", (), {"shape": A.shape, "matvec": 1.0, "rmatvec": A.T.__matmul__})(), Y)


def test_an_exception_of_the_operator_passes_through():
    with pytest.raises(BrokenError, match="the device is gone"):
        LinearSystem(Mine(rmatvec=broken), Y)


def test_a_product_that_is_spoilt_in_the_middle_of_a_solve_ends_it():
    system = LinearSystem(Spoilt(), Y)
    with pytest.raises(InvalidSystemError, match="A.matvec returned nan in entry 0"):
        solve(BregmanProjection(system, alpha=0.1))


def test_a_product_that_overflows_is_no_fault_of_the_operator():
    with np.errstate(all="ignore"):
        assert not np.isfinite(LinearSystem(Mine(), Y).matvec(np.full(20, 1e308))).all()


def test_what_needs_columns_says_how_to_make_them():
    message = r"operator, of which only products are known: .* system.explicit\(\) stores .*: 6 x 20 .*, 9.6e-07 GB"
    with pytest.raises(UnsupportedStorageError, match=message):
        LinearSystem(aslinearoperator(A), Y).columns([0])


def test_the_way_out_is_one():
    system = LinearSystem(aslinearoperator(A), Y, row_names=list("abcdef"), column_names=range(20))
    np.testing.assert_array_equal(system.explicit().matrix, A)
    assert (system.explicit().row_names, system.explicit().column_names) == (tuple("abcdef"), tuple(range(20)))
    np.testing.assert_array_equal(system.doubled.explicit().matrix, np.hstack([A, -A]))
    np.testing.assert_array_equal(LinearSystem(aslinearoperator(A.T), X).explicit().matrix, A.T)


def test_a_matrix_that_is_too_large_is_not_made():
    wide = LinearSystem(aslinearoperator(sp.eye_array(30_000)), np.ones(30_000))
    with pytest.raises(UnsupportedStorageError, match="30000 x 30000 entries would take 6.71 GiB"):
        wide.explicit()


def test_a_system_in_memory_is_its_own_explicit_one():
    system = LinearSystem(A, Y)
    assert system.explicit() is system


@pytest.mark.parametrize("backend", ["auto", "newton", "krylov"])
def test_a_depth_that_products_do_not_solve_is_refused_with_the_way_out(backend):
    system = LinearSystem(aslinearoperator(A), Y)
    with pytest.raises(
        UnsupportedProblemError, match=r"depth 3; other backends need the columns of A: give system.expl"
    ):
        solve(BregmanProjection(system, alpha=0.1, depth=3), backend)
    assert solve(BregmanProjection(system.explicit(), alpha=0.1, depth=3)).certificate.ok


class Nothing(Backend):
    name = "nothing"

    def supports(self, problem):
        return Support(True)

    def claim(self, problem):
        return Claim(outcome=Outcome.INACCURATE)


def test_what_is_not_found_from_products_is_told_what_helps():
    """No other backend does without columns, nor does anything that would relax y."""
    with pytest.raises(BackendError, match=r"no solution x >= 0.*system\.explicit\(\)") as refused:
        solve(L1Minimization(LinearSystem(aslinearoperator(A), Y)), Nothing())
    assert "another backend" not in str(refused.value)
