"""The null-space constants against exact values, brute force, and each other's bounds."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from conftest import gaussian_system
from scipy.optimize import linprog

from bregman_l1 import certify, solve
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.errors import InvalidProblemError, UndefinedConstantError
from bregman_l1.polyhedron.kernel_cone import KernelCone
from bregman_l1.problems import NullSpaceConstant
from bregman_l1.problems.left_inverse import left_inverse_bound
from bregman_l1.system import LinearSystem
from bregman_l1.theory.constants import bracketed, null_space_constant

KINDS = ("rho", "rho_tilde", "rho_minus")
LAYERED = LinearSystem([[1, 0, 2, -1, -1.5], [0, 1, -1, 1, 0.5], [0, 0, 1, -1, -2]], [1, 1, 0])


def brute_force(system: LinearSystem, support: np.ndarray, kind: str) -> float:
    """The maximum over all sign patterns of n_S, each a linear program in n itself, solved by scipy."""
    A = np.asarray(system.matrix)
    outside = np.setdiff1d(np.arange(A.shape[1]), support)
    order = np.concatenate([support, outside])
    s = support.size
    equations = np.vstack([A[:, order], np.concatenate([np.zeros(s), np.ones(outside.size)])])
    right = np.append(np.zeros(A.shape[0]), 1.0)
    best = -np.inf
    for signs in product((1.0, -1.0), repeat=s):
        weights = {"rho": [-1.0] * s, "rho_tilde": signs, "rho_minus": [-1.0 if sign < 0 else 0.0 for sign in signs]}
        cost = -np.concatenate([weights[kind], np.zeros(outside.size)])
        answer = linprog(cost, A_eq=equations, b_eq=right, bounds=[(None, None)] * s + [(0, None)] * outside.size)
        best = max(best, -answer.fun)
        if kind == "rho":
            break
    return best


def random_case(seed: int, n_rows: int, n_columns: int, s: int) -> tuple[LinearSystem, np.ndarray]:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_rows, n_columns))
    support = np.sort(rng.choice(n_columns, s, replace=False))
    x = np.zeros(n_columns)
    x[support] = rng.uniform(0.5, 2.0, s)
    return LinearSystem(A, A @ x), support


@pytest.mark.parametrize("kind", KINDS)
def test_constants_equal_the_exact_rationals(unique_case, kind):
    solution = solve(NullSpaceConstant(unique_case.system, unique_case.data["support"], kind))
    assert solution.status.is_certified
    assert solution.value == pytest.approx(unique_case.exact(kind), abs=2e-15 * max(1, unique_case.exact(kind)) * 4)


@pytest.mark.parametrize(("kind", "value"), [("rho", 1 / 2), ("rho_tilde", 4 / 3), ("rho_minus", 5 / 6)])
def test_column_maxima_are_wrong_where_the_cone_is_not_an_orthant(kind, value):
    problem = NullSpaceConstant(LAYERED, [0, 1], kind)
    assert not problem.cone.is_orthant
    assert solve(problem).value == pytest.approx(value, abs=1e-14)
    assert problem.column_bound() > value + 0.4


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["rho_tilde", "rho_minus"])
def test_branch_and_bound_agrees_with_all_sign_patterns(seed, kind):
    system, support = random_case(seed, 9, 22, 5)
    constant = null_space_constant(system, support, kind)
    assert constant.exact
    assert constant.value == pytest.approx(brute_force(system, support, kind), rel=1e-8)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("kind", ["rho_tilde", "rho_minus"])
def test_the_maximum_over_sign_patterns_and_its_bound_are_those_of_brute_force(seed, kind):
    # n_S = -B p where C p = 0: the first n_i is below zero all over, the second above, the others take both signs.
    rng = np.random.default_rng(seed)
    B, C = rng.standard_normal((5, 8)), rng.standard_normal((3, 8))
    B[0], B[1] = rng.uniform(0.5, 1.0, 8), rng.uniform(-1.0, -0.5, 8)
    C -= C.mean(axis=1, keepdims=True)
    A = rng.standard_normal((8, 8)) @ np.block([[np.eye(5), B], [np.zeros((3, 5)), C]])
    support = np.arange(5)
    problem = NullSpaceConstant(LinearSystem(A, A @ np.ones(13)), support, kind)
    claim, bound = problem.maximum(Budget(seconds=np.inf))
    truth = brute_force(problem.system, support, kind)
    assert problem.objective(claim) == pytest.approx(truth, rel=1e-8)
    assert truth * (1 - 1e-9) <= bound <= truth * (1 + 1e-8)


@pytest.mark.parametrize("kind", ["rho_tilde", "rho_minus"])
def test_more_signs_than_are_enumerated_are_bounded_by_branch_and_bound(kind):
    system, support = random_case(1, 10, 16, 8)
    problem = NullSpaceConstant(system, support, kind)
    assert problem.is_large
    solution = solve(problem)
    truth = brute_force(system, support, kind)
    assert solution.value == pytest.approx(truth, rel=1e-8)
    assert solution.status.is_certified
    assert certify(problem, solution.x).ok
    # The vector that attains rho attains less of the others here.
    worse = NullSpaceConstant(system, support, "rho").ascended(np.full(8, 1 / 8), Budget(seconds=np.inf))
    assert certify(problem, worse.x).failed == ("upper bound",)


@pytest.mark.parametrize("kind", KINDS)
def test_square_supports_agree_with_all_sign_patterns(kind):
    system, support = random_case(7, 5, 14, 5)
    assert NullSpaceConstant(system, support, kind).cones == {"linear"}
    assert null_space_constant(system, support, kind).value == pytest.approx(
        brute_force(system, support, kind), rel=1e-9
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["highs", "clarabel", "ecos", "scs"])
def test_every_backend_that_can_reaches_the_same_constant(kind, backend):
    problem = NullSpaceConstant(LAYERED, [0, 1], kind)
    solution = solve(problem, backend)
    assert solution.status.is_certified
    assert solution.value == pytest.approx({"rho": 1 / 2, "rho_tilde": 4 / 3, "rho_minus": 5 / 6}[kind], abs=1e-9)


def test_mixed_integer_dcp_form_agrees_with_highs():
    system, support = random_case(2, 9, 22, 5)
    problem = NullSpaceConstant(system, support, "rho_tilde")
    assert problem.cones == {"linear", "integer"}
    program = problem.dcp()
    program.solve(solver="HIGHS")
    assert -program.value == pytest.approx(solve(problem, "highs").value, rel=1e-6)
    recovered = problem.polish(problem.recover(program))
    assert recovered.value == pytest.approx(solve(problem, "highs").value, rel=1e-9)
    assert problem.certify(recovered).ok


def test_solution_is_the_attaining_kernel_vector():
    system, support = random_case(3, 9, 22, 5)
    for kind in KINDS:
        solution = solve(NullSpaceConstant(system, support, kind))
        n = solution.x
        off = np.setdiff1d(np.arange(n.size), support)
        assert np.abs(system.matvec(n)).max() < 1e-13
        assert n[off].min() >= 0
        assert n[off].sum() == pytest.approx(1, abs=1e-14)
        on = n[support]
        value = {"rho": -on.sum(), "rho_tilde": np.abs(on).sum(), "rho_minus": -on.clip(max=0).sum()}
        assert value[kind] == pytest.approx(solution.value, abs=1e-14)


def test_dual_of_rho_proves_the_maximum():
    system, support = random_case(3, 9, 22, 5)
    solution = solve(NullSpaceConstant(system, support, "rho"))
    reached = system.rmatvec(solution.dual)
    assert reached[support] == pytest.approx(1, abs=1e-12)
    assert np.delete(reached, support).max() == pytest.approx(solution.value, abs=1e-12)


def test_certificate_rejects_a_kernel_vector_that_is_not_the_best():
    system, support = random_case(3, 9, 22, 5)
    cone = KernelCone(system, support)
    worst = cone.kernel_vector(cone.maximise(-cone.total(np.ones(support.size))).p)
    for kind in KINDS:
        certificate = certify(NullSpaceConstant(system, support, kind), x=worst)
        assert certificate.failed == ("upper bound",)


def test_certificate_rejects_a_vector_outside_the_kernel():
    system, support = random_case(3, 9, 22, 5)
    certificate = certify(NullSpaceConstant(system, support, "rho"), x=np.ones(22))
    assert {"kernel", "normalisation"} <= set(certificate.failed)


def test_certificate_rejects_nan():
    assert not NullSpaceConstant(LAYERED, [0, 1], "rho").certify(Claim(x=np.full(5, np.nan))).ok


@pytest.mark.parametrize("kind", KINDS)
def test_left_inverse_bound_is_an_upper_bound_better_than_the_pseudo_inverse(kind):
    system, support = random_case(1, 9, 22, 5)
    problem = NullSpaceConstant(system, support, kind)
    bound = left_inverse_bound(problem)
    assert brute_force(system, support, kind) <= bound + 1e-9
    assert bound < problem.column_bound()


def least_over_left_inverses(problem: NullSpaceConstant) -> float:
    """The minimum over W of max_j ||B_j - W C_j||_1, or of its positive parts, as one linear program for scipy."""
    B, C = problem.cone.B, problem.cone.C
    (s, n), m = B.shape, len(C)
    eye, unit = np.eye(s), np.eye(s * n)
    rows = [np.hstack([-np.kron(eye, C.T), -unit, np.zeros((s * n, 1))])]
    right = [-B.ravel()]
    if problem.kind == "rho_tilde":
        rows.append(np.hstack([np.kron(eye, C.T), -unit, np.zeros((s * n, 1))]))
        right.append(B.ravel())
    rows.append(np.hstack([np.zeros((n, s * m)), np.kron(np.ones((1, s)), np.eye(n)), -np.ones((n, 1))]))
    right.append(np.zeros(n))
    cost = np.append(np.zeros(s * m + s * n), 1.0)
    bounds = [(None, None)] * (s * m) + [(0, None)] * (s * n + 1)
    return linprog(cost, A_ub=np.vstack(rows), b_ub=np.concatenate(right), bounds=bounds).fun


@pytest.mark.parametrize("kind", ["rho_tilde", "rho_minus"])
@pytest.mark.parametrize("seed", range(3))
def test_left_inverse_bound_comes_close_to_the_best_of_its_kind(seed, kind):
    problem = NullSpaceConstant(*random_case(seed, 9, 22, 5), kind)
    best = least_over_left_inverses(problem)
    assert best - 1e-9 <= left_inverse_bound(problem) <= 1.01 * best


def test_a_kernel_with_no_response_on_the_support_has_constants_zero():
    """B = 0: no column has a part in the range of A_S."""
    system = LinearSystem([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, -1.0, 0.0]], [1.0, 0.0])
    for kind in KINDS:
        assert null_space_constant(system, [0], kind).value == 0.0
        assert left_inverse_bound(NullSpaceConstant(system, [0], kind)) == 0.0


def test_time_limit_leaves_a_rigorous_bracket():
    system, support = random_case(5, 30, 70, 11)
    bracket = null_space_constant(system, support, "rho_tilde", time_limit=0.05)
    exact = null_space_constant(system, support, "rho_tilde")
    assert exact.exact
    assert bracket.lower <= exact.value + 1e-9
    assert exact.value <= bracket.upper + 1e-9
    assert bracket.exact or bracket.upper > bracket.lower


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_no_time_at_all_still_leaves_a_bracket_with_a_witness(seed, kind):
    system, support = random_case(seed, 9, 22, 5)
    bracket = null_space_constant(system, support, kind, time_limit=0.0)
    truth = brute_force(system, support, kind)
    assert bracket.lower - 1e-9 <= truth <= bracket.upper + 1e-9
    assert np.abs(system.matvec(bracket.witness)).max() < 1e-12


FORCED = LinearSystem([[1, 1, 0.5, 0, 1], [0, 0, 1, 1, 0], [1, 0, 0, 0.5, 0.3]], [1, 0, 0.25])
"""x_3 = x_4 = 0 in every solution: P has no interior."""


@pytest.mark.parametrize("kind", KINDS)
def test_forced_zeros_do_not_cost_the_witness(kind):
    bracket = null_space_constant(FORCED, [0, 1], kind, time_limit=0.0)
    truth = brute_force(FORCED, np.array([0, 1]), kind)
    assert bracket.lower - 1e-9 <= truth <= bracket.upper + 1e-9
    assert np.abs(FORCED.matvec(bracket.witness)).max() < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_no_linear_program_is_begun_without_time(kind, monkeypatch):
    def begun(*_):
        raise AssertionError("a linear program was begun")

    system, support = random_case(3, 9, 22, 5)
    problem = NullSpaceConstant(system, support, kind)
    start = problem.cone.some_point
    for where in ("polyhedron.kernel_cone.solve_verified_later", "problems.nullspace.solve_linear_program"):
        monkeypatch.setattr(f"bregman_l1.{where}", begun)
    bracket = bracketed(problem, start, Budget(seconds=0.0))
    assert bracket.lower <= brute_force(system, support, kind) <= bracket.upper


class Clock:
    """A clock by which every look at it takes a second."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        self.now += 1.0
        return self.now


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [0.0, 10.0, 100.0, 1000.0])
def test_everything_looks_at_the_clock_and_ends_in_time(kind, seconds, monkeypatch):
    system, x0 = gaussian_system(100, 400, 15)
    problem = NullSpaceConstant(system, np.flatnonzero(x0), kind)
    start = problem.cone.some_point
    monkeypatch.setattr("bregman_l1.theory.constants._LARGEST_MIXED", 0)
    monkeypatch.setattr("bregman_l1.budget.perf_counter", clock := Clock())
    bracket = bracketed(problem, start, Budget(seconds=seconds))
    assert clock.now <= seconds + 20
    assert bracket.lower < bracket.upper or bracket.exact


