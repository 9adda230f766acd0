"""Duplicates inside training: groups, conflicting labels first, and keep-one for one group or for all."""

import numpy as np
import streamlit as st

from attribution.views import leaks
from attribution.views.numbers import count, plural, three_digits
from pages.parts import cards, edits, keys, states
from pages.parts.context import Sight

GROUPS = 8  # on a page
SHOWN = 6  # samples of one group


def show(sight: Sight, threshold: float) -> None:
    """The tab."""
    labels, active = sight.labels.values, sight.labels.active
    cases = leaks.still_double(sight.leaks.cases(labels, threshold, "duplicate"), active)
    if cases.empty:
        states.empty(
            "No duplicates inside training",
            "No two training samples are this close, or one of each group is left already.",
            icon=":material/task_alt:",
        )
        return
    extra = leaks.keep_one(cases, active, labels, sight.leaks.alike)
    with st.container(horizontal=True, vertical_alignment="center"):
        conflicts = int(cases["conflict"].sum())
        differing = f", {count(conflicts)} with {sight.face.nouns} that differ." if conflicts else "."
        st.markdown(
            f"**{plural(len(cases), 'group')}** of samples that are the same or nearly so{differing}", width="content"
        )
        st.button(
            f"Keep one of each: drop {plural(len(extra), 'copy', 'copies')}",
            key=f"keep-one-{keys.digest(extra)}",
            type="primary",
            disabled=not extra,
            help=f"One batch in the ledger, taken back with one undo. Groups whose {sight.face.nouns} differ are left "
            "for you to decide.",
            on_click=edits.decide,
            args=(
                sight.project,
                "drop",
                extra,
                None,
                "duplicate: one of each kept",
                {"threshold": threshold, "groups": len(cases)},
                sight.versions(extra),
            ),
        )
        st.button("Undo", key="undo-duplicates", icon=":material/undo:", on_click=edits.undo, args=(sight.project,))
    page = cards.page_number(len(cases), GROUPS, "page-duplicates")
    for case in cases.iloc[(page - 1) * GROUPS : page * GROUPS].itertuples():
        group(sight, sorted({*case.rows, *case.others}), case.kind, float(case.ratio), bool(case.conflict))
    cards.pager(len(cases), GROUPS, "page-duplicates")


def group(sight: Sight, members: list[int], kind: str, ratio: float, conflict: bool) -> None:
    """One group: its samples, and which one to keep."""
    left = [row for row in members if sight.labels.active[row]]
    with st.container(border=True, gap="small"):
        how = (
            "The same content"
            if kind == "exact"
            else f"At {three_digits(ratio)} of the usual distance between neighbours"
        )
        note = f" · **{sight.face.nouns} differ: keep the right one**" if conflict else ""
        more = f" · {count(len(members) - SHOWN)} more not shown" if len(members) > SHOWN else ""
        st.markdown(f"{how} · {plural(len(members), 'sample')}{note}{more}")
        with st.grid("auto", min_column_width=215, gap="small"):
            for row in members[:SHOWN]:
                with st.container(border=True, gap="xsmall"):
                    cards.show(cards.card_of(sight, row), 84, 5)
                    rest = [other for other in left if other != row]
                    reason = f"duplicate of {sight.project.dataset.ids[row]}"
                    evidence = {"ratio": round(ratio, 4)}
                    cards.like(sight, row, "duplicate")
                    st.button(
                        "Keep only this",
                        key=f"keep-only-{row}-{keys.digest(rest)}",
                        disabled=row not in left or not rest,
                        on_click=edits.decide,
                        args=(sight.project, "drop", rest, None, reason, evidence, sight.versions(rest)),
                    )


def waiting(sight: Sight, threshold: float) -> int:
    """How many training samples are superfluous copies."""
    cases = leaks.still_double(sight.leaks.cases(sight.labels.values, threshold, "duplicate"), sight.labels.active)
    active = sight.labels.active
    return int(
        sum(
            np.sum(active[sorted({*rows, *others})]) - 1
            for rows, others in zip(cases["rows"], cases["others"], strict=True)
        )
    )
