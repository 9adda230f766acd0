"""What the verbs share: the project they mean, a progress line, and running a step here or as a job."""

import shlex
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from attribution.cli.plain import harmless
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.project.home import home, list_projects
from attribution.project.project import Project
from attribution.studies.retrain.study import typed

ProjectOption = Annotated[
    str, typer.Option("--project", "-p", help="Project name or folder; empty: the only or last used one.")
]
JobOption = Annotated[
    bool, typer.Option("--job", help="Run in the background and return at once; `datablame status` shows it.")
]

HereOption = Annotated[
    bool,
    typer.Option(
        "--here",
        help="Weights trained elsewhere: agree to models trained here, from scratch and with the project's "
        "recipe; remembered.",
    ),
]
CostOption = Annotated[
    bool,
    typer.Option("--forecast", help="Only say how long it would take and how much memory; runs a few seconds' share."),
]


def open_project(name: str) -> Project:
    """The project called ``name``; empty: the only or last used one, named on standard error."""
    if not name:
        known = list_projects()
        if not known:
            raise UserError(
                f"There is no project in {home()} yet.",
                "",
                "Run `datablame sample` or `datablame new NAME --path DATA`.",
            )
        name = known[0]
        typer.echo(f"project {name}", err=True)
    return Project.open(name)


def command(verb: str, project: Project, *words: str, ids: Sequence[str] = ()) -> str:
    """A command line that works when it is pasted into this shell: the project by its name where that finds it, else by
    its folder."""
    name = project.name if (home() / project.name).resolve() == project.folder.resolve() else str(project.folder)
    place = [name] if verb == "app" else ["-p", name]
    options_end = ["--"] if any(name.startswith("-") for name in ids) else []
    return shlex.join(["datablame", verb, *place, *words, *options_end, *ids])


def bar() -> Progress:
    """A progress line on standard error, redrawn on a terminal, a line per tenth otherwise."""
    last = [-1.0]

    def show(done: float, total: float, message: str) -> None:
        text = f"{100 * done / total if total else 100:5.1f} %  {harmless(message)}"
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K" + text[:110])
            if done >= total:
                sys.stderr.write("\n")
        elif done >= total or done - last[0] >= 0.1 * total:
            sys.stderr.write(text + "\n")
            last[0] = done
        sys.stderr.flush()

    return Progress(show)


def do(project: Project, kind: str, config: Any, background: bool, here: bool = False, **extra: Any) -> Any:
    """Run a step here with a progress line, or as a job. ``here``: the user agrees to models trained here beside loaded
    weights."""
    if here:
        project.train_here()
    if getattr(config, "command", ""):
        config = typed(config)  # it stands on the command line
    if background:
        job = project.submit(kind, config)
        typer.echo(f"job {job.id} started: {job.title}")
        return None
    return project.step(kind)(config, bar(), **extra)


def counts(info: Any) -> str:
    """How many samples each split has, in words."""
    return ", ".join(f"{info.counts[split]:,} {split}" for split in ("train", "val", "test"))
