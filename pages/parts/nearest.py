"""What Fairness and Memorization show where their own question does not apply to a task: the nearest thing known."""

import streamlit as st

from attribution.figures.forest import forest
from attribution.views import cards as card_views
from attribution.views import nearest
from pages.parts import cards, charts, context, states
from pages.parts.context import Sight

SHOWN = 6


def parts(sight: Sight, title: str, why: str) -> None:
    """How the model does in each part of the targets on the test set, and why not more."""
    task = sight.project.dataset.task
    rows = sight.project.dataset.rows("test")
    said = sight.predictions.loc[rows[sight.labels.active[rows]]]
    frame, axis = nearest.by_part(task, said)
    st.markdown(f"**{states.plain(title)}.** {states.plain(why)}")
    if len(frame):
        group = task.targets.group
        words = f"Test samples by {group}, with 95 % intervals"
        span = (0.0, 100.0 if task.kind != "number" else 1.05 * float(frame["high"].max()))
        charts.show(forest(frame, f"By {group}", axis, words, dark=context.dark(), span=span), "nearest-parts")


def by_heart(sight: Sight, title: str, why: str) -> None:
    """Training samples that the model comes near to only because it was trained on them."""
    st.markdown(f"**{states.plain(title)}.** {states.plain(why)}")
    flags = sight.flags
    if flags is None or sight.run is None:
        return
    task = sight.project.dataset.task
    table = nearest.known_by_training(task, flags, sight.predictions, SHOWN)
    st.subheader(f"Near only because it was trained on: {sight.face.nouns} by the gap between the two errors")
    with st.grid("auto", min_column_width=240, gap="small"):
        for line in table.to_dict("records"):
            row = int(line["row"])
            amount = getattr(sight.face, "amount", "{:.3g}".format)
            facts = [
                card_views.Fact("off when trained on", amount(float(line["trained"]))),
                card_views.Fact("off when held out", amount(float(line["held_out"]))),
            ]
            with st.container(border=True, gap="xsmall"):
                cards.show(cards.card_of(sight, row, facts), 64, 3)
                cards.actions(sight, row, "by-heart", reason="near only because it was trained on")
