"""Weights on disk: safetensors written whole, user files read without ever running code from them."""

import hashlib
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from attribution.errors import UserError
from attribution.storage.files import whole_file

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "weights")
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")  # DataParallel, torch.compile, Lightning


def save_checkpoint(model: nn.Module, path: Path) -> None:
    """Write all parameters and buffers as safetensors; the file appears whole or not at all."""
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    with whole_file(path) as temporary:
        safetensors.torch.save_file(tensors, str(temporary))


def load_checkpoint(model: nn.Module, path: Path) -> None:
    """Copy the weights of a file into ``model``, in place, keeping its device.

    Accepts safetensors and ``torch.save``d state dicts (.pt, .pth, .bin, .ckpt; read with ``weights_only=True``), also wrapped as
    ``{"state_dict": ...}`` or ``{"model": ...}`` and with the key prefixes of DataParallel, Lightning or torch.compile. Raises
    ``UserError`` naming the missing, the unexpected and the mis-shaped keys, an unreadable file, and weights that are not finite.
    """
    path = Path(path)
    found, wanted = _unprefixed(read_state(path), model.state_dict().keys()), model.state_dict()
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    shapes = [
        f"{name} is {tuple(found[name].shape)}, the model has {tuple(wanted[name].shape)}"
        for name in wanted
        if name in found and found[name].shape != wanted[name].shape
    ]
    if missing or unexpected or shapes:
        parts = [("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)]
        told = "; ".join(f"{word}: {_some(items)}" for word, items in parts if items)
        raise UserError(
            f"{path.name} does not fit the model. {told}.", "Its weights cannot be loaded.", "Name the model that these weights belong to."
        )
    bad = [name for name, tensor in found.items() if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all())]
    if bad:
        raise UserError(
            f"{path.name} holds NaN or infinite weights: {_some(bad)}.", "Every result would be NaN.", "Load an earlier checkpoint."
        )
    model.load_state_dict(found)


def read_state(path: Path) -> dict[str, Tensor]:
    """The named tensors in a checkpoint file, on the CPU; ``UserError`` when it cannot be read safely."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no checkpoint {path}.", "The model's weights come from it.", "Correct the path.")
    if path.suffix == ".safetensors":
        try:
            return safetensors.torch.load_file(str(path))
        except safetensors.SafetensorError as error:
            raise UserError(f"{path.name} is not a whole safetensors file: {error}", "No weights were loaded.", "Save it again.") from error
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError) as error:
        raise UserError(
            f"{path.name} is not a plain state dict.",
            "It holds more than tensors, or is damaged; loading it in full could run code from the file.",
            "Save it with torch.save(model.state_dict(), path), or as safetensors.",
        ) from error
    return _tensors(loaded, path)


def weights_hash(model: nn.Module) -> str:
    """Content hash of all parameters and buffers (names, types, shapes, values), 16 hex digits; the same on every device."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _tensors(loaded: Any, path: Path) -> dict[str, Tensor]:
    while isinstance(loaded, Mapping) and not any(isinstance(value, Tensor) for value in loaded.values()):
        inner = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    if isinstance(loaded, Mapping) and loaded and all(isinstance(value, Tensor) for value in loaded.values()):
        return {str(name): value for name, value in loaded.items()}
    raise UserError(
        f"{path.name} holds no state dict.",
        f"A mapping from parameter names to tensors is needed, also under one of the keys {', '.join(WRAPPERS)}.",
        "Save it with torch.save(model.state_dict(), path), or as safetensors.",
    )


def _unprefixed(found: dict[str, Tensor], wanted: Iterable[str]) -> dict[str, Tensor]:
    names = set(wanted)
    for prefix in PREFIXES:
        if not names & found.keys() and found and all(name.startswith(prefix) for name in found):
            return _unprefixed({name.removeprefix(prefix): tensor for name, tensor in found.items()}, names)
    return found


def _some(items: list[str], shown: int = 5) -> str:
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(items[:shown]) + more
