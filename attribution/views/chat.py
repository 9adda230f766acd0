"""A conversation as HTML: turns as bubbles with their roles, what the model learns marked, and numbers of single tokens
as a wash.

All words are the user's: they are escaped, isolated in their direction of writing, and cut where they are too long to
draw; no markup, no special token and no Markdown in them is read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.chat.encode import END, SPECIAL, UNKNOWN
from attribution.datasets.chat.spans import spans_of
from attribution.datasets.encode import normalise, tokens_of
from attribution.datasets.words import whole
from attribution.views import colours
from attribution.views.leaks import marked_texts
from attribution.views.numbers import count, plural, three_digits

if TYPE_CHECKING:
    from attribution.datasets.chat.conversation import Conversation, Turn

LONG = 900  # letters of a turn that are drawn unfolded
MOST = 20_000  # letters of a turn that are drawn at all
MANY = 12  # turns that are drawn unfolded
ENDS = (3, 5)  # of more: so many first and so many last ones
TURNS = 120  # turns that are drawn at all
COMPARED = 12_000  # letters of a turn up to which two are compared word by word
OUTSIDE = "not in the vocabulary"
NEAR = 40  # letters within which the next token is looked for
LEARNED = "#0F766E"  # the app's own accent: what the model is trained to say
MARK = f"border-left:3px solid {LEARNED}"
TEXT = "white-space:pre-wrap;overflow-wrap:anywhere;unicode-bidi:plaintext;line-height:1.45"
SMALL = "font-size:.78em;opacity:.7"
APART = f";margin-inline-start:.5em;padding:0 .25em;border:1px dashed #8888;{SMALL}"


@dataclass(frozen=True)
class Wash:
    """Numbers of the learned tokens: ``tokens`` in their order, each as its text and value. ``signed``: blue above and
    orange below zero, as influence is; else from little to much."""

    title: str
    unit: str
    tokens: Sequence[tuple[str, float]]
    signed: bool = False
    help: str = ""

    @property
    def top(self) -> float:
        """The value that is drawn strongest."""
        return max((abs(value) for _, value in self.tokens if value == value), default=0.0)


@dataclass(frozen=True)
class Piece:
    """A part of a turn's text, and the value of the token that it is; None for what is between them. ``apart``: it is
    no part of the text, as the end of a turn is none. ``note``: what else is known of it."""

    text: str
    value: float | None = None
    apart: bool = False
    note: str = ""


@dataclass(frozen=True)
class Spread:
    """A wash laid over the turns: pieces of each washed turn by its place."""

    wash: Wash
    turns: Mapping[int, Sequence[Piece]] = field(default_factory=dict)


def losses(tokens: Sequence[tuple[str, bool]], kept: np.ndarray, unit: str = "nats") -> Wash | None:
    """The loss of each learned token: ``tokens`` (text, whether it is learned) of a row in its order, ``kept`` (T, 2)
    what a run kept of the row, log probabilities first, NaN where nothing is learned. None where they are not of the
    same words."""
    places = np.flatnonzero(np.isfinite(kept[:, 0]))
    learned = [at for at, (_, trained) in enumerate(tokens) if trained and at]  # nothing stands before the first
    if not len(places) or places.tolist() != learned:
        return None
    found = [(tokens[at][0], -float(kept[at, 0])) for at in learned]
    return Wash("loss", unit, found, help="Minus the logarithm of the probability that the model gives the token.")


def spread(conversation: "Conversation", wash: Wash) -> Spread:
    """Where the tokens stand in the learned turns: by their number where they are words of the own vocabulary, else by
    their letters. One that does not stand there letter by letter, as the end of a turn does not, is a piece apart."""
    found = _by_number(conversation, wash) or _by_letters(conversation, wash)
    return Spread(wash, {place: [piece for piece in pieces if piece.text] for place, pieces in found.items() if pieces})


def _by_number(conversation: "Conversation", wash: Wash) -> dict[int, list[Piece]]:
    """The pieces of each learned turn where the tokens are its words in order, also those outside of the vocabulary;
    {} where they are not."""
    left = list(wash.tokens)
    found: dict[int, list[Piece]] = {}
    for place, turn in enumerate(conversation.turns):
        if not turn.trained or not left:
            continue
        words = tokens_of(normalise(turn.content))
        spans = spans_of(turn.content)
        some = left[: len(words)]
        same = (text in (word, SPECIAL[UNKNOWN]) for (text, _), word in zip(some, words, strict=False))
        if len(spans) != len(words) or not all(same):
            return {}
        found[place] = _laid(turn.content, spans, some)
        left = left[len(words) :]
        if left and left[0][0] == SPECIAL[END]:
            found[place].append(Piece("end", left.pop(0)[1], apart=True, note="the end of the turn"))
    return {} if left else found


def _laid(content: str, spans: Sequence[tuple[int, int]], tokens: Sequence[tuple[str, float]]) -> list[Piece]:
    """A turn's text cut at its words; ``tokens`` may be fewer, where the row was cut."""
    found: list[Piece] = []
    at = 0
    for (start, end), (text, value) in zip(spans, tokens, strict=False):
        note = OUTSIDE if text == SPECIAL[UNKNOWN] else ""
        found += [Piece(content[at:start]), Piece(content[start:end], value, note=note)]
        at = end
    return [*found, Piece(content[at:])]


