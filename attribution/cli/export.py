"""The verb that writes what a project knows to a file."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attribution.cli.common import ProjectOption, open_project
from attribution.cli.root import cli
from attribution.errors import UserError
from attribution.settings.ranges import entry_type

if TYPE_CHECKING:
    from attribution.exporters.base import Exporter


@cli.command()
def export(
    name: Annotated[str, typer.Argument(help="Which exporter; empty: list them.")] = "",
    project: ProjectOption = "",
    out: Annotated[
        str, typer.Option(help="File to write; its suffix says the format. Empty: the exporter's usual name.")
    ] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the exporter, as NAME=VALUE; may be repeated.")
    ] = None,
) -> None:
    """Write the decisions, the corrected data or influences to a file for other programs."""
    from attribution.exporters import exporters

    if not name:
        for item in exporters.each():
            typer.echo(f"  {item.name:<12} {item.summary} ({', '.join(item.formats)})")
        return
    kind = exporters.get(name)
    options = _typed(kind, dict(_pair(text) for text in set_ or []))
    typer.echo(open_project(project).export(name, out or kind.file, **options))


def _typed(kind: "type[Exporter]", given: dict[str, str]) -> dict[str, Any]:
    """Values in the types of the exporter's settings, as far as they can be."""
    kinds = {item.name: entry_type(item) for item in dataclasses.fields(kind.Settings)}  # type: ignore[arg-type]
    found: dict[str, Any] = {}
    for name, value in given.items():
        wanted = kinds.get(name, str)
        try:
            found[name] = json.loads(value) if wanted is not str else value
        except ValueError:
            found[name] = value  # refused by the setting, in its own words
    return found


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise UserError(f"--set {text!r} has no '='.", "It would say nothing.", "Write for example --set score=ID.")
    return name.strip(), value
