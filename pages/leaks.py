"""Leaks: training samples that repeat a test or validation sample, one pair at a time by keyboard; and duplicates
inside training."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from attribution.modalities import modality_of
from attribution.project.project import Project
from attribution.studies.leaks.result import GRID
from attribution.views import leaks, numbers
from pages.parts import benchmark, cards, context, duplicates, edits, frame, jobs, keys, pair, states
from pages.parts.context import Sight

VIEWS = ["Leaks", "Duplicates in training"]
BENCHMARK = "Benchmark"
SAID = {
    "leak": "as a leak",
    "test": "as leaked into training",
    "legitimate": "as no leak",
}


def name_of(project: Project, case: Any) -> str:
    """What a case is called in the address."""
    return f"{project.dataset.ids[case.row]}~{project.dataset.ids[case.other]}"


def decide(sight: Sight, cases: pd.DataFrame, at: int, verdict: str, threshold: float, expect: dict[int, int]) -> None:
    """Callback: write the verdict on the case shown with all its evidence, then move to the next open one. ``expect``
    is how all samples of the case stood when it was shown: a verdict on a case that was decided since is dropped."""
    case = cases.iloc[at]
    ids = sight.project.dataset.ids
    rows = list(case["rows"] if verdict == "leak" else case["others"])
    found = sight.leaks.evidence(case["row"], case["other"], threshold)
    change = str(sight.leaks.pair(case["row"], case["other"])["change"])
    evidence = leaks.evidence_for_ledger(found, str(ids[case["row"]]), str(ids[case["other"]]), change)
    if verdict == "leak":
        reason = f"leak: repeats {ids[case['other']]}"
    else:
        reason = f"{'leaked' if verdict == 'test' else 'no leak, legitimate'}: {ids[case['row']]} in training"
    action = "keep" if verdict == "legitimate" else "drop"
    if not edits.decided(sight.project, action, rows, None, reason, evidence, expect, SAID[verdict]):
        return
    verdicts = leaks.verdicts(cases, sight.project.states())
    waiting = [place for place in [*range(at + 1, len(cases)), *range(at)] if not verdicts[place]]
    move(sight.project, cases, waiting[0] if waiting else at)


def move(project: Project, cases: pd.DataFrame, to: int) -> None:
    """Callback: show another case."""
    context.put(case=name_of(project, cases.iloc[min(max(to, 0), len(cases) - 1)]))


def undo(sight: Sight, cases: pd.DataFrame) -> None:
    """Callback: take back the newest decision and show its case again."""
    taken_back = edits.undone(sight.project)
    rows = set(sight.project.dataset.rows_of(taken_back).tolist()) if taken_back else set()
    for at, case in enumerate(cases.itertuples()):
        if rows & {*case.rows, *case.others}:
            move(sight.project, cases, at)
            return


def score(sight: Sight, cases: pd.DataFrame, verdicts: Sequence[str]) -> None:
    """The test score with and without leaked samples, with intervals."""
    if sight.run is None or not len(cases):
        return
    test = sight.project.dataset.rows("test")
    confirmed = [one in ("leak", "test") for one in verdicts]
    wanted = confirmed if any(confirmed) else [one != "legitimate" for one in verdicts]
    left_out = np.isin(test, leaks.leaked_rows(cases, wanted))
    if not len(test) or not left_out.any():
        return
    found = sight.face.score_without(sight.predictions.loc[test], left_out)
    with st.grid(3, min_column_width=215):
        for figure in leaks.score_figures(found, any(confirmed), sight.project.dataset.task.figures[0]):
            states.metric(figure, border=True)
    st.caption(
        "The model learned the leaked samples in training, so its score on them says nothing. Their training "
        "copies are in the model until it is retrained."
    )


def threshold_of(sight: Sight, relation: str) -> float:
    """The movable threshold with its count, which changes at once."""
    result = sight.leaks
    options = [float(value) for value in GRID]
    nearest = min(options, key=lambda value: abs(value - result.threshold))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.select_slider(
            "Threshold, in usual distances between neighbours",
            options,
            value=nearest,
            key=f"threshold-{result.id}-{relation}",
            help="The usual distance is the median over training samples of the distance to the nearest other one.",
            width=420,
        )
        counts = result.counts(relation)
        here, usual = (numbers.plural(leaks.count_at(counts, value), "case") for value in (chosen, nearest))
        st.markdown(
            f"**{here}** at {chosen:g}" + (f" · {usual} at the default {nearest:g}" if chosen != nearest else "")
        )
    if missed := leaks.not_compared(result.config.get("certain"), result.config.get("recall", 1.0), float(chosen)):
        st.caption(f":material/info: {missed}")
    return float(chosen)


def buttons(sight: Sight, cases: pd.DataFrame, at: int, threshold: float) -> None:
    """One button per verdict, each with its key on the keyboard. They are the case's own: a press is for the case they
    were drawn for."""
    case = cases.iloc[at]
    shown = sight.versions([int(row) for row in {*case["rows"], *case["others"]}])
    words = (
        ("leak", "Leak: drop from training", "L", ":material/delete:"),
        (
            "test",
            f"Drop from {leaks.held_out(sight.project.dataset.samples['split'], case['others'])}",
            "T",
            ":material/content_cut:",
        ),
        ("legitimate", "Legitimate: keep both", "K", ":material/check:"),
    )
    with st.container(horizontal=True, gap="xsmall"):
        for verdict, title, key, icon in words:
            st.button(
                title,
                key=f"verdict-{verdict}-{int(case['row'])}-{int(case['other'])}",
                shortcut=key,
                icon=icon,
                type="primary" if verdict == "leak" else "secondary",
                on_click=decide,
                args=(sight, cases, at, verdict, threshold, shown),
            )
        st.button("Undo", key="undo", shortcut="Z", icon=":material/undo:", on_click=undo, args=(sight, cases))
        asked = ((sight.project, cases, at - 1), (sight.project, cases, at + 1))
        keys.arrows(("back", "forward"), "", move, asked)
    keys.shown([case["row"], case["other"], *shown.values()])


def item(sight: Sight, cases: pd.DataFrame, verdicts: Sequence[str], threshold: float) -> None:
    """One case: the pair side by side, the verdict's keys, every piece of evidence, and what else belongs to it."""
    project = sight.project
    names = [name_of(sight.project, case) for case in cases.itertuples()]
    first = next((place for place, one in enumerate(verdicts) if not one), 0)
    at = names.index(context.get("case")) if context.get("case") in names else first
    case = cases.iloc[at]
    row, other = int(case["row"]), int(case["other"])
    line = sight.leaks.pair(row, other)
    split = {"val": "Validation sample", "test": "Test sample"}[str(project.dataset.line(other)["split"])]
    decided = sum(bool(one) for one in verdicts)
    st.progress(
        decided / len(cases),
        text=f"Case {numbers.count(at + 1)} of {numbers.count(len(cases))} · {numbers.count(decided)} decided",
    )
    how = (
        "The same content"
        if case["kind"] == "exact"
        else f"At {numbers.three_digits(case['ratio'])} of the usual distance"
    )
    title = f"#### {how}" + (f", {line['change']}" if line["change"] else "") + "."
    if case["conflict"]:
        labels, nouns = sight.labels.values, sight.face.nouns
        own = not sight.face.same(labels[row], labels[other])
        title += f" The {nouns} differ." if own else f" The {nouns} of other samples in this case differ."
    if verdicts[at]:
        title = f"#### Decided: {leaks.VERDICTS[verdicts[at]]}."
    st.markdown(title)
    buttons(sight, cases, at, threshold)
    pair.show(sight, row, other, str(line["change"]), ("Training sample", split))
    st.table(
        leaks.evidence_table(sight.leaks.evidence(row, other, threshold)),
        hide_index=True,
        alt="Every piece of evidence with its value and the threshold it is held against",
    )
    rest = [one for one in (*case["rows"], *case["others"]) if one not in (row, other)]
    if rest:
        st.markdown(f"**Also in this case: {numbers.plural(len(rest), 'sample')}** (a verdict is for all of them)")
        cards.grid(sight, rest, "case", buttons=False)


