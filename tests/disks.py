"""Small disks and disks that can only be read, where this machine lets a test mount one."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def mounted(place: Path, options: str) -> bool:
    """Whether a file system of memory could be mounted there."""
    place.mkdir(parents=True, exist_ok=True)
    tried = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "none", str(place)], capture_output=True, check=False
    )
    return tried.returncode == 0


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of this size at ``place``; the test is skipped where nothing may be mounted."""
    if shutil.which("mount") is None or not mounted(place, f"size={kilobytes}k"):
        pytest.skip("this machine lets no test mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """The folder where it can only be read: by its rights, or for a user whom no right stops, on a disk mounted so."""
    if os.geteuid() == 0:
        place = folder.with_name(f"{folder.name}-disk")
        with small_disk(place, 64_000):
            shutil.copytree(folder, place / folder.name)
            subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
            yield place / folder.name
        return
    paths = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path in reversed(paths):
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        yield folder
    finally:
        for path, mode in modes.items():
            path.chmod(mode)


def fill(place: Path, left: int) -> Path:
    """A file that leaves about so many bytes on the disk."""
    path = place / "filler"
    path.unlink(missing_ok=True)
    with open(path, "wb") as stream:
        try:
            stream.write(bytes(max(0, shutil.disk_usage(place).free - left)))
            stream.flush()
        except OSError:
            pass
    return path
