"""Which weights of a network a recipe leaves as they are."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from attribution.errors import UserError

ALL_BUT_LAST = "all-but-last"


def freeze(model: nn.Module, patterns: Sequence[str]) -> nn.Module:
    """The same model, with the weights that ``patterns`` name marked as not trained.

    A pattern is a parameter's name with * and ?, the name of a module (all of its weights), or all-but-last. Running
    means of batch normalisation go on following the data. ``UserError`` for one that names nothing, and where nothing
    is left to train.
    """
    names = [name for name, parameter in model.named_parameters()]
    for pattern in patterns:
        found = _all_but_last(model) if pattern == ALL_BUT_LAST else [name for name in names if _means(pattern, name)]
        if not found:
            raise UserError(
                f"freeze names {pattern!r}, and no weights of the model are called so.",
                "They would be trained.",
                f"There are, for example: {', '.join([*names[:3], *names[-2:]])}.",
            )
        for name in found:
            model.get_parameter(name).requires_grad_(False)
    if patterns and not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError(
            f"freeze ({', '.join(patterns)}) leaves no weights to train.",
            "The model would stay as it is.",
            f"Name fewer, or {ALL_BUT_LAST}.",
        )
    return model


def _means(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or name.startswith(f"{pattern}.")


def _all_but_last(model: nn.Module) -> list[str]:
    """Every weight outside the last layer that has any of its own."""
    layers = [name for name, module in model.named_modules() if list(module.parameters(recurse=False))]
    last = dict(model.get_submodule(layers[-1]).named_parameters(recurse=False)) if layers else {}
    kept = {id(parameter) for parameter in last.values()}
    return [name for name, parameter in model.named_parameters() if id(parameter) not in kept]
