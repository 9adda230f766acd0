"""Compare: which estimator to trust on this model and data, measured against retraining, planted errors, other seeds
and the clock."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attribution.estimators import in_place
from attribution.figures.cloud import Scene
from attribution.studies.bench.study import BenchConfig
from attribution.views import bench as views
from attribution.views import cards as card_views
from attribution.views import influence, numbers, scatter
from pages.parts import behaviours, cards, charts, context, damping, frame, jobs, lasso, selected, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.studies.bench.result import BenchResult

PAIRS = 6  # disagreements on one page
HOW = {
    "spearman": "Whole order",
    "overlap": "Most helpful in common",
}


def start(sight: Sight, first: bool) -> None:
    """What to measure, what it will cost, and the button."""
    project = sight.project
    if jobs.panel(project, ("bench",), place="compare"):
        return
    words = {one.name: one.title for one in influence.estimators_in_order()}
    everyday = [name for name in words if name in in_place("offered")]
    with st.container(border=True):
        if first:
            st.markdown("#### :material/balance: Nothing measured yet")
            st.markdown(
                "This retrains the model on random halves of the data and plants known errors in a sandbox copy, then "
                "asks every estimator: did you foresee it? Retrained models are kept, so a second comparison is "
                "quicker."
            )
        chosen = st.multiselect(
            "Estimators", list(words), default=everyday, format_func=words.__getitem__, key="bench-estimators"
        )
        table = _costs(sight.key, sight.run.id, sight.labels.version, jobs.finished(project), project)
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            counts = table["subsets"].tolist()
            subsets = st.segmented_control(
                "Models to retrain",
                counts,
                default=24 if 24 in counts else counts[0],
                required=True,
                key="bench-subsets",
                help="Each is trained on a random half of the data. More models, narrower intervals.",
            )
            removal = st.toggle(
                "Also retrain without the best",
                key="bench-removal",
                help="For three predictions: how fast do they break when their 10, 50 and 200 most helpful "
                "training samples are left out? "
                "Nine more trainings per estimator.",
            )
            config = BenchConfig(
                estimators=tuple(chosen), subsets=int(subsets or 24), removal_k=(10, 50, 200) if removal else ()
            )
            st.button(
                "Compare",
                type="primary",
                key="start-compare",
                icon=":material/play_arrow:",
                on_click=jobs.submit,
                args=(project, "bench", config),
                disabled=not chosen,
            )
        line = table[table["subsets"] == config.subsets].iloc[0]
        wait = numbers.duration(float(line["seconds_s"])) if line["missing"] else "no time, they are there"
        st.caption(
            f"{numbers.plural(int(line['missing']), 'model')} to retrain: about {wait} on this machine, and the LDS "
            f"known to about ± {line['half_width']:.2f}. Planting errors and a second seed take two or three more "
            "trainings."
        )
        with st.expander("Time against certainty", icon=":material/schedule:"):
            st.dataframe(
                views.cost_frame(table),
                hide_index=True,
                alt="Number of retrained models, their time, and the width of the interval",
            )


@st.cache_data(max_entries=16, show_spinner=False)
def _costs(folder: str, run: str, version: str, results: int, _project: object):  # type: ignore[no-untyped-def]
    return _project.studies.bench.cost()  # type: ignore[attr-defined]


def verdict(bench: "BenchResult", words: dict[str, str]) -> None:
    """What to use for what, and by which rule."""
    lines = [states.plain(line) for line in views.recommendation(bench, words)]
    if not lines:
        return
    with st.container(border=True):
        st.markdown(f"### :material/recommend: {lines[0]}")
        for line in lines[1:]:
            st.markdown(f"- {line}")
        with st.expander("By which rule?", icon=":material/rule:"):
            st.markdown(
                states.plain(str(bench.summary.get("rule", "")))
                or "The cheapest estimator that is not measurably worse than the best."
            )
            for note in bench.summary.get("notes", []):
                st.caption(states.plain(str(note)))


def figures(bench: "BenchResult", words: dict[str, str], nouns: str) -> None:
    """The table of all estimators, and the two charts that decide."""
    st.subheader("Side by side")
    table = views.overview(bench, words)
    st.dataframe(
        table,
        hide_index=True,
        alt="Every estimator with its fidelity, usefulness, stability and cost",
        column_config={name: st.column_config.Column(help=why) for name, why in views.COLUMNS.items() if name in table},
    )
    st.caption(
        "In brackets 95 % intervals. **LDS**, the linear datamodeling score: how well the order of predicted losses "
        "over random halves of the data matches the order after really retraining on them (1 perfect, 0 chance). Its "
        "interval covers the choice of halves and predictions, not the seed of training. Every estimator is judged at "
        "its usual damping: one that looks poor may do as well as the best at another. ★ recommended for explaining a "
        "prediction.",
        help="In simulations the interval was 1.3 to 1.8 times as wide as needed, and the LDS .005 to .024 too low at "
        "24 models.",
    )
    for name, why in bench.summary.get("skipped", {}).items():
        st.caption(f":material/block: {states.plain(words.get(name, name))}: {states.plain(str(why))}")
    grid = st.grid(2, min_column_width=400, gap="large")
    with grid.cell():
        st.subheader("Does it follow retraining?")
        found = views.fidelity_frame(bench, words)
        if found.empty:
            st.caption("Not measured yet.")
        else:
            charts.show(bench.figure("fidelity", dark=context.dark()), "lds")
    if context.project().dataset.task.targets.correctable or len(bench.usefulness):
        with grid.cell():
            found_wrong(bench, words, nouns)
    if len(bench.removal):
        st.subheader("How fast does a prediction break?")
        charts.show(bench.figure("removal", dark=context.dark()), "removal")
        st.caption(
            "Higher is better: what the estimator called most helpful really was. The dashed line leaves out as "
            "many at random."
        )


def found_wrong(bench: "BenchResult", words: dict[str, str], nouns: str) -> None:
    """How well each finds errors that were planted, of all classes or of one."""
    st.subheader("Does it find what is wrong?")
    label = st.selectbox(
        "Given label", bench_classes(bench), key="bench-class", label_visibility="collapsed", format_func=class_word
    )
    label = label if label is not None else -1
    if views.usefulness_frame(bench, words, label).empty:
        st.caption("Not measured yet.")
        return
    charts.show(bench.figure("usefulness", label=label, dark=context.dark()), "planted")
    st.caption(views.planted_words(bench, nouns))


def bench_classes(bench: "BenchResult") -> list[int]:
    """-1 for all, then the classes for which wrong labels were planted."""
    return sorted(int(label) for label in set(bench.usefulness["label"])) or [-1]


def class_word(label: int) -> str:
    """A class by name; -1 is all of them."""
    return "All of them" if label < 0 else f"Given label {context.project().classes[label]}"


def agreement(sight: Sight, bench: "BenchResult", words: dict[str, str]) -> None:
    """Who says the same as whom, and where two of them differ most."""
    if not len(bench.agreement):
        return
    st.subheader("Do they agree?")
    left, right = st.columns([3, 2], gap="large")
    with left:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            how = st.segmented_control(
                "Compared by",
                list(HOW),
                default="spearman",
                required=True,
                key="agree-by",
                format_func=HOW.__getitem__,
                help="The order of all training samples, or how many of the most helpful ones two estimators share.",
            )
            asked = st.selectbox(
                "For",
                [-1, *bench.query_rows],
                key="agree-for",
                format_func=lambda row: query_word(sight, row),
                width=260,
            )
        drawn = bench.figure("agreement", by=how or "spearman", query_row=int(asked), dark=context.dark())
        charts.show(drawn, "agreement")
        st.caption(
            "1: the same order (or the same samples). 0: nothing in common. Below 0: one calls helpful what the "
            "other calls harmful."
        )
    names = [name for name in bench.estimators if name != "random"]
    with right:
        first = st.selectbox("One estimator", names, key="pair-a", format_func=lambda name: words.get(name, name))
        others = [name for name in names if name != first]
        second = (
            st.selectbox("against", others, key="pair-b", format_func=lambda name: words.get(name, name))
            if others
            else None
        )
        if second is not None:
            pair_scatter(sight, bench, (first, second), int(asked) if asked >= 0 else bench.query_rows[0], words)
    if second is not None:
        disagreements(sight, bench, first, second, words)


def query_word(sight: Sight, row: int) -> str:
    """A prediction asked about, in a few words."""
    if row < 0:
        return "all predictions asked about"
    seen = sight.predictions.loc[row]
    return f"{sight.project.dataset.ids[row]}: {sight.face.mistake(seen)}"


def pair_scatter(sight: Sight, bench: "BenchResult", pair: tuple[str, str], row: int, words: dict[str, str]) -> None:
    """Two estimators' ranks of all training samples for one prediction; what is circled becomes the selection."""
    columns = []
    for name in pair:
        found = sight.project.find_query(name, [row])
        column = found[0].column(found[1]) if found else None
        if column is None:
            return
        columns.append(column)
    (rows, first), (others, second) = columns
    if not np.array_equal(rows, others):
        return
    points = scatter.by_row(views.rank_points(first, second), rows, len(sight.project.dataset))
    groups = sight.face.groups(sight.labels.values, rows, context.dark())
    axes = (f"rank by {words.get(pair[0], pair[0])}", f"rank by {words.get(pair[1], pair[1])}")
    alt = "training samples by the ranks that two estimators give them for one prediction"
    lasso.chart(sight, points, groups, lambda: rows, 330, key="pair-chart", alt=alt, scene=Scene(axes=axes))
    selected.opened(sight)
    st.caption(
        f"For {states.plain(query_word(sight, row))}. Circle the corners with the lasso: the samples on which they "
        "differ."
    )
    if len(sight.selection):
        st.button(
            f"Look at the {numbers.plural(len(sight.selection), 'selected sample')} on the map",
            key="selection-to-map",
            icon=":material/scatter_plot:",
            on_click=frame.go,
            args=("map",),
        )


