"""Verbs that compute: train, score, flag, map, retrain. Each takes its config's flags and can run as a job."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from attribution.cli.common import JobOption, ProjectOption, do, open_project
from attribution.cli.flags import configured
from attribution.cli.root import cli
from attribution.config import FlagConfig, LeakConfig, MapConfig, RetrainConfig, ScoreConfig, TrainConfig
from attribution.errors import UserError
from attribution.project import Project

if TYPE_CHECKING:
    from attribution.findings.leak_result import LeakResult


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
    leaks: Annotated[bool, typer.Option("--leaks", help="Look for leaks and duplicates instead: the same as `datablame leaks`.")] = False,
) -> None:
    """Rank the training labels by suspicion, with the reasons."""
    opened = open_project(project)
    if leaks:
        _show_leaks(opened, do(opened, "leaks", LeakConfig(run=config.run, device=config.device, seed=config.seed), job), top)
        return
    result = do(opened, "flag", config, job)
    if result is not None:
        typer.echo(result.headline())
        for line in result.queue(top).itertuples():
            suggested = opened.classes[line.suggested]
            typer.echo(f"{line.position:>4}. {line.id:<24} {opened.classes[line.label]} -> {suggested}?  suspicion {line.suspicion:.3f}")


@cli.command("leaks")
@configured(LeakConfig)
def find_leaks(
    config: LeakConfig,
    project: ProjectOption = "",
    top: Annotated[int, typer.Option(help="Cases shown.")] = 10,
    job: JobOption = False,
) -> None:
    """Find training samples that repeat a test or validation sample, or each other."""
    opened = open_project(project)
    _show_leaks(opened, do(opened, "leaks", config, job), top)


def _show_leaks(project: Project, result: "LeakResult | None", top: int) -> None:
    """The first cases of both kinds, with the evidence that decided."""
    if result is None:
        return
    for relation, words in (("leak", "likely leaks"), ("duplicate", "groups of duplicates inside training")):
        cases = result.cases(project.labels.values, relation=relation)
        typer.echo(f"{len(cases):,} {words} ({int((cases['kind'] == 'exact').sum()):,} exact)")
        for number, line in enumerate(cases.head(top).itertuples(), 1):
            pair = result.pair(line.row, line.other)
            how = "exact" if line.kind == "exact" else f"{line.ratio:.3g} of the usual distance"
            notes = [how, *([pair["change"]] if pair["change"] else []), *([f"{line.n} samples"] if line.n > 2 else [])]
            notes += ["labels differ"] if line.conflict else []
            typer.echo(f"{number:>4}. {project.dataset.ids[line.row]:<24} = {project.dataset.ids[line.other]:<24} {', '.join(notes)}")


@cli.command("map")
@configured(MapConfig)
def draw_map(config: MapConfig, project: ProjectOption = "", job: JobOption = False) -> None:
    """Lay all samples out in two dimensions, for the Map page."""
    result = do(open_project(project), "map", config, job)
    if result is not None:
        typer.echo(f"map {result.id}: open it in the app")


@cli.command()
@configured(RetrainConfig)
def retrain(config: RetrainConfig, project: ProjectOption = "", job: JobOption = False) -> None:
    """Train before and after the edits over several seeds, and say whether the model got better."""
    result = do(open_project(project), "retrain", config, job)
    if result is not None:
        typer.echo(result.verdict)
