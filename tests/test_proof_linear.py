"""Proofs of l1 minimisers and null-space constants, against enumeration in Fractions."""

from __future__ import annotations

import warnings
from fractions import Fraction

import numpy as np
import pytest
from conftest import UNIQUE_CASES, gaussian_system
from fraction_lp import columns_of, constants, fractions, minimisers, unique_solution
from scipy.optimize import linprog

from bregman_l1 import (
    L1Minimization,
    LinearSystem,
    NullSpaceConstant,
    UndefinedConstantError,
    analyze,
    solve,
)
from bregman_l1.claim import Claim
from bregman_l1.errors import NotProvedWarning
from bregman_l1.exact import rounded
from bregman_l1.proof.exact_matrix import ExactMatrix, exact_vector, inner
from bregman_l1.proof.exact_simplex import ExactProgram, is_optimal, minimise
from bregman_l1.proof.linear import prove_l1
from bregman_l1.proof.nullspace import prove_constant
from bregman_l1.proof.record import Proof, Unproved

TOL = 1e-9
KINDS = ("rho", "rho_tilde", "rho_minus")


def step(proof: Proof, name: str) -> bool:
    return next(step.passed for step in proof.steps if step.name == name)


def solved(problem) -> Claim:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solution = solve(problem)
    return Claim(x=solution.x, dual=solution.dual, value=solution.value)


def exact_image(A: np.ndarray, x) -> list[Fraction]:
    return [sum(Fraction(float(a)) * v for a, v in zip(row, x, strict=True)) for row in A]


