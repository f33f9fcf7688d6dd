"""Packages that publish backends and ensembles, written into a directory as pip would install them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest


def publish(
    directory: Path, monkeypatch: pytest.MonkeyPatch, *, module: str, source: str, group: str, **points: str
) -> None:
    """Install a package of one module whose entry points, name=attribute, other packages can find."""
    (directory / f"{module}.py").write_text(source, encoding="utf-8")
    information = directory / f"{module}-1.2.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
    lines = [f"[{group}]", *(f"{name.replace('_', '-')} = {module}:{attribute}" for name, attribute in points.items())]
    (information / "entry_points.txt").write_text("\n".join(lines) + "\n")
    monkeypatch.syspath_prepend(directory)
    monkeypatch.delitem(sys.modules, module, raising=False)
