"""Kinds of data: how samples are encoded, handed to a model, compared and shown; one file each, ``modalities.names()``
lists them."""

from attribution.modalities.base import (
    Modality,
    alt,
    describe,
    full_text,
    line,
    modalities,
    modality_of,
    register,
    thumbnail,
)

__all__ = ["Modality", "alt", "describe", "full_text", "line", "modalities", "modality_of", "register", "thumbnail"]
