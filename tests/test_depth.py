"""Projections of every depth and sign: certified, proved, and the same by other ways."""

import math
import warnings

import numpy as np
import pytest

from bregman_l1 import (
    BregmanProjection,
    InvalidProblemError,
    LinearSystem,
    NotCertifiedWarning,
    UnsupportedProblemError,
    certify,
    prove,
    solve,
)
from bregman_l1._backends.registry import make_backend
from bregman_l1.budget import Budget
from bregman_l1.newton.scale_free import _from_centre
from bregman_l1.newton.walk import Way
from bregman_l1.outcome import Outcome
from bregman_l1.potential import potential_of

DEPTHS = [2.0, 2.05, 3.0, 6.0, math.inf]


def sparse_system(shape, seed, *, signed=False, scales=0.0):
    rng = np.random.default_rng(seed)
    n_rows, n_columns = shape
    A = rng.standard_normal(shape) * 10.0 ** rng.uniform(-scales, scales, n_columns)
    x, some = np.zeros(n_columns), rng.choice(n_columns, max(1, n_rows // 4), replace=False)
    x[some] = rng.uniform(0.5, 2.0, some.size) * (rng.choice([-1.0, 1.0], some.size) if signed else 1.0)
    return LinearSystem(A, A @ x)


def unknowns(solution):
    return solution.unknowns["log_x"]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("log_alpha", [2.0, -13.8, -60.0, -690.8, -2302.6])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_depth_is_certified_and_proved_at_every_alpha(depth, log_alpha, signed, seed):
    system = sparse_system((6, 15), seed, signed=signed)
    problem = BregmanProjection(system, log_alpha=log_alpha, depth=depth, signed=signed)
    solution = solve(problem)
    assert solution.status.is_certified
    proof = prove(solution)
    assert proof.ok, proof.reason
    scale = np.maximum(1.0, np.abs(proof.log_x.mid) / 1000)
    assert (np.abs(unknowns(solution) - proof.log_x.mid) <= 1e-9 * scale + proof.log_x.rad).all()


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("log_alpha", [-13.8, -690.8, -2302.6])
def test_larger_systems_with_vanishing_coordinates_of_y_are_certified(depth, log_alpha):
    system = sparse_system((60, 240), 3)
    assert solve(BregmanProjection(system, log_alpha=log_alpha, depth=depth)).status.is_certified


@pytest.mark.parametrize("depth", [2.5, 3.0, math.inf])
@pytest.mark.parametrize("log_alpha", [-50.0, -200.0, -690.0])
def test_no_large_prior_drowns_a_small_one(depth, log_alpha):
    A = np.vstack([np.kron(np.eye(3), np.ones(4)), np.kron(np.ones(3), np.eye(4))])
    system = LinearSystem(A, [3.0, 4.0, 5.0, 2.0, 4.0, 1.0, 5.0])
    solution = solve(BregmanProjection(system, log_alpha=log_alpha, cost=1.0 + np.arange(12) / 4, depth=depth))
    assert solution.status.is_certified
    assert solution.log_x[1] < 2.0 * log_alpha
    assert prove(solution).ok


# Slacks p^-q of priors that costs set apart, in the unit of the largest: the small ones are less than double precision
# holds with all its digits, or holds at all.


def transport_with_costs(depth, log_alpha):
    A = np.vstack([np.kron(np.eye(3), np.ones(5)), np.kron(np.ones(3), np.eye(5))])
    cost = np.array([0, 4, 2, 2, 3, 0, 5, 0, 1, 0, 5, 0, 4, 0, 1.0])
    plan = np.array([1.75, 0, 0.25, 0.875, 0, 0, 0, 1.625, 0, 1.375, 0, 2.0, 0, 0.9375, 0])
    return BregmanProjection(LinearSystem(A, A @ plan), log_alpha=log_alpha, cost=cost, depth=depth)


@pytest.mark.parametrize(("depth", "log_alpha"), [(10.0, -230.0), (10.0, -690.0), (math.inf, -180.0), (4.0, -2302.6)])
def test_slacks_below_the_range_of_double_precision_have_all_their_digits(depth, log_alpha):
    problem = transport_with_costs(depth, log_alpha)
    solution, proof = solve(problem), prove(problem)
    assert solution.status.is_certified
    assert proof.ok, proof.reason
    assert np.abs(solution.log_x - proof.log_x.mid).max() <= 1e-9 * max(1.0, -log_alpha / 200)


@pytest.mark.parametrize(("depth", "log_alpha"), [(10.0, -230.0), (math.inf, -180.0)])
@pytest.mark.parametrize("error", [3e-5, -1e-6])
def test_no_error_hides_in_what_underflows(depth, log_alpha, error):
    problem = transport_with_costs(depth, log_alpha)
    right = solve(problem)
    for entry in range(right.log_x.size):
        wrong = right.log_x.copy()
        wrong[entry] += error
        assert not certify(problem, log_x=wrong, dual=right.dual).ok


@pytest.mark.parametrize("depth", [2.5, math.inf])
@pytest.mark.parametrize("log_alpha", [-69.0, -230.0])
@pytest.mark.parametrize("apart", [20, 45, 50])
def test_columns_that_are_nearly_the_same_are_no_tie(depth, log_alpha, apart):
    A = np.random.default_rng(4).integers(0, 4, (4, 9)).astype(float)
    moved = A.copy()
    moved[np.arange(9) % 4, np.arange(9)] += 2.0**-apart
    problem = BregmanProjection(
        LinearSystem(np.hstack([A, moved]), A @ (np.arange(9) % 3)), log_alpha=log_alpha, depth=depth
    )
    solution, proof = solve(problem), prove(problem)
    assert solution.status.is_certified
    assert proof.ok, proof.reason
    assert np.abs(solution.log_x - proof.log_x.mid).max() <= 1e-9


@pytest.mark.parametrize("log_alpha", [-690.0, -2302.6])
def test_the_work_does_not_grow_where_x_falls_with_the_prior_of_another(log_alpha):
    system = LinearSystem([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]], [0.0, 2.0])
    solution = solve(BregmanProjection(system, log_alpha=log_alpha, cost=[4.0, 5.0, 0.0, 0.0], depth=3))
    assert solution.status.is_certified
    assert solution.iterations <= 100


def test_a_line_search_over_all_of_floating_point_is_no_error():
    A = [[-2.0, -2.0, 2.0, -3.0, -3.0, 3.0], [3.0, -2.0, 2.0, -3.0, 0.0, 3.0]]
    cost = [1.0, 2.0, 3.0, 2.0, 0.0, 2.0]
    problem = BregmanProjection(LinearSystem(A, [-6.0, -1.0]), log_alpha=-690.0, cost=cost, depth=3)
    assert solve(problem).status.is_certified


@pytest.mark.parametrize("log_alpha", [-600.0, -690.0])
def test_a_gap_is_relative_to_its_multiplier_where_the_terms_of_the_objective_underflow(log_alpha):
    system = LinearSystem([[-1.0, 0.0, 1.0, 2.0, 2.0, 3.0, 1.0, -3.0]], [2.875])
    cost = [5.0, 3.0, 0.0, 0.0, 0.0, 2.0, 5.0, 4.0]
    solution = solve(BregmanProjection(system, log_alpha=log_alpha, cost=cost, depth=4))
    assert solution.status.is_certified
    assert prove(solution).ok
    wrong = solution.log_x.copy()
    wrong[solution.log_x.argmax()] += 1e-6
    assert not certify(solution.problem, log_x=wrong, dual=solution.dual).ok


@pytest.mark.parametrize("depth", [2.0, 4.0, math.inf])
@pytest.mark.parametrize("seed", [1, 2, 4, 5, 6, 7])
def test_a_walk_from_a_centre_arrives(depth, seed):
    # Far down, where priors in different ratios have different vertices, one takes the place of another all at once.
    rng = np.random.default_rng(seed)
    A, x = (rng.random((8, 40)) < 0.4).astype(float), np.zeros(40)
    x[rng.choice(40, 6, replace=False)] = rng.uniform(0.5, 5.0, 6)
    system, even, log_prior = LinearSystem(A, A @ x), np.full(40, 1.0), np.full(40, -69.0)
    potential, no_dual = potential_of(depth).in_unit_of(log_prior), np.zeros(8)
    way = Way(potential=potential, even=even, log_prior=log_prior, tol=1e-9, tau=0.0, log_x=even, dual=no_dual)
    with np.errstate(all="ignore"):
        end = _from_centre(system, way, Budget())
    right = solve(BregmanProjection(system, log_alpha=-69.0, depth=depth))
    assert end.outcome is Outcome.OPTIMAL
    assert right.status.is_certified
    assert np.abs(end.log_x - right.log_x).max() <= 1e-9


@pytest.mark.parametrize("depth", [3.0, math.inf])
def test_priors_that_decide_the_vertex_are_followed_at_any_depth_of_alpha(depth):
    # w = p^-q: the vertex is that of the least w'x, whichever minimises x_1 + x_2.
    system = LinearSystem([[1.0, 1.25]], [1.0])
    for prior, alive in (([1.0, 1.0], 1), ([2.0, 1.0], 0)):
        for log_alpha in (-40.0, -690.0):
            solution = solve(BregmanProjection(system, log_alpha=log_alpha, prior=prior, depth=depth))
            assert solution.status.is_certified
            assert int(solution.log_x.argmax()) == alive
            assert solution.log_x[1 - alive] < log_alpha / 2


@pytest.mark.parametrize("depth", [2.5, 3.0, math.inf])
@pytest.mark.parametrize("signed", [False, True])
def test_a_small_error_of_a_small_entry_fails_the_deviation(depth, signed):
    problem = BregmanProjection(sparse_system((4, 16), 0, signed=signed), alpha=1e-8, depth=depth, signed=signed)
    right = unknowns(solve(problem))
    assert np.isfinite(right).all()
    assert certify(problem, log_x=right).ok
    wrong = right.copy()
    wrong[right.argmin()] += 1e-6
    assert "deviation" in certify(problem, log_x=wrong).failed


@pytest.mark.parametrize("depth", [2.0, 3.0, math.inf])
def test_a_signed_x_is_certified_by_itself(depth):
    problem = BregmanProjection(sparse_system((4, 9), 1, signed=True), alpha=0.1, depth=depth, signed=True)
    solution = solve(problem)
    assert certify(problem, x=solution.x).ok
    assert certify(problem, **solution.unknowns).ok
    with pytest.raises(InvalidProblemError, match="does not tell the signs"):
        certify(problem, log_x=solution.log_x)
    assert solution.x == pytest.approx(solution.x_plus - solution.x_minus, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("backend", ["clarabel", "scs"])
@pytest.mark.parametrize("depth", [2.5, 3.0, math.inf])
def test_conic_solvers_are_near_and_polish_makes_them_right(backend, depth):
    problem = BregmanProjection(sparse_system((4, 9), 2), alpha=0.05, depth=depth)
    right = solve(problem)
    assert solve(problem, backend).log_x == pytest.approx(right.log_x, abs=1e-10)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        raw = solve(problem, backend, polish=False)
    assert raw.x == pytest.approx(right.x, abs=1e-3)
    assert raw.dual == pytest.approx(right.dual, rel=1e-2)


def test_what_a_solver_has_no_cone_for_is_refused_with_the_reason():
    with pytest.raises(UnsupportedProblemError, match="ECOS has no power cone, which finite depths above 2 need"):
        solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=0.1, depth=3), "ecos")


