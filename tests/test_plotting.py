"""What all pictures have in common: where they are drawn, what they leave alone, and how things look in them."""

from __future__ import annotations

import itertools
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import typer
from conftest import gaussian_system
from matplotlib import colors
from matplotlib import pyplot as plt
from typer.testing import CliRunner

from bregman_l1 import LinearSystem, analyze, projection_path
from bregman_l1.cli.analyze import analyze as analyze_command
from bregman_l1.errors import InvalidProblemError
from bregman_l1.experiments import Study, compare, sweep
from bregman_l1.experiments.ensembles import draw
from bregman_l1.experiments.measures import MEASURES
from bregman_l1.flow import compare_flow, gradient_descent, gradient_flow
from bregman_l1.plotting import _style, figure_of
from bregman_l1.plotting.studies import PICTURES

import_module("matplotlib").use("Agg")

SLOW = LinearSystem([[1.0, 0.5, 0.2], [0.0, 1.0, -1.0]], [1.0, 0.0])
SCALES = [[-5.0, -10.0, -40.0]]
GRIDS = {
    "null-space": [
        {"N": [10, 20], "d": 60, "s": [1, 2], "noise": 0.0},
        {"N": 10, "d": 60, "s": 2, "noise": [0.1, 1.0]},
    ],
    "rate": {"N": 10, "d": 30, "s": 2, "noise": [0.0, 0.1], "log_alphas": SCALES},
    "bounds": {"N": 8, "d": 24, "s": 2, "log_alphas": SCALES},
    "recovery": {"N": 10, "d": 20, "s": [1, 5, 10]},
}
# The name of each picture, how many panels it has, and which of them are drawn over alpha.
PANELS = {
    "path": (1, [0]),
    "analysis": (1, [0]),
    "lower bounds": (1, [0]),
    "flow": (2, []),
    "descent": (1, []),
    "flow comparison": (1, [0]),
    "comparison": (3, [0, 1]),
    "null-space": (3, []),
    "rate": (2, [0]),
    "bounds": (1, [0]),
    "recovery": (1, []),
}
every_picture = pytest.mark.parametrize("name", PANELS)


@pytest.fixture(autouse=True)
def _no_figure_is_left():
    plt.close("all")
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def flow():
    return gradient_flow(SLOW, 1e-3)


@pytest.fixture(scope="module")
def comparison():
    system = draw(N=8, d=24, s=2, seed=1).system
    return compare([system], alphas=[1e-2, 1e-8], tolerances=[1e-9, 1e-10], repeats=1)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, flow, comparison):
    """Every picture by name: a function of ``ax`` or ``axes``."""
    path = projection_path(gaussian_system(8, 24, 2)[0], log_alphas=[-10.0, -100.0, -40.0])
    analysis = analyze(LinearSystem([[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]], [1.0, 1.0]))
    drawn = {
        "path": path.plot,
        "analysis": lambda **on: analysis.plot(log_alphas=[-9.0, -20.0], **on),
        "lower bounds": lambda **on: analysis.plot_lower_bounds(alphas=[1e-4, 1e-8], **on),
        "flow": flow.plot,
        "descent": gradient_descent(SLOW, 1e-2, loss_tol=1e-6).plot,
        "flow comparison": compare_flow(SLOW, alphas=[1e-2, 1e-1]).plot,
        "comparison": comparison.plot,
    }
    for name, grid in GRIDS.items():
        study = Study(measure=MEASURES[name], grid=grid, repetitions=2)
        records = list(sweep(study, tmp_path_factory.mktemp("studies") / name))
        drawn[name] = lambda name=name, records=records, **on: PICTURES[name](records, **on)
    return drawn


def is_empty(ax):
    return not (ax.has_data() or ax.get_legend() or ax.get_xlabel() or ax.get_title())


# ---------------------------------------------------------------- where it is drawn


@every_picture
def test_a_picture_without_axes_is_a_figure_of_its_own(pictures, name):
    count, _ = PANELS[name]
    drawn, again = pictures[name](), pictures[name]()
    assert len(plt.get_fignums()) == 2
    assert np.size(drawn) == count
    assert figure_of(drawn) is not figure_of(again)
    assert not any(is_empty(ax) for ax in np.ravel(drawn))


@every_picture
def test_a_picture_is_drawn_on_the_axes_given_and_nowhere_else(pictures, name):
    count, _ = PANELS[name]
    figure, all_axes = plt.subplots(1, count + 1)
    *given, other = all_axes
    drawn = pictures[name](ax=given[0]) if count == 1 else pictures[name](axes=given)
    assert plt.get_fignums() == [figure.number]
    assert is_empty(other)
    if count == 1:
        assert drawn is given[0]
    else:
        assert isinstance(drawn, np.ndarray)
        assert drawn.shape == (count,)
        assert drawn.tolist() == given


