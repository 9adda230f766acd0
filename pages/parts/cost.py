"""How long a piece of work would take and how much memory, before it is started."""

from typing import Any

import streamlit as st

from attribution.settings.configs import ScoreConfig, to_dict
from attribution.settings.ranges import limits
from attribution.views import costs as words
from pages.parts import context, jobs
from pages.parts.context import Sight


def show(sight: Sight, kind: str, config: Any, place: str, ask: str = "How long will it take?") -> None:
    """The cost of this work (influence or mislabels) with cheaper ways, or the button that times a share of it."""
    found = sight.project.studies.named(kind).told(config)
    if found is not None:
        st.markdown(
            f":material/timer: {words.sentence(found.config)}",
            help="From a few seconds' share of the work, timed on this machine. Other programs can make it longer "
            "than the range in brackets: "
            "on a busy machine 21 of 25 runs fell inside. "
            "Memory is that of the whole process.",
        )
        for number, (way, line) in enumerate(
            zip(found.alternatives, words.alternatives(found.alternatives), strict=True)
        ):
            other = way["change"].get("estimator")
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.caption(line, width="content")
                if other:
                    st.button(
                        "Use this",
                        key=f"cheaper-{place}-{number}",
                        type="tertiary",
                        on_click=context.put,
                        kwargs={"estimator": other},
                    )
        return

    def mine(job: Any) -> bool:
        return job.config == to_dict(config)

    if not jobs.panel(sight.project, (f"{kind}-cost",), mine, place=f"forecast-{place}"):
        st.button(
            ask,
            key=f"forecast-{place}",
            icon=":material/timer:",
            type="tertiary",
            help="Times a share of the work, which takes some seconds, and says how long the whole would take. "
            "Nothing is started.",
            on_click=jobs.submit,
            args=(sight.project, f"{kind}-cost", config),
        )


def memory_mb() -> int:
    """The memory that a score run may take, in MB, as last set in this session."""
    return int(st.session_state.get("memory_mb", ScoreConfig.memory_mb))


def settings() -> None:
    """The settings of a score run behind a button."""

    def keep() -> None:
        st.session_state["memory_mb"] = st.session_state["memory-widget"]

    with st.popover("Settings", icon=":material/tune:"):
        st.number_input(
            "Memory for queries (MB)",
            *limits(ScoreConfig, "memory_mb"),
            memory_mb(),
            step=64,
            key="memory-widget",
            on_change=keep,
            help="How much the queries that are prepared at once may take, and again what is computed on the way. "
            "Less is slower; the scores "
            "stay the same.",
        )
