"""One page for a person, one record for a program, one picture, one command."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from bregman_l1 import solve
from bregman_l1.cli.analyze import analyze as analyze_command
from bregman_l1.errors import InvalidProblemError, NotAdmissibleError, NotCertifiedWarning
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

    monkeypatch.setattr("bregman_l1.theory.analysis.solve", doubtful)
    result = CliRunner().invoke(command, [*files, "--alpha", "1e-4"])
    assert result.exit_code == 1
    assert "doubtful" in result.stderr
    assert "rho_tilde" in result.stdout


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
