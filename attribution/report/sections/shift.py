"""Whether the test set looks like the training set."""

from attribution.report.html import Html, paragraphs, shown_of, table, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views import shift

LINES = 12


@register("shift")
class Shift(Section):
    """The newest comparison of test and training data."""

    title = "Test against training data"
    order = 50
    missing = "test and training data were not compared (`datablame shift`)"

    def body(self, state: State) -> Html | str:
        found = next(iter(state.project.shifts()), None)
        if found is None:
            return ""
        lines = found.differences
        said = [(line.name, line.kind, line.words) for line in lines.head(LINES).itertuples()]
        parts = [
            paragraphs(
                f"{found.verdict} {shift.meaning(found)}",
                f"Looked at: {shift.SPACES[found.space].lower()}. "
                f"Chance alone would show as much in {shift.chance_words(found.p_value)} splits.",
                shift.clear_ones(found),
            )
        ]
        if said:
            parts.append(table(("what", "kind", "how it differs"), said, "The surest differences first"))
        left = shown_of(len(said), len(lines), "differences", "The page Train vs test has all.")
        return together((*parts, paragraphs(left)))
