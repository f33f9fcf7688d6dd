"""Backends of others: instances, what other packages publish, and the page that says how to write one."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from conftest import gaussian_system
from published import publish

from bregman_l1 import (
    Backend,
    BackendError,
    BackendNotInstalledError,
    BregmanProjection,
    Claim,
    InfeasibleError,
    InvalidOptionError,
    L1Minimization,
    LinearSystem,
    NotCertifiedWarning,
    Outcome,
    Status,
    StudyError,
    Support,
    UnknownBackendError,
    UnsupportedProblemError,
    backends,
    projection_path,
    solve,
)
from bregman_l1._backends.conic import ConicBackend
from bregman_l1._backends.newton import NewtonBackend
from bregman_l1._backends.published import _one_of_each
from bregman_l1.experiments import compare
from bregman_l1.experiments.ensembles import draw

PAGE = Path(__file__).parent.parent / "docs" / "own_backend.md"
SYSTEM, _ = gaussian_system(6, 18, 2)
PROBLEM = BregmanProjection(SYSTEM, alpha=1e-3)
TRUTH = solve(PROBLEM).x

SOURCE = """
from dataclasses import dataclass

import numpy as np

from bregman_l1 import Backend, BregmanProjection, Claim, Support, solve


@dataclass(frozen=True, kw_only=True)
class Borrowed(Backend):
    decimals: int = 8
    name = "borrowed"

    def supports(self, problem):
        return Support(isinstance(problem, BregmanProjection), "it borrows projections only")

    def claim(self, problem):
        return Claim(x=solve(problem).x.round(self.decimals), raw_status=f"{self.decimals} decimals, {self.max_iter}")


@dataclass(frozen=True, kw_only=True)
class Demanding(Borrowed):
    licence: str


not_a_backend = 3
"""


@dataclass(frozen=True, kw_only=True)
class Told(Backend):
    """Claims what it is told to claim."""

    told: object = None
    name = "told"

    def supports(self, problem):
        return Support(isinstance(problem, BregmanProjection), "it was told of projections only")

    def claim(self, problem):
        return self.told


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A package that publishes a backend that works, and some that do not."""
    publish(
        tmp_path,
        monkeypatch,
        module="elsewhere_l1",
        source=SOURCE,
        group="bregman_l1.backends",
        borrowed="Borrowed",
        demanding="Demanding",
        misspelt="Borowed",
        number="not_a_backend",
        newton="Borrowed",
        auto="Borrowed",
    )


def test_an_instance_solves_and_its_claim_is_polished_and_certified():
    solution = solve(PROBLEM, Told(told=Claim(x=TRUTH.round(3))))
    assert solution.status is Status.CERTIFIED
    assert solution.backend == "told"
    np.testing.assert_allclose(solution.x, TRUTH, rtol=1e-9)


def test_an_instance_is_not_believed():
    wrong = Told(told=Claim(x=TRUTH + 0.1, raw_status="perfect"))
    with pytest.warns(NotCertifiedWarning, match="told said 'perfect'"):
        assert solve(PROBLEM, wrong, polish=False).status is Status.INACCURATE


@pytest.mark.parametrize("outcome", [Outcome.INFEASIBLE, Outcome.UNBOUNDED])
def test_an_instance_that_sees_no_feasible_point_is_not_believed_either(outcome):
    with pytest.raises(BackendError, match="no Farkas vector confirms it"):
        solve(PROBLEM, Told(told=Claim(outcome=outcome)))
    with pytest.raises(InfeasibleError):
        solve(BregmanProjection(LinearSystem([[1.0, 1.0]], [-1.0]), alpha=0.1), Told(told=Claim(outcome=outcome)))


@pytest.mark.filterwarnings("ignore::bregman_l1.NotCertifiedWarning")
def test_an_instance_keeps_its_settings_and_the_certificate_the_tolerance_of_the_call():
    loose = ConicBackend(solver="SCS", tol=1e-3, max_iter=50_000)
    loosely, tightly = (solve(PROBLEM, replace(loose, tol=tol), polish=False) for tol in (1e-3, 1e-7))
    assert loosely.iterations < tightly.iterations
    solution = solve(PROBLEM, loose, tol=1e-8)
    assert solution.status is Status.CERTIFIED
    assert solution.certificate.checks["primal feasibility"].tolerance == 1e-8


