"""A project's samples in one fixed row order, ready for a model, and labelled versions of them."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets import extra, referenced
from attribution.datasets.handed import STANDARDISED, raw_table, tensor, token_table
from attribution.datasets.names import UNLABELLED
from attribution.datasets.originals import Originals
from attribution.errors import UserError
from attribution.settings.configs import fingerprint
from attribution.storage.files import damage, read_array, read_json, way_out, whole_file, write_json
from attribution.storage.sums import of_folder
from attribution.storage.tables import Lines, read_table, write_table
from attribution.tasks import task_of
from attribution.tasks.own import identity

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from attribution.datasets.chat.conversation import Conversation
    from attribution.datasets.chat.questions import Questions
    from attribution.datasets.handed import Inputs
    from attribution.tasks.base import Task

SPLITS = ("train", "val", "test")
CHAT = ("turns", "row")  # of a chat: its turns, and the user's whole row
LINES = 16_384  # of ``samples.parquet`` in one block, so that one line is read without the rest


@dataclass(frozen=True)
class DatasetInfo:
    """What ``dataset.json`` says about a dataset.

    ``shape`` is one sample as the model sees it: image ``(C, H, W)``, text ``(L,)`` token ids, tabular ``(d,)``.
    ``counts`` is the number of samples per split. ``base_hash`` changes with any sample, label, split, class name or
    preprocessing. ``problems`` lists what was left out and what was changed, ``{where, what, kind: "left out" | "note",
    count}`` each; ``seen`` counts the files or rows met (0: not known, a project made before it was kept).
    ``preprocessing`` holds what the model-ready tensor and the model need: image ``mean`` and ``std`` per channel in
    [0, 1]; text ``vocabulary`` (token id -> word; 0 is padding, 1 unknown); tabular ``columns``, one entry per input
    column. ``checksums``: of the files beside it (``storage.sums``). ``task``: name and settings of the task, kind,
    mean, deviation and unit of its targets (``tasks.choice.described``); {} is plain classification.
    """

    name: str
    modality: str
    classes: tuple[str, ...]
    shape: tuple[int, ...]
    counts: dict[str, int]
    base_hash: str
    source: str = ""
    problems: tuple[dict[str, Any], ...] = ()
    preprocessing: dict[str, Any] = field(default_factory=dict)
    seen: int = 0
    checksums: dict[str, list[int]] = field(default_factory=dict)
    task: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def from_json(values: dict[str, Any]) -> "DatasetInfo":
        """The inverse of ``dataclasses.asdict`` after a trip through JSON (lists become tuples); problems stored before
        they had a kind were all left out."""
        known = {item.name for item in fields(DatasetInfo)}
        new = sorted(set(values) - known)
        if new:
            raise UserError(
                f"dataset.json says {new[0]!r}, which this Datablame does not know.",
                "A newer version made the project, and what it means by it is not known here.",
                "Update Datablame.",
            )
        tuples = {name: tuple(values[name]) for name in ("classes", "shape", "problems")}
        tuples["problems"] = tuple({"kind": "left out", "count": 1, **problem} for problem in tuples["problems"])
        return DatasetInfo(**{**values, **tuples})


@dataclass(frozen=True)
class Labels:
    """A labelled version of a dataset: ``values`` (n,) as its task's targets have them (int64 class indices, -1: no
    label; float64 numbers in the user's unit, NaN: none), ``active`` (n,) bool (False = dropped; never without a
    label), ``version`` its hash.

    The version depends on the base data, the labels and what is active, and on nothing else: undoing every edit gives
    the base version.
    """

    values: np.ndarray
    active: np.ndarray
    version: str

    @staticmethod
    def of(dataset: "Dataset", values: np.ndarray, active: np.ndarray) -> "Labels":
        """The version of ``dataset`` with these labels; both arrays are (n,), copied and made read-only. Raises
        ``UserError`` for a label that there cannot be, and for a sample without one that is active."""
        targets = dataset.task.targets
        values = targets.array(values)
        active = np.array(active, dtype=bool)
        if values.shape != (len(dataset),) or active.shape != (len(dataset),):
            raise ValueError(f"labels {values.shape} and active {active.shape} do not fit {len(dataset)} samples")
        bad = np.flatnonzero(targets.wrong(values) | (active & targets.bare(values)))
        if len(bad):
            raise UserError(
                f"Sample {dataset.ids[bad[0]]} would get the {targets.noun} {values[bad[0]]}.",
                "It is none that this data can have.",
                targets.may_be(),
            )
        content = hashlib.sha256(values.tobytes() + np.packbits(active).tobytes()).hexdigest()
        values.flags.writeable = active.flags.writeable = False
        return Labels(values, active, fingerprint(dataset.info.base_hash, content))

    def train_rows(self, dataset: "Dataset") -> np.ndarray:
        """Rows of the training samples that are not dropped, ascending int64."""
        rows = dataset.rows("train")
        return rows[self.active[rows]]

    def at(self, rows: np.ndarray) -> np.ndarray:
        """The values of these rows (b,); 0 for questions, which lie beyond the samples (``Dataset.with_questions``)."""
        inside = rows < len(self.values)
        if inside.all():
            return self.values[rows]
        found = np.zeros(len(rows), dtype=self.values.dtype)
        found[inside] = self.values[rows[inside]]
        return found


class Dataset:
    """Samples with stable ids in a fixed order: training rows first, then validation, then test.

    ``samples`` (DataFrame, n rows, see ``samples.parquet``), ``inputs`` (memory-mapped ``inputs.npy``: image uint8 (n,
    H, W, C), text int32 (n, L), tabular float32 (n, d)), ``labels`` (n,) base labels (as ``Labels.values``), ``ids``
    and ``hashes`` (n,) str. Nothing here is ever written to.
    """

    questions: "Questions | None" = None  # what is asked about beside the samples, as rows beyond the last one
    rewritten: Mapping[int, int] = {}  # rows that are not as imported, and the number of what they say now

    def __init__(self, folder: Path, info: DatasetInfo) -> None:
        self.folder, self.info = folder, info

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """A worker process opens the same folder instead of receiving the data."""
        return Dataset.open, (self.folder,)

    @staticmethod
    def open(folder: Path) -> "Dataset":
        """Open the ``data`` folder of a project; ``UserError`` if there is no finished dataset in it."""
        folder = Path(folder)
        if not (folder / "dataset.json").is_file():
            raise UserError(
                f"There is no dataset in {folder}.", "Its dataset.json is missing.", "Import the data again."
            )
        values = read_json(folder / "dataset.json")
        with damage(folder / "dataset.json"):
            return Dataset(folder, DatasetInfo.from_json(values))

    @staticmethod
    def write(folder: Path, info: DatasetInfo, samples: "pd.DataFrame", inputs: np.ndarray | None = None) -> "Dataset":
        """Write a dataset into ``folder`` and open it; ``info.counts`` and ``info.base_hash`` are computed here, from
        everything but the ``meta:`` columns, which nothing is learned from.

        ``samples`` must be in row order (train, val, test) with the columns ``id split label source hash``; ``text``
        and ``group`` are added empty when absent. ``inputs`` may be None when ``inputs.npy`` is already there (written
        as a memory map). ``dataset.json`` comes last, so a folder that was cut short does not open.
        """
        samples = samples.reset_index(drop=True)
        beside = samples
        order = samples["split"].map({name: position for position, name in enumerate(SPLITS)})
        if not order.is_monotonic_increasing or order.isna().any():
            raise ValueError("samples must be ordered train, val, test")
        if not samples["id"].is_unique:
            raise ValueError("sample ids must be unique")
        for name in ("text", "group"):
            if name not in samples:
                samples[name] = None
        first = ["id", "split", "label", "source", "hash", "text", "group"]
        own = [name for name in samples.columns if name.startswith("col:") or name in CHAT]
        samples = samples[first + own]
        kept_as = task_of(info).targets.stored
        samples = samples.astype({"id": "str", "split": "str", "label": kept_as, "source": "str", "hash": "str"})
        counts = {name: int((samples["split"] == name).sum()) for name in SPLITS}
        rows = samples[["id", "split", "label", "hash"]].to_csv(index=False, lineterminator="\n").encode()
        base_hash = fingerprint(
            hashlib.sha256(rows).hexdigest(),
            info.modality,
            info.classes,
            info.shape,
            info.preprocessing,
            *([identity(info.task)] if info.task else []),
        )
        info = DatasetInfo(**{**asdict(info), "counts": counts, "base_hash": base_hash})
        folder.mkdir(parents=True, exist_ok=True)
        if inputs is not None:
            with whole_file(folder / "inputs.npy") as temporary, open(temporary, "wb") as stream:
                np.save(stream, inputs, allow_pickle=False)
        write_table(folder / "samples.parquet", samples, LINES)
        extra.write(folder, beside)
        write_json(folder / "dataset.json", {**asdict(info), "checksums": of_folder(folder)})
        return Dataset.open(folder)

    @cached_property
    def task(self) -> "Task":
        """What is learned from the labels, and what they may be (``task.targets``)."""
        return task_of(self.info)

    def word(self, value: Any) -> str:
        """A target as people read it: "cat", "cat;dog", "210.5 EUR", "no label"."""
        said = self.task.targets.word(value)
        return f"{said} {self.task.target_unit}".rstrip() if said else UNLABELLED

    def __len__(self) -> int:
        return sum(self.info.counts.values())

    @property
    def end(self) -> int:
        """One past the last row that can be asked about: the samples, and questions."""
        return len(self)

    def with_questions(self, questions: "Questions") -> "Dataset":
        """The same samples, with rows from ``len(dataset)`` on that are conversations to ask about and no samples:
        they are in no split, trained on by nothing, and understood by ``ids``, ``conversation`` and ``tensor``."""
        from attribution.datasets.chat.questions import WithQuestions

        return WithQuestions(self, questions)

    @cached_property
    def samples(self) -> "pd.DataFrame":
        """One line per sample in row order: id, split, label (base), source, hash, text, group, and ``col:NAME``
        for a table."""

        return read_table(self.folder / "samples.parquet")

    @cached_property
    def inputs(self) -> np.ndarray:
        """The encoded samples, memory-mapped read-only; pictures that are referred to are read when they are asked for
        (``Referenced`` stands for the array)."""
        if referenced.is_referenced(self.folder):
            pictures = referenced.Referenced(self.folder, lambda: self.hashes)
            return self._as_long(self.folder / referenced.PLACES, pictures)
        path = self.folder / "inputs.npy"
        return self._as_long(path, read_array(path, mapped=True))

    def _as_long(self, path: Path, inputs: Any) -> Any:
        """The inputs, where there are as many as samples."""
        if len(inputs) != len(self):
            raise UserError(
                f"{path} is damaged or was changed: it has {len(inputs):,} samples, the dataset {len(self):,}.",
                "Samples would be taken for others.",
                way_out(path),
            )
        return inputs

    @cached_property
    def labels(self) -> np.ndarray:
        """Base labels, (n,) as ``Labels.values``."""
        targets = self.task.targets
        labels = targets.array(self.column("label"))
        path = self.folder / "dataset.json"
        classes = self.info.classes
        if len(set(classes)) < len(classes) or targets.wrong(labels).any():
            raise UserError(
                f"{path} is damaged: its {len(classes)} classes are not those of the labels (one is missing, or "
                "stands there twice).",
                "Every label would be taken for another.",
                way_out(path),
            )
        return labels

    @cached_property
    def labelled(self) -> np.ndarray:
        """Which samples came with a label, (n,) bool."""
        return ~self.task.targets.bare(self.labels)

    @cached_property
    def ids(self) -> np.ndarray:
        """Stable ids, (n,) object array of str."""
        return self.column("id").to_numpy(dtype=object)

    @cached_property
    def hashes(self) -> np.ndarray:
        """Content hash of each decoded sample, (n,) object array of str; equal hashes mean equal content."""
        return self.column("hash").to_numpy(dtype=object)

    def column(self, name: str) -> "pd.Series":
        """One column of ``samples``, without reading the others."""

        return (
            self.samples[name]
            if "samples" in self.__dict__
            else read_table(self.folder / "samples.parquet", columns=[name])[name]
        )

    def line(self, row: int) -> "pd.Series":
        """One line of ``samples``; of a large dataset, only the block that holds it is read."""
        if "samples" in self.__dict__ or len(self) <= LINES:
            return self.samples.iloc[int(row)]
        return self._lines.iloc(int(row))

    def conversation(self, row: int) -> "Conversation":
        """The conversation of a row as imported, for chats."""
        from attribution.datasets.chat.conversation import conversation_of

        return conversation_of(self, row)

    @cached_property
    def _lines(self) -> "Lines":
        return Lines(self.folder / "samples.parquet")

    @cached_property
    def _index(self) -> "pd.Index":
        import pandas as pd

        return pd.Index(self.ids, dtype=object)

    def rows(self, split: str) -> np.ndarray:
        """Rows of a split (``train``, ``val``, ``test`` or ``all``), ascending int64."""
        if split == "all":
            return np.arange(len(self), dtype=np.int64)
        if split not in SPLITS:
            raise UserError(f"There is no split called {split!r}.", "", "Use train, val, test or all.")
        start = sum(self.info.counts[name] for name in SPLITS[: SPLITS.index(split)])
        return np.arange(start, start + self.info.counts[split], dtype=np.int64)

    def labelled_rows(self, split: str) -> np.ndarray:
        """Rows of a split (``rows``) that came with a label."""
        rows = self.rows(split)
        return rows[self.labelled[rows]]

    def split_of(self, row: int) -> str:
        """The split that a row is in; rows are ordered by split."""
        for name in SPLITS:
            row -= self.info.counts[name]
            if row < 0:
                return name
        return ""

    def rows_of(self, ids: Any) -> np.ndarray:
        """Rows of these sample ids in the order given, int64; ``UserError`` naming the unknown ones."""
        wanted = [ids] if isinstance(ids, str) else list(ids)
        found = self.find(wanted)
        unknown = [str(wanted[place]) for place in np.flatnonzero(found < 0)]
        if unknown:
            shown = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
            raise UserError(
                f"No sample is called {shown}.", "", f"Ids look like {self.ids[0]}; look them up in {self.info.name}."
            )
        return found

    def find(self, ids: Any) -> np.ndarray:
        """Rows of these sample ids in the order given, int64; -1 for one that there is not."""
        return np.asarray(self._index.get_indexer(np.array(list(ids), dtype=object)), dtype=np.int64)

    def row_of(self, name: str) -> int | None:
        """Row of one sample id, or None where there is no such sample."""
        try:
            return int(self._index.get_loc(name))
        except KeyError:
            return None

    @cached_property
    def raw(self) -> np.ndarray:
        """A table's inputs as they stand in the data (n, d), not standardised; worked out once and kept in memory."""
        return raw_table(self)

    @cached_property
    def tokens(self) -> np.ndarray:
        """The same as whole numbers (n, d) int64; ``UserError`` where they are none."""
        return token_table(self)

    @cached_property
    def column_names(self) -> frozenset[str]:
        """The columns of ``samples``, read from the file's header."""
        from pyarrow import parquet

        return frozenset(parquet.read_schema(self.folder / "samples.parquet").names)

    @cached_property
    def own_names(self) -> tuple[str, ...]:
        """The user's columns that the model is given, then those that are kept beside the data."""
        from pyarrow import parquet

        stored = parquet.read_schema(self.folder / "samples.parquet").names
        return (*(name[4:] for name in stored if name.startswith("col:")), *extra.names(self.folder))

    def own(self, name: str) -> "pd.Series":
        """One of the user's columns (``own_names``), as it stood in the source."""
        given = f"col:{name}" in self.column_names
        return self.column(f"col:{name}") if given else extra.read(self.folder, name)

    @cached_property
    def weights(self) -> np.ndarray | None:
        """By what the loss of each sample is multiplied in training (n,) float64, 1 on average over training rows; None
        where all count the same."""
        column = self.info.preprocessing.get("weight")
        if not column:
            return None
        values = self.own(column["column"]).to_numpy(dtype=np.float64)
        return np.asarray(values / values[self.rows("train")].mean())

    def groups(self, rows: np.ndarray) -> np.ndarray | None:
        """Which of these rows (b,) belong together (``DataConfig.split_by``), as numbers (b,); None where each stands
        for itself."""
        column = self.info.preprocessing.get("split_by")
        if not column:
            return None
        values = self.own(column) if column in self.own_names else self.column("group")
        return np.asarray(np.unique(values.astype(str).to_numpy()[rows], return_inverse=True)[1])

    def has(self, name: str) -> bool:
        """Whether any sample has something in this column of ``samples``."""
        from pyarrow import parquet, types

        schema = parquet.read_schema(self.folder / "samples.parquet")
        return name in schema.names and not types.is_null(schema.field(name).type)

    def tensor(self, rows: Any, device: "str | torch.device" = "cpu", inputs: "Inputs | None" = None) -> "torch.Tensor":
        """The model-ready batch of these rows: image float32 (b, C, H, W), text int64 (b, L), tabular (b, d), or what a
        transform gives. ``inputs`` says what the model is handed (``attribution.models.build.inputs_of(model)``),
        None: standardised. Reads only these rows from disk."""
        return tensor(self, np.asarray(rows, dtype=np.int64), device, inputs or STANDARDISED)

    @cached_property
    def originals(self) -> Originals:
        """Samples as the user has them, by row: a PIL picture at its own size, a whole text, a table's row; what a
        transform takes."""
        return Originals(self)

    @property
    def imported(self) -> "Dataset":
        """The samples as they were imported."""
        return self

    def as_of(self, labels: Labels) -> "Dataset":
        """The samples as ``labels`` have them: with the rows that they say were rewritten; itself where none was."""
        values = labels.values[: len(self)]
        if not self.task.targets.rewrites or not (values > 0).any():
            return self
        from attribution.datasets.chat.rewritten import Rewritten

        rows = np.flatnonzero(values > 0)
        found = self.__dict__.setdefault("_versions", {}).get(labels.version)
        if found is None:  # the last one is held: the same is asked for again and again
            found = Rewritten(self, dict(zip(rows.tolist(), values[rows].tolist(), strict=True)))
            self.__dict__["_versions"] = {labels.version: found}
        return found

    def base_version(self) -> Labels:
        """The labels as imported, nothing dropped; what came without a label is not active."""
        return Labels.of(self, self.labels, self.labelled)
