"""The examples in the docstrings print what they say."""

from __future__ import annotations

import doctest
import inspect
import pkgutil
from importlib import import_module

import pytest

import bregman_l1

MODULES = ["bregman_l1", *(module.name for module in pkgutil.walk_packages(bregman_l1.__path__, "bregman_l1."))]


class Finder(doctest.DocTestFinder):
    """Finds the examples of decorated functions too."""

    def _from_module(self, module, object):  # noqa: A002 - the name doctest calls it by
        return super()._from_module(module, inspect.unwrap(object) if inspect.isfunction(object) else object)


def examples(name):
    return [test for test in Finder().find(import_module(name), name) if test.examples]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    runner = doctest.DocTestRunner()
    for example in examples(name):
        runner.run(example)
    assert runner.failures == 0


def test_decorated_functions_have_their_examples_run():
    assert {"bregman_l1._solve.solve", "bregman_l1._solve.certify"} <= {
        test.name for test in examples("bregman_l1._solve")
    }


def test_every_public_function_has_an_example():
    functions = [name for name in bregman_l1.__all__ if inspect.isfunction(getattr(bregman_l1, name))]
    assert functions
    for name in functions:
        assert ">>>" in inspect.getdoc(getattr(bregman_l1, name)), name
