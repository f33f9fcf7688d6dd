"""Tables with given margins: the matrix that is never formed against the one that is, and what is solved with it."""

from __future__ import annotations

import math
import pickle
from itertools import product
from math import prod

import numpy as np
import pytest
import scipy.sparse as sp

from bregman_l1 import (
    BregmanProjection,
    Claim,
    InfeasibleError,
    InvalidSystemError,
    L1Minimization,
    LinearSystem,
    Status,
    UnsupportedStorageError,
    certify,
    solve,
)
from bregman_l1.newton import Gradients
from bregman_l1.polyhedron.feasible_set import exposes
from bregman_l1.problems.table_residuals import TableResiduals
from bregman_l1.system import Knows

TABLES = [
    ((3, 4), [0, 1]),
    ((3, 4), [(1,), 0]),
    ((3, 4, 5), [(0, 1), (0, 2), (1, 2)]),
    ((3, 4, 5), [(2, 0), 1]),
    ((2, 3, 4), [(0, 1, 2), -1, ()]),
    ((2, 3, 4, 2), [(1, 3), (0, 1, 2), (3, 2)]),
    ((5,), [()]),
]
TABLE_NAMES = [f"{shape} {margins}" for shape, margins in TABLES]


def rng():
    return np.random.default_rng(11)


def axes_of(margin, count):
    return tuple(sorted(axis % count for axis in (margin if isinstance(margin, tuple) else (margin,))))


def explicit(shape, margins):
    """The matrix, cell by cell."""
    kept = [axes_of(margin, len(shape)) for margin in margins]
    entries = [(axes, at) for axes in kept for at in product(*(range(shape[axis]) for axis in axes))]
    return np.array(
        [
            [float(all(cell[i] == k for i, k in zip(axes, at, strict=True))) for cell in np.ndindex(*shape)]
            for axes, at in entries
        ]
    )


def targets_of(table, margins):
    """The margins of a table, the axes of each in the order in which it names them."""
    targets = []
    for margin in margins:
        named = [axis % table.ndim for axis in (margin if isinstance(margin, tuple) else (margin,))]
        sums = table.sum(axis=tuple(set(range(table.ndim)) - set(named)))
        targets.append(sums.transpose(np.argsort(np.argsort(named))))
    return targets


def of(table, margins, **names):
    return LinearSystem.margins(table.shape, margins, targets_of(table, margins), **names)


@pytest.mark.parametrize(("shape", "margins"), TABLES, ids=TABLE_NAMES)
def test_products_are_those_of_the_matrix_of_zeros_and_ones(shape, margins):
    system, A = of(rng().random(shape), margins), explicit(shape, margins)
    n_rows, n_columns = A.shape
    x, lam = rng().standard_normal(n_columns), rng().standard_normal(n_rows)
    assert (system.shape, system.knows, system.is_table) == (A.shape, Knows.GRAM, True)
    np.testing.assert_allclose(system.matvec(x), A @ x, atol=1e-13)
    np.testing.assert_allclose(system.rmatvec(lam), A.T @ lam, atol=1e-13)
    gram = A * x @ A.T
    np.testing.assert_allclose(system.gram(x), gram, atol=1e-13)
    np.testing.assert_allclose(system.gram_diagonal(x), gram.diagonal(), atol=1e-13)
    np.testing.assert_allclose(system.gram_product(x)(lam), gram @ lam, atol=1e-13)
    np.testing.assert_allclose(system.terms(np.abs(x)), A @ np.abs(x) + system.y, atol=1e-13)


@pytest.mark.parametrize(("shape", "margins"), TABLES, ids=TABLE_NAMES)
def test_targets_are_those_of_the_table_in_the_order_of_the_rows(shape, margins):
    table = rng().random(shape)
    np.testing.assert_allclose(of(table, margins).y, explicit(shape, margins) @ table.ravel(), rtol=1e-14)


