"""Samples as the user has them: pictures at their own size from the source again, whole texts, rows of a table."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.kinds import modality
from attribution.datasets.pictures import with_channels
from attribution.datasets.referenced import Referenced
from attribution.datasets.row_hashes import content_hash
from attribution.datasets.source import Source, Unreadable
from attribution.errors import UserError
from attribution.settings.configs import DataConfig, from_dict, to_dict
from attribution.storage.files import read_json, write_json

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset

ORIGIN = "origin.json"  # in the data folder: the DataConfig that it was made with


class Originals:
    """``dataset.originals[row]``: a PIL picture (mode L or RGB) at its own size, a text (str), a table's row
    ``{column: value}``, else the array as stored. Text, rows and pictures that no import resized need no source; others
    are read from it again, and compared with what was imported (``Dataset.hashes``)."""

    def __init__(self, dataset: "Dataset") -> None:
        self._dataset = dataset
        self._measured = False

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, row: int) -> Any:
        return modality(self._dataset.info.modality).original(self._dataset, int(row))

    def pixels(self, row: int) -> np.ndarray:
        """A picture's uint8 pixels (h, w, 1 or 3) at its own size; ``UserError`` where its source is gone or has
        changed."""
        inputs: Any = self._dataset.inputs
        if isinstance(inputs, Referenced):
            return inputs.original(row)
        stored = np.ascontiguousarray(inputs[row])
        return stored if self._is(row, stored) else self._from_source(row)

    def _is(self, row: int, pixels: np.ndarray) -> bool:
        """Whether these are the pixels that were imported, by their hash."""
        found = content_hash(str(pixels.shape).encode(), np.ascontiguousarray(pixels).tobytes())
        return found == self._dataset.hashes[row]

    def _from_source(self, row: int) -> np.ndarray:
        pixels = self._decoded(row)
        if not self._is(row, pixels) and not self._measured:
            self._measure()  # pictures of more than 8 bits share a scale
            pixels = self._decoded(row)
        if not self._is(row, pixels):
            raise self._moved(f"{self._dataset.line(row)['source']} has changed since the data were imported")
        return pixels

    def _decoded(self, row: int) -> np.ndarray:
        place = self._places.get(str(self._dataset.ids[row]))
        if place is None or self._source.pixels is None:
            raise self._moved(f"sample {self._dataset.ids[row]} is no longer in {self._source.path}")
        try:
            return with_channels(self._source.pixels(place), self._dataset.info.shape[0])
        except Unreadable as cause:
            raise self._moved(f"{self._dataset.line(row)['source']}: {cause}") from cause

    def _measure(self) -> None:
        self._measured = True
        for place in self._places.values() if self._source.header else ():
            try:
                self._source.header(place)  # type: ignore[misc]
            except Unreadable:  # was left out of the import
                continue
        self._source.measure()

    @cached_property
    def _source(self) -> Source:
        from attribution.datasets.load import read_source

        try:
            return read_source(origin(self._dataset.folder))
        except UserError as error:
            raise self._moved(error.what.rstrip(".")) from error

    @cached_property
    def _places(self) -> dict[str, int]:
        """Where in the source each id is."""
        samples = self._source.samples
        return dict(zip(samples["id"].astype(str), map(int, samples.index), strict=True))

    def _moved(self, what: str) -> UserError:
        size = "x".join(map(str, self._dataset.info.shape[1:]))
        return UserError(
            f"The pictures are needed at their own size, but {what}.",
            f"A transform is applied to pictures as they are in the source; the project keeps copies of {size} pixels.",
            f"Put the source back to {self._dataset.info.source or 'its place'}, or make the project anew from it.",
        )


def write_origin(folder: Path, config: DataConfig, called: str = "") -> None:
    """Keep with the data which config made them, so that their source is found again; ``called``: its path, where that
    is one inside of the project."""
    inside = {"path": called} if called and not Path(called).is_absolute() else {}
    write_json(folder / ORIGIN, {**to_dict(config), **inside})


def origin(folder: Path) -> DataConfig:
    """The config that made the data in ``folder``: kept with them, else (data of a former version) by the project."""
    settings = folder.parent / "project.json"
    if (folder / ORIGIN).is_file():
        values = read_json(folder / ORIGIN)
    elif settings.is_file():
        values = read_json(settings)["data"]
    else:
        raise UserError(
            f"{folder} does not say where its data came from.",
            "Neither origin.json nor a project.json lies with it.",
            "Import the data again.",
        )
    config = from_dict(DataConfig, values)
    inside = folder.parent / config.path
    return replace(config, path=str(inside)) if config.path and inside.exists() else config
