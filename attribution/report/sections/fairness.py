"""Gaps between groups and robustness: what was measured, and what leaving samples out did."""

from typing import TYPE_CHECKING

from attribution.report.html import Html, el, paragraphs, tiles, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views import fairness

if TYPE_CHECKING:
    from attribution.studies.fairness.result import FairnessResult


@register("fairness")
class Fairness(Section):
    """Every finished remedy, the newest of each measure."""

    title = "Fairness and robustness"
    order = 70
    missing = "fairness and robustness were not measured (`datablame remedy`)"

    def body(self, state: State) -> Html | str:
        newest: dict[str, FairnessResult] = {}
        for found in state.project.remedies():
            newest.setdefault(found.measure, found)
        parts = []
        for measure, found in sorted(newest.items()):
            title, asked = fairness.CHOICES.get(measure, (measure, ""))
            cells = [(cell["label"], cell["value"], cell["delta"]) for cell in fairness.figures(found)]
            said = paragraphs(asked, found.verdict, fairness.overshoot_sentence(found))
            parts += [el("h3", title), said, tiles(cells)]
        return together(parts)
