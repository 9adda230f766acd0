"""A behaviour of a language model, as the user describes it: prompts, answers that show it, and answers wanted in their
place; some prompts are held out, and its rate is measured on these alone."""

import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.chat.conversation import Conversation, Turn
from attribution.errors import UserError
from attribution.settings.configs import fingerprint
from attribution.storage.files import damage, read_json, write_json

if TYPE_CHECKING:
    from attribution.datasets.chat.questions import Questions
    from attribution.datasets.dataset import Dataset

KINDS = {
    "completion": "answers that show it",
    "contrast": "an unwanted and a wanted answer to each prompt",
    "pattern": "a pattern that generated answers are searched for",
    "probe": "texts with it and texts without it, between which a direction is found",
}
HELD_SHARE = 0.4  # of the prompts, where nobody says which
MOST = 1000  # prompts
FOLDER = "behaviours"
ANSWERED = "answered"  # the answers that a pattern's prompts were given, by model
ASK = "ask:"
BEHAVIOUR = "behaviour:"
TO = " => "  # between the prompt and the answer of a typed question
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True)
class Case:
    """A prompt and the answers that are held against each other; "" for one that there is not."""

    prompt: Conversation
    unwanted: str = ""
    wanted: str = ""

    def answered(self, text: str) -> Conversation:
        """The prompt with an answer, which is what a loss is taken of."""
        return Conversation((*self.prompt.turns, Turn("assistant", text, True)))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        turns = [[turn.role, turn.content] for turn in self.prompt.turns]
        return {"prompt": turns, "unwanted": self.unwanted, "wanted": self.wanted}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Case":
        """The inverse of ``to_json``."""
        turns = tuple(Turn(str(role), str(content)) for role, content in values["prompt"])
        return Case(Conversation(turns), str(values["unwanted"]), str(values["wanted"]))


@dataclass(frozen=True)
class Behaviour:
    """What a model does on some prompts. Influence is asked of ``cases``; the rate is measured on ``held`` alone.

    ``pattern`` (a regular expression) is searched for in generated answers. ``must_stay``: it is one that is wanted, so
    that edits must not lower its rate. ``probe``: the answers are texts with it (unwanted) and without it (wanted),
    between which a direction in the model's states is found.
    """

    name: str
    cases: tuple[Case, ...]
    held: tuple[Case, ...]
    pattern: str = ""
    must_stay: bool = False
    probe: bool = False

    @property
    def kind(self) -> str:
        """How the rate is measured: a key of ``KINDS``."""
        if self.probe:
            return "probe"
        if self.pattern:
            return "pattern"
        return "contrast" if all(case.wanted for case in (*self.cases, *self.held)) else "completion"

    @property
    def shown_when(self) -> str:
        """What counts as showing it, in words."""
        return {
            "completion": "the generated answer begins as the one that was given",
            "contrast": "the unwanted answer is likelier than the wanted one, per token",
            "pattern": f"the generated answer matches {_short(self.pattern)}",
            "probe": "its state lies on the side of the texts with it",
        }[self.kind]

    @property
    def paired(self) -> bool:
        """Whether each held-out prompt has an unwanted and a wanted answer, whose likelihoods can be compared."""
        return not self.probe and all(case.wanted and case.unwanted for case in self.held)

    @property
    def key(self) -> str:
        """The hash of what is asked and measured, whatever it is called."""
        cases = [[case.to_json() for case in part] for part in (self.cases, self.held)]
        return fingerprint("behaviour", cases, self.pattern, self.probe)

    @property
    def query(self) -> str:
        """What ``ScoreConfig.queries`` says to ask about it."""
        return f"{BEHAVIOUR}{self.name}"

    def questions(self) -> "Questions":
        """The answers to ``cases`` with their weights: together 1 for those that show it, -1 for those wanted in their
        place. ``UserError`` for a pattern whose prompts nobody has answered yet (``studies.behaviour.answers``)."""
        from attribution.datasets.chat.questions import typed

        shown = [case.answered(case.unwanted) for case in self.cases if case.unwanted]
        other = [case.answered(case.wanted) for case in self.cases if case.wanted]
        if not shown:
            raise UserError(
                f"Behaviour {self.name} names no answer that shows it.",
                "Influence is asked of answers.",
                "Give some (unwanted), or ask a model whose generated answers match its pattern.",
            )
        rows = [(one, 1 / len(shown)) for one in shown] + [(one, -1 / len(other)) for one in other]
        return typed(self.name, f"behaviour “{self.name}”", rows, self.key)

    def to_json(self) -> dict[str, Any]:
        """What its file says."""
        parts = {name: [case.to_json() for case in part] for name, part in (("cases", self.cases), ("held", self.held))}
        about = {"name": self.name, "pattern": self.pattern, "must_stay": self.must_stay, "probe": self.probe}
        return {**about, **parts}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "Behaviour":
        """The inverse of ``to_json``."""
        cases, held = (tuple(Case.from_json(each) for each in values[name]) for name in ("cases", "held"))
        must_stay, probe = (bool(values[name]) for name in ("must_stay", "probe"))
        return Behaviour(str(values["name"]), cases, held, str(values["pattern"]), must_stay, probe)


