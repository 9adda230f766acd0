"""The verb that replays decisions from elsewhere on a project, or on plain files."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attribution.cli.common import ProjectOption, open_project
from attribution.cli.root import cli
from attribution.errors import UserError

if TYPE_CHECKING:
    from attribution.project.applying import Applied


@cli.command()
def apply(
    patch: Annotated[str, typer.Argument(help="A patch (`datablame export patch`); empty with --label-studio.")] = "",
    project: ProjectOption = "",
    label_studio: Annotated[str, typer.Option(help="A JSON export of Label Studio, in place of a patch.")] = "",
    data: Annotated[str, typer.Option(help="Plain files instead of a project: read them as the patch says...")] = "",
    out: Annotated[str, typer.Option(help="...and write the result here, in the same layout.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change, and show conflicts.")] = False,
) -> None:
    """Replay decisions on another copy of the data: each checked against its sample, all of them or none, one batch."""
    if bool(patch) == bool(label_studio):
        raise UserError(
            "apply needs one file: a patch, or --label-studio FILE.", "", "For example: datablame apply edits.jsonl"
        )
    if data or out:
        _on_files(patch, data, out, dry_run)
        return
    opened = open_project(project)
    file = Path(label_studio or patch)
    found = opened.apply(file, label_studio=bool(label_studio), dry_run=True)
    _say(found)
    if dry_run:
        return
    found.check()
    made = opened.apply(file, label_studio=bool(label_studio)).edits
    typer.echo(f"{len(made):,} entries written in one batch; version {opened.labels.version[:8]}")


def _on_files(patch: str, data: str, out: str, dry_run: bool) -> None:
    from attribution.exporters._patch import read_patch
    from attribution.project import applying

    if not patch or not data or not (out or dry_run):
        raise UserError(
            "Plain files need a patch, --data and --out.",
            "The result is written beside them, never over them.",
            "For example: datablame apply edits.jsonl --data people.csv --out corrected.csv",
        )
    found = applying.on_files(read_patch(Path(patch)), Path(data), Path(out or "-"), dry_run, {})
    _say(found)
    if not dry_run:
        typer.echo(out)


def _say(found: "Applied") -> None:
    for conflict in found.conflicts:
        typer.echo(f"conflict  {conflict}")
    typer.echo(str(found))
