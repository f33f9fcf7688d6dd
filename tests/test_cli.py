from __future__ import annotations

import io
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp
from conftest import gaussian_system
from typer.testing import CliRunner

import bregman_l1
from bregman_l1 import BregmanProjection, InputFileError, L1Minimization, LinearSystem, analyze, solve
from bregman_l1.cli import app
from bregman_l1.cli.files import read_array, read_system, read_vector
from bregman_l1.cli.reporting import ExitCode
from bregman_l1.experiments import Store, shipped_studies
from bregman_l1.experiments.study import shipped_titles

RUN = CliRunner()
A = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, -1.0]])


@pytest.fixture
def files(tmp_path):
    system, _ = gaussian_system()
    np.save(tmp_path / "A.npy", system.matrix)
    np.save(tmp_path / "y.npy", system.y)
    return system, [str(tmp_path / "A.npy"), str(tmp_path / "y.npy")]


def test_solve_prints_a_certified_answer(files):
    _, paths = files
    result = RUN.invoke(app, ["solve", *paths, "--alpha", "1e-6"])
    assert result.exit_code == 0
    assert result.stdout.startswith("CERTIFIED by newton")
    assert "KKT identity" in result.stdout


def test_solve_as_json_holds_the_library_answer(files):
    system, paths = files
    result = RUN.invoke(app, ["solve", *paths, "--log-alpha", "-2302.6", "--json"])
    answer = json.loads(result.stdout)
    assert answer["status"] == "certified"
    np.testing.assert_allclose(answer["log_x"], solve(BregmanProjection(system, log_alpha=-2302.6)).log_x)
    assert answer["certificate"]["ok"] is True


def test_an_answer_is_proved_on_request(files, monkeypatch):
    _, paths = files
    asked = ["solve", *paths, "--log-alpha", "-2302.6", "--proof"]
    found = RUN.invoke(app, asked)
    assert (found.exit_code, found.output.partition(" ")[0]) == (0, "PROVED")
    assert json.loads(RUN.invoke(app, [*asked, "--json"]).output)["proof"]["ok"]
    monkeypatch.setattr("bregman_l1.proof.krawczyk._CONTRACTION", 0.0)
    found = RUN.invoke(app, asked)
    assert (found.exit_code, found.output.partition(" ")[0]) == (1, "CERTIFIED")
    assert "NOT PROVED" in found.output


def test_json_is_strict_where_zeros_have_no_logarithm(tmp_path):
    np.savetxt(tmp_path / "A.csv", [[1, 1, 1], [0, 1, 1]], delimiter=",")
    np.savetxt(tmp_path / "y.csv", [1, 1])
    result = RUN.invoke(app, ["solve", str(tmp_path / "A.csv"), str(tmp_path / "y.csv"), "--alpha", "0.1", "--json"])
    assert json.loads(result.stdout, parse_constant=pytest.fail)["log_x"][0] is None


def test_l1_problem_and_output_file(files, tmp_path):
    system, paths = files
    out = tmp_path / "x.npy"
    result = RUN.invoke(app, ["solve", *paths, "--problem", "l1", "--backend", "ecos", "--output", str(out)])
    assert result.exit_code == 0
    np.testing.assert_allclose(np.load(out), solve(L1Minimization(system)).x, atol=1e-12)


def test_output_as_npz_keeps_what_underflows_in_x(files, tmp_path):
    system, paths = files
    out = tmp_path / "solution.npz"
    result = RUN.invoke(app, ["solve", *paths, "--log-alpha", "-23026", "--output", str(out)])
    assert result.exit_code == 0
    answer = solve(BregmanProjection(system, log_alpha=-23026.0))
    with np.load(out) as written:
        assert (written["x"] == 0).any()
        np.testing.assert_array_equal(written["log_x"], answer.log_x)
        np.testing.assert_array_equal(written["dual"], answer.dual)


# ---------------------------------------------------------------- depth and sign


@pytest.fixture
def signed_files(tmp_path):
    """A system whose sparse solution has entries of either sign, and named columns."""
    rng = np.random.default_rng(5)
    matrix, coefficients = rng.standard_normal((8, 20)), np.zeros(20)
    coefficients[[2, 11]] = [3.0, -7.0]
    names = [f"gene {j}" for j in range(20)]
    np.savetxt(tmp_path / "A.csv", matrix, delimiter=",", header=",".join(names), comments="", fmt="%.17g")
    np.savetxt(tmp_path / "y.csv", matrix @ coefficients, fmt="%.17g")
    np.savetxt(tmp_path / "prior.csv", np.linspace(0.5, 2.0, 20), fmt="%.17g")
    paths = [tmp_path / name for name in ("A.csv", "y.csv")]
    return read_system(*paths), [str(path) for path in paths]


