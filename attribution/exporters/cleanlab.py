"""The findings in cleanlab's own columns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from attribution.exporters import register
from attribution.exporters.base import Exported, Exporter
from attribution.settings.ranges import Settings, opt

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CleanlabSettings(Settings):
    """How labels are written, and how many are issues."""

    names: bool = opt(False, "Labels by name, as Datalab has them, not by number, as CleanLearning has them.")


@register("cleanlab")
class CleanlabExport(Exporter):
    """A line per searched training sample in their order: ``is_label_issue``, ``label_quality``, ``given_label`` and
    ``predicted_label``, as ``CleanLearning.find_label_issues`` returns them, with ``id`` before them.

    Quality is 1 minus the suspicion. Issues are as many of the first in the queue as the search estimates to be wrong.
    """

    title = "cleanlab issues"
    summary = (
        "is_label_issue, label_quality, given_label and predicted_label of the searched training samples, as "
        "cleanlab's find_label_issues returns them."
    )
    file = "label_issues.csv"
    group = "programs"
    Settings = CleanlabSettings
    settings: CleanlabSettings
    about: ClassVar[Mapping[str, str]] = {
        "id": "Stable id of the sample.",
        "is_label_issue": "True: among the first of the review queue, as many as are estimated to be wrong.",
        "label_quality": "0 to 1, lower = the label is more likely wrong (1 minus Datablame's suspicion).",
        "given_label": "Label as it was searched: class number, or name.",
        "predicted_label": "The likeliest other label where it is an issue, else the given one.",
    }

    def missing(self, project: Exported) -> str:
        if project.dataset.task.kind != "class":
            return "cleanlab's columns are about classes, and the targets of this data are none."
        return "" if project.flags() is not None else "The labels were not searched yet."

    def size(self, project: Exported) -> int:
        return 40 * project.info.counts["train"]

    def table(self, project: Exported) -> "pd.DataFrame":
        import pandas as pd

        flags = project.flags()
        assert flags is not None
        found = flags.detectors.sort_values("row")
        targets = project.dataset.task.targets
        given = targets.encode(found["label"].tolist()) if found["label"].dtype == object else found["label"].to_numpy()
        issue = (found["position"] <= round(flags.estimate.get("mid", 0))).to_numpy()
        predicted = found["suggested"].where(issue, given).to_numpy().astype(int)
        table = pd.DataFrame(
            {
                "id": found["id"].to_numpy(dtype=object),
                "is_label_issue": issue,
                "label_quality": 1 - found["suspicion"].to_numpy(dtype=float),
                "given_label": given,
                "predicted_label": predicted,
            }
        )
        if self.settings.names:
            for name in ("given_label", "predicted_label"):
                table[name] = targets.words(table[name].to_numpy())
        return table