def test_the_axes_of_a_target_are_in_the_order_in_which_its_margin_names_them():
    table = rng().random((2, 3, 4))
    system = LinearSystem.margins((2, 3, 4), [(2, 0)], [table.sum(axis=1).T])
    np.testing.assert_array_equal(system.y, table.sum(axis=1).ravel())


@pytest.mark.parametrize(("shape", "margins"), TABLES, ids=TABLE_NAMES)
def test_a_part_has_the_products_of_its_columns(shape, margins):
    A = explicit(shape, margins)
    kept = np.flatnonzero(rng().random(A.shape[1]) < 0.8)
    table = np.zeros(A.shape[1])
    table[kept] = 1.0
    part, B = of(table.reshape(shape), margins).restrict(kept), A[:, kept]
    x, lam = rng().random(kept.size), rng().standard_normal(A.shape[0])
    assert (part.shape, part.knows) == (B.shape, Knows.GRAM)
    np.testing.assert_allclose(part.matvec(x), B @ x)
    np.testing.assert_allclose(part.rmatvec(lam), B.T @ lam)
    np.testing.assert_allclose(part.gram(x), B * x @ B.T)
    np.testing.assert_allclose(part.gram_product(x)(lam), B * x @ B.T @ lam, atol=1e-13)


@pytest.mark.parametrize(("shape", "margins"), TABLES, ids=TABLE_NAMES)
def test_the_explicit_matrix_is_the_one_of_zeros_and_ones(shape, margins):
    system = of(rng().random(shape), margins).explicit()
    np.testing.assert_array_equal(system.matrix.toarray(), explicit(shape, margins))
    assert system.knows is Knows.COLUMNS


@pytest.mark.parametrize(("shape", "margins"), TABLES, ids=TABLE_NAMES)
def test_the_projection_is_that_of_the_explicit_system(shape, margins):
    table, prior = rng().random(shape) + 0.1, rng().lognormal(size=prod(shape))
    solution = solve(BregmanProjection(of(table, margins), prior=prior))
    system = LinearSystem(sp.csc_array(explicit(shape, margins)), of(table, margins).y)
    assert solution.certificate.ok
    np.testing.assert_allclose(solution.log_x, solve(BregmanProjection(system, prior=prior)).log_x, atol=1e-9)
    assert certify(BregmanProjection(system, prior=prior), log_x=solution.log_x, dual=solution.dual).ok


@pytest.mark.parametrize("epsilon", [0.1, 1e-2, 1e-3, 1e-4])
def test_transport_of_small_epsilon_is_that_of_the_explicit_system(epsilon):
    points, others = rng().random((30, 2)), rng().random((20, 2))
    cost = ((points[:, None] - others) ** 2).sum(axis=2).ravel()
    a, b = (weights / weights.sum() for weights in (rng().random(30) + 0.1, rng().random(20) + 0.1))
    system = LinearSystem.margins((30, 20), [0, 1], [a, b])
    solution = solve(BregmanProjection(system, log_alpha=-1 / epsilon, cost=cost))
    matrix = LinearSystem(sp.csc_array(explicit((30, 20), [0, 1])), system.y)
    expected = solve(BregmanProjection(matrix, log_alpha=-1 / epsilon, cost=cost))
    assert solution.certificate.ok
    np.testing.assert_allclose(solution.log_x, expected.log_x, atol=1e-8)


@pytest.mark.parametrize("log_alpha", [-1e4, 1e4])
def test_the_scale_of_an_even_prior_is_no_matter(log_alpha):
    table = rng().random((5, 6))
    solution = solve(BregmanProjection(of(table, [0, 1]), log_alpha=log_alpha))
    np.testing.assert_allclose(solution.x, np.outer(table.sum(1), table.sum(0)).ravel() / table.sum(), rtol=1e-9)
    assert solution.iterations <= 2


@pytest.mark.parametrize("part", [np.arange(60), np.arange(1, 60)])
def test_proportional_fitting_fits_every_margin_in_the_end(part):
    table = rng().random(60) * np.isin(np.arange(60), part)
    system = of(table.reshape(3, 4, 5), [(0, 1), (1, 2), (0,)]).restrict(part)
    log_x = 1e3 + rng().standard_normal(part.size)
    lam = system.balanced(log_x, 200)
    np.testing.assert_allclose(system.matvec(np.exp(log_x + system.rmatvec(lam))), system.y, rtol=1e-9)


