"""From a model's name to a network: a built-in one, or the user's own function when its file is trusted."""

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import nn

from attribution.datasets.dataset import DatasetInfo
from attribution.datasets.handed import STANDARDISED, Inputs
from attribution.errors import UserError
from attribution.modalities import modalities
from attribution.models.check import check_model
from attribution.models.devices import seeded
from attribution.models.order import in_order
from attribution.models.user_code import guarded, kept_state, remember, words
from attribution.models.zoo import models, names_for, outputs, reads
from attribution.settings.configs import ModelConfig
from attribution.tasks import USUAL
from attribution.trust.imports import code_file
from attribution.trust.loading import running
from attribution.trust.question import code_hash, look

__all__ = ["build_model", "check_model", "identity", "inputs_for", "is_custom", "resolve"]
HELD = 4  # times its weights that a network in training takes: weights, gradients, momentum, and one to spare


def build_model(config: ModelConfig, info: "DatasetInfo", seed: int, *, trusted: bool = False) -> nn.Module:
    """A freshly initialised network for the dataset, on the CPU, in train mode.

    The same ``seed`` gives the same weights; the user's random state is left as it was. ``config.name`` is a built-in
    network, ``auto`` (by modality) or ``FILE.py:FUNCTION``, which is imported and called only when ``trusted`` is true
    and the user trusts that file (``attribution.trust``), with all that it imports, as it is now. Checkpoints are not
    loaded here. Raises ``UserError`` for an unknown or unfitting network, an untrusted file and a function that fails
    or returns no ``nn.Module``.
    """
    inputs = inputs_for(config)
    _check_inputs(inputs, info)
    if task := code_file(str(info.task.get("name", ""))):
        remember(look(task).files)
    with seeded(seed):
        network = _custom(config.name, info, inputs, trusted) if is_custom(config.name) else _built_in(config, info)
    network.datablame_inputs = inputs  # type: ignore[assignment]  # read by ``inputs_of``
    return network


def inputs_for(config: ModelConfig) -> Inputs:
    """What a model of this config is handed; ``auto`` is raw for the user's own code and for a ``mean`` or ``std`` of
    theirs."""
    own = bool(config.mean or config.std)
    kind = config.inputs if config.inputs != "auto" else "raw" if own or is_custom(config.name) else "standardised"
    if own and kind != "raw":
        raise UserError(
            f"A mean or std of your own was given with inputs={kind}.",
            "They are applied to raw inputs.",
            "Use inputs=raw, or leave them out.",
        )
    if kind == "standardised":
        return STANDARDISED
    return Inputs(kind, tuple(map(float, config.mean)), tuple(map(float, config.std)))


def _check_inputs(inputs: Inputs, info: "DatasetInfo") -> None:
    """``UserError`` for a mean or std that cannot be applied to this data."""
    kind = modalities.get(info.modality)
    for name, values in (("mean", inputs.mean), ("std", inputs.std)):
        if not values:
            continue
        if kind.tokens:
            raise UserError(f"{name} was given for {kind.title}.", "Token ids are not scaled.", f"Leave out {name}.")
        what = kind.axis
        if len(values) not in (1, info.shape[0]):
            raise UserError(
                f"{name} has {len(values)} numbers; the data has {info.shape[0]} {what}s.",
                "Each gets its own, or all the same.",
                f"Give 1 or {info.shape[0]} numbers.",
            )
        if not all(math.isfinite(value) and (name == "mean" or value > 0) for value in values):
            raise UserError(
                f"{name} is {', '.join(f'{value:g}' for value in values)}.",
                "Inputs would not be numbers.",
                "Give finite numbers" + (" above 0." if name == "std" else "."),
            )
    if inputs.kind == "tokens" and not kind.tokens and "tokens" not in kind.ways:
        raise UserError(
            f"inputs is tokens, but the data are {kind.title}.",
            f"Their {kind.size_unit} are no token ids.",
            "Use raw or standardised.",
        )


def _built_in(config: ModelConfig, info: "DatasetInfo") -> nn.Module:
    name = resolve(config.name, info.modality)
    builder = models.get(name)
    if not reads(builder, info.modality):
        raise UserError(
            f"The network {name!r} cannot read {info.modality} data.",
            f"It is made for {' and '.join(builder.modalities)} data.",
            f"Use one of: auto, {', '.join(names_for(info.modality))}.",
        )
    _check_memory(lambda: builder(info, config.width), f"{name} of width {config.width}")
    return builder(info, config.width)


def _check_memory(build: Callable[[], nn.Module], what: str) -> None:
    """Count the weights before any is made; ``UserError`` when a training of them would not fit into this machine's
    memory."""
    try:
        with torch.device("meta"):
            weights = sum(value.numel() for value in build().parameters())
    except (RuntimeError, OverflowError, TypeError):  # more than can be counted
        weights = 2**62
    free_bytes = psutil.virtual_memory().available
    if HELD * 4 * weights > free_bytes:
        raise UserError(
            f"{what} has {weights:,} weights." if weights < 2**62 else f"{what} has more weights than can be counted.",
            f"Training them takes about {HELD * 4 * weights / 1e9:,.1f} GB; {free_bytes / 1e9:.1f} GB of memory "
            "are free here.",
            "Make it narrower, or the inputs smaller.",
        )


def resolve(name: str, modality: str) -> str:
    """The network that ``name`` stands for: ``auto`` becomes the default of the modality."""
    return modalities.get(modality).network if name == "auto" else name


def is_custom(name: str) -> bool:
    """Whether ``name`` is the user's own ``FILE.py:FUNCTION``."""
    return ".py:" in name


def identity(config: ModelConfig, modality: str) -> dict[str, Any]:
    """What makes two untrained models the same: resolved name and width, for custom code also the hash of the file and
    its neighbours; and what it is handed, unless that is standardised."""
    path = code_file(config.name)
    name = config.name.rpartition(":")[2] if path else resolve(config.name, modality)
    code = code_hash(path) if path and path.exists() else ""
    return {"name": name, "width": config.width, "code": code, **inputs_for(config).request()}


def _custom(name: str, info: "DatasetInfo", inputs: Inputs, trusted: bool) -> nn.Module:
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
            return _usable(function(**_accepted(function, _offered(info, inputs), where)), _ordered(info), where)
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:  # in none of its own lines: a builder that is a class of torch, or an import that fails
        raise UserError(
            f"{where} failed with {words(error)}.", "Without it there is no model.", "Mend the function."
        ) from error


def _usable(model: Any, classes: tuple[str, ...], where: str) -> nn.Module:
    """What a builder returned, on the CPU, in train mode and in the data's order of classes; ``UserError`` for what is
    no such model."""
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
    return in_order(model, classes, where).train()


def _ordered(info: "DatasetInfo") -> tuple[str, ...]:
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


def _offered(info: "DatasetInfo", inputs: Inputs) -> dict[str, Any]:
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


def _accepted(function: Callable[..., Any], offered: dict[str, Any], where: str) -> dict[str, Any]:
    """What the function asks for; one with ``**kwargs`` gets ``classes`` and ``shape`` and what it names."""
    parameters = inspect.signature(function).parameters
    wanted = {name: value for name, value in offered.items() if name in parameters}
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        wanted |= {name: offered[name] for name in ("classes", "shape")}
    plain = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    unknown = [
        key
        for key, one in parameters.items()
        if one.default is one.empty and one.kind not in plain and key not in offered
    ]
    if unknown:
        raise UserError(
            f"{where} needs {unknown[0]!r}, which nobody gives it.",
            "It is called without it.",
            f"Give it a default; it may ask for {', '.join(offered)}.",
        )
    return wanted
