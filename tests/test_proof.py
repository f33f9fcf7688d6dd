"""PROVED: every log x enclosed, ranks and zeros exact, and nothing proved that is wrong.

The truth is that of tests/soundness (rationals, and balls of its own), of closed forms in mpmath, and of fractions.
"""

from __future__ import annotations

import pickle
from dataclasses import replace
from fractions import Fraction
from threading import Thread

import flint
import mpmath
import numpy as np
import pytest
from soundness.cases import FAMILIES, draw
from soundness.truth import NoConvergenceError, exact_projection

from bregman_l1 import (
    BregmanError,
    BregmanProjection,
    InvalidOptionError,
    InvalidProblemError,
    L1Minimization,
    LinearSystem,
    NotProvedWarning,
    NullSpaceConstant,
    Status,
    certify,
    load,
    proof,
    prove,
    save,
    solve,
)
from bregman_l1.proof.projection import prove_projection

HALF = LinearSystem([[1.0, 0.5]], [1.0])
DEPTHS = [-1.0, -13.8, -690.8, -2302.6, -1e5]


def gaussian(seed: int, shape: tuple[int, int], sparsity: int) -> LinearSystem:
    rng = np.random.default_rng(seed)
    A, x = rng.standard_normal(shape), np.zeros(shape[1])
    x[rng.choice(shape[1], sparsity, replace=False)] = rng.uniform(0.5, 2.0, sparsity)
    return LinearSystem(A, A @ x)


def decimal(ball: flint.arb) -> mpmath.mpf:
    mantissa, exponent = ball.mid().man_exp()
    return mpmath.ldexp(mpmath.mpf(int(mantissa)), int(exponent))


@pytest.mark.parametrize("log_alpha", DEPTHS)
def test_fifty_digits_of_a_closed_form(log_alpha):
    found = prove(BregmanProjection(HALF, log_alpha=log_alpha), digits=50)
    with mpmath.workdps(120):
        # x_1 + x_2 / 2 = 1 and x_2 = sqrt(alpha x_1).
        root = (-mpmath.exp(log_alpha / 2) / 2 + mpmath.sqrt(mpmath.exp(log_alpha) / 4 + 4)) / 2
        truth = [2 * mpmath.log(root), log_alpha / 2 + mpmath.log(root)]
        assert found.ok
        assert found.digits >= 50
        for j in range(2):
            assert abs(decimal(found.ball(j)) - truth[j]) <= mpmath.mpf(10) ** -50 * max(1, abs(truth[j]))


# Blocks have hundreds of columns, for which this oracle takes minutes: the campaign confirms their proofs.
@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "blocks"])
def test_what_is_proved_for_y_itself_is_the_exact_projection(name):
    proved = 0
    for index in range(6):
        case = draw(name, 21, index)
        try:
            problem = BregmanProjection(LinearSystem(case.A, case.y), log_alpha=case.log_alpha, cost=case.cost)
            found = prove(problem)
            if not found.ok or found.right_hand_side.which != "y":
                continue
            truth = exact_projection(case.A, case.y, case.log_alpha, case.cost)
        except (BregmanError, NoConvergenceError):
            continue
        proved += 1
        for j, value in enumerate(truth):
            if j in found.support.zeros:
                assert value == flint.arb("-inf")
            else:
                # The truth is right to thirty digits.
                assert abs(found.ball(j) - value.mid()) < 1e-25 * max(1.0, abs(float(value.mid())))
    assert proved or name in ("decimals", "inconsistent_rows", "nearly_infeasible")


