from __future__ import annotations

import copy
import pickle
import threading
import warnings
from types import SimpleNamespace

import cvxpy as cp
import numpy as np
import pytest
from conftest import gaussian_system

from bregman_l1 import (
    BackendError,
    BackendNotInstalledError,
    BregmanProjection,
    Claim,
    InfeasibleError,
    InvalidOptionError,
    InvalidProblemError,
    L1Minimization,
    LinearSystem,
    NotCertifiedWarning,
    NullSpaceConstant,
    Status,
    UnknownBackendError,
    UnsupportedProblemError,
    backends,
    solve,
)
from bregman_l1._backends import conic, registry
from bregman_l1._backends.registry import make_backend
from bregman_l1.outcome import Outcome

CONIC = ["ecos", "scs", "clarabel"]
LINEAR = ["newton", "highs", *CONIC]
ENTROPY = ["newton", *CONIC]
INFEASIBLE = LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]], [1.0, 2.0])


@pytest.mark.parametrize("backend", ENTROPY)
@pytest.mark.parametrize("decade", [0, 2, 4, 8, 12, 16])
def test_every_polished_claim_is_certified_and_the_same(backend, decade):
    system, _ = gaussian_system()
    problem = BregmanProjection(system, alpha=10.0**-decade)
    solution = solve(problem, backend)
    assert solution.status is Status.CERTIFIED
    assert solution.backend == backend
    np.testing.assert_allclose(solution.log_x, solve(problem).log_x, rtol=0, atol=1e-9)


@pytest.mark.parametrize("backend", CONIC)
@pytest.mark.parametrize("decade", [9, 12, 16])
def test_certificate_rejects_raw_conic_answer_at_small_alpha(backend, decade):
    system, _ = gaussian_system()
    problem = BregmanProjection(system, alpha=10.0**-decade)
    with pytest.warns(NotCertifiedWarning, match="NOT CERTIFIED"):
        raw = solve(problem, backend, polish=False)
    assert raw.status is Status.INACCURATE
    assert "deviation" in raw.certificate.failed


