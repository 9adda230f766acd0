"""Verbs that study the data with a model: train, score, flag, map and so on. Each takes its config's flags and can run
as a job."""

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any

import typer

from attribution.cli.common import CostOption, HereOption, JobOption, ProjectOption, bar, command, do, open_project
from attribution.cli.elsewhere import told
from attribution.cli.flags import configured, given
from attribution.cli.influence import told as score_told
from attribution.cli.made import says
from attribution.cli.plugin_flags import with_plugins
from attribution.cli.root import cli
from attribution.errors import UserError
from attribution.estimators import in_place
from attribution.project.project import Project
from attribution.settings.configs import ScoreConfig, TrainConfig
from attribution.studies.angles.study import Angles
from attribution.studies.calibration.study import Calibration
from attribution.studies.contamination.study import ContaminationConfig
from attribution.studies.hygiene.study import Hygiene
from attribution.studies.leaks.study import LeakConfig, Leaks
from attribution.studies.map.study import Map
from attribution.studies.mislabels.study import FlagConfig
from attribution.studies.plane.study import Plane
from attribution.studies.shift.study import Shift
from attribution.views.behaviours import asks_about
from attribution.views.costs import alternatives, sentence, took

if TYPE_CHECKING:
    from attribution.studies.costs.result import CostResult


@cli.command()
@configured(TrainConfig)
def train(
    config: TrainConfig,
    context: typer.Context,
    project: ProjectOption = "",
    save_recipe: Annotated[
        bool, typer.Option("--save-recipe", help="Make these settings the project's own recipe.")
    ] = False,
    checkpoints: Annotated[
        str,
        typer.Option(
            help="Weights that you trained elsewhere on the current labels, oldest first, separated by commas: "
            "load them."
        ),
    ] = "",
    here: HereOption = False,
    only_cost: CostOption = False,
    job: JobOption = False,
) -> None:
    """Train the model on the current labels, by the project's recipe; flags given override it."""
    opened = open_project(project)
    recipe = dataclasses.replace(opened.train_config, **given(context, config))
    if only_cost:
        _tell(opened.studies.train.cost(recipe, bar()))
        return
    if (here or opened.trains_here) and opened.loaded and not checkpoints:
        typer.echo(
            "Your loaded weights are not trained on: this trains anew, from scratch. They stay as a run of their own.",
            err=True,
        )
    files = [name.strip() for name in checkpoints.split(",") if name.strip()]
    if job and files:
        raise UserError(
            "--checkpoints and --job do not go together.",
            "Loading weights takes no background job.",
            "Leave out --job.",
        )
    if save_recipe:
        opened.save_recipe(recipe)
    elif differing := _differing(recipe, opened.train_config):
        typer.echo(
            f"{differing}. Proofs take the recipe of the model in use; --save-recipe makes it the project's own.",
            err=True,
        )
    run = do(opened, "train", recipe, job, here=here, **({"checkpoints": files} if files else {}))
    if run is not None:
        told(opened, run)


def _differing(recipe: TrainConfig, usual: TrainConfig) -> str:
    """What of a recipe differs from the project's, in words; "" for nothing but the device."""
    pairs = [
        (item.name, getattr(recipe, item.name), getattr(usual, item.name)) for item in dataclasses.fields(TrainConfig)
    ]
    words = [f"{name} {value} instead of {own}" for name, value, own in pairs if value != own and name != "device"]
    return f"This differs from the project's recipe: {', '.join(words)}" if words else ""


@cli.command(cls=with_plugins(ScoreConfig))
@configured(ScoreConfig)
def score(
    config: ScoreConfig,
    context: typer.Context,
    project: ProjectOption = "",
    part: Annotated[
        str, typer.Option(help="i/n: compute only every n-th shard, from the i-th (for batch systems).")
    ] = "",
    top: Annotated[int, typer.Option(min=0, help="Samples shown per side for the first query.")] = 5,
    only_cost: CostOption = False,
    job: JobOption = False,
) -> None:
    """Influence of every training sample on test predictions (positive: training on it lowers the loss)."""
    opened = open_project(project)
    config = _usual(config, context)
    if only_cost:
        _tell(opened.studies.influence.cost(config, bar()))
        return
    extra: dict[str, Any] = {"part": _part(part)} if part and not job else {}
    result = do(opened, "influence", config, job, **extra)
    if result is None:
        return
    if not result.finished:
        typer.echo(f"score {result.id}: this part is done, others are missing")
        return
    for line in score_told(opened, result, top):
        typer.echo(line)


def _usual(config: ScoreConfig, context: typer.Context) -> ScoreConfig:
    """A behaviour or a typed answer is asked with what suits texts, where no estimator was named."""
    if asks_about(config.queries) and "estimator" not in given(context, config):
        return dataclasses.replace(config, estimator=in_place("for_texts")[0])
    return config


