"""Import the user's data into a project, or look at it quickly first."""

import re
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.address import address_of
from attribution.datasets.dataset import SPLITS, Dataset, DatasetInfo
from attribution.datasets.encode import encode
from attribution.datasets.kinds import modality
from attribution.datasets.names import UNLABELLED
from attribution.datasets.originals import write_origin
from attribution.datasets.readers import readers
from attribution.datasets.readers.base import Reader, reader_of, what_to_give
from attribution.datasets.roles import described as described_roles
from attribution.datasets.roles import said_of_weights
from attribution.datasets.source import (
    Source,
    check_classes,
    check_samples,
    listed,
    note,
)
from attribution.datasets.targets import Arranged, arrange, understood
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import DataConfig
from attribution.tasks.choice import AUTO, described
from attribution.tasks.targets import parts_of

if TYPE_CHECKING:
    import pandas as pd


# A loop of links, a NUL, a name that is too long, an unknown user, a pattern that is none.
CHATS = "causal-lm"  # the task whose samples are read by what they hold, whatever else the file might be
NO_PATH = (OSError, ValueError, RuntimeError, re.error)


def import_data(
    config: DataConfig, out: Path, name: str, progress: Progress | None = None, called: str = ""
) -> Dataset:
    """Read, check and encode the data that ``config`` names into the new folder ``out``; the source is only read.
    ``called``: what the dataset says of where it came from, where that is not its path.

    Rows: training samples first, then validation, then test, each in the order of the source. Same source and config,
    same dataset to the byte. ``out`` appears whole or not at all. Memory: one picture at a time for folders, the whole
    table or archive else. Raises ``UserError`` naming the row or file for anything that is wrong with the data; single
    unreadable pictures go to ``info.problems``.
    """
    progress = progress or Progress()
    out = Path(out)
    if (out / "dataset.json").is_file():
        raise UserError(
            f"{out} already holds a dataset.", "It would be overwritten.", "Create a new project for other data."
        )
    progress.update(0, 1, "looking at the files")
    source = read_source(config)
    config = with_task(config, source)
    arranged = arrange(source, config)
    samples, classes = arranged.samples, source.classes
    building = out.with_name(out.name + ".tmp")
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        encoded = encode(source, samples, config, building, progress.part(0.02, 0.95))
        if len(encoded.samples) < len(samples):
            _check_kept(source, encoded.samples, arranged)
        training = (encoded.samples["split"] == "train").to_numpy()
        encoded.problems.extend(said_of_weights(source, encoded.samples.index, training, config))
        info = DatasetInfo(
            name=name,
            modality=source.modality,
            classes=classes,
            shape=encoded.shape,
            counts={},
            base_hash="",
            source=called if called and not Path(called).is_absolute() else str(source.path.resolve()),
            seen=source.seen,
            problems=tuple(source.problems + encoded.problems),
            preprocessing={**encoded.preprocessing, "splits": arranged.splits, **described_roles(source, config)},
            task=described(arranged.task),
        )
        write_origin(building, config, called)
        Dataset.write(building, info, encoded.samples.drop(columns="label").rename(columns={"target": "label"}))
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()
        building.rename(out)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    progress.update(1, 1, "data loaded")
    return Dataset.open(out)


def preview(config: DataConfig) -> dict[str, Any]:
    """What an import would find, without writing: every sample is counted, ``PREVIEWED`` pictures are decoded.

    Keys: ``name``, ``modality``, ``classes``, ``n``, ``counts`` {split: n}, ``balance`` {split: {class: n}} ({} for
    numbers), ``target`` (of numbers: {quartiles: {split: [5]}, unit}), ``task`` and ``kind`` (of targets), ``splits``
    (a sentence), ``shape`` (as the model sees a sample), for pictures ``sizes`` (as they are in the
    files, in words), ``examples`` (up to 12 of {id, label, split, source, and pixels uint8 (h, w, c) | text | values
    {column: value}}), ``seen`` (files or rows met), ``problems`` [{where, what, kind, count}], ``checked`` (samples
    whose content was decoded). Raises what ``import_data`` raises before it decodes pictures.
    """
    source = read_source(config)
    config = with_task(config, source)
    arranged = arrange(source, config)
    samples, classes = arranged.samples, source.classes
    looked = modality(source.modality).preview(source, samples, config)
    samples = samples.drop(index=looked.pop("unreadable", []))
    counts = Counter(samples["split"])
    result = {
        "name": source.path.stem if source.path.is_file() else source.path.resolve().name,
        "modality": source.modality,
        "classes": list(classes),
        "n": len(samples),
        "counts": {split: counts[split] for split in SPLITS},
        **_shares(samples, arranged),
        "splits": arranged.splits,
        "task": arranged.task.name,
        "kind": arranged.task.kind,
    }
    return {**result, **looked, "seen": source.seen, "problems": source.problems + looked["problems"]}


