"""A transform handed over from Python: its tensors are kept with the project, so that others can read them without
it."""

import hashlib
import inspect
import re
from collections.abc import Callable
from typing import Any

from attribution.errors import UserError
from attribution.transforms.base import Transform, register

_HELD: dict[str, Callable[[Any], Any]] = {}  # in this process, by token


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