@pytest.mark.parametrize("depth", ["2", "3", "inf"])
@pytest.mark.parametrize("signed", [False, True])
def test_depth_and_sign_of_a_projection_are_those_of_the_library(files, depth, signed):
    system, paths = files
    asked = ["solve", *paths, "--alpha", "1e-4", "--depth", depth, *(["--signed"] if signed else []), "--json"]
    result = RUN.invoke(app, asked)
    answer = solve(BregmanProjection(system, alpha=1e-4, depth=float(depth), signed=signed))
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    for name in ("x", "log_x", "x_plus", "x_minus"):
        assert (name in found) == (name in answer.vectors)
        if name in found:
            np.testing.assert_array_equal(found[name], answer.vectors[name])


def test_depth_is_2_where_none_is_given(files):
    _, paths = files
    plain, at_two = (
        json.loads(RUN.invoke(app, ["solve", *paths, "--alpha", "1e-4", "--json", *depth]).stdout)["log_x"]
        for depth in ([], ["--depth", "2"])
    )
    assert plain == at_two


def test_signed_with_the_l1_problem_is_basis_pursuit(signed_files):
    _, paths = signed_files
    result = RUN.invoke(app, ["solve", *paths, "--problem", "l1", "--signed", "--json"])
    assert result.exit_code == 0
    x = np.array(json.loads(result.stdout)["x"])
    assert np.flatnonzero(x).tolist() == [2, 11]
    np.testing.assert_allclose(x[[2, 11]], [3.0, -7.0])


def test_the_largest_entries_of_a_signed_answer_are_those_of_largest_size(signed_files):
    _, paths = signed_files
    result = RUN.invoke(app, ["solve", *paths, "--log-alpha", "-50", "--depth", "3", "--signed"])
    heading, first, second = result.stdout.partition("     entry")[2].splitlines()[:3]
    assert words(heading) == "x log |x|"
    assert words(first).startswith("gene 11 -7 1.94591")
    assert words(second).startswith("gene 2 3 1.09861")


def test_a_signed_answer_is_written_with_its_parts(signed_files, tmp_path):
    system, paths = signed_files
    answer = solve(BregmanProjection(system, alpha=1e-3, signed=True))
    for suffix in ("csv", "npy", "npz"):
        out = str(tmp_path / f"out.{suffix}")
        assert RUN.invoke(app, ["solve", *paths, "--alpha", "1e-3", "--signed", "--output", out]).exit_code == 0
    frame = pd.read_csv(tmp_path / "out.csv", index_col=0)
    pd.testing.assert_frame_equal(frame, answer.to_frame(), check_exact=False, rtol=1e-15)
    assert list(frame.columns) == ["x", "log_x", "x_plus", "x_minus", "log_x_plus", "log_x_minus"]
    np.testing.assert_allclose(frame["x_plus"] - frame["x_minus"], frame["x"])
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), answer.x)
    loaded = bregman_l1.load(tmp_path / "out.npz")
    np.testing.assert_array_equal(loaded.log_x_minus, answer.log_x_minus)


@pytest.mark.parametrize("arguments", [["--depth", "3"], ["--signed"], ["--depth", "inf", "--signed"], []])
def test_analyze_takes_depth_sign_and_prior_as_the_library_does(signed_files, tmp_path, arguments):
    system, (matrix, target) = signed_files
    np.savetxt(target, system.matrix @ np.where(np.arange(20) < 2, 1.0, 0.0), fmt="%.17g")
    prior = ["--prior", str(tmp_path / "prior.csv")]
    result = RUN.invoke(app, ["analyze", matrix, target, *prior, *arguments, "--json"])
    assert result.exit_code == 0
    depth = float(arguments[1]) if "--depth" in arguments else 2.0
    analysis = analyze(
        read_system(Path(matrix), Path(target)),
        prior=np.linspace(0.5, 2.0, 20),
        depth=depth,
        signed="--signed" in arguments,
    )
    found = json.loads(result.stdout)
    assert found["signed"] == ("--signed" in arguments)
    assert found["rate"] == pytest.approx(analysis.rate)
    np.testing.assert_allclose(found["x_star"], analysis.x_star)


