"""Asking about what a language model does: a behaviour or a typed answer in the place of a sample, and the rows that
taught it."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from attribution.datasets.chat.behaviour import ASK, BEHAVIOUR, ask
from attribution.datasets.chat.conversation import Conversation, Turn
from attribution.settings.configs import ScoreConfig
from attribution.studies.behaviour.study import BehaviourConfig
from attribution.studies.bench.recommend import RULE
from attribution.studies.removal.study import RemovalConfig
from attribution.views import behaviours as views
from attribution.views import influence, methods, tables
from attribution.views.cards import Fact
from pages.parts import cards, chat, context, cost, edits, found, jobs, keys, states
from pages.parts import method as method_part
from pages.parts import query as query_part
from pages.parts.context import Sight
from pages.parts.method import Method

if TYPE_CHECKING:
    from attribution.project.lookup import InfluenceView
    from attribution.studies.retrain.result import RetrainResult

SIDE = 6  # cards a side
SHOWN = 4  # questions that are drawn unfolded
ANSWERS = 6  # pairs of answers on one page
SHARED_WORDS = "bm25"  # the control that asks no model
SAMPLES = "A sample of the data"
TYPED = "An answer that I type"


def offered(sight: Sight) -> bool:
    """Whether there are behaviours here: what the data is shown as says so."""
    return bool(sight.project.dataset.task.kind == "text") and not sight.run.given


def chosen(sight: Sight) -> str:
    """The query that the address says, where it is a behaviour or a typed answer of this project; "" otherwise."""
    query = context.get("query") or first(sight)
    if not views.asks_about(query):
        return ""
    known = query.removeprefix(BEHAVIOUR) in sight.project.behaviours.names() if query.startswith(BEHAVIOUR) else True
    if not known:
        context.put(query="")
    return query if known else ""


def first(sight: Sight) -> str:
    """The query about the first behaviour that the model in use was asked about; "" for none."""
    queries = (f"{BEHAVIOUR}{name}" for name in sight.project.behaviours.names()) if offered(sight) else ()
    return next((query for query in queries if sight.project.computed((), queries=query)), "")


def choice(sight: Sight, query: str) -> None:
    """What is asked about: a sample, a behaviour, or a typed answer."""
    names = sight.project.behaviours.names()
    kinds = {SAMPLES: SAMPLES, **{name: f"Behaviour: {states.plain(name)}" for name in names}, TYPED: TYPED}
    now = query.removeprefix(BEHAVIOUR) if query.startswith(BEHAVIOUR) else TYPED if query else SAMPLES
    st.session_state["asks-about"] = now
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "Ask about",
            list(kinds),
            key="asks-about",
            on_change=_put,
            args=(sight,),
            format_func=kinds.__getitem__,
            width=320,
        )
        with st.popover("Type an answer", icon=":material/edit:"):
            prompt = st.text_area("Prompt", key="typed-prompt", placeholder="What the model is asked", height=80)
            answer = st.text_area("Answer", key="typed-answer", placeholder="Which rows taught this?", height=80)
            ready = bool(answer.strip())
            st.button("Ask about it", key="ask-typed", disabled=not ready, on_click=_ask, args=(prompt, answer))


def _put(sight: Sight) -> None:
    """Callback of the choice. A sample is named: without any, the page opens at a behaviour."""
    name = st.session_state["asks-about"]
    if name == TYPED:
        return
    listed = sight.project.dataset.rows(query_part.splits(sight)[0])
    sample = str(sight.project.dataset.ids[listed[0]]) if len(listed) else ""
    context.put(query=sample if name == SAMPLES else f"{BEHAVIOUR}{name}", reverse="")


def _ask(prompt: str, answer: str) -> None:
    """Callback: ask about what was typed."""
    context.put(query=ask(" ".join(prompt.split()), answer.strip()), reverse="")


def page(sight: Sight, query: str) -> None:
    """The answer for a behaviour, in the place of the one for a sample."""
    method = method_part.chosen(sight, (), query)
    st.markdown(f"##### Which rows taught the model {states.plain(views.title(query))}?")
    grid = st.grid(3, min_column_width=285, gap="medium")
    with grid.cell():
        _asked(sight, query)
    with grid.cell(column_span=2):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small", key="toolbar"):
            method_part.switch(sight, method)
        method_part.explained(sight, method)
        if method.refused:
            method_part.refusal(sight, method)
            return
        view = sight.project.behaviour_influence(query, method.words.name, cards.GRID, within=found.training(sight))
        if view is None:
            _score(sight, method, query)
        else:
            _ready(sight, method, view, query)


def _asked(sight: Sight, query: str) -> None:
    """The prompts and answers that are asked about, as conversations, and the rate."""
    if query.startswith(ASK):
        prompt, _, answer = query.removeprefix(ASK).rpartition(" => ")
        turns = [Turn("user", prompt)] if prompt.strip() else []
        chat.show(Conversation((*turns, Turn("assistant", answer, True))), key="typed")
        return
    behaviour = sight.project.behaviours.get(query.removeprefix(BEHAVIOUR))
    st.caption(states.plain(views.about(behaviour)), help=states.plain(behaviour.pattern) or None)
    _rate(sight, behaviour.name)
    every = views.conversations(behaviour)
    for place, (side, conversation) in enumerate(every[:SHOWN]):
        st.caption(side)
        chat.show(conversation, key=f"asked-{place}")
    if len(every) > SHOWN:
        with st.expander(f"{len(every) - SHOWN} more"):
            for place, (side, conversation) in enumerate(every[SHOWN:]):
                st.caption(side)
                chat.show(conversation, key=f"asked-more-{place}")


def _rate(sight: Sight, name: str) -> None:
    """How often the model in use shows it, or the button that measures."""
    config = BehaviourConfig(name)
    rate = sight.project.behaviours.known_rate(name)
    st.markdown(f"**{states.plain(views.rate_words(rate))}**")
    for words in views.beside_rate(rate):
        st.caption(states.plain(words))
    if rate is None and not jobs.panel(sight.project, ("behaviour",), place="rate"):
        what = "Measure it on unseen prompts"
        st.button(
            what, key="rate", icon=":material/percent:", on_click=jobs.submit, args=(sight.project, "behaviour", config)
        )


def _score(sight: Sight, method: Method, query: str) -> None:
    """Not scored yet: say so, and offer to do it."""
    config = ScoreConfig(estimator=method.words.name, queries=query, memory_mb=cost.memory_mb())

    name = config.estimator
    if jobs.panel(sight.project, ("influence",), lambda job: _same(job, name, query), place="score"):
        return
    states.empty(
        "Not computed for this yet",
        f"{method.words.title} has not been asked about {states.plain(views.title(query))} with the current model.",
        "Score it",
        lambda: jobs.submit(sight.project, "influence", config),
        icon=":material/calculate:",
    )


def _same(job: Any, estimator: str, query: str) -> bool:
    """Whether a job asks this estimator about this."""
    told = getattr(job, "config", {})
    return (told.get("estimator"), told.get("queries")) == (estimator, query)


def _control(sight: Sight, method: Method, query: str) -> "InfluenceView | None":
    """What shared words alone name for the same question, or the button that computes it."""
    name = SHARED_WORDS
    if method.words.name == name or methods.refused(method.titled(name), method.measure):
        return None
    view = sight.project.behaviour_influence(query, name, cards.GRID)
    if view is None and not jobs.panel(sight.project, ("influence",), lambda job: _same(job, name, query), place=name):
        config = ScoreConfig(estimator=name, queries=query, memory_mb=cost.memory_mb())
        st.button(
            f"{method.titled(name).title}: compute beside",
            key="control",
            icon=":material/match_word:",
            type="tertiary",
            help="Where shared words name the same rows, the words alone gave them away.",
            on_click=jobs.submit,
            args=(sight.project, "influence", config),
        )
    return view


def _ready(sight: Sight, method: Method, view: "InfluenceView", query: str) -> None:
    """Two columns of rows as chats: what taught it, and what worked against it."""
    control = _control(sight, method, query)
    unit = influence.unit_words(method.words, sight.run, method.measure)
    if view.score.coverage_words:
        st.caption(states.plain(view.score.coverage_words))
    _drop_all(sight, view, query)
    for column, name, frame in zip(
        st.columns(2, gap="medium"), (views.TAUGHT, views.AGAINST), (view.helpful, view.harmful), strict=True
    ):
        with column:
            st.html(f"<h3>{name}</h3>")
            st.caption(views.WORDS[name])
            pages = f"page-{name.split()[0].lower()}-{keys.digest((query,))}"
            page = cards.page_number(len(frame), SIDE, pages)
            places = influence.places(control, name == views.TAUGHT) if control is not None else {}
            for line in tables.page_of(frame, page, SIDE).to_dict("records"):
                beside = _by_words(places, int(line["row"]))
                _row(sight, view, line, query, [_number(line, unit), *beside])
            cards.pager(len(frame), SIDE, pages)
    st.caption(states.plain(influence.settings_words(view)))
    if view.score.curvature_words:
        st.caption(states.plain(view.score.curvature_words))


def _number(line: dict[str, Any], unit: str) -> Fact:
    """The influence of a row, with its unit behind the help."""
    tip = "Positive: training on this row made the behaviour likelier. Negative: less likely."
    return Fact("influence", influence.three_digits(line["influence"], signed=True), help=f"{tip} {unit}".strip())


def _by_words(places: dict[int, int], row: int) -> list[Fact]:
    """The row's place by shared words, where they were asked."""
    tip = "Its place by shared words alone (BM25) on this side; 1 is the strongest."
    return [Fact("shared words", f"#{places[row]}", help=tip)] if row in places else []


