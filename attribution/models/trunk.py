"""What a language model's frozen first layers make of a row, run once and kept by the row's tokens in the project."""

import hashlib
import os
import shutil
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from attribution.progress import Progress
from attribution.storage.files import read_array, whole_file
from attribution.storage.locks import alone

if TYPE_CHECKING:
    from attribution.models.causal import CausalModel

FORMAT = 1
FOLDER = "trunk"  # in a project's data folder
EXACT_BYTES = 2 << 30  # on disk, up to which the numbers keep all their digits
KEPT_BYTES = 16 << 30  # on disk, for one model; and no more than half of what is free
HELD_BYTES = 256 << 20  # in memory, of rows that are not on disk
FILE_BYTES = 128 << 20  # of one file
TOKENS = 2048  # that go through the layers together
INDEX = np.dtype([("key", "S16"), ("start", "<i8"), ("length", "<i8")])


class Trunk:
    """The kept outputs of one model's first layers: float32 where all rows of the data take no more than
    ``EXACT_BYTES`` so, else float16 with a power of two for each token, so that a number keeps 11 binary digits (an
    error of at most 0.05 % of it, or of 6e-8 of the token's largest), in float32 again when asked.

    On disk: files of many rows, ``NAME.states.npy`` (tokens, d) and ``NAME.scales.npy`` (tokens,), then
    ``NAME.rows.npy``, which says where each row is and without which a file does not count; they are mapped, not read.
    Several processes may add. Rows that are not there are made, and held in memory up to ``HELD_BYTES``.
    """

    def __init__(self, folder: Path, key: str, width: int, exact: bool) -> None:
        self.folder = folder / FOLDER / (key if exact else f"{key}-half")
        self.width = width
        self.dtype = np.dtype(np.float32 if exact else np.float16)
        self._files: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._places: dict[bytes, tuple[str, int, int]] = {}
        self._held: OrderedDict[bytes, tuple[np.ndarray, np.ndarray]] = OrderedDict()
        self._held_bytes = 0
        self._look()

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    @property
    def count(self) -> int:
        """How many rows are kept on disk."""
        return len(self._places)

    def states(self, model: "CausalModel", ids: Tensor, there: Tensor) -> Tensor:
        """What the first trained layer is given ``(b, t, d)`` float32, 0 at padding; rows that are not kept are
        made."""
        rows = list(_rows(ids, there))
        keys = [_key(row) for row in rows]
        lacking = [place for place, key in enumerate(keys) if key not in self._places and key not in self._held]
        if lacking:
            self._look()
            lacking = [place for place in lacking if keys[place] not in self._places]
        for places, packed in _made(model, [rows[place] for place in lacking], self.dtype):
            for place, one in zip(places, packed, strict=True):
                self._hold(keys[lacking[place]], one)
        found = np.zeros((*ids.shape, self.width), dtype=np.float32)
        for place, (row, key) in enumerate(zip(rows, keys, strict=True)):
            found[place, : len(row)] = self._read(key, model, row)
        return torch.from_numpy(found).to(ids.device)

    def fill(self, model: "CausalModel", rows: Sequence[np.ndarray], progress: Progress) -> None:
        """Keep what the layers make of these rows of tokens on disk, those of about one length together; rows that are
        there, or for which there is no room, are left out. One process at a time."""
        if not os.access(self.folder.parent.parent, os.W_OK):  # a project that is only read
            return
        with alone(self.folder.with_name(f".{self.folder.name}.lock"), progress):
            self._look()
            by_key = {key: row for row in rows if (key := _key(row)) not in self._places}
            lacking = sorted(by_key.items(), key=lambda entry: len(entry[1]))
            room = self._room_bytes() // (self.dtype.itemsize * self.width + 4)
            done, size = 0, 0
            batch: list[tuple[bytes, np.ndarray]] = []
            for key, row in lacking:
                room -= len(row)
                if room < 0:
                    break
                batch.append((key, row))
                size += len(row)
                if size * self.width * self.dtype.itemsize >= FILE_BYTES:
                    self._write(model, batch, progress, done, len(lacking))
                    done, size, batch = done + len(batch), 0, []
            if batch:
                self._write(model, batch, progress, done, len(lacking))
            self._look()

    def _write(
        self, model: "CausalModel", batch: list[tuple[bytes, np.ndarray]], progress: Progress, done: int, total: int
    ) -> None:
        """One file of rows, the index last."""
        index = np.zeros(len(batch), dtype=INDEX)
        lengths = np.array([len(row) for _, row in batch])
        index["key"] = [key for key, _ in batch]
        index["length"] = lengths
        index["start"] = np.cumsum(lengths) - lengths
        states = np.empty((int(lengths.sum()), self.width), dtype=self.dtype)
        scales = np.empty(len(states), dtype=np.float32)
        made = 0
        for places, packed in _made(model, [row for _, row in batch], self.dtype):
            for place, (some, scale) in zip(places, packed, strict=True):
                start = int(index["start"][place])
                states[start : start + len(some)] = some
                scales[start : start + len(some)] = scale
            made += len(places)
            words = f"reading the rows through the frozen layers, {done + made:,} of {total:,}"
            progress.update(done + made, total, words)
        name = hashlib.sha256(index.tobytes()).hexdigest()[:16]
        for ending, values in (("states", states), ("scales", scales), ("rows", index)):
            with whole_file(self.folder / f"{name}.{ending}.npy") as temporary, open(temporary, "wb") as stream:
                np.save(stream, values)

    def _look(self) -> None:
        """Open the files that others have added since."""
        for path in sorted(self.folder.glob("*.rows.npy")):
            name = path.name.partition(".")[0]
            if name in self._files:
                continue
            parts = [read_array(self.folder / f"{name}.{ending}.npy", mapped=True) for ending in ("states", "scales")]
            self._files[name] = (parts[0], parts[1])
            for key, start, length in read_array(path):
                self._places[_full(key)] = (name, int(start), int(length))

    def _room_bytes(self) -> int:
        """What may still be written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        taken = sum(path.stat().st_size for path in self.folder.glob("*.npy"))
        return min(KEPT_BYTES - taken, shutil.disk_usage(self.folder).free // 2)

    def _hold(self, key: bytes, packed: tuple[np.ndarray, np.ndarray]) -> None:
        self._held[key] = packed
        self._held_bytes += packed[0].nbytes
        while self._held_bytes > HELD_BYTES and len(self._held) > 1:
            _, (old, _) = self._held.popitem(last=False)
            self._held_bytes -= old.nbytes

    def _read(self, key: bytes, model: "CausalModel", row: np.ndarray) -> np.ndarray:
        """A row's states, float32 (t, d)."""
        if key in self._places:
            name, start, length = self._places[key]
            states, scales = self._files[name]
            return states[start : start + length].astype(np.float32) * scales[start : start + length, None]
        if key not in self._held:  # more rows in a batch than are held
            self._held[key] = next(_made(model, [row], self.dtype))[1][0]
        states, scales = self._held[key]
        self._held.move_to_end(key)
        return states.astype(np.float32) * scales[:, None]


