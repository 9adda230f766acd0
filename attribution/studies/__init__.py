"""The storey of studies: one kind of work each, from its settings to the result that a project keeps."""

from typing import TYPE_CHECKING, Any

from attribution.registry import Registry

if TYPE_CHECKING:
    from attribution.studies.base import Study

studies = Registry("study", "attribution.studies", inside="study")

__all__ = ["named", "studies"]


def named(word: str) -> "Study[Any]":
    """The study of this name, or with this alias; ``UserError`` naming all otherwise."""
    aliases = {studies.get(name).alias: name for name in studies.names()}
    study: Study[Any] = studies.get(aliases.get(word, word))()
    return study
