"""Read WebDataset shards: tar files in which the files of one sample share a name; nothing is unpacked."""

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.address import Address, address_of
from attribution.datasets.frames import PART, SPLIT_OF_PART, splits_of
from attribution.datasets.pictures import SUFFIXES as PICTURES
from attribution.datasets.readers import register
from attribution.datasets.readers.table import Rows, source_of, tidied
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import Source, left_out, listed, natural_key, note
from attribution.datasets.stored import Places, Stored, joined
from attribution.datasets.words import whole
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pandas as pd

WORDS = ("cls", "txt", "text", "transcript", "index", "id")  # files that hold one value
LARGEST_WORDS = 1 << 20  # bytes of one of them
MOST = 20_000_000  # members of all shards


@dataclass
class _Sample:
    """The files of one sample: ``places`` of its pictures by their endings, and the ``values`` of the others."""

    key: str
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


@register("webdataset")
class WebDataset(Rows):
    """Pictures or texts in tar files, labels beside them."""

    title = "a WebDataset"
    summary = (
        "Tar files whose members share a name by sample: 0001.jpg with 0001.cls, .txt or .json (an object of columns). "
        "Several by a pattern: shard-{0000..0011}.tar, or a folder of them."
    )
    suffixes = (".tar",)

    def sniff(self, path: Path, folder: bool) -> int:
        if not folder:
            return super().sniff(path, folder)
        return 2 if _shards(path) else 0

    def read(self, config: DataConfig) -> Source:
        address = address_of(config.path)
        problems: list[dict[str, Any]] = []
        frame, pictures = self.frame(address, (), problems, config.max_gigabytes)
        config = tidied(config)
        if not pictures and not config.text and not config.features:
            texts = [name for name in ("txt", "text", "transcript") if name in frame]
            config = replace(config, text=texts[0]) if texts and texts[0] != config.label else config
        return source_of(frame, config, address.path, problems, pictures)

    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        shards = _shards_of(address)
        samples = [list(_samples(shard)) for shard in shards]
        n = sum(map(len, samples))
        check_memory(address.path, n, 10, 500 * n, max_gigabytes)
        frame = _frame([one for some in samples for one in some])
        frame[PART] = [
            f"{one.key} of {shard.name}" for shard, some in zip(shards, samples, strict=True) for one in some
        ]
        splits = splits_of(shards, address.path)
        if any(splits):
            frame[SPLIT_OF_PART] = np.repeat(np.array(splits, dtype=object), [len(some) for some in samples])
        if len(shards) > 1:
            problems.append(note(address.path.name, f"{len(shards):,} tar files were read as one data set"))
        return _with_pictures(frame, shards, samples, problems)

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        found = []
        for sample in _samples(_shards_of(address_of(str(words)))[0]):
            found.append(sample)
            if len(found) > count:
                break
        return _frame(found[:count])


def _shards(folder: Path) -> list[Path]:
    """The tar files of a folder that holds nothing else of note."""
    files = [one for one in folder.iterdir() if not one.name.startswith((".", "_"))]
    tars = [one for one in files if one.suffix.lower() == ".tar" and one.is_file()]
    inside = [one for one in tars if one.resolve().is_relative_to(folder.resolve())]
    alone = not any(one.is_dir() or one.suffix.lower() in PICTURES for one in files)
    return sorted(inside, key=lambda path: natural_key(path.name)) if alone else []


def _shards_of(address: Address) -> list[Path]:
    return _shards(address.path) if address.path.is_dir() else address.files()


def _samples(shard: Path) -> Iterator[_Sample]:
    """The samples of a tar file in its order: neighbours whose names are the same up to the first dot."""
    last: _Sample | None = None
    with open(shard, "rb") as stream:
        for member in _members(shard):
            folder, _, name = member.name.rpartition("/")
            if not member.isreg() or name.startswith(".") or "." not in name:
                continue
            key = whole(f"{folder}/{name.partition('.')[0]}".removeprefix("/"))
            if last is None or key != last.key:
                if last is not None:
                    yield last
                last = _Sample(key)
            _take(last, name.partition(".")[2].lower(), member, stream, shard)
    if last is not None:
        yield last


