"""A conversation as a chat: turns as bubbles, what the model learns marked, and numbers of tokens as a wash."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attribution.errors import UserError
from attribution.modalities import modality_of
from attribution.transforms.pieces import handed, tokens_of
from attribution.views import chat
from pages.parts import context
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.datasets.chat.conversation import Conversation
    from attribution.views.chat import Wash

PLAIN = "nothing"


def of(sight: Sight, row: int) -> "Conversation | None":
    """The conversation of a row where samples are shown as chats; None elsewhere."""
    there = modality_of(sight.project.dataset).shown_as == "chat"
    return sight.dataset.conversation(int(row)) if there else None


def washes(sight: Sight, row: int) -> "list[Wash]":
    """Numbers of the learned tokens of a row that are known without asking the model: its losses. Nothing for a row
    that was rewritten since, or where the library that knows the tokens is not installed."""
    if sight.run is None or sight.run.given:
        return []
    try:
        tokens = tokens_of(sight.dataset, int(row), handed(sight.project.model_config))
    except UserError:
        return []
    found = chat.losses(tokens, np.asarray(sight.run.outputs()[int(row)]))
    return [found] if found is not None else []


def show(conversation: "Conversation", *, washes: "Sequence[Wash] | None" = None, key: str = "") -> None:
    """The conversation. ``washes``: numbers of its learned tokens, of which one is drawn at a time; with several,
    ``key`` keeps the choice among them apart from those of other conversations on the page."""
    known = {wash.title: wash for wash in washes or () if wash.tokens}
    chosen = next(iter(known), PLAIN)
    if len(known) > 1:
        names = [*known, PLAIN]
        chosen = st.segmented_control("Colour the words by", names, default=chosen, key=f"wash-{key}") or PLAIN
    st.html(chat.conversation_html(conversation, known.get(chosen), context.dark()))