@pytest.mark.parametrize("backend", LINEAR)
def test_every_linear_backend_finds_the_certified_minimiser(unique_case, backend):
    solution = solve(L1Minimization(unique_case.system), backend)
    assert solution.status is Status.CERTIFIED
    assert solution.certificate.checks["uniqueness"].passed
    np.testing.assert_allclose(solution.x, unique_case.floats("x_star"), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("backend", ENTROPY)
def test_infeasible_projection_carries_a_verified_farkas_vector(backend):
    with pytest.raises(InfeasibleError, match="no x >= 0") as caught:
        solve(BregmanProjection(INFEASIBLE, alpha=0.1), backend)
    z = caught.value.farkas
    assert INFEASIBLE.rmatvec(z).max() <= 1e-12
    assert INFEASIBLE.y @ z > 0


@pytest.mark.parametrize("backend", LINEAR)
def test_infeasible_linear_problem_carries_a_verified_farkas_vector(backend):
    with pytest.raises(InfeasibleError) as caught:
        solve(L1Minimization(INFEASIBLE), backend)
    assert INFEASIBLE.y @ caught.value.farkas > 0


@pytest.mark.parametrize("backend", LINEAR)
def test_unbounded_cost_is_named(backend):
    problem = L1Minimization(LinearSystem([[1.0, -1.0]], [1.0]), cost=[1.0, -2.0])
    with pytest.raises(InvalidProblemError, match="unbounded below"):
        solve(problem, backend)


@pytest.mark.parametrize(
    ("problem", "backend", "limits", "status"),
    [
        (BregmanProjection, "newton", {"max_iter": 1}, Status.ITERATION_LIMIT),
        (BregmanProjection, "newton", {"time_limit": 1e-9}, Status.TIME_LIMIT),
        (BregmanProjection, "ecos", {"max_iter": 2}, Status.ITERATION_LIMIT),
        (BregmanProjection, "scs", {"max_iter": 2}, Status.ITERATION_LIMIT),
        (BregmanProjection, "scs", {"time_limit": 1e-9}, Status.TIME_LIMIT),
        (BregmanProjection, "clarabel", {"max_iter": 2}, Status.ITERATION_LIMIT),
        (BregmanProjection, "clarabel", {"time_limit": 1e-9}, Status.TIME_LIMIT),
        (L1Minimization, "highs", {"max_iter": 1}, Status.ITERATION_LIMIT),
        (L1Minimization, "highs", {"time_limit": 1e-9}, Status.TIME_LIMIT),
        (L1Minimization, "scs", {"max_iter": 2}, Status.ITERATION_LIMIT),
    ],
)
def test_a_limit_gives_a_solution_with_its_status_and_a_warning(problem, backend, limits, status):
    system, _ = gaussian_system()
    asked = problem(system, alpha=1e-6) if problem is BregmanProjection else problem(system)
    with pytest.warns(NotCertifiedWarning):
        solution = solve(asked, backend, polish=False, **limits)
    assert solution.status is status
    assert not solution.certificate.ok
    assert solution.x.shape == (60,)


@pytest.mark.parametrize(
    ("status", "seconds", "iterations", "limits", "outcome"),
    [
        ("optimal", 9.0, 9, {"time_limit": 1.0, "max_iter": 5}, Outcome.OPTIMAL),
        ("optimal_inaccurate", 0.1, 3, {"time_limit": 1.0, "max_iter": 5}, Outcome.INACCURATE),
        ("optimal_inaccurate", 1.5, 3, {"time_limit": 1.0, "max_iter": 5}, Outcome.TIME_LIMIT),
        ("optimal_inaccurate", 0.1, 5, {"time_limit": 1.0, "max_iter": 5}, Outcome.ITERATION_LIMIT),
        ("optimal_inaccurate", 9.0, 99, {}, Outcome.INACCURATE),
        ("user_limit", 1.5, 5, {"time_limit": 1.0, "max_iter": 5}, Outcome.TIME_LIMIT),
        ("user_limit", 0.1, 100, {}, Outcome.ITERATION_LIMIT),
        ("infeasible", 1.5, 5, {"time_limit": 1.0}, Outcome.INFEASIBLE),
    ],
)
def test_a_conic_run_that_falls_short_is_put_down_to_the_limit_it_reached(status, seconds, iterations, limits, outcome):
    backend = conic.ConicBackend(solver="ECOS", **limits)
    assert backend._outcome(SimpleNamespace(status=status, attr={"num_iters": iterations}), seconds) is outcome


def test_polish_takes_no_longer_than_what_is_left_of_the_time():
    system, _ = gaussian_system()
    problem = BregmanProjection(system, alpha=1e-12)
    patient = problem.polish(Claim(x=np.ones(60), dual=np.zeros(20)))
    hurried = problem.polish(Claim(x=np.ones(60), dual=np.zeros(20), time_left=1e-9))
    assert patient.outcome is Outcome.OPTIMAL
    assert hurried.outcome is Outcome.TIME_LIMIT
    assert hurried.iterations < patient.iterations


def test_backend_and_polish_out_of_time_leave_an_answer_that_says_so():
    system, _ = gaussian_system()
    problem = BregmanProjection(system, alpha=1e-12)
    with pytest.warns(NotCertifiedWarning):
        hurried = solve(problem, "clarabel", time_limit=1e-9)
    assert hurried.status is Status.TIME_LIMIT
    assert solve(problem, "clarabel", time_limit=60.0).status is Status.CERTIFIED


def test_unknown_backend_names_the_nearest_and_the_known_ones():
    with pytest.raises(UnknownBackendError, match="did you mean 'ecos'.*clarabel"):
        solve(L1Minimization(gaussian_system()[0]), "ecoss")


def test_missing_backend_says_what_to_install(monkeypatch):
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == "ecos" else object())
    with pytest.raises(BackendNotInstalledError, match="pip install ecos"):
        solve(L1Minimization(gaussian_system()[0]), "ecos")
    assert not next(row for row in backends() if row.name == "ecos").installed


@pytest.mark.parametrize(
    ("problem", "backend", "message"),
    [
        (BregmanProjection(INFEASIBLE, alpha=0.1), "highs", "a projection is neither; use newton"),
        (NullSpaceConstant(gaussian_system()[0], [0], "rho"), "newton", "their limits only; use highs"),
    ],
)
def test_unable_backend_says_why_and_names_one_that_can(problem, backend, message):
    with pytest.raises(UnsupportedProblemError, match=message):
        solve(problem, backend)


@pytest.mark.parametrize("backend", sorted({*LINEAR, *ENTROPY}))
def test_unknown_option_is_refused_before_solving(backend):
    system, _ = gaussian_system()
    problem = L1Minimization(system) if backend == "highs" else BregmanProjection(system, alpha=0.1)
    with pytest.raises(InvalidOptionError, match="no option 'nonsense'; it (knows|has none beyond tol)"):
        solve(problem, backend, nonsense=1)


def test_an_option_that_only_the_solver_can_refuse_is_named():
    with pytest.raises(InvalidOptionError, match="scipy refuses an option: .*scipy_options"):
        solve(L1Minimization(gaussian_system()[0]), "scipy", nonsense=1)


