"""Networks by the user's own ``FILE.py:FUNCTION``, which runs only when the file is trusted."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from attribution.datasets.dataset import DatasetInfo
from attribution.datasets.handed import Inputs
from attribution.errors import UserError
from attribution.models.order import in_order
from attribution.models.packed import takes_packed
from attribution.models.returned import returns_outputs
from attribution.models.user_code import guarded, kept_state, remember, words
from attribution.models.zoo import outputs
from attribution.tasks import USUAL, task_of
from attribution.trust.imports import code_file
from attribution.trust.loading import running
from attribution.trust.question import look


def from_file(name: str, info: "DatasetInfo", inputs: Inputs, arguments: Mapping[str, Any], trusted: bool) -> nn.Module:
    """What ``FILE.py:FUNCTION`` returns for data like these, on the CPU, in train mode.

    ``UserError`` for a file that is not trusted and a function that fails, asks for what nobody gives it, or returns
    no ``nn.Module``.
    """
    path = code_file(name)
    function_name = name.rpartition(":")[2]
    assert path is not None
    if not trusted:
        raise look(path).refusal()
    where = f"{path.name}:{function_name}"
    remember(look(path).files)
    try:
        with (
            kept_state(),
            guarded(f"{where} built the model"),
            running(path) as module,
        ):  # it may import its neighbours, as a script could
            function = _find(module, function_name, path)
            return usable(function(**accepted(function, offered(info, inputs), where, arguments)), info, where)
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:  # in none of its own lines: a builder that is a class of torch, or an import that fails
        raise UserError(
            f"{where} failed with {words(error)}.", "Without it there is no model.", "Mend the function."
        ) from error


def usable(model: Any, info: "DatasetInfo", where: str) -> nn.Module:
    """What a builder returned, on the CPU, in train mode, fed with one tensor, returning the outputs alone, in the
    data's order of classes; ``UserError`` for what is no such model."""
    if not isinstance(model, nn.Module):
        raise UserError(
            f"{where} returned {type(model).__name__}.", "A torch nn.Module is needed.", "Return the model."
        )
    lazy = [
        key
        for key, value in model.named_parameters()
        if isinstance(value, nn.parameter.UninitializedParameter) or value.is_meta
    ]
    if lazy:
        raise UserError(
            f"{where} returned a model whose {lazy[0]} has no values yet.",
            "Layers that take their size from the first input, or lie on the meta device, cannot be seeded and loaded.",
            "Give their sizes: the function may take `shape` and `classes`.",
        )
    for name in ("cpu", "eval", "train"):
        if (found := getattr(model, name)()) is not model:
            raise UserError(
                f"{name}() of the model of {where} returns {type(found).__name__}.",
                "Every nn.Module returns itself there, and this is counted on.",
                f"End it with: return super().{name}(...).",
            )
    returns_outputs(takes_packed(model), task_of(info))
    return in_order(model, ordered(info), where).train()


def ordered(info: "DatasetInfo") -> tuple[str, ...]:
    """The names that outputs may be put in the order of: none where there is not one output for each."""
    return info.classes if outputs(info) == len(info.classes) else ()


def _find(module: Any, name: str, path: Path) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if not callable(function):
        known = sorted(
            key
            for key, value in vars(module).items()
            if callable(value) and getattr(value, "__module__", "") == module.__name__
        )
        raise UserError(
            f"{path.name} has no function {name!r}.",
            "It builds the model.",
            f"Use one of: {', '.join(known) or 'none found'}.",
        )
    return function


def offered(info: "DatasetInfo", inputs: Inputs) -> dict[str, Any]:
    """What a builder may ask for by the name of its parameters."""
    told = info.preprocessing
    columns = [column for column in told.get("columns") or [] if isinstance(column, dict)]
    known: dict[str, Any] = {
        "classes": len(info.classes) or outputs(info),
        "outputs": outputs(info),
        "task": str(info.task.get("name", USUAL)),
        "shape": tuple(info.shape),
        "class_names": tuple(info.classes),
    }
    known |= {"columns": [dict(column) for column in columns], "vocabulary": list(told.get("vocabulary", []))}
    known |= {
        "mean": list(told.get("mean", [float(one.get("mean", 0.0)) for one in columns])),
        "std": list(told.get("std", [float(one.get("std", 1.0)) for one in columns])),
    }
    return known | {"inputs": inputs.kind}


def accepted(
    function: Callable[..., Any], offered: Mapping[str, Any], where: str, arguments: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What the function is called with: ``arguments`` of the user's, and of what is ``offered`` that which it asks for;
    one with ``**kwargs`` gets ``classes`` and ``shape`` and what it names."""
    parameters = inspect.signature(function).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    given = dict(arguments or {})
    wanted = {name: value for name, value in offered.items() if name in parameters}
    if open_ended:
        wanted |= {name: offered[name] for name in ("classes", "shape")}
    _check_asked(parameters, {**offered, **given}, where, offered)
    extra = [name for name in given if name not in parameters and not open_ended]
    if extra:
        raise UserError(
            f"{where} takes no argument {extra[0]!r}.",
            "It would be ignored.",
            f"It takes {', '.join(parameters) or 'none'}.",
        )
    return wanted | given


def _check_asked(parameters: Mapping[str, Any], there: Mapping[str, Any], where: str, offered: Iterable[str]) -> None:
    """``UserError`` for a parameter without a default that nobody gives."""
    plain = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    for key, one in parameters.items():
        if one.default is one.empty and one.kind not in plain and key not in there:
            raise UserError(
                f"{where} needs {key!r}, which nobody gives it.",
                "It is called without it.",
                f"Give it a default, or --arguments {key}=VALUE; it may ask for {', '.join(offered)}.",
            )
