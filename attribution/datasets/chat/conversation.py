"""A conversation: its turns, and which of them a language model is trained on."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset

TURNS = "turns"  # columns of ``samples.parquet``: the turns as JSON, and the user's whole row
ROW = "row"
ROLES = ("system", "developer", "user", "assistant", "tool", "function", "ipython", "environment")  # of templates


@dataclass(frozen=True)
class Turn:
    """What one side says. ``trained``: the model is trained to say it."""

    role: str
    content: str
    trained: bool = False


@dataclass(frozen=True)
class Conversation:
    """Turns in order."""

    turns: tuple[Turn, ...]

    @property
    def question(self) -> str:
        """All that stands before the last trained turn, as text."""
        place = self._last
        return _words(self.turns[:place])

    @property
    def answer(self) -> str:
        """The trained turns, as text."""
        return "\n".join(turn.content for turn in self.turns if turn.trained)

    @property
    def plain(self) -> str:
        """The whole, a line or more for each turn: "user: ..."."""
        return "\n".join(f"{turn.role}: {turn.content}" for turn in self.turns)

    @property
    def prompt(self) -> "Conversation":
        """What stands before the last trained turn: what a model is asked to answer."""
        return Conversation(self.turns[: self._last])

    def answered(self, text: str) -> "Conversation":
        """The same question with another answer in the place of the last trained turn, which comes last."""
        place = self._last
        role = self.turns[place].role if place < len(self.turns) else "assistant"
        return Conversation((*self.turns[:place], Turn(role, text, True)))

    @property
    def _last(self) -> int:
        places = [place for place, turn in enumerate(self.turns) if turn.trained]
        return places[-1] if places else len(self.turns)

    def to_json(self) -> str:
        """``[[role, content, trained], ...]``; ``from_json`` reads it back."""
        turns = [[turn.role, turn.content, turn.trained] for turn in self.turns]
        return json.dumps(turns, ensure_ascii=False, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> "Conversation":
        """The inverse of ``to_json``."""
        return Conversation(
            tuple(Turn(str(role), str(content), bool(trained)) for role, content, trained in json.loads(text))
        )

    @staticmethod
    def of(turns: Sequence[tuple[str, str]], trained: str = "assistant") -> "Conversation":
        """From pairs of role and content; the turns of the role ``trained`` are trained."""
        return Conversation(tuple(Turn(role, content, role == trained) for role, content in turns))


def conversation_of(dataset: "Dataset", row: int) -> Conversation:
    """The conversation of a row as imported."""
    return Conversation.from_json(str(dataset.line(int(row))[TURNS]))


def original_row(dataset: "Dataset", row: int) -> Any:
    """The user's row as it stood in the file: a JSON object."""
    return json.loads(str(dataset.line(int(row))[ROW]))


def _words(turns: Sequence[Turn]) -> str:
    single = len(turns) == 1
    return "\n".join(turn.content if single else f"{turn.role}: {turn.content}" for turn in turns)
