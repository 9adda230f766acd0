"""Which estimator to trust here: how well each follows models that were really retrained."""

from attribution.report.charts import forest
from attribution.report.html import Html, items, paragraphs, table, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views import bench
from attribution.views.numbers import three_digits


@register("fidelity")
class Fidelity(Section):
    """The newest comparison of estimators."""

    title = "How far influence can be trusted"
    order = 100
    missing = "estimators were not compared (`datablame compare`)"

    def body(self, state: State) -> Html | str:
        found = next(iter(state.project.benches()), None)
        if found is None:
            return ""
        words = bench.titles()
        frame = bench.overview(found, words)
        parts = [items(bench.recommendation(found, words))]
        fidelity = bench.fidelity_frame(found, words)
        if len(fidelity):
            title = "Following retraining: LDS, 1 is perfect, 0 is chance (95 % interval)"
            parts.append(forest(fidelity, title, ("estimator", "LDS"), three_digits))
        lines = [list(line) for line in frame.itertuples(index=False)]
        parts.append(table(list(frame.columns), lines, "Every estimator; a dash was not measured"))
        old = found.request.get("run") != (state.run.id if state.run else "")
        late = "It was measured on an earlier model than the one in use." if old else ""
        return together((*parts, paragraphs(late, bench.planted_words(found, state.face.nouns))))
