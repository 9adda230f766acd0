"""Open and decode picture files: which are read, how large they may be, and the uint8 arrays that they become."""

import io
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from attribution.datasets.depth import Deep, Ranges, decode, depth_of, is_grey
from attribution.datasets.source import Source, Unreadable, note
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
LARGEST = 4096  # as DataConfig.image_size
MEGAPIXELS = 90  # as DataConfig.max_megapixels
STRETCHED = 0.02  # a change of the ratio of the sides beyond what rounding to whole pixels makes
GREY_MODES = frozenset({"1", "L", "LA"})
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)


class PictureFiles:
    """Picture files (or the bytes of such files) by number; those of more than 8 bits share a scale once ``measure``
    has looked through them."""

    def __init__(self, files: Sequence[Path | bytes], names: list[str], megapixels: int = MEGAPIXELS) -> None:
        self.files, self.names, self.megapixels = files, names, megapixels
        self.deep: set[int] = set()
        self.ranges: Ranges | None = None

    def header(self, i: int) -> tuple[int, int, int]:
        """``(height, width, channels)`` of a picture as it will be decoded; ``Unreadable`` if it is none. Remembers
        which are deep."""
        with opened(self.files[i], self.megapixels) as image:
            if depth_of(image):
                self.deep.add(i)
            return _header(image)

    def measure(self) -> list[dict[str, Any]]:
        """Find the range that the pictures of more than 8 bits use, among those whose header was asked for; what is
        worth knowing of it."""
        self.ranges = Ranges()
        for i in sorted(self.deep):
            try:
                found = _decoded(self.files[i], self.megapixels)
            except Unreadable:
                continue  # told when it is read for its pixels
            if isinstance(found, Deep):
                self.ranges.add(found, self.names[i])
        return list(self.ranges.notes())

    def pixels(self, i: int) -> np.ndarray:
        """The decoded picture, uint8 (h, w, 1 or 3); ``Unreadable`` with the cause."""
        return read_pixels(self.files[i], self.ranges, self.megapixels)

    def source(self, path: Path, samples: "pd.DataFrame", problems: list[dict[str, Any]], seen: int) -> Source:
        """They as a source, ``samples`` in their order."""
        how = (self.header, self.pixels, seen, self.measure)
        return Source("image", path, samples, (), problems, *how, files=self)


def read_header(path: Path) -> tuple[int, int, int]:
    """``(height, width, channels)`` of a picture file as it will be decoded (1 grey, 3 colour), without decoding;
    ``Unreadable`` if it is none."""
    with opened(path) as image:
        return _header(image)


def read_pixels(path: Path | bytes, ranges: Ranges | None = None, megapixels: int = MEGAPIXELS) -> np.ndarray:
    """The decoded picture, uint8 (h, w, 1) or (h, w, 3), turned upright, transparency on white; ``Unreadable`` with the
    cause.

    A picture of more than 8 bits is scaled by ``ranges``, or by its own range where those do not know its depth.
    """
    found = _decoded(path, megapixels)
    if not isinstance(found, Deep):
        return found
    if not np.isfinite(found.values).all():
        raise Unreadable("has pixels that are not finite numbers")
    if ranges is None or found.kind not in ranges.known:
        ranges = Ranges()
        ranges.add(found, path.name if isinstance(path, Path) else "a picture")
        if found.kind not in ranges.known:  # transparent everywhere
            return np.full(found.values.shape, 255, dtype=np.uint8)
    return ranges.to_bytes(found)


def _header(image: Image.Image) -> tuple[int, int, int]:
    tags = getattr(image, "tag_v2", {})  # of TIFF, whose size some versions of Pillow give as turned already
    width, height = tags.get(256, image.width), tags.get(257, image.height)
    try:  # cameras store a quarter turn as a tag; PNG would have to be decoded to see it
        turned = image.format in ("JPEG", "MPO", "TIFF") and image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except BROKEN as cause:
        raise Unreadable(f"cannot be opened: {cause}") from cause
    if turned:
        width, height = height, width
    grey = is_grey(image) if depth_of(image) else image.mode in GREY_MODES
    return height, width, 1 if grey else 3


def _decoded(path: Path | bytes, megapixels: int) -> "np.ndarray | Deep":
    """uint8 pixels, or a deep picture, both upright."""
    with opened(path, megapixels) as image:
        try:
            if depth_of(image):
                with opened(path, megapixels) as again:
                    return _upright(decode(image, again), image)
            image.load()
            upright = ImageOps.exif_transpose(image)
        except BROKEN as cause:
            raise Unreadable(f"cannot be decoded: {cause}") from cause
        if upright.mode in ("LA", "RGBA", "PA") or "transparency" in upright.info:
            layer = upright.convert("RGBA")
            flat = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        else:
            flat = upright
        grey = image.mode in GREY_MODES
        pixels = np.asarray(flat.convert("L" if grey else "RGB"))
        return pixels[:, :, None] if grey else pixels


