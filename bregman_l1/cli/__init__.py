"""The command line: ``bregman-l1 solve | analyze | compare | sweep | demo | backends``."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from bregman_l1.cli import analyze, demo, solve, studies
from bregman_l1.cli.reporting import EXIT_CODES

app = typer.Typer(
    name="bregman-l1",
    no_args_is_help=True,
    epilog=EXIT_CODES,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"bregman-l1 {version('bregman_l1')}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Bregman projections of any depth and sign at any scale, each answer certified."""


for _command, _more in (
    (solve.solve, ""),
    (analyze.analyze, ""),
    (studies.compare, ""),
    (studies.sweep, f"{studies.about_studies()}\n\n"),
    (demo.demo, ""),
    (demo.backends, ""),
):
    app.command(epilog=_more + EXIT_CODES)(_command)
