"""Verbs that compute: train, score, flag, calibrate, map, shift, retrain. Each takes its config's flags and can run as a job."""

import dataclasses
from typing import Annotated

import typer

from attribution.cli.common import JobOption, ProjectOption, do, open_project
from attribution.cli.flags import configured
from attribution.cli.root import cli
from attribution.config import CalibrateConfig, FlagConfig, MapConfig, RetrainConfig, ScoreConfig, ShiftConfig, TrainConfig
from attribution.errors import UserError
from attribution.project import Project


@cli.command()
@configured(TrainConfig)
def train(config: TrainConfig, project: ProjectOption = "", job: JobOption = False) -> None:
    """Train the model on the current labels, by the project's recipe; flags that differ from their default override it."""
    opened = open_project(project)
    run = do(opened, "train", _recipe(opened, config), job)
    if run is not None:
        frame = run.metrics()
        for split, part in frame[frame["epoch"] == frame["epoch"].max()].groupby("split"):
            typer.echo(
                f"{split}: accuracy {100 * part['accuracy'].iloc[0]:.1f} %, loss {part['loss'].iloc[0]:.3f} nats, n {part['n'].iloc[0]:,}"
            )
        typer.echo(f"run {run.id}")


def _recipe(project: Project, given: TrainConfig) -> TrainConfig:
    """The project's recipe with the flags that were set away from their defaults."""
    changed = {
        item.name: getattr(given, item.name) for item in dataclasses.fields(TrainConfig) if getattr(given, item.name) != item.default
    }
    return dataclasses.replace(project.train_config, **changed)


@cli.command()
@configured(ScoreConfig)
def score(
    config: ScoreConfig,
    project: ProjectOption = "",
    part: Annotated[str, typer.Option(help="i/n: compute only every n-th shard, from the i-th (for batch systems).")] = "",
    top: Annotated[int, typer.Option(help="Samples shown per side for the first query.")] = 5,
    job: JobOption = False,
) -> None:
    """Influence of every training sample on test predictions (positive: training on it lowers the loss)."""
    opened = open_project(project)
    result = do(opened, "score", config, job, **({"part": _part(part)} if part and not job else {}))
    if result is None:
        return
    typer.echo(f"score {result.id}: {result.n_queries} queries, estimator {result.estimator}")
    view = opened.influence(result.query_rows(0), result.estimator, top)
    if view is not None:
        typer.echo(f"query {opened.dataset.ids[view.query_rows[0]]}")
        for word, frame in (("helped", view.helpful), ("hurt", view.harmful)):
            for line in frame.itertuples():
                label = opened.classes[opened.labels.values[line.row]]
                typer.echo(
                    f"  {word:<6} {line.rank:>2}. {line.id:<24} {label:<16} influence {line.influence:+.3g}  cosine {line.cosine:+.3f}"
                )


def _part(text: str) -> tuple[int, int]:
    first, _, total = text.partition("/")
    if not (first.isdigit() and total.isdigit() and 0 <= int(first) < int(total)):
        raise UserError(f"--part {text!r} is not i/n with 0 <= i < n.", "", "Write 0/4, 1/4, 2/4 and 3/4 for four parts.")
    return int(first), int(total)


@cli.command()
@configured(FlagConfig)
def flag(
    config: FlagConfig,
    project: ProjectOption = "",
    top: Annotated[int, typer.Option(help="Suspects shown.")] = 10,
    job: JobOption = False,
) -> None:
    """Rank the training labels by suspicion, and say what kind of sample each suspect is."""
    opened = open_project(project)
    result = do(opened, "flag", config, job)
    if result is not None:
        typer.echo(result.headline())
        kinds = opened.categories_of(result)
        for line in result.queue(top).itertuples():
            suggested = opened.classes[line.suggested]
            doubt = f"suspicion {line.suspicion:.3f}  {kinds.of(line.row)}"
            typer.echo(f"{line.position:>4}. {line.id:<24} {opened.classes[line.label]} -> {suggested}?  {doubt}")


@cli.command()
@configured(CalibrateConfig)
def calibrate(
    config: CalibrateConfig,
    project: ProjectOption = "",
    stop_below: Annotated[float, typer.Option(help="Advise to stop when the next 50 reviews are expected to find fewer wrong labels.")] = 5,
    job: JobOption = False,
) -> None:
    """Measure the queue on planted errors, and say how many wrong labels are left and when to stop."""
    opened = open_project(project)
    result = do(opened, "calibrate", config, job)
    found = opened.budget() if result is not None else None
    if result is not None and found is not None:
        typer.echo(result.headline)
        typer.echo(found.sentence())
        typer.echo("This is a good place to stop." if found.stop(stop_below) else "Going on pays.")


@cli.command("map")
@configured(MapConfig)
def draw_map(config: MapConfig, project: ProjectOption = "", job: JobOption = False) -> None:
    """Lay all samples out in two dimensions, for the Map page."""
    result = do(open_project(project), "map", config, job)
    if result is not None:
        typer.echo(f"map {result.id}: open it in the app")


@cli.command()
@configured(ShiftConfig)
def shift(
    config: ShiftConfig,
    project: ProjectOption = "",
    top: Annotated[int, typer.Option(help="Columns or regions shown.")] = 5,
    job: JobOption = False,
) -> None:
    """Can a classifier tell the test set from the training set, and by what?"""
    opened = open_project(project)
    result = do(opened, "shift", config, job)
    if result is not None:
        typer.echo(result.verdict)
        for line in result.differences.head(top).itertuples():
            typer.echo(f"  {line.kind:<7} {line.name:<28} {line.words}")


@cli.command()
@configured(RetrainConfig)
def retrain(config: RetrainConfig, project: ProjectOption = "", job: JobOption = False) -> None:
    """Train before and after the edits over several seeds, and say whether the model got better."""
    result = do(open_project(project), "retrain", config, job)
    if result is not None:
        typer.echo(result.verdict)