@pytest.mark.parametrize("backend", ["newton", "highs", "clarabel", "ecos", "scs"])
@pytest.mark.parametrize("depth", [2.0, 3.0, math.inf])
def test_a_backend_solves_exactly_what_it_says_it_supports(backend, depth):
    chosen = make_backend(backend)
    problem = BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=0.1, depth=depth)
    if chosen.supports(problem):
        assert solve(problem, backend).status.is_certified
    else:
        with pytest.raises(UnsupportedProblemError):
            solve(problem, backend)


def test_coefficients_beyond_floating_point_are_refused_with_the_reason():
    with pytest.raises(UnsupportedProblemError, match="leave floating point"):
        solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), log_alpha=-2302.6, depth=math.inf), "clarabel")


@pytest.mark.parametrize("signed", ["yes", 1, None])
def test_what_is_no_flag_is_refused(signed):
    with pytest.raises(InvalidProblemError, match="signed"):
        BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=0.1, signed=signed)


def test_the_value_is_the_divergence_from_the_prior():
    x = solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=0.1, depth=4)).x
    value = solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=0.1, depth=4)).value
    w = 0.1**-0.5
    assert value == pytest.approx((w * (x - 0.1) - 2.0 * (np.sqrt(x) - np.sqrt(0.1))).sum(), rel=1e-12)


