"""Folders of checkpoints in order: those of Hugging Face's Trainer with their learning rates, and numbered files."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from attribution.errors import UserError
from attribution.settings.configs import ModelConfig

STEP = re.compile(r"checkpoint-(\d+)")
FILES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
NUMBER = re.compile(r"\d+")


def listed(model: ModelConfig) -> ModelConfig:
    """The config with every folder of several checkpoints replaced by these, oldest first, and with their learning
    rates, where all are known and none were given."""
    entries = [(found, rate) for path in model.checkpoints for found, rate in _entries(path)]
    checkpoints = tuple(path for path, _ in entries)
    if checkpoints == model.checkpoints:
        return model
    rates = [rate for _, rate in entries if rate]
    known = tuple(rates) if len(rates) == len(entries) and not model.checkpoint_lr else model.checkpoint_lr
    return replace(model, checkpoints=checkpoints, checkpoint_lr=known)


def told(model: ModelConfig) -> list[str]:
    """Several checkpoints in their order, in a line; none for one."""
    count = len(model.checkpoints)
    if count < 2:
        return []
    names = ", ".join(Path(path).name for path in model.checkpoints[:6])
    more = f" and {count - 6} more" if count > 6 else ""
    rates = [f"{rate:.2g}" for rate in model.checkpoint_lr]
    known = f", with learning rates from {rates[0]} to {rates[-1]}" if rates else ""
    return [f"{count} checkpoints, oldest first: {names}{more}{known}"]


def _entries(path: str) -> list[tuple[str, float]]:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        return [(path, 0.0)]
    found = _of_trainer(folder)
    if found:
        return found
    if any((folder / name).exists() for name in _single()):
        return [(path, 0.0)]
    return [(str(one), 0.0) for one in _numbered(folder)] or [(path, 0.0)]


def _single() -> tuple[str, ...]:
    from attribution.models.weight_files import INDEX, WHOLE

    return (*WHOLE, *INDEX, "adapter_config.json")


def _of_trainer(folder: Path) -> list[tuple[str, float]]:
    """The ``checkpoint-N`` in a Trainer's folder by step, each with the mean learning rate since the one before."""
    steps = sorted((int(match[1]), path) for path in folder.iterdir() if (match := STEP.fullmatch(path.name)))
    found = []
    before = 0
    for step, path in steps:
        found.append((str(path), _rate(path / "trainer_state.json", before, step)))
        before = step
    return found


def _rate(state: Path, before: int, step: int) -> float:
    """The mean of the learning rates that were logged from ``before`` to ``step``, else the first one after that; 0
    where there is none. A schedule may end at 0: the rate that an interval began with counts, too."""
    if not state.is_file():
        return 0.0
    try:
        history = json.loads(state.read_text(encoding="utf-8"))["log_history"]
        logged = [(int(line["step"]), float(line["learning_rate"])) for line in history if "learning_rate" in line]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise UserError(
            f"{state} cannot be read: {error!r}",
            "It says at which learning rates the checkpoints were trained.",
            "Copy it again, or take it away: then only the order of influences means something.",
        ) from error
    began = [rate for at, rate in logged if at <= before][-1:]
    here = [*began, *(rate for at, rate in logged if before < at <= step)] or [rate for _, rate in logged][:1]
    return sum(here) / len(here) if here else 0.0


def _numbered(folder: Path) -> list[Path]:
    """Two or more files whose names differ in their numbers alone, by these numbers."""
    kinds: dict[str, list[tuple[Any, Path]]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in FILES and NUMBER.search(path.stem):
            numbers = tuple(map(int, NUMBER.findall(path.stem)))
            kinds.setdefault(NUMBER.sub("#", path.name), []).append((numbers, path))
    several = [files for files in kinds.values() if len(files) > 1]
    return [path for _, path in sorted(several[0])] if len(several) == 1 else []
