"""Kinds of columns: what their values are, which samples a value of a filter means, and how a table writes them."""

import difflib
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attribution.browse.words import NONE, Value, literal, quoted
from attribution.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 12  # names in a message
BARS = 24  # of a histogram
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_COMPARED = re.compile(rf"(>=|<=|>|<|=)\s*({_NUMBER})")
_BETWEEN = re.compile(rf"({_NUMBER})?\.\.({_NUMBER})?")
YES = ("yes", "true", "1")
NO = ("no", "false", "0")


@dataclass(frozen=True, eq=False)
class Column(ABC):
    """One column over all ``n`` samples. ``read`` is asked once, when the values are needed; ``summary`` says in plain
    words what stands there, ``own`` whether it is the user's."""

    name: str
    summary: str
    read: Callable[[], Any]
    unit: str = ""
    own: bool = False
    kind: ClassVar[str] = ""

    @cached_property
    def values(self) -> Any:
        """What ``read`` gives; see the kinds."""
        return self.read()

    @abstractmethod
    def matches(self, value: Value) -> np.ndarray:
        """Which samples a value of a filter means, (n,) bool; ``UserError`` for one that the column cannot have."""

    @property
    @abstractmethod
    def missing(self) -> np.ndarray:
        """Which samples have no value, (n,) bool."""

    @cached_property
    @abstractmethod
    def keys(self) -> np.ndarray:
        """What the samples are sorted by, (n,) float64; NaN, which comes last, where there is no value."""

    @abstractmethod
    def cells(self, rows: np.ndarray) -> Sequence[Any]:
        """The values of these samples as a table shows them; None or NaN where there is none."""


