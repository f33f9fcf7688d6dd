"""``bregman-l1 compare`` and ``bregman-l1 sweep``: the studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bregman_l1.cli.outputs import check_outputs
from bregman_l1.cli.reporting import ExitCode, console, reports_errors
from bregman_l1.errors import StudyError
from bregman_l1.experiments import Store, Study, load_study
from bregman_l1.experiments import compare as compare_backends
from bregman_l1.experiments import sweep as sweep_study
from bregman_l1.experiments.ensembles import Recipe, from_recipe
from bregman_l1.experiments.imported import importable_from
from bregman_l1.experiments.study import shipped_titles
from bregman_l1.experiments.tables import write_csv, write_parquet
from bregman_l1.plotting import figure_of
from bregman_l1.plotting.studies import PICTURES
from bregman_l1.suggestions import refuse_unknown

_QUICK_ALPHAS = (1.0, 1e-4, 1e-8, 1e-12, 1e-16)


@reports_errors
def compare(
    backend: Annotated[list[str] | None, typer.Option(help="A backend; repeat for several. All by default.")] = None,
    ensemble: Annotated[
        str, typer.Option(help="The random ensemble of the systems; one of your own as my_module:my_ensemble.")
    ] = "gaussian",
    rows: Annotated[int, typer.Option("-N", help="Rows of A.")] = 20,
    columns: Annotated[int, typer.Option("-d", help="Columns of A.")] = 60,
    sparsity: Annotated[int, typer.Option("-s", help="Support size of the planted vector.")] = 4,
    kappa: Annotated[float, typer.Option(help="Spread of its values.")] = 10.0,
    noise: Annotated[float, typer.Option(help="Noise level of y.")] = 0.0,
    seeds: Annotated[int, typer.Option(min=1, help="How many systems.")] = 5,
    alpha: Annotated[list[float] | None, typer.Option(help="A scale; repeat for several.")] = None,
    tol: Annotated[list[float] | None, typer.Option(help="A tolerance asked for; repeat for several.")] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Timed runs, of which the median counts.")] = 3,
    threads: Annotated[int, typer.Option(min=1, help="Threads for every backend.")] = 1,
    time_limit: Annotated[float | None, typer.Option(help="Time limit of each run, seconds.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Two systems, five scales, one run: under a minute.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write all runs to this CSV file.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write all runs to this Parquet file.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw accuracy and performance profile to this file.")] = None,
) -> ExitCode:
    """Compare all backends: which one to trust, down to which alpha, at what cost."""
    check_outputs(csv=csv, parquet=parquet, picture=picture)
    with importable_from(Path.cwd()):
        recipe = Recipe(ensemble=ensemble, N=rows, d=columns, s=sparsity, kappa=kappa, noise=noise)
        comparison = compare_backends(
            [from_recipe({**recipe.to_dict(), "seed": seed}) for seed in range(2 if quick else seeds)],
            backends=backend,
            alphas=alpha or (_QUICK_ALPHAS if quick else None),
            tolerances=tol or ((1e-9,) if quick else (1e-9, 1e-12)),
            repeats=1 if quick else repeats,
            threads=threads,
            time_limit=time_limit,
        )
    typer.echo(comparison)
    if csv is not None:
        comparison.to_csv(csv)
    if parquet is not None:
        comparison.to_parquet(parquet)
    if picture is not None:
        figure_of(comparison.plot()).savefig(picture)
    return ExitCode.CERTIFIED


@reports_errors
def sweep(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A TOML study file, or the name of a shipped study.")],
    store: Annotated[Path, typer.Option(help="Directory of the records; an unfinished study there is continued.")],
    n_jobs: Annotated[int, typer.Option(help="Worker processes; -1 for one a core.")] = 1,
    cluster: Annotated[str | None, typer.Option(help="dask: tcp://host:port, or 'local' for n_jobs processes.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write all records to this CSV file.")] = None,
    parquet: Annotated[Path | None, typer.Option(help="Write all records to this Parquet file.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the study's picture to this file.")] = None,
) -> ExitCode:
    """Carry out a Monte-Carlo study, or what is left of it."""
    check_outputs(csv=csv, parquet=parquet, picture=picture)
    with importable_from(Path(study).parent, Path.cwd()):
        plan = _planned(study, picture)
        records = _swept(plan, store, n_jobs, cluster)
    summary = records.summary()
    typer.echo(f"{plan.title or study}: {summary.rows} records in {store}, {summary.failed} with an error\n")
    typer.echo(summary.text(console().width))
    if summary.failed:
        typer.echo(f"tracebacks are in {store / 'log.jsonl'}")
    if csv is not None:
        write_csv(csv, (record.flat() for record in records))
    if parquet is not None:
        write_parquet(parquet, (record.flat() for record in records), records.study())
    if picture is not None and summary.failed == summary.rows:
        typer.echo("bregman-l1: no picture: all rows failed", err=True)
    elif picture is not None:
        figure_of(PICTURES[plan.picture](records)).savefig(picture)
    return ExitCode.FAILED_ROWS if summary.failed else ExitCode.CERTIFIED


def about_studies() -> str:
    """What `sweep` can be given: the shipped studies with their titles, and code of one's own."""
    shipped = "\n".join(["Shipped studies:", *(f"{name}: {title}" for name, title in shipped_titles().items())])
    return (
        f"{shipped}\n\nA study file may name a measure or an ensemble of your own as my_module:my_function. The module "
        "is looked for beside the file and in the current directory.\n\nCtrl-C stops a sweep, and the same command "
        "continues it. A study with more repetitions continues one with fewer."
    )


def _planned(study: str, picture: Path | None) -> Study:
    plan = load_study(study)
    if plan.picture:
        refuse_unknown("picture", plan.picture, PICTURES)
    elif picture is not None:
        raise StudyError(f"the study {study} names no picture; known ones are {', '.join(PICTURES)}")
    return plan


def _swept(plan: Study, store: Path, n_jobs: int, cluster: str | None) -> Store:
    held = Store(store).held(plan.identity())
    if held == len(plan):
        typer.echo(f"nothing is left to do: all {held} rows were there")
    elif held:
        typer.echo(f"continuing: {held} of {len(plan)} rows were there")
    try:
        return sweep_study(plan, store, n_jobs=n_jobs, cluster=cluster)
    except KeyboardInterrupt as interrupt:
        typer.echo(
            f"\nbregman-l1: interrupted; {Store(store).held(plan.identity())} of {len(plan)} rows are in {store}: "
            "the same command continues",
            err=True,
        )
        raise typer.Exit(ExitCode.INTERRUPTED) from interrupt
