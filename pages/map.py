"""Map: all samples as points; point at one to see it, click it to open it, draw around some to act on them."""

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from attribution.datasets.number_columns import number_columns, numbers_of
from attribution.modalities import modality_of
from attribution.studies.map.result import MapResult
from attribution.studies.map.study import MapConfig
from attribution.studies.plane.study import PlaneConfig
from attribution.views import categories, ground, layouts, numbers, regions, scatter
from pages.parts import colouring, context, found, frame, jobs, lasso, listing, selected, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.studies.plane.result import PlaneResult
    from attribution.views.faces import Face

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
    columns: tuple[str, str] = ("", "")


def controls(sight: Sight) -> Chosen:
    """Layout, colour and filters, all in the URL."""
    with st.container(key="toolbar", horizontal=True, vertical_alignment="bottom", gap="small"):
        colour = st.selectbox("Colour by", colouring.names(sight), key="colour", bind="query-params", width=180)
        method = st.segmented_control(
            "Layout",
            format_func=layouts.LAYOUTS.__getitem__,
            help=layouts.help_of_layouts(sight.face.data_map[0]),
            **context.choice("method", possible(sight), usual_method(sight)),
        )
        space = "representation"
        if method in ("umap", "pca"):
            space = st.segmented_control(
                "Near means alike in",
                format_func=layouts.SPACES.__getitem__,
                **context.choice("space", layouts.SPACES, "representation"),
            )
        columns = two_columns(sight) if method == "columns" else ("", "")
        with st.popover("Filter", icon=":material/filter_list:"):
            splits, label, kind = filters(sight)
    return Chosen(space or "representation", method or usual_method(sight), colour, splits, label, kind, columns)


def two_columns(sight: Sight) -> tuple[str, str]:
    """Which number columns run across and upwards."""
    known = list(number_columns(sight.project.info))
    across = st.selectbox("Across", known, key="across", bind="query-params", width=110)
    rest = [name for name in known if name != across]
    return str(across), str(st.selectbox("Upwards", rest, key="upwards", bind="query-params", width=110))


def filters(sight: Sight) -> tuple[tuple[str, ...], int | None, str]:
    """Which samples are drawn: splits, class and kind."""
    present = [split for split in SPLITS if sight.project.info.counts.get(split)]
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
    name = kind = None
    if names:
        name = st.selectbox("Label", names, index=None, placeholder="Every class", key="only", bind="query-params")
    if sight.categories is not None:
        kinds = list(sight.categories.counts)
        kind = st.selectbox(
            "What it probably is", kinds, index=None, placeholder="Everything", key="kind", bind="query-params"
        )
    return tuple(splits or present), names.index(name) if name in names else None, kind or ""


def possible(sight: Sight) -> list[str]:
    """The layouts that this data has."""
    plane = len(number_columns(sight.project.info)) >= 2
    return [name for name in layouts.LAYOUTS if name != "columns" or plane]


def usual_method(sight: Sight) -> str:
    """The layout that the page opens with: two columns where there are no others, else groups, unless only distances
    are drawn."""
    if len(number_columns(sight.project.info)) == 2 == sight.project.info.shape[0]:
        return "columns"
    drawn = {method for method in ("umap", "pca") if sight.project.map("representation", method) is not None}
    return "pca" if drawn == {"pca"} else "umap"


def visible_rows(sight: Sight, chosen: Chosen) -> np.ndarray:
    """Rows that the filters leave."""
    rows = np.concatenate([sight.project.dataset.rows(split) for split in SPLITS if split in chosen.splits])
    rows = found.narrowed(sight, rows)
    if chosen.method == "training":
        rows = rows[np.isfinite(sight.data_map[rows, 0])]
    if chosen.kind and sight.categories is not None:
        rows = categories.rows_of(sight.categories.table, rows, chosen.kind)
    return rows if chosen.label is None else rows[sight.labels.values[rows] == chosen.label]


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
        f"{layouts.LAYOUTS[chosen.method]} by {layouts.SPACES[chosen.space].lower()}: not drawn yet",
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


def remarks(sight: Sight, chosen: Chosen, drawn: MapResult) -> None:
    """What to know of a drawn map: how it was laid out, and whether for this model."""
    if "landmarks" in drawn.config:
        n = numbers.count(drawn.config["landmarks"])
        st.caption(f":material/info: UMAP laid out {n} samples; each other one stands between the three most like it.")
    if sight.run is not None and drawn.run != sight.run.id:
        st.caption(":material/info: Drawn for an earlier model.")
        st.button(
            "Draw for this model",
            key="redraw",
            on_click=jobs.submit,
            args=(sight.project, "map", MapConfig(space=chosen.space, method=chosen.method)),
        )


@st.cache_resource(max_entries=8, show_spinner=False)
def _plane(folder: str, base_hash: str, columns: tuple[str, str], _dataset: "Dataset") -> np.ndarray:
    return np.column_stack([numbers_of(_dataset, name) for name in columns])


def plane_of(sight: Sight, columns: tuple[str, str]) -> np.ndarray:
    """Two number columns of all samples (n, 2)."""
    dataset = sight.project.dataset
    return _plane(sight.key, dataset.info.base_hash, columns, dataset)


