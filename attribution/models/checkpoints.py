"""Weights on disk: safetensors written whole, user files fitted to a model key by key."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from attribution.errors import UserError
from attribution.models import weight_files
from attribution.models.adapters import completed, is_adapter
from attribution.models.base_kept import left_out, note, with_base
from attribution.models.order import Ordered
from attribution.storage.files import file_hash, whole_file

PREFIXES = ("module.", "_orig_mod.", "model.", "net.")  # DataParallel, torch.compile, Lightning; tried before others
COUNTER = "num_batches_tracked"  # of batch normalisation: files of before 2018 lack it, and nothing depends on it
BUILDER = "builder"  # as a checkpoint: the weights that the user's function returns
# Of the training, not the model.
BESIDE = re.compile(r"(criterion|loss|metric|\w*_?(acc|accuracy|auroc|f1|loss|metrics?))(_fn|s)?\.", re.IGNORECASE)
PLAIN = {
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
}


def save_checkpoint(model: nn.Module, path: Path) -> None:
    """Write all parameters and buffers as safetensors, of an adapted network without its frozen base; the file appears
    whole or not at all."""
    state = model.state_dict()
    base = left_out(model)
    tensors = {
        name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items() if name not in set(base)
    }
    with whole_file(path) as temporary:
        safetensors.torch.save_file(tensors, str(temporary), note(state, base) or None)


def load_checkpoint(model: nn.Module, path: str | Path) -> list[str]:
    """Copy the weights of a file into ``model``, in place, keeping its device; what the user should know of the choice
    is returned.

    Accepts safetensors and ``torch.save``d state dicts (.pt, .pth, .bin, .ckpt; never unpickled in full), a folder with
    ``model.safetensors``, ``FILE#KEY`` for one of several sets of weights, keys with the prefixes of DataParallel,
    Lightning or torch.compile, bare weights for a model that wraps them, and adapters of peft for a model that has
    such. Raises ``UserError`` naming the missing, the unexpected and the mis-shaped keys, an unreadable file, tensors
    that are no plain numbers, and weights that are not finite.
    """
    found = weight_files.read(path)
    name = Path(str(path)).name
    adapter = is_adapter(path)
    wanted = model.state_dict()
    tensors = completed(found.tensors, wanted, name) if adapter else with_base(found.tensors, wanted, path)
    fitted, ignored = _fitted(tensors, wanted)
    extra = [key for key in fitted if key not in wanted]
    ignored = [*ignored, *(key for key in extra if BESIDE.match(key))]
    _check_keys(name, fitted, wanted, [key for key in extra if not BESIDE.match(key)])
    _check_values(name, fitted, wanted)
    model.load_state_dict({key: fitted[key] for key in wanted})
    said = [*found.said, *_renamed(model, name, tensors, fitted, adapter)]
    return [*said, *([f"{name}: not part of the model, left out: {_some(ignored)}"] if ignored else [])]


def _renamed(
    model: nn.Module, name: str, found: Mapping[str, Tensor], fitted: Mapping[str, Tensor], adapter: bool
) -> list[str]:
    """How names of a file were read, where they are not the model's, in a line."""
    if adapter:
        return [f"{name}: an adapter; the weights of its base are the model's own"]
    theirs = {id(value): key for key, value in found.items()}
    pairs = [(theirs[id(value)], key) for key, value in fitted.items() if id(value) in theirs]
    own = "net." if isinstance(model, Ordered) else ""  # put around it here
    old, new = next(((old, new) for old, new in pairs if new not in (old, own + old)), ("", ""))
    return [f"{name}: {old} is read as {new}, the others alike"] if old else []


def _check_keys(name: str, fitted: Mapping[str, Tensor], wanted: Mapping[str, Tensor], unexpected: list[str]) -> None:
    """``UserError`` where names or shapes are not the model's."""
    missing = [key for key in wanted if key not in fitted]
    shapes = [
        f"{key} is {tuple(fitted[key].shape)}, the model has {tuple(wanted[key].shape)}"
        for key in wanted
        if key in fitted and fitted[key].shape != wanted[key].shape
    ]
    parts = [("missing", missing), ("unexpected", unexpected), ("of another shape", shapes)]
    told = "; ".join(f"{word}: {_some(items)}" for word, items in parts if items)
    if told:
        raise UserError(
            f"{name} does not fit the model. {told}.",
            "Its weights cannot be loaded.",
            "Name the model that these weights belong to.",
        )


