"""Arrays of dask as A: the answers are those in memory, x stays where A is, and what does not do is said."""

import pickle

import dask
import dask.array as da
import numpy as np
import pandas as pd
import pytest

from bregman_l1 import (
    BregmanProjection,
    Claim,
    InfeasibleError,
    InvalidProblemError,
    InvalidSystemError,
    L1Minimization,
    LinearSystem,
    NotCertifiedWarning,
    RechunkWarning,
    Status,
    UnsupportedProblemError,
    UnsupportedStorageError,
    analyze,
    certify,
    load,
    projection_path,
    prove,
    solve,
)
from bregman_l1 import settings as package_settings
from bregman_l1.newton import project, project_wide
from bregman_l1.system import Knows
from bregman_l1.system.distributed import distributed

N, D = 8, 60_000
RNG = np.random.default_rng(0)
A = RNG.standard_normal((N, D))
SPARSE = np.zeros(D)
SPARSE[[5, 20_000, 59_999]] = 1.0, 2.0, 0.5
Y = A @ SPARSE
PLANTED = np.where(SPARSE > 0, 20.0, 1.0) * A  # of which the minimiser has three positive entries
DENSE_Y = A @ RNG.exponential(size=D)


def blocks(matrix=A, width=17_000):
    return da.from_array(matrix, chunks=(matrix.shape[0], width))


@pytest.fixture
def few(monkeypatch):
    """As if so many columns were too many to be gathered whole."""
    monkeypatch.setattr(package_settings, "GATHERED_WHOLE", 0)


@pytest.fixture
def system():
    return LinearSystem(blocks(), Y)


# ---------------------------------------------------------------- what may be A


def test_products_and_gram_matrices_are_those_in_memory(system):
    x, lam = RNG.exponential(size=D), RNG.standard_normal(N)
    assert system.knows is Knows.GRAM
    np.testing.assert_allclose(system.matvec(x), A @ x, rtol=1e-12)
    np.testing.assert_allclose(system.matvec(da.from_array(x, chunks=999)), A @ x, rtol=1e-12)
    np.testing.assert_allclose(system.gram(x), (A * x) @ A.T, rtol=1e-10, atol=1e-8)
    np.testing.assert_allclose(system.row_peaks, np.abs(A).max(axis=1))
    assert isinstance(system.rmatvec(lam), da.Array)
    np.testing.assert_allclose(system.rmatvec(lam).compute(), A.T @ lam, atol=1e-12)


def test_a_vector_of_one_number_is_not_spread_out(system):
    even = np.broadcast_to(2.0, D)
    graph = dict(system.each_column(lambda A, v: v, even).__dask_graph__())
    assert max(len(pickle.dumps(str(task))) for task in graph.values()) < 10_000
    np.testing.assert_allclose(system.matvec(even), 2 * A.sum(axis=1), rtol=1e-10)


def test_a_system_says_how_it_is_stored_and_survives_pickle(system):
    assert repr(system) == "LinearSystem(N=8, d=60000, distributed in 4 blocks)"
    again = pickle.loads(pickle.dumps(system))
    np.testing.assert_array_equal(again.matvec(SPARSE), system.matvec(SPARSE))
    np.testing.assert_array_equal(again.row_peaks, system.row_peaks)


def test_unknown_block_sizes_are_refused_with_the_way_out():
    matrix = blocks()
    with pytest.raises(InvalidSystemError, match=r"compute_chunk_sizes\(\).*to_dask_array\(lengths=True\)"):
        LinearSystem(matrix[:, matrix[0] > 0], Y)


def test_blocks_of_rows_are_put_together_with_a_warning_that_says_the_cost():
    by_rows = da.from_array(A, chunks=(3, 20_000))
    with pytest.warns(
        RechunkWarning, match=r"3 x 3 blocks become 1 x 3 .* 3.84e\+06 bytes .*A.rechunk\(\(8, 20000\)\)"
    ):
        system = LinearSystem(by_rows, Y)
    np.testing.assert_allclose(system.matvec(SPARSE), Y, rtol=1e-12)


def test_very_many_small_blocks_are_put_together():
    with pytest.warns(RechunkWarning, match="in small blocks: its 1 x 600 blocks become 1 x 1 blocks"):
        LinearSystem(blocks(width=100), Y)


def test_blocks_too_large_for_a_worker_are_cut():
    wide = da.ones((2, 10**9), chunks=(2, 10**9))
    with pytest.warns(RechunkWarning, match=r"in large blocks: its 1 x 1 blocks become 1 x \d+ blocks"):
        storage = distributed(wide)
    assert storage.shape == (2, 10**9)


