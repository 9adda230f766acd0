"""Whatever a transform returns as one array: tensors, arrays, PIL pictures, and the mappings of Hugging Face."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from attribution.errors import UserError

IDS = "input_ids"
PACKED = (IDS, "attention_mask", "token_type_ids")  # rows of a packed text, in this order


def as_array(found: Any) -> np.ndarray:
    """float32, or int64 for whole numbers of 64 bits (token ids): the array of one sample.

    A mapping gives its ``pixel_values``, or ids, mask and types stacked (k, L); a leading dimension of 1, as their
    processors return, is taken off.
    """
    if isinstance(found, Mapping) or hasattr(found, "input_ids"):
        return _of_mapping(found)
    if hasattr(found, "detach"):
        found = found.detach().cpu().numpy()
    array = np.asarray(found)
    if array.dtype.kind not in "fiub" or array.ndim == 0 or hasattr(found, "getbands"):  # of a PIL picture
        raise UserError(
            f"The transform returned {type(found).__name__}, no tensor.",
            "A model is handed numbers.",
            "Let it return a tensor; for pictures end it with ToTensor().",
        )
    return np.ascontiguousarray(array, dtype=np.int64 if array.dtype == np.int64 else np.float32)


def _of_mapping(found: Any) -> np.ndarray:
    names = list(found)
    if IDS in names:
        return np.stack([_flat(found[name]) for name in PACKED if name in names])
    if "pixel_values" in names:
        array = as_array(_first(found["pixel_values"]))
        return array[0] if array.ndim > 3 and len(array) == 1 else array
    raise UserError(
        f"The transform returned a mapping of {', '.join(map(str, names[:6]))}.",
        f"Of a mapping, pixel_values or {IDS} are taken.",
        "Let it return one tensor.",
    )


def _first(values: Any) -> Any:
    """The only entry of a list, as processors without return_tensors give."""
    return values[0] if isinstance(values, list) and len(values) == 1 else values


def _flat(values: Any) -> np.ndarray:
    """Token ids (L,) int64."""
    return np.asarray(values, dtype=np.int64).reshape(-1)


def padded(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """A packed text (k, L) filled with 0, which its mask tells, to the length of all; anything else as it is."""
    if array.dtype == np.int64 and array.ndim == 2 and len(shape) == 2 and array.shape[1] < shape[1]:
        return np.pad(array, ((0, 0), (0, shape[1] - array.shape[1])))
    return array[:, : shape[1]] if array.dtype == np.int64 and array.ndim == len(shape) == 2 else array
