"""Residual outliers: samples that stand alone in the plane of value and held-out residual."""

import numpy as np

from attribution.detectors import register
from attribution.detectors.base import Detector, Evidence, above
from attribution.statistics.robust import standardised

WEIGHT = 5.0  # of the residual against the value, the source's
SHARE = 0.5  # of the reference points that count as neighbours, the source's
REFERENCES = 2000  # points that distances are measured to, so that cost grows with n alone
SEED = 0


@register("residual-outlier")
class ResidualOutlier(Detector):
    """Mean distance to the nearer half of the reference points in (value, 5 x out-of-fold residual), both standardised.

    The references are all rows, or ``REFERENCES`` of them chosen by seed and sample id. Distances to so many points say
    how far a sample is from the bulk, in which a rare value with a small residual stands as well.
    """

    title = "Alone by value and residual"
    summary = "Few samples have such a value together with such a held-out residual. Close to the held-out residual."
    formula = "mean distance to the nearer half of the points (z(y), 5 z(e))"
    cost = "One training per fold, shared with the held-out residual; then n times 2,000 distances in a plane."
    source = (
        "The OUTRE score of cleanlab's regression module; k-nearest-neighbour outliers: Ramaswamy et al., SIGMOD 2000."
    )
    kinds = ("number",)
    instead = "confident-learning for classes, out-of-fold-loss for sets of labels"

    def values(self, evidence: Evidence) -> np.ndarray:
        points = np.stack(
            [standardised(evidence.targets), WEIGHT * standardised(evidence.held_out_residuals)], axis=1
        )  # (n, 2)
        order = np.argsort(evidence.trained.dataset.ids[evidence.rows])
        reference = points[np.random.default_rng(SEED).permutation(order)[:REFERENCES]]
        near = max(1, round(SHARE * len(reference)))
        found = np.empty(len(points))
        for start in range(0, len(points), 1024):
            off = points[start : start + 1024, None] - reference[None]  # (b, m, 2)
            distance = np.sqrt(np.square(off).sum(2))
            found[start : start + 1024] = np.partition(distance, near - 1, axis=1)[:, :near].mean(1)
        return found

    def reason(self, value: float, higher_than: float) -> str:
        return f"By its value and held-out residual it lies {value:.1f} spreads from the bulk, {above(higher_than)}."
