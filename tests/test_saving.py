"""A result comes back from its file as it went in, and a file that is not one is refused in words."""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from datetime import date
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import gaussian_system
from fuzz.damage import archived, members
from hypothesis import given, settings
from hypothesis import strategies as st

from bregman_l1 import (
    Analysis,
    BregmanProjection,
    InputFileError,
    InvalidProblemError,
    L1Minimization,
    LinearSystem,
    NullSpaceConstant,
    ProjectionPath,
    Solution,
    Status,
    UndefinedConstantError,
    analyze,
    certify,
    load,
    projection_path,
    save,
    solve,
)
from bregman_l1.polyhedron.kernel_cone import KernelCone
from bregman_l1.theory.support_constants import SupportConstants

pytestmark = pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")

DENSE, _ = gaussian_system(6, 15, 2)
SPARSE = LinearSystem(sp.csr_array([[1.0, 0.0, 5.0, 0.0], [0.0, 1.0, -4.5, 1.0]]), [1.0, 1.0])
SEVERAL_MINIMISERS = LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], [1.0, 0.8])
FORCED_ZEROS = LinearSystem([[1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0]], [1.0, 0.0])
BY_COLUMNS = LinearSystem(np.asfortranarray(DENSE.matrix), DENSE.y)
SYSTEMS = {
    "dense": DENSE,
    "sparse": SPARSE,
    "several minimisers": SEVERAL_MINIMISERS,
    "forced zeros": FORCED_ZEROS,
    "by columns": BY_COLUMNS,
}


def known(analysis: Analysis) -> Analysis:
    """The analysis, all that can be saved of it computed."""
    for name in ("rho", "rho_tilde", "rho_minus", "power_laws", "log_leading_constants"):
        with suppress(UndefinedConstantError):
            getattr(analysis, name)
    return analysis


RESULTS = {
    "projection": lambda system: solve(BregmanProjection(system, log_alpha=-2302.6)),
    "proved": lambda system: solve(BregmanProjection(system, log_alpha=-2302.6), proof=True),
    "conic": lambda system: solve(BregmanProjection(system, 1e-9), "clarabel", polish=False),
    "minimiser": lambda system: solve(L1Minimization(system)),
    "either sign": lambda system: solve(L1Minimization(system, signed=True)),
    "path": lambda system: projection_path(system, log_alphas=[-1.0, -2302.6, -10.0]),
    "analysis": analyze,
    "proved analysis": lambda system: analyze(system, proof=True),
    "known analysis": lambda system: known(analyze(system)),
}


@cache
def result(name: str, kind: str) -> Any:
    return RESULTS[name](SYSTEMS[kind])


def state(found: Any) -> Any:
    """Everything in a result as plain values that compare bit by bit, what is kept of computed properties included."""
    if isinstance(found, np.ndarray):
        return found.dtype.str, found.shape, found.strides, found.tobytes()
    if isinstance(found, float):
        return float(found).hex()
    if isinstance(found, tuple):
        return tuple(map(state, found))
    if hasattr(found, "items"):
        return [(name, state(value)) for name, value in found.items()]
    parts = parts_of(found)
    assert parts or found is None or isinstance(found, str | int | Enum | Fraction), type(found)
    return (type(found), state(parts)) if parts else found


def parts_of(found: Any) -> dict[str, Any]:
    """What a result is made of, empty for plain values."""
    names: tuple[str, ...] = ()
    if isinstance(found, sp.csc_array):
        names = ("shape", "data", "indices", "indptr")
    elif isinstance(found, LinearSystem):
        names = ("matrix", "y", "row_names", "column_names")
    elif isinstance(found, KernelCone):
        names = ("system", "support", "outside", "B", "C")
    elif isinstance(found, Analysis | SupportConstants):
        names = tuple(vars(found))
    elif is_dataclass(found):
        names = tuple(field.name for field in fields(found) if field.name != "problem")  # it is left behind
    return {name: getattr(found, name) for name in names}


def there_and_back(found: Any, path: Path) -> Any:
    save(found, path)
    return load(path)


@pytest.mark.parametrize("kind", SYSTEMS)
@pytest.mark.parametrize("name", RESULTS)
def test_what_is_loaded_is_what_was_saved_bit_by_bit(name, kind, tmp_path):
    saved = result(name, kind)
    loaded = there_and_back(saved, tmp_path / "result.npz")
    assert type(loaded) is type(saved)
    assert state(loaded) == state(saved)


