"""What people decided: batches, changes by class with samples before and after, and what was dropped."""

import pandas as pd

from attribution.report.html import Html, el, paragraphs, shown_of, table, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views import ledger, pending
from attribution.views.numbers import count, plural

ENTRIES = 20_000  # of the ledger that are read
BATCHES = 20
CHANGES = 12
EACH = 3
MARKED = 40


@register("decisions")
class Decisions(Section):
    """The ledger, summed up."""

    title = "Decisions"
    order = 80
    missing = "nothing was decided yet"

    def body(self, state: State) -> Html | str:
        entries = state.project.edit_count()
        if not entries:
            return ""
        kept = int((state.states["verdict"] == "keep").sum())
        said = f"{pending.change_sentence(state.changes, state.face.counted)} {count(kept)} looked at and kept."
        return together((paragraphs(said), changes(state), marks(state), batches(state, entries)))


def changes(state: State) -> Html | str:
    """The commonest changes, each with some of its samples."""
    frame = state.changes
    if frame.empty:
        return ""
    groups = sorted(frame.groupby(["was", "now"], sort=True), key=lambda group: -len(group[1]))
    parts = [_change(state, was, now, part) for (was, now), part in groups[:CHANGES]]
    left = shown_of(len(parts), len(groups), "kinds of change", "The History page has every decision.")
    grid = el("div", *parts, class_="pairs")
    return together((el("h3", "What changed, before → after"), grid, paragraphs(left)))


def _change(state: State, was: str, now: str, part: pd.DataFrame) -> Html:
    """One kind of change with a few of its samples."""
    figures = [state.sample(int(row)) for row in part["row"].head(EACH)]
    title = together((el("s", was), " → ", el("b", now), f": {plural(len(part), 'sample')}"))
    return el("div", el("p", title), state.samples(figures), class_="pair")


def marks(state: State) -> Html | str:
    """Samples that somebody tagged, wrote a note on, or was unsure about."""
    frame = state.project.marks()
    if frame.empty:
        return ""
    lines = [
        (state.dataset.ids[int(line.Index)], ", ".join(line.tags), "yes" if line.unsure else "", line.note)
        for line in frame.head(MARKED).itertuples()
    ]
    left = shown_of(len(lines), len(frame), "samples", "`datablame export ledger` writes them all.")
    found = table(("sample", "tags", "unsure", "note"), lines, "Samples with a tag, a note, or an open question")
    return together((el("h3", "Tags and notes"), found, paragraphs(left)))


def batches(state: State, entries: int) -> Html:
    """Decisions that were made together, the newest first."""
    frame = state.project.edits(count=ENTRIES)
    lines = []
    for _, part in frame.groupby("batch", sort=False):
        first = part.iloc[0]
        place = ledger.place_words([str(state.dataset.samples["split"].iloc[int(first["row"])])])
        example = ledger.change_words(first["action"], first["old"], first["new"], place)
        standing = int((~part["reverted"].astype(bool)).sum())
        lines.append(
            (
                f"{first['time']:%Y-%m-%d %H:%M} UTC",
                first["action"],
                count(len(part)),
                "" if first["action"] in ("undo", "redo") else count(standing),
                example,
                first["reason"] or "",
                first["author"] or "",
            )
        )
    columns = ("when", "decision", "samples", "in force", "for example", "reason", "by")
    left = shown_of(min(len(lines), BATCHES), len(lines), "batches", "`datablame export ledger` writes them all.")
    cut = f"Of {count(entries)} entries the newest {count(ENTRIES)} were read." if entries > ENTRIES else ""
    found = table(columns, lines[:BATCHES], "Decisions by batch, the newest first")
    return together((el("h3", "Batches"), found, paragraphs(left, cut)))
