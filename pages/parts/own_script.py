"""The proof by a script of the user's own: the command, what it would run, and the yes to exactly that."""

from pathlib import Path

import streamlit as st

from attribution.errors import UserError
from attribution.studies.retrain.script import EXAMPLE, PLACES, check
from attribution.studies.retrain.study import RetrainConfig
from attribution.trust.commands import CommandLook, look_command, say_yes_to
from pages.parts import jobs, states
from pages.parts.context import Sight


def section(sight: Sight) -> None:
    """The form, folded away unless a proof by a script is there already."""
    last = _last(sight)
    with st.expander("Retrain with your own script", icon=":material/terminal:", expanded=bool(last)):
        st.markdown(
            "Your script trains instead of the recipe here, once before and once after the edits for every seed. It is "
            "handed your data in your own format, and leaves predictions of the test samples or weights."
        )
        command = st.text_input("Command", last.get("command", ""), key="own-command", placeholder=EXAMPLE)
        folder = st.text_input(
            "Folder it runs in", last.get("workdir", ""), key="own-folder", placeholder="/home/you/project"
        )
        seeds = int(st.number_input("Seeds", 3, 20, 3, key="own-seeds", width=120))
        st.caption(" ".join(f"`{{{name}}}` is {words}." for name, words in PLACES.items()))
        seen = _look(command or "", folder or "")
        if seen is not None:
            _ask(sight, seen, RetrainConfig(seeds=tuple(range(seeds)), command=seen.command, workdir=folder or ""))


def _last(sight: Sight) -> dict[str, str]:
    """The command of the newest proof by a script; it is shown, and runs only when it is asked for."""
    found = [one.config["retrain"] for one in sight.project.comparisons() if one.config.get("script")]
    return found[0] if found else {}


def _look(command: str, folder: str) -> CommandLook | None:
    """What would run; None after saying what is missing."""
    if not command.strip():
        return None
    if not Path(folder).is_absolute() or not Path(folder).is_dir():
        st.caption(":material/info: Name the folder it runs in, in full: paths in the command are read from there.")
        return None
    try:
        check(command)
        return look_command(command, folder)
    except UserError as error:
        states.error_box(error)
        return None


def _ask(sight: Sight, seen: CommandLook, config: RetrainConfig) -> None:
    """What would run, with the hashes of its files, and the button that says yes to it."""
    st.code("\n".join(seen.lines()), language=None, wrap_lines=True)
    if seen.trusted:
        st.caption("You trust this command and these files as they are.")
    else:
        why = "" if seen.new else " They changed since you trusted them."
        st.caption(f":material/gpp_maybe: A command can do anything on this machine: read it first.{why}")
    st.button(
        "Run my script and compare" if seen.trusted else "I have read it: run it and compare",
        key="own-run",
        icon=":material/play_arrow:",
        on_click=_run,
        args=(sight, seen, config),
    )


def _run(sight: Sight, seen: CommandLook, config: RetrainConfig) -> None:
    """Callback: trust exactly what was shown, and queue the proof."""
    try:
        say_yes_to(seen)
    except UserError as error:
        states.flash_error(error)
        return
    jobs.submit(sight.project, "retrain", config)
