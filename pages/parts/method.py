"""How influence is estimated and what it is asked of, chosen on Influence: the recommended estimator is on, the others
stand behind a button, by what they go by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from attribution.project.lookup import InfluenceView
from attribution.views import influence, methods
from attribution.views.influence import CONTRAST, EstimatorWords
from attribution.views.methods import Trust
from pages.parts import context, states
from pages.parts.context import Sight


@st.cache_resource(max_entries=8, show_spinner=False)
def _trust(folder: str, _bench: Any) -> Trust:
    return methods.trust_of(_bench)


@st.cache_resource(max_entries=8, show_spinner=False)
def _words(folder: str, _task: Any) -> list[EstimatorWords]:
    return influence.estimators_in_order(_task)


@dataclass(frozen=True)
class Method:
    """What is on: the estimator, what it is asked of, and what is known of the others."""

    words: EstimatorWords
    measure: str
    every: list[EstimatorWords]
    trust: Trust
    computed: set[str]

    @property
    def refused(self) -> str:
        """Why this estimator cannot be asked of this, in words; "" where it can."""
        return methods.refused(self.words, self.measure)

    def titled(self, name: str) -> EstimatorWords:
        """An estimator by name."""
        return next(one for one in self.every if one.name == name)


def chosen(sight: Sight, rows: Sequence[int], queries: str = "") -> Method:
    """What the address says, else what is recommended; ``queries`` is a behaviour or a typed answer, which is asked
    about in the place of rows."""
    task = sight.project.dataset.task
    measure = CONTRAST if context.get("asked") == CONTRAST and _contrasts(sight) else "loss"
    measure = sight.project.behaviours.measure(queries) if queries else measure
    every = [one for one in _words(sight.key, task) if not (one.asks_model and sight.run.given)]
    bench = _bench(sight)
    trust = _trust(str(bench.folder) if bench else "", bench)
    computed = sight.project.computed(rows, measure, queries)
    able = [one.name for one in every if not methods.refused(one, measure)]
    texts = task.kind == "text"
    named = context.get("estimator")
    name = named if named in {one.name for one in every} else methods.standard(trust, able, computed, texts)
    return Method(next(one for one in every if one.name == name), measure, every, trust, computed)


def _contrasts(sight: Sight) -> bool:
    return methods.has_contrast(sight.project.dataset.task) and not sight.run.given


def _bench(sight: Sight) -> Any:
    """The newest comparison on the model in use, else on another; None where there is none."""
    benches = sight.project.benches()
    return next(iter([*(one for one in benches if one.run == sight.run.id), *benches]), None)


def switch(sight: Sight, method: Method) -> None:
    """The button behind which the estimators are, by family, each with what is known of it here."""
    scores = sight.project.scores()
    with st.popover(f"Method: {method.words.title}", icon=":material/function:"):
        st.caption(methods.LDS if method.trust.follows else methods.NOT_MEASURED)
        if sight.run.given:
            st.caption(f":material/info: {methods.WITHOUT_MODEL}")
        if method.trust.follows and _bench(sight).run != sight.run.id:
            st.caption(":material/info: Measured on an earlier model of this project.")
        for title, meaning, members in methods.families(method.every):
            st.markdown(f"**{title}**", help=meaning)
            with st.container(gap=None):
                for one in members:
                    _offer(one, method, methods.cost_s(scores, one.name))
    if method.trust.picked and method.trust.picked != method.words.name:
        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
            _use(method.titled(method.trust.picked))


def _use(words: EstimatorWords) -> None:
    st.button(
        f"Compare recommends {words.title}",
        key="use-recommended",
        icon=":material/star:",
        type="tertiary",
        on_click=context.put,
        kwargs={"estimator": words.name},
    )


def _offer(one: EstimatorWords, method: Method, took_s: float) -> None:
    """One line of the list."""
    refused = methods.refused(one, method.measure)
    on = one.name == method.words.name
    st.button(
        f"{one.title} :gray[:small[{methods.mark(one, method.trust, method.computed, took_s)}]]",
        key=f"more-{one.name}",
        icon=":material/check:" if on else None,
        help=refused or f"{one.meaning}  \n*Costs:* {one.cost}",
        type="tertiary",
        disabled=bool(refused),
        on_click=context.put,
        kwargs={"estimator": one.name},
    )


def asked_of(sight: Sight, method: Method, rival: str, label: str) -> None:
    """What influence is asked of: the label, or what the model says against the label."""
    if not methods.has_contrast(sight.project.dataset.task):
        if context.get("asked") == CONTRAST:
            st.caption(f":material/info: {methods.NO_CONTRAST}")
        return
    if not _contrasts(sight):
        return
    against = f"{rival} against {label}" if rival and label else "What the model says against the label"
    names = {"loss": f"The {sight.face.noun}{f' {label}' if label else ''}", CONTRAST: against}
    arguments = context.choice("asked", names, "loss")
    st.segmented_control(
        "Ask about",
        format_func=lambda name: states.plain(names[name]),
        wrap=True,
        help=methods.ASKED_HELP,
        **arguments,
    )


def unit(sight: Sight, view: InfluenceView) -> str:
    """The unit of an answer's numbers, in words."""
    every = _words(sight.key, sight.project.dataset.task)
    words = next(one for one in every if one.name == view.estimator)
    return influence.unit_words(words, sight.run, view.measure)


def refusal(sight: Sight, method: Method) -> None:
    """In the place of an answer, for an estimator that cannot be asked of this."""
    states.empty(
        f"{method.words.title} cannot be asked of that",
        method.refused,
        f"Ask about the {sight.face.noun} instead",
        lambda: context.put(asked=""),
        icon=":material/block:",
    )


def explained(sight: Sight, method: Method) -> None:
    """What the numbers of this estimator are, in plain words, with the field's own behind the help."""
    words = method.words
    trust = "" if words.name in method.trust.follows else " How far to trust it here is not measured yet (Compare)."
    if words.name in method.trust.follows:
        trust = f" Trust it as far as this: {method.trust.words(words.name)}."
    unit = influence.unit_words(words, sight.run, method.measure)
    st.caption(
        f"{words.meaning}{trust}",
        help=states.plain(unit) + f"  \n`{words.name}`: {words.formula}  \n{words.source}",
    )
