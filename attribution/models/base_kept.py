"""Weights of a model whose base is its builder's: files hold what differs from it, and know which base that was."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import safetensors
import torch
from torch import Tensor, nn

from attribution.errors import UserError

MARK = "datablame_base"  # on a network: its frozen weights are the same whenever it is built
NOTE = "left_out"  # in a file: the hash of the weights that are not in it


def left_out(model: nn.Module) -> list[str]:
    """Names of the weights that files need not hold: the frozen ones of a network that says so."""
    if not any(getattr(one, MARK, False) for one in (model, *model.children())):
        return []
    return [name for name, value in model.named_parameters(remove_duplicate=False) if not value.requires_grad]


def note(tensors: Mapping[str, Tensor], names: Iterable[str]) -> dict[str, str]:
    """What a file says of the weights that are not in it; nothing where all are."""
    digest = hashlib.sha256()
    names = sorted(names)
    for name in names:
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}:{value.dtype}:{tuple(value.shape)}".encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return {NOTE: digest.hexdigest()[:16]} if names else {}


def with_base(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], path: str | Path) -> dict[str, Tensor]:
    """All weights of a model: those in the file, and of its base those that the file left out. ``UserError`` where the
    base is another by now."""
    said = _said(path)
    missing = [name for name in wanted if name not in found] if said else []
    if not missing:
        return dict(found)
    if note(wanted, missing)[NOTE] != said:
        raise UserError(
            f"{Path(path).name} holds an adapter, and its base is another than when it was saved.",
            "Their sum would be another model.",
            "Put the base's folder back as it was, or train again.",
        )
    return {**found, **{name: wanted[name] for name in missing}}


def _said(path: str | Path) -> str:
    if Path(path).suffix != ".safetensors" or not Path(path).is_file():
        return ""
    with safetensors.safe_open(str(path), framework="pt") as opened:
        return str((opened.metadata() or {}).get(NOTE, ""))
