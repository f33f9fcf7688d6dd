"""A child forked while another thread computes finds nothing locked, and computes the same."""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from conftest import gaussian_system

from bregman_l1 import BregmanProjection, L1Minimization, LinearSystem, NullSpaceConstant, analyze, solve
from bregman_l1.caching import cached_property

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
SECONDS = 60


def in_a_child(compute: Callable[[], np.ndarray]) -> np.ndarray:
    """What ``compute`` gives in a forked process, which is ended if it does not come back."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of what is tested here
        child = os.fork()
    if child == 0:
        try:
            signal.alarm(SECONDS)
            os.write(writer, np.asarray(compute(), dtype=np.float64).tobytes())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        data = answer.read()
    assert os.waitpid(child, 0)[1] == 0
    return np.frombuffer(data)


class Interrupted:
    """A context in which a thread is inside ``work(wait)``, where it waits."""

    def __init__(self, work: Callable[[Callable[[], None]], object]) -> None:
        self._inside, self._go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=work, args=(self._wait,))

    def _wait(self) -> None:
        self._inside.set()
        assert self._go_on.wait(SECONDS)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._inside.wait(SECONDS)

    def __exit__(self, *_: object) -> None:
        self._go_on.set()
        self._thread.join()


def test_a_child_computes_what_another_thread_was_about_to_remember():
    system, _ = gaussian_system(6, 15, 2)
    problem = BregmanProjection(system, alpha=1e-3)
    with Interrupted(lambda wait: system.remember("slow", lambda: wait() or 1.0)):
        assert in_a_child(lambda: [system.remember("slow", lambda: 2.0)]).tolist() == [2.0]
        log_x = in_a_child(lambda: solve(problem).log_x)
        conic = in_a_child(lambda: solve(problem, "clarabel").log_x)
    np.testing.assert_array_equal(log_x, solve(problem).log_x)
    np.testing.assert_array_equal(conic, solve(problem, "clarabel").log_x)
    assert system.remember("slow", lambda: 3.0) == 1.0


def test_a_child_computes_a_cached_property_another_thread_is_at():
    class Slow:
        def __init__(self, wait: Callable[[], None]) -> None:
            self._wait = wait

        @cached_property
        def value(self) -> float:
            self._wait()
            return 1.0

    with Interrupted(lambda wait: Slow(wait).value):
        assert in_a_child(lambda: [Slow(lambda: None).value]).tolist() == [1.0]


def test_a_child_solves_linear_and_integer_programs_as_its_parent_did():
    system, _ = gaussian_system(20, 60, 4)
    support = analyze(system).support
    computations = {
        "linear": lambda: solve(L1Minimization(LinearSystem(system.matrix, system.y))).x,
        "integer": lambda: [
            solve(NullSpaceConstant(LinearSystem(system.matrix, system.y), support, "rho_minus")).value
        ],
    }
    before = {name: compute() for name, compute in computations.items()}
    for name, compute in computations.items():
        np.testing.assert_array_equal(in_a_child(compute), before[name])


def test_threads_that_compute_the_same_are_given_the_same():
    system, _ = gaussian_system()
    barrier = threading.Barrier(4)
    answers: list[np.ndarray] = []

    def work() -> None:
        barrier.wait(SECONDS)
        answers.append(system.remember("key", partial(np.ones, 3)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answer is answers[0] for answer in answers)
    assert not answers[0].flags.writeable


def test_every_thread_has_a_program_of_its_own():
    problem = BregmanProjection(gaussian_system(6, 15, 2)[0], alpha=1e-3)
    programs = [problem.dcp(), problem.dcp()]
    thread = threading.Thread(target=lambda: programs.append(problem.dcp()))
    thread.start()
    thread.join()
    assert programs[0] is programs[1]
    assert programs[2] is not programs[0]
