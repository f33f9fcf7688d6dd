"""CERTIFIED means right: to ``tol`` in every log x, for this A and some y' within 64 roundings of the terms of A x.

The judge is tests/soundness, in rationals and balls; ``python -m tests.soundness`` asks it about thousands.
"""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from soundness.campaign import campaign, run
from soundness.cases import FAMILIES, Case, draw
from soundness.infeasibility import judge_infeasible
from soundness.judging import distance
from soundness.known import E30, KNOWN
from soundness.oracle import Ruling, judge
from soundness.records import FAILURES
from soundness.subjects import SUBJECTS
from soundness.truth import as_floats, exact_projection

from bregman_l1 import (
    BregmanProjection,
    InfeasibleError,
    InvalidProblemError,
    LinearSystem,
    NotCertifiedWarning,
    analyze,
    certify,
    gradient_flow,
    settings,
    solve,
)
from bregman_l1.basis.choice import choose_basis
from bregman_l1.basis.tableau import Tableau

# Dyadic systems have an exact y, which no margin needs to move: their answers must be those for y itself.
DYADIC = 24


def assert_certified_and_right(case):
    record = run(case)
    assert record.outcome == "certified", record.detail
    assert record.verdict.ruling is Ruling.RIGHT, record.verdict
    return record


def assert_refused_as_infeasible(case):
    with pytest.raises(InfeasibleError) as refusal:
        solve(BregmanProjection(LinearSystem(case.A, case.y), log_alpha=case.log_alpha))
    assert judge_infeasible(case.A, case.y, refusal.value.farkas).ruling is Ruling.RIGHT


# Rank and consistency are decided at rounding level.


@pytest.mark.parametrize("log_alpha", [0.0, -10.0, -1000.0])
def test_a_row_that_nearly_equals_another_counts(log_alpha):
    case = replace(KNOWN["nearly equal rows"], log_alpha=log_alpha)
    record = assert_certified_and_right(case)
    # The only point is (1/2, 3/2); 64 roundings of y over 2^-30 are 6e-5.
    np.testing.assert_allclose(np.exp(record.log_x), [0.5, 1.5], atol=1e-4)


def test_the_only_point_is_certified_and_no_other():
    case = KNOWN["nearly equal rows"]
    problem = BregmanProjection(LinearSystem(case.A, case.y), log_alpha=-1.0)
    assert certify(problem, x=[0.5, 1.5]).ok
    assert not certify(problem, x=[1.0, 1.0]).ok


def test_a_row_that_nearly_equals_another_can_make_it_infeasible():
    assert_refused_as_infeasible(KNOWN["nearly equal rows, infeasible"])


def test_equal_rows_with_different_right_hand_sides_are_infeasible():
    assert_refused_as_infeasible(KNOWN["equal rows, inconsistent"])


@pytest.mark.parametrize("exponent", range(20, 46, 5))
def test_rows_that_differ_by_a_power_of_two_are_no_excuse(exponent):
    e = 2.0**-exponent
    case = replace(KNOWN["nearly equal rows"], A=np.array([[1, 1], [1, 1 + e]]), y=np.array([2, 2 + 1.5 * e]))
    record = run(case)
    assert record.column in ("certified", "inaccurate", "lost"), record


@pytest.mark.parametrize("exponent", range(20, 41, 5))
def test_equal_rows_that_are_inconsistent_by_a_power_of_two_are_infeasible(exponent):
    case = replace(KNOWN["equal rows, inconsistent"], y=np.array([1, 1 + 2.0**-exponent]))
    assert_refused_as_infeasible(case)


# What a certificate computes with has a rounding error of its own.


def test_the_rounding_of_the_tableau_is_accounted_for():
    assert_certified_and_right(KNOWN["rounding of the tableau"])


@pytest.mark.parametrize("log_alpha", [-100.0, -690.8, -2302.6, -1e5])
def test_the_rounding_of_the_tableau_is_accounted_for_at_any_depth(log_alpha):
    record = run(replace(KNOWN["rounding of the tableau"], log_alpha=log_alpha))
    assert record.column in ("certified", "inaccurate", "lost"), record


