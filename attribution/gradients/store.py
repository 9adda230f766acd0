"""Compressed gradients of a run's training samples on disk: made once, in bf16, and read by every later question."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from attribution.settings.configs import fingerprint
from attribution.storage.files import whole_file

if TYPE_CHECKING:
    from torch import Tensor

FORMAT = 1  # raise when the same request would give other numbers than before
PART_BYTES = (1 << 20, 64 << 20)  # smallest and largest file; in between, about 64 files a store


@final
class GradientStore:
    """Vectors ``(n, width)`` of the training rows ``rows`` (n,) ascending int64, in
    ``folder/KEY/part-00000.safetensors`` and so on.

    KEY is the fingerprint of ``request``: what the vectors are made from (weights, data, labels, compression).
    ``make(rows) -> (b, width)`` computes those of some rows. A part is made when it is first asked for, appears whole
    or not at all, and carries the fingerprint and its place in its header; one of another request or cut short is made
    again. Numbers are bf16, the upper half of a float32 rounded to nearest even: 2 bytes, 8 bits of mantissa, so what
    is read is within 1/256 of what was made, also in the process that made it. Memory: one part.
    """

    def __init__(
        self,
        folder: Path,
        request: Mapping[str, Any],
        rows: np.ndarray,
        width: int,
        make: "Callable[[np.ndarray], Tensor]",
    ) -> None:
        self.request = {"format": FORMAT, "dtype": "bfloat16", **request}
        self.key = fingerprint(self.request)
        self.folder = Path(folder) / self.key
        self.rows = rows
        self.width = width
        self._make = make

    @cached_property
    def height(self) -> int:
        """Rows of a part; depends on the request alone."""
        row_bytes = 2 * self.width
        return max(1, min(PART_BYTES[1], max(PART_BYTES[0], len(self.rows) * row_bytes // 64)) // row_bytes)

    @property
    def nbytes(self) -> int:
        """Bytes of all vectors."""
        return 2 * self.width * len(self.rows)

    def vectors(self, rows: np.ndarray) -> "Tensor":
        """Vectors ``(b, width)`` float32 of training rows in any order; makes the parts that are missing."""
        import torch

        places = np.searchsorted(self.rows, rows)
        if len(places) and not (np.take(self.rows, places, mode="clip") == rows).all():
            raise KeyError("a row that is not in the store")
        found = torch.empty(len(rows), self.width)
        for index in np.unique(places // self.height):
            here = np.flatnonzero(places // self.height == index)
            inside = places[here] - index * self.height
            low = int(inside.min())
            high = int(inside.max()) + 1
            found[here] = self._read(int(index), low, high)[inside - low].float()
        return found

    def blocks(self, size: int) -> "Iterator[tuple[np.ndarray, Tensor]]":
        """All rows in order with their vectors, at most ``size`` at a time."""
        for start in range(0, len(self.rows), size):
            rows = self.rows[start : start + size]
            yield rows, self.vectors(rows)

    def tensors(self, name: str, make: "Callable[[], dict[str, Tensor]]") -> "dict[str, Tensor]":
        """Small tensors that belong to the vectors, such as the map that makes them, in full precision: from the store,
        or made and kept."""
        from safetensors.torch import load_file

        path = self.folder / f"{name}.safetensors"
        if self._header(path).get("fingerprint") != self.key:
            self._write(path, make(), name)
        return load_file(path)

    def _read(self, index: int, low: int, high: int) -> "Tensor":
        """Rows ``low:high`` of a part, bf16; the file is mapped, only these rows are copied."""
        from safetensors import safe_open

        start = index * self.height
        stop = min(len(self.rows), (index + 1) * self.height)
        path = self.folder / f"part-{index:05d}.safetensors"
        place = f"{start}:{stop}"
        if self._header(path) != {"fingerprint": self.key, "place": place}:
            import torch

            self._write(path, {"vectors": self._make(self.rows[start:stop]).float().to(torch.bfloat16).cpu()}, place)
        with safe_open(path, framework="pt") as part:
            return part.get_slice("vectors")[low:high]

    def _write(self, path: Path, tensors: "dict[str, Tensor]", place: str) -> None:
        from safetensors.torch import save_file

        whole = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        with whole_file(path) as temporary:
            save_file(whole, temporary, metadata={"fingerprint": self.key, "place": place})

    @staticmethod
    def _header(path: Path) -> dict[str, str]:
        """The text metadata of a file; empty for one that is missing or cut short."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as part:
                return dict(part.metadata() or {})
        except (SafetensorError, FileNotFoundError):
            return {}
