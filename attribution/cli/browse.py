"""The verb that finds samples by filter words and prints them, or writes them to a file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attribution.cli.common import ProjectOption, open_project
from attribution.cli.root import cli
from attribution.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.project.project import Project
    from attribution.storage.views import View

WORDS = "Filter words, in single quotes: 'label:Shirt right:no loss:>1.2'. Empty: all samples."


@cli.command()
def browse(
    words: Annotated[list[str] | None, typer.Argument(help=WORDS)] = None,
    project: ProjectOption = "",
    columns: Annotated[str, typer.Option(help="Columns to show, with commas; empty: the usual ones.")] = "",
    sort: Annotated[str, typer.Option(help="Column to sort by; with a minus before it the largest first.")] = "",
    limit: Annotated[int, typer.Option(min=0, help="Most lines to print; 0: all.")] = 20,
    view: Annotated[str, typer.Option(help="A saved view: its filter, and its order unless --sort is given.")] = "",
    query: Annotated[str, typer.Option(help="Sample id: the influence that is meant is that on its loss.")] = "",
    out: Annotated[str, typer.Option(help="Write all of them to this .csv, .jsonl or .parquet instead.")] = "",
) -> None:
    """Find samples by what is known of them: label, prediction, loss, suspicion, decisions, and your own columns. A
    single one (id:train-00017) is shown whole."""
    opened = open_project(project)
    kept = _view(opened, view)
    rows = opened.find(" ".join([kept.words, *(words or [])]), sort or kept.sort, query=query)
    names = [name.strip() for name in columns.split(",") if name.strip()]
    if out:
        _write(opened.table(rows, names, query=query), Path(out).expanduser())
        typer.echo(f"{len(rows):,} samples written to {out}")
        return
    shown = rows[:limit] if limit else rows
    if len(rows) == 1 and not names:
        _whole(opened, int(rows[0]), query)
    elif len(shown):
        _print(_lines(opened, shown, names, query))
    more = f"; the first {len(shown):,} are shown" if len(shown) < len(rows) else ""
    typer.echo(f"{len(rows):,} of {len(opened.dataset):,} samples{more}")


def _lines(opened: "Project", rows: "Sequence[int] | np.ndarray", names: list[str], query: str) -> "pd.DataFrame":
    """The table of these rows, units in its heads; of texts their beginnings, where no columns were named."""
    from attribution.browse.columns import Columns
    from attribution.browse.see import See
    from attribution.modalities import line, modality_of

    table = opened.table(rows, names, query=query)
    columns = Columns(See(opened, query))
    units = {name: getattr(columns[name], "unit", "") for name in table}
    table = table.rename(columns={name: f"{name} ({unit})" for name, unit in units.items() if unit})
    shown = modality_of(opened.dataset)
    if names or shown.shown_as not in ("text", "chat"):
        return table
    data = opened.dataset.as_of(opened.labels)
    return table.assign(**{shown.one: [line(data, row) for row in rows]})


def _whole(opened: "Project", row: int, query: str) -> None:
    """A sample as it stands now: what is known of it, the user's own columns, and all of its text."""
    from attribution.browse.columns import Columns
    from attribution.browse.see import See
    from attribution.modalities import full_text

    own = Columns(See(opened, query)).own
    table = _lines(opened, [row], [*opened.table([row], query=query), *own], query)
    known = {name: value for name, value in table.iloc[0].items() if value == value and value not in (None, "")}
    for name, value in known.items():
        typer.echo(f"{name}: {value}")
    typer.echo(f"\n{full_text(opened.dataset.as_of(opened.labels), row)}\n")


def _print(table: "pd.DataFrame") -> None:
    words_only = {name: table[name].fillna("") for name in table if table[name].dtype.kind not in "iuf"}
    typer.echo(table.assign(**words_only).to_string(index=False, na_rep="", max_colwidth=84))


@cli.command()
def views(
    name: Annotated[str, typer.Argument(help="Save or remove the view of this name; empty: list all.")] = "",
    words: Annotated[str, typer.Option(help="Save these filter words under the name.")] = "",
    sort: Annotated[str, typer.Option(help="Column to sort by; with a minus before it the largest first.")] = "",
    forget: Annotated[bool, typer.Option("--forget", help="Remove the view.")] = False,
    project: ProjectOption = "",
) -> None:
    """List the columns that samples are found by and the saved views, or save or remove one."""
    opened = open_project(project)
    if not name:
        _list(opened)
    elif forget:
        opened.forget_view(name)
    else:
        opened.find(words, sort)  # what says nothing here is not kept
        opened.save_view(name, words, sort)


def _list(opened: "Project") -> None:
    from attribution.browse.columns import Columns
    from attribution.browse.see import See
    from attribution.browse.words import quoted

    columns = Columns(See(opened))
    for name in columns:
        typer.echo(f"  {quoted(name):<24} {columns[name].kind:<10} {columns[name].summary}")
    for view in opened.views():
        typer.echo(f"view {view.name}: {view.words}{f' sorted by {view.sort}' if view.sort else ''}")


def _view(opened: "Project", name: str) -> "View":
    """The saved view of a name; for no name one that shows everything."""
    from attribution.storage.views import View

    if not name:
        return View("", "", "")
    views = {view.name: view for view in opened.views()}
    if name not in views:
        there = f"There are: {', '.join(views)}." if views else "None is saved yet."
        raise UserError(
            f"There is no saved view {name!r}.", there, "Save one with `datablame views NAME --words WORDS`."
        )
    return views[name]


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
