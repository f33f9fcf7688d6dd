"""The theory of signed networks, against linear programs stated anew, closed forms and native projections."""

from __future__ import annotations

import pickle
from itertools import product
from math import inf

import numpy as np
import pytest
from scipy.optimize import linprog

from bregman_l1 import InvalidProblemError, LinearSystem, NotAdmissibleError, analyze, load, solve
from bregman_l1.problems import BregmanProjection, L1Minimization
from bregman_l1.theory import SignedAnalysis
from bregman_l1.theory.deviation import deviation
from bregman_l1.theory.signed_deviation import signed_deviation

EVEN = LinearSystem([[1.0, 0.0]], [1.0])
SEVERAL = LinearSystem([[1, -1, 1, 1 / 2], [0, -1, 2, 3]], [1, 4 / 5])


def gaussian(seed: int, n_rows: int = 6, n_columns: int = 14) -> LinearSystem:
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n_rows, n_columns))
    x = np.zeros(n_columns)
    x[:2] = rng.uniform(0.5, 2.0, 2) * [1, -1]
    return LinearSystem(A, A @ x)


def least_certificate(A: np.ndarray, support: np.ndarray, signs: np.ndarray) -> float:
    """min ||A_R'z||_inf over A_S'z = sign x*_S, a linear program in (z, bound)."""
    rest = np.delete(A, support, axis=1).T
    ones = np.ones((len(rest), 1))
    found = linprog(
        np.append(np.zeros(len(A)), 1.0),
        A_ub=np.vstack([np.hstack([rest, -ones]), np.hstack([-rest, -ones])]),
        b_ub=np.zeros(2 * len(rest)),
        A_eq=np.hstack([A[:, support].T, np.zeros((support.size, 1))]),
        b_eq=signs[support],
        bounds=(None, None),
    )
    return float(found.fun)


def largest_over_kernel(A: np.ndarray, support: np.ndarray, weights: list[tuple[float, ...]]) -> float:
    """max over the weights, and n in ker A with ||n off S||_1 <= 1, of weights'n_S: one linear program each."""
    s, R = support.size, np.delete(np.arange(A.shape[1]), support)
    equalities = np.hstack([A[:, support], A[:, R], -A[:, R]])
    simplex = np.append(np.zeros(s), np.ones(2 * R.size))[None]
    bounds = [(None, None)] * s + [(0, None)] * (2 * R.size)
    values = []
    for each in weights:
        cost = np.append(-np.array(each), np.zeros(2 * R.size))
        found = linprog(cost, A_ub=simplex, b_ub=[1.0], A_eq=equalities, b_eq=np.zeros(len(A)), bounds=bounds)
        values.append(-found.fun)
    return max(values)


