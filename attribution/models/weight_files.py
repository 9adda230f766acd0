"""Reads files of weights without ever running code from them, and finds the weights among what else a training loop
saves."""

import argparse
import json
import os
import pathlib
import re
import stat
import warnings
import zipfile
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from attribution.errors import UserError
from attribution.models import adapters

WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "module")
NOT_WEIGHTS = ("optim", "scheduler", "scaler", "callbacks", "rng", "loops")
# In a folder, the first that is there.
WHOLE = ("model.safetensors", "pytorch_model.bin", "model.pt", "model.pth", *adapters.WEIGHTS)
INDEX = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
DEEPEST, MOST = 5, 1_000_000  # levels and entries that are looked through
SAVE = "Save it with torch.save(model.state_dict(), path), or as safetensors."


@dataclass(frozen=True)
class Found:
    """The named tensors of a file, on the CPU, and what the user should know about the choice."""

    tensors: dict[str, Tensor]
    said: tuple[str, ...] = ()


def located(path: str | Path) -> tuple[list[Path], str]:
    """The files that ``FILE``, ``FILE#KEY`` or a folder with weights means, and the key; ``UserError`` when they are
    not there."""
    text = str(path)
    key = ""
    if not os.path.lexists(text) and "#" in text:
        text, _, key = text.rpartition("#")
    place = Path(text)
    if os.path.isdir(place):
        return _in_folder(place), key
    try:
        mode = os.stat(place).st_mode
    except (OSError, ValueError) as error:
        raise UserError(
            f"There is no checkpoint {text[:300]!r}.", "The model's weights come from it.", "Correct the path."
        ) from error
    if not stat.S_ISREG(mode):
        raise UserError(f"{place} is not a regular file.", "Weights are read from files alone.", "Name a file.")
    return [place], key


def read(path: str | Path) -> Found:
    """The weights in a file, a key of it or a folder; ``UserError`` for what cannot be read safely, whole, or without
    doubt."""
    files, key = located(path)
    if len(files) > 1 or files[0].parent == Path(path):
        parts = [_state(_load(file), file, "") for file in files]
        return Found({name: value for part in parts for name, value in part.tensors.items()})
    return _state(_load(files[0]), files[0], key)


def _in_folder(folder: Path) -> list[Path]:
    for name in WHOLE:
        if (folder / name).is_file():
            return [folder / name]
    for name in INDEX:
        if (folder / name).is_file():
            return _parts(folder, name)
    if (folder / ".metadata").is_file():
        raise UserError(
            f"{folder} is a distributed checkpoint of torch.",
            "What is in its parts is said by a pickled file, which is not read: it could run code.",
            "If you trust it, make a file of weights from it: python -m torch.distributed.checkpoint.format_utils "
            f"dcp_to_torch {folder} {folder}.pt; then name {folder}.pt.",
        )
    there = sorted(
        path.name for path in folder.iterdir() if path.suffix in (".safetensors", ".pt", ".pth", ".bin", ".ckpt")
    )
    raise UserError(
        f"{folder} is a folder without {WHOLE[0]} or {WHOLE[1]}.",
        f"Weights in it: {', '.join(there[:5]) or 'none'}.",
        f"Name one of them: {folder / there[0]}." if there else "Name a file of weights.",
    )


