"""Numbers of any shape and range: time series, sound, many bands, pictures that are normalised already."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.datasets.encode import Encoded
from attribution.datasets.encode_arrays import channel_axis, encode_arrays, preview_arrays
from attribution.datasets.handed import Inputs
from attribution.datasets.source import Source
from attribution.modalities.base import Modality, imported, register
from attribution.modalities.plots import plot
from attribution.modalities.space import Space, numbers_space
from attribution.progress import Progress
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    from pathlib import Path

    import torch


@register("array")
class ArrayModality(Modality):
    """Arrays of one shape as they stand in ``inputs.npy``: float32, or whole numbers.

    A channel is one place along the shorter of the first and the last axis, the first where they are alike:
    ``preprocessing["axis"]``.
    """

    title = "arrays"
    one = "array"
    size_unit = "numbers"
    shown_as = "plot"
    networks = ("logistic", "mlp", "cnn", "resnet")
    axis = "channel"
    ways = ("raw", "standardised", "tokens")

    def encode(
        self, source: "Source", samples: "Any", config: "DataConfig", folder: "Path", progress: "Progress"
    ) -> "Encoded":
        return encode_arrays(source, samples, folder, progress)

    def preview(self, source: "Source", samples: "Any", config: "DataConfig") -> dict[str, Any]:
        return preview_arrays(source, samples)

    def found(self, shape: Sequence[int], n: int, sizes: str) -> str:
        return f"{self.count(n)} of {self.shape_words(shape)}"

    def tensor(
        self, dataset: Dataset, rows: np.ndarray, device: "str | torch.device", inputs: Inputs
    ) -> "torch.Tensor":
        """float32 (b, ...), as stored or standardised by channel; or whole numbers int64."""
        import torch

        values = torch.from_numpy(np.array(dataset.inputs[rows])).to(device)
        if inputs.kind == "tokens":
            return values.long()
        values = values.float()
        if inputs.kind == "standardised":
            mean, std = (dataset.info.preprocessing[name] for name in ("mean", "std"))
            return _along(values, mean, std, channel_axis(dataset.info.shape))
        return _along(values, inputs.mean, inputs.std, channel_axis(dataset.info.shape))

    def deviations(self, info: DatasetInfo) -> np.ndarray:
        """Of each channel."""
        return np.asarray(info.preprocessing["std"], dtype=np.float64)

    def token_problem(self, dataset: Dataset) -> str:
        """Whole numbers from 0 can be token ids."""
        if dataset.inputs.dtype.kind not in "iu":
            return "the arrays are no whole numbers"
        lowest = int(dataset.inputs.min())
        return f"the arrays hold {lowest}" if lowest < 0 else ""

    def space(self, dataset: Dataset) -> Space:
        return numbers_space(dataset, "the numbers")

    def thumbnail(self, dataset: Dataset, row: int, size: int = 96) -> bytes:
        """A line for each channel over the longer axis, or a heat map, on one scale for all samples."""
        return plot(np.asarray(dataset.inputs[row]), dataset.info, size)

    def describe(self, dataset: Dataset, row: int) -> str:
        """Shape, range and mean: "100 × 6 numbers from -2.1 to 3.4, mean 0.02"."""
        values = np.asarray(dataset.inputs[row], dtype=np.float64)
        shape = self.shape_words(values.shape)
        return f"{shape} from {values.min():.3g} to {values.max():.3g}, mean {values.mean():.3g}"

    def alt(self, dataset: Dataset, row: int) -> str:
        """Id, imported label, shape and range."""
        return f"Array {dataset.ids[row]}, {imported(dataset, row)}: {self.describe(dataset, row)}"


def _along(values: "torch.Tensor", mean: Any, std: Any, axis: int) -> "torch.Tensor":
    """``(values - mean) / std`` of (b, ...) along an axis of the samples; empty: as it is."""
    import torch

    shape = [1] * values.dim()
    shape[axis + 1] = -1
    if len(mean):
        values = values - torch.tensor(mean, device=values.device, dtype=values.dtype).view(shape)
    return values / torch.tensor(std, device=values.device, dtype=values.dtype).view(shape) if len(std) else values
