"""``bregman-l1 solve``: one system from files, one certified answer."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from bregman_l1._solve import solve as solve_problem
from bregman_l1.cli.files import check_output, read_system, read_vector, write_solution
from bregman_l1.cli.reporting import ExitCode, reports_errors, to_json
from bregman_l1.errors import InvalidProblemError
from bregman_l1.problems import BregmanProjection, L1Minimization, Problem
from bregman_l1.solution import Solution, Status


class Kind(StrEnum):
    """Which problem to solve."""

    PROJECTION = "projection"
    L1 = "l1"


@reports_errors
def solve(
    matrix: Annotated[
        Path, typer.Argument(metavar="A", help="The matrix: .npy, .npz, .csv (a header may name columns) or .mtx.")
    ],
    target: Annotated[Path, typer.Argument(metavar="Y", help="The target vector y, in one of the same formats.")],
    alpha: Annotated[float | None, typer.Option(help="Scale of initialisation, positive.")] = None,
    log_alpha: Annotated[float | None, typer.Option(help="Its natural logarithm, for tiny alpha.")] = None,
    kind: Annotated[Kind, typer.Option("--problem", help="What to solve; l1 needs no alpha.")] = Kind.PROJECTION,
    cost: Annotated[Path | None, typer.Option(help="Cost vector c: the prior is alpha**c.")] = None,
    prior: Annotated[
        Path | None, typer.Option(help="Prior q, nonnegative: q * alpha**c is projected; q itself without an alpha.")
    ] = None,
    depth: Annotated[
        float | None, typer.Option(help="Depth of the network, from 2 to inf; l1 has none.", show_default="2")
    ] = None,
    signed: Annotated[
        bool, typer.Option("--signed", help="x may have either sign; with l1 this is basis pursuit.")
    ] = False,
    backend: Annotated[str, typer.Option(help="A name from 'bregman-l1 backends', or auto.")] = "auto",
    polish: Annotated[bool, typer.Option(help="Polish the backend's claim before certifying it.")] = True,
    tol: Annotated[float, typer.Option(help="Accuracy asked for, and tolerance of the certificate.")] = 1e-9,
    max_iter: Annotated[int | None, typer.Option(help="Iteration limit of the backend.")] = None,
    time_limit: Annotated[float | None, typer.Option(help="Time limit of backend and polish, seconds.")] = None,
    proof: Annotated[bool, typer.Option("--proof", help="Prove the answer; exit code 1 if that fails.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Write x to this .csv (with its names; a signed x with its parts and logarithms) or .npy file, or x, "
            "log_x, dual and names to .npz."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole solution as JSON.")] = False,
) -> ExitCode:
    """Solve and certify. Exit code 0: certified, and proved if asked; 1: not so; 2: bad input."""
    if output is not None:
        check_output(output)
    system = read_system(matrix, target)
    weights, factor = (None if path is None else read_vector(path, system.column_names) for path in (cost, prior))
    problem: Problem
    if kind is Kind.PROJECTION:
        problem = BregmanProjection(
            system,
            alpha,
            log_alpha=log_alpha,
            cost=weights,
            prior=factor,
            depth=2 if depth is None else depth,
            signed=signed,
        )
    else:
        _refuse_for_l1({"alpha": alpha, "log-alpha": log_alpha, "prior": prior, "depth": depth})
        problem = L1Minimization(system, cost=weights, signed=signed)
    solution = solve_problem(
        problem, backend, polish=polish, tol=tol, max_iter=max_iter, time_limit=time_limit, proof=proof
    )
    if output is not None:
        write_solution(output, solution)
    if as_json:
        typer.echo(to_json(solution.to_dict()))
    else:
        typer.echo(solution)
        typer.echo(_largest_entries(solution))
    is_enough = solution.status is Status.PROVED if proof else solution.status.is_certified
    return ExitCode.CERTIFIED if is_enough else ExitCode.NOT_CERTIFIED


def _refuse_for_l1(options: dict[str, object]) -> None:
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if given:
        raise InvalidProblemError(f"the l1 minimiser has no alpha, no prior and no depth: leave out {', '.join(given)}")


def _largest_entries(solution: Solution, most: int = 10) -> str:
    order = np.argsort(-solution.log_x, kind="stable")[:most].tolist()
    called = [str(i if solution.names is None else solution.names[i]) for i in order]
    width = max(8, *map(len, called))
    rows = [
        f"  {name:>{width}}  {solution.x[i]:<22.15g}  {solution.log_x[i]:.12g}"
        for name, i in zip(called, order, strict=True)
    ]
    rest = solution.x.size - len(order)
    more = [f"  and {rest} smaller entries"] if rest else []
    logarithm = "log x" if solution.x_plus is None else "log |x|"
    return "\n".join([f"  {'entry':>{width}}  {'x':<22}  {logarithm}", *rows, *more])
