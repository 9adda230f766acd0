"""Influence: which training samples pull towards what the model says and which towards the label, and the way back from
a training sample to the predictions it affects."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import streamlit as st

from attribution.modalities import modality_of
from attribution.project.lookup import InfluenceView
from attribution.settings.configs import ScoreConfig
from attribution.studies.influence import settings
from attribution.studies.queries import query_of
from attribution.views import cards as card_views
from attribution.views import colours, costs, influence, methods, numbers, tables
from attribution.views.influence import CONTRAST
from attribution.views.stories import Pull
from pages.parts import (
    aligned,
    behaviours,
    beside,
    cards,
    charts,
    context,
    cost,
    doubt,
    fields,
    found,
    frame,
    jobs,
    keys,
    query,
    states,
)
from pages.parts import method as method_part
from pages.parts.context import Sight
from pages.parts.method import Method

SIDE = 6  # cards per side on one page
REVERSE = 3  # queries per side of the way back


def score_now(
    sight: Sight, method: Method, rows: Sequence[int], asked: Mapping[str, Any], place: str = "score"
) -> None:
    """Not scored yet with these settings: say so, and offer to do it."""
    group = bool(query.group_token())
    ids = f"selection:{query.group_token()}" if group else query_of([str(sight.project.dataset.ids[rows[0]])])
    estimator = method.words.name
    config = ScoreConfig(
        estimator=estimator,
        queries=ids,
        group=group,
        memory_mb=cost.memory_mb(),
        measure=method.measure,
        options={name: value for name, value in asked.items() if name != "layers"},
        layers=tuple(asked.get("layers", ())),
    )

    def mine(job: object) -> bool:
        told = getattr(job, "config", {})
        same = (told.get("estimator"), told.get("options", {}), told.get("measure", "loss"), told.get("layers", []))
        wanted = (estimator, config.options, method.measure, list(config.layers))
        return same == wanted and told.get("queries") in (
            ids,
            "wrong",
            "test",
            "val",
            "train",
        )

    if jobs.panel(sight.project, ("influence",), mine, place=place):
        return
    what = "this group" if len(rows) > 1 else "this sample"
    took = numbers.duration(methods.cost_s(sight.project.scores(), estimator))
    of = " and of what the model says against the label" if method.measure == CONTRAST else ""
    states.empty(
        f"Not computed for {what} yet",
        f"{method.words.title} has not been asked about {what}{of} with the current model"
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


def side(sight: Sight, view: InfluenceView, helps: bool, pull: Pull) -> np.ndarray:
    """One column of cards; returns the influences shown."""
    strongest = view.helpful if helps else view.harmful
    colour = colours.HELPFUL if helps else colours.HARMFUL
    st.html(
        f'<h3 style="border-bottom:3px solid {colour};padding-bottom:.3em;margin:0;overflow-wrap:anywhere">'
        f"{card_views.safe(pull.title)}</h3>"
    )
    st.caption(states.plain(pull.words))
    place = "helped" if helps else "hurt"
    if strongest.empty:
        st.caption("No training sample does.")
    pages = f"page-{place}-{keys.digest(view.query_rows)}"  # every query begins at its first page
    page = cards.page_number(len(strongest), SIDE, pages)
    shown = tables.page_of(strongest, page, SIDE)
    asked = ",".join(str(sight.project.dataset.ids[row]) for row in view.query_rows[:5])
    for line in shown.to_dict("records"):
        strong(sight, view, line, place, asked)
    cards.pager(len(strongest), SIDE, pages)
    return shown["influence"].to_numpy()


def strong(sight: Sight, view: InfluenceView, line: Mapping[str, Any], place: str, asked: str) -> None:
    """One training sample with its influence, and what can be done with it."""
    row = int(line["row"])
    evidence = {
        "estimator": view.estimator,
        "influence": float(line["influence"]),
        "rank": int(line["rank"]),
        "query": asked,
    }
    evidence |= {"settings": view.settings} if view.settings else {}
    evidence |= {"measure": view.measure} if view.measure != "loss" else {}
    with st.container(border=True, gap="xsmall"):
        aligned.show(sight, row, facts_of(line, method_part.unit(sight, view)), view.query_rows, int(line["rank"]))
        reverse = (":material/swap_horiz:", "Which test samples does this one affect?", ask_reverse, (sight, row))
        cards.actions(sight, row, place, reason=f"{place} {asked}", evidence=evidence, more=[reverse])


def facts_of(line: Mapping[str, Any], unit: str) -> list[card_views.Fact]:
    """The numbers of a training sample's card; the unit stands behind the help."""
    facts = [
        card_views.Fact(
            "influence",
            numbers.three_digits(line["influence"], signed=True),
            colours.influence_colour(line["influence"]),
            "Positive: training on this sample brings the model nearer to what was given for the sample you ask about. "
            f"Negative: it takes the model away from it. {unit}".strip(),
        )
    ]
    if line["cosine"] == line["cosine"]:
        tip = "Cosine between the two pulls: 1 the same way, -1 the opposite way, whatever the strength."
        facts.append(card_views.Fact("direction", numbers.three_digits(line["cosine"], signed=True), help=tip))
    return facts


