"""The verb that says what a project came to: one HTML file, or a summary for a pull request."""

from typing import Annotated

import typer

from attribution.cli.common import ProjectOption, open_project
from attribution.cli.root import cli


@cli.command()
def report(
    project: ProjectOption = "",
    out: Annotated[str, typer.Option(help="HTML file to write.")] = "report.html",
    replace: Annotated[bool, typer.Option("--replace", help="Write over a file that is there already.")] = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print a Markdown summary for a pull request instead.")
    ] = False,
) -> None:
    """Write everything that was found, decided and proven to one HTML file that needs nothing else."""
    opened = open_project(project)
    typer.echo(opened.summary() if summary else opened.report(out, replace=replace))
