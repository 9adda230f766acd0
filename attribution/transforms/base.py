"""The interface of a transform, and its plug-ins by name."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from attribution.datasets.dataset import Dataset
from attribution.errors import UserError
from attribution.registry import Registry
from attribution.transforms.arrays import as_array, padded

transforms = Registry("transform", "attribution.transforms")
register = transforms.register


class Transform(ABC):
    """Makes a model's input of a sample as the user has it (``Dataset.originals``).

    ``ModelConfig.transform`` says which: a plug-in's name, ``NAME:REST`` with what it asks for, or what its ``takes``
    knows. A subclass is one file: the words below, ``one`` (or ``batch``), and what of ``identity``, ``scale``,
    ``code`` and ``placed`` differs.
    """

    name: ClassVar[str]
    written: ClassVar[str]  # as it is typed: "timm:NAME"
    summary: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]] = ()  # of data that it takes; (): any
    always_kept: ClassVar[bool] = False  # its tensors are kept on disk, whatever their size

    def __init__(self, rest: str, dataset: Dataset, shape: Sequence[int] = (), training: bool = False) -> None:
        """``rest``: what stands behind the name. ``shape``: that of one tensor, () while it is not known yet.
        ``training``: it is to draw random augmentations where it knows any."""
        self.rest = rest
        self.dataset = dataset
        self.shape = tuple(shape)
        self.training = training

    @property
    def said(self) -> str:
        """As it was asked for."""
        return self.rest if self.takes(self.rest) else f"{self.name}:{self.rest}".removesuffix(":")

    @abstractmethod
    def one(self, original: Any) -> Any:
        """A sample's input: a tensor, an array, or a mapping with ``pixel_values`` or ``input_ids`` (as Hugging Face
        processors give). Random draws come from NumPy's, Python's and torch's global states, which are seeded."""

    def batch(self, originals: Sequence[Any]) -> np.ndarray:
        """Inputs (b, ...) float32 or int64 of several samples; here one by one."""
        return np.stack([padded(as_array(self.one(original)), self.shape) for original in originals])

    def notes(self) -> list[str]:
        """What the user should know of what it made of the data, in lines, once its shape was found."""
        return []

    @classmethod
    def takes(cls, said: str) -> bool:
        """Whether this is the transform meant by ``said``, where it is no plug-in's name with or without ``:REST``."""
        return False

    @classmethod
    def identity(cls, rest: str) -> str:
        """What it is by content: enters the keys of all that is made with it."""
        return f"{cls.name}:{rest}" if rest else cls.name

    @classmethod
    def scale(cls, rest: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation per channel by which it scales pictures in 0..1; empty where that is not known."""
        return (), ()

    @classmethod
    def code(cls, rest: str) -> Path | None:
        """The file of the user's own that it runs."""
        return None

    @classmethod
    def placed(cls, rest: str) -> str:
        """``rest`` with its path in full: a job has another working directory."""
        return rest


def kind_of(said: str) -> tuple[type[Transform], str]:
    """The plug-in that ``ModelConfig.transform`` means, and what stands behind its name; ``UserError`` for none."""
    said = said.strip()
    for found in transforms.each():
        if found.takes(said):
            return found, said
    name, _, rest = said.partition(":")
    if transforms.find(name) is None:
        known = ", ".join(one.written for one in transforms.each())
        raise UserError(
            f"There is no transform {said!r}.",
            "It says how a sample becomes the model's input.",
            f"Write one of: {known}.",
        )
    return transforms.get(name), rest


def identity_of(said: str) -> str:
    """What a transform is by content; "" for none."""
    if not said:
        return ""
    kind, rest = kind_of(said)
    return kind.identity(rest)


def scale_of(said: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation by which it scales pictures in 0..1; empty where that is not known."""
    kind, rest = kind_of(said)
    return kind.scale(rest)


def code_of(said: str) -> Path | None:
    """The user's own file that a transform runs; None for any other."""
    if not said:
        return None
    kind, rest = kind_of(said)
    return kind.code(rest)


def placed(said: str) -> str:
    """The same with paths in full."""
    if not said:
        return said
    kind, rest = kind_of(said)
    full = kind.placed(rest)
    return full if kind.takes(said) else f"{kind.name}:{full}" if full else kind.name
