"""Vertices counted one by one, against the examples of the theory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from flint import fmpq

from . import enumeration as module
from .enumeration import constants, kernel_vertices, minimisers, rate

TWO = np.array([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]]), np.ones(2)
# C != 0: a maximum over columns alone would give rho = 3.
LAYERED = np.array([[1, 0, 2, -1, -1.5], [0, 1, -1, 1, 0.5], [0, 0, 1, -1, -2]]), np.array([1.0, 1, 0])


def test_the_package_is_not_asked():
    assert "bregman_l1" not in Path(module.__file__).read_text(encoding="utf-8")


def test_the_minimiser_and_the_constants_of_a_pair():
    found = minimisers(*TWO, np.ones(3))
    assert (found.value, found.support, found.unique) == (2, [0, 1], True)
    kernel = kernel_vertices(TWO[0], found.support)
    assert constants(kernel) == {"rho": fmpq(1, 2), "rho_tilde": fmpq(19, 2), "rho_minus": 5}
    assert rate(kernel, found.support, np.ones(3)) == fmpq(1, 2)


def test_constants_where_the_support_does_not_span_the_rows():
    found = minimisers(*LAYERED, np.ones(5))
    assert found.vertices == [[1, 1, 0, 0, 0]]
    kernel = kernel_vertices(LAYERED[0], found.support)
    assert constants(kernel) == {"rho": fmpq(1, 2), "rho_tilde": fmpq(4, 3), "rho_minus": fmpq(5, 6)}


def test_ties_are_exact():
    e = 2.0**-30
    assert minimisers(np.array([[1.0, 1.0 - e]]), np.ones(1), np.ones(2)).vertices == [[1, 0]]
    several = minimisers(np.array([[1.0, 1.0, 1.0, 0.5], [0.0, 1.0, 2.0, 3.0]]), np.array([1.0, 1.0]), np.ones(4))
    assert not several.unique
    assert several.support == [0, 1, 2]


def test_costs_are_weights():
    found = minimisers(np.array([[1.0, 1.5, 1.0]]), np.array([2.0]), np.array([1.0, 2.0, 1.5]))
    kernel = kernel_vertices(np.array([[1.0, 1.5, 1.0]]), found.support)
    assert rate(kernel, found.support, np.array([1.0, 2.0, 1.5])) == fmpq(1, 2)


def test_nothing_feasible_has_no_minimiser_and_a_single_point_no_kernel():
    assert minimisers(np.ones((1, 2)), -np.ones(1), np.ones(2)) is None
    A = np.array([[1.0, 1.0], [1.0, 2.0]])
    assert kernel_vertices(A, minimisers(A, np.array([2.0, 3.0]), np.ones(2)).support) == []