def test_the_projection_is_the_limit_of_proportional_fitting():
    table, x, axes = rng().random((4, 5, 6)), rng().random((4, 5, 6)), (0, 1, 2)
    margins = [(0, 1), (0, 2), (1, 2)]
    solution = solve(BregmanProjection(of(table, margins), prior=x.ravel()))
    for _ in range(2000):
        for axis in axes:
            x *= table.sum(axis=axis, keepdims=True) / x.sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(solution.x, x.ravel(), rtol=1e-9)


@pytest.mark.parametrize("margins", [[0, 1, 2], [(0, 1), (1, 2)], [(0, 1), (0, 2), (1, 2)]], ids=str)
def test_cells_of_a_margin_that_is_zero_vanish_by_proof(margins):
    table = rng().random((4, 5, 6))
    table[1], table[:, 2, 3] = 0.0, 0.0
    system, A = of(table, margins), explicit((4, 5, 6), margins)
    solution = solve(BregmanProjection(system, alpha=0.1))
    vanishes = (A[system.y == 0.0]).any(axis=0)
    np.testing.assert_array_equal(solution.x == 0.0, vanishes)
    assert solution.certificate.ok
    assert f"{vanishes.sum()} coordinates vanish on the whole feasible set" in str(solution.certificate)
    expected = solve(BregmanProjection(LinearSystem(A, system.y), alpha=0.1))
    np.testing.assert_allclose(solution.x, expected.x, rtol=1e-9, atol=0)


def test_a_direction_that_rounding_hides_is_not_measured():
    """Two blocks that cells of exp(-60) join: how much these hold shows in no sum that double precision has."""
    log_prior = -60.0 * (1.0 - np.kron(np.eye(2), np.ones((30, 30))))
    log_x = log_prior + rng().random((60, 1)) + rng().random(60)
    targets = [[math.fsum(line) for line in table] for table in (np.exp(log_x), np.exp(log_x.T))]
    system = LinearSystem.margins((60, 60), [0, 1], targets)
    problem = BregmanProjection(system, log_alpha=1.0, cost=log_prior.ravel())
    residuals = TableResiduals(problem, Claim(log_x=log_x.ravel()))
    assert residuals.infeasibility < 1e-15
    assert residuals.deviation == np.inf
    assert "was not measured" in residuals.remarks()[0]


@pytest.mark.parametrize(
    "targets",
    [
        [[[1, 2], [2, 3], [6, 4]], [[2, 1], [3, 2], [4, 6]], [[7, 2], [2, 7]]],
        [[[3, 2], [2, 4], [3, 2]], [[3, 2], [0, 6], [5, 0]], [[4, 4], [4, 4]]],
    ],
)
def test_zeros_that_no_margin_shows_are_found_in_a_small_table(targets):
    margins = [(0, 1), (0, 2), (1, 2)]
    system = LinearSystem.margins((3, 2, 2), margins, targets)
    solution, expected = (solve(BregmanProjection(each, alpha=1.0)) for each in (system, system.explicit()))
    assert solution.certificate.ok
    np.testing.assert_array_equal(solution.x == 0.0, expected.x == 0.0)
    assert (solution.x == 0.0).sum() > (explicit((3, 2, 2), margins)[system.y == 0.0]).any(axis=0).sum()
    np.testing.assert_allclose(solution.x, expected.x, rtol=1e-9)


