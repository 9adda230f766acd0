"""Networks of torchvision by name, with the last layer as wide as the data ask."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.models.sources import register
from attribution.models.sources.base import Source, Wanted, library, made, take_fitting

if TYPE_CHECKING:
    from torch import nn


@register("torchvision")
class Torchvision(Source):
    """``torchvision.models.get_model(NAME, num_classes=...)``."""

    title = "A network of torchvision"
    summary = (
        "torchvision:NAME, one of torchvision.models.list_models(). Random weights; weights=DEFAULT takes pretrained "
        "ones that are in torch's cache already, as nothing is downloaded."
    )
    example = "torchvision:resnet18"
    package = "torchvision"
    kinds = ("image",)

    def build(self, rest: str, wanted: Wanted) -> "nn.Module":
        """See ``Source.build``. The argument ``weights`` names an entry of the network's weights."""
        models = library("torchvision", f"torchvision:{rest}").models
        if rest not in (known := models.list_models()):
            near = difflib.get_close_matches(rest, known, 5) or known[:5]
            raise UserError(
                f"torchvision has no network {rest!r}.", "Its name is passed on.", f"Try one of: {', '.join(near)}."
            )
        given = dict(wanted.arguments)
        weights = given.pop("weights", None)
        extra = {"aux_logits": False, "init_weights": True} if rest in ("inception_v3", "googlenet") else {}
        network = made(
            f"torchvision:{rest}", lambda: models.get_model(rest, **{"num_classes": wanted.outputs, **extra, **given})
        )
        if weights:
            take_fitting(network, _cached(models, rest, str(weights)))
        return network

    def transform(self, rest: str, kind: str, arguments: Mapping[str, Any]) -> str:
        """See ``Source.transform``: that of the weights which it begins with."""
        return f"torchvision:{rest}" if kind == "image" and arguments.get("weights") else ""

    def said(self, rest: str, arguments: Mapping[str, Any]) -> list[str]:
        """See ``Source.said``."""
        if arguments.get("weights"):
            return [f"Trainings start from torchvision's weights {arguments['weights']}; the last layer is drawn anew."]
        return []


def _cached(models: Any, rest: str, weights: str) -> "Mapping[str, Any]":
    """The tensors of pretrained weights that lie in torch's cache; ``UserError`` saying where they have to be."""
    import torch

    from attribution.models.weight_files import read

    kinds = models.get_model_weights(rest)
    if weights not in (names := [*kinds.__members__, "DEFAULT"]):
        raise UserError(
            f"torchvision:{rest} has no weights {weights!r}.",
            "They would be the beginning of training.",
            f"Use one of: {', '.join(names)}.",
        )
    url = str(kinds[weights].url if weights in kinds.__members__ else kinds.DEFAULT.url)
    path = Path(torch.hub.get_dir(), "checkpoints", url.rpartition("/")[2])
    if not path.is_file():
        raise UserError(
            f"The weights {weights} of torchvision:{rest} are not on this machine.",
            f"Nothing is downloaded here; they would be at {path}.",
            f'Fetch them once: python -c \'import torchvision; torchvision.models.get_model("{rest}", '
            f'weights="{weights}")\'',
        )
    return read(path).tensors
