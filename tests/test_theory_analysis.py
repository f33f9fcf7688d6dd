"""One page for a person, one record for a program, one picture, one command."""

from __future__ import annotations

import io
import json
import sys
import warnings
from itertools import product
from time import perf_counter

import numpy as np
import pytest
import typer
from conftest import gaussian_system
from scipy.optimize import linprog
from soundness.cases import draw
from typer.testing import CliRunner

from bregman_l1 import BregmanProjection, solve
from bregman_l1.cli.analyze import analyze as analyze_command
from bregman_l1.cli.reporting import to_json
from bregman_l1.errors import BackendError, InvalidProblemError, NotAdmissibleError, NotCertifiedWarning
from bregman_l1.progress import ProgressBar
from bregman_l1.system import LinearSystem
from bregman_l1.theory.analysis import analyze

COUNTEREXAMPLE = LinearSystem([[1, 0, 5], [0, 1, -9 / 2]], [1, 1])
SEVERAL = LinearSystem([[1, 1, 1, 1 / 2], [0, 1, 2, 3]], [1, 4 / 5])
POINT = LinearSystem([[1, 1], [1, -1]], [1, 0.5])


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(analyze_command)
    return app


@pytest.fixture
def files(tmp_path) -> list[str]:
    np.save(tmp_path / "A.npy", np.asarray(COUNTEREXAMPLE.matrix))
    np.save(tmp_path / "y.npy", COUNTEREXAMPLE.y)
    return [str(tmp_path / "A.npy"), str(tmp_path / "y.npy")]


def test_analysis_reports_the_exact_support_and_minimiser(unique_case):
    analysis = analyze(unique_case.system)
    assert analysis.unique
    assert analysis.support.tolist() == unique_case.data["support"]
    assert analysis.x_star == pytest.approx(unique_case.floats("x_star"), abs=1e-13)
    assert analysis.kappa == pytest.approx(
        analysis.x_star[analysis.support].max() / analysis.x_star[analysis.support].min()
    )
    assert analysis.rate == pytest.approx(1 - unique_case.exact("rho"), abs=1e-14)


def test_page_names_constants_and_flags_the_printed_bound():
    page = analyze(COUNTEREXAMPLE).page(log_alphas=[-9.0, -690.0])
    for fragment in ("rho_tilde          9.5", "alpha^0.5", "false in general", "exact"):
        assert fragment in page


def test_page_says_that_the_minimiser_is_not_unique():
    page = str(analyze(SEVERAL))
    assert "NOT UNIQUE" in page
    assert "does not exist" in page


def test_page_says_that_nothing_moves():
    page = analyze(POINT).page(log_alphas=[-9.0])
    assert "ONE POINT" in page
    assert "x(alpha) = x* for every alpha" in page


def said_of(name, page):
    """What the page says of one of its names, spaces drawn together."""
    (line,) = (line for line in page.splitlines() if line.split()[:1] == [name])
    return " ".join(line.split()[1:])


def never_computed(*_, **__):
    raise AssertionError("a constant was computed")


def test_printing_computes_nothing_that_takes_long(monkeypatch):
    monkeypatch.setattr("bregman_l1.theory.support_constants.bracketed", never_computed)
    analysis = analyze(gaussian_system(30, 70, 11)[0])
    page, record = str(analysis), analysis.to_dict()
    assert repr(analysis).startswith("Analysis(")
    assert f"rho                {analysis.rho}" in page
    for kind in ("rho_tilde", "rho_minus"):
        assert said_of(kind, page) == f"- not computed (call .{kind})"
        assert record[kind]["value"] is None
        assert record[kind]["reason"] == f"not computed (call .{kind})"
        assert not analysis.is_at_hand(kind)


def test_bounds_of_the_theorem_are_left_out_until_their_constants_are_computed():
    analysis = analyze(gaussian_system(30, 70, 11)[0], time_limit=0.0)
    assert analysis.to_dict(log_alphas=[-40.0])["levels"][0]["log_upper_bound"] is None
    assert "a dash: the null-space constants are not computed" in analysis.page(log_alphas=[-40.0])
    expected = analysis.log_upper_bound(log_alpha=-40.0)
    assert analysis.to_dict(log_alphas=[-40.0])["levels"][0]["log_upper_bound"] == expected
    assert "a dash: not claimed there" in analysis.page(log_alphas=[-40.0])


def test_constants_that_were_computed_are_shown():
    analysis = analyze(gaussian_system(30, 70, 11)[0], time_limit=0.0)
    bracket = analysis.rho_tilde
    assert said_of("rho_tilde", str(analysis)) == f"{bracket} bracket"
    assert analysis.to_dict()["rho_tilde"]["upper"] == bracket.upper
    assert said_of("rho_minus", str(analysis)) == "- not computed (call .rho_minus)"


