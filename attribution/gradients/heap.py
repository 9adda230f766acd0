"""Keeps the C library from handing a pass's memory back to the system, only to ask for it again page by page."""

from functools import cache

import torch

_BYTES = (32 << 20) - 8192  # with its header just under the largest size that glibc learns from


@cache
def keep_heap() -> None:
    """Let memory of freed tensors stay with the process, up to 64 MiB of it; once per process, before the first pass on
    a CPU.

    glibc takes every block above a threshold from the system anew, and hands free memory at the heap's end back beyond
    twice that threshold: at a microsecond a page, up to a third of a pass that keeps activations. The threshold is 128
    KiB at first and becomes the size of the largest block freed so far, 32 MiB at most (mallopt(3), M_MMAP_THRESHOLD),
    so freeing one block of that size, which is never touched and so costs nothing, settles it. No effect with another C
    library or where the user has set the threshold.
    """
    torch.empty(_BYTES, dtype=torch.uint8)
