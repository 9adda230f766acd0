"""A training sample beside what is asked about: rows of a table column by column, with those that differ marked; other
kinds of data as the usual card."""

from collections.abc import Sequence

import streamlit as st

from attribution.modalities import modality_of
from attribution.modalities.tabular import values_of
from attribution.views import cards as card_views
from attribution.views import tables
from pages.parts import cards
from pages.parts.context import Sight


def show(sight: Sight, row: int, facts: Sequence[card_views.Fact], against: Sequence[int], rank: int) -> None:
    """The card of ``row``; ``against`` are the rows that are asked about."""
    card = cards.card_of(sight, row, facts, rank=rank)
    dataset = sight.project.dataset
    if modality_of(dataset).shown_as != "columns" or len(against) != 1:
        cards.show(card)
        return
    cards.show(card_views.without_text(card))
    st.html(tables.aligned_html(values_of(dataset, row), values_of(dataset, int(against[0]))))