def test_a_tall_table_goes_by_its_transpose():
    frame = pytest.importorskip("dask.dataframe").from_pandas(pd.DataFrame(A.T[:5000]), npartitions=3)
    system = LinearSystem(frame.to_dask_array(lengths=True).T, A[:, 0])
    assert system.shape == (N, 5000)
    np.testing.assert_allclose(system.matvec(np.ones(5000)), A[:, :5000].sum(axis=1), rtol=1e-12, atol=1e-12)
    with pytest.raises(InvalidSystemError, match=r"A is a DataFrame of dask: give A.to_dask_array\(lengths=True\)"):
        LinearSystem(frame, A[:, 0])


@pytest.mark.parametrize(("dtype", "factor"), [(np.float32, 1.0), (np.int64, 100.0), (bool, 1.0)])
def test_numbers_of_other_types_become_the_floats_they_are(dtype, factor):
    matrix = (factor * A[:, :500]).astype(dtype)
    system = LinearSystem(da.from_array(matrix, chunks=(N, 200)), np.ones(N))
    np.testing.assert_allclose(system.matvec(np.ones(500)), matrix.astype(float).sum(axis=1), rtol=1e-13)


@pytest.mark.parametrize("dtype", [complex, object, "U5"])
def test_what_are_no_real_numbers_is_refused(dtype):
    with pytest.raises(InvalidSystemError, match="must hold real numbers"):
        LinearSystem(da.from_array(np.ones((2, 4)).astype(dtype), chunks=(2, 2)), np.ones(2))


def test_an_entry_that_is_no_number_is_named_by_its_place_among_all():
    matrix = A[:, :5000].copy()
    matrix[3, 4321] = np.nan
    with pytest.raises(InvalidSystemError, match=r"A\[3, 4321\] \(row 'd'\) is nan"):
        LinearSystem(blocks(matrix, 1000), np.ones(N), row_names=list("abcdefgh"))


def test_a_row_of_zeros_has_no_solution():
    matrix = A[:, :5000].copy()
    matrix[2] = 0.0
    with pytest.raises(InfeasibleError, match="row 2 of A is zero"):
        LinearSystem(blocks(matrix, 1000), np.ones(N))


def test_other_collections_are_refused():
    with pytest.raises(InvalidSystemError, match="A is a Delayed of dask"):
        LinearSystem(dask.delayed(np.ones)((2, 3)), np.ones(2))
    sparse = blocks().map_blocks(__import__("scipy.sparse").sparse.csr_array)
    with pytest.raises(InvalidSystemError, match=r"blocks of A are of type csr_array.*toarray\(\)"):
        LinearSystem(sparse, Y)


def test_y_is_computed():
    np.testing.assert_array_equal(LinearSystem(blocks(), da.from_array(Y, chunks=3)).y, Y)
    np.testing.assert_array_equal(LinearSystem(A, da.from_array(Y, chunks=3)).y, Y)


@pytest.mark.parametrize(
    "ask",
    [
        lambda system: system.matrix,
        lambda system: analyze(system),
        lambda system: projection_path(system, alphas=[0.1, 0.01]),
        lambda system: prove(BregmanProjection(system, 0.1)),
        lambda system: BregmanProjection(system, 0.1, depth=3),
        lambda system: BregmanProjection(system, 0.1, signed=True),
        lambda system: L1Minimization(system, signed=True),
    ],
)
def test_what_is_not_done_on_blocks_says_so(system, ask):
    with pytest.raises(UnsupportedStorageError, match=r"distributed"):
        ask(system)


# ---------------------------------------------------------------- projections


@pytest.mark.parametrize("log_alpha", [0.0, -9.0, -20.0, -60.0, -690.0])
@pytest.mark.parametrize(("matrix", "y"), [(PLANTED, Y), (A, DENSE_Y)], ids=["sparse", "dense"])
def test_a_projection_is_that_of_the_array(few, matrix, y, log_alpha):
    expected = solve(BregmanProjection(LinearSystem(matrix, y), log_alpha=log_alpha))
    found = solve(BregmanProjection(LinearSystem(blocks(matrix), y), log_alpha=log_alpha))
    assert found.status is Status.CERTIFIED
    assert isinstance(found.x, da.Array)
    assert isinstance(found.log_x, da.Array)
    np.testing.assert_allclose(found.log_x.compute(), expected.log_x, atol=1e-10)
    assert found.value == pytest.approx(expected.value, rel=1e-10)
    assert list(found.certificate.checks) == list(expected.certificate.checks)


