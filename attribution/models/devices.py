"""Which device computes, and random numbers that leave the user's own generators alone."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn

from attribution.errors import UserError
from attribution.runners.share import own_accelerator


def pick_device(name: str = "auto") -> torch.device:
    """The device called ``name``; ``auto`` takes CUDA, then MPS, when present, else the CPU. In a worker
    (``runners.share``), its own.

    Raises ``UserError`` for a name that torch does not know and for a device that this machine lacks.
    """
    mine = own_accelerator(name, torch.cuda.device_count() if torch.cuda.is_available() else 0)
    if mine is not None:
        return torch.device("cuda", mine)
    if name == "auto":
        return torch.device(
            "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        )
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UserError(
            f"{name!r} is not a device.", "Nothing was computed.", f"Use one of: {', '.join(available())}."
        ) from None
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}.get(
        device.type, 0
    )
    if (device.index or 0) >= present:
        raise UserError(
            f"This machine has no device {name!r}.", "Nothing was computed.", f"Use one of: {', '.join(available())}."
        )
    return device


def available() -> list[str]:
    """Names that ``pick_device`` accepts on this machine, best first, ``auto`` in front."""
    cuda = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ["auto", *cuda, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"]


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's default generators of the CPU and of ``device``, NumPy's and Python's inside the block; outside they
    continue as if nothing happened.

    ``torch.manual_seed`` would reseed every device for good; this touches two of its generators and puts both back. A
    network of the user's may draw from any of them.
    """
    with _others(seed), _torchs(seed, device):
        yield


@contextmanager
def _others(seed: int) -> Iterator[None]:
    numpy_state = np.random.get_state()
    python_state = random.getstate()
    np.random.seed(seed % 2**32)
    random.seed(seed)
    try:
        yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)


@contextmanager
def _torchs(seed: int, device: torch.device | None) -> Iterator[None]:
    kind = device.type if device is not None else "cpu"
    with torch.random.fork_rng(devices=[device] if kind == "cuda" else []):
        torch.default_generator.manual_seed(seed)
        if kind == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
            yield
        elif kind == "mps":
            before = torch.mps.get_rng_state()
            torch.mps.manual_seed(seed)
            try:
                yield
            finally:
                torch.mps.set_rng_state(before)
        else:
            yield


@contextmanager
def reproducible() -> Iterator[None]:
    """Deterministic cuDNN kernels in full float32 inside the block, the user's settings after it; no effect on the CPU.

    Convolutions are then the same in every run on one GPU; scatter-adds (the gradient of an embedding) may still differ
    in the last bit.
    """
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield


def fast_layout(tensor: torch.Tensor) -> torch.Tensor:
    """Images ``(b, C, H, W)`` with the channels last in memory, on which pooling and convolutions run about twice as
    fast on a CPU.

    Values, shape and results stay the same up to rounding; anything else is returned as it is.
    """
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor


def use_fast_layout(model: nn.Module) -> None:
    """Lay the convolution weights of a model of our own out like ``fast_layout``, in place; values and names stay."""
    for parameter in model.parameters():
        parameter.data = fast_layout(parameter.data)
