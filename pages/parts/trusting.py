"""Asks before a model's code runs: which files, their hashes, and what changed since the last yes."""

import streamlit as st

from attribution.errors import UserError
from attribution.project.project import Project
from attribution.trust import Look, look, say_yes
from pages.parts import states


def tick(file: str, key: str = "trust") -> Look | None:
    """A box to tick beside a code file that is about to be used: what the user said yes to, or None. Nothing is kept
    yet."""
    seen = look(file)
    if str(seen.path) not in seen.files:
        states.error_box(seen.refusal())
        return None
    _show(seen)
    if seen.trusted:
        st.caption("You trust these files as they are.")
        return seen
    if st.session_state.get(f"{key}-shown") != seen.shown:  # a yes is about what was shown, never about what came after
        st.session_state[f"{key}-shown"] = seen.shown
        st.session_state[key] = False
    return seen if st.checkbox("I have read this file and trust it to run on this machine", key=key) else None


def box(project: Project) -> None:
    """Above the pages of a project whose model is code that this user does not trust as it is now."""
    seen = project.code
    if seen is None or seen.trusted:
        return
    if str(seen.path) not in seen.files:
        states.error_box(seen.refusal())
        return
    why = "you have not trusted" if seen.new else "changed since you trusted it"
    where = (
        "Trust is kept in your own settings, so a folder from elsewhere or of an earlier version asks again."
        if seen.new
        else ""
    )
    with st.container(border=True, key="trust-box"):
        st.markdown(
            f":material/gpp_maybe: **This project's model is code that {why}.** Whatever needs the model waits. "
            f"Code from a file can do anything on this machine, so read it first. {where}"
        )
        _show(seen)
        st.button(
            "I have read it: trust it", key="trust-code", icon=":material/verified_user:", on_click=_yes, args=(seen,)
        )


def _show(seen: Look) -> None:
    st.code("\n".join(seen.lines()), language=None, wrap_lines=True)


def _yes(seen: Look) -> None:
    try:
        say_yes(seen)
    except UserError as error:
        states.flash_error(error)
        return
    states.flash("Trusted as shown.", ":material/verified_user:")