@pytest.mark.parametrize("given", [{"max_iter": 5}, {"time_limit": 1.0}, {"memory": 3}])
def test_settings_beside_an_instance_are_refused(given):
    with pytest.raises(InvalidOptionError, match=f"{next(iter(given))} was given beside an instance of NewtonBackend"):
        solve(PROBLEM, NewtonBackend(), **given)


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        (NewtonBackend, r"not a class: give NewtonBackend\(\)"),
        (None, "a name or an instance of Backend, got NoneType"),
        (3, "got int"),
        (["newton"], "got list"),
    ],
)
def test_what_is_neither_a_name_nor_an_instance_is_refused(backend, message):
    with pytest.raises(InvalidOptionError, match=message):
        solve(PROBLEM, backend)


def test_an_instance_that_cannot_solve_the_problem_says_why():
    with pytest.raises(UnsupportedProblemError, match="told cannot solve .*told of projections only; use newton"):
        solve(L1Minimization(SYSTEM), Told())


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (None, "told.claim() returned NoneType, not a Claim"),
        (Claim(x=np.ones(3)), "x must have shape (18,), got (3,)"),
        (Claim(log_x=np.ones((18, 1))), "log_x must have shape (18,), got (18, 1)"),
        (Claim(x=np.ones(18), dual=np.ones(5)), "dual must have shape (6,), got (5,)"),
        (Claim(x=np.ones(18, dtype=complex)), "x is complex"),
        (Claim(x=np.ones(18), outcome="optimal"), "a claim whose outcome is 'optimal', not an Outcome"),
        (Claim(), "told said 'optimal' and returned no point"),
        (Claim(x=np.ones(18), log_x=np.log(TRUTH)), "x and log_x disagree at entry 0"),
        (Claim(x=TRUTH, log_x=np.zeros(18)), "x and log_x disagree at entry 0"),
        (Claim(x=np.ones(18), iterations="many"), "a claim whose iterations is 'many', no number"),
        (Claim(x=np.ones(18), solve_time=None), "a claim whose solve_time is None, no number"),
    ],
)
def test_a_claim_that_cannot_be_read_is_refused_in_words(claim, message):
    with pytest.raises(BackendError, match=re.escape(message)):
        solve(PROBLEM, Told(told=claim))


def test_lists_and_single_precision_are_read_as_vectors():
    for x in (TRUTH.tolist(), TRUTH.astype(np.float32)):
        assert solve(PROBLEM, Told(told=Claim(x=x))).status is Status.CERTIFIED


@pytest.mark.parametrize(("words", "said"), [("", "optimal"), ("CONVERGENCE: f", "CONVERGENCE: f")])
def test_a_claim_without_words_of_its_own_says_its_outcome(words, said):
    assert solve(PROBLEM, Told(told=Claim(x=TRUTH, raw_status=words))).raw_status == said
    found = compare([SYSTEM], backends=Told(told=Claim(x=TRUTH)), alphas=[1e-3], tolerances=[1e-9], repeats=1)
    assert {run.claimed for run in found.runs} == {"optimal"}


def test_a_support_that_is_none_is_named():
    class Hasty(Told):
        def supports(self, problem):
            return False

    with pytest.raises(BackendError, match=r"supports\(\) returned False, not a Support"):
        solve(PROBLEM, Hasty())


def test_native_options_of_an_instance_are_those_it_knows():
    class Tunable(Told):
        def native_options(self):
            return ("memory",)

    assert Tunable(native={"memory": 3}).native == {"memory": 3}
    with pytest.raises(InvalidOptionError, match="no option 'memori'; did you mean 'memory'[?] it knows memory"):
        Tunable(native={"memori": 3})
    with pytest.raises(InvalidOptionError, match="it has none beyond tol, max_iter, time_limit, polish"):
        Told(native={"speed": 3})


