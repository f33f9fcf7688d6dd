"""What an optional package is needed for is said, with a command that works for everybody."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import matplotlib.pyplot  # noqa: F401 - in memory, as it is where a notebook has drawn before
import pytest

import bregman_l1
from bregman_l1 import BregmanError, MissingPackageError, backends
from bregman_l1.experiments.tables import require_pyarrow
from bregman_l1.optional import require
from bregman_l1.plotting._matplotlib import pyplot

PACKAGE = Path(bregman_l1.__file__).parent


@pytest.mark.parametrize(
    ("module", "feature", "message"),
    [
        ("matplotlib", pyplot, "pictures need matplotlib: pip install matplotlib"),
        ("pyarrow", require_pyarrow, "Parquet files need pyarrow: pip install pyarrow"),
        ("sklearn", lambda: require("sklearn.datasets", "the digits"), "need scikit-learn: pip install scikit-learn"),
    ],
)
def test_a_missing_package_is_named_with_the_command_that_installs_it(module, feature, message, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=message) as caught:
        feature()
    assert isinstance(caught.value, ImportError)
    assert isinstance(caught.value, BregmanError)


def test_a_package_that_is_installed_and_broken_says_so_itself(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import something_it_needs\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_it_needs") as caught:
        require("half_installed", "pictures")
    assert not isinstance(caught.value, MissingPackageError)


def test_no_backend_is_said_to_come_from_an_index_that_has_it_not():
    assert {row.install for row in backends() if "bregman" in row.install} == set()
    assert backends()["newton"].install == ""


def test_no_hint_names_an_extra_of_this_package_on_an_index():
    hints = {
        path: re.findall(r"pip install[^\n]*bregman_l1\[", path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")
    }
    assert hints
    assert not {path: found for path, found in hints.items() if found}