@lru_cache(maxsize=8)
def trunk_in(folder: Path, key: str, width: int, exact: bool) -> Trunk:
    """The trunk of this key in a project's data folder, one for all models of a process."""
    return Trunk(folder, key, width, exact)


def key_of(model: "CausalModel") -> str:
    """What the outputs of a model's first layers depend on: their weights, their number, and what the network is told
    in its config; 0.4 s for half a gigabyte."""
    digest = hashlib.sha256(f"{FORMAT} {model.cut} {model.told}".encode())
    for weight in model.frozen_weights():
        values = weight.detach().cpu().contiguous()
        digest.update(f"{tuple(values.shape)} {values.dtype}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def _rows(ids: Tensor, there: Tensor) -> Iterator[np.ndarray]:
    """Each row's tokens without its padding."""
    for row, count in zip(ids.cpu().numpy(), there.sum(1).tolist(), strict=True):
        yield row[:count]


def _key(row: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(row, dtype=np.int32).tobytes(), digest_size=16).digest()


def _full(key: Any) -> bytes:
    return bytes(key).ljust(16, b"\0")  # NumPy drops zeros at the end of bytes


@torch.no_grad()
def _made(
    model: "CausalModel", rows: Sequence[np.ndarray], dtype: np.dtype
) -> Iterator[tuple[list[int], list[tuple[np.ndarray, np.ndarray]]]]:
    """What the layers make of rows, by places of about one length: states (t, d) and a factor for each token, which is
    1 for float32."""
    device = next(iter(model.frozen_weights())).device
    for places in together([len(row) for row in rows]):
        longest = max(1, len(rows[places[-1]]))
        ids = torch.zeros(len(places), longest, dtype=torch.int64)
        for line, place in enumerate(places):
            ids[line, : len(rows[place])] = torch.from_numpy(rows[place].astype(np.int64))
        states = model.frozen(ids.to(device)).float()  # (b, t, d)
        exact = dtype == np.float32
        top = states.abs().amax(-1).clamp_min(1e-30)  # (b, t)
        scales = torch.ones_like(top) if exact else torch.exp2(top.log2().floor())
        small = (states if exact else (states / scales[..., None]).half()).cpu().numpy()
        factors = scales.cpu().numpy()
        yield (
            places,
            [(small[line, : len(rows[place])], factors[line, : len(rows[place])]) for line, place in enumerate(places)],
        )


def together(lengths: Sequence[int], most: int = TOKENS) -> Iterator[list[int]]:
    """Places of rows that go through layers together, the longest last: of about one length, at most ``most`` tokens
    with padding."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: lengths[place]):
        if batch and (len(batch) + 1) * lengths[place] > most:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
