"""Single values of samples: pictures as the bytes of a file without loss, numbers as arrays, and plain values."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})  # that PNG has
STEPS = 255
NEAR = 1e-4  # of a step: what float32 leaves of k / 255


def is_picture(value: Any) -> bool:
    """Whether it is a Pillow picture, or the bytes or path of one as Hugging Face has them."""
    if isinstance(value, Mapping):
        return set(value) == {"bytes", "path"}
    return any(one.__module__ == "PIL.Image" and one.__qualname__ == "Image" for one in type(value).__mro__)


def picture_file(value: Any) -> bytes:
    """A picture as the bytes of a file that holds it without loss: its own, a PNG, or a TIFF for what PNG has not."""
    if isinstance(value, Mapping):
        return bytes(value["bytes"] or b"") or (Path(value["path"]).read_bytes() if value["path"] else b"")
    stream = io.BytesIO()
    picture = value.copy()
    kept = {name: picture.info[name] for name in ("transparency",) if name in picture.info}
    picture.info = kept  # a turn that the file asks for was made or not made by the user, and is not made again
    plain = picture.mode in PLAIN_MODES
    how = {"format": "PNG", "compress_level": 1} if plain else {"format": "TIFF"}
    picture.save(stream, **how)
    return stream.getvalue()


def png(pixels: np.ndarray) -> bytes:
    """A PNG of uint8 pixels (h, w) or (h, w, 1 or 3)."""
    from PIL import Image

    stream = io.BytesIO()
    flat = pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    Image.fromarray(np.ascontiguousarray(flat)).save(stream, format="PNG", compress_level=1)
    return stream.getvalue()


def numbers(value: Any) -> np.ndarray | None:
    """An array or tensor, or a list of numbers, as an array; None for anything else."""
    if hasattr(value, "detach") and hasattr(value, "cpu"):
        found = value.detach().cpu()
        return np.asarray(found.float() if str(found.dtype) == "torch.bfloat16" else found)
    if isinstance(value, np.ndarray):
        return value if value.dtype.kind in "biuf" else None
    if isinstance(value, list | tuple) and value and isinstance(value[0], int | float | list | tuple | np.ndarray):
        try:
            found = np.asarray(value)
        except ValueError:  # of unequal lengths
            return None
        return found if found.dtype.kind in "biuf" else None
    return None


def plain(value: Any) -> Any:
    """A value that is no array: numbers of NumPy and tensors of one number as Python has them."""
    found = numbers(value) if not isinstance(value, list | tuple) else None
    if found is not None and found.ndim == 0:
        return found.item()
    return value.item() if isinstance(value, np.generic) else value


def as_pixels(values: np.ndarray, first: bool) -> np.ndarray | None:
    """uint8 pixels (h, w, 1 or 3) of an array that is a picture without doubt: 8 bits, or floats that are k / 255, with
    1 or 3 channels (``first``: they come first where either could be meant). None for any other."""
    if values.ndim not in (2, 3) or 0 in values.shape or values.dtype.kind not in "uf":
        return None
    if values.ndim == 2:
        values = values[:, :, None] if values.dtype.kind == "u" else np.zeros(0)
    else:
        front, back = values.shape[0] in (1, 3), values.shape[2] in (1, 3)
        if not front and not back:
            return None
        values = values.transpose(1, 2, 0) if front and (first or not back) else values
    if values.dtype == np.uint8:
        return values
    return _of_steps(values) if values.dtype.kind == "f" and values.size else None


def _of_steps(values: np.ndarray) -> np.ndarray | None:
    scaled = values.astype(np.float64) * STEPS
    steps = np.rint(scaled)
    fits = np.isfinite(scaled).all() and steps.min() >= 0 and steps.max() <= STEPS
    if not fits or np.abs(scaled - steps).max() > NEAR * STEPS:
        return None
    return steps.astype(np.uint8)