def test_the_comparison_tells_bits_apart():
    solution = result("projection", "dense")
    other = solution.x.copy()
    other[3] = np.nextafter(other[3], 1.0)
    assert state(replace(solution, x=other)) != state(solution)
    assert state(replace(solution, value=-0.0)) != state(replace(solution, value=0.0))
    assert state(replace(solution, status=Status.INACCURATE)) != state(solution)


def test_infinities_and_nans_come_back(tmp_path):
    solution = result("projection", "forced zeros")
    assert np.isneginf(solution.log_x).any()
    odd = replace(solution, value=math.nan, log_x=np.array([np.nan, -np.inf, np.inf, -0.0]), dual=None)
    assert state(there_and_back(odd, tmp_path / "odd.npz")) == state(odd)


def test_a_certificate_is_loaded_with_its_checks_and_remarks(tmp_path):
    solution = result("conic", "dense")
    certificate = replace(solution.certificate, remarks=("a remark", 'with "quotes" and ü'))
    loaded = there_and_back(replace(solution, certificate=certificate), tmp_path / "s.npz")
    assert str(loaded.certificate) == str(certificate)
    assert not loaded.certificate.ok
    assert loaded.status is solution.status


def test_a_loaded_answer_can_be_certified_anew(tmp_path):
    loaded = there_and_back(result("projection", "dense"), tmp_path / "s.npz")
    assert certify(BregmanProjection(DENSE, log_alpha=-2302.6), log_x=loaded.log_x, dual=loaded.dual).ok


def test_what_is_loaded_is_read_only_too(tmp_path):
    path = there_and_back(result("path", "dense"), tmp_path / "path.npz")
    arrays = [path.cost, path.log_alphas, path.system.matrix, path.log_x, *(one.x for one in path.solutions)]
    analysis = there_and_back(result("known analysis", "dense"), tmp_path / "analysis.npz")
    arrays += [analysis.x_star, analysis.rho.witness, analysis.exponents]
    assert not any(array.flags.writeable for array in arrays)


@pytest.fixture
def no_computing(monkeypatch):
    """Makes every way to an optimum raise."""

    def refuse(*_args, **_kwargs):
        raise AssertionError("something is computed again")

    for name in (
        "bregman_l1.theory.support_constants.SupportConstants._computed",
        "bregman_l1.theory.support_constants.rho_at_vertex",
        "bregman_l1.theory.analysis.laws_of",
        "bregman_l1.theory.asymptotics.leading_layer",
        "bregman_l1.theory.analysis.find_limit",
        "bregman_l1.theory.limit.find_limit",
        "bregman_l1.theory.deviation.deviation",
        "bregman_l1.polyhedron.linear_program.solve_linear_program",
        "bregman_l1.polyhedron.kernel_cone.proximal_minimiser",
        "bregman_l1.polyhedron.kernel_cone.solve_verified_later",
    ):
        monkeypatch.setattr(name, refuse)
    return monkeypatch


def test_a_loaded_analysis_computes_nothing_again(tmp_path, request):
    analysis = result("known analysis", "dense")
    page, rate = str(analysis), analysis.rate
    analysis.save(tmp_path / "analysis.npz")
    request.getfixturevalue("no_computing")
    loaded = load(tmp_path / "analysis.npz")
    assert str(loaded) == page
    assert loaded.rate == rate
    with pytest.raises(AssertionError, match="computed again"):
        analyze(DENSE)


def test_a_loaded_analysis_goes_on_where_it_was(tmp_path):
    loaded = there_and_back(analyze(DENSE), tmp_path / "analysis.npz")
    assert "rho_tilde" not in vars(loaded)
    complete = result("known analysis", "dense")
    assert loaded.rho_tilde.value == complete.rho_tilde.value
    assert loaded.enclosure(1e-6) == complete.enclosure(1e-6)
    assert loaded.alpha_for(1e-6) == complete.alpha_for(1e-6)


def test_a_path_keeps_its_deviation_if_it_was_known(tmp_path, request):
    path = projection_path(DENSE, log_alphas=[-1.0, -2302.6])
    assert "log_deviation" not in vars(there_and_back(path, tmp_path / "path.npz"))
    deviation = path.log_deviation
    path.save(tmp_path / "path.npz")
    request.getfixturevalue("no_computing")
    np.testing.assert_array_equal(load(tmp_path / "path.npz").log_deviation, deviation)


