"""The transform that belongs to weights of torchvision; nothing is downloaded."""

from typing import Any

from attribution.errors import UserError
from attribution.transforms._needs import library
from attribution.transforms.base import Transform, register


@register("torchvision")
class TorchvisionTransform(Transform):
    """``weights.transforms()`` of ``torchvision:ResNet18_Weights.DEFAULT``, or of a model's default weights."""

    written = "torchvision:WEIGHTS"
    summary = (
        "What torchvision's weights were made with: torchvision:ResNet18_Weights.DEFAULT, or torchvision:resnet18."
    )
    kinds = ("image",)

    def __init__(self, rest: str, dataset: Any, shape: Any = (), training: bool = False) -> None:
        super().__init__(rest, dataset, shape, training)
        self.preset = _weights(rest).transforms()

    def one(self, original: Any) -> Any:
        return self.preset(original.convert("RGB"))


def _weights(rest: str) -> Any:
    models = library("torchvision.models", f"torchvision:{rest}")
    try:
        return models.get_weight(rest) if "." in rest else models.get_model_weights(rest).DEFAULT
    except (ValueError, KeyError, AttributeError) as error:
        raise UserError(
            f"torchvision knows no weights {rest!r}: {error}.",
            "Their preprocessing was asked for.",
            "Write for example torchvision:ResNet18_Weights.DEFAULT; torchvision.models.list_models() lists models.",
        ) from error
