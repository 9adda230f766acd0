"""What a sample's target may be (a class, a number, a set of labels, a text), how it is written, checked and
changed; no torch."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from attribution.errors import UserError

NOTHING = "(none)"  # the word for a set without a label in it; "" is a sample whose labels nobody gave
SEPARATOR = ";"
MOST_LABELS = 62  # a set is the bits of an int64
STRATA = 10  # quantiles of numbers that every split holds alike
BANDS = 5  # of numbers that a figure is told for
AS_IMPORTED = "as imported"  # the word for a text that nobody rewrote


class Targets(ABC):
    """The targets of one dataset: values in memory, words in files, messages and the ledger.

    ``values`` are ``(n,)`` arrays of ``dtype``; ``none`` stands where a sample has no target. ``classes`` are the names
    of classes or labels, empty for numbers.
    """

    kind: ClassVar[str]
    noun: ClassVar[str]  # what one target is called
    group: ClassVar[str] = "class"  # what one of ``groups`` is called
    edit: ClassVar[str]  # what changing it is called
    dtype: ClassVar[str]
    stored: ClassVar[str]  # type of the column in ``samples.parquet``
    none: ClassVar[Any] = -1
    rewrites: ClassVar[bool] = False  # whether a value says what the sample itself was rewritten to
    correctable: ClassVar[bool] = True  # another one can be suggested, or planted as a wrong one

    def __init__(self, classes: Sequence[str] = (), mean: float = 0.0, std: float = 1.0) -> None:
        self.classes = tuple(classes)
        self.mean = float(mean)
        self.std = float(std)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.classes)}

    @abstractmethod
    def word(self, value: Any) -> str:
        """The word of a value; "" for none. ``value_of(word(v))`` is v, to the last bit."""

    @abstractmethod
    def value_of(self, given: Any) -> Any:
        """The value that a user means (a word, or a value); ``UserError`` with what it may be."""

    @abstractmethod
    def wrong(self, values: np.ndarray) -> np.ndarray:
        """Which values are none that this dataset can have, (n,) bool; ``none`` is not wrong."""

    @abstractmethod
    def example(self) -> str:
        """A word for a target, for examples in messages."""

    @abstractmethod
    def may_be(self) -> str:
        """What a target may be, as an instruction: "Choose one of: cat, dog."."""

    @abstractmethod
    def for_model(self, values: np.ndarray) -> np.ndarray:
        """What the loss is given for these values: class indices int64 ``(n,)``, standardised numbers float32 ``(n,)``,
        zeros and ones float32 ``(n, labels)``. What has no target gives a placeholder."""

    @abstractmethod
    def strata(self, values: np.ndarray) -> np.ndarray:
        """Groups that a random split divides one by one, (n,) int64."""

    @abstractmethod
    def plant(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Another, wrong target for each of these values, (n,)."""

    @abstractmethod
    def groups(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Parts of the samples that a figure is told for one by one, by name: (n,) bool each."""

    def names(self) -> list[str]:
        """The classes or labels there are; [] for numbers."""
        return list(self.classes)

    def bare(self, values: Any) -> np.ndarray:
        """Which samples have no target, (n,) bool."""
        return np.asarray(values) < 0

    def same(self, left: Any, right: Any) -> np.ndarray:
        """Where two arrays of values agree, (n,) bool; none agrees with none."""
        return np.asarray(np.asarray(left) == np.asarray(right))

    def words(self, values: Any) -> list[str]:
        """``word`` of each value."""
        return [self.word(value) for value in np.asarray(values).tolist()]

    def encode(self, words: Sequence[str]) -> np.ndarray:
        """The values of words, (n,); "" is none."""
        known = {word: self.value_of(word) if word else self.none for word in dict.fromkeys(words)}
        return np.array([known[word] for word in words], dtype=self.dtype)

    def array(self, values: Any) -> np.ndarray:
        """A copy in the one form that versions are made of, (n,) little-endian."""
        return np.array(values, dtype=np.dtype(self.dtype).newbyteorder("<"))


class Classes(Targets):
    """One class per sample; a value is its index."""

    kind = "class"
    noun = "label"
    edit = "relabel"
    dtype = "int64"
    stored = "int32"

    def word(self, value: Any) -> str:
        """The class's name."""
        return self.classes[int(value)] if value >= 0 else ""

    def value_of(self, given: Any) -> int:
        """The index of a class given by name or index."""
        if isinstance(given, str):
            if given in self._numbers:
                return self._numbers[given]
        elif 0 <= int(given) < len(self.classes):
            return int(given)
        raise UserError(f"There is no class {given!r}.", "", self.may_be())

    def wrong(self, values: np.ndarray) -> np.ndarray:
        """Indices beyond the classes."""
        return (values < self.none) | (values >= len(self.classes))

    def example(self) -> str:
        """The first class."""
        return self.classes[0]

    def may_be(self) -> str:
        """The classes, all of them: names are needed to the letter."""
        return f"Choose one of: {', '.join(self.classes)}."

    def for_model(self, values: np.ndarray) -> np.ndarray:
        """The indices."""
        return np.maximum(values, 0)

    def strata(self, values: np.ndarray) -> np.ndarray:
        """The classes."""
        return np.asarray(values, dtype=np.int64)

    def groups(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """The classes."""
        return {name: values == index for index, name in enumerate(self.classes)}

    def plant(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One of the other classes, all alike."""
        count = len(self.classes)
        return (values + rng.integers(1, count, size=len(values))) % count


class Numbers(Targets):
    """One number per sample, in the user's unit; ``mean`` and ``std`` (of the training samples as imported) make it the
    number of about one that a model is trained on."""

    kind = "number"
    noun = "value"
    group = "band"
    edit = "value"
    dtype = "float64"
    stored = "float64"
    none = math.nan

    def word(self, value: Any) -> str:
        """The shortest text that reads back as the same number; whole numbers without a point."""
        value = float(value)
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)

    def value_of(self, given: Any) -> float:
        """A finite number."""
        try:
            value = float(given)
        except (TypeError, ValueError):
            value = math.nan
        if isinstance(given, bool) or not math.isfinite(value) or "_" in str(given):
            raise UserError(f"{given!r} is no number.", "The target of this data is a quantity.", self.may_be())
        return value + 0.0  # -0 is 0

    def wrong(self, values: np.ndarray) -> np.ndarray:
        """Infinite ones."""
        return np.isinf(values)

    def example(self) -> str:
        """The mean of the training samples, to three digits."""
        return f"{self.mean:.3g}"

    def may_be(self) -> str:
        """An example of the usual size."""
        return f"Write a finite number, such as {self.example()}."

    def bare(self, values: Any) -> np.ndarray:
        """NaN stands for no value."""
        return np.isnan(np.asarray(values, dtype=np.float64))

    def same(self, left: Any, right: Any) -> np.ndarray:
        """Equal to the last bit, or both none."""
        left, right = np.asarray(left, dtype=np.float64), np.asarray(right, dtype=np.float64)
        return np.asarray((left == right) | (np.isnan(left) & np.isnan(right)))

    def array(self, values: Any) -> np.ndarray:
        """Without negative zeros, and with one kind of NaN."""
        found = super().array(values) + 0.0
        found[np.isnan(found)] = np.nan
        return found

    def for_model(self, values: np.ndarray) -> np.ndarray:
        """Standardised; the mean stands in for none."""
        return np.nan_to_num(self.standardised(values)).astype(np.float32)

    def standardised(self, values: Any) -> np.ndarray:
        """Distance from the training mean in training deviations, float64."""
        return (np.asarray(values, dtype=np.float64) - self.mean) / self.std

    def in_units(self, standardised: Any) -> np.ndarray:
        """The inverse of ``standardised``: numbers of a model in the user's unit."""
        return np.asarray(standardised, dtype=np.float64) * self.std + self.mean

    def strata(self, values: np.ndarray) -> np.ndarray:
        """Tenths of the sorted values, fewer where a tenth would have under ten samples; equal values lie in one."""
        values = np.asarray(values, dtype=np.float64)
        parts = max(1, min(STRATA, len(values) // 10))
        edges = np.quantile(values, np.linspace(0, 1, parts + 1)[1:-1]) if len(values) else np.zeros(0)
        return np.searchsorted(edges, values, side="right").astype(np.int64)

    def groups(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Fifths of the sorted values, fewer where a fifth would have under ten samples; equal values lie in one."""
        values = np.asarray(values, dtype=np.float64)
        parts = max(1, min(BANDS, len(values) // 10))
        ends = np.unique(np.quantile(values, np.linspace(0, 1, parts + 1)[1:-1])) if len(values) else np.zeros(0)
        places = np.searchsorted(ends, values, side="right")
        bands = [places == place for place in range(len(ends) + 1)]
        return {f"{values[band].min():.4g} to {values[band].max():.4g}": band for band in bands if band.any()}

    def plant(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The value moved up or down by one to two deviations."""
        moved = rng.uniform(1, 2, size=len(values)) * rng.choice([-1.0, 1.0], size=len(values))
        return np.asarray(values + moved * self.std)


class LabelSets(Targets):
    """Any number of labels per sample; a value is the set as bits, label i is bit i."""

    kind = "set"
    noun = "labels"
    group = "label"
    edit = "relabel"
    dtype = "int64"
    stored = "int64"

    def word(self, value: Any) -> str:
        """The names in the order of the classes, "cat;dog"; ``(none)`` for a set that is empty."""
        if value < 0:
            return ""
        return SEPARATOR.join(name for bit, name in enumerate(self.classes) if int(value) >> bit & 1) or NOTHING

    def value_of(self, given: Any) -> int:
        """A set given as a word, as names, or as bits."""
        if not isinstance(given, str) and not isinstance(given, Sequence):
            if 0 <= int(given) < 1 << len(self.classes):
                return int(given)
            raise UserError(f"There is no set of labels {given!r}.", "", self.may_be())
        names = parts_of(given) if isinstance(given, str) else list(given)
        for name in names:
            if name not in self._numbers:
                raise UserError(f"There is no label {name!r}.", "", self.may_be())
        return sum(1 << self._numbers[name] for name in set(names))

    def wrong(self, values: np.ndarray) -> np.ndarray:
        """Bits beyond the labels."""
        return (values < self.none) | (values >= 1 << len(self.classes))

    def example(self) -> str:
        """Two of the labels."""
        return SEPARATOR.join(self.classes[:2])

    def may_be(self) -> str:
        """The labels, and how several are written."""
        some = f"Choose any of: {', '.join(self.classes)}; several are separated by {SEPARATOR!r}"
        return f"{some}, none of them is {NOTHING}."

    def for_model(self, values: np.ndarray) -> np.ndarray:
        """A column of zeros and ones per label."""
        values = np.maximum(np.asarray(values, dtype=np.int64), 0)
        return (values[:, None] >> np.arange(len(self.classes)) & 1).astype(np.float32)

    def strata(self, values: np.ndarray) -> np.ndarray:
        """By the rarest label of each sample, so that every split has its share of rare ones."""
        members = self.for_model(np.asarray(values)).astype(bool)  # (n, labels)
        counts = np.where(members, members.sum(axis=0)[None, :], len(members) + 1)
        return np.where(members.any(axis=1), counts.argmin(axis=1), len(self.classes)).astype(np.int64)

    def groups(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """The samples with each label; one may be in several."""
        members = self.for_model(np.asarray(values)).astype(bool)  # (n, labels)
        return {name: members[:, bit] for bit, name in enumerate(self.classes)}

    def plant(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One label too many or too few."""
        return values ^ (np.int64(1) << rng.integers(0, len(self.classes), size=len(values)))


class Texts(Targets):
    """What a row says, whole: a value is 0 as imported, else the hash of what it was rewritten to."""

    kind = "text"
    correctable = False
    noun = "text"
    group = "part"
    edit = "rewrite"
    rewrites = True
    dtype = "int64"
    stored = "int64"

    def word(self, value: Any) -> str:
        """ "as imported", or the hash in hexadecimal digits."""
        if value < 0:
            return ""
        return f"{int(value):016x}" if value else AS_IMPORTED

    def value_of(self, given: Any) -> int:
        """A value, or its word."""
        if isinstance(given, str):
            if given == AS_IMPORTED:
                return 0
            try:
                value = int(given, 16) if len(given) == 16 else -1
            except ValueError:
                value = -1
        else:
            value = int(given)
        if not 0 <= value < 1 << 63:
            raise UserError(f"There is no text {given!r}.", "A rewritten text is named by its hash.", self.may_be())
        return value

    def wrong(self, values: np.ndarray) -> np.ndarray:
        """Below none."""
        return np.asarray(values) < self.none

    def example(self) -> str:
        """The text that came."""
        return AS_IMPORTED

    def may_be(self) -> str:
        """How a text is changed."""
        return "Rewrite its answer (Review, or datablame edit text), or take the edit back."

    def for_model(self, values: np.ndarray) -> np.ndarray:
        """The values: what is learned stands in the tokens."""
        return np.asarray(values, dtype=np.int64)

    def strata(self, values: np.ndarray) -> np.ndarray:
        """All alike."""
        return np.zeros(len(values), dtype=np.int64)

    def plant(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """There is no wrong one to draw."""
        raise UserError(
            "Wrong targets cannot be planted in texts.",
            "A text is right or wrong in many ways.",
            "Plant rows of your own, and look where they are ranked.",
        )

    def groups(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """None."""
        return {}


KINDS: Mapping[str, type[Targets]] = {one.kind: one for one in (Classes, Numbers, LabelSets, Texts)}


def parts_of(word: str) -> list[str]:
    """The labels of a written set, without blanks around them."""
    return [] if word.strip() == NOTHING else [part.strip() for part in word.split(SEPARATOR) if part.strip()]


def targets_of(task: Mapping[str, Any], classes: Sequence[str]) -> Targets:
    """The targets of a dataset from what it says of its task (``DatasetInfo.task``; {}: classification)."""
    kind = KINDS[task.get("kind", "class")]
    return kind(classes, task.get("mean", 0.0), task.get("std", 1.0))
