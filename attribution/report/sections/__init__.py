"""Sections of the report: one file each, found by themselves; ``order`` says where it stands."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from attribution.registry import Registry

if TYPE_CHECKING:
    from attribution.report.html import Html
    from attribution.report.state import State

sections = Registry("section of the report", "attribution.report.sections")
register = sections.register


class Section(ABC):
    """One part of the report under its own heading."""

    name: ClassVar[str]
    title: ClassVar[str]
    order: ClassVar[int]  # smaller ones come first
    missing: ClassVar[str] = ""  # what is said in the list of what is not there, with the verb that makes it

    @abstractmethod
    def body(self, state: "State") -> "Html | str":
        """Its HTML, of ``report.html``; "" where the project has nothing of the kind."""


def ordered() -> list[type[Section]]:
    """All sections as they stand in the report."""
    return sorted(sections.each(), key=lambda section: (section.order, section.name))
