"""What the README and the documentation tell a reader to run does run: every Python block, every shell command.

The blocks of a page are run in their order, in one namespace and one empty directory that holds A.npy, y.npy and
prior.npy. Commands that install or test the package, or build the site, are left out: they are the part of .ci/run.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import gaussian_system

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", flags=re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"<!--.*?-->", flags=re.DOTALL)
LEFT_TO_CI = ("pip ", "python -m venv ", "pytest", "sphinx-build ")


def blocks(page):
    return BLOCK.findall(COMMENT.sub("", page.read_text(encoding="utf-8")))


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
def test_what_a_page_tells_a_reader_to_run_does_run(page):
    namespace: dict[str, object] = {}
    for language, block in blocks(page):
        if language == "python":
            exec(compile(block, page.name, "exec"), namespace)  # noqa: S102 - our own text
        elif commands(block):
            run_in_shell(block)


def test_the_pages_hold_blocks_of_both_kinds():
    found = {(page.name, language) for page in PAGES for language, _ in blocks(page)}
    assert {("README.md", "python"), ("README.md", "bash"), ("start.md", "python"), ("start.md", "bash")} <= found
