"""Before and after: the same recipe trained with and without the decisions, with intervals."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attribution.report.charts import forest
from attribution.report.html import Html, el, paragraphs, shown_of, table, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views import comparison
from attribution.views.numbers import hundredths, plural, three_digits

if TYPE_CHECKING:
    from attribution.studies.retrain.result import RetrainResult

FLIPS = 12
LINES = 40


@register("proof")
class Proof(Section):
    """The finished comparison of retrained models."""

    title = "Before and after"
    order = 90
    missing = "the decisions were not proven by retraining (`datablame retrain`)"

    def body(self, state: State) -> Html | str:
        found = state.proof
        if found is None:
            return ""
        late = "" if state.proves_now(found) else "Decisions came after it: this proof is of earlier labels."
        cells = comparison.figures(found)
        lines = [(cell["label"], cell["value"], cell["delta"], cell["help"]) for cell in cells]
        figures = table(("figure", "before → after", "change", "meaning"), lines, "Figures before and after")
        many = f"{plural(found.n_relabelled, 'sample')} {state.face.counted}, {found.n_dropped:,} dropped"
        trainer = "Your own script trained models" if found.own else "Models of the same recipe were trained"
        how = (
            f"{many}. {trainer} before and after, one per seed "
            f"({', '.join(map(str, found.seeds))}), and judged on the same {plural(found.n_test, 'test sample')}."
        )
        return together(
            (
                el("p", found.verdict, class_=f"verdict {found.outcome}"),
                paragraphs(late, how),
                figures,
                intervals(found),
                by_target(found),
                paragraphs(comparison.predicted_sentence(found) if found.prediction else ""),
                flips(state, found),
            )
        )


def intervals(found: "RetrainResult") -> Html:
    """The deciding figure's change with each kind of interval."""
    reading = found.main.reading
    show = hundredths if reading.unit == "%" else three_digits
    unit = comparison.unit_of_axis(reading)
    frame = comparison.interval_frame(found)
    title = f"Change of the deciding figure, {unit}; the first interval decides"
    return forest(frame, title, ("interval over", f"change, {unit}"), show, reading.sign)


def by_target(found: "RetrainResult") -> Html:
    """The change of the deciding figure by class or band."""
    reading = found.main.reading
    show = hundredths if reading.unit == "%" else three_digits
    unit = comparison.unit_of_axis(reading)
    frame = comparison.target_frame(found)
    title = f"Change by class or band (test samples), {unit}"
    drawn = forest(frame.head(LINES), title, ("part", f"change, {unit}"), show, reading.sign)
    left = shown_of(min(len(frame), LINES), len(frame), "parts", "The Retrain page has all.")
    return together((drawn, paragraphs(left)))


def flips(state: State, found: "RetrainResult") -> Html | str:
    """Predictions that were put right, and those that were broken."""
    table_ = found.flips()
    parts = []
    for kind, title in (("fixed", "Put right"), ("broken", "Broken")):
        part = table_[table_["kind"] == kind] if len(table_) else table_
        if len(part):
            figures = [_flip(state, line, len(found.seeds)) for line in part.head(FLIPS).to_dict("records")]
            left = shown_of(len(figures), len(part), "predictions", "The Retrain page has all.")
            parts += [el("h3", f"{title}: {plural(len(part), 'test prediction')}"), state.samples(figures)]
            parts.append(paragraphs(left))
    return together(parts)


def _flip(state: State, line: Mapping[str, Any], seeds: int) -> Html:
    word = state.face.word
    flip = comparison.flip_words(
        word(line["before"]), word(line["after"]), str(line["kind"]), float(line["seeds"]), seeds
    )
    return state.sample(int(line["row"]), f"{state.face.noun} {word(line['label'])}", flip)
