"""The built-in networks: small, without batch-coupled state, so every sample has its own gradient.

To add one: a file in this folder with ``@register("name", "modality", ...)`` on a function ``(info, width) ->
nn.Module``.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from attribution.datasets.dataset import DatasetInfo
from attribution.errors import UserError
from attribution.modalities import modalities
from attribution.registry import Registry
from attribution.tasks import task_of

models = Registry("model", "attribution.models")
NUMERIC = "numeric"  # any kind of data whose inputs are numbers of one shape
PICTURE = "image"  # (C, H, W), be it of pictures or of what a transform gives


def register(name: str, *modalities: str) -> Callable[[Any], Any]:
    """Decorator that files a builder ``(info, width) -> nn.Module`` under ``name`` for the modalities it can read."""

    def put(builder: Any) -> Any:
        builder.modalities = modalities
        return models.register(name)(builder)

    return put


def reads(builder: Any, modality: str, shape: Sequence[int] = ()) -> bool:
    """Whether a network takes this kind of data; with ``shape``, what a transform gives of it."""
    if shape:
        return NUMERIC in builder.modalities or (PICTURE in builder.modalities and len(shape) == 3)
    taken = {modality} if modalities.get(modality).tokens else {modality, NUMERIC}
    return not taken.isdisjoint(builder.modalities)


def names_for(modality: str, shape: Sequence[int] = ()) -> list[str]:
    """Names of the built-in networks that read this modality (or what a transform gives), the automatic choice
    first."""
    fitting = [name for name in models.names() if reads(models.get(name), modality, shape)]
    first = usual_for(shape) if shape else modalities.get(modality).network
    return sorted(fitting, key=lambda name: (name != first, name))


def usual_for(shape: Sequence[int]) -> str:
    """The network that ``auto`` means for tensors of a transform: pictures are convolved, features are told apart by a
    plane."""
    return "cnn" if len(shape) == 3 else "logistic"


@register("logistic", "image", "tabular", NUMERIC)
def logistic(info: "DatasetInfo", width: int) -> nn.Module:
    """A linear model of the raw input (for classes: multinomial logistic regression); ``width`` is not used."""
    return nn.Sequential(nn.Flatten(), nn.Linear(_size(info.shape), outputs(info)))


@register("mlp", "image", "tabular", NUMERIC)
def mlp(info: "DatasetInfo", width: int) -> nn.Module:
    """Two hidden layers of ``width`` (128) rectified units."""
    width = width or 128
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(_size(info.shape), width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, outputs(info)),
    )


@register("cnn", "image", "array")
def cnn(info: "DatasetInfo", width: int) -> nn.Module:
    """Two 3x3 convolutions (``width`` = 16 and twice that), each halved by max pooling, then 64 hidden units; 106,000
    weights at 28x28."""
    _require_side(info, "cnn", 4)
    channels, height, breadth = info.shape
    width = width or 16
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(width, 2 * width, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * (height // 4) * (breadth // 4), 64),
        nn.ReLU(),
        nn.Linear(64, outputs(info)),
    )


@register("resnet", "image", "array")
def resnet(info: "DatasetInfo", width: int) -> nn.Module:
    """Three residual stages (``width`` = 16, 32, 64 channels) with group normalisation and global average pooling;
    78,000 weights.

    Group normalisation (Wu & He 2018) looks at one sample at a time, so per-sample gradients exist in train mode too.
    """
    _require_side(info, "resnet", 4)
    width = width or 16
    return nn.Sequential(
        nn.Conv2d(info.shape[0], width, 3, padding=1, bias=False),
        _norm(width),
        nn.ReLU(),
        ResidualBlock(width, width, 1),
        ResidualBlock(width, 2 * width, 2),
        ResidualBlock(2 * width, 4 * width, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * width, outputs(info)),
    )


@register("text", "text")
def text(info: "DatasetInfo", width: int) -> nn.Module:
    """Mean of word embeddings (``width`` = 64) over the words present, one hidden layer, then the classes."""
    return TextNet(len(info.preprocessing["vocabulary"]), width or 64, outputs(info))


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: ``relu(f(x) + shortcut(x))``."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, padding=1, bias=False)
        self.first_norm = _norm(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = _norm(after)
        same = stride == 1 and before == after
        self.shortcut: nn.Module = nn.Identity() if same else nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.first_norm(self.first(x)))  # (b, c, h, w)
        return torch.relu(self.second_norm(self.second(hidden)) + self.shortcut(x))


class TextNet(nn.Module):
    """Bag of embeddings. Token 0 is padding: it is masked out of the mean, so its vector never matters and gets no
    gradient."""

    def __init__(self, tokens: int, width: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.hidden = nn.Linear(width, width)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        present = (x != 0).unsqueeze(-1).to(self.embedding.weight.dtype)  # (b, t, 1)
        mean = (self.embedding(x) * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)  # (b, d)
        return self.head(torch.relu(self.hidden(mean)))


def outputs(info: "DatasetInfo") -> int:
    """Width of the last layer, as the task says: a logit per class or label, one number."""
    return int(task_of(info).out_features(info))


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for side in shape:
        size *= side
    return size


def _norm(channels: int) -> nn.GroupNorm:
    groups = next(count for count in (8, 4, 2, 1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


def _require_side(info: "DatasetInfo", name: str, least: int) -> None:
    if len(info.shape) != 3:
        raise UserError(
            f"{name!r} takes samples of three dimensions (channels, height, width); these have {len(info.shape)}.",
            "It convolves over height and width.",
            "Use mlp or logistic, or a network of your own.",
        )
    if min(info.shape[1:]) < least:
        raise UserError(
            f"Images of {info.shape[1]}x{info.shape[2]} pixels are too small for {name!r}.",
            f"Its pooling needs at least {least} pixels a side.",
            "Use mlp or logistic, or import the images with a larger image_size.",
        )
