"""How a model of the user's is asked about a batch of theirs: inputs, targets and ids, in the shapes that loaders give
them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from attribution.errors import UserError

Answer = tuple[Any, Any, Any]  # outputs, targets, ids
IDS = ("id", "ids", "datablame_id")
TARGETS = ("labels", "label", "targets", "target", "y")


def asked(model: nn.Module) -> Callable[[Any], Answer]:
    """Asks the model about a batch ``(inputs ..., targets, ids)``, or a mapping with ``labels`` and ``id``."""

    def ask(batch: Any) -> Answer:
        device = next((value.device for value in model.parameters()), torch.device("cpu"))
        if isinstance(batch, Mapping):
            rest = dict(batch)
            ids = taken(rest, IDS)
            targets = taken(rest, TARGETS)
            return model(**on_device(rest, device)), targets, ids
        if not isinstance(batch, Sequence) or len(batch) < 3:
            raise UserError(
                f"A batch of the loader is {type(batch).__name__}"
                + (f" of {len(batch)}" if _sized(batch) else "")
                + ".",
                "Inputs, targets and ids are asked for.",
                "Let it give (x, y, ids): wrap the dataset with rec.wrap(dataset), or give forward=, which returns "
                "outputs, targets and ids of a batch.",
            )
        *inputs, targets, ids = batch
        return model(*on_device(inputs, device)), targets, ids

    return ask


def on_device(value: Any, device: torch.device) -> Any:
    """The same with every tensor on the device."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, Mapping):
        return {name: on_device(one, device) for name, one in value.items()}
    return [on_device(one, device) for one in value] if isinstance(value, list | tuple) else value


def _sized(value: Any) -> bool:
    return hasattr(value, "__len__")


def taken(batch: dict[str, Any], names: Sequence[str]) -> Any:
    for name in names:
        if name in batch:
            return batch.pop(name)
    raise UserError(
        f"A batch has the keys {', '.join(map(str, batch))}.",
        f"One of {', '.join(names)} is asked for.",
        "Wrap the dataset with rec.wrap(dataset), or give forward=, which returns outputs, targets and ids of a batch.",
    )