@pytest.mark.parametrize("depth", [3.0, 4.0, math.inf])
@pytest.mark.parametrize("log_alpha", [-50.0, -230.0, -670.0])
def test_columns_that_nearly_tie_are_never_certified_wrongly(depth, log_alpha):
    system = LinearSystem([[-2.0, 1.0, 2.0, -2.0 * (1.0 + 2.0**-27)]], [-4.0])
    solution = solve(BregmanProjection(system, log_alpha=log_alpha, depth=depth))
    assert solution.status.is_certified
    assert prove(solution).ok


@pytest.mark.parametrize("log_alpha", [-50.0, -230.0, -670.0])
def test_priors_that_nearly_tie_beyond_the_rounding_of_their_logarithms_are_certified(log_alpha):
    # w = p^-1/2 is that of 2 alpha and (1 - 1e-6) alpha / 2: logarithms in double precision hold it to 1e-14 only.
    system = LinearSystem([[1.0, 2.0]], [3.0])
    solution = solve(BregmanProjection(system, log_alpha=log_alpha, prior=[2.0, 0.5 - 5e-7], depth=4))
    assert solution.status.is_certified
    assert prove(solution).ok


@pytest.mark.parametrize(
    ("depth", "log_alpha", "apart"),
    [(math.inf, -20.0, 51), (math.inf, -30.0, 50), (3.0, -69.0, 48), (math.inf, -69.0, 47), (3.0, -690.0, 44)],
)
def test_priors_that_differ_are_no_tie_where_their_logarithms_round_to_one(depth, log_alpha, apart):
    problem = BregmanProjection(
        LinearSystem([[1.0, 1.0]], [2.0]), log_alpha=log_alpha, prior=[1.0, 1.0 + 2.0**-apart], depth=depth
    )
    with pytest.warns(NotCertifiedWarning):
        assert not solve(problem).status.is_certified
    assert not certify(problem, log_x=[0.0, 0.0]).ok


