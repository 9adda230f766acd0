"""Memorization: which training labels the model knows by heart, and which predictions hang on a single training
sample."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attribution.figures.cloud import Scene
from attribution.studies.memorization.study import MemorizeConfig
from attribution.views import cards as card_views
from attribution.views import memorization as views
from attribution.views import numbers, scatter, tables
from pages.parts import cards, context, elsewhere, frame, jobs, lasso, nearest, selected, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.studies.memorization.result import MemorizationResult

SHOWN, PAIRS = 6, 6
KEY = "memorization-chart"


def start(sight: Sight, first: bool) -> None:
    """How many models, what they cost, and the button."""
    if jobs.panel(sight.project, ("memorization",), place="memorize"):
        return
    if not elsewhere.choice(sight, "memorize"):
        return
    with st.container(border=True):
        if first:
            st.markdown("#### :material/psychology: Nothing measured yet")
            st.markdown(
                "Memorization is how much more often the model is right on a sample when it was trained on it. To "
                "measure it, the model is retrained on random halves of the data. Hard, rare and mislabelled samples "
                "stand out. The models are kept and shared with Compare."
            )
        lines = sight.project.studies.memorization.cost()
        by_count = {line["models"]: line for line in lines}
        count = (
            st.segmented_control("Models to retrain", list(by_count), default=24, required=True, key="memorize-models")
            or 24
        )
        st.caption(views.cost_words(by_count[count]))
        st.button(
            "Measure memorization",
            type="primary",
            key="start-memorize",
            icon=":material/play_arrow:",
            on_click=jobs.submit,
            args=(sight.project, "memorization", MemorizeConfig(models=int(count))),
        )


def chart(sight: Sight, found: "MemorizationResult") -> None:
    """Truth against stand-in, one point per training sample; a lasso selects."""
    known = [name for name in views.STAND_INS if found.config["spearman"].get(name)]
    name = st.segmented_control(
        "Stand-in",
        known,
        default=known[0],
        required=True,
        key="stand-in",
        format_func=views.STAND_INS.__getitem__,
        help="Unsure while training: 1 minus the mean confidence in the label. Self-influence: the squared length of "
        "the sample's gradient.",
    )
    name = name or known[0]
    points = views.scatter_frame(found, name)
    rows = points["row"].to_numpy(dtype=np.int64)
    coordinates = scatter.by_row(points[["x", "y"]].to_numpy(), rows, len(sight.project.dataset))
    groups = sight.face.groups(sight.labels.values, rows, context.dark())
    axes = (f"{views.STAND_INS[name]}, rank: low to high", "memorization")
    alt = "memorization of every training sample against a stand-in that needs no retraining"
    lasso.chart(sight, coordinates, groups, lambda: rows, 440, key=KEY, alt=alt, scene=Scene(axes=axes))
    selected.opened(sight)
    st.caption(views.stand_in_words(found, name))


def by_heart(sight: Sight, found: "MemorizationResult") -> None:
    """The samples known by heart, most first; or those circled in the chart."""
    table = found.samples.sort_values(["memorization", "low"], ascending=False, kind="stable")
    picked = np.isin(table["row"], sight.selection)
    if picked.any():
        table = table[picked]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{numbers.plural(len(table), 'selected sample')}**", width="content")
            st.button("Clear", key="clear-memorized", type="tertiary", on_click=context.put, kwargs={"selection": ""})
    else:
        st.markdown("**Known by heart, most first**")
    page = cards.page_number(len(table), SHOWN, "page-memorized")
    with st.grid("auto", min_column_width=240, gap="small"):
        for line in tables.page_of(table, page, SHOWN).to_dict("records"):
            tip = "How much more often models are right on it when trained on it, with its 95 % interval."
            facts = [card_views.Fact("memorization", views.range_words(line), help=tip)]
            with st.container(border=True, gap="xsmall"):
                row = int(line["row"])
                cards.show(cards.card_of(sight, row, facts), 64, 3)
                evidence = {
                    "memorization": round(float(line["memorization"]), 3),
                    "models": int(found.config["models"]),
                }
                cards.actions(sight, row, "memorized", reason="known by heart", evidence=evidence)
    cards.pager(len(table), SHOWN, "page-memorized")


def hanging(sight: Sight, found: "MemorizationResult") -> None:
    """Test predictions that hang on one training sample, side by side."""
    pairs = found.pairs
    st.subheader("Predictions that hang on one training sample")
    if pairs.empty:
        st.caption("None found with these models.")
        return
    if views.beyond_chance(found):
        sides(sight, found)
        return
    st.caption(f"With {found.config['models']} models none can be told from chance.")
    with st.expander("The pairs that were seen", icon=":material/casino:"):
        sides(sight, found)


def sides(sight: Sight, found: "MemorizationResult") -> None:
    """The pairs, a page at a time, and how many of them chance alone would show."""
    pairs = found.pairs
    st.caption(
        f"Left out, the training sample takes the prediction with it. {found.config['pairs_found']:,} such test "
        f"predictions were seen; with {found.config['models']} models chance alone would show about "
        f"{found.config['pairs_by_chance']:.0f}. More models make them surer."
    )
    page = cards.page_number(len(pairs), PAIRS, "page-hanging")
    for place, line in enumerate(tables.page_of(pairs, page, PAIRS).to_dict("records")):
        with st.container(border=True):
            left, right = st.columns(2, gap="medium")
            with left:
                st.caption("Training sample")
                cards.show(cards.card_of(sight, int(line["row"])), 84, 4)
                cards.actions(sight, int(line["row"]), f"hanging-{place}", reason="a prediction hangs on it")
            with right:
                st.caption("Test prediction")
                facts = [card_views.Fact("influence", views.range_words(line, "influence"))]
                cards.show(cards.card_of(sight, int(line["test_row"]), facts, suspicion=False), 84, 4)
                st.caption(views.pair_words(line))
    cards.pager(len(pairs), PAIRS, "page-hanging")


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Memorization")
    st.caption(
        f"Which {sight.face.nouns} does the model know by heart rather than understand, and which predictions hang on "
        "a single training sample?"
    )
    if sight.face.no_memorization:
        nearest.by_heart(sight, *sight.face.no_memorization)
        st.button(f"Review {sight.face.nouns}", key="to-review", on_click=frame.go, args=("review",))
        return
    if sight.run is None:
        if not jobs.panel(sight.project, ("prepare", "train"), place="memorize-train"):
            states.empty(
                "No model yet",
                "Memorization is measured with the model's own recipe.",
                "Train and analyse",
                lambda: jobs.submit(sight.project, "prepare"),
            )
        return
    found = next(iter(sight.project.memorizations()), None)
    if found is None:
        start(sight, True)
        return
    if found.version != sight.labels.version:
        st.caption(f":material/info: {sight.face.nouns.capitalize()} have changed since this was measured.")
    st.markdown(f"**{views.headline(found)}**")
    left, right = st.columns([3, 2], gap="large")
    with left:
        chart(sight, found)
    with right:
        by_heart(sight, found)
    hanging(sight, found)
    with st.expander("More models", icon=":material/add:"):
        start(sight, False)


frame.show(main)
