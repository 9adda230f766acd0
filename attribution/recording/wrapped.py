"""The user's dataset with the id of each sample beside its item."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch.utils.data import Dataset

ID = "id"  # in items that are mappings


class WithIds(Dataset[Any]):
    """Items of a map-style dataset with their id: ``(x, y)`` becomes ``(x, y, id)``, a mapping gets ``"id"``."""

    def __init__(self, dataset: Any, ids: Sequence[Any]) -> None:
        self.dataset = dataset
        self.ids = ids

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, place: int) -> Any:
        item = self.dataset[place]
        name = self.ids[place]
        if isinstance(item, Mapping):
            return {**item, ID: name}
        return (*item, name) if isinstance(item, list | tuple) else (item, name)
