"""Sweeps: records survive being killed, are refused when damaged, and depend on their own row alone."""

import json
import os
import resource
import runpy
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

import bregman_l1
from bregman_l1.errors import StudyError
from bregman_l1.experiments import Record, Store, Study, load_study, shipped_studies, sweep
from bregman_l1.experiments.imported import importable_from
from bregman_l1.experiments.study import shipped_titles
from bregman_l1.experiments.summary import summarise
from bregman_l1.experiments.tables import write_csv, write_parquet

GRID = {"n": list(range(6)), "scale": [1.0, 2.0]}


def measure(seed, *, n, scale=1.0):
    """A cheap deterministic measure that fails on some rows."""
    if n == 4:
        raise ArithmeticError(f"n = {n} is refused")
    return {"value": scale * float(np.random.default_rng(seed).standard_normal()), "vector": np.arange(n)}


def lines(path):
    return sorted((Path(path) / "records.jsonl").read_bytes().splitlines())


def contents(path):
    return {file.name: file.read_bytes() for file in Path(path).iterdir()}


@pytest.fixture
def study():
    return Study(measure=measure, grid=GRID, repetitions=3, seed=11)


@pytest.fixture
def finished(study, tmp_path):
    sweep(study, tmp_path / "finished")
    return tmp_path / "finished"


# ---------------------------------------------------------------- what a study is


def test_every_row_has_its_own_seed_and_the_same_one_each_time(study):
    seeds = [row.seed for row in study.rows()]
    assert len(set(seeds)) == len(study) == 36
    assert seeds == [row.seed for row in study.rows()]


def test_a_record_depends_on_its_own_row_and_not_on_the_rest_of_the_grid(study, tmp_path):
    small = Study(measure=measure, grid={"scale": 2, "n": [5]}, repetitions=2, seed=11)
    sweep(study, tmp_path / "large")
    large = {record.seed: record.result for record in Store(tmp_path / "large")}
    for record in sweep(small, tmp_path / "small"):
        assert large[record.seed] == record.result


def test_blocks_of_a_grid_follow_each_other():
    study = Study(measure=measure, grid=[{"n": [1, 2]}, {"n": 3, "scale": [1.0, 2.0]}])
    assert [row.parameters for row in study.rows()] == [
        {"n": 1},
        {"n": 2},
        {"n": 3, "scale": 1.0},
        {"n": 3, "scale": 2.0},
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grid": {"n": [1], "scal": [1.0]}}, "unknown parameter 'scal'; did you mean 'scale'"),
        ({"grid": {"scale": [1.0]}}, "missing a required"),
        ({"grid": {"n": []}}, "empty"),
        ({"grid": []}, "empty"),
        ({"grid": [3]}, "a grid is a table"),
        ({"grid": 3}, "a grid is a table"),
        ({"grid": {"n": [object()]}}, "in the grid: object"),
        ({"title": 3}, "title must be a string"),
        ({"measure": partial(measure, scale=2.0)}, "a function with a name"),
        ({"repetitions": 0}, "repetitions must be an integer of at least 1"),
        ({"seed": -1}, "seed must be an integer"),
    ],
)
def test_bad_studies_are_refused_before_any_work(changes, message):
    with pytest.raises(StudyError, match=message):
        Study(**{"measure": measure, "grid": GRID, **changes})


# ---------------------------------------------------------------- study files


def study_file(tmp_path, **changes):
    values = {"measure": '"null-space"', "repetitions": "2", "grid": "{N = 10, d = 30, s = [1, 2]}", **changes}
    path = tmp_path / "study.toml"
    path.write_text("\n".join(f"{key} = {value}" for key, value in values.items()))
    return path


