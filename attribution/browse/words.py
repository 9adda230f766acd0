"""The words of a filter: how they are read, and how they are written so that they are read the same."""

import re
from dataclasses import dataclass
from typing import Any

from attribution.errors import UserError

NONE = "none"
_BARE = re.compile(r'[^\s",:\\<>=-][^\s",:]*')
_MEANT = re.compile(r"none|.*\.\..*", re.IGNORECASE)  # words that mean something else than themselves
HOW = 'Write NAME:VALUE, as in label:Shirt or tag:"to ask"; words alone look in ids and texts.'


@dataclass(frozen=True)
class Value:
    """One value; in quotes (``quoted``) it means itself, whatever it is."""

    text: str
    quoted: bool = False

    def __str__(self) -> str:
        return _in_quotes(self.text) if self.quoted else self.text


@dataclass(frozen=True)
class Term:
    """The samples whose ``column`` has any of ``values``; those that do not with ``without``. No column: their id, text
    or note holds the words."""

    column: str
    values: tuple[Value, ...]
    without: bool = False

    def __str__(self) -> str:
        name = f"{quoted(self.column)}:" if self.column else ""
        return ("-" if self.without else "") + name + ",".join(map(str, self.values))


@dataclass(frozen=True)
class Filter:
    """What all of its terms mean. ``str(filter)`` are words that ``parse`` reads as the same filter."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))

    def of(self, column: str) -> tuple[Term, ...]:
        """The terms about a column."""
        return tuple(term for term in self.terms if term.column == column)

    def but(self, column: str, *terms: Term) -> "Filter":
        """The same filter with these terms about a column instead of those it has."""
        return Filter((*(term for term in self.terms if term.column != column), *terms))


def parse(words: str) -> Filter:
    """The filter that these words say. Terms stand side by side, all of them hold; values of one term stand between
    commas, any of them holds; a minus before a term turns it round. ``UserError`` for words that say none.

    >>> str(parse('label:Shirt,Bag  -right:yes "two words"'))
    'label:Shirt,Bag -right:yes "two words"'
    """
    reader = _Reader(words)
    terms = []
    while reader.next_term():
        terms.append(reader.term())
    return Filter(tuple(terms))


def words(column: str, value: Any) -> str:
    """One term that finds exactly this value: ``words("label", "T-shirt/top")``; True and False are yes and no, None is
    none."""
    if value is None or isinstance(value, bool):
        shown = NONE if value is None else "yes" if value else "no"
    else:
        shown = quoted(str(value))
    return f"{quoted(column)}:{shown}"


def between(column: str, low: float | None, high: float | None) -> str:
    """One term that finds the numbers from ``low`` to ``high``, both included; None is no end."""
    ends = ["" if end is None else f"{end:.6g}" for end in (low, high)]
    return f"{quoted(column)}:{ends[0]}..{ends[1]}"


def quoted(text: str) -> str:
    """The text as filter words write it: in quotes where it would mean something else without."""
    return text if _BARE.fullmatch(text) and not _MEANT.fullmatch(text) else _in_quotes(text)


def literal(value: Value, word: str) -> bool:
    """Whether a value is this word of the language, not a name that is spelled like it."""
    return not value.quoted and value.text.casefold() == word


def _in_quotes(text: str) -> str:
    inside = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inside}"'


class _Reader:
    """Goes through the words sign by sign."""

    def __init__(self, words: str) -> None:
        self.words = words
        self.at = 0

    def next_term(self) -> bool:
        """Go to where the next term begins; False at the end."""
        while self.at < len(self.words) and self.words[self.at].isspace():
            self.at += 1
        return self.at < len(self.words)

    def term(self) -> Term:
        """Read one term."""
        turned = self.at + 1 < len(self.words) and not self.words[self.at + 1].isspace()
        without = turned and self._take("-")
        head = self._value(":")
        if not self._take(":"):
            return Term("", (head,), without)
        if not head.text:
            raise UserError("A colon stands without a name before it.", "It is not said which column is meant.", HOW)
        values = [self._value(",")]
        while self._take(","):
            values.append(self._value(","))
        if any(not value.text and not value.quoted for value in values):
            raise UserError(
                f"Nothing stands after {head.text}:",
                "It says by which column, not by what.",
                f"Write {head.text}:{NONE} for samples without a value, or leave it out.",
            )
        return Term(head.text, tuple(values), without)

    def _take(self, sign: str) -> bool:
        there = self.words.startswith(sign, self.at)
        self.at += there
        return there

    def _value(self, end: str) -> Value:
        """Read one value, up to a blank or ``end`` where it stands in no quotes."""
        if self._take('"'):
            return Value(self._in_quotes(), True)
        start = self.at
        while self.at < len(self.words) and not self.words[self.at].isspace() and self.words[self.at] != end:
            self.at += 1
        return Value(self.words[start : self.at])

    def _in_quotes(self) -> str:
        start = self.at
        found = ""
        while self.at < len(self.words):
            sign = self.words[self.at]
            self.at += 1
            if sign == '"':
                return found
            if sign == "\\" and self.at < len(self.words):
                sign = self.words[self.at]
                self.at += 1
            found += sign
        raise UserError(
            f"The quote before {self.words[start : start + 20]!r} is not closed.",
            "Where the value ends cannot be told.",
            f'Write a " at its end. {HOW}',
        )