@pytest.mark.parametrize("seed", range(4))
def test_constants_are_those_of_linear_programs_stated_anew(seed):
    system = gaussian(seed)
    analysis = analyze(system, signed=True)
    A, S, signs = system.matrix, analysis.support, analysis.signs
    assert isinstance(analysis, SignedAnalysis)
    assert analysis.rho.value == pytest.approx(least_certificate(A, S, signs), abs=1e-9)
    patterns = list(product((1.0, -1.0), repeat=S.size))
    assert analysis.rho_tilde.value == pytest.approx(largest_over_kernel(A, S, patterns), abs=1e-9)
    falling = [tuple(-signs[S] * np.array(chosen)) for chosen in product((0.0, 1.0), repeat=S.size)]
    assert analysis.rho_minus.value == pytest.approx(largest_over_kernel(A, S, falling), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_witnesses_are_kernel_vectors_of_the_system_itself(seed):
    system = gaussian(seed)
    analysis = analyze(system, signed=True)
    S, signs = analysis.support, analysis.signs
    values = {
        "rho": lambda n: -(signs[S] @ n[S]),
        "rho_tilde": lambda n: np.abs(n[S]).sum(),
        "rho_minus": lambda n: np.maximum(-signs[S] * n[S], 0).sum(),
    }
    for kind, value in values.items():
        constant = getattr(analysis, kind)
        assert constant.witness.shape == (system.shape[1],)
        assert system.matrix @ constant.witness == pytest.approx(0, abs=1e-12)
        assert np.abs(np.delete(constant.witness, S)).sum() == pytest.approx(1, abs=1e-12)
        assert value(constant.witness) == pytest.approx(constant.value, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_doubled_system_has_the_constants_that_follow(seed):
    analysis = analyze(gaussian(seed), signed=True)
    doubled = analysis.doubled
    assert doubled.rho.value == pytest.approx(max(analysis.rho.value, 0), abs=1e-9)
    assert doubled.rho_tilde.value == pytest.approx(max(analysis.rho_tilde.value, 1), abs=1e-9)
    assert doubled.rho_minus.value == pytest.approx(max(analysis.rho_minus.value, 0), abs=1e-9)
    assert analysis.rate == pytest.approx(1 - analysis.rho.value, abs=1e-9)
    for log_alpha in (-30.0, -300.0):
        bound = doubled.log_upper_bound(log_alpha=log_alpha)
        assert analysis.log_upper_bound(log_alpha=log_alpha) == pytest.approx(bound, abs=1e-7 * -log_alpha)


@pytest.mark.parametrize("depth", [2, 3, inf])
@pytest.mark.parametrize("seed", range(3))
def test_the_limit_is_the_signed_minimiser(seed, depth):
    system = gaussian(seed)
    analysis = analyze(system, signed=True, depth=depth)
    log_alpha = -4000.0
    solution = solve(BregmanProjection(system, log_alpha=log_alpha, signed=True, depth=depth))
    assert analysis.x_star == pytest.approx(solution.x, abs=1e-12)
    assert analysis.signs.tolist() == np.sign(analysis.x_star).tolist()
    assert analysis.support.tolist() == np.flatnonzero(solve(L1Minimization(system, signed=True)).x).tolist()
    error = solution.log_x - analysis.log_coefficients - log_alpha * analysis.exponents
    assert np.abs(error).max() < 1e-9
    total = analysis.log_deviation(log_alpha=log_alpha) - log_alpha * analysis.rate
    assert total == pytest.approx(analysis.log_leading_constants.total, abs=1e-9)
    largest = analysis.log_largest_off_support(log_alpha=log_alpha) - log_alpha * analysis.rate
    assert largest == pytest.approx(analysis.log_leading_constants.maximum_off_support, abs=1e-9)


@pytest.mark.parametrize("depth", [2, 3])
def test_the_deviation_is_that_of_the_difference(depth):
    system = gaussian(1)
    analysis = analyze(system, signed=True, depth=depth)
    for log_alpha in (-1.0, -8.0):
        x = solve(BregmanProjection(system, log_alpha=log_alpha, signed=True, depth=depth)).x
        n = x - analysis.x_star
        assert analysis.log_deviation(log_alpha=log_alpha) == pytest.approx(np.log(np.abs(n).sum()), abs=1e-9)
        off = np.abs(np.delete(n, analysis.support)).max()
        assert analysis.log_largest_off_support(log_alpha=log_alpha) == pytest.approx(np.log(off), abs=1e-9)


@pytest.mark.parametrize("depth", [2, 3])
def test_several_signed_minimisers_have_their_deviation(depth):
    analysis = analyze(SEVERAL, signed=True, depth=depth)
    assert not analysis.unique
    assert analysis.signs.tolist() == [1, -1, 1, 0]
    x = solve(BregmanProjection(SEVERAL, log_alpha=-8.0, signed=True, depth=depth)).x
    n = x - analysis.x_star
    assert analysis.log_deviation(log_alpha=-8.0) == pytest.approx(np.log(np.abs(n).sum()), abs=1e-8)
    log_alpha = -300.0
    total = analysis.log_deviation(log_alpha=log_alpha) - log_alpha * analysis.rate
    assert total == pytest.approx(analysis.log_leading_constants.total, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("rigorous", [False, True])
def test_bounds_hold_for_the_signed_x(seed, rigorous):
    analysis = analyze(gaussian(seed), signed=True)
    for log_alpha in (-40.0, -400.0):
        truth = analysis.log_deviation(log_alpha=log_alpha)
        assert truth <= analysis.log_upper_bound(log_alpha=log_alpha, rigorous=rigorous)
    lower = analysis.log_lower_bound(log_alpha=-400.0, rigorous=rigorous)
    largest = analysis.log_largest_off_support(log_alpha=-400.0)
    assert -400.0 < lower <= largest


def test_at_rho_zero_the_lower_bound_is_refused_with_the_reason():
    analysis = analyze(EVEN, signed=True)
    assert analysis.rho.value == 0.0
    assert analysis.rho.witness.tolist() in ([0.0, 1.0], [0.0, -1.0])
    assert analysis.log_deviation(1e-3) == -inf
    with pytest.raises(NotAdmissibleError, match=r"A = \[1, 0\], y = 1"):
        analysis.lower_bound(1e-3)
    assert analysis.upper_bound(1e-3) > 0


def test_coordinates_whose_parts_cancel_have_no_exponent():
    analysis = analyze(EVEN, signed=True)
    assert analysis.exponents[0] == 0.0
    assert np.isnan(analysis.exponents[1])
    assert analysis.log_leading_constants.total == -inf
    assert not analysis.moves
    assert analysis.rate == inf
    assert "x(alpha) = x* for every alpha" in str(analysis)
    with pytest.raises(NotAdmissibleError, match="no deviation to draw"):
        analysis.plot()


def truths(system: LinearSystem, analysis: SignedAnalysis, log_alpha: float) -> tuple[float, float]:
    """Logarithms of ||x(alpha) off S||_1, from a native projection, and of ||x(alpha) - x*||_1."""
    log_x = solve(BregmanProjection(system, log_alpha=log_alpha, signed=True, prior=analysis.prior)).log_x
    off = np.logaddexp.reduce(np.delete(log_x, analysis.support))
    return float(off), analysis.log_deviation(log_alpha=log_alpha)


ENCLOSED = {
    "one column": (EVEN, None),
    "several minimisers": (SEVERAL, None),
    "a prior": (gaussian(2), np.linspace(0.5, 4.0, 14)),
    **{f"seed {seed}": (gaussian(seed), None) for seed in range(4)},
}


@pytest.mark.parametrize(
    ("case", "rigorous"),
    # A rigorous one needs a unique minimiser.
    [pair for pair in product(ENCLOSED, [False, True]) if pair != ("several minimisers", True)],
)
def test_enclosures_contain_the_signed_x(case, rigorous):
    system, prior = ENCLOSED[case]
    analysis = analyze(system, signed=True, prior=prior)
    for log_alpha in (-3.0, -7.0, -40.0, -400.0):
        off, total = truths(system, analysis, log_alpha)
        for truth, enclose in ((off, analysis.enclosure), (total, analysis.deviation_enclosure)):
            ends = enclose(log_alpha=log_alpha, rigorous=rigorous)
            assert ends.log_lower <= truth + 1e-9
            assert truth - 1e-9 <= ends.log_upper < inf


@pytest.mark.parametrize("case", ENCLOSED)
def test_the_page_shows_an_enclosure_of_the_deviation_beside_it(case):
    system, prior = ENCLOSED[case]
    levels = analyze(system, signed=True, prior=prior).to_dict(log_alphas=[-3.0, -5.0, -7.0, -40.0])["levels"]
    for level in levels:
        assert level["log_lower"] <= level["log_deviation"] + 1e-9
        assert level["log_deviation"] - 1e-9 <= level["log_upper"]
    assert levels[1]["log_upper"] < inf


@pytest.mark.parametrize("rigorous", [False, True])
def test_both_ends_of_a_signed_enclosure_meet(rigorous):
    analysis = analyze(gaussian(3), signed=True)
    assert analysis.rho.value > 0
    for enclose in (analysis.enclosure, analysis.deviation_enclosure):
        assert enclose(log_alpha=-400.0, rigorous=rigorous).log_width < 1e-9


def test_where_both_parts_may_cancel_no_lower_end_is_positive():
    analysis = analyze(EVEN, signed=True)
    for log_alpha in (-1.0, -5.0, -50.0):
        for rigorous in (False, True):
            assert analysis.deviation_enclosure(log_alpha=log_alpha, rigorous=rigorous).log_lower == -inf


def with_column(column: list[float], x: list[float]) -> LinearSystem:
    """The identity beside one column, at which x_S is the minimiser."""
    return LinearSystem(np.column_stack([np.eye(len(x)), column]), x)


@pytest.mark.parametrize(
    ("system", "depths"),
    [
        # x_1 = x_2, so that lam_1 = lam_2 at every alpha.
        (with_column([1, -1], [1, 1]), (2, 3, inf)),
        # a'lam = log x_1 - 2 log x_2 + log x_3 = 0 to leading order at depth 2 only.
        (with_column([1, -2, 1], [1, 2, 4]), ()),
        (with_column([1, -2, 1], [3, 3, 3]), (2, 3, inf)),
        (with_column([1, -1, 0.5], [1, 1, 4]), ()),
    ],
)
@pytest.mark.parametrize("depth", [2, 3, inf])
def test_a_signed_x_that_does_not_move_is_known_by_its_limit(system, depths, depth):
    analysis = analyze(system, signed=True, depth=depth)
    largest = max(analysis.log_deviation(log_alpha=log_alpha) for log_alpha in (-1.0, -3.0))
    assert analysis.moves == (depth not in depths) == (largest > -25.0)
    assert (analysis.rate == inf) == (depth in depths)


@pytest.mark.parametrize("depth", [2, 3, inf])
@pytest.mark.parametrize(
    "system",
    [
        LinearSystem([[1.0, 1.0, 0.0, 0.3], [1.0, -1.0, 0.0, 0.3]], [1.0, 0.2]),
        LinearSystem([[1.0, 1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0]], [1.7, 0.3]),
        SEVERAL,
    ],
)
def test_several_signed_minimisers_move_if_the_projections_do(system, depth):
    analysis = analyze(system, signed=True, depth=depth)
    far, near = (solve(BregmanProjection(system, log_alpha=t, signed=True, depth=depth)).x for t in (-1.0, -4.0))
    assert analysis.moves == (np.abs(far - near).max() > 1e-9)
    assert np.isfinite(analysis.rate) == analysis.moves


def test_a_deviation_of_smaller_order_than_both_parts_has_no_rate():
    analysis = analyze(with_column([1, -2, 1], [1, 2, 4]), signed=True)
    assert analysis.moves
    assert np.isnan(analysis.rate)
    assert analysis.log_deviation(log_alpha=-5.0) < 2 * -5.0 * analysis.doubled.rate
    assert "is of smaller order" in " ".join(str(analysis).split())
    assert "cancelling" in str(analysis)
    labels = [str(line.get_label()) for line in analysis.plot(log_alphas=[-1.0, -2.0]).lines]
    assert not any("exact limit" in label for label in labels)
    with pytest.raises(NotAdmissibleError, match="no exact limit"):
        analysis.plot_lower_bounds(log_alphas=[-1.0])


def test_a_prior_moves_no_x_that_the_system_fixes():
    system = LinearSystem([[1.0, 0.0, 0.0], [0.0, -2.0, 0.0]], [1.0, 3.0])
    for depth in (2, 3, inf):
        analysis = analyze(system, signed=True, depth=depth, prior=[1.0, 2.0, 5.0])
        assert not analysis.moves
        assert analysis.log_deviation(1e-2) == -inf


def test_pages_and_names_say_which_x_they_speak_of():
    system = gaussian(0)
    plain, signed = analyze(system, signed=True), analyze(system, signed=True, depth=3)
    assert repr(plain).startswith("SignedAnalysis(LinearSystem(N=6, d=14, dense), |S|=")
    assert "depth=3, |S|=" in repr(signed)
    assert "max_j |x(alpha)_j|" in str(plain)
    weighted = "x* minimises a weighted one"
    assert weighted in str(analyze(system, signed=True, depth=3, prior=np.linspace(1.0, 2.0, 14)))
    for even in (signed, analyze(system, signed=True, depth=3, prior=np.full(14, 3.0)), plain):
        assert weighted not in str(even)


def test_an_injective_matrix_has_no_signed_constants():
    analysis = analyze(LinearSystem([[1.0]], [1.0]), signed=True)
    assert "no kernel vector" in analysis.rho.reason
    assert analysis.rate == inf
    assert analysis.doubled.rate == pytest.approx(2, abs=1e-14)  # that of x_minus = alpha^2 / x_plus
    assert analysis.log_deviation(1e-3) == -inf
    assert np.log(2e-6) <= analysis.log_upper_bound(1e-3)


def test_the_plan_guarantees_what_the_exact_alpha_reaches():
    analysis = analyze(gaussian(1), signed=True)
    plan = analysis.alpha_for(1e-6)
    assert plan.log_guaranteed <= plan.log_exact
    assert analysis.log_deviation(log_alpha=plan.log_exact) == pytest.approx(np.log(1e-6), abs=1e-9)


def test_a_prior_belongs_to_both_parts():
    system, prior = gaussian(2), np.linspace(0.5, 4.0, 14)
    analysis = analyze(system, signed=True, prior=prior)
    assert analysis.prior.tolist() == prior.tolist()
    assert analysis.cost.tolist() == [1.0] * 14
    log_alpha = -4000.0
    log_x = solve(BregmanProjection(system, log_alpha=log_alpha, signed=True, prior=prior)).log_x
    assert np.abs(log_x - analysis.log_coefficients - log_alpha * analysis.exponents).max() < 1e-8
    assert analysis.log_deviation(log_alpha=-50.0) <= analysis.log_upper_bound(log_alpha=-50.0)


def test_zeros_of_the_prior_leave_both_parts():
    system = LinearSystem([[1.0, -0.5, 2.0]], [-1.0])
    analysis = analyze(system, signed=True, prior=[1, 1, 0])
    alone = analyze(LinearSystem([[1.0, -0.5]], [-1.0]), signed=True)
    assert analysis.x_star.tolist() == [-1.0, 0.0, 0.0]
    assert analysis.rho.value == pytest.approx(alone.rho.value, abs=1e-15)
    assert analysis.rho.witness[2] == 0.0
    assert analysis.exponents.tolist() == [0.0, alone.exponents[1], inf]


@pytest.mark.parametrize("depth", [2, 3])
def test_the_signed_deviation_is_the_difference_of_both_parts(depth):
    system = gaussian(0)
    analysis = analyze(system, signed=True, depth=depth)
    log_x = solve(BregmanProjection(system, log_alpha=-20.0, signed=True, depth=depth)).unknowns["log_x"]
    both, n = deviation(analysis.limit, log_x), signed_deviation(analysis.limit, log_x)
    plus, minus = np.split(both.sign * np.exp(both.log_size), 2)
    assert n.sign * np.exp(n.log_size) == pytest.approx(plus - minus, rel=1e-9, abs=1e-15)


def test_arguments_are_checked_before_they_are_doubled():
    with pytest.raises(InvalidProblemError, match=r"prior must have shape \(2,\)"):
        analyze(EVEN, signed=True, prior=[1, 1, 1, 1])
    with pytest.raises(InvalidProblemError, match="signed must be True or False"):
        analyze(EVEN, signed=1)


@pytest.mark.parametrize("depth", [2, 3])
def test_a_signed_analysis_is_saved_and_pickled(depth, tmp_path):
    analysis = analyze(gaussian(0), signed=True, depth=depth)
    constants = analysis.rho, analysis.rho_tilde
    analysis.save(tmp_path / "analysis.npz")
    for again in (load(tmp_path / "analysis.npz"), pickle.loads(pickle.dumps(analysis))):
        assert isinstance(again, SignedAnalysis)
        assert (again.rho.value, again.rho_tilde.value) == tuple(constant.value for constant in constants)
        assert again.x_star.tolist() == analysis.x_star.tolist()
        assert again.log_deviation(1e-6) == pytest.approx(analysis.log_deviation(1e-6), abs=1e-12)
        assert str(again) == str(analysis)
