"""The verb for behaviours of a language model: describe them, list them, measure how often a model shows them."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attribution.cli.common import JobOption, ProjectOption, do, open_project
from attribution.cli.flags import configured
from attribution.cli.root import cli
from attribution.errors import UserError
from attribution.project.behaviours import said_of
from attribution.settings.ranges import Settings, opt
from attribution.studies.behaviour.study import BehaviourConfig

if TYPE_CHECKING:
    from attribution.datasets.chat.behaviour import Behaviour
    from attribution.project.project import Project
    from attribution.studies.behaviour.result import BehaviourResult

ACTIONS = ("add", "list", "rate", "rm")


@dataclass(frozen=True)
class Described(Settings):
    """What ``add`` says of a behaviour beside its prompts."""

    unwanted: str = opt("", "add: an answer that shows it, for all prompts without one.")
    wanted: str = opt("", "add: an answer that is wanted instead.")
    pattern: str = opt("", "add: a regular expression; generated answers that match it show the behaviour.")
    held: str = opt("", "add: a JSONL file of prompts to measure on; empty: a seeded 40 % of the others.")
    must_stay: bool = opt(False, "add: it is a wanted one, which edits must not lower.")
    probe: bool = opt(False, "add: texts with it (unwanted) and without it (wanted), for a direction between them.")


Name = Annotated[str, typer.Argument(help="The behaviour's name.")]
File = Annotated[
    str, typer.Argument(help="add: a JSONL file; an object a line: prompt (or messages), unwanted, wanted, held.")
]


@cli.command()
@configured(BehaviourConfig, Described)
def behaviour(
    config: BehaviourConfig,
    described: Described,
    action: Annotated[str, typer.Argument(help="add, list, rate or rm.")],
    name: Name = "",
    file: File = "",
    top: Annotated[int, typer.Option(min=0, help="rate: answers shown.")] = 5,
    project: ProjectOption = "",
    job: JobOption = False,
) -> None:
    """Describe behaviours of a language model, and measure how often it shows them on unseen prompts."""
    opened = open_project(project)
    if action == "list":
        _list(opened)
    elif action == "rate":
        if (found := do(opened, "behaviour", replace(config, behaviour=name or config.behaviour), job)) is not None:
            rated(found, top)
    else:
        _check(action, name, file)
        if action == "rm":
            opened.behaviours.remove(name)
            typer.echo(f"removed {name}; results that were asked of it stay")
        else:
            added(_add(opened, name, file, described))


def _check(action: str, name: str, file: str) -> None:
    """What is missing, with an example."""
    if action not in ACTIONS:
        raise UserError(f"Nothing is done with a behaviour by {action!r}.", "", f"Choose {', '.join(ACTIONS)}.")
    example = f"For example: datablame behaviour {action} {name or 'refuses'}{' prompts.jsonl' * (action == 'add')}"
    if not name:
        raise UserError(f"{action} needs the behaviour's name.", "", example)
    if action == "add" and not file:
        raise UserError("add needs a file of prompts.", "", example)


def added(made: "Behaviour") -> None:
    """What was kept, and what can be done with it."""
    typer.echo(f"{made.name}: {len(made.cases)} prompts to ask about, {len(made.held)} unseen ones to measure on")
    typer.echo(f"Shown when {made.shown_when}. Ask: datablame score --queries {made.query}")


def _add(opened: "Project", name: str, file: str, described: Described) -> "Behaviour":
    given = asdict(described)
    held = given.pop("held")
    return opened.behaviours.add(name, Path(file), held=Path(held) if held else (), **given)


def _list(opened: "Project") -> None:
    """A line each."""
    for one in opened.behaviours.all():
        said = said_of(one)
        counts = f"{said['asked']} asked, {said['held out']} held out"
        typer.echo(f"{said['name']:<24} {said['aim']:<10} {counts:<26} shown when {said['shown when']}")


def rated(found: "BehaviourResult", top: int) -> None:
    """The rate, and the first answers."""
    from attribution.studies.retrain.behaviours import hardly_words

    for words in (found.sentence, found.finer, hardly_words(found)):
        if words:
            typer.echo(words)
    for line in found.answers.head(top).itertuples():
        mark = "shown" if line.shown else "     "
        typer.echo(f"  {mark}  {line.prompt}  ->  {line.answer or f'{line.ahead:+.3f}'}")
