"""Conversations that are asked about and are no samples: rows beyond the end of a dataset."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.chat.conversation import Conversation
from attribution.datasets.dataset import Dataset, Labels
from attribution.errors import UserError
from attribution.settings.configs import fingerprint

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Questions:
    """Conversations whose answers are asked about, and the ``weights`` of their losses in what is asked: one number
    each. A positive weight: the lower the loss of this answer, the more the model shows what is asked about; a
    negative one: the less. ``name`` is short, ``title`` says in words what is asked; ``about`` is the hash of the
    behaviour that they stand for, whatever a model answered to its prompts."""

    name: str
    title: str
    conversations: tuple[Conversation, ...]
    weights: tuple[float, ...]
    about: str = ""

    def __len__(self) -> int:
        return len(self.conversations)

    @property
    def measure(self) -> str:
        """What influence is asked of: the mean loss where all count alike, else ``behaviour``."""
        alike = all(weight > 0 and weight == self.weights[0] for weight in self.weights)
        return "loss" if alike else "behaviour"

    @property
    def key(self) -> str:
        """The hash of what is asked, whatever it is called."""
        return fingerprint("questions", [one.to_json() for one in self.conversations], self.weights)

    def to_json(self) -> dict[str, Any]:
        """What a result keeps; ``from_json`` reads it back."""
        rows = [[one.to_json(), weight] for one, weight in zip(self.conversations, self.weights, strict=True)]
        said = {"name": self.name, "title": self.title, "key": self.key, "about": self.about or self.key}
        return {**said, "rows": rows}

    @staticmethod
    def from_json(values: dict[str, Any]) -> "Questions":
        """The inverse of ``to_json``."""
        said = tuple(Conversation.from_json(turns) for turns, _ in values["rows"])
        weights = tuple(float(weight) for _, weight in values["rows"])
        return Questions(values["name"], values["title"], said, weights, values["about"])


class WithQuestions(Dataset):
    """A dataset with questions: its rows from ``len(dataset)`` on. They belong to no split and have no label; ``ids``,
    ``hashes``, ``conversation`` and ``tensor`` know them."""

    questions: Questions

    def __init__(self, dataset: Dataset, questions: Questions) -> None:
        own = {name: value for name, value in dataset.__dict__.items() if name not in _MADE_ANEW}
        self.__dict__.update(own)
        self._samples = dataset
        self.questions = questions

    def __reduce__(self) -> tuple[Callable[..., Dataset], tuple[Any, ...]]:
        """A worker process opens the same folder, and is sent the questions."""
        return WithQuestions, (self._samples, self.questions)

    @property
    def end(self) -> int:
        return len(self) + len(self.questions)

    @cached_property
    def ids(self) -> np.ndarray:
        """Of samples, then of questions: NAME/0 and so on."""
        names = [f"{self.questions.name}/{place}" for place in range(len(self.questions))]
        return np.concatenate([self._samples.ids, np.array(names, dtype=object)])

    @cached_property
    def hashes(self) -> np.ndarray:
        """Of samples, then of questions, by what they say."""
        said = [fingerprint("question", one.to_json()) for one in self.questions.conversations]
        return np.concatenate([self._samples.hashes, np.array(said, dtype=object)])

    @cached_property
    def inputs(self) -> Any:
        """Of samples, then of questions."""
        return _Inputs(self._samples.inputs, self._encoded)

    def _encoded(self) -> np.ndarray:
        from attribution.datasets.chat.encode import encoded

        vocabulary = self.info.preprocessing["vocabulary"]
        length = self.info.shape[-1]
        rows = np.stack([encoded(one, vocabulary, length) for one in self.questions.conversations])
        cut = np.flatnonzero(~(rows[:, 1] == 1).any(axis=1))
        if len(cut):
            raise UserError(
                f"The answer to {self.questions.conversations[cut[0]].question[:80]!r} begins beyond {length} tokens.",
                "The model reads no more than the longest training row.",
                "Ask with a shorter prompt.",
            )
        return rows

    def conversation(self, row: int) -> Conversation:
        place = int(row) - len(self)
        return self.questions.conversations[place] if place >= 0 else self._samples.conversation(int(row))

    def line(self, row: int) -> "pd.Series":
        return self._samples.line(row)

    @property
    def samples(self) -> "pd.DataFrame":  # type: ignore[override]
        return self._samples.samples

    def column(self, name: str) -> "pd.Series":
        return self._samples.column(name)

    @property
    def imported(self) -> Dataset:
        return self._samples.imported

    def as_of(self, labels: Labels) -> Dataset:
        """The samples as the labels have them, with the same questions."""
        samples = self._samples.as_of(labels)
        return self if samples is self._samples else WithQuestions(samples, self.questions)


_MADE_ANEW = (
    *("ids", "hashes", "inputs", "samples", "_index", "originals"),
    *("_transforms", "_versions", "questions", "_samples"),
)


class _Inputs:
    """Rows of samples as they are stored, and of questions, encoded on first use."""

    def __init__(self, samples: Any, encode: Callable[[], np.ndarray]) -> None:
        self._samples = samples
        self._encode = encode
        self._made: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, rows: Any) -> np.ndarray:
        n = len(self._samples)
        if isinstance(rows, slice):
            return np.asarray(self._samples[rows])
        asked = np.atleast_1d(np.asarray(rows, dtype=np.int64))
        beyond = asked >= n
        if not beyond.any():
            return np.asarray(self._samples[rows])
        self._made = self._encode() if self._made is None else self._made
        found = np.empty((len(asked), *self._made.shape[1:]), dtype=self._made.dtype)
        found[beyond] = self._made[asked[beyond] - n]
        found[~beyond] = self._samples[asked[~beyond]]
        return found if np.ndim(rows) else np.asarray(found[0])


def typed(name: str, title: str, pairs: Sequence[tuple[Conversation, float]], about: str = "") -> Questions:
    """Questions from conversations and their weights."""
    return Questions(name, title, tuple(one for one, _ in pairs), tuple(weight for _, weight in pairs), about)
