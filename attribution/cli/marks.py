"""The verbs that mark: tags, notes, and samples that are put off; labels and the data's version stay as they are."""

from typing import TYPE_CHECKING, Annotated

import typer

from attribution.cli.common import ProjectOption, command, open_project
from attribution.cli.root import cli
from attribution.errors import UserError

if TYPE_CHECKING:
    from attribution.project.project import Project
    from attribution.storage.ledger import Edit

Which = Annotated[str, typer.Argument(help="Sample id, or several with commas.")]
Reason = Annotated[str, typer.Option(help="Why; kept in the ledger.")]


@cli.command()
def tag(
    which: Which,
    name: Annotated[str, typer.Argument(help="The tag; a sample can have several.")],
    off: Annotated[bool, typer.Option("--off", help="Take the tag off.")] = False,
    reason: Reason = "",
    project: ProjectOption = "",
) -> None:
    """Put a tag on samples, or take it off; an entry in the ledger like a decision."""
    opened = open_project(project)
    put = opened.untag if off else opened.tag
    _say(put(_rows(opened, which), name, reason=reason))


@cli.command()
def note(
    which: Which,
    text: Annotated[str, typer.Argument(help="The note, in place of the one before; empty takes it away.")],
    reason: Reason = "",
    project: ProjectOption = "",
) -> None:
    """Write a note on samples."""
    opened = open_project(project)
    _say(opened.note(_rows(opened, which), text, reason=reason))


@cli.command()
def unsure(
    which: Which,
    off: Annotated[bool, typer.Option("--off", help="Take the mark away without a decision.")] = False,
    reason: Reason = "",
    project: ProjectOption = "",
) -> None:
    """Put samples off that are not clear; they come back at the end of the review queue."""
    opened = open_project(project)
    _say(opened.unsure(_rows(opened, which), not off, reason=reason))


def _rows(opened: "Project", which: str) -> list[int]:
    """The rows that are meant: one id, or several with commas."""
    dataset = opened.dataset
    names = [which] if dataset.row_of(which) is not None else [name.strip() for name in which.split(",")]
    if not any(names):
        example = command("tag", opened, str(dataset.ids[0]), "to ask")
        raise UserError("No sample is named.", "", f"For example: {example}")
    return [int(row) for row in dataset.rows_of(names)]


def _say(made: "list[Edit]") -> None:
    typer.echo(f"{len(made)} sample{'' if len(made) == 1 else 's'} marked; labels and version stay as they are")
