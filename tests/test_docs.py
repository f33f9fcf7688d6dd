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
NUMBER = re.compile(r"\d[\d.]*(e[-+]?\d+)?")
COMMENT = re.compile(r"<!--.*?-->", flags=re.DOTALL)
LEFT_TO_CI = ("pip ", "python -m venv ", "pytest", "sphinx-build ")


def blocks(page):
    return BLOCK.findall(COMMENT.sub("", page.read_text(encoding="utf-8")))


def wording(text):
    """The words of a text: numbers that rounding changes from machine to machine count as equal."""
    return NUMBER.sub("#", text).split()


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
            assert wording(printed) == wording(block)
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