def test_an_answer_off_by_the_rounding_of_a_tableau_is_not_certified():
    case = KNOWN["rounding of the tableau"]
    truth = as_floats(exact_projection(case.A, case.y, case.log_alpha))
    problem = BregmanProjection(LinearSystem(case.A, case.y), log_alpha=case.log_alpha)
    off = truth + 3.6e-4 * np.array([1.0, 0.0, 0.0, 0.0, 0.0])
    assert judge(case.A, case.y, case.log_alpha, off).ruling is Ruling.WRONG
    assert not certify(problem, log_x=off).ok


# Zeros of the basis matrix are zeros of the tableau, and feasible systems are feasible.


@pytest.mark.parametrize("number", range(4))
def test_dyadic_systems_once_certified_wrongly(number):
    case = KNOWN[f"dyadic {number}"]
    truth = as_floats(exact_projection(case.A, case.y, case.log_alpha))
    record = run(case)
    assert record.outcome in ("certified", "inaccurate"), record
    if record.outcome == "certified":
        assert distance(record.log_x, truth, case.log_alpha) <= 1e-9


@pytest.mark.parametrize("index", range(DYADIC))
def test_dyadic_systems_are_solved_for_the_y_that_is_given(index):
    case = replace(draw("dyadic", 1, index), log_alpha=(-690.8, -2302.6)[index % 2])
    record = assert_certified_and_right(case)
    truth = exact_projection(case.A, case.y, case.log_alpha)
    assert distance(record.log_x, as_floats(truth), case.log_alpha) <= 1e-9


@pytest.mark.parametrize("log_alpha", [-1.0, -30.0, -690.8, -1e4])
def test_a_feasible_system_is_not_refused(log_alpha):
    assert_certified_and_right(replace(KNOWN["feasible, once refused"], log_alpha=log_alpha))


# Ties are ties only if they are exact.


def test_the_minimiser_of_a_near_tie_is_the_cheaper_column():
    analysis = analyze(LinearSystem([[1.0, 1.0 - E30]], [1.0]))
    np.testing.assert_allclose(analysis.x_star, [1.0, 0.0], atol=1e-12)
    assert analysis.unique


@pytest.mark.parametrize("log_alpha", [-10.0, -1e4, -1e10])
def test_the_enclosure_of_a_near_tie_holds_the_truth(log_alpha):
    analysis = analyze(LinearSystem([[1.0, 1.0 - E30]], [1.0]))
    log_x2 = as_floats(exact_projection(np.array([[1.0, 1.0 - E30]]), np.array([1.0]), log_alpha))[1]
    enclosure = analysis.enclosure(log_alpha=log_alpha)
    rounding = 1e-9 * max(1.0, abs(log_alpha) / 1000)
    assert enclosure.log_lower - rounding <= log_x2 <= enclosure.log_upper + rounding


def test_a_constant_called_exact_is_exact_with_columns_of_any_size():
    # The vertices of P are those of {1, 3} and {2, 3}: rho_tilde = (2^-20 + 2^-20) / (1 + 2^-50), twice the other.
    A = np.array([[1.0, 0.0, -(2.0**-20), -(2.0**30)], [0.0, 2.0**-20, 2.0**-20, -(2.0**30)]])
    constant = analyze(LinearSystem(A, A[:, 0])).rho_tilde
    exact = 2.0**-19 / (1 + 2.0**-50)
    assert constant.lower * (1 - 1e-9) <= exact <= constant.upper * (1 + 1e-9)
    assert not constant.exact or constant.value == pytest.approx(exact, rel=1e-9)


# A candidate is one vector, nonnegative, and any vector can be asked about.

HALF = LinearSystem([[1.0, 0.5]], [1.0])
SHALLOW, DEEP = -1.0, -2302.6


