"""Retrain: what will change, the same recipe before and after over several seeds, and the proof."""

from typing import TYPE_CHECKING

import streamlit as st

from attribution.studies.retrain.study import RetrainConfig
from attribution.views import cards as card_views
from attribution.views import comparison, numbers, pending, tables
from pages.parts import (
    behaviours,
    cards,
    charts,
    context,
    edits,
    elsewhere,
    exporting,
    frame,
    jobs,
    own_script,
    preview,
    reporting,
    states,
)
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.studies.retrain.result import RetrainResult

FLIPS = 12


def how(sight: Sight) -> None:
    """With how many seeds, by which recipe, what it costs, and the button."""
    project = sight.project
    here = [each for each in project.comparisons() if not each.own]
    proved = [each for each in here if each.config["after_version"] == sight.labels.version]
    told = None if proved else sight.beforehand(int(st.session_state.get("seeds", 3)))  # then the verdict says it
    for words in project.behaviours.hardly_shown():
        st.warning(states.plain(words), icon=":material/balance:")
    if told is not None:
        st.markdown(f":material/balance: **{told.sentence()}**", help=told.basis)
    with st.container(border=True, horizontal=True, vertical_alignment="bottom", gap="medium"):
        tip = "Each seed is trained once before and once after the edits. More seeds, narrower intervals."
        seeds = int(st.number_input("Seeds", 3, 20, 3, key="seeds", width=120, help=tip))
        with st.container():
            whose = "the project's" if project.loaded else "that of the model in use"
            if project.loaded:
                st.caption("How your model was trained is not known.")
            recipe = states.plain(comparison.recipe_words(project.model_config.name, project.recipe_for()))
            st.caption(f"Same recipe both times, {whose}: {recipe}.")
            one_s = sight.run.config.get("seconds_s") if sight.run is not None else None
            if any(len(each.seeds) == seeds for each in proved):
                st.caption("These edits are compared above, with as many seeds. More of them narrow the interval.")
            else:
                st.caption(comparison.cost_words(one_s, seeds))
        st.button(
            "Retrain and compare",
            type="secondary" if proved else "primary",
            key="start-retrain",
            icon=":material/play_arrow:",
            on_click=jobs.submit,
            args=(project, "retrain", RetrainConfig(seeds=tuple(range(seeds)))),
        )


def plan(sight: Sight) -> bool:
    """What will change, how it is trained, and the button that starts it; whether there is anything to train with."""
    project = sight.project
    changes = pending.differences(project.dataset.base_version(), sight.labels, project.dataset.ids, sight.face)
    in_training = changes[changes["row"] < project.info.counts["train"]]
    st.subheader("What will change")
    if in_training.empty:
        states.empty(
            "No edit to train with",
            f"{sight.face.change} or drop some training samples first; then this page trains with and without the "
            "edits and compares.",
            f"Review {sight.face.nouns}",
            lambda: frame.go("review"),
            icon=":material/edit_note:",
        )
        return False
    st.markdown(
        pending.plan_sentence(
            changes,
            project.info.counts["train"],
            len(sight.pending) if sight.run is not None else None,
            sight.face.counted,
        )
    )
    with st.expander("The list", icon=":material/list:"):
        page = cards.page_number(len(in_training), 25, "page-changes")
        shown = tables.page_of(in_training, page, 25)
        st.dataframe(shown[["id", "was", "now"]], hide_index=True, alt="Samples that differ from the data as imported")
        cards.pager(len(in_training), 25, "page-changes")
    if jobs.panel(project, ("retrain",), place="retrain"):
        st.caption("You can go on reviewing; new edits are not part of this run.")
        return True
    if elsewhere.choice(sight, "retrain"):
        how(sight)
    own_script.section(sight)
    return True


def example(sight: Sight, found: "RetrainResult") -> bool:
    """Whether a comparison came with a sample: the models that it trained are not in this project."""
    target = comparison.after_run(found, sight.project.train_config.seed)
    return not found.own and target not in {run.id for run in sight.project.runs()}


def verdict(sight: Sight, found: "RetrainResult") -> None:
    """The answer in one sentence, the figures, and what to do with the model."""
    colour, icon = comparison.look(found.outcome, found.main)
    theirs = example(sight, found)
    with st.container(border=True):
        of = "An example: " if theirs else ""
        first, *others = found.verdict.splitlines()
        st.markdown(f"### :{colour}[{icon}] {of}{states.plain(first)}")
        for line in others:
            st.markdown(states.plain(line))
        behaviours.rates(found)
        with st.grid(4, min_column_width=190):
            for figure in comparison.figures(found):
                states.metric(figure)
        target = comparison.after_run(found, sight.project.train_config.seed)
        with st.container(horizontal=True, vertical_alignment="center"):
            if sight.run is not None and sight.run.id == target:
                st.caption(":material/check_circle: The retrained model is the one in use.")
            elif theirs:
                st.caption(
                    ":material/info: It came with the sample: what a review of its queue gained. Those edits and "
                    "models are not in this project; your own edits make a proof of their own."
                )
            elif not target:
                st.caption(
                    ":material/info: Your script left predictions; had it left weights, they could be used here."
                )
            else:
                st.button(
                    "Use the retrained model",
                    type="primary" if found.outcome == "better" else "secondary",
                    key="use-model",
                    on_click=edits.use,
                    args=(sight.project, target),
                )
                st.caption("Influence, map and review then ask the new model.", width="content")
        if found.n_test_edited:
            st.caption(
                f"{numbers.plural(found.n_test_edited, 'test sample')} edited: before and after are judged on the "
                f"same, current test {sight.face.nouns}."
            )


