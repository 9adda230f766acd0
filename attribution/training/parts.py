"""Which weights of a trained network influence is asked of."""

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from attribution.errors import UserError

LAST = "last"
ADAPTERS = "adapters"
LINEAR = "linear"
_ADAPTERS = ("*lora_*", "*adapter*", "*modules_to_save*", "*ia3_*", "*prompt_*", "*prefix_*")


def attend(model: nn.Module, layers: Sequence[str], leaving: Collection[str] = ()) -> nn.Module:
    """The same model with only the weights that ``layers`` name, and ``leaving`` does not, marked for gradients.

    A pattern is a parameter's name with * and ?, the name of a module (all of its weights), ``last`` (the last layer
    that has weights), ``adapters`` (LoRA and its like) or ``linear`` (linear layers). What was frozen stays so.
    ``UserError`` for a pattern that names nothing, and where nothing that is trained is left.
    """
    chosen = {name for pattern in layers for name in _named(model, pattern)}
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    left = [name for name in trained if (not layers or name in chosen) and name not in leaving]
    if (layers or leaving) and not left:
        raise UserError(
            f"Of the weights that {', '.join(layers) or 'the model has'} names, none is trained and known.",
            "There is nothing to attribute.",
            f"Name others with layers, for example {', '.join(trained[:3])}." if layers else "Use ip, or influence-cg.",
        )
    for name in set(trained) - set(left):
        model.get_parameter(name).requires_grad_(False)
    return model


def coverage(model: nn.Module, covered: Collection[str]) -> dict[str, Any]:
    """How many of the model's weights influence covers, ``{"weights", "of", "left_out"}``, with the names of parameters
    that it leaves out."""
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    left_out = [name for name in sizes if name not in covered]
    total = sum(sizes.values())
    return {"weights": total - sum(sizes[name] for name in left_out), "of": total, "left_out": left_out}


def _named(model: nn.Module, pattern: str) -> list[str]:
    """The parameters that a pattern means."""
    names = [name for name, _ in model.named_parameters()]
    if pattern == LAST:
        layers = [name for name, module in model.named_modules() if list(module.parameters(recurse=False))]
        found = [name for name in names if layers and name.startswith(f"{layers[-1]}.")] or names
    elif pattern == ADAPTERS:
        found = [name for name in names if any(fnmatchcase(name, each) for each in _ADAPTERS)]
    elif pattern == LINEAR:
        found = [
            f"{name}.{own}" if name else own
            for name, module in model.named_modules()
            if isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"
            for own, _ in module.named_parameters(recurse=False)
        ]
    else:
        found = [name for name in names if fnmatchcase(name, pattern) or name.startswith(f"{pattern}.")]
    if not found:
        raise UserError(
            f"layers names {pattern!r}, and no weights of the model are called so.",
            "Influence would be of nothing.",
            f"There are, for example: {', '.join([*names[:3], *names[-2:]])}; or say {LAST}, {ADAPTERS} or {LINEAR}.",
        )
    return found