def right(log_alpha: float) -> np.ndarray:
    return as_floats(exact_projection(HALF.matrix, HALF.y, log_alpha))


def is_accepted(log_alpha: float, **candidate) -> bool:
    try:
        return certify(BregmanProjection(HALF, log_alpha=log_alpha), **candidate).ok
    except InvalidProblemError:
        return False


@pytest.mark.parametrize("log_alpha", [SHALLOW, DEEP])
def test_the_right_vector_is_accepted(log_alpha):
    log_x = right(log_alpha)
    assert is_accepted(log_alpha, log_x=log_x)
    assert is_accepted(log_alpha, x=np.exp(log_x), log_x=log_x)
    assert log_alpha == DEEP or is_accepted(log_alpha, x=np.exp(log_x))


@pytest.mark.parametrize("log_alpha", [SHALLOW, DEEP])
@pytest.mark.parametrize("negative", [-1.0, -1e-10, -1e-300, -5e-324])
def test_a_negative_entry_is_not_excused_by_a_right_logarithm(negative, log_alpha):
    log_x = right(log_alpha)
    assert not is_accepted(log_alpha, x=[np.exp(log_x[0]), negative], log_x=log_x)


@pytest.mark.parametrize("wrong", [1e-12, 1e-300, 1e-310])
def test_a_small_entry_is_not_excused_by_the_logarithm_of_a_smaller_one(wrong):
    log_x = right(DEEP)
    assert not is_accepted(DEEP, x=[np.exp(log_x[0]), wrong], log_x=log_x)


@pytest.mark.parametrize("tol", [1e-9, 1e-10, 1e-12])
def test_two_vectors_that_differ_by_more_than_the_tolerance_are_not_one(tol):
    log_x = right(SHALLOW)
    assert not is_accepted(SHALLOW, x=np.exp(log_x) * [1, 1 + 5 * tol], log_x=log_x, tol=tol)


@pytest.mark.parametrize(
    "log_x", [[-1000.0, -1000.0], [-1e5, -1e5], [-np.inf, -np.inf], [-1000.0, -np.inf], [800.0, 0.0]]
)
def test_any_logarithms_can_be_asked_about(log_x):
    assert not certify(BregmanProjection(HALF, log_alpha=SHALLOW), log_x=log_x).ok


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e100, 1e200, 1e300])
def test_a_multiplier_of_any_size_that_is_not_that_of_x_is_rejected(size):
    system = LinearSystem([[1e10, 0.5e10]], [1e10])
    log_x = right(SHALLOW)
    assert certify(BregmanProjection(system, log_alpha=SHALLOW), log_x=log_x, dual=[(log_x[0] - SHALLOW) / 1e10]).ok
    assert not certify(BregmanProjection(system, log_alpha=SHALLOW), log_x=log_x, dual=[size]).ok


# Whatever is asked, the exceptions are this package's own.


@pytest.mark.parametrize("log_alpha", [-1.0, -1e4])
@pytest.mark.parametrize("value", [-2.8e-25, -1.0, 0.5, 300.0])
def test_a_zero_that_leaves_contradictory_rows_is_rejected_in_kind(value, log_alpha):
    A = [[2.5446829763442707, -0.6823315047983152], [-0.4002129799561753, -1.5809163867099894]]
    problem = BregmanProjection(LinearSystem(A, [1.8623514715459555, -1.9811293666661647]), log_alpha=log_alpha)
    assert not certify(problem, log_x=[-np.inf, value], tol=1e-12).ok


@pytest.mark.parametrize("errors", ["default", "raise"])
@pytest.mark.parametrize("name", KNOWN)
def test_known_cases_raise_nothing_untyped_and_certify_nothing_false(name, errors):
    record = run(KNOWN[name], errors=errors)
    assert record.column not in FAILURES, record
    assert not record.stray


