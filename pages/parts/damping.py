"""How much the damping of a curvature estimator matters: the sweep's chart, or the button that makes it."""

import streamlit as st

from attribution.studies.damping.study import DampingConfig
from attribution.views import damping, influence
from pages.parts import charts, context, jobs, states
from pages.parts.context import Sight

ESTIMATORS = ("ekfac", "influence-cg", "nystroem", "kfac", "datainf")


def section(sight: Sight) -> None:
    """Choose a curvature estimator; its sweep, or the way to it."""
    words = {one.name: one.title for one in influence.estimators_in_order()}
    st.caption(
        "Curvature estimators divide by the model's curvature plus a damping. Too little of it lets flat directions, "
        "which training never settled, drown the rest; too much leaves the plain dot product."
    )
    name = st.selectbox(
        "Estimator with a damping", ESTIMATORS, key="damping-estimator", format_func=words.__getitem__, width=340
    )
    if jobs.panel(sight.project, ("damping",), lambda job: job.config.get("estimator") == name, place="damping"):
        return
    run = sight.run.id
    found = next((one for one in sight.project.dampings() if one.run == run and one.config["estimator"] == name), None)
    if found is None:
        st.button(
            "Sweep the damping",
            key="start-damping",
            icon=":material/play_arrow:",
            on_click=jobs.submit,
            args=(sight.project, "damping", DampingConfig(estimator=str(name))),
            help="Scores up to 60 wrong predictions at six dampings; seconds for a small model, minutes for "
            "thousands of pictures.",
        )
        return
    st.markdown(states.plain(damping.sentence(found.sweep, int(found.config["subsets"]))))
    charts.show(found.figure("sweep", dark=context.dark()), "damping-chart")
