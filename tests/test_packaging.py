from __future__ import annotations

import configparser
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bregman_l1

ROOT = Path(__file__).parent.parent


def test_setup_cfg_holds_the_type_checker_and_nothing_else():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    assert parser.sections()
    assert all(section == "mypy" or section.startswith("mypy-") for section in parser.sections())
    assert parser["mypy"]["strict"] == "True"


def test_version_is_the_same_everywhere():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert project["version"] == bregman_l1.__version__
    assert f"version: {bregman_l1.__version__}\n" in citation


def test_dependencies_are_those_promised():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = {dependency.split(">")[0] for dependency in project["dependencies"]}
    solvers = {"cvxpy", "ecos", "scs", "highspy", "clarabel"}
    assert named == solvers | {"numpy", "scipy", "python-flint", "typer", "rich", "threadpoolctl"}
    assert {"plot", "parallel", "tutorials", "test", "all"} <= set(project["optional-dependencies"])


@pytest.mark.parametrize(
    "name",
    [
        "setup.cfg", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "SECURITY.md",
        "CONTRIBUTING.md", "CODE_OF_CONDUCT.md", "bregman_l1/py.typed", "tests", "tutorials", "benchmarks", ".ci/run",
        ".pre-commit-config.yaml", ".github/workflows/ci.yml", "MANIFEST.in",
    ],
)  # fmt: skip
def test_the_repository_is_complete(name):
    assert (ROOT / name).exists()


def test_ci_runs_exactly_the_two_commands_of_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in ("pip install . && bregman-l1 demo", "pip install '.[test]' && pytest"):
        assert command in readme
        assert command in script


def test_every_public_name_exists_and_is_documented():
    for name in bregman_l1.__all__:
        assert getattr(bregman_l1, name).__doc__, name


def test_what_no_projection_needs_is_imported_when_it_is_asked_for():
    code = (
        "import sys, bregman_l1; assert set(bregman_l1.__all__) <= set(dir(bregman_l1));"
        "packages = {'bregman_l1.' + name for name in ('experiments', 'flow', 'theory')};"
        "assert not (packages | {'scipy.optimize', 'scipy.integrate', 'cvxpy', 'matplotlib'}) & set(sys.modules);"
        "assert callable(bregman_l1.experiments.sweep) and callable(bregman_l1.analyze);"
        "from bregman_l1 import experiments, gradient_flow; assert experiments is bregman_l1.experiments;"
        "assert packages <= set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_misspelt_name_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'experiment'"):
        bregman_l1.experiment  # noqa: B018


def test_the_certificate_of_the_readme_is_the_one_printed():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^  (\S.*?)  +\S+  +\S+  +passed  (.*)$", readme, flags=re.MULTILINE)
    system = bregman_l1.LinearSystem([[1.0, 0.5]], [1.0])
    checks = bregman_l1.solve(bregman_l1.BregmanProjection(system, alpha=1e-6)).certificate.checks
    assert shown == [(name, check.meaning) for name, check in checks.items()]


def test_py_typed_and_study_files_are_installed():
    files = importlib.metadata.files("bregman_l1")
    assert files is not None