def _check_values(name: str, fitted: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """``UserError`` for tensors that are no plain or no finite numbers."""
    odd = [f"{key} is {why}" for key in wanted if (why := _odd(fitted[key], wanted[key]))]
    if odd:
        raise UserError(
            f"{name} holds weights that are no plain numbers: {_some(odd)}.",
            "They cannot be put into the model as they are.",
            "Save them dense and in the model's own type: v.to_dense(), v.dequantize() or v.float() for each.",
        )
    bad = [key for key in wanted if fitted[key].is_floating_point() and not bool(torch.isfinite(fitted[key]).all())]
    if bad:
        raise UserError(
            f"{name} holds NaN or infinite weights: {_some(bad)}.",
            "Every result would be NaN.",
            "Load an earlier checkpoint.",
        )


def read_state(path: str | Path) -> dict[str, Tensor]:
    """The named tensors in a checkpoint, on the CPU; ``UserError`` when it cannot be read safely."""
    return weight_files.read(path).tensors


def checkpoint_hash(path: str | Path) -> str:
    """Content hash of what a checkpoint's name means: of the file, or of the files and the key."""
    files, key = weight_files.located(path)
    hashes = [file_hash(file) for file in files]
    return hashes[0] if len(hashes) == 1 and not key else "+".join([*hashes, key])


def weights_hash(model: nn.Module) -> str:
    """Content hash of all parameters and buffers (names, types, shapes, values), 16 hex digits; the same on every
    device."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def _fitted(found: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors under the model's own names, and the keys that were left out: the first way of reading the names in
    which none is missing, else the one with most of them."""
    best: tuple[int, dict[str, Tensor], list[str]] = (-1, found, [])
    for tensors, ignored in _readings(found, wanted):
        filled = tensors | _implied(tensors, wanted)
        here = sum(key in filled for key in wanted)
        if here == len(wanted):
            return filled, ignored
        if here > best[0]:
            best = (here, tensors, ignored)
    return best[1], best[2]


def _readings(found: dict[str, Tensor], wanted: Mapping[str, Tensor]) -> Iterator[tuple[dict[str, Tensor], list[str]]]:
    """The names as they are, without up to three prefixes, and with the name of the one child that a wrapping model
    has."""
    wrapper = {key.partition(".")[0] + "." for key in wanted}
    least = sum(not key.endswith(COUNTER) for key in wanted)
    waiting: list[tuple[dict[str, Tensor], list[str], int]] = [(found, [], 0)]
    for tensors, ignored, depth in waiting:
        yield tensors, ignored
        if len(wrapper) == 1:
            outer = next(iter(wrapper))
            yield {outer + key: value for key, value in tensors.items()}, ignored
        if depth < 3:
            first = Counter(key.partition(".")[0] + "." for key in tensors if "." in key)
            large = {prefix for prefix, count in first.items() if 2 * count >= least}
            for prefix in [*(one for one in PREFIXES if one in large), *sorted(large - {*PREFIXES})]:
                inner = {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
                waiting.append((inner, [*ignored, *(key for key in tensors if not key.startswith(prefix))], depth + 1))


def _implied(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Missing tensors that follow from others: counters that nothing depends on, and weights that share memory with one
    that is there."""
    missing = [key for key in wanted if key not in found]
    shared = {value.data_ptr(): key for key, value in wanted.items() if key in found and value.numel()}
    implied = {key: wanted[key] for key in missing if key.endswith(COUNTER)}
    return implied | {key: found[shared[wanted[key].data_ptr()]] for key in missing if wanted[key].data_ptr() in shared}


def _odd(tensor: Tensor, wanted: Tensor) -> str:
    """Why a tensor of a file is no plain array of the model's kind; empty for one that is."""
    if tensor.is_meta:
        return "without values (on the meta device)"
    if tensor.is_quantized:
        return f"quantised ({tensor.dtype})"
    if tensor.layout != torch.strided:
        return f"sparse ({str(tensor.layout).removeprefix('torch.')})"
    if tensor.dtype not in PLAIN and tensor.dtype != wanted.dtype:
        return f"{str(tensor.dtype).removeprefix('torch.')}, the model has {str(wanted.dtype).removeprefix('torch.')}"
    if wanted.is_floating_point() and not tensor.is_floating_point():
        return f"{str(tensor.dtype).removeprefix('torch.')}, the model has {str(wanted.dtype).removeprefix('torch.')}"
    return ""


def _some(items: list[str], shown: int = 5) -> str:
    more = f" and {len(items) - shown} more" if len(items) > shown else ""
    return ", ".join(items[:shown]) + more
