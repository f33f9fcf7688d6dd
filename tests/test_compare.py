"""Comparisons: what is measured of a run is true of it, and bad requests are refused before any work."""

import csv
import json
from contextlib import nullcontext
from importlib import import_module

import numpy as np
import pytest
import typer
from conftest import CASES, gaussian_system
from scipy.stats import norm
from typer.testing import CliRunner

from bregman_l1 import solve
from bregman_l1._backends.newton import NewtonBackend
from bregman_l1._backends.registry import BackendInfo
from bregman_l1.cli import studies
from bregman_l1.errors import (
    BackendError,
    BackendNotInstalledError,
    InfeasibleError,
    InvalidOptionError,
    InvalidProblemError,
    NotCertifiedWarning,
    StudyError,
)
from bregman_l1.experiments import Comparison, Run, Study, compare, sweep
from bregman_l1.experiments._compare import _Trial
from bregman_l1.experiments.ensembles import draw
from bregman_l1.experiments.measures import MEASURES
from bregman_l1.plotting import figure_of
from bregman_l1.plotting.studies import PICTURES
from bregman_l1.plotting.threshold import recovery_threshold
from bregman_l1.problems import BregmanProjection
from bregman_l1.scale import alpha_text
from bregman_l1.system import LinearSystem

matplotlib = import_module("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(scope="module")
def comparison():
    systems = [draw(N=16, d=48, s=2, seed=seed) for seed in range(2)]
    return compare(systems, alphas=[1e-2, 1e-8, 1e-14], tolerances=[1e-9], repeats=1)


def runs_of(comparison, backend, *, polished):
    return [run for run in comparison.runs if run.backend == backend and run.polished is polished]


# ---------------------------------------------------------------- what is measured


@pytest.mark.parametrize("case", [case for case in CASES if case.unique], ids=lambda case: case.name)
@pytest.mark.parametrize("backend", ["newton", "ecos", "clarabel"])
def test_error_of_a_run_is_the_one_against_thirty_digits(case, backend):
    log_alphas = [float(p["log_alpha"]) for p in case.projections]
    found = compare([case.system], backends=[backend], log_alphas=log_alphas, tolerances=[1e-9], repeats=1)
    off_support = np.setdiff1d(np.arange(case.system.shape[1]), case.data["support"])
    exact = {float(p["log_alpha"]): np.array(p["log_x"], dtype=float)[off_support] for p in case.projections}
    for run in found.runs:
        if run.failure:
            continue
        problem = BregmanProjection(case.system, log_alpha=run.log_alpha)
        with nullcontext() if run.certified else pytest.warns(NotCertifiedWarning):
            solution = solve(problem, backend, polish=run.polished)
        log_truth = exact[run.log_alpha]
        scale = log_truth.max()
        with np.errstate(over="ignore", under="ignore", divide="ignore"):
            log_size = np.log(np.abs(solution.x[off_support]))
            log_size = np.where(np.isfinite(solution.log_x[off_support]), solution.log_x[off_support], log_size)
            claimed = np.where(solution.x[off_support] < 0, -1, 1) * np.exp(log_size - scale)
            truth = np.exp(log_truth - scale)
        assert run.error == pytest.approx(np.abs(claimed - truth).sum() / truth.sum(), rel=1e-6, abs=1e-11)


def test_conic_solvers_claim_success_at_small_alpha_with_nothing_right(comparison):
    for backend in ("ecos", "clarabel"):
        last = [run for run in runs_of(comparison, backend, polished=False) if run.log_alpha == np.log(1e-14)]
        assert last
        assert all(run.claimed == "optimal" and run.error > 0.1 and not run.certified for run in last)


@pytest.mark.parametrize("backend", ["newton", "ecos", "clarabel", "scs"])
def test_polishing_certifies_every_claim(comparison, backend):
    runs = runs_of(comparison, backend, polished=True)
    assert all(run.certified and run.status == "certified" and run.error < 1e-9 for run in runs)


def test_there_is_one_run_for_every_combination(comparison):
    keys = [(run.instance, run.backend, run.tol, run.log_alpha, run.polished) for run in comparison.runs]
    backends = {run.backend for run in comparison.runs}
    assert {"newton", "clarabel", "ecos", "scs"} <= backends
    assert len(keys) == len(set(keys)) == 2 * len(backends) * 3 * 2


def test_residuals_are_those_of_the_answer():
    system, _ = gaussian_system(6, 18, 2)
    (raw, _) = compare([system], backends=["scs"], alphas=[1e-6], tolerances=[1e-3], repeats=1).runs
    with pytest.warns(NotCertifiedWarning):
        solution = solve(BregmanProjection(system, alpha=1e-6), "scs", polish=False, tol=1e-3)
    assert raw.infeasibility == solution.certificate.checks["primal feasibility"].value
    assert raw.kkt_residual == solution.certificate.checks["KKT identity"].value
    assert raw.nonpositive == np.mean(solution.x <= 0)
    assert raw.iterations == solution.iterations
    assert raw.total_time >= raw.solve_time > 0


def test_a_loose_tolerance_does_not_buy_a_certificate():
    system, _ = gaussian_system(6, 18, 2)
    (raw, polished) = compare([system], backends=["ecos"], alphas=[1e-2], tolerances=[1e-2], repeats=1).runs
    assert (raw.status, raw.certified) == ("inaccurate", False)
    assert polished.certified


def test_a_backend_that_gives_no_answer_is_a_row_of_the_table(monkeypatch):
    def fails(problem, backend="auto", **settings):
        if backend == "ecos":
            raise BackendError("ecos stopped", "solver_error")
        return solve(problem, backend, **settings)

    monkeypatch.setattr("bregman_l1.experiments._compare.solve", fails)
    instance = draw(N=6, d=18, s=2)
    found = compare([instance], backends=["ecos", "newton"], alphas=[1e-4], tolerances=[1e-9], repeats=1)
    assert {run.failure for run in runs_of(found, "ecos", polished=False)} == {"BackendError: ecos stopped"}
    assert all(run.certified for run in runs_of(found, "newton", polished=True))
    assert "ecos" in str(found)


def test_error_is_nan_where_the_minimiser_is_not_unique():
    transport = draw("transport", N=5, d=6, s=2, seed=1)
    found = compare([transport], backends=["newton"], alphas=[1e-3], repeats=1)
    assert all(np.isnan(run.error) and run.certified for run in found.runs)


# ---------------------------------------------------------------- tables and profiles


def run(backend, log_alpha, **values):
    return Run(instance="0", backend=backend, tol=1e-9, log_alpha=log_alpha, polished=False, **values)


def test_trust_ends_at_the_first_alpha_with_an_answer_not_certified():
    runs = [run("a", -k, certified=k != 2, claimed="optimal", total_time=0.5, error=1.0) for k in range(4)]
    runs += [run("b", -k, certified=False, claimed="optimal_inaccurate", total_time=0.25, error=1.0) for k in range(4)]
    table = Comparison(runs=tuple(runs), environment={}).trust().splitlines()
    assert table[1].split() == ["a", "1e-09", "no", "4", "100%", "75%", alpha_text(-1.0), "0.5"]
    assert table[2].split() == ["b", "1e-09", "no", "4", "0%", "0%", "none", "0.25"]


def test_performance_profile_of_dolan_and_more():
    times = {"a": [1.0, 4.0, 2.0], "b": [2.0, 1.0, np.inf]}
    runs = [
        run(name, -k, certified=np.isfinite(value), total_time=value)
        for name, values in times.items()
        for k, value in enumerate(values)
    ]
    a, b = Comparison(runs=tuple(runs), environment={}).profiles()
    assert (a.ratios.tolist(), a.shares.tolist()) == ([1.0, 4.0], [pytest.approx(2 / 3), 1.0])
    assert (b.ratios.tolist(), b.shares.tolist()) == ([1.0, 2.0], [pytest.approx(1 / 3), pytest.approx(2 / 3)])


def test_profile_of_what_nobody_certified_stays_at_zero():
    (profile,) = Comparison(runs=(run("a", -1.0, total_time=1.0),), environment={}).profiles()
    assert profile.shares.tolist() == [0.0]


def test_alpha_is_written_also_where_it_underflows():
    assert alpha_text(np.log(1e-16)) == "1e-16"
    assert alpha_text(-1000 * np.log(10)) == "1e-1000"
    assert alpha_text(-1000.5 * np.log(10)) == "3.16e-1001"


def test_files_hold_every_run_and_the_environment(comparison, tmp_path):
    comparison.to_csv(tmp_path / "runs.csv")
    with (tmp_path / "runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(comparison.runs)
    assert float(rows[0]["error"]) == comparison.runs[0].error
    environment = json.loads((tmp_path / "runs.environment.json").read_text())
    assert environment["threads"] == 1
    assert {"numpy", "cvxpy", "ecos"} <= set(environment["versions"])
    pq = import_module("pyarrow.parquet")
    comparison.to_parquet(tmp_path / "runs.parquet")
    table = pq.read_table(tmp_path / "runs.parquet")
    assert table.num_rows == len(comparison.runs)
    assert json.loads(table.schema.metadata[b"bregman_l1"])["threads"] == 1


# ---------------------------------------------------------------- bad requests


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"backends": ["newtn"]}, StudyError, "did you mean 'newton'"),
        ({"backends": ["highs"]}, StudyError, "unknown backend for projections"),
        ({"alphas": [0.0]}, InvalidProblemError, r"alphas\[0\] must be positive"),
        ({"alphas": []}, InvalidProblemError, "non-empty"),
        ({"alphas": [0.1], "log_alphas": [-1.0]}, InvalidProblemError, "exactly one"),
        ({"repeats": 0}, StudyError, "repeats must be an integer"),
        ({"threads": 0}, StudyError, "threads must be an integer"),
        ({"repeats": True}, StudyError, "repeats must be an integer"),
        ({"tolerances": [0.0]}, StudyError, "tolerances must be positive"),
        ({"tolerances": ["a"]}, StudyError, "tolerances must be positive"),
        ({"tolerances": 2.0}, StudyError, "tolerances must be positive and below 1"),
        ({"tolerances": []}, StudyError, "no tolerance"),
        ({"backends": []}, StudyError, "no backend"),
        ({"backends": 3}, InvalidOptionError, "name or an instance of Backend, got int"),
        ({"backends": [None]}, InvalidOptionError, "name or an instance of Backend, got NoneType"),
        ({"backends": [NewtonBackend]}, InvalidOptionError, r"give NewtonBackend\(\)"),
        ({"max_iter": 0}, StudyError, "max_iter must be an integer"),
        ({"time_limit": -1.0}, StudyError, "time_limit must be positive"),
        ({}, StudyError, "no system"),
    ],
)
def test_bad_requests_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        compare([], **settings)


