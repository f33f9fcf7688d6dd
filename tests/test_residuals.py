"""Every residual of a candidate is what its formula says, evaluated in forty digits and apart from the package."""

from __future__ import annotations

from dataclasses import dataclass

import mpmath
import numpy as np
import pytest

from bregman_l1 import BregmanProjection, Certificate, LinearSystem, certify, solve
from bregman_l1.problems.row_space import fit

ROUNDINGS = 64 * 2.0**-52


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The residuals by their formulas, x > 0; those that a certificate measures beside log x in units of the spread."""

    primal: float
    kkt: float
    gap: float
    deviation: float


def expected(A: np.ndarray, y: np.ndarray, log_p: np.ndarray, log_x: np.ndarray, spread: np.ndarray) -> Expected:
    with mpmath.workdps(60):
        M, right = mpmath.matrix(A.tolist()), mpmath.matrix(y.tolist())
        d = A.shape[1]
        x = [mpmath.exp(mpmath.mpf(value)) for value in log_x]
        ratio = mpmath.matrix([mpmath.mpf(a) - mpmath.mpf(b) for a, b in zip(log_x, log_p, strict=True)])
        X = mpmath.diag(x)
        missed, sizes = (
            right - M * mpmath.matrix(x),
            [sum(abs(M[i, j]) * x[j] for j in range(d)) + abs(right[i]) for i in range(M.rows)],
        )
        lam = mpmath.lu_solve(M * M.T, M * ratio)
        m = ratio - M.T * lam
        distance = sum(x[j] * (mpmath.exp(-m[j]) - 1 + m[j]) for j in range(d))
        slack = abs(sum(lam[i] * missed[i] for i in range(M.rows)))
        rounding = ROUNDINGS * sum(abs(lam[i]) * sizes[i] for i in range(M.rows))
        size = sum(x) + sum(x[j] * abs(ratio[j]) for j in range(d))
        # Log(x/p) + c = A'nu and A x (1 + c) = y.
        nu = mpmath.lu_solve(M * X * M.T, missed + M * X * ratio)
        change = M.T * nu - ratio
        return Expected(
            primal=float(max(abs(missed[i]) / sizes[i] for i in range(M.rows))),
            kkt=float(mpmath.norm(m) / max(spread)),
            gap=float((distance + max(0, slack - rounding)) / size),
            deviation=float(max(abs(change[j]) / spread[j] for j in range(d))),
        )


def values(certificate: Certificate) -> dict[str, float]:
    return {name: check.value for name, check in certificate.checks.items()}


def drawn(seed: int, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    A = rng.integers(-3, 4, (3, 8)).astype(float)
    x = rng.uniform(0.1, 2.0, 8)
    return A, scale * (A @ x), x * scale


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize("scale", [1.0, 2.0**-300, 2.0**300])
@pytest.mark.parametrize("off", [1e-6, 1e-2, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_residuals_of_a_wrong_answer_are_what_their_formulas_say(monkeypatch, seed, off, scale, pieces):
    if pieces:
        monkeypatch.setattr("bregman_l1.system.matrices._CACHED_BYTES", 8 * 3 * 3)
    A, y, x = drawn(seed, scale)
    log_x = np.log(x) + off * np.random.default_rng([seed, 1]).normal(0.0, 1.0, 8)
    problem = BregmanProjection(LinearSystem(A, y), log_alpha=-4.0)
    truth = expected(A, y, np.full(8, -4.0), log_x, np.ones(8))
    found = values(certify(problem, log_x=log_x))
    assert found["primal feasibility"] == pytest.approx(truth.primal, rel=1e-7, abs=1e-15)
    assert found["KKT identity"] == pytest.approx(truth.kkt, rel=1e-9)
    assert found["duality gap"] == pytest.approx(truth.gap, rel=1e-7)
    assert found["deviation"] == pytest.approx(truth.deviation, rel=1e-6)
    assert found["positivity"] == 0.0


@pytest.mark.parametrize("log_alpha", [-3000.0, 3000.0])
@pytest.mark.parametrize("off", [1e-6, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_entries_far_beyond_log_alpha_are_measured_in_units_of_their_spread(seed, off, log_alpha):
    # Three entries have a log x of four times log alpha; log(x/p) = A'lam, but for what the answer is off.
    A, _, x = drawn(seed)
    rng = np.random.default_rng([seed, 2])
    log_x = np.log(x)
    log_x[5:] = [-12000.0, -9000.0, -3100.0]
    cost = (log_x - A.T @ rng.normal(0.0, 1.0, 3)) / log_alpha
    log_x += off * rng.normal(0.0, 1.0, 8)
    problem = BregmanProjection(LinearSystem(A, A @ np.exp(log_x) + off), log_alpha=log_alpha, cost=cost)
    truth = expected(A, problem.system.y, problem.log_prior, log_x, np.maximum(1.0, np.abs(log_x) / 3000))
    found = values(certify(problem, log_x=log_x))
    assert found["KKT identity"] == pytest.approx(truth.kkt, rel=1e-5)
    assert found["duality gap"] == pytest.approx(truth.gap, rel=1e-5, abs=1e-15)
    assert found["deviation"] == pytest.approx(truth.deviation, rel=1e-5)


@pytest.mark.parametrize("off", [1e-9, 1e-5, 1.0, -1.0])
@pytest.mark.parametrize("row", range(3))
def test_a_dual_that_is_claimed_must_belong_to_every_entry(off, row):
    A, y, x = drawn(0)
    lam = np.array([0.5, -1.0, 0.25])
    problem = BregmanProjection(LinearSystem(A, y), prior=x * np.exp(-A.T @ lam))
    assert values(certify(problem, x=x, dual=lam))["duality gap"] < 1e-14
    assert values(certify(problem, x=x))["duality gap"] < 1e-14
    lam[row] += off
    found = certify(problem, x=x, dual=lam)
    assert found.failed == ("duality gap",)
    # Where log x is off by more than rounding, the best dual is off by more than rounding of its terms.
    assert values(found)["duality gap"] == pytest.approx(abs(off) * np.abs(A[row]).max(), rel=1e-5)


def test_a_dual_that_is_no_number_is_infinitely_off():
    A, y, x = drawn(0)
    problem = BregmanProjection(LinearSystem(A, y), prior=x)
    assert values(certify(problem, x=x, dual=[np.nan, 0.0, 0.0]))["duality gap"] == np.inf


FORCED = LinearSystem([[1.0, 1.0, 2.0, 0.0, 1.0], [0.0, 1.0, 0.0, 2.0, 0.0]], [2.0, 0.0])


@pytest.mark.parametrize(
    ("x", "misplaced", "zeros"),
    [
        ([0.5, 0.0, 0.5, 0.0, 0.5], 0, 2),
        ([0.5, 0.1, 0.5, 0.0, 0.5], 1, 1),
        ([0.5, 0.1, 0.5, 0.1, 0.5], 2, 0),
        ([1.0, 0.0, 0.0, 0.0, 1.0], 1, 3),
        ([2.0, 0.0, 0.0, 0.1, 0.0], 3, 3),
    ],
)
def test_positivity_counts_what_is_positive_or_zero_against_the_maximal_support(x, misplaced, zeros):
    # The second row says that x_2 = x_4 = 0; all others can be positive.
    certificate = certify(BregmanProjection(FORCED, log_alpha=-1.0), x=x)
    assert values(certificate)["positivity"] == misplaced
    assert ("positivity" in certificate.failed) == (misplaced > 0)
    told = [remark for remark in certificate.remarks if "entries are not positive" in remark]
    assert told == ([f"{zeros} of 5 entries are not positive"] if zeros and misplaced else [])
    assert "2 coordinates vanish on the whole feasible set (proved by an exposing vector)" in certificate.remarks


@pytest.mark.parametrize("off", [1e-5, 0.3])
def test_zeros_count_for_nothing_in_the_other_residuals(off):
    rng = np.random.default_rng(3)
    log_x = np.full(5, -np.inf)
    log_x[[0, 2, 4]] = np.log([0.5, 0.5, 0.5]) + off * rng.normal(0.0, 1.0, 3)
    truth = expected(FORCED.matrix[:1, [0, 2, 4]], FORCED.y[:1], np.full(3, -2.0), log_x[[0, 2, 4]], np.ones(3))
    found = values(certify(BregmanProjection(FORCED, log_alpha=-2.0), log_x=log_x))
    assert found["primal feasibility"] == pytest.approx(truth.primal, rel=1e-9)
    assert found["KKT identity"] == pytest.approx(truth.kkt, rel=1e-9)
    assert found["duality gap"] == pytest.approx(truth.gap, rel=1e-7)
    assert found["deviation"] == pytest.approx(truth.deviation, rel=1e-7)


@pytest.mark.parametrize(
    ("x", "primal"),
    [([-0.5, 1.5], 1 / 3), ([1.0, 0.0], 0.0), ([1.0, -1e-3], 1e-3), ([0.0, 0.0], 1.0), ([0.5, 0.25], 0.25 / 1.75)],
)
def test_infeasibility_is_the_larger_of_what_is_missed_and_what_is_negative(x, primal):
    found = certify(BregmanProjection(LinearSystem([[1.0, 1.0]], [1.0]), log_alpha=-1.0), x=x)
    assert values(found)["primal feasibility"] == pytest.approx(primal, rel=1e-12)
    if min(x) < 0 or not any(x):
        assert all(values(found)[name] == np.inf for name in ("KKT identity", "duality gap", "deviation"))


@pytest.mark.parametrize("log_alpha", [-1.0, -500.0, -4000.0, 4000.0])
def test_tolerances_grow_with_log_alpha_beyond_a_thousand(log_alpha):
    A, y, x = drawn(1)
    certificate = certify(BregmanProjection(LinearSystem(A, y), log_alpha=log_alpha), x=x, tol=1e-7)
    accuracy = 1e-7 * max(1.0, abs(log_alpha) / 1000)
    tolerances = {name: check.tolerance for name, check in certificate.checks.items()}
    assert tolerances == pytest.approx(
        {
            "primal feasibility": 1e-7,
            "positivity": 0.0,
            "KKT identity": accuracy * np.sqrt(8),
            "duality gap": accuracy,
            "deviation": accuracy,
        }
    )


@pytest.mark.parametrize("off", [5e-3, 5e-9, 0.0])
@pytest.mark.parametrize("by", [1.0, 1.0 + 2.0**-52, 1.0 - 2.0**-53])
def test_what_a_large_dual_makes_of_rounding_is_forgiven_and_hides_nothing_else(off, by):
    # The rows are nearly the same: lam is 2**30 (1, -1), and 64 roundings of its terms are 2e-4.
    A = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0 + 2.0**-30]])
    lam, kernel = 2.0**30 * np.array([1.0, -1.0]), np.array([1.0, -1.0, 0.0])
    ratio = A.T @ lam + off * kernel
    problem = BregmanProjection(LinearSystem(A, A @ np.ones(3) * [by, 1.0]), log_alpha=-1.0, cost=ratio)
    found = values(certify(problem, x=np.ones(3)))
    # The best misfit is off * kernel; one that is zero at two entries gives twice its distance.
    least = off**2 / (3.0 + np.abs(ratio).sum())
    assert 0.99 * least <= found["duality gap"] <= 2.01 * least


def test_a_dual_is_held_against_positive_entries_alone():
    solution = solve(BregmanProjection(FORCED, log_alpha=-2.0))
    assert certify(solution.problem, log_x=solution.log_x, dual=solution.dual).ok
    wrong = certify(solution.problem, log_x=solution.log_x, dual=solution.dual + np.array([1e-6, 0.0]))
    assert wrong.failed == ("duality gap",)
    # The second row is zero wherever x is positive.
    assert certify(solution.problem, log_x=solution.log_x, dual=solution.dual + np.array([0.0, 7.0])).ok


@pytest.mark.parametrize("seed", range(15))
def test_the_fit_of_the_row_space_leaves_what_is_at_right_angles_to_it(seed):
    # The last row is a combination of two, the first has entries that sum to zero.
    rng = np.random.default_rng(seed)
    A = rng.integers(-3, 4, (4, 9)).astype(float)
    A[0] = [1, -1, 2, -2, 0, 0, 3, -3, 0]
    A[3] = A[1] - 2 * A[2]
    on, values = rng.random(9) < 0.8, rng.normal(0.0, 1.0, 9)
    values[~on] = 0.0
    fitted = fit(LinearSystem(A, np.ones(4)), values, on)
    assert (fitted.misfit[~on] == 0.0).all()
    assert fitted.misfit[on] == pytest.approx(values[on] - A[:, on].T @ fitted.dual, abs=1e-12)
    assert pytest.approx(np.zeros(4), abs=1e-11) == A[:, on] @ fitted.misfit[on]


@pytest.mark.parametrize("off", [1e-3, -1e-3])
def test_a_misfit_beside_columns_of_very_different_sizes_is_not_lost_in_cancellation(off):
    system = LinearSystem([[1.0, 2.0**45, 3.0]], [1.0])
    fitted = fit(system, np.array([0.5, 2.0**44, 1.5 + off]), np.ones(3, dtype=bool))
    assert fitted.dual == pytest.approx([0.5])
    assert fitted.misfit == pytest.approx([0.0, 0.0, off], rel=1e-12)


def test_where_nothing_counts_nothing_is_fitted():
    fitted = fit(LinearSystem([[1.0, 0.0]], [1.0]), np.array([0.0, 3.0]), np.array([False, True]))
    assert (fitted.dual.tolist(), fitted.misfit.tolist()) == ([0.0], [0.0, 3.0])
