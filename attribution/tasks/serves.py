"""What every plug-in says of the tasks it serves: its kinds of targets, and what to use for others."""

from typing import TYPE_CHECKING, ClassVar

from attribution.errors import UserError

if TYPE_CHECKING:
    from attribution.tasks.base import Task

ABOUT = {"class": "classes", "number": "numbers", "set": "sets of labels", "text": "texts"}  # kinds of targets in words


class Serves:
    """A plug-in that is about some kinds of targets, or all."""

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]] = ()  # of targets: class, number, set, text; empty: all
    instead: ClassVar[str] = ""  # what to use for other kinds, in words

    @classmethod
    def serves(cls, kind: str) -> bool:
        """Whether it has an answer for targets of this kind."""
        return not cls.kinds or kind in cls.kinds

    @classmethod
    def check(cls, task: "Task") -> None:
        """``UserError`` for a task that it has no answer for, naming what to use instead."""
        if not cls.serves(task.kind):
            raise UserError(
                f"{cls.name} is about {' and '.join(ABOUT[kind] for kind in cls.kinds)}.",
                f"The targets of this data are {ABOUT[task.kind]} ({task.title.lower()}).",
                f"Use {cls.instead}.",
            )
