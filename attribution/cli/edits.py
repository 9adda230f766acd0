"""The verb that decides: relabel, rewrite, drop and keep samples, and take decisions back."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attribution.cli.common import ProjectOption, command, open_project
from attribution.cli.root import cli
from attribution.errors import UserError

if TYPE_CHECKING:
    from attribution.project.project import Project
    from attribution.storage.ledger import Edit


@cli.command()
def edit(
    action: Annotated[
        str, typer.Argument(help="relabel (value for numbers, text for chats), drop, keep, undo, redo, revert or list.")
    ],
    ids: Annotated[list[str] | None, typer.Argument(help="Sample ids (entry numbers for revert).")] = None,
    label: Annotated[str, typer.Option(help="The new label, labels (cat;dog) or value, for relabel.")] = "",
    text: Annotated[str, typer.Option(help="The new answer, for text.")] = "",
    file: Annotated[str, typer.Option(help="For text: a file with it, or with the row's columns as JSON.")] = "",
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")] = "",
    anyone: Annotated[bool, typer.Option("--anyone", help="undo and redo: whoever decided, not only you.")] = False,
    project: ProjectOption = "",
) -> None:
    """Decide on samples, or take decisions back; every one is an entry in the ledger."""
    opened = open_project(project)
    if action == "list":
        _list(opened)
        return
    if action in ("undo", "redo"):
        made = (opened.undo if action == "undo" else opened.redo)(anyone)
        if not made and not anyone:
            typer.echo(f"Nothing of yours to {action}; --anyone looks at what others decided, too.")
    elif action == "revert":
        made = _revert(opened, ids or [])
    elif action in ("relabel", "value", "drop", "keep"):
        made = _decide(opened, action, ids or [], label, reason)
    elif action == "text":
        made = _rewrite(opened, ids or [], text, file, reason)
    else:
        raise UserError(
            f"There is no edit called {action!r}.",
            "",
            "Choose relabel (or value, or text), drop, keep, undo, redo, revert or list.",
        )
    typer.echo(f"{len(made)} sample{'' if len(made) == 1 else 's'} changed; version {opened.labels.version[:8]}")


def _list(opened: "Project") -> None:
    for line in opened.edits().itertuples():
        mark = " (taken back)" if line.reverted else ""
        typer.echo(
            f"{line.id:>5}  {line.time:%Y-%m-%d %H:%M}  {line.author}  {line.sample}  {line.action}: "
            f"{line.old} -> {line.new}{mark}  {line.reason}"
        )


def _revert(opened: "Project", numbers: list[str]) -> "list[Edit]":
    wrong = [text for text in numbers if not text.isdigit()]
    if wrong or not numbers:
        raise UserError(
            f"revert needs entry numbers, not {wrong[0]!r}." if wrong else "revert needs entry numbers.",
            "",
            f"`{command('edit', opened, 'list')}` shows them.",
        )
    return opened.revert([int(text) for text in numbers])


def _decide(opened: "Project", action: str, ids: list[str], label: str, reason: str) -> "list[Edit]":
    """Relabel, drop or keep samples."""
    targets = opened.dataset.task.targets
    new = action in ("relabel", "value")
    if not ids:
        more = ["--label", targets.example()] if new else []
        example = command("edit", opened, action, *more, ids=[str(opened.dataset.ids[0])])
        raise UserError(f"{action} needs at least one sample id.", "", f"For example: {example}")
    rows = opened.dataset.rows_of(ids)
    if not new:
        return (opened.drop if action == "drop" else opened.keep)(rows, reason=reason)
    if not label:
        raise UserError(f"{action} needs --label.", "", targets.may_be())
    return opened.relabel(rows, label, reason=reason)


def _rewrite(opened: "Project", ids: list[str], text: str, file: str, reason: str) -> "list[Edit]":
    """Give a row another answer, or its whole conversation."""
    if len(ids) != 1 or bool(text) == bool(file):
        example = command("edit", opened, "text", "--text", "Paris.", ids=[str(opened.dataset.ids[0])])
        raise UserError("text needs one sample id, and --text or --file.", "", f"For example: {example}")
    (row,) = opened.dataset.rows_of(ids)
    return opened.rewrite(int(row), _read(Path(file).expanduser()) if file else text, reason=reason)


def _read(path: Path) -> "str | dict[str, Any]":
    """An answer as it stands in a file, or the columns of a row where the file is a JSON object."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as cause:
        raise UserError(f"{path} cannot be read: {cause}.", "It holds the new text.", "Give a UTF-8 file.") from cause
    if not text.lstrip().startswith("{"):
        return text.removesuffix("\n")
    try:
        found: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as cause:
        raise UserError(f"{path} is not JSON: {cause}.", "It begins as an object.", "Correct it.") from cause
    return found
