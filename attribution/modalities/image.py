"""Pictures: tiny ones are enlarged pixel by pixel, so that they stay crisp."""

import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.datasets.handed import Inputs
from attribution.datasets.picture_layout import is_picture
from attribution.modalities.base import Modality, imported, register

if TYPE_CHECKING:
    import pandas as pd


@register("image")
class ImageModality(Modality):
    """uint8 pictures (H, W, 1 or 3) as stored in ``inputs.npy``."""

    def thumbnail(self, dataset: Dataset, row: int, size: int = 96) -> bytes:
        """A PNG whose longer side is the largest whole multiple of the picture's that fits ``size``; larger pictures
        are scaled down."""
        return png(np.asarray(dataset.inputs[row]), size)

    def describe(self, dataset: Dataset, row: int) -> str:
        """The file or position it came from."""
        return str(dataset.line(row)["source"])

    def alt(self, dataset: Dataset, row: int) -> str:
        """Size, id and imported label."""
        channels, height, width = dataset.info.shape
        colour = "grey" if channels == 1 else "colour"
        return f"{width} by {height} pixel {colour} picture {dataset.ids[row]}, {imported(dataset, row)}"

    def limits(self, info: DatasetInfo, inputs: Inputs) -> tuple[np.ndarray, np.ndarray]:
        """Black and white."""
        own = {"mean": inputs.mean or (0.0,), "std": inputs.std or (1.0,)}
        given = info.preprocessing if inputs.kind == "standardised" else own
        mean, std = (np.asarray(given[name], dtype=np.float64) for name in ("mean", "std"))
        return (0 - mean) / std, (1 - mean) / std

    def columns(self, dataset: Dataset) -> "pd.DataFrame":
        """``file_name``, for pictures that are files."""
        names = [str(name) for name in dataset.ids]
        table = super().columns(dataset)
        return table.assign(file_name=names) if all(map(is_picture, names)) else table


def png(pixels: np.ndarray, size: int) -> bytes:
    """PNG bytes of uint8 pixels (h, w, 1 or 3), enlarged by a whole factor or scaled down to at most ``size`` pixels a
    side."""
    height, width = pixels.shape[:2]
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    factor = size // max(height, width)
    if factor > 1:
        image = image.resize((width * factor, height * factor), Image.Resampling.NEAREST)
    elif factor == 0:
        scale = size / max(height, width)
        image = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    image.save(stream, format="PNG", compress_level=1)
    return stream.getvalue()
