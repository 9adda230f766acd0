"""Review: labels or values that are probably wrong, one at a time by keyboard, or twenty-four at once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from attribution.project.project import Project
from attribution.studies.mislabels.study import FlagConfig
from attribution.views import budget, categories, faces, numbers, queue
from attribution.views import cards as card_views
from pages.parts import (
    bulk,
    cards,
    context,
    cost,
    edits,
    found,
    frame,
    jobs,
    keys,
    kinds,
    marks,
    states,
    stopping,
    suspects,
    targets,
    unlabelled,
)
from pages.parts import rows as review_rows
from pages.parts.context import Sight

SHOWN = 3  # supporters and opponents beside the suspect
VIEWS = ["One by one", "Grid"]
KEYS = {
    "k": "keep-",
    "x": "drop-",
    "s": "suggested-",
    "v": "value-review-",
    "u": "unsure-",
    "t": "tags-",
    "n": "note-",
    "z": "undo",
    **{str(digit): f"label-{digit}-" for digit in range(10)},
}
GRID_KEYS = {"s": "bulk-suggested-", "x": "bulk-drop-", "k": "bulk-keep-", "z": "undo"}


@dataclass(frozen=True)
class Place:
    """The item shown, and where the keys lead: the items before and after it, and the next one that nobody has looked
    at. All are rows: the buttons remember these four numbers instead of the queue. ``version`` is the last edit of the
    item as shown."""

    row: int
    before: int
    after: int
    following: int
    version: dict[int, int]


def place_of(sight: Sight, rows: np.ndarray, at: int) -> Place:
    """The item at a place of the queue."""
    last = len(rows) - 1
    done = suspects.reviewed(sight) | {int(rows[at])}
    following = queue.open_from(rows, done, min(at + 1, last))
    row, before, after, following = (int(rows[way]) for way in (at, max(at - 1, 0), min(at + 1, last), following))
    return Place(row, before, after, following, sight.versions([row]))


def decide(sight: Sight, place: Place, action: str, label: Any = None) -> None:
    """Callback: write the decision on the item shown, then move to the next one that nobody has looked at."""
    row = place.row
    if edits.decided(
        sight.project, action, [row], label, "review queue", suspects.evidence_of(sight, row), place.version
    ):
        move(sight.project, place.following)


def move(project: Project, row: int) -> None:
    """Callback: show another item of the queue."""
    context.put(item=str(project.dataset.ids[row]))


def pick_label(sight: Sight, place: Place) -> None:
    """Callback of the list of all classes."""
    name = st.session_state.get(f"other-label-{place.row}")
    if name in sight.face.choices():
        decide(sight, place, "relabel", sight.face.choices().index(name))


def progress(sight: Sight, rows: np.ndarray) -> None:
    """How far, what it yielded, whether to stop."""
    found = suspects.measured(sight, rows)
    put_off = int(np.isin(rows, sight.unsure).sum())
    st.progress(found.reviewed / max(found.total, 1), text=queue.progress_line(found, put_off))
    stopping.line(sight)


def buttons(sight: Sight, place: Place, suggested: Any) -> None:
    """One button per decision, each with its key on the keyboard. They are the item's own: a press is for the item they
    were drawn for."""
    project, row = sight.project, place.row
    with st.container(horizontal=True, gap="xsmall"):
        for word, shortcut, icon in (("Keep", "K", "check"), ("Drop", "X", "delete")):
            st.button(
                word,
                key=f"{word.lower()}-{row}",
                shortcut=shortcut,
                icon=f":material/{icon}:",
                on_click=decide,
                args=(sight, place, word.lower()),
            )
        put_off = row in sight.unsure
        st.button(
            "Not unsure" if put_off else "Unsure",
            key=f"unsure-{row}",
            shortcut="U",
            icon=":material/help:",
            help="Put it off: it comes back at the end of the queue, and counts as neither right nor wrong.",
            on_click=decide,
            args=(sight, place, "sure" if put_off else "unsure"),
        )
        st.button("Undo", key="undo", shortcut="Z", icon=":material/undo:", on_click=suspects.undo, args=(project,))
        keys.arrows(("back", "forward"), "", move, ((project, place.before), (project, place.after)))
    enter = pick(sight, place, int(suggested)) if sight.face.picks else write(sight, place, suggested)
    keys.shown([row, *place.version.values()], enter)


def write(sight: Sight, place: Place, suggested: Any) -> str:
    """The suggested target at one key, and a field for any other; the key of the suggestion's button."""
    face, row = sight.face, place.row
    given = sight.labels.values[row]
    st.caption(f"Or give it {'other' if face.noun == face.nouns else 'another'} {face.noun}{face.typing}:")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.button(
            states.plain(f"Take {face.suggestion(suggested)}"),
            key=f"suggested-{row}",
            shortcut="S",
            type="primary",
            disabled=face.same(suggested, given),
            on_click=decide,
            args=(sight, place, "relabel", suggested),
        )
        targets.field(sight, f"review-{row}", given, lambda value: decide(sight, place, "relabel", value))
    return f"suggested-{row}"


