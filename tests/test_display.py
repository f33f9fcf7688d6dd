"""What a notebook cell shows that ends with a result: one line as text, a small table as HTML."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import Enum
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from conftest import gaussian_system

import bregman_l1
from bregman_l1 import BregmanProjection, L1Minimization, NullSpaceConstant, experiments, flow, solve, theory
from bregman_l1.certificate import Certificate, Check
from bregman_l1.claim import Claim, ExposingVector, Farkas
from bregman_l1.experiments.summary import summarise
from bregman_l1.one_line import OneLine, brief

LONGEST = 150
DEEPEST = 4


@cache
def results(n_rows: int, n_columns: int) -> dict[str, Any]:
    """One of everything a user is handed, for a system of this size."""
    system, x0 = gaussian_system(n_rows, n_columns)
    solution = solve(BregmanProjection(system, alpha=1e-3))
    analysis = bregman_l1.analyze(system, time_limit=0.0)
    study = experiments.load_study("recovery")
    comparison = experiments.compare([system], alphas=[1e-1, 1e-6], backends=["newton", "clarabel"])
    return {
        "system": system,
        "problems": (
            BregmanProjection(system, alpha=1e-3),
            L1Minimization(system),
            NullSpaceConstant(system, analysis.support, "rho"),
        ),
        "solution": solution,
        "proof": bregman_l1.prove(solution),
        "minimiser": solve(L1Minimization(system)),
        "certificate": solution.certificate,
        "support": bregman_l1.Support(ok=False, reason="no exponential cone"),
        "claim": Claim(x=solution.x, log_x=solution.log_x, dual=solution.dual, raw_status="optimal" * 40),
        "exposing vector": ExposingVector(solution.dual),
        "farkas": Farkas(solution.dual),
        "assumptions": system.check_assumptions(),
        "analysis": analysis,
        "plan": analysis.alpha_for(1e-3),
        "enclosure": analysis.enclosure(1e-3),
        "signed analysis": bregman_l1.analyze(system, signed=True, time_limit=0.0),
        "depths": bregman_l1.compare_depths(system, alphas=[1e-1, 1e-3]),
        "path": bregman_l1.projection_path(system, log_alphas=np.linspace(-1.0, -40.0, 20)),
        "flow": bregman_l1.gradient_flow(system, 0.1),
        "descent": bregman_l1.gradient_descent(system, 0.1, max_iterations=20_000, distance_tol=0.1),
        "flow comparison": bregman_l1.compare_flow(system, alphas=[0.2, 0.1], max_iterations=50),
        "comparison": comparison,
        "profiles": comparison.profiles(),
        "study": study,
        "row": next(study.rows()),
        "record": experiments.Record(row=0, parameters={"N": 3}, repetition=0, seed=1, result={"x": list(x0)}),
        "store": experiments.Store("a" * 40),
        "summary": summarise(
            experiments.Record(row=n, parameters={"N": n}, repetition=0, seed=n, error=f"ValueError: {'x' * n}")
            for n in range(n_rows)
        ),
        "instance": experiments.ensembles.draw(N=n_rows, d=n_columns, s=3),
    }


def ours(found: Any) -> bool:
    return type(found).__module__.startswith("bregman_l1") and not isinstance(found, Enum)


def reachable(found: Any, way: str, seen: list[object]) -> Iterator[tuple[str, Any]]:
    """Every object of ours that public attributes lead to, with the way there."""
    members = found.values() if isinstance(found, Mapping) else found if isinstance(found, tuple) else ()
    for member in members:
        yield from reachable(member, f"{way}[]", seen)
    if ours(found) and not any(found is other for other in seen) and way.count(".") < DEEPEST:
        seen.append(found)
        yield way, found
        for name in [each for each in dir(type(found)) + list(getattr(found, "__dict__", ())) if each[0] != "_"]:
            if inspect.isfunction(inspect.getattr_static(type(found), name, None)):
                continue
            try:
                value = getattr(found, name)
            except bregman_l1.BregmanError:
                continue
            yield from reachable(value, f"{way}.{name}", seen)


pytestmark = pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")


@pytest.mark.parametrize("shape", [(3, 8), (20, 60)], ids=str)
def test_every_repr_is_one_short_line(shape):
    long = {
        way: repr(found)
        for name, result in results(*shape).items()
        for way, found in reachable(result, name, [])
        if len(repr(found)) > LONGEST or "\n" in repr(found) or " object at 0x" in repr(found)
    }
    assert long == {}


def test_the_walk_meets_every_public_kind_of_result():
    """A class that is added to a public module is added to the results above."""
    met = {type(found) for name, result in results(20, 60).items() for way, found in reachable(result, name, [])}
    public = {
        getattr(module, name)
        for module in (bregman_l1, experiments, flow, theory)
        for name in module.__all__
        if inspect.isclass(getattr(module, name))
    }
    others = {kind for kind in public if issubclass(kind, BaseException | Enum) or inspect.isabstract(kind)}
    assert public - others <= met


def test_a_repr_does_not_grow_with_what_is_in_it():
    n = 10**6
    claim = Claim(x=np.zeros(n), log_x=np.zeros(n), dual=np.zeros(n), raw_status="s" * n, iterations=n)
    assert len(repr(claim)) <= LONGEST


def test_a_repr_names_the_verdict_and_the_shapes():
    solution = results(20, 60)["solution"]
    assert repr(solution).startswith("Solution(status=CERTIFIED, backend='newton', value=")
    assert repr(solution).endswith("x=float64[60])")
    assert repr(solution.certificate).startswith("Certificate(ok=True, ")


def test_a_subclass_keeps_the_repr_it_is_given():
    class Named(OneLine):
        def __repr__(self):
            return "mine"

    class Inherited(Named):
        pass

    assert repr(Named()) == repr(Inherited()) == "mine"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.zeros((2, 3), dtype=np.int32), "int32[2, 3]"),
        (np.float64(1 / 3), "0.333333"),
        ((), "()"),
        ({}, "{}"),
        (("a", "b"), "('a', 'b')"),
        (["long name"] * 30, "str[30]"),
        ([1, 2.5] * 30, "object[60]"),
        (None, "None"),
        ("x" * 100, repr("x" * 48 + "...")),
    ],
    ids=str,
)
def test_a_value_is_written_briefly(value, text):
    assert brief(value) == text


VOID = {"br", "hr", "img"}


class Page(HTMLParser):
    """Reads HTML, refuses what is not well formed, and keeps the text of each row of its tables."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.styles: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.styles += [value for name, value in attrs if name == "style"]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


