"""Verbs that try something out: retrain, remedy, compare, preview and so on. Each takes its config's flags and can run
as a job."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from attribution.cli.common import JobOption, ProjectOption, do, open_project
from attribution.cli.flags import configured
from attribution.cli.made import says
from attribution.cli.root import cli
from attribution.project.project import Project
from attribution.studies.bench.study import BenchConfig
from attribution.studies.damping.study import Damping
from attribution.studies.fairness.study import Fairness
from attribution.studies.memorization.study import Memorization
from attribution.studies.preview.study import Preview
from attribution.studies.removal.study import Removal
from attribution.studies.retrain.study import Retrain

if TYPE_CHECKING:
    from attribution.studies.bench.result import BenchResult


def trainings(project: Project, config: Any) -> None:
    """How many trainings it makes and how long they take, from the last one; your own command's time is not known."""
    from attribution.views.comparison import cost_words

    run = None if config.command else project.run
    seconds = run.config.get("seconds_s") if run is not None else None
    typer.echo(cost_words(seconds, len(config.seeds)), err=True)


@says(Retrain, first=trainings)
def retrain(project: Project, result: Any) -> None:
    """Train before and after the edits over several seeds, and say whether the model got better."""
    typer.echo(result.verdict)


@says(Fairness)
def remedy(project: Project, result: Any) -> None:
    """Find the training samples that harm fairness or robustness, and measure what removing them does; edits
    nothing."""
    table = result.sweep[(result.sweep["split"] == "test") & (result.sweep["figure"].isin([result.target, "accuracy"]))]
    for line in table.to_dict("records"):
        mark = " <- suggested" if line["budget"] == result.suggested and line["removed"] == "harmful" else ""
        typer.echo(
            f"{line['removed']:<8} {line['budget']:>4g} %  {line['figure']:<9} {100 * line['estimate']:6.1f} points "
            f"({100 * line['low']:.1f} to {100 * line['high']:.1f}){mark}"
        )
    typer.echo(result.verdict)


@says(Memorization)
def memorize(
    project: Project,
    result: Any,
    top: Annotated[int, typer.Option(min=0, help="Samples shown.")] = 10,
) -> None:
    """Find the training labels that the model knows by heart, and the predictions that hang on one of them."""
    for line in result.samples.nlargest(top, "memorization").itertuples():
        label = project.dataset.word(project.labels.values[line.row])
        typer.echo(
            f"{project.dataset.ids[line.row]:<24} {label:<16} memorization {line.memorization:.2f} ({line.low:.2f} "
            f"to {line.high:.2f})"
        )
    typer.echo(
        f"{result.config['pairs_found']} test predictions hang on one memorized sample; chance alone would show "
        f"{result.config['pairs_by_chance']:.0f}"
    )


@says(Damping)
def damping(project: Project, result: Any) -> None:
    """Sweep the damping of a curvature estimator: where its ranking changes, and which damping retraining bears out."""
    from attribution.views.damping import sentence

    for line in result.sweep.itertuples():
        score = "" if line.lds != line.lds else f"  LDS {line.lds:+.3f} ({line.lds_low:+.3f} to {line.lds_high:+.3f})"
        mark = "  usual" if line.usual else ""
        typer.echo(
            f"ratio {line.ratio:8g}  agreement {line.agreement:.3f} ({line.low:.3f} to {line.high:.3f}){score}{mark}"
        )
    typer.echo(sentence(result.sweep, result.config["subsets"]))


@says(Removal)
def removal(project: Project, result: Any) -> None:
    """Drop the rows that estimators say taught a behaviour, train anew and measure it; edits nothing."""
    for line in result.curve.itertuples():
        ahead = f"against chance {100 * line.ahead:+.0f} ({100 * line.ahead_low:+.0f} to {100 * line.ahead_high:+.0f})"
        typer.echo(
            f"{line.estimator:<24} without {line.k:>5}: {100 * line.rate:5.1f} % ({100 * line.low:.0f} to "
            f"{100 * line.high:.0f})  {ahead}"
        )
    typer.echo(result.verdict)


@cli.command()
@configured(BenchConfig)
def compare(
    config: BenchConfig,
    project: ProjectOption = "",
    only_cost: Annotated[
        bool, typer.Option("--forecast", help="Only say what more subsets would cost, and how sure they would make.")
    ] = False,
    job: JobOption = False,
) -> None:
    """Measure which estimators and detectors to trust on this model and data, and recommend."""
    opened = open_project(project)
    if only_cost:
        for line in opened.studies.bench.cost(config).itertuples():
            basis = "measured" if line.measured else "a usual value"
            typer.echo(
                f"{line.subsets:>4} subsets: {line.missing:>3} trainings, {line.seconds_s:7.0f} s, LDS ± "
                f"{line.half_width:.3f} ({basis})"
            )
        return
    result = do(opened, "bench", config, job)
    if result is not None:
        _show_bench(result)


def _show_bench(result: "BenchResult") -> None:
    """The estimators' figures, then those of what finds wrong labels, then the recommendation."""
    fidelity = result.fidelity.query("measure == 'loss'").set_index("estimator")
    stability = result.stability.set_index("estimator")
    for line in result.cost.itertuples():
        found = [f"{line.seconds_s:8.2f} s  {line.forward_passes:9.1f} passes"]
        if line.estimator in fidelity.index:
            one = fidelity.loc[line.estimator]
            found.append(f"LDS {one['lds']:+.3f} ({one['low']:+.3f} to {one['high']:+.3f})")
        if line.estimator in stability.index:
            found.append(f"other seed {stability.loc[line.estimator, 'spearman']:+.2f}")
        typer.echo(f"{line.estimator:<28} {'  '.join(found)}")
    for line in result.usefulness.query("label == -1").sort_values("ap", ascending=False).itertuples():
        figures = f"average precision {line.ap:.3f} ({line.ap_low:.3f} to {line.ap_high:.3f})  AUROC {line.auroc:.3f}"
        typer.echo(f"{line.name:<28} {figures}  in the budget {100 * line.precision:.0f} %")
    for name, why in result.summary["skipped"].items():
        typer.echo(f"left out: {name}. {why}")
    for words in [*result.summary["notes"], *result.recommendation]:
        typer.echo(words)


@says(Preview)
def preview(project: Project, result: Any) -> None:
    """What the edits would do to the current model, in seconds and without training: an approximation."""
    from attribution.views.faces import face_of
    from attribution.views.preview import edit_table

    typer.echo(result.verdict)
    for line in edit_table(result, face_of(project.dataset), 10).itertuples():
        typer.echo(f"{line.order:>4}. {line.id:<24} {line.edit:<32} {line.expected}")
