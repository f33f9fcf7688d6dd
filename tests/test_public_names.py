"""What tab completion offers is what is public, and a name means one thing."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

import bregman_l1

PACKAGES = [
    "bregman_l1",
    "bregman_l1.experiments",
    "bregman_l1.experiments.ensembles",
    "bregman_l1.flow",
    "bregman_l1.theory",
]


@pytest.mark.parametrize("name", PACKAGES)
def test_tab_completion_offers_the_public_names_and_nothing_else(name):
    package = import_module(name)
    offered = [each for each in dir(package) if not each.startswith("_")]
    assert sorted(offered) == sorted(package.__all__)
    assert all(hasattr(package, each) for each in offered)


def test_names_are_in_order_and_once():
    assert bregman_l1.__all__ == sorted(set(bregman_l1.__all__))


def test_everything_public_comes_with_a_star():
    code = "from bregman_l1 import *; assert callable(backends) and callable(flow.compare_flow) and theory.Constant"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_what_a_backend_needs_is_public():
    assert {"Backend", "Claim", "Outcome", "Support", "backends"} <= set(bregman_l1.__all__)
    assert callable(bregman_l1.backends)
    assert "register_ensemble" in bregman_l1.experiments.__all__
