"""Names of the backends in order of preference, and what is installed.

A backend shipped here is one file and one line of `_ENTRIES`; one of another package is an entry point
(`published`). Nothing is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from bregman_l1._backends.base import Backend, Support
from bregman_l1._backends.published import PublishedEntry, published
from bregman_l1._backends.table import BackendInfo, BackendTable
from bregman_l1.errors import (
    BackendError,
    BackendNotInstalledError,
    InvalidOptionError,
    UnknownBackendError,
    UnsupportedProblemError,
)
from bregman_l1.problems.base import Problem
from bregman_l1.suggestions import did_you_mean
from bregman_l1.system import Knows

_PACKAGE = __name__.rpartition(".")[0]
_OURS = __name__.partition(".")[0]
_LP, _MILP, _EXP, _POW = "linear", "mixed-integer linear", "entropy", "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How to make one backend: its class, fixed arguments, the package it needs and what it solves."""

    module: str
    backend: str
    package: str
    solves: tuple[str, ...]
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def installed(self) -> bool:
        """Whether the package can be imported; it is not imported to find out."""
        return find_spec(self.package) is not None

    @property
    def version(self) -> str:
        """Version of the package, empty if it is not installed."""
        try:
            return version(self.package)
        except PackageNotFoundError:
            return ""

    def make(self, name: str, **settings: Any) -> Backend:
        """Make the backend."""
        if not self.installed:
            raise BackendNotInstalledError(f"backend {name!r} is not installed: pip install {self.package}")
        backend: Backend = getattr(import_module(self.module), self.backend)(**dict(self.arguments), **settings)
        return backend

    def info(self, name: str) -> BackendInfo:
        """Its row of the table."""
        return BackendInfo(
            name=name,
            installed=self.installed,
            version=self.version,
            solves=self.solves,
            install="" if self.package == _OURS else f"pip install {self.package}",
        )


def _conic(solver: str, package: str, solves: tuple[str, ...] = (_LP, _EXP)) -> Entry:
    return Entry(
        module=f"{_PACKAGE}.conic",
        backend="ConicBackend",
        package=package,
        solves=solves,
        arguments=(("solver", solver),),
    )


_ENTRIES = {
    "newton": Entry(module=f"{_PACKAGE}.newton", backend="NewtonBackend", package=_OURS, solves=(_LP, _EXP, _POW)),
    "krylov": Entry(module=f"{_PACKAGE}.krylov", backend="KrylovBackend", package=_OURS, solves=(_LP, _EXP)),
    "highs": Entry(module=f"{_PACKAGE}.highs", backend="HighsBackend", package="highspy", solves=(_LP, _MILP)),
    "clarabel": _conic("CLARABEL", "clarabel", (_LP, _EXP, _POW)),
    "ecos": _conic("ECOS", "ecos"),
    "scs": _conic("SCS", "scs", (_LP, _EXP, _POW)),
}


def backends() -> BackendTable:
    """List every backend: what it can solve, whether and in which version it is installed, how to install it.

    Beyond the backends shipped here the table lists those that other packages publish through the entry-point
    group ``bregman_l1.backends``, and every further conic solver that CVXPY reports as installed.

    Examples
    --------
    >>> from bregman_l1 import backends
    >>> [row.name for row in backends()][:3]
    ['newton', 'krylov', 'highs']
    """
    return BackendTable(tuple(entry.info(name) for name, entry in _all_entries().items()))


def make_backend(name: str, **settings: Any) -> Backend:
    """Make the backend of this name with the given settings (see `Backend`).

    Raises
    ------
    UnknownBackendError
        If there is no such backend; names those there are.
    BackendNotInstalledError
        If its solver is not installed; says what to install.
    """
    entry = _ENTRIES.get(name) or published().get(name) or _others().get(name)
    if entry is None:
        refuse_missing(name)
        names = ["auto", *_all_entries()]
        hint = did_you_mean(name, names) or ";"
        raise UnknownBackendError(f"there is no backend {name!r}{hint} choose from {', '.join(names)}")
    return entry.make(name, **settings)


def choose_backend(
    problem: Problem,
    backend: str | Backend,
    *,
    tol: float,
    max_iter: int | None,
    time_limit: float | None,
    native: Mapping[str, Any],
) -> Backend:
    """Return the backend of this name, or for ``"auto"`` the first one that can solve the problem.

    An instance is returned as it is: its settings are its own.

    Raises
    ------
    InvalidOptionError
        If the backend is neither a name nor an instance, or an instance is given beside settings that it has.
    UnsupportedProblemError
        If the backend cannot solve the problem; says why and names those that can.
    """
    limits = {"max_iter": max_iter, "time_limit": time_limit}
    backend = checked_backend(backend)
    if isinstance(backend, Backend):
        _refuse_beside(backend, {**limits, **native})
        chosen = backend
    elif backend == "auto":
        able = next(_able(problem, tol=tol, **limits, native=native), None)
        if able is not None:
            return able
        chosen = make_backend(next(iter(_ENTRIES)), tol=tol, **limits, native=native)
    else:
        chosen = make_backend(backend, tol=tol, **limits, native=native)
    support = chosen.supports(problem)
    if not isinstance(support, Support):
        raise BackendError(f"{chosen.name}.supports() returned {support!r}, not a Support")
    if not support:
        reason = f"{chosen.name} cannot solve this {problem.title}: {support.reason}"
        raise UnsupportedProblemError(f"{reason}; {_way_out(problem)}")
    return chosen


