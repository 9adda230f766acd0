"""Preview without retraining: the settings, the button, the answer, and how it compares with the real thing."""

from typing import TYPE_CHECKING

import streamlit as st

from attribution.figures.retrain import paired
from attribution.studies.preview.study import PreviewConfig
from attribution.views import comparison, preview
from pages.parts import charts, context, jobs, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.studies.preview.result import PreviewResult
    from attribution.studies.retrain.result import RetrainResult

SHARES = {0.01: "1 %", 0.05: "5 %", 0.2: "20 %", 1.0: "all"}


def section(sight: Sight, comparisons: "list[RetrainResult]") -> None:
    """The whole section; drawn when there are edits to preview."""
    st.subheader("Preview without retraining")
    st.caption(preview.CAVEAT)
    if sight.run is None:
        st.caption("Needs a trained model.")
        return
    running = jobs.panel(sight.project, ("preview",), place="preview")
    if not running:
        _start(sight)
    found = preview.newest_for(sight.project.previews(), sight.run.id, sight.labels.version)
    if found is not None:
        _answer(sight, found)
        real = preview.real_for(found, comparisons)
        if real is not None:
            _beside(found, real)
        else:
            st.caption("Retrain with these edits, and the real figures appear beside the preview.")


def _start(sight: Sight) -> None:
    usual = PreviewConfig()
    with st.container(border=True, horizontal=True, vertical_alignment="bottom", gap="medium"):
        variant = st.selectbox(
            "Method",
            list(preview.VARIANTS),
            format_func=preview.variant_words,
            index=list(preview.VARIANTS).index(usual.variant),
            key="preview-variant",
            width=220,
            help="How the chosen parameters answer to the edits. None is the best in general: try two and see "
            "whether they agree.",
        )
        ratio = st.selectbox(
            "Parameters that move",
            list(SHARES),
            format_func=lambda share: SHARES[share],
            index=list(SHARES).index(usual.ratio),
            key="preview-ratio",
            width=170,
            disabled=variant == "if",
            help="Few parameters touch less of what the model knows; all of them can follow the data further.",
        )
        st.button(
            "Preview the edits",
            key="start-preview",
            icon=":material/visibility:",
            on_click=jobs.submit,
            args=(sight.project, "preview", PreviewConfig(variant=variant, ratio=float(ratio))),
        )


def _answer(sight: Sight, found: "PreviewResult") -> None:
    record = found.record
    sizes = record is not None and record.sizes
    colour, icon = comparison.look(found.outcome, found.main) if sizes else ("gray", ":material/sort:")
    with st.container(border=True):
        st.markdown(f"#### :{colour}[{icon}] {states.plain(found.verdict)}")
        if sizes:
            with st.grid(3, min_column_width=190):
                for figure in preview.figures(found):
                    states.metric(figure)
        table = preview.edit_table(found, sight.face)
        if len(table):
            st.markdown("**Which of your edits matter most**")
            st.dataframe(
                table,
                hide_index=True,
                height=min(320, 38 + 35 * len(table)),
                alt="Your edits, those expected to matter most first",
            )
            st.caption(
                "The order in which the edits are expected to change the mean test loss, each as if it were made "
                "alone; no sizes."
            )
        st.caption(states.plain(preview.cost_words(found)))
        if sizes and sight.face.one_by_one:
            with st.expander(sight.face.one_by_one, icon=":material/category:"):
                charts.show(found.figure("by_target", dark=context.dark()), "preview-by-class")


def _beside(found: "PreviewResult", real: "RetrainResult") -> None:
    st.markdown("##### Beside real retraining")
    st.dataframe(
        preview.side_by_side(found, real), hide_index=True, alt="The preview's figures beside those of real retraining"
    )
    pairs = preview.paired(found, real)
    unit = found.loss.reading.unit
    st.markdown(preview.agreement_words(preview.rank_correlation(pairs), real))
    with st.expander("Sample by sample", icon=":material/scatter_plot:"):
        shown = paired(pairs, "previewed change of loss", unit=unit, dark=context.dark())
        charts.show(shown, "preview-against-real")
