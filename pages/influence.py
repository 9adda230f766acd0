"""Influence: which training samples helped or hurt a prediction, and the way back from a training sample to the
predictions it affects."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from attribution.project.lookup import InfluenceView
from attribution.settings.configs import ScoreConfig
from attribution.studies.influence import settings
from attribution.studies.queries import query_of
from attribution.views import cards as card_views
from attribution.views import colours, costs, influence, numbers, tables
from pages.parts import cards, charts, context, cost, fields, frame, jobs, keys, query, states
from pages.parts.context import Sight

SIDE = 6  # cards per side on one page
REVERSE = 3  # queries per side of the way back


def score_now(sight: Sight, estimator: str, rows: Sequence[int], asked: Mapping[str, Any]) -> None:
    """Not scored yet with these settings: say so, and offer to do it."""
    group = bool(query.group_token())
    ids = f"selection:{query.group_token()}" if group else query_of([str(sight.project.dataset.ids[rows[0]])])
    memory_mb = cost.memory_mb()
    config = ScoreConfig(estimator=estimator, queries=ids, group=group, memory_mb=memory_mb, options=asked)

    def mine(job: object) -> bool:
        told = getattr(job, "config", {})
        same = (told.get("estimator"), told.get("options", {})) == (estimator, config.options)
        return same and told.get("queries") in (ids, "wrong", "test", "val", "train")

    if jobs.panel(sight.project, ("influence",), mine, place="score"):
        return
    what = "this group" if len(rows) > 1 else "this sample"
    took = numbers.duration(
        influence.cost_s([one for one in sight.project.scores() if one.estimator == estimator], estimator)
    )
    states.empty(
        f"Not computed for {what} yet",
        f"This estimator has not been asked about {what} with the current model"
        + (f" and {states.plain(settings.words(asked))}." if asked else ".")
        + (f" Earlier scores took about {took}." if took != numbers.NONE else ""),
        f"Score {what}",
        lambda: jobs.submit(sight.project, "influence", config),
        icon=":material/calculate:",
    )
    cost.show(sight, "influence", config, "one")
    if len(rows) == 1:
        every = replace(config, queries="wrong")
        with st.container(border=True):
            st.button(
                sight.face.score_all,
                key="score-wrong",
                on_click=jobs.submit,
                args=(sight.project, "influence", every),
            )
            cost.show(sight, "influence", every, "wrong")
    cost.settings()


def side(sight: Sight, view: InfluenceView, helps: bool) -> np.ndarray:
    """One column of cards; returns the rows shown."""
    strongest = view.helpful if helps else view.harmful
    colour = colours.HELPFUL if helps else colours.HARMFUL
    words = "this prediction" if len(view.query_rows) == 1 else "this group"
    st.html(
        '<h3 style="border-bottom:3px solid '
        f'{colour};padding-bottom:.3em;margin:0">{"Helped" if helps else "Hurt"} '
        f"{words}</h3>"
    )
    place = "helped" if helps else "hurt"
    if strongest.empty:
        st.caption(f"No training sample {'helps' if helps else 'hurts'} here.")
    pages = f"page-{place}-{keys.digest(view.query_rows)}"  # every query begins at its first page
    page = cards.page_number(len(strongest), SIDE, pages)
    shown = tables.page_of(strongest, page, SIDE)
    asked = ",".join(str(sight.project.dataset.ids[row]) for row in view.query_rows[:5])
    for line in shown.to_dict("records"):
        row = int(line["row"])
        facts = [
            card_views.Fact(
                "influence",
                numbers.three_digits(line["influence"], signed=True),
                colours.influence_colour(line["influence"]),
                "Positive: training on this sample lowers the loss of what you asked about. Negative: it raises it.",
            ),
        ]
        if line["cosine"] == line["cosine"]:
            tip = "Cosine between the two gradients: 1 pulls the same way, -1 the opposite way, whatever the strength."
            facts.append(card_views.Fact("cosine", numbers.three_digits(line["cosine"], signed=True), help=tip))
        evidence = {
            "estimator": view.estimator,
            "influence": float(line["influence"]),
            "rank": int(line["rank"]),
            "query": asked,
        }
        evidence |= {"settings": view.settings} if view.settings else {}
        with st.container(border=True, gap="xsmall"):
            cards.show(cards.card_of(sight, row, facts, rank=int(line["rank"])))
            reverse = (":material/swap_horiz:", "Which test samples does this one affect?", ask_reverse, (sight, row))
            cards.actions(
                sight, row, place, reason=f"{'helped' if helps else 'hurt'} {asked}", evidence=evidence, more=[reverse]
            )
    cards.pager(len(strongest), SIDE, pages)
    return shown["influence"].to_numpy()


def ask_reverse(sight: Sight, row: int) -> None:
    """Callback: from a training sample to the test samples it affects."""
    context.put(reverse=str(sight.project.dataset.ids[row]))


def reverse_view(sight: Sight, estimator: str, settings: dict[str, Any]) -> bool:
    """Which scored queries one training sample helps and hurts; False when nothing was asked."""
    row = sight.project.dataset.row_of(context.get("reverse"))
    if row is None:
        return False
    with st.container(border=True):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown("**Which test samples does this training sample affect?**", width="content")
            st.button(
                "Close",
                key="close-reverse",
                icon=":material/close:",
                type="tertiary",
                on_click=context.put,
                kwargs={"reverse": ""},
            )
        cards.show(cards.card_of(sight, row), 64)
        frame = sight.project.affected_by(row, estimator, k=REVERSE, settings=settings)
        if frame is None or frame.empty:
            st.caption("No query has been scored one by one with this estimator yet, so there is nothing to list.")
            return True
        for column, (helps, title) in zip(
            st.columns(2, gap="medium"), ((1, "Helps most"), (-1, "Hurts most")), strict=True
        ):
            with column:
                st.caption(f"{title}, of all queries scored with this estimator")
                for line in frame[frame["side"] == helps].to_dict("records"):
                    affected(sight, int(line["query_row"]), float(line["influence"]), helps)
    return True


def affected(sight: Sight, row: int, value: float, helps: int) -> None:
    """One query that the training sample affects, with the button that asks about it."""
    fact = card_views.Fact("influence", numbers.three_digits(value, signed=True), colours.influence_colour(value))
    with st.container(border=True, gap="xsmall"):
        cards.show(cards.card_of(sight, row, [fact], suspicion=False), 48, 2)
        st.button("Ask about it", key=f"ask-{helps}-{row}", type="tertiary", on_click=query.pick, args=(row, sight))


def ready(sight: Sight, view: InfluenceView) -> None:
    """Two columns of cards and the distribution they come from."""
    if view.stale:
        st.caption(
            f":material/info: {sight.face.nouns.capitalize()} have changed since this was computed. The model is the "
            "same; retrain to ask the new one."
        )
    st.caption(states.plain(influence.settings_words(view)))
    if view.score.curvature_words:
        st.caption(states.plain(view.score.curvature_words))
    if view.score.memory_words:
        st.caption(f":material/memory: {view.score.memory_words}")
    left, right = st.columns(2, gap="medium")
    with left:
        helped = side(sight, view, True)
    with right:
        hurt = side(sight, view, False)
    shown = np.concatenate([helped, hurt])
    moments = view.moments
    st.subheader("Against the whole training set")
    st.markdown(influence.distribution_words(moments["mean"], moments["std"], shown.tolist()))
    charts.show(view.figure("distribution", shown=shown.tolist(), dark=context.dark()), "distribution")
    asked = [
        (one.title, sight.project.influence(view.query_rows, one.name, cards.GRID))
        for one in influence.estimators_in_order(sight.project.dataset.task)
    ]
    others = [(title, found) for title, found in asked if found is not None and found.estimator != view.estimator]
    st.markdown(influence.agreement_sentence(view, others))
    st.caption(costs.took(view.score.config.get("cost")))


def settings_asked(sight: Sight, estimator: str, rows: Sequence[int]) -> dict[str, Any]:
    """The settings whose answer is shown: the usual ones, those that the user sets, or others that an answer was
    computed with, if the user chooses them."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        changed = own_settings(estimator)
        return changed or settings_found(sight, estimator, rows)


