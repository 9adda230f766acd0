"""Labels that are known by heart, and predictions that hang on one sample."""

from typing import TYPE_CHECKING

from attribution.report.html import Html, el, paragraphs, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views import memorization

if TYPE_CHECKING:
    from attribution.studies.memorization.result import MemorizationResult

MOST = 12
PAIRS = 6


@register("memorization")
class Memorization(Section):
    """The newest estimate of memorization."""

    title = "Memorization"
    order = 60
    missing = "memorization was not estimated (`datablame memorize`)"

    def body(self, state: State) -> Html | str:
        found = next(iter(state.project.memorizations()), None)
        if found is None:
            return ""
        top = found.samples.dropna(subset=["memorization"])
        top = top.sort_values("memorization", ascending=False, kind="stable").head(MOST)
        figures = [
            state.sample(
                int(line["row"]),
                state.face.word(state.labels.values[int(line["row"])]),
                memorization.range_words(line),
            )
            for line in top.to_dict("records")
        ]
        caption = el("h3", "Most memorized, 1 = known only because it was trained on (95 % interval)")
        return together(
            (paragraphs(memorization.headline(found)), caption, state.samples(figures), pairs(state, found))
        )


def pairs(state: State, found: "MemorizationResult") -> Html | str:
    """Predictions that hang on one training sample."""
    lines = found.pairs.head(PAIRS).to_dict("records")
    if not lines:
        return ""
    both = [
        el(
            "div",
            state.samples([state.sample(int(line["row"]), "training"), state.sample(int(line["test_row"]), "test")]),
            el("p", memorization.pair_words(line)),
            class_="pair",
        )
        for line in lines
    ]
    return together((el("h3", "Test predictions that hang on one training sample"), el("div", *both, class_="pairs")))