def in_plane(sight: Sight, chosen: Chosen, coordinates: np.ndarray, look: colouring.Look, visible: lasso.Rows) -> None:
    """The samples at two of their numbers, on what the model says there once that is drawn."""
    plane = sight.project.plane(*chosen.columns)
    scene = replace(look.scene, axes=chosen.columns)
    words = f"across: {chosen.columns[0]}; upwards: {chosen.columns[1]}"
    if plane is not None:
        beneath, written = _ground(sight.key, plane.id, context.dark(), plane, sight.face)
        scene = replace(scene, ground=beneath, words=written, limits=plane.limits)
    lasso.chart(sight, coordinates, look.groups, visible, alt=words, scene=scene)
    if plane is not None:
        st.caption(layouts.plane_words(plane.others, sight.face.targets.kind))
    elif not jobs.panel(sight.project, ("plane",), place="plane"):
        st.button(
            "Draw the model's decision behind them",
            key="draw-plane",
            icon=":material/texture:",
            help="Seconds: the model is asked all over this plane.",
            on_click=jobs.submit,
            args=(sight.project, "plane", PlaneConfig(across=chosen.columns[0], upwards=chosen.columns[1])),
        )


@st.cache_resource(max_entries=8, show_spinner=False)
def _ground(
    folder: str, plane: str, dark: bool, _plane: "PlaneResult", _face: "Face"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    return ground.picture(_plane, _face.colour, dark), ground.words(_plane)


def placed(sight: Sight, chosen: Chosen) -> tuple[np.ndarray, MapResult | None] | None:
    """Where samples stand, and the map that says so; None after saying what is missing."""
    if chosen.method == "training":
        if np.isfinite(sight.data_map).any():
            return sight.data_map, None
        states.empty(
            "Nothing was recorded",
            "The model was loaded, so nobody knows how its training went.",
            icon=":material/scatter_plot:",
        )
        return None
    if chosen.method == "columns":
        return plane_of(sight, chosen.columns), None
    drawn = sight.project.map(chosen.space, chosen.method)
    if drawn is None:
        no_map(sight, chosen)
        return None
    return drawn.coordinates, drawn


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Map")
    if sight.run is None:
        no_model(sight)
        return
    sentence = st.empty()
    found.chip(sight)
    chosen = controls(sight)
    there = placed(sight, chosen)
    if there is None:
        return
    coordinates, drawn = there
    visible = partial(visible_rows, sight, chosen)
    rows = visible()
    look = colouring.look(sight, chosen.colour, rows)
    sentence.markdown(
        states.plain(layouts.sentence(len(rows), chosen.method, chosen.space, look.meaning, chosen.columns))
    )
    grid = st.grid(3, min_column_width=285, gap="medium")
    with grid.cell(column_span=2):
        draw(sight, chosen, coordinates, look, visible)
        if drawn is not None:
            remarks(sight, chosen, drawn)
    with grid.cell():
        if not selected.opened(sight) or len(sight.selection):
            selected.panel(sight, "selected on the map", shown=rows)
    if len(sight.selection):
        listing.show(sight, sight.selection, "selected")
    else:
        listing.show(sight, rows, "on the map")


def crowds(sight: Sight, chosen: Chosen, coordinates: np.ndarray) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The words of dense regions and the lines around them; filters move neither."""
    drawn = sight.project.map(chosen.space, chosen.method)
    known = (sight.key, drawn.id if drawn is not None else "")
    return _words(*known, sight.labels.version, coordinates, sight), _lines(*known, context.dark(), coordinates)


@st.cache_resource(max_entries=8, show_spinner=False)
def _words(folder: str, drawn: str, version: str, _coordinates: np.ndarray, _sight: Sight) -> list[dict[str, Any]]:
    found = regions.crowds(_coordinates, np.arange(len(_coordinates)), scatter.bounds(_coordinates))
    texts = _sight.project.samples["text"].to_numpy() if modality_of(_sight.project.dataset).tokens else None
    return regions.words(found, lambda rows: _sight.face.typical(_sight.labels.values[rows]), texts)


@st.cache_resource(max_entries=8, show_spinner=False)
def _lines(folder: str, drawn: str, dark: bool, _coordinates: np.ndarray) -> dict[str, Any]:
    every = np.arange(len(_coordinates))
    return regions.contours(_coordinates, every, scatter.bounds(_coordinates), dark)


def draw(sight: Sight, chosen: Chosen, coordinates: np.ndarray, look: colouring.Look, visible: lasso.Rows) -> None:
    """The chart, and what is to know of its colours and places."""
    if look.missing:
        st.caption(f":material/info: {look.missing}")
    if chosen.method == "columns":
        in_plane(sight, chosen, coordinates, look, visible)
        return
    if chosen.method != "training":
        written, lines = crowds(sight, chosen, coordinates)
        lasso.chart(sight, coordinates, look.groups, visible, scene=replace(look.scene, words=written, shade=lines))
        return
    st.caption(f"Training samples only. {sight.face.data_map[1]}")
    axes = sight.face.data_map[2]
    words = f"across: {axes[0]}; upwards: {axes[1]}"
    lasso.chart(sight, coordinates, look.groups, visible, alt=words, scene=replace(look.scene, axes=axes))


frame.show(main)