def ask_reverse(sight: Sight, row: int) -> None:
    """Callback: from a training sample to the test samples it affects."""
    context.put(reverse=str(sight.project.dataset.ids[row]))


def reverse_view(sight: Sight, method: Method, settings: dict[str, Any]) -> bool:
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
        frame = sight.project.affected_by(row, method.words.name, k=REVERSE, settings=settings, measure=method.measure)
        if frame is None or frame.empty:
            st.caption("Nothing has been asked about one by one with this method yet, so there is nothing to list.")
            return True
        for column, (helps, title) in zip(
            st.columns(2, gap="medium"),
            ((1, "Pulls most towards their label"), (-1, "Pulls most away from it")),
            strict=True,
        ):
            with column:
                st.caption(f"{title}, of all that were asked about with this method")
                for line in frame[frame["side"] == helps].to_dict("records"):
                    affected(sight, int(line["query_row"]), float(line["influence"]), helps)
    return True


def affected(sight: Sight, row: int, value: float, helps: int) -> None:
    """One query that the training sample affects, with the button that asks about it."""
    fact = card_views.Fact("influence", numbers.three_digits(value, signed=True), colours.influence_colour(value))
    with st.container(border=True, gap="xsmall"):
        cards.show(cards.card_of(sight, row, [fact], suspicion=False), 48, 2)
        st.button("Ask about it", key=f"ask-{helps}-{row}", type="tertiary", on_click=query.pick, args=(row, sight))


def ready(sight: Sight, method: Method, view: InfluenceView, pulls: tuple[Pull, Pull]) -> None:
    """Two columns of cards, what made the model say so first, and the distribution they come from."""
    wrong = query.wrong(sight, view.query_rows)
    shown = []
    if view.score.coverage_words:
        st.caption(states.plain(view.score.coverage_words))
    for column, helps in zip(st.columns(2, gap="medium"), (False, True) if wrong else (True, False), strict=True):
        with column:
            shown.append(side(sight, view, helps, pulls[0 if helps else 1]))
    whole(sight, method, view, np.concatenate(shown).tolist())


def whole(sight: Sight, method: Method, view: InfluenceView, shown: list[float]) -> None:
    """Where the cards stand among all training samples, whether others agree, and how it was computed."""
    moments = view.moments
    st.subheader("Against the whole training set")
    st.markdown(influence.distribution_words(moments["mean"], moments["std"], shown))
    charts.show(view.figure("distribution", shown=shown, dark=context.dark()), "distribution")
    names = [one for one in method.every if one.name in method.computed and one.name != view.estimator]
    asked = [
        (one.title, sight.project.influence(view.query_rows, one.name, cards.GRID, measure=view.measure))
        for one in names
    ]
    st.markdown(influence.agreement_sentence(view, [(title, other) for title, other in asked if other is not None]))
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
    st.caption(costs.took(view.score.config.get("cost")))


def settings_asked(sight: Sight, method: Method, rows: Sequence[int]) -> dict[str, Any]:
    """The settings whose answer is shown: the usual ones, those that the user sets, or others that an answer was
    computed with, if the user chooses them."""
    changed = own_settings(method.words.name)
    return changed or settings_found(sight, method, rows)


