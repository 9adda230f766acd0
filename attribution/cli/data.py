"""Verbs that make a project, and what it needs: new, sample, language-model, trust."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attribution import trust as trusting
from attribution.cli.common import ProjectOption, bar, command, counts, open_project
from attribution.cli.flags import configured, given
from attribution.cli.root import cli
from attribution.errors import UserError
from attribution.project.home import SAMPLES
from attribution.project.project import Project
from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig, default_recipe, small_words

if TYPE_CHECKING:
    from attribution.datasets.dataset import DatasetInfo


@cli.command()
@configured(DataConfig, ModelConfig, TrainConfig)
def new(
    data: DataConfig,
    model: ModelConfig,
    recipe: TrainConfig,
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the project, or a folder for it.")],
    source: Annotated[str, typer.Argument(help="The data, as --path: a folder or a file.")] = "",
    trust_code: Annotated[
        bool,
        typer.Option(
            "--trust-code",
            help="Allow the code files given by --model and --task, and what they import beside them, to run.",
        ),
    ] = False,
    expect_accuracy: Annotated[
        float | None,
        typer.Option(
            "--expect-accuracy", help="Accuracy that the loaded weights have by your own figures, 0 to 1 or in percent."
        ),
    ] = None,
) -> None:
    """Make a project from your data (and, if you like, your model and recipe: what is not given suits the kind of
    data)."""
    from attribution.views import targets

    if source and data.path:
        raise UserError(
            f"The data are given twice, {source!r} and --path {data.path!r}.",
            "A project is made of one source.",
            "Leave one of them out.",
        )
    data = replace(data, path=source or data.path)
    if not data.path:
        raise UserError(
            "No data was given.", "A project is made of data.", "Add FOLDER_OR_FILE, or --path FOLDER_OR_FILE."
        )
    project = Project.create(
        name,
        data,
        model,
        train=given(context, recipe),
        trust_code=trust_code,
        expect_accuracy=expect_accuracy,
        progress=bar(),
    )
    for code in project.codes if trust_code else ():
        for line in code.lines():
            typer.echo(f"trusted: {line}")
    info = project.info
    typer.echo(f"{project.name}: {info.modality}, {counts(info)}, {targets.task_words(project.dataset.task)}")
    for line in targets.target_lines(project.dataset):
        typer.echo(f"  {line}")
    by_itself = ", taken by itself (--task says otherwise)" if data.task == "auto" else ""
    typer.echo(f"task: {project.dataset.task.name}{by_itself}")
    typer.echo(f"splits: {info.preprocessing['splits']}")
    for line in [*problem_lines(info), *model_lines(project)]:
        typer.echo(line)
    if "epochs" not in given(context, recipe) and (small := small_data(project)):
        typer.echo(f"small data: {small}")
    loads = " (loads your weights, trains nothing)" if project.model_config.checkpoints else ""
    typer.echo(f"Next: {command('train', project)}{loads}")


def small_data(project: Project) -> str:
    """Why the recipe has more epochs than usual; "" where it has not, or is not the one that suits the data."""
    modality = project.info.modality
    count = project.info.counts["train"]
    suited = project.train_config.epochs == default_recipe(modality, count).epochs
    return small_words(modality, count) if suited else ""


def problem_lines(info: "DatasetInfo") -> list[str]:
    """How many samples were taken, and the first of what was left out or is to be known."""
    from attribution.views import importing

    sentence = importing.counts_sentence(info.seen, info.problems)
    lines = [sentence] if sentence else []
    for kind in (importing.LEFT_OUT, importing.NOTE):
        found = [problem for problem in info.problems if problem["kind"] == kind]
        lines += [f"{kind}: {problem['where']}: {problem['what']}" for problem in found[:10]]
        if len(found) > 10:
            lines.append(f"{kind}: ... and {len(found) - 10} more lines, listed on the Overview page")
    return lines


def model_lines(project: Project) -> list[str]:
    """What the model says of some samples before it is trained, and the recipe."""
    look = project.first_look
    losses = [round(one["loss"], 2) + 0.0 for one in look["samples"]]  # + 0: a loss of just below 0 is not "-0.00"
    made = project.train_config
    recipe = "recipe, should you train here" if project.model_config.checkpoints else "recipe"
    shape = project.model_config.shape or project.info.shape
    chance = f", chance is {look['chance']:.2f}" if look["chance"] == look["chance"] else ""
    return [
        f"sample shape {'x'.join(map(str, shape))}; {look['weights']} model of {look['parameters']:,} "
        f"parameters: loss on {len(losses)} samples {sum(losses) / len(losses):.2f} {look['unit']} on average "
        f"({min(losses):.2f} to {max(losses):.2f}){chance}",
        *look.get("said", []),
        *loaded(look),
        f"{recipe}: {made.optimizer}, learning rate {made.lr:g}, {made.epochs} epochs, batches of {made.batch_size}",
    ]


def loaded(look: dict[str, Any]) -> list[str]:
    """How loaded weights do, in lines."""
    found = [f"loaded weights: {look['measured']['words']}"] if look.get("measured") else []
    return [*found, f"WARNING: {' '.join(look['warning'][1:])}"] if look.get("warning") else found


@cli.command()
def sample(name: Annotated[str, typer.Argument(help=f"One of {', '.join(SAMPLES)}.")] = "fashion") -> None:
    """Open a bundled sample as a project; with its finished results."""
    project = Project.sample(name, progress=bar())
    typer.echo(f"{project.name} in {project.folder}")
    typer.echo(f"Next: {command('app', project)}")


@cli.command("language-model")
def language_model(
    name: Annotated[str, typer.Argument(help="Its name behind hf: as a network.")] = "smollm2",
) -> None:
    """Make a language model ready that an installed package brings: its weights, written out once for all projects."""
    from attribution.transforms.packaged import PACKAGED, folder_of, packaged

    found = packaged(name)
    if found is None:
        raise UserError(f"No package brings {name!r}.", "Nothing was made.", f"Name one of {', '.join(PACKAGED)}.")
    folder = folder_of(name, bar())
    typer.echo(f"{found.title} ({found.size}) in {folder}")
    typer.echo(f"Next: datablame new NAME chats.jsonl --model hf:{name}")


@cli.command()
def trust(
    project: ProjectOption = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Trust what is shown without asking.")] = False,
    take_back: Annotated[bool, typer.Option("--take-back", help="Trust the file no longer.")] = False,
) -> None:
    """Show the project's own code (model, task) and what it imports, with their hashes, and allow them to run as they
    are now."""
    opened = open_project(project)
    if not opened.codes:
        raise UserError(f"The model of {opened.name} is built in.", "There is no code file to trust.")
    for code in opened.codes:
        _decide(code, yes, take_back)


def _decide(code: trusting.Look, yes: bool, take_back: bool) -> None:
    """Ask about one file, or take back what was said of it."""
    if take_back:
        typer.echo(
            f"{code.path} is trusted no longer" if trusting.forget(code.path) else f"{code.path} was not trusted"
        )
        return
    for line in code.lines():
        typer.echo(line)
    typer.echo(f"kept in {trusting.place()}", err=True)
    if code.trusted:
        typer.echo("trusted already")
        return
    if not yes and not _agreed("Have you read this, and may it run on this machine?"):
        raise UserError(
            "Nothing was trusted.", "The model's code does not run.", "Read the files, then answer y or add --yes."
        )
    trusting.say_yes(code)
    typer.echo("trusted")


def _agreed(question: str) -> bool:
    """The user's answer; no when nobody is there to give one."""
    try:
        return typer.confirm(question)
    except typer.Abort:
        return False