def _tell(found: "CostResult") -> None:
    """A cost in words, and cheaper ways when it is long."""
    for line in (sentence(found.config), *alternatives(found.alternatives)):
        typer.echo(line)


def _part(text: str) -> tuple[int, int]:
    first, _, total = text.partition("/")
    if not (first.isdigit() and total.isdigit() and 0 <= int(first) < int(total)):
        raise UserError(
            f"--part {text!r} is not i/n with 0 <= i < n.", "", "Write 0/4, 1/4, 2/4 and 3/4 for four parts."
        )
    return int(first), int(total)


@cli.command()
@configured(FlagConfig)
def flag(
    config: FlagConfig,
    project: ProjectOption = "",
    top: Annotated[int, typer.Option(min=0, help="Suspects shown.")] = 10,
    job: JobOption = False,
    here: HereOption = False,
    leaks: Annotated[
        bool, typer.Option("--leaks", help="Look for leaks and duplicates instead: the same as `datablame leaks`.")
    ] = False,
    only_cost: CostOption = False,
) -> None:
    """Rank the training labels by suspicion, and say what kind of sample each suspect is."""
    opened = open_project(project)
    if only_cost:
        _tell(opened.studies.mislabels.cost(config, bar()))
        return
    if leaks:
        asked = LeakConfig(run=config.run, device=config.device, seed=config.seed)
        if (copies := do(opened, "leaks", asked, job)) is not None:
            leaks_found(opened, copies, top)
        return
    result = do(opened, "mislabels", config, job, here)
    if result is not None:
        typer.echo(result.headline())
        if words := took(result.config.get("cost")):
            typer.echo(words)
        task = opened.dataset.task
        kinds = opened.categories_of(result) if task.kind == "class" else None
        from attribution.views.queue import suggestion

        for line in result.queue(top).itertuples():
            doubt = f"suspicion {line.suspicion:.3f}  {kinds.of(line.row) if kinds else ''}".rstrip()
            given = task.targets.word(line.label)
            suggested = suggestion(task, line)
            typer.echo(f"{line.position:>4}. {line.id:<24} {given} -> {suggested}?  {doubt}")


@says(Calibration)
def calibrate(
    project: Project,
    result: Any,
    stop_below: Annotated[
        float,
        typer.Option(min=0, help="Advise to stop when the next 50 reviews are expected to find fewer wrong labels."),
    ] = 5,
) -> None:
    """Measure the queue on planted errors, and say how many wrong labels are left and when to stop."""
    if (found := project.budget()) is not None:
        typer.echo(result.headline)
        typer.echo(found.sentence(nouns_of(project)))
        typer.echo("This is a good place to stop." if found.stop(stop_below) else "Going on pays.")


def nouns_of(project: Project) -> str:
    """What its targets are called."""
    return "values" if project.dataset.task.kind == "number" else "labels"


@says(Leaks)
def leaks_found(
    project: Project,
    result: Any,
    top: Annotated[int, typer.Option(min=0, help="Cases shown.")] = 10,
) -> None:
    """Find training samples that repeat a test or validation sample, or each other."""
    from attribution.views.leaks import not_compared, nothing_held_out

    if missed := not_compared(result.config.get("certain"), result.config.get("recall", 1.0), result.threshold):
        typer.echo(missed)
    if missed := nothing_held_out(project.info.counts):
        typer.echo(missed)
    for relation, words in (("leak", "likely leaks"), ("duplicate", "groups of duplicates inside training")):
        cases = result.cases(project.labels.values, relation=relation)
        typer.echo(f"{len(cases):,} {words} ({int((cases['kind'] == 'exact').sum()):,} exact)")
        for number, line in enumerate(cases.head(top).itertuples(), 1):
            pair = result.pair(line.row, line.other)
            how = "exact" if line.kind == "exact" else f"{line.ratio:.3g} of the usual distance"
            notes = [how, *([pair["change"]] if pair["change"] else []), *([f"{line.n} samples"] if line.n > 2 else [])]
            notes += [f"{nouns_of(project)} differ"] if line.conflict else []
            typer.echo(
                f"{number:>4}. {project.dataset.ids[line.row]:<24} = {project.dataset.ids[line.other]:<24} "
                f"{', '.join(notes)}"
            )


@says(Hygiene)
def hygiene(
    project: Project,
    result: Any,
    top: Annotated[int, typer.Option(min=0, help="Findings shown of each kind.")] = 3,
    drop: Annotated[
        bool,
        typer.Option("--drop", help="Drop the rows that it suggests to drop: one batch, which one undo takes back."),
    ] = False,
    out: Annotated[
        str, typer.Option(help="Write the rows that stay, in their own schema, to this JSONL file.", metavar="FILE")
    ] = "",
) -> None:
    """Find faulty rows of a chat file: repeats, conflicting answers, faults of form, personal data and keys."""
    from attribution.views.hygiene import kinds_found

    typer.echo(result.verdict)
    active = project.labels.active
    for line in kinds_found(result, active, top):
        typer.echo(line)
    _cleaned(project, result.to_drop(active), ("hygiene", result.id, ""), drop, out)


