"""The project as an MLflow run: parameters, figures with intervals, and report, patch and verdict as artifacts."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.exporters import register
from attribution.exporters._patch import write_patch
from attribution.exporters.base import FOLDER, Exported, FolderExporter
from attribution.exporters.patch import patch_of
from attribution.settings.configs import to_dict
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    from attribution.studies.retrain.result import RetrainResult

README = """\
An MLflow tracking store. Look at it with

    mlflow ui --backend-store-uri sqlite:///mlflow.db

run in this folder. Artifacts are found by the path that the folder was written to.
"""


@dataclass(frozen=True)
class MlflowSettings(Settings):
    """Where the run goes."""

    experiment: str = opt("datablame", "Name of the experiment that the run belongs to.")
    tracking: str = opt(
        "",
        "Tracking store to add the run to, such as sqlite:////home/me/mlflow.db; empty: a new one in the exported "
        "folder. Nothing is sent to a server unless you write its address here.",
    )


@register("mlflow")
class MlflowExport(FolderExporter):
    """One run: recipe, data and counts of edits as parameters; the test figures of the model in use and of the newest
    proof as metrics, with ``_low`` and ``_high`` for the ends of 95 % intervals; the report, the patch and the verdict
    as artifacts.

    Needs the extra ``mlflow``. The folder holds a SQLite store and the artifacts, and is written in its place, as
    MLflow keeps paths; the run counts as finished only at the end.
    """

    title = "MLflow run"
    summary = (
        "Parameters, figures with intervals, report and patch as a run in a local MLflow store (extra mlflow); "
        "nothing is sent anywhere."
    )
    file = "mlruns"
    group = "programs"
    formats = (FOLDER,)
    in_place = True
    Settings = MlflowSettings
    settings: MlflowSettings

    def missing(self, project: Exported) -> str:
        if find_spec("mlflow") is None:
            return "MLflow is not installed: pip install 'datablame[mlflow]'."
        return "" if project.run is not None else "Nothing is trained yet."

    def size(self, project: Exported) -> int:
        return 3_000_000

    def fill(self, project: Exported, folder: Path) -> None:
        client = _client(self.settings.tracking or f"sqlite:///{folder.absolute()}/mlflow.db")
        experiment = _experiment(client, self.settings, folder)
        tags = {"mlflow.runName": project.name, "datablame.version": project.labels.version}
        run = client.create_run(experiment, tags=tags).info.run_id
        try:
            _log(client, run, project)
        except BaseException:
            client.set_terminated(run, "FAILED")
            raise
        client.set_terminated(run, "FINISHED")
        (folder / "README.txt").write_text(README if not self.settings.tracking else f"Run {run}\n", encoding="utf-8")


def _client(address: str) -> Any:
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):  # it would report its use to its makers
        os.environ.setdefault(name, "true")
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=address)


def _experiment(client: Any, settings: MlflowSettings, folder: Path) -> str:
    found = client.get_experiment_by_name(settings.experiment)
    if found is not None:
        return str(found.experiment_id)
    artifacts = (folder.absolute() / "artifacts").as_uri() if not settings.tracking else None
    return str(client.create_experiment(settings.experiment, artifact_location=artifacts))


def _log(client: Any, run: str, project: Exported) -> None:
    for name, value in _parameters(project):
        client.log_param(run, name, value)
    for name, metric in _metrics(project):
        client.log_metric(run, name, metric)
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        write_patch(patch_of(project), folder / "edits.jsonl")
        project.report(folder / "report.html")
        proof = next(iter(project.comparisons()), None)
        if proof is not None:
            (folder / "verdict.txt").write_text(proof.verdict + "\n", encoding="utf-8")
        for file in sorted(folder.iterdir()):
            client.log_artifact(run, str(file))


def _parameters(project: Exported) -> Iterator[tuple[str, Any]]:
    yield "data", project.info.base_hash
    yield "data_version", project.labels.version
    for split, count in project.info.counts.items():
        yield f"n_{split}", count
    verdicts = project.states()["verdict"].value_counts()
    for name in ("relabel", "drop", "keep"):
        yield f"n_{name}", int(verdicts.get(name, 0))
    run = project.run
    if run is not None:
        for name, value in to_dict(run.train_config).items():
            yield f"train.{name}", value


def _metrics(project: Exported) -> Iterator[tuple[str, float]]:
    """Of the model in use on the test samples, and of the newest proof."""
    import numpy as np

    from attribution.statistics.intervals import crossed, resampled_means

    rows = project.dataset.rows("test")
    rows = rows[project.labels.active[rows]]
    found = project.predictions().loc[rows].rename(columns={"correct": "right"})
    said = {name: found[name].to_numpy() for name in found}
    for figure in project.dataset.task.figures if len(rows) else ():
        terms = figure.terms(said, project.labels.values[rows])
        drawn = np.asarray(figure.value(resampled_means(terms, 1000)))
        yield from _interval(
            f"test.{figure.name}", crossed(np.atleast_1d(figure.value(terms.mean(axis=-1))), drawn[:, None])
        )
    proof = next(iter(project.comparisons()), None)
    if proof is not None:
        yield from _proof(proof)


def _proof(proof: "RetrainResult") -> Iterator[tuple[str, float]]:
    for name, change in proof.changes.items():
        yield f"proof.{name}.before", sum(change.before) / len(change.before)
        yield f"proof.{name}.after", sum(change.after) / len(change.after)
        yield from _interval(f"proof.{name}.change", change.difference)


def _interval(name: str, found: Any) -> Iterator[tuple[str, float]]:
    yield name, float(found.estimate)
    yield f"{name}_low", float(found.low)
    yield f"{name}_high", float(found.high)
