"""Datablame's app: navigation, the project picker, running jobs, and what is edited but not yet in the model.

Run with ``streamlit run app.py`` or ``datablame app``. Each page is one file in ``pages/``; a new one is one line below.
"""

import streamlit as st

from attribution.errors import UserError
from attribution.workspace.home import home, list_projects
from pages.parts import context, frame, jobs, start, states

PAGES = {
    "overview": ("Overview", ":material/home:", "The state of the data at a glance, and what to do next."),
    "influence": ("Influence", ":material/account_tree:", "Which training samples made a prediction what it is."),
    "map": ("Map", ":material/scatter_plot:", "All samples as points; draw around some and act on them."),
    "review": ("Review", ":material/rule:", "Labels that are probably wrong, one at a time, by keyboard."),
    "retrain": ("Retrain", ":material/model_training:", "Train with the edits and prove what they changed."),
    "history": ("History", ":material/history:", "Every decision, with its evidence; take back one or many."),
    "new_project": ("New project", ":material/add_circle:", "Load data and a model, or open a sample."),
}


def sidebar(names: list[str]) -> None:
    """Project, model, running work, and edits that the model has not seen."""
    st.selectbox("Project", names, index=None, key="project", bind="query-params", placeholder="Choose a project")
    if "open_project" not in st.session_state:
        return
    sight = context.sight()
    st.caption(start.model_line(sight))
    jobs.strip(sight.project)
    waiting = len(sight.pending) if sight.run is not None else 0
    if waiting:
        with st.container(border=True, gap="xsmall"):
            st.markdown(f":material/edit_note: **{waiting:,} edit{'s' if waiting != 1 else ''}** not yet in the model")
            st.page_link(LINKS["retrain"], label="Retrain", icon=":material/arrow_forward:")


def open_chosen(names: list[str]) -> None:
    """Open the project of the URL, else the last used one."""
    if "project" not in st.session_state and "project" not in st.query_params and names:
        st.session_state["project"] = names[0]
    chosen = st.session_state.get("project") or st.query_params.get("project")
    st.session_state.pop("open_project", None)
    if chosen in names:
        try:
            st.session_state["open_project"] = context.open_project(str(home() / chosen))
        except UserError as error:
            states.error_box(error)


st.set_page_config(page_title="Datablame", page_icon=":material/fingerprint:", layout="wide")
LINKS = {
    name: st.Page(f"pages/{name}.py", title=title, icon=icon, help=help, default=name == "overview")
    for name, (title, icon, help) in PAGES.items()
}
page = st.navigation([*LINKS.values()], expanded=True)
st.session_state["links"] = LINKS
known = list_projects()
open_chosen(known)
context.restore()
with st.sidebar:
    sidebar(known)
states.show_flashes()
if "open_project" in st.session_state or page.title == PAGES["new_project"][0]:
    with frame.framed():
        page.run()
else:
    start.welcome()
