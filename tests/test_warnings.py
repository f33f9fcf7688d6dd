"""Every warning of the package points at the line of the caller that asked."""

from __future__ import annotations

import inspect
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conftest import gaussian_system

import bregman_l1
from bregman_l1 import BregmanProjection, NotCertifiedWarning, compare_flow, gradient_flow, solve

SYSTEM, _ = gaussian_system(6, 15, 2)
HERE = Path(__file__).resolve()


def compare_two():
    return compare_flow(SYSTEM, log_alphas=[-3.0, -4.0], max_iterations=3)


def compare_lazily():
    return list(compare_flow(SYSTEM, log_alphas=[value], max_iterations=3) for value in (-3.0, -4.0))  # noqa: C400


def flow_twice():
    return [gradient_flow(SYSTEM, alpha, max_time=1e-3) for alpha in (1e-3, 1e-4)]


def solve_raw():
    return solve(BregmanProjection(SYSTEM, alpha=1e-12), "scs", polish=False)


@pytest.mark.parametrize("call", [compare_two, compare_lazily, flow_twice, solve_raw])
@pytest.mark.parametrize("run", [lambda call: call(), lambda call: ThreadPoolExecutor(1).submit(call).result()])
def test_a_warning_points_at_the_line_that_asked(call, run):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(call)
    lines, first = inspect.getsourcelines(call)
    assert caught
    assert {warning.category for warning in caught} == {NotCertifiedWarning}
    assert {Path(warning.filename).resolve() for warning in caught} == {HERE}
    assert {warning.lineno for warning in caught} <= set(range(first, first + len(lines)))


def test_code_without_a_module_is_pointed_at_too():
    code = compile("solve(problem, 'scs', polish=False)", "a cell", "exec")
    scope = {"solve": solve, "problem": BregmanProjection(SYSTEM, alpha=1e-12)}
    with pytest.warns(NotCertifiedWarning) as caught:
        exec(code, scope)  # noqa: S102 - our own text
    assert [warning.filename for warning in caught] == ["a cell"]


def test_no_module_warns_by_counting_frames_itself():
    package = Path(bregman_l1.__file__).parent
    counting = [path.name for path in package.rglob("*.py") if "stacklevel" in path.read_text(encoding="utf-8")]
    assert counting == ["entry.py"]