def _parts(folder: Path, index: str) -> list[Path]:
    try:
        names = sorted(set(json.loads((folder / index).read_text())["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise UserError(
            f"{folder / index} cannot be read: {error}", "It lists the files of the weights.", "Save it again."
        ) from error
    for name in names:
        if not isinstance(name, str) or Path(name).name != name or not (folder / name).is_file():
            raise UserError(
                f"{folder / index} names {name!r}.", "That is no file beside it.", "Copy all parts of the checkpoint."
            )
    return [folder / name for name in names]


# --- one file


def _load(path: Path) -> Any:
    """What is in a file: tensors, and whatever is allowed beside them."""
    try:
        with open(path, "rb") as stream:
            start = stream.read(9)
        if path.suffix == ".safetensors" or start[8:9] == b"{":
            _check_size(path, path.stat().st_size)
            return safetensors.torch.load_file(str(path))
        if zipfile.is_zipfile(path):
            _check_archive(path)
        else:
            _check_size(path, path.stat().st_size)
        with torch.serialization.safe_globals(_allowed()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except safetensors.SafetensorError as error:
        raise UserError(
            f"{path.name} is not a whole safetensors file: {error}", "No weights were loaded.", "Save it again."
        ) from error
    except Exception as error:  # a damaged file can make the readers raise anything
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    if isinstance(error, PermissionError):
        return UserError(
            f"{path} may not be read.", "Its permissions forbid it.", "Change them (chmod u+r), or copy the file."
        )
    blocked = re.search(
        r"GLOBAL ([\w.]+) was not an allowed global|Unsupported (?:class|global):? (?:GLOBAL )?([\w.]+)", str(error)
    )
    if blocked:
        kind = next(part for part in blocked.groups() if part)
        return UserError(
            f"{path.name} is not a plain state dict: it holds an object of type {kind}.",
            "Making such an object could run code from the file, so it is not done.",
            _convert(path),
        )
    cause = " ".join(str(error).split())[:200]
    if "weights_only" in cause or isinstance(error, KeyError):  # torch's advice is to unpickle it, which is not done
        what = "it is no file of weights, or holds what only unpickling could read, which is never done"
        return UserError(f"{path.name} is not a plain state dict: {what}.", "No weights were loaded.", SAVE)
    return UserError(
        f"{path.name} is not a plain state dict, or it is damaged or cut short ({type(error).__name__}: {cause}).",
        "No weights were loaded.",
        f"Copy it again, or: {SAVE}",
    )


def _convert(path: Path, script: bool = False) -> str:
    """The lines of Python that make a plain file of weights from one that holds pickled objects or a program."""
    there = str(path.with_name(f"{path.stem}-weights.pt"))
    if script:
        lines = f"import torch\ntorch.save(torch.jit.load({str(path)!r}).state_dict(), {there!r})"
    else:
        lines = (
            f"import torch; found = torch.load({str(path)!r}, map_location='cpu', weights_only=False)\n"
            "torch.save(found.state_dict() if hasattr(found, 'state_dict') else {key: value for key, value in "
            f"found.items() if key in {(*WRAPPERS, 'model_ema', 'state_dict_ema')!r}}}, {there!r})"
        )
    where = "this Python" if script else "a Python that has its classes"
    return f"If you trust the file, run in {where}, and name {there} instead:\n{lines}"


def _check_archive(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if any(member.filename.endswith(("/constants.pkl", "constants.pkl")) for member in members):
        raise UserError(
            f"{path.name} is a TorchScript program.", "It is code, not weights; it is not run.", _convert(path, True)
        )
    _check_size(path, sum(member.file_size for member in members))


def _check_size(path: Path, size_bytes: int) -> None:
    free_bytes = psutil.virtual_memory().available
    if size_bytes > free_bytes:
        raise UserError(
            f"{path.name} holds {size_bytes / 1e9:,.1f} GB.",
            f"{free_bytes / 1e9:.1f} GB of memory are free here.",
            "Load it on a larger machine.",
        )


def _allowed() -> list[Any]:
    """What training loops keep beside weights and can be made without running anything: arguments, NumPy numbers and
    arrays, paths."""
    from numpy._core import multiarray

    made = [
        (getattr(multiarray, name), f"numpy.{core}.multiarray.{name}")
        for name in ("scalar", "_reconstruct")
        for core in ("core", "_core")
    ]
    kinds = [
        kind
        for name, kind in vars(np.dtypes).items()
        if name.endswith("DType") and name not in ("ObjectDType", "StringDType")
    ]
    return [argparse.Namespace, np.dtype, np.ndarray, pathlib.PosixPath, pathlib.PurePosixPath, *kinds, *made]


# --- the weights among what was saved


def _state(loaded: Any, path: Path, key: str) -> Found:
    """The one mapping of names to tensors that is meant."""
    found = dict(_mappings(loaded))
    if key:
        if key not in found:
            raise UserError(
                f"{path.name} holds no weights under {key!r}.",
                f"It has {_names(found) or 'none'}.",
                "Name one of them after #.",
            )
        return Found(_tensors(found[key]))
    if not found:
        raise UserError(
            f"{path.name} holds no state dict.",
            f"A mapping from parameter names to tensors is needed, also under one of the keys {', '.join(WRAPPERS)}.",
            SAVE,
        )
    chosen = _chosen(found)
    if chosen is None:
        first = next(iter(found))
        raise UserError(
            f"{path.name} holds several sets of weights: {_names(found)}.",
            "Which one is meant cannot be told.",
            f"Name it: {path.name}#{first}.",
        )
    others = [name for name in found if name != chosen]
    if not others:
        return Found(_tensors(found[chosen]))
    took = f"{path.name}: took {chosen or 'the weights at the top'}"
    return Found(_tensors(found[chosen]), (f"{took}; it also holds {_names(others)} ({path.name}#{others[0]})",))


def _chosen(found: Mapping[str, Any]) -> str | None:
    """The usual key, the only one, or None in doubt."""
    if len(found) == 1:
        return next(iter(found))
    if "" in found and all(isinstance(value, Tensor) for value in found[""].values()):
        return ""
    for depth in range(DEEPEST):
        for wrapper in WRAPPERS:
            here = [name for name in found if name.count(".") == depth and name.rpartition(".")[2] == wrapper]
            if len(here) == 1:
                return here[0]
    return None


def _mappings(loaded: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping of words to tensors in the structure with the path of its keys, the outer ones first; bounded, also
    for endless ones."""
    waiting: deque[tuple[str, Any, int]] = deque([("", loaded, 0)])
    seen: set[int] = set()
    left = MOST
    while waiting and left > 0:
        name, value, depth = waiting.popleft()
        if not isinstance(value, Mapping) or id(value) in seen or any(part in name.lower() for part in NOT_WEIGHTS):
            continue
        seen.add(id(value))
        left -= len(value)
        inner = [(key, one) for key, one in value.items() if isinstance(one, Mapping) and isinstance(key, str)]
        if _are_weights(value, bool(inner)):
            yield name, value
        elif depth < DEEPEST:
            waiting.extend((f"{name}.{key}" if name else key, one, depth + 1) for key, one in inner)


def _are_weights(mapping: Mapping[Any, Any], nested: bool) -> bool:
    """Whether words map to tensors: to some, or where mappings are among the values, in at least half of the cases."""
    tensors = sum(isinstance(one, Tensor) for one in mapping.values())
    words = all(isinstance(key, str) for key in mapping)
    return words and tensors > 0 and (not nested or tensors * 2 >= len(mapping))


def _tensors(mapping: Mapping[str, Any]) -> dict[str, Tensor]:
    return {str(name): value for name, value in mapping.items() if isinstance(value, Tensor)}


def _names(found: Any, shown: int = 5) -> str:
    names = [name or "the top" for name in found]
    return ", ".join(names[:shown]) + (f" and {len(names) - shown} more" if len(names) > shown else "")
