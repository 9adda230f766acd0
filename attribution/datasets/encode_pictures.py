"""Read every picture once: copies at one size or a note of where it lies, its content hash, and channel statistics."""

import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets import referenced
from attribution.datasets.encode import Encoded, steady
from attribution.datasets.pictures import as_image, resize, size_notes, target_size, with_channels
from attribution.datasets.row_hashes import content_hash
from attribution.datasets.source import Source, Unreadable, left_out, note
from attribution.errors import UserError
from attribution.progress import Progress, counted
from attribution.settings.configs import DataConfig
from attribution.storage.rows import RowWriter, rows_into

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class _Pass:
    """What one pass over the pictures gathers: those that were read, and how often training pixels have each value."""

    channels: int
    kept: list[int] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shades = np.zeros((self.channels, 256), dtype=np.int64)  # training pixels of each channel and value

    def add(self, i: int, pixels: np.ndarray, small: np.ndarray, training: bool) -> None:
        """Take a picture (h, w, c), and as the model sees it."""
        self.kept.append(i)
        self.sizes.append(pixels.shape[:2])
        self.hashes.append(content_hash(str(pixels.shape).encode(), np.ascontiguousarray(pixels).tobytes()))
        if training:
            self.shades += np.array(as_image(small).histogram()).reshape(self.channels, 256)

    def statistics(self) -> dict[str, list[float]]:
        """Mean and deviation of each channel over the training pixels, in 0..1."""
        # Whole numbers: the sums are exact on every machine.
        values = np.arange(256)
        count = max(int(self.shades[0].sum()), 1)
        mean = self.shades @ values / count / 255
        deviation = np.sqrt(np.maximum(self.shades @ values**2 / count / 255**2 - mean**2, 0))
        std = np.where(deviation > 1e-6, deviation, 1.0)
        return {"mean": [steady(value) for value in mean], "std": [steady(value) for value in std]}


def encode_images(
    source: Source, samples: "pd.DataFrame", config: DataConfig, folder: Path, progress: Progress
) -> Encoded:
    """uint8 (n, H, W, C) at one common size; one picture in memory at a time. The hash covers the pixels at their own
    size, before resizing. Pictures that cannot be decoded are left out and listed; ``UserError`` if none can. Where
    copies would take much (``DataConfig.reference``), it is kept where the pictures lie instead."""
    usable = _headers(source, samples, progress)
    problems: list[dict[str, Any]] = source.measure()
    channels = max(header[2] for header in usable)
    height, width = target_size([header[:2] for header in usable], config.image_size)
    shape = (height, width, channels)
    refer = referenced.wanted(source.files, config.reference, len(samples) * height * width * channels)
    rows = rows_into(folder / "inputs.npy", np.uint8, shape, len(samples)) if not refer else nullcontext()
    with rows as writer:
        found = _read(source, samples, shape, writer, problems, progress.part(0.1, 1.0))
    if not found.kept:
        raise none_readable(source, samples)
    if refer and source.files:
        referenced.write(folder, source.files, found.kept, shape)
        what = f"{len(found.kept):,} are read from their files when asked for; the project holds no copies"
        problems.append(note("pictures", what))
    problems += size_notes(found.sizes, height, width)
    kept = samples.loc[found.kept].assign(hash=found.hashes)
    return Encoded(kept, (channels, height, width), found.statistics(), problems)


def _read(
    source: Source,
    samples: "pd.DataFrame",
    shape: tuple[int, int, int],
    writer: RowWriter | None,
    problems: list[dict[str, Any]],
    progress: Progress,
) -> _Pass:
    """Decode every picture once, and write it where there is a ``writer``."""
    assert source.pixels is not None
    height, width, channels = shape
    found = _Pass(channels)
    began_s = time.monotonic()
    for number, (i, split) in enumerate(zip(samples.index, samples["split"], strict=True)):
        progress.update(number, len(samples), counted("reading pictures", number, len(samples), began_s))
        try:
            pixels = with_channels(source.pixels(i), channels)
        except Unreadable as cause:
            problems.append(left_out(str(samples.loc[i, "source"]), str(cause)))
            continue
        small = resize(pixels, height, width)
        if writer:
            writer.append(small)
        found.add(i, pixels, small, split == "train")
    return found


def _headers(source: Source, samples: "pd.DataFrame", progress: Progress) -> list[tuple[int, int, int]]:
    """Height, width and channels of the pictures that can be opened; ``UserError`` if none can."""
    assert source.header is not None
    found = []
    for number, i in enumerate(samples.index):
        progress.update(number, 10 * len(samples), "looking at pictures")
        with suppress(Unreadable):  # told with its cause when the decoding fails
            found.append(source.header(i))
    usable = [header for header in found if header[2]]
    if not usable:
        raise none_readable(source, samples)
    return usable


def none_readable(source: Source, samples: "pd.DataFrame") -> UserError:
    """The error for a folder in which no picture can be decoded."""
    assert source.pixels is not None
    cause = ""
    try:
        source.pixels(samples.index[0])
    except Unreadable as error:
        cause = str(error)
    return UserError(
        f"None of the {len(samples):,} pictures in {source.path} can be read.",
        f"The first one, {samples['source'].iloc[0]}: {cause}.",
        "Check that the files are pictures and are complete.",
    )
