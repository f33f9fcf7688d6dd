"""Each floor of the house imports only from the floors below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bregman_l1"
FLOORS = [
    {
        "_types", "assumptions", "budget", "certificate", "documented", "errors", "feasible_set", "frozen", "linear_program",
        "minimiser", "newton", "outcome", "progress", "scale", "system",
    },
    {"problems"},
    {"backends"},
    {"solution", "solve"},
    {"path", "theory", "flow"},
    {"experiments"},
    {"plotting", "cli"},
]  # fmt: skip
FLOOR_OF = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_rooms(node: ast.AST) -> set[str]:
    rooms = set()
    for child in ast.walk(node):
        names = []
        if isinstance(child, ast.ImportFrom) and child.level == 0 and child.module:
            names = [child.module] if child.module != "bregman_l1" else [f"bregman_l1.{a.name}" for a in child.names]
        elif isinstance(child, ast.Import):
            names = [alias.name for alias in child.names]
        rooms |= {name.split(".")[1] for name in names if name.startswith("bregman_l1.")}
    return rooms


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_room_imports_only_from_its_floor_and_below(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = [node for node in tree.body if not is_for_types_only(node)]
    above = {room for node in statements for room in imported_rooms(node) if FLOOR_OF[room] > FLOOR_OF[room_of(path)]}
    # A result's .plot() opens its picture's file when it is called: the one reference upwards.
    assert above <= {"plotting"}
    at_import = {room for node in statements if not isinstance(node, ast.ClassDef | ast.FunctionDef)
                 for room in imported_rooms(node)}  # fmt: skip
    assert "plotting" not in at_import or room_of(path) in {"plotting", "cli"}


def test_every_room_has_a_floor():
    assert {room_of(path) for path in MODULES} <= set(FLOOR_OF)


def test_only_the_system_knows_how_its_matrix_is_stored():
    owners = {path.relative_to(PACKAGE).as_posix() for path in MODULES if "._A" in path.read_text(encoding="utf-8")}
    assert owners == {"system.py"}