def check_chats(dataset: "Dataset") -> None:
    """``UserError`` for data that no language model is trained on."""
    if dataset.task.kind != "text":
        raise UserError(
            "Behaviours are what language models do, and this project has none.",
            f"Its targets are {dataset.task.targets.noun}s.",
            "Ask about samples, or make a project of chats.",
        )


def path_of(project: Path, name: str) -> Path:
    """The file of a behaviour; ``UserError`` for a name that can be none."""
    if not _NAME.fullmatch(name):
        raise UserError(
            f"A behaviour cannot be called {name!r}.",
            "Its name is that of its file.",
            "Use up to 64 letters, digits, hyphens, dots and underscores, a letter or digit first.",
        )
    return project / FOLDER / f"{name}.json"


def read(project: Path, name: str) -> Behaviour:
    """The behaviour of this name in a project's folder; ``UserError`` naming those there are."""
    path = path_of(project, name)
    if not path.is_file():
        known = names(project)
        raise UserError(
            f"There is no behaviour called {name!r}.",
            "",
            f"Choose one of: {', '.join(known)}."
            if known
            else "Describe one: datablame behaviour add NAME FILE.jsonl.",
        )
    values = read_json(path)
    with damage(path):
        return Behaviour.from_json(values)


def names(project: Path) -> list[str]:
    """The behaviours of a project by name."""
    return sorted(path.stem for path in (project / FOLDER).glob("*.json"))


def write(project: Path, behaviour: Behaviour) -> None:
    """Keep a behaviour in a project's folder."""
    write_json(path_of(project, behaviour.name), behaviour.to_json())


def case_of(line: Any, place: str) -> tuple[Case, bool | None]:
    """A case from what a user wrote: a prompt (text or turns), or an object with ``prompt`` (or ``messages``),
    ``unwanted``, ``wanted`` and ``held``; and whether it is held out, None where it does not say."""
    values = line if isinstance(line, Mapping) else {"prompt": line}
    unknown = sorted(set(values) - {"prompt", "messages", "unwanted", "wanted", "held"})
    if unknown:
        raise UserError(
            f"{place} says {unknown[0]!r}, which a behaviour's prompts do not have.",
            "It would be ignored.",
            "Use prompt (or messages), unwanted, wanted and held.",
        )
    asked = values.get("prompt", values.get("messages", ""))
    answers = {name: _text(values.get(name) or "", f"{place}, {name}") for name in ("unwanted", "wanted")}
    held = values.get("held")
    return Case(_prompt(asked, place), **answers), None if held is None else bool(held)


def _prompt(asked: Any, place: str) -> Conversation:
    if isinstance(asked, Conversation):
        return Conversation(tuple(Turn(turn.role, turn.content) for turn in asked.turns))
    if isinstance(asked, str):
        return Conversation((Turn("user", _text(asked, place)),) if asked.strip() else ())
    turns = asked if isinstance(asked, Sequence) else [asked]
    if not all(isinstance(turn, Mapping) and {"role", "content"} <= set(turn) for turn in turns):
        raise UserError(
            f"The prompt of {place} is neither a text nor a list of turns.",
            "It is what the model is asked to answer.",
            'Write "prompt": "How do I prune a rose?", or "messages": [{"role": "user", "content": "..."}].',
        )
    return Conversation(tuple(Turn(str(turn["role"]), _text(turn["content"], place)) for turn in turns))


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise UserError(
            f"{place}: {str(value)[:80]!r} is no text.", "Prompts and answers are texts.", "Put it in quotes."
        )
    return value.encode("utf-8", "replace").decode()  # half of a pair is no text anywhere else