def disagreements(sight: Sight, bench: "BenchResult", first: str, second: str, words: dict[str, str]) -> None:
    """The cards on which the two differ most."""
    table = bench.disagreements
    table = table[((table["a"] == first) & (table["b"] == second)) | ((table["a"] == second) & (table["b"] == first))]
    if table.empty:
        return
    st.markdown(f"**Where {words.get(first, first)} and {words.get(second, second)} differ most**")
    n = int(bench.request["n_train"])
    with st.grid("auto", min_column_width=300, gap="small"):
        for place, line in enumerate(table.head(PAIRS).to_dict("records")):
            with st.container(border=True, gap="xsmall"):
                asked = int(line["query_row"])
                facts = [card_views.Fact("for the prediction", query_word(sight, asked))]
                cards.show(cards.card_of(sight, int(line["row"]), facts), 64, 3)
                st.caption(states.plain(views.disagreement_words(line, words, n)))
                cards.actions(
                    sight, int(line["row"]), f"differ-{place}", reason=f"{first} and {second} disagree about it"
                )


def newest(sight: Sight, run: str) -> "BenchResult | None":
    """The newest comparison on this model, begun or finished; else the newest finished one on another."""
    own = [one for one in sight.project.benches(unfinished=True) if one.run == run]
    return next(iter([*own, *sight.project.benches()]), None)


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Compare")
    st.caption(
        "Which influence estimator can you trust on this model and data? Each is held against retrained models, "
        "planted errors, another seed and the clock."
    )
    if sight.run is None:
        if not jobs.panel(sight.project, ("prepare", "train"), place="compare-train"):
            states.empty(
                "No model yet",
                "Estimators are compared on a trained model.",
                "Train and analyse",
                lambda: jobs.submit(sight.project, "prepare"),
            )
        return
    found = newest(sight, sight.run.id)
    if found is None:
        start(sight, True)
        behaviours.removal(sight)
        return
    words = views.titles()
    if not found.finished:
        jobs.panel(sight.project, ("bench",), place="compare")
        st.caption(views.progress_words(found))
    elif found.run != sight.run.id:
        st.caption(":material/info: Measured on an earlier model of this project. Measure more asks the one in use.")
    elif found.version != sight.labels.version:
        st.caption(f":material/info: {sight.face.nouns.capitalize()} have changed since this was measured.")
    verdict(found, words)
    if len(found.cost) or len(found.fidelity) or len(found.usefulness):
        figures(found, words, sight.face.nouns)
        agreement(sight, found, words)
    with st.expander("How much does the damping matter?", icon=":material/tune:"):
        damping.section(sight)
    if found.finished:
        with st.expander(
            "Measure more",
            icon=":material/add:",
            expanded=bool(jobs.newest(sight.project, ("bench",), lambda job: job.active)),
        ):
            start(sight, False)
    behaviours.removal(sight)


frame.show(main)
