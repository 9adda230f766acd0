"""Overview: what am I looking at, what is wrong, what do I do next."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from attribution.figures.answers import answers
from attribution.modalities import modalities
from attribution.views import importing, leaks, numbers, overview, queue, steps
from pages.parts import (
    behaviours,
    cards,
    charts,
    context,
    counters,
    elsewhere,
    exporting,
    frame,
    jobs,
    listing,
    quality,
    recipe,
    reporting,
    rewound,
    states,
)
from pages.parts.context import Sight


def headline(sight: Sight) -> None:
    """Name, sizes and targets in two lines."""
    info = sight.project.info
    st.title("Overview")
    line = [
        f"**{states.plain(sight.project.name)}**",
        overview.counts_line(info.counts),
        states.plain(sight.face.summary()),
    ]
    line += overview.spoken(sight.columns)
    if bare := int(sight.face.bare(sight.labels.values).sum()):
        line.append(f"{numbers.count(bare)} with {sight.face.none}")
    st.markdown(" · ".join(line))
    for error in sight.project.damaged():
        states.error_box(error)
    if info.problems:
        with st.expander(
            f"{numbers.plural(len(info.problems), 'note')} from loading the data", icon=":material/report:"
        ):
            if sentence := importing.counts_sentence(info.seen, info.problems):
                st.caption(sentence)
            st.dataframe(
                importing.problem_table(info.problems), hide_index=True, alt="What was left out or changed, and why"
            )


def loaded(sight: Sight) -> None:
    """What was loaded, shown back: where from, shapes, and the model's word on ten samples before any training here."""
    info, look = sight.project.info, sight.project.first_look
    with st.expander("What was loaded", expanded=True, icon=":material/inventory:"):
        facts = [states.plain(info.source), f"one sample is {modalities.get(info.modality)().shape_words(info.shape)}"]
        st.markdown(" · ".join([*facts, states.plain(info.preprocessing.get("splits", ""))]))
        if sizes := importing.sizes_sentence(info.problems):
            st.caption(states.plain(sizes))
        if not look:
            return
        kind = {"given": "with the weights you gave", "builder": "with the weights of your function"}.get(
            look["weights"], "before training"
        )
        measured = [f"The loaded weights have {look['measured']['words']}."] if look.get("measured") else []
        expected = look.get("measured", {}).get("expected")
        if expected is not None:
            with st.container(horizontal=True):
                st.metric("Accuracy you expect", f"{100 * expected:.1f} %", width="content")
                st.metric("Measured here", f"{100 * look['measured']['accuracy']:.1f} %", width="content")
        for line in [*measured, *look.get("said", [])]:
            st.caption(states.plain(line))
        if look.get("warning"):
            st.warning(states.plain(" ".join(look["warning"])), icon=":material/report:")
        st.caption(
            f"The model has {numbers.count(look['parameters'])} parameters. On ten samples, {kind}. "
            f"{states.plain(sight.face.chance())}"
        )
        table = pd.DataFrame(look["samples"])
        table = table[[name for name in ("id", "label", "prediction", "confidence", "loss") if name in table]]
        if "confidence" in table:
            table["confidence"] *= 100
        columns = {
            "label": st.column_config.Column(sight.face.noun),
            "confidence": st.column_config.NumberColumn("confidence", format="%.1f %%"),
            "loss": st.column_config.NumberColumn(f"loss, {sight.face.loss_unit}", format="%.3g"),
        }
        alt = f"The {sight.face.noun}, prediction and loss of ten samples"
        st.dataframe(table, hide_index=True, alt=alt, column_config=columns)


def next_step(sight: Sight, open_suspects: int) -> None:
    """The one thing to do now."""
    job = jobs.newest(sight.project, ("prepare", "train", "mislabels"))
    if job is not None and job.active:
        return
    step = steps.next_step(standing(sight, open_suspects))
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f"**Next:** {step.sentence}", width="content")
        click = jobs.submit if step.job else open_page
        args = (sight.project, step.job, step.config) if step.job else (sight, step.page)
        key = "train-longer" if step.config else "next-step"
        st.button(step.button, type="primary", key=key, on_click=click, args=args)


def standing(sight: Sight, open_suspects: int) -> steps.Standing:
    """Where the project stands."""
    project = sight.project
    trained = sight.run is not None
    foremost = project.dataset.task.figures[0]
    moved = leaks.matters(sight.leak_gap, foremost)
    hardly = left_to_learn(sight) if trained else None
    return steps.Standing(
        trained=trained,
        flagged=sight.flags is not None,
        open_suspects=open_suspects,
        pending=len(sight.pending) if trained else 0,
        leaks=states.plain(leaks.gap_sentence(sight.leak_gap, foremost)) if moved else "",
        hardly=states.plain(hardly or ""),
        longer=longer(sight) if hardly else None,
        retrained=bool(sight.retrained),
        loaded=project.loaded,
        proof=sight.beforehand(),
        noun=sight.face.noun,
        searchable=sight.face.no_search is None,
    )


def longer(sight: Sight) -> Any:
    """The recipe for a model that has hardly learned; None for one that is not trained here."""
    project = sight.project
    if not project.trains_here:
        return None
    return overview.longer(project.recipe_for(), project.info.counts["train"], project.train_config.seed)


def left_to_learn(sight: Sight) -> str | None:
    """A sentence for a model that has learned next to nothing."""
    trained_on = sight.labels.values[sight.labels.train_rows(sight.project.dataset)]
    return sight.face.left_to_learn(sight.run.config.get("final", {}), trained_on)


