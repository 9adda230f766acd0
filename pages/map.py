"""Map: all samples as points; draw around some, look at them, act on them."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st

from attribution.figures import cloud
from attribution.studies.map.result import MapResult
from attribution.studies.map.study import MapConfig
from attribution.views import categories, colours, numbers, scatter
from pages.parts import context, frame, jobs, lasso, listing, selected, states
from pages.parts.context import Sight

SPACES = {"representation": "What the model sees", "gradients": "How samples pull on the model"}
METHODS = {"umap": "UMAP", "pca": "PCA", "training": "Data map"}
COLOURS = ["target", "prediction", "loss", "suspicion", "what it probably is", "influence on the query", "edits"]
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
    with st.container(key="toolbar", horizontal=True, vertical_alignment="bottom", gap="medium"):
        named = [sight.face.noun if name == "target" else name for name in COLOURS]
        colour = st.selectbox("Colour by", named, key="colour", bind="query-params", width=200)
        space = st.segmented_control(
            "Near each other when alike in",
            format_func=SPACES.__getitem__,
            **context.choice("space", SPACES, "representation"),
        )
        method = st.segmented_control(
            "Layout",
            format_func=METHODS.__getitem__,
            help="PCA is ready at once and keeps distances roughly; UMAP shows groups more clearly. The data map "
            "shows how training went for "
            f"each sample: {sight.face.data_map[0]}, and how much that changed.",
            **context.choice("method", METHODS, usual_method(sight)),
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
            names = sight.face.choices() if sight.face.picks else ()
            name = None
            if names:
                name = st.selectbox(
                    "Label", names, index=None, placeholder="Every class", key="only", bind="query-params"
                )
            kind = None
            if sight.categories is not None:
                found = list(sight.categories.counts)
                kind = st.selectbox(
                    "What it probably is", found, index=None, placeholder="Everything", key="kind", bind="query-params"
                )
    label = names.index(name) if name in names else None
    return Chosen(
        space or "representation", method or usual_method(sight), colour, tuple(splits or present), label, kind or ""
    )


def usual_method(sight: Sight) -> str:
    """The layout that the page opens with: UMAP, unless only PCA is drawn."""
    drawn = {method for method in ("umap", "pca") if sight.project.map("representation", method) is not None}
    return "pca" if drawn == {"pca"} else "umap"


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
    dark = context.dark()
    if chosen.colour in (sight.face.noun, "prediction"):
        values = sight.labels.values if chosen.colour != "prediction" else sight.predictions["prediction"].to_numpy()
        return sight.face.groups(values, rows, dark), ""
    if chosen.colour == "loss":
        unit = f" {sight.face.loss_unit}"
        return scatter.by_steps(sight.predictions["loss"].to_numpy(), rows, colours.loss_scale(dark), unit, dark), ""
    if chosen.colour == "edits":
        verdicts = np.full(len(sight.project.dataset), "", dtype=object)
        verdicts[sight.states.index.to_numpy(dtype=np.int64)] = sight.states["verdict"].to_numpy()
        return scatter.by_edit(verdicts, rows, dark, sight.face.changed_mark), ""
    if chosen.colour in ("what it probably is", "suspicion"):
        return searched_groups(sight, chosen.colour, rows)
    return influence_groups(sight, rows)


def searched_groups(sight: Sight, colour: str, rows: np.ndarray) -> tuple[list[scatter.Group], str]:
    """Colour by what the search for wrong labels found."""
    dark = context.dark()
    if colour == "suspicion" and sight.suspicion is not None:
        return scatter.by_steps(sight.suspicion, rows, colours.suspicion_scale(dark), dark=dark), ""
    if colour != "suspicion" and sight.categories is not None:
        return categories.groups(sight.categories.table, rows, dark), ""
    what = "Suspicion" if colour == "suspicion" else "That"
    plain = sight.face.groups(sight.labels.values, rows, dark)
    return plain, f"{what} is known after the search for wrong {sight.face.nouns} (Review)."


def influence_groups(sight: Sight, rows: np.ndarray) -> tuple[list[scatter.Group], str]:
    """Colour by influence on the query that was last looked at on the Influence page."""
    project = sight.project
    known = project.dataset.row_of(context.get("query"))
    estimator = context.get("estimator") or "ip"
    found = project.find_query(estimator, [known]) if known is not None else None
    column = found[0].column(found[1]) if found else None
    if column is None:
        plain = sight.face.groups(sight.labels.values, rows, context.dark())
        return plain, "Choose a query on the Influence page first, and have it scored there."
    values = np.full(len(project.dataset), np.nan)
    values[column[0]] = column[1]
    return scatter.by_sign(values, rows, context.dark()), ""


def _wait(n: int) -> str:
    """How long UMAP takes, in words."""
    if n < 20_000:
        return "About a minute for a few thousand samples."
    return "Some minutes for this many samples; the work goes on when you close the page. PCA takes seconds."


def no_map(sight: Sight, chosen: Chosen) -> None:
    """This map is not drawn yet: progress, or the button that draws it, and PCA meanwhile."""
    config = MapConfig(space=chosen.space, method=chosen.method)

    def mine(job: object) -> bool:
        asked = getattr(job, "config", {})
        return getattr(job, "kind", "") == "prepare" or (asked.get("space"), asked.get("method")) == (
            chosen.space,
            chosen.method,
        )

    if jobs.panel(sight.project, ("map", "prepare"), mine, place="map"):
        return
    states.empty(
        f"{METHODS[chosen.method]} of {SPACES[chosen.space].lower()} is not drawn yet",
        "Near points will be samples that are alike to the model. "
        + (_wait(len(sight.project.dataset)) if chosen.method == "umap" else "A few seconds."),
        "Draw the map",
        lambda: jobs.submit(sight.project, "map", config),
        icon=":material/scatter_plot:",
    )


def no_model(sight: Sight) -> None:
    """Offer a training, unless one is running."""
    if not jobs.panel(sight.project, ("prepare", "train"), place="map-train"):
        states.empty(
            "No model yet",
            "The map shows the data as a trained model sees it.",
            "Train and analyse",
            lambda: jobs.submit(sight.project, "prepare"),
        )


def remarks(sight: Sight, chosen: Chosen, found: MapResult) -> None:
    """What to know of a drawn map: how it was laid out, and whether for this model."""
    if "landmarks" in found.config:
        n = numbers.count(found.config["landmarks"])
        st.caption(f":material/info: UMAP laid out {n} samples; each other one stands between the three most like it.")
    if sight.run is not None and found.run != sight.run.id:
        st.caption(":material/info: Drawn for an earlier model.")
        st.button(
            "Draw for this model",
            key="redraw",
            on_click=jobs.submit,
            args=(sight.project, "map", MapConfig(space=chosen.space, method=chosen.method)),
        )


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Map")
    if sight.run is None:
        no_model(sight)
        return
    chosen = controls(sight)
    over_training = chosen.method == "training"
    found = None if over_training else sight.project.map(chosen.space, chosen.method)
    if over_training and not np.isfinite(sight.data_map).any():
        states.empty(
            "No data map",
            "The model was loaded, so nobody recorded how its training went.",
            icon=":material/scatter_plot:",
        )
        return
    if found is None and not over_training:
        no_map(sight, chosen)
        return
    coordinates = sight.data_map if found is None else found.coordinates
    visible = partial(visible_rows, sight, chosen)
    rows = visible()
    groups, missing = groups_of(sight, chosen, rows)
    grid = st.grid(3, min_column_width=285, gap="medium")
    with grid.cell(column_span=2):
        if missing:
            st.caption(f":material/info: {missing}")
        if over_training:
            st.caption(f"Training samples only. {sight.face.data_map[1]}")
        axes = sight.face.data_map[2]
        if over_training:
            words = f"across: {axes[0]}; upwards: {axes[1]}"
            lasso.chart(sight, coordinates, groups, visible, spec=partial(cloud.map_spec, axes=axes), alt=words)
        else:
            lasso.chart(sight, coordinates, groups, visible)
        if found is not None:
            remarks(sight, chosen, found)
    with grid.cell():
        selected.panel(sight, "selected on the map")
    if len(sight.selection):
        listing.show(sight, sight.selection, "selected")
    else:
        listing.show(sight, rows, "on the map")


frame.show(main)
