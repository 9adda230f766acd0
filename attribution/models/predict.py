"""Logits and representations of many samples, and the inputs of a split held where the model is."""

import numpy as np
import torch
from torch import Tensor, nn

from attribution.datasets.dataset import Dataset
from attribution.datasets.handed import STANDARDISED, Inputs
from attribution.modalities import modality_of
from attribution.models.devices import fast_layout, pick_device, reproducible
from attribution.models.features import device_of, forward_features, inputs_of

HELD_BYTES = 2 << 30


class HeldInputs:
    """Model-ready inputs of chosen rows: moved to the device once when they fit in ``limit_bytes``, else read batch by
    batch."""

    def __init__(
        self,
        dataset: "Dataset",
        rows: np.ndarray,
        device: torch.device,
        inputs: Inputs = STANDARDISED,
        limit_bytes: int = HELD_BYTES,
    ) -> None:
        self._dataset = dataset
        self._rows = np.asarray(rows, dtype=np.int64)
        self._device = device
        self._inputs = inputs
        whole = modality_of(dataset).tokens or inputs.kind == "tokens"
        size_bytes = len(self._rows) * int(np.prod(inputs.shape_of(dataset.info))) * (8 if whole else 4)
        self._held = dataset.tensor(self._rows, device, inputs) if size_bytes <= limit_bytes else None

    def __len__(self) -> int:
        return len(self._rows)

    def at(self, positions: Tensor) -> Tensor:
        """Inputs at these positions (CPU int64, indices into the rows), on the device."""
        if self._held is not None:
            return fast_layout(self._held[positions.to(self._device)])
        return fast_layout(self._dataset.tensor(self._rows[positions.numpy()], self._device, self._inputs))


def predict(
    model: nn.Module,
    dataset: "Dataset",
    rows: np.ndarray,
    batch_size: int = 512,
    device: torch.device | str | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Outputs ``(n, ...)`` and representation ``(n, d)`` of these rows, float32, in eval mode without gradients.

    ``device`` moves the model there first; None leaves it where it is. The model's own mode is restored. One forward
    pass per row.
    """
    if device is not None:
        model.to(pick_device(device) if isinstance(device, str) else device)
    target = device_of(model)
    mode = model.training
    rows = np.asarray(rows, dtype=np.int64)
    logits, features = [], []
    model.eval()
    try:
        with torch.no_grad(), reproducible():
            for start in range(0, len(rows), batch_size):
                x = fast_layout(dataset.tensor(rows[start : start + batch_size], target, inputs_of(model)))
                some_logits, some_features = forward_features(model, x)
                logits.append(some_logits.float().cpu().numpy())
                features.append(some_features.float().cpu().numpy())
    finally:
        model.train(mode)
    if not logits:
        shape = dataset.task.out_shape(dataset.info, inputs_of(model).shape_of(dataset.info))
        return np.zeros((0, *shape), np.float32), np.zeros((0, 0), np.float32)
    return np.concatenate(logits), np.concatenate(features)


def evaluate(model: nn.Module, inputs: HeldInputs, batch_size: int = 512) -> Tensor:
    """Outputs ``(n, ...)`` of held inputs on the model's device, in eval mode without gradients; the mode is
    restored."""
    mode = model.training
    model.eval()
    try:
        with torch.no_grad():
            return torch.cat(
                [model(inputs.at(positions)).float() for positions in torch.arange(len(inputs)).split(batch_size)]
            )
    finally:
        model.train(mode)
