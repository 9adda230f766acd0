"""Verbs that make a project: new, sample, trust."""

import math
from typing import Annotated

import typer

from attribution.cli.common import ProjectOption, bar, counts, open_project
from attribution.cli.flags import configured
from attribution.cli.root import cli
from attribution.config import DataConfig, ModelConfig
from attribution.errors import UserError
from attribution.project import Project
from attribution.workspace.home import SAMPLES


@cli.command()
@configured(DataConfig, ModelConfig)
def new(
    data: DataConfig,
    model: ModelConfig,
    name: Annotated[str, typer.Argument(help="Name of the project, or a folder for it.")],
    trust_code: Annotated[bool, typer.Option("--trust-code", help="Allow the code file given by --model to run, as it is now.")] = False,
) -> None:
    """Make a project from your data (and, if you like, your model)."""
    if not data.path:
        raise UserError("No data was given.", "A project is made of data.", "Add --path FOLDER_OR_FILE.")
    project = Project.create(name, data, model, trust_code=trust_code, progress=bar())
    info = project.info
    typer.echo(f"{project.name}: {info.modality}, {counts(info)}, {len(info.classes)} classes ({', '.join(info.classes[:12])})")
    train = project.samples[project.samples["split"] == "train"]
    for index, count in train["label"].value_counts().sort_index().items():
        typer.echo(f"  {info.classes[int(index)]:<24} {count:,} training samples")
    for problem in info.problems[:10]:
        typer.echo(f"{problem['kind']}: {problem['where']}: {problem['what']}")
    if len(info.problems) > 10:
        typer.echo(f"... and {len(info.problems) - 10} more, listed on the Overview page")
    look = project.first_look
    losses = [one["loss"] for one in look["samples"]]
    typer.echo(
        f"sample shape {'x'.join(map(str, info.shape))}; {look['weights']} model of {look['parameters']:,} parameters: loss on {len(losses)} samples"
        f" {sum(losses) / len(losses):.2f} nats on average ({min(losses):.2f} to {max(losses):.2f}), chance is {math.log(len(info.classes)):.2f}"
    )
    typer.echo(f"Next: datablame train -p {project.name}")


@cli.command()
def sample(name: Annotated[str, typer.Argument(help=f"One of {', '.join(SAMPLES)}.")] = "fashion") -> None:
    """Open a bundled sample project, with its finished results."""
    project = Project.sample(name, progress=bar())
    typer.echo(f"{project.name} in {project.folder}")
    typer.echo(f"Next: datablame app {project.name}")


@cli.command()
def trust(project: ProjectOption = "") -> None:
    """Allow the project's model file to run, as it is now."""
    open_project(project).trust_code()
    typer.echo("trusted")