def test_study_file_is_read(tmp_path):
    study = load_study(study_file(tmp_path))
    assert [row.parameters["s"] for row in study.rows()] == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repetitons": "3"}, "unknown study key 'repetitons'; did you mean 'repetitions'"),
        ({"measure": '"null-spce"'}, "unknown measure 'null-spce'; did you mean 'null-space'"),
        ({"measure": '"no.such.module:f"'}, "cannot be imported"),
        ({"measure": '"math:pi"'}, "not a function"),
        ({"measure": '":"'}, "cannot be imported"),
        ({"measure": '"rate"'}, "does not say log_alphas"),
        ({"measure": '"rate"', "grid": "{N = 10, d = 30, s = 2, log_alpha = 0}"}, "did you mean 'log_alphas'"),
        ({"measure": '"rate"', "grid": "{N = 10, d = 30, s = 2, log_alphas = [['a', 'b']]}"}, "finite numbers"),
        ({"grid": "{N = 10, d = 30, s = 11}"}, "support size s must lie in 1 ... N = 10, got 11"),
        ({"grid": "{N = 30, d = 30, s = 2}"}, "no second solution"),
        ({"grid": '{N = 10, d = 30, s = 2, ensemble = "gausian"}'}, "did you mean 'gaussian'"),
        ({"grid": "{N = 10, d = 30, s = 2, nose = 0.1}"}, "unknown parameter 'nose'; did you mean 'noise'"),
        ({"grid": "{N = 10, d = 30, s = 2"}, "not TOML"),
    ],
)
def test_bad_study_files_are_refused(tmp_path, changes, message):
    with pytest.raises(StudyError, match=message):
        load_study(study_file(tmp_path, **changes))


def test_unknown_study_names_the_nearest_shipped_one(tmp_path):
    with pytest.raises(StudyError, match="unknown shipped study 'recovry'; did you mean 'recovery'"):
        load_study("recovry")
    with pytest.raises(StudyError, match="cannot be read"):
        load_study(tmp_path / "absent.toml")
    (tmp_path / "study.txt").write_text("")
    with pytest.raises(StudyError, match=r"ends in \.toml"):
        load_study(tmp_path / "study.txt")


@pytest.mark.parametrize("name", shipped_studies())
def test_shipped_studies_pass_their_own_checks(name):
    assert len(load_study(name)) >= 30
    assert shipped_titles()[name] == load_study(name).title


# ---------------------------------------------------------------- records


def test_failing_rows_are_recorded_and_do_not_stop_the_study(study, finished):
    records = list(Store(finished))
    failed = [record for record in records if record.error is not None]
    assert len(records) == len(study)
    assert {record.parameters["n"] for record in failed} == {4}
    assert {record.error for record in failed} == {"ArithmeticError: n = 4 is refused"}
    assert all(record.result is None for record in failed)
    tracebacks = [entry for entry in Store(finished).log() if "traceback" in entry]
    assert len(tracebacks) == len(failed)


def test_what_cannot_be_stored_is_an_error_of_its_row(tmp_path):
    (record,) = sweep(Study(measure=lambda _: {"bad": object()}, grid={}), tmp_path / "a")
    assert record.error.startswith("TypeError: object")
    (record,) = sweep(Study(measure=lambda _: 3.0, grid={}), tmp_path / "b")
    assert record.error.startswith("TypeError: a measure returns a mapping")


def test_a_measure_that_exits_does_not_end_the_study(tmp_path):
    records = sweep(Study(measure=lambda seed, n: sys.exit(n), grid={"n": [0, 3]}), tmp_path)
    assert [record.error for record in records] == ["SystemExit: 0", "SystemExit: 3"]


def crash(seed, *, n):
    if n:
        os._exit(9)
    return {}


def test_a_row_that_kills_its_worker_ends_the_sweep_with_the_records_so_far(tmp_path):
    sweep(Study(measure=crash, grid={"n": [0]}), tmp_path / "whole", n_jobs=2)
    with pytest.raises(StudyError, match="killed its worker process; the records so far are kept"):
        sweep(Study(measure=crash, grid={"n": [0, 1]}), tmp_path / "crashed", n_jobs=2)
    assert all(record.row == 0 for record in Store(tmp_path / "crashed"))