def test_linear_programs_that_were_in_time_are_not_solved_again(monkeypatch):
    cone = NullSpaceConstant(*random_case(3, 9, 22, 5), "rho_tilde").cone
    solved, maximise = [], KernelCone.maximise

    def counted(self, objective, budget=None):
        found = maximise(self, objective, budget)
        solved.append(tuple(objective))
        return found

    monkeypatch.setattr(KernelCone, "maximise", counted)
    monkeypatch.setattr("bregman_l1.budget.perf_counter", Clock())
    assert not cone.has_ranges(Budget(seconds=30.0))
    done = len(solved)
    assert 0 < done < 10
    assert cone.has_ranges(Budget())
    assert len(solved) == len(set(solved)) == 10


def test_an_empty_base_has_no_ranges():
    whole = KernelCone(LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], [1.0, 0.8]), [0, 1, 2])
    single = KernelCone(LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 0.0]], [1.0, 0.0]), [0])
    for cone in (whole, KernelCone(LinearSystem([[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0]), [0])):
        with pytest.raises(UndefinedConstantError):
            _ = cone.ranges
    assert single.ranges[1] == pytest.approx([1.0])


def test_columns_of_very_different_sizes_do_not_hide_that_the_cone_is_trivial():
    """Found at random; an unscaled program accepts a kernel vector that misses A n = 0 by half of its terms."""
    rows = [
        [64.0, 1024.0, -1 / 2048, 3 / 128, 3 / 32, 1 / 1024, 32.0, 1 / 2048],
        [64.0, -3072.0, -1 / 4096, 0.0, -1 / 16, -3 / 2048, 0.0, 1 / 1024],
        [0.0, 1024.0, -1 / 4096, -1 / 128, 1 / 16, 1 / 2048, -96.0, 1 / 1024],
        [64.0, -2048.0, 3 / 4096, 0.0, -1 / 16, 0.0, -64.0, 1 / 1024],
    ]
    system = LinearSystem(rows, 7 / 64 * np.array(rows)[:, 2])
    cone = KernelCone(system, [2])
    assert cone.is_trivial
    with pytest.raises(UndefinedConstantError):
        cone.maximise(cone.total(np.ones(1)))


def test_rho_is_defined_for_a_singular_support_of_several_minimisers():
    system = LinearSystem([[1, 1, 1, 0.5], [0, 1, 2, 3]], [1, 0.8])
    assert solve(NullSpaceConstant(system, [0, 1, 2], "rho")).value == pytest.approx(1 / 2, abs=1e-14)
    for kind in ("rho_tilde", "rho_minus"):
        with pytest.raises(UndefinedConstantError, match="not unique"):
            NullSpaceConstant(system, [0, 1, 2], kind)


def test_no_constant_exists_where_the_solution_is_the_only_one():
    system = LinearSystem([[1, 1], [1, -1]], [1, 0.5])
    with pytest.raises(UndefinedConstantError, match="nonnegative and nonzero"):
        NullSpaceConstant(system, [0, 1], "rho")


def test_boolean_mask_and_indices_mean_the_same():
    mask = np.array([True, True, False, False, False])
    values = [solve(NullSpaceConstant(LAYERED, support, "rho")).value for support in (mask, [1, 0])]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("support", "message"),
    [
        ([], "empty"),
        ([0, 0], "repeated"),
        ([5], "out of range"),
        ([-1], "out of range"),
        ([0.5], "dtype"),
        ([[0, 1]], "one-dimensional"),
        ([True, False], "5 entries"),
    ],
)
def test_wrong_supports_are_named(support, message):
    with pytest.raises(InvalidProblemError, match=message):
        NullSpaceConstant(LAYERED, support, "rho")


