"""From a model's name to a network: a built-in one, or the user's own function when its file is trusted."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from attribution.config import ModelConfig
from attribution.errors import UserError
from attribution.models.devices import seeded
from attribution.models.features import device_of
from attribution.models.zoo import AUTO, models, names_for
from attribution.trust.loading import running
from attribution.trust.question import code_hash, look

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, DatasetInfo


def build_model(config: ModelConfig, info: "DatasetInfo", seed: int, *, trusted: bool = False) -> nn.Module:
    """A freshly initialised network for the dataset, on the CPU, in train mode.

    The same ``seed`` gives the same weights; the user's random state is left as it was. ``config.name`` is a built-in network, ``auto``
    (by modality) or ``FILE.py:FUNCTION``, which is imported and called only when ``trusted`` is true and the user trusts that file
    (``attribution.trust``), with all that it imports, as it is now. Checkpoints are not loaded here.
    Raises ``UserError`` for an unknown or unfitting network, an untrusted file and a function that fails or returns no ``nn.Module``.
    """
    with seeded(seed):
        if is_custom(config.name):
            return _custom(config.name, info, trusted)
        name = resolve(config.name, info.modality)
        builder = models.get(name)
        if info.modality not in builder.modalities:
            raise UserError(
                f"The network {name!r} cannot read {info.modality} data.",
                f"It is made for {' and '.join(builder.modalities)} data.",
                f"Use one of: auto, {', '.join(names_for(info.modality))}.",
            )
        return builder(info, config.width)


def resolve(name: str, modality: str) -> str:
    """The network that ``name`` stands for: ``auto`` becomes the default of the modality."""
    return AUTO.get(modality, name) if name == "auto" else name


def is_custom(name: str) -> bool:
    """Whether ``name`` is the user's own ``FILE.py:FUNCTION``."""
    return ".py:" in name


def code_file(name: str) -> Path | None:
    """Absolute path of the file that a custom name runs, None for a built-in network."""
    return Path(name.rpartition(":")[0]).expanduser().resolve() if is_custom(name) else None


def identity(config: ModelConfig, modality: str) -> dict[str, Any]:
    """What makes two untrained models the same: resolved name and width, for custom code also the hash of the file and its neighbours."""
    path = code_file(config.name)
    name = config.name.rpartition(":")[2] if path else resolve(config.name, modality)
    return {"name": name, "width": config.width, "code": code_hash(path) if path and path.exists() else ""}


def check_model(model: nn.Module, dataset: "Dataset") -> None:
    """Run two real samples and require logits ``(2, classes)``; ``UserError`` that names the shapes otherwise.

    The model is asked in eval mode and put back into its own mode.
    """
    x, classes = dataset.tensor(dataset.rows("all")[:2], device=device_of(model)), len(dataset.info.classes)
    shape, mode = tuple(x.shape), model.training
    model.eval()
    try:
        with torch.no_grad():
            logits = model(x)
    except (RuntimeError, ValueError, TypeError, IndexError) as error:
        raise UserError(
            f"The model fails on an input of shape {shape}: {error}",
            f"It gets {len(x)} samples of shape {shape[1:]} ({x.dtype}).",
            "Make its first layer fit this shape.",
        ) from error
    finally:
        model.train(mode)
    found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    if found != (len(x), classes):
        raise UserError(
            f"The model maps an input of shape {shape} to {found}.",
            f"The data has {classes} classes, so it must return logits of shape ({len(x)}, {classes}), without softmax.",
            "Change its last layer, or return the logits alone.",
        )


def _custom(name: str, info: "DatasetInfo", trusted: bool) -> nn.Module:
    path, function_name = code_file(name), name.rpartition(":")[2]
    assert path is not None
    if not trusted:
        raise look(path).refusal()
    try:
        with running(path) as module:  # the file may import its neighbours, as it could when run as a script
            function = _find(module, function_name, path)
            offered = {"classes": len(info.classes), "shape": tuple(info.shape)}
            model = function(**_accepted(function, offered))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{path.name}:{function_name} failed with {type(error).__name__}: {error}",
            "Without it there is no model.",
            "Mend the function; it is called with those of classes=INT and shape=TUPLE that it accepts.",
        ) from error
    if not isinstance(model, nn.Module):
        raise UserError(
            f"{path.name}:{function_name} returned {type(model).__name__}.", "A torch nn.Module is needed.", "Return the model."
        )
    return model.cpu().train()


def _find(module: Any, name: str, path: Path) -> Callable[..., Any]:
    function = getattr(module, name, None)
    if not callable(function):
        known = sorted(
            key for key, value in vars(module).items() if callable(value) and getattr(value, "__module__", "") == module.__name__
        )
        raise UserError(
            f"{path.name} has no function {name!r}.", "It builds the model.", f"Use one of: {', '.join(known) or 'none found'}."
        )
    return function


def _accepted(function: Callable[..., Any], offered: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return offered
    return {name: value for name, value in offered.items() if name in parameters}
