"""Names of the backends in order of preference, and what is installed.

A backend is one file and one line of `_ENTRIES`. Nothing is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, overload

from bregman_l1._backends.base import Backend
from bregman_l1.errors import BackendNotInstalledError, UnknownBackendError, UnsupportedProblemError
from bregman_l1.problems.base import Problem

_PACKAGE = __name__.rpartition(".")[0]
_LP, _MILP, _EXP = "linear", "mixed-integer linear", "entropy"


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


def _conic(solver: str, package: str, solves: tuple[str, ...] = (_LP, _EXP)) -> Entry:
    return Entry(
        module=f"{_PACKAGE}.conic",
        backend="ConicBackend",
        package=package,
        solves=solves,
        arguments=(("solver", solver),),
    )


_ENTRIES = {
    "newton": Entry(module=f"{_PACKAGE}.newton", backend="NewtonBackend", package="bregman_l1", solves=(_LP, _EXP)),
    "highs": Entry(module=f"{_PACKAGE}.highs", backend="HighsBackend", package="highspy", solves=(_LP, _MILP)),
    "clarabel": _conic("CLARABEL", "clarabel"),
    "ecos": _conic("ECOS", "ecos"),
    "scs": _conic("SCS", "scs"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendInfo:
    """One row of the table of backends.

    Attributes
    ----------
    name : str
        What to pass as ``backend=``.
    installed : bool
        Whether it can be used here.
    version : str
        Version of the solver's package, empty if not installed.
    solves : tuple of str
        The kinds of problem it can solve.
    install : str
        The command that installs it.
    """

    name: str
    installed: bool
    version: str
    solves: tuple[str, ...]
    install: str


class BackendTable(Sequence[BackendInfo]):
    """The backends in order of preference, by number or by name; ``print`` it to read it."""

    def __init__(self, rows: tuple[BackendInfo, ...]) -> None:
        self._rows = rows

    @overload
    def __getitem__(self, index: int) -> BackendInfo: ...
    @overload
    def __getitem__(self, index: str) -> BackendInfo: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[BackendInfo, ...]: ...
    def __getitem__(self, index: int | str | slice) -> BackendInfo | tuple[BackendInfo, ...]:
        if isinstance(index, str):
            return {row.name: row for row in self._rows}[index]
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[BackendInfo]:
        return iter(self._rows)

    def __str__(self) -> str:
        header = ("name", "installed", "solves", "to install")
        cells = [(row.name, row.version if row.installed else "no", ", ".join(row.solves), row.install) for row in self]
        widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
        lines = ("  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) for row in (header, *cells))
        return "\n".join(line.rstrip() for line in lines)

    __repr__ = __str__


def backends() -> BackendTable:
    """List every backend: what it can solve, whether and in which version it is installed, how to install it.

    Beyond the backends shipped here the table lists every further conic solver that CVXPY reports as
    installed.

    Examples
    --------
    >>> from bregman_l1 import backends
    >>> [row.name for row in backends()][:3]
    ['newton', 'highs', 'clarabel']
    """
    return BackendTable(
        tuple(
            BackendInfo(
                name=name,
                installed=entry.installed,
                version=entry.version,
                solves=entry.solves,
                install=f"pip install {entry.package}",
            )
            for name, entry in (_ENTRIES | _others()).items()
        )
    )


def make_backend(name: str, **settings: Any) -> Backend:
    """Make the backend of this name with the given settings (see `Backend`).

    Raises
    ------
    UnknownBackendError
        If there is no such backend; names those there are.
    BackendNotInstalledError
        If its solver is not installed; says what to install.
    """
    entry = _ENTRIES.get(name) or _others().get(name)
    if entry is None:
        names = [*_ENTRIES, *_others()]
        close = get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise UnknownBackendError(f"there is no backend {name!r}; {hint}choose from auto, {', '.join(names)}")
    if not entry.installed:
        raise BackendNotInstalledError(f"backend {name!r} needs a package: pip install {entry.package}")
    backend: Backend = getattr(import_module(entry.module), entry.backend)(**dict(entry.arguments), **settings)
    return backend


def choose_backend(problem: Problem, name: str, **settings: Any) -> Backend:
    """Return the backend of this name, or for ``"auto"`` the first one that can solve the problem.

    Raises
    ------
    UnsupportedProblemError
        If the backend cannot solve the problem; says why and names those that can.
    """
    name = name.lower()
    if name == "auto":
        return next(_able(problem, **settings))
    backend = make_backend(name, **settings)
    support = backend.supports(problem)
    if not support:
        able = ", ".join(other.name for other in _able(problem))
        raise UnsupportedProblemError(f"{name} cannot solve this {problem.title}: {support.reason}; use {able}")
    return backend


def _able(problem: Problem, **settings: Any) -> Iterator[Backend]:
    """The installed backends that can solve the problem, best first; each is imported when reached."""
    backends = (make_backend(name, **settings) for name, entry in _ENTRIES.items() if entry.installed)
    return (backend for backend in backends if backend.supports(problem))


def _others() -> dict[str, Entry]:
    """Conic solvers that CVXPY finds on this machine beyond the ones named above."""
    from cvxpy.constraints import ExpCone
    from cvxpy.reductions.solvers.defines import INSTALLED_SOLVERS, SOLVER_MAP_CONIC

    entries = {}
    for solver in INSTALLED_SOLVERS:
        interface = SOLVER_MAP_CONIC.get(solver)
        if interface is None or solver.lower() in _ENTRIES:
            continue
        able = {_LP: True, _MILP: interface.MIP_CAPABLE, _EXP: ExpCone in interface.SUPPORTED_CONSTRAINTS}
        solves = tuple(kind for kind, ok in able.items() if ok)
        entries[solver.lower()] = _conic(solver, _PACKAGES.get(solver, "cvxpy"), solves)
    return entries


# The PyPI package behind a CVXPY solver name, where that is not CVXPY itself.
_PACKAGES = {"ECOS_BB": "ecos", "SCIPY": "scipy", "GLPK": "cvxopt", "GLPK_MI": "cvxopt", "CVXOPT": "cvxopt",
             "MOSEK": "mosek", "COPT": "coptpy", "QOCO": "qoco", "DIFFCP": "diffcp"}  # fmt: skip
