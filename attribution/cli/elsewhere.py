"""Verbs for what was made elsewhere: weights and predictions of the user's own become a run."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attribution.cli.common import ProjectOption, bar, open_project
from attribution.cli.root import cli
from attribution.errors import UserError
from attribution.project.project import Project

if TYPE_CHECKING:
    from attribution.training.run import Run

TrainedOn = Annotated[str, typer.Option(help="Labels that it was trained on: current, base, or a data version.")]


@cli.command("add-run")
def add_run(
    checkpoints: Annotated[
        list[str],
        typer.Argument(metavar="FILES", help="Weights of your own training, oldest first, or a recording's folder."),
    ],
    lr: Annotated[str, typer.Option(help="Learning rate near each of them, or one for all, separated by commas.")] = "",
    trained_on: TrainedOn = "current",
    device: Annotated[str, typer.Option(help="auto takes CUDA or MPS when present, else the CPU.")] = "auto",
    project: ProjectOption = "",
) -> None:
    """Make a training of yours the current model: its weights, with the learning rates that TracIn weighs them by."""
    opened = open_project(project)
    files: str | list[str | Path] = checkpoints[0] if len(checkpoints) == 1 else [*checkpoints]
    told(opened, opened.add_run(files, _rates(lr), trained_on, device=device, progress=bar()))


@cli.command("add-predictions")
def add_predictions(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Class probabilities (or numbers): .npy, .npz, .csv or .parquet.")
    ],
    embeddings: Annotated[str, typer.Option(help="What your model sees in each sample, in a file of its own.")] = "",
    folds: Annotated[
        bool, typer.Option("--folds", help="Every line is by a model that did not train on it (out-of-fold).")
    ] = False,
    trained_on: TrainedOn = "current",
    project: ProjectOption = "",
) -> None:
    """Take what a model of any kind says of every sample; the search for wrong labels, leaks and the map need no
    more."""
    opened = open_project(project)
    told(opened, opened.add_predictions(file, embeddings or None, folds=folds, version=trained_on))


def told(opened: Project, run: "Run") -> None:
    """How a run does, in lines."""
    frame = run.metrics()
    task = opened.dataset.task
    for split, part in frame[frame["epoch"] == frame["epoch"].max()].groupby("split"):
        figures = [one for one in task.figures if one.name != "loss"]
        words = ", ".join(one.words(part[one.name].iloc[0]) for one in figures)
        typer.echo(f"{split}: {words}, loss {part['loss'].iloc[0]:.3f} {task.unit}, n {part['n'].iloc[0]:,}")
    typer.echo(f"run {run.id}")


def _rates(words: str) -> list[float]:
    try:
        return [float(word) for word in words.split(",") if word.strip()]
    except ValueError as error:
        raise UserError(
            f"{words!r} are no learning rates.", "Each checkpoint counts by its own.", "Write 0.1,0.05,0.01."
        ) from error
