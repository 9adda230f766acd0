"""How a sample is shown: a thumbnail, a short text, and words for those who do not see it."""

from attribution.modalities.base import Modality, alt, describe, modalities, modality_of, register, thumbnail

__all__ = ["Modality", "alt", "describe", "modalities", "modality_of", "register", "thumbnail"]
