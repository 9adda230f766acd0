"""The verb that finds samples by filter words and prints them, or writes them to a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attribution.cli.common import ProjectOption, open_project
from attribution.cli.root import cli
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

WORDS = "Filter words, in single quotes: 'label:Shirt right:no loss:>1.2'. Empty: all samples."


@cli.command()
def browse(
    words: Annotated[list[str] | None, typer.Argument(help=WORDS)] = None,
    project: ProjectOption = "",
    columns: Annotated[str, typer.Option(help="Columns to show, with commas; empty: the usual ones.")] = "",
    sort: Annotated[str, typer.Option(help="Column to sort by; with a minus before it the largest first.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="Most lines to print; 0: all.")] = 20,
    query: Annotated[str, typer.Option(help="Sample id: the influence that is meant is that on its loss.")] = "",
    out: Annotated[str, typer.Option(help="Write all of them to this .csv, .jsonl or .parquet instead.")] = "",
) -> None:
    """Find samples by what is known of them: label, prediction, loss, suspicion, decisions, and your own columns."""
    opened = open_project(project)
    asked = " ".join(words or [])
    rows = opened.find(asked, sort, query=query)
    names = [name.strip() for name in columns.split(",") if name.strip()]
    if out:
        _write(opened.table(rows, names, query=query), Path(out).expanduser())
        typer.echo(f"{len(rows):,} samples written to {out}")
        return
    shown = rows[:limit] if limit else rows
    if len(shown):
        table = opened.table(shown, names, query=query)
        words_only = {name: table[name].fillna("") for name in table if table[name].dtype.kind not in "iuf"}
        typer.echo(table.assign(**words_only).to_string(index=False, na_rep="", max_colwidth=60))
    more = f"; the first {len(shown):,} are shown" if len(shown) < len(rows) else ""
    typer.echo(f"{len(rows):,} of {len(opened.dataset):,} samples{more}")


def _write(table: "pd.DataFrame", path: Path) -> None:
    from attribution.exporters._writers import WRITERS
    from attribution.storage.files import whole_file

    if path.suffix.lower() not in WRITERS:
        raise UserError(
            f"{path.name} ends in {path.suffix or 'nothing'!r}.",
            "Samples are not written in that format.",
            f"Use one of: {', '.join(WRITERS)}.",
        )
    if path.exists():
        raise UserError(f"{path} is there already.", "It would be overwritten.", "Choose another name, or remove it.")
    with whole_file(path) as temporary:
        WRITERS[path.suffix.lower()](table, temporary, {})
