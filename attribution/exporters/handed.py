"""What a script of the user's own is handed: one version of the labels in the user's own layout."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from attribution.exporters._known import kept
from attribution.exporters._writers import WRITERS
from attribution.exporters.base import ARCHIVE, FOLDER, Exported, made, usual
from attribution.exporters.dataset import DatasetExport, DatasetSettings
from attribution.storage.files import whole_folder

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.datasets.dataset import Dataset, DatasetInfo, Labels
    from attribution.settings.configs import DataConfig

LABELS = "labels.csv"
ID = "datablame_id"


class Version:
    """A project as exporters see it, at one version of its labels and with nothing but the data."""

    run = None

    def __init__(self, name: str, dataset: "Dataset", data_config: "DataConfig", labels: "Labels") -> None:
        self.name = name
        self.dataset = dataset
        self.data_config = data_config
        self.labels = labels

    @property
    def info(self) -> "DatasetInfo":
        """Of the data."""
        return self.dataset.info

    def states(self) -> "pd.DataFrame":
        """No decisions: the labels say what they come to."""
        import pandas as pd

        return pd.DataFrame({"verdict": []}, index=pd.Index([], dtype="int64"))

    marks = states

    def flags(self) -> None:
        """Nothing was searched."""

    leaks = categories = flags

    def memorizations(self) -> list[Any]:
        """Nothing was measured."""
        return []


def hand_out(
    name: str, dataset: "Dataset", data_config: "DataConfig", labels: "Labels", folder: Path
) -> tuple[Path, Path]:
    """Write this version into the new ``folder``, whole or not at all: the data as the user had them (a table in the
    format of its file, a folder of pictures, an archive), without what is dropped and with a column ``split`` where a
    table had none; and ``labels.csv`` (id, label, active, split; of pictures also file) of every sample, in the order
    of the table. The paths of both.
    """
    project = cast(Exported, Version(name, dataset, data_config, labels))
    kind, suffix = usual(project)
    file = f"data{suffix if suffix not in (ARCHIVE, FOLDER) or kind == 'npz' else ''}"
    if not folder.exists():
        with whole_folder(folder) as building:
            order, names = _WAYS.get(kind, _table)(project, building / file)
            _labels(project, order, names).to_csv(building / LABELS, index=False)
    return folder / file, folder / LABELS


def _table(project: Exported, path: Path) -> "tuple[np.ndarray, dict[int, str]]":
    """The rows in the order of the file."""
    exporter = DatasetExport(DatasetSettings(datablame_columns=False, ids=True))
    table = exporter.table(project)
    rows = project.dataset.find([str(each) for each in table[ID]])
    table = table[rows >= 0].drop(columns=ID).reset_index(drop=True)
    if path.suffix == ".csv":
        table.to_csv(path, index=False)  # a script reads it, no spreadsheet: no cell is changed
    else:
        WRITERS[path.suffix](table, path, {})
    return rows[rows >= 0], {}


def _folders(project: Exported, path: Path) -> "tuple[np.ndarray, dict[int, str]]":
    """The rows, and where the picture of each lies in the folder."""
    import numpy as np
    import pandas as pd

    path.mkdir()
    exporter: Any = made("folders")
    exporter.fill(project, path)
    listed = pd.read_csv(path / "datablame.csv", dtype=str)
    (path / "datablame.csv").unlink()
    rows = project.dataset.find(listed["id"].tolist())
    return np.sort(rows), dict(zip(rows.tolist(), listed["file"], strict=True))


def _arrays(project: Exported, path: Path) -> "tuple[np.ndarray, dict[int, str]]":
    import numpy as np

    made("npz").write(project, path, path.suffix)
    return np.flatnonzero(kept(project)), {}


_WAYS = {"folders": _folders, "npz": _arrays}


def _labels(project: Exported, order: "np.ndarray", names: dict[int, str]) -> "pd.DataFrame":
    """A line per sample: those that were handed out in their order, then those that were not."""
    import numpy as np
    import pandas as pd

    dataset = project.dataset
    rest = np.setdiff1d(np.arange(len(dataset)), order)
    rows = np.concatenate([order, rest]).astype(np.int64)
    table = pd.DataFrame(
        {
            "id": dataset.ids[rows],
            "label": np.array(dataset.task.targets.words(project.labels.values), dtype=object)[rows],
            "active": project.labels.active[rows],
            "split": dataset.column("split").to_numpy(dtype=object)[rows],
        }
    )
    return table.assign(file=[names.get(row, "") for row in rows.tolist()]) if names else table
