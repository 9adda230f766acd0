"""Small pictures of arrays: lines over the longer axis, or a heat map."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.encode_arrays import channel_axis

if TYPE_CHECKING:
    from attribution.datasets.dataset import DatasetInfo

MOST_LINES = 8
REACH = 3.0  # standard deviations from the mean that the scale goes to
# Told apart without colours, too, by their lightness: dark to light.
LINES = ((31, 78, 121), (200, 90, 20), (60, 140, 90), (150, 90, 170), (190, 50, 60), (110, 110, 110))
LOW, MIDDLE, HIGH = (33, 60, 120), (245, 245, 240), (180, 60, 20)
PAPER = (250, 250, 248)


def plot(values: np.ndarray, info: "DatasetInfo", size: int) -> bytes:
    """A PNG of ``size`` pixels a side of one sample (...); the scale is that of all training samples."""
    from attribution.modalities.image import png

    mean, std = (np.asarray(info.preprocessing[name], dtype=np.float64) for name in ("mean", "std"))
    axis = channel_axis(values.shape)
    shape = [1] * values.ndim
    shape[axis] = -1
    scaled = (values - mean.reshape(shape)) / std.reshape(shape)  # in deviations of its channel
    lines = _lines(scaled, axis)
    return png(_drawn(lines, size) if lines is not None else _heat(scaled, axis), size)


def _lines(scaled: np.ndarray, axis: int) -> np.ndarray | None:
    """(channels, steps) of what is a few series; None for the rest."""
    kept = np.moveaxis(scaled, axis, 0)
    long = [extent for extent in kept.shape[1:] if extent > 1]
    if len(long) > 1 or len(kept) > MOST_LINES:
        return None
    return kept.reshape(len(kept), -1)


def _drawn(lines: np.ndarray, size: int) -> np.ndarray:
    """Pixels (size, size, 3) of series (c, t), twice as large and then halved so that the lines are smooth."""
    from PIL import Image, ImageDraw

    side = 2 * size
    image = Image.new("RGB", (side, side), PAPER)
    pen = ImageDraw.Draw(image)
    pen.line([(0, side // 2), (side, side // 2)], fill=(215, 215, 210), width=2)
    for place, line in enumerate(lines):
        steps = np.linspace(2, side - 3, max(len(line), 2))
        heights = (0.5 - np.clip(np.resize(line, len(steps)), -REACH, REACH) / (2 * REACH)) * (side - 6) + 3
        pen.line(list(zip(steps.tolist(), heights.tolist(), strict=True)), fill=LINES[place % len(LINES)], width=3)
    return np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))


def _heat(scaled: np.ndarray, axis: int) -> np.ndarray:
    """Pixels (h, w, 3) of the mean over channels, or over all axes but two."""
    flat = scaled if scaled.ndim == 2 else np.moveaxis(scaled, axis, 0).mean(axis=0)
    while flat.ndim > 2:
        flat = flat.mean(axis=0)
    flat = flat[None, :] if flat.ndim == 1 else flat
    share = np.clip(flat / REACH, -1, 1)[:, :, None]
    ends = np.where(share < 0, np.array(LOW, dtype=np.float64), np.array(HIGH, dtype=np.float64))
    pixels = np.array(MIDDLE) * (1 - np.abs(share)) + ends * np.abs(share)
    return np.rint(_squarer(pixels)).astype(np.uint8)


def _squarer(pixels: np.ndarray) -> np.ndarray:
    """A very long or flat picture with its short side repeated, at most to a quarter of the long one."""
    height, width = pixels.shape[:2]
    times: Sequence[int] = (max(1, width // (4 * height)), max(1, height // (4 * width)))
    return np.repeat(np.repeat(pixels, times[0], axis=0), times[1], axis=1)
