"""Whatever bytes a file holds, it is read, or refused in words."""

from __future__ import annotations

import io
import json
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from conftest import gaussian_system
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from bregman_l1 import (
    Analysis,
    BregmanProjection,
    LinearSystem,
    analyze,
    backends,
    load,
    projection_path,
    save,
    solve,
)
from bregman_l1.cli import app
from bregman_l1.cli.files import read_array, read_system, read_vector
from bregman_l1.experiments import Store, Study, ensembles, load_study, sweep
from fuzz.calls import square
from fuzz.damage import archived, array_file, bytes_like, forged, members, rewritten, tables
from fuzz.effort import examples, nothing_but_our_errors

A = np.array([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]])
RUN = CliRunner()


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("read")
        patch.chdir(directory)
        yield directory


def market_file(matrix) -> bytes:
    stream = io.BytesIO()
    scipy.io.mmwrite(stream, matrix)
    return stream.getvalue()


def sparse_file(matrix) -> bytes:
    stream = io.BytesIO()
    sp.save_npz(stream, matrix)
    return stream.getvalue()


FILES = {
    ".csv": [b"bread,milk,rice\n1,0,5\n0,1,-4.5\n", b",a,b\np,1,2.5\nq,0,1\n", b"1.5\n2\n"],
    ".npy": [array_file(A), array_file(np.asfortranarray(A)), array_file(np.array([1.0, 1.0]))],
    ".npz": [archived({"A.npy": array_file(A)}), sparse_file(sp.csr_array(A)), sparse_file(sp.coo_array(A))],
    ".mtx": [market_file(A), market_file(sp.coo_array(A))],
}


def made_up(suffix: str) -> st.SearchStrategy[bytes]:
    found = bytes_like(*FILES[suffix])
    if suffix == ".csv":
        found = found | tables()
    return found | st.sampled_from(FILES[suffix]).flatmap(forged) if suffix == ".npz" else found


# ------------------------------------------------------------------ arrays


@pytest.mark.parametrize("suffix", FILES)
@examples(60)
@given(data=st.data())
def test_an_array_is_read_or_refused(suffix, data, here):
    path = here / f"A{suffix}"
    path.write_bytes(data.draw(made_up(suffix)))
    with nothing_but_our_errors(suffix):
        read_array(path)
    with nothing_but_our_errors(suffix):
        read_vector(path, ("bread", "milk", "rice"))


@examples(40)
@given(matrix=tables() | bytes_like(*FILES[".csv"]), target=tables() | bytes_like(b"1\n1\n", b",y\np,1\nq,1\n"))
def test_a_system_is_read_or_refused(matrix, target, here):
    (here / "A.csv").write_bytes(matrix)
    (here / "y.csv").write_bytes(target)
    with nothing_but_our_errors("system"):
        system = read_system(here / "A.csv", here / "y.csv")
        repr(system)


def test_names_that_python_reads_as_numbers_are_names(here):
    (here / "A.csv").write_text("2024_1,2024_2\n1,2\n3,4\n")
    (here / "y.csv").write_text("1\n1\n")
    assert read_system(here / "A.csv", here / "y.csv").column_names == ("2024_1", "2024_2")


