"""``bregman-l1 analyze``: what the theory says about one system from files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Annotated, get_args

import typer

from bregman_l1.cli.files import read_system, read_vector
from bregman_l1.cli.outputs import check_outputs
from bregman_l1.cli.reporting import ExitCode, reports_errors, to_json
from bregman_l1.errors import NotCertifiedWarning
from bregman_l1.plotting import figure_of
from bregman_l1.plotting.analysis import plot_both
from bregman_l1.problems.nullspace import Kind
from bregman_l1.scale import natural_log_alpha
from bregman_l1.theory._analyze import analyze as analyze_system
from bregman_l1.theory.alpha_plan import AlphaPlan
from bregman_l1.theory.analysis import Analysis


@reports_errors
def analyze(
    matrix: Annotated[
        Path, typer.Argument(metavar="A", help="The matrix: .npy, .npz, .csv (a header may name columns) or .mtx.")
    ],
    target: Annotated[Path, typer.Argument(metavar="Y", help="The target vector y, in one of the same formats.")],
    alpha: Annotated[
        list[float] | None, typer.Option(help="Compare the bounds with the deviation here; repeatable.")
    ] = None,
    log_alpha: Annotated[list[float] | None, typer.Option(help="The same, by natural logarithm; repeatable.")] = None,
    error: Annotated[
        float | None, typer.Option(help="Say how small alpha must be for this l1 distance to the limit; at depth 2.")
    ] = None,
    cost: Annotated[Path | None, typer.Option(help="Cost vector c: the prior is alpha**c.")] = None,
    prior: Annotated[
        Path | None, typer.Option(help="Prior q, nonnegative: x(alpha) is the projection of q * alpha**c.")
    ] = None,
    depth: Annotated[float, typer.Option(help="Depth of the network, from 2 to inf.")] = 2,
    signed: Annotated[bool, typer.Option("--signed", help="x may have either sign.")] = False,
    time_limit: Annotated[float, typer.Option(help="Seconds for each null-space constant.")] = 10.0,
    plot: Annotated[Path | None, typer.Option(help="Draw deviation and bounds into this file; at depth 2.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> ExitCode:
    """Print limit, null-space constants, rates, and the bounds of the theorem beside the true deviation."""
    check_outputs(picture=plot)
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always", NotCertifiedWarning)
        system = read_system(matrix, target)
        weights, factor = (None if path is None else read_vector(path, system.column_names) for path in (cost, prior))
        analysis = analyze_system(system, weights, prior=factor, depth=depth, signed=signed, time_limit=time_limit)
        levels = [natural_log_alpha(value) for value in alpha or []]
        levels += [natural_log_alpha(log_alpha=value) for value in log_alpha or []]
        # What is refused, as enclosures above depth 2 are, is refused before anything is printed.
        plan = None if error is None else analysis.alpha_for(error)
        if plot is not None:
            figure_of(plot_both(analysis, levels if len(levels) > 1 else None)).savefig(plot)
        for kind in get_args(Kind):
            getattr(analysis, kind)  # what the page would leave out
        typer.echo(_as_json(analysis, levels, plan) if as_json else _as_text(analysis, levels, plan))
    for message in sorted({str(doubt.message) for doubt in doubts}):
        typer.echo(f"bregman-l1: {message}", err=True)
    return ExitCode.NOT_CERTIFIED if doubts else ExitCode.CERTIFIED


def _as_json(analysis: Analysis, levels: list[float], plan: AlphaPlan | None) -> str:
    record = analysis.to_dict(log_alphas=levels or None)
    if plan is not None:
        record["plan"] = {"error": plan.error, "log_guaranteed": plan.log_guaranteed, "log_exact": plan.log_exact}
    return to_json(record)


def _as_text(analysis: Analysis, levels: list[float], plan: AlphaPlan | None) -> str:
    return analysis.page(log_alphas=levels or None) + ("" if plan is None else f"\n\n{plan}")