def test_the_same_passes_serve_an_array_in_memory(few):
    log_prior = np.broadcast_to(-3.0, D)
    system = LinearSystem(A, DENSE_Y)
    wide = project_wide(system, log_prior)
    np.testing.assert_allclose(wide.log_x, project(system, log_prior).log_x, atol=1e-11)
    assert wide.iterations <= 6


def test_few_passes_are_made(few, system, monkeypatch):
    passes = []
    original = type(system._storage).total

    def counted(self, work, *vectors):
        passes.append(work)
        return original(self, work, *vectors)

    monkeypatch.setattr(type(system._storage), "total", counted)
    problem = BregmanProjection(LinearSystem(blocks(), DENSE_Y), 0.5)
    assert solve(problem).status is Status.CERTIFIED
    assert len(passes) <= 9


@pytest.mark.parametrize("lazy", [False, True])
def test_priors_and_costs_of_every_entry(few, lazy):
    prior, cost = RNG.exponential(size=D), RNG.uniform(0.5, 2.0, D)
    given = [da.from_array(v, chunks=7_000) if lazy else v for v in (prior, cost)]
    expected = solve(BregmanProjection(LinearSystem(A, Y), 1e-2, prior=prior, cost=cost))
    problem = BregmanProjection(LinearSystem(blocks(), Y), 1e-2, prior=given[0], cost=given[1])
    found = solve(problem)
    assert found.status is Status.CERTIFIED
    np.testing.assert_allclose(found.log_x.compute(), expected.log_x, atol=1e-10)


def test_x_is_zero_where_a_prior_is(few):
    prior = (np.arange(D) % 3 > 0).astype(float)
    found = solve(BregmanProjection(LinearSystem(blocks(), Y), 0.1, prior=da.from_array(prior, chunks=D)))
    expected = solve(BregmanProjection(LinearSystem(A, Y), 0.1, prior=prior))
    assert found.status is Status.CERTIFIED
    np.testing.assert_array_equal(found.x.compute() == 0.0, prior == 0.0)
    np.testing.assert_allclose(found.x.compute(), expected.x, rtol=1e-10)


def test_a_bad_entry_of_a_lazy_prior_is_named(system):
    prior = np.ones(D)
    prior[777] = -1.0
    with pytest.raises(InvalidProblemError, match=r"prior\[777\] is -1"):
        BregmanProjection(system, 0.1, prior=da.from_array(prior, chunks=500))
    with pytest.raises(InvalidProblemError, match=r"prior must have shape \(60000,\), got \(3,\)"):
        BregmanProjection(system, 0.1, prior=da.ones(3))


def test_a_lazy_prior_of_an_array_in_memory_is_computed():
    problem = BregmanProjection(LinearSystem(A[:, :100], A[:, 0]), 0.1, prior=da.ones(100, chunks=10))
    assert isinstance(problem.prior, np.ndarray)


def test_dependent_rows_are_seen(few):
    matrix = np.vstack([A[:4], A[0] + A[1]])
    y = matrix @ SPARSE
    found = solve(BregmanProjection(LinearSystem(blocks(matrix), y), 0.3))
    expected = solve(BregmanProjection(LinearSystem(matrix, y), 0.3))
    assert found.status is Status.CERTIFIED
    np.testing.assert_allclose(found.log_x.compute(), expected.log_x, atol=1e-10)


@pytest.mark.parametrize("make", [lambda system: BregmanProjection(system, 0.1), L1Minimization])
def test_what_has_no_solution_is_proved(few, make):
    matrix = np.abs(A)
    y = np.ones(N)
    y[2] = -1.0
    with pytest.raises(InfeasibleError) as raised:
        solve(make(LinearSystem(blocks(matrix), y)))
    z = raised.value.farkas
    assert (matrix.T @ z).max() <= 1e-12
    assert y @ z > 0


def test_columns_that_a_sample_leaves_out_and_y_needs_are_found(few):
    matrix = np.abs(A)
    matrix[0] = -1.0
    matrix[0, 4_001] = 1.0  # the only column that reaches y[0] > 0
    y = matrix[:, 4_001] + 1e-3 * matrix[:, :100].sum(axis=1)
    found = solve(BregmanProjection(LinearSystem(blocks(matrix), y), 1e-6))
    assert found.status is Status.CERTIFIED
    assert float(found.x[4_001]) > 0.5
    assert solve(L1Minimization(LinearSystem(blocks(matrix), y))).status is Status.CERTIFIED