def exact_ones(sight: Sight, cases: pd.DataFrame, verdicts: Sequence[str]) -> None:
    """One button for all exact copies that nobody has judged: there is nothing to weigh in the same content twice."""
    rows = leaks.exact_copies(cases, verdicts, sight.labels.active)
    if len(rows) < 2:
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.button(
            f"Drop all {numbers.count(len(rows))} exact copies from training",
            key=f"drop-exact-{keys.digest(rows)}",
            icon=":material/delete_sweep:",
            on_click=edits.decide,
            args=(
                sight.project,
                "drop",
                rows,
                None,
                "leak: the same content is held out",
                {"cases": len(cases), "kind": "exact"},
                sight.versions(rows),
            ),
        )
        st.caption("One batch; one undo takes it back. Close ones are left for you to judge.", width="content")


def every_case(sight: Sight, cases: pd.DataFrame, verdicts: Sequence[str]) -> None:
    """The list of cases; a click opens one."""
    project = sight.project

    def opened() -> None:
        picked = st.session_state["case-table"]["selection"]["rows"]
        if picked:
            move(project, cases, picked[0])

    with st.expander(f"All {numbers.plural(len(cases), 'case')}, by evidence", icon=":material/list:"):
        st.dataframe(
            leaks.case_table(cases, project.dataset.ids, sight.labels.values, sight.face, verdicts),
            hide_index=True,
            key="case-table",
            on_select=opened,
            selection_mode="single-row",
            height=360 if len(cases) > 9 else "content",
            alt=f"Every case with its kind, distance, samples, {sight.face.nouns} and verdict",
            column_config={
                "distance": st.column_config.NumberColumn(
                    format="%.3f", help="In usual distances between neighbours in training."
                ),
                "samples": st.column_config.NumberColumn(help="Samples that belong to this case."),
            },
        )