def test_unknown_kind_is_refused():
    with pytest.raises(InvalidProblemError, match="rho_tilde"):
        NullSpaceConstant(LAYERED, [0, 1], "sigma")


def test_constants_do_not_depend_on_the_scaling_of_rows():
    system, support = random_case(4, 9, 22, 5)
    scale = np.logspace(-3, 3, 9)
    scaled = LinearSystem(np.asarray(system.matrix) * scale[:, None], system.y * scale)
    for kind in KINDS:
        assert null_space_constant(scaled, support, kind).value == pytest.approx(
            null_space_constant(system, support, kind).value, rel=1e-9
        )


def test_a_vector_outside_the_kernel_is_refused_beside_huge_columns():
    problem = NullSpaceConstant(LinearSystem([[1.0, 0.5, 0.0], [0.0, -0.3, 1e12]], [1.0, 0.0]), [0], "rho")
    assert solve(problem).value == pytest.approx(0.5)
    assert not certify(problem, x=[-400.0, 1.0, 3e-13]).ok


@pytest.mark.parametrize("unit", [1e-160, 1.0, 1e160])
def test_constants_do_not_depend_on_the_unit_of_the_matrix(unit):
    A, y = np.array([[1.0, 0.5, 0.3], [0.0, 1.0, -1.0]]), np.array([1.0, 0.0])
    solution = solve(NullSpaceConstant(LinearSystem(unit * A, unit * y), [0], "rho_tilde"))
    assert solution.status.is_certified
    assert solution.value == pytest.approx(0.4, rel=1e-12)