def test_quick_constants_are_shown_at_once():
    noisy = gaussian_system(6, 15, 2)[0]
    orthant = analyze(LinearSystem(noisy.matrix, noisy.y + 0.1 * np.arange(6)))
    assert orthant.limit.cone.is_orthant
    for analysis in (analyze(COUNTEREXAMPLE), analyze(gaussian_system(6, 15, 2)[0]), orthant):
        assert "not computed" not in str(analysis)


def test_an_unknown_constant_is_refused():
    with pytest.raises(InvalidProblemError, match="rho_tilde"):
        analyze(COUNTEREXAMPLE).known("sigma")


@pytest.mark.parametrize("time_limit", [0.0, 0.02, None])
def test_constants_contain_the_truth_whatever_the_time(time_limit):
    system, _ = gaussian_system(9, 22, 2)
    analysis = analyze(system, time_limit=time_limit)
    A, S = np.asarray(system.matrix), analysis.support
    free = [(None, None) if j in S else (0, None) for j in range(22)]
    equations, right = np.vstack([A, np.isin(np.arange(22), S, invert=True)]), np.append(np.zeros(9), 1.0)
    truth = {}
    for signs in product((1.0, -1.0), repeat=S.size):
        for kind, weights in (("rho", -np.ones(S.size)), ("rho_tilde", signs), ("rho_minus", np.minimum(signs, 0.0))):
            cost = np.zeros(22)
            cost[S] = weights
            found = linprog(-cost, A_eq=equations, b_eq=right, bounds=free)
            truth[kind] = max(truth.get(kind, -np.inf), -found.fun)
    for kind, value in truth.items():
        constant = getattr(analysis, kind)
        assert constant.lower - 1e-9 <= value <= constant.upper + 1e-9
        assert constant.exact or time_limit is not None


def test_constants_of_a_large_system_keep_to_the_time_limit():
    """Slack for busy machines: without the limit they take about twenty seconds."""
    analysis = analyze(gaussian_system(200, 1000, 30)[0], time_limit=0.5)
    started = perf_counter()
    brackets = [analysis.rho, analysis.rho_tilde, analysis.rho_minus]
    assert perf_counter() - started < 10.0
    assert all(bracket.lower <= bracket.upper < np.inf for bracket in brackets)


SINGLE = {
    "a square matrix": POINT,
    "one unknown": LinearSystem([[2.0]], [1.0]),
    "everything positive": LinearSystem([[1, 1, 0], [0, 1, 1], [1, 0, 1]], [2, 2, 2]),
    "forced zeros": LinearSystem([[1, 0, 1], [0, 1, 1], [1, 1, 0]], [1, 1, 0]),
    "dependent rows": LinearSystem([[1, 1], [1, -1], [2, 0]], [1, 0.5, 1.5]),
}


@pytest.mark.parametrize("cost", [None, 2.0])
@pytest.mark.parametrize("system", SINGLE.values(), ids=SINGLE)
def test_a_single_feasible_point_has_no_constants_and_says_why(system, cost):
    analysis = analyze(system, None if cost is None else np.full(system.shape[1], cost))
    assert system.matvec(analysis.x_star) == pytest.approx(system.y, abs=1e-13)
    for kind in ("rho", "rho_tilde", "rho_minus"):
        constant = getattr(analysis, kind)
        assert np.isnan([constant.value, constant.lower, constant.upper, float(constant)]).all()
        assert not constant.exact
        assert constant.witness is None
        assert "no kernel vector" in constant.reason
        assert str(constant) == "nan"
        record = json.loads(to_json(analysis.to_dict()[kind] | {"value": constant.value}))
        assert record["value"] is None
        assert record["reason"] == constant.reason
        assert "no kernel vector" in str(analysis)


@pytest.mark.parametrize("system", SINGLE.values(), ids=SINGLE)
def test_every_bound_on_the_deviation_of_a_single_point_is_zero(system):
    analysis = analyze(system)
    for log_alpha in (-9.0, 3.0):
        assert analysis.upper_bound(log_alpha=log_alpha) == 0.0
        assert analysis.lower_bound(log_alpha=log_alpha) == 0.0
        assert analysis.lower_bound(log_alpha=log_alpha, form="printed") == 0.0
        assert analysis.log_deviation(log_alpha=log_alpha) == -np.inf
        assert analysis.deviation_enclosure(log_alpha=log_alpha).upper == 0.0
        assert solve(BregmanProjection(system, log_alpha=log_alpha)).x == pytest.approx(analysis.x_star, abs=1e-12)
    assert analysis.alpha_for(1e-6).guaranteed == np.inf
    assert analysis.to_dict(log_alphas=[-9.0])["levels"][0]["log_upper_bound"] == -np.inf
    with pytest.raises(InvalidProblemError, match="corrected"):
        analysis.lower_bound(0.1, form="tight")