@pytest.mark.parametrize("asked", [["--error", "1e-3"], ["--plot", "picture.png"]])
def test_analyze_refuses_what_is_of_depth_2_before_it_prints(files, tmp_path, monkeypatch, asked):
    _, paths = files
    monkeypatch.chdir(tmp_path)
    result = RUN.invoke(app, ["analyze", *paths, "--depth", "3", *asked])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "what holds of depth 3" in result.stderr
    assert not (tmp_path / "picture.png").exists()


def test_version_is_printed():
    result = RUN.invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.stdout == f"bregman-l1 {bregman_l1.__version__}\n"


def test_a_command_leaves_the_warning_filters_as_they_were(files):
    _, paths = files
    before = list(warnings.filters)
    RUN.invoke(app, ["solve", *paths, "--alpha", "1"])
    assert warnings.filters == before


def test_exit_code_1_where_the_answer_is_not_certified(files):
    _, paths = files
    result = RUN.invoke(app, ["solve", *paths, "--alpha", "1e-12", "--backend", "scs", "--no-polish"])
    assert result.exit_code == 1
    assert result.stdout.startswith("INACCURATE by scs")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--alpha", "-1"], "alpha must be positive"),
        ([], "exactly one of alpha and log_alpha (the natural logarithm of alpha), or a prior alone"),
        (["--alpha", "1", "--backend", "nonsense"], "no backend 'nonsense'"),
        (["--alpha", "1", "--backend", "highs"], "use newton"),
        (["--alpha", "1", "--problem", "l1"], "has no alpha"),
        (["--depth", "2", "--problem", "l1"], "no depth: leave out --depth"),
        (["--alpha", "1", "--depth", "1.5"], "depth must be a real number of at least 2, or infinity"),
        (["--alpha", "1", "--tol", "-1"], "tol must be a positive number"),
        (["--alpha", "1", "--output", "/nonexistent/x.npy"], "cannot be written: there is no directory"),
        (["--alpha", "1", "--output", "x.txt"], "cannot be written: use .csv"),
    ],
)
def test_exit_code_2_and_one_line_for_bad_input(files, arguments, message):
    _, paths = files
    result = RUN.invoke(app, ["solve", *paths, *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_exit_code_2_for_infeasible_systems(tmp_path):
    np.savetxt(tmp_path / "A.csv", [[1, 1], [0, 1]], delimiter=",")
    np.savetxt(tmp_path / "y.csv", [1, 2])
    result = RUN.invoke(app, ["solve", str(tmp_path / "A.csv"), str(tmp_path / "y.csv"), "--alpha", "0.1"])
    assert result.exit_code == 2
    assert "no x >= 0 solves" in result.stderr


def test_demo_certifies_everything_it_shows():
    result = RUN.invoke(app, ["demo"])
    assert result.exit_code == 0
    assert result.stdout.count("certified") > 10


def test_backends_lists_what_is_installed():
    result = RUN.invoke(app, ["backends"])
    assert result.exit_code == 0
    assert "newton" in result.stdout


# ---------------------------------------------------------------- help


def words(text):
    """The words of a text without the colours and the line breaks of a terminal."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", text).split())


@pytest.mark.parametrize("command", ["", "solve", "analyze", "compare", "sweep", "demo", "backends"])
def test_every_help_lists_every_exit_code(command):
    result = RUN.invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    _, _, codes = words(result.stdout).partition("Exit codes: ")
    assert [int(code) for code in re.findall(r"\b\d+\b", codes)] == [code.value for code in ExitCode]


def test_help_of_sweep_lists_the_shipped_studies_with_their_titles():
    text = words(RUN.invoke(app, ["sweep", "--help"]).stdout)
    assert shipped_studies()
    for name, title in shipped_titles().items():
        assert f"{name}: {title}" in text


def test_without_a_command_the_help_is_shown():
    assert "Commands" in RUN.invoke(app, []).output


# ---------------------------------------------------------------- sweep

MEASURES = """
import os
import time

def measured(seed, *, n):
    if n == 3:
        raise ValueError(f"n = {n} and seed {seed} are refused")
    return {"value": 1.5 * n, "odd": n % 2 == 1}

def slow(seed, *, n):
    time.sleep(float(os.environ.get("SECONDS_A_ROW", 0)))
    return {"value": n}

def fragile(seed):
    raise ValueError("never works")
"""


@pytest.fixture
def study(tmp_path):
    """A function that writes a study of the measures beside it, and returns the command that carries it out."""
    (tmp_path / "measures_of_a_test.py").write_text(MEASURES)

    def command(measure, grid, repetitions=2, **entries):
        keys = {"measure": f"measures_of_a_test:{measure}", "repetitions": repetitions, **entries}
        lines = [f"{name} = {json.dumps(value)}" for name, value in keys.items()]
        grid_lines = ["[grid]", *(f"{name} = {json.dumps(value)}" for name, value in grid.items())]
        (tmp_path / "study.toml").write_text("\n".join(lines + grid_lines))
        return ["sweep", str(tmp_path / "study.toml"), "--store", str(tmp_path / "store")]

    return command


def test_failed_rows_end_with_exit_code_3_and_their_reasons_are_counted(study, tmp_path):
    result = RUN.invoke(app, [*study("measured", {"n": [1, 2, 3]}), "--csv", str(tmp_path / "out.csv")])
    assert result.exit_code == 3
    reason = "2 x ValueError: n = # and seed # are refused\n    such as row 4 (n = 3, repetition = 0)"
    assert f"2 of 6 rows failed:\n{reason}" in result.stdout
    assert f"tracebacks are in {tmp_path / 'store' / 'log.jsonl'}" in result.stdout
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "row,n,repetition,seed,value,odd,error"
    assert len(lines) == 7


def test_a_sweep_ends_with_a_table_of_its_combinations(study):
    result = RUN.invoke(app, study("measured", {"n": [1, 2]}, title="halves"))
    assert result.exit_code == 0
    assert result.stdout.startswith("halves: 4 records in ")
    assert words("n rows median value share odd 1 2 1.5 1 2 2 3 0") in words(result.stdout)
    assert "failed" not in result.stdout


def test_a_continued_sweep_says_how_many_rows_were_there(study):
    assert "there" not in RUN.invoke(app, study("measured", {"n": [1, 2]})).stdout
    result = RUN.invoke(app, study("measured", {"n": [1, 2]}, repetitions=3))
    assert result.exit_code == 0
    assert result.stdout.startswith("continuing: 4 of 6 rows were there\n")
    result = RUN.invoke(app, study("measured", {"n": [1, 2]}, repetitions=3))
    assert result.stdout.startswith("nothing is left to do: all 6 rows were there\n")
    result = RUN.invoke(app, study("measured", {"n": [1, 2]}, repetitions=2))
    assert result.exit_code == 2
    assert "ask for 3 or more" in result.stderr


def test_rows_that_all_failed_have_no_picture_and_exit_code_3(study, tmp_path):
    command = study("fragile", {}, picture="recovery")
    result = RUN.invoke(app, [*command, "--picture", str(tmp_path / "picture.png")])
    assert result.exit_code == 3
    assert "2 x ValueError: never works" in result.stdout
    assert "no picture: all rows failed" in result.stderr
    assert not (tmp_path / "picture.png").exists()


def test_an_unknown_study_is_answered_with_the_nearest_one(tmp_path):
    result = RUN.invoke(app, ["sweep", "recovry", "--store", str(tmp_path / "store")])
    assert result.exit_code == 2
    assert "did you mean 'recovery'?" in result.stderr
    assert not (tmp_path / "store").exists()


# ---------------------------------------------------------------- as a program

PROGRAM = [sys.executable, "-m", "bregman_l1"]
SCRIPT = [sys.executable, "-P", "-c", "from bregman_l1.cli import app; app()"]
"""As the installed program does it: without the current directory on Python's path."""

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(bregman_l1.__file__).parents[1]), "NO_COLOR": "1"}

