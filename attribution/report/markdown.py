"""The project in a few lines of Markdown, for a pull request: verdict, edits, leaks, and how to reproduce them."""

import re
from html import escape
from typing import Any

from attribution.project.project import Project
from attribution.report.commands import commands
from attribution.report.html import UNSEEN
from attribution.report.origin import origin
from attribution.report.state import State
from attribution.views import comparison, leaks, pending
from attribution.views.numbers import count, plural

SPECIAL = re.compile(r"[\\`*_{}\[\]<>#|~$&!]|://|www\.")


def plain(text: Any) -> str:
    """A text that Markdown shows letter by letter: no link, no picture, no HTML, no one who is called by their name."""
    one_line = " ".join(str(text).translate(UNSEEN).split())
    return SPECIAL.sub(_escaped, one_line).replace("@", "@\u200b")


def _escaped(found: "re.Match[str]") -> str:
    sign = found.group()
    if sign in "<>&":
        return escape(sign)
    return f"\\{sign}" if len(sign) == 1 else f"{sign[0]}\u200b{sign[1:]}"


def summary(project: Project) -> str:
    """Markdown of a dozen lines; the same for the same state of the project."""
    state = State(project)
    lines = [f"### Datablame: {plain(project.name)}", "", *_proof(state), *_found(state), ""]
    about = [f"- {name}: {plain(value)}" for name, value in origin(state) if value and name != "Python"]
    inside = ["```sh", *(line.replace("```", "'''") for line in commands(state)), "```"]
    title = "<details><summary>How to reproduce it</summary>"
    return "\n".join([*lines, title, "", *about, "", *inside, "", "</details>", ""])


def _proof(state: State) -> list[str]:
    """The verdict and the figures before and after."""
    found = state.proof
    if found is None:
        return ["**Not proven yet**: whether the decisions help has not been measured.", ""]
    late = "" if state.proves_now(found) else " (of earlier labels: decisions came after it)"
    cells = [(cell["label"], cell["value"], cell["delta"]) for cell in comparison.figures(found)]
    rows = [f"| {' | '.join(plain(word) for word in cell)} |" for cell in cells]
    head = ["| figure | before → after | change (interval) |", "| --- | --- | --- |"]
    return [f"**{found.outcome.capitalize()}**{late}: {plain(found.verdict)}", "", *head, *rows, ""]


def _found(state: State) -> list[str]:
    """Decisions, suspects and leaks, a line each."""
    kept = int((state.states["verdict"] == "keep").sum())
    said = pending.change_sentence(state.changes, state.face.counted)
    lines = [f"- Decisions: {plain(said)} {count(kept)} looked at and kept."]
    if state.flags is not None:
        waiting = state.open_ones(state.suspects)
        lines.append(f"- {plain(state.flags.headline())} {plural(waiting, 'suspect')} not looked at yet.")
    if state.leaks is not None:
        cases = state.leaks.cases(state.labels.values)
        lines.append(f"- Leaks: {plain(leaks.headline(cases, leaks.verdicts(cases, state.states)))}")
    return lines