def test_a_result_does_not_hide_what_belongs_to_the_record(tmp_path):
    (record,) = sweep(Study(measure=lambda seed, n: {"error": 0.5, "seed": 7, "n": 9}, grid={"n": 2}), tmp_path)
    row = record.flat()
    assert (row["n"], row["seed"], row["error"]) == (2, record.seed, None)
    assert (row["result.n"], row["result.seed"], row["result.error"]) == (9, 7, 0.5)


def test_records_come_back_in_the_order_of_their_rows_with_the_values_they_had(study, finished):
    records = list(Store(finished))
    assert [record.row for record in records] == list(range(len(study)))
    expected = measure(records[-1].seed, **records[-1].parameters)
    assert records[-1].result == {"value": expected["value"], "vector": expected["vector"].tolist()}


def test_wall_clock_values_stay_out_of_the_records(finished):
    assert all("seconds" not in json.loads(line) for line in lines(finished))
    assert len([entry["seconds"] for entry in Store(finished).log()]) == 36


def test_workers_do_not_change_the_records(study, finished, tmp_path):
    sweep(study, tmp_path / "two", n_jobs=2)
    assert lines(tmp_path / "two") == lines(finished)


def test_a_dask_cluster_at_an_address_does_not_change_the_records(study, finished, tmp_path):
    distributed = import_module("distributed")
    settings = {"n_workers": 1, "threads_per_worker": 2, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(protocol="tcp://", **settings) as cluster:
        sweep(study, tmp_path / "dask", cluster=cluster.scheduler_address)
    assert lines(tmp_path / "dask") == lines(finished)


def test_a_finished_study_does_no_work_again(finished):
    before = lines(finished)
    sweep(Study(measure=measure, grid=GRID, repetitions=3, seed=11), finished)
    assert lines(finished) == before
    assert len(list(Store(finished).log())) == 36


def test_records_are_written_to_csv_and_parquet(finished, tmp_path):
    rows = [record.flat() for record in Store(finished)]
    write_csv(tmp_path / "out.csv", rows)
    text = (tmp_path / "out.csv").read_text().splitlines()
    assert text[0] == "row,n,scale,repetition,seed,value,vector,error"
    assert len(text) == 37
    pq = import_module("pyarrow.parquet")
    write_parquet(tmp_path / "out.parquet", rows, {"made": "here"})
    assert pq.read_table(tmp_path / "out.parquet").num_rows == 36
    write_parquet(tmp_path / "mixed.parquet", [{"x": "a"}, {"x": 1.5}, {"x": None}])
    assert pq.read_table(tmp_path / "mixed.parquet")["x"].to_pylist() == ['"a"', "1.5", None]


def test_missing_pyarrow_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match="pip install pyarrow"):
        write_parquet(tmp_path / "out.parquet", [])


def test_a_store_becomes_a_data_frame_with_the_columns_of_its_table(finished):
    frame = Store(finished).to_frame()
    assert list(frame.columns) == ["row", "n", "scale", "repetition", "seed", "value", "vector", "error"]
    assert len(frame) == 36
    assert frame.groupby("n")["error"].count().to_dict() == {0: 0, 1: 0, 2: 0, 3: 0, 4: 6, 5: 0}
    expected = {record.row: record.result["value"] for record in Store(finished) if record.result}
    assert frame.set_index("row")["value"].dropna().to_dict() == expected


def test_a_data_frame_without_pandas_says_how_to_install_it(finished, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="data frames need pandas: pip install pandas"):
        Store(finished).to_frame()


# ---------------------------------------------------------------- summaries


