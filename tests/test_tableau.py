"""A tableau and its bounds against the same in rationals: what is zero is zero, and no error is beyond its bound."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import fmpq, fmpq_mat

from bregman_l1 import LinearSystem, settings
from bregman_l1.basis.tableau import Tableau

EPS = 2.0**-52


def rational_matrix(A: np.ndarray) -> fmpq_mat:
    return fmpq_mat(*A.shape, [fmpq(*value.as_integer_ratio()) for value in A.ravel().tolist()])


def in_rationals(A: np.ndarray, J: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """A_J^{-1} columns, as an array of fractions."""
    solved = rational_matrix(A[:, J]).solve(rational_matrix(columns))
    return np.array([[Fraction(int(v.p), int(v.q)) for v in row] for row in solved.tolist()])


def integers(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-3, 4, (5, 12)).astype(float)


def gaussian(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((5, 12))


def scaled(rng: np.random.Generator) -> np.ndarray:
    rows, columns = 2.0 ** rng.integers(-30, 30, 5), 2.0 ** rng.integers(-30, 30, 12)
    return rows[:, None] * rng.integers(-3, 4, (5, 12)) * columns


def nearly_dependent(rng: np.random.Generator) -> np.ndarray:
    A = rng.integers(-3, 4, (5, 12)).astype(float)
    A[:, 1] = A[:, 0] + 2.0**-44 * rng.integers(-1, 2, 5)
    return A


def decimals(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(-3, 4, (5, 12)) / 10


FAMILIES = [integers, gaussian, scaled, nearly_dependent, decimals]


def drawn(family, seed: int) -> tuple[LinearSystem, np.ndarray, np.ndarray]:
    """A system, and a basis that is no particular one."""
    rng = np.random.default_rng(seed)
    while True:
        A = family(rng)
        J = np.append([0, 1], np.sort(rng.choice(np.arange(2, 12), 3, replace=False)))
        if rational_matrix(A[:, J]).det() != 0:
            return LinearSystem(A, A @ rng.uniform(0.5, 2.0, 12)), J, np.setdiff1d(np.arange(12), J)


def far(value: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """|value - truth|, rounded once."""
    return np.array(
        [[float(abs(Fraction(a) - b)) for a, b in zip(*row, strict=True)] for row in zip(value, truth, strict=True)]
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("exactly_to", [0, settings.EXACT_ENTRIES])
def test_no_entry_is_further_from_the_rational_one_than_its_bound(family, exactly_to):
    for seed in range(15):
        system, J, R = drawn(family, seed)
        truth = in_rationals(system.matrix, J, np.column_stack([system.matrix[:, R], system.y]))
        table = Tableau.of(system, J, R, exactly_to)
        bound = np.multiply.outer(table.row_error, table.column_error)
        error = far(table.T, truth[:, :-1])
        assert (error <= bound).all()
        zeros = truth[:, :-1] == 0
        assert (table.T[zeros] == 0.0).all()
        assumed = np.zeros(zeros.shape, dtype=bool) if table.assumed is None else table.assumed
        assert (zeros | assumed)[table.T == 0.0].all()
        assert exactly_to == 0 or table.assumed is None
        if not table.snapped:
            assert (far(table.u[:, None], truth[:, -1:])[:, 0] <= table.u_error).all()
        # Nor are the bounds much wider than what rounding can do.
        scale = np.abs(table.inverse) @ np.abs(system.matrix[:, J]) @ np.abs(table.T) + np.abs(table.inverse) @ np.abs(
            system.matrix[:, R]
        )
        assert (bound.min(axis=0) <= 1e4 * EPS * np.maximum(scale.max(axis=0), 1e-300)).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_dual_solves_its_equations_and_reduced_costs_are_those_of_rationals(family):
    for seed in range(10):
        system, J, R = drawn(family, seed)
        table = Tableau.of(system, J, R)
        rng = np.random.default_rng([seed, 1])
        values = rng.integers(-3, 4, 12).astype(float)
        lam = table.dual(values[J])
        A_J = system.matrix[:, J]
        assert (np.abs(A_J.T @ lam - values[J]) <= 64 * EPS * (np.abs(A_J).T @ np.abs(lam) + np.abs(values[J]))).all()
        T = in_rationals(system.matrix, J, system.matrix[:, R])
        exact = [
            sum(T[i, j] * Fraction(values[J[i]]) for i in range(5)) - Fraction(values[R[j]]) for j in range(R.size)
        ]
        rho = table.reduced(values)
        terms = np.abs(table.T).T @ np.abs(values[J]) + np.abs(values[R])
        for j in range(R.size):
            noise = 16 * EPS * terms[j] + table.column_error[j] * float(table.row_error @ np.abs(values[J]))
            assert abs(Fraction(rho[j]) - exact[j]) <= 2 * noise
            assert rho[j] == 0.0 or exact[j] != 0


@pytest.mark.parametrize("seed", range(10))
def test_assumed_zeros_are_decided_where_they_matter(seed):
    system, J, R = drawn(decimals, seed)
    table = Tableau.of(system, J, R, exactly_to=0)
    log_x = np.zeros(12)
    log_x[R] = 100.0
    decided = table.decided(system, log_x, settings.EXACT_ENTRIES)
    truth = in_rationals(system.matrix, J, system.matrix[:, R])
    assert (decided.T[truth == 0] == 0.0).all()
    assert (decided.T[truth != 0] != 0.0).all()
    assert (far(decided.T, truth) <= np.multiply.outer(decided.row_error, decided.column_error)).all()
    assert decided.assumed is None or not decided.assumed.any()


@pytest.mark.parametrize("zeros", [[2], [0, 3], [0, 1, 2, 4]])
@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_what_of_u_is_rounding_of_y_is_zero_and_what_is_more_is_not(zeros, size):
    rng = np.random.default_rng(len(zeros))
    A = rng.standard_normal((5, 12))
    J, R = np.arange(5), np.arange(5, 12)
    u = rng.uniform(0.5, 2.0, 5)
    u[zeros] = 0.0
    y = A[:, J] @ u
    table = Tableau.of(LinearSystem(A, y), J, R)
    assert (table.u == 0.0).tolist() == (u == 0.0).tolist()
    assert table.u == pytest.approx(u, rel=1e-13)
    assert table.snapped <= len(zeros)
    missed = np.abs(np.asarray(table.target, dtype=float) - y)
    assert (missed <= 64 * EPS * (np.abs(A[:, J]) @ np.abs(table.u) + np.abs(y))).all()
    # Millions of roundings are more than rounding.
    u[zeros] = size
    more = Tableau.of(LinearSystem(A, A[:, J] @ u), J, R)
    assert (more.u[zeros] != 0.0).all()
    assert more.snapped == 0
    assert more.u == pytest.approx(u, rel=1e-13 / size)


@pytest.mark.parametrize("seed", range(10))
def test_a_basis_is_exchanged_until_it_is_balanced(seed):
    system, J, R = drawn(gaussian, seed)
    log_x = np.random.default_rng([seed, 1]).normal(0.0, 30.0, 12)
    table = Tableau.of(system, J, R)
    K = np.log(np.abs(table.T)) + (log_x[R] - log_x[J][:, None]) / 2
    assert table.balance(log_x) == pytest.approx(K)
    assert table.serves(log_x) == (K.max() <= settings.UNBALANCED)
    better = table.exchanged(system, log_x)
    assert better.serves(log_x)
    assert (better is table) == table.serves(log_x)
    assert sorted([*better.J, *better.R]) == list(range(12))
    truth = in_rationals(system.matrix, better.J, system.matrix[:, better.R])
    assert (far(better.T, truth) <= np.multiply.outer(better.row_error, better.column_error)).all()
    assert better.log_T == pytest.approx(np.log(np.abs(better.T)))


@pytest.mark.parametrize("seed", range(10))
def test_ties_stay_ties(seed):
    # b = A'lam has reduced costs that are zero, all of them, where T is right to rounding only.
    system, J, R = drawn(integers, seed)
    lam = np.random.default_rng([seed, 3]).integers(-5, 6, 5).astype(float)
    for exactly_to in (0, settings.EXACT_ENTRIES):
        assert (Tableau.of(system, J, R, exactly_to).reduced(system.rmatvec(lam)) == 0.0).all()


@pytest.mark.parametrize("seed", range(10))
def test_a_small_tableau_of_an_ill_conditioned_basis_is_right_to_rounding(seed):
    system, J, R = drawn(nearly_dependent, seed)
    table = Tableau.of(system, J, R)
    truth = in_rationals(system.matrix, J, np.column_stack([system.matrix[:, R], np.eye(5)]))
    assert table.is_exact
    for found, exact in ((table.T, truth[:, :7]), (table.inverse, truth[:, 7:])):
        assert (far(found, exact) <= EPS * np.abs(found)).all()
    assert not Tableau.of(system, J, R, exactly_to=0).is_exact
    values = np.random.default_rng([seed, 4]).integers(-3, 4, 5).astype(float)
    exact_dual = in_rationals(system.matrix[:, J].T, np.arange(5), values[:, None])
    assert (far(table.dual(values)[:, None], exact_dual)[:, 0] <= 4 * EPS * np.abs(table.dual(values))).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_rounding_of_a_tableau_is_that_of_its_terms(family):
    for seed in range(15):
        system, J, R = drawn(family, seed)
        table, A = Tableau.of(system, J, R), system.matrix
        truth = in_rationals(A, J, np.column_stack([A[:, R], np.eye(5)]))
        terms = np.abs(truth[:, 7:].astype(float)) @ (np.abs(A[:, R]) + np.abs(A[:, J]) @ np.abs(table.T))
        assert (far(table.T, truth[:, :7]) <= table.rounding * terms).all()
        assert table.rounding <= 4 * EPS
