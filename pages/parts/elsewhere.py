"""The choice that loaded weights ask for before anything is trained: train here from scratch, or load weights for the
edited labels."""

from dataclasses import replace

import streamlit as st

from attribution.errors import UserError
from attribution.views import comparison
from pages.parts import states
from pages.parts.context import Sight


def choice(sight: Sight, place: str) -> bool:
    """Whether models may be trained here for the model in use; False after drawing the choice where the user has not
    made it yet."""
    project = sight.project
    if project.trains_here:
        if project.loaded:
            tuned = project.train_config.start == "loaded"
            begins = "begins with them" if tuned else "starts from scratch"
            st.caption(
                f":material/info: Your weights were trained elsewhere. What is trained here {begins}, with the "
                f"project's recipe ({states.plain(recipe_words(sight))})"
                f"{'.' if tuned else ': it is not about them.'}",
            )
        return True
    edited = sight.labels.version != project.dataset.base_version().version
    with st.container(border=True):
        st.markdown(
            f"**Your weights were trained elsewhere{', on the data before your edits' if edited else ''}.** How "
            "they were trained is not known here."
        )
        st.button(
            "Train here with the project's recipe",
            key=f"{place}-here",
            icon=":material/model_training:",
            on_click=here,
            args=(sight,),
        )
        st.caption(
            f"From scratch: {states.plain(recipe_words(sight))}. "
            "What comes of it is about models trained so, and not about your weights, which stay the ones in use."
        )
        if place == "retrain":
            from_weights(sight)
        if edited:
            paths = st.text_area(
                f"Or give weights that you trained on version {sight.labels.version[:8]}, one path a line, oldest "
                "first",
                key=f"{place}-weights",
                height=68,
            )
            files = [line.strip() for line in (paths or "").splitlines() if line.strip()]
            st.button("Load these weights", key=f"{place}-load", disabled=not files, on_click=load, args=(sight, files))
    return False


def recipe_words(sight: Sight) -> str:
    """The project's recipe in one line."""
    return comparison.recipe_words(sight.project.model_config.name, sight.project.train_config)


def from_weights(sight: Sight) -> None:
    """The choice to go on from the loaded weights, with the project's recipe."""
    st.button(
        "Start from these weights",
        key="retrain-tune",
        icon=":material/tune:",
        on_click=tune,
        args=(sight,),
    )
    st.caption(
        "Fine-tuning: every training, before and after the edits, begins with your weights and goes on by the "
        "project's recipe. They may have learned the wrong labels already; then it shows less than training anew would."
    )


def tune(sight: Sight) -> None:
    """Callback: trainings here begin with the loaded weights."""
    project = sight.project
    project.save_recipe(replace(project.train_config, start="loaded"))
    project.train_here()
    states.flash("Trainings here begin with your weights now.")


def here(sight: Sight) -> None:
    """Callback: the user agrees to models trained here."""
    sight.project.train_here()
    states.flash("Models may be trained here now. Your weights stay the ones in use.")


def load(sight: Sight, files: list[str]) -> None:
    """Callback: make weights that were trained on the edited labels the model in use."""
    try:
        sight.project.train(checkpoints=files)
        states.flash("Your new weights are in use. Score and search again to ask them.")
    except UserError as error:
        states.flash_error(error)
