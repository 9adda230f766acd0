"""The data: counts, targets, hashes and splits, and what was left out when they were read."""

import pandas as pd

from attribution.report.charts import bar
from attribution.report.html import Html, el, facts, paragraphs, shown_of, table, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views import importing, overview
from attribution.views.numbers import NONE, count, percent, three_digits

LINES = 60


@register("data")
class Data(Section):
    """What was looked at."""

    title = "Data"
    order = 20

    def body(self, state: State) -> Html | str:
        info = state.dataset.info
        bare = int(state.face.bare(state.labels.values).sum())
        about = facts(
            [
                ("Samples", overview.counts_line(info.counts)),
                ("Each is one of", state.kind_words),
                ("Targets", state.face.summary()),
                (f"With {state.face.none}", count(bare) if bare else ""),
                ("Splits", info.preprocessing.get("splits", "")),
                ("Hash of the data as imported", info.base_hash),
                ("Version with the decisions", state.labels.version),
            ]
        )
        return together((about, by_target(state), notes(state)))


def by_target(state: State) -> Html | str:
    """Training samples, quality and doubts by class or band; without a model, nothing."""
    if state.run is None:
        return ""
    changed = state.changes["row"].to_numpy(dtype="int64")
    train = state.labels.train_rows(state.dataset)
    frame = state.face.by_target(state.labels.values, train, state.test, state.suspects, changed)
    if frame.empty:
        return ""
    most = max(int(frame["training samples"].max()), 1)
    lines = []
    for line in frame.head(LINES).to_dict("records"):
        n = int(line["training samples"])
        lines.append([_cell(line[name], name) for name in frame] + [bar(n / most, f"{count(n)} training samples")])
    left = shown_of(min(len(frame), LINES), len(frame), "lines", "The Overview page shows all.")
    title = f"Training samples, quality on the test set, suspects and edits by {frame.columns[0]}"
    return together((table([*frame.columns, "training samples, drawn"], lines, title), paragraphs(left)))


def _cell(value: object, name: str) -> str:
    if isinstance(value, float):
        if pd.isna(value):
            return NONE
        share = name == "test accuracy"
        return percent(value) if share else three_digits(value)
    return count(value) if isinstance(value, int) else str(value)


def notes(state: State) -> Html | str:
    """What was left out or changed when the data were read."""
    info = state.dataset.info
    if not info.problems:
        return ""
    frame = importing.problem_table(info.problems)
    lines = [list(line) for line in frame.head(LINES).itertuples(index=False)]
    left = shown_of(min(len(frame), LINES), len(frame), "notes", "The Overview page lists all.")
    inside = table(list(frame.columns), lines, "What was left out or changed when the data were read")
    return together((el("h3", "Notes from loading the data"), inside, paragraphs(left)))
