"""Files as they should not be: made up, damaged, or forged by someone who knows the format."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from hypothesis import strategies as st

_TOKENS = [
    b"", b"\x00", b"\n", b"\r\n", b"\r", b'"', b"'", b",", b";", b"\t", b" ", b"-", b"\xef\xbb\xbf", b"\xff\xfe",
    b"\xff", b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"9" * 25, b"1" * 5000, b"1_0", b"0x10", b"1,5", b"True",
    b"#", b"{}", b"[]", b"[" * 3000, b"null", b"NaN", b"\xd9\xa3", b"\x80", b"\\u0000", b"'descr'", b"O",
    b"PK\x05\x06", b"\x93NUMPY",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The content with a few bytes lost, replaced, repeated or put in, or cut off."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 12)))
        put = draw(st.sampled_from(_TOKENS) | st.binary(max_size=6))
        kind = draw(st.sampled_from(["replace", "insert", "repeat", "cut"]))
        match kind:
            case "replace":
                content = content[:start] + put + content[end:]
            case "insert":
                content = content[:start] + put + content[start:]
            case "repeat":
                content = content[:end] + content[start:]
            case "cut":
                content = content[:start]
    return content


def bytes_like(*contents: bytes) -> st.SearchStrategy[bytes]:
    """Bytes at random, or one of the contents damaged."""
    return st.binary(max_size=200) | st.sampled_from(contents).flatmap(damaged)


_CELLS = [
    "1", "2.5", "-3", "0", "1e3", "", " ", "nan", "inf", "-inf", "1e999", "1e-999", "9" * 30, "1_0", "0x1", "1,5", "a",
    "b", "é", "\x00", '"', '""', '"a', 'a"b', "a\nb", "#", "#1", "True", "false", "٣", "²", "1 2", "1;2", "1\t2",
    "=1+1", "1" * 5000, "+1", "--1", "1e", ".", "None", "x" * 200,
]  # fmt: skip
_ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1", "cp037"]


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """A .csv file of cells that are no numbers, or hardly, in lines of different length."""
    width = draw(st.integers(0, 4))
    cells = st.sampled_from(_CELLS) | st.floats().map(repr) | st.text(max_size=4)
    lines = [draw(st.lists(cells, min_size=width, max_size=width + draw(st.integers(0, 1)))) for _ in range(4)]
    separator, end = draw(st.sampled_from([",", ",", ",", ";", "\t"])), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    return end.join(map(separator.join, lines)).encode(draw(st.sampled_from(_ENCODINGS)), errors="replace")


def members(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


def archived(content: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return stream.getvalue()


def array_file(array: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


_ARRAYS = [
    np.ones(3), np.zeros(0), np.array(1.0), np.full((2, 3), np.nan), np.ones((3, 3), dtype="f4"), np.arange(-4, 4),
    np.array([10**6, -5], dtype=np.int32), np.ones(2, dtype=complex), np.array(["a", "b"]), np.ones(2, dtype="M8[s]"),
    np.ones(2, dtype=[("x", "f8")]), np.array([True, False]), np.ones((1, 2, 3)), np.array(b"csr"), np.ones((0, 3)),
    np.ones(40), np.array([2**63], dtype=np.uint64), np.ones(2, dtype=np.longdouble), np.ones(3, dtype=">f8"),
]  # fmt: skip


@st.composite
def forged(draw: st.DrawFn, archive: bytes) -> bytes:
    """An archive with right checksums and a member that is lost, renamed, damaged or another array."""
    content = members(archive)
    names = st.sampled_from(sorted(content))
    for _ in range(draw(st.integers(1, 2))):
        name = draw(names.filter(content.__contains__))
        match draw(st.sampled_from(["lose", "rename", "damage", "array", "copy"])):
            case "lose":
                del content[name]
            case "rename":
                content[draw(names | st.text("ab./é", min_size=1, max_size=5))] = content.pop(name)
            case "damage":
                content[name] = draw(damaged(content[name]))
            case "array":
                content[name] = array_file(draw(st.sampled_from(_ARRAYS)))
            case "copy":
                content[name] = content[draw(names.filter(content.__contains__))]
    return archived(content, draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])))


def subtrees(tree: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every part of a tree of lists and mappings."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [way, *(found for key, value in inner for found in subtrees(value, (*way, key)))]


# Some of them mean something in a file of ours.
_PLAIN: list[Any] = [
    None, True, False, -1, 0, 1, 2, 10**30, 0.5, -0.5, 1e400, -1e400, float("nan"), "", "x", "\ud800", "array", [],
    [[]], [1], [0.5, "x"], {}, {"x": 1}, {"array": "x"}, {"array": "log_x"}, {"record": "Check", "fields": {}},
    {"record": "System", "fields": {}}, {"record": [], "fields": {}}, {"mapping": {"a": None}}, {"mapping": 3},
    {"records": "Solution", "columns": {}}, {"csc": {}, "shape": [1, 1]}, ["os:system"], "os:system", "nothing:here",
]  # fmt: skip


@st.composite
def rewritten(draw: st.DrawFn, tree: Any) -> Any:
    """A tree of plain values with one or two of its parts replaced, lost or put elsewhere."""
    tree = json.loads(json.dumps(tree))
    for _ in range(draw(st.integers(1, 2))):
        *way, last = draw(st.sampled_from(subtrees(tree)[1:]))
        part = tree
        for key in way:
            part = part[key]
        if draw(st.integers(0, 5)) == 0:
            del part[last]
        else:
            part[last] = deepcopy(draw(st.sampled_from(_PLAIN)))
        if not tree:
            break
    return tree
