"""``bregman-l1 demo``: the whole story on one embedded, seeded system."""

from __future__ import annotations

import math

import numpy as np
import typer
from rich.table import Table

from bregman_l1._backends.registry import backends as list_backends
from bregman_l1._solve import solve
from bregman_l1.cli.reporting import ExitCode, console, reports_errors
from bregman_l1.path import projection_path
from bregman_l1.problems import L1Minimization, NullSpaceConstant
from bregman_l1.problems.nullspace import Kind
from bregman_l1.solution import Solution
from bregman_l1.system import LinearSystem

_DECADES = (0, 2, 4, 8, 16, 30, 100, 300, 1000)
_CONSTANTS: tuple[Kind, ...] = ("rho", "rho_minus", "rho_tilde")


def demo_system() -> LinearSystem:
    """A 20 x 60 Gaussian system with a nonnegative solution of four entries."""
    rng = np.random.default_rng(2025)
    A = rng.standard_normal((20, 60))
    x = np.zeros(60)
    x[[3, 17, 29, 44]] = [1.0, 2.0, 0.5, 1.5]
    return LinearSystem(A, A @ x)


@reports_errors
def demo() -> ExitCode:
    """Project, minimise and bound one seeded system, every answer certified."""
    system = demo_system()
    screen = console()
    screen.print(f"{system}: Gaussian A, y = A x* with 4 of 60 entries positive\n")
    minimiser = solve(L1Minimization(system))
    support = np.flatnonzero(minimiser.x > 0)
    constants = {kind: solve(NullSpaceConstant(system, support, kind)) for kind in _CONSTANTS}
    path = projection_path(system, log_alphas=[-decade * math.log(10) for decade in _DECADES])
    screen.print(_minimiser_table(minimiser, support))
    screen.print(_constants_table(constants))
    screen.print(_path_table(path.log_deviation, path.solutions, 1.0 - constants["rho"].value))
    typer.echo(f"\n{path.solutions[-1].certificate}")
    answers = [minimiser, *constants.values(), *path.solutions]
    certified = sum(answer.status.is_certified for answer in answers)
    typer.echo(f"\n{certified} of {len(answers)} answers certified")
    return ExitCode.CERTIFIED if certified == len(answers) else ExitCode.NOT_CERTIFIED


@reports_errors
def backends() -> None:
    """List the backends: what they solve, what is installed, how to install the rest."""
    typer.echo(list_backends())


def _table(title: str, headings: tuple[str, ...]) -> Table:
    table = Table(title=title, title_justify="left", min_width=len(title) + 2)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table


def _minimiser_table(minimiser: Solution, support: np.ndarray) -> Table:
    table = _table("The nonnegative l1 minimiser x*", ("entry", "x*", "status"))
    for i in support:
        table.add_row(str(i), f"{minimiser.x[i]:.12g}", minimiser.status.value)
    return table


def _constants_table(constants: dict[Kind, Solution]) -> Table:
    table = _table("The null-space constants of its support", ("constant", "value", "status"))
    for kind, answer in constants.items():
        table.add_row(kind, f"{answer.value:.12g}", answer.status.value)
    return table


def _path_table(log_deviation: np.ndarray, solutions: tuple[Solution, ...], rate: float) -> Table:
    table = _table(
        f"The projections x(alpha) reach x* at the rate 1 - rho = {rate:.6f}",
        ("alpha", "log10 ||x(alpha) - x*||_1", "observed rate", "status"),
    )
    decimal = log_deviation / math.log(10)
    for k, decade in enumerate(_DECADES):
        observed = "" if k == 0 else f"{(decimal[k - 1] - decimal[k]) / (decade - _DECADES[k - 1]):.6f}"
        table.add_row(f"1e-{decade}" if decade else "1", f"{decimal[k]:.9f}", observed, solutions[k].status.value)
    return table
