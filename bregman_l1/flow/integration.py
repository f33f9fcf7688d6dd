"""Stiff integrators of SciPy on the equations of a `Course`, and the trajectory they leave."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from scipy.integrate import BDF, LSODA, DenseOutput, Radau
from scipy.linalg import LinAlgWarning

from bregman_l1._types import Index, Matrix, Vector
from bregman_l1.errors import BackendError, InvalidProblemError
from bregman_l1.flow.course import Course
from bregman_l1.flow.equation import FlowEquation
from bregman_l1.frozen import FrozenArrays

Integrator = Literal["Radau", "BDF", "LSODA"]

_INTEGRATORS: dict[str, Any] = {"Radau": Radau, "BDF": BDF, "LSODA": LSODA}
_BISECTIONS = 60
# Flows take hundreds of steps, and some thousands at the least tolerances or where slopes change.
_MOST_STEPS = 100_000
# Steps this much shorter than the time on the clock are taken from a fresh one.
_SHORT = 1e-9
# A step that failed, or led out of the range of theta, is tried again, shorter, so many times.
_SHORTER, _MOST_FAILURES = 0.1, 20
# On the clock: the end of the range of floating point.
_LONGEST = 1e307

Reached = Callable[[FlowEquation, Vector], bool]


def checked_method(method: Any) -> Integrator:
    """Return the name of an integrator.

    Raises
    ------
    InvalidProblemError
        If it is none of those known.
    """
    if not isinstance(method, str) or method not in _INTEGRATORS:
        raise InvalidProblemError(f"method must be one of {', '.join(_INTEGRATORS)}, got {method!r}")
    return cast("Integrator", method)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trajectory(FrozenArrays):
    """The states of a flow at the steps of its integrator, and between them.

    Attributes
    ----------
    clock : ndarray of shape (m,)
        The time of each state, on the clock of the equations. Steps may be shorter than its spacing.
    states : ndarray of shape (m, k)
        w, in the equation of the step that led there; the first in that of the first step.
    equations : tuple of FlowEquation
        What was integrated, one after the other.
    origins : ndarray
        The time at which each of them was taken up: within it time is counted from there.
    owners : ndarray of shape (m - 1,)
        The equation that each step belongs to.
    pieces : tuple of DenseOutput
        The steps.
    stalled : bool
        Whether the integrator gave up.
    cost : tuple of three int
        Right-hand sides, Jacobians and factorizations.
    """

    clock: Vector
    states: Matrix
    equations: tuple[FlowEquation, ...]
    origins: Vector
    owners: Index
    pieces: tuple[DenseOutput, ...]
    stalled: bool
    cost: tuple[int, int, int]

    def points(self) -> Iterator[tuple[FlowEquation, Vector]]:
        """Each state, with its equation."""
        for owner, w in zip(np.append(self.owners[:1], self.owners), self.states, strict=True):
            yield self.equations[owner], w

    @property
    def end(self) -> tuple[FlowEquation, Vector]:
        """The last state, with its equation."""
        return self.equations[-1], self.states[-1]

    def at(self, clock: float) -> tuple[FlowEquation, Vector]:
        """The state at a time, with its equation; after the last of several steps that are as one on the clock."""
        step = min(int(np.searchsorted(self.clock[1:], clock, side="right")), len(self.pieces) - 1)
        return self._within(step, clock - float(self.origins[self.owners[step]]))

    def first_time(self, reached: Reached) -> float:
        """When something first held at the end of a step, by bisection within it; infinite if it never did."""
        step = next((k for k, point in enumerate(self.points()) if reached(*point)), None)
        if step is None:
            return np.inf
        return self.moment(step - 1, reached) if step else 0.0

    def moment(self, step: int, reached: Reached) -> float:
        """The time from which something holds, as it does at the end of a step."""
        low, high = float(self.pieces[step].t_old), float(self.pieces[step].t)
        for _ in range(_BISECTIONS):
            middle = low + (high - low) / 2
            low, high = (low, middle) if reached(*self._within(step, middle)) else (middle, high)
        return float(self.origins[self.owners[step]]) + high

    def _within(self, step: int, time: float) -> tuple[FlowEquation, Vector]:
        piece = self.pieces[step]
        w = piece(min(max(time, float(piece.t_old)), float(piece.t)))
        return self.equations[self.owners[step]], np.asarray(w, dtype=np.float64)


class _Recorder:
    """What an integration has seen so far."""

    def __init__(self, equation: FlowEquation) -> None:
        self.clock, self.states = [0.0], [equation.start]
        self.equations, self.origins = [equation], [0.0]
        self.owners: list[int] = []
        self.pieces: list[DenseOutput] = []
        self.cost = np.zeros(3, dtype=np.int64)

    def take_up(self, equation: FlowEquation) -> None:
        self.equations.append(equation)
        self.origins.append(self.clock[-1])

    def step(self, solver: Any) -> None:
        self.clock.append(self.origins[-1] + float(solver.t))
        self.states.append(solver.y.copy())
        self.owners.append(len(self.equations) - 1)
        self.pieces.append(solver.dense_output())

    def trajectory(self, stalled: bool) -> Trajectory:
        return Trajectory(
            clock=np.array(self.clock),
            states=np.array(self.states),
            equations=tuple(self.equations),
            origins=np.array(self.origins),
            owners=np.array(self.owners, dtype=np.intp),
            pieces=tuple(self.pieces),
            stalled=stalled,
            cost=(int(self.cost[0]), int(self.cost[1]), int(self.cost[2])),
        )


def integrate(course: Course, arrived: Reached, longest: float, method: Integrator) -> Trajectory:
    """Integrate a course until it has arrived, or for so long on its clock.

    Raises
    ------
    BackendError
        If the integrator could not take its first step.
    """
    longest = min(longest, _LONGEST)
    seen = _Recorder(course.first())
    first_step, failures = None, 0
    while True:
        equation, taken = seen.equations[-1], len(seen.pieces)
        solver = _solver(method, equation, longest - seen.clock[-1], first_step, course.rtol)
        message = _advance(solver, seen, course, arrived)
        seen.cost += (solver.nfev, solver.njev, solver.nlu)
        failures = failures + 1 if len(seen.pieces) == taken else 0
        is_over = solver.status == "finished" or seen.clock[-1] >= longest
        if is_over or failures > _MOST_FAILURES or len(seen.pieces) >= _MOST_STEPS:
            break
        if seen.pieces and arrived(equation, seen.states[-1]):
            break
        first_step = float(solver.step_size or first_step or longest) * (_SHORTER if failures else 1.0)
        if not failures:
            seen.take_up(course.after(equation, seen.states[-1]))
    if not seen.pieces:
        raise BackendError(f"{method} could not take its first step", str(message))
    return seen.trajectory(stalled=not is_over)


def _solver(method: Integrator, equation: FlowEquation, longest: float, first_step: float | None, rtol: float) -> Any:
    return _INTEGRATORS[method](
        equation.velocity,
        0.0,
        equation.start.copy(),
        longest,
        jac=equation.jacobian,
        first_step=None if first_step is None else min(first_step, longest),
        rtol=rtol,
        atol=equation.tolerance,
    )


def _advance(solver: Any, seen: _Recorder, course: Course, arrived: Reached) -> str | None:
    """Take steps until the end, or until the equation or its clock is stale; return what the integrator says."""
    equation, message, before = seen.equations[-1], None, 0.0
    while solver.status == "running" and len(seen.pieces) < _MOST_STEPS:
        message = _stepped(solver)
        if solver.status == "failed" or solver.t == before or not equation.holds(solver.y):
            break
        before = solver.t
        seen.step(solver)
        is_short = solver.step_size < _SHORT * solver.t
        if is_short or arrived(equation, solver.y) or course.is_stale(equation, solver.y):
            break
    return message


def _stepped(solver: Any) -> str | None:
    """Take a step; trial states may lie anywhere, and what fails on them is refused by the integrator itself."""
    with warnings.catch_warnings(), np.errstate(over="ignore", invalid="ignore"):
        warnings.simplefilter("ignore", LinAlgWarning)
        warnings.simplefilter("ignore", UserWarning)
        message: str | None = solver.step()
    return message