def test_a_path_and_a_comparison_take_instances():
    told = Told(told=Claim(x=TRUTH.round(4)))
    path = projection_path(SYSTEM, log_alphas=[PROBLEM.log_alpha], backend=told)
    assert [solution.backend for solution in path.solutions] == ["told"]
    found = compare([SYSTEM], backends=[told, "newton"], alphas=[1e-3], tolerances=[1e-9], repeats=1)
    raw = {run.backend: run.error for run in found.runs if not run.polished}
    assert set(raw) == {"told", "newton"}
    assert raw["newton"] < 1e-9 < raw["told"]


def test_a_comparison_gives_its_tolerances_and_limits_to_an_instance():
    asked = []

    class Listening(Told):
        def claim(self, problem):
            asked.append((self.tol, self.max_iter, self.time_limit))
            return Claim(x=TRUTH)

    compare([SYSTEM], backends=Listening(time_limit=9.0), alphas=[1e-3], tolerances=[1e-6], repeats=1, max_iter=7)
    assert (1e-6, 7, 9.0) in asked
    assert {(max_iter, time_limit) for _, max_iter, time_limit in asked} == {(7, 9.0)}


def test_two_different_backends_of_one_name_are_not_compared():
    with pytest.raises(StudyError, match="two backends are called 'scs'"):
        compare(draw(N=6, d=18, s=2), backends=["scs", ConicBackend(solver="SCS")])


def test_a_published_backend_is_found_by_name_with_its_fields_as_options(elsewhere):
    solution = solve(PROBLEM, "Borrowed", decimals=3, max_iter=17)
    assert solution.status is Status.CERTIFIED
    assert solution.raw_status == "3 decimals, 17"
    with pytest.raises(InvalidOptionError, match="no option 'decimal'; did you mean 'decimals'[?] it knows .*decimals"):
        solve(PROBLEM, "borrowed", decimal=3)


def test_published_backends_are_in_the_table_with_what_they_solve(elsewhere):
    row = backends()["borrowed"]
    assert (row.installed, row.version, row.solves, row.install) == (
        True,
        "1.2",
        ("entropy", "power"),
        "pip install elsewhere_l1",
    )
    assert "borrowed" in {run.backend for run in compare(SYSTEM, alphas=[1e-3], tolerances=[1e-6], repeats=1).runs}


def test_a_name_that_is_shipped_here_is_not_taken_by_others(elsewhere):
    assert solve(PROBLEM, "newton").raw_status != "8 decimals, None"
    assert solve(PROBLEM, "auto").backend == "newton"
    names = [row.name for row in backends()]
    assert names.count("newton") == 1
    assert "auto" not in names


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("misspelt", "of elsewhere_l1 1.2 cannot be loaded: AttributeError.*Borowed"),
        ("number", "of elsewhere_l1 1.2 is no subclass of bregman_l1.Backend: elsewhere_l1:not_a_backend"),
    ],
)
def test_a_broken_entry_point_is_an_error_where_it_is_asked_for_and_a_remark_elsewhere(elsewhere, name, message):
    with pytest.raises(BackendNotInstalledError, match=message):
        solve(PROBLEM, name)
    row = backends()[name]
    assert not row.installed
    assert re.search(message, row.failure)
    assert re.search(message, str(backends()))
    with pytest.raises(StudyError, match="unknown backend for projections"):
        compare(SYSTEM, backends=[name])


def test_a_published_backend_that_needs_settings_says_so_in_the_table(elsewhere):
    assert "licence" in backends()["demanding"].failure
    assert solve(PROBLEM, "demanding", licence="ours").status is Status.CERTIFIED