def _by_letters(conversation: "Conversation", wash: Wash) -> dict[int, list[Piece]]:
    """The pieces of each learned turn where its tokens are parts of its words."""
    places = [place for place, turn in enumerate(conversation.turns) if turn.trained]
    found: dict[int, list[Piece]] = {place: [] for place in places}
    at = 0
    for text, value in wash.tokens:
        if not places:
            break
        word = text.strip()
        start = _find(conversation.turns[places[0]].content, word, at) if word else -1
        if start < 0 and len(places) > 1 and word:
            later = _find(conversation.turns[places[1]].content, word, 0)
            if 0 <= later < len(word) + 1:  # the next turn begins with it
                _rest(found, conversation, places.pop(0), at)
                at = 0
                start = later
        here = places[0]
        if start < 0:
            found[here].append(Piece(text, value, apart=True))
            continue
        content = conversation.turns[here].content
        found[here] += [Piece(content[at:start]), Piece(content[start : start + len(word)], value)]
        at = start + len(word)
    if places:
        _rest(found, conversation, places[0], at)
    return found


def _rest(found: dict[int, list[Piece]], conversation: "Conversation", place: int, at: int) -> None:
    found[place].append(Piece(conversation.turns[place].content[at:]))


def _find(content: str, word: str, at: int) -> int:
    """Where the word stands next, whatever its case; -1 where it does not soon."""
    part = content[at : at + len(word) + NEAR]
    small = part.lower()
    place = small.find(word.lower()) if len(small) == len(part) else part.find(word)
    return at + place if place >= 0 else -1


def conversation_html(conversation: "Conversation", wash: Wash | None = None, dark: bool = False) -> str:
    """The turns as bubbles, what the user's side says on the right, and beneath them what the marks mean."""
    laid = spread(conversation, wash) if wash is not None and wash.tokens else None
    bubbles = [_bubble(turn, laid.turns.get(at) if laid else None, laid, dark) for at, turn in _drawn(conversation)]
    few = len(conversation.turns) <= MANY
    shown = bubbles if few else [*bubbles[: ENDS[0]], _folded(bubbles[ENDS[0] : -ENDS[1]]), *bubbles[-ENDS[1] :]]
    left_out = len(conversation.turns) - len(bubbles)
    more = f'<div style="{SMALL}">{count(left_out)} more turns are not drawn here.</div>' if left_out else ""
    legend = learned_html(conversation) + (wash_html(laid, dark) if laid else "")
    return f'<div style="display:flex;flex-direction:column;gap:.45em;min-width:0">{"".join(shown)}{more}{legend}</div>'


