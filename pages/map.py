"""Map: all samples as points; draw around some, look at them, act on them."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from attribution.config import MapConfig
from attribution.views import categories, colours, numbers, scatter, tables
from pages.parts import cards, context, edits, frame, jobs, lasso, states
from pages.parts.context import Sight

SPACES = {"representation": "What the model sees", "gradients": "How samples pull on the model"}
METHODS = {"umap": "UMAP", "pca": "PCA", "training": "Data map"}
COLOURS = ["label", "prediction", "loss", "suspicion", "what it probably is", "influence on the query", "edits"]
SPLITS = {"train": "Training", "val": "Validation", "test": "Test"}


@dataclass(frozen=True)
class Chosen:
    """What the controls say."""

    space: str
    method: str
    colour: str
    splits: tuple[str, ...]
    label: int | None
    kind: str


def controls(sight: Sight) -> Chosen:
    """Space, layout, colour and filters, all in the URL."""
    project = sight.project
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        colour = st.selectbox("Colour by", COLOURS, key="colour", bind="query-params", width=200)
        space = st.segmented_control(
            "Near each other when alike in", format_func=SPACES.__getitem__, **context.choice("space", SPACES, "representation")
        )
        method = st.segmented_control(
            "Layout",
            format_func=METHODS.__getitem__,
            help="PCA is ready at once and keeps distances roughly; UMAP shows groups more clearly. The data map shows how training went for "
            "each sample: how confident the model was of its label, and how much that changed.",
            **context.choice("method", METHODS, "umap"),
        )
        with st.popover("Filter", icon=":material/filter_list:"):
            present = [split for split in SPLITS if project.info.counts.get(split)]
            splits = st.pills(
                "Splits",
                present,
                selection_mode="multi",
                default=present,
                format_func=SPLITS.__getitem__,
                key="splits",
                bind="query-params",
            )
            name = st.selectbox("Label", project.classes, index=None, placeholder="Every class", key="only", bind="query-params")
            kind = None
            if sight.categories is not None:
                found = [kind for kind, _ in categories.present(sight.categories.table)]
                kind = st.selectbox("What it probably is", found, index=None, placeholder="Everything", key="kind", bind="query-params")
    label = project.classes.index(name) if name in project.classes else None
    return Chosen(space or "representation", method or "umap", colour, tuple(splits or present), label, kind or "")


def visible_rows(sight: Sight, chosen: Chosen) -> np.ndarray:
    """Rows that the filters leave."""
    rows = np.concatenate([sight.project.dataset.rows(split) for split in SPLITS if split in chosen.splits])
    if chosen.method == "training":
        rows = rows[np.isfinite(sight.data_map[rows, 0])]
    if chosen.kind and sight.categories is not None:
        rows = categories.rows_of(sight.categories.table, rows, chosen.kind)
    return rows if chosen.label is None else rows[sight.labels.values[rows] == chosen.label]


def groups_of(sight: Sight, chosen: Chosen, rows: np.ndarray) -> tuple[list[scatter.Group], str]:
    """The coloured groups, and a sentence when the wished colour is not there yet."""
    project, n, dark = sight.project, len(sight.project.dataset), context.dark()
    if chosen.colour == "label":
        return scatter.by_class(sight.labels.values, project.classes, rows), ""
    if chosen.colour == "prediction":
        return scatter.by_class(sight.predictions["prediction"].to_numpy(), project.classes, rows), ""
    if chosen.colour == "loss":
        return scatter.by_steps(sight.predictions["loss"].to_numpy(), rows, colours.loss_scale(dark), " nats", dark), ""
    if chosen.colour == "edits":
        verdicts = np.full(n, "", dtype=object)
        verdicts[sight.states.index.to_numpy(dtype=np.int64)] = sight.states["verdict"].to_numpy()
        return scatter.by_edit(verdicts, rows, dark), ""
    if chosen.colour == "what it probably is":
        if sight.categories is None:
            return scatter.by_class(sight.labels.values, project.classes, rows), "That is known after the search for wrong labels (Review)."
        return categories.groups(sight.categories.table, rows, dark), ""
    if chosen.colour == "suspicion":
        if sight.suspicion is None:
            return scatter.by_class(
                sight.labels.values, project.classes, rows
            ), "Suspicion is known after the search for wrong labels (Review)."
        return scatter.by_steps(sight.suspicion, rows, colours.suspicion_scale(dark), dark=dark), ""
    return influence_groups(sight, rows)


def influence_groups(sight: Sight, rows: np.ndarray) -> tuple[list[scatter.Group], str]:
    """Colour by influence on the query that was last looked at on the Influence page."""
    project = sight.project
    known = np.flatnonzero(project.dataset.ids == context.get("query"))
    estimator = context.get("estimator") or "ip"
    found = project.find_query(estimator, known.tolist()) if len(known) else None
    column = found[0].column(found[1]) if found else None
    if column is None:
        return scatter.by_class(
            sight.labels.values, project.classes, rows
        ), "Choose a query on the Influence page first, and have it scored there."
    values = np.full(len(project.dataset), np.nan)
    values[column[0]] = column[1]
    return scatter.by_sign(values, rows, context.dark()), ""


def panel(sight: Sight) -> None:
    """The selection: how many, which classes, how suspicious, what to do with them, and their cards."""
    rows = sight.selection
    if not len(rows):
        st.markdown("**Nothing selected**")
        st.caption("Click :material/lasso_select: at the chart's top right and draw around some points. Scroll to zoom, drag to move.")
        saved(sight)
        return
    project = sight.project
    training = rows[rows < project.info.counts["train"]]
    st.markdown(f"**{numbers.plural(len(rows), 'sample')} selected** · {numbers.count(len(training))} of them in training")
    mix = tables.mix(sight.labels.values[rows], project.classes)
    st.html(tables.mix_html(mix))
    facts = [f"mean loss {numbers.three_digits(tables.mean_of(sight.predictions['loss'].to_numpy(), rows))} nats"]
    if sight.suspicion is not None and len(training):
        here, everywhere = tables.mean_of(sight.suspicion, training), tables.mean_of(sight.suspicion)
        facts.insert(0, f"mean suspicion {numbers.three_digits(here)} (all: {numbers.three_digits(everywhere)})")
    st.caption(" · ".join(facts))
    bulk(sight, training)
    carry(sight, rows)
    page = cards.page_number(len(rows), 12, "page-selection")
    if sight.suspicion is not None:
        rows = tables.strongest_first(rows, sight.suspicion)
    cards.grid(sight, tables.page_of(rows, page, 12), "selection", buttons=False, min_width=150)
    cards.pager(len(rows), 12, "page-selection")


def bulk(sight: Sight, training: np.ndarray) -> None:
    """Relabel, drop or keep the training samples of the selection. The test set is left alone: it is the yardstick."""
    project, chosen = sight.project, training.tolist()
    if not chosen:
        st.caption("None of them is in training, so there is nothing to mend here.")
        return
    expect = sight.versions(chosen)
    evidence = {"selection": context.get("selection"), "samples": len(chosen)}
    n = numbers.count(len(chosen))
    details = (chosen, None, "selected on the map", evidence, expect)
    with st.container(horizontal=True, gap="xsmall"):
        relabel = (project, "bulk-relabel", chosen, "selected on the map", evidence, expect)
        st.menu_button(f"Relabel {n}", project.classes, key="bulk-relabel", on_click=edits.from_menu, args=relabel)
        st.button(f"Drop {n}", key="bulk-drop", help="Take them out of training", on_click=edits.decide, args=(project, "drop", *details))
        st.button(f"Keep {n}", key="bulk-keep", help="Their labels are right", on_click=edits.decide, args=(project, "keep", *details))
        st.button("", icon=":material/undo:", help="Undo the last change", key="bulk-undo", on_click=edits.undo, args=(project,))


def carry(sight: Sight, rows: np.ndarray) -> None:
    """Take the whole selection to another page, or give it a name."""
    chosen = rows.tolist()
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        with st.popover("Save", icon=":material/bookmark:"):
            st.text_input("Name of this selection", key="selection-name")
            st.button("Save", key="save-selection", type="primary", on_click=save, args=(sight, chosen))
            st.caption("The page's address already holds the selection: copy it to share.")
        st.button("Ask what influenced them", key="to-influence", icon=":material/account_tree:", on_click=ask)
        st.button("Clear", key="clear-selection", type="tertiary", on_click=context.put, kwargs={"selection": ""})


def ask() -> None:
    """Callback: the selection becomes the query of the Influence page."""
    context.put(query="selection", reverse="")
    frame.go("influence")


def save(sight: Sight, rows: list[int]) -> None:
    """Callback: store the selection under a name."""
    name = (st.session_state.get("selection-name") or "").strip()
    context.put(selection=sight.project.select(rows, name))
    states.flash(f"Saved as {states.plain(name)}." if name else "Give it a name first.", ":material/bookmark:")


def saved(sight: Sight) -> None:
    """Named selections to come back to."""
    names = sight.project.selections()[:8]
    if names:
        st.caption("Saved selections")
    for token, name, n in names:
        st.button(
            f"{name} ({numbers.count(n)})",
            key=f"saved-{token}",
            type="tertiary",
            icon=":material/bookmark:",
            on_click=context.put,
            kwargs={"selection": token},
        )


def no_map(sight: Sight, chosen: Chosen) -> None:
    """This map is not drawn yet: progress, or the button that draws it, and PCA meanwhile."""
    config = MapConfig(space=chosen.space, method=chosen.method)

    def mine(job: object) -> bool:
        asked = getattr(job, "config", {})
        return getattr(job, "kind", "") == "prepare" or (asked.get("space"), asked.get("method")) == (chosen.space, chosen.method)

    if jobs.panel(sight.project, ("map", "prepare"), mine, place="map"):
        return
    states.empty(
        f"{METHODS[chosen.method]} of {SPACES[chosen.space].lower()} is not drawn yet",
        "Near points will be samples that are alike to the model. "
        + ("About a minute for a few thousand samples." if chosen.method == "umap" else "A few seconds."),
        "Draw the map",
        lambda: jobs.submit(sight.project, "map", config),
        icon=":material/scatter_plot:",
    )


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Map")
    if sight.run is None:
        if not jobs.panel(sight.project, ("prepare", "train"), place="map-train"):
            states.empty(
                "No model yet",
                "The map shows the data as a trained model sees it.",
                "Train and analyse",
                lambda: jobs.submit(sight.project, "prepare"),
            )
        return
    chosen = controls(sight)
    over_training = chosen.method == "training"
    found = None if over_training else sight.project.map(chosen.space, chosen.method)
    if over_training and not np.isfinite(sight.data_map).any():
        states.empty("No data map", "The model was loaded, so nobody recorded how its training went.", icon=":material/scatter_plot:")
        return
    if found is None and not over_training:
        no_map(sight, chosen)
        return
    coordinates = sight.data_map if found is None else found.coordinates
    rows = visible_rows(sight, chosen)
    groups, missing = groups_of(sight, chosen, rows)
    grid = st.grid(3, min_column_width=285, gap="medium")
    with grid.cell(column_span=2):
        if missing:
            st.caption(f":material/info: {missing}")
        if over_training:
            st.caption(
                "Training samples only. Top left: always sure of the label. Right: changed its mind. Bottom left: never believed the label, "
                "where wrong labels gather."
            )
        axes = ("Change: standard deviation of the confidence over epochs", "Mean confidence in the given label over epochs")
        lasso.chart(sight, coordinates, groups, rows, axes=axes if over_training else None)
        if found is not None and found.run != sight.run.id:
            st.caption(":material/info: Drawn for an earlier model.")
            st.button(
                "Draw for this model",
                key="redraw",
                on_click=jobs.submit,
                args=(sight.project, "map", MapConfig(space=chosen.space, method=chosen.method)),
            )
    with grid.cell():
        panel(sight)


frame.show(main)
