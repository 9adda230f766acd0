"""The plug-in for a kind of data, by its name: what differs between pictures, texts and tables is written there."""

from typing import Any

from attribution.registry import named


def modality(name: str) -> Any:
    """The ``modalities.base.Modality`` of this name; ``UserError`` naming all otherwise. Untyped, as that room stands
    above this one."""
    return named("modalities").get(name)()