def test_a_null_space_constant_is_a_solution_like_any_other(tmp_path):
    solution = solve(NullSpaceConstant(DENSE, analyze(DENSE).support, "rho"))
    assert state(there_and_back(solution, tmp_path / "s.npz")) == state(solution)


def test_results_save_themselves(tmp_path):
    for name, kind in (("projection", Solution), ("path", ProjectionPath), ("analysis", Analysis)):
        result(name, "dense").save(tmp_path / name)
        assert type(load(str(tmp_path / name))) is kind


def test_numpy_reads_the_arrays_by_name(tmp_path):
    solution, path = result("projection", "dense"), result("path", "dense")
    solution.save(tmp_path / "solution.npz")
    path.save(tmp_path / "path.npz")
    with np.load(tmp_path / "solution.npz") as archive:
        for name in ("x", "log_x", "dual"):
            np.testing.assert_array_equal(archive[name], getattr(solution, name))
    with np.load(tmp_path / "path.npz") as archive:
        np.testing.assert_array_equal(archive["solutions.log_x"], path.log_x)
        np.testing.assert_array_equal(archive["system.A"], DENSE.matrix)


def test_a_file_holds_plain_arrays_and_json(tmp_path):
    result("known analysis", "sparse").save(tmp_path / "analysis.npz")
    with zipfile.ZipFile(tmp_path / "analysis.npz") as archive:
        names = archive.namelist()
        assert [name for name in names if not name.endswith(".npy")] == ["meta.json"]
        meta = json.loads(archive.read("meta.json"))
    assert (meta["format"], meta["version"]) == ("bregman_l1 result", 3)
    with np.load(tmp_path / "analysis.npz", allow_pickle=False) as archive:
        assert {archive[name].dtype.kind for name in archive.files if name != "meta.json"} <= set("fib")


def test_equal_results_make_equal_files(tmp_path):
    solution = result("projection", "dense")
    for name in "ab":
        solution.save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_long_path_takes_few_members(tmp_path):
    path = projection_path(DENSE, log_alphas=np.linspace(-1.0, -50.0, 100))
    assert state(there_and_back(path, tmp_path / "path.npz")) == state(path)
    with zipfile.ZipFile(tmp_path / "path.npz") as archive:
        assert len(archive.namelist()) < 10


def test_the_file_is_replaced_and_nothing_is_left_beside_it(tmp_path):
    first, second = result("projection", "dense"), result("minimiser", "dense")
    first.save(tmp_path / "s.npz")
    second.save(tmp_path / "s.npz")
    assert state(load(tmp_path / "s.npz")) == state(second)
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.npz"]


def test_a_file_whose_successor_cannot_be_written_stays_as_it_was(tmp_path, monkeypatch):
    solution = result("projection", "dense")
    solution.save(tmp_path / "s.npz")
    before = (tmp_path / "s.npz").read_bytes()

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(InputFileError, match=r"s\.npz: cannot be written.*No space left"):
        result("minimiser", "dense").save(tmp_path / "s.npz")
    assert (tmp_path / "s.npz").read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.npz"]


@pytest.mark.skipif(os.name == "nt", reason="links and modes are those of POSIX")
def test_a_link_stays_a_link_and_the_mode_is_that_of_any_new_file(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "s.npz")
    result("projection", "dense").save(tmp_path / "link")
    (tmp_path / "other").write_bytes(b"")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "s.npz").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("where", ["", "missing/s.npz", "file/s.npz", "directory", "null\0"])
def test_a_place_that_cannot_be_written_is_named(where, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "directory").mkdir()
    with pytest.raises(InputFileError, match="cannot be written"):
        save(result("projection", "dense"), tmp_path / where if where else "")


@pytest.mark.skipif(os.name == "nt", reason="pipes in the file system are those of POSIX")
def test_what_is_no_regular_file_is_neither_replaced_nor_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    for name in ("pipe", "link"):
        with pytest.raises(InputFileError, match=f"{name}: cannot be written: it is a directory or a device"):
            save(result("projection", "dense"), tmp_path / name)
        with pytest.raises(InputFileError, match=f"{name}: not a readable .* directory or a device"):
            load(tmp_path / name)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(os.name == "nt", reason="links are those of POSIX")
