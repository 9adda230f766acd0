"""Datablame's app: navigation, the project picker, running jobs, and what is edited but not yet in the model.

Run with ``streamlit run app.py`` or ``datablame app``. Each page is one file in ``pages/``; a new one is one line
below.
"""

import streamlit as st

from attribution.project.home import list_projects
from pages.parts import context, edits, frame, jobs, keys, start, states, trusting

PAGES = {
    "Look": {
        "overview": ("Overview", ":material/home:", "The state of the data at a glance, and what to do next."),
        "browse": (
            "Browse",
            ":material/grid_view:",
            "Every sample, found by what is known of it.",
        ),
        "influence": ("Influence", ":material/account_tree:", "Which training samples made a prediction what it is."),
        "map": ("Map", ":material/scatter_plot:", "All samples as points; draw around some and act on them."),
        "angles": (
            "Angles",
            ":material/explore:",
            "Which training samples pull with a prediction, and which against it.",
        ),
    },
    "Fix": {
        "review": ("Review", ":material/rule:", "Labels that are probably wrong, one at a time, by keyboard."),
        "leaks": ("Leaks", ":material/content_copy:", "Training samples that repeat a test sample, or each other."),
        "shift": ("Train vs test", ":material/compare_arrows:", "Whether the test set looks like the training set."),
        "memorization": (
            "Memorization",
            ":material/psychology:",
            "Labels known by heart, and predictions that hang on one sample.",
        ),
        "fairness": (
            "Fairness & robustness",
            ":material/diversity_3:",
            "Samples that make the model unfair or easy to fool.",
        ),
    },
    "Prove": {
        "compare": ("Compare", ":material/balance:", "Which estimator to trust on this model and data."),
        "retrain": ("Retrain", ":material/model_training:", "Train with the edits and prove what they changed."),
        "history": ("History", ":material/history:", "Every decision, with its evidence; take back one or many."),
    },
    "Data": {
        "new_project": ("New project", ":material/add_circle:", "Load data and a model, or open a sample."),
    },
}


def sidebar(names: list[str]) -> None:
    """Project, model, running work, and edits that the model has not seen."""
    context.pick_project(names)
    if not context.opened():
        return
    sight = context.sight()
    st.caption(start.model_line(sight))
    jobs.strip(sight.project)
    waiting = len(sight.pending) if sight.run is not None else 0
    if waiting:
        edited = f":material/edit_note: **{waiting:,} edit{'s' if waiting != 1 else ''}**"
        with st.container(border=True, gap="xsmall"):
            if sight.retrained:
                st.markdown(f"{edited} in the retrained model, which is not the one in use")
                st.button("Use it", key="use-retrained", on_click=edits.use, args=(sight.project, sight.retrained))
                return
            st.markdown(f"{edited} not yet in the model")
            st.page_link(
                frame.link("retrain"), label="Retrain", icon=":material/arrow_forward:", query_params=context.address()
            )


def draw() -> None:
    """One run of the script: what a session sees."""
    page = frame.navigation(PAGES)
    projects = list_projects()
    context.open_chosen(projects)
    context.restore()
    with st.sidebar, frame.said():
        sidebar(projects)
        keys.everywhere()
    states.show_flashes(edits.revert_batch)
    if context.opened() or page.title == PAGES["Data"]["new_project"][0]:
        with frame.framed():
            if context.opened() and page.title != PAGES["Data"]["new_project"][0]:
                with frame.said():
                    trusting.box(context.project())
            page.run()
    else:
        start.welcome()


if __name__ == "__main__":
    draw()
# `streamlit run` finds st.App below and imports this file once for its server; each session then runs it as the main
# script
else:
    from pages.parts import guard, hovering

    server = st.App(__file__, routes=hovering.ROUTES, **guard.settings())