@pytest.mark.parametrize(
    "targets",
    [
        [[[1, 1], [4, 0], [1, 5]], [[2, 0], [3, 1], [0, 6]], [[2, 4], [3, 3]]],
        [[[2, 1], [1, 1], [0, 2]], [[0, 3], [2, 0], [2, 0]], [[2, 1], [2, 2]]],
    ],
)
def test_a_table_of_which_only_several_margins_together_are_impossible_is_refused_with_a_proof(targets):
    margins = [(0, 1), (0, 2), (1, 2)]
    system = LinearSystem.margins((3, 2, 2), margins, targets)
    with pytest.raises(InfeasibleError, match="no x >= 0 solves A x = y: rows") as caught:
        solve(BregmanProjection(system, alpha=1.0))
    assert contradicts((explicit((3, 2, 2), margins), system.y), caught.value)


def test_what_exposes_zeros_of_a_table_is_a_vector_of_rows_that_are_zero():
    system = of(np.array([[1.0, 2.0], [3.0, 0.0], [0.0, 0.0]]), [0, 1])
    z, vanishes = -(system.y == 0.0).astype(float), np.array([0, 0, 0, 0, 1, 1], dtype=bool)
    assert exposes(system, z, ~vanishes)
    assert not exposes(system, -z, ~vanishes)
    assert not exposes(system, z, np.array([1, 1, 1, 0, 0, 0], dtype=bool))
    assert not exposes(system, np.array([0.0, -1.0, -1.0, 0.0, 0.0]), np.array([1, 1, 0, 0, 0, 0], dtype=bool))


def test_newton_equations_are_solved_up_to_what_no_table_can_have():
    system, weights = of(rng().random((4, 5, 6)), [(0, 1), (0, 2), (1, 2)]), rng().random(120)
    equations, gram = Gradients(system), system.gram(weights)
    equations.weigh(weights)
    right, hidden = gram @ rng().standard_normal(74), np.zeros(74)
    hidden[:20], hidden[20:44] = 1.0, -1.0  # the total by one margin and by another
    solved = equations.solve(right + hidden, 1e-12)
    assert equations.left <= 1e-12
    np.testing.assert_allclose(gram @ solved, right, atol=1e-9)


def test_a_zero_that_nothing_forces_is_not_certified():
    table = np.array([[1.0, 2.0], [3.0, 0.0]])
    assert not certify(BregmanProjection(of(table, [0, 1]), alpha=1.0), table.ravel()).ok


@pytest.mark.parametrize("seed", range(3))
def test_plain_transport_is_that_of_the_explicit_system(seed):
    x = rng().random((4, 5, 3))[..., seed]
    system = LinearSystem.margins((4, 5), [0, 1], [x.sum(axis=1), x.sum(axis=0)])
    cost = np.random.default_rng(seed).random(20)
    solution, expected = (solve(L1Minimization(each, cost=cost)) for each in (system, system.explicit()))
    assert solution.certificate.ok
    assert solution.value == pytest.approx(expected.value, rel=1e-12)


def test_cells_where_the_prior_is_zero_stay_so():
    table, prior = rng().random((6, 7)), rng().random((6, 7))
    table[prior < 0.3] = prior[prior < 0.3] = 0.0
    system, A = of(table, [0, 1]), explicit((6, 7), [0, 1])
    solution = solve(BregmanProjection(system, prior=prior.ravel()))
    assert solution.certificate.ok
    np.testing.assert_array_equal(solution.x == 0.0, prior.ravel() == 0.0)
    expected = solve(BregmanProjection(LinearSystem(A, system.y), prior=prior.ravel()))
    np.testing.assert_allclose(solution.x, expected.x, rtol=1e-9)


def test_a_table_in_blocks_has_a_solution_though_its_multiplier_is_not_unique():
    prior = np.kron(np.eye(2), np.ones((3, 3)))
    table = prior * rng().random((6, 6))
    solution = solve(BregmanProjection(of(table, [0, 1]), prior=prior.ravel()))
    assert solution.certificate.ok
    blocks = [np.outer(b.sum(1), b.sum(0)) / b.sum() for b in (table[:3, :3], table[3:, 3:])]
    np.testing.assert_allclose(solution.x.reshape(6, 6)[:3, :3], blocks[0], rtol=1e-9)
    np.testing.assert_allclose(solution.x.reshape(6, 6)[3:, 3:], blocks[1], rtol=1e-9)


