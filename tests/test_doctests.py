"""The examples in the docstrings print what they say."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
from importlib import import_module

import pytest

import bregman_l1

MODULES = ["bregman_l1", *(module.name for module in pkgutil.walk_packages(bregman_l1.__path__, "bregman_l1."))]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    outcome = doctest.testmod(import_module(name))
    assert outcome.failed == 0


def test_every_public_function_has_an_example():
    functions = [name for name in bregman_l1.__all__ if inspect.isfunction(getattr(bregman_l1, name))]
    assert functions
    for name in functions:
        assert ">>>" in inspect.getdoc(getattr(bregman_l1, name)), name
