"""Labels or values that are probably wrong: how many, and the most suspicious with the reasons."""

from attribution.report.html import Html, el, paragraphs, shown_of, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views.faces import who_says
from attribution.views.numbers import percent

MOST = 24


@register("suspects")
class Suspects(Section):
    """The head of the review queue."""

    title = "What looks wrong"
    order = 30
    missing = "nobody looked for what is labelled wrong (`datablame flag`)"

    def body(self, state: State) -> Html | str:
        flags = state.flags
        if flags is None:
            return ""
        rows = state.suspects[:MOST]
        old = flags.version != state.labels.version
        late = "The search was made before the newest decisions." if old else ""
        left = shown_of(len(rows), len(state.suspects), "suspects", "The Review page has the whole queue.")
        return together(
            (
                paragraphs(flags.headline(), late),
                state.samples([_suspect(state, int(row)) for row in rows]),
                paragraphs(left),
            )
        )


def _suspect(state: State, row: int) -> Html:
    """A suspect with what speaks against its label, and what was decided."""
    entry = state.flags.entry(row)
    title, _ = state.face.question(entry["label"], entry, who_says(state.flags))
    strongest = state.flags.reasons(row)[0]
    doubt = f"No. {int(entry['position']):,} of the queue, suspicion {percent(float(entry['suspicion']))}"
    return state.sample(row, el("b", title), strongest, doubt, state.verdict(row))
