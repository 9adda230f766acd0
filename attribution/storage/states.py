"""What the ledger says of one sample: its label, whether it is trained on, the review's verdict, and the marks that
people put on it.

A decision (relabel, drop, keep) is about the first three; a mark (tag, note, unsure) changes neither labels nor the
data's version. Taking one entry back leaves the other kind as it is.
"""

import json
from functools import lru_cache
from typing import Any, NamedTuple

from attribution.errors import UserError

ACTIONS = ("relabel", "drop", "keep")
MARKS = ("tag", "untag", "note", "unsure", "sure")
VERDICTS = ("", *ACTIONS)
TAG_LENGTH = 60  # signs
NOTE_LENGTH = 4000


class State(NamedTuple):
    """One sample as it stands: its label (class name; "" for none), whether it is trained on, the verdict of the
    review, and its marks. A tuple, as a bulk decision compares hundreds of thousands."""

    label: str
    active: bool = True
    verdict: str = ""
    tags: tuple[str, ...] = ()  # sorted
    note: str = ""
    unsure: bool = False

    @property
    def marked(self) -> bool:
        """Whether anybody put a mark on it."""
        return bool(self.tags or self.note or self.unsure)


@lru_cache(maxsize=1024)
def after(action: str, state: State, value: str | None) -> State:
    """The state that ``action`` leads to; ``value`` is the label, the tag or the note. Keeping or relabelling a
    dropped sample takes it back into training, and whoever decides is unsure no more."""
    if action in ("drop", "keep"):
        return state._replace(active=action == "keep", verdict=action, unsure=False)
    if action in ("unsure", "sure"):
        return state._replace(unsure=action == "unsure")
    if value is None:
        raise ValueError(f"{action} needs a value")
    if action == "relabel":
        return state._replace(label=value, active=True, verdict="relabel", unsure=False)
    if action == "note":
        return state._replace(note=value)
    if action not in ("tag", "untag"):
        raise ValueError(f"unknown action {action!r}")
    own = {value} if action == "tag" else set()
    return state._replace(tags=tuple(sorted((set(state.tags) - {value}) | own)))


def decides(old: State, new: State) -> bool:
    """Whether the step between two states is a decision, not marks alone."""
    return old[:3] != new[:3]


@lru_cache(maxsize=1024)
def taken_back(current: State, old: State, new: State) -> State | None:
    """``current`` without the step from ``old`` to ``new``; None where what that step set was changed since."""
    found = current
    if decides(old, new):
        if current[:3] != new[:3]:
            return None
        found = found._replace(label=old.label, active=old.active, verdict=old.verdict)
    if old.note != new.note:
        if current.note != new.note:
            return None
        found = found._replace(note=old.note)
    if old.unsure != new.unsure:
        if current.unsure != new.unsure:
            return None
        found = found._replace(unsure=old.unsure)
    put = set(new.tags) - set(old.tags)
    removed = set(old.tags) - set(new.tags)
    if not put <= set(current.tags) or removed & set(current.tags):
        return None
    return found._replace(tags=tuple(sorted(set(current.tags) - put | removed)))


def mark_value(action: str, value: str) -> str:
    """A tag or note as it is kept: without blanks around it; ``UserError`` for one that cannot be."""
    words = " ".join(value.split()) if action in ("tag", "untag") else value.strip()
    if action in ("tag", "untag") and not 0 < len(words) <= TAG_LENGTH:
        raise UserError(
            f"A tag has 1 to {TAG_LENGTH} signs; this one has {len(words)}.",
            "It is a name that samples are found by.",
            "Choose a shorter one; a note holds more." if words else "Give it a name.",
        )
    if len(words) > NOTE_LENGTH:
        raise UserError(
            f"A note has at most {NOTE_LENGTH:,} signs; this one has {len(words):,}.", "Nothing was written.", "Cut it."
        )
    return words


def words_of(old: State, new: State) -> tuple[str, str]:
    """The marks before and after a step that is no decision, in words: ("", "tag: to ask")."""
    before = _marks(old)
    now = _marks(new)
    return "; ".join(word for word in before if word not in now), "; ".join(word for word in now if word not in before)


def _marks(state: State) -> list[str]:
    noted = [f"note: {state.note}"] if state.note else []
    return [*(f"tag: {tag}" for tag in state.tags), *noted, *(["unsure"] if state.unsure else [])]


@lru_cache(maxsize=1024)
def written(state: State) -> str:
    """The state as the ledger keeps it, JSON; marks only where there are some, as before there were any."""
    parts: dict[str, Any] = state._asdict()
    return json.dumps({name: part for name, part in parts.items() if part or name in State._fields[:3]}, sort_keys=True)


@lru_cache(maxsize=1024)
def read(text: str) -> State:
    """A kept state; ``UserError`` for one that cannot be read."""
    try:
        parts = json.loads(text)
        state = State(**{**parts, "tags": tuple(parts.get("tags", ()))})
        if not isinstance(state.label, str):
            raise TypeError(f"the label is {state.label!r}, not a word")
        if not isinstance(state.active, bool) or state.verdict not in VERDICTS:
            raise TypeError(f"active is {state.active!r}, the verdict {state.verdict!r}")
        if not all(isinstance(word, str) for word in (*state.tags, state.note)) or not isinstance(state.unsure, bool):
            raise TypeError(f"the marks are {state[3:]!r}")
        return state
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(
            f"The ledger holds a state that cannot be read: {text[:200]}",
            f"It was written by a newer Datablame, or the file is damaged ({error}).",
            "Update Datablame, or put a copy of project.db in its place.",
        ) from error


@lru_cache(maxsize=1024)
def imported(label: str) -> State:
    """The state of a sample as imported: one without a label waits outside of training."""
    return State(label, bool(label))
