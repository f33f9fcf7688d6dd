"""The tutorials as they are committed: executed, paired with their sources, free of one machine's traces.

Whether a new execution says the same is asked by ``python tutorials/build.py --check``, which needs a kernel; what is
asked here needs the standard library alone.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

TUTORIALS = Path(__file__).parent.parent / "tutorials"


def _load(path):
    spec = importlib.util.spec_from_file_location(f"tutorials_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build = _load(TUTORIALS / "build.py")

SOURCES = build.sources()
PERCENT_FILE = """# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
# ---

# %% [markdown]
# # A title
#
# Text.

# %%
x = 1


def double(y):
    return 2 * y


# %%
print(double(x))
"""


def _notebook(*outputs, source="print(1)"):
    cell = {"cell_type": "code", "id": "cell-01", "source": source, "outputs": list(outputs)}
    return {"cells": [cell]}, f"# %%\n{source}\n"


def _stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_tutorial_is_committed_executed_and_agrees_with_its_source(source):
    notebook = build.read_notebook(source.with_suffix(".ipynb"))
    assert build.faults(notebook, source.read_text(encoding="utf-8")) == []


def test_every_notebook_has_a_source_and_none_is_missing():
    assert sorted(path.with_suffix(".py") for path in TUTORIALS.glob("*.ipynb")) == SOURCES
    assert [source.name[:2] for source in SOURCES] == [f"{k:02d}" for k in range(1, len(SOURCES) + 1)]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_cells_are_executed_once_and_in_order_and_hold_no_time(source):
    text = source.with_suffix(".ipynb").read_text(encoding="utf-8")
    notebook = json.loads(text)
    counts = [cell["execution_count"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert notebook["metadata"] == build.METADATA
    assert all(cell["metadata"] == {} for cell in notebook["cells"])


def test_all_notebooks_together_are_small():
    assert sum(path.stat().st_size for path in TUTORIALS.glob("*.ipynb")) < 3_000_000


def test_a_percent_file_is_read_as_its_cells():
    assert build.cells_of(PERCENT_FILE) == [
        ("markdown", "# A title\n\nText."),
        ("code", "x = 1\n\n\ndef double(y):\n    return 2 * y"),
        ("code", "print(double(x))"),
    ]


@pytest.mark.parametrize(
    ("source", "shows"),
    [
        ("x = 1", False),
        ("x", True),
        ("x = 1\nprint(x)", True),
        ("for x in xs:\n    print(x)", True),
        ("def f():\n    print(1)", False),
        ("figure, axes = plt.subplots()", True),
        ("_ = path.plot()", True),
        ("import numpy as np", False),
        ("assert x == 1", False),
    ],
)
def test_a_cell_that_ends_with_an_expression_prints_or_draws_should_show_something(source, shows):
    assert build.shows_something(source) is shows


def test_a_missing_output_is_a_fault():
    (fault,) = build.faults(*_notebook())
    assert "holds no output" in fault


def test_a_cell_with_nothing_to_show_may_be_silent():
    assert build.faults(*_notebook(source="x = 1")) == []


def test_a_notebook_out_of_step_with_its_source_is_a_fault():
    notebook, _ = _notebook(_stream("1\n"))
    (fault,) = build.faults(notebook, "# %%\nprint(2)\n")
    assert "different cells" in fault


@pytest.mark.parametrize(
    "text", ["/home/someone/x.py:3: bad", "written to /tmp/abc", "<Axes at 0x7f00aa>", "C:\\Users\\someone\\x"]
)
def test_a_place_on_one_machine_is_a_fault(text):
    (fault,) = build.faults(*_notebook(_stream(text)))
    assert "a place on one machine" in fault


def test_errors_and_warnings_are_faults():
    error = {"output_type": "error", "ename": "ValueError", "evalue": "no"}
    assert ["ValueError: no" in fault for fault in build.faults(*_notebook(error))] == [True]
    assert ["stderr" in fault for fault in build.faults(*_notebook(_stream("careful", "stderr")))] == [True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("deviation 1.3e-12", "deviation 6.3e-12"),  # both are rounding errors
        ("deviation 8.9e-16", "deviation 0"),
        ("off by 0.4841", "off by 0.4840"),
        ("off by 3.3e-06", "off by 3.2e-06"),
        ("off by 3e-06", "off by 9e-06"),  # an order of magnitude
        ("a   table\nof 1.50", "a table of 1.5"),
        ("-0.00", "0.00"),
        ("alpha^-0.25", "alpha^-0.25"),
    ],
)
def test_texts_that_differ_by_rounding_alone_agree(old, new):
    assert build.agree(old, new)
    assert build.agree(new, old)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("10 of 10 certified", "9 of 10 certified"),
        ("certified", "not certified"),
        ("off by 0.4841", "off by 0.4844"),
        ("off by 3.3e-06", "off by 3.3e-05"),
        ("off by 3.3e-06", "off by 6.3e-06"),
        ("off by 3e-06", "off by 1e-04"),
        ("deviation 1.3e-12", "deviation 1.3e-02"),
        ("1.5 and 2.5", "1.5 and"),
        ("rate 0.41", "rate -0.41"),
    ],
)
def test_texts_that_say_something_else_do_not_agree(old, new):
    assert not build.agree(old, new)
    assert not build.agree(new, old)


def test_a_new_run_that_says_something_else_is_found():
    old, _ = _notebook(_stream("8 of 10\n"))
    new, _ = _notebook(_stream("9 of 10\n"))
    assert build.differences(old, old) == []
    (found,) = build.differences(old, new)
    assert "- 8 of 10\n+ 9 of 10" in found


def test_a_new_run_that_fails_is_reported_by_its_error(tmp_path):
    old, text = _notebook(_stream("1\n"))
    failed, _ = _notebook({"output_type": "error", "ename": "ImportError", "evalue": "no such name"})
    source = tmp_path / "01_x.py"
    source.write_text(text)
    source.with_suffix(".ipynb").write_text(json.dumps(old))
    assert build.check(source, old) == []
    assert build.check(source, failed) == ["cell-01 ends in ImportError: no such name"]


def test_only_the_lines_that_say_something_else_are_shown():
    old, new = "error 1e-12\nrank 6\nend", "error 3e-12\nrank 5\nend"
    assert build.changed_lines(old, new) == "- rank 6\n+ rank 5"
    assert "+extra" in build.changed_lines(old, old + "\nextra")


def test_a_picture_is_compared_by_its_presence():
    def drawn(data):
        return {"output_type": "display_data", "data": {"image/png": data, "text/plain": "<Figure>"}}

    one, other, none = (_notebook(output)[0] for output in (drawn("aaaa"), drawn("bbbb"), _stream("")))
    assert build.differences(one, other) == []
    assert len(build.differences(one, none)) == 1


def test_streams_cut_at_another_place_are_the_same_output():
    assert build.merged([_stream("a"), _stream("b")]) == [_stream("ab")]
    assert build.merged([_stream("a"), _stream("b", "stderr")]) == [_stream("a"), _stream("b", "stderr")]


def test_a_picture_keeps_its_pixels_and_loses_its_text():
    import base64
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head, end = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"0" * 13), chunk(b"IDAT", b"pixels") + chunk(b"IEND", b"")
    picture = base64.b64encode(head + chunk(b"tEXt", b"Software\x00drawn by version 3") + end).decode()
    assert base64.b64decode(build.pixels_only(picture)) == head + end