def figures(sight: Sight, found: "RetrainResult") -> None:
    """Intervals, seeds, and classes or bands of the target."""
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader(f"How sure is the change of {found.main.reading.title}?")
        charts.show(found.figure("intervals", dark=context.dark()), "intervals")
        st.subheader("Seed by seed")
        charts.show(found.figure("seeds", dark=context.dark()), "by-seed")
    if not sight.face.one_by_one:
        return
    with right:
        st.subheader(sight.face.one_by_one)
        charts.show(found.figure("by_target", dark=context.dark()), "by-class")


def flips(sight: Sight, found: "RetrainResult") -> None:
    """The predictions that changed, with pictures."""
    table = found.flips()
    face = sight.face
    st.subheader("Predictions that changed")
    kind = st.segmented_control(
        "Kind",
        ["fixed", "broken"],
        default="broken" if found.n_broken and not found.n_fixed else "fixed",  # the one that has something in it
        required=True,
        key="flip-kind",
        label_visibility="collapsed",
        format_func=lambda name: f"Put right ({found.n_fixed})" if name == "fixed" else f"Broken ({found.n_broken})",
    )
    part = table[table["kind"] == (kind or "fixed")]
    if part.empty:
        st.caption("None.")
        return
    page = cards.page_number(len(part), FLIPS, f"page-flips-{kind}")
    with st.grid("auto", min_column_width=225, gap="small"):
        for line in tables.page_of(part, page, FLIPS).to_dict("records"):
            words = comparison.flip_words(
                face.word(line["before"]),
                face.word(line["after"]),
                line["kind"],
                float(line["seeds"]),
                len(found.seeds),
            )
            chance = f"{numbers.percent(line['p_before'])} → {numbers.percent(line['p_after'])}"
            card = cards.card_of(
                sight,
                int(line["row"]),
                [card_views.Fact("predicted", words), card_views.Fact("label's probability", chance)],
                suspicion=False,
            )
            with st.container(border=True):
                cards.show(card_views.without_prediction(card), 60, 3)
                cards.like(sight, int(line["row"]), f"flip-{kind}")
    cards.pager(len(part), FLIPS, f"page-flips-{kind}")


def foreseen(found: "RetrainResult") -> None:
    """Whether influence predicted what happened."""
    st.subheader("Did influence foresee it?")
    st.markdown(states.plain(comparison.predicted_sentence(found)))
    charts.show(found.figure("predicted", dark=context.dark()), "forecast")
    unit = found.prediction.get("unit")
    if unit != found.loss.reading.unit:
        st.caption(f"Predictions are in {states.plain(str(unit))}: compare the order, not the size.")


def answer(sight: Sight, results: "list[RetrainResult]") -> "RetrainResult":
    """One of the finished comparisons, by default the newest: its verdict, and what can leave with it."""
    names = {comparison.title_of(found, place): found for place, found in enumerate(results)}
    chosen = next(iter(names))
    if len(names) > 1:
        chosen = st.selectbox("Comparison", list(names), key="comparison", label_visibility="collapsed") or chosen
    found = names[chosen]
    verdict(sight, found)
    theirs = example(sight, found)
    if found.config["after_version"] != sight.labels.version and not theirs:
        st.caption(":material/info: Labels have changed since this comparison.")
    with st.container(horizontal=True, gap="xsmall"):
        if not theirs:
            exporting.corrected(sight, "retrain")
        exporting.show(sight, "retrain")
        reporting.show(sight, "retrain")
    return found


def main() -> None:
    """The page. An example that came with a sample stands on top until there are edits of the user's own."""
    sight = context.sight()
    st.title("Retrain")
    results = sight.project.comparisons()
    own_first = bool(results) and example(sight, results[0]) and not sight.pending.empty
    edited = plan(sight) if own_first else False
    found = answer(sight, results) if results else None
    if not own_first:
        edited = plan(sight)
    if edited:
        preview.section(sight, results)
    if found is not None:
        behaviours.before_and_after(found)
        figures(sight, found)
        if found.n_fixed is not None:
            flips(sight, found)
        if found.prediction:
            foreseen(found)


frame.show(main)
