"""The verb that says how far each of several annotators agrees with the labels."""

import typer

from attribution.cli.common import ProjectOption, open_project
from attribution.cli.root import cli


@cli.command()
def annotators(project: ProjectOption = "") -> None:
    """How many labels each annotator gave, and how often they say what the label is now, the least first."""
    opened = open_project(project)
    for line in opened.annotators().to_dict("records"):
        shared = (
            f", {line['agree_shared']:.1%} of {line['shared']:,} that others labelled too" if line["shared"] else ""
        )
        instead = f"; most often {line['instead']}" if line["instead"] else ""
        typer.echo(
            f"{line['annotator']}: {line['agree']:.1%} of {line['labels']:,} as the label is now{shared}{instead}"
        )
