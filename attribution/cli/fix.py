"""The verb that takes suggestions in bulk: how many would be wrong is said first, and nothing is written unasked."""

from typing import TYPE_CHECKING, Annotated

import typer

from attribution.cli.common import ProjectOption, command, open_project
from attribution.cli.root import cli

if TYPE_CHECKING:
    import numpy as np

    from attribution.project.project import Project
    from attribution.studies.mislabels.bulk import Surest


@cli.command()
def fix(
    surest: Annotated[int, typer.Option(help="How many of the surest suggestions; 0: as many as the risk allows.")] = 0,
    risk: Annotated[
        float, typer.Option(help="Share of them that may be wrong, as expected; 0: take as many as were asked for.")
    ] = 0.0,
    check: Annotated[int, typer.Option(help="Show so many of the batch, drawn at random, to look at first.")] = 0,
    yes: Annotated[bool, typer.Option("--yes", help="Take them: one batch, which one undo takes back.")] = False,
    project: ProjectOption = "",
) -> None:
    """Take the search's suggestions for its surest suspects; says how many of them are wrong before anything is
    written."""
    opened = open_project(project)
    found = opened.surest(surest or None, risk or (None if surest else 0.05))
    typer.echo(f"{found.sentence(f'{opened.dataset.task.targets.noun}s')} {found.basis}")
    if check or not yes:
        _list(opened, found, found.dozen(check) if check else found.rows[:10])
    if not len(found):
        return
    if yes:
        made = opened.relabel(found.rows, found.suggested, reason="surest suggestions", evidence=found.evidence)
        typer.echo(f"{len(made):,} samples changed; `{command('edit', opened, 'undo')}` takes all of them back.")
    else:
        asked = [*(["--surest", str(surest)] if surest else []), *(["--risk", f"{risk:g}"] if risk else [])]
        typer.echo(f"Nothing is written yet: `{command('fix', opened, *asked, '--yes')}` takes them.")


def _list(opened: "Project", found: "Surest", rows: "np.ndarray") -> None:
    """Samples of the batch: what is given, and what is suggested."""
    word = opened.dataset.task.targets.word
    labels = opened.labels.values
    for row in rows.tolist():
        typer.echo(f"  {opened.dataset.ids[row]}  {word(labels[row])} -> {word(found.suggested[row])}")
    if len(rows) < len(found):
        typer.echo(f"  ... {len(found) - len(rows):,} more")
