"""One thing that is wrong with one row, and the kinds there are."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

HIGH = "high"  # nothing to weigh
MEDIUM = "medium"  # likely to harm
LOW = "low"  # worth a look
DROP = "drop"
EDIT = "edit"
KEEP_ONE = "keep one"
LOOK = "look"


@dataclass(frozen=True)
class Kind:
    """A kind of finding: its title, what it does to a training, and what is done about it."""

    name: str
    title: str
    why: str
    action: str


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("repeat", "Exact repeats", "The row counts twice in training; across splits it flatters the score.", DROP),
        Kind("near", "Near repeats", "Nearly the same row counts several times.", DROP),
        Kind("conflict", "Conflicting answers", "One question is taught several answers.", KEEP_ONE),
        Kind("masked", "Rows that train nothing", "No token of the row counts in the loss.", DROP),
        Kind("truncated", "Truncated rows", "What stands behind the cut is never trained on.", EDIT),
        Kind("empty", "Empty answers", "The model is taught to say nothing.", DROP),
        Kind("cut", "Cut answers", "The model is taught to stop in the middle of a sentence.", EDIT),
        Kind("template", "Template faults", "Turns that the chat template does not expect.", EDIT),
        Kind("token", "Leftover special tokens", "The tokenizer may read them as the end of a turn.", EDIT),
        Kind("language", "Another language", "The row is not in the language of the others.", LOOK),
        Kind("personal", "Personal data and keys", "A model can say them again to anybody.", EDIT),
    )
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with a row. ``action`` is what is suggested; ``excerpt`` shows where, with personal data starred;
    ``group`` numbers rows that belong together (-1: none), ``other`` is the row of the group that stays (-1: none)."""

    row: int
    kind: str
    severity: str
    sentence: str
    action: str = ""
    excerpt: str = ""
    group: int = -1
    other: int = -1

    def as_line(self) -> dict[str, Any]:
        """The finding as a table's line."""
        return {**asdict(self), "action": self.action or KINDS[self.kind].action}