@pytest.mark.parametrize("size", [1e308, 1e-300, 1e-308, 5e-324])
@pytest.mark.parametrize("shape", ["row", "square", "opposite"])
def test_entries_of_any_size_raise_nothing_untyped(size, shape):
    A, y = {
        "row": ([[size, size]], [size]),
        "square": ([[size, 1.0], [1.0, size]], [1.0, size]),
        "opposite": ([[size, -size]], [1.0]),
    }[shape]
    record = run(Case(name="any size", A=np.array(A), y=np.array(y), log_alpha=-10.0))
    assert record.column not in FAILURES, record
    assert not record.stray


@pytest.mark.parametrize("name", ["integers", "gaussian", "transport", "two_scales"])
def test_the_callers_error_state_makes_no_difference(name):
    for index in range(3):
        case = draw(name, 4, index)
        assert run(case, errors="raise").column == run(case).column


@pytest.mark.parametrize("name", ["integers", "gaussian", "forced_zeros", "transport"])
def test_an_answer_does_not_depend_on_what_was_asked_before(name):
    case = draw(name, 9, 0)
    fresh, used = LinearSystem(case.A, case.y), LinearSystem(case.A, case.y)
    for log_alpha in (-3.0, -300.0):
        solve(BregmanProjection(used, log_alpha=log_alpha))
    analyze(used)
    certify(BregmanProjection(used, log_alpha=-3.0), x=np.ones(case.A.shape[1]))
    first, later = (solve(BregmanProjection(system, log_alpha=-20.0, cost=case.cost)) for system in (fresh, used))
    np.testing.assert_array_equal(first.log_x, later.log_x)
    for check, value in first.certificate.checks.items():
        assert later.certificate.checks[check].value == value.value


def test_what_is_returned_cannot_be_written():
    analysis = analyze(HALF)
    for array in (analysis.support, analysis.x_star, gradient_flow(HALF, 0.1).log_x):
        assert not array.flags.writeable


# Random systems that rounding decides.


@pytest.mark.parametrize("name", FAMILIES)
def test_nothing_false_is_certified_and_nothing_untyped_raised(name):
    for record in campaign(2024, [name], tasks=8):
        assert record.column not in FAILURES, record
        assert not record.stray, record


# Beyond `solve`: other doors to the same answers, and what else is said of them.

SHARE = {
    "tolerances": 24, "certify": 32, "theory": 32, "backends": 10, "training": 12, "paths": 12,
    "threads": 6, "processes": 6, "interrupts": 12, "pickles": 8,
    "proofs": 60, "linear proofs": 32, "depths": 48,
}  # fmt: skip


def test_every_subject_has_its_share():
    assert set(SHARE) | {"solve"} == set(SUBJECTS)


@pytest.mark.parametrize("subject", SHARE)
def test_what_a_subject_says_is_true(subject):
    records = list(campaign(2025, FAMILIES, [subject], tasks=SHARE[subject]))
    for record in records:
        assert record.column not in FAILURES, record
        assert not record.stray, record
    assert sum(record.column in ("certified", "proved") for record in records) >= len(records) / 10


# Zeros are exact in bases of any size, or count as what they may be.


def hidden_entry(blocks, width):
    """Ones and one 2**-51 in the last two rows, beside blocks that make the basis large: log x of the last columns."""
    tiny, n = 2.0**-51, blocks + 2
    A = np.zeros((n, blocks * width + 5))
    A[np.repeat(np.arange(blocks), width), np.arange(blocks * width)] = 1.0
    A[-2, -5:], A[-1, -5:] = [1, tiny, -1, 0, 0], [0, 1, 0, 1, -1]
    cost = np.ones(A.shape[1])
    cost[-5:] = [1 + (1.5 - np.log(tiny)) / 2000, 1, 1 + (1.5 - np.log(tiny)) / 2000, 0.995, 0.995]
    y = np.append(np.ones(blocks), [0.0, 0.0])
    return BregmanProjection(LinearSystem(A, y), log_alpha=-2000.0, cost=cost)


