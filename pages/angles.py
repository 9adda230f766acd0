"""Angles: which training samples pull with a prediction and which against it, how strongly, and whether curvature
changes the question."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attribution.figures import angles as draw
from attribution.figures import cloud
from attribution.modalities import modality_of
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.queries import query_of
from attribution.views import angles, colours, numbers
from attribution.views.cards import Fact
from pages.parts import charts, colouring, context, found, frame, jobs, lasso, query, selected, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.studies.angles.result import AnglesResult

READING = (
    ("Right", "training on the sample brings the model nearer to what was given: the two pull the same way (0°)."),
    ("Left", "it takes the model away from it: they pull opposite ways (180°)."),
    ("Middle", "the two have nothing to do with each other (90°)."),
    ("Up", "the sample pulls strongly. High on the left is where what is wrong often lies."),
)
TERMS = (
    "Every training sample pulls on the model's weights (the gradient of its loss); so does what you ask about. From "
    "left to right stands the cosine of the angle between the two pulls, upwards the length of the sample's gradient."
)
CURVATURE = (
    "Some estimators also count how far training gives way to a pull (curvature): a direction in which it gives way "
    "easily counts more. That turns the direction that is asked about: the angle between the gradient of what you ask "
    "about and its product with the inverse curvature. Damping keeps directions that next to nothing holds from "
    "deciding alone: with much of it nothing turns."
)


def submit_for(sight: Sight, rows: Sequence[int]) -> AnglesConfig:
    """What to measure for these queries."""
    token = query.group_token()
    return AnglesConfig(queries=f"selection:{token}" if token else query_of([str(sight.project.dataset.ids[rows[0]])]))


def ask_validation(sight: Sight) -> None:
    """Callback: ask about the whole validation split as one group."""
    context.put(query=f"selection:{sight.project.select(sight.project.dataset.rows('val').tolist())}", reverse="")


def measure_now(sight: Sight, rows: Sequence[int]) -> None:
    """Not measured yet: progress, or the button that measures."""
    config = submit_for(sight, rows)
    what = "this group" if len(rows) > 1 else "this sample"
    if not jobs.panel(
        sight.project, ("angles",), lambda job: job.config.get("queries") == config.queries, place="angles"
    ):
        states.empty(
            f"The angles to {what} are not measured yet",
            "You will see which training samples pull with it, which against it, and how strongly. Seconds for a small "
            "model, a few minutes for thousands of pictures.",
            "Measure the angles",
            lambda: jobs.submit(sight.project, "angles", config),
            icon=":material/explore:",
        )


def points(sight: Sight, result: "AnglesResult") -> None:
    """The scatter of cosine against length, with its lasso."""
    samples = result.samples
    rows = samples["row"].to_numpy(dtype=np.int64)
    within = found.training(sight)
    shown = rows if within is None else rows[np.isin(rows, within)]
    positions = angles.points(
        rows, samples["cosine"].to_numpy(), samples["norm"].to_numpy(), len(sight.project.dataset)
    )
    named = [sight.face.noun, "suspicion", "edits"]
    colour = st.selectbox("Colour by", named, key="tint", bind="query-params", width=200)
    look = colouring.look(sight, colour or "", shown)
    st.caption(states.plain(look.missing or look.meaning))
    alt = "right: pulls with the query, left: against it; up: pulls strongly"
    scene = cloud.angles_scene(positions)
    lasso.chart(sight, positions, look.groups, lambda: shown, 600, key="angles-chart", alt=alt, scene=scene)


def facts_of(sight: Sight, result: "AnglesResult") -> dict[int, tuple[Fact, Fact]]:
    """Cosine and gradient length of the selected training rows, for their cards."""
    samples = result.samples.set_index("row")
    shown = samples.loc[samples.index.intersection(sight.selection[: 10 * selected.CARDS], sort=False)]
    return {
        int(row): (
            Fact("cosine", numbers.three_digits(float(cosine), signed=True), colours.influence_colour(float(cosine))),
            Fact("length", numbers.three_digits(float(norm))),
        )
        for row, cosine, norm in zip(shown.index, shown["cosine"], shown["norm"], strict=True)
    }


def figures(sight: Sight, result: "AnglesResult") -> None:
    """The angles as a half-circle, by layer, and over checkpoints."""
    rows = result.samples["row"].to_numpy(dtype=np.int64)
    sides = sight.face.sides(sight.labels.values, rows, result.query_rows)
    final = angles.degrees(result.samples["cosine"].to_numpy())
    mine = {name: final[np.isin(rows, members)] for name, members in sides.items()}
    grid = st.grid(2, min_column_width=380, gap="medium")
    with grid.cell():
        charts.show(result.figure("polar", groups=sides, dark=context.dark()), "polar")
        st.caption(angles.spread_sentence(mine))
    with grid.cell():
        charts.show(result.figure("layers", groups=sides, dark=context.dark()), "layers")
        st.caption(states.plain(angles.layer_sentence(result.config["layers"])))
    with grid.cell():
        charts.show(result.figure("checkpoints", groups=sides, dark=context.dark()), "epochs")


def planes(sight: Sight, result: "AnglesResult") -> None:
    """Where the inputs are two numbers: the plane coloured by influence without and with curvature."""
    info = sight.project.info
    two = angles.plane(info.preprocessing.get("columns", []), sight.project.dataset.inputs)
    if two is None:
        return
    names, inputs = two
    samples = result.samples
    st.subheader("In the plane of the inputs")
    st.markdown(angles.agreement_sentence(samples["influence"].to_numpy(), samples["curved"].to_numpy()))
    rows = samples["row"].to_numpy(dtype=np.int64)
    for column, (name, title) in zip(
        st.columns(2, gap="medium"),
        (("influence", "Influence without curvature"), ("curved", "Influence with curvature")),
        strict=True,
    ):
        with column:
            drawn = draw.plane(inputs, rows, samples[name].to_numpy(), names, title, dark=context.dark())
            charts.show(drawn, f"plane-{name}")


def ready(sight: Sight, result: "AnglesResult") -> None:
    """The cloud, and what is drawn around in it."""
    if result.version != sight.labels.version:
        with st.container(horizontal=True, vertical_alignment="center"):
            changed = f":material/info: {sight.face.nouns.capitalize()} have changed since this was measured."
            st.caption(changed, width="content")
            again = partial(jobs.submit, sight.project, "angles", submit_for(sight, result.query_rows))
            st.button("Measure again", key="remeasure", type="tertiary", on_click=again)
    points(sight, result)


def reading() -> None:
    """How to read the chart, beside it."""
    with st.container(border=True, gap="xsmall"):
        st.markdown("**How to read it**", help=TERMS)
        for place, words in READING:
            st.caption(f"**{place}**: {words}")
        st.caption("Draw around points to see them and act.")


def curvature(sight: Sight, result: "AnglesResult") -> None:
    """Whether taking account of curvature asks something else."""
    usual = float(result.config["usual_ratio"])
    checkpoints = result.config["checkpoints"]
    st.subheader("Would estimators with curvature answer differently?", anchor=False)
    left, right = st.columns(2, gap="medium")
    left.markdown(angles.turn_sentence(checkpoints[-1], usual), help=CURVATURE)
    left.markdown(angles.against_sentence(result.config["against"], int(result.config["n_train"])))
    with right:
        turns = [angles.turn_line(one, usual) for one in checkpoints]
        st.dataframe(turns, hide_index=True, alt="Turn of the question by curvature, per checkpoint and damping")
        used = min(int(result.config["curvature_samples"]), int(result.config["n_train"]))
        of = numbers.count(int(result.config["n_train"]))
        st.caption(
            "By how many degrees, per damping.",
            help=f"Columns: damping, in mean eigenvalues of the curvature, taken over {numbers.count(used)} of {of} "
            f"training samples. “About”: only roughly solved; “not reached”: too few steps for so little damping.",
        )


def headline(sight: Sight, rows: Sequence[int], result: "AnglesResult | None") -> None:
    """What happened, and who pulls which way."""
    sentence, pulls, _, _ = query.story(sight, rows)
    pulled = ""
    if result is not None:
        samples = result.samples
        there = samples["row"].to_numpy(dtype=np.int64)
        top = there[np.argsort(-np.abs(samples["influence"].to_numpy()), kind="stable")[:1]]
        ids = sight.project.dataset.ids
        names = {int(row): f"{ids[row]} ({sight.face.word(sight.labels.values[row])})" for row in top}
        pulled = angles.pull_sentence(
            samples["cosine"].to_numpy(),
            samples["influence"].to_numpy(),
            pulls,
            names.get(int(top[0]), "") if len(top) else "",
            modality_of(sight.project.dataset).title,
        )
    st.markdown(f"##### {states.plain(f'{sentence} {pulled}'.strip())}")


def asking(sight: Sight, listed: np.ndarray, rows: Sequence[int], measured: bool) -> None:
    """What is asked about, with the way to ask about all validation samples, and how to read the chart beside it."""
    with query.asked_about(sight, listed, rows, side=112):
        if measured:
            reading()
        if n_val := sight.project.info.counts.get("val"):
            words = f"Ask about all {numbers.count(n_val)} validation samples"
            st.button(
                words,
                key="ask-validation",
                icon=":material/groups:",
                on_click=ask_validation,
                args=(sight,),
                width="stretch",
            )


def main() -> None:
    """The page."""
    sight = context.sight()
    st.title("Angles")
    if sight.run is None:
        if not jobs.panel(sight.project, ("prepare", "train"), place="angles-train"):
            states.empty(
                "No model yet",
                "Angles are measured between the pulls of samples on a trained model.",
                "Train and analyse",
                lambda: jobs.submit(sight.project, "prepare"),
            )
        return
    if sight.run.given:
        states.empty(
            "Angles take the model itself",
            "They are measured between gradients, and this model is here by its predictions alone. Load its weights "
            "(`datablame add-run FILES`), or ask Influence, which can go by what the model sees.",
            icon=":material/block:",
        )
        return
    found.chip(sight)
    listed = query.candidates(sight)
    rows = query.query_rows(sight, listed)
    result = sight.project.angles(rows) if rows else None
    if rows:
        headline(sight, rows, result)
    grid = st.grid(3, min_column_width=285, gap="medium")
    with grid.cell():
        asking(sight, listed, rows, result is not None)
    with grid.cell(column_span=2):
        if not rows:
            states.empty(
                "No sample passes the filters", "Widen the filters, or search by id.", icon=":material/filter_alt_off:"
            )
        elif result is None:
            measure_now(sight, rows)
        else:
            ready(sight, result)
    if result is not None:
        facts = facts_of(sight, result)
        selected.opened(sight)
        selected.panel(sight, "selected on Angles", lambda row: facts.get(row, ()))
        figures(sight, result)
        curvature(sight, result)
        planes(sight, result)


frame.show(main)