_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, -1)[:, ::-1],
    8: np.rot90,
}


def _upright(picture: Deep, image: Image.Image) -> Deep:
    """A deep picture turned as its tag says."""
    turn = _TURNS.get(image.getexif().get(0x0112, 1))
    if turn is None:
        return picture
    return Deep(turn(picture.values), None if picture.alpha is None else turn(picture.alpha), picture.kind)


def with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """The picture (h, w, c) with this many channels: grey is repeated; colour never becomes grey."""
    return np.repeat(pixels, channels, axis=2) if pixels.shape[2] == 1 and channels == 3 else pixels


def as_image(pixels: np.ndarray) -> Image.Image:
    """A picture (h, w, 1 or 3) as Pillow has it."""
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture stretched to (height, width, c) with an antialiasing filter; unchanged if it has that size."""
    if pixels.shape[:2] == (height, width):
        return pixels
    resized = np.asarray(as_image(pixels).resize((width, height), Image.Resampling.LANCZOS))
    return resized.reshape(height, width, pixels.shape[2])


def target_size(sizes: list[tuple[int, int]], image_size: int, limit: int = 64) -> tuple[int, int]:
    """The common (height, width): a square of ``image_size``, or for 0 the most common size scaled down to at most
    ``limit`` a side. ``UserError`` for a size that is none."""
    if not 0 <= image_size <= LARGEST:
        raise UserError(
            f"An image_size of {image_size:,} cannot be used.",
            "It is a side in pixels.",
            f"Choose 1 to {LARGEST:,}, or 0.",
        )
    if image_size > 0:
        return image_size, image_size
    counts: dict[tuple[int, int], int] = {}
    for size in sizes:
        counts[size] = counts.get(size, 0) + 1
    height, width = min(counts, key=lambda size: (-counts[size], size))
    scale = min(1.0, limit / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def size_range(sizes: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], tuple[int, int]]:
    """The smallest and the largest height, and the smallest and the largest width of (height, width) pairs."""
    heights, widths = zip(*sizes, strict=True)
    return (min(heights), max(heights)), (min(widths), max(widths))


def size_words(low_high_height: tuple[int, int], low_high_width: tuple[int, int]) -> str:
    """Sizes as they are in the files: "64 x 35 pixels", or "60 to 120 x 35 pixels" (width x height)."""
    width, height = (
        f"{low:,}" if low == high else f"{low:,} to {high:,}" for low, high in (low_high_width, low_high_height)
    )
    return f"{width} × {height} pixels"


def size_notes(sizes: list[tuple[int, int]], height: int, width: int) -> list[dict[str, Any]]:
    """A line about the (height, width) that pictures were brought to, where some had another; and how many changed
    their shape."""
    resized = [size for size in sizes if size != (height, width)]
    if not resized:
        return []
    stretched = sum(abs(w * height / (h * width) - 1) > STRETCHED for h, w in resized)
    what = f"brought from {size_words(*size_range(sizes))} to {width:,} × {height:,}"
    what += (
        f"; {stretched:,} of {len(sizes):,} are stretched, since their sides have another ratio" if stretched else ""
    )
    return [note("sizes of pictures", what, len(resized))]


@contextmanager
def opened(path: Path | bytes, megapixels: int = MEGAPIXELS) -> Iterator[Image.Image]:
    """An opened, undecoded picture: a regular file (or the bytes of one) in one of ``FORMATS``, whatever its suffix,
    of at most ``megapixels``; else ``Unreadable``."""
    with _stream(path) as (stream, size), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow's notes on a file; its size is looked at here
        try:
            image = Image.open(stream, formats=FORMATS)
        except Image.UnidentifiedImageError as cause:
            raise Unreadable("the file is empty" if size == 0 else "is not a picture that can be read") from cause
        except Image.DecompressionBombError as cause:
            raise Unreadable(
                f"has more than the {megapixels} million pixels that are decoded at most (max_megapixels)"
            ) from cause
        except BROKEN as cause:
            raise Unreadable(f"cannot be opened: {cause}") from cause
        width, height = image.size
        if width * height > megapixels * 1_000_000:
            million = f"{width * height / 1e6:,.0f} million"
            raise Unreadable(
                f"has {width:,} x {height:,} pixels, {million}; at most {megapixels} million are decoded "
                "(max_megapixels)"
            )
        yield image


@contextmanager
def _stream(path: Path | bytes) -> Iterator[tuple[BinaryIO, int]]:
    """A picture's bytes to read from, and how many there are; never those of a pipe or a device."""
    if isinstance(path, bytes):
        yield io.BytesIO(path), len(path)
        return
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as cause:
        raise Unreadable("the file does not exist") from cause
    except OSError as cause:
        raise Unreadable(f"cannot be opened: {cause.strerror}") from cause
    with os.fdopen(handle, "rb") as stream:
        about = os.fstat(handle)
        if not stat.S_ISREG(about.st_mode):
            raise Unreadable("is no regular file")
        yield stream, about.st_size
