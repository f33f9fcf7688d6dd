"""The minimisers of c'x on the feasible set: found, proved, and told from ties, against rationals and scipy."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations
from time import perf_counter

import numpy as np
import pytest
from conftest import gaussian_system
from scipy.optimize import linprog
from soundness.cases import draw

from bregman_l1 import L1Minimization, LinearSystem, certify, exact, solve
from bregman_l1.budget import Budget
from bregman_l1.claim import Claim
from bregman_l1.errors import BackendError, InfeasibleError, InvalidProblemError
from bregman_l1.polyhedron.face import optimal_face
from bregman_l1.polyhedron.kernel_cone import KernelCone
from bregman_l1.polyhedron.minimiser import all_minimisers, completed_vertex, minimisers, optimum
from bregman_l1.polyhedron.proximal import proximal_minimiser
from bregman_l1.theory.constants import null_space_constant


def rational_vertices(A, y):
    """All vertices of {x >= 0 : A x = y}, in rationals, for A of full row rank."""
    n_rows, n_columns = A.shape
    found = set()
    for J in combinations(range(n_columns), n_rows):
        x_J = rational_solution([[Fraction(A[i, j]) for j in J] for i in range(n_rows)], [Fraction(b) for b in y])
        if x_J is not None and min(x_J) >= 0:
            x = [Fraction(0)] * n_columns
            for j, value in zip(J, x_J, strict=True):
                x[j] = value
            found.add(tuple(x))
    return found


def rational_solution(A, b):
    """The solution of a square system by Gauss-Jordan elimination; None where it is singular."""
    rows = [[*row, value] for row, value in zip(A, b, strict=True)]
    for k in range(len(rows)):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k] != 0), None)
        if pivot is None:
            return None
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [value / rows[k][k] for value in rows[k]]
        for i in range(len(rows)):
            if i != k:
                rows[i] = [a - rows[i][k] * c for a, c in zip(rows[i], rows[k], strict=True)]
    return [row[-1] for row in rows]


def near_tie(seed):
    """A dyadic system whose costs are those of a dual vector, but for changes of a few roundings of some of them."""
    rng = np.random.default_rng(seed)
    n_rows, n_columns = int(rng.integers(1, 4)), int(rng.integers(3, 7))
    A = rng.integers(-3, 4, (n_rows, n_columns)).astype(float)
    x = rng.integers(0, 3, n_columns).astype(float)
    mu = rng.integers(-2, 3, n_rows).astype(float)
    slack = np.where(rng.random(n_columns) < 0.8, 0.0, rng.integers(1, 3, n_columns))
    tiny = rng.integers(-1, 2, n_columns) * (rng.random(n_columns) < 0.4) * 2.0 ** -rng.integers(20, 48, n_columns)
    return A, A @ x, A.T @ mu + 4 + np.where(slack > 0, slack, tiny)


@pytest.mark.parametrize("block", range(6))
def test_ties_are_decided_as_rationals_decide_them(block):
    for seed in range(40 * block, 40 * block + 40):
        A, y, cost = near_tie(seed)
        if not y.any() or np.linalg.matrix_rank(A) < A.shape[0]:
            continue
        vertices = rational_vertices(A, y)
        values = {x: sum(Fraction(c) * value for c, value in zip(cost, x, strict=True)) for x in vertices}
        best = [x for x in vertices if values[x] == min(values.values())]
        try:
            found = minimisers(LinearSystem(A, y), cost)
        except InvalidProblemError:
            assert linprog(cost, A_eq=A, b_eq=y).status == 3, seed
            continue
        if linprog(cost, A_eq=A, b_eq=y).status != 0:
            continue
        support = {j for x in best for j in range(A.shape[1]) if x[j] > 0}
        assert set(found.support) == support, seed
        assert found.assumed_ties == 0
        assert min(max(abs(float(a) - b) for a, b in zip(x, found.x, strict=True)) for x in best) < 1e-12, seed


@pytest.mark.parametrize("exponent", [20, 30, 40, 50, 52])
def test_a_column_dearer_by_one_rounding_is_no_tie(exponent):
    dear = 1 - 2.0**-exponent
    for A, support in (([[1.0, dear]], [0]), ([[dear, 1.0]], [1]), ([[1.0, 1.0]], [0, 1])):
        found = minimisers(LinearSystem(A, [1.0]))
        assert found.support.tolist() == support
        assert found.unique == (len(support) == 1)


def test_ties_that_are_too_many_to_decide_are_said(monkeypatch):
    monkeypatch.setattr(exact, "LARGEST", 0)
    system = LinearSystem([[1.0, 1.0, 0.5]], [1.0])
    assert minimisers(system).assumed_ties == 1
    certificate = certify(L1Minimization(system), x=[1.0, 0.0, 0.0])
    assert certificate.ok
    assert "zero within rounding" in str(certificate)


@pytest.mark.parametrize("shape", [(10, 30, 2), (40, 200, 5), (100, 400, 60)])
@pytest.mark.parametrize("noise", [0.0, 0.1])
@pytest.mark.parametrize("has_costs", [False, True])
def test_proximal_points_end_at_the_minimiser_of_the_simplex_method(shape, noise, has_costs):
    rng = np.random.default_rng(1)
    system, _ = gaussian_system(*shape)
    system = LinearSystem(system.matrix, system.y + noise * rng.standard_normal(shape[0]))
    cost = rng.uniform(0.2, 2.0, shape[1]) if has_costs else np.ones(shape[1])
    found = proximal_minimiser(system, cost)
    expected = linprog(cost, A_eq=system.matrix, b_eq=system.y)
    assert found.x @ cost == pytest.approx(expected.fun, rel=1e-9)
    assert system.residual(found.x) < 1e-15
    slack = cost - system.rmatvec(found.dual)
    assert np.abs(slack[found.x > 0]).max() < 1e-13
    assert slack.min() > -1e-13


def test_proximal_points_need_no_positive_costs():
    rng = np.random.default_rng(0)
    system, _ = gaussian_system(50, 200, 6)
    cost = system.rmatvec(rng.standard_normal(50)) + rng.random(200)
    assert cost.min() < 0
    found = proximal_minimiser(system, cost)
    assert cost @ found.x == pytest.approx(system.y @ found.dual, rel=1e-12)


def test_proximal_points_end_without_an_answer_where_there_is_none():
    assert proximal_minimiser(LinearSystem([[1.0, 1.0], [0.0, 1.0]], [1.0, 2.0]), np.ones(2)) is None
    assert proximal_minimiser(LinearSystem([[1.0, -1.0]], [1.0]), np.array([1.0, -2.0])) is None


def test_proximal_points_see_that_y_at_right_angles_to_all_columns_has_no_solution():
    """In units of the rows y'y = y'A x = 0 for no x; a step from sigma = 0 would be a division by zero."""
    assert proximal_minimiser(LinearSystem([[-2.0], [-1.0]], [2.0, -1.0]), np.ones(1)) is None


@pytest.mark.parametrize("size", [1e-240, 1e-200, 1e200, 1e240])
def test_proximal_points_do_not_depend_on_the_size_of_y(size):
    system, x0 = gaussian_system()
    found = proximal_minimiser(LinearSystem(system.matrix, system.y * size), np.ones(x0.size))
    np.testing.assert_allclose(found.x / size, x0, atol=1e-12)


def test_proximal_points_end_where_rounding_is_all_that_is_left_of_the_residual():
    """sigma grows with every point, and the rounding of x0 + sigma (A'mu - c) beyond the tolerance of A x = y."""
    rng, x0 = np.random.default_rng(6), np.zeros(600)
    A = rng.standard_normal((100, 600)) / 10
    x0[rng.choice(600, 20, replace=False)] = rng.uniform(0.5, 2, 20)
    cone = KernelCone(LinearSystem(A, A @ x0), np.flatnonzero(x0))
    base = LinearSystem(np.vstack([cone.C, np.ones(580)]), np.append(np.zeros(80), 1.0))
    for cost in (1 - cone.total(np.ones(20)), cone.B[1]):
        found = proximal_minimiser(base, cost)
        answer = linprog(cost, A_eq=base.matrix, b_eq=base.y)
        assert cost @ found.x == pytest.approx(answer.fun, rel=1e-9)


def test_proximal_points_keep_to_their_budget():
    system, _ = gaussian_system()
    budget = Budget(iterations=2)
    assert proximal_minimiser(system, np.ones(60), budget) is None
    assert budget.used == 2
    assert proximal_minimiser(system, np.ones(60), Budget(seconds=0.0)) is None


def test_duplicate_columns_end_at_a_vertex():
    system, x0 = gaussian_system()
    doubled = LinearSystem(np.hstack([system.matrix, system.matrix]), system.y)
    found = proximal_minimiser(doubled, np.ones(120))
    assert np.count_nonzero(found.x) == 4
    everything = minimisers(doubled)
    assert not everything.unique
    assert everything.support.tolist() == np.flatnonzero(np.concatenate([x0, x0])).tolist()


def test_a_dual_vector_that_is_tight_on_a_basis_still_proves_uniqueness():
    system, x0 = gaussian_system()
    answer = linprog(np.ones(60), A_eq=system.matrix, b_eq=system.y, method="highs-ds")
    dual = answer.eqlin.marginals
    assert np.count_nonzero(np.abs(1 - system.rmatvec(dual)) < 1e-9) > 4
    found = all_minimisers(system, np.ones(60), x0, dual)
    assert found.unique
    assert found.support.tolist() == np.flatnonzero(x0).tolist()


def test_optimal_face_of_a_cost_in_the_row_space_is_everything():
    A = np.vstack([np.ones(8), np.arange(8.0)])
    face = optimal_face(LinearSystem(A, [1.0, 3.0]), np.ones(8), np.eye(8)[3], np.array([1.0, 0.0]))
    assert face.columns.tolist() == list(range(8))
    assert face.assumed == 0


def test_infeasible_and_unbounded_programs_are_named():
    with pytest.raises(InfeasibleError):
        optimum(LinearSystem([[1.0, 1.0], [0.0, 1.0]], [1.0, 2.0]), np.ones(2))
    with pytest.raises(InvalidProblemError, match="unbounded"):
        optimum(LinearSystem([[1.0, -1.0]], [1.0]), np.array([1.0, -2.0]))


def test_certificate_of_a_dual_that_proves_the_minimiser_solves_no_linear_program(monkeypatch):
    system, _ = gaussian_system()
    found = proximal_minimiser(system, np.ones(60))

    def refuse(*arguments, **options):
        raise AssertionError("a linear program was solved")

    monkeypatch.setattr("bregman_l1.polyhedron.linear_program.solve_linear_program", refuse)
    certificate = certify(L1Minimization(system), x=found.x, dual=found.dual)
    assert certificate.ok
    assert certificate.checks["uniqueness"].passed
    assert certificate.checks["duality gap"].value == 0.0


def test_dimension_of_the_set_of_minimisers_is_reported():
    solution = solve(L1Minimization(LinearSystem([[1.0, 1.0, 1.0, 0.5]], [1.0])))
    assert solution.status.is_certified
    assert solution.certificate.checks["uniqueness"].value == 2.0


def test_rank_and_solutions_are_exact():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((5, 5)) * 10.0 ** rng.uniform(-20, 20, (5, 5))
    b = rng.standard_normal(5)
    x = exact.solve(A, b)
    assert all(value == 0 for value in exact.residual(b, A, x))
    expected = rational_solution([[Fraction(a) for a in row] for row in A], [Fraction(value) for value in b])
    assert exact.nearest(x).tolist() == [float(value) for value in expected]
    assert exact.solve(np.ones((2, 2)), np.ones(2)) is None
    assert exact.rank(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]])) == 2
    assert exact.is_independent(np.array([[1.0, 1.0], [1.0, 1.0 + 2.0**-52]]))
    assert not exact.is_independent(np.array([[1.0, 2.0], [1.0, 2.0]]))


