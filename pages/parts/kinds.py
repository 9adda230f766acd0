"""What kind of sample a suspect is: its badge, why, the filter, and how well that works where the truth is known."""

import streamlit as st

from attribution.studies.categories.categories import RULE
from attribution.studies.categories.truth import truth_file
from attribution.views import categories, numbers, queue
from pages.parts import states
from pages.parts.context import Sight

SHOWN = 2  # signals beside the badge; the fold below has all


def badge(sight: Sight, row: int) -> None:
    """The class, the runner-up, and the two strongest signals."""
    found = sight.categories
    if found is None or not found.has(row):
        return
    entry = found.entry(row)
    kind, second = str(entry["category"]), str(entry["runner_up"])
    margin = numbers.three_digits(float(entry["margin"]))
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.badge(kind.capitalize(), color=categories.BADGES.get(kind, "gray"))
        st.caption(
            f"next most likely: {second}, {categories.behind(float(entry['margin']))}",
            help=f"{categories.MEANING[kind]} By how much it leads: {margin} of 1.",
            width="content",
        )
    st.caption(" ".join(_plain(line) for line in found.signals(row)[:SHOWN]))


def why(sight: Sight, row: int) -> None:
    """All signals of the class and of the runner-up, and the rule."""
    found = sight.categories
    if found is None or not found.has(row):
        return
    entry = found.entry(row)
    with st.expander(f"Why {entry['category']} rather than {entry['runner_up']}", icon=":material/category:"):
        columns = st.columns(2, gap="large")
        for kind, column in zip((str(entry["category"]), str(entry["runner_up"])), columns, strict=True):
            with column:
                strength = entry.get(f"strength:{kind}")
                st.markdown(
                    f"**{kind.capitalize()}**"
                    + (f" · strength {numbers.three_digits(float(strength))} of 1" if strength is not None else "")
                )
                st.caption(categories.MEANING[kind])
                st.markdown("\n".join(f"- {_plain(line)}" for line in found.signals(row, kind)))
        st.caption(RULE)


def choose(sight: Sight) -> str:
    """The filter by class; "" for every class."""
    if sight.categories is None:
        return ""
    limit = queue.suspects(sight.flags.order, sight.flags.suspects)
    counts = categories.counts_of(sight.categories, limit)
    chosen = st.selectbox(
        "What it probably is",
        [kind for kind in categories.MEANING if kind in counts],
        index=None,
        placeholder="Everything",
        format_func=lambda kind: f"{kind} ({numbers.count(counts[kind])})",
        key="review-kind",
        help="Among the suspects of the queue.",
    )
    return chosen or ""


def against_truth(sight: Sight) -> None:
    """On a project whose errors are known: the classes against the truth, said to come from a file."""
    truth = sight.truth
    if truth is None or sight.categories is None:
        return
    with st.expander("How well does this work on the sample?", icon=":material/fact_check:"):
        path = truth_file(sight.project.data_config.path)
        name = f"{path.parent.name}/{path.name}" if path else ""
        st.markdown(
            f"Some errors of this sample are known: they are listed in `{name}` beside its data. The app reads that "
            "file for this table only. The rule was settled looking at the image sample, so its own figures flatter "
            "the rule a little."
        )
        table = sight.categories.table
        limit = queue.suspects(sight.flags.order, sight.flags.suspects)
        if truth["wrong"].any():
            inside = categories.quality(table, truth, "mislabelled", "wrong", limit)
            st.markdown(f"**In the queue:** {inside.sentence('mislabelled', 'wrong')}")
            st.markdown(
                "**In all training data:** "
                f"{categories.quality(table, truth, 'mislabelled', 'wrong').sentence('mislabelled', 'wrong')}"
            )
        if truth["leak"].any() and (table["category"] == "leaked").any():
            st.markdown(
                "**Leaks:** "
                f"{categories.quality(table, truth, 'leaked', 'leak').sentence('leaked', 'copies of test samples')}"
            )
        elif truth["leak"].any():
            st.markdown("**Leaks:** nobody has looked for them yet, so no sample is called leaked.")
        st.dataframe(
            categories.truth_table(table, truth),
            hide_index=True,
            alt="Training samples by what is known of them and by the class they were given",
        )
        st.caption(
            "Numbers of training samples. Rows: what is known. Columns: what the rule says. Ranges are 95 % intervals."
        )


def _plain(text: str) -> str:
    return states.plain(text).replace(" %", "\u00a0%")
