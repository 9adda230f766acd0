"""What readers of binary files of pictures share: arrays of pixels and labels, part by part, as a source."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.packed_text import is_packed, opened_bytes, text_size
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import Source
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Part:
    """``pixels``: uint8 (n, h, w, c); ``labels``: (n,) whole numbers; ``split``: "" for none; ``name``: for ids."""

    split: str
    name: str
    pixels: np.ndarray
    labels: np.ndarray

    def samples(self, classes: Sequence[str]) -> "pd.DataFrame":
        """Id, label, split and source of each picture; ``classes`` name the labels, () takes the numbers."""
        import pandas as pd

        wrong = np.flatnonzero((self.labels < 0) | (self.labels >= len(classes)) if classes else [])
        if len(wrong):
            raise UserError(
                f"Picture {wrong[0]} of {self.name} has the label {self.labels[wrong[0]]}, but there are "
                f"{len(classes)} classes.",
                "Its name is unknown.",
                "Check that the files belong together.",
            )
        names = [classes[label] if classes else str(label) for label in self.labels.tolist()]
        ids = [f"{self.name}-{number:05d}" for number in range(len(names))]
        return pd.DataFrame({"id": ids, "label": names, "split": self.split, "source": ids})


def source_of_parts(path: Path, parts: Sequence[Part], classes: Sequence[str]) -> Source:
    """The pictures of all parts, in their order. ``classes``: names of the labels; () takes the numbers."""
    import pandas as pd

    samples = pd.concat([part.samples(classes) for part in parts], ignore_index=True)
    ends = np.cumsum([len(part.labels) for part in parts])

    def picture(i: int) -> np.ndarray:
        at = int(np.searchsorted(ends, i, side="right"))
        found: np.ndarray = parts[at].pixels[i - (int(ends[at - 1]) if at else 0)]
        return found

    def header(i: int) -> tuple[int, int, int]:
        height, width, channels = picture(i).shape
        return height, width, channels

    present = set(samples["label"])
    known = tuple(name for name in classes if name in present)
    return Source("image", path, samples, known, [], header, lambda i: np.ascontiguousarray(picture(i)), len(samples))


def content(path: Path, max_gigabytes: float) -> np.ndarray:
    """The bytes of a file, uint8 (n,): mapped into memory, or unpacked where that is not more than
    ``max_gigabytes``."""
    size = text_size(path, max_gigabytes)
    if size == 0:
        raise UserError(f"{path} is empty.", "There is nothing to load.", "Check that this is the file you meant.")
    if not is_packed(path):
        return np.memmap(path, dtype=np.uint8, mode="r")
    check_memory(path, 0, 0, size, max_gigabytes)
    with opened_bytes(path) as stream:
        return np.frombuffer(stream.read(), dtype=np.uint8)
