"""`compare_depths`: which depth is more accurate at which alpha."""

from __future__ import annotations

from math import inf

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bregman_l1 import InvalidProblemError, LinearSystem, Status, analyze, compare_depths, solve
from bregman_l1.errors import PositionalScalesError
from bregman_l1.problems import BregmanProjection

PAIR = LinearSystem([[1.0, 0.5]], [1.0])
SEVERAL = LinearSystem([[1, 1, 1, 1 / 2], [0, 1, 2, 3]], [1, 4 / 5])


@pytest.fixture
def comparison():
    return compare_depths(PAIR, alphas=[1e-1, 1e-3, 1e-6, 1e-12])


def test_errors_are_those_of_the_projections(comparison):
    assert comparison.log_errors.shape == (5, 4)
    for depth, errors in zip(comparison.depths, comparison.errors, strict=True):
        x = solve(BregmanProjection(PAIR, alpha=1e-3, depth=depth)).x
        assert errors[1] == pytest.approx(np.abs(x - [1.0, 0.0]).sum(), rel=1e-9)
    assert {status for row in comparison.statuses for status in row} == {Status.CERTIFIED}


def test_the_law_of_each_depth_is_its_own(comparison):
    assert comparison.rates.tolist() == [0.5, 1.0, 1.0, 1.0, 1.0]
    constants = 1.5 * np.array([1.0, 8.0, 4.0, 2 * np.sqrt(2), 2.0])
    assert np.exp(comparison.log_constants) == pytest.approx(constants, rel=1e-12)


def test_the_crossover_is_where_the_laws_meet(comparison):
    """K_D alpha = K_2 alpha^(1/2) at alpha = (K_2 / K_D)^2 = 1/64, 1/16, 1/8, 1/4."""
    assert np.isnan(comparison.log_crossovers[0])
    assert np.exp(comparison.log_crossovers[1:]) == pytest.approx([1 / 64, 1 / 16, 1 / 8, 1 / 4], rel=1e-12)


def test_depth_is_better_where_alpha_is_small(comparison):
    assert comparison.best[-1] == inf
    assert comparison.best.tolist() == comparison.depths[comparison.log_errors.argmin(axis=0)].tolist()
    crossing = compare_depths(LinearSystem([[1.0, -1.0, 0.05]], [1.0]), alphas=[1e-2, 1e-4], depths=[2, 3])
    assert crossing.best.tolist() == [2.0, 3.0]
    assert 1e-4 < np.exp(crossing.log_crossovers[1]) < 1e-2


def test_where_rho_is_negative_the_paper_s_depth_is_better():
    system = LinearSystem([[1, 0, 1], [0, 1, -2]], [1, 1])
    comparison = compare_depths(system, log_alphas=[-30.0], depths=[2, 3, inf])
    assert comparison.best.tolist() == [2.0]


def test_scales_beyond_floating_point_are_compared_by_logarithms():
    comparison = compare_depths(PAIR, log_alphas=[-2000.0, -1e5], depths=[2, 4])
    assert comparison.errors.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    expected = [[-1000.0, -5e4], [-2000.0, -1e5]] + comparison.log_constants[:, None]
    assert comparison.log_errors == pytest.approx(expected, abs=1e-9)
    assert comparison.best.tolist() == [4.0, 4.0]


def test_several_minimisers_give_each_depth_a_limit_of_its_own():
    comparison = compare_depths(SEVERAL, log_alphas=[-60.0, -80.0], depths=[2, 3])
    assert not comparison.has_one_limit
    for depth, limit in zip([2, 3], comparison.limits, strict=True):
        assert limit == pytest.approx(analyze(SEVERAL, depth=depth).x_star, abs=1e-14)
    slopes = (comparison.log_errors[:, 0] - comparison.log_errors[:, 1]) / 20.0
    assert slopes == pytest.approx([0.5, 1.0], abs=1e-6)
    assert "a limit of its own" in str(comparison)
    assert "a limit of its own" in comparison._repr_html_()


def test_signed_errors_are_those_of_the_difference():
    system = LinearSystem([[1.0, -0.5, 0.3], [0.2, 1.0, -0.4]], [1.0, -0.3])
    comparison = compare_depths(system, alphas=[1e-4], signed=True, depths=[2, 3, inf])
    for depth, errors in zip(comparison.depths, comparison.errors, strict=True):
        x = solve(BregmanProjection(system, alpha=1e-4, depth=depth, signed=True)).x
        assert errors[0] == pytest.approx(np.abs(x - analyze(system, signed=True).x_star).sum(), rel=1e-8)


def test_a_prior_is_that_of_every_depth():
    prior = [1.0, 3.0]
    comparison = compare_depths(PAIR, alphas=[1e-6], depths=[2, 3], prior=prior)
    for depth, error in zip([2, 3], comparison.log_errors[:, 0], strict=True):
        assert error == pytest.approx(analyze(PAIR, prior=prior, depth=depth).log_deviation(1e-6), abs=1e-12)


def test_a_system_of_one_solution_has_no_errors():
    comparison = compare_depths(LinearSystem(np.eye(2), [1.0, 2.0]), alphas=[0.1], depths=[2, 3])
    assert np.isneginf(comparison.log_errors).all()
    assert "x(alpha) = x* for every alpha" in str(comparison)


def test_the_table_and_the_frame_say_the_same(comparison):
    frame = comparison.to_frame()
    assert frame.columns.tolist() == ["depth", "log_alpha", "alpha", "log_error", "error", "status", "is_best"]
    assert len(frame) == 20
    assert frame["is_best"].sum() == 4
    assert frame.loc[frame["is_best"], "error"].min() == comparison.errors.min()
    text = str(comparison)
    assert "D = inf" in text
    assert "the law of D = 2 at alpha = 0.0156" in text


def test_the_picture_has_one_line_a_depth(comparison):
    ax = comparison.plot()
    assert [line.get_label() for line in ax.get_lines()[:1]] == ["$D = 2$"]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[0] == "$D = 2$"
    assert sum("D = " in label and "law" not in label for label in labels) == 5
    assert sum("the law crosses" in label for label in labels) == 1
    drawn = ax.get_lines()[0].get_ydata()
    assert drawn == pytest.approx(comparison.log_errors[0, ::-1] / np.log(10), rel=1e-12)
    plt.close(ax.figure)


@pytest.mark.parametrize("depths", [[], [2, 2], [1], ["2"], 3, [np.nan]])
def test_depths_that_are_none_are_refused(depths):
    with pytest.raises(InvalidProblemError, match="depth"):
        compare_depths(PAIR, alphas=[0.1], depths=depths)


def test_scales_are_given_by_keyword():
    with pytest.raises(PositionalScalesError):
        compare_depths(PAIR, [0.1])
