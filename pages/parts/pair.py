"""Two samples side by side with what tells them apart: a difference picture, marked words, or columns."""

import streamlit as st

from attribution.modalities import full_text, modality_of
from attribution.modalities.image import png
from attribution.modalities.tabular import values_of
from attribution.views import cards as card_views
from attribution.views import chat, leaks, numbers
from pages.parts import cards
from pages.parts.context import Sight

SIDE = 224  # pixels of a picture in a pair


def show(sight: Sight, row: int, other: int, change: str, titles: tuple[str, str]) -> None:
    """The pair under its two titles."""
    shown_as = modality_of(sight.project.dataset).shown_as
    columns = st.columns(3 if shown_as == "picture" else 2, gap="medium")
    shown = {row: "", other: ""}
    if shown_as == "text":
        texts = [full_text(sight.project.dataset, sample) for sample in (row, other)]
        shown[row], shown[other] = leaks.marked_texts(*texts)
    elif shown_as == "chat":
        ours, theirs = (sight.dataset.conversation(sample) for sample in (row, other))
        shown[row], shown[other] = chat.beside_html(ours, theirs)
    for column, sample, title in zip(columns, (row, other), titles, strict=False):
        with column, st.container(border=True, height="stretch", gap="small"):
            st.caption(title)
            card = cards.card_of(sight, sample, size=SIDE)
            if card.picture:
                st.html(card_views.picture_html(card.picture, card.alt, SIDE))
            elif shown[sample]:
                st.html(
                    f'<div style="font-size:1.1em;line-height:1.5;max-height:18em;overflow:auto">{shown[sample]}</div>'
                )
            st.html(card_views.card_html(card_views.without_text(card_views.without_picture(card))))
    if shown_as == "picture":
        picture = leaks.difference_picture(sight.project.dataset, row, other, change)
        with columns[2], st.container(border=True, height="stretch", gap="small"):
            st.caption(f"Difference{f', the right one {change}' if change else ''}")
            words = f"Difference of the two pictures, at most {int(picture.max())} of 255"
            st.html(card_views.picture_html(card_views.data_uri(png(picture, SIDE)), words, SIDE))
            st.caption(f"Black is equal. The largest difference is {numbers.count(int(picture.max()))} of 255.")
    if shown_as == "columns":
        dataset = sight.project.dataset
        table = leaks.column_table(values_of(dataset, row), values_of(dataset, other), titles)
        st.dataframe(
            table,
            hide_index=True,
            height="content" if len(table) < 16 else 420,
            alt="Both rows, the columns that differ first",
        )
