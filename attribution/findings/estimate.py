"""How many labels are wrong, by confident learning, with an interval."""

import numpy as np


def confident_joint(labels: np.ndarray, probabilities: np.ndarray, n_classes: int) -> np.ndarray:
    """Counts (c, c) float64 of given label (line) against confidently another label (column), scaled to the class sizes.

    A sample counts for class k when its probability of k reaches the mean probability of k over the samples labelled k, the largest
    such probability deciding; samples that reach no threshold do not count. Northcutt et al., arXiv 1911.00068, section 3.1.
    """
    n = len(labels)
    sizes = np.bincount(labels, minlength=n_classes).astype(np.float64)
    given = probabilities[np.arange(n), labels]
    thresholds = np.bincount(labels, weights=given, minlength=n_classes) / np.maximum(sizes, 1)
    thresholds[sizes == 0] = np.inf
    reached = np.where(probabilities >= thresholds - 1e-12, probabilities, -1.0)
    confident = reached.argmax(1)
    counted = reached[np.arange(n), confident] >= 0
    joint = np.zeros((n_classes, n_classes))
    np.add.at(joint, (labels[counted], confident[counted]), 1.0)
    totals = joint.sum(1, keepdims=True)
    return np.where(totals > 0, joint / np.maximum(totals, 1) * sizes[:, None], np.diag(sizes))


def count_wrong(labels: np.ndarray, probabilities: np.ndarray, n_classes: int) -> float:
    """Expected number of wrong labels: what stands beside the diagonal of the confident joint."""
    joint = confident_joint(labels, probabilities, n_classes)
    return float(joint.sum() - np.trace(joint))


def estimate(
    labels: np.ndarray, probabilities: np.ndarray, n_classes: int, *, resamples: int = 200, level: float = 0.95, seed: int = 0
) -> dict[str, float]:
    """Expected number of wrong labels: ``mid``, and a bootstrap interval over the samples ``low`` to ``high``."""
    chance = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        pick = chance.integers(0, len(labels), len(labels))
        draws.append(count_wrong(labels[pick], probabilities[pick], n_classes))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return {"low": float(low), "mid": count_wrong(labels, probabilities, n_classes), "high": float(high)}
