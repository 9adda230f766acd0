"""A transform handed over from Python: its tensors are kept with the project, so that others can read them without
it."""

import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from attribution.errors import UserError
from attribution.settings.configs import ModelConfig, from_dict, to_dict
from attribution.transforms._needs import library
from attribution.transforms.base import Transform, register

TRANSFORMS = ("transform", "train_transform")  # settings of ``ModelConfig`` that take a callable
_HELD: dict[str, Callable[[Any], Any]] = {}  # in this process, by token


def named(transform: Any, training: bool = False) -> str:
    """What ``ModelConfig.transform`` says for what was handed over: words as they are, "" for None, a timm data config
    (``timm.data.resolve_data_config``) as the transform that timm makes of it, any other callable by its hash."""
    if transform is None or isinstance(transform, str):
        return transform or ""
    if isinstance(transform, Mapping):
        data = library("timm.data", "of a data config")
        return hold(data.create_transform(**transform, is_training=training))
    return hold(transform)


def with_transforms(model: ModelConfig, handed: Mapping[str, Any]) -> ModelConfig:
    """The config with what was handed over beside it, by the names in ``TRANSFORMS``."""
    for name, transform in handed.items():
        if said := named(transform, training=name == "train_transform"):
            model = from_dict(ModelConfig, {**to_dict(model), name: said})
    return model


def attach(said: str, transform: Any, training: bool = False) -> None:
    """Hand the transform that a project was made with to this process; ``UserError`` for another one."""
    found = named(transform, training)
    if found != said:
        raise UserError(
            f"The transform handed over is {found}, and the project was made with {said or 'none'}.",
            "Its scores are about inputs that the latter made.",
            "Hand over the same one, or make a new project.",
        )


def hold(transform: Callable[[Any], Any]) -> str:
    """Keep a callable for this process; what ``ModelConfig.transform`` says for it."""
    if not callable(transform):
        raise UserError(
            f"The transform is a {type(transform).__name__}.",
            "It is called with a picture (PIL), a text (str) or a table's row (dict).",
            "Give a function, such as a torchvision Compose, or words, such as 'imagenet'.",
        )
    token = _token(transform)
    _HELD[token] = transform
    return f"given:{token}"


def _token(transform: Callable[[Any], Any]) -> str:
    """Name and hash of what a callable says of itself: its text, and its source where that can be read."""
    said = re.sub(r" at 0x[0-9a-f]+", "", repr(transform))
    try:
        source = inspect.getsource(transform if inspect.isroutine(transform) else type(transform))
    except (OSError, TypeError):
        source = ""
    name = getattr(transform, "__name__", type(transform).__name__)
    name = re.sub(r"\W", "", name) or "transform"
    return f"{name}-{hashlib.sha256(f'{said}{source}'.encode()).hexdigest()[:12]}"


@register("given")
class GivenTransform(Transform):
    """A callable of this process."""

    written = "given"
    summary = "A callable from Python: Project.create(..., transform=CALLABLE)."
    always_kept = True

    def __init__(self, rest: str, dataset: Any, shape: Any = (), training: bool = False) -> None:
        super().__init__(rest, dataset, shape, training)
        if rest not in _HELD:
            raise UserError(
                f"The transform {rest} was handed over from Python, and this process does not have it.",
                "It is needed to make tensors that are not kept with the project.",
                f"In Python: project.attach({'train_transform' if training else 'transform'}=...), with the same one.",
            )

    def one(self, original: Any) -> Any:
        return _HELD[self.rest](original)