def test_a_package_that_cannot_be_imported_disturbs_nobody(tmp_path, monkeypatch):
    group = {"group": "bregman_l1.backends", "gone": "Gone"}
    publish(tmp_path, monkeypatch, module="broken_l1", source="raise RuntimeError('no licence')", **group)
    code = (
        "import bregman_l1 as b; s = b.LinearSystem([[1.0, 0.5]], [1.0]);"
        "b.solve(b.BregmanProjection(s, alpha=0.1)); assert 'no licence' in str(b.backends())"
    )
    everything = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=everything)
    with pytest.raises(
        BackendNotInstalledError, match="'gone' of broken_l1 1.2 cannot be loaded: RuntimeError: no lic"
    ):
        solve(PROBLEM, "gone")


def test_the_table_is_made_of_one_problem_of_each_kind():
    cones = {kind: problem.cones for kind, problem in _one_of_each().items()}
    assert "integer" in cones["mixed-integer linear"]
    assert "exponential" in cones["entropy"]
    assert cones["linear"] == {"linear"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mosek", "'mosek' is not installed: pip install mosek; it needs a licence"),
        ("MOSEK", "'mosek' is not installed"),
        ("xpress", "pip install xpress; it needs a licence"),
        ("pdlp", "pip install ortools$"),
    ],
)
def test_a_solver_that_cvxpy_knows_and_is_not_installed_says_how_to_install_it(name, message, monkeypatch):
    from cvxpy.reductions.solvers import defines

    installed = [solver for solver in defines.INSTALLED_SOLVERS if solver not in ("MOSEK", "XPRESS", "PDLP")]
    monkeypatch.setattr(defines, "INSTALLED_SOLVERS", installed)
    with pytest.raises(BackendNotInstalledError, match=message):
        solve(PROBLEM, name)
    with pytest.raises(BackendNotInstalledError, match=message):
        compare(SYSTEM, backends=[name.lower()])


def test_a_solver_nobody_knows_is_unknown():
    with pytest.raises(UnknownBackendError, match="'mosekk'"):
        solve(PROBLEM, "mosekk")


@pytest.mark.parametrize(
    ("backend", "given", "meant"),
    [
        ("newton", {"maxiter": 5}, "max_iter"),
        ("newton", {"timelimit": 5}, "time_limit"),
        ("newton", {"tool": 1e-3}, "tol"),
        ("newton", {"polished": True}, "polish"),
        ("clarabel", {"maxiter": 5}, "max_iter"),
        ("ecos", {"abstoll": 1e-3}, "abstol"),
        ("scs", {"maxiter": 5}, "max_iter"),
        ("highs", {"maxiter": 5}, "max_iter"),
        ("scipy", {"maxiter": 5}, "max_iter"),
    ],
)
def test_a_misspelt_setting_is_answered_with_what_was_meant(backend, given, meant):
    problem = L1Minimization(SYSTEM) if backend in ("highs", "scipy") else PROBLEM
    with pytest.raises(InvalidOptionError, match=f"did you mean '{meant}'"):
        solve(problem, backend, **given)


def blocks() -> list[tuple[str, str]]:
    """The page's blocks of Python, each with the text block that follows it at once: what it prints."""
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", text, flags=re.DOTALL)


def test_the_page_says_what_its_code_prints():
    namespace: dict[str, object] = {"__name__": "__main__"}
    found = blocks()
    assert len(found) >= 3
    assert any(printed for _, printed in found)
    for code, printed in found:
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(code, namespace)  # noqa: S102 - our own text
        assert output.getvalue() == printed


def test_the_backend_of_the_page_has_twenty_lines():
    code = next(code for code, _ in blocks() if "class DualBFGS" in code)
    body = code[code.index("@dataclass") :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 20


def test_the_entry_point_of_the_page_publishes_its_backend(tmp_path, monkeypatch):
    (name, module, attribute) = re.search(r'^([\w-]+) = "(\w+):(\w+)"', PAGE.read_text("utf-8"), flags=re.M).groups()
    source = next(code for code, _ in blocks() if "class DualBFGS" in code)
    publish(
        tmp_path,
        monkeypatch,
        module=module,
        source=source,
        group="bregman_l1.backends",
        **{name.replace("-", "_"): attribute},
    )
    assert solve(PROBLEM, name, memory=5).status is Status.CERTIFIED