def test_a_summary_has_the_median_and_the_failures_of_each_combination(finished):
    summary = Store(finished).summary()
    assert [group.parameters for group in summary.groups] == [
        {"n": n, "scale": scale} for n in range(6) for scale in (1.0, 2.0)
    ]
    assert (summary.rows, summary.failed) == (36, 6)
    for group in summary.groups:
        values = [r.result["value"] for r in Store(finished) if r.result and r.parameters == group.parameters]
        assert (group.rows, group.failed) == (3, 3 - len(values))
        np.testing.assert_equal(group.statistics, {"median value": np.median(values) if values else np.nan})


def test_a_summary_tells_shares_from_medians_and_leaves_out_what_has_neither(tmp_path):
    def outcome(seed, *, n):
        number = np.nan if n == 1 else 10**n
        return {"even": n % 2 == 0, "number": number, "name": "x", "list": [n], "none": None, "large": 10**400}

    (group,) = sweep(Study(measure=outcome, grid={"n": [0]}, repetitions=2), tmp_path / "one").summary().groups
    assert group.statistics == {"share even": 1.0, "median number": 1.0}
    records = sweep(Study(measure=outcome, grid={"n": range(4)}), tmp_path / "four")
    (group,) = summarise(replace(record, parameters={}) for record in records).groups
    assert group.statistics == {"share even": 0.5, "median number": 100.0}


def failed_record(row, error, **parameters):
    return Record(row=row, parameters=parameters, repetition=0, seed=row, error=error)


def test_reasons_that_differ_in_numbers_alone_are_one_and_names_with_digits_are_not():
    messages = ["n = 4 at -1.5e-3", "n = 12 at 7", "as float64", "as float32", "as float64", "at <f at 0x7f3a>"]
    summary = summarise(failed_record(row, f"ValueError: {message}") for row, message in enumerate(messages))
    assert [(failure.reason, failure.rows) for failure in summary.failures] == [
        ("ValueError: n = # at #", (0, 1)),
        ("ValueError: as float64", (2, 4)),
        ("ValueError: as float32", (3,)),
        ("ValueError: at <f at 0x7f3a>", (5,)),
    ]
    assert summary.failures[0].example.row == 0
    example = "such as row 0 (repetition = 0): ValueError: n = 4 at -1.5e-3"
    assert f"2 x ValueError: n = # at #\n    {example}\n" in str(summary)


def test_a_summary_fits_a_screen_whatever_the_study_is():
    result = {f"result_{k}": 1.0 for k in range(40)}
    parameters = [{"rows": n, "kind": "a", "text": "x" * 99, "list": list(range(50))} for n in range(200)]
    whole = [Record(row=n, parameters=place, repetition=0, seed=n, result=result) for n, place in enumerate(parameters)]
    failed = [failed_record(200 + n, f"E{'abcdefghij'[n]}: {'long ' * 99}\nlines", rows=n) for n in range(10)]
    text = summarise([*whole, *failed]).text(width=80)
    assert len(text.splitlines()) <= 30
    assert "and 195 more combinations" in text
    assert "and 6 more reasons" in text
    table = [line for line in text.splitlines() if line.startswith(("rows  ", "0  ", "14  "))]
    assert len(table) == 3
    assert "not shown: median result_" in text
    assert all(len(line) <= 80 for line in table)
    assert str(summarise([])) == "no rows"


def test_what_all_rows_share_is_said_once(tmp_path):
    study = Study(measure=measure, grid=[{"n": 1, "scale": [1.0, 2.0]}, {"n": 1, "scale": 3.0}])
    text = str(sweep(study, tmp_path).summary())
    assert text.startswith("throughout: n = 1\nscale  rows  median value\n1 ")


# ---------------------------------------------------------------- modules of one's own


def test_modules_are_found_in_the_directories_named_and_the_path_is_as_before(tmp_path):
    before = list(sys.path)
    with importable_from(tmp_path, tmp_path):
        (tmp_path / "found_beside_a_study.py").write_text("def measured(seed):\n    return {'value': 3}\n")
        study = load_study(study_file(tmp_path, measure='"found_beside_a_study:measured"', grid="{}"))
    assert sys.path == before
    assert study.function(0) == {"value": 3}


