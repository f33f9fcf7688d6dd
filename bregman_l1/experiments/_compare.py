"""Every backend on the same projections, judged by one measure."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from bregman_l1._backends.base import Backend
from bregman_l1._backends.registry import backends as known_backends
from bregman_l1._backends.registry import checked_backend, refuse_missing
from bregman_l1._solve import solve
from bregman_l1._types import Index, Vector
from bregman_l1.claim import Claim
from bregman_l1.entry import entry_point
from bregman_l1.errors import BackendError, BackendNotInstalledError, NotCertifiedWarning, StudyError
from bregman_l1.experiments.comparison import Comparison, Run
from bregman_l1.experiments.ensembles import Instance, draw
from bregman_l1.experiments.environment import environment
from bregman_l1.experiments.plain import dumps
from bregman_l1.foreign import UNREADABLE
from bregman_l1.problems.l1 import L1Minimization
from bregman_l1.problems.projection import BregmanProjection
from bregman_l1.progress import ProgressBar
from bregman_l1.scale import as_float, natural_log_alphas, scales_by_keyword
from bregman_l1.solution import Status
from bregman_l1.suggestions import refuse_unknown
from bregman_l1.system import LinearSystem
from bregman_l1.validation import checked_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bregman_l1._backends.table import BackendInfo
    from bregman_l1.solution import Solution


DEFAULT_ALPHAS = tuple(10.0**-k for k in range(0, 17, 2))
"""The scales compared if none are given: 1, 1e-2, ..., 1e-16."""

DEFAULT_TOLERANCES = (1e-9, 1e-12)
"""The tolerance `solve` asks of a backend by default, and a tightened one."""

JUDGING_TOLERANCE = 1e-9
"""The tolerance at which every run is certified, whatever was asked of its backend."""

_ENTROPY = "entropy"


@scales_by_keyword
@entry_point
def compare(
    systems: Instance | LinearSystem | Sequence[Instance | LinearSystem] | None = None,
    *,
    backends: str | Backend | Sequence[str | Backend] | None = None,
    alphas: ArrayLike | None = None,
    log_alphas: ArrayLike | None = None,
    tolerances: ArrayLike = DEFAULT_TOLERANCES,
    repeats: int = 3,
    threads: int = 1,
    time_limit: float | None = None,
    max_iter: int | None = None,
    progress: bool | None = None,
) -> Comparison:
    """Run every backend at every tolerance on every projection, raw and polished, and judge all by one measure.

    Each backend runs with the same number of threads, once for warming up on each system and then `repeats`
    times, of which medians are kept. Errors are measured against certified projections of the systems with
    their columns in reverse order, whose rounding errors are their own.

    Parameters
    ----------
    systems : sequence of Instance or LinearSystem, optional
        The systems; five Gaussian ones with N = 20, d = 60, s = 4 if omitted.
    backends : sequence of str or Backend, optional
        Names of backends, or instances of different names; every installed one that solves projections if omitted.
        The tolerances and limits given here take the place of those of an instance.
    alphas, log_alphas : array_like, optional
        The scales, or their natural logarithms; 1, 1e-2, ..., 1e-16 if both are omitted.
    tolerances : array_like
        What is asked of the backends, below 1.
    repeats : int
        Timed runs of each kind.
    threads : int
        BLAS and OpenMP threads.
    time_limit, max_iter : optional
        Limits of each run, as `solve` takes them.
    progress : bool, optional
        Whether to show a progress bar with the time left; if omitted, only in a long run on a terminal.

    Returns
    -------
    Comparison
        One `Run` for each combination, and the environment.

    Raises
    ------
    StudyError
        If a backend is unknown, a number is out of its range, or there is nothing to compare; before any work
        starts.
    InvalidProblemError
        If a scale is wrong, or alphas and log_alphas are both given; before any work starts.
    InvalidSystemError
        If a system cannot be used, or has no nonnegative solution (`InfeasibleError`); before anything is timed.
    BackendNotInstalledError
        If a backend is not installed; before any work starts.
    InvalidOptionError
        If a backend is neither a name nor an instance; before any work starts.

    Examples
    --------
    >>> from bregman_l1.experiments.ensembles import draw
    >>> comparison = compare([draw(N=6, d=18, s=2, seed=1)], backends=["newton"], alphas=[1e-6], repeats=1)
    >>> all(run.certified and run.error < 1e-9 for run in comparison.runs if run.polished)
    True
    """
    rivals = _checked_backends(backends)
    systems = [systems] if isinstance(systems, Instance | LinearSystem) else systems
    log_alphas = natural_log_alphas(alphas, log_alphas, default=natural_log_alphas(DEFAULT_ALPHAS))
    scales, accuracies = sorted(set(log_alphas.tolist()), reverse=True), _checked_tolerances(tolerances)
    limits = _checked_limits(time_limit, max_iter)
    for name, value in {"repeats": repeats, "threads": threads}.items():
        checked_count(name, value, 1, StudyError)
    chosen = (
        [draw(N=20, d=60, s=4, seed=seed) for seed in range(5)] if systems is None else _several("systems", systems)
    )
    if not chosen:
        raise StudyError("there is no system to compare on")
    surroundings = environment(threads)
    n_runs = 2 * len(chosen) * len(rivals) * len(accuracies) * len(scales)
    runs: list[Run] = []
    with threadpool_limits(threads), warnings.catch_warnings(), ProgressBar(n_runs, wanted=progress) as bar:
        warnings.simplefilter("ignore", NotCertifiedWarning)
        # All at first: a system that cannot be used ends the comparison before it has begun.
        trials = [_Trial.of(instance, number, scales) for number, instance in enumerate(chosen)]
        for trial in trials:
            # One backend after the other, so that what CVXPY keeps for a solver is built before the timing.
            for name, backend in rivals.items():
                trial.warm_up(name, backend, limits)
                for tol, log_alpha, polished in product(accuracies, scales, (False, True)):
                    plan = Run(instance=trial.label, backend=name, tol=tol, log_alpha=log_alpha, polished=polished)
                    runs.append(trial.run(plan, backend, repeats, limits))
                    bar.update(len(runs), name)
        return Comparison(runs=tuple(runs), environment=surroundings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trial:
    """One system with what the runs on it are judged by."""

    label: str
    system: LinearSystem
    off_support: Index
    reference: dict[float, Vector]

    @classmethod
    def of(cls, instance: Instance | LinearSystem, number: int, log_alphas: Sequence[float]) -> _Trial:
        if isinstance(instance, Instance):
            label, system = dumps(instance.recipe.to_dict()), instance.system
        else:
            label, system = f"system {number}", instance
        minimiser = solve(L1Minimization(system))
        unique = minimiser.certificate.checks["uniqueness"].passed
        off_support = np.flatnonzero(minimiser.x == 0) if unique else np.empty(0, dtype=np.intp)
        reference = {log_alpha: _reference(system, log_alpha) for log_alpha in log_alphas}
        return cls(label=label, system=system, off_support=off_support, reference=reference)

    def warm_up(self, name: str, backend: str | Backend, limits: dict[str, Any]) -> None:
        """Run a backend once, untimed, at the largest alpha."""
        plan = Run(instance=self.label, backend=name, tol=1e-3, log_alpha=max(self.reference), polished=False)
        self.run(plan, backend, 1, limits)

    def run(self, plan: Run, backend: str | Backend, repeats: int, limits: dict[str, Any]) -> Run:
        problem = BregmanProjection(self.system, log_alpha=plan.log_alpha)
        if isinstance(backend, Backend):
            given = {name: value for name, value in limits.items() if value is not None}
            backend, limits = replace(backend, tol=plan.tol, **given), {}
        times = []
        for _ in range(repeats):
            started = perf_counter()
            try:
                solution = solve(problem, backend, polish=plan.polished, tol=plan.tol, **limits)
            except BackendError as error:
                return replace(plan, claimed=error.raw_status, failure=f"{type(error).__name__}: {error}")
            times.append((solution.setup_time, solution.solve_time, perf_counter() - started))
        setup_time, solve_time, total_time = (median(column) for column in zip(*times, strict=True))
        return replace(
            plan,
            claimed=solution.raw_status,
            **_judged(problem, solution),
            error=self.error(plan.log_alpha, solution),
            nonpositive=float(np.mean(~np.isfinite(solution.log_x))),
            iterations=solution.iterations,
            setup_time=setup_time,
            solve_time=solve_time,
            total_time=total_time,
        )

    def error(self, log_alpha: float, solution: Solution) -> float:
        """Return the relative l1 error off the support of the l1 minimiser; infinite beyond floating point."""
        if not self.off_support.size:
            return np.nan
        log_truth = self.reference[log_alpha][self.off_support]
        log_x, x = solution.log_x[self.off_support], solution.x[self.off_support]
        scale = log_truth.max()
        with np.errstate(over="ignore", under="ignore"):
            # A negative entry has no logarithm; its size counts.
            log_size = np.where(np.isnan(log_x), np.log(np.abs(np.where(np.isnan(log_x), x, 1.0))), log_x)
            scaled = np.where(np.isnan(log_x), -1.0, 1.0) * np.exp(log_size - scale)
            truth = np.exp(log_truth - scale)
            return float(np.abs(scaled - truth).sum() / truth.sum())


def _reference(system: LinearSystem, log_alpha: float) -> Vector:
    """Return log x(alpha), computed with the columns in reverse order; NaN unless certified."""
    backwards = np.arange(system.shape[1])[::-1]
    solution = solve(BregmanProjection(system.restrict(backwards), log_alpha=log_alpha))
    return solution.log_x[backwards] if solution.status.is_certified else np.full(backwards.size, np.nan)


def _judged(problem: BregmanProjection, solution: Solution) -> dict[str, Any]:
    """Return what the certificate says of a solution at the tolerance common to all runs."""
    claim = Claim(x=solution.x, log_x=solution.log_x, dual=solution.dual)
    certificate = problem.certify(claim, JUDGING_TOLERANCE)
    fallback = Status.INACCURATE if solution.status is Status.CERTIFIED else solution.status
    residuals = {name: check.value for name, check in certificate.checks.items()}
    return {
        "status": (Status.CERTIFIED if certificate.ok else fallback).value,
        "certified": certificate.ok,
        "kkt_residual": residuals.get("KKT identity", np.inf),
        "infeasibility": residuals.get("primal feasibility", np.inf),
    }


def _checked_backends(backends: str | Backend | Iterable[str | Backend] | None) -> dict[str, str | Backend]:
    """What is compared, by name: a backend itself, or its name again."""
    table = {row.name: row for row in known_backends() if _ENTROPY in row.solves}
    if backends is None:
        return {name: name for name, row in table.items() if row.installed}
    checked: dict[str, str | Backend] = {}
    several = isinstance(backends, Iterable) and not isinstance(backends, str)
    for backend in map(checked_backend, _several("backends", backends) if several else [backends]):
        name = backend if isinstance(backend, str) else backend.name
        if isinstance(backend, str):
            _refuse_absent(backend, table)
        if checked.setdefault(name, backend) != backend:
            raise StudyError(f"two backends are called {name!r}: give one of them a name of its own")
    if not checked:
        raise StudyError("there is no backend to compare")
    return checked


def _refuse_absent(name: str, table: Mapping[str, BackendInfo]) -> None:
    if name not in table:
        refuse_missing(name)
    refuse_unknown("backend for projections", name, table)
    if not table[name].installed:
        raise BackendNotInstalledError(
            f"backend {name!r} is not installed: {table[name].failure or table[name].install}"
        )


def _checked_limits(time_limit: float | None, max_iter: int | None) -> dict[str, Any]:
    """The limits of a run, None where there is none."""
    if time_limit is not None and not as_float(time_limit) > 0:
        raise StudyError(f"time_limit must be positive, got {time_limit!r}")
    most = None if max_iter is None else checked_count("max_iter", max_iter, 1, StudyError)
    return {"time_limit": time_limit, "max_iter": most}


def _several(name: str, given: Any) -> list[Any]:
    try:
        return list(given)
    except UNREADABLE as error:
        raise StudyError(f"{name} cannot be read as a sequence: {error}") from error


def _checked_tolerances(tolerances: ArrayLike) -> tuple[float, ...]:
    try:
        given = np.ravel(np.asarray(tolerances, dtype=object)).tolist()
    except UNREADABLE as error:
        raise StudyError(f"tolerances cannot be read as numbers: {error}") from error
    if not given:
        raise StudyError("there is no tolerance to compare at")
    for tol in given:
        if not 0 < as_float(tol) < 1:
            raise StudyError(f"tolerances must be positive and below 1, got {tol!r}")
    return tuple(dict.fromkeys(map(float, given)))
