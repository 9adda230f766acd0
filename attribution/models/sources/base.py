"""What every source of networks offers: a network of the right width by name, and what makes two of them the same."""

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from attribution.datasets.dataset import DatasetInfo


@dataclass(frozen=True)
class Wanted:
    """What a network is to be: for data like ``info``, with ``outputs`` outputs (called ``names``, where there is one
    for each class), made with these ``arguments`` of the user's."""

    info: "DatasetInfo"
    outputs: int
    names: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)


class Source(ABC):
    """One source. Its file imports neither torch nor a library outside of functions: lists of sources are read by pages
    and help texts."""

    name: ClassVar[str]
    title: ClassVar[str]  # plain words for the user
    summary: ClassVar[str]  # what is written behind the colon, and where weights come from
    example: ClassVar[str]
    package: ClassVar[str] = ""  # that has to be installed, as pip calls it
    kinds: ClassVar[tuple[str, ...]] = ()  # of data that forms offer it for

    @classmethod
    def reads(cls, kind: str) -> bool:
        """Whether a form offers it for this kind of data."""
        return kind in cls.kinds

    @abstractmethod
    def build(self, rest: str, wanted: Wanted) -> "nn.Module":
        """The network, on the CPU; random weights follow torch's seed.

        ``UserError`` for a name that it does not know, an argument that does not work, or a missing package.
        """

    def identity(self, rest: str) -> dict[str, Any]:
        """What else than name and arguments tells two untrained networks apart: the library's version."""
        return {"library": f"{self.package} {version(self.package)}"} if self.package else {}

    def placed(self, rest: str) -> str:
        """The same name wherever it is read: paths in full."""
        return rest

    def checkpoints(self, rest: str, outputs: int, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """Trained weights that come with the name and have as many outputs; none where they are only a beginning."""
        return ()

    def transform(self, rest: str, kind: str, arguments: Mapping[str, Any]) -> str:
        """The preprocessing of this kind of data that belongs to the network's weights, as ``ModelConfig.transform``
        names it; "" for none known."""
        return ""

    def unprepared(self, rest: str, kind: str) -> list[str]:
        """What the user should know where nobody says how samples become inputs, in lines."""
        if kind != "image" or not self.reads(kind):
            return []
        return [
            "No preprocessing was named: pictures are handed over as 0 to 1, at one size. If the weights were trained "
            f"on other inputs, name it: --transform {self.name}:{rest}, or imagenet."
        ]

    def recipe(self, rest: str, arguments: Mapping[str, Any], kind: str = "") -> dict[str, Any]:
        """How a network that begins with these weights is usually trained on this kind of data, where other than what
        suits the data."""
        return {}

    def task(self, rest: str) -> str:
        """The task that the network says it was trained for, by its registered name; "" where it says none."""
        return ""

    def said(self, rest: str, arguments: Mapping[str, Any]) -> list[str]:
        """What the user should know of the network's weights, in lines."""
        return []


def library(package: str, needed_for: str) -> Any:
    """The module of an installed package; ``UserError`` with the command that installs it."""
    try:
        return importlib.import_module(package)
    except ModuleNotFoundError as error:
        raise UserError(
            f"The Python package {error.name or package} is not installed.",
            f"{needed_for} needs it.",
            f"Install it: pip install {error.name or package}",
        ) from error
    except Exception as error:  # one built for another torch raises whatever it meets
        why = " ".join(str(error).split())[:200]
        raise UserError(
            f"The Python package {package} cannot be imported: {type(error).__name__}: {why}.",
            f"{needed_for} needs it; it may be built for another torch.",
            f"Install the one that belongs to this torch: pip install --upgrade {package}",
        ) from error


def version(package: str) -> str:
    """The installed version; "" where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def take_fitting(network: "nn.Module", weights: "Mapping[str, Tensor]", last: bool = True) -> list[str]:
    """Copy the weights whose name and shape fit into the network, in place; the names of those of the network that keep
    their own values."""
    own = network.state_dict()
    fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
    network.load_state_dict(fitting, strict=False)
    return [name for name in own if name not in fitting]


def made(where: str, build: Any) -> Any:
    """What ``build`` returns; what a library refuses is told in its own words."""
    try:
        return build()
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:
        why = " ".join(str(error).split())[:300]
        raise UserError(
            f"{where} cannot be made: {type(error).__name__}: {why}.",
            "Without it there is no model.",
            "Correct its name or its arguments (--arguments NAME=VALUE).",
        ) from error
