"""Every conic solver CVXPY knows, through the problem's disciplined convex form."""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from bregman_l1._backends.base import SHARED_SETTINGS, Backend, Support, entries_known
from bregman_l1.claim import Claim
from bregman_l1.errors import WHAT_TO_TRY, BackendError, InvalidOptionError
from bregman_l1.outcome import Outcome
from bregman_l1.problems.base import Problem
from bregman_l1.suggestions import did_you_mean

OUTCOMES = {
    "optimal": Outcome.OPTIMAL,
    "optimal_inaccurate": Outcome.INACCURATE,
    "infeasible": Outcome.INFEASIBLE,
    "infeasible_inaccurate": Outcome.INFEASIBLE,
    "infeasible_or_unbounded": Outcome.INFEASIBLE,
    "unbounded": Outcome.UNBOUNDED,
    "unbounded_inaccurate": Outcome.UNBOUNDED,
    "user_limit": Outcome.ITERATION_LIMIT,
    "solver_error": Outcome.FAILED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeNames:
    """How one solver calls the settings that all backends share; None where it has no such setting."""

    tol: tuple[str, ...] = ()
    max_iter: str | None = None
    time_limit: str | None = None
    known: tuple[str, ...] | None = None


# CVXPY's memory for a program it keeps grows with its variables times the entries of its parameters.
_MOST_PARAMETERS = 2000

_ECOS_OPTIONS = ("abstol", "abstol_inacc", "feastol", "feastol_inacc", "max_iters", "reltol", "reltol_inacc", "verbose")
_SCS_OPTIONS = (
    "acceleration_interval", "acceleration_lookback", "adaptive_scale", "alpha", "eps_abs", "eps_infeas", "eps_rel",
    "log_csv_filename", "max_iters", "normalize", "rho_x", "scale", "time_limit_secs", "use_indirect", "verbose",
    "write_data_filename",
)  # fmt: skip


def _clarabel_options() -> tuple[str, ...]:
    import clarabel

    return tuple(name for name in dir(clarabel.DefaultSettings()) if not name.startswith("_") and name != "default")


def native_names(solver: str) -> NativeNames:
    """Return how a CVXPY solver calls the shared settings; nothing for solvers not listed here."""
    match solver:
        case "ECOS":
            return NativeNames(tol=("abstol", "reltol", "feastol"), max_iter="max_iters", known=_ECOS_OPTIONS)
        case "SCS":
            return NativeNames(
                tol=("eps_abs", "eps_rel"), max_iter="max_iters", time_limit="time_limit_secs", known=_SCS_OPTIONS
            )
        case "CLARABEL":
            return NativeNames(
                tol=("tol_gap_abs", "tol_gap_rel", "tol_feas"),
                max_iter="max_iter",
                time_limit="time_limit",
                known=_clarabel_options(),
            )
        case _:
            return NativeNames()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConicBackend(Backend):
    """One of CVXPY's conic solvers.

    A solver without a time limit (ECOS and those CVXPY finds beyond the ones named here) is stopped by its
    iteration limit only; a run that ends short of its tolerances after the time limit is reported as such.
    Solvers without a name for `tol` run at their own tolerance.

    Attributes
    ----------
    solver : str
        CVXPY's name of the solver, such as ``"ECOS"``.
    """

    solver: str

    @property
    def name(self) -> str:
        return self.solver.lower()

    def supports(self, problem: Problem) -> Support:
        from cvxpy.constraints import ExpCone, PowCone3D
        from cvxpy.reductions.solvers.defines import SOLVER_MAP_CONIC

        interface = SOLVER_MAP_CONIC[self.solver]
        if "exponential" in problem.cones and ExpCone not in interface.SUPPORTED_CONSTRAINTS:
            return Support(False, f"{self.solver} has no exponential cone, which entropy and logarithm need")
        if "power" in problem.cones and PowCone3D not in interface.SUPPORTED_CONSTRAINTS:
            return Support(False, f"{self.solver} has no power cone, which finite depths above 2 need")
        if "integer" in problem.cones and not interface.MIP_CAPABLE:
            return Support(False, f"{self.solver} has no integer variables, which this constant needs")
        return entries_known(problem)

    def native_options(self) -> tuple[str, ...] | None:
        return native_names(self.solver).known

    def claim(self, problem: Problem) -> Claim:
        options = self._options()
        started = perf_counter()
        program = problem.dcp()
        data, chain, inverse = program.get_problem_data(
            solver=self.solver, ignore_dpp=_has_many_parameters(program), solver_opts=dict(options)
        )
        ready = perf_counter()
        raw = self._run(program, data, chain, options)
        solved = perf_counter()
        solution = chain.invert(raw, inverse)
        outcome = self._outcome(solution, solved - ready)
        if outcome is Outcome.FAILED:
            raise BackendError(f"{self.name} gave no answer: {solution.status}; {WHAT_TO_TRY}", solution.status)
        if solution.primal_vars and outcome not in (Outcome.INFEASIBLE, Outcome.UNBOUNDED):
            program.unpack(solution)
            claim = problem.recover(program)
        else:
            claim = Claim()
        return replace(
            claim,
            outcome=outcome,
            raw_status=solution.status,
            iterations=int(solution.attr.get("num_iters") or 0),
            setup_time=ready - started,
            solve_time=solved - ready,
        )

    def _run(self, program: Any, data: Any, chain: Any, options: dict[str, Any]) -> Any:
        verbose = bool(options.pop("verbose", False))
        try:
            return chain.solve_via_data(program, data, warm_start=False, verbose=verbose, solver_opts=options)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of a solver written in Rust is no Exception
            if self.native and isinstance(error, TypeError | ValueError):
                hints = "".join(did_you_mean(name, SHARED_SETTINGS) for name in self.native)
                raise InvalidOptionError(f"{self.name} refuses an option: {error}{hints}") from error
            raise BackendError(f"{self.name} stopped with {type(error).__name__}: {error}") from error

    def _outcome(self, solution: Any, seconds: float) -> Outcome:
        outcome = OUTCOMES[solution.status]
        if outcome not in (Outcome.INACCURATE, Outcome.ITERATION_LIMIT):
            return outcome
        if self.time_limit is not None and seconds >= self.time_limit:
            return Outcome.TIME_LIMIT
        if self.max_iter is not None and (solution.attr.get("num_iters") or 0) >= self.max_iter:
            return Outcome.ITERATION_LIMIT
        return outcome

    def _options(self) -> dict[str, Any]:
        names = native_names(self.solver)
        if self.max_iter is not None and names.max_iter is None:
            raise InvalidOptionError(f"{self.name}: max_iter has no known name; pass the solver's own option instead")
        options: dict[str, Any] = dict.fromkeys(names.tol, self.tol)
        if names.max_iter is not None and self.max_iter is not None:
            options[names.max_iter] = self.max_iter
        if names.time_limit is not None and self.time_limit is not None:
            options[names.time_limit] = float(self.time_limit)
        return options | dict(self.native)


def _has_many_parameters(program: Any) -> bool:
    return bool(sum(parameter.size for parameter in program.parameters()) > _MOST_PARAMETERS)
