"""Files of rows: as NumPy writes them, and refused in words where the disk is too small."""

import resource
import shutil
import subprocess
import sys
from collections import namedtuple

import numpy as np
import pytest

from attribution.errors import UserError
from attribution.storage.rows import rows_into


@pytest.mark.parametrize("n", [0, 1, 9, 10, 1000])
def test_rows_read_back_as_written(tmp_path, n):
    values = np.random.default_rng(0).integers(0, 255, (n, 3, 2)).astype(np.uint8)
    with rows_into(tmp_path / "rows.npy", np.uint8, (3, 2), 1000) as rows:
        for value in values:
            rows.append(value)
    read = np.load(tmp_path / "rows.npy", mmap_mode="r", allow_pickle=False)
    assert read.dtype == np.uint8
    assert read.shape == (n, 3, 2)
    assert (np.asarray(read) == values).all()


def test_too_little_room_is_said_before_anything_is_written(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(UserError, match="GB free"), rows_into(tmp_path / "rows.npy", np.uint8, (1000, 3), 10):
        pass
    assert not list(tmp_path.iterdir())


FULL = """
import errno, sys
from pathlib import Path
import numpy as np
from attribution.errors import UserError
from attribution.storage import rows

class Full:
    def __init__(self, stream): self.stream = stream
    def write(self, data): raise OSError(errno.ENOSPC, "No space left on device")
    def __getattr__(self, name): return getattr(self.stream, name)

try:
    with rows.rows_into(Path(sys.argv[1]), np.uint8, (4096,), 10) as writer:
        writer.stream = Full(writer.stream)
        writer.append(np.zeros(4096, np.uint8))
except UserError as error:
    print(error)
"""


def test_a_disk_that_fills_up_is_an_error_with_words(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "rows.npy")], capture_output=True, text=True, timeout=120
    )
    assert "The disk is full" in done.stdout
    assert done.returncode == 0, resource
