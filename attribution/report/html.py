"""HTML made of parts: every text is escaped, whatever it holds, unless it is HTML that was made here."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

MISPLACED = "\N{REPLACEMENT CHARACTER}"
SIGNS = (*range(0x20), *range(0x7F, 0xA0), *range(0xD800, 0xE000))  # no sign of a text, or none that a file can hold
UNSEEN = {sign: MISPLACED for sign in SIGNS if chr(sign) not in "\n\t"}
VOID = ("img", "meta", "br")


class Html(str):
    """Finished HTML. Any other text is escaped when it is put into an element."""

    __slots__ = ()


def text(value: Any) -> Html:
    """A value as HTML: what is HTML already stays, all else is escaped, signs that cannot be seen are replaced."""
    return value if isinstance(value, Html) else Html(escape(str(value).translate(UNSEEN)))


def together(parts: Iterable[Any], between: str = "") -> Html:
    """Parts behind one another."""
    return Html(between.join(text(part) for part in parts))


def el(name: str, /, *children: Any, **attributes: Any) -> Html:
    """An element; an attribute that is a word of Python's ends in an underscore (``class_``), None leaves it out."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value).translate(UNSEEN))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{together(children)}</{name}>")


def paragraphs(*lines: Any) -> Html:
    """A paragraph for each line that says something."""
    return together(el("p", line) for line in lines if line)


def items(lines: Sequence[Any]) -> Html:
    """A list."""
    return el("ul", *(el("li", line) for line in lines))


def table(columns: Sequence[Any], lines: Iterable[Sequence[Any]], caption: str) -> Html:
    """A table whose first column names the lines."""
    head = el("tr", *(el("th", column, scope="col") for column in columns))
    body = [el("tr", el("th", line[0], scope="row"), *(el("td", cell) for cell in line[1:])) for line in lines]
    found = el("table", el("caption", caption), el("thead", head), el("tbody", *body))
    return el("div", found, class_="wide")


def facts(pairs: Iterable[tuple[Any, Any]]) -> Html:
    """Names with what they are; pairs without a value are left out."""
    return el("dl", *(together((el("dt", name), el("dd", value))) for name, value in pairs if value not in ("", None)))


def tiles(cells: Iterable[tuple[Any, Any, Any]]) -> Html:
    """Numbers: name, value, and what lies beneath."""
    boxes = [
        el("div", el("span", name), el("strong", value), el("small", beneath), class_="tile")
        for name, value, beneath in cells
    ]
    return el("div", *boxes, class_="tiles")


def shown_of(shown: int, all_: int, what: str, more: str) -> str:
    """What a list leaves out and where it stands; "" where nothing is left out."""
    return f"{shown:,} of {all_:,} {what} are shown here. {more}".strip() if shown < all_ else ""