# ---------------------------------------------------------------- interruption


@pytest.mark.parametrize("cut", [1, 7, 60])
def test_a_torn_last_line_is_done_again(study, finished, cut):
    before = lines(finished)
    records = finished / "records.jsonl"
    records.write_bytes(records.read_bytes()[:-cut])
    assert len(Store(finished)) == 35
    sweep(study, finished)
    assert lines(finished) == before


def test_a_sweep_that_is_interrupted_between_two_rows_keeps_them_and_warns_of_nothing(
    study, finished, tmp_path, monkeypatch
):
    append = Store.append

    def interrupted(store, record, **log):
        append(store, record, **log)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Store, "append", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sweep(study, tmp_path / "interrupted", n_jobs=2)
    assert len(Store(tmp_path / "interrupted")) == 1
    sweep(study, tmp_path / "interrupted")
    assert lines(tmp_path / "interrupted") == lines(finished)


def test_more_repetitions_extend_a_store_to_the_bytes_of_one_that_had_them_from_the_start(study, finished, tmp_path):
    before = (finished / "records.jsonl").read_bytes()
    more = replace(study, repetitions=5)
    sweep(more, finished)
    assert (finished / "records.jsonl").read_bytes().startswith(before)
    sweep(more, tmp_path / "fresh")
    assert lines(finished) == lines(tmp_path / "fresh")
    assert Store(finished).study() == more.identity()
    assert [record.row for record in Store(finished)] == [row.index for row in more.rows()]
    assert [record.seed for record in Store(finished)] == [row.seed for row in more.rows()]
    failed = {record.row for record in Store(finished) if record.error}
    assert {entry["row"] for entry in Store(finished).log() if "traceback" in entry} == failed
    assert len(list(Store(finished).log())) == len(more) == 60


def test_the_rows_of_a_study_that_are_there_are_counted_before_it_is_continued(study, finished, tmp_path):
    assert Store(tmp_path / "new").held(study.identity()) == 0
    assert not (tmp_path / "new").exists()
    before = contents(finished)
    assert Store(finished).held(study.identity()) == len(study)
    assert Store(finished).held(replace(study, repetitions=5).identity()) == len(study)
    assert contents(finished) == before


def test_an_unfinished_header_is_begun_again(study, tmp_path):
    (tmp_path / "study.json.part").write_text('{"form')
    assert len(sweep(study, tmp_path)) == len(study)


KILLED = """
    import sys, time
    from bregman_l1.experiments import Study, sweep

    def measure(seed, *, n):
        time.sleep(0.03)
        if n % 5 == 2:
            raise ValueError(f"{n} is refused")
        return {"value": seed / 3, "n": n}

    if __name__ == "__main__":
        store, cluster = sys.argv[1:]
        study = Study(measure=measure, grid={"n": list(range(60))})
        sweep(study, store, n_jobs=2, cluster=None if cluster == "joblib" else cluster)
"""


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(bregman_l1.__file__).parents[1])}


def run_until_killed(command, store, records):
    """Start a sweep in a session of its own and kill it, and only it, once it has so many records."""
    process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    file = store / "records.jsonl"
    try:
        while process.poll() is None:
            if file.exists() and file.read_bytes().count(b"\n") >= records:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
        return process.wait(timeout=60)
    finally:
        # Workers outlive a killed parent for a while; they are in its session.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL and process groups are POSIX")
