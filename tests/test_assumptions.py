from __future__ import annotations

import numpy as np
import pytest
from conftest import gaussian_system
from sklearn.datasets import load_digits

from bregman_l1 import InfeasibleError, LinearSystem


def test_gaussian_system_meets_the_assumption_with_evidence():
    system, x0 = gaussian_system()
    report = system.check_assumptions()
    assert report.ok
    minimiser, mu = report.unique_minimiser.evidence
    np.testing.assert_allclose(minimiser, x0, atol=1e-12)
    np.testing.assert_allclose(system.rmatvec(mu)[x0 > 0], 1.0)
    assert system.rmatvec(mu)[x0 == 0].max() < 1.0
    one, other = report.several_solutions.evidence
    for solution in (one, other):
        assert solution.min() >= 0
        np.testing.assert_allclose(system.matvec(solution), system.y, atol=1e-9)
    assert np.abs(one - other).sum() > 0.1


def test_two_minimisers_are_shown():
    system = LinearSystem([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]], [1.0, 0.8])
    report = system.check_assumptions()
    assert not report.unique_minimiser
    one, other = report.unique_minimiser.evidence
    assert one.sum() == pytest.approx(other.sum())
    assert np.abs(one - other).sum() > 0.1
    assert "(c) FAILS: two l1 minimisers" in str(report)


@pytest.mark.parametrize(
    "system", [LinearSystem(np.eye(2), [1.0, 2.0]), LinearSystem([[1.0, 2.0], [0.0, 1.0]], [1.0, 0.0])]
)
def test_a_single_solution_is_reported(system):
    report = system.check_assumptions()
    assert not report.several_solutions
    assert report.unique_minimiser
    assert not report.ok


def test_minimiser_is_degenerate_when_duplicate_columns_carry_it():
    report = LinearSystem([[1.0, 1.0, 0.5]], [1.0]).check_assumptions()
    assert not report.unique_minimiser
    assert np.abs(np.subtract(*report.unique_minimiser.evidence)).sum() > 0.5


def test_infeasible_system_raises():
    with pytest.raises(InfeasibleError):
        LinearSystem([[1.0, 1.0], [0.0, 1.0]], [1.0, 2.0]).check_assumptions()


def test_an_image_that_is_the_only_solution_is_found_to_be_so():
    """HiGHS calls the bounded program of the maximal support unbounded for the 7th and the 30th of these images."""
    rng, images = np.random.default_rng(1), load_digits().data
    for n_rows in (32, 36, 40, 44, 48):
        chosen = [(image, rng.standard_normal((n_rows, 64))) for image in rng.choice(images, 30, replace=False)]
    for image, A in (chosen[6], chosen[29]):
        report = LinearSystem(A / np.sqrt(n_rows), A @ image / np.sqrt(n_rows)).check_assumptions()
        assert not report.several_solutions
        np.testing.assert_allclose(report.several_solutions.evidence[0], image, atol=1e-10)