ENSEMBLES = """
import numpy as np

def signs(recipe, rng):
    return rng.choice([-1.0, 1.0], (recipe.N, recipe.d))
"""


def run(command, folder):
    return subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True)


def test_the_package_is_a_program_under_its_own_name(tmp_path):
    result = run([*PROGRAM, "--help"], tmp_path)
    assert result.returncode == 0
    assert "Usage: python -m bregman_l1 [OPTIONS]" in result.stdout
    assert run([*PROGRAM, "--version"], tmp_path).stdout == f"bregman-l1 {bregman_l1.__version__}\n"


@pytest.mark.parametrize("engine", [[], ["--cluster", "local"]])
def test_workers_find_a_measure_beside_the_study_and_an_ensemble_in_the_current_directory(engine, tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    (here / "ensembles_of_a_test.py").write_text(ENSEMBLES)
    (there / "more_measures_of_a_test.py").write_text(
        "from bregman_l1.experiments.ensembles import draw\n\n"
        "def entries(seed, **recipe):\n"
        "    return {'ones': bool((abs(draw(seed=seed, **recipe).system.matrix) == 1).all())}\n"
    )
    (there / "study.toml").write_text(
        'measure = "more_measures_of_a_test:entries"\nrepetitions = 4\n[grid]\n'
        'ensemble = "ensembles_of_a_test:signs"\nN = 4\nd = 9\ns = 2\n'
    )
    result = run([*SCRIPT, "sweep", "../there/study.toml", "--store", "store", "--n-jobs", "2", *engine], here)
    assert result.returncode == 0, result.stdout + result.stderr
    assert [record.result for record in Store(here / "store")] == [{"ones": True}] * 4


def test_compare_finds_an_ensemble_in_the_current_directory(tmp_path):
    (tmp_path / "ensembles_of_a_test.py").write_text(ENSEMBLES)
    sizes = ["-N", "4", "-d", "9", "-s", "2", "--seeds", "1", "--alpha", "0.1", "--backend", "newton"]
    result = run([*SCRIPT, "compare", "--ensemble", "ensembles_of_a_test:signs", *sizes], tmp_path)
    assert result.returncode == 0, result.stderr
    assert "newton" in result.stdout


def heed_interrupts():
    """Where the tests run in the background they may ignore SIGINT, and what they start would inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def workers_of(store):
    """The processes that have put a record into a store."""
    log = store / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines(keepends=True) if log.exists() else []
    return {json.loads(line)["process"] for line in lines if line.endswith("\n")}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to a process group is POSIX")
def test_ctrl_c_ends_a_sweep_in_words_with_a_store_that_can_be_continued(study, tmp_path):
    command = [*PROGRAM, *study("slow", {"n": list(range(100))}, repetitions=2), "--n-jobs", "2"]
    process = subprocess.Popen(
        command,
        env={**ENVIRONMENT, "SECONDS_A_ROW": "0.2"},  # a worker may take seconds to start
        start_new_session=True,
        preexec_fn=heed_interrupts,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # Both workers are at work then: one that is interrupted while it starts says so itself.
    while process.poll() is None and len(workers_of(tmp_path / "store")) < 2:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    held = len(Store(tmp_path / "store"))
    assert process.returncode == 130
    assert 2 <= held < 200
    said = f"interrupted; {held} of 200 rows are in {tmp_path / 'store'}: the same command continues"
    assert errors == f"\nbregman-l1: {said}\n"
    result = RUN.invoke(app, study("slow", {"n": list(range(100))}, repetitions=2))
    assert result.exit_code == 0
    assert result.stdout.startswith(f"continuing: {held} of 200 rows were there\n")


def test_ctrl_c_ends_any_command_in_one_line(monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("bregman_l1.cli.demo.demo_system", interrupted)
    result = RUN.invoke(app, ["demo"])
    assert (result.exit_code, result.stderr) == (130, "bregman-l1: interrupted\n")


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "mtx", "sparse.npz", "sparse.mtx"])
def test_every_format_reads_back_what_was_written(tmp_path, kind):
    path = tmp_path / f"A.{kind}"
    match kind:
        case "npy":
            np.save(path, A)
        case "npz":
            np.savez_compressed(path, A=A)
        case "csv":
            np.savetxt(path, A, delimiter=",")
        case "mtx":
            scipy.io.mmwrite(path, A)
        case "sparse.npz":
            sp.save_npz(path, sp.csr_array(A))
        case "sparse.mtx":
            scipy.io.mmwrite(path, sp.coo_array(A))
    array = read_array(path)
    assert sp.issparse(array) == kind.startswith("sparse")
    np.testing.assert_array_equal(array.toarray() if sp.issparse(array) else array, A)
    assert LinearSystem(array, [1.0, 1.0]).shape == (2, 3)


def test_a_row_or_a_column_is_a_vector(tmp_path):
    for number, values in enumerate(([[1.0, 2.0]], [[1.0], [2.0]])):
        np.savetxt(tmp_path / f"{number}.csv", values, delimiter=",")
        assert read_vector(tmp_path / f"{number}.csv").tolist() == [1.0, 2.0]


def test_a_byte_order_mark_is_no_number(tmp_path):
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf1,2\n3,4\n")
    assert read_array(tmp_path / "bom.csv").tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
def test_every_sparse_format_of_scipy_reads_back(tmp_path, kind):
    sp.save_npz(tmp_path / "A.npz", sp.coo_array(A).asformat(kind))
    np.testing.assert_array_equal(read_array(tmp_path / "A.npz").toarray(), A)


def test_a_matrix_is_no_vector_and_is_not_made_dense_to_find_out(tmp_path):
    sp.save_npz(tmp_path / "y.npz", sp.eye_array(200_000, format="csr"))
    with pytest.raises(InputFileError, match=r"shape \(200000, 200000\); it must hold a vector"):
        read_vector(tmp_path / "y.npz")


class Exploit:
    def __reduce__(self):
        return pytest.fail, ("a pickle was executed",)


def hostile_files(folder):
    np.save(folder / "pickled.npy", np.array([Exploit()], dtype=object), allow_pickle=True)
    (folder / "bare.npy").write_bytes(pickle.dumps(Exploit()))
    (folder / "text.npy").write_text("no array")
    (folder / "empty.npy").write_bytes(b"")
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**6, 10**6)})
    (folder / "huge.npy").write_bytes(header.getvalue())
    np.savez(folder / "two.npz", A=A, B=A)
    np.savez(folder / "pickled.npz", A=np.array([Exploit()], dtype=object))
    (folder / "text.npz").write_text("no archive")
    (folder / "zip.npy").write_bytes((folder / "two.npz").read_bytes())
    compressed = {"format": np.array(b"csr"), "shape": np.array([2, 3]), "data": np.ones(2)}
    far, near = np.array([50_000_000, -7_000_000], dtype=np.int32), np.array([0, 1], dtype=np.int32)
    np.savez(folder / "indices.npz", **compressed, indices=far, indptr=np.array([0, 1, 2], dtype=np.int32))
    np.savez(folder / "pointers.npz", **compressed, indices=near, indptr=np.array([0, 90_000_000, 2], dtype=np.int32))
    np.savez(folder / "negative.npz", **compressed, indices=near, indptr=np.array([0, 50_000_000, -9], dtype=np.int32))
    columns = compressed | {"format": np.array(b"csc")}
    np.savez(folder / "columns.npz", **columns, indices=far, indptr=np.array([0, 1, 2, 2], dtype=np.int32))
    np.savez(folder / "lil.npz", **compressed | {"format": np.array(b"lil")})
    np.savez(folder / "wide.npz", **compressed | {"format": np.array(b"coo"), "shape": np.array([2, 2 * 10**9])},
             row=near, col=near)  # fmt: skip
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("A.npy", bytes(50 * 2**20))
    (folder / "words.csv").write_text("a,b\nc,d\n")
    (folder / "ragged.csv").write_text("1,2\n3\n")
    (folder / "empty.csv").write_text("")
    (folder / "words.mtx").write_text("no matrix")
    (folder / "huge.mtx").write_text("%%MatrixMarket matrix array real general\n1000000000 1000000000\n1.0\n")
    (folder / "wide.mtx").write_text("%%MatrixMarket matrix coordinate real general\n2 2000000000 1\n1 1 1.0\n")
    (folder / "kind.txt").write_text("1")
    (folder / "folder.npy").mkdir()


HOSTILE = [
    "pickled.npy", "bare.npy", "text.npy", "empty.npy", "huge.npy", "two.npz", "pickled.npz", "text.npz", "bomb.npz",
    "words.csv", "ragged.csv", "empty.csv", "words.mtx", "huge.mtx", "kind.txt", "folder.npy", "missing.npy",
    "zip.npy", "indices.npz", "pointers.npz", "negative.npz", "columns.npz", "lil.npz", "wide.npz", "wide.mtx",
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_and_unreadable_files_are_refused_by_name(tmp_path, name):
    hostile_files(tmp_path)
    with pytest.raises(InputFileError, match=name.replace(".", r"\.")):
        read_array(tmp_path / name)


def test_every_hostile_file_is_tested(tmp_path):
    hostile_files(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(HOSTILE) - {"missing.npy"}
