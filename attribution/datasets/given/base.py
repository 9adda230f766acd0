"""What every kind of Python object offers: whether an object is one, and the samples in it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.datasets.given import given
from attribution.datasets.splits import split_meanings
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pyarrow as pa

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Part:
    """The samples of one split: a ``table``, or ``rows`` that are read one after the other (again at each call).

    ``places``: where each stands in a larger object that they were chosen from. ``names``: those of class numbers, by
    column. ``text``: the column that is all there is to read of a sample, where its kind of object says so.
    """

    n: int
    table: "pa.Table | None" = None
    rows: Callable[[], Iterator[Row]] | None = None
    places: Sequence[int] | None = None
    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True)
class Wanted:
    """What the user said of an object: the settings of the data, and what its ``fields`` are called."""

    config: DataConfig
    fields: tuple[str, ...] = ()


class Kind(ABC):
    """Takes one kind of object. No library is imported to know one: the names of its classes tell."""

    name: ClassVar[str]
    title: ClassVar[str]  # with its article: "a pandas table"
    types: ClassVar[tuple[str, ...]] = ()  # full names of classes, as ``names_of`` gives them

    def knows(self, data: Any) -> bool:
        """Whether ``part`` takes this object."""
        return not names_of(data).isdisjoint(self.types)

    @abstractmethod
    def part(self, data: Any, wanted: Wanted) -> Part:
        """The samples of an object that it ``knows``; ``UserError`` for what cannot be samples."""


def names_of(data: Any) -> set[str]:
    """The full names of an object's class and those above it; of a public package's inner modules the package alone."""
    names = [(found.__module__, found.__qualname__) for found in type(data).__mro__]
    return {f"{module}.{name}" for module, name in names} | {f"{module.split('.')[0]}:{name}" for module, name in names}


def parts_of(data: Any, wanted: Wanted) -> dict[str, Part]:
    """The samples of an object by split; under "" where it names none. ``UserError`` saying what to pass for an object
    of no known kind."""
    if isinstance(data, Mapping) and data and not any(kind().knows(data) for kind in given.each()):
        return _by_split(data, wanted)
    return {"": _kind_of(data).part(data, wanted)}


def _by_split(data: Mapping[Any, Any], wanted: Wanted) -> dict[str, Part]:
    meaning = split_meanings(map(str, data))
    odd = [name for name, split in meaning.items() if split is None]
    if odd:
        raise UserError(
            f"The data has a part {odd[0]!r}, which is none of train, val and test.",
            "A mapping is taken as one object per split.",
            "Pass dict(train=..., test=...) without it; columns of one table are a pandas.DataFrame.",
        )
    twice = [name for name, split in meaning.items() if list(meaning.values()).count(split) > 1]
    if twice:
        raise UserError(
            f"The parts {' and '.join(twice)} are the same split.",
            "A sample is in one split.",
            "Join them, or leave one out.",
        )
    return {split: _kind_of(data[name]).part(data[name], wanted) for name, split in meaning.items() if split}


def _kind_of(data: Any) -> Kind:
    found = [one for one in (kind() for kind in given.each()) if one.knows(data)]
    if found:
        return found[0]
    titles = [kind.title for kind in given.each()]
    raise UserError(
        f"The data is a {type(data).__module__}.{type(data).__qualname__}.",
        "It is no kind of object that samples are taken from.",
        f"Pass {', '.join(titles)}, dict(train=..., test=...) of them, or the path of a file or folder.",
    )
