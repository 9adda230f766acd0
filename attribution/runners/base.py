"""The runner contract: do every item of a piece of work, anywhere, any number of times, with the same result."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from attribution.progress import Progress


class Report(Protocol):
    """Hears how much of the current item is done (0 to 1), and what is being done; it may raise ``Cancelled``."""

    def __call__(self, share: float, words: str = "") -> None: ...


def silent(share: float, words: str = "") -> None:
    """The report of a worker whose runner hears cancellations elsewhere."""


class Work(Protocol):
    """Picklable work that is cut into items. Doing an item leaves its result on disk, whole or not at all, so it may be
    done again.

    ``device`` is where the items want to be computed (``models.devices.pick_device``); each worker gets an accelerator
    of its own for them.
    """

    @property
    def device(self) -> str:
        """auto, cpu, cuda, cuda:N or mps."""

    def open(self, report: "Report") -> Callable[[Any], None]:
        """Load what every item needs; the result does one item."""

    def done(self, item: Any) -> bool:
        """Whether the item's result is on disk."""

    def size(self, item: Any) -> float:
        """How much work the item is, in any unit that adds up."""

    def words(self, item: Any) -> str:
        """What to say once the item is done."""


class Runner(ABC):
    """A place to work. ``workers`` is how many items may be under way at once; 0: as many as suit the place.

    ``run`` returns when every item is done. It raises what the work raises (the first error), ``Cancelled`` when
    ``progress`` does, and leaves no worker behind in either case. A worker that dies takes no result with it: its item
    is done again by another.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    needs: ClassVar[str] = ""

    def __init__(self, workers: int = 0) -> None:
        self.workers = workers

    @abstractmethod
    def run(self, work: Work, items: Sequence[Any], progress: Progress) -> None:
        """Do all items."""
