"""How alike all rows are to one: a single pass over features that may lie on disk, without torch."""

import numpy as np

BLOCK_VALUES = 16 << 20  # numbers held at once


def cosines(features: np.ndarray, asked: np.ndarray, centred: bool = False) -> np.ndarray:
    """The cosines (n, q) float32 of every row of ``features`` (n, ...) with each of ``asked`` (q, ...), of the rows
    less their own means if ``centred`` (a correlation); 0 for a row that is all the same. Costs n q d multiplications;
    a memory-mapped array is read once, in blocks."""
    n = len(features)
    width = max(1, int(np.prod(features.shape[1:])))
    wanted = _unit(asked, centred).T  # (d, q)
    found = np.empty((n, len(asked)), dtype=np.float32)
    step = max(1, BLOCK_VALUES // width)
    for start in range(0, n, step):
        found[start : start + step] = _unit(features[start : start + step], centred) @ wanted
    return np.clip(found, -1, 1)


def _unit(rows: np.ndarray, centred: bool) -> np.ndarray:
    """Rows (b, ...) as unit vectors (b, d) float32."""
    flat = np.array(rows, dtype=np.float32).reshape(len(rows), -1)
    if centred:
        flat -= flat.mean(1, keepdims=True)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.divide(flat, lengths, out=np.zeros_like(flat), where=lengths > 1e-6)
