"""Verbs that show and steer: status, app, and jobs."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from attribution.cli.common import ProjectOption, command, counts, open_project
from attribution.cli.root import cli
from attribution.errors import UserError
from attribution.project.home import home
from attribution.project.project import Project

if TYPE_CHECKING:
    from attribution.studies.influence.result import ScoreResult


@cli.command()
def status(
    project: ProjectOption = "",
    plugins: Annotated[bool, typer.Option("--plugins", help="List the plug-ins with a line each.")] = False,
) -> None:
    """What the project holds: data, edits, models, results, jobs."""
    if plugins:
        from attribution.datasets.readers import readers
        from attribution.detectors import detectors
        from attribution.estimators import estimators
        from attribution.exporters import exporters
        from attribution.measures import measures
        from attribution.models.sources import sources
        from attribution.transforms import transforms

        for registry in (estimators, measures, detectors, readers, sources, transforms, exporters):
            typer.echo(registry.kinds)
            for item in registry.each():
                typer.echo(f"  {item.name:<20} {item.summary}")
        return
    from attribution.views.targets import task_words

    opened = open_project(project)
    info, labels = opened.info, opened.labels
    typer.echo(f"{opened.name} ({opened.folder})\n{info.modality}, {counts(info)}, {task_words(opened.dataset.task)}")
    decided = int((opened.states()["verdict"] != "").sum())
    marks = opened.marks()
    typer.echo(
        f"version {labels.version[:8]}, {decided} samples with decisions, {int((~labels.active).sum())} dropped, "
        f"{len(marks)} with tags or notes or put off"
    )
    current = opened.run  # looked up once: it goes through all runs
    for run in opened.runs():
        mark = "*" if current is not None and run.id == current.id else " "
        typer.echo(f"{mark} run {run.id}  version {run.version[:8]}  seed {run.train_config.seed}")
    for score_run in opened.scores():
        typer.echo(f"  score {score_run.id}  {score_run.estimator}  {_asked(score_run)}")
    for error in opened.damaged():
        typer.echo(f"  damaged: {error}")
    for job in opened.jobs()[:8]:
        left = f", about {job.eta_s:.0f} s left" if job.eta_s is not None else ""
        why = f": {job.error['what']}" if job.error else ""
        trouble = f" ({job.trouble})" if job.trouble else ""
        typer.echo(f"  job {job.id}  {job.state}{trouble} {100 * job.fraction:.0f} %{left}  {job.title}{why}")


@cli.command()
def app(
    project: Annotated[str, typer.Argument(help="Project to open; empty: the last used one, or the start page.")] = "",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8501,
    address: Annotated[
        str,
        typer.Option(
            help="Address to listen on. Anything but 127.0.0.1 lets other machines in, with the token in the "
            "printed address."
        ),
    ] = "127.0.0.1",
    host: Annotated[
        str,
        typer.Option(
            help="Further names that the app is opened under, behind a tunnel for example; several with commas."
        ),
    ] = "",
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open the app in the browser."""
    root = Path(__file__).resolve().parent.parent.parent
    if not (root / "app.py").exists():
        raise UserError(
            "The app is not beside this installation.",
            "It comes with the source tree.",
            "Install from a clone with pip install -e .",
        )
    if project:
        os.environ["DATABLAME_PROJECT"] = str(Project.open(project).folder)
    os.environ.setdefault("DATABLAME_HOME", str(home()))
    options = [
        f"--server.address={address}",
        f"--server.port={port}",
        f"--server.headless={'false' if browser else 'true'}",
    ]
    # The guard adds those of the address.
    names = ["127.0.0.1", "localhost", *(name.strip() for name in host.split(","))]
    options += [f"--server.allowedHosts={name}" for name in names if name]
    raise typer.Exit(subprocess.call([sys.executable, "-m", "streamlit", "run", "app.py", *options], cwd=root))


@cli.command(hidden=True)
def job(job_id: str, project: ProjectOption = "") -> None:
    """Do a queued job in this process."""
    state = Project.open(project).run_job(job_id)
    typer.echo(f"{time.strftime('%H:%M:%S')} {state}")


@cli.command("resume")
def resume_job(
    job_id: Annotated[str, typer.Argument(help="A stopped job; `datablame status` lists them.")],
    project: ProjectOption = "",
) -> None:
    """Go on with a stopped job; what it finished is kept."""
    typer.echo(f"{open_project(project).resume(job_id).state}")


@cli.command("cancel")
def cancel_job(
    job_id: Annotated[str, typer.Argument(help="A running job; `datablame status` lists them.")],
    project: ProjectOption = "",
    force: Annotated[
        bool, typer.Option("--force", help="End its processes by signal when it does not stop within seconds.")
    ] = False,
) -> None:
    """Stop a job at its next step; with --force also one that is stopped or hung."""
    opened = open_project(project)
    stopped = opened.kill(job_id) if force else opened.cancel(job_id)
    typer.echo(stopped.state)
    if stopped.trouble:
        typer.echo(
            f"It may not hear: {stopped.trouble}. `{command('cancel', opened, '--force', job_id)}` ends it.", err=True
        )


def _asked(score_run: "ScoreResult") -> str:
    """How many queries, or which behaviour."""
    return str(score_run.questions["title"]) if score_run.asked_of else f"{score_run.n_queries} queries"