@dataclass(frozen=True, eq=False)
class Category(Column):
    """One name of few, or a set of them. ``values`` are ``(codes, names)``: codes (n,) int, -1 for none. ``parts`` are
    the names within a name, where it stands for a set."""

    parts: Callable[[str], Iterable[str]] = field(default=lambda name: (name,))
    kind: ClassVar[str] = "category"

    @property
    def codes(self) -> np.ndarray:
        """The place of each sample's name, (n,) int; -1 for none."""
        return self.values[0]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names, those within sets included, in their order."""
        return tuple(dict.fromkeys(part for name in self.values[1] for part in self.parts(name)))

    @property
    def missing(self) -> np.ndarray:
        return self.codes < 0

    def matches(self, value: Value) -> np.ndarray:
        found = self._named(value.text)
        if found is None and literal(value, NONE):
            return self.missing
        if found is None:
            raise self._unknown(value.text)
        return np.isin(self.codes, found)

    def _named(self, text: str) -> list[int] | None:
        """Codes of the names that ``text`` is or is a part of; None for none of them."""
        for same in (str, str.casefold):
            wanted = same(text)
            found = [
                code
                for code, name in enumerate(self.values[1])
                if same(name) == wanted or wanted in map(same, self.parts(name))
            ]
            if found:
                return found
        return None

    def _unknown(self, text: str) -> UserError:
        near = difflib.get_close_matches(text, self.names, 3)
        names = [quoted(name) for name in (near or self.names[:SHOWN])]
        more = len(self.names) - SHOWN
        rest = f" and {more:,} more" if not near and more > 0 else ""
        return UserError(
            f"No sample has the {self.name} {text!r}.",
            f"{'Near to it are' if near else 'There are'}: {', '.join(names)}{rest}." if names else "None has any.",
            f"Write {self.name}:{names[0]}, for one." if names else f"Leave {self.name}: out.",
        )

    @cached_property
    def keys(self) -> np.ndarray:
        return np.where(self.missing, np.nan, self.codes.astype(np.float64))

    def cells(self, rows: np.ndarray) -> Sequence[Any]:
        names = np.array([*self.values[1], None], dtype=object)
        return names[self.codes[rows]]


@dataclass(frozen=True, eq=False)
class Number(Column):
    """``values`` are (n,) float64, NaN for none, in ``unit``."""

    kind: ClassVar[str] = "number"

    @property
    def missing(self) -> np.ndarray:
        return np.isnan(self.values)

    def matches(self, value: Value) -> np.ndarray:
        if literal(value, NONE):
            return self.missing
        low, high, open_low, open_high = self.span(value.text.strip())
        values = self.values
        with np.errstate(invalid="ignore"):
            above = values > low if open_low else values >= low
            return above & (values < high if open_high else values <= high) & ~self.missing

    def span(self, text: str) -> tuple[float, float, bool, bool]:
        """The ends that ``text`` names, and whether they are outside."""
        if compared := _COMPARED.fullmatch(text):
            sign = compared[1]
            end = float(compared[2])
            if sign == "=":
                return end, end, False, False
            return (end, math.inf, sign == ">", False) if sign[0] == ">" else (-math.inf, end, False, sign == "<")
        between = _BETWEEN.fullmatch(text)
        if between and (between[1] or between[2]):
            low = float(between[1]) if between[1] else -math.inf
            high = float(between[2]) if between[2] else math.inf
            if low <= high:
                return low, high, False, False
            raise UserError(
                f"{self.name}:{text} begins above its end.",
                "No number lies in it.",
                f"Write {self.name}:{high}..{low}.",
            )
        if re.fullmatch(_NUMBER, text):
            return float(text), float(text), False, False
        raise self._no_span(text)

    @cached_property
    def bars(self) -> tuple[np.ndarray, np.ndarray]:
        """The edges of a histogram (b + 1,), equally wide or at whole numbers, and the bar of each sample (n,) int8, -1
        for none."""
        known = np.isfinite(self.values)
        values = self.values[known]
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        whole = high - low < BARS and bool((values == np.round(values)).all())
        if whole:
            edges = np.arange(low, high + 2) - 0.5
        else:
            edges = np.linspace(low, high, BARS + 1) if high > low else np.array([low - 0.5, low + 0.5])
        places = np.full(len(self.values), -1, dtype=np.int8)
        steps = (values - edges[0]) / (edges[1] - edges[0])
        places[known] = np.clip(steps.astype(np.int64), 0, len(edges) - 2)
        return edges, places

    def _no_span(self, text: str) -> UserError:
        known = self.values[np.isfinite(self.values)]
        here = f"from {known.min() + 0.0:.4g} to {known.max():.4g}" if len(known) else "without a value"
        unit = f", {self.unit}" if self.unit else ""
        return UserError(
            f"{self.name}:{text} is neither a number nor a range.",
            f"{self.name} is a number{unit}, here {here}.",
            f"Write {self.name}:>1.2, {self.name}:<=0.5, {self.name}:0.5..1 or {self.name}:none.",
        )

    @cached_property
    def keys(self) -> np.ndarray:
        return np.asarray(self.values, dtype=np.float64)

    def cells(self, rows: np.ndarray) -> Sequence[Any]:
        return self.values[rows]


@dataclass(frozen=True, eq=False)
class Text(Column):
    """``values`` are (n,) words, a Series or an array of str, None for none; a filter finds them by what they hold."""

    kind: ClassVar[str] = "text"

    @cached_property
    def _words(self) -> "pa.Array":
        import pyarrow as pa

        return pa.array(self.values, from_pandas=True, type=pa.large_string())

    @property
    def missing(self) -> np.ndarray:
        import pyarrow.compute as pc

        empty = pc.equal(pc.fill_null(self._words, ""), "")
        return np.asarray(empty.to_numpy(zero_copy_only=False), dtype=bool)

    def matches(self, value: Value) -> np.ndarray:
        import pyarrow.compute as pc

        if literal(value, NONE):
            return self.missing
        held = pc.fill_null(pc.match_substring(self._words, value.text, ignore_case=True), False)
        return np.asarray(held.to_numpy(zero_copy_only=False), dtype=bool)

    @cached_property
    def keys(self) -> np.ndarray:
        import pyarrow.compute as pc

        ranks = np.empty(len(self._words))
        ranks[pc.sort_indices(self._words).to_numpy()] = np.arange(len(ranks))
        return np.where(self.missing, np.nan, ranks)

    def cells(self, rows: np.ndarray) -> Sequence[Any]:
        return self._words.take(rows).to_pylist()


@dataclass(frozen=True, eq=False)
class Flag(Column):
    """Yes or no. ``values`` are (n,) int8: 1 yes, 0 no, -1 not known."""

    kind: ClassVar[str] = "flag"

    @property
    def missing(self) -> np.ndarray:
        return self.values < 0

    def matches(self, value: Value) -> np.ndarray:
        word = value.text.casefold()
        if word == NONE:
            return self.missing
        if word in (*YES, *NO):
            return self.values == (word in YES)
        raise UserError(
            f"{self.name}:{value.text} is neither yes nor no.",
            f"{self.name} says: {self.summary}",
            f"Write {self.name}:yes or {self.name}:no.",
        )

    @cached_property
    def keys(self) -> np.ndarray:
        return np.where(self.missing, np.nan, self.values.astype(np.float64))

    def cells(self, rows: np.ndarray) -> Sequence[Any]:
        return np.array(["no", "yes", None], dtype=object)[self.values[rows]]


@dataclass(frozen=True, eq=False)
class Marks(Column):
    """Any number of names that people put on samples. ``values`` are ``(n, {row: names})``; a name that no sample has
    finds none, since names come and go."""

    kind: ClassVar[str] = "marks"

    @property
    def _of(self) -> Mapping[int, tuple[str, ...]]:
        return self.values[1]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names that any sample has, sorted."""
        return tuple(sorted({name for names in self._of.values() for name in names}))

    def rows(self, name: str) -> np.ndarray:
        """The rows of the samples with a name."""
        return np.array([row for row, names in self._of.items() if name in names], dtype=np.int64)

    def _mask(self, rows: Iterable[int]) -> np.ndarray:
        mask = np.zeros(self.values[0], dtype=bool)
        mask[list(rows)] = True
        return mask

    @property
    def missing(self) -> np.ndarray:
        return ~self._mask(row for row, names in self._of.items() if names)

    def matches(self, value: Value) -> np.ndarray:
        wanted = value.text.casefold()
        found = self._mask(row for row, names in self._of.items() if wanted in map(str.casefold, names))
        return self.missing if literal(value, NONE) and not found.any() else found

    @cached_property
    def keys(self) -> np.ndarray:
        keys = np.full(self.values[0], np.nan)
        places = {name: place for place, name in enumerate(self.names)}
        for row, names in self._of.items():
            keys[row] = min((places[name] for name in names), default=np.nan)
        return keys

    def cells(self, rows: np.ndarray) -> Sequence[Any]:
        return [", ".join(self._of.get(int(row), ())) or None for row in rows]
