"""Decode pictures to uint8 arrays and resize them."""

import struct
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from attribution.datasets.source import Unreadable

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
GREY_MODES = frozenset({"1", "L", "LA", "I", "I;16", "I;16B", "I;16L"})
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


def read_header(path: Path) -> tuple[int, int, int]:
    """``(height, width, channels)`` of a picture file as it will be decoded (1 grey, 3 colour), without decoding; ``Unreadable`` if it
    is none."""
    with _open(path) as image:
        width, height = image.size
        try:  # cameras store a quarter turn as a tag; PNG would have to be decoded to see it
            turned = image.format in ("JPEG", "MPO", "TIFF") and image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
        except BROKEN as cause:
            raise Unreadable(f"cannot be opened: {cause}") from cause
        if turned:
            width, height = height, width
        return height, width, 1 if image.mode in GREY_MODES else 3


def read_pixels(path: Path) -> np.ndarray:
    """The decoded picture, uint8 (h, w, 1) or (h, w, 3), turned upright, transparency on white; ``Unreadable`` with the cause."""
    with _open(path) as image:
        try:
            image.load()
            upright = ImageOps.exif_transpose(image)
        except BROKEN as cause:
            raise Unreadable(f"cannot be decoded: {cause}") from cause
        if upright.mode.startswith("I"):  # 16-bit grey
            return np.clip(np.asarray(upright, dtype=np.int64) // 257, 0, 255).astype(np.uint8)[:, :, None]
        if upright.mode == "F":
            raise Unreadable("has floating point pixels; save it as 8-bit")
        if upright.mode in ("LA", "RGBA", "PA") or "transparency" in upright.info:
            layer = upright.convert("RGBA")
            flat = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        else:
            flat = upright
        grey = image.mode in GREY_MODES
        pixels = np.asarray(flat.convert("L" if grey else "RGB"))
        return pixels[:, :, None] if grey else pixels


def with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """The picture (h, w, c) with this many channels: grey is repeated; colour never becomes grey."""
    return np.repeat(pixels, channels, axis=2) if pixels.shape[2] == 1 and channels == 3 else pixels


def resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture stretched to (height, width, c) with an antialiasing filter; unchanged if it has that size."""
    if pixels.shape[:2] == (height, width):
        return pixels
    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    resized = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    return resized.reshape(height, width, pixels.shape[2])


def target_size(sizes: list[tuple[int, int]], image_size: int, limit: int = 64) -> tuple[int, int]:
    """The common (height, width): a square of ``image_size``, or for 0 the most common size scaled down to at most ``limit`` a side."""
    if image_size > 0:
        return image_size, image_size
    counts: dict[tuple[int, int], int] = {}
    for size in sizes:
        counts[size] = counts.get(size, 0) + 1
    height, width = min(counts, key=lambda size: (-counts[size], size))
    scale = min(1.0, limit / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _open(path: Path) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path)
    except FileNotFoundError as cause:
        raise Unreadable("the file does not exist") from cause
    except Image.UnidentifiedImageError as cause:
        raise Unreadable("the file is empty" if path.stat().st_size == 0 else "is not a picture that can be read") from cause
    except BROKEN as cause:
        raise Unreadable(f"cannot be opened: {cause}") from cause
