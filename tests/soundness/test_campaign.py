"""The campaign would notice: a false claim, an exception that should not be, a task that is left out."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from bregman_l1 import InfeasibleError, InvalidProblemError, solve

from . import __main__ as command_line
from .campaign import campaign, examined, rota
from .cases import FAMILIES, ILL_CONDITIONED, Case, draw
from .guard import answer_of, judged_error
from .oracle import Ruling
from .records import FAILURES, Record, to_json
from .subjects import SUBJECTS, corruption, projections, sharing
from .subjects.projections import judged_solution, problem_of
from .table import BY_FAMILY, reasons, shares, table

TWO = Case(name="two", A=np.array([[1.0, 0.5]]), y=np.array([1.0]), log_alpha=-10.0)


def spoilt_solution(case: Case = TWO, by: float = 1e-6):
    solution = solve(problem_of(case))
    log_x = solution.log_x + by
    return replace(solution, log_x=log_x, x=np.exp(log_x))


def test_the_first_round_reaches_every_family_and_subject():
    subjects = list(SUBJECTS)
    tasks = list(islice(rota(1, FAMILIES, subjects), sum(min(s.share, len(s.families)) for s in SUBJECTS.values())))
    assert {task.family for task in tasks if task.subject == "solve"} == set(FAMILIES)
    assert {task.subject for task in tasks} == set(subjects)
    assert set(FAMILIES) > ILL_CONDITIONED


def test_later_rounds_draw_new_cases():
    tasks = list(islice(rota(1, ["integers", "costs"], ["solve", "certify"]), 12))
    assert len(set(tasks)) == 12
    assert [task.index for task in tasks if task.subject == "solve"] == [0, 0, 1, 1, 2, 2]


def test_a_case_is_the_same_whenever_it_is_drawn():
    for name in FAMILIES:
        one, other = draw(name, 4, 3), draw(name, 4, 3)
        np.testing.assert_array_equal(one.A, other.A)
        assert one.log_alpha == other.log_alpha


def test_a_certified_answer_that_is_off_is_false():
    assert judged_solution(TWO, spoilt_solution(by=0.0)).column == "certified"
    assert judged_solution(TWO, spoilt_solution()).column == "FALSE"
    solution = solve(problem_of(TWO))
    assert judged_solution(TWO, replace(solution, x=solution.x * (1 + 1e-6))).column == "FALSE"


def test_exceptions_are_told_apart():
    with pytest.raises(InfeasibleError) as infeasible:
        solve(problem_of(replace(TWO, y=-TWO.y)))
    assert judged_error(replace(TWO, y=-TWO.y), infeasible.value).column == "inf right"
    assert judged_error(TWO, infeasible.value).column == "INF WRONG"
    assert judged_error(TWO, InvalidProblemError("no")).column == "refused"
    assert judged_error(TWO, ZeroDivisionError("oh")).column == "UNTYPED"


def test_what_hangs_is_stopped(monkeypatch):
    monkeypatch.setattr("soundness.guard.HANG", 0.05)
    found = answer_of(lambda: [None for _ in iter(int, 1)])
    assert isinstance(found, TimeoutError)


def test_mistakes_of_the_campaign_are_not_blamed_on_the_package():
    def mistaken(case):
        raise KeyError(case.name)

    (record,) = examined("solve", mistaken, TWO)
    assert record.column == "JUDGE"
    assert "mistaken" in record.detail


def test_a_certificate_that_accepts_everything_is_found_out(monkeypatch):
    class Accepts:
        ok = True

    monkeypatch.setattr(corruption, "certify", lambda *_, **__: Accepts())
    columns = {record.column for record in campaign(3, ["generic", "forced_zeros"], ["certify"], tasks=4)}
    assert "FALSE" in columns


def test_an_answer_that_others_change_is_found_out(monkeypatch):
    seen = []

    def forgetful(problem, *_, **__):
        solution = solve(problem)
        seen.append(solution)
        return solution if len(seen) == 1 else spoilt_solution(TWO, 1e-12)

    monkeypatch.setattr(sharing, "solve", forgetful)
    assert {record.column for record in sharing.interrupts(TWO)} == {"FALSE"}


def test_a_call_is_interrupted():
    with pytest.raises(KeyboardInterrupt):
        sharing._interrupted(lambda: [None for _ in iter(int, 1)], 0.01)


def test_an_interrupt_that_is_dropped_rings_again():
    hook = sys.unraisablehook

    class Garbage:
        def __del__(self):
            for _ in range(10**5):
                pass

    with pytest.raises(KeyboardInterrupt):
        sharing._interrupted(lambda: [Garbage() and None for _ in iter(int, 1)], 0.01)
    assert sys.unraisablehook is hook


def test_processes_share_the_work():
    records = list(campaign(2, ["integers"], tasks=9, jobs=2))
    assert {record.case.name for record in records} == {f"integers/2/{index}" for index in range(9)}


def test_a_process_that_dies_is_told_and_the_work_goes_on(monkeypatch):
    def deadly(case):
        if case.name == "integers/2/1":
            os._exit(1)
        return [Record(case=case, outcome="refused")]

    monkeypatch.setitem(SUBJECTS, "solve", SUBJECTS["solve"]._replace(examine=deadly))
    records = list(campaign(2, ["integers"], tasks=20, jobs=2))
    assert len({record.case.name for record in records}) == 20
    assert "integers/2/1" in {record.case.name for record in records if record.column == "UNTYPED"}
    # What was under way beside it, or waiting, dies with it.
    assert sum(record.column == "refused" for record in records) >= 5


def test_no_case_is_begun_when_the_time_is_up():
    assert len(list(campaign(2, ["integers"], ["solve"], seconds=0.0))) <= 1


def test_the_table_counts_families_and_subjects():
    records = [
        Record(case=draw("integers", 1, 0), subject="solve", outcome="refused", detail="why"),
        Record(case=draw("scaled", 1, 0), subject="solve", outcome="untyped", detail="ValueError"),
        Record(case=draw("costs", 1, 0), subject="training", outcome="refused"),
        Record(case=draw("costs", 1, 1), subject="proofs", outcome="not proved", detail="existence"),
    ]
    assert set(BY_FAMILY) < set(SUBJECTS)
    text = table(records)
    lines = {line[:25].strip(): line.split() for line in text.splitlines()}
    for row, refused, untyped in (("integers", 1, 0), ("= ill-conditioned", 0, 1), ("= all", 1, 1)):
        assert lines[row][-5:-2] == [".", str(refused or "."), str(untyped or ".")]  # after INF WRONG
    assert lines["training"][1] == "1"
    assert lines["costs"][1:3] == ["1", "1"]  # not proved is the first column that is shown
    assert "1  proofs: not proved: existence" in reasons(records)
    assert "UNTYPED: 1" in shares(records)
    assert "1  refused: why" in reasons(records)


def test_a_failure_is_saved_and_replayed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(projections, "solve", lambda *_, **__: spoilt_solution())
    found = next(campaign(5, ["integers"]))
    assert found.column in FAILURES
    command_line.save(replace(found, case=TWO), tmp_path)
    (file,) = tmp_path.iterdir()
    assert command_line.replay(file) == 1
    monkeypatch.undo()
    assert command_line.replay(file) == 0
    assert "certified" in capsys.readouterr().out
    assert json.loads(file.read_text()) == json.loads(json.dumps(to_json(replace(found, case=TWO))))


def test_the_command_line_runs(monkeypatch, capsys, tmp_path):
    arguments = ["soundness", "--tasks", "3", "--family", "integers", "--subject", "solve", "--output", str(tmp_path)]
    monkeypatch.setattr("sys.argv", arguments)
    assert command_line.main() == 0
    assert "3 claims" in capsys.readouterr().out


def test_a_system_that_is_refused_at_once_is_judged_as_any_other():
    case = Case(name="zero row", A=np.zeros((1, 1)), y=np.array([4.0]), log_alpha=-1.0)
    (record,) = examined("paths", SUBJECTS["paths"].examine, case)
    assert (record.outcome, record.verdict.ruling) == ("infeasible", Ruling.RIGHT)
