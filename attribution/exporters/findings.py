"""Everything that was found, as Parquet tables whose columns say sign and unit."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.exporters import register
from attribution.exporters._known import ABOUT, known
from attribution.exporters._writers import write_parquet
from attribution.exporters.base import Exported, FolderExporter, inside
from attribution.exporters.scores import ScoresExport

if TYPE_CHECKING:
    import pandas as pd

Table = tuple[str, str, "pd.DataFrame", Mapping[str, str]]  # file, what it is, the table, its columns
PAIRS = {
    "sample": "Id of the training sample.",
    "other": "Id of the held-out sample (leaks), or of the other training sample (duplicates).",
    "exact": "True: equal content.",
    "ratio": "Distance in usual distances between neighbours in training; 0 = equal, under 1 = unusually close.",
    "model_ratio": "The same as the model sees them.",
    "likely": "True: within the threshold of the search.",
}
DETECTORS = {
    "id": "Id of the training sample.",
    "suspicion": ABOUT["suspicion"],
    "position": ABOUT["position"],
    "rank:": "Place by this detector alone, 1 = most suspicious.",
}
MEMORIZED = {
    "sample": "Id of the training sample.",
    "memorization": ABOUT["memorization"],
    "low": "Lower end of its 95 % interval.",
    "high": "Upper end of its 95 % interval.",
    "right_in": "Share of the models trained on it that are right about it.",
    "right_out": "Share of the models not trained on it that are right about it.",
    "self_influence": "How much training on it lowers its own loss; higher = more its own support.",
}


@register("findings")
class FindingsExport(FolderExporter):
    """``samples.parquet`` (a line per sample: decisions, suspicion, kind, copies, memorization, prediction, loss),
    ``detectors.parquet``, ``leaks.parquet``, ``duplicates.parquet``, ``memorization.parquet`` and
    ``influence.parquet``, as far as they were computed, and a README.

    Each column's meaning, sign and unit is the ``description`` in the metadata of its field, and stands in the README.
    """

    title = "Findings and scores"
    summary = (
        "Suspicion, kinds, leaks, duplicates, memorization, predictions and influence as Parquet tables; every "
        "column says its sign and unit, in the file and in a README."
    )
    file = "findings.zip"
    group = "findings"

    def size(self, project: Exported) -> int:
        return 120 * len(project.dataset)

    def fill(self, project: Exported, folder: Path) -> None:
        parts = [f"# {project.name}: what Datablame found\n"]
        for file, what, table, about in tables(project):
            write_parquet(table, inside(folder, file), about)
            said = {name: about.get(name, about.get(name.partition(":")[0] + ":", "")) for name in table}
            lines = "\n".join(f"| `{name}` | {words or 'See docs/methods.md.'} |" for name, words in said.items())
            parts.append(f"## {file}\n{what}\n\n| column | what it is |\n| --- | --- |\n{lines}\n")
        inside(folder, "README.md").write_text("\n".join(parts), encoding="utf-8")


def tables(project: Exported) -> Iterator[Table]:
    """Those that the project has."""
    yield "samples.parquet", "A line per sample.", known(project), ABOUT
    flags = project.flags()
    if flags is not None:
        titles = {name: f"{title}; higher = more suspicious." for name, title in flags.config["detectors"].items()}
        yield "detectors.parquet", "A line per searched training sample.", flags.detectors, {**DETECTORS, **titles}
    for relation, file in (("leak", "leaks.parquet"), ("duplicate", "duplicates.parquet")):
        found = project.leaks()
        if found is not None and len(found.of(relation)):
            yield file, f"A line per pair that may be a {relation}.", _pairs(project, relation), PAIRS
    newest = next(iter(project.memorizations()), None)
    if newest is not None:
        table = newest.samples
        table.insert(0, "sample", project.dataset.ids[table["row"].to_numpy()])
        yield "memorization.parquet", "A line per training sample.", table, MEMORIZED
    if project.scores():
        scores = ScoresExport()
        yield "influence.parquet", "The newest score run.", scores.table(project), scores.about


def _pairs(project: Exported, relation: str) -> "pd.DataFrame":
    result = project.leaks()
    assert result is not None
    pairs = result.of(relation)
    ids = project.dataset.ids
    likely = pairs["exact"].astype(bool) | (pairs["ratio"] <= result.threshold)
    names = {"sample": ids[pairs["row"].to_numpy()], "other": ids[pairs["other"].to_numpy()], "likely": likely}
    return pairs.assign(**names).drop(columns=["row", "relation"])