@pytest.mark.parametrize("log_alpha", DEPTHS)
def test_a_right_hand_side_within_rounding_is_named_and_its_distance_is_true(log_alpha):
    system = gaussian(0, (8, 24), 3)
    found = prove(BregmanProjection(system, log_alpha=log_alpha), for_="rounded y")
    target = found.right_hand_side
    assert found.ok
    assert target.which == "rounded y"
    A = [[Fraction(value) for value in row] for row in system.matrix.tolist()]
    y = [Fraction(value) for value in system.y.tolist()]
    for row, value in zip(A, y, strict=True):
        moved = sum(row[j] * u for j, u in zip(target.columns, target.values, strict=True)) - value
        terms = sum(abs(a) * Fraction(np.exp(z)) for a, z in zip(row, found.log_x.mid, strict=True)) + abs(value)
        assert abs(moved) <= Fraction(target.roundings) * terms * Fraction(2) ** -52 * (1 + Fraction(1, 10**12))
    # It is what is given that is proved: the projection for that y' has these logarithms.
    assert (np.abs(found.log_x.mid - solve(BregmanProjection(system, log_alpha=log_alpha)).log_x) < 1e-7).all()


def test_y_itself_has_as_many_entries_as_rows_at_a_deep_alpha_and_y_rounded_has_the_sparse_ones():
    system = gaussian(1, (10, 24), 2)
    problem = BregmanProjection(system, log_alpha=-1e4)
    itself, rounded = (prove(problem, for_=target) for target in ("y", "rounded y"))
    assert itself.ok
    assert rounded.ok
    assert (itself.log_x.mid > -100.0).sum() == 10
    assert (rounded.log_x.mid > -100.0).sum() == 2
    truth = exact_projection(system.matrix, system.y, -1e4)
    assert all(abs(itself.ball(j) - value.mid()) < 1e-22 * 1e4 for j, value in enumerate(truth))
    assert prove(problem).right_hand_side.which == "rounded y"
    assert not prove(solve(problem), for_="y").ok


def test_floats_are_rounded_outward():
    found = prove(BregmanProjection(gaussian(2, (6, 15), 2), log_alpha=-50.0), digits=30)
    mid, rad = found.log_x
    for j in range(15):
        assert abs(found.ball(j) - flint.arb(mid[j])) <= flint.arb(rad[j])
        assert rad[j] <= 1e-15 * max(1.0, abs(mid[j]))


# Nothing is proved that is wrong.


@pytest.mark.parametrize("log_alpha", DEPTHS)
@pytest.mark.parametrize("size", [3e-9, -3e-9, 1e-6, -1.0, 1e3, -1e3])
def test_an_answer_that_is_off_is_not_proved(log_alpha, size):
    solution = solve(BregmanProjection(gaussian(3, (6, 15), 2), log_alpha=log_alpha))
    assert prove(solution).ok
    for j in range(15):
        off = size * max(1.0, abs(log_alpha) / 1000, abs(solution.log_x[j]) / 1000)
        log_x = solution.log_x.copy()
        log_x[j] += off
        assert not prove(replace(solution, log_x=log_x)).ok


def test_an_entry_that_is_dropped_or_added_is_not_proved():
    solution = solve(BregmanProjection(gaussian(3, (6, 15), 2), log_alpha=-30.0))
    log_x = solution.log_x.copy()
    log_x[4] = -np.inf
    assert prove(replace(solution, log_x=log_x)).failed == ("support",)
    forced = solve(BregmanProjection(LinearSystem([[1.0, 1.0, 0.0], [0.0, 1.0, 2.0]], [1.0, 0.0]), log_alpha=-3.0))
    assert prove(forced).ok
    assert not prove(replace(forced, log_x=np.array([0.0, -3.0, -4.0]))).ok


