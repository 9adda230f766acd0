"""The plug-in for a kind of data, by its name: what differs between pictures, texts and tables is written there."""

from typing import TYPE_CHECKING

from attribution.registry import named

if TYPE_CHECKING:
    from attribution.modalities.base import Modality


def modality(name: str) -> "Modality":
    """The modality of this name; ``UserError`` naming all otherwise."""
    found: Modality = named("modalities").get(name)()
    return found
