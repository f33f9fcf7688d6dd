"""Backends that other packages publish through the entry-point group ``bregman_l1.backends``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import EntryPoint
from inspect import isabstract
from typing import Any

from bregman_l1._backends.base import Backend
from bregman_l1._backends.table import BackendInfo
from bregman_l1.errors import BackendNotInstalledError, InvalidOptionError
from bregman_l1.plugins import origin, plugins
from bregman_l1.problems import BregmanProjection, L1Minimization, NullSpaceConstant
from bregman_l1.suggestions import did_you_mean
from bregman_l1.system import LinearSystem

GROUP = "bregman_l1.backends"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedEntry:
    """How to make a backend of another package; the package is imported when the backend is made or listed."""

    point: EntryPoint

    def make(self, name: str, *, native: Mapping[str, Any] | None = None, **settings: Any) -> Backend:
        """Make the backend: what `solve` does not name itself are fields of its class."""
        kind, given = self._loaded(name), {key: value for key, value in settings.items() if value is not None}
        known = [field.name for field in fields(kind) if field.init]
        unknown = [option for option in native or () if option not in known]
        if unknown:
            hint = did_you_mean(unknown[0], known) or ";"
            raise InvalidOptionError(f"{name} has no option {unknown[0]!r}{hint} it knows {', '.join(known)}")
        return kind(**given, **(native or {}))

    def info(self, name: str) -> BackendInfo:
        """Its row of the table; what it solves is asked of it, and a failure to answer is told."""
        package, version = origin(self.point)
        solves: tuple[str, ...] = ()
        failure = ""
        try:
            backend = self.make(name)
            solves = tuple(kind for kind, problem in _one_of_each().items() if backend.supports(problem))
        except Exception as error:  # whatever the code of others may raise
            failure = str(error) if isinstance(error, BackendNotInstalledError) else f"{type(error).__name__}: {error}"
        return BackendInfo(
            name=name,
            installed=not failure,
            version=version,
            solves=solves,
            install=f"pip install {package}",
            failure=failure,
        )

    def _loaded(self, name: str) -> type[Backend]:
        where = f"backend {name!r} of {' '.join(origin(self.point))}"
        try:
            kind = self.point.load()
        except Exception as error:  # whatever importing the code of others may raise
            raise BackendNotInstalledError(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
        if not (isinstance(kind, type) and issubclass(kind, Backend)) or isabstract(kind):
            raise BackendNotInstalledError(f"{where} is no subclass of bregman_l1.Backend: {self.point.value}")
        return kind


def published() -> dict[str, PublishedEntry]:
    """Return the backends of other packages by name, in lower case."""
    return {name.lower(): PublishedEntry(point=point) for name, point in plugins(GROUP).items()}


def _one_of_each() -> dict[str, L1Minimization | NullSpaceConstant | BregmanProjection]:
    """A problem of every kind, by the name of the kind in the table."""
    system = LinearSystem([[1.0, -1.0, 0.0, 1.0], [0.0, 0.0, -1.0, 1.0]], [1.0, 0.0])
    return {
        "linear": L1Minimization(system),
        "mixed-integer linear": NullSpaceConstant(system, [0], "rho_tilde"),
        "entropy": BregmanProjection(system, alpha=0.5),
        "power": BregmanProjection(system, alpha=0.5, depth=3),
    }
