"""Choosing what to ask about on Influence and Angles: step through the mistakes, filter, search, or take the selection
as a group."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attribution.errors import UserError
from attribution.modalities import modality_of
from attribution.modalities.tabular import values_of
from attribution.views import cards as card_views
from attribution.views import influence, numbers, tables
from attribution.views.stories import Pull
from pages.parts import cards, context, found, keys, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

STAYS = """<style>
@media (min-width: 900px) {
  [data-testid='stGridCellContent'] > :has(.st-key-asked-about) { position: sticky; top: 4rem; }
  .st-key-asked-about { max-height: calc(100vh - 5rem); overflow-y: auto; }
}
</style>"""
SPLITS = {"test": "Test", "val": "Validation", "train": "Training"}


def splits(sight: Sight) -> list[str]:
    """The splits that the project has, the one that is asked about first in front."""
    return [split for split in SPLITS if sight.project.info.counts.get(split)]


def candidates(sight: Sight) -> np.ndarray:
    """The queries that pass the filters of the picker; where the filter from Browse leaves any, those, the mistakes
    first."""
    project = sight.project
    there = splits(sight)
    split = st.session_state.get("from", there[0])
    rows = project.dataset.rows(split if split in there else there[0])
    kept = found.narrowed(sight, rows)
    if sight.found is not None and not len(kept):
        kept = found.narrowed(sight, np.concatenate([project.dataset.rows(name) for name in there if name != "train"]))
    low, high = st.session_state.get("sure", (0, 100))
    name = st.session_state.get("label")
    names = sight.face.choices() if sight.face.picks else ()
    among = sight.predictions.loc[kept if len(kept) else rows]
    asked = (names.index(name) if name in names else None, (low / 100, high / 100))
    if st.session_state.get("which", "") == "All":
        return sight.face.queries(among, False, *asked)
    wrong = sight.face.queries(among, True, *asked)
    if sight.found is None or not len(kept):
        return wrong
    every = sight.face.queries(among, False, *asked)
    return np.concatenate([wrong, every[~np.isin(every, wrong)]])


def wrong(sight: Sight, rows: Sequence[int]) -> bool:
    """Whether a single sample is asked about that the model is wrong about."""
    return len(rows) == 1 and not sight.face.right(sight.predictions.loc[rows[0]])


def story(sight: Sight, rows: Sequence[int], measure: str = "loss") -> tuple[str, tuple[Pull, Pull], str, str]:
    """What happened in a sentence, where the two sides pull, and the two answers that a contrast is between ("" where
    they are not one each)."""
    face = sight.face
    if len(rows) > 1:
        return face.group_sentence(sight.predictions.loc[list(rows)]), face.group_pulls(), "", ""
    seen = sight.predictions.loc[rows[0]]
    rival = face.rival(seen, sight.run.outputs()[rows[0]])
    return (
        face.query_sentence(seen),
        face.pulls(seen, rival if measure != "loss" else ""),
        rival,
        face.word(seen["label"]),
    )


def pick(row: int | None, sight: Sight) -> None:
    """Callback: ask about another sample."""
    if row is not None:
        context.put(query=str(sight.project.dataset.ids[row]), reverse="")


def pick_found(sight: Sight) -> None:
    """Callback of the search: the first sample whose id or text has the words."""
    project = sight.project
    texts = project.samples["text"].to_numpy() if modality_of(project.dataset).tokens else None
    rows = np.concatenate([project.dataset.rows(split) for split in ("test", "val", "train")])
    hits = influence.search(st.session_state.get("search", ""), project.dataset.ids, texts, rows, limit=1)
    if len(hits):
        pick(int(hits[0]), sight)
    elif st.session_state.get("search", "").strip():
        states.flash(
            f"No sample has “{states.plain(st.session_state['search'])}” in its id or text.", ":material/search_off:"
        )


def use_selection() -> None:
    """Callback: ask about the selection as one group; the group stays when another selection is drawn."""
    context.put(query=f"selection:{context.get('selection')}", reverse="")


def group_token() -> str:
    """The token of the selection that is asked about as a group; "" when a single sample is."""
    kind, _, token = context.get("query").partition(":")
    return (token or context.get("selection")) if kind == "selection" else ""


def query_rows(sight: Sight, listed: np.ndarray) -> tuple[int, ...]:
    """Rows that the URL asks about; the first of the list when it says nothing. A group is every row of its
    selection."""
    wanted = context.get("query")
    if token := group_token():
        try:
            return tuple(int(row) for row in sight.project.selection(token)[0])
        except UserError:
            context.put(query="")
    known = sight.project.dataset.row_of(wanted)
    if known is not None:
        return (known,)
    return (int(listed[0]),) if len(listed) else ()


def picker(sight: Sight, listed: np.ndarray, rows: Sequence[int]) -> None:
    """Step through the list, narrow it, search it, or take the selection as a group."""
    current = rows[0] if len(rows) == 1 else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        steps = ((influence.step(listed, current, -1), sight), (influence.step(listed, current, 1), sight))
        keys.arrows(("previous", "next"), " in the list", pick, steps)
        st.caption(influence.place(listed, current), width="content")
        with st.popover("Filter", icon=":material/filter_list:"):
            narrowed(sight)
    st.text_input(
        "Search",
        key="search",
        placeholder="Search id or text",
        type="search",
        label_visibility="collapsed",
        on_change=pick_found,
        args=(sight,),
    )
    if len(sight.selection):
        st.button(
            f"Ask about the selection ({numbers.count(len(sight.selection))}) as a group",
            key="as-group",
            icon=":material/lasso_select:",
            on_click=use_selection,
            width="stretch",
        )


def narrowed(sight: Sight) -> None:
    """Which predictions the list holds, all in the URL."""
    face = sight.face
    st.segmented_control(
        "Predictions", list(face.which), default=face.which[0], required=True, key="which", bind="query-params"
    )
    if face.picks:
        names = face.choices()
        st.selectbox("Label", names, index=None, placeholder="Every class", key="label", bind="query-params")
    if face.sure:
        st.slider("Confidence of the model", 0, 100, (0, 100), format="%d %%", key="sure", bind="query-params")
    there = splits(sight)
    st.segmented_control(
        "From",
        there,
        default=there[0],
        required=True,
        format_func=SPLITS.__getitem__,
        key="from",
        bind="query-params",
    )


def asked_about(sight: Sight, listed: np.ndarray, rows: Sequence[int], side: int = 208) -> "DeltaGenerator":
    """Picker and card, in a place that stays in sight beside a long list while it is scrolled, where there is room for
    two columns; the place, for more."""
    st.html(STAYS)
    place = st.container(key="asked-about")
    with place:
        picker(sight, listed, rows)
        if rows:
            query_card(sight, rows, side)
    return place


def query_card(sight: Sight, rows: Sequence[int], side: int) -> None:
    """What is asked about: one sample, its picture of ``side`` pixels, or the group's first ones."""
    face = sight.face
    if len(rows) > 1:
        st.markdown(f"**A group of {numbers.plural(len(rows), 'sample')}**, asked about as one: their mean loss.")
        cards.grid(sight, rows[:6], "group", buttons=False, min_width=120)
        return
    seen = sight.predictions.loc[rows[0]]
    card = cards.card_of(sight, rows[0], size=224, suspicion=False)
    with st.container(border=True):
        if modality_of(sight.project.dataset).shown_as == "columns":
            st.html(tables.columns_html(values_of(sight.project.dataset, rows[0])))
            card = card_views.without_text(card)
        cards.whole(sight, card if face.told else card_views.without_prediction(card), "query", side, 1.15)
        loss = numbers.three_digits(float(seen["loss"]))
        st.caption(states.plain(f"loss {loss} {face.loss_unit}"), help=states.plain(face.loss_help))
        cards.actions(sight, rows[0], "query", reason="seen on Influence")