TABLES = [
    "solution",
    "minimiser",
    "certificate",
    "analysis",
    "path",
    "flow",
    "descent",
    "flow comparison",
    "comparison",
]


@pytest.mark.parametrize("name", TABLES)
def test_a_result_is_a_small_well_formed_table(name):
    page = Page(results(20, 60)[name]._repr_html_())
    assert len(page.text) < 3000
    assert len(page.rows) <= 25
    widths = {len(row) for row in page.rows}
    assert name in ("solution", "minimiser", "comparison") or len(widths) <= 1


@pytest.mark.parametrize("name", TABLES)
def test_no_colour_is_set_but_those_of_a_verdict(name):
    """Text and background are the theme's: what is black on white in one is not in another."""
    styles = " ".join(Page(results(20, 60)[name]._repr_html_()).styles)
    assert "background" not in styles
    assert set(re.findall("color: ([^;]+)", styles)) <= {"#009e73", "#d55e00"}


def test_what_a_certificate_says_is_in_its_table():
    certificate = results(20, 60)["certificate"]
    page = Page(certificate._repr_html_())
    assert page.text.startswith(f"✓\xa0{certificate.verdict}")
    header, *rows = page.rows
    assert header == ["check", "value", "tolerance", "outcome", "meaning"]
    for (name, check), row in zip(certificate.checks.items(), rows, strict=True):
        assert row == [name, f"{check.value:.2g}", f"{check.tolerance:.2g}", "✓\xa0passed", check.meaning]


def test_a_failed_check_is_told_by_sign_word_and_colour():
    good = Check(value=0.0, tolerance=1e-9, meaning="fine")
    bad = Check(value=np.nan, tolerance=1e-9, meaning="wrong")
    never_mind = Check(value=1.0, tolerance=0.0, meaning="a property", decisive=False)
    checks = {"first": good, "second": bad, "third": never_mind}
    html = Certificate(subject="x", checks=checks, remarks=("It was <late> & dark.",))._repr_html_()
    page = Page(html)
    assert [row[3] for row in page.rows[1:]] == ["✓\xa0passed", "✗\xa0FAILED", "no"]
    assert page.text.startswith("✗\xa0NOT CERTIFIED: x (failed: second)")
    assert page.text.endswith("It was <late> & dark.")
    assert html.count("#009e73") == 1
    assert html.count("#d55e00") == 2


def test_numbers_and_verdicts_are_not_broken_and_sentences_have_room():
    check = Check(value=2.2e-16, tolerance=1e-9, meaning="relative error of x - x*: the next Newton step")
    html = Certificate(subject="x", checks={"deviation": check})._repr_html_()
    for cell in ("2.2e-16", "1e-09", "<span"):
        assert re.search(rf'<td style="[^"]*; white-space: nowrap">{cell}', html)
    assert re.search(r'<td style="[^"]*; min-width: 14em">relative error', html)