def test_a_link_to_itself_raises_nothing_but_our_error(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(InputFileError, match="loop"):
        load(tmp_path / "loop")


@pytest.mark.parametrize("wrong", [None, 3, io.BytesIO()], ids=lambda wrong: type(wrong).__name__)
def test_a_path_that_is_none_is_refused_by_its_type(wrong):
    for attempt in (load, result("projection", "dense").save):
        with pytest.raises(InvalidProblemError, match=f"path must be .* got {type(wrong).__name__}"):
            attempt(wrong)


def test_the_message_names_the_file_and_no_temporary_one(tmp_path):
    with pytest.raises(InputFileError, match="cannot be written: No such file or directory$"):
        save(result("projection", "dense"), tmp_path / "missing" / "s.npz")


@pytest.mark.parametrize("wrong", [None, 1, np.ones(2), DENSE, "solution"], ids=lambda wrong: type(wrong).__name__)
def test_only_results_are_saved(wrong, tmp_path):
    with pytest.raises(InvalidProblemError, match="a Solution, ProjectionPath or Analysis can be saved, got"):
        save(wrong, tmp_path / "s.npz")


def test_a_name_that_no_file_can_hold_is_refused(tmp_path):
    odd = replace(result("projection", "dense"), backend=date(2024, 1, 1))
    with pytest.raises(InvalidProblemError, match="backend holds a date, which cannot be saved"):
        odd.save(tmp_path / "s.npz")
    assert list(tmp_path.iterdir()) == []


@cache
def saved(name: str) -> bytes:
    with TemporaryDirectory() as directory:
        save(result(name, "sparse"), f"{directory}/result.npz")
        return Path(directory, "result.npz").read_bytes()


def with_meta(name: str, **changes: Any) -> bytes:
    found = members(saved(name))
    return archived(found | {"meta.json": json.dumps(json.loads(found["meta.json"]) | changes).encode()})


def refused(content: bytes, tmp_path: Path) -> str:
    (tmp_path / "given.npz").write_bytes(content)
    with pytest.raises(InputFileError) as caught:
        load(tmp_path / "given.npz")
    assert str(caught.value).startswith(f"{tmp_path / 'given.npz'}: ")
    return str(caught.value)


def test_a_file_of_a_newer_version_is_refused_with_what_to_do(tmp_path):
    assert refused(with_meta("projection", version=4), tmp_path).endswith(
        "written by a newer version of bregman_l1 (format 4; this one reads up to 3): upgrade bregman_l1"
    )


@pytest.mark.parametrize("name", ["projection", "path"])
def test_a_file_of_before_unknowns_of_either_sign_is_read(name, tmp_path):
    """Format 2 has no parts of x, and no depth."""
    later = ("x_plus", "x_minus", "log_x_plus", "log_x_minus", "depth", "signed")
    tree = json.loads(members(saved(name))["meta.json"], object_hook=lambda found: without(found, later))["result"]
    (tmp_path / "old").write_bytes(with_meta(name, version=2, result=tree))
    (tmp_path / "new").write_bytes(saved(name))
    assert state(load(tmp_path / "old")) == state(load(tmp_path / "new"))


def without(mapping: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name not in names}


FOREIGN = {
    "empty": (lambda: b"", "not a readable result"),
    "text": (lambda: b"x,log_x\n1,0\n", "not a readable result"),
    "foreign": (lambda: with_meta("projection", format="another"), "was not written by bregman_l1's save"),
    "odd version": (lambda: with_meta("projection", version="one"), "not a readable result"),
    "an array": (lambda: with_meta("projection", result={"array": "x"}), "holds no Solution"),
    "a missing array": (lambda: with_meta("projection", result={"array": "z"}), "not a readable result"),
    "a foreign kind": (lambda: with_meta("path", result={"record": "system", "fields": {}}), "not a readable result"),
    "an unknown form": (lambda: with_meta("projection", result={"unheard": 1}), "unknown form"),
    "deep": (lambda: archived({"meta.json": b"[" * 100_000}), "not a readable result"),
    "no description": (lambda: archived({"meta.json": b"[]"}), "not a readable result"),
    "npz": (lambda: archived({"x.npy": members(saved("projection"))["x.npy"]}), "was not written by bregman_l1's save"),
    "bomb": (lambda: archived({"meta.json": b" " * 10**6}, zipfile.ZIP_DEFLATED), "promises more data than it has"),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_file_that_is_none_of_ours_is_refused(kind, tmp_path):
    make, words = FOREIGN[kind]
    assert words in refused(make(), tmp_path)


def test_a_missing_file_and_a_directory_are_refused(tmp_path):
    with pytest.raises(InputFileError, match=r"none\.npz: no such file"):
        load(tmp_path / "none.npz")
    with pytest.raises(InputFileError, match="not a readable result"):
        load(tmp_path)


def test_pickled_objects_are_never_loaded(tmp_path):
    stream = io.BytesIO()
    np.save(stream, np.array([{"run": "me"}], dtype=object), allow_pickle=True)
    found = members(saved("projection")) | {"x.npy": stream.getvalue()}
    assert "allow_pickle=False" in refused(archived(found), tmp_path)


def test_a_truncated_file_is_refused(tmp_path):
    content = saved("path")
    for length in range(0, len(content), max(1, len(content) // 50)):
        refused(content[:length], tmp_path)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=300))
def test_random_bytes_are_refused(content, tmp_path_factory):
    refused(content, tmp_path_factory.getbasetemp())


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_read_as_it_was(data, tmp_path_factory):
    name = data.draw(st.sampled_from(["projection", "path", "known analysis"]))
    content = bytearray(saved(name))
    start = data.draw(st.integers(0, len(content) - 1))
    content[start : start + data.draw(st.integers(1, 8))] = data.draw(st.binary(min_size=1, max_size=8))
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(content)
    try:
        loaded = load(path)
    except InputFileError:
        return
    assert state(loaded) == state(result(name, "sparse"))


def subtrees(tree: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [way, *(found for key, value in inner for found in subtrees(value, (*way, key)))]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_forged_description_raises_nothing_but_our_error(data, tmp_path_factory):
    """Whoever writes a file with right checksums gets a result, or an InputFileError."""
    name = data.draw(st.sampled_from(["projection", "path", "known analysis"]))
    found = members(saved(name))
    meta = json.loads(found["meta.json"])
    *way, last = data.draw(st.sampled_from(subtrees(meta)[1:]))
    part = meta
    for key in way:
        part = part[key]
    others = st.sampled_from([None, [], {}, "x", -1, {"array": "x"}, {"array": "system.A.indptr"}, [[]], 1e400])
    part[last] = data.draw(others)
    path = tmp_path_factory.getbasetemp() / "forged.npz"
    path.write_bytes(archived(found | {"meta.json": json.dumps(meta).encode()}))
    with suppress(InputFileError):
        load(path)


WRITTEN = Path(__file__).parent / "reference" / "results"
BY_NAME = LinearSystem([[1.0, 0.5, 0.25]], [1.0], row_names=["total"], column_names=["a", "b", "c"])


def test_a_solution_written_in_format_1_is_read():
    found = load(WRITTEN / "solution_1.npz")
    answer = solve(BregmanProjection(BY_NAME, log_alpha=-2302.6))
    np.testing.assert_allclose(found.log_x, answer.log_x, rtol=1e-12, atol=1e-9)
    assert (found.names, found.status) == (("a", "b", "c"), Status.CERTIFIED)
    assert set(found.certificate.checks) == set(answer.certificate.checks)


def test_a_path_written_in_format_1_is_read():
    found = load(WRITTEN / "path_1.npz")
    path = projection_path(BY_NAME, log_alphas=[-20.0, -2302.6], prior=[1.0, 2.0, 0.0], cost=[1.0, 2.0, 3.0])
    np.testing.assert_allclose(found.log_x, path.log_x, rtol=1e-12, atol=1e-9)
    np.testing.assert_array_equal(found.prior, path.prior)
    assert found.system.column_names == ("a", "b", "c")


def test_an_analysis_written_in_format_1_is_read():
    found, analysis = load(WRITTEN / "analysis_1.npz"), analyze(BY_NAME)
    assert found.rho.value == pytest.approx(analysis.rho.value, rel=1e-12)
    np.testing.assert_allclose(found.exponents, analysis.exponents, rtol=1e-12)
    assert "not computed" not in str(found)
