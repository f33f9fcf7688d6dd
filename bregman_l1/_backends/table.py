"""The table of backends that a user reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload


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
        The command that installs it; empty for what comes with this package.
    failure : str
        Why it cannot be used although its package is installed; empty otherwise.
    """

    name: str
    installed: bool
    version: str
    solves: tuple[str, ...]
    install: str
    failure: str = ""


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
        cells = [
            (row.name, row.version if row.installed else "no", ", ".join(row.solves), row.failure or row.install)
            for row in self
        ]
        widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
        lines = ("  ".join(f"{c:<{w}}" for c, w in zip(row, widths, strict=True)) for row in (header, *cells))
        return "\n".join(line.rstrip() for line in lines)

    __repr__ = __str__