def test_numbers_of_numpy_count_as_those_of_python():
    system, _ = gaussian_system(6, 18, 2)
    settings = {"alphas": np.array(0.1), "tolerances": np.float32(1e-6), "repeats": np.int64(1), "threads": np.int8(1)}
    found = compare(system, backends="newton", **settings)
    assert [run.tol for run in found.runs] == [float(np.float32(1e-6))] * 2


def test_a_system_without_a_solution_is_refused_before_any_run(monkeypatch):
    def never(*_):
        raise AssertionError("a backend was run")

    monkeypatch.setattr(_Trial, "run", never)
    with pytest.raises(InfeasibleError):
        compare([gaussian_system(6, 18, 2)[0], LinearSystem([[1.0, 1.0]], [-1.0])], alphas=[0.1])


def test_a_backend_named_twice_is_run_once():
    found = compare(
        [gaussian_system(6, 18, 2)[0]], backends=["newton", "Newton"], alphas=[0.1], tolerances=[1e-9], repeats=1
    )
    assert len(found.runs) == 2


def test_a_backend_that_is_not_installed_is_named_with_its_remedy(monkeypatch):
    absent = BackendInfo(name="mosek", installed=False, version="", solves=("entropy",), install="pip install mosek")
    monkeypatch.setattr("bregman_l1.experiments._compare.known_backends", lambda: [absent])
    with pytest.raises(BackendNotInstalledError, match="pip install mosek"):
        compare([], backends=["mosek"])


