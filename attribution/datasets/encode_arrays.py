"""Numbers of a shape as a model reads them: as they are, with mean and deviation of each channel in training."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.encode import Encoded
from attribution.datasets.previews import examples_of, spread
from attribution.datasets.row_hashes import content_hash
from attribution.datasets.source import Source
from attribution.errors import UserError
from attribution.progress import Progress, counted
from attribution.storage.rows import rows_into

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 256  # samples whose sums are taken at once


def channel_axis(shape: Sequence[int]) -> int:
    """Which axis of a sample has the channels: the shorter of the first and the last, the first where they are
    alike."""
    return 0 if shape[0] <= shape[-1] else len(shape) - 1


def encode_arrays(source: Source, samples: "pd.DataFrame", folder: Path, progress: Progress) -> Encoded:
    """float32 (n, ...), or int64 for whole numbers, as the source has them; the hash covers the numbers as they stand
    there."""
    assert source.values is not None
    first = source.values(int(samples.index[0]))
    kind = np.dtype(np.float32 if first.dtype.kind == "f" else np.int64)
    hashes = []
    began_s = time.monotonic()
    with rows_into(folder / "inputs.npy", kind, first.shape, len(samples)) as out:
        for number, i in enumerate(samples.index):
            progress.update(number, len(samples), counted("reading arrays", number, len(samples), began_s))
            values = np.asarray(source.values(int(i)))
            with np.errstate(over="ignore"):
                row = values.astype(kind)
            if not np.isfinite(row).all():
                raise UserError(
                    f"{source.where(int(i))} has a number that float32 cannot hold.",
                    "Networks compute in it.",
                    "Scale the numbers first.",
                )
            out.append(row)
            hashes.append(content_hash(f"{values.dtype.kind}{values.shape}".encode(), _plain(values).tobytes()))
    inputs = np.load(folder / "inputs.npy", mmap_mode="r")
    training = np.flatnonzero((samples["split"] == "train").to_numpy())
    return Encoded(samples.assign(hash=hashes), first.shape, statistics(inputs, training), [])


def _plain(values: np.ndarray) -> np.ndarray:
    """The same bytes for the same numbers, however wide they are stored."""
    return np.ascontiguousarray(values, dtype=np.float64 if values.dtype.kind == "f" else np.int64)


def statistics(inputs: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    """``axis``, and ``mean`` and ``std`` of each channel over the samples ``rows``, in nine digits; ``std`` 1 where a
    channel does not change."""
    axis = channel_axis(inputs.shape[1:])
    width = inputs.shape[1 + axis]
    total, squares = np.zeros(width), np.zeros(width)
    middle = _by_channel(inputs[rows[:BLOCK]], axis).mean(axis=0) if len(rows) else np.zeros(width)
    count = 0
    for start in range(0, len(rows), BLOCK):
        block = _by_channel(inputs[rows[start : start + BLOCK]], axis) - middle
        total += block.sum(axis=0)
        squares += (block**2).sum(axis=0)
        count += len(block)
    shift = total / max(count, 1)
    std = np.sqrt(np.maximum(squares / max(count, 1) - shift**2, 0))
    std = np.where(std > 1e-7 * np.maximum(np.abs(middle), 1e-30), std, 1.0)
    return {
        "axis": axis,
        "mean": [float(f"{value:.9g}") for value in middle + shift],
        "std": [float(f"{value:.9g}") for value in std],
    }


def _by_channel(block: np.ndarray, axis: int) -> np.ndarray:
    """Numbers (b, ...) as (b · rest, channels) float64."""
    moved = np.moveaxis(np.asarray(block, dtype=np.float64), axis + 1, -1)
    return moved.reshape(-1, moved.shape[-1])


def preview_arrays(source: Source, samples: "pd.DataFrame") -> dict[str, Any]:
    """Some of them, in words."""
    assert source.values is not None
    shown = spread(samples, 12)
    examples = []
    for i, example in zip(shown.index, examples_of(shown), strict=True):
        values = np.asarray(source.values(int(i)))
        size = " × ".join(map(str, values.shape))
        examples.append({**example, "text": f"{size} numbers from {values.min():.3g} to {values.max():.3g}"})
    shape = np.asarray(source.values(int(samples.index[0]))).shape
    return {"shape": shape, "examples": examples, "problems": [], "checked": len(samples)}