def pick(sight: Sight, place: Place, suggested: int) -> str:
    """A button per class, each with its key; the key of the one that stands out ("": none does)."""
    row = place.row
    names = sight.face.choices()
    given = int(sight.labels.values[row])
    known = sight.flags.has(row) and sight.flags.out_of_fold.ndim == 2
    chances = sight.flags.probabilities_of(row) if known else None
    likely = list(range(len(names))) if chances is None else queue.likeliest(chances, given, suggested)
    preferred = suggested if chances is None else queue.preferred(chances, given, suggested)
    keyed = queue.keyed_labels(names, likely)
    out = [key for key, label in keyed if label == preferred and label != given]
    st.caption(f"Or relabel{f', Enter for {states.plain(names[preferred])}' if out else ''}:")
    with st.container(horizontal=True, gap="xsmall"):
        for key, label in keyed:
            st.button(
                states.plain(names[label]),
                key=f"label-{key}-{row}",
                shortcut=key,
                type="primary" if label == preferred else "secondary",
                disabled=label == given,
                on_click=decide,
                args=(sight, place, "relabel", label),
            )
        if len(names) > 10:
            st.selectbox(
                "Another class",
                names,
                index=None,
                placeholder="Another class",
                key=f"other-label-{row}",
                label_visibility="collapsed",
                on_change=pick_label,
                args=(sight, place),
                width=200,
            )
    return f"label-{out[0]}-{row}" if out else ""


def item(sight: Sight, rows: np.ndarray) -> None:
    """The suspect large, why it is one, what supports and what contradicts its label, and the keys."""
    project = sight.project
    shown = project.dataset.row_of(context.get("item"))
    known = np.flatnonzero(rows == (-1 if shown is None else shown))
    at = int(known[0]) if len(known) else queue.open_from(rows, suspects.reviewed(sight), 0)
    row = int(rows[at])
    entry = sight.flags.entry(row)
    suggested = entry["suggested"]
    left, right = st.columns([4, 7], gap="large")
    with left:
        with st.container(border=True):
            card = cards.card_of(sight, row, cards.spoken(sight, row), size=280)
            cards.whole(sight, card, "review", 252, 1.25)
        st.caption(f"Suspect {numbers.count(at + 1)} of {numbers.count(len(rows))}")
        with st.container(key="review-side"):  # behind the decision in a narrow window
            cards.ways(sight, row, "review")
            marks.fields(sight, row, "review", by_key=True)
    with right:
        verdict = str(sight.states["verdict"].get(row, ""))
        value = sight.labels.values[row]
        if verdict:
            st.markdown(f"#### {states.plain(sight.face.decided(verdict, value))}")
        else:
            title, beneath = sight.face.question(value, entry, faces.who_says(sight.flags))
            st.markdown(f"#### {states.plain(title)}", help=sight.face.suggested_help)
            st.caption(states.plain(beneath))
        kinds.badge(sight, row)
        buttons(sight, place_of(sight, rows, at), suggested)
        reasons = [states.plain(sentence).replace(" %", "\u00a0%") for sentence in sight.flags.reasons(row)[:4]]
        st.markdown("\n".join(f"- {reason}" for reason in reasons))
    compare(sight, row)
    kinds.why(sight, row)
    with st.expander("Every detector", icon=":material/troubleshoot:"):
        table = queue.detector_table(entry, sight.flags.config["detectors"], len(sight.flags.detectors))
        st.dataframe(
            table,
            hide_index=True,
            alt="Value and rank of every detector for this sample",
            column_config={
                "value": st.column_config.NumberColumn(format="%.4g", help="Higher is more suspicious."),
                "rank": st.column_config.NumberColumn(help="1 is the most suspicious of all training samples."),
                "top": st.column_config.NumberColumn("among the top", format="percent"),
            },
        )