def test_limits_end_a_run_between_passes(few, system):
    problem = BregmanProjection(system, 0.5)
    with pytest.warns(NotCertifiedWarning):
        assert solve(problem, max_iter=2).status is Status.ITERATION_LIMIT
    with pytest.warns(NotCertifiedWarning):
        found = solve(problem, time_limit=1e-9)
    assert found.status is Status.TIME_LIMIT
    assert found.dual.shape == (N,)


def test_a_run_begins_from_a_dual(few):
    problem = BregmanProjection(LinearSystem(blocks(), DENSE_Y), 0.5)
    cold = solve(problem)
    warm = solve(problem, start_dual=cold.dual)
    assert warm.status is Status.CERTIFIED
    assert warm.iterations < cold.iterations
    with pytest.raises(UnsupportedProblemError, match="start_dual is for projections"):
        solve(L1Minimization(problem.system), "newton", start_dual=cold.dual)


def test_krylov_needs_vectors_in_memory(system):
    with pytest.raises(UnsupportedProblemError, match="distributed; use newton"):
        solve(BregmanProjection(system, 0.5), "krylov")


# ---------------------------------------------------------------- l1


@pytest.mark.parametrize("y", [Y, RNG.standard_normal(N)], ids=["sparse", "vertex"])
@pytest.mark.parametrize("weighted", [False, True])
def test_an_l1_minimiser_is_that_of_the_array(few, y, weighted):
    cost = RNG.uniform(0.5, 2.0, D) if weighted else None
    lazy = None if cost is None else da.from_array(cost, chunks=9_000)
    expected = solve(L1Minimization(LinearSystem(PLANTED, y), cost=cost))
    found = solve(L1Minimization(LinearSystem(blocks(PLANTED), y), cost=lazy))
    assert found.status is Status.CERTIFIED
    assert isinstance(found.x, da.Array)
    np.testing.assert_allclose(found.x.compute(), expected.x, atol=1e-12)
    assert found.value == pytest.approx(expected.value, rel=1e-12)
    assert found.certificate.checks["uniqueness"].passed


# ---------------------------------------------------------------- certificates


@pytest.fixture(scope="module")
def solved():
    problem = BregmanProjection(LinearSystem(blocks(), DENSE_Y), 0.5)
    return problem, solve(problem)


def test_a_solution_is_certified_anew_from_what_it_holds(solved):
    problem, solution = solved
    assert certify(problem, **solution.unknowns, dual=solution.dual).ok
    assert certify(problem, log_x=solution.log_x).ok
    assert certify(problem, x=solution.x.compute()).ok


@pytest.mark.parametrize("place", [0, 30_001, D - 1])
def test_one_entry_that_is_wrong_is_seen(solved, place):
    problem, solution = solved
    log_x = solution.log_x.compute()
    log_x[place] += 1e-6
    in_memory = certify(BregmanProjection(LinearSystem(A, DENSE_Y), 0.5), log_x=log_x, dual=solution.dual)
    for candidate in (log_x, da.from_array(log_x, chunks=10_000)):
        certificate = certify(problem, log_x=candidate, dual=solution.dual)
        assert "deviation" in certificate.failed
        assert certificate.checks["deviation"].value == pytest.approx(in_memory.checks["deviation"].value, rel=0.1)
    without_dual = certify(problem, log_x=log_x)
    assert "deviation" in without_dual.failed


def test_a_dual_that_is_wrong_is_seen(solved):
    problem, solution = solved
    dual = solution.dual.copy()
    dual[0] += 1e-6
    assert {"KKT identity", "duality gap"} & set(certify(problem, log_x=solution.log_x, dual=dual).failed)


@pytest.mark.parametrize("value", [-np.inf, np.nan, np.inf])
def test_entries_that_are_not_positive_numbers_are_seen(solved, value):
    problem, solution = solved
    log_x = solution.log_x.compute()
    log_x[123] = value
    assert "positivity" in certify(problem, log_x=log_x, dual=solution.dual).failed


def test_an_infeasible_x_is_seen(solved):
    problem, solution = solved
    assert "primal feasibility" in certify(problem, log_x=solution.log_x + 1e-6, dual=solution.dual).failed


def test_x_and_its_logarithm_must_agree(solved):
    problem, solution = solved
    wrong = da.where(da.arange(D, chunks=1000) == 7, 0.5, solution.x)
    with pytest.raises(InvalidProblemError, match=r"disagree at entry 7: x\[7\] = 0.5, exp"):
        certify(problem, x=wrong, log_x=solution.log_x)