@pytest.mark.parametrize("name", [name for name, (count, _) in PANELS.items() if count > 1])
def test_too_few_axes_are_refused_before_anything_is_drawn(pictures, name):
    count, _ = PANELS[name]
    _, given = plt.subplots(1, count - 1, squeeze=False)
    with pytest.raises(InvalidProblemError, match=f"{count} panels: axes must hold {count} Axes, got {count - 1}"):
        pictures[name](axes=given)
    assert all(is_empty(ax) for ax in given.ravel())


@every_picture
def test_what_is_no_axes_is_refused(pictures, name):
    count, _ = PANELS[name]
    with pytest.raises(InvalidProblemError, match="must be an Axes of matplotlib, got Figure"):
        pictures[name](ax=plt.figure()) if count == 1 else pictures[name](axes=[plt.figure()] * count)


@every_picture
def test_nothing_is_shown_and_no_setting_is_changed(pictures, name, monkeypatch):
    def never(*_, **__):
        raise AssertionError("a picture was shown")

    monkeypatch.setattr(plt, "show", never)
    before = dict(plt.rcParams)
    pictures[name]()
    assert dict(plt.rcParams) == before


# ---------------------------------------------------------------- how it looks


@every_picture
def test_alpha_grows_to_the_right(pictures, name):
    _, over_alpha = PANELS[name]
    panels = np.ravel(pictures[name]())
    assert not any(ax.xaxis_inverted() for ax in panels)
    for k in over_alpha:
        assert panels[k].get_xlabel() == r"$\log_{10}\,\alpha$"
        curves = [line.get_xdata() for line in panels[k].get_lines() if line.get_marker() != "None"]
        assert curves
        assert all(np.max(places) < 0 for places in curves)  # every alpha here is below 1


@every_picture
def test_every_panel_says_what_its_axes_are(pictures, name):
    panels = np.ravel(pictures[name]())
    assert all(ax.get_xlabel() and ax.get_title() for ax in panels)
    assert panels[0].get_ylabel() or name == "descent"


@every_picture
def test_a_picture_takes_the_style_in_use(pictures, name):
    with plt.style.context(["dark_background", {"font.family": "monospace", "figure.figsize": (4.0, 3.0)}]):
        drawn = pictures[name]()
    figure = figure_of(drawn)
    ax = np.ravel(drawn)[0]
    assert ax.get_facecolor() == (0.0, 0.0, 0.0, 1.0)
    assert ax.title.get_fontfamily() == ["monospace"]
    assert figure.get_figheight() <= 3.0
    lines = [line for panel in np.ravel(drawn) for line in panel.get_lines()]
    assert all(colors.to_rgb(line.get_color()) != (0.0, 0.0, 0.0) for line in lines)


@every_picture
def test_no_picture_is_wider_than_a_notebook(pictures, name):
    with plt.style.context("default"):
        assert figure_of(pictures[name]()).get_figwidth() * 100 <= 900


@every_picture
def test_no_two_tick_labels_of_an_axis_overlap(pictures, name):
    figure = figure_of(pictures[name]())
    figure.set_dpi(100)
    figure.draw_without_rendering()
    for ax in figure.axes:
        low, high = sorted(ax.get_xlim())
        ticks = [*ax.xaxis.get_major_ticks(), *ax.xaxis.get_minor_ticks()]
        shown = [tick.label1 for tick in ticks if tick.label1.get_text() and low <= tick.get_loc() <= high]
        boxes = sorted((label.get_window_extent() for label in shown), key=lambda box: box.x0)
        assert all(left.x1 <= right.x0 for left, right in itertools.pairwise(boxes))


def test_backends_look_different_in_colour_and_in_grey():
    looks = _style.backend_looks([*_style.BACKENDS, "mine", "yours"])
    assert {"newton", "highs", "clarabel", "ecos", "scs"} <= set(looks)
    assert len({look.colour for look in looks.values()}) == len({look.marker for look in looks.values()}) == len(looks)


def test_backends_are_drawn_from_the_one_table_in_every_panel(comparison):
    backends = {run.backend for run in comparison.runs}
    looks = _style.backend_looks(run.backend for run in comparison.runs)
    assert all(looks[name] is _style.BACKENDS[name] for name in backends & set(_style.BACKENDS))
    for ax in comparison.plot():
        named = [line for line in ax.get_lines() if line.get_label().split(",")[0] in backends]
        assert len(named) == 2 * len(backends)  # two tolerances, or raw and polished
        for line in named:
            look = looks[line.get_label().split(",")[0]]
            assert (line.get_color(), line.get_marker()) == (look.colour, look.marker)


def test_a_backend_keeps_its_look_whoever_else_is_there():
    assert _style.backend_looks(["scs", "mine"])["scs"] == _style.backend_looks(["newton", "other", "scs"])["scs"]
    assert _style.backend_looks(["mine", "scs"])["mine"] == _style.backend_looks(["newton", "mine"])["mine"]


# A colour as a deuteranope sees it, in linear light (Vienot, Brettel & Mollon 1999).
_LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
_WITHOUT_M = np.array([[1.0, 0.0, 0.0], [0.494207, 0.0, 1.24827], [0.0, 0.0, 1.0]])


