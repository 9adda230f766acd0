"""The order of a model's classes, where it says one: the same as the data's, put into it, or refused."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from attribution.errors import UserError


class Ordered(nn.Module):
    """A model whose outputs are put into the data's order of classes: output j is the model's output ``order[j]``."""

    def __init__(self, net: nn.Module, order: list[int]) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("order", torch.tensor(order), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)[:, self.order]


def in_order(model: nn.Module, classes: tuple[str, ...], where: str) -> nn.Module:
    """The model with its outputs in the order of ``classes``; itself where it says no order or has that one.

    A model says its order by ``class_names`` (a sequence) or ``id2label`` (number to name), its own or its
    ``config``'s. Case does not matter. ``UserError`` where as many names as there are classes are other names: which
    output is which class cannot be told then.
    """
    names = own_names(model)
    if (
        names is None
        or len(names) != len(classes)
        or all(name.lower() == f"label_{place}" for place, name in enumerate(names))
    ):
        return model
    if list(names) == list(classes):
        return model
    place = {name.strip().casefold(): index for index, name in enumerate(names)}
    if len(place) != len(names) or place.keys() != {name.strip().casefold() for name in classes}:
        raise UserError(
            f"The model of {where} calls its classes {_listed(names)}; the data's are {_listed(classes)}.",
            "Which output belongs to which class cannot be told, and a wrong order would make every result wrong.",
            "Give the model `class_names` with the data's names in the order of its outputs (or take them away).",
        )
    order = [place[name.strip().casefold()] for name in classes]
    return model if order == list(range(len(classes))) else Ordered(model, order)


def own_names(model: nn.Module) -> list[str] | None:
    """The class names that a model carries, by output; None where it carries none."""
    for owner in (model, getattr(model, "config", None)):
        names = _of(owner, "class_names")
        if isinstance(names, list | tuple) and all(isinstance(name, str | int) for name in names):
            return [str(name) for name in names]
        numbered = _of(owner, "id2label")
        if isinstance(numbered, Mapping) and {str(key) for key in numbered} == {
            str(place) for place in range(len(numbered))
        }:
            by_place = {str(key): str(value) for key, value in numbered.items()}
            return [by_place[str(place)] for place in range(len(by_place))]
    return None


def _of(owner: Any, name: str) -> Any:
    return owner.get(name) if isinstance(owner, Mapping) else getattr(owner, name, None)


def _listed(names: Any) -> str:
    return ", ".join(list(names)[:6]) + (" ..." if len(names) > 6 else "")
