"""What the map says of a sample under the pointer: one small answer per sample, asked for by the page alone.

A page that draws points tells this file what it shows and gets an address nobody can guess; the browser asks it for one
row at a time. An address that no page of this server was given, of another project or of one that changed since, is
answered by 404; requests of other sites do not come this far (``guard.py``).
"""

import secrets
from collections import OrderedDict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from attribution.views.numbers import percent
from pages.parts import cards
from pages.parts.context import Sight

KEPT = 16  # sights that are answered for
PIXELS = 84
_shown: "OrderedDict[str, tuple[Any, Sight]]" = OrderedDict()


def address(sight: Sight) -> str:
    """Where the browser asks for a sample of this sight; the same for the same project, labels and results."""
    about = (
        sight.key,
        sight.project.dataset.info.base_hash,
        sight.project.ledger.stamp(),
        sight.run.id if sight.run is not None else "",
        sight.flags.id if sight.flags is not None else "",
    )
    known = next((token for token, (one, _) in _shown.items() if one == about), "")
    if not known:
        known = secrets.token_urlsafe(24)
        _read(sight)
        _shown[known] = (about, sight)
        while len(_shown) > KEPT:
            _shown.popitem(last=False)
    return f"sample/{known}"


def _read(sight: Sight) -> None:
    """What an answer needs is read now, as the page shows it, and not when it is asked for."""
    for name in ("labels", "face", "states", "marks", "suspicion", *(["predictions"] if sight.run is not None else [])):
        getattr(sight, name)


def said(sight: Sight, row: int) -> dict[str, Any]:
    """The sample in words, plain text all of it, and its picture as a data URI ("" for text and tables)."""
    card = cards.card_of(sight, row, size=PIXELS)
    sure = f" ({percent(card.confidence)})" if card.confidence is not None else ""
    mark = "dropped" if card.dropped else card.changed if card.was else "kept" if card.reviewed else ""
    doubt = "" if card.suspicion is None else f"suspicion {card.suspicion:.2f} of 1"
    return {
        "id": card.id,
        "label": card.label,
        "colour": card.label_colour,
        "was": card.was,
        "dropped": card.dropped,
        "mark": mark,
        "says": f"{card.says}{sure}" if card.says else "",
        "suspicion": doubt,
        "text": card.text,
        "picture": card.picture,
        "alt": card.alt,
    }


def answer(request: Request) -> Response:
    """The answer for one row; 404 for an address or a row that is not known."""
    known = _shown.get(request.path_params["token"])
    row = request.path_params["row"]
    if known is None or not 0 <= row < len(known[1].project.dataset):
        return JSONResponse({}, 404)
    return JSONResponse(said(known[1], row), headers={"Cache-Control": "private, max-age=600"})


ROUTES = [Route("/sample/{token}/{row:int}", answer)]