def tables_by_target(sight: Sight, suspects: np.ndarray) -> None:
    """Quality and doubts by class or band, and the commonest or largest mistakes with an example of each."""
    project = sight.project
    test = sight.predictions.loc[project.dataset.rows("test")]
    same = project.dataset.task.targets.same(sight.states["label"], sight.states["base_label"])
    edited = sight.states.index[~same | ~sight.states["active"].astype(bool)].to_numpy(dtype=np.int64)
    quality.by_target(sight, test, suspects, edited)
    quality.confusion(sight, test)
    title, mistakes = sight.face.mistakes(test, 4)
    if not mistakes:
        return
    st.subheader(title)
    with st.grid(4, min_column_width=210):
        for mistake in mistakes:
            with st.container(border=True, gap="small", height="stretch"):
                st.markdown(mistake.get("n", "") + states.plain(mistake["words"]))
                cards.show(cards.card_of(sight, int(mistake["row"]), suspicion=False), 56, 3)
                st.space("stretch")
                st.button(
                    "Why?",
                    key=f"why-{mistake['row']}",
                    icon=":material/account_tree:",
                    on_click=ask_why,
                    args=(sight, int(mistake["row"])),
                    help="See the training samples behind this prediction",
                )


def open_page(sight: Sight, page: str) -> None:
    """Callback: open a page; Influence on a behaviour where the model was asked about one."""
    if page == "influence" and (asked := behaviours.first(sight)):
        context.put(query=asked)
    frame.go(page)


def ask_why(sight: Sight, row: int) -> None:
    """Callback: open Influence on this sample."""
    context.put(query=str(sight.project.dataset.ids[row]))
    frame.go("influence")


def suspects_of(sight: Sight) -> tuple[np.ndarray, int]:
    """Suspected training rows, and how many of them nobody has looked at."""
    if sight.flags is None:
        return np.empty(0, np.int64), 0
    rows = queue.suspects(sight.flags.order, sight.flags.suspects)
    reviewed = sight.states.index[sight.states["verdict"] != ""].to_numpy()
    return rows, int((~np.isin(rows, reviewed)).sum())


def main() -> None:
    """The page."""
    sight = context.sight()
    rows, waiting = suspects_of(sight)
    headline(sight)
    if jobs.panel(sight.project, ("prepare", "train", "mislabels"), place="overview"):
        st.caption("You can close this page; the work goes on. What is finished appears at once.")
    next_step(sight, waiting)
    if sight.run is None:
        loaded(sight)
        return
    hardly_trained(sight)
    if sight.project.loaded and len(sight.pending):
        elsewhere.choice(sight, "overview")
    counters.show(sight, waiting)
    with st.container(horizontal=True, gap="xsmall"):
        exporting.show(sight, "overview")
        reporting.show(sight, "overview")
    tables_by_target(sight, rows)
    quality.slices(sight)
    checks(sight)
    recipe.again(sight)


def hardly_trained(sight: Sight) -> None:
    """A warning where the model has learned next to nothing and something else comes first, with a longer training one
    click away."""
    share = left_to_learn(sight)
    if share is None or steps.next_step(standing(sight, 0)).config is not None:
        return
    with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(f":material/warning: {states.plain(share)}", width="content")
        if recipe_ := longer(sight):
            args = (sight.project, "prepare", recipe_)
            st.button(f"Train longer ({recipe_.epochs} epochs)", key="train-longer", on_click=jobs.submit, args=args)


def checks(sight: Sight) -> None:
    """Behind folds: whether the model fits the data, and how its training went."""
    project = sight.project
    split = "test" if project.info.counts.get("test") else "train"
    with st.expander("The model on ten samples", icon=":material/fact_check:"):
        table = overview.spot_check(sight.predictions, project.dataset.rows(split), project.dataset.ids, sight.face)
        st.caption(
            f"A quick look at whether weights and preprocessing fit the data. {states.plain(sight.face.chance())}"
        )
        st.dataframe(
            table,
            hide_index=True,
            alt=f"The {sight.face.noun}, prediction and loss of ten samples",
            column_config=listing.headings(sight, table),
        )
    metrics = sight.run.metrics()
    if len(metrics) and metrics["epoch"].nunique() > 1:
        fold = st.expander("How training went", icon=":material/show_chart:", key="fold-curve", on_change="rerun")
        if fold.open:  # a figure is made when it is looked at
            with fold:
                charts.show(sight.run.figure(sight.run.figures[0], dark=context.dark()), "curve")
                rewound.show(sight)
    answered(sight)


def answered(sight: Sight) -> None:
    """Behind a fold: figures of what the model says of the test samples, or of the training samples without a test
    split."""
    project = sight.project
    if not sight.face.told:
        return
    split, word = ("test", "test") if project.info.counts.get("test") else ("train", "training")
    label = f"What it says of the {word} samples"
    fold = st.expander(label, icon=":material/grid_on:", key="fold-said", on_change="rerun")
    if not fold.open:
        return
    table = sight.predictions.loc[project.dataset.rows(split)]
    with fold:
        grid = st.grid(2, min_column_width=380, gap="medium")
        for name, figure in answers(project.dataset.task, table, dark=context.dark()).items():
            with grid.cell():
                charts.show(figure, f"said-{name}")


frame.show(main)