def test_constants_that_are_unbounded_say_why():
    analysis = analyze(SEVERAL)
    assert analysis.rho.value == pytest.approx(1 / 2, abs=1e-14)
    for constant in (analysis.rho_tilde, analysis.rho_minus):
        assert np.isnan(constant.value)
        assert "not unique" in constant.reason


def test_record_is_strict_json_and_holds_the_numbers():
    analysis = analyze(COUNTEREXAMPLE)
    record = json.loads(json.dumps(analysis.to_dict(log_alphas=[-20.0])))
    assert record["rho"]["value"] == 0.5
    assert record["levels"][0]["log_lower"] <= record["levels"][0]["log_deviation"] <= record["levels"][0]["log_upper"]
    assert len(record["exponents"]) == 3


def test_command_prints_the_page(command, files):
    result = CliRunner().invoke(command, [*files, "--alpha", "1e-4", "--log-alpha", "-700", "--error", "1e-6"])
    assert result.exit_code == 0
    assert "rho_tilde" in result.output
    assert "guaranteed for log alpha <= -32.33" in result.output


def test_command_prints_json(command, files):
    result = CliRunner().invoke(command, [*files, "--alpha", "1e-4", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.output)["rate"] == 0.5


def test_command_says_when_a_projection_behind_the_page_is_not_certified(command, files, monkeypatch):
    def doubtful(*arguments, **options):
        warnings.warn("NOT CERTIFIED: doubtful", NotCertifiedWarning, stacklevel=2)
        return solve(*arguments, **options)

    monkeypatch.setattr("bregman_l1.theory.deviation.solve", doubtful)
    result = CliRunner().invoke(command, [*files, "--alpha", "1e-4"])
    assert result.exit_code == 1
    assert "doubtful" in result.stderr
    assert "rho_tilde" in result.stdout


def test_command_computes_what_the_page_would_leave_out(command, tmp_path):
    system, _ = gaussian_system(30, 70, 11)
    np.save(tmp_path / "A.npy", np.asarray(system.matrix))
    np.save(tmp_path / "y.npy", system.y)
    result = CliRunner().invoke(command, [str(tmp_path / "A.npy"), str(tmp_path / "y.npy"), "--time-limit", "0.1"])
    assert result.exit_code == 0
    assert " bracket" in result.output
    assert "not computed" not in result.output


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal, True), (io.StringIO, False)])
def test_a_terminal_shows_which_constant_is_computed_and_how_long_that_may_take(stream, shown, monkeypatch):
    monkeypatch.setattr("sys.stderr", stream())
    analysis = analyze(gaussian_system(30, 70, 11)[0], time_limit=0.0)
    str(analysis)
    assert sys.stderr.getvalue() == ""
    float(analysis.rho_minus)
    assert ("rho_minus, at most 0 s" in sys.stderr.getvalue()) == shown
    assert analysis.is_at_hand("rho_minus")


