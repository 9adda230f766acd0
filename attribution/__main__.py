"""The command line: one verb per step of the work, with the same names and results as the app and ``Project``.

Nothing heavy is imported before a verb needs it, so ``--help`` is quick. The flags of each verb are made from its config dataclass.
"""

import dataclasses
import inspect
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from attribution.config import DataConfig, FlagConfig, MapConfig, ModelConfig, RetrainConfig, ScoreConfig, TrainConfig
from attribution.errors import Cancelled, UserError
from attribution.progress import Progress
from attribution.project import Project
from attribution.workspace.home import SAMPLES, home, list_projects

cli = typer.Typer(
    name="datablame",
    help="Git blame for training data: find the samples behind a prediction, fix labels, retrain, see proof.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
ProjectOption = Annotated[str, typer.Option("--project", "-p", help="Project name or folder; empty: the only or last used one.")]
JobOption = Annotated[bool, typer.Option("--job", help="Run in the background and return at once; `datablame status` shows it.")]


def configured(*configs: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a verb one flag per field of its config dataclasses; the verb receives the built configs first."""

    def decorate(verb: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(verb, eval_str=True).parameters.values())[len(configs) :]
        flags = [_flag(item, config) for config in configs for item in dataclasses.fields(config)]

        def run(**values: Any) -> None:
            built = [config(**_take(values, config)) for config in configs]
            verb(*built, **values)

        parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + flags
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        run.__doc__, run.__name__ = verb.__doc__, verb.__name__
        return run

    return decorate


def _flag(item: "dataclasses.Field[Any]", config: type) -> inspect.Parameter:
    """A command-line option for one config field. Tuples are given with commas; model and data fields that would clash get a prefix."""
    name = _flag_name(item.name, config)
    default = item.default
    kind = str if isinstance(default, tuple) else type(default)
    shown = ",".join(str(value) for value in default) if isinstance(default, tuple) else default  # type: ignore[union-attr]
    option = typer.Option(f"--{name.replace('_', '-')}", help=item.metadata["help"])
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=shown, annotation=Annotated[kind, option])


def _flag_name(field: str, config: type) -> str:
    return {("name", ModelConfig): "model", ("seed", DataConfig): "split_seed"}.get((field, config), field)


def _take(values: dict[str, Any], config: type) -> dict[str, Any]:
    taken = {}
    for item in dataclasses.fields(config):
        value = values.pop(_flag_name(item.name, config))
        if isinstance(item.default, tuple):
            parts = [part.strip() for part in str(value).split(",") if part.strip()]
            number = bool(item.default) and isinstance(item.default[0], int)
            try:
                value = tuple(int(part) if number else part for part in parts)
            except ValueError:
                raise UserError(f"--{item.name} {value!r} is not a list of whole numbers.", "", "Write for example 0,1,2.") from None
        taken[item.name] = value
    return taken


def _project(name: str) -> Project:
    if not name:
        known = list_projects()
        if not known:
            raise UserError(f"There is no project in {home()} yet.", "", "Run `datablame sample` or `datablame new NAME --path DATA`.")
        name = known[0]
        typer.echo(f"project {name}", err=True)
    return Project.open(name)


def _bar() -> Progress:
    """A progress line on standard error, redrawn on a terminal, a line per tenth otherwise."""
    last = [-1.0]

    def show(done: float, total: float, message: str) -> None:
        text = f"{100 * done / total if total else 100:5.1f} %  {message}"
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K" + text[:110])
            if done >= total:
                sys.stderr.write("\n")
        elif done >= total or done - last[0] >= 0.1 * total:
            sys.stderr.write(text + "\n")
            last[0] = done
        sys.stderr.flush()

    return Progress(show)


def _do(project: Project, kind: str, config: Any, background: bool, **extra: Any) -> Any:
    """Run a step here with a progress line, or as a job."""
    if background:
        job = project.submit(kind, config)
        typer.echo(f"job {job.id} started: {job.title}")
        return None
    return project.step(kind)(config, _bar(), **extra)


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
    project = Project.create(name, data, model, trust_code=trust_code, progress=_bar())
    info = project.info
    typer.echo(f"{project.name}: {info.modality}, {_counts(info)}, {len(info.classes)} classes ({', '.join(info.classes[:12])})")
    train = project.samples[project.samples["split"] == "train"]
    for index, count in train["label"].value_counts().sort_index().items():
        typer.echo(f"  {info.classes[int(index)]:<24} {count:,} training samples")
    for problem in info.problems[:10]:
        typer.echo(f"left out: {problem['where']}: {problem['what']}")
    if len(info.problems) > 10:
        typer.echo(f"... and {len(info.problems) - 10} more, listed on the Overview page")
    look = project.first_look
    losses = [one["loss"] for one in look["samples"]]
    typer.echo(
        f"sample shape {'x'.join(map(str, info.shape))}; {look['weights']} model of {look['parameters']:,} parameters: loss on {len(losses)} samples"
        f" {sum(losses) / len(losses):.2f} nats on average ({min(losses):.2f} to {max(losses):.2f}), chance is {math.log(len(info.classes)):.2f}"
    )
    typer.echo(f"Next: datablame train -p {project.name}")


def _counts(info: Any) -> str:
    return ", ".join(f"{info.counts[split]:,} {split}" for split in ("train", "val", "test"))


@cli.command()
def sample(name: Annotated[str, typer.Argument(help=f"One of {', '.join(SAMPLES)}.")] = "fashion") -> None:
    """Open a bundled sample project, with its finished results."""
    project = Project.sample(name, progress=_bar())
    typer.echo(f"{project.name} in {project.folder}")
    typer.echo(f"Next: datablame app {project.name}")


@cli.command()
@configured(TrainConfig)
def train(config: TrainConfig, project: ProjectOption = "", job: JobOption = False) -> None:
    """Train the model on the current labels, by the project's recipe; flags that differ from their default override it."""
    opened = _project(project)
    run = _do(opened, "train", _recipe(opened, config), job)
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
    opened = _project(project)
    result = _do(opened, "score", config, job, **({"part": _part(part)} if part and not job else {}))
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
    """Rank the training labels by suspicion, with the reasons."""
    opened = _project(project)
    result = _do(opened, "flag", config, job)
    if result is not None:
        typer.echo(result.headline())
        for line in result.queue(top).itertuples():
            suggested = opened.classes[line.suggested]
            typer.echo(f"{line.position:>4}. {line.id:<24} {opened.classes[line.label]} -> {suggested}?  suspicion {line.suspicion:.3f}")


@cli.command("map")
@configured(MapConfig)
def draw_map(config: MapConfig, project: ProjectOption = "", job: JobOption = False) -> None:
    """Lay all samples out in two dimensions, for the Map page."""
    result = _do(_project(project), "map", config, job)
    if result is not None:
        typer.echo(f"map {result.id}: open it in the app")


@cli.command()
def edit(
    action: Annotated[str, typer.Argument(help="relabel, drop, keep, undo, redo, revert or list.")],
    ids: Annotated[list[str] | None, typer.Argument(help="Sample ids (entry numbers for revert).")] = None,
    label: Annotated[str, typer.Option(help="The new label, for relabel.")] = "",
    reason: Annotated[str, typer.Option(help="Why; kept in the ledger.")] = "",
    project: ProjectOption = "",
) -> None:
    """Decide on samples, or take decisions back; every one is an entry in the ledger."""
    opened = _project(project)
    if action == "list":
        for line in opened.edits().itertuples():
            mark = " (taken back)" if line.reverted else ""
            typer.echo(
                f"{line.id:>5}  {line.time:%Y-%m-%d %H:%M}  {line.author}  {line.sample}  {line.action}: {line.old} -> {line.new}{mark}  {line.reason}"
            )
        return
    if action in ("undo", "redo"):
        made = opened.undo() if action == "undo" else opened.redo()
    elif action == "revert":
        wrong = [text for text in ids or [] if not text.isdigit()]
        if wrong or not ids:
            raise UserError(
                f"revert needs entry numbers, not {wrong[0]!r}." if wrong else "revert needs entry numbers.",
                "",
                "`datablame edit list` shows them.",
            )
        made = opened.revert([int(text) for text in ids])
    elif action in ("relabel", "drop", "keep"):
        if not ids:
            raise UserError(f"{action} needs at least one sample id.", "", f"For example: datablame edit {action} {opened.dataset.ids[0]}")
        rows = opened.dataset.rows_of(ids)
        if action == "relabel":
            if not label:
                raise UserError("relabel needs --label.", "", f"Choose one of: {', '.join(opened.classes)}.")
            made = opened.relabel(rows, label, reason=reason)
        else:
            made = (opened.drop if action == "drop" else opened.keep)(rows, reason=reason)
    else:
        raise UserError(f"There is no edit called {action!r}.", "", "Choose relabel, drop, keep, undo, redo, revert or list.")
    typer.echo(f"{len(made)} sample{'' if len(made) == 1 else 's'} changed; version {opened.labels.version[:8]}")


@cli.command()
@configured(RetrainConfig)
def retrain(config: RetrainConfig, project: ProjectOption = "", job: JobOption = False) -> None:
    """Train before and after the edits over several seeds, and say whether the model got better."""
    result = _do(_project(project), "retrain", config, job)
    if result is not None:
        typer.echo(result.verdict)


@cli.command()
def status(
    project: ProjectOption = "",
    plugins: Annotated[bool, typer.Option("--plugins", help="List estimators and detectors with a line each.")] = False,
) -> None:
    """What the project holds: data, edits, models, results, jobs."""
    if plugins:
        from attribution.detectors import detectors
        from attribution.estimators import estimators

        for registry in (estimators, detectors):
            typer.echo(f"{registry.kind}s")
            for name in registry.names():
                typer.echo(f"  {name:<20} {registry.get(name).summary}")
        return
    opened = _project(project)
    info, labels = opened.info, opened.labels
    typer.echo(f"{opened.name} ({opened.folder})\n{info.modality}, {_counts(info)}, {len(info.classes)} classes")
    states = opened.states()
    typer.echo(f"version {labels.version[:8]}, {len(states)} samples with decisions, {int((~labels.active).sum())} dropped")
    for run in opened.runs():
        mark = "*" if opened.run is not None and run.id == opened.run.id else " "
        typer.echo(f"{mark} run {run.id}  version {run.version[:8]}  seed {run.train_config.seed}")
    for score_run in opened.scores():
        typer.echo(f"  score {score_run.id}  {score_run.estimator}  {score_run.n_queries} queries")
    for job in opened.jobs()[:8]:
        left = f", about {job.eta_s:.0f} s left" if job.eta_s is not None else ""
        why = f": {job.error['what']}" if job.error else ""
        typer.echo(f"  job {job.id}  {job.state} {100 * job.fraction:.0f} %{left}  {job.title}{why}")


@cli.command()
def trust(project: ProjectOption = "") -> None:
    """Allow the project's model file to run, as it is now."""
    _project(project).trust_code()
    typer.echo("trusted")


@cli.command()
def app(
    project: Annotated[str, typer.Argument(help="Project to open; empty: the last used one, or the start page.")] = "",
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 8501,
    address: Annotated[
        str, typer.Option(help="Address to listen on. Anything but 127.0.0.1 shows your data to the network.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open the app in the browser."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "app.py").exists():
        raise UserError(
            "The app is not beside this installation.", "It comes with the source tree.", "Install from a clone with pip install -e ."
        )
    if project:
        os.environ["DATABLAME_PROJECT"] = str(Project.open(project).folder)
    os.environ.setdefault("DATABLAME_HOME", str(home()))
    options = [f"--server.address={address}", f"--server.port={port}", f"--server.headless={'false' if browser else 'true'}"]
    raise typer.Exit(subprocess.call([sys.executable, "-m", "streamlit", "run", "app.py", *options], cwd=root))


@cli.command(hidden=True)
def job(job_id: str, project: ProjectOption = "") -> None:
    """Do a queued job in this process."""
    state = Project.open(project).run_job(job_id)
    typer.echo(f"{time.strftime('%H:%M:%S')} {state}")


@cli.command("resume")
def resume_job(
    job_id: Annotated[str, typer.Argument(help="A stopped job; `datablame status` lists them.")], project: ProjectOption = ""
) -> None:
    """Go on with a stopped job; what it finished is kept."""
    typer.echo(f"{_project(project).resume(job_id).state}")


@cli.command("cancel")
def cancel_job(
    job_id: Annotated[str, typer.Argument(help="A running job; `datablame status` lists them.")], project: ProjectOption = ""
) -> None:
    """Stop a job at its next step."""
    typer.echo(f"{_project(project).cancel(job_id).state}")


def main() -> None:
    """Entry point: user errors are three sentences and exit status 2, never a traceback."""
    try:
        cli()
    except UserError as error:
        for part in (error.what, error.why, error.do):
            if part:
                typer.echo(part, err=True)
        sys.exit(2)
    except (Cancelled, KeyboardInterrupt):
        typer.echo("stopped; what was finished is kept", err=True)
        sys.exit(130)


if __name__ == "__main__":
    main()
