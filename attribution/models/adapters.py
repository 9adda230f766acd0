"""Adapter weights as peft saves them (LoRA and its kin): the few that were trained, under names of their own."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from attribution.errors import UserError

CONFIG = "adapter_config.json"
WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
NAME = "default"  # of the adapter in a model, where a file names none
KEPT = "modules_to_save"  # a copy of a layer of the base that was trained along, as the head of a classifier


def is_adapter(path: str | Path) -> bool:
    """Whether a checkpoint is an adapter: a folder with its config, or the file in one."""
    place = Path(path)
    return (place / CONFIG).is_file() or place.name in WEIGHTS


def named(found: Iterable[str], wanted: Iterable[str]) -> dict[str, str]:
    """Names in an adapter's file -> the model's; a part ``.default`` or ``modules_to_save.default`` is left out in
    files, and so is the name of the one child that a wrapping model has."""
    known: dict[str, str] = {}
    wanted = list(wanted)
    outer = {name.partition(".")[0] for name in wanted}
    wrapper = f"{outer.pop()}." if len(outer) == 1 else ""
    for name in wanted:
        parts = name.split(".")
        if KEPT in parts or NAME in parts:
            known[".".join(part for part in parts if part not in (KEPT, NAME))] = name
    return {name: known.get(name) or known.get(wrapper + name, name) for name in found}


def completed(found: Mapping[str, Any], wanted: Mapping[str, Any], where: str) -> dict[str, Any]:
    """All of the model's weights: the adapter's from the file, the base's as the model has them.

    ``UserError`` for a model without adapters, and for one whose adapters are others.
    """
    names = named(found, wanted)
    mapped = {names[name]: value for name, value in found.items()}
    own = [name for name in wanted if _of_adapter(name)]
    if not own:
        raise UserError(
            f"{where} holds an adapter, and the model has none.",
            "An adapter is a small change of a base model.",
            "Name the folder as the model (--model hf:FOLDER), or return peft.get_peft_model(...) from your function.",
        )
    return {name: value for name, value in wanted.items() if name not in own} | mapped


def base_of(folder: Path) -> str:
    """What an adapter's config names as its base model."""
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(
            f"{folder / CONFIG} cannot be read: {error!r}", "It names the base of the adapter.", "Save it again."
        ) from error
    return str(found or "")


def _of_adapter(name: str) -> bool:
    parts = name.split(".")
    return any(part.startswith("lora_") or part in (KEPT, "ia3_l") or part.startswith("vera_") for part in parts)