@cli.command()
@configured(ContaminationConfig)
def contamination(
    config: ContaminationConfig,
    file: Annotated[
        str, typer.Argument(help="The benchmark's items: JSONL, JSON, CSV or Parquet.", metavar="BENCHMARK")
    ] = "",
    project: ProjectOption = "",
    top: Annotated[int, typer.Option(min=0, help="Hits shown of each verdict.")] = 5,
    drop: Annotated[
        bool,
        typer.Option(
            "--drop", help="Drop the rows that leak an item word by word, in one batch; one undo takes it back."
        ),
    ] = False,
    other_words: Annotated[
        bool,
        typer.Option("--other-words", help="Also drop or leave out those that seem to ask the same in other words."),
    ] = False,
    out: Annotated[
        str,
        typer.Option(help="Write the rows that leak nothing, in their own schema, to this JSONL file.", metavar="FILE"),
    ] = "",
    job: JobOption = False,
) -> None:
    """Find a benchmark's items among the training rows, word by word and in other words, and whether it matters."""
    opened = open_project(project)
    result = do(opened, "contamination", dataclasses.replace(config, benchmark=file or config.benchmark), job)
    if result is None:
        return
    from attribution.views.contamination import told as lines

    for line in lines(result, top):
        typer.echo(line)
    _cleaned(opened, result.leaked_rows(other_words), ("contamination", result.id, file), drop, out)


def _cleaned(project: Project, rows: Any, found: tuple[str, str, str], drop: bool, out: str) -> None:
    """Drop the rows that a search suggests, or say how; and write what stays. ``found``: the verb, the search's id, and
    what else the verb is given."""
    from attribution.views.hygiene import suggested

    active = project.labels.active
    rows = rows[active[rows]]
    verb, search, *words = found
    stay = active.copy()
    stay[rows] = False
    if drop and len(rows):
        project.drop(rows, reason=verb, evidence={"search": search})
        typer.echo(f"{len(rows):,} rows are dropped; `{command('edit', project, 'undo')}` takes all of them back.")
    elif len(rows):
        again = command(verb, project, *filter(None, words), "--drop")
        typer.echo(f"{suggested(rows, project.info.counts['train'])} are suggested for dropping: `{again}` does it.")
    if out:
        from attribution.datasets.chat.write import write_rows

        data = project.dataset.as_of(project.labels)
        typer.echo(f"{write_rows(data, stay, out)} holds {int(stay.sum()):,} rows.")


@says(Map)
def draw_map(project: Project, result: Any) -> None:
    """Lay all samples out in two dimensions, for the Map page."""
    typer.echo(f"map {result.id}: open it in the app")


@says(Plane)
def plane(project: Project, result: Any) -> None:
    """Ask the model all over the plane of two number columns of a table, for the Map page."""
    across, upwards = result.columns
    typer.echo(f"plane {result.id}: {across} across, {upwards} upwards; open it in the app")


@says(Shift)
def shift(
    project: Project,
    result: Any,
    top: Annotated[int, typer.Option(min=0, help="Columns or regions shown.")] = 5,
) -> None:
    """Can a classifier tell the test set from the training set, and by what?"""
    typer.echo(result.verdict)
    for line in result.differences.head(top).itertuples():
        typer.echo(f"  {line.kind:<7} {line.name:<28} {line.words}")


@says(Angles)
def angles(
    project: Project,
    result: Any,
    top: Annotated[int, typer.Option(min=0, help="Samples shown at each end.")] = 5,
) -> None:
    """Measure the angles between training gradients and a query's, and how far curvature turns the query."""
    typer.echo(
        f"angles {result.id}: query of {len(result.query_rows)} samples, {result.config['n_train']:,} training samples"
    )
    for checkpoint in result.config["checkpoints"]:
        turns = ", ".join(
            f"{one['turn']:.1f} at {one['ratio']:g} (residual {one['residual']:.1g})" for one in checkpoint["curvature"]
        )
        typer.echo(
            f"epoch {checkpoint['epoch']}: curvature turns the query by (degrees, at damping in mean eigenvalues) "
            f"{turns}"
        )
    against = result.config["against"]
    if against["n"]:
        typer.echo(
            f"mean gradient of the {against['n']:,} samples that pull against it: {against['angle']:.1f} degrees "
            "to the query's"
        )
    samples = result.samples.sort_values("cosine")
    for word, frame in (("same way", samples[::-1].head(top)), ("opposite", samples.head(top))):
        for line in frame.itertuples():
            label = project.dataset.word(project.labels.values[line.row])
            typer.echo(
                f"  {word:<9} {project.dataset.ids[line.row]:<24} {label:<16} cosine {line.cosine:+.3f}  gradient "
                f"norm {line.norm:.3g}"
            )
