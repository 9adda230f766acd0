"""Conversations: as texts, all turns of them."""

import numpy as np

from attribution.modalities.similarity.base import register
from attribution.modalities.similarity.text import TextSimilarity


@register("chat")
class ChatSimilarity(TextSimilarity):
    """The words of all turns, with their roles."""

    @property
    def _ids(self) -> np.ndarray:
        """The words without what each position is."""
        return self.dataset.inputs[:, 0]
