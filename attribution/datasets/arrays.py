"""Arrays as samples: which are numbers of a shape rather than pictures, and that every number is there."""

from collections.abc import Callable, Sequence

import numpy as np

from attribution.errors import UserError

OR_NUMBERS = "If they are no pictures, say so: --arrays numbers."
BLOCK = 1024  # samples looked at at once
LIKE_PICTURES = (1, 3)  # channels


def why_numbers(x: np.ndarray, asked: str) -> str:
    """Why arrays (n, ...) are taken as numbers of a shape; "" for a table, and for what may be pictures.

    ``asked`` is ``DataConfig.arrays``. Pictures are 0..255 or 0..1 with one or three channels; what is near to that
    (channels first, four channels of 8 bits, 16 bits, fractions beyond 1) stays for the user to say.
    """
    if x.ndim < 3 or 0 in x.shape or x.dtype.kind not in "uif" or asked == "pictures":
        return ""
    if asked == "numbers":
        return "as asked"
    if x.ndim > 4:
        return f"they have {x.ndim - 1} dimensions"
    low, high = float(x.min()), float(x.max())
    if low < 0:
        return f"their values run from {low:.4g} to {high:.4g}"
    if x.dtype.kind == "f" and high > 255 and (x != np.rint(x)).any():
        return f"their values run from {low:.4g} to {high:.4g}, with fractions"
    channels = x.shape[3] if x.ndim == 4 else 1
    may_be = channels in LIKE_PICTURES or x.shape[1] in LIKE_PICTURES or (x.dtype == np.uint8 and channels in (2, 4))
    return "" if may_be else f"they have {channels} channels"


def said_of_numbers(why: str) -> str:
    """The line about arrays that were taken as numbers."""
    return f"taken as numbers, as they are, and not as pictures: {why}"


def as_numbers(x: np.ndarray, where: str) -> np.ndarray:
    """Arrays (n, ...) whose every number is finite, as they are; ``UserError`` naming the first that is not."""
    if x.dtype.kind not in "uifb":
        raise UserError(f"{where} has the type {x.dtype}.", "A model is handed numbers.", "Save numbers.")
    for start in range(0, len(x), BLOCK) if x.dtype.kind == "f" else ():
        bad = np.argwhere(~np.isfinite(x[start : start + BLOCK]))
        if len(bad):
            place, *rest = (int(part) for part in bad[0])
            raise UserError(
                f"{where} has no number in sample {start + place} at position {tuple(rest)}.",
                "A model cannot learn from a missing value.",
                "Fill it in or remove the sample.",
            )
    return x


def in_blocks(blocks: Sequence[np.ndarray]) -> Callable[[int], np.ndarray]:
    """Sample by sample of arrays that stand one behind the other."""
    ends = np.cumsum([len(block) for block in blocks])

    def at(i: int) -> np.ndarray:
        block = int(np.searchsorted(ends, i, side="right"))
        found: np.ndarray = blocks[block][i - (ends[block] - len(blocks[block]))]
        return found

    return at
