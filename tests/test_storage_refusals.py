"""Who needs the columns of A says so where A is known by its products alone."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import aslinearoperator

from bregman_l1 import (
    BregmanProjection,
    L1Minimization,
    LinearSystem,
    NullSpaceConstant,
    UnsupportedProblemError,
    UnsupportedStorageError,
    analyze,
    gradient_descent,
    gradient_flow,
    nearest_feasible,
    projection_path,
    prove,
    solve,
)

A = np.random.default_rng(0).standard_normal((5, 12))
SYSTEM = LinearSystem(aslinearoperator(A), A[:, 0] + A[:, 1])


@pytest.mark.parametrize(
    "call",
    [
        lambda: analyze(SYSTEM),
        lambda: projection_path(SYSTEM, alphas=[1e-2, 1e-3]),
        lambda: gradient_flow(SYSTEM, 1e-2),
        lambda: gradient_descent(SYSTEM, 1e-2),
        lambda: solve(NullSpaceConstant(SYSTEM, [0, 1], "rho")),
        lambda: prove(BregmanProjection(SYSTEM, 1e-3)),
        lambda: nearest_feasible(SYSTEM),
        lambda: SYSTEM.check_assumptions(),
        lambda: BregmanProjection(SYSTEM, 1e-3).dcp(),
        lambda: SYSTEM.matrix,
        lambda: SYSTEM.columns([0]),
        lambda: SYSTEM.rows([0]),
        lambda: SYSTEM.gram(),
    ],
)
def test_what_needs_columns_is_refused_in_words(call):
    with pytest.raises(UnsupportedStorageError, match="needs the columns of A, and A is stored as operator"):
        call()


@pytest.mark.parametrize("backend", ["highs", "clarabel", "scs", "ecos"])
def test_solvers_that_state_the_entries_name_those_that_do_not(backend):
    with pytest.raises(UnsupportedProblemError, match=r"needs the entries of A, and LinearSystem\(.*operator"):
        solve(L1Minimization(SYSTEM), backend)


def test_nothing_large_is_made_dense_without_saying_how_large():
    A = sp.random_array((20_000, 50_000), density=1e-5, rng=np.random.default_rng(0), format="csc")
    system = LinearSystem(A, A @ np.ones(50_000))
    for call in (lambda: system.columns(np.arange(50_000)), lambda: system.rows(np.arange(20_000))):
        with pytest.raises(UnsupportedStorageError, match="20000 x 50000 entries would take 7.45 GiB"):
            call()
    wide = LinearSystem(aslinearoperator(sp.eye_array(30_000)), np.ones(30_000)).doubled
    with pytest.raises(UnsupportedStorageError):
        wide.gram()
