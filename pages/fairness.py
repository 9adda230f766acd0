"""Fairness & robustness: which training samples make the model unfair to a group or easy to fool, and what happens
without them."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attribution.figures import fairness as drawings
from attribution.modalities import modality_of
from attribution.settings.ranges import limits
from attribution.studies.fairness.judged import GAPS, TARGETS, Judged
from attribution.studies.fairness.study import RemedyConfig
from attribution.views import cards as card_views
from attribution.views import fairness, numbers, tables
from pages.parts import cards, charts, context, edits, elsewhere, frame, jobs, keys, nearest, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.studies.fairness.result import FairnessResult

SHOWN = 12


def question(sight: Sight) -> RemedyConfig | None:
    """What is to improve, chosen on the page; None when the data can have no such measure."""
    project = sight.project
    has_groups = bool(project.samples["group"].fillna("").astype(str).ne("").any())
    names, why = fairness.offered(has_groups, modality_of(project.dataset).attackable(project.info))
    if not names:
        nearest.parts(sight, "No gap between groups and no attack can be measured here", why)
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.segmented_control(
            "What should improve?",
            names,
            default=names[0],
            required=True,
            key="measure",
            format_func=lambda name: fairness.CHOICES[name][0],
        )
        measure = measure or names[0]
        positive = ""
        epsilon = 0.1
        if TARGETS[measure] in GAPS:
            last = len(project.classes) - 1
            chosen = st.selectbox(
                "Positive class",
                project.classes,
                index=last,
                key="positive",
                width=180,
                help="The outcome that groups should get alike.",
            )
            positive = "" if chosen in (None, project.classes[last]) else str(chosen)
        else:
            epsilon = float(
                st.number_input(
                    "Reach of the attack",
                    max(0.01, limits(RemedyConfig, "epsilon")[0]),
                    limits(RemedyConfig, "epsilon")[1],
                    0.1,
                    0.05,
                    key="epsilon",
                    width=180,
                    help="How far each input may be moved, in standard deviations of the inputs.",
                )
            )
    st.caption(fairness.CHOICES[measure][1])
    if why:
        st.caption(f":material/info: {why}")
    return RemedyConfig(measure=measure, positive=positive, epsilon=epsilon)


def judged_now(sight: Sight, positive: str) -> Judged:
    """The current model's decisions on the active test samples."""
    project = sight.project
    rows = project.dataset.rows("test")
    rows = rows[sight.labels.active[rows]]
    groups = project.samples["group"].fillna("").astype(str).to_numpy(dtype=object)[rows]
    place = project.class_index(positive) if positive else len(project.classes) - 1
    decisions = sight.predictions.loc[rows, "prediction"].to_numpy(dtype=np.int64)[None, :]
    return Judged(sight.labels.values[rows], decisions, place, groups)


def now(sight: Sight, config: RemedyConfig) -> None:
    """How things stand with the current model."""
    figure = TARGETS[config.measure]
    if figure not in GAPS:
        st.caption("How the model does under attack is measured with the search below.")
        return
    judged = judged_now(sight, config.positive)
    name = sight.project.classes[judged.positive]
    st.subheader("How it stands")
    st.markdown(states.plain(fairness.gap_sentence(judged, figure, name)))
    if judged.members(figure):
        charts.show(drawings.rates(judged, figure, name, dark=context.dark()), "rates")


def start(sight: Sight, config: RemedyConfig, found: "FairnessResult | None") -> bool:
    """The running search, or the button that starts one; True while one runs."""
    project = sight.project
    if jobs.panel(project, ("fairness",), place="fairness"):
        return True
    if not elsewhere.choice(sight, "remedy"):
        return False
    run_s = sight.run.config.get("seconds_s")
    words = fairness.cost_words(run_s, len(config.budgets), len(config.seeds))
    if found is None:
        st.subheader("What harms it")
        states.empty(
            "Nobody has looked yet",
            "The training samples are ranked by how much each harms it; then the worst are left out and the model "
            f"is trained anew. {words}",
            "Find what harms it, and try without",
            lambda: jobs.submit(project, "fairness", config),
            icon=":material/diversity_3:",
        )
    elif found.version != sight.labels.version:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(":material/info: Labels have changed since this search.", width="content")
            st.button(
                "Look again", key="again", type="tertiary", on_click=jobs.submit, args=(project, "fairness", config)
            )
    return False


