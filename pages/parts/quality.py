"""Overview's tables: by class or band, what each class is taken for, and slices; a click on one leads on."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from attribution.browse import slices as slicing
from attribution.browse.words import words
from attribution.views import quality
from pages.parts import cards, leading, states
from pages.parts.context import Sight

SHOWN = 4  # examples of a cell


def figure_column(name: str) -> Any:
    """How a column with a figure of the test set is drawn: the foremost share as a bar, other shares and their
    intervals narrow, else a number."""
    if name.endswith(", interval"):
        return st.column_config.TextColumn("95 %", width=88, help=f"95 % interval of the {name.split(',')[0]}")
    if not name.endswith(", %"):
        return st.column_config.NumberColumn(format="%.3g")
    title = name.removesuffix(", %")
    if title in ("precision", "recall", "F1"):
        return st.column_config.NumberColumn(title, format="%.1f %%", width=78)
    return st.column_config.ProgressColumn(title, format="%.1f %%", min_value=0, max_value=100, width=128)


def by_target(sight: Sight, test: pd.DataFrame, suspects: np.ndarray, edited: np.ndarray) -> None:
    """A line per class or band; one that is clicked leads to its mistakes and its suspects."""
    project, labels = sight.project, sight.labels
    group = project.dataset.task.targets.group
    table = sight.face.by_target(labels.values, labels.train_rows(project.dataset), test, suspects, edited)
    if table.empty:  # targets without parts
        return
    shown = table.drop(columns=["test samples"] + ([] if len(table) and table["edited"].any() else ["edited"]))
    drawn = [name for name in shown if name.endswith((", %", ", interval")) or name.startswith("test ")]
    st.subheader(f"By {group}")
    event = st.dataframe(
        shown,
        hide_index=True,
        height="content" if len(table) <= 12 else 440,
        column_config={
            **{name: figure_column(name) for name in drawn},
            "training samples": st.column_config.NumberColumn("training", format="localized", width=74),
            "most confused with": st.column_config.TextColumn(width=120),
            "suspects": st.column_config.NumberColumn(width=70),
            "edited": st.column_config.NumberColumn(width=60),
        },
        alt=f"Per {group}: training samples, quality on the test set, suspects and edits",
        on_select="rerun",
        selection_mode="single-row",
        key="by-target",
    )
    rows = event["selection"]["rows"]
    if rows and rows[0] < len(table):
        _one_target(sight, str(table.iloc[rows[0], 0]))
    else:
        st.caption(f"Click a line to go to the mistakes and suspects of a {group}.")


def _one_target(sight: Sight, name: str) -> None:
    """Where a chosen class or band leads to."""
    find = sight.face.group_find(name, sight.labels.values)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="target-ways"):
        st.markdown(f"**{states.plain(name)}**", width="content")
        wrong = " right:no" if "right" in sight.columns else ""
        missed = "Its mistakes" if wrong else "Its test samples"
        leading.button(missed, "to-mistakes", "browse", f"split:test {find}{wrong}", "grid_view", "secondary")
        leading.button("Its training samples", "to-training", "browse", f"split:train {find}", "grid_view", "secondary")
        if sight.flags is not None:
            leading.button(
                "Its suspects in Review", "to-suspects", "review", f"split:train {find}", "rule", "secondary"
            )
        leading.button("On the map", "to-map", "map", find, "scatter_plot", "secondary")


def confusion(sight: Sight, test: pd.DataFrame) -> None:
    """What each class is taken for; a cell that is clicked shows examples and leads on. Only for one class per
    sample."""
    names = sight.face.choices() if sight.face.picks else ()
    if len(names) < 2 or test.empty:
        return
    table, kept = quality.confusion(test, names)
    st.subheader("What each class is taken for")
    left_out = len(names) - len(kept)
    event = st.dataframe(
        table.style.apply(quality.shades, axis=None),
        height="content",
        on_select="rerun",
        selection_mode="single-cell",
        key="confusion",
        alt="How often test samples of each label (rows) are given each class (columns)",
    )
    cells = event["selection"]["cells"]
    if cells and cells[0][0] < len(table) and cells[0][1] in table.columns:
        _cell(sight, test, table.index[cells[0][0]], cells[0][1], names)
    else:
        rest = f" The {len(kept)} most mistaken of {len(names)} classes." if left_out else ""
        st.caption(f"Rows are labels, columns what the model says. Click a cell to see these samples.{rest}")


def _cell(sight: Sight, test: pd.DataFrame, label: str, prediction: str, names: Any) -> None:
    """The samples of one cell: how many, examples, and the ways on."""
    of = test[test["label"] == names.index(label)]
    mine = of[of["prediction"] == names.index(prediction)].sort_values("confidence", ascending=False)
    st.markdown(f"**{states.plain(quality.pair_words(label, prediction, len(mine), len(of)))}**")
    with st.container(horizontal=True, gap="small", key="cell-ways"):
        find = quality.pair_find(label, prediction, "test")
        leading.button("See them", "cell-browse", "browse", find, "grid_view", "secondary")
        if len(mine):
            surest = str(sight.project.dataset.ids[int(mine.index[0])])
            words_ = "What made the surest one"
            leading.button(words_, "cell-influence", "influence", find, "account_tree", "secondary", query=surest)
        if sight.flags is not None:
            suspects = quality.pair_find(label, prediction, "train")
            leading.button("Training suspects of this pair", "cell-review", "review", suspects, "rule", "secondary")
    with st.grid(SHOWN, min_column_width=210):
        for row in mine.index[:SHOWN]:
            with st.container(border=True):
                cards.show(cards.card_of(sight, int(row), suspicion=False), 56, 3)


@st.cache_resource(max_entries=8, show_spinner=False)
def _slices(folder: str, run: str, known: tuple[Any, ...], _sight: Sight) -> pd.DataFrame:
    rows = _sight.project.dataset.rows("test")
    rows = rows[~_sight.face.bare(_sight.labels.values[rows])]
    columns = _sight.columns
    figure = _sight.project.dataset.task.figures[0]
    return slicing.slices(columns, slicing.sliced(columns), rows, _sight.predictions.loc[rows], figure)


def slices(sight: Sight) -> None:
    """Behind a fold: where the model does worse than on the rest, the worst first; a line leads to its samples."""
    fold = st.expander("Where it does worse", icon=":material/vertical_split:", key="fold-slices", on_change="rerun")
    if not fold.open:
        return
    found = _slices(sight.key, sight.run.id, sight.known, sight)
    reading = sight.project.dataset.task.figures[0]
    with fold:
        st.markdown(quality.slices_sentence(found, reading))
        if found.empty:
            return
        table = quality.slice_table(found, reading)
        bars = [name for name in table if name.endswith(", %")]
        event = st.dataframe(
            table,
            hide_index=True,
            height=440 if len(table) > 12 else "content",
            on_select="rerun",
            selection_mode="single-row",
            key="slices",
            column_config={name: figure_column(name) for name in bars}
            | {name: st.column_config.NumberColumn(format="%.3g") for name in table if name.startswith("against")},
            alt="Slices of the test set by column and value, the worst first",
        )
        rows = event["selection"]["rows"]
        if rows and rows[0] < len(found):
            line = found.iloc[rows[0]]
            find = f"split:test {line['find']}"
            words_ = f"See the {line['n']:,} samples"
            leading.button(words_, "slice-browse", "browse", find, "grid_view", "secondary")
        else:
            st.caption(
                "Click a line to see its samples in Browse. Labels, groups, tags and your own columns are compared."
            )


def mistakes_find(sight: Sight) -> str:
    """Filter words for the wrong predictions on the test set; of numbers, for all of it."""
    return f"split:test {words('right', False)}" if "right" in sight.columns else "split:test"
