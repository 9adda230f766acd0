"""The loss of every step of a training, and the samples behind a step that stands out."""

from typing import Any

import streamlit as st

from attribution.modalities import describe
from attribution.views import numbers
from pages.parts import charts, context, states
from pages.parts.context import Sight

MOST = 50  # steps to choose from, the farthest first


def show(sight: Sight) -> None:
    """The curve with its spikes; the chosen one's samples, which can become the selection of all pages. Nothing for a
    run that keeps no loss per step, or whose labels are gone."""
    if sight.run.steps().empty or sight.project.labels_at(sight.run.version) is None:
        return
    rewound = sight.project.rewind(sight.run)
    charts.show(rewound.figure("steps", dark=context.dark()), "steps")
    found = rewound.spikes[:MOST]
    if not len(found):
        st.caption("No step stands out from those before and after it.")
        return
    words = {int(at.step): _step(at) for at in found.itertuples()}
    step = st.selectbox("Steps that stand out", list(words), format_func=words.__getitem__, key="spike")
    table = rewound.table(step)
    data = sight.project.dataset.as_of(rewound.labels)
    shown = table.assign(sample=[states.plain(describe(data, row)) for row in table["row"]]).drop(columns="row")
    columns = {"loss": st.column_config.NumberColumn(f"loss, {sight.face.loss_unit}", format="%.3g")}
    alt = "The samples that were in the batch of that step, the largest loss first"
    st.dataframe(shown, hide_index=True, alt=alt, column_config=columns)
    st.button(
        f"Select these {numbers.plural(len(table), 'sample')}",
        key="spike-select",
        icon=":material/select_all:",
        help="They become the selection of all pages: Review asks about them alone, the map marks them.",
        on_click=lambda: context.put(selection=sight.project.select(table["row"].tolist())),
    )


def _step(at: Any) -> str:
    return f"step {at.step}, epoch {at.epoch}: loss {numbers.three_digits(at.loss)}"
