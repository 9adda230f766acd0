"""Gradients of the last layer, from predictions and representations alone; shared by the three outlier detectors."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from attribution.detectors.base import Evidence

_BLOCK_BYTES = 64 << 20


def factors(evidence: "Evidence") -> tuple[np.ndarray, np.ndarray]:
    """Slopes of the loss at the outputs ``(n, o)`` and inputs with a 1 for the bias ``(n, d + 1)``, float64.

    The loss's gradient with respect to the weights and bias of a last linear layer is their outer product, so
    no backward pass is needed. For a model whose last linear layer is not its output, this is the gradient of a layer
    put there.
    """
    errors = evidence.errors()
    inputs = evidence.representation
    return errors, np.hstack([inputs, np.ones((len(inputs), 1))])


def gradients(errors: np.ndarray, inputs: np.ndarray) -> Iterator[np.ndarray]:
    """The outer products, ``(block, c (d + 1))`` float32, a block of samples at a time."""
    size = max(1, _BLOCK_BYTES // (4 * errors.shape[1] * inputs.shape[1]))
    for start in range(0, len(errors), size):
        span = slice(start, start + size)
        yield np.einsum("bc,bd->bcd", errors[span], inputs[span], dtype=np.float32, casting="same_kind").reshape(
            len(errors[span]), -1
        )
