"""Each layer imports only from itself and the layers below it, without cycles, and no name hides a module."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "bregman_l1"
LAYERS = [
    {"_types", "errors", "validation"}
    | {"budget", "caching", "documented", "entry", "exact", "foreign", "frozen", "html", "names", "one_line", "parts"}
    | {"optional", "outcome", "plugins", "probes", "progress", "scale", "settings", "suggestions", "threads"},
    {"system"},
    {"polyhedron", "certificate", "claim", "potential"},
    {"basis"},
    {"newton"},
    {"krylov"},
    {"problems"},
    {"_backends"},
    {"solution", "_solve"},
    {"proof"},
    {"path", "theory", "flow"},
    {"saving"},
    {"experiments"},
    {"plotting", "cli"},
    {"__main__"},
]
LAYER_OF = {part: number for number, parts in enumerate(LAYERS) for part in parts}
# A method may import from a layer above when it is called: a system looks into its polyhedron, an answer is proved
# where that is asked for, a result draws itself and saves itself.
CALLED_UPWARDS = (
    {("system", "polyhedron"), ("_solve", "proof")}
    | {(part, "plotting") for part in ("path", "theory", "flow", "experiments")}
    | {(part, "saving") for part in ("solution", "path", "theory")}
)


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
INNER = [name for name in MODULES if name != "bregman_l1"]


def part_of(module: str) -> str:
    return module.split(".")[1]


def is_for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(module: str, *, when_called: bool = False) -> set[str]:
    """The modules of the package that a module imports when it is imported, or those that its functions import."""
    imported, waiting = set(), list(ast.parse(MODULES[module].read_text(encoding="utf-8")).body)
    inside = set()
    while waiting:
        node = waiting.pop()
        if is_for_types_only(node):
            continue
        called = node in inside or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        children = list(ast.iter_child_nodes(node))
        waiting += children
        inside |= set(children) if called else set()
        if called != when_called:
            continue
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names if alias.name in MODULES}
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            imported |= inner & set(MODULES)
            imported |= {node.module} if inner - set(MODULES) else set()
    return imported - {module}


@pytest.mark.parametrize("module", INNER)
def test_a_module_imports_only_from_its_layer_and_below(module):
    def above(imported: set[str]) -> set[tuple[str, str]]:
        parts = {(part_of(module), part_of(name)) for name in imported if name != "bregman_l1"}
        return {pair for pair in parts if LAYER_OF[pair[1]] > LAYER_OF[pair[0]]}

    assert not above(imports(module))
    assert above(imports(module, when_called=True)) <= CALLED_UPWARDS


def test_every_module_has_a_layer():
    assert {part_of(module) for module in INNER} == set(LAYER_OF)


def test_the_layers_are_those_that_contributing_lists():
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    items = re.split(r"^\d+\. ", text.partition("## Layers")[2].partition("\n\nA module whose")[0], flags=re.MULTILINE)
    listed = [set(re.findall(r"`(\w+)/?`", item)) for item in items[1:]]
    assert listed == LAYERS


def test_no_module_imports_itself_through_others():
    graph = {module: imports(module) - {"bregman_l1"} for module in INNER}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the modules of the cycle


@pytest.mark.parametrize("module", INNER)
def test_no_name_hides_a_module(module):
    """The statement `import bregman_l1.a.b` and the attribute `bregman_l1.a.b` mean the same thing."""
    package, _, name = module.rpartition(".")
    imported = import_module(module)
    assert getattr(import_module(package), name) is imported


def test_only_the_system_knows_how_its_matrix_is_stored():
    owners = {module for module, path in MODULES.items() if "._storage" in path.read_text(encoding="utf-8")}
    assert owners == {"bregman_l1.system.linear_system"}


def test_no_cached_property_holds_a_lock():
    """In Python 3.11 that of functools does, for all objects at once: a forked child would wait for it for ever."""
    holders = {module for module, path in MODULES.items() if "functools.cached_property" in path.read_text("utf-8")}
    importers = {
        module
        for module, path in MODULES.items()
        if re.search(r"from functools import .*\bcached_property\b", path.read_text("utf-8"))
    }
    assert holders | importers <= {"bregman_l1.caching"}