@pytest.mark.parametrize(("log_alpha", "tolerance"), [(-13.8, 1e-9), (-2302.6, 2.3026e-9), (-1e5, 1e-7)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_answer_is_proved_up_to_its_tolerance_and_its_error_is_bounded(log_alpha, tolerance, sign):
    # log x = (0, log(alpha) / 2) but for what is far below rounding.
    solution = solve(BregmanProjection(HALF, log_alpha=log_alpha))
    exact = prove(solution.problem)
    for share in (0.5, 0.9, 1.1, 2.0):
        log_x = exact.log_x.mid.copy()
        log_x[1] += sign * share * tolerance
        found = prove(replace(solution, log_x=log_x))
        assert found.ok == (share < 1.0)
        if found.ok:
            with mpmath.workdps(60):
                off = abs(decimal(exact.ball(1)) - mpmath.mpf(log_x[1])) / (max(1000, mpmath.mpf(-log_alpha)) / 1000)
                assert off <= found.error <= off * 1.000001
        else:
            assert found.failed == ("answer",)


@pytest.mark.parametrize("log_x", [[np.nan, -1.0], [np.inf, -1.0], [-np.inf, -np.inf]])
def test_what_is_no_answer_is_not_proved(log_x):
    solution = solve(BregmanProjection(HALF, log_alpha=-1.0))
    assert prove(replace(solution, log_x=np.array(log_x))).failed == ("support",)


def test_an_answer_that_is_positive_where_the_prior_is_zero_is_not_proved():
    problem = BregmanProjection(LinearSystem([[1.0, 0.5, 1.0]], [1.0]), log_alpha=-1.0, prior=[1.0, 1.0, 0.0])
    solution = solve(problem)
    assert prove(solution).ok
    log_x = solution.log_x.copy()
    log_x[2] = -800.0
    wrong = prove(replace(solution, log_x=log_x))
    assert wrong.failed == ("support",)
    assert "prior" in wrong.steps[-1].meaning


@pytest.mark.parametrize("log_alpha", [-3.0, -2302.6])
def test_zeros_are_exposed_exactly(log_alpha):
    # The last row says that x_1 + x_3 + 2 x_5 = 0; it is mixed into the others.
    rng = np.random.default_rng(4)
    A = rng.integers(-3, 4, (4, 9)).astype(float)
    A[3] = [0, 1, 0, 1, 0, 2, 0, 0, 0]
    A = (rng.integers(-2, 3, (4, 4)) + 3 * np.eye(4)) @ A
    system = LinearSystem(A, A @ np.array([1, 0, 2, 0, 1, 0, 0, 3, 0.0]))
    found = prove(BregmanProjection(system, log_alpha=log_alpha))
    assert found.ok
    assert found.support.zeros.tolist() == [1, 3, 5]
    z = found.support.exposing
    for j in range(9):
        slack = sum(Fraction(a) * value for a, value in zip(A[:, j].tolist(), z, strict=True))
        assert slack < 0 if j in (1, 3, 5) else slack == 0
    assert sum(Fraction(a) * value for a, value in zip(system.y.tolist(), z, strict=True)) == 0
    assert found.ball(1) == flint.arb("-inf")


def test_rows_that_follow_from_others_are_shown_to():
    A = np.array([[1.0, 2.0, 0.0, 1.0], [0.0, 1.0, 3.0, 1.0]])
    whole = np.vstack([A, A[0] - 2 * A[1], 4 * A[0]])
    found = prove(BregmanProjection(LinearSystem(whole, whole @ [1.0, 1.0, 2.0, 0.0]), log_alpha=-40.0))
    assert found.ok
    assert "2 of 4 rows" in found.steps[0].meaning
    off = whole @ [1.0, 1.0, 2.0, 0.0]
    off[3] *= 1 + 2.0**-52
    rounded = prove(BregmanProjection(LinearSystem(whole, off), log_alpha=-40.0))
    assert rounded.right_hand_side.which == "rounded y"
    assert not prove(BregmanProjection(LinearSystem(whole, off), log_alpha=-40.0), for_="y").ok


def test_costs_and_priors_are_proved():
    system = gaussian(5, (5, 12), 2)
    rng = np.random.default_rng(5)
    cost, prior = rng.uniform(0.5, 2.0, 12), rng.uniform(0.1, 3.0, 12)
    prior[7] = 0.0
    found = prove(BregmanProjection(system, log_alpha=-20.0, cost=cost, prior=prior))
    assert found.ok
    assert found.support.zeros.tolist() == [7]
    kept = np.delete(np.arange(12), 7)
    log_p = [mpmath.log(prior[j]) - 20.0 * mpmath.mpf(cost[j]) for j in kept]
    # log(x / p) is orthogonal to the kernel of A.
    with mpmath.workdps(40):
        log_p = [mpmath.log(mpmath.mpf(prior[j])) - 20 * mpmath.mpf(cost[j]) for j in kept]
        ratio = mpmath.matrix([decimal(found.ball(int(j))) - p for j, p in zip(kept, log_p, strict=True)])
        A = mpmath.matrix(system.matrix[:, kept].tolist())
        dual = mpmath.lu_solve(A * A.T, A * ratio)
        assert mpmath.norm(A.T * dual - ratio) < 1e-20


# Where it is asked for.


def test_solve_proves_what_it_certifies():
    solution = solve(BregmanProjection(HALF, log_alpha=-2302.6), proof=True)
    assert solution.status is Status.PROVED
    assert solution.status.is_certified
    assert solution.proof.ok
    assert "PROVED" in str(solution)
    assert "proved" in solution._repr_html_()
    assert solution.to_dict()["proof"]["right_hand_side"] == {"which": "y", "roundings": 0.0}
    assert solve(BregmanProjection(HALF, log_alpha=-2302.6)).proof is None


def test_what_is_certified_and_not_proved_is_told(monkeypatch):
    monkeypatch.setattr("bregman_l1.proof.krawczyk._CONTRACTION", 0.0)
    with pytest.warns(NotProvedWarning, match="does not contract"):
        solution = solve(BregmanProjection(HALF, log_alpha=-5.0), proof=True)
    assert solution.status is Status.CERTIFIED
    assert solution.proof.failed == ("existence",)
    assert str(solution.proof).startswith("NOT PROVED")


def test_what_would_take_too_long_is_not_begun(monkeypatch):
    monkeypatch.setattr("bregman_l1.proof.targets._LARGEST", 10)
    found = prove(BregmanProjection(gaussian(6, (5, 12), 2), log_alpha=-5.0))
    assert not found.ok
    assert "5 x 7 balls" in found.steps[-1].meaning


def test_a_conic_answer_can_be_proved():
    solution = solve(BregmanProjection(gaussian(6, (5, 12), 2), log_alpha=-5.0), "clarabel", proof=True)
    assert solution.status is Status.PROVED
    assert solution.backend == "clarabel"


def test_a_proof_survives_pickle_and_file(tmp_path):
    solution = solve(BregmanProjection(gaussian(7, (5, 12), 2), log_alpha=-700.0), proof=True)
    save(solution, tmp_path / "solution.npz")
    for again in (pickle.loads(pickle.dumps(solution)), load(tmp_path / "solution.npz")):
        assert again.status is Status.PROVED
        assert str(again.proof) == str(solution.proof)
        assert (again.proof.log_x.mid == solution.proof.log_x.mid).all()
        assert again.proof.ball(3).contains(solution.proof.ball(3).mid())
        assert again.proof.right_hand_side.values == solution.proof.right_hand_side.values
    with pytest.raises(InvalidProblemError, match="loaded from a file"):
        prove(again)


@pytest.mark.parametrize("digits", [0, -1, 1001, 2.5, True, "15", None])
def test_digits_are_a_number_of_digits(digits):
    with pytest.raises(InvalidOptionError, match="digits"):
        prove(BregmanProjection(HALF, log_alpha=-1.0), digits)


@pytest.mark.parametrize("for_", ["x", 1, "Y", ["y"]])
def test_the_right_hand_side_is_one_of_two(for_):
    with pytest.raises(InvalidProblemError, match="for_"):
        prove(BregmanProjection(HALF, log_alpha=-1.0), for_=for_)


@pytest.mark.parametrize("answer", [None, 1.0, HALF, "y"])
def test_only_problems_and_solutions_can_be_proved(answer):
    with pytest.raises(InvalidProblemError, match="can be proved"):
        prove(answer)


@pytest.mark.parametrize("j", [2, -3, 1.5, None, "x"])
def test_a_ball_of_no_entry_is_refused(j):
    with pytest.raises(InvalidProblemError, match="entries"):
        prove(BregmanProjection(HALF, log_alpha=-1.0)).ball(j)


def test_nothing_proved_has_no_balls():
    solution = solve(BregmanProjection(HALF, log_alpha=-1.0))
    wrong = prove(replace(solution, log_x=np.array([0.0, 0.0])))
    assert wrong.log_x is None
    with pytest.raises(InvalidProblemError, match="nothing was proved"):
        wrong.ball(0)
    assert not certify(solution.problem, log_x=[0.0, 0.0]).ok


def test_the_callers_precision_is_left_alone_and_threads_do_not_mix():
    before = flint.ctx.prec
    problems = [BregmanProjection(gaussian(k, (6, 15), 2), log_alpha=-100.0) for k in range(6)]
    found: dict[int, proof.Proof] = {}
    threads = [
        Thread(target=lambda k=k, one=one: found.update({k: prove(one, 20 + 40 * k)})) for k, one in enumerate(problems)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert flint.ctx.prec == before
    assert all(found[k].ok and found[k].digits >= 20 + 40 * k for k in range(6))


@pytest.mark.parametrize(("scale", "log_alpha"), [(1.0, -1e5), (2.0**400, -1.0)])
def test_entries_of_a_tableau_that_rounding_hides_are_known_to_be_zero(scale, log_alpha):
    # Elimination divides by 3: of the second column, times 1e43429 larger ones, neither holds anything, exactly.
    A = np.array([[3.0, 3.0, 1.0, -1.0], [1.0, 1.0, 3.0, -3.0]])
    found = prove(BregmanProjection(LinearSystem(A, scale * np.array([6.0, 2.0])), log_alpha=log_alpha))
    assert found.ok
    assert found.right_hand_side.which == "y"
    with mpmath.workdps(40):
        # x_1 + x_2 = 2 scale with x_1 = x_2, and x_3 = x_4 with x_3 x_4 = alpha^2.
        truth = [mpmath.log(mpmath.mpf(scale))] * 2 + [mpmath.mpf(log_alpha)] * 2
        assert all(abs(decimal(found.ball(j)) - truth[j]) < 1e-15 for j in range(4))


@pytest.mark.parametrize("wrong", [{"x": np.ones(3), "log_x": np.zeros(3)}, {"dual": np.zeros(3)}])
@pytest.mark.parametrize("problem", [BregmanProjection(HALF, log_alpha=-9.0), L1Minimization(HALF)])
def test_an_answer_of_another_size_is_refused(problem, wrong):
    with pytest.raises(InvalidProblemError, match="must have shape"):
        prove(replace(solve(problem), **wrong))


def test_a_slice_of_balls_is_refused():
    with pytest.raises(InvalidProblemError, match="entries 0 to 1"):
        prove(BregmanProjection(HALF, log_alpha=-9.0)).ball(slice(0, 2))


def test_the_warning_gives_the_reason_and_not_the_last_step(monkeypatch):
    problem = NullSpaceConstant(HALF, [0], "rho")
    found = prove(replace(solve(problem), value=0.25))
    assert found.failed == ("value",)
    assert "beside both bounds" in found.reason
    assert found.reason != found.steps[-1].meaning
    assert prove(problem).reason == ""
    monkeypatch.setattr("bregman_l1.proof._prove._proof", lambda *args, **kwargs: found)
    with pytest.warns(NotProvedWarning, match="beside both bounds"):
        solve(problem, proof=True)


def test_a_constant_that_is_claimed_to_be_infinite_is_not_proved():
    solution = solve(NullSpaceConstant(HALF, [0], "rho"))
    assert prove(replace(solution, value=np.inf)).failed == ("answer",)


def test_an_exposing_vector_is_found_in_numbers_beyond_those_of_floats():
    # Of the third column, the second row less 1e400 times the first holds -1e600.
    A = np.array([[1e-200, 1e-200, 1e200], [1e200, 1e200, 1.0]])
    problem = BregmanProjection(LinearSystem(A, A[:, 0]), log_alpha=-20.0)
    with np.errstate(over="ignore"):
        found = prove_projection(problem, np.array([np.log(0.5), np.log(0.5), -np.inf]), digits=15)
    assert found.ok
    assert found.support.zeros.tolist() == [2]
    z = found.support.exposing
    assert sum(Fraction(a) * b for a, b in zip(A[:, 2].tolist(), z, strict=True)) < 0