def test_names_are_escaped():
    markup = "<script>alert('&')</script>"
    check = Check(value=0.0, tolerance=1.0, meaning=markup)
    certificate = Certificate(subject=markup, checks={markup: check}, remarks=(markup,))
    solution = replace(results(20, 60)["solution"], certificate=certificate, backend=markup, raw_status=markup)
    html = solution._repr_html_()
    assert "<script" not in html
    assert Page(html).text.count(markup) == 7


def test_an_answer_that_is_not_certified_says_what_to_try():
    solution = solve(BregmanProjection(results(20, 60)["system"], alpha=1e-6), "clarabel", polish=False)
    html = solution._repr_html_()
    text = Page(html).text
    assert text.startswith("✗\xa0INACCURATE: Bregman projection")
    assert "Try polish=True" in text
    assert "deviation" in solution.certificate.failed
    assert '<details open="open"' in html
    assert "<details open" not in results(20, 60)["solution"]._repr_html_()


def test_a_solution_says_the_same_when_it_is_computed_again():
    """Seconds would change a notebook whenever it is executed."""
    first = results(20, 60)["solution"]
    again = replace(first, setup_time=first.setup_time + 1, solve_time=first.solve_time + 1)
    assert first._repr_html_() == again._repr_html_()


def test_the_largest_entries_are_shown_with_their_places():
    solution = replace(results(20, 60)["solution"], x=np.array([0.5, -3.0, 1.0]))
    assert ["largest entries", "x[1] = -3, x[2] = 1, x[0] = 0.5"] in Page(solution._repr_html_()).rows


def test_a_long_path_shows_its_ends_around_dots():
    path = bregman_l1.projection_path(results(20, 60)["system"], log_alphas=np.linspace(-1.0, -40.0, 20))
    header, *rows = Page(path._repr_html_()).rows
    assert header == ["", "log alpha", "alpha", "status"]
    assert [row[0] for row in rows] == ["0", "1", "2", "3", "4", "5", "⋮", "15", "16", "17", "18", "19"]
    assert rows[0] == ["0", "-1", "0.368", "✓\xa0certified"]


def test_a_path_shows_the_deviation_once_it_is_known_and_never_computes_it(monkeypatch):
    path = bregman_l1.projection_path(results(20, 60)["system"], log_alphas=[-1.0, -2302.6])
    with monkeypatch.context() as patch:
        patch.setattr("bregman_l1.theory.limit.find_limit", None)
        assert len(Page(path._repr_html_()).rows[0]) == 4
    deviation = path.log_deviation
    rows = Page(path._repr_html_()).rows
    assert rows[0] == ["", "log alpha", "alpha", "log deviation", "status"]
    assert rows[2][3] == f"{deviation[1]:.6g}"


def test_a_flow_comparison_shows_the_numbers_of_its_page():
    comparison = results(20, 60)["flow comparison"]
    _, *rows = Page(comparison._repr_html_()).rows
    for row, *runs in zip(rows, comparison.flows, comparison.descents, strict=True):
        assert row[1:3] == [f"{run.distance:.2e}" for run in runs]
        assert row[4:] == [run.status.value for run in runs]


def test_a_comparison_shows_both_tables_of_its_page():
    comparison = results(20, 60)["comparison"]
    rows = Page(comparison._repr_html_()).rows
    text = [line.split() for line in str(comparison).splitlines()]
    assert all("".join(row).replace(" ", "") in {"".join(line) for line in text} for row in rows)


def test_a_store_shows_its_records_and_nothing_where_there_is_none(tmp_path):
    assert experiments.Store(tmp_path / "none")._repr_html_() is None
    store = experiments.Store(tmp_path / "store")
    with store.open_for({"title": "an example"}):
        for row in range(40):
            result = {"<b>": row**2, "list": [0.5] * 30} if row else None
            error = None if row else "ValueError: no"
            store.append(
                experiments.Record(row=row, parameters={"n": 2}, repetition=row, seed=5, result=result, error=error)
            )
    page = Page(store._repr_html_())
    assert page.text.startswith("40 records, 1 failed")
    assert page.rows[0] == ["row", "n", "repetition", "seed", "error", "<b>", "list"]
    assert page.rows[1] == ["0", "2", "0", "5", "ValueError: no", "", ""]
    assert page.rows[-1] == ["39", "2", "39", "5", "", "1521", "float[30]"]
    assert len(page.rows) == 13