# ---------------------------------------------------------------- pictures


def test_picture_of_a_comparison_has_a_line_for_every_backend(comparison):
    raw, polished, profile = comparison.plot()
    backends = {run.backend for run in comparison.runs}
    # One line beyond the backends marks the error 1.
    assert len(raw.lines) == len(polished.lines) == len(backends) + 1
    assert len(profile.lines) == 2 * len(backends)


SCALES = [[-5.0, -10.0, -40.0]]


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("null-space", [{"N": [10, 20], "d": 60, "s": [1, 2], "noise": 0.0}, {"N": 10, "d": 60, "s": 2, "noise": 0.1}]),
        ("rate", {"N": 10, "d": 30, "s": 2, "noise": [0.0, 0.1], "log_alphas": SCALES}),
        ("bounds", {"N": 8, "d": 24, "s": 2, "log_alphas": SCALES}),
        ("recovery", {"N": 10, "d": 20, "s": [1, 5, 10]}),
    ],
)
def test_every_study_gives_certified_records_and_a_picture(name, grid, tmp_path):
    records = sweep(Study(measure=MEASURES[name], grid=grid, repetitions=2), tmp_path / "store")
    assert all(record.error is None and record.result["certified"] for record in records)
    figure_of(PICTURES[name](records)).savefig(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000


def test_a_picture_says_what_it_cannot_be_drawn_from(tmp_path):
    study = Study(measure=MEASURES["recovery"], grid={"N": 10, "d": 20, "s": [1, 5]})
    records = sweep(study, tmp_path / "recovery")
    with pytest.raises(StudyError, match="needs rho in the records"):
        PICTURES["null-space"](records)
    failed = sweep(Study(measure=lambda seed: 1 / 0, grid={}), tmp_path / "failed")
    with pytest.raises(StudyError, match="all have an error"):
        PICTURES["recovery"](failed)


def test_a_picture_of_a_study_without_noise_has_no_panel_for_it(tmp_path):
    study = Study(measure=MEASURES["null-space"], grid={"N": 10, "d": 40, "s": [1, 2]}, repetitions=2)
    *panels, noise = PICTURES["null-space"](sweep(study, tmp_path))
    assert all(panel.lines for panel in panels)
    assert not noise.axison


def test_noise_brings_rho_close_to_one(tmp_path):
    grid = {"N": 20, "d": 80, "s": 2, "noise": [0.0, 0.1]}
    records = list(sweep(Study(measure=MEASURES["null-space"], grid=grid, repetitions=5), tmp_path))
    quiet, noisy = ([r.result["rho"] for r in records if r.parameters["noise"] == noise] for noise in (0.0, 0.1))
    assert np.median(quiet) < 0.5 < 0.85 < np.median(noisy)


def test_observed_rate_ends_at_one_minus_rho(tmp_path):
    grid = {"N": 12, "d": 36, "s": 2, "log_alphas": [[-10, -500, -1000]]}
    for record in sweep(Study(measure=MEASURES["rate"], grid=grid, repetitions=4), tmp_path):
        assert record.result["slopes"][-1] == pytest.approx(record.result["rate"], rel=1e-6)


def test_a_system_with_one_solution_has_no_slopes(tmp_path):
    grid = {"N": 11, "d": 12, "s": 2, "log_alphas": [[-10, -500, -1000]]}
    records = list(sweep(Study(measure=MEASURES["rate"], grid=grid, repetitions=2), tmp_path))
    for record in records:
        assert record.error is None
        assert record.result["log_deviation"] == [-np.inf] * 3
        np.testing.assert_array_equal(record.result["slopes"], [np.nan] * 2)


def test_enclosure_holds_the_truth_and_is_narrower_than_the_bounds(tmp_path):
    grid = {"N": 10, "d": 30, "s": 2, "log_alphas": [[-20, -60]]}
    for record in sweep(Study(measure=MEASURES["bounds"], grid=grid, repetitions=4), tmp_path):
        widths = {name: np.array(values) for name, values in record.result.items() if name.startswith(("p", "e"))}
        assert (widths["enclosure_lower"] <= 1e-9).all()
        assert (widths["enclosure_upper"] >= -1e-9).all()
        assert (widths["paper_upper"] > widths["enclosure_upper"]).all()
        assert not (widths["paper_lower"] > 0).any()


def test_recovery_changes_at_the_threshold(tmp_path):
    grid = {"N": 40, "d": 80, "s": [4, 38]}
    records = list(sweep(Study(measure=MEASURES["recovery"], grid=grid, repetitions=4), tmp_path))
    assert [record.result["recovered"] for record in records] == [True] * 4 + [False] * 4


def test_threshold_is_the_mean_squared_distance_from_the_scaled_subdifferential():
    rng = np.random.default_rng(0)
    sparsity, draws = 0.2, rng.standard_normal(200_000)
    taus = np.linspace(0, 3, 61)
    on = np.array([np.mean((draws - tau) ** 2) for tau in taus])
    off = np.array([np.mean(np.maximum(draws - tau, 0) ** 2) for tau in taus])
    sampled = (sparsity * on + (1 - sparsity) * off).min()
    assert recovery_threshold(sparsity) == pytest.approx(sampled, abs=3e-3)
    assert recovery_threshold(1e-6) < 1e-4 < norm.sf(0)


# ---------------------------------------------------------------- the command line


@pytest.fixture
def command():
    app = typer.Typer()
    app.command()(studies.compare)
    app.command()(studies.sweep)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_compare_command_prints_the_tables_and_writes_the_files(command, tmp_path):
    answer = command(
        "compare", "--backend", "newton", "-N", 6, "-d", 18, "-s", 2, "--seeds", 1, "--alpha", 1e-4, "--repeats", 1,
        "--csv", tmp_path / "runs.csv", "--picture", tmp_path / "runs.png",
    )  # fmt: skip
    assert answer.exit_code == 0
    assert "trusted to" in answer.stdout
    assert (tmp_path / "runs.csv").exists()
    assert (tmp_path / "runs.png").exists()


def test_sweep_command_finishes_a_study_and_draws_it(command, tmp_path):
    study = tmp_path / "study.toml"
    study.write_text('measure = "recovery"\npicture = "recovery"\n[grid]\nN = 8\nd = 20\ns = [1, 8]\n')
    for _ in range(2):
        answer = command("sweep", study, "--store", tmp_path / "store", "--picture", tmp_path / "picture.png")
        assert answer.exit_code == 0
        assert "2 records" in answer.stdout
    assert (tmp_path / "picture.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compare", "--backend", "newtn"), "did you mean 'newton'"),
        (("compare", "-s", "30"), "support size"),
        (("compare", "--ensemble", "gausian"), "did you mean 'gaussian'"),
        (("compare", "--csv", "/absent/runs.csv"), "there is no directory"),
        (("compare", "--csv", "/"), "it is a directory"),
        (("sweep", "recovry", "--store", "s"), "did you mean 'recovery'"),
        (("sweep", "recovery", "--store", "/dev/null/s"), "cannot be written"),
        (("sweep", "recovery", "--store", "s", "--picture", "p.pgn"), "did you mean 'png'"),
    ],
)
def test_commands_refuse_bad_input_in_one_line(command, words, message):
    answer = command(*words)
    assert answer.exit_code == 2
    assert message in answer.output
    assert "Traceback" not in answer.output