def _row(sight: Sight, view: "InfluenceView", line: dict[str, Any], query: str, facts: list[Fact]) -> None:
    """One training row with its influence, and what can be done with it."""
    evidence = {"estimator": view.estimator, "influence": float(line["influence"]), "query": query}
    row = int(line["row"])
    with st.container(border=True, gap="xsmall"):
        cards.show(cards.card_of(sight, row, facts, rank=int(line["rank"])))
        cards.actions(sight, row, f"taught-{row}", reason=f"influence on {views.title(query)}", evidence=evidence)


def _drop_all(sight: Sight, view: "InfluenceView", query: str) -> None:
    """Drop the rows that taught it most, as one batch."""
    rows = [int(row) for row in view.helpful["row"] if sight.labels.active[int(row)]]
    if not rows:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        n = int(st.number_input("How many", 1, len(rows), min(40, len(rows)), key=f"drop-n-{len(rows)}", width=140))
        reason = f"taught {views.title(query)}"
        evidence = {"estimator": view.estimator, "query": query}
        st.button(
            f"Drop these {n}",
            key=f"drop-top-{n}-{sight.project.ledger.last_id()}",
            icon=":material/delete_sweep:",
            on_click=edits.decide,
            args=(sight.project, "drop", rows[:n], None, reason, evidence, sight.versions(rows[:n])),
        )
        st.caption("The strongest that taught it, one batch; one undo takes it back. Then retrain.", width="content")


