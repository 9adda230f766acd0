"""When two samples are the same thing: a distance in the samples' own space (pixels, words, columns), whatever a model
sees in them."""

from attribution.modalities.similarity.base import Criterion, Pairs, Similarity, register, similarities, similarity_of

__all__ = ["Criterion", "Pairs", "Similarity", "register", "similarities", "similarity_of"]
