"""From a model's name to a network: a built-in one, one of a source, or the user's own function when its file is
trusted."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psutil
import torch
from torch import nn

from attribution.datasets.dataset import DatasetInfo
from attribution.datasets.handed import STANDARDISED, Inputs
from attribution.errors import UserError
from attribution.modalities import modalities
from attribution.models.arguments import values_of
from attribution.models.check import check_model
from attribution.models.devices import seeded
from attribution.models.own_function import from_file, ordered, usable
from attribution.models.sources import source_of
from attribution.models.sources.base import Wanted
from attribution.models.user_code import kept_state, remember
from attribution.models.zoo import models, names_for, outputs, reads, usual_for
from attribution.settings.configs import ModelConfig
from attribution.transforms import code_of, identity_of, scale_of
from attribution.trust.imports import code_file
from attribution.trust.question import code_hash, look

__all__ = ["build_model", "check_model", "identity", "inputs_for", "is_custom", "resolve"]
HELD = 4  # times its weights that a network in training takes: weights, gradients, momentum, and one to spare


def build_model(config: ModelConfig, info: "DatasetInfo", seed: int, *, trusted: bool = False) -> nn.Module:
    """A freshly initialised network for the dataset, on the CPU, in train mode.

    The same ``seed`` gives the same weights; the user's random state is left as it was. ``config.name`` is a built-in
    network, ``auto`` (by modality), ``SOURCE:NAME`` (``models.sources``) or ``FILE.py:FUNCTION``, which is imported and
    called only when ``trusted`` is true and the user trusts that file (``attribution.trust``), with all that it
    imports, as it is now. Checkpoints are not loaded here. Raises ``UserError`` for an unknown or unfitting network, an
    untrusted file and a function that fails or returns no ``nn.Module``.
    """
    inputs = inputs_for(config)
    _check_inputs(inputs, info)
    info = _as_handed(info, inputs)
    for said in (config.transform, config.train_transform):
        if path := code_of(said):
            remember(look(path).files)
    if task := code_file(str(info.task.get("name", ""))):
        remember(look(task).files)
    with seeded(seed):
        network = _made(config, info, inputs, trusted)
    network.datablame_inputs = inputs  # type: ignore[assignment]  # read by ``inputs_of``
    return network


def _made(config: ModelConfig, info: "DatasetInfo", inputs: Inputs, trusted: bool) -> nn.Module:
    arguments = values_of(config.arguments)
    if code_file(config.name) and not source_of(config.name):
        return from_file(config.name, info, inputs, arguments, trusted)
    found = source_of(config.name)
    if found is None:
        return _built_in(config, info)
    source, rest = found
    with kept_state():
        wanted = Wanted(info, outputs(info), ordered(info), arguments)
        return usable(source.build(rest, wanted), info, config.name)


def inputs_for(config: ModelConfig) -> Inputs:
    """What a model of this config is handed; ``auto`` is raw for the user's own code and for a ``mean`` or ``std`` of
    theirs."""
    if config.transform or config.train_transform:
        return _transformed(config)
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


def _transformed(config: ModelConfig) -> Inputs:
    """What a model with a transform is handed; ``UserError`` beside other settings that say so."""
    if config.mean or config.std or config.inputs != "auto":
        raise UserError(
            "A transform was given, and inputs, mean or std beside it.",
            "The transform alone says what the model is handed.",
            "Put them into the transform: mean=0.485/0.456/0.406,std=0.229/0.224/0.225.",
        )
    if not config.transform:
        raise UserError(
            "A transform for training was given, and none for scoring.",
            "A model that was trained on augmented inputs is asked about inputs of the same scale.",
            "Give the fixed one, too: --transform.",
        )
    identity_of(config.train_transform)  # says what cannot be read
    mean, std = scale_of(config.transform)
    identity = identity_of(config.transform)
    return Inputs("transformed", mean, std, transform=config.transform, shape=config.shape, identity=identity)


def _as_handed(info: "DatasetInfo", inputs: Inputs) -> "DatasetInfo":
    """The data as a builder is told of it: with the shape that the transform gives."""
    if inputs.transformed and not inputs.shape:
        raise UserError(
            f"The shape of what the transform {inputs.transform} gives is not known.",
            "A network is built for it.",
            "Make the project with the transform (Project.create finds it), or set shape.",
        )
    return replace(info, shape=inputs.shape_of(info))


def _check_inputs(inputs: Inputs, info: "DatasetInfo") -> None:
    """``UserError`` for a mean or std that cannot be applied to this data."""
    if inputs.transformed:
        return
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
    name = network_of(config, info.modality)
    builder = models.get(name)
    if config.arguments:
        raise UserError(
            f"The built-in network {name!r} takes no arguments.",
            f"{config.arguments[0]} would be ignored.",
            "Say its --width, or leave them out.",
        )
    if not reads(builder, info.modality, config.shape):
        raise UserError(
            f"The network {name!r} cannot read {info.modality} data{_given(config)}.",
            f"It is made for {' and '.join(builder.modalities)} data.",
            f"Use one of: auto, {', '.join(names_for(info.modality, config.shape))}.",
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


def network_of(config: ModelConfig, modality: str) -> str:
    """The network that a config means: ``auto`` is that of the modality, for what a transform gives that of its
    shape."""
    return usual_for(config.shape) if config.transform and config.name == "auto" else resolve(config.name, modality)


def _given(config: ModelConfig) -> str:
    return f" as tensors of shape {'x'.join(map(str, config.shape))}" if config.transform else ""


def is_custom(name: str) -> bool:
    """Whether ``name`` is no built-in network: the user's own ``FILE.py:FUNCTION``, or one of a source."""
    return ":" in name


def identity(config: ModelConfig, modality: str) -> dict[str, Any]:
    """What makes two untrained models the same: resolved name and width, for custom code also the hash of the file and
    its neighbours, for a source's network the library's version; the arguments; and what it is handed, unless that is
    standardised."""
    found = source_of(config.name)
    path = None if found else code_file(config.name)
    name = config.name.rpartition(":")[2] if path else network_of(config, modality)
    code = code_hash(path) if path and path.exists() else ""
    files = [one for said in (config.transform, config.train_transform) if (one := code_of(said))]
    code = "+".join([code, *(code_hash(one) if one.exists() else "" for one in files)])
    told = found[0].identity(found[1]) if found else {}
    if "config" in told:  # what is in the folder counts, not where it lies
        name = found[0].name if found else name
    more: dict[str, Any] = {"arguments": sorted(config.arguments)} if config.arguments else {}
    more |= {"train_transform": identity_of(config.train_transform)} if config.train_transform else {}
    return {"name": name, "width": config.width, "code": code, **told, **more, **inputs_for(config).request()}