def drop(sight: Sight, found: "FairnessResult", rows: list[int], expect: dict[int, int]) -> None:
    """Callback: take the suggested samples out of training, as one entry of the ledger."""
    evidence = {"remedy": found.id, "measure": found.measure, "budget": found.suggested}
    edits.decide(sight.project, "drop", rows, None, f"harms the {found.measure}", evidence, expect)


def answer(sight: Sight, found: "FairnessResult") -> None:
    """The verdict, its figures, and the one action that follows."""
    st.subheader("What happens without the most harmful samples")
    with st.container(border=True):
        st.markdown(f"**{states.plain(found.verdict)}**")
        with st.grid(3, min_column_width=220):
            for cell in fairness.figures(found):
                states.metric(cell)
        if not found.suggested:
            return
        rows = [int(row) for row in found.rows(found.suggested) if sight.labels.active[int(row)]]
        with st.container(horizontal=True, vertical_alignment="center"):
            if rows:
                st.button(
                    f"Drop the suggested {numbers.plural(len(rows), 'sample')}",
                    type="primary" if found.sure else "secondary",
                    key=f"drop-suggested-{keys.digest(rows)}",
                    icon=":material/delete:",
                    on_click=drop,
                    args=(sight, found, rows, sight.versions(rows)),
                )
                st.caption("One entry in the ledger; undo takes all of them back.", width="content")
            else:
                st.caption(":material/check_circle: These samples are dropped.", width="content")
                st.button("Retrain", key="to-retrain", on_click=frame.go, args=("retrain",))
    st.caption("The budget was chosen on validation samples; these figures are of test samples that had no part in it.")


def sweep(found: "FairnessResult") -> None:
    """Target and accuracy over the budgets."""
    names = found.figures
    for name, column in zip(names, st.columns(len(names), gap="large"), strict=True):
        with column:
            charts.show(found.figure(name, dark=context.dark()), f"sweep-{name}")
    if words := fairness.overshoot_sentence(found):
        st.markdown(words)


def samples(sight: Sight, found: "FairnessResult") -> None:
    """The most harmful samples as cards."""
    st.subheader("The most harmful samples")
    total = max(found.count(found.suggested), SHOWN)
    st.caption(
        "Training on these worsens it most, by the gradient at the current model. Harmful for this measure does "
        "not mean wrongly labelled: look first."
    )
    table = found.ranking.head(total)
    page = cards.page_number(len(table), SHOWN, "page-harmful")
    with st.grid("auto", min_column_width=235, gap="small"):
        for line in tables.page_of(table, page, SHOWN).to_dict("records"):
            facts = [card_views.Fact("harm rank", numbers.count(line["rank"]))]
            facts += [card_views.Fact("group", str(line["group"]))] if line["group"] else []
            facts.append(card_views.Fact("influence", numbers.three_digits(line["influence"], signed=True)))
            row = int(line["row"])
            with st.container(border=True, gap="xsmall"):
                cards.show(cards.card_of(sight, row, facts, suspicion=False), 64, 4)
                cards.actions(
                    sight,
                    row,
                    "harmful",
                    reason=f"harms the {found.measure}",
                    evidence={"remedy": found.id, "rank": line["rank"]},
                )
    cards.pager(len(table), SHOWN, "page-harmful")


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Fairness & robustness")
    st.markdown(
        "Which training samples make the model unfair to a group or easy to fool, and what happens without them."
    )
    if sight.face.no_fairness:
        if sight.run is not None:
            nearest.parts(sight, *sight.face.no_fairness)
        st.button("Go to Overview", key="to-overview", on_click=frame.go, args=("overview",))
        return
    if sight.run is None:
        if not jobs.panel(sight.project, ("train", "prepare"), place="fairness-train"):
            states.empty(
                "There is no trained model yet",
                "Fairness and robustness are asked of a model.",
                "Train and analyse",
                lambda: jobs.submit(sight.project, "prepare"),
                icon=":material/model_training:",
            )
        return
    config = question(sight)
    if config is None:
        return
    now(sight, config)
    remedies = sight.project.remedies()
    runs = dict.fromkeys([sight.run.id, *(one.run for one in remedies)])  # the model in use before others
    asked = (config.measure, config.positive, config.epsilon)
    found = next(filter(None, (fairness.matching(remedies, run, *asked) for run in runs)), None)
    start(sight, config, found)
    if found is not None:
        if found.run != sight.run.id:
            st.caption(":material/info: Asked of an earlier model of this project.")
        answer(sight, found)
        sweep(found)
        samples(sight, found)


frame.show(main)
