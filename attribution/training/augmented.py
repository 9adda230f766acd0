"""Training inputs that a training transform draws anew at every epoch, the same ones whenever the run is repeated or
resumed."""

import numpy as np
import torch
from torch import Tensor

from attribution.datasets.dataset import Dataset
from attribution.models.devices import fast_layout
from attribution.settings.configs import ModelConfig
from attribution.transforms.handing import augmented


class Augmented:
    """The inputs of chosen rows under ``model.train_transform``: seeded by the run's seed, the epoch and the row."""

    def __init__(self, dataset: Dataset, rows: np.ndarray, model: ModelConfig, seed: int, device: torch.device) -> None:
        self._dataset = dataset
        self._rows = np.asarray(rows, dtype=np.int64)
        self._model = model
        self._seed = seed
        self._device = device

    def at(self, positions: Tensor, epoch: int) -> Tensor:
        """Inputs at these positions (CPU int64, indices into the rows) in this epoch, on the device."""
        rows = self._rows[positions.numpy()]
        seeds = np.array([_seed(self._seed, epoch, int(row)) for row in rows], dtype=np.int64)
        found = augmented(self._dataset, rows, self._model.train_transform, self._model.shape, seeds)
        return fast_layout(torch.from_numpy(found).to(self._device))


def _seed(*parts: int) -> int:
    return int(np.random.SeedSequence(list(parts)).generate_state(1)[0])
