"""Theorem II.2: the upper bound, the gap in the printed lower bound, and its correction."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from bregman_l1.errors import InvalidProblemError, NotAdmissibleError
from bregman_l1.system import LinearSystem
from bregman_l1.theory import analyze

COUNTEREXAMPLE = LinearSystem([[1, 0, 5], [0, 1, -9 / 2]], [1, 1])


def test_upper_bound_holds_on_the_references(unique_case):
    analysis = analyze(unique_case.system)
    for projection in unique_case.projections:
        log_alpha = float(projection["log_alpha"])
        if log_alpha < np.log(analysis.x_star[analysis.support].min()):
            assert float(projection["log_deviation_l1"]) <= analysis.log_upper_bound(log_alpha=log_alpha) + 1e-12


def test_corrected_lower_bound_holds_on_the_references(unique_case):
    analysis = analyze(unique_case.system)
    for projection in unique_case.projections:
        log_alpha = float(projection["log_alpha"])
        try:
            bound = analysis.log_lower_bound(log_alpha=log_alpha)
        except NotAdmissibleError:
            continue
        assert bound <= float(projection["log_deviation_off_support_max"]) + 1e-12


@pytest.mark.parametrize(("alpha", "truth", "printed"), [(1e-4, 0.720920156583, 0.79), (1e-6, 0.957579707485, 0.979)])
def test_printed_lower_bound_exceeds_the_truth(alpha, truth, printed):
    analysis = analyze(COUNTEREXAMPLE)
    scale = alpha ** (1 - analysis.rho.value)
    deviation = np.exp(analysis.log_deviation(alpha)) / (1 + 9.5) / scale
    assert deviation == pytest.approx(truth, abs=1e-11)
    assert analysis.lower_bound(alpha, form="printed") / scale == pytest.approx(printed, abs=1e-12)
    assert analysis.lower_bound(alpha, form="printed") / scale > deviation
    assert analysis.lower_bound(alpha) / scale < deviation


def test_printed_lower_bound_still_holds_at_1e_3():
    analysis = analyze(COUNTEREXAMPLE)
    scale = 1e-3 ** (1 / 2)
    assert np.exp(analysis.log_deviation(1e-3)) / 10.5 / scale == pytest.approx(0.4920, abs=1e-4)
    assert analysis.lower_bound(1e-3, form="printed") / scale == pytest.approx(0.3359, abs=1e-4)


def test_printed_lower_bound_is_false_in_exact_arithmetic():
    """A = [[1, 0, 3], [0, 1, -3]], y = (1, 1): x_3 at a rational alpha, checked without any rounding."""
    alpha = Fraction(65450827, 25028309200)
    ratio = Fraction(62570773, 65450827)
    x = ratio * alpha
    x_1, x_2 = 1 - 3 * x, 1 + 3 * x
    assert min(x, x_1, x_2) > 0
    assert (x_1 / alpha) ** 3 * (alpha / x_2) ** 3 == x / alpha
    rho, rho_tilde, kappa, smallest = 0, 6, 1, 1
    size = 2 * (1 + rho_tilde) * 1 * kappa * (alpha / smallest)
    assert size <= 1
    printed = 1 - size
    assert printed == Fraction(12055998811, 12514154600)
    assert ratio < printed
    g = rho_tilde * alpha
    assert (1 - g) ** rho_tilde <= ratio
    assert rho == 0


@pytest.mark.parametrize("multiple", [1.0, 2.0, 2.7])
def test_printed_lower_bound_holds_up_to_one_plus_root_three(multiple):
    analysis = analyze(LinearSystem([[1, -multiple]], [1]))
    for log_alpha in np.linspace(-40, -8, 9):
        try:
            printed = analysis.log_lower_bound(log_alpha=log_alpha, form="printed")
        except NotAdmissibleError:
            continue
        assert printed <= analysis.log_deviation(log_alpha=log_alpha) - np.log1p(multiple) + 1e-12


@pytest.mark.parametrize("multiple", [2.8, 3.0, 5.0])
def test_printed_lower_bound_fails_beyond_one_plus_root_three(multiple):
    analysis = analyze(LinearSystem([[1, -multiple]], [1]))
    log_alpha = -8.0 / analysis.rate
    truth = analysis.log_deviation(log_alpha=log_alpha) - np.log1p(multiple)
    assert analysis.log_lower_bound(log_alpha=log_alpha, form="printed") > truth
    assert analysis.log_lower_bound(log_alpha=log_alpha) <= truth + 1e-12


def test_corrected_bound_implies_the_printed_one_with_a_larger_constant():
    analysis = analyze(COUNTEREXAMPLE)
    C = 2 * (1 + 9.5)
    for alpha in (1e-5, 1e-8, 1e-12):
        weakened = 1 - 9.5 * C * alpha ** (1 / 2)
        assert analysis.lower_bound(alpha) / alpha ** (1 / 2) >= weakened


def test_bounds_outside_their_range_are_refused():
    analysis = analyze(COUNTEREXAMPLE)
    with pytest.raises(NotAdmissibleError, match="min x"):
        analysis.upper_bound(1.5)
    with pytest.raises(NotAdmissibleError, match="corrected"):
        analysis.lower_bound(0.5)
    with pytest.raises(NotAdmissibleError, match=r"II\.4"):
        analysis.lower_bound(1e-2, form="printed")


def test_theorem_is_refused_where_the_minimiser_is_not_unique():
    analysis = analyze(LinearSystem([[1, 1, 1, 1 / 2], [0, 1, 2, 3]], [1, 4 / 5]))
    with pytest.raises(NotAdmissibleError, match="unique"):
        analysis.upper_bound(1e-3)


def test_theorem_is_refused_for_costs():
    with pytest.raises(NotAdmissibleError, match="cost"):
        analyze(LinearSystem([[1, 3 / 2, 1]], [2]), cost=[1, 2, 3 / 2]).lower_bound(1e-3)


def test_unknown_form_is_refused():
    with pytest.raises(InvalidProblemError, match="corrected"):
        analyze(COUNTEREXAMPLE).lower_bound(1e-6, form="tight")


def test_logarithms_reach_beyond_floating_point():
    analysis = analyze(COUNTEREXAMPLE)
    assert analysis.upper_bound(log_alpha=-2302.0) == 0.0
    assert analysis.log_upper_bound(log_alpha=-2302.0) == pytest.approx(-1151 + np.log(10.5), abs=1e-9)
    assert analysis.log_lower_bound(log_alpha=-2302.0) == pytest.approx(-1151, abs=1e-9)