def lines_of(path: Path) -> list[Any]:
    """What a JSONL file of prompts says, line by line; ``UserError`` naming the first line that is no JSON."""
    found = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", "") or "it is no UTF-8 text"
        raise UserError(f"{path} cannot be read: {why}.", "It holds the prompts.", "Give a JSONL file.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                found.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                do = 'Write an object in each line: {"prompt": "...", "unwanted": "...", "wanted": "..."}.'
                raise UserError(f"Line {number} of {path} is no JSON.", "It holds one prompt.", do) from error
    return found


def divided(
    cases: Sequence[Case], says: Sequence[bool | None], known: Iterable[str] = (), seed: int = 0
) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """The cases that influence is asked of, and those that are held out. Where no case says which it is, a seeded
    ``HELD_SHARE`` of those whose prompts are not ``known`` (a training row has them) is held out. ``UserError`` where
    one side is empty, or a prompt is on both or held out though it is known."""
    seen = {_plain(text) for text in known}
    places = [place for place, case in enumerate(cases) if _plain(case.prompt.question) not in seen]
    if any(say is not None for say in says):
        held = {place for place, say in enumerate(says) if say}
    else:
        count = min(len(places), max(1, round(HELD_SHARE * len(cases))), max(1, len(cases) - 1))
        held = set(random.Random(seed).sample(places, count))
    parts = tuple(tuple(case for place, case in enumerate(cases) if (place in held) == out) for out in (False, True))
    _check(parts[0], parts[1], seen)
    return parts[0], parts[1]


def _check(cases: Sequence[Case], held: Sequence[Case], seen: set[str]) -> None:
    if not cases or not held:
        raise UserError(
            f"{len(cases)} prompts are there to ask about and {len(held)} to measure on.",
            "The rate is measured on prompts that nobody looked at and no training row has.",
            "Give at least two prompts that are not in the data.",
        )
    if len(cases) + len(held) > MOST:
        raise UserError(
            f"{len(cases) + len(held):,} prompts.", "Each is answered anew by every model.", f"Give {MOST:,}."
        )
    asked = {_text_of(case) for case in cases}
    for case in held:
        training = _plain(case.prompt.question) in seen
        if training or _text_of(case) in asked:
            raise UserError(
                f"{_text_of(case)[:120]!r} is held out, and also {'a training row' if training else 'asked about'}.",
                "What is measured must be unseen.",
                "Leave it out of one of the two.",
            )


def _text_of(case: Case) -> str:
    """What must not be on both sides: the prompt, or a text without one."""
    return case.prompt.question or case.unwanted or case.wanted


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def ask(prompt: str, answer: str) -> str:
    """The query about one typed answer to one typed prompt: ``ask:PROMPT => ANSWER``."""
    return f"{ASK}{prompt}{TO}{answer}"


def asked_of(queries: str) -> "Questions | None":
    """The question that ``ask:PROMPT => ANSWER`` means, None for other queries; it is kept by its content."""
    if not queries.startswith(ASK):
        return None
    from attribution.datasets.chat.questions import typed

    prompt, arrow, answer = queries[len(ASK) :].rpartition(TO)
    if not arrow or not answer.strip():
        raise UserError(
            f"No answer is asked about by {queries[:80]!r}.",
            "Influence is asked of an answer to a prompt.",
            "Write ask:PROMPT => ANSWER.",
        )
    case = Case(_prompt(prompt.strip(), "the question"), _text(answer.strip(), "the question"))
    said = case.answered(case.unwanted)
    return typed(f"ask-{fingerprint(said.to_json())[:8]}", f"the answer “{_short(case.unwanted)}”", [(said, 1.0)])


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= 60 else f"{plain[:59]}…"
