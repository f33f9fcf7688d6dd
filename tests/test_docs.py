"""What the README and the documentation tell a reader to run does run, and prints what they say it prints.

The blocks of a page are run in their order, in one namespace and one empty directory that holds A.npy, y.npy and
prior.npy. Commands that install or test the package, or build the site, are left out: they are the part of .ci/run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from conftest import gaussian_system

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(python|bash|text)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?")
VARYING = re.compile(rf"{NUMBER.pattern}(?= (?:digits|iterations|s|ms)\b)")
COMMENT = re.compile(r"<!--.*?-->", flags=re.DOTALL)
LEFT_TO_CI = ("pip ", "python -m venv ", "pytest", "sphinx-build ")


def blocks(page):
    return BLOCK.findall(COMMENT.sub("", page.read_text(encoding="utf-8")))


def says_the_same(printed, page):
    """Whether two texts have the same words and, to 1 %, the same numbers.

    What changes from machine to machine counts as equal: timings, counts of iterations and digits, and residuals of the
    size of rounding, which are all below 1e-9.
    """
    printed, page = VARYING.sub("", printed), VARYING.sub("", page)
    if NUMBER.sub("#", printed).split() != NUMBER.sub("#", page).split():
        return False
    found, expected = ([float(number) for number in NUMBER.findall(text)] for text in (printed, page))
    return found == pytest.approx(expected, rel=1e-2, abs=1e-9)


def commands(block):
    return [line for line in block.splitlines() if line.strip() and not line.startswith(LEFT_TO_CI)]


def run_in_shell(block):
    """The commands as a reader types them; those of this interpreter's environment come first."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = ["bash", "-euo", "pipefail", "-c", "\n".join(commands(block))]
    done = subprocess.run(shell, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def empty_directory(tmp_path, monkeypatch):
    """A working directory with the files that the pages speak of."""
    system, x0 = gaussian_system()
    np.save(tmp_path / "A.npy", system.matrix)
    np.save(tmp_path / "y.npy", system.y)
    np.save(tmp_path / "prior.npy", np.where(x0 > 0, 1.0, 0.1))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.name)
@pytest.mark.usefixtures("empty_directory")
def test_what_a_page_tells_a_reader_to_run_does_run_and_prints_what_it_says(page):
    namespace: dict[str, object] = {}
    printed = None
    for language, block in blocks(page):
        if language == "text" and printed is not None:
            assert says_the_same(printed, block), f"{page.name} says\n{block}\nand this is printed:\n{printed}"
        printed = None
        if language == "python":
            with redirect_stdout(StringIO()) as stream:
                exec(compile(block, page.name, "exec"), namespace)  # noqa: S102 - our own text
            printed = stream.getvalue()
        elif language == "bash" and commands(block):
            run_in_shell(block)


def test_the_pages_hold_blocks_of_both_kinds():
    found = {(page.name, language) for page in PAGES for language, _ in blocks(page)}
    assert {("README.md", "python"), ("README.md", "bash"), ("start.md", "python"), ("start.md", "bash")} <= found


@pytest.mark.parametrize(
    ("printed", "page", "same"),
    [
        ("x = 0.0733, certified", "x = 0.0735,  certified", True),
        ("x = 0.0733", "x = 0.0666", False),
        ("x = 1.05e-08", "x = 1.12e-07", False),
        ("depth 3: x = -1.5", "depth 3: x = 1.5", False),
        ("residual 7.8e-16  1e-09", "residual 2.2e-16  1e-09", True),
        ("PROVED, 44 digits, 9 iterations, 0.01 s", "PROVED, 46 digits, 10 iterations, 2.1e-3 s", True),
        ("PROVED, 44 digits", "CERTIFIED, 44 digits", False),
    ],
)
def test_numbers_of_a_page_may_differ_by_rounding_and_no_more(printed, page, same):
    assert says_the_same(printed, page) == same
