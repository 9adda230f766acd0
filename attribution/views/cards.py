"""The sample card: one sample as a small piece of HTML that reads the same on every page."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import TYPE_CHECKING

from attribution.views import chat, colours
from attribution.views.numbers import percent

if TYPE_CHECKING:
    from attribution.datasets.chat.conversation import Conversation


@dataclass(frozen=True)
class Fact:
    """One number on a card: its name, the formatted value, a colour ("" for the text's own), and what it means."""

    name: str
    value: str
    colour: str = ""
    help: str = ""


@dataclass(frozen=True)
class Card:
    """All that a card shows. ``was`` is the label before an edit ("" if unchanged), ``changed`` what such an edit is
    called; ``says`` what the model says in words; ``picture`` a data URI ("" for text and tables); ``chat`` the turns
    of a conversation, of which ``text`` is the short form; ``tags``, ``note`` and ``unsure`` are the marks that people
    put on it."""

    row: int
    id: str
    label: str
    label_colour: str
    alt: str
    picture: str = ""
    text: str = ""
    was: str = ""
    dropped: bool = False
    reviewed: bool = False
    prediction: str = ""
    says: str = ""
    confidence: float | None = None
    changed: str = "relabelled"
    suspicion: float | None = None
    rank: int | None = None
    facts: tuple[Fact, ...] = field(default=())
    tags: tuple[str, ...] = ()
    note: str = ""
    unsure: bool = False
    chat: "Conversation | None" = None


def data_uri(png: bytes) -> str:
    """A PNG as a ``data:`` address, so a picture needs no route and no file."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def safe(text: str) -> str:
    """User's text for HTML."""
    return escape(text)


def without_picture(card: Card) -> Card:
    """The same card for a place where the picture is drawn apart, larger."""
    return replace(card, picture="")


def without_text(card: Card) -> Card:
    """The same card for a place where the text is drawn apart, larger."""
    return replace(card, text="", chat=None)


def without_prediction(card: Card) -> Card:
    """The same card where the facts already say what was predicted."""
    return replace(card, prediction="", says="", confidence=None)


def picture_html(picture: str, alt: str, size: int) -> str:
    """The picture in a square of ``size`` pixels, its own pixels kept sharp."""
    style = (
        f"width:{size}px;max-width:100%;aspect-ratio:1;object-fit:contain;image-rendering:pixelated;"
        "border-radius:4px;background:#8881;flex:none"
    )
    return f'<img src="{picture}" alt="{escape(alt, quote=True)}" style="{style}">'


def centred_picture_html(card: Card, size: int) -> str:
    """The card's picture in the middle of the room it gets."""
    return f'<div style="display:flex;justify-content:center">{picture_html(card.picture, card.alt, size)}</div>'


def captioned_picture_html(picture: str, caption: str, size: int) -> str:
    """A picture with words below it that break where they must."""
    words = f'<figcaption style="font-size:.8em;opacity:.75;overflow-wrap:anywhere">{safe(caption)}</figcaption>'
    return f'<figure style="margin:0;width:{size}px">{picture_html(picture, caption, size)}{words}</figure>'


def strip_html(cards: Sequence[Card], size: int = 40) -> str:
    """The pictures of several samples side by side, or the beginning of the first one's text."""
    if cards and not cards[0].picture:
        return f'<div style="width:14rem;font-size:.85em">{_words_html(cards[0], 2, 0.95)}</div>'
    shown = "".join(picture_html(card.picture, card.alt, size) for card in cards)
    return f'<div style="display:flex;gap:3px">{shown}</div>'


def label_html(card: Card) -> str:
    """The label with its class colour; the old one struck through when it was edited; marks for dropped and kept."""
    dot = (
        "<span "
        f'style="display:inline-block;width:.62em;height:.62em;border-radius:50%;background:{card.label_colour};margin-right:.4em"></span>'
        if card.label
        else ""
    )
    was = f'<s style="opacity:.6;font-weight:400">{escape(card.was)}</s> ' if card.was else ""
    name = f'<s style="opacity:.6">{escape(card.label)}</s>' if card.dropped else escape(card.label)
    mark = "dropped" if card.dropped else card.changed if card.was else "kept" if card.reviewed else ""
    badge = (
        ' <span style="font-size:.72em;padding:.05em .45em;border-radius:1em;border:1px solid '
        f"{colours.EDITED};color:{colours.EDITED};"
        f'white-space:nowrap">{mark}</span>'
        if mark
        else ""
    )
    place = (
        f'<span title="rank; 1 is the strongest" style="float:right;opacity:.55;font-weight:400">#{card.rank}</span>'
        if card.rank
        else ""
    )
    return f'<div style="font-weight:600;line-height:1.3">{place}{dot}{was}{name}{badge}</div>'


def card_html(card: Card, size: int = 84, text_lines: int = 4, text_em: float = 1.0) -> str:
    """The card without its buttons: picture of ``size`` pixels, or ``text_lines`` of text ``text_em`` times as large as
    the rest.

    Everything that comes from the user's data is escaped.
    """
    lines = [label_html(card)]
    if card.says:
        sure = f" ({percent(card.confidence)})" if card.confidence is not None else ""
        lines.append(f'<div style="font-size:.84em;opacity:.8">{escape(card.says)}{sure}</div>')
    if card.facts:
        lines.append(
            '<div style="font-size:.84em;display:flex;flex-wrap:wrap;gap:0 .9em">'
            + "".join(map(_fact_html, card.facts))
            + "</div>"
        )
    if card.suspicion is not None:
        lines.append(_suspicion_html(card.suspicion))
    lines.append(marks_html(card))
    lines.append(f'<div style="font-size:.74em;opacity:.6;overflow-wrap:anywhere">{escape(card.id)}</div>')
    body = f'<div style="min-width:0;flex:1">{"".join(lines)}</div>'
    picture = picture_html(card.picture, card.alt, size) if card.picture else ""
    return (
        _words_html(card, text_lines, text_em)
        + f'<div style="display:flex;gap:.8em;align-items:flex-start">{picture}{body}</div>'
    )


def tile_html(card: Card, size: int = 104) -> str:
    """The card at its smallest, for many at once: the picture (or the text) above the label."""
    picture = picture_html(card.picture, card.alt, size) if card.picture else ""
    shown = (
        f'<div style="display:flex;justify-content:center;margin-bottom:.4em">{picture}</div>'
        if picture
        else _words_html(card, 5, 0.92)
    )
    return shown + label_html(card) + marks_html(card)


def marks_html(card: Card) -> str:
    """Tags, "unsure" and the note of a sample; "" without any."""
    chip = '<span style="font-size:.72em;padding:.05em .5em;border-radius:.3em;background:#8883;white-space:nowrap">'
    chips = [f"{chip}{escape(word)}</span>" for word in (*(["? unsure"] if card.unsure else []), *card.tags)]
    row = f'<div style="display:flex;flex-wrap:wrap;gap:.3em;margin:.15em 0">{"".join(chips)}</div>' if chips else ""
    style = "font-size:.8em;font-style:italic;opacity:.85;overflow-wrap:anywhere"
    return row + (f'<div style="{style}" title="note">“{escape(card.note)}”</div>' if card.note else "")


def _fact_html(fact: Fact) -> str:
    colour = f"color:{fact.colour};" if fact.colour else ""
    tip = f' title="{escape(fact.help, quote=True)}"' if fact.help else ""
    return (
        f'<span{tip}><span style="opacity:.65">{escape(fact.name)}</span> <b '
        f'style="{colour}font-weight:600">{escape(fact.value)}</b></span>'
    )


def _suspicion_html(value: float) -> str:
    """A bar from 0 to 1 in the one colour of suspicion."""
    share = min(max(value, 0.0), 1.0)
    bar = (
        f'<span style="display:block;height:100%;width:{share * 100:.0f}%;background:#8554A2;border-radius:2px"></span>'
    )
    tip = "How likely what was given is wrong, from all detectors together: 0 unsuspicious, 1 most suspicious."
    return (
        f'<div title="{tip}" style="font-size:.84em;display:flex;flex-wrap:wrap;align-items:center;gap:0 '
        '.5em"><span style="opacity:.65">suspicion</span>'
        f'<span role="img" aria-label="suspicion {share:.2f} of 1" style="flex:0 1 '
        "4.2em;min-width:1.6em;height:.42em;background:#8884;"
        f'border-radius:2px">{bar}</span><b style="font-weight:600">{share:.2f}</b></div>'
    )


def _words_html(card: Card, lines: int, em: float) -> str:
    """The sample in words: question and answer of a conversation, else its text."""
    if card.chat is None:
        return _text_html(card.text, lines, em)
    return f'<div style="font-size:{em}em;margin-bottom:.35em">{chat.mini_html(card.chat, max(2, lines - 1))}</div>'


def _text_html(text: str, lines: int, em: float) -> str:
    if not text:
        return ""
    clamp = f"display:-webkit-box;-webkit-line-clamp:{lines};-webkit-box-orient:vertical;overflow:hidden"
    return (
        f'<div title="{escape(text, quote=True)}" '
        f'style="{clamp};font-size:{em}em;line-height:1.4;margin-bottom:.35em">{escape(text)}</div>'
    )
