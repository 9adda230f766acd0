"""The corrected data: the samples with the labels that the ledger says, without those that were dropped."""

from typing import TYPE_CHECKING

from attribution.exporters import register
from attribution.exporters.base import Exported, Exporter
from attribution.modalities import modality_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


@register("dataset")
class DatasetExport(Exporter):
    """A line per sample that is not dropped: id, label, split, group, and what the sample is (text, columns, file).

    Columns are called as in the data that were imported, so the same settings read the file again; a sample that waits
    for a label has an empty one. Of pictures it is a ``metadata.csv``, to be put beside them.
    """

    title = "Corrected data"
    summary = (
        "The samples as decided and without what was dropped, under the column names of the import; of "
        "pictures, a metadata.csv to put into their folder."
    )
    file = "corrected.csv"

    def table(self, project: Exported) -> "pd.DataFrame":
        dataset = project.dataset
        left = kept(project)
        content = modality_of(dataset).columns(dataset)
        config = project.data_config
        words = dataset.task.targets.words(project.labels.values)
        about = {
            config.id or "id": dataset.ids,
            config.label or "label": words,
            config.split or "split": dataset.column("split").to_numpy(),
        }
        if config.group:
            about[config.group] = dataset.column("group").to_numpy()
        if config.text:
            content = content.rename(columns={"text": config.text})
        for place, (name, values) in enumerate(about.items()):
            free = name if name not in content else f"{name} (datablame)"
            content.insert(place, free, values)
        return content[left].reset_index(drop=True)


def kept(project: Exported) -> "np.ndarray":
    """Which samples are exported, (n,) bool: those that are active, and those that wait for a label."""
    labels = project.labels
    targets = project.dataset.task.targets
    return labels.active | targets.bare(labels.values)
