"""The one way to HiGHS: linear and mixed-integer linear programs, with duals and bounds.

Everything in the package that needs a linear program comes here, so that HiGHS' options, tolerances,
statuses and sign conventions are known in one place.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field, replace
from functools import cache
from math import inf
from time import perf_counter
from typing import Any

import highspy
import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from bregman_l1._types import Index, Mask, Matrix, Vector
from bregman_l1.budget import Budget
from bregman_l1.errors import InvalidOptionError
from bregman_l1.outcome import Outcome

_LOG = logging.getLogger(__name__)

# HiGHS refuses feasibility tolerances outside this range.
_SMALLEST_TOLERANCE, _LARGEST_TOLERANCE = 1e-10, 1e-2

OUTCOMES = {
    "kNotset": Outcome.FAILED,
    "kLoadError": Outcome.FAILED,
    "kModelError": Outcome.FAILED,
    "kPresolveError": Outcome.FAILED,
    "kSolveError": Outcome.FAILED,
    "kPostsolveError": Outcome.FAILED,
    "kModelEmpty": Outcome.FAILED,
    "kOptimal": Outcome.OPTIMAL,
    "kInfeasible": Outcome.INFEASIBLE,
    "kUnboundedOrInfeasible": Outcome.INFEASIBLE,
    "kUnbounded": Outcome.UNBOUNDED,
    "kObjectiveBound": Outcome.INACCURATE,
    "kObjectiveTarget": Outcome.INACCURATE,
    "kTimeLimit": Outcome.TIME_LIMIT,
    "kIterationLimit": Outcome.ITERATION_LIMIT,
    "kUnknown": Outcome.INACCURATE,
    "kSolutionLimit": Outcome.ITERATION_LIMIT,
    "kInterrupt": Outcome.FAILED,
    "kMemoryLimit": Outcome.FAILED,
    "kHighsInterrupt": Outcome.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearProgram:
    """Minimise cost'v over row_lower <= rows v <= row_upper, lower <= v <= upper, v[integer] integral.

    A bound given as a scalar holds for every row or variable; omitted bounds are -inf and inf.
    """

    cost: Vector
    rows: Matrix | sp.sparray
    row_lower: ArrayLike = -np.inf
    row_upper: ArrayLike = np.inf
    lower: ArrayLike = -np.inf
    upper: ArrayLike = np.inf
    integer: Mask | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearProgramAnswer:
    """What HiGHS found: the point, the row multipliers d(value)/d(row bound), value and proven bound.

    ``x`` is None where HiGHS has no point, ``dual`` where it has no multipliers (integer programs). ``basis`` holds
    the basic columns and the rows whose slacks are not basic, as many, where there is one.
    """

    outcome: Outcome
    raw_status: str
    x: Vector | None
    dual: Vector | None
    value: float
    bound: float
    iterations: int
    setup_time: float
    solve_time: float
    basis: tuple[Index, Index] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearProgramSettings:
    """Tolerance, limits and native HiGHS options of one run; unset limits are HiGHS' own.

    An iteration is a step of the simplex or interior-point method; of branch and bound, a node.
    """

    tol: float = 1e-10
    max_iter: int | None = None
    time_limit: float | None = None
    native: dict[str, Any] = field(default_factory=dict)

    def options(self) -> dict[str, Any]:
        """Return the HiGHS options these settings stand for; the native ones win."""
        tol = float(np.clip(self.tol, _SMALLEST_TOLERANCE, _LARGEST_TOLERANCE))
        options: dict[str, Any] = {
            "output_flag": False,
            "primal_feasibility_tolerance": tol,
            "dual_feasibility_tolerance": tol,
            "mip_feasibility_tolerance": tol,
            "mip_rel_gap": 0.0,
            "mip_abs_gap": tol,
            "small_matrix_value": 1e-12,
        }
        if self.max_iter is not None:
            names = ("simplex_iteration_limit", "ipm_iteration_limit", "mip_max_nodes")
            options |= dict.fromkeys(names, self.max_iter)
        if self.time_limit is not None and self.time_limit < inf:
            options["time_limit"] = float(self.time_limit)
        return options | self.native


@cache
def known_options() -> tuple[str, ...]:
    """Names of the options the installed HiGHS understands."""
    return tuple(sorted(name for name in dir(highspy.HighsOptions()) if not name.startswith("_")))


def solve_linear_program(program: LinearProgram, settings: LinearProgramSettings | None = None) -> LinearProgramAnswer:
    """Solve a linear or mixed-integer linear program with HiGHS.

    Parameters
    ----------
    program : LinearProgram
        What to minimise.
    settings : LinearProgramSettings, optional
        How; the tightest tolerance HiGHS accepts if omitted.

    Returns
    -------
    LinearProgramAnswer
        The answer with HiGHS' own view of it; the caller verifies what it needs.

    Raises
    ------
    InvalidOptionError
        If a native option is unknown to HiGHS or has a value it refuses.

    Examples
    --------
    >>> import numpy as np
    >>> program = LinearProgram(cost=np.ones(2), rows=np.array([[1.0, 0.5]]), row_lower=1.0, row_upper=1.0, lower=0.0)
    >>> answer = solve_linear_program(program)
    >>> answer.x.tolist(), answer.dual.tolist()
    ([1.0, 0.0], [1.0])
    """
    started = perf_counter()
    highs = _SilentHighs()
    for name, value in (settings or LinearProgramSettings()).options().items():
        _set_option(highs, name, value)
    accepted = highs.passModel(_model(program)) != highspy.HighsStatus.kError
    _start_with_free_variables(highs, program)
    ready = perf_counter()
    completed = accepted and highs.run() != highspy.HighsStatus.kError
    solved = perf_counter()
    status = highs.getModelStatus().name
    info = highs.getInfo()
    solution = highs.getSolution()
    is_integer = program.integer is not None and bool(program.integer.any())
    has_point = info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusNone and solution.value_valid
    _LOG.debug(
        "HiGHS: %d x %d%s, %s, %.3g s",
        *program.rows.shape, " with integers" if is_integer else "", status, solved - started,
    )  # fmt: skip
    value = float(info.objective_function_value) if has_point else np.nan
    steps = [info.simplex_iteration_count, info.ipm_iteration_count]
    return LinearProgramAnswer(
        outcome=OUTCOMES[status] if completed else Outcome.FAILED,
        raw_status=highs.modelStatusToString(highs.getModelStatus()),
        x=np.array(solution.col_value) if has_point else None,
        dual=np.array(solution.row_dual) if solution.dual_valid and not is_integer else None,
        value=value,
        bound=float(info.mip_dual_bound) if is_integer else value,
        iterations=max(0, *map(int, [info.mip_node_count] if is_integer else steps)),
        setup_time=ready - started,
        solve_time=solved - ready,
        basis=_basis(highs) if completed and not is_integer else None,
    )


def _basis(highs: highspy.Highs) -> tuple[Index, Index] | None:
    basis = highs.getBasis()
    if not basis.valid:
        return None
    basic = highspy.HighsBasisStatus.kBasic
    columns = np.flatnonzero([status == basic for status in basis.col_status])
    return columns, np.flatnonzero([status != basic for status in basis.row_status])


_RETRIES = (
    LinearProgramSettings(),
    LinearProgramSettings(tol=1e-7),
    LinearProgramSettings(tol=1e-7, native={"solver": "ipm"}),
)
_FINAL = (Outcome.OPTIMAL, Outcome.INFEASIBLE, Outcome.UNBOUNDED, Outcome.TIME_LIMIT)


def solve_verified_later(program: LinearProgram, budget: Budget | None = None) -> LinearProgramAnswer:
    """Solve a linear program whose answer the caller proves for himself: tightly, or else as HiGHS can.

    The simplex method at the tightest tolerance sometimes ends undecided on small degenerate programs, or calls a
    bounded one unbounded. Of the budget the seconds count: what is not decided when they are spent ends with outcome
    TIME_LIMIT.
    """
    for settings in _RETRIES:
        limited = settings if budget is None else replace(settings, time_limit=budget.seconds_left)
        answer = solve_linear_program(program, limited)
        is_refuted = answer.outcome is Outcome.UNBOUNDED and _is_bounded(program)
        if answer.outcome in _FINAL and not is_refuted:
            break
    return answer


def _is_bounded(program: LinearProgram) -> bool:
    """Whether the bounds of the variables alone bound the value from below."""
    falls_without_end = np.where(program.cost > 0, program.lower, -np.asarray(program.upper)) == -np.inf
    return not (falls_without_end & (program.cost != 0)).any()


# HiGHS keeps worker threads for the next run; in a forked child there are none, and it would wait for them.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: highspy.Highs.resetGlobalScheduler(False))


class _SilentHighs(highspy.Highs):  # type: ignore[misc]
    """HiGHS prints its banner on the first call that is not an option: silence must come before that one."""

    def enableCallbacks(self) -> None:
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()


def _set_option(highs: highspy.Highs, name: str, value: Any) -> None:
    if name not in known_options():
        raise InvalidOptionError(f"HiGHS has no option {name!r}; it knows {', '.join(known_options())}")
    if highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
        raise InvalidOptionError(f"HiGHS refuses {name}={value!r}")


def _model(program: LinearProgram) -> highspy.HighsLp:
    rows = sp.csc_array(program.rows)
    n_rows, n_columns = rows.shape
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = n_rows, n_columns
    model.col_cost_ = np.asarray(program.cost, dtype=np.float64)
    model.row_lower_, model.row_upper_ = (_spread(b, n_rows) for b in (program.row_lower, program.row_upper))
    model.col_lower_, model.col_upper_ = (_spread(b, n_columns) for b in (program.lower, program.upper))
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_ = rows.indptr
    model.a_matrix_.index_ = rows.indices
    model.a_matrix_.value_ = rows.data
    if program.integer is not None:
        kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        model.integrality_ = [kinds[int(flag)] for flag in program.integer]
    return model


def _start_with_free_variables(highs: highspy.Highs, program: LinearProgram) -> None:
    """Begin at a basis that holds the free variables: a vertex has them basic, and presolve takes seconds to say so.

    What is missing to a basis HiGHS completes with slacks.
    """
    n_rows, n_columns = program.rows.shape
    free = np.isneginf(_spread(program.lower, n_columns)) & np.isposinf(_spread(program.upper, n_columns))
    if not free.any() or free.sum() > n_rows or program.integer is not None:
        return
    basic, at_bound = highspy.HighsBasisStatus.kBasic, highspy.HighsBasisStatus.kLower
    start = highspy.HighsBasis()
    start.alien = start.valid = True
    start.col_status = [basic if is_free else at_bound for is_free in free]
    start.row_status = [at_bound if i < free.sum() else basic for i in range(n_rows)]
    highs.setBasis(start)


def _spread(bound: ArrayLike, size: int) -> Vector:
    return np.array(np.broadcast_to(np.asarray(bound, dtype=np.float64), size))