@pytest.fixture
def only_the_simplex_method(monkeypatch):
    monkeypatch.setattr("bregman_l1.polyhedron.minimiser.proximal_minimiser", lambda *arguments: None)


def large_noisy_system():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((200, 2000))
    return LinearSystem(A, A[:, :20].sum(axis=1) + 0.1 * rng.standard_normal(200))


def test_linear_programs_end_when_the_time_is_up(only_the_simplex_method):
    system = large_noisy_system()
    started = perf_counter()
    with pytest.raises(BackendError, match="was not solved"):
        optimum(system, np.ones(2000), Budget(seconds=0.1))
    assert perf_counter() - started < 1.5


def test_polish_and_certificate_keep_to_the_time_that_is_left(only_the_simplex_method):
    system = large_noisy_system()
    problem = L1Minimization(system)
    x = np.linalg.lstsq(system.matrix, system.y, rcond=None)[0].clip(0)
    started = perf_counter()
    claim = problem.polish(Claim(x=x, time_left=0.1))
    assert not problem.certify(claim).ok
    assert perf_counter() - started < 2.5


def test_certificate_says_that_uniqueness_is_undecided_when_the_time_is_up(monkeypatch):
    monkeypatch.setattr(exact, "LARGEST", 0)
    rng = np.random.default_rng(0)
    A = rng.integers(0, 2, (20, 60)).astype(float)
    system = LinearSystem(np.hstack([A, A]), A[:, :5].sum(axis=1))
    x, dual = optimum(system, np.ones(120))
    certificate = L1Minimization(system).certify(Claim(x=x, dual=dual, time_left=0.0))
    assert certificate.ok
    assert "undecided" in str(certificate)
    assert not certificate.checks["uniqueness"].passed


def test_constants_keep_to_their_time_limit():
    system, x0 = gaussian_system(100, 400, 15)
    started = perf_counter()
    constant = null_space_constant(system, np.flatnonzero(x0), "rho_tilde", time_limit=0.3)
    assert perf_counter() - started < 2.0
    assert not constant.exact
    assert constant.lower < constant.upper


def test_equal_columns_that_the_rounding_of_units_tells_apart_are_no_support_to_solve_on():
    case = draw("near_ties", 2611, 2)  # columns 3 and 10 have a QR factor with a zero on its diagonal
    system, x = LinearSystem(case.A, case.y), np.zeros(14)
    x[[3, 10]] = case.y.max() / 10
    assert np.isfinite(completed_vertex(system, np.ones(14), x)).all()