def test_targets_of_any_scale_are_met():
    for scale in (1e-100, 1e100):
        solution = solve(BregmanProjection(of(scale * rng().random((3, 4)), [0, 1]), alpha=1.0))
        assert solution.certificate.ok


def test_a_system_of_margins_is_pickled_with_its_names():
    system = of(rng().random((2, 2)), [0, 1], row_names=list("abcd"), column_names=range(4))
    copy = pickle.loads(pickle.dumps(system))
    assert (copy.row_names, copy.column_names, repr(copy)) == (tuple("abcd"), (0, 1, 2, 3), repr(system))
    np.testing.assert_array_equal(copy.rmatvec(copy.y), system.rmatvec(system.y))


def contradicts(system, error):
    """Whether the vector of an error proves it, in exact integers and the targets given."""
    return (system[0].T @ error.farkas <= 0).all() and system[1] @ error.farkas > 0


@pytest.mark.parametrize(
    ("margins", "targets", "message"),
    [
        ([0, 1], [[1.0, 2.0], [1.0, 1.0, 1.5]], r"targets\[0\] adds up to 3 in total and targets\[1\] to 3.5"),
        ([0, 1], [[1.0, -2.0], [1.0, 0.0, -2.0]], r"targets\[0\] is -2 at \(1,\) of axes \(0,\), and no sum"),
        (
            [(0, 1), 1],
            [np.ones((2, 3)), [2.0, 3.0, 1.0]],
            r"targets\[0\] adds up to 2 at \(1,\) of axes \(1,\), which both",
        ),
        ([(), 1], [6.0 + 1e-9, [2.0, 3.0, 1.0]], "6.000000001 in total and .* to 6; both are sums of the same cells"),
    ],
    ids=str,
)
def test_targets_that_contradict_each_other_are_refused_with_a_proof(margins, targets, message):
    with pytest.raises(InfeasibleError, match=message) as caught:
        LinearSystem.margins((2, 3), margins, targets)
    y = np.concatenate([np.ravel(target) for target in targets])
    assert contradicts((explicit((2, 3), margins), y), caught.value)


def test_targets_that_agree_to_rounding_are_taken():
    table = rng().lognormal(size=(30, 40))
    system = LinearSystem.margins((30, 40), [0, 1], [np.cumsum(table, axis=1)[:, -1], table.sum(axis=0)])
    assert solve(BregmanProjection(system, alpha=1.0)).certificate.ok


def test_zeros_that_leave_a_positive_margin_without_cells_are_refused_with_a_proof():
    margins = [(0, 1), (0, 2), (1, 2)]
    targets = [[[4.0, 2.0], [4.0, 0.0]], [[0.0, 6.0], [4.0, 0.0]], [[3.0, 5.0], [1.0, 1.0]]]
    system = LinearSystem.margins((2, 2, 2), margins, targets)
    with pytest.raises(InfeasibleError, match="no x >= 0 solves A x = y: rows 3, 4, 7, 10 contradict") as caught:
        solve(BregmanProjection(system, alpha=1.0))
    assert contradicts((explicit((2, 2, 2), margins), system.y), caught.value)


def test_a_prior_that_leaves_a_margin_without_cells_is_refused():
    with pytest.raises(InfeasibleError, match="no x >= 0 that vanishes where the prior does"):
        solve(BregmanProjection(of(np.ones((2, 2)), [0, 1]), prior=[0.0, 0.0, 1.0, 1.0]))