def rates(result: "RetrainResult") -> None:
    """Of a proof: each behaviour's rate before and after."""
    if result.behaviours:
        with st.grid(4, min_column_width=190):
            for cell in views.cells(result.behaviours):
                states.metric(cell)


def before_and_after(result: "RetrainResult") -> None:
    """Of a proof: the answers before and after, side by side."""
    if not result.behaviours:
        return
    st.subheader("What the models do on unseen prompts")
    names = [one.name for one in result.behaviours]
    name = names[0]
    if len(names) > 1:
        name = st.segmented_control("Behaviour", names, default=names[0], required=True, key="answers-of") or names[0]
    answers = result.answers()
    mine = views.changed_first(answers[answers["behaviour"] == name])
    page = cards.page_number(len(mine), ANSWERS, f"page-answers-{name}")
    for line in tables.page_of(mine, page, ANSWERS).to_dict("records"):
        _pair(line)
    cards.pager(len(mine), ANSWERS, f"page-answers-{name}")


def _pair(line: dict[str, Any]) -> None:
    """One prompt with the answers of one seed before and after."""
    with st.container(border=True):
        st.caption(views.line_of(line))
        for column, side in zip(st.columns(2, gap="medium"), ("before", "after"), strict=True):
            with column:
                st.markdown(f"**{side.capitalize()}**")
                said = Turn("assistant", str(line[side]))
                chat.show(Conversation((Turn("user", str(line["prompt"])), said)), key=f"{side}-{line['seed']}")


def removal(sight: Sight) -> None:
    """On Compare: does a behaviour go when the rows that an estimator names are dropped, and further than by chance?"""
    names = sight.project.behaviours.names() if offered(sight) else []
    if not names:
        return
    st.subheader("Does the behaviour go with the rows?")
    st.caption(
        "The rows that each estimator says taught it are dropped, the model is trained anew with three seeds, and the "
        "behaviour is measured on unseen prompts, beside as many rows drawn by chance. Nothing is edited."
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        name = st.selectbox("Behaviour", names, key="removal-of", format_func=states.plain, width=320) or names[0]
        if not jobs.panel(sight.project, ("removal",), place="removal"):
            asked = (sight.project, "removal", RemovalConfig(behaviour=name))
            st.button(
                "Drop, train and measure", key="removal", icon=":material/play_arrow:", on_click=jobs.submit, args=asked
            )
    for result in sight.project.studies.removal.all():
        if result.behaviour == name:
            st.markdown(f"**{states.plain(result.verdict)}**")
            st.dataframe(views.curve_table(result), hide_index=True, alt="Rates after dropping rows, by estimator")
            st.caption(RULE)
            return