def test_a_run_within_another_shows_no_bar_of_its_own(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    with ProgressBar(1, wanted=False):
        float(analyze(gaussian_system(30, 70, 11)[0], time_limit=0.0).rho_minus)
    assert sys.stderr.getvalue() == ""


def test_command_refuses_a_picture_it_cannot_draw_before_it_computes(command, files, tmp_path, monkeypatch):
    monkeypatch.setattr("bregman_l1.cli.analyze.analyze_system", never_computed)
    elsewhere = CliRunner().invoke(command, [*files, "--plot", str(tmp_path / "nowhere" / "bounds.png")])
    assert elsewhere.exit_code == 2
    assert "no directory" in elsewhere.output
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    without = CliRunner().invoke(command, [*files, "--plot", str(tmp_path / "bounds.png")])
    assert without.exit_code == 2
    assert "pictures need matplotlib" in without.output


def test_command_refuses_a_wrong_alpha(command, files):
    result = CliRunner().invoke(command, [*files, "--alpha", "-1"])
    assert result.exit_code == 2
    assert "alpha must be positive" in result.output


def curves_of(ax):
    """What is drawn under which label: heights over log10 alpha."""
    return {str(line.get_label()): np.asarray(line.get_ydata()) for line in ax.get_lines()}


def test_pictures_show_the_numbers_of_the_analysis():
    analysis, levels = analyze(COUNTEREXAMPLE), np.array([-16.0, -12.0, -9.0])
    curves = curves_of(analysis.plot(log_alphas=levels[::-1]))
    for label, value in (
        (r"$\|x(\alpha)-x^*\|_1$", analysis.log_deviation),
        ("bound (II.3)", analysis.log_upper_bound),
        (
            "enclosure (widened to be seen)",
            lambda log_alpha: analysis.deviation_enclosure(log_alpha=log_alpha).log_upper,
        ),
    ):
        expected = [value(log_alpha=t) / np.log(10) for t in levels]
        np.testing.assert_allclose(curves[label], expected)


def test_picture_shows_the_printed_lower_bound_above_the_truth_and_the_corrected_one_below():
    curves = curves_of(analyze(COUNTEREXAMPLE).plot_lower_bounds(alphas=[1e-4]))
    (truth,) = curves[r"$\|x(\alpha)_{S^c}\|_\infty$"]
    assert curves["bound (II.4) corrected"] < truth < curves["bound (II.4) printed"]
    assert truth == pytest.approx(0.720920156583)  # the limit of this system is alpha^(1/2)


def test_no_picture_of_what_does_not_move():
    with pytest.raises(NotAdmissibleError, match="same for every alpha"):
        analyze(POINT).plot()
    with pytest.raises(NotAdmissibleError, match="same for every alpha"):
        analyze(POINT).plot_lower_bounds()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"log_alphas": []}, "non-empty"),
        ({"log_alphas": [np.nan]}, r"log_alphas\[0\] must be finite"),
        ({"log_alphas": [-1.0, np.inf]}, r"log_alphas\[1\] must be finite"),
        ({"alphas": [1e-3, 0.0]}, r"alphas\[1\] must be positive"),
        ({"alphas": [1e-3], "log_alphas": [-3.0]}, "exactly one of"),
    ],
)
def test_no_picture_without_finite_levels(given, message):
    with pytest.raises(InvalidProblemError, match=message):
        analyze(COUNTEREXAMPLE).plot(**given)


@pytest.mark.parametrize("time_limit", [-1.0, float("nan"), "ten"])
def test_impossible_time_limits_are_refused(time_limit):
    with pytest.raises(InvalidProblemError, match="time_limit"):
        analyze(COUNTEREXAMPLE, time_limit=time_limit)


def test_answers_that_are_kept_cannot_be_changed():
    analysis = analyze(COUNTEREXAMPLE)
    for vector in (analysis.x_star, analysis.exponents, analysis.log_coefficients, analysis.rho.witness):
        with pytest.raises(ValueError, match="read-only"):
            vector[0] = 7.0


@pytest.mark.parametrize("small", [1e-10, 1e-13, 1e-16, 1e-30])
def test_support_holds_entries_below_the_tolerance_of_the_linear_program(small):
    analysis = analyze(LinearSystem([[1, 0, 0.3, 0.2], [0, 1, -0.4, 0.5]], [1, small]))
    assert analysis.support.tolist() == [0, 1]
    assert analysis.x_star[:2] == pytest.approx([1, small], rel=1e-15)
    assert analysis.rate == pytest.approx(0.3, abs=1e-14)


def test_rounding_in_the_target_is_no_entry_of_the_minimiser():
    rng = np.random.default_rng(1)
    A = rng.standard_normal((20, 60)) * 10.0 ** rng.uniform(-2, 2, 60)
    x = np.zeros(60)
    x[[3, 14, 15, 40]] = 1, 2, 3, 1e-6
    support = analyze(LinearSystem(A, A @ x)).support
    assert support.size <= 4 or support.size == 20


def test_witness_of_rho_and_its_dual_meet():
    analysis = analyze(COUNTEREXAMPLE)
    n, mu = analysis.rho.witness, analysis.rho.dual
    assert COUNTEREXAMPLE.matvec(n) == pytest.approx(0, abs=1e-14)
    assert -n[analysis.support].sum() == pytest.approx(0.5, abs=1e-14)
    assert COUNTEREXAMPLE.rmatvec(mu) == pytest.approx([1, 1, 0.5], abs=1e-14)


def test_a_support_that_leaves_out_a_small_entry_is_no_infeasible_system():
    case = draw("blocks", 2611, 6)  # feasible; y spans eleven decades
    with pytest.raises(BackendError, match="the columns of the minimisers were not found"):
        analyze(LinearSystem(case.A, case.y))