def ends_in_words(arguments: list[str]) -> None:
    with nothing_but_our_errors("command"):
        done = RUN.invoke(app, arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in (0, 1, 2, 3)
    assert done.exit_code == 0 or done.output


@pytest.mark.parametrize("command", ["solve", "analyze"])
@examples(12)
@given(matrix=tables() | bytes_like(*FILES[".csv"]), target=bytes_like(b"1\n1\n") | st.just(b"1\n1\n"))
def test_a_command_reads_its_files_or_ends_in_words(command, matrix, target, here):
    (here / "A.csv").write_bytes(matrix)
    (here / "y.csv").write_bytes(target)
    ends_in_words([command, "A.csv", "y.csv", *(["--alpha", "0.1"] if command == "solve" else [])])


OPTIONS = {
    "solve": [
        "--alpha", "--log-alpha", "--tol", "--max-iter", "--time-limit", "--backend", "--problem", "--cost", "--prior",
        "--output",
    ],
    "analyze": ["--alpha", "--log-alpha", "--error", "--time-limit", "--cost", "--plot"],
    "sweep": ["--store", "--n-jobs", "--cluster", "--csv", "--parquet", "--picture"],
}  # fmt: skip
VALUES = [
    "", "0", "-1", "1e-320", "1e400", "nan", "inf", "-inf", "1", "2", "0.5", "x", "newton", "scs", "l1", "A.npy",
    "y.npy", "missing.csv", "directory", "directory/out.csv", "nowhere/out.csv", "out.npz", "out.pdf", "out.xyz",
    "\x00", "x" * 300, "local", "out.parquet",
]  # fmt: skip


@pytest.mark.parametrize("command", OPTIONS)
@examples(8)
@given(data=st.data())
def test_an_option_is_heeded_or_refused(command, data, here):
    prepared(here)
    option, value = data.draw(st.sampled_from(OPTIONS[command])), data.draw(st.sampled_from(VALUES))
    with_alpha = ["--alpha", "0.1"] if command == "solve" and "alpha" not in option else []
    files = ["study.toml", "--store", "options"] if command == "sweep" else ["A.npy", "y.npy"]
    ends_in_words([command, *files, *with_alpha, option, value])


def prepared(here: Path) -> None:
    (here / "directory").mkdir(exist_ok=True)
    np.save(here / "A.npy", A)
    np.save(here / "y.npy", np.ones(2))
    (here / "study.toml").write_text('measure = "recovery"\n[grid]\nN = 2\nd = 4\ns = 1\n')


# ------------------------------------------------------------------ studies

STUDY = b"""title = "rho against the sparsity"
measure = "null-space"
picture = "null-space"
seed = 0
repetitions = 2

[[grid]]
ensemble = "gaussian"
N = 4
d = 12
s = [1, 2]
"""
SETTINGS = {
    "title": "a study", "measure": "rate", "picture": "", "seed": 0, "repetitions": 2,
    "grid": [{"ensemble": "gaussian", "N": 4, "d": 12, "s": [1, 2], "kappa": 2.0, "log_alphas": [[-1, -2]]}],
}  # fmt: skip


def toml(value) -> str:
    """A value as TOML writes it in a line."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{json.dumps(name)} = {toml(part)}" for name, part in value.items()) + "}"
        case list():
            return f"[{', '.join(map(toml, value))}]"
        case float() | int():
            return str(value)
        case None:
            return "2025-01-01"
    return json.dumps(value)


@examples(60)
@given(content=bytes_like(STUDY))
@example(content=b"a = " + b"[" * 3000)
def test_a_study_file_is_read_or_refused(content, here):
    (here / "damaged.toml").write_bytes(content)
    with nothing_but_our_errors("study"):
        repr(load_study(here / "damaged.toml"))


@examples(60)
@given(settings=rewritten(SETTINGS))
@example(settings={**SETTINGS, "repetitions": 10**30})
@example(settings={**SETTINGS, "measure": ".:x"})
@example(settings={**SETTINGS, "grid": [{f"p{k}": list(range(10)) for k in range(20)}], "measure": "math:sqrt"})
def test_a_study_of_unfit_settings_is_read_or_refused(settings, here):
    text = "\n".join(f"{json.dumps(name)} = {toml(value)}" for name, value in settings.items())
    (here / "unfit.toml").write_text(text, encoding="utf-8", errors="replace")
    with nothing_but_our_errors("study"):
        repr(load_study(here / "unfit.toml"))


# ------------------------------------------------------------------ results


@cache
def saved(name: str) -> bytes:
    system = gaussian_system(4, 8, 2)[0] if name != "sparse" else LinearSystem(sp.csr_array(A), [1.0, 1.0])
    results = {
        "solution": lambda: solve(BregmanProjection(system, alpha=0.1)),
        "sparse": lambda: projection_path(system, log_alphas=[-1.0, -1000.0]),
        "path": lambda: projection_path(system, log_alphas=[-1.0, -1000.0]),
        "analysis": lambda: known(system),
    }
    path = Path("saved.npz")
    save(results[name](), path)
    return path.read_bytes()


def known(system: LinearSystem):
    analysis = analyze(system)
    str(analysis)
    return analysis


RESULTS = ["solution", "sparse", "path", "analysis"]


@st.composite
def forged_results(draw: st.DrawFn, name: str) -> bytes:
    content = members(saved(name))
    content["meta.json"] = json.dumps(draw(rewritten(json.loads(content["meta.json"])))).encode()
    return archived(content)


@pytest.mark.parametrize("name", RESULTS)
@examples(40)
@given(data=st.data())
def test_a_result_is_loaded_or_refused(name, data, here):
    content = data.draw(bytes_like(saved(name)) | forged(saved(name)) | forged_results(name))
    (here / "result.npz").write_bytes(content)
    with nothing_but_our_errors(name):
        found = load(here / "result.npz")
        repr(found)
        if not isinstance(found, Analysis):  # which computes what it shows
            assert all(isinstance(each, str) for each in (str(found), found._repr_html_()))


# ------------------------------------------------------------------ stores


@cache
def stored() -> dict[str, bytes]:
    sweep(Study(measure=square, grid={"n": [1, 2]}, repetitions=2), "store")
    return {path.name: path.read_bytes() for path in Path("store").iterdir()}


def read_all(directory: Path) -> None:
    store = Store(directory)
    for look in (len, list, Store.rows, Store.study, Store.summary, Store.to_frame, repr, Store._repr_html_):
        with nothing_but_our_errors("store"):
            look(store)
    with nothing_but_our_errors("log"):
        list(store.log())
    with nothing_but_our_errors("continued"):
        sweep(Study(measure=square, grid={"n": [1, 2]}, repetitions=3), directory)


def put(here: Path, files: dict[str, bytes]) -> Path:
    directory = here / "damaged store"
    directory.mkdir(exist_ok=True)
    for name in ("study.json", "records.jsonl", "log.jsonl"):
        (directory / name).unlink(missing_ok=True)
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return directory


@examples(25)
@given(data=st.data())
def test_a_damaged_store_is_read_or_refused(data, here):
    files = dict(stored())
    name = data.draw(st.sampled_from(sorted(files)))
    files[name] = data.draw(bytes_like(files[name]))
    read_all(put(here, files))


@examples(25)
@given(data=st.data())
def test_a_store_with_forged_lines_is_read_or_refused(data, here):
    files = dict(stored())
    first, *others = files["records.jsonl"].splitlines(keepends=True)
    values = json.loads(first)
    del values["crc32"]
    forged_line = with_checksum(data.draw(rewritten(values)))
    header = json.loads(files["study.json"])
    files["study.json"] = json.dumps(data.draw(st.just(header) | rewritten(header))).encode()
    read_all(put(here, files | {"records.jsonl": b"".join([forged_line, *others])}))


def with_checksum(values) -> bytes:
    from bregman_l1.experiments.record import _checksum

    return (json.dumps({**values, "crc32": _checksum(values)}) + "\n").encode()


# ------------------------------------------------------------------ what other packages publish

ATTRIBUTES = [
    "math:pi", "math:sqrt", "math", "nothing:here", "", ":", "::", "os:path.join", "garbage!!", "..:x", "builtins:dict",
    "bregman_l1:Backend", "bregman_l1:BregmanProjection", "fuzz.calls:Guess", "json:nothing",
]  # fmt: skip
NAMES = ["mine", "", "newton", "auto", "a b", "Ä"]


@examples(60)
@given(
    value=st.sampled_from(ATTRIBUTES) | st.text(max_size=6),
    name=st.sampled_from(["mine", "", "newton", "auto", "a b", "Ä"]),
)
def test_what_another_package_publishes_is_used_or_told(value, name, here):
    points = {name: EntryPoint(name, value, "a group")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bregman_l1._backends.published.plugins", lambda group: points)
        patch.setattr("bregman_l1.experiments.ensembles.plugins", lambda group: points)
        with nothing_but_our_errors("table"):
            str(backends())
        with nothing_but_our_errors("backend"):
            solve(BregmanProjection(LinearSystem(A, [1.0, 1.0]), alpha=0.1), name)
        with nothing_but_our_errors("ensemble", TypeError):  # a function that takes something else
            ensembles.draw(name, N=2, d=3, s=1)