def test_a_deep_answer_with_one_entry_wrong_is_seen(few):
    problem = BregmanProjection(LinearSystem(blocks(PLANTED), Y), log_alpha=-690.0)
    solution = solve(problem)
    assert "columns that matter" in " ".join(solution.certificate.remarks)
    log_x = solution.log_x.compute()
    log_x[np.argsort(log_x)[-4]] += 1e-3
    assert not certify(problem, log_x=log_x, dual=solution.dual).ok


def test_a_wrong_l1_minimiser_is_seen(system):
    problem = L1Minimization(system)
    solution = solve(problem)
    assert certify(problem, x=solution.x, dual=solution.dual).ok
    assert certify(problem, x=solution.x.compute()).ok
    assert not certify(problem, x=solution.x, dual=1.001 * solution.dual).ok
    assert not certify(problem, x=1.001 * solution.x, dual=solution.dual).ok


def test_an_x_of_many_entries_is_refused_as_an_l1_minimiser(system, monkeypatch):
    monkeypatch.setattr(package_settings, "GATHERED", 1000)
    with pytest.raises(UnsupportedStorageError, match=r"x has \d+ entries that are not zero"):
        certify(L1Minimization(system), x=da.ones(D, chunks=D), dual=np.zeros(N))


# ---------------------------------------------------------------- what a solution shows


def test_nothing_that_prints_a_solution_computes_it(solved, monkeypatch):
    _, solution = solved
    monkeypatch.setattr(da.Array, "compute", lambda *_, **__: pytest.fail("computed"))
    monkeypatch.setattr(da.Array, "__array__", lambda *_, **__: pytest.fail("computed"))
    assert "CERTIFIED" in str(solution)
    assert "dask float64[60000]" in solution._repr_html_()
    assert "Solution(status=CERTIFIED" in repr(solution)
    assert repr(Claim(x=solution.x)).count("dask float64[60000]") == 1


def test_small_solutions_are_computed_for_tables_and_files_and_large_ones_refused(solved, tmp_path, monkeypatch):
    _, solution = solved
    x = solution.x.compute()
    np.testing.assert_array_equal(solution.to_series(), x)
    np.testing.assert_array_equal(solution.to_frame()["x"], x)
    assert solution.to_dict()["x"] == x.tolist()
    solution.save(tmp_path / "solution.npz")
    np.testing.assert_array_equal(load(tmp_path / "solution.npz").x, x)
    monkeypatch.setattr("bregman_l1.solution._COMPUTED_BYTES", 1000)
    for write in (solution.to_series, solution.to_frame, solution.to_dict, lambda: solution.save(tmp_path / "s.npz")):
        with pytest.raises(UnsupportedStorageError, match=r"take 9.6e\+05 bytes.*solution.x.compute\(\)"):
            write()


@pytest.mark.parametrize("with_dual", [False, True])
def test_an_entry_far_below_all_others_excuses_no_other(with_dual):
    """Its logarithm of -1e6 is known to 1e-6 of the tolerance's 1e-9 only; those of the others are known in full."""
    rng = np.random.default_rng(0)
    A = rng.exponential(size=(3, 40))
    A[:, 7] *= -1e6
    prior = np.ones(40)
    prior[3] = 1e-12  # no sum sees what is wrong there
    y = 2 * A @ (np.arange(40) != 7)
    problem = BregmanProjection(LinearSystem(da.from_array(A, chunks=(3, 10)), y), prior=prior)
    solution = solve(problem)
    log_x, dual = solution.log_x.compute(), solution.dual if with_dual else None
    assert solution.status is Status.CERTIFIED
    assert log_x.min() < -1e5
    assert certify(problem, log_x=log_x, dual=dual).ok
    log_x[3] += 1e-7
    certificate = certify(problem, log_x=log_x, dual=dual)
    assert not certificate.checks["deviation"].passed


@pytest.mark.parametrize("seed", [5, 7, 12, 14])
def test_minimisers_are_those_in_memory_where_columns_differ_by_orders_of_magnitude(seed):
    """A linear program's own tolerances would end the pricing too early."""
    rng = np.random.default_rng(seed)
    A = rng.exponential(size=(3, 40)) * 10.0 ** rng.uniform(-4, 4, 40)
    y, cost = A @ rng.exponential(size=40), 10.0 ** rng.uniform(-2, 2, 40)
    whole = solve(L1Minimization(LinearSystem(A, y), cost=cost))
    solution = solve(L1Minimization(LinearSystem(da.from_array(A, chunks=(3, 20)), y), cost=cost))
    assert whole.status is solution.status is Status.CERTIFIED
    np.testing.assert_allclose(cost @ solution.x.compute(), cost @ whole.x, rtol=1e-12)