@pytest.mark.filterwarnings("ignore:Solution may be inaccurate")
@pytest.mark.parametrize("solver", ["ECOS", "SCS", "CLARABEL"])
def test_every_option_we_call_known_is_known_upstream(solver):
    x = cp.Variable(2)
    program = cp.Problem(cp.Minimize(-cp.sum(cp.entr(x))), [cp.sum(x) == 1])
    defaults = {
        "log_csv_filename": None, "write_data_filename": None, "pardiso_iparm": None, "verbose": False,
        "use_indirect": False, "normalize": True, "adaptive_scale": True, "time_limit_secs": 1.0,
        "acceleration_lookback": 0, "acceleration_interval": 1, "alpha": 1.5, "rho_x": 1e-6, "scale": 0.1,
    }  # fmt: skip
    names = conic.native_names(solver).known
    clarabel = __import__("clarabel").DefaultSettings()
    for name in names:
        value = defaults.get(name, getattr(clarabel, name) if solver == "CLARABEL" else 10 if "max" in name else 1e-6)
        if value is not None and name != "verbose":
            program.solve(solver=solver, **{name: value})
    assert program.status in conic.OUTCOMES


@pytest.mark.parametrize(
    "setting",
    [
        {"tol": 0}, {"tol": -1e-9}, {"tol": np.nan}, {"tol": "x"}, {"tol": 1.0}, {"tol": 1e10}, {"tol": True},
        {"max_iter": 0}, {"max_iter": 2.5}, {"max_iter": True}, {"time_limit": -1}, {"time_limit": True},
        {"time_limit": np.nan},
    ],
)  # fmt: skip
def test_wrong_settings_are_named(setting):
    (name,) = setting
    with pytest.raises(InvalidOptionError, match=name):
        solve(L1Minimization(gaussian_system()[0]), **setting)


@pytest.mark.parametrize("backend", LINEAR)
def test_settings_may_be_numbers_of_numpy(backend):
    settings = {"max_iter": np.int64(5000), "tol": np.float32(1e-9), "time_limit": np.float32(60)}
    assert solve(L1Minimization(gaussian_system()[0]), backend, **settings).status is Status.CERTIFIED


def test_native_options_reach_the_solver():
    system, _ = gaussian_system()
    with pytest.warns(NotCertifiedWarning):
        solution = solve(BregmanProjection(system, alpha=0.1), "ecos", polish=False, max_iters=3)
    assert solution.iterations == 3


def test_every_cvxpy_status_is_mapped():
    from cvxpy import settings

    known = {*settings.SOLUTION_PRESENT, *settings.INF_OR_UNB, *settings.ERROR, *settings.INACCURATE}
    for interface in cp.reductions.solvers.defines.SOLVER_MAP_CONIC.values():
        known |= {status for status in getattr(interface, "STATUS_MAP", {}).values() if isinstance(status, str)}
    assert known == set(conic.OUTCOMES)


def test_a_solver_that_raises_half_way_leaves_no_answer_behind(monkeypatch):
    system, _ = gaussian_system()
    solve(BregmanProjection(system, alpha=0.1), "clarabel")

    def explode(*args, **kwargs):
        raise RuntimeError("half-way")

    with monkeypatch.context() as patch:
        patch.setattr(cp.reductions.solvers.solving_chain.SolvingChain, "solve_via_data", explode)
        with pytest.raises(BackendError, match="clarabel stopped with RuntimeError: half-way"):
            solve(BregmanProjection(system, alpha=0.2), "clarabel")
    again = solve(BregmanProjection(system, alpha=0.3), "clarabel")
    np.testing.assert_allclose(again.x, solve(BregmanProjection(system, alpha=0.3)).x, rtol=1e-9)


def test_solver_error_carries_the_native_status(monkeypatch):
    system, _ = gaussian_system()
    monkeypatch.setitem(conic.OUTCOMES, "optimal", Outcome.FAILED)
    with pytest.raises(BackendError, match="gave no answer") as caught:
        solve(BregmanProjection(system, alpha=0.1), "ecos")
    assert caught.value.raw_status == "optimal"


def test_infeasibility_nobody_can_prove_is_not_believed(monkeypatch):
    system, _ = gaussian_system()
    monkeypatch.setitem(conic.OUTCOMES, "optimal", Outcome.INFEASIBLE)
    with pytest.raises(BackendError, match="no Farkas vector confirms it; try another backend.*relax y"):
        solve(BregmanProjection(system, alpha=0.1), "ecos")


