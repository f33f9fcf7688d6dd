"""The logger ``bregman_l1``: silent unless it is set up, and then it tells the phases."""

from __future__ import annotations

import logging
import re
import subprocess
import sys

import pytest
from conftest import gaussian_system

from bregman_l1 import (
    BregmanProjection,
    L1Minimization,
    LinearSystem,
    NotCertifiedWarning,
    NullSpaceConstant,
    Problem,
    projection_path,
    solve,
)

SYSTEM, _ = gaussian_system()


def told(caplog, compute, level=logging.DEBUG):
    """What the logger says while something is computed, and nobody else."""
    with caplog.at_level(level, logger="bregman_l1"):
        compute()
    records = [record for record in caplog.records if record.name.startswith("bregman_l1")]
    return "\n".join(record.getMessage() for record in records)


@pytest.mark.parametrize(
    ("problem", "backend", "phases"),
    [
        (
            BregmanProjection(SYSTEM, alpha=1e-3),
            "auto",
            ["goes to newton", "0 rows depend on others", r"convex loop: optimal 1 of the way, \d+ factorisations",
             r"newton claims: optimal \('optimal'\)", r"is certified by newton: \d+ iterations"],
        ),
        (
            BregmanProjection(SYSTEM, log_alpha=-2302.6),
            "auto",
            ["convex loop: inaccurate", r"walk from [\d.e-]+ to 1 of the way: \d+ bases, \d+ factorisations so far",
             "scale-free form: optimal"],
        ),
        (
            BregmanProjection(gaussian_system(100, 400, 10)[0], log_alpha=-2302.6),
            "auto",
            [r"jump from [\d.e-]+ of the way: arrived"],
        ),
        (
            BregmanProjection(LinearSystem([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [1.0, 0.0]), log_alpha=-2302.6),
            "newton",
            ["face: 2 of 3 entries can be positive"],
        ),
        (L1Minimization(SYSTEM), "highs", [r"HiGHS: 20 x 60, kOptimal, [\d.e-]+ s", "is certified by highs"]),
        (BregmanProjection(SYSTEM, alpha=0.1), "ecos", ["goes to ecos", "ecos claims: optimal", "convex loop"]),
    ],
)  # fmt: skip
def test_a_solve_tells_its_phases(problem, backend, phases, caplog):
    story = told(caplog, lambda: solve(problem, backend))
    for phase in phases:
        assert re.search(phase, story), f"{phase} is not in\n{story}"


def test_a_mixed_integer_program_is_told_as_one(caplog):
    system = LinearSystem([[1.0, -1.0, 0.0, 1.0], [0.0, 0.0, -1.0, 1.0]], [1.0, 0.0])
    assert "with integers, kOptimal" in told(
        caplog, lambda: solve(NullSpaceConstant(system, [0], "rho_tilde"), "highs")
    )


def test_a_path_tells_what_was_followed_and_what_projected(caplog):
    story = told(caplog, lambda: projection_path(SYSTEM, log_alphas=[-10.0, -100.0, -200.0, -300.0]))
    assert re.search(r"log\(alpha\) = -10: on its own, \d+ factorisations", story)
    assert re.search(r"log\(alpha\) = -300: followed, \d+ factorisations", story)
    assert story.count("is certified by newton") == 4


def test_an_answer_alone_is_told_at_level_info(caplog):
    story = told(caplog, lambda: solve(BregmanProjection(SYSTEM, log_alpha=-2302.6)), logging.INFO)
    assert len(story.splitlines()) == 1
    assert (
        "Bregman projection at log(alpha) = -2302.6, LinearSystem(N=20, d=60, dense)> is certified by newton" in story
    )


def test_an_answer_that_falls_short_is_told_as_such(caplog):
    with pytest.warns(NotCertifiedWarning):
        story = told(caplog, lambda: solve(BregmanProjection(SYSTEM, alpha=1e-12), "scs", polish=False))
    assert "is inaccurate by scs" in story


def test_nothing_is_put_into_words_unless_somebody_listens(monkeypatch):
    def put_into_words(problem):
        raise AssertionError("a problem was put into words")

    monkeypatch.setattr(Problem, "__repr__", put_into_words)
    assert solve(BregmanProjection(SYSTEM, log_alpha=-2302.6)).certificate.ok


def test_nothing_is_printed_by_default():
    code = (
        "import logging, bregman_l1 as b; s = b.LinearSystem([[1.0, 0.5]], [1.0]);"
        "b.solve(b.BregmanProjection(s, log_alpha=-2302.6)); b.solve(b.L1Minimization(s), 'highs');"
        "assert any(isinstance(h, logging.NullHandler) for h in logging.getLogger('bregman_l1').handlers);"
        "assert not logging.getLogger().handlers"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout == run.stderr == ""