@pytest.mark.parametrize("engine", ["joblib", "local"])
def test_a_killed_study_ends_with_the_records_of_an_uninterrupted_one(engine, tmp_path):
    script = tmp_path / "study.py"
    script.write_text(textwrap.dedent(KILLED))
    store = tmp_path / "killed"
    for records in (1, 25):
        code = run_until_killed([sys.executable, script, store, engine], store, records)
        assert code == -signal.SIGKILL
        assert records <= len(Store(store)) < 60
    command = [sys.executable, script, store, engine]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    sweep(Study(measure=runpy.run_path(str(script))["measure"], grid={"n": list(range(60))}), tmp_path / "whole")
    assert lines(store) == lines(tmp_path / "whole")


# ---------------------------------------------------------------- stores that must not be touched


def corrupt(path, change):
    records = path / "records.jsonl"
    records.write_bytes(change(records.read_bytes()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.replace(b'"seed": ', b'"seed": 1', 1), "line 1: its checksum is wrong"),
        (lambda data: b"not a record\n" + data, "damaged at line 1"),
        (lambda data: data[:300] + b"\n" + data[300:], "damaged at line"),
        (lambda data: data + data.splitlines(keepends=True)[0], "line 37 repeats row 0"),
        (lambda data: data + bytes(40) + b"\n", "damaged at line 37"),
    ],
)
def test_a_corrupt_store_is_refused_and_left_alone(study, finished, change, message):
    corrupt(finished, change)
    damaged = contents(finished)
    for repetitions in (3, 3, 4):
        with pytest.raises(StudyError, match=message):
            sweep(replace(study, repetitions=repetitions), finished)
        with pytest.raises(StudyError, match=message):
            list(Store(finished))
    assert contents(finished) == damaged


@pytest.mark.parametrize("change", [{"seed": 12}, {"grid": {"n": [1]}}, {"grid": {"n": [1]}, "repetitions": 4}])
def test_a_store_of_another_study_is_refused(finished, change):
    before = contents(finished)
    other = Study(**{"measure": measure, "grid": GRID, "repetitions": 3, "seed": 11, **change})
    with pytest.raises(StudyError, match=f"belongs to another study: its {next(iter(change))} is"):
        sweep(other, finished)
    with pytest.raises(StudyError, match="belongs to another study"):
        Store(finished).held(other.identity())
    assert contents(finished) == before


def test_fewer_repetitions_than_a_store_is_of_are_refused(study, finished):
    before = contents(finished)
    with pytest.raises(StudyError, match="is of 3 repetitions of this study, 2 were asked for: ask for 3 or more"):
        sweep(replace(study, repetitions=2), finished)
    assert contents(finished) == before


def of_an_earlier_version(store):
    """Rewrite a store as the first version of the format had it: the number of the row in every line."""
    header = store / "study.json"
    header.write_text(header.read_text().replace("study store 2", "study store 1"))
    written = []
    for record in Store(store):
        values = {name: getattr(record, name) for name in Record.__slots__}
        written.append({**values, "crc32": f"{crc32(json.dumps(values).encode()):08x}"})
    (store / "records.jsonl").write_text("".join(json.dumps(line) + "\n" for line in written))


def test_a_store_of_an_earlier_version_is_read_continued_and_not_extended(study, finished):
    records = list(Store(finished))
    of_an_earlier_version(finished)
    assert list(Store(finished)) == records
    file = finished / "records.jsonl"
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:20]))
    assert Store(finished).held(study.identity()) == 20
    assert list(sweep(study, finished)) == records
    before = contents(finished)
    with pytest.raises(StudyError, match="an earlier version, with 3 repetitions, .* choose a new directory for 4"):
        sweep(replace(study, repetitions=4), finished)
    assert contents(finished) == before


