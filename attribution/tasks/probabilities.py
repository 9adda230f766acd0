"""What probabilities of classes say: which one is likeliest, and how sure that is."""

import numpy as np


def likeliest(probabilities: np.ndarray) -> np.ndarray:
    """The likeliest class of (..., c): indices (...)."""
    return probabilities.argmax(-1)


def sureness(probabilities: np.ndarray) -> np.ndarray:
    """How far above chance the likeliest class of (..., c) is: 0 for no idea, 1 for certain."""
    classes = probabilities.shape[-1]
    return np.clip((probabilities.max(-1) - 1 / classes) / max(1 - 1 / classes, 1e-12), 0, 1)
