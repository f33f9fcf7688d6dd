"""Pages made before every build: the tutorials, from their notebooks; command line and reference, from the code."""

from __future__ import annotations

import inspect
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

# Where the public names of bregman_l1 are made, and under which heading they are listed.
_HEADINGS = {
    "Systems and problems": ("system", "problems", "polyhedron"),
    "Solve and certify": ("_solve", "path", "solution", "certificate", "claim", "saving", "_backends"),
    "Proof": ("proof",),
    "Theory": ("theory",),
    "The network": ("flow",),
    "Studies": ("experiments",),
    "Errors and warnings": ("errors",),
}
_OTHERS = "More"
_PACKAGES = ("bregman_l1", "bregman_l1.proof", "bregman_l1.theory", "bregman_l1.flow", "bregman_l1.experiments",
             "bregman_l1.experiments.ensembles")  # fmt: skip


def setup(app: Sphinx) -> dict[str, Any]:
    """Make the pages before Sphinx looks for them."""
    app.connect("config-inited", _make)
    return {"parallel_read_safe": True}


def _make(app: Sphinx, _config: Config) -> None:
    docs = Path(app.confdir)
    _copy_tutorials(docs.parent / "tutorials", docs / "tutorials")
    _write(docs / "reference" / "cli.md", _command_line(docs.parent))
    _write(docs / "reference" / "index.rst", _reference())


def _copy_tutorials(notebooks: Path, pages: Path) -> None:
    """Copies keep the times of the originals: what has not changed is not read again."""
    pages.mkdir(exist_ok=True)
    originals = {path.name: path for path in notebooks.glob("*.ipynb")}
    for page in pages.glob("*.ipynb"):
        if page.name not in originals:
            page.unlink()
    for name, original in originals.items():
        shutil.copy2(original, pages / name)


def _write(page: Path, text: str) -> None:
    page.parent.mkdir(exist_ok=True)
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def _command_line(checkout: Path) -> str:
    command = [sys.executable, "-m", "typer", "bregman_l1.cli", "utils", "docs", "--name", "bregman-l1",
               "--title", "Command line"]  # fmt: skip
    done = subprocess.run(command, cwd=checkout, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    return done.stdout


def _reference() -> str:
    """The page that lists every public name once, under the package a user would import it from."""
    groups: dict[str, list[str]] = {heading: [] for heading in (*_HEADINGS, _OTHERS)}
    seen: set[int] = set()
    for package in map(import_module, _PACKAGES):
        for name in _public_names(package):
            subject = getattr(package, name)
            if id(subject) not in seen and not inspect.ismodule(subject):
                seen.add(id(subject))
                groups[_heading(subject)].append(f"{package.__name__}.{name}")
    sections = (_section(heading, names) for heading, names in groups.items() if names)
    return "\n".join(["API reference", "=============", "", ".. toctree::", "   :hidden:", "", "   cli", "", *sections])


def _public_names(package: ModuleType) -> list[str]:
    names = getattr(package, "__all__", None)
    if names is not None:
        return list(names)
    return [
        name
        for name, subject in vars(package).items()
        if not name.startswith("_") and getattr(subject, "__module__", None) == package.__name__
    ]


def _heading(subject: object) -> str:
    part = getattr(subject, "__module__", "").removeprefix("bregman_l1.").partition(".")[0]
    return next((heading for heading, parts in _HEADINGS.items() if part in parts), _OTHERS)


def _section(heading: str, names: list[str]) -> str:
    options = ["   :toctree:", f"   :caption: {heading}", "   :nosignatures:"]
    lines = [heading, "-" * len(heading), "", ".. autosummary::", *options, ""]
    return "\n".join([*lines, *(f"   ~{name}" for name in names), ""])