def _check_kept(source: Source, samples: "pd.DataFrame", arranged: Arranged) -> None:
    """Every class must have a training sample among those that could be read."""
    if arranged.task.kind != "class":
        return
    kept = samples[samples["target"] >= 0]
    remaining = Source(source.modality, source.path, kept.reset_index(drop=True), source.classes)
    check_classes(remaining, source.classes, kept["target"].to_numpy(), kept["split"].to_numpy())


def _shares(samples: "pd.DataFrame", arranged: Arranged) -> dict[str, Any]:
    """``balance``, and ``target`` for numbers."""
    splits = [split for split in SPLITS if (samples["split"] == split).any()]
    if arranged.task.kind == "number":
        known = {split: samples["target"][samples["split"] == split].dropna().to_numpy() for split in splits}
        quartiles = {split: np.quantile(values, (0, 0.25, 0.5, 0.75, 1)).tolist() for split, values in known.items()}
        return {"balance": {}, "target": {"quartiles": quartiles, "unit": arranged.task.target_unit}}
    names = [*arranged.task.classes, *([""] if (samples["label"] == "").any() else [])]
    pairs: Counter[tuple[str, str]] = Counter()
    for split, word in zip(samples["split"], samples["label"], strict=True):
        pairs.update((split, part) for part in (parts_of(word) if arranged.task.kind == "set" and word else [word]))
    return {"balance": {split: {name or UNLABELLED: pairs[split, name] for name in names} for split in splits}}


def _not_used(config: DataConfig, reader: Reader, path: Path) -> list[dict[str, Any]]:
    """A line about columns that were named where there are none: an archive, or folders of pictures."""
    named = [
        f"--{name} {value if isinstance(value, str) else ','.join(value)}"
        for name in reader.unused(path)
        if (value := getattr(config, name))
    ]
    return [note(listed(named), f"not used: {reader.title} has no such columns")] if named else []


def _there(words: str) -> Path:
    """What lies on disk of these words (``DataConfig.path``); ``UserError`` where that is nothing, or never ends."""
    try:
        address = address_of(words)
        path = address.files()[0] if address.pattern else address.path
        there = path.exists()
        kind = "folder" if path.is_dir() else "file" if path.is_file() else "neither a file nor a folder"
    except NO_PATH as cause:
        shown = words if len(words) <= 80 else words[:77] + "..."
        raise UserError(
            f"{shown!r} cannot be a path: {cause}.", "Nothing can lie there.", "Check the spelling."
        ) from cause
    if not there:
        reader_of(words)  # says which schemes there are
        raise UserError(
            f"{path} does not exist.",
            f"It was looked for from {Path.cwd()}.",
            "Check the spelling, or give the whole path.",
        )
    if address.scheme and kind == "folder":
        raise UserError(f"{path} is a folder.", f"{address.scheme}: asks one file.", "Name the file.")
    if kind not in ("file", "folder"):
        raise UserError(f"{path} is {kind}.", "It may never end.", what_to_give())
    return path


def read_source(config: DataConfig) -> Source:
    """The samples that ``config.path`` holds, listed and checked, by the reader for its kind."""
    if not config.path:
        raise UserError(
            "No data was named.",
            "A project starts from its data.",
            what_to_give(),
        )
    if config.text and config.text == config.label:
        raise UserError(
            f"The text and the label are one column, {config.text!r}.",
            "The model would be given the answer.",
            "Name the column of each.",
        )
    path = _there(config.path)
    try:
        reader = readers.get("chat")() if config.task == CHATS else reader_of(config.path)
        source = reader.read(config)
    except PermissionError as cause:
        raise UserError(
            f"{cause.filename or path} may not be read.",
            "This user has no permission.",
            "Change its permissions, or copy it.",
        ) from cause
    source.problems.extend(_not_used(config, reader, path))
    check_samples(source)
    return understood(source, with_task(config, source))


def with_task(config: DataConfig, source: Source) -> DataConfig:
    """The settings with the task that the kind of data means, where it means one and nothing else was asked for."""
    own = modality(source.modality).task
    return replace(config, task=own) if own and config.task == AUTO else config