def own_settings(estimator: str) -> dict[str, Any]:
    """What was changed of what the estimator can be asked for, behind a button; {} where nothing was, or nothing can
    be."""
    usual = influence.usual_settings(estimator)
    by_weights = influence.by_weights(estimator)
    if not (dataclasses.fields(usual) or by_weights):
        return {}
    with st.popover("Settings of this estimator", icon=":material/tune:"):
        return {**fields.form(usual, f"set-{estimator}"), **(part_of_weights() if by_weights else {})}


def part_of_weights() -> dict[str, Any]:
    """The weights that influence shall be of, where not of all."""
    named = st.text_input("Weights", key="layers", placeholder="all", help=influence.LAYERS_HELP)
    layers = sorted({word.strip() for word in named.split(",") if word.strip()})
    return {"layers": layers} if layers else {}


def settings_found(sight: Sight, method: Method, rows: Sequence[int]) -> dict[str, Any]:
    """The usual settings, or others that an answer was computed with, if the user chooses them."""
    estimator = method.words.name
    others = [one for one in sight.project.settings_found(estimator, rows, method.measure) if one]
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
    found.chip(sight)
    if behaviours.offered(sight):
        asked = behaviours.chosen(sight)
        behaviours.choice(sight, asked)
        if asked:
            behaviours.page(sight, asked)
            return
    listed = query.candidates(sight)
    rows = query.query_rows(sight, listed)
    if not rows:
        query.picker(sight, listed, rows)
        states.empty(
            "No sample passes the filters", "Widen the filters, or search by id.", icon=":material/filter_alt_off:"
        )
        return
    method = method_part.chosen(sight, rows)
    sentence, pulls, rival, label = query.story(sight, rows, method.measure)
    computed = method.words.name in method.computed
    taught = methods.taught(modality_of(sight.project.dataset).title, method.words, method.trust) if computed else ""
    st.markdown(f"##### {states.plain(sentence)} {taught}".strip())
    grid = st.grid(3, min_column_width=285, gap="medium")
    with grid.cell(), query.asked_about(sight, listed, rows):
        doubt.box(sight, rows)
    with grid.cell(column_span=2):
        answer(sight, method, rows, pulls, (rival, label))


def answer(sight: Sight, method: Method, rows: Sequence[int], pulls: tuple[Pull, Pull], sides: tuple[str, str]) -> None:
    """How it is asked, and what came of it."""
    if sight.run.given and all(one.control for one in method.every):
        states.empty("Influence takes the model itself", methods.WITHOUT_MODEL, icon=":material/block:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="toolbar"):
        method_part.switch(sight, method)
        method_part.asked_of(sight, method, *sides)
        second = beside.choice(sight, method)
        asked = settings_asked(sight, method, rows)
    method_part.explained(sight, method)
    if method.refused:
        method_part.refusal(sight, method)
        return
    reverse_view(sight, method, asked)
    known = [row for row in rows if not sight.face.unknown(sight.predictions.loc[row])]
    if not known:
        unlabelled(sight)
        return
    view = sight.project.influence(rows, method.words.name, cards.GRID, asked, method.measure, found.training(sight))
    if view is None:
        score_now(sight, method, rows, asked)
    elif second:
        two(sight, method, view, second, pulls)
    else:
        ready(sight, method, view, pulls)


def two(sight: Sight, method: Method, view: InfluenceView, second: str, pulls: tuple[Pull, Pull]) -> None:
    """The answer beside another estimator's."""
    within = found.training(sight)
    other = sight.project.influence(view.query_rows, second, cards.GRID, measure=method.measure, within=within)
    mine = replace(method, words=method.titled(second))
    if other is None:
        score_now(sight, mine, view.query_rows, {}, "score-beside")
    else:
        beside.show(sight, (view, other), (method.words.title, mine.words.title), pulls)


def unlabelled(sight: Sight) -> None:
    """Nobody said what the sample is."""
    states.empty(
        f"It has {sight.face.none}",
        f"Influence is asked of how far the model is from the {sight.face.noun}. Give it one, on Review or beside it "
        "here, and ask again.",
        icon=":material/label_off:",
    )


frame.show(main)