def seen_without_green_cones(colour):
    light = np.array(colors.to_rgb(colour)) ** 2.2
    return np.clip(np.linalg.solve(_LMS, _WITHOUT_M @ _LMS @ light), 0.0, 1.0) ** (1 / 2.2)


def least_difference(palette):
    seen = [seen_without_green_cones(colour) for colour in palette]
    return min(np.abs(a - b).max() for k, a in enumerate(seen) for b in seen[:k])


def test_colours_of_backends_differ_to_a_colour_blind_reader():
    assert least_difference(look.colour for look in _style.BACKENDS.values()) > 0.15
    # The measure sees what it should: matplotlib's own second, third and fourth colours fail it.
    assert least_difference(["C1", "C2", "C3"]) < 0.15


# ---------------------------------------------------------------- what single pictures say


def test_a_flow_marks_when_the_loss_vanished_and_when_x_arrived(flow):
    assert 0 < flow.time_to_fit < flow.time_to_projection < np.inf
    for ax in flow.plot():
        upright = {line.get_xdata()[0] for line in ax.get_lines() if len(set(line.get_xdata())) == 1}
        assert upright == {flow.time_to_fit, flow.time_to_projection}
    named = [text.get_text() for text in flow.plot()[1].get_legend().get_texts()]
    assert f"loss vanished at {flow.time_to_fit:.3g}" in named
    assert f"x arrived at {flow.time_to_projection:.3g}" in named


def test_a_flow_at_a_scale_beyond_double_precision_is_drawn_from_its_rise_on():
    flow = gradient_flow(SLOW, log_alpha=-800.0)
    (left, _) = flow.plot()
    (curve,) = (line for line in left.get_lines() if line.get_label() == "$x_{0}$")
    assert np.isfinite(curve.get_ydata()).all()
    assert min(curve.get_ydata()) < -340
    assert max(curve.get_ydata()) == pytest.approx(0.0, abs=1e-6)


def test_the_constant_before_the_order_of_rho_is_said_to_be_fitted_to_its_panel(pictures):
    for ax in pictures["null-space"]()[:2]:
        (label,) = (line.get_label() for line in ax.get_lines() if "log" in line.get_label())
        assert r"\log(d/s)" in label
        assert "fitted to this panel" in label


def test_panels_say_what_is_held_fixed(pictures):
    titles = [ax.get_title() for ax in pictures["null-space"]()]
    assert titles == ["N = 10, d = 60", "d = 60, s = 1", "N = 10, d = 60, s = 2"]


def test_a_path_of_no_or_one_alpha_is_drawn_too():
    path = projection_path(gaussian_system(8, 24, 2)[0], log_alphas=[-10.0, -100.0])
    for part in (path[:0], path[:1]):
        assert part.plot().lines[-1].get_xdata().size == len(part)


def test_a_path_that_does_not_move_says_so():
    ax = projection_path(LinearSystem([[1, 1], [1, -1]], [1, 0.5]), alphas=[0.1, 0.01]).plot()
    assert ax.get_title() == r"$x(\alpha) = x^*$ for every $\alpha$: no distance to draw"


def test_the_slope_is_one_minus_rho_only_for_unit_costs():
    system = gaussian_system(8, 24, 2)[0]
    for cost, named in ((np.ones(24), True), (np.linspace(1.0, 2.0, 24), False)):
        ax = projection_path(system, alphas=[0.1, 1e-4], cost=cost).plot()
        assert (r"\varrho" in ax.get_legend_handles_labels()[1][0]) == named


def test_analyze_draws_deviation_and_lower_bounds_into_a_file(tmp_path):
    np.save(tmp_path / "A.npy", [[1.0, 0.0, 5.0], [0.0, 1.0, -4.5]])
    np.save(tmp_path / "y.npy", [1.0, 1.0])
    app = typer.Typer()
    app.command()(analyze_command)
    picture = tmp_path / "picture.png"
    answer = CliRunner().invoke(app, [str(tmp_path / "A.npy"), str(tmp_path / "y.npy"), "--plot", str(picture)])
    assert answer.exit_code == 0
    height, width, _ = plt.imread(picture).shape
    assert width > 2 * height  # two panels


@pytest.mark.parametrize("picture", ["accuracy", "growth", "large"])
def test_pictures_of_the_benchmarks_can_be_drawn_again_from_the_numbers_beside_them(picture, monkeypatch, tmp_path):
    benchmarks = Path(__file__).parent.parent / "benchmarks"
    monkeypatch.syspath_prepend(str(benchmarks))
    module = import_module("pictures")
    drawn = {}
    monkeypatch.setattr(module, "_save", lambda figure, name: drawn.update({name: figure}))
    getattr(module, f"draw_{picture}")()
    assert list(drawn) == [f"{picture}.png"]
    assert (benchmarks / "figures" / f"{picture}.png").exists()
    for ax in drawn[f"{picture}.png"].axes:
        assert not ax.xaxis_inverted()
