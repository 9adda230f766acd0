"""Cosine of the angle between two samples' gradients at the last checkpoint."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import ScoreBlock
from attribution.estimators.ip import GradientDotProduct

if TYPE_CHECKING:
    import torch


@register("cosine")
class GradientCosine(GradientDotProduct):
    """influence(i, q) = <grad l_i, grad l_q> / (|grad l_i| |grad l_q|) at the last checkpoint."""

    title = "Gradient cosine"
    offered = 3
    for_texts = 1  # long rows do not dominate
    compared = 2
    summary = (
        "How much the sample pulls the model in the same direction as the query, from -1 to 1, whatever the size of "
        "the pull. Best at finding copies, near copies and samples of the same kind."
    )
    formula = "⟨∇ℓᵢ, ∇ℓ_q⟩ / (‖∇ℓᵢ‖ ‖∇ℓ_q‖)"
    cost = "One forward and backward pass over the training set, whatever the number of queries."
    source = "Grad-Cos; Charpiat et al., Input Similarity from the Neural Network Perspective, arXiv 2102.05262."
    unit = ""

    def score(self, rows: np.ndarray) -> ScoreBlock:
        cosine = super().score(rows).cosine
        assert cosine is not None
        return ScoreBlock(cosine, cosine)

    def by_token(self, row: int) -> "torch.Tensor":
        _, norms = self._dots_and_norms(np.array([row]))
        return super().by_token(row) / (norms[0] * self._queries.norms).clamp_min(1e-30).cpu()
