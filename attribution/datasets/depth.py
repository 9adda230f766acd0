"""Pictures of more than 8 bits: the range that they use over the whole data set, and the bytes that they become in
it."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from attribution.datasets.source import note

SWAPPED = {"16B": "16L", "16L": "16B", "16N": "16B" if sys.byteorder == "little" else "16L"}
TENTH = 0.1


@dataclass(frozen=True)
class Deep:
    """A picture as stored: ``values`` (h, w, 1 or 3) of any number type, ``alpha`` (h, w) uint8 where it has one, and
    its kind in words."""

    values: np.ndarray
    alpha: np.ndarray | None
    kind: str


@dataclass
class _Range:
    low: float
    high: float
    count: int = 0
    brightest: str = ""
    usual: list[float] = field(default_factory=list)  # per picture, what all but a thousandth of its values stay below


class Ranges:
    """The range in use per kind of depth. One scale for all pictures of a kind, so that a dark picture stays darker
    than a bright one."""

    def __init__(self) -> None:
        self.known: dict[str, _Range] = {}

    @staticmethod
    def of(known: dict[str, list[float]]) -> "Ranges":
        """Those of these kinds: lowest and highest value of each."""
        found = Ranges()
        found.known = {kind: _Range(low, high) for kind, (low, high) in known.items()}
        return found

    def add(self, picture: Deep, name: str) -> None:
        """Widen the range of this kind by a picture."""
        values = picture.values if picture.alpha is None else picture.values[picture.alpha > 0]
        if not values.size or not np.isfinite(values).all():
            return
        low, high = float(values.min()), float(values.max())
        found = self.known.setdefault(picture.kind, _Range(low, high, brightest=name))
        if high > found.high:
            found.brightest = name
        found.low, found.high = min(found.low, low), max(found.high, high)
        found.count += 1
        found.usual.append(float(np.quantile(values, 0.999)))

    def to_bytes(self, picture: Deep) -> np.ndarray:
        """The picture as uint8 (h, w, c): the lowest value in use becomes 0, the highest 255; what is transparent
        becomes white."""
        found = self.known[picture.kind]
        low = found.low if found.high > found.low else min(found.low, 0.0)
        scale = 255 / (found.high - low) if found.high > low else 0.0
        scaled = np.clip((picture.values.astype(np.float64) - low) * scale, 0, 255)
        if picture.alpha is not None:
            share = picture.alpha[:, :, None] / 255
            scaled = scaled * share + 255 * (1 - share)
        return np.rint(scaled).astype(np.uint8)

    def notes(self) -> Iterable[dict[str, Any]]:
        """What was done, one line per kind of depth; and where a few bright values leave the others little of the
        range."""
        for kind, found in self.known.items():
            low, high = (f"{value:,.6g}" for value in (found.low, found.high))
            what = (
                f"their values run from {low} to {high} over the data set; that range became 0 to 255, one "
                "scale for all of them"
            )
            yield note(f"pictures of {kind}", what, found.count)
            usual = float(np.median(found.usual))
            if usual < found.low + TENTH * (found.high - found.low):
                what = (
                    f"most of them stay below {usual:,.6g}, under a tenth of the range, since a few values reach "
                    f"{high} (in {found.brightest}): they come out dark; cut those values off and import again if they "
                    "mean nothing"
                )
                yield note(f"pictures of {kind}", what, found.count)


def depth_of(image: Image.Image) -> str:
    """The depth of an opened picture in words where it has more than 8 bits, else ""."""
    if image.mode == "F":
        return "floating point"
    raw = _raw_mode(image)
    if image.mode.startswith("I;16") or ";16" in raw:
        return "16 bits"
    return "32 bits" if image.mode.startswith("I") else ""


def is_grey(image: Image.Image) -> bool:
    """Whether a picture of more than 8 bits has no colours."""
    return image.mode[0] in "IF" or _raw_mode(image).startswith("L")


def decode(image: Image.Image, again: Image.Image) -> Deep:
    """A picture of more than 8 bits, not turned. Colours come in two decodings, since Pillow hands out one byte of two:
    ``again`` is the same file opened once more. ``ValueError`` for a form that cannot be taken apart."""
    kind = depth_of(image)
    if image.mode[0] in "IF":
        values = np.asarray(image)
        if kind == "32 bits" and getattr(image, "tag_v2", {}).get(339, (2,)) == (1,):
            values = values.view(np.uint32)
        return Deep(values[:, :, None], None, kind)
    if _raw_mode(image).startswith("LA"):  # the four bytes of grey and alpha, as they lie there
        _set_raw_mode(again, "RGBA")
        four = np.asarray(again).astype(np.uint16)
        return Deep((four[:, :, :1] << 8) | four[:, :, 1:2], four[:, :, 2].astype(np.uint8), kind)
    name, _, order = _raw_mode(image).partition(";")
    if order not in SWAPPED:
        raise ValueError(f"16 bits a colour in the form {_raw_mode(image)}")
    _set_raw_mode(again, f"{name};{SWAPPED[order]}")
    high, low = np.asarray(image), np.asarray(again)
    values = (high[:, :, :3].astype(np.uint16) << 8) | low[:, :, :3]
    return Deep(values, high[:, :, 3] if high.shape[2] == 4 else None, kind)


def _raw_mode(image: Image.Image) -> str:
    """How the file stores its pixels, as Pillow calls it; "" where that is not known."""
    tiles = getattr(image, "tile", None)
    if not tiles:
        return ""
    arguments = tiles[0][3]
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments or "")


def _set_raw_mode(image: Any, raw: str) -> None:
    """Have the pixels of an opened picture taken apart another way."""
    codec, extents, offset, arguments = image.tile[0]
    changed = (raw, *arguments[1:]) if isinstance(arguments, tuple) else raw
    rest = [(*tile[:3], changed) for tile in image.tile[1:]]
    image.tile = [
        type(image.tile[0])._make(tile) if hasattr(image.tile[0], "_make") else tile
        for tile in ((codec, extents, offset, changed), *rest)
    ]