def test_a_foreign_directory_is_refused(study, tmp_path):
    (tmp_path / "thesis.tex").write_text("do not touch")
    with pytest.raises(StudyError, match=r"not a study store \(it holds 'thesis.tex'\)"):
        sweep(study, tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_foreign_header_is_refused(study, tmp_path):
    (tmp_path / "study.json").write_text('{"format": "something else"}')
    with pytest.raises(StudyError, match="does not belong to a"):
        sweep(study, tmp_path)
    assert (tmp_path / "study.json").read_text() == '{"format": "something else"}'


def test_an_unwritable_store_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")

    def never(seed):
        raise AssertionError("work was started")

    with pytest.raises(StudyError, match="cannot be written"):
        sweep(Study(measure=never, grid={}), tmp_path / "file" / "store")


def test_a_full_disk_ends_the_study_and_leaves_a_store_that_can_be_continued(study, finished, tmp_path, monkeypatch):
    def full(_):
        raise OSError("No space left on device")

    record = Record(row=0, parameters={}, repetition=0, seed=0, result={})
    with Store(tmp_path / "full").open_for(study.identity()) as store, monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StudyError, match="cannot be written any more: No space"):
            store.append(record)
    (tmp_path / "full" / "records.jsonl").write_bytes(b'{"row": 0')
    sweep(study, tmp_path / "full")
    assert lines(tmp_path / "full") == lines(finished)


def test_two_writers_are_refused(study, tmp_path):
    with Store(tmp_path).open_for(study.identity()), pytest.raises(StudyError, match="in use by another"):
        sweep(study, tmp_path)
    assert len(sweep(study, tmp_path)) == len(study)


def test_a_store_that_is_not_there_is_said(tmp_path):
    with pytest.raises(StudyError, match="not a study store"):
        list(Store(tmp_path / "absent"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_jobs": 0}, "n_jobs must be"),
        ({"n_jobs": 1.5}, "n_jobs must be"),
        ({"cluster": "nowhere"}, "cluster must be 'local' or an address"),
    ],
)
def test_bad_engines_are_refused_before_the_store_is_made(study, tmp_path, settings, message):
    with pytest.raises(StudyError, match=message):
        sweep(study, tmp_path / "store", **settings)
    assert not (tmp_path / "store").exists()


def test_a_cluster_nobody_answers_at_is_said_soon(study, tmp_path, monkeypatch):
    import_module("distributed")
    monkeypatch.setitem(sweep.__globals__, "_SECONDS_TO_CONNECT", 0.2)
    for address in ("tcp://127.0.0.1:9", "nonsense://127.0.0.1:9"):
        with pytest.raises(StudyError, match="cannot be reached"):
            sweep(study, tmp_path / "store", cluster=address)


# ---------------------------------------------------------------- memory


def peak_memory(seed, *, n, text="x" * 5000):
    """Return the peak memory of the worker so far, in bytes, in a record of 5 kB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return {"peak": unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "text": text}


@pytest.mark.skipif(sys.platform == "win32", reason="getrusage is POSIX")
def test_memory_of_a_worker_stays_flat_over_ten_thousand_records(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", id)  # waiting for the disk is most of the time, none of the memory
    records = sweep(Study(measure=peak_memory, grid={"n": list(range(10))}, repetitions=1000), tmp_path)
    peaks = [record.result["peak"] for record in records]
    assert len(peaks) == 10_000
    assert peaks[-1] - peaks[1000] < 10e6  # the later 9000 records are 45 MB


def test_appending_the_same_row_twice_is_refused(tmp_path):
    record = Record(row=0, parameters={}, repetition=0, seed=0, result={})
    with Store(tmp_path).open_for({}) as store:
        store.append(record)
        with pytest.raises(StudyError, match="already holds row 0"):
            store.append(record)
    with pytest.raises(StudyError, match="not open for writing"):
        store.append(record)


def test_a_row_that_is_not_of_its_repetition_is_refused(tmp_path):
    with Store(tmp_path).open_for({"repetitions": 3}) as store:
        with pytest.raises(StudyError, match="row 4 is not repetition 2 of any combination"):
            store.append(Record(row=4, parameters={}, repetition=2, seed=0, result={}))
        store.append(Record(row=4, parameters={}, repetition=1, seed=0, result={}))
    assert [record.row for record in store] == [4]