@pytest.mark.parametrize(("blocks", "width"), [(112, 4), (400, 4), (60, 120)])
def test_entries_below_the_rounding_of_a_large_basis_are_seen(blocks, width):
    expected = solve(hidden_entry(3, 2)).log_x[-5:]
    solution = solve(hidden_entry(blocks, width))
    assert solution.status.is_certified
    assert solution.log_x[-5:] == pytest.approx(expected, abs=1e-9)


def test_entries_that_are_only_assumed_to_be_zero_are_noise(monkeypatch):
    problem, right = hidden_entry(40, 4), solve(hidden_entry(40, 4)).log_x
    monkeypatch.setattr(settings, "EXACT_ENTRIES", 0)
    monkeypatch.setattr(settings, "EXACT_ON_THE_WAY", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        solution = solve(problem)
    assert not solution.status.is_certified or np.abs(solution.log_x - right).max() <= 1e-9


def test_zeros_that_do_not_matter_at_one_point_stay_assumed_for_the_next():
    system = hidden_entry(3, 2).system
    log_x = np.zeros(system.shape[1])
    J = choose_basis(system, log_x)
    R = np.setdiff1d(np.arange(log_x.size), J)
    tableau = Tableau.of(system, J, R, exactly_to=0)
    log_x[R] = -1000.0
    assert tableau.assumed.any()
    assert (tableau.decided(system, log_x, exactly_to=10**9).assumed == tableau.assumed).all()


@pytest.mark.parametrize(("A", "y"), [([[1.0, -(2.0**-60)]], [-(2.0**-60)]), ([[2.0**60, 1, -1]], [-1.0])])
def test_a_walk_of_steep_priors_ends(A, y):
    assert solve(BregmanProjection(LinearSystem(A, y), log_alpha=-100.0), time_limit=10.0).status.is_certified


@pytest.mark.parametrize("stored", [np.asarray, sp.csr_array])
def test_a_single_large_entry_of_y_makes_nothing_infeasible(stored):
    A = np.array([[-1.0, -1, 1, -1, 0], [-2, 2, 2, -1, 1], [-1, -2, 1, 2, -2], [1, 1, 1, 1, 1]])
    system = LinearSystem(stored(A), [0, 0, 0, 2.0**95])  # 2**94 (1, 0, 1, 0, 0) is feasible
    assert solve(BregmanProjection(system, log_alpha=0.0)).status.is_certified


def test_the_rounding_of_a_long_multiplier_is_in_the_certificate():
    rng = np.random.default_rng(2)
    A = rng.standard_normal((3, 9))
    A[0] = np.abs(A[0])
    log_x, dual = rng.standard_normal(9), 1e9 * rng.standard_normal(3)
    y = A @ np.exp(log_x)
    log_prior = log_x - A.T @ dual
    log_x = LinearSystem(A, y).rmatvec(dual) + log_prior  # off by the rounding of terms of 1e9
    certificate = certify(
        BregmanProjection(LinearSystem(A, y), log_alpha=-1.0, cost=-log_prior), log_x=log_x, dual=dual
    )
    assert not certificate.ok


def test_a_point_between_contradictory_rows_is_not_certified_at_any_tolerance():
    problem = BregmanProjection(LinearSystem([[1.0], [1.0]], [1.0, 1.01]), log_alpha=-1.0)
    assert not certify(problem, x=[1.005], tol=0.02).ok
    assert not certify(problem, x=[1.0], tol=0.02).ok


def test_a_face_that_holds_within_a_tolerance_is_no_proof_of_infeasibility():
    A = np.array([[0, 2.0, 0, 1, 0], [1, 2, 2, 2, 2], [1, 1, 1, 0, 1], [1, 1, 2, 2, 2]])
    y = [1.9539925233402755e-14, 2.000000000000072, 1.0000000000000444, 2.000000000000062]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCertifiedWarning)
        solution = solve(BregmanProjection(LinearSystem(sp.csr_array(A), y), log_alpha=-35.0))
    assert solution.x.min() >= 0.0