def compare(sight: Sight, row: int) -> None:
    """The training samples that pull with the given label beside those that pull against it."""
    words = (
        ("supporter", f"Speak for the given {sight.face.noun}", "They pull the model the same way."),
        ("opponent", "Speak against it", "They pull the other way."),
    )
    columns = st.columns(2, gap="large")
    for (kind, title, meaning), column in zip(words, columns, strict=True):
        with column:
            st.markdown(f"**{title}**", help=f"{meaning} Found by the cosine between the gradients.")
            found = sight.flags.case(row, kind).head(SHOWN)
            if found.empty:
                st.caption("Not prepared for this sample: only the most suspicious ones have it.")
                continue
            with st.grid("auto", min_column_width=190, gap="small"):
                for line in found.to_dict("records"):
                    fact = card_views.Fact("cosine", numbers.three_digits(line["cosine"], signed=True))
                    with st.container(border=True, gap="xsmall"):
                        cards.show(cards.card_of(sight, int(line["other"]), [fact], suspicion=False), 56, 3)
                        cards.like(sight, int(line["other"]), f"{kind}-{row}")


def filters(sight: Sight, rows: np.ndarray) -> tuple[np.ndarray, str]:
    """How deep to look, which label and kind, and the view."""
    project = sight.project
    with st.container(horizontal=True, vertical_alignment="bottom"):
        view = st.segmented_control(
            "View",
            VIEWS,
            default=VIEWS[0],
            required=True,
            key="view",
            bind="query-params",
            label_visibility="collapsed",
        )
        with st.popover("Filter", icon=":material/filter_list:"):
            names = sight.face.choices() if sight.face.picks else ()
            name = None
            if names:
                name = st.selectbox(
                    "Given label", names, index=None, placeholder="Every class", key="given", bind="query-params"
                )
            kind = kinds.choose(sight)
            beyond = f"Beyond the expected number of wrong {sight.face.nouns}"
            everything = st.toggle(beyond, key="deep", bind="query-params")
            within = len(sight.selection) > 0 and st.toggle(
                f"Only the selection ({numbers.count(len(sight.selection))})", key="within", bind="query-params"
            )
    if everything or within or sight.found is not None:
        rows = sight.flags.order
    rows = found.narrowed(sight, rows)
    if within:
        rows = rows[np.isin(rows, sight.selection)]
    if name in names:
        rows = rows[project.dataset.labels[rows] == names.index(name)]
    if kind and sight.categories is not None:
        rows = categories.rows_of(sight.categories.table, rows, kind)
    return rows, view or VIEWS[0]


def nothing_yet(sight: Sight) -> None:
    """Offer the search, with a training before it where there is no model."""
    noun = sight.face.noun
    search = ("mislabels", f"Look for wrong {sight.face.nouns}")
    kind, words = search if sight.run is not None else ("prepare", "Train and analyse")
    states.empty(
        f"Nobody has looked for wrong {sight.face.nouns} yet",
        f"Several detectors rank every training {noun} by how likely it is wrong. It takes a few minutes.",
        words,
        lambda: jobs.submit(sight.project, kind),
        icon=":material/rule:",
    )
    if sight.run is not None:
        cost.show(sight, "mislabels", FlagConfig(), "flag")


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Review")
    if sight.face.no_search:
        review_rows.show(sight)
        return
    running = jobs.panel(sight.project, ("mislabels", "prepare"), place="review")
    if unlabelled.asked_for(sight, bare := unlabelled.waiting(sight)):
        unlabelled.show(sight, bare)
        return
    if sight.flags is None:
        if not running:
            nothing_yet(sight)
        return
    st.markdown(
        sight.flags.headline()
        if sight.budget is None
        else budget.headline(sight.budget, sight.flags.estimate, sight.face.noun.removesuffix("s"))
    )
    if sight.run is not None and sight.flags.run != sight.run.id and not running:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(":material/info: These suspects were found with an earlier model.", width="content")
            st.button(
                "Look again with this model",
                key="reflag",
                type="tertiary",
                on_click=jobs.submit,
                args=(sight.project, "mislabels"),
            )
    found.chip(sight)
    rows, view = filters(sight, queue.suspects(sight.flags.order, sight.flags.suspects))
    if not len(rows):
        sentence = "Choose others, or clear the one above." if sight.find else "Choose others."
        states.empty("No suspect passes the filters", sentence, icon=":material/filter_alt_off:")
        return
    rows = queue.put_off_last(rows, sight.unsure)
    keys.listen(GRID_KEYS if view == "Grid" else KEYS)
    progress(sight, rows)
    if view == "Grid":
        suspects.grid(sight, rows)
    else:
        item(sight, rows)
        if suspects.measured(sight, rows).reviewed == len(rows):
            suspects.finished(sight)
    bulk.fold(sight)
    stopping.fold(sight)
    kinds.against_truth(sight)


frame.show(main)