@pytest.mark.parametrize("backend", ["highs", "clarabel", "ecos"])
def test_interior_points_of_tied_maxima_are_polished_to_a_vertex(backend):
    problem = NullSpaceConstant(LinearSystem([[1.0, -1.0, -1.0, -1.0, 0.0]], [-2.0]), [1], "rho_tilde")
    solution = solve(problem, backend)
    assert solution.status.is_certified
    assert solution.value == pytest.approx(1.0, rel=1e-12)


def test_a_wrong_dual_is_refused_with_the_right_kernel_vector():
    problem = NullSpaceConstant(LinearSystem([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]], [1.0, 1.0]), [0, 1], "rho")
    assert certify(problem, x=[-5.0, 4.5, 1.0]).ok
    assert certify(problem, x=[-5.0, 4.5, 1.0], dual=solve(problem).dual).ok
    for wrong in ([5.0, 5.0], [0.0, 0.0], [np.nan, 1.0]):
        assert not certify(problem, x=[-5.0, 4.5, 1.0], dual=wrong).ok


def rational_kernel(A):
    """A basis of the kernel of a matrix of fractions, by Gauss-Jordan elimination."""
    rows, pivots = [list(row) for row in A], []
    for column in range(len(A[0])):
        k = len(pivots)
        pivot = next((i for i in range(k, len(rows)) if rows[i][column] != 0), None)
        if pivot is None:
            continue
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [value / rows[k][column] for value in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [a - rows[i][column] * b for a, b in zip(rows[i], rows[k], strict=True)]
        pivots.append(column)
    free = [column for column in range(len(A[0])) if column not in pivots]
    return [
        [-rows[pivots.index(j)][column] if j in pivots else Fraction(int(j == column)) for j in range(len(A[0]))]
        for column in free
    ]


def rational_constants(A, s):
    """The three constants of the support {0, ..., s-1} over all vertices of the kernel cone's base, in rationals."""
    exact = [[Fraction(entry) for entry in row] for row in A]
    outside = range(s, A.shape[1])
    values = {kind: [] for kind in KINDS}
    for size in range(1, A.shape[0] - s + 2):
        for chosen in combinations(outside, size):
            kernel = rational_kernel([[*row[:s], *(row[j] for j in chosen)] for row in exact])
            if len(kernel) == 1 and (min(kernel[0][s:]) > 0 or max(kernel[0][s:]) < 0):
                n = [value / sum(kernel[0][s:]) for value in kernel[0][:s]]
                values["rho"].append(-sum(n))
                values["rho_tilde"].append(sum(map(abs, n)))
                values["rho_minus"].append(sum(max(-value, 0) for value in n))
    return {kind: max(found, default=None) for kind, found in values.items()}


@pytest.mark.parametrize("seed", range(12))
def test_constants_of_columns_over_twenty_decades_are_right_or_bracketed(seed):
    rng = np.random.default_rng(seed)
    n_rows = int(rng.integers(3, 6))
    n_columns, s = n_rows + int(rng.integers(3, 5)), int(rng.integers(1, n_rows))
    A = rng.standard_normal((n_rows, n_columns)) * 10.0 ** rng.uniform(-9, 11, n_columns)
    truth = rational_constants(A, s)
    for kind in KINDS:
        if truth[kind] is None:
            continue
        constant = null_space_constant(LinearSystem(A, A[:, :s].sum(axis=1)), range(s), kind)
        value, terms = float(truth[kind]), float(truth["rho_tilde"])
        rounding = 1e-9 * abs(value) + 1e-13 * terms
        assert constant.lower - rounding <= value <= constant.upper + rounding
        if constant.exact:
            assert constant.value == pytest.approx(value, rel=1e-8, abs=1e-13 * terms)


def test_a_tiny_constant_is_not_exact_by_being_tiny():
    """B = 1e-12 (1, -1/2): nothing is large here, and the relative error counts."""
    system = LinearSystem([[1.0, 1e-12, -5e-13]], [1.0])
    for kind, value in (("rho", 1e-12), ("rho_tilde", 1e-12), ("rho_minus", 1e-12)):
        constant = null_space_constant(system, [0], kind)
        assert constant.exact
        assert constant.value == pytest.approx(value, rel=1e-12)
    assert not certify(NullSpaceConstant(system, [0], "rho_tilde"), x=[5e-13, 0.0, 1.0]).ok


def small_integer_systems(count: int) -> list[np.ndarray]:
    """Matrices with zero rows, zero and duplicate columns among their shapes from 1 x 1 on."""
    rng = np.random.default_rng(5)
    matrices = []
    while len(matrices) < count:
        A = rng.integers(-2, 3, (rng.integers(1, 6), rng.integers(1, 8))).astype(float)
        if rng.random() < 0.3:
            A[:, rng.integers(A.shape[1])] = 0.0
        if rng.random() < 0.3:
            A[:, 0] = A[:, -1]
        if rng.random() < 0.2:
            A[rng.integers(len(A))] = 0.0
        if A.sum(axis=1).any():
            matrices.append(A)
    return matrices


@pytest.mark.parametrize("block", range(10))
def test_constants_of_small_integers_are_certified_or_do_not_exist(block):
    for k, A in enumerate(small_integer_systems(200)[block::10]):
        system, s = LinearSystem(A, A.sum(axis=1)), 1 + k % A.shape[1]
        exists = np.linalg.matrix_rank(A[:, :s]) == s
        truth = rational_constants(A, s) if exists else dict.fromkeys(KINDS)
        for kind in KINDS:
            if truth[kind] is not None:
                solution = solve(NullSpaceConstant(system, range(s), kind))
                assert solution.status.is_certified, (A, s, kind)
                assert solution.value == pytest.approx(float(truth[kind]), rel=1e-12, abs=1e-14), (A, s, kind)
            elif exists or kind != "rho":
                with pytest.raises(UndefinedConstantError):
                    NullSpaceConstant(system, range(s), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_constants_of_a_support_of_zero_columns_do_not_exist(kind):
    A = np.array([[-1.0, 1.0, 1.0, 0.0], [-1.0, 1.0, 1.0, 0.0], [1.0, -1.0, -1.0, 0.0], [1.0, 1.0, 1.0, 0.0]])
    with pytest.raises(UndefinedConstantError):
        NullSpaceConstant(LinearSystem(A, A.sum(axis=1)), [3], kind)