@pytest.mark.parametrize("depth", [3.0, 4.0, math.inf])
def test_costs_far_apart_leave_terms_that_underflow(depth):
    problem = BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), log_alpha=-2302.6, cost=[1.0, 2.0], depth=depth)
    assert solve(problem).status.is_certified


def test_priors_over_many_orders_of_magnitude_keep_their_ratios_on_the_way():
    A = [[0, 1, 0, 2, 0, 2, 1, 2], [0, 1, 0, 0, 2, 1, 0, 3], [1, 0, 2, 1, 3, 3, 0, 2], [0, 2, 3, 1, 0, 1, 0, 2]]
    prior = [0.01, 100.0, 0.001, 1000.0, 0.1, 1.0, 1.0, 0.001]
    problem = BregmanProjection(LinearSystem(A, [32, 12, 26, 28]), alpha=1e-30, prior=prior, depth=math.inf)
    assert prove(solve(problem)).ok


@pytest.mark.parametrize(("depth", "log_alpha", "value"), [(2.5, -2302.6, 1.003e200), (3.0, -800.0, 6.484e115)])
def test_the_value_is_finite_where_x_over_the_prior_is_not(depth, log_alpha, value):
    solution = solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), log_alpha=log_alpha, depth=depth))
    assert solution.value == pytest.approx(value, rel=1e-3)