@pytest.mark.parametrize("excess", [1e-3, 1e-8, 1e-12])
def test_infeasible_data_are_solved_once_y_is_relaxed_as_advised(excess):
    from scipy.optimize import nnls

    A, y = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]), np.array([1.0, 1.0 + excess])
    relaxed = LinearSystem(A, A @ (nnls(A, y)[0] + 1e-6))
    assert solve(BregmanProjection(relaxed, alpha=0.1)).status is Status.CERTIFIED


def test_ecos_is_not_needed_nor_imported_by_the_native_backends():
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['ecos'] = None; import bregman_l1 as b;"
        "s = b.LinearSystem([[1.0, 0.5]], [1.0]);"
        "b.solve(b.BregmanProjection(s, alpha=0.1)); b.solve(b.L1Minimization(s));"
        "assert 'cvxpy' not in sys.modules; b.solve(b.BregmanProjection(s, alpha=0.1), 'clarabel')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_threads_solve_on_one_system_without_disturbing_each_other():
    system, _ = gaussian_system(10, 30, 2)
    answers: dict[float, np.ndarray] = {}

    def work(alpha: float) -> None:
        for backend in ("clarabel", "newton"):
            answers[alpha] = solve(BregmanProjection(system, alpha=alpha), backend).log_x

    threads = [threading.Thread(target=work, args=(10.0**-k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for alpha, log_x in answers.items():
        np.testing.assert_allclose(log_x, solve(BregmanProjection(system, alpha=alpha)).log_x, atol=1e-10)
    assert len(answers) == 6


@pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")
@pytest.mark.parametrize(
    ("backend", "kind"),
    [*((name, BregmanProjection) for name in CONIC), *((name, L1Minimization) for name in LINEAR)],
)
def test_a_run_stops_at_its_iteration_limit_and_not_before(backend, kind):
    system, _ = gaussian_system()
    problem = kind(system, alpha=1e-2) if kind is BregmanProjection else kind(system)
    needed = solve(problem, backend, polish=False).iterations
    for limit in (1, needed - 1, needed + 1):
        solution = solve(problem, backend, polish=False, max_iter=limit)
        assert solution.iterations == min(limit, needed)
        if limit < needed and not solution.certificate.ok:
            assert solution.status is Status.ITERATION_LIMIT


@pytest.mark.parametrize("duplicate", [lambda s: s, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_solution_is_read_only_copied_and_pickled_too(duplicate):
    solution = solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=0.01))
    same = duplicate(solution)
    assert same.to_dict() == solution.to_dict()
    for array in (same.x, same.log_x, same.dual):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


def test_warnings_point_at_the_caller():
    with pytest.warns(NotCertifiedWarning) as caught:
        solve(BregmanProjection(gaussian_system()[0], alpha=1e-12), "scs", polish=False)
    assert [warning.filename for warning in caught] == [__file__]


def test_solution_is_readable():
    solution = solve(BregmanProjection(LinearSystem([[1.0, 0.5]], [1.0]), alpha=0.01))
    text = str(solution)
    assert text.startswith("CERTIFIED by newton")
    assert "KKT identity" in text


def test_something_that_is_no_problem_is_refused():
    with pytest.raises(InvalidProblemError, match="must be a Problem"):
        solve("projection")


def test_backends_lists_every_name_with_its_install_command():
    rows = {row.name: row for row in backends()}
    assert {"newton", "highs", "ecos", "scs", "clarabel"} <= set(rows)
    assert rows["scs"].install == "pip install scs"
    assert "mixed-integer linear" in rows["highs"].solves
    assert "entropy" not in rows["highs"].solves
    assert "newton" in str(backends())


def test_capabilities_in_the_table_are_those_of_the_backends():
    system, _ = gaussian_system()
    problems = {"entropy": BregmanProjection(system, alpha=0.1), "linear": L1Minimization(system)}
    for row in backends():
        for kind, problem in problems.items():
            assert bool(make_backend(row.name).supports(problem)) == (kind in row.solves), (row.name, kind)


def test_other_conic_solvers_of_cvxpy_solve_linear_problems():
    solution = solve(L1Minimization(gaussian_system()[0]), "scipy")
    assert solution.status is Status.CERTIFIED


def test_certified_answers_do_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solve(L1Minimization(gaussian_system()[0]))


def test_every_status_says_what_it_means_and_what_to_try():
    meanings = [status.__doc__ for status in Status]
    assert len(set(meanings)) == len(Status)
    assert "max_iter" in Status.ITERATION_LIMIT.__doc__


def test_backends_are_found_by_name_in_any_case():
    assert backends()["scs"].name == "scs"
    assert solve(L1Minimization(gaussian_system()[0]), "HiGHS").backend == "highs"
