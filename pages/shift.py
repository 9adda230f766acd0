"""Shift: does the test set look like the training set, and if not, where not."""

import streamlit as st

from attribution.studies.shift.result import ShiftResult
from attribution.studies.shift.study import ShiftConfig
from attribution.views import leaks, numbers, shift
from attribution.views.cards import Fact
from pages.parts import cards, charts, context, frame, jobs, states
from pages.parts.context import Sight


def chosen_space(sight: Sight) -> str:
    """By the data themselves, or by what the model sees."""
    known = ["inputs"] if sight.run is None else list(shift.SPACES)
    return (
        st.segmented_control(
            "Told apart by",
            known,
            default="inputs",
            required=True,
            key="shift-space",
            format_func=shift.SPACES.__getitem__,
            help="The model has seen the training samples and may know them again; the data themselves have no memory.",
        )
        or "inputs"
    )


def start(sight: Sight, space: str) -> None:
    """Callback: compare."""
    jobs.submit(sight.project, "shift", ShiftConfig(space=space))


def figures(result: ShiftResult) -> None:
    """AUC, control, chance."""
    counts = result.config["counts"]
    chance = shift.chance_words(result.p_value)
    with st.grid(3, min_column_width=215):
        st.metric(
            "Test against training",
            f"AUC {result.auc.estimate:.2f}",
            f"{result.auc.low:.2f} to {result.auc.high:.2f}",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help="Chance that a test sample looks more like a test sample than a training sample does. 0.5 is no "
            "difference, 1 always told apart.",
        )
        if result.control is not None:
            st.metric(
                "Validation against training",
                f"AUC {result.control.estimate:.2f}",
                f"{result.control.low:.2f} to {result.control.high:.2f}",
                delta_color="off",
                delta_arrow="off",
                border=True,
                help="The control: what is told apart here, too, is not about the test set.",
            )
        st.metric(
            "Chance alone shows it in",
            f"{chance} splits",
            f"{numbers.count(counts['train'])} training, {numbers.count(counts['test'])} test",
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"Were both sets drawn alike, chance alone would show an AUC this large in {chance} splits: p-value "
            f"{numbers.three_digits(result.p_value)}, one-sided.",
        )


def differences(sight: Sight, result: ShiftResult) -> None:
    """Columns, regions and labels: a chart with intervals and the words."""
    present = [kind for kind in shift.KINDS if (result.differences["kind"] == kind).any()]
    st.subheader("Where they differ")
    st.markdown(states.plain(shift.clear_ones(result)))
    for kind, tab in zip(present, st.tabs([shift.KINDS[kind] for kind in present]), strict=True):
        with tab:
            st.caption(
                f"{shift.NOTES[kind]} Bars are {numbers.whole_percent(result.auc.level)} intervals, widened for "
                "the number of lines."
            )
            charts.show(result.figure(kind, dark=context.dark()), f"shift-{kind}")
            st.dataframe(shift.table_of(result, kind), hide_index=True, alt=f"What differs, per {kind}")
            if kind == "region":
                typical(sight, result)


def typical(sight: Sight, result: ShiftResult) -> None:
    """A typical sample of each region."""
    lines = result.differences[result.differences["kind"] == "region"].head(6)
    with st.grid("auto", min_column_width=190, gap="small"):
        for line in lines.to_dict("records"):
            with st.container(border=True, gap="xsmall"):
                st.caption(f"Region {states.plain(str(line['name']))}")
                cards.show(cards.card_of(sight, int(line["row"]), suspicion=False), 56, 3)
                cards.like(sight, int(line["row"]), "region")


def extremes(sight: Sight, result: ShiftResult) -> None:
    """The most test-like training samples and the most train-like test samples."""
    words = (("train", "Most test-like training samples"), ("test", "Most training-like test samples"))
    columns = st.columns(2, gap="large")
    for (split, title), column in zip(words, columns, strict=True):
        with column:
            st.subheader(title)
            lines = result.samples[result.samples["split"] == split].sort_values("rank").head(6)
            with st.grid("auto", min_column_width=170, gap="small"):
                for line in lines.to_dict("records"):
                    with st.container(border=True):
                        fact = Fact("looks like test", numbers.percent(float(line["p_test"])))
                        cards.show(cards.card_of(sight, int(line["row"]), [fact], suspicion=False), 56, 3)
                        cards.like(sight, int(line["row"]), f"extreme-{split}")


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Train vs test")
    if sight.leak_gap is not None:
        with st.container(border=True, horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            gap = states.plain(leaks.gap_sentence(sight.leak_gap, sight.project.dataset.task.figures[0]))
            st.markdown(f":material/content_copy: {gap}", width="content")
            st.button("Judge the leaks", key="to-leaks", on_click=frame.go, args=("leaks",))
    if not sight.project.info.counts.get("test"):
        states.empty(
            "There is no test set", "Import the data with one, and this page compares it with the training set."
        )
        return
    space = chosen_space(sight)
    wanted = [found for found in sight.project.shifts() if found.space == space]
    if space == "representation" and sight.run is not None:
        wanted = [found for found in wanted if found.config["run"] == sight.run.id]
    running = jobs.panel(sight.project, ("shift",), lambda job: job.config.get("space") == space, place="shift")
    if not wanted:
        if not running:
            states.empty(
                "Does the test set look like the training set?",
                "A classifier is trained to tell them apart. If it cannot, the test score speaks for data like "
                "your training data. Under a minute.",
                "Compare them",
                lambda: start(sight, space),
                icon=":material/compare_arrows:",
            )
        return
    result = context.kept(wanted[0])
    if result.version != sight.labels.version and not running:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(":material/info: Edits were made since.", width="content")
            st.button("Compare again", key="shift-again", type="tertiary", on_click=start, args=(sight, space))
    st.markdown(f"#### {states.plain(result.verdict)}")
    st.markdown(shift.meaning(result))
    figures(result)
    differences(sight, result)
    extremes(sight, result)


frame.show(main)