def _members(shard: Path) -> Iterator[tarfile.TarInfo]:
    """What a tar file says of its members, links and devices among them; no name is ever opened as a path."""
    length = shard.stat().st_size
    try:
        with tarfile.open(shard, mode="r:") as tar:
            for number, member in enumerate(tar):
                tar.members.clear()  # type: ignore[attr-defined]  # what was looked at is not kept
                if number > MOST:
                    raise EOFError(f"it has more than {MOST:,} members")
                if member.offset_data + member.size > length:
                    raise EOFError(f"it ends within {whole(member.name)}")
                yield member
            if length < tar.offset + tarfile.BLOCKSIZE:  # two empty blocks are the end of a tar file
                raise EOFError("it is cut short")
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as cause:
        raise UserError(
            f"{shard.name} is damaged or no plain tar file: {cause}.",
            "The samples in it are not known.",
            "Write it again, without compression: pictures are packed already.",
        ) from cause


def _take(sample: _Sample, ending: str, member: tarfile.TarInfo, stream: Any, shard: Path) -> None:
    """Note a member of a sample: where a picture lies, or what a small file says."""
    if f".{ending.rpartition('.')[2]}" in PICTURES:
        sample.places[ending] = (member.offset_data, member.size)
        return
    if ending not in WORDS and ending != "json":
        sample.values.setdefault("", []).append(ending)
        return
    if member.size > LARGEST_WORDS:
        raise UserError(
            f"{member.name} of {shard.name} has {member.size:,} bytes.",
            f"At most {LARGEST_WORDS:,} are read as words.",
            "Correct or remove it.",
        )
    stream.seek(member.offset_data)
    content = stream.read(member.size)
    try:
        text = content.decode("utf-8-sig").strip()
        found = json.loads(text) if ending == "json" else text
    except (ValueError, RecursionError) as cause:
        raise UserError(
            f"{whole(member.name)} of {shard.name} cannot be read: {str(cause)[:100]}.",
            f"It should be {'a JSON document' if ending == 'json' else 'UTF-8 text'}.",
            "Correct or remove it.",
        ) from cause
    sample.values |= found if isinstance(found, dict) else {ending: found}


def _frame(samples: list[_Sample]) -> "pd.DataFrame":
    """What the small files say, a line per sample; the class (``cls``) is the label unless a column is called so."""
    import pandas as pd

    frame = pd.DataFrame([{name: value for name, value in one.values.items() if name} for one in samples])
    frame = frame.rename(columns=str)
    return frame.rename(columns={"cls": "label"}) if "cls" in frame and "label" not in frame else frame


def _with_pictures(
    frame: "pd.DataFrame", shards: list[Path], samples: list[list[_Sample]], problems: list[dict[str, Any]]
) -> tuple["pd.DataFrame", dict[str, Stored]]:
    """The frame with the pictures of the samples; samples without one are left out, others of its kind said."""
    every = [one for some in samples for one in some]
    endings = list(dict.fromkeys(ending for one in every for ending in one.places))
    others = sorted({ending for one in every for ending in one.values.get("", [])})
    if others:
        problems.append(left_out(f"members that end in {listed(others, 6)}", "neither pictures, words nor JSON", 0))
    if not endings:
        return frame, {}
    first = [next(iter(one.places.values()), (0, 0)) for one in every]
    kept = np.array([bool(one.places) for one in every])
    problems += [left_out(frame[PART].iloc[place], "has no picture") for place in np.flatnonzero(~kept)[:100]]
    if any(len(one.places) > 1 for one in every):
        problems.append(note("pictures", f"samples have several ({listed(endings, 6)}); the first of each was taken"))
    stored = []
    start = 0
    for shard, some in zip(shards, samples, strict=True):
        places = np.array(first[start : start + len(some)], dtype=np.int64).reshape(-1, 2)
        start += len(some)
        stored.append(Places(shard.parent, (shard.name,), np.zeros(len(some), np.int64), places[:, 0], places[:, 1]))
    pictures = joined(stored).take(np.flatnonzero(kept))
    return frame[kept].reset_index(drop=True), {"picture": pictures}
