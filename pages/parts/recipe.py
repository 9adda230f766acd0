"""The training recipe as a form: on New project before anything is trained, on Overview for training again."""

import dataclasses
from typing import Any

import streamlit as st

from attribution.errors import UserError
from attribution.settings.configs import TrainConfig
from attribution.views import comparison
from pages.parts import fields, jobs, states
from pages.parts.context import Sight

WORDS = {"lr": "Learning rate", "checkpoints": "Checkpoints kept"}


def form(usual: TrainConfig, place: str) -> dict[str, Any]:
    """A field per setting, each with its help and range; the settings that were changed from ``usual``."""
    return fields.form(usual, place, WORDS)


def again(sight: Sight) -> None:
    """Behind a fold on Overview: train the model anew with another recipe."""
    project = sight.project
    if sight.run is None or not project.trains_here:
        return
    usual = project.recipe_for()
    with st.expander("Train again, with another recipe", icon=":material/tune:"):
        st.caption(
            f"The model in use: {states.plain(comparison.recipe_words(project.model_config.name, usual))}. Retraining "
            "and everything else that answers for a model takes the recipe of the model in use."
        )
        changed = form(usual, "again")
        keep = st.checkbox(
            "Make this the project's own recipe", key="again-keep", help="What a training without other wishes takes."
        )
        if changed.get("seed", project.train_config.seed) != project.train_config.seed and not keep:
            st.caption(
                "A training with another seed than the project's is kept beside the model in use and does not "
                "replace it."
            )
        st.button(
            "Train", key="again-train", icon=":material/play_arrow:", on_click=_train, args=(sight, changed, keep)
        )


def _train(sight: Sight, changed: dict[str, Any], keep: bool) -> None:
    """Callback: train and analyse with the changed recipe; a value out of its range is said on the page."""
    try:
        recipe = dataclasses.replace(sight.project.recipe_for(), **changed)
        if keep:
            sight.project.save_recipe(recipe)
    except UserError as error:
        states.flash_error(error)
        return
    jobs.submit(sight.project, "prepare", recipe)