def _way_out(problem: Problem) -> str:
    """What to do where one backend cannot solve a problem."""
    able = ", ".join(other.name for other in _able(problem))
    if able:
        return f"use {able}"
    if problem.system.knows < Knows.COLUMNS:
        return "other backends need the columns of A: give system.explicit(), if it fits into memory"
    return "no other backend that is installed can"


def checked_backend(given: Any) -> str | Backend:
    """Return an instance of `Backend`, or a name in lower case; raise InvalidOptionError for anything else."""
    if isinstance(given, str | Backend):
        return given.lower() if isinstance(given, str) else given
    if isinstance(given, type) and issubclass(given, Backend):
        raise InvalidOptionError(f"backend must be an instance, not a class: give {given.__name__}()")
    raise InvalidOptionError(
        f"backend must be a name or an instance of Backend, got {type(given).__name__}; backends() lists the names"
    )


def _refuse_beside(backend: Backend, settings: Mapping[str, Any]) -> None:
    given = [name for name, value in settings.items() if value is not None]
    if given:
        raise InvalidOptionError(
            f"{given[0]} was given beside an instance of {type(backend).__name__}, which has settings of its own: "
            "give it there, for instance by dataclasses.replace"
        )


def _able(problem: Problem, **settings: Any) -> Iterator[Backend]:
    """The installed backends that can solve the problem, best first; each is imported when reached."""
    backends = (make_backend(name, **settings) for name, entry in _ENTRIES.items() if entry.installed)
    return (backend for backend in backends if backend.supports(problem))


def _all_entries() -> dict[str, Entry | PublishedEntry]:
    """Every backend by name; no other package takes the name of one that is shipped here."""
    further = _others() | published()
    return {**_ENTRIES, **{name: entry for name, entry in further.items() if name not in (*_ENTRIES, "auto")}}


def _others() -> dict[str, Entry]:
    """Conic solvers that CVXPY finds on this machine beyond the ones named above."""
    from cvxpy.constraints import ExpCone, PowCone3D
    from cvxpy.reductions.solvers.defines import INSTALLED_SOLVERS, SOLVER_MAP_CONIC

    entries = {}
    for solver in INSTALLED_SOLVERS:
        interface = SOLVER_MAP_CONIC.get(solver)
        if interface is None or solver.lower() in _ENTRIES:
            continue
        cones = interface.SUPPORTED_CONSTRAINTS
        able = {_LP: True, _MILP: interface.MIP_CAPABLE, _EXP: ExpCone in cones, _POW: PowCone3D in cones}
        solves = tuple(kind for kind, ok in able.items() if ok)
        entries[solver.lower()] = _conic(solver, _PACKAGES.get(solver, "cvxpy"), solves)
    return entries


def refuse_missing(name: str) -> None:
    """Raise BackendNotInstalledError if this is a conic solver that CVXPY knows and does not find installed."""
    from cvxpy.reductions.solvers.defines import INSTALLED_SOLVERS, SOLVER_MAP_CONIC

    solver = name.upper()
    if solver not in SOLVER_MAP_CONIC or solver in INSTALLED_SOLVERS:
        return
    package = _PACKAGES.get(solver)
    how = f"pip install {package}" if package else "https://www.cvxpy.org/install says how to install it for CVXPY"
    licence = "; it needs a licence of its vendor too" if solver in _COMMERCIAL else ""
    raise BackendNotInstalledError(f"backend {name!r} is not installed: {how}{licence}")


# The PyPI package behind a CVXPY solver name, where that is not CVXPY itself.
_PACKAGES = {
    "CBC": "cylp", "COPT": "coptpy", "CPLEX": "cplex", "CVXOPT": "cvxopt", "DIFFCP": "diffcp", "ECOS_BB": "ecos",
    "GLOP": "ortools", "GLPK": "cvxopt", "GLPK_MI": "cvxopt", "GUROBI": "gurobipy", "KNITRO": "knitro",
    "MOSEK": "mosek", "PDLP": "ortools", "QOCO": "qoco", "SCIP": "pyscipopt", "SCIPY": "scipy",
    "SDPA": "sdpa-python", "XPRESS": "xpress",
}  # fmt: skip
_COMMERCIAL = {"COPT", "CPLEX", "GUROBI", "KNITRO", "MOSEK", "NAG", "XPRESS"}
