"""The report as one HTML file: no script, nothing that is loaded from anywhere, light and dark, and fit to print."""

from pathlib import Path

from attribution.errors import UserError
from attribution.project.project import Project
from attribution.report.html import Html, el, together
from attribution.report.sections import ordered
from attribution.report.state import State
from attribution.report.style import CSS
from attribution.storage.files import whole_file
from attribution.views import overview

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
HEAD = '<!doctype html>\n<html lang="en">\n'


def write(project: Project, path: Path, replace: bool = False) -> Path:
    """Write the report to a new file, whole or not at all; its path. ``UserError`` for a name that does not end in
    .html, and for a file that is there already, unless it may be replaced."""
    path = Path(path).expanduser()
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{path.name} does not end in .html.", "The report is a page.", "Call it report.html.")
    if path.exists() and not replace:
        raise UserError(f"{path} is there already.", "It would be overwritten.", "Choose another name, or remove it.")
    with whole_file(path) as temporary:
        temporary.write_text(page(project), encoding="utf-8")
    return path


def page(project: Project) -> str:
    """The whole file. It is the same for the same state of the project; its size is bounded, since every list is."""
    state = State(project)
    made = [(section, section().body(state)) for section in ordered()]
    there = [(section, body) for section, body in made if body]
    missing = [section.missing for section, body in made if not body and section.missing]
    contents = el("nav", el("ol", *(_entry(section) for section, _ in there)), aria_label="Contents")
    parts = [
        el("section", el("h2", section.title), body, id=section.name, class_=section.name) for section, body in there
    ]
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", http_equiv="Content-Security-Policy", content=POLICY),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", name="color-scheme", content="light dark"),
        el("title", f"Datablame report: {project.name}"),
        el("style", Html(CSS)),
    )
    body = el("body", _top(state), contents, el("main", *parts), _foot(missing))
    return f"{HEAD}{together((head, body), chr(10))}\n</html>\n"


def _entry(section: type) -> Html:
    return el("li", el("a", section.title, href=f"#{section.name}"))  # type: ignore[attr-defined]


def _top(state: State) -> Html:
    """Name and size of the project."""
    line = f"{overview.counts_line(state.dataset.info.counts)} · {state.kind_words} · {state.face.summary()}"
    return el("header", el("h1", state.project.name), el("p", line))


def _foot(missing: list[str]) -> Html:
    """What is not in the report, so that nobody takes it for looked at."""
    said = f"Not in this report: {'; '.join(missing)}." if missing else "Every kind of work is in this report."
    return el("footer", el("p", said), el("p", "Made by Datablame from finished results; this page loads nothing."))