def _drawn(conversation: "Conversation") -> Iterator[tuple[int, "Turn"]]:
    """The turns with their places; of very many the first and the last."""
    turns = list(enumerate(conversation.turns))
    yield from turns if len(turns) <= TURNS else [*turns[: TURNS // 2], *turns[-TURNS // 2 :]]


def _folded(bubbles: Sequence[str]) -> str:
    summary = f'<summary style="cursor:pointer;{SMALL}">{plural(len(bubbles), "turn")} between</summary>'
    inside = f'<div style="display:flex;flex-direction:column;gap:.45em;margin-top:.45em">{"".join(bubbles)}</div>'
    return f"<details>{summary}{inside}</details>"


def _bubble(turn: "Turn", pieces: Sequence[Piece] | None, laid: Spread | None, dark: bool) -> str:
    """One turn: its role above, its text in a box."""
    body = washed_html(pieces, laid.wash, dark) if pieces and laid else text_html(turn.content)
    return bubble_html(turn.role, turn.trained, body)


def bubble_html(role: str, trained: bool, body: str, narrow: bool = True) -> str:
    """A box with ``body`` (HTML) under the name of its role; what is not learned stands on the right where it is the
    user's."""
    asked = role == "user"
    side = "flex-end" if asked and narrow else "flex-start"
    look = f"background:{LEARNED}14;{MARK}" if trained else "background:#8882;border-left:3px solid transparent"
    width = "max-width:88%" if narrow else "width:100%"
    box = f"{look};border-radius:6px;padding:.4em .7em;min-width:0;{TEXT}"
    name = f'<div style="{SMALL};margin:0 .2em .1em">{escape(whole(role))}</div>'
    return f'<div style="align-self:{side};{width};min-width:0">{name}<div dir="auto" style="{box}">{body}</div></div>'


def text_html(text: str) -> str:
    """A turn's words, escaped; the end of a long one is folded, of a very long one left out."""
    text = whole(text)
    if not text.strip():
        return f'<span style="opacity:.6">{"only blanks" if text else "nothing"}</span>'
    if len(text) <= LONG:
        return escape(text)
    cut = text.rfind(" ", LONG // 2, LONG)
    cut = cut if cut > 0 else LONG
    rest = text[cut:MOST]
    left_out = f" [{count(len(text) - MOST)} more letters are not drawn here]" if len(text) > MOST else ""
    summary = f'<summary style="cursor:pointer;{SMALL}">{count(len(text) - cut)} more letters</summary>'
    return f"{escape(text[:cut])}<details>{summary}{escape(rest)}{left_out}</details>"


def washed_html(pieces: Sequence[Piece], wash: Wash, dark: bool) -> str:
    """A turn's words over colours of their tokens' values, the number at the pointer."""
    found: list[str] = []
    length = 0
    for piece in pieces:
        length += len(piece.text)
        if length > MOST:
            found.append(" […]")
            break
        text = escape(whole(piece.text))
        if piece.value is None or piece.value != piece.value:
            found.append(text)
            continue
        text = text if text.strip() else "\u2420"  # a blank is drawn as its sign
        number = f"{wash.title} {three_digits(piece.value, wash.signed)} {wash.unit}".rstrip()
        tip = escape(f"{number}, {piece.note}" if piece.note else number, quote=True)
        look = f"background:{wash_colour(piece.value, wash, dark)};border-radius:2px{APART if piece.apart else ''}"
        found.append(f'<span title="{tip}" style="{look}">{text}</span>')
    return "".join(found)


def wash_colour(value: float, wash: Wash, dark: bool) -> str:
    """The colour behind a token: the stronger, the larger its value beside the row's largest."""
    share = min(abs(value) / wash.top, 1.0) if wash.top else 0.0
    if wash.signed:
        base = colours.influence_scale(dark)[-1 if value >= 0 else 0]
    else:
        base = colours.loss_scale(dark)[3 if dark else 2]
    return f"{base}{round(255 * 0.62 * share):02X}"


def wash_html(laid: Spread, dark: bool) -> str:
    """What the colours mean, from the least to the largest value drawn."""
    wash = laid.wash
    ends = (-wash.top, wash.top) if wash.signed else (0.0, wash.top)
    steps = [wash_colour(ends[0] + (ends[1] - ends[0]) * at / 8, wash, dark) for at in range(9)]
    bar = f"background:linear-gradient(to right,{','.join(steps)});width:6em;height:.7em;border-radius:2px"
    low, high = (escape(three_digits(end, wash.signed)) for end in ends)
    words = escape(f"{wash.title} of each token{f', {wash.unit}' if wash.unit else ''}")
    tip = f' title="{escape(wash.help, quote=True)}"' if wash.help else ""
    line = "display:flex;flex-wrap:wrap;align-items:center;gap:.2em .5em"
    return f'<div{tip} style="{line};{SMALL}">{words}: {low}<span style="{bar}"></span>{high}</div>'


def learned_html(conversation: "Conversation") -> str:
    """The line that says which words the model learns, or that it learns none."""
    if not any(turn.trained for turn in conversation.turns):
        return f'<div style="{SMALL}">The model learns nothing from this row: it is trained on none of its turns.</div>'
    key = f'<span style="display:inline-block;width:.7em;height:.9em;background:{LEARNED}14;{MARK}"></span>'
    line = "display:flex;align-items:center;gap:.5em"
    return f'<div style="{line};{SMALL}">{key}The model learns these words; it only reads the others.</div>'


def mini_html(conversation: "Conversation", lines: int = 3) -> str:
    """Question and answer for a small card, ``lines`` lines of each; the learned side carries its mark."""
    asked, said = _sides(conversation)
    clamp = f"display:-webkit-box;-webkit-line-clamp:{lines};-webkit-box-orient:vertical;overflow:hidden"
    parts = []
    for role, text, trained in (asked, said):
        if not text:
            continue
        look = MARK if trained else "border-left:3px solid #8884"
        name = f'<span style="{SMALL}">{escape(whole(role))}</span> '
        body = f'<div dir="auto" style="{clamp};{TEXT};white-space:normal">{name}{escape(whole(text[:600]))}</div>'
        title = escape(whole(text[:1_000]), quote=True)
        parts.append(f'<div title="{title}" style="{look};padding-left:.5em;margin-bottom:.3em">{body}</div>')
    return "".join(parts)


def _sides(conversation: "Conversation") -> tuple[tuple[str, str, bool], tuple[str, str, bool]]:
    """Role, text and mark of what was asked last and of what was answered."""
    turns = list(conversation.turns)
    places = [place for place, turn in enumerate(turns) if turn.trained]
    last = places[-1] if places else len(turns) - 1
    answer = turns[last] if turns else None
    asked = turns[last - 1] if last > 0 else None
    nothing = ("", "", False)
    return (
        (asked.role, asked.content, asked.trained) if asked else nothing,
        (answer.role, answer.content, answer.trained) if answer else nothing,
    )


def beside_html(first: "Conversation", second: "Conversation") -> tuple[str, str]:
    """Two conversations turn by turn, the words that the other one lacks at that place marked."""
    left: list[str] = []
    right: list[str] = []
    for place in range(min(max(len(first.turns), len(second.turns)), TURNS)):
        ours, theirs = (one.turns[place] if place < len(one.turns) else None for one in (first, second))
        texts = [whole(turn.content) if turn is not None else "" for turn in (ours, theirs)]
        if max(map(len, texts)) <= COMPARED:
            bodies = marked_texts(*texts)
        else:  # too long to compare within the time of a page
            bodies = (text_html(texts[0]), text_html(texts[1]))
        for turn, body, column in ((ours, bodies[0], left), (theirs, bodies[1], right)):
            if turn is not None:
                column.append(bubble_html(turn.role, turn.trained, body, narrow=False))
    box = '<div style="display:flex;flex-direction:column;gap:.45em;min-width:0">'
    return f"{box}{''.join(left)}</div>", f"{box}{''.join(right)}</div>"
