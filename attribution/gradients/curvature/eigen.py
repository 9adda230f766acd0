"""Eigenvectors of a layer's moments, and what they would take of a wide one."""

import time
from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

SMALLEST = 64 * torch.finfo(torch.float64).eps  # entry of an eigenvector that is more than a rounding error
_WIDE = 768  # from here on they take a good part of a second, and as the third power of the width


def eigenvectors(moments: Tensor, owe: Callable[[float], None] | None = None) -> tuple[Tensor, Tensor]:
    """Eigenvalues ascending and eigenvectors of ``(n, n)``, whose entries that are rounding errors alone are zero.

    ``owe``: where work is only timed, it takes the CPU seconds that a wide matrix would need, known from one of
    width 768 by the third power; the inputs' own axes then stand in for the eigenvectors.
    """
    width = len(moments)
    if owe is None or width <= _WIDE:
        values, vectors = torch.linalg.eigh(moments)
        return values, torch.hardshrink(vectors, SMALLEST)
    owe(_seconds_s(moments.device, moments.dtype) * (width / _WIDE) ** 3)
    return moments.diagonal().sort().values, torch.eye(width, dtype=moments.dtype, device=moments.device)


@lru_cache(maxsize=8)
def _seconds_s(device: torch.device, dtype: torch.dtype) -> float:
    """CPU seconds of a matrix of width 768, the second time."""
    sides = torch.linspace(-1, 1, _WIDE * 8, dtype=dtype, device=device).sin().mul(1e3).sin().reshape(_WIDE, 8)
    moments = sides @ sides.T + torch.diag(torch.linspace(1, 2, _WIDE, dtype=dtype, device=device))
    now_s = time.process_time if device.type == "cpu" else time.perf_counter
    taken = []
    for _ in range(2):
        started_s = now_s()
        float(torch.linalg.eigh(moments)[0][0])
        taken.append(now_s() - started_s)
    return min(taken)
