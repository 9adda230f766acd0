"""Pictures: tiny ones are enlarged pixel by pixel, so that they stay crisp."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.datasets.encode import Encoded
from attribution.datasets.encode_pictures import encode_images
from attribution.datasets.handed import Inputs, scaled
from attribution.datasets.picture_layout import is_picture
from attribution.datasets.previews import preview_images
from attribution.datasets.source import Source
from attribution.modalities.base import Modality, imported, register
from attribution.modalities.space import Space, numbers_space
from attribution.progress import Progress
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import torch


@register("image")
class ImageModality(Modality):
    """uint8 pictures (H, W, 1 or 3) as stored in ``inputs.npy``."""

    title = "pictures"
    one = "picture"
    size_unit = "pixels"
    shown_as = "picture"
    files = True
    network = "cnn"
    networks = ("logistic", "mlp", "cnn", "resnet")
    axis = "channel"

    def encode(
        self, source: "Source", samples: "pd.DataFrame", config: "DataConfig", folder: "Path", progress: "Progress"
    ) -> "Encoded":
        return encode_images(source, samples, config, folder, progress)

    def preview(self, source: "Source", samples: "pd.DataFrame", config: "DataConfig") -> dict[str, Any]:
        return preview_images(source, samples, config)

    def found(self, shape: Sequence[int], n: int, sizes: str) -> str:
        """The sizes that the files have, and what the model sees of them where that is another."""
        channels, height, width = shape
        plain = f"{width} × {height} pixels"
        seen = "" if (sizes or plain) == plain else f" (the model sees {width} × {height})"
        return f"{self.count(n)} of {sizes or plain}{seen}, {'grey' if channels == 1 else 'colour'}"

    def original(self, dataset: Dataset, row: int) -> Image.Image:
        """A PIL picture at its own size, mode L or RGB."""
        pixels = dataset.originals.pixels(row)
        return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)

    def tensor(
        self, dataset: Dataset, rows: np.ndarray, device: "str | torch.device", inputs: Inputs
    ) -> "torch.Tensor":
        """float32 (b, C, H, W), in 0..1 and then scaled."""
        import torch

        pixels = torch.from_numpy(np.array(dataset.inputs[rows])).to(device).permute(0, 3, 1, 2).float() / 255
        if inputs.kind == "standardised":
            mean, std = (dataset.info.preprocessing[name] for name in ("mean", "std"))
            return scaled(pixels, mean, std).contiguous()
        return scaled(pixels, inputs.mean, inputs.std).contiguous()

    def deviations(self, info: DatasetInfo) -> np.ndarray:
        """Of each channel over all pixels."""
        return np.asarray(info.preprocessing["std"], dtype=np.float64)

    def space(self, dataset: Dataset) -> Space:
        return numbers_space(dataset, "the pixels")

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

    def limits(self, info: DatasetInfo, inputs: Inputs) -> tuple[np.ndarray, np.ndarray] | None:
        """Black and white; None where a transform does not say what it makes of them."""
        if inputs.transformed and not inputs.std:
            return None
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
