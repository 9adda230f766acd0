"""Isolation forest on the last layer's gradients."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above
from attribution.detectors.last_layer import factors, gradients

TREES, SAMPLES, SEED = 200, 256, 0


@register("gradient-outlier-forest")
class GradientOutlierForest(Detector):
    """Anomaly score 0..1 of the final model's last-layer gradient in an isolation forest: about 0.5 is ordinary,
    towards 1 is alone.

    200 trees of 256 samples each. The forest is grown on at most 2,560 samples, chosen and seeded by sample id, so that
    neither row order nor memory enters the result.
    """

    title = "Unusual gradient"
    summary = (
        "Few cuts separate the sample's pull on the last layer from all others': it is unlike the rest, or "
        "its label is wrong."
    )
    formula = "2^(−mean path length of ∇_W ℓᵢ / expected path length)"
    cost = "Seconds: a forest on the last layer's gradients, which come from predictions and representations."
    source = "Outlier gradient analysis, arXiv 2405.03869; isolation forests: Liu et al. 2008."

    def values(self, evidence: Evidence) -> np.ndarray:
        from sklearn.ensemble import IsolationForest

        errors, inputs = factors(evidence)
        order = np.argsort(evidence.trained.dataset.ids[evidence.rows])
        grown = np.random.default_rng(SEED).permutation(order)[: 10 * SAMPLES]
        points = np.concatenate(list(gradients(errors[grown], inputs[grown])))
        forest = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLES, len(points)), random_state=SEED).fit(
            points
        )
        return np.concatenate([-forest.score_samples(part) for part in gradients(errors, inputs)]).astype(np.float64)

    def reason(self, value: float, higher_than: float) -> str:
        return f"Its pull on the last layer is unusual: an anomaly score of {value:.2f}, {above(higher_than)}."
