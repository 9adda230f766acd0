"""An ``nn.Module``, or a function that returns one, handed over from Python: known by this process alone."""

import copy
import hashlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.models.sources import register
from attribution.models.sources.base import Source, Wanted, made

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = Path("model", "weights.safetensors")  # in the project's folder
_objects: dict[str, Any] = {}  # by the name behind the colon


@register("given")
class Given(Source):
    """``given:NAME-HASH``: the hash is of a module's architecture and weights, or of a function's source."""

    title = "A network handed over from Python"
    summary = (
        "Project.create(..., model=net): an nn.Module, or a function that returns one. Results open everywhere; what "
        "asks the network needs project.attach(model=net) in each process."
    )
    example = "given:NAME"

    def build(self, rest: str, wanted: Wanted) -> "nn.Module":
        """See ``Source.build``: a copy of the module with the weights that it was handed over with, or what the
        function returns now."""
        if rest not in _objects:
            raise UserError(
                f"The network {rest.rpartition('-')[0]!r} was handed over from Python, and this process does not have "
                "it.",
                "Only its weights are in the project.",
                "In Python: project = Project.open(...); project.attach(model=net); then ask there. For jobs, the app "
                "and the shell name its function in a file instead: --model FILE.py:FUNCTION.",
            )
        found = _objects[rest]
        if _is_module(found):
            return made(f"given:{rest}", lambda: copy.deepcopy(found))
        return made(f"given:{rest}", lambda: _called(found, wanted))

    def checkpoints(self, rest: str, outputs: int, arguments: Mapping[str, Any]) -> tuple[str, ...]:
        """See ``Source.checkpoints``: a module's own weights."""
        return ("builder",) if _is_module(_objects.get(rest)) else ()

    def said(self, rest: str, arguments: Mapping[str, Any]) -> list[str]:
        """See ``Source.said``."""
        if not _is_module(_objects.get(rest)):
            return []
        return [
            "Trainings start from the weights that the module was handed over with; hand over a function that builds "
            "it for fresh ones."
        ]


def hand_over(net: Any) -> str:
    """The ``given:NAME-HASH`` by which this process knows the module or function from now on. A module is copied: it
    may be trained on. ``UserError`` for anything else."""
    if _is_module(net):
        kept = made(_name(net), lambda: copy.deepcopy(net).cpu())
        rest = f"{_name(net)}-{architecture(kept)}{_weights(kept)}"
    elif callable(net):
        kept = net
        rest = f"{_name(net)}-{_source(net)}"
    else:
        raise UserError(
            f"model is {type(net).__name__}.",
            "It is an nn.Module, a function that returns one, or a ModelConfig.",
            "Hand one of them over.",
        )
    _objects[rest] = kept
    return f"given:{rest}"


def attach(name: str, net: Any, state: "Mapping[str, Any] | None" = None) -> None:
    """Make ``net`` the network that a project's ``given:NAME-HASH`` means in this process, with the weights ``state``
    where it is a module. ``UserError`` for one of another architecture."""
    rest = name.partition(":")[2]
    if not _is_module(net):
        if not callable(net) or _source(net) != rest.rpartition("-")[2]:
            raise _another(rest, net)
        _objects[rest] = net
        return
    kept = made(_name(net), lambda: copy.deepcopy(net).cpu())
    if not rest.rpartition("-")[2].startswith(architecture(kept)):
        raise _another(rest, net)
    if state is not None:
        kept.load_state_dict(state)
    _objects[rest] = kept


def keep_weights(name: str, project: Path) -> None:
    """Write the weights of a module into its project, so that another process can go on with them."""
    found = _objects.get(name.partition(":")[2]) if name.startswith("given:") else None
    if found is not None and _is_module(found):
        from attribution.models.checkpoints import save_checkpoint

        save_checkpoint(found, project / WEIGHTS)


def attach_to(name: str, project: Path, net: Any) -> None:
    """``attach`` with the weights that a project keeps; ``UserError`` for a project whose network was not handed
    over."""
    if not name.startswith("given:"):
        raise UserError(
            f"The project's network is {name}.",
            "It is made without an object of Python.",
            "Attach nothing; only networks of Project.create(..., model=net) need it.",
        )
    from attribution.models.weight_files import read

    attach(name, net, read(project / WEIGHTS).tensors if (project / WEIGHTS).is_file() else None)


def architecture(net: "nn.Module") -> str:
    """Hash of what a network is built of, without its weights: its layers as they print, names, shapes and types."""
    told = [repr(net), *(f"{key}:{tuple(one.shape)}:{one.dtype}" for key, one in sorted(net.state_dict().items()))]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


def _weights(net: "nn.Module") -> str:
    from attribution.models.checkpoints import weights_hash

    return weights_hash(net)[:8]


def _source(function: Any) -> str:
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):  # typed in at a prompt, or a class of C
        text = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', repr(type(function)))}"
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _called(function: Callable[..., Any], wanted: Wanted) -> Any:
    from attribution.datasets.handed import Inputs
    from attribution.models.own_function import accepted, offered

    return function(**accepted(function, offered(wanted.info, Inputs("raw")), _name(function), wanted.arguments))


def _name(net: Any) -> str:
    said = getattr(net, "__name__", "") or type(net).__name__
    return re.sub(r"\W", "", said) or "network"


def _is_module(net: Any) -> bool:
    from torch import nn

    return isinstance(net, nn.Module)


def _another(rest: str, net: Any) -> UserError:
    return UserError(
        f"This {_name(net)} is another network than {rest!r}, which the project was made with.",
        "The project's weights would not be its own.",
        "Attach the same network: the same layers, sizes and types.",
    )