@pytest.mark.parametrize(
    ("shape", "margins", "targets", "message"),
    [
        (3, [0], [[1.0]], "shape must be a sequence of integers, got 3"),
        ((2.0, 3), [0], [[1.0, 1.0]], "shape must be a sequence of integers"),
        ((2, 0), [0], [[1.0, 1.0]], "shape must be positive integers, the lengths of the axes"),
        ((), [()], [1.0], "shape must be positive integers"),
        ((2, 3), 0, [[1.0, 1.0]], "margins must be a sequence with an entry for each margin, got 0"),
        ((2, 3), [0.5], [[1.0, 1.0]], r"margins\[0\] must be a sequence of integers"),
        ((2, 3), [2], [[1.0, 1.0]], r"margins\[0\] is 2, and the axes of the table are 0 to 1"),
        ((2, 3), [(0, -2)], [np.ones((2, 2))], r"margins\[0\] is \(0, -2\), which has an axis twice"),
        ((2, 3), [0, (0,)], [np.ones(2), np.ones(2)], r"margins\[0\] and margins\[1\] keep the same axes \(0,\)"),
        ((2, 3), [0, 1], [np.ones(2)], "targets must be one array for each margin, got 1 for 2 margins"),
        ((2, 3), [], [], "targets must be one array for each margin, got 0 for 0 margins"),
        ((2, 3), [0], 1.0, "targets must be a sequence"),
        ((2, 3), [0], "ab", "targets must be a sequence"),
        ((2, 3), [1], [[1.0, 1.0]], r"targets\[0\] must have shape \(3,\), that of axes \(1,\), got \(2,\)"),
        ((2, 3), [0], [[1.0, np.nan]], r"targets\[0\]\[1\] is nan; every entry must be finite"),
        ((2, 3), [0], [["a", "b"]], r"targets\[0\] has dtype"),
        ((2, 3), [0], [[1j, 1]], r"targets\[0\] is complex"),
        ((2, 3), [0], [[0.0, 0.0]], "y is zero"),
    ],
    ids=str,
)
def test_what_is_no_margins_of_a_table_is_refused(shape, margins, targets, message):
    with pytest.raises(InvalidSystemError, match=message):
        LinearSystem.margins(shape, margins, targets)


def test_what_needs_columns_says_how_to_have_them():
    with pytest.raises(UnsupportedStorageError, match="A is stored as margins of a 2 x 2 table"):
        _ = of(np.ones((2, 2)), [0, 1]).matrix


@pytest.mark.parametrize("size", [1e-8, 1e-6])
@pytest.mark.parametrize("coupling", [1e-9, 1e-10, 1e-11])
def test_what_is_wrong_between_blocks_that_hardly_share_a_cell_is_measured(coupling, size):
    """The cells between them move along a direction of lam that no margin sees beyond its rounding."""
    table = np.array([[1.0, 2.0, coupling], [coupling, coupling, 1.3]])
    system = LinearSystem.margins((2, 3), [0, 1], [table.sum(axis=1), table.sum(axis=0)])
    problem = BregmanProjection(system, prior=table.ravel())
    solution = solve(problem)
    assert solution.status is Status.CERTIFIED
    dual = solution.dual + size * np.array([1.0, 0.0, -1.0, -1.0, 0.0])
    certificate = certify(problem, log_x=problem.log_prior + system.rmatvec(dual), dual=dual)
    assert not certificate.ok
    assert 0.9 * size <= certificate.checks["deviation"].value <= 1.2 * size


@pytest.mark.parametrize("shape", [(2, 3), (4, 5), (3, 4, 2)])
@pytest.mark.parametrize("even", [True, False])
def test_the_cheapest_small_table_is_that_from_columns(shape, even):
    """Vertices of transport are not sparse enough for a pursuit, and many are degenerate."""
    rng = np.random.default_rng(0)
    table, cost = rng.exponential(size=shape), np.ones(prod(shape)) if even else rng.random(prod(shape))
    axes = range(len(shape))
    targets = [table.sum(axis=tuple(other for other in axes if other != axis)) for axis in axes]
    system = LinearSystem.margins(shape, list(axes), targets)
    found, expected = (solve(L1Minimization(each, cost=cost)) for each in (system, system.explicit()))
    assert found.status is expected.status is Status.CERTIFIED
    assert found.certificate.checks["uniqueness"].value == expected.certificate.checks["uniqueness"].value
    np.testing.assert_allclose(cost @ found.x, cost @ expected.x, rtol=1e-12)