def small_system(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integers, rows dependent, columns equal, an entry off by 2^-k; y is A x0 but for rounding; a cost with ties."""
    rng = np.random.default_rng(seed)
    n_rows, n_columns = int(rng.integers(1, 5)), int(rng.integers(3, 8))
    A = rng.integers(-2, 4, (n_rows, n_columns)).astype(float)
    if rng.random() < 0.3 and n_rows > 1:
        A[-1] = A[0] - A[-1] if n_rows == 2 else A[0] + A[1]
    if rng.random() < 0.3:
        A[:, -1] = A[:, 0]
    if rng.random() < 0.5:
        i, j = rng.integers(n_rows), rng.integers(n_columns)
        A[i, j] += rng.choice([-1.0, 1.0]) * 2.0 ** -float(rng.integers(20, 50))
    x0 = np.where(rng.random(n_columns) < 0.5, rng.integers(1, 5, n_columns), 0).astype(float)
    y = A @ x0
    cost = np.ones(n_columns) if rng.random() < 0.6 else rng.integers(1, 4, n_columns).astype(float)
    return A, y, cost


SEEDS = [seed for seed in range(150) if small_system(seed)[1].any()]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_minimiser_and_its_uniqueness_are_those_of_all_vertices(seed):
    A, y, cost = small_system(seed)
    least, best = minimisers(A, y, cost)
    problem = L1Minimization(LinearSystem(A, y), cost=cost)
    claim = solved(problem)
    proof = prove_l1(problem, claim, for_="y")
    assert proof.ok, str(proof)
    assert proof.value == (least, least)
    assert exact_image(A, proof.x) == fractions(y)
    assert min(proof.x) >= 0
    assert sum(Fraction(c) * v for c, v in zip(cost, proof.x, strict=True)) == least
    assert step(proof, "uniqueness") == (len(best) == 1)
    if len(best) == 1:
        assert list(proof.x) == best[0]
        off = max(abs(Fraction(float(a)) - b) for a, b in zip(claim.x, best[0], strict=True)) / max(best[0])
        # Columns have units of their own, powers of two up to 4.
        assert prove_l1(problem, claim, for_="y", tol=TOL).ok or off > TOL / 16


@pytest.mark.parametrize("seed", SEEDS[:60])
def test_an_answer_is_proved_for_y_itself_or_for_a_y_within_rounding(seed):
    A, y, cost = small_system(seed)
    problem = L1Minimization(LinearSystem(A, y), cost=cost)
    claim = solved(problem)
    proof = prove_l1(problem, claim, tol=TOL)
    if not proof.ok:
        # The answer is that of no y within rounding: so says its own certificate, or it is no minimiser for A x.
        _, best = minimisers(A, [float(v) for v in exact_image(A, fractions(claim.x))], cost)
        assert fractions(claim.x) not in best or "roundings" in proof.steps[-1].meaning
    elif proof.right_hand_side.which == "y":
        least, best = minimisers(A, y, cost)
        assert exact_image(A, proof.x) == fractions(y)
        assert proof.value[0] == least
        assert proof.error <= 1.01 * TOL
        assert step(proof, "uniqueness") == (len(best) == 1)
    else:
        assert list(proof.x) == fractions(claim.x)
        assert proof.error == 0.0


@pytest.mark.parametrize("k", [20, 26, 30, 40, 52])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_near_tie_is_decided(k, sign):
    problem = L1Minimization(LinearSystem([[1.0, 1.0 - sign * 2.0**-k]], [1.0]))
    proof = prove_l1(problem)
    first = sign > 0
    assert proof.ok
    assert proof.x == ((1, 0) if first else (0, 1 / (1 + Fraction(1, 2**k))))
    assert step(proof, "uniqueness")
    other = [0.0, 1.0 / (1.0 - 2.0**-k)] if first else [1.0, 0.0]
    assert not prove_l1(problem, Claim(x=np.array(other)), tol=TOL).ok


def test_a_tie_is_no_near_tie():
    proof = prove_l1(L1Minimization(LinearSystem([[1.0, 1.0]], [1.0])))
    assert proof.ok
    assert not step(proof, "uniqueness")
    assert proof.value == (1, 1)


@pytest.mark.parametrize("power", [-300, 300])
def test_scales_of_rows_and_columns_change_nothing(power):
    A, y, cost = small_system(11)
    _, best = minimisers(A, y, cost)
    rng = np.random.default_rng(0)
    rows, columns = (2.0 ** (power * rng.integers(0, 2, size)) for size in A.shape)
    scaled = L1Minimization(LinearSystem(A * rows[:, None] * columns, y * rows), cost=cost * columns)
    proof = prove_l1(scaled, Claim(x=np.array([float(v) for v in best[0]]) / columns))
    assert proof.ok, str(proof)
    assert [v * Fraction(float(c)) for v, c in zip(proof.x, columns, strict=True)] == best[0]


@pytest.mark.parametrize("seed", range(3))
def test_a_sparse_answer_is_proved_for_what_its_floats_make_of_y(seed):
    system, _ = gaussian_system(seed=seed)
    proof = prove_l1(L1Minimization(system), solved(L1Minimization(system)), tol=TOL)
    target = proof.right_hand_side
    assert proof.ok
    assert target.which == "rounded y"
    image = exact_image(system.A[:, target.columns], target.values)
    terms = exact_image(np.abs(system.A[:, target.columns]), target.values)
    unit = Fraction(2) ** -52
    off = [
        abs(a - Fraction(b)) / (size + abs(Fraction(b))) / unit
        for a, b, size in zip(image, system.y, terms, strict=True)
    ]
    assert max(off) <= target.roundings < float(max(off)) * (1 + 1e-9)
    assert step(proof, "uniqueness")


def test_for_y_itself_a_sparse_answer_may_have_an_entry_for_every_row():
    system, _ = gaussian_system(n_rows=8, n_columns=30, sparsity=2, seed=3)
    claim = solved(L1Minimization(system))
    proof = prove_l1(L1Minimization(system), claim, for_="y", tol=TOL)
    assert proof.ok
    assert sum(map(bool, proof.x)) == 8 > np.count_nonzero(claim.x)
    assert exact_image(system.A, proof.x) == fractions(system.y)
    on = [j for j, v in enumerate(proof.x) if v]
    rows = [[column[i] for i in range(8)] for column in (columns_of(system.A)[j] for j in on)]
    mu = unique_solution([list(column) for column in zip(*rows, strict=True)], [Fraction(1)] * 8)
    assert all(value <= 1 for value in exact_image(system.A.T, mu))


def test_a_minimiser_between_vertices_is_proved_for_y_itself():
    system = LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], [1.0, 0.8])
    x = np.array([0.4, 0.4, 0.2])
    proof = prove_l1(L1Minimization(system), Claim(x=x, dual=np.array([1.0, 0.0])), tol=TOL)
    assert proof.ok
    assert str(proof.right_hand_side) == "y itself"
    assert exact_image(system.A, proof.x) == fractions(system.y)
    assert not step(proof, "uniqueness")
    assert step(proof, "zeros of all minimisers")


def test_logarithms_are_enclosed_to_the_digits_asked_for():
    proof = prove_l1(L1Minimization(LinearSystem([[3.0, 1.0]], [1.0])), digits=40)
    assert proof.digits == 40
    assert proof.ball(0).str(40, radius=False) == "-1.098612288668109691395245236922525704647"
    assert proof.ball(0).rad() < 1e-40
    assert proof.log_x.mid[1] == -np.inf


def corrupted(x: np.ndarray, dual: np.ndarray) -> dict[str, Claim]:
    on = np.flatnonzero(x)
    off = np.flatnonzero(x == 0)
    return {
        "an entry is off": Claim(x=np.where(np.arange(x.size) == on[0], x * (1 + 1e-6), x), dual=dual),
        "an entry is missing": Claim(x=np.where(np.arange(x.size) == on[0], 0.0, x), dual=dual),
        "an entry is too many": Claim(x=np.where(np.arange(x.size) == off[0], 1e-3, x), dual=dual),
        "an entry is negative": Claim(x=np.where(np.arange(x.size) == off[0], -1e-30, x), dual=dual),
        "it is not finite": Claim(x=np.where(np.arange(x.size) == off[0], np.nan, x), dual=dual),
        "it is huge": Claim(x=x * 1e300, dual=dual),
        "the dual is off": Claim(x=x, dual=dual * (1 + 1e-6)),
        "the dual is another": Claim(x=x, dual=-dual),
        "the dual is not finite": Claim(x=x, dual=dual * np.inf),
    }


@pytest.mark.parametrize("name", corrupted(np.array([1.0, 0.0]), np.ones(1)))
@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("for_", [None, "y", "rounded y"])
def test_a_wrong_answer_is_not_proved(name, noisy, for_):
    system, _ = gaussian_system(n_rows=10, n_columns=25, sparsity=3, seed=5)
    if noisy:
        system = LinearSystem(system.A, system.y + 0.1 * np.random.default_rng(1).standard_normal(10))
    claim = solved(L1Minimization(system))
    wrong = corrupted(claim.x, claim.dual)[name]
    proof = prove_l1(L1Minimization(system), wrong, for_=for_, tol=TOL)
    assert not proof.ok
    assert proof.failed
    assert "NOT PROVED" in str(proof)


def test_a_vertex_that_is_no_minimiser_is_not_proved():
    system = LinearSystem([[1.0, 0.5]], [1.0])
    for for_ in (None, "y", "rounded y"):
        proof = prove_l1(L1Minimization(system), Claim(x=np.array([0.0, 2.0])), for_=for_, tol=TOL)
        assert not proof.ok
    assert "above the least" in proof.steps[-1].meaning


def test_where_y_itself_has_no_solution_that_is_said():
    system = LinearSystem([[1.0], [1.0]], [1.0, 1.0 + 2.0**-52])
    claim = Claim(x=np.array([1.0]), dual=np.array([1.0, 0.0]))
    proof = prove_l1(L1Minimization(system), claim, for_="y")
    assert proof.failed == ("feasibility",)
    assert prove_l1(L1Minimization(system), claim).right_hand_side.which == "rounded y"


@pytest.mark.parametrize("seed", range(120))
def test_pivots_in_rationals_reach_the_optimum_from_anywhere(seed):
    rng = np.random.default_rng(seed)
    n_rows, n_columns = int(rng.integers(1, 4)), int(rng.integers(3, 7))
    A = rng.integers(-2, 3, (n_rows, n_columns)).astype(float)
    y = A @ rng.integers(0, 3, n_columns) + (rng.integers(-1, 2, n_rows) if rng.random() < 0.3 else 0)
    cost, free = rng.integers(-1, 4, n_columns).astype(float), rng.random(n_columns) < 0.2
    program = ExactProgram(matrix=ExactMatrix(A), right=exact_vector(y), cost=exact_vector(cost), free=free)
    bounds = [(None if is_free else 0, None) for is_free in free]
    expected = linprog(cost, A_eq=A, b_eq=y, bounds=bounds)
    if expected.status in (2, 3, 4):
        with pytest.raises(Unproved) as failure:
            minimise(program, rng.standard_normal(n_columns), rng.standard_normal(n_rows))
        assert (
            failure.value.step.name
            in {2: ("feasibility",), 3: ("boundedness",), 4: ("feasibility", "boundedness")}[expected.status]
        )
        return
    best = minimise(program, rng.standard_normal(n_columns), rng.standard_normal(n_rows))
    assert not any(program.missing(best.x))
    assert is_optimal(program, best.x, best.reduced)
    assert inner(program.cost, best.x) == inner(program.right, best.mu)
    assert rounded(inner(program.cost, best.x)) == pytest.approx(expected.fun, abs=1e-8)


def small_support(seed: int) -> tuple[np.ndarray, list[int]]:
    rng = np.random.default_rng(seed)
    size = int(rng.integers(1, 4))
    n_rows = size + int(rng.integers(0, 3))
    A = rng.integers(-2, 4, (n_rows, size + int(rng.integers(2, 5)))).astype(float)
    if rng.random() < 0.4:
        A[rng.integers(n_rows), rng.integers(A.shape[1])] += 2.0 ** -float(rng.integers(20, 50))
    return A, list(range(size))


def has_independent_support(seed: int) -> bool:
    A, support = small_support(seed)
    return bool(np.linalg.matrix_rank(A[:, support]) == len(support))


@pytest.mark.parametrize("seed", [seed for seed in range(60) if has_independent_support(seed)])
def test_constants_are_those_of_all_vertices(seed):
    A, support = small_support(seed)
    expected = constants(A, support)
    system = LinearSystem(A, A @ np.ones(A.shape[1]) + 1.0)
    for kind in KINDS:
        try:
            problem = NullSpaceConstant(system, support, kind)
        except UndefinedConstantError:
            assert expected is None
            continue
        proof = prove_constant(problem)
        if expected is None:
            assert not proof.ok
            continue
        assert proof.ok, str(proof)
        assert proof.value == (expected[kind], expected[kind]), kind
        assert step(proof, "exact")
        assert not any(exact_image(A, proof.x))
        claim = solved(problem)
        assert prove_constant(problem, claim, tol=TOL).ok
        for wrong in (claim.value * (1 + 1e-6) + 1e-6, claim.value * (1 - 1e-6) - 1e-6):
            assert not prove_constant(problem, Claim(x=claim.x, dual=claim.dual, value=wrong), tol=TOL).ok


GOLDEN = LinearSystem([[1, 0, 2, -1, -1.5], [0, 1, -1, 1, 0.5], [0, 0, 1, -1, -2]], [1, 1, 0])


@pytest.mark.parametrize(("kind", "value"), [("rho", "1/2"), ("rho_tilde", "4/3"), ("rho_minus", "5/6")])
def test_golden_constants_where_the_maximum_is_at_no_column(kind, value):
    proof = prove_constant(NullSpaceConstant(GOLDEN, [0, 1], kind))
    assert proof.value == (Fraction(value), Fraction(value))


@pytest.mark.parametrize(
    ("A", "kind", "value"),
    [
        ([[1, 0, 5], [0, 1, -4.5]], "rho", "1/2"),
        ([[1, 0, 5], [0, 1, -4.5]], "rho_tilde", "19/2"),
        ([[1, 0, 3], [0, 1, -3]], "rho", "0"),
        ([[1, 0, 3], [0, 1, -3]], "rho_tilde", "6"),
        ([[1, 0, 1], [0, 1, -2]], "rho", "-1"),
    ],
)
def test_golden_constants_of_an_orthant(A, kind, value):
    proof = prove_constant(NullSpaceConstant(LinearSystem(A, [1, 1]), [0, 1], kind))
    assert proof.value == (Fraction(value), Fraction(value))


def is_dyadic(case) -> bool:
    return all(Fraction(float(Fraction(a))) == Fraction(a) for row in [*case.data["A"], case.data["y"]] for a in row)


def test_reference_cases_are_proved(unique_case):
    problem = L1Minimization(unique_case.system)
    proof = prove_l1(problem, solved(problem), tol=TOL)
    assert proof.ok, str(proof)
    assert step(proof, "uniqueness")
    assert [float(v) for v in proof.x] == pytest.approx(unique_case.floats("x_star").tolist(), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("case", [case for case in UNIQUE_CASES if is_dyadic(case)], ids=lambda case: case.name)
@pytest.mark.parametrize("kind", KINDS)
def test_constants_of_reference_cases_are_proved_exactly(case, kind):
    proof = prove_constant(NullSpaceConstant(case.system, case.data["support"], kind))
    assert proof.value == (Fraction(case.data[kind]), Fraction(case.data[kind]))


@pytest.mark.parametrize("kind", ["rho_tilde", "rho_minus"])
def test_a_constant_that_takes_branch_and_bound_is_proved_or_bracketed(kind):
    system, x0 = gaussian_system(n_rows=12, n_columns=24, sparsity=5, seed=2)
    problem = NullSpaceConstant(system, np.flatnonzero(x0), kind)
    claim = solved(problem)
    proof = prove_constant(problem, claim, tol=TOL)
    assert proof.ok, str(proof)
    assert step(proof, "exact")
    assert float(proof.value[0]) == pytest.approx(claim.value, rel=1e-12)
    hasty = prove_constant(problem, Claim(x=claim.x), tol=TOL, time_limit=0.0)
    assert hasty.ok
    assert hasty.value[0] <= proof.value[0] <= hasty.value[1]
    assert not prove_constant(problem, claim, tol=TOL, time_limit=0.0).ok or hasty.value[0] == hasty.value[1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_claim_about_a_constant_is_not_proved(kind):
    problem = NullSpaceConstant(GOLDEN, [0, 1], kind)
    claim = solved(problem)
    value, other = claim.value, np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    wrong = {
        "a vector outside of the kernel": Claim(x=other, dual=claim.dual, value=value),
        "a vector that is not normalised": Claim(x=2 * claim.x, dual=claim.dual, value=value),
        "a vector that is not finite": Claim(x=claim.x * np.nan, dual=claim.dual, value=value),
        "another dual": Claim(x=claim.x, dual=claim.dual + 1e-6, value=value),
        "a bound that is too low": Claim(x=claim.x, dual=claim.dual, bound=value - 1e-6),
    }
    for name, each in wrong.items():
        assert not prove_constant(problem, each, tol=TOL).ok, name
    assert prove_constant(problem, Claim(x=claim.x, dual=claim.dual, bound=value), tol=TOL).ok


def test_an_analysis_proves_its_limit_and_its_constants():
    analysis = analyze(GOLDEN, proof=True)
    assert set(analysis.proofs) == {"limit", "rho"}
    assert analysis.rho_tilde.exact
    assert set(analysis.proofs) == {"limit", "rho", "rho_tilde"}
    assert all(proof.ok for proof in analysis.proofs.values())
    assert analysis.proofs["rho_tilde"].value == (Fraction(4, 3), Fraction(4, 3))
    assert analysis.proofs["limit"].x == (1, 1, 0, 0, 0)
    page = str(analysis)
    assert "Proofs in rationals" in page
    assert "uniqueness: proved" in page
    assert not analyze(GOLDEN).proofs
    assert "Proofs" not in str(analyze(GOLDEN))


def test_an_analysis_decides_a_near_tie():
    analysis = analyze(LinearSystem([[1.0, 1.0 - 2.0**-30]], [1.0]), proof=True)
    assert analysis.x_star.tolist() == [1.0, 0.0]
    assert analysis.unique
    assert step(analysis.proofs["limit"], "uniqueness")
    assert analysis.proofs["rho"].value[0] == 1 - Fraction(1, 2**30)


def test_an_analysis_of_several_minimisers_proves_where_all_are_zero():
    system = LinearSystem([[1.0, 1.0, 1.0, 0.5], [0.0, 1.0, 2.0, 3.0]], [1.0, 0.8])
    proof = analyze(system, proof=True).proofs["limit"]
    assert proof.ok
    assert not step(proof, "uniqueness")
    assert step(proof, "zeros of all minimisers")
    assert proof.x[3] == 0


def test_an_analysis_whose_limit_cannot_be_proved_warns(monkeypatch):
    monkeypatch.setattr("bregman_l1.proof.exact_matrix._LARGEST", 1)
    with pytest.warns(NotProvedWarning, match="too large"):
        analysis = analyze(GOLDEN, proof=True)
    assert not analysis.proofs["limit"].ok
    assert "NOT PROVED" in str(analysis)


def test_a_tie_that_rounding_reads_and_rationals_do_not_is_decided_by_analyze():
    rng = np.random.default_rng(2025)
    A = np.round(rng.standard_normal((20, 60)) * 64) / 64
    y = A[:, 3] + 2 * A[:, 17] + A[:, 29] / 2
    twins = LinearSystem(np.column_stack([A, A[:, 3] * (1 - 2.0**-46)]), y)
    read, decided = analyze(twins), analyze(twins, proof=True)
    assert not read.unique
    assert decided.unique
    assert decided.x_star.nonzero()[0].tolist() == [3, 17, 29]
    assert all(proof.ok for proof in decided.proofs.values())
    assert decided.rate == pytest.approx(2.0**-46, rel=1e-9)


def test_a_rounded_y_that_is_y_is_called_so():
    problem = L1Minimization(LinearSystem([[1.0, 0.5]], [1.0]))
    target = prove_l1(problem, for_="rounded y").right_hand_side
    assert (target.which, target.roundings) == ("y", 0.0)