def own_settings(estimator: str) -> dict[str, Any]:
    """What was changed of what the estimator can be asked for, behind a button; {} where nothing was, or nothing can
    be."""
    usual = influence.usual_settings(estimator)
    if not dataclasses.fields(usual):
        return {}
    with st.popover("Settings of this estimator", icon=":material/tune:"):
        return fields.form(usual, f"set-{estimator}")


def settings_found(sight: Sight, estimator: str, rows: Sequence[int]) -> dict[str, Any]:
    """The usual settings, or others that an answer was computed with, if the user chooses them."""
    others = [one for one in sight.project.settings_found(estimator, rows) if one]
    if not others:
        return {}
    by_words = {settings.words(one): one for one in [{}, *others]}
    tip = (
        "This estimator was asked about this with other settings, too, from the shell or Python. Each is an "
        "answer of its own."
    )
    chosen = st.selectbox(
        "Settings", list(by_words), format_func=states.plain, key=f"settings-{estimator}", help=tip, width=320
    )
    return by_words[chosen or next(iter(by_words))]


def switch(sight: Sight) -> influence.EstimatorWords:
    """The estimator asked: the everyday ones side by side, the others behind a button."""
    by_name = {one.name: one for one in influence.estimators_in_order(sight.project.dataset.task)}
    shown = influence.at_hand(list(by_name), context.get("estimator"))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.segmented_control(
            "How influence is estimated",
            wrap=True,
            format_func=lambda one: by_name[one].title,
            **context.choice("estimator", shown, "ip"),
        )
        with st.popover("More", icon=":material/more_horiz:"):
            for one in by_name.values():
                if one.name not in shown:
                    ask = {"estimator": one.name}
                    st.button(
                        one.title,
                        key=f"more-{one.name}",
                        help=one.meaning,
                        type="tertiary",
                        on_click=context.put,
                        kwargs=ask,
                    )
    chosen = by_name[name or "ip"]
    st.caption(
        f"{chosen.meaning} {states.plain(influence.unit_words(chosen, sight.run))}".strip(),
        help=f"`{chosen.name}`: {chosen.formula}  \n{chosen.source}",
    )
    return chosen


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Influence")
    if sight.run is None:
        if not jobs.panel(sight.project, ("prepare", "train"), place="influence"):
            states.empty(
                "No model yet",
                "Influence is asked of a trained model. Training takes a few minutes.",
                "Train and analyse",
                lambda: jobs.submit(sight.project, "prepare"),
            )
        return
    listed = query.candidates(sight)
    rows = query.query_rows(sight, listed)
    grid = st.grid(3, min_column_width=285, gap="medium")
    with grid.cell():
        query.picker(sight, listed, rows)
        if rows:
            query.query_card(sight, rows)
    with grid.cell(column_span=2):
        chosen = switch(sight)
        if not rows:
            states.empty(
                "No sample passes the filters", "Widen the filters, or search by id.", icon=":material/filter_alt_off:"
            )
            return
        asked = settings_asked(sight, chosen.name, rows)
        reverse_view(sight, chosen.name, asked)
        view = sight.project.influence(rows, chosen.name, cards.GRID, asked)
        if view is None:
            score_now(sight, chosen.name, rows, asked)
        else:
            ready(sight, view)


frame.show(main)