def court(sight: Sight) -> None:
    """The leaks tab."""
    threshold = threshold_of(sight, "leak")
    cases = sight.leaks.cases(sight.labels.values, threshold)
    alone = leaks.nothing_held_out(sight.project.info.counts)
    if cases.empty:
        states.empty(
            "No leak can be found" if alone else "No leak at this threshold",
            alone
            or "No training sample is this close to a test or validation sample. Move the threshold to look further.",
            icon=":material/task_alt:",
        )
        return
    verdicts = leaks.verdicts(cases, sight.states)
    keys.listen({"l": "verdict-leak-", "t": "verdict-test-", "k": "verdict-legitimate-", "z": "undo"})
    st.markdown(leaks.headline(cases, verdicts))
    score(sight, cases, verdicts)
    exact_ones(sight, cases, verdicts)
    item(sight, cases, verdicts, threshold)
    every_case(sight, cases, verdicts)


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Leaks")
    if modality_of(sight.project.dataset).shown_as == "chat":
        if choose([*VIEWS, BENCHMARK]) == BENCHMARK:
            benchmark.show(sight)
            return
        searched(sight, st.session_state["leak-view"])
    else:
        searched(sight)


def choose(views: list[str]) -> str:
    """Which view; bound to the address."""
    return st.segmented_control(
        "View",
        views,
        default=views[0],
        required=True,
        key="leak-view",
        bind="query-params",
        label_visibility="collapsed",
    )


def searched(sight: Sight, view: str = "") -> None:
    """What the search for leaks and duplicates found; ``view``: which of them, "" to ask."""
    running = jobs.panel(sight.project, ("leaks", "prepare"), place="leaks")
    if sight.leaks is None:
        if not running:
            kind, words = ("leaks", "Look for leaks") if sight.run is not None else ("prepare", "Train and analyse")
            states.empty(
                "Nobody has looked for leaks yet",
                "A training sample that repeats a test sample makes the test score a lie. The search compares "
                f"the {modality_of(sight.project.dataset).title} themselves, and what the model sees of them. It takes "
                "about a minute.",
                words,
                lambda: jobs.submit(sight.project, kind),
                icon=":material/content_copy:",
            )
        return
    if sight.run is not None and sight.leaks.run != sight.run.id and not running:
        _look_again(sight)
    if (view or choose(VIEWS)) == VIEWS[1]:
        duplicates.show(sight, threshold_of(sight, "duplicate"))
    else:
        court(sight)


def _look_again(sight: Sight) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(":material/info: These were found with an earlier model.", width="content")
        args = (sight.project, "leaks")
        st.button("Look again with this model", key="look-again", type="tertiary", on_click=jobs.submit, args=args)


frame.show(main)
