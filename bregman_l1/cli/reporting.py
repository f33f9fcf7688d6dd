"""What all commands share: exit codes, error messages, strict JSON."""

from __future__ import annotations

import functools
import json
import math
import sys
import warnings
from collections.abc import Callable
from enum import IntEnum
from typing import Any, ParamSpec

import typer
from rich.console import Console

from bregman_l1.errors import (
    BackendError,
    BackendNotInstalledError,
    BregmanError,
    BregmanWarning,
    InvalidOptionError,
    UnknownBackendError,
    UnsupportedProblemError,
)

_P = ParamSpec("_P")
_USER_ERRORS = (BackendNotInstalledError, InvalidOptionError, UnknownBackendError, UnsupportedProblemError)


class ExitCode(IntEnum):
    """Exit codes of every command."""

    CERTIFIED = 0
    NOT_CERTIFIED = 1
    BAD_INPUT = 2
    FAILED_ROWS = 3
    INTERRUPTED = 130  # what a shell makes of a process that Ctrl-C ended


EXIT_CODES = (
    "Exit codes: 0 all is done and certified, 1 an answer is not certified, 2 the input is wrong, "
    "3 rows of a study failed, 130 interrupted by Ctrl-C."
)


def reports_errors(command: Callable[_P, ExitCode | None]) -> Callable[_P, None]:
    """Turn the package's exceptions, and Ctrl-C, into one line on standard error and an exit code.

    A command returns its exit code; the statuses it prints say what its warning would.
    """

    @functools.wraps(command)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", BregmanWarning)
                code = command(*args, **kwargs)
        except (BregmanError, ImportError) as error:
            typer.echo(f"bregman-l1: {error}", err=True)
            solver_failed = isinstance(error, BackendError) and not isinstance(error, _USER_ERRORS)
            raise typer.Exit(ExitCode.NOT_CERTIFIED if solver_failed else ExitCode.BAD_INPUT) from error
        except KeyboardInterrupt as interrupt:
            typer.echo("bregman-l1: interrupted", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from interrupt
        raise typer.Exit(code or ExitCode.CERTIFIED)

    return run


def console() -> Console:
    """A console wide enough for the tables where output is not a terminal."""
    return Console() if sys.stdout.isatty() else Console(width=120)


def to_json(record: Any) -> str:
    """Return the record as strict JSON: numbers that are not finite become null."""
    return json.dumps(_strict(record), indent=2, allow_nan=False)


def _strict(record: Any) -> Any:
    if isinstance(record, dict):
        return {key: _strict(value) for key, value in record.items()}
    if isinstance(record, list | tuple):
        return [_strict(value) for value in record]
    if isinstance(record, float) and not math.isfinite(record):
        return None
    return record
