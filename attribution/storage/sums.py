"""Checksums of what a finished result is made of: kept in its config.json, checked where a file is read; and whether a
folder is whole.

CRC-32 of the bytes (2.6 GB/s on one core), once per process for a file of one time and size. It finds what disks and
copies do to files; it is no protection against somebody who means to deceive. Results from before checksums were kept
are read as they are.
"""

import json
import os
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from attribution.errors import UserError
from attribution.storage.files import damage, read_json, way_out, write_json

BINARY = (".npy", ".parquet", ".safetensors")
NAMES = ("config.json", "dataset.json")  # where checksums are kept
NEEDED = {  # of config.json, by the kind of result
    "runs": ("version", "model", "train", "seed", "source", "code", "checkpoints"),
    "scores": ("run", "version", "estimator", "queries", "fingerprint", "dense"),
    "flags": ("run", "version", "estimate", "detectors"),
    "leaks": ("run", "version", "threshold"),
    "maps": ("run", "version", "space", "method"),
}
_seen: dict[tuple[str, int, int], int] = {}  # (path, time, size) -> checksum, of files read in this process


def finish(folder: Path, values: dict[str, Any]) -> None:
    """Write a result's config.json, the last of its files: ``values``, and the checksum of every binary file in the
    folder."""
    write_json(folder / "config.json", {**values, "checksums": of_folder(folder)})


def of_folder(folder: Path) -> dict[str, list[int]]:
    """``{file: [bytes, CRC-32]}`` of the binary files of a result, by their path in its folder."""
    return {path.relative_to(folder).as_posix(): [path.stat().st_size, _sum(path)] for path in sorted(_files(folder))}


def checked(path: Path) -> Path:
    """The path, when the file still is what its result kept of it (or nothing was kept); ``UserError`` otherwise. Reads
    it once."""
    path = Path(path)
    kept = _kept(path)
    if kept is None or not path.exists():
        return path
    if not path.is_file():
        raise changed(path, "it is no file")
    size, checksum = kept
    if path.stat().st_size != size:
        raise changed(path, f"it has {path.stat().st_size:,} bytes and was written with {size:,}")
    if _sum(path) != checksum:
        raise changed(path, "its bytes are not those that were written (checksum)")
    return path


def changed(path: Path, how: str) -> UserError:
    """The error for a file that is not what was written."""
    return UserError(
        f"{path} is damaged or was changed: {how}.",
        "What follows from it would be wrong without a word.",
        way_out(path),
    )


def ailing(folder: Path) -> UserError | None:
    """What is wrong with a finished result, by its files' names, sizes and outer form (nothing is read whole); None if
    it is sound."""
    try:
        config = read_json(folder / "config.json")
        missing = [
            name for name in NEEDED.get(folder.parent.name, ()) if not isinstance(config, dict) or name not in config
        ]
        if missing or not config:
            what = (
                f"{folder / 'config.json'} does not say {missing[0]!r}."
                if missing
                else f"{folder / 'config.json'} says nothing."
            )
            raise UserError(what, "It describes a finished result.", way_out(folder / "config.json"))
        for name, (size, _) in config.get("checksums", {}).items():
            path = folder / name
            if not path.exists():
                raise UserError(f"{path} is not there.", "It is part of a finished result.", way_out(path))
            if path.stat().st_size != size:
                raise changed(path, f"it has {path.stat().st_size:,} bytes and was written with {size:,}")
        for path in _files(folder):
            with damage(path):
                _outer_form(path)
        for path in folder.glob("[!.]*.json"):
            read_json(path)
    except UserError as error:
        return error
    return None


def sound(config: Path) -> bool:
    """Whether the result of this config.json is not ``ailing``; asked once per process while its config.json stays."""
    return _sound(config, config.stat().st_mtime_ns)


@lru_cache(maxsize=4096)
def _sound(config: Path, changed_ns: int) -> bool:
    return ailing(config.parent) is None


def _files(folder: Path) -> Iterator[Path]:
    """The binary files of a result: in its folder and those below that are no results of their own."""
    for path in folder.iterdir():
        if path.is_file() and path.suffix in BINARY and not path.name.startswith("."):
            yield path
        elif path.is_dir() and path.name in ("checkpoints", "shards"):
            yield from _files(path)


def _outer_form(path: Path) -> None:
    """ValueError unless a file ends where its own header says."""
    size = path.stat().st_size
    with open(path, "rb") as stream:
        if path.suffix == ".parquet":
            stream.seek(max(0, size - 4))
            if size < 12 or stream.read() != b"PAR1":
                raise ValueError("it is cut short")
        elif path.suffix == ".safetensors":
            length = int.from_bytes(stream.read(8), "little")
            if length > size:
                raise ValueError("it is cut short")
            header = json.loads(stream.read(length))
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            if size != 8 + length + max(ends, default=0):
                raise ValueError("it is cut short")
        else:
            import numpy as np

            first = np.lib.format.read_magic(stream) == (1, 0)
            read = np.lib.format.read_array_header_1_0 if first else np.lib.format.read_array_header_2_0
            shape, _, kind = read(stream)
            if size != stream.tell() + int(np.prod(shape, dtype=np.int64)) * kind.itemsize:
                raise ValueError("it is cut short")


def _kept(path: Path) -> tuple[int, int] | None:
    """Size and checksum that the file's result kept of it, or None."""
    for folder in (path.parent, path.parent.parent):
        for name in NAMES:
            described = folder / name
            if described.is_file():
                found = _described(described, described.stat().st_mtime_ns).get(path.relative_to(folder).as_posix())
                return (int(found[0]), int(found[1])) if found else None
    return None


@lru_cache(maxsize=512)
def _described(path: Path, changed_ns: int) -> dict[str, list[int]]:
    found = read_json(path)
    return dict(found.get("checksums", {})) if isinstance(found, dict) else {}


def _sum(path: Path) -> int:
    """CRC-32 of a file's bytes, once per process while its time and size stay."""
    stat = os.stat(path)
    key = str(path), stat.st_mtime_ns, stat.st_size
    if key not in _seen:
        found = 0
        with open(path, "rb") as stream:
            while block := stream.read(1 << 22):
                found = zlib.crc32(block, found)
        _seen[key] = found
    return _seen[key]
