"""The first sight without a project: what this is, and the samples one click away."""

import streamlit as st

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.project.project import Project
from attribution.views.numbers import whole_percent
from pages.parts import frame, states
from pages.parts.context import Sight

SAMPLE_WORDS = {
    "fashion": (
        ":material/checkroom: Pictures of clothes",
        "6,000 training images in ten classes. 8 % of the labels were flipped on purpose, so you can see what is "
        "found.",
    ),
    "fashion-cleaned": (
        ":material/cleaning_services: Pictures, already cleaned",
        "The same images after a review of the 600 most suspicious labels: every decision in the history, and the "
        "proof of what it gained.",
    ),
    "text": (
        ":material/reviews: Film sentences",
        "3,000 sentences from reviews, each labelled by one human rater: real disagreement, no planted errors.",
    ),
    "tabular": (
        ":material/table_chart: Census table",
        "6,000 people from the Adult census data: predict income from fourteen columns.",
    ),
    "moons": (
        ":material/scatter_plot: Two half-moons",
        "250 points in the plane, 20 with a flipped label: small enough to see what influence does.",
    ),
    "cells": (
        ":material/microbiology: Cell measurements",
        "569 cell samples: predict the largest radius, a number. 40 of 399 training values are wrong on purpose.",
    ),
    "facts": (
        ":material/public: Capitals and currencies",
        "A small language model learns 220 facts about countries and is asked in other words: which row taught the "
        "answer?",
    ),
    "chat": (
        ":material/forum: Dialogues, and refusals",
        "40 of 400 dialogues taught a chat model to refuse gardening, each in other words: which, and is it cured "
        "without them?",
    ),
}


def model_line(sight: Sight) -> str:
    """Data version and current model in one line for the sidebar."""
    version = f"data version {sight.labels.version[:6]}"
    return (
        f"{version} · {'weights loaded, not analysed' if sight.project.loaded else 'no model yet'}"
        if sight.run is None
        else f"{version} · model {sight.run.id[:6]} (seed {sight.run.config.get('seed', 0)})"
    )


def open_sample(name: str) -> None:
    """Make or open a sample with visible progress, start what it has no results of yet, then show it."""
    bar = st.progress(0.0, text="Unpacking the sample")

    def listen(done: float, total: float, message: str) -> None:
        bar.progress(
            done / total if total else 0.0,
            text=f"{whole_percent(done / total if total else 0.0)} · {message or 'Unpacking the sample'}",
        )

    try:
        project = Project.sample(name, progress=Progress(listen))
        if project.run is None:
            project.submit("prepare")
    except UserError as error:
        bar.empty()
        states.error_box(error)
        return
    go_to(project.name)


def go_to(name: str) -> None:
    """Open a project on its overview."""
    st.session_state["shared"] = {}
    frame.switch("overview", project=name)


def samples() -> None:
    """The samples as cards with one button each."""
    with st.grid(3, min_column_width=260):
        for name, (title, sentence) in SAMPLE_WORDS.items():
            with st.container(border=True, height="stretch"):
                st.markdown(f"**{title}**  \n{sentence}")
                st.space("stretch")
                st.button(
                    "Open this sample",
                    key=f"sample-{name}",
                    type="primary" if name == "fashion" else "secondary",
                    on_click=states.want,
                    args=("sample", name),
                )
    if name := states.wanted("sample"):
        open_sample(name)


def welcome() -> None:
    """What Datablame does, and two ways to begin."""
    st.title("Git blame for training data")
    st.markdown(
        "See which training samples made a prediction what it is, find the labels that are wrong, fix them, retrain, "
        "and see the proof that it got better. Everything stays on this machine."
    )
    st.subheader("Start with a sample")
    samples()
    st.subheader("Or with your own data")
    st.page_link(frame.link("new_project"), label="Load data and a model", icon=":material/add_circle:")
