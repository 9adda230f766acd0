"""When two samples are the same thing: a distance in the samples' own space (pixels, words, columns), whatever a model
sees in them."""

from attribution.modalities.similarity.base import Likeness, Measure, Pairs, likeness_of, likenesses, register

__all__ = ["Likeness", "Measure", "Pairs", "likeness_of", "likenesses", "register"]
