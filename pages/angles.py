"""Angles: which training samples pull with a prediction and which against it, how strongly, and whether curvature
changes the question."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from attribution.figures import angles as draw
from attribution.figures import cloud
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.queries import query_of
from attribution.views import angles, colours, numbers, scatter
from attribution.views.cards import Fact
from pages.parts import charts, context, frame, jobs, lasso, query, selected, states
from pages.parts.context import Sight

if TYPE_CHECKING:
    from attribution.studies.angles.result import AnglesResult

READING = (
    "**How to read it.** Every training sample pulls on the model's weights; so does what you ask about. A point's "
    "place from left to right is the angle between the two pulls: at the right (cosine 1, 0°) training on the sample "
    "moves the model the way that makes this prediction's loss smaller, at the left (cosine −1, 180°) it moves it the "
    "other way, and in the middle (90°) the two have nothing to do with each other. Its height is how strong the pull "
    "is: points high on the left do the most harm, and what is wrong often lies there. Draw around them to see them "
    "and act."
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


def groups_of(sight: Sight, colour: str, rows: np.ndarray) -> tuple[list[scatter.Group], str]:
    """The coloured groups of training rows, and a sentence when the wished colour is not there yet."""
    plain = sight.face.groups(sight.labels.values, rows, context.dark())
    if colour == "edits":
        verdicts = np.full(len(sight.project.dataset), "", dtype=object)
        verdicts[sight.states.index.to_numpy(dtype=np.int64)] = sight.states["verdict"].to_numpy()
        return scatter.by_edit(verdicts, rows, context.dark(), sight.face.changed_mark), ""
    if colour == "suspicion":
        if sight.suspicion is None:
            return plain, f"Suspicion is known after the search for wrong {sight.face.nouns} (Review)."
        return scatter.by_steps(sight.suspicion, rows, colours.suspicion_scale(context.dark()), dark=context.dark()), ""
    return [group for group in plain if len(group.rows)], ""


def points(sight: Sight, result: "AnglesResult") -> None:
    """The scatter of cosine against length, with its lasso."""
    samples = result.samples
    rows = samples["row"].to_numpy(dtype=np.int64)
    positions = angles.points(
        rows, samples["cosine"].to_numpy(), samples["norm"].to_numpy(), len(sight.project.dataset)
    )
    named = [sight.face.noun, "suspicion", "edits"]
    colour = st.selectbox("Colour by", named, key="tint", bind="query-params", width=200)
    groups, missing = groups_of(sight, colour or "", rows)
    if missing:
        st.caption(f":material/info: {missing}")
    alt = "right: pulls with the query, left: against it; up: pulls strongly"
    scene = cloud.angles_scene(positions)
    lasso.chart(sight, positions, groups, lambda: rows, 500, key="angles-chart", alt=alt, scene=scene)


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
    usual = float(result.config["usual_ratio"])
    grid = st.grid(2, min_column_width=380, gap="medium")
    with grid.cell():
        charts.show(result.figure("polar", groups=sides, dark=context.dark()), "polar")
        st.caption(angles.spread_sentence(mine))
    with grid.cell():
        charts.show(result.figure("layers", groups=sides, dark=context.dark()), "layers")
        st.caption(states.plain(angles.layer_sentence(result.config["layers"])))
    with grid.cell():
        charts.show(result.figure("checkpoints", groups=sides, dark=context.dark()), "epochs")
    with grid.cell():
        st.markdown(
            "**How far curvature turns the question**",
            help="Angle between the query's gradient and its product with the inverse curvature: with much "
            "damping nothing turns, "
            "with little the flat directions decide.",
        )
        turns = [angles.turn_line(one, usual) for one in result.config["checkpoints"]]
        st.dataframe(turns, hide_index=True, alt="Turn of the query by curvature, per checkpoint and damping")
        used = min(int(result.config["curvature_samples"]), int(result.config["n_train"]))
        of = numbers.count(int(result.config["n_train"]))
        st.caption(
            f"Columns: damping, in mean eigenvalues of the curvature, which is taken over {numbers.count(used)} of "
            f"{of} training samples. “About”: only roughly solved; “not reached”: too few steps for so little damping."
        )


def planes(sight: Sight, result: "AnglesResult") -> None:
    """Where the inputs are two numbers: the plane coloured by influence without and with curvature."""
    info = sight.project.info
    found = angles.plane(info.preprocessing.get("columns", []), sight.project.dataset.inputs)
    if found is None:
        return
    names, inputs = found
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
    """Words, the cloud, and what is drawn around in it."""
    if result.version != sight.labels.version:
        with st.container(horizontal=True, vertical_alignment="center"):
            changed = f":material/info: {sight.face.nouns.capitalize()} have changed since this was measured."
            st.caption(changed, width="content")
            again = partial(jobs.submit, sight.project, "angles", submit_for(sight, result.query_rows))
            st.button("Measure again", key="remeasure", type="tertiary", on_click=again)
    st.markdown(angles.turn_sentence(result.config["checkpoints"][-1], float(result.config["usual_ratio"])))
    st.markdown(angles.against_sentence(result.config["against"], int(result.config["n_train"])))
    points(sight, result)


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
    listed = query.candidates(sight)
    rows = query.query_rows(sight, listed)
    result = sight.project.angles(rows) if rows else None
    grid = st.grid(3, min_column_width=285, gap="medium")
    with grid.cell():
        query.picker(sight, listed, rows)
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
        if rows:
            query.query_card(sight, rows)
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
        selected.panel(sight, "selected on Angles", lambda row: facts.get(row, ()))
        st.markdown(READING)
        figures(sight, result)
        planes(sight, result)


frame.show(main)
