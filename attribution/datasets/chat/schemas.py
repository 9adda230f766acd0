"""The schemas in which people keep what language models are trained on, and the conversation of a record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from attribution.datasets.chat.conversation import Conversation, Turn
from attribution.datasets.words import whole

TRAINED = "assistant"
FROM = {"human": "user", "user": "user", "gpt": TRAINED, "assistant": TRAINED, "chatgpt": TRAINED, "system": "system"}
IGNORED = -100  # of ready labels: not trained
NAME = 64  # signs of a role
DEPTH = 200_000  # turns of one conversation


class Unfit(Exception):
    """Why a record holds no conversation, in words that follow the row's name."""


@dataclass(frozen=True)
class Read:
    """A conversation, and the columns it was made of."""

    conversation: Conversation
    used: tuple[str, ...] = field(default=())


def schema_of(record: Mapping[str, Any], asked: bool = False) -> str:
    """The schema of a record, "" for none. ``asked``: the user said that a language model is trained; else what may
    as well be a table (a text, or a question and an answer beside a label) is taken for one."""
    told = asked
    turns = {name for name, value in record.items() if _is_turns(value)}
    lists = {name for name, value in record.items() if isinstance(value, list)}
    words = {name for name, value in record.items() if isinstance(value, str)}
    sure = {
        "messages": {"messages"} <= turns,
        "sharegpt": {"conversations"} <= turns,
        "tokens": {"input_ids", "labels"} <= lists,
        "prompt_completion": {"prompt", "completion"} <= turns,
    }
    asked = asked or "label" not in record
    perhaps = {
        "prompt_completion": asked and {"prompt", "completion"} <= turns | words,
        "alpaca": asked and {"instruction", "output"} <= words,
        "text": told and "text" in words,
    }
    return next((name for found in (sure, perhaps) for name, fits in found.items() if fits), "")


def _is_turns(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, Mapping) for one in value)


def read(record: Mapping[str, Any], schema: str) -> Read:
    """The conversation of a record of this schema; ``Unfit`` where it holds none."""
    return READ[schema](record)


def _messages(record: Mapping[str, Any]) -> Read:
    turns = _turns(record.get("messages"), "messages", "role", "content")
    return Read(Conversation(turns), ("messages",))


def _sharegpt(record: Mapping[str, Any]) -> Read:
    value = record.get("conversations")
    plain = _is_turns(value) and bool(value) and "role" in value[0]  # type: ignore[index]
    names = ("role", "content") if plain else ("from", "value")
    turns = _turns(value, "conversations", *names)
    if isinstance(record.get("system"), str) and record["system"]:
        return Read(Conversation((Turn("system", whole(record["system"])), *turns)), ("conversations", "system"))
    return Read(Conversation(turns), ("conversations",))


def _turns(value: Any, column: str, role: str, content: str) -> tuple[Turn, ...]:
    if not _is_turns(value):
        raise Unfit(f"has no list of turns in {column}")
    if not value:
        raise Unfit(f"has no turn in {column}")
    if len(value) > DEPTH:
        raise Unfit(f"has {len(value):,} turns, more than {DEPTH:,}")
    return tuple(_turn(one, place, role, content) for place, one in enumerate(value, 1))


def _turn(one: Mapping[str, Any], place: int, role: str, content: str) -> Turn:
    said = one.get(role)
    if not isinstance(said, str) or not said.strip():
        raise Unfit(f"has no {role} in turn {place}")
    name = FROM.get(said.strip().lower(), whole(said.strip()))
    if len(name) > NAME or not name.isprintable():
        raise Unfit(f"has a {role} that is no name in turn {place}")
    return Turn(name, _content(one, place, content), one.get("trained", name == TRAINED) is True)


def _content(one: Mapping[str, Any], place: int, name: str) -> str:
    value = one.get(name)
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, list) and all(isinstance(part, str | Mapping) for part in value):
        return "".join(_part(part, place) for part in value)
    if value is None and one.get("tool_calls") is not None:
        return whole(json.dumps(one["tool_calls"], ensure_ascii=False))
    raise Unfit(f"has {'no' if value is None else 'something that is no text as'} {name} in turn {place}")


def _part(part: Any, place: int) -> str:
    if isinstance(part, str):
        return whole(part)
    if isinstance(part.get("text"), str):
        return whole(part["text"])
    raise Unfit(f"has a part in turn {place} that is no text ({part.get('type', 'of no type')})")


def _prompt_completion(record: Mapping[str, Any]) -> Read:
    found = []
    for name, role in (("prompt", "user"), ("completion", TRAINED)):
        value = record.get(name)
        if _is_turns(value):
            turns = _turns(value, name, "role", "content")
        elif isinstance(value, str):
            turns = (Turn(role, whole(value)),)
        else:
            raise Unfit(f"has no text in {name}")
        found += [Turn(turn.role, turn.content, name == "completion") for turn in turns]
    return Read(Conversation(tuple(found)), ("prompt", "completion"))


def _alpaca(record: Mapping[str, Any]) -> Read:
    for name in ("instruction", "output"):
        if not isinstance(record.get(name), str):
            raise Unfit(f"has no text in {name}")
    more = record.get("input")
    asked = whole(record["instruction"]) + (f"\n\n{whole(more)}" if isinstance(more, str) and more.strip() else "")
    turns = [Turn("user", asked), Turn(TRAINED, whole(record["output"]), True)]
    system = record.get("system")
    if isinstance(system, str) and system.strip():
        turns.insert(0, Turn("system", whole(system)))
    return Read(Conversation(tuple(turns)), ("instruction", "input", "output", "system"))


def _text(record: Mapping[str, Any]) -> Read:
    if not isinstance(record.get("text"), str):
        raise Unfit("has no text")
    return Read(Conversation((Turn("text", whole(record["text"]), True),)), ("text",))


def _tokens(record: Mapping[str, Any]) -> Read:
    """Ready tokens as turns of numbers, cut where what is trained begins and ends."""
    ids, labels = record.get("input_ids"), record.get("labels")
    plain = all(isinstance(one, list) and all(type(entry) is int for entry in one) for one in (ids, labels))
    if not plain or len(ids) != len(labels) or not ids:  # type: ignore[arg-type]
        raise Unfit("has no two lists of whole numbers of one length in input_ids and labels")
    if min(ids) < 0:  # type: ignore[type-var]
        raise Unfit("has a token below 0 in input_ids")
    turns: list[tuple[bool, list[int]]] = []
    for token, label in zip(ids, labels, strict=True):  # type: ignore[arg-type]
        trained = label != IGNORED
        if not turns or turns[-1][0] != trained:
            turns.append((trained, []))
        turns[-1][1].append(token)
    said = tuple(Turn("tokens", " ".join(map(str, part)), trained) for trained, part in turns)
    return Read(Conversation(said), ("input_ids", "labels", "attention_mask"))


READ = {
    "messages": _messages,
    "prompt_completion": _prompt_completion,
    "text": _text,
    "alpaca": _alpaca,
    "sharegpt": _sharegpt,
    "tokens": _tokens,
}
