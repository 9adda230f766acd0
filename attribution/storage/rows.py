"""Write an ``.npy`` file row by row: a disk that fills up is an error with words, where a memory map would end the
process."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from attribution.errors import UserError
from attribution.storage.files import said_when_full


class RowWriter:
    """Appends rows of one shape; ``n`` counts them."""

    def __init__(self, path: Path, dtype: "np.typing.DTypeLike", shape: tuple[int, ...]) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.shape = shape
        self.n = 0
        self.stream = open(path, "wb")  # noqa: SIM115 - closed by rows_into
        self.start = self._header(0)

    def append(self, row: np.ndarray) -> None:
        """Add one row."""
        if row.shape != self.shape:
            raise ValueError(f"a row of shape {row.shape} for a file of rows of shape {self.shape}")
        self.stream.write(np.ascontiguousarray(row, dtype=self.dtype).tobytes())
        self.n += 1

    def finish(self) -> None:
        """Write how many rows there are."""
        self.stream.seek(0)
        if self._header(self.n) != self.start:
            raise ValueError("the header of an .npy file changed its length with the number of rows")
        self.stream.flush()
        os.fsync(self.stream.fileno())

    def _header(self, n: int) -> int:
        facts = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": (n, *self.shape)}
        np.lib.format.write_array_header_1_0(self.stream, facts)
        return self.stream.tell()


@contextmanager
def rows_into(path: Path, dtype: "np.typing.DTypeLike", shape: tuple[int, ...], expected: int) -> Iterator[RowWriter]:
    """A writer of about ``expected`` rows; ``UserError`` beforehand where the disk has no room for them, or when it
    fills up on the way."""
    needed_bytes = expected * int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    free_bytes = shutil.disk_usage(path.parent).free
    if needed_bytes > free_bytes:
        raise UserError(
            f"{expected:,} samples of {' x '.join(map(str, shape))} values take {needed_bytes / 1e9:,.1f} GB.",
            f"{path.parent.parent} has {free_bytes / 1e9:,.1f} GB free.",
            "Free some space, name another folder for the project, or make the samples smaller (image_size, "
            "max_tokens).",
        )
    with said_when_full(path):
        writer = RowWriter(path, dtype, shape)
        try:
            yield writer
            writer.finish()
        finally:
            writer.stream.close()
